//! A segment as its conversation needs it, read once: where files are read ahead, on the thread that decodes.

use std::ops::Deref;

use foldhash::fast::RandomState;

use crate::flow::key::{Direction, Key};
use crate::flow::table::Sought;
use crate::frame::{Frame, Timestamp};
use crate::wire::tcp::{Flags, Header, MAXIMUM_SEGMENT_SIZE, SACK, SACK_PERMITTED, TIMESTAMPS, WINDOW_SCALE, options};
use crate::wire::{Address, At};

/// A segment, the packet that brought it, and the conversation that it belongs to.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Arrived {
    pub direction: Direction,
    pub sought: Sought,
    pub header: Numbers,
    /// Quoted by an ICMP error: it belongs to the conversation, but is not a packet of it.
    pub quoted: bool,
    /// Of the packet: its number, its time, its bytes on the wire.
    pub frame: u64,
    pub time: Option<Timestamp>,
    pub bytes: u32,
}

impl Arrived {
    /// Reads a TCP layer; `None` where its header is cut short.
    ///
    /// Always inlined, with what it calls: it is read into where it stays, not copied from call to call.
    #[inline(always)]
    pub fn new(at: &At<'_>, hasher: &RandomState) -> Option<Self> {
        let ends = at.packet.addresses(at.index)?;
        Self::of(ends, &Header::new(at)?, at.layer.quoted, &at.packet.frame, hasher)
    }

    /// The segment with this header, from the first address to the second.
    #[inline(always)]
    pub fn of(
        (source, destination): (Address, Address),
        header: &Header<'_>,
        quoted: bool,
        frame: &Frame<'_>,
        hasher: &RandomState,
    ) -> Option<Self> {
        let (key, direction) = Key::between((source, header.source_port()), (destination, header.destination_port()))?;
        let (header, sought) = (Numbers::of(header), Sought::new(key, hasher));
        Some(Self { direction, sought, header, quoted, frame: frame.number, time: frame.time, bytes: frame.length })
    }
}

/// What a header says (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Numbers {
    pub source_port: u16,
    pub destination_port: u16,
    pub sequence: u32,
    pub acknowledgment: u32,
    pub flags: Flags,
    /// As it stands in the header.
    pub window: u16,
    /// Bytes of data, as [`Header::length`].
    pub length: u32,
    /// As [`Header::unmeasured`].
    pub unmeasured: bool,
    /// Options are missing, because the capture did not keep them.
    pub cut: bool,
    pub options: Options,
}

impl Numbers {
    #[inline(always)]
    fn of(header: &Header<'_>) -> Self {
        Self {
            source_port: header.source_port(),
            destination_port: header.destination_port(),
            sequence: header.sequence(),
            acknowledgment: header.acknowledgment(),
            flags: header.flags(),
            window: header.window(),
            length: header.length,
            unmeasured: header.unmeasured,
            cut: header.is_cut(),
            options: Options::of(header),
        }
    }
}

/// What the options say that matters to the conversation.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::flow) struct Options {
    /// The first of each kind: window scale, maximum segment size.
    pub shift: Option<u8>,
    pub largest: Option<u16>,
    pub sack: bool,
    pub timestamps: bool,
    /// Of selective acknowledgments.
    pub blocks: Blocks,
}

/// The edges of blocks, (left, right); a header has room for four. Plain numbers, so that what was read ahead is forgotten
/// without being looked at again.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::flow) struct Blocks {
    edges: [(u32, u32); 4],
    count: u8,
}

impl Blocks {
    fn add(&mut self, block: (u32, u32)) {
        if let Some(free) = self.edges.get_mut(usize::from(self.count)) {
            *free = block;
            self.count += 1;
        }
    }
}

impl Deref for Blocks {
    type Target = [(u32, u32)];

    #[inline]
    fn deref(&self) -> &Self::Target {
        self.edges.get(..self.count.into()).unwrap_or_default()
    }
}

impl Options {
    #[inline(always)]
    fn of(header: &Header<'_>) -> Self {
        // Most segments have timestamps and nothing else, padded as RFC 7323 §A shows; and only a SYN's are asked for.
        let usual = header.options.len() == 12 && header.options.starts_with(&[1, 1, TIMESTAMPS, 10]);
        if header.options.is_empty() || usual && !header.flags().any(Flags::SYN) {
            return Self::default();
        }
        Self::read(header.options)
    }

    fn read(bytes: &[u8]) -> Self {
        let mut said = Self::default();
        for option in options(bytes) {
            match option.kind {
                WINDOW_SCALE => said.shift = said.shift.or(option.data.first().copied()),
                MAXIMUM_SEGMENT_SIZE => {
                    let largest = || option.data.first_chunk().map(|largest| u16::from_be_bytes(*largest));
                    said.largest = said.largest.or_else(largest);
                }
                SACK_PERMITTED => said.sack = true,
                TIMESTAMPS => said.timestamps = true,
                SACK => blocks(option.data).for_each(|block| said.blocks.add(block)),
                _ => {}
            }
        }
        said
    }
}

/// The edges of each block, (left, right).
fn blocks(data: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    data.chunks_exact(8).filter_map(|block| {
        let (left, right) = (block.first_chunk::<4>()?, block.last_chunk::<4>()?);
        Some((u32::from_be_bytes(*left), u32::from_be_bytes(*right)))
    })
}
