//! Packets copied into a batch, to be handed from thread to thread; its storage is used again.

use std::io;

use super::{Next, Sink, show};
use crate::flow::{Event, Facts, Hint, Known};
use crate::frame::{Frame, LinkType, Timestamp};
use crate::wire::{Layer, Layers, Packet, Stop};

/// Batches that wait at once for a step.
pub const BATCHES: usize = 8;
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

const NOTHING: Held = Held {
    number: 0,
    time: None,
    link: LinkType::NULL,
    interface: 0,
    length: 0,
    stop: Stop::End,
    ends: Ends { data: 0, bytes: 0, layers: 0 },
};

/// What is known of a packet of a batch, which is to be handed on.
struct Fate {
    facts: Facts,
    /// Which packet of the batch it is, and where its events end.
    place: u32,
    events: u32,
}

/// What is known of those packets of a batch that are to be handed on.
#[derive(Default)]
pub struct Fates {
    known: Vec<Fate>,
    events: Vec<Event>,
}

impl Fates {
    #[inline]
    pub fn add(&mut self, place: usize, known: &Known<'_>) {
        if !known.events.is_empty() {
            self.events.extend_from_slice(known.events);
        }
        let (place, events) = (place as u32, self.events.len() as u32);
        self.known.push(Fate { facts: known.facts.clone(), place, events });
    }

    fn clear(&mut self) {
        self.known.clear();
        self.events.clear();
    }
}

#[derive(Default)]
pub struct Batch {
    packets: Vec<Held>,
    bytes: Vec<u8>,
    layers: Vec<Layer>,
    /// Nothing where the packets have not met a flow table yet.
    pub fates: Fates,
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
        self.fates.clear();
        self.hints.clear();
        self.flush = false;
    }

    pub fn is_full(&self) -> bool {
        self.packets.len().max(self.hints.len()) >= PACKETS || self.bytes.len() >= BYTES
    }

    /// Whether there is something in it to be handed on.
    pub fn has_fates(&self) -> bool {
        !self.fates.known.is_empty()
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
    pub fn add_known(&mut self, packet: &Packet<'_>, known: &Known<'_>) {
        self.fates.add(self.packets.len(), known);
        self.add(packet);
    }

    /// Hands every packet of which something is known to `sink`, and flushes it where that was asked for.
    pub fn hand_to(&self, sink: &mut dyn Sink) -> io::Result<Next> {
        let (mut from, mut again) = (0, Layers::new());
        for Fate { facts, place, events: to } in &self.fates.known {
            let packet = self.packet(*place as usize);
            let events = self.fates.events.get(from..*to as usize).unwrap_or_default();
            from = *to as usize;
            let known = Known { facts, events, departed: &[], names: None };
            if show(sink, &packet, &known, &mut again)? == Next::Stop {
                return Ok(Next::Stop);
            }
        }
        if self.flush {
            sink.flush()?;
        }
        Ok(Next::GoOn)
    }

    /// The packet at a place, as it was added; one without bytes where there is none. (Returned as it is, not in an
    /// `Option`: it is built where the caller keeps it.)
    #[inline]
    pub fn packet(&self, place: usize) -> Packet<'_> {
        debug_assert!(place < self.packets.len(), "packet {place} of {}", self.packets.len());
        let Held { number, time, link, interface, length, stop, ends } = *self.packets.get(place).unwrap_or(&NOTHING);
        let before = place.checked_sub(1).and_then(|before| self.packets.get(before));
        let from = before.map_or(Ends::default(), |before| before.ends);
        let part = |from: u32, to: u32| self.bytes.get(from as usize..to as usize).unwrap_or_default();
        let (data, comment) = (part(from.bytes, ends.data), part(ends.data, ends.bytes));
        let layers = self.layers.get(from.layers as usize..ends.layers as usize).unwrap_or_default();
        Packet { frame: Frame { number, time, link, interface, length, data, comment }, layers, stop }
    }
}
