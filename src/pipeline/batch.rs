//! Packets copied into a batch, to be handed from thread to thread; its storage is used again.

use std::io;
use std::ops::Range;

use super::{Next, Sink};
use crate::flow::{Event, Facts, Known};
use crate::frame::Frame;
use crate::wire::{Layer, Packet, Stop};

/// Batches under way at once.
pub const BATCHES: usize = 4;
/// A batch is handed over when it holds so many packets,
const PACKETS: usize = 512;
/// or so many bytes of frames.
const BYTES: usize = 256 << 10;

/// A packet whose parts lie in its batch.
struct Held {
    frame: Frame<'static>,
    data: Range<usize>,
    comment: Range<usize>,
    layers: Range<usize>,
    events: Range<usize>,
    stop: Stop,
    facts: Facts,
}

#[derive(Default)]
pub struct Batch {
    packets: Vec<Held>,
    bytes: Vec<u8>,
    layers: Vec<Layer>,
    events: Vec<Event>,
    /// What was written so far must be seen when this batch is done.
    pub flush: bool,
}

impl Batch {
    pub fn clear(&mut self) {
        self.packets.clear();
        self.bytes.clear();
        self.layers.clear();
        self.events.clear();
        self.flush = false;
    }

    pub fn is_full(&self) -> bool {
        self.packets.len() >= PACKETS || self.bytes.len() >= BYTES
    }

    pub fn add(&mut self, packet: &Packet<'_>, facts: &Facts, events: &[Event]) {
        let data = append(&mut self.bytes, packet.frame.data);
        let comment = append(&mut self.bytes, packet.frame.comment);
        let layers = append(&mut self.layers, packet.layers);
        let start = self.events.len();
        self.events.extend(events.iter().cloned());
        let Frame { number, time, link, interface, length, .. } = packet.frame;
        let frame = Frame { number, time, link, interface, length, data: &[], comment: &[] };
        let events = start..self.events.len();
        self.packets.push(Held { frame, data, comment, layers, events, stop: packet.stop, facts: *facts });
    }

    /// Hands every packet to `sink`, and flushes it where that was asked for.
    pub fn hand_to(&self, sink: &mut dyn Sink) -> io::Result<Next> {
        for (packet, facts, events) in self.packets() {
            if sink.packet(&packet, &Known { facts, events, departed: &[] })? == Next::Stop {
                return Ok(Next::Stop);
            }
        }
        if self.flush {
            sink.flush()?;
        }
        Ok(Next::GoOn)
    }

    /// The packets, with what is known of each.
    pub fn packets(&self) -> impl Iterator<Item = (Packet<'_>, &Facts, &[Event])> {
        self.packets.iter().map(|held| {
            let part = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
            let frame = Frame { data: part(&held.data), comment: part(&held.comment), ..held.frame };
            let layers = self.layers.get(held.layers.clone()).unwrap_or_default();
            let events = self.events.get(held.events.clone()).unwrap_or_default();
            (Packet { frame, layers, stop: held.stop }, &held.facts, events)
        })
    }
}

fn append<T: Clone>(to: &mut Vec<T>, part: &[T]) -> Range<usize> {
    let start = to.len();
    to.extend_from_slice(part);
    start..to.len()
}
