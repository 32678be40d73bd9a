//! State over time: who talks with whom, and what each packet means to that conversation.
//!
//! Pure: the clock is the frames' own. [`FlowTable::ingest`] is fed every packet once, in order, and tells what it
//! means: [`Facts`] (numbers that need the past: stream index, relative sequence numbers) and [`Event`]s. Views never
//! ask back. Tables are bounded and count what they drop.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod analysis;
pub mod datagram;
pub mod event;
pub mod fields;
pub mod key;
pub mod state;
pub mod tcp;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::frame::Timestamp;
use crate::wire::{Packet, Protocol, udp};
pub use event::Event;
pub use fields::FIELDS;
use key::Key;

/// What the past says about one packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// Nanoseconds since the first frame.
    pub time_relative: Option<i64>,
    /// Nanoseconds since the frame before.
    pub time_delta: Option<i64>,
    /// Of the first TCP layer.
    pub tcp: Option<tcp::Facts>,
    /// Index of the conversation of the first UDP layer, from 0.
    pub udp_stream: Option<u32>,
}

/// Everything the flow table has to say about the packet it was just fed.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub facts: &'a Facts,
    pub events: &'a [Event],
}

/// Conversations and half-built datagrams.
#[derive(Default)]
pub struct FlowTable {
    tcp: Streams<tcp::Connection>,
    udp: Streams<()>,
    datagrams: datagram::Datagrams,
    first: Option<Timestamp>,
    previous: Option<Timestamp>,
    facts: Facts,
    events: Vec<Event>,
}

impl FlowTable {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next packet and tells what it means.
    pub fn ingest(&mut self, packet: &Packet<'_>) -> Known<'_> {
        self.events.clear();
        self.facts = Facts::default();
        self.clock(packet.frame.time);
        for at in packet.each() {
            match at.layer.protocol {
                Protocol::Tcp => {
                    if let Some(facts) = self.tcp.segment(&at, packet.frame.time, &mut self.events) {
                        self.facts.tcp.get_or_insert(facts);
                    }
                }
                Protocol::Udp if at.layer.header as usize >= udp::HEADER => {
                    if let Some((key, _)) = Key::new(&at) {
                        let (&mut (stream, ()), _) = self.udp.at(key, |()| false);
                        self.facts.udp_stream.get_or_insert(stream);
                    }
                }
                Protocol::Ipv4 | Protocol::Fragment if !at.layer.quoted => {
                    if let Some(whole) = self.datagrams.ingest(&at) {
                        self.events.push(Event::Datagram(Box::new(whole)));
                    }
                }
                _ => {}
            }
        }
        Known { facts: &self.facts, events: &self.events }
    }

    /// Conversations that were forgotten to bound the memory.
    pub fn forgotten(&self) -> u64 {
        self.tcp.forgotten + self.udp.forgotten
    }

    fn clock(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        let first = *self.first.get_or_insert(time);
        self.facts.time_relative = Some(time.since(first));
        self.facts.time_delta = Some(self.previous.map_or(0, |previous| time.since(previous)));
        self.previous = Some(time);
    }
}

/// How many conversations of one transport are remembered: each generation may hold this many.
const GENERATION: usize = 1 << 17;

/// Conversations of one transport, numbered from 0 in the order of their first packet.
///
/// Bounded: where a generation is full, those that were not heard of since the one before leave, and are counted.
struct Streams<S> {
    young: Generation<S>,
    old: Generation<S>,
    next: u32,
    forgotten: u64,
}

type Generation<S> = HashMap<Key, (u32, S), foldhash::fast::RandomState>;

impl<S> Default for Streams<S> {
    fn default() -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), next: 0, forgotten: 0 }
    }
}

impl<S: Default> Streams<S> {
    /// The conversation between these endpoints and its index, a new one where there was none, or where the one there
    /// was is `over` (and then `true`).
    #[inline]
    fn at(&mut self, key: Key, over: impl FnOnce(&S) -> bool) -> (&mut (u32, S), bool) {
        if self.young.len() >= GENERATION {
            self.forgotten += self.old.len() as u64;
            self.old = std::mem::take(&mut self.young);
        }
        let (old, next) = (&mut self.old, &mut self.next);
        let mut begin = || {
            *next = next.wrapping_add(1);
            (next.wrapping_sub(1), S::default())
        };
        let found = match self.young.entry(key) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => place.insert(old.remove(&key).unwrap_or_else(&mut begin)),
        };
        let renewed = over(&found.1);
        if renewed {
            *found = begin();
        }
        (found, renewed)
    }
}
