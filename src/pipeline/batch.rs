//! Packets copied into a batch, to be handed from thread to thread; its storage is used again.

use std::io;

use super::{Next, Sink};
use crate::flow::{Event, Facts, Hint, Known};
use crate::frame::{Frame, LinkType, Timestamp};
use crate::wire::{Layer, Packet, Stop};

/// Batches under way at once.
pub const BATCHES: usize = 4;
/// A batch is handed over when it holds so many packets,
const PACKETS: usize = 512;
/// or so many bytes of frames.
const BYTES: usize = 256 << 10;

/// A packet whose parts lie in its batch, each from where those of the packet before it end. Kept small: it is handed
/// from core to core.
struct Held {
    number: u64,
    time: Option<Timestamp>,
    link: LinkType,
    interface: u32,
    length: u32,
    stop: Stop,
    ends: Ends,
}

/// Where the parts of a packet end in the vectors of its batch; its comment lies behind its data.
#[derive(Clone, Copy, Default)]
struct Ends {
    data: u32,
    bytes: u32,
    layers: u32,
}

#[derive(Default)]
pub struct Batch {
    packets: Vec<Held>,
    bytes: Vec<u8>,
    layers: Vec<Layer>,
    /// What is known of each packet, and where its events end; empty where the packets have not met a flow table yet.
    known: Vec<(Facts, usize)>,
    events: Vec<Event>,
    /// What was worked out for the flow table, of each packet; that of some packets may be here and they not.
    pub hints: Vec<Option<Hint>>,
    /// What was written so far must be seen when this batch is done.
    pub flush: bool,
}

impl Batch {
    pub fn clear(&mut self) {
        self.packets.clear();
        self.bytes.clear();
        self.layers.clear();
        self.known.clear();
        self.events.clear();
        self.hints.clear();
        self.flush = false;
    }

    pub fn is_full(&self) -> bool {
        self.packets.len().max(self.hints.len()) >= PACKETS || self.bytes.len() >= BYTES
    }

    /// Adds a packet of which nothing is known yet.
    #[inline]
    pub fn add(&mut self, packet: &Packet<'_>) {
        self.bytes.extend_from_slice(packet.frame.data);
        let data = self.bytes.len() as u32;
        self.bytes.extend_from_slice(packet.frame.comment);
        self.layers.extend_from_slice(packet.layers);
        let ends = Ends { data, bytes: self.bytes.len() as u32, layers: self.layers.len() as u32 };
        let Frame { number, time, link, interface, length, .. } = packet.frame;
        self.packets.push(Held { number, time, link, interface, length, stop: packet.stop, ends });
    }

    /// Adds a packet with what is known of it.
    pub fn add_known(&mut self, packet: &Packet<'_>, facts: &Facts, events: &[Event]) {
        self.add(packet);
        self.events.extend_from_slice(events);
        self.known.push((facts.clone(), self.events.len()));
    }

    /// Hands every packet, with what is known of it, to `sink`, and flushes it where that was asked for.
    pub fn hand_to(&self, sink: &mut dyn Sink) -> io::Result<Next> {
        let mut from = 0;
        for (packet, (facts, to)) in self.packets().zip(&self.known) {
            let events = self.events.get(from..*to).unwrap_or_default();
            from = *to;
            if sink.packet(&packet, &Known { facts, events, departed: &[], names: None })? == Next::Stop {
                return Ok(Next::Stop);
            }
        }
        if self.flush {
            sink.flush()?;
        }
        Ok(Next::GoOn)
    }

    /// The packets.
    #[inline]
    pub fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        let mut from = Ends::default();
        self.packets.iter().map(move |held| {
            let Held { number, time, link, interface, length, stop, ends } = *held;
            let part = |from: u32, to: u32| self.bytes.get(from as usize..to as usize).unwrap_or_default();
            let (data, comment) = (part(from.bytes, ends.data), part(ends.data, ends.bytes));
            let layers = self.layers.get(from.layers as usize..ends.layers as usize).unwrap_or_default();
            from = ends;
            Packet { frame: Frame { number, time, link, interface, length, data, comment }, layers, stop }
        })
    }
}
