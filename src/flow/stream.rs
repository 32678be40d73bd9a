//! The byte streams of one TCP connection, put together from its segments in whatever order they were captured
//! (RFC 9293 §3.4, §3.10.7.4).
//!
//! [`Assembler::segment`] hands out [`Item`]s: every byte once, in order, with the frame it came in, and what is wrong
//! with it. The first copy of a byte wins; a copy that differs is told. A hole is waited for until the receiver
//! acknowledges what lies behind it, the memory is used up, or the capture ends; then it is told as a hole.
//! Guarantee: no more than the limit is kept, however the segments are made.

mod half;

use crate::frame::Timestamp;
use crate::wire::tcp::{Flags, Header};
use crate::wire::{At, Packet, Protocol};
use half::Half;

use super::Known;

/// A segment as reassembly needs it: raw numbers and the bytes that were captured.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub from_client: bool,
    /// The frame it came in, and when.
    pub frame: u64,
    pub time: Option<Timestamp>,
    pub flags: Flags,
    pub sequence: u32,
    pub acknowledgment: u32,
    /// Bytes of data by the length fields.
    pub length: u32,
    /// Those of them that were captured: the first ones.
    pub data: &'a [u8],
}

impl<'a> Segment<'a> {
    /// The segment of a TCP layer; `None` where its header is cut short.
    pub fn new(at: &At<'a>, from_client: bool) -> Option<Self> {
        let header = Header::new(at)?;
        let frame = at.packet.frame;
        Some(Self {
            from_client,
            frame: frame.number,
            time: frame.time,
            flags: header.flags(),
            sequence: header.sequence(),
            acknowledgment: header.acknowledgment(),
            length: header.length,
            data: at.content(),
        })
    }

    /// The segment that `known.facts.tcp` speaks of. `None`: there is none, an ICMP error quotes it, or it is only the
    /// first fragment of one.
    pub fn of(packet: &'a Packet<'a>, known: &Known<'_>) -> Option<Self> {
        let facts = known.facts.tcp?;
        let at = packet.each().find(|at| at.layer.protocol == Protocol::Tcp)?;
        if at.layer.quoted || is_fragment(packet, at.index) {
            return None;
        }
        Self::new(&at, facts.from_client)
    }
}

/// Whether the layer at `index` lies in a fragment, so that its length fields speak of more than the frame holds.
pub fn is_fragment(packet: &Packet<'_>, index: usize) -> bool {
    let outside = packet.layers.get(..index).unwrap_or_default();
    outside.iter().enumerate().any(|(place, layer)| match layer.protocol {
        Protocol::Fragment => true,
        Protocol::Ipv4 => packet
            .at(place)
            .and_then(|at| at.u16(6))
            .is_some_and(|word| word & (crate::wire::ipv4::MORE_FRAGMENTS | crate::wire::ipv4::OFFSET) != 0),
        _ => false,
    })
}

/// Bytes that come next in a stream, all from one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    pub from_client: bool,
    /// Of the first byte, counted from the stream's first.
    pub offset: u64,
    pub data: &'a [u8],
    /// The segment that brought them. Another frame number is another segment.
    pub frame: u64,
    pub time: Option<Timestamp>,
    /// The segment has the PSH flag, and these are its last bytes: a send may have ended here.
    pub pushed: bool,
    /// These bytes have been told as missing: they were captured behind their acknowledgment.
    pub late: bool,
}

/// Why bytes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The receiver acknowledged them, but no frame of the capture has them.
    NotCaptured,
    /// The capture kept only the first bytes of this frame.
    Cut { frame: u64 },
    /// What lies behind them could not wait any longer: the memory for it was used up.
    Limit,
    /// Nothing acknowledged them until the capture ended; what lies behind them was captured.
    Ended,
}

/// A hole in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    pub from_client: bool,
    pub offset: u64,
    pub length: u64,
    pub why: Why,
}

/// A segment that says again what another said, in other bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differs<'a> {
    pub from_client: bool,
    /// Of the first byte that differs.
    pub offset: u64,
    /// From the first to the last byte that differs: as the stream has them, and as this segment has them.
    pub kept: &'a [u8],
    pub other: &'a [u8],
    /// The segment that came first, and the one that differs.
    pub first: u64,
    pub frame: u64,
}

/// Bytes that came when their place in the stream had been passed: they are not handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    pub from_client: bool,
    /// Negative: they lie before the first byte of the capture.
    pub offset: i64,
    pub length: u64,
    pub frame: u64,
}

/// What the streams hand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    Bytes(Chunk<'a>),
    Missing(Missing),
    Differs(Differs<'a>),
    Late(Late),
}

impl Item<'_> {
    /// Whose bytes it speaks of.
    pub fn from_client(&self) -> bool {
        match self {
            Self::Bytes(chunk) => chunk.from_client,
            Self::Missing(missing) => missing.from_client,
            Self::Differs(differs) => differs.from_client,
            Self::Late(late) => late.from_client,
        }
    }
}

/// Where a segment lies, once it has been taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The first byte of its data, from the first of the stream; negative: before the first that was captured.
    pub offset: Option<i64>,
    /// How many bytes of the other stream it acknowledges, and whether also that stream's FIN.
    pub acknowledges: Option<i64>,
    pub fin: bool,
}

/// Who takes the items.
pub type Take<'t> = dyn FnMut(Item<'_>) + 't;

/// Both streams of one connection.
pub struct Assembler {
    client: Half,
    server: Half,
    limit: usize,
    /// How much of what was handed out is kept, each way.
    history: usize,
}

/// `--max-stream` where nobody says otherwise.
pub const LIMIT: usize = 64 << 20;

impl Assembler {
    /// Keeps at most `limit` bytes: what waits behind holes, and a little of what was handed out, to compare copies.
    pub fn new(limit: usize) -> Self {
        Self { client: Half::new(true), server: Half::new(false), limit, history: limit / 8 }
    }

    /// As [`new`](Self::new), without comparing copies: nothing of what was handed out is kept.
    pub fn without_copies(limit: usize) -> Self {
        Self { history: 0, ..Self::new(limit) }
    }

    /// Gives up all holes: nothing is kept any more.
    pub fn relieve(&mut self, take: &mut Take<'_>) {
        while self.client.give_up(Why::Limit, take) || self.server.give_up(Why::Limit, take) {}
        self.client.forget(0);
        self.server.forget(0);
    }

    /// Bytes kept, with what it costs to keep them.
    pub fn kept(&self) -> usize {
        self.client.kept() + self.server.kept()
    }

    /// Takes in the next segment of the capture.
    pub fn segment(&mut self, segment: &Segment<'_>, take: &mut Take<'_>) {
        // What a reset carries is a text about itself, not part of the stream (RFC 9293 §3.10.7).
        if segment.flags.any(Flags::RST) {
            return;
        }
        let (sender, receiver) = match segment.from_client {
            true => (&mut self.client, &mut self.server),
            false => (&mut self.server, &mut self.client),
        };
        if segment.flags.any(Flags::ACK) {
            receiver.acknowledge(segment.acknowledgment, segment.length > 0, take);
        }
        sender.segment(segment, take);
        self.bound(take);
    }

    /// Where a segment lies that was just taken in.
    pub fn place(&self, segment: &Segment<'_>) -> Place {
        let (sender, receiver) = match segment.from_client {
            true => (&self.client, &self.server),
            false => (&self.server, &self.client),
        };
        let first = segment.sequence.wrapping_add(u32::from(segment.flags.any(Flags::SYN)));
        let offset = sender.place(first).map(|(offset, _)| offset);
        match receiver.place(segment.acknowledgment).filter(|_| segment.flags.any(Flags::ACK)) {
            Some((behind, past_fin)) => {
                Place { offset, acknowledges: Some(behind - i64::from(past_fin)), fin: past_fin }
            }
            None => Place { offset, ..Place::default() },
        }
    }

    /// Ends both streams: hands out all that still waits, with the holes before it.
    pub fn finish(&mut self, take: &mut Take<'_>) {
        self.client.finish(take);
        self.server.finish(take);
    }

    /// Gives up holes until what is kept fits; the side that keeps more goes first.
    fn bound(&mut self, take: &mut Take<'_>) {
        let history = self.history;
        while self.client.gives_up_for_number(take) || self.server.gives_up_for_number(take) {}
        self.client.forget(history);
        self.server.forget(history);
        while self.kept() > self.limit {
            let larger = if self.client.kept() > self.server.kept() { &mut self.client } else { &mut self.server };
            if !larger.give_up(Why::Limit, take) {
                break;
            }
            larger.forget(history);
        }
    }
}

#[cfg(test)]
mod tests;
