//! Hears what IGMP and MLD say on the interfaces where groups are joined, if this user may.

use std::net::IpAddr;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use anyhow::Context;

use super::receive::News;
use crate::cmd::groups::lan::FILTER;
use crate::flow::multicast::Message;
use crate::flow::multicast::message::{Heard, read};
use crate::flow::{FlowTable, Known};
use crate::frame::{Error, Timestamp};
use crate::io::bpf::Selection;
use crate::io::pcap::{self, Opened, StopHandle};
use crate::pipeline::{self, Next, Sink};
use crate::view::lines::{Described, described};
use crate::view::words::Words;
use crate::wire::{Address, Packet, Protocol};

/// A few packets; the ring need not be a capture's.
const RING: u32 = 1 << 20;

/// A message as it passed.
#[derive(Debug)]
pub struct Said {
    pub time: Timestamp,
    /// The name of the interface.
    pub interface: String,
    /// Its link address, as the frame has it.
    pub hardware: Option<[u8; 6]>,
    pub ends: (IpAddr, IpAddr),
    pub described: Described,
    pub message: Message,
}

/// Captures that are open, one an interface, nobody reading yet.
pub struct Ears(Vec<(String, Opened)>);

/// Captures that run.
pub struct Listening(Vec<(StopHandle, JoinHandle<()>)>);

impl Ears {
    /// On each of these interfaces, without repetition; the error is the first interface's that refuses.
    pub fn open<'a>(interfaces: impl Iterator<Item = &'a str>) -> Result<Self, Error> {
        let mut ears: Vec<(String, Opened)> = Vec::new();
        for name in interfaces {
            if ears.iter().any(|(known, _)| known == name) {
                continue;
            }
            let opened = pcap::open(&pcap::Options {
                interfaces: vec![name.to_owned()],
                selection: Selection { expression: Some(FILTER.to_owned()), ..Selection::default() },
                buffer: RING,
                ..pcap::Options::default()
            })?;
            ears.push((name.to_owned(), opened));
        }
        Ok(Self(ears))
    }

    /// Begins to listen: every message goes to `to`.
    pub fn start(self, words: &'static Words, to: &Sender<News>) -> anyhow::Result<Listening> {
        let mut all = Vec::new();
        for (interface, opened) in self.0 {
            let stop = pcap::Stop::new().context("cannot make a pipe")?;
            let mut live = opened.start(stop, None)?;
            let (handle, to) = (live.stop_handle().context("cannot make a pipe")?, to.clone());
            let thread = std::thread::Builder::new().name("membership".to_owned());
            let thread = thread.spawn(move || {
                let mut ear = Ear { interface, words, to };
                let ran = pipeline::run(&mut live, &mut FlowTable::new(), &mut ear);
                if let Ok(Some(error)) = ran.map(|summary| summary.failure) {
                    let _ = ear.to.send(News::Deaf(error.to_string()));
                }
            })?;
            all.push((handle, thread));
        }
        Ok(Listening(all))
    }
}

impl Listening {
    pub fn end(self) {
        self.0.iter().for_each(|(handle, _)| handle.stop());
        for (_, thread) in self.0 {
            let _ = thread.join();
        }
    }
}

struct Ear {
    interface: String,
    words: &'static Words,
    to: Sender<News>,
}

impl Sink for Ear {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        let (Heard::Message(message), Some(ends)) = (read(packet), ends(packet)) else { return Ok(Next::GoOn) };
        let said = Said {
            time: packet.frame.time.unwrap_or_default(),
            interface: self.interface.clone(),
            hardware: message.hardware,
            ends,
            described: described(packet, known, self.words),
            message,
        };
        Ok(if self.to.send(News::Said(Box::new(said))).is_ok() { Next::GoOn } else { Next::Stop })
    }
}

fn ends(packet: &Packet<'_>) -> Option<(IpAddr, IpAddr)> {
    let network = packet.each().find(|at| matches!(at.layer.protocol, Protocol::Ipv4 | Protocol::Ipv6))?;
    let (from, to) = packet.addresses(network.index + 1)?;
    let address = |address| match address {
        Address::V4(four) => IpAddr::from(four),
        Address::V6(six) => IpAddr::from(six),
    };
    Some((address(from), address(to)))
}
