//! Any sequence of any segments between two ends: through the flow table, put together, and shown.

use std::io;

use netlab::flow::stream::{Assembler, Item, Segment};
use netlab::flow::{FlowTable, Known};
use netlab::frame::{Error, Frame, Interface, LinkType, Source, Timestamp};
use netlab::pipeline::{self, Next, Sink};
use netlab::view::follow::{Follow, Form};
use netlab::view::style::Palette;
use netlab::wire::Packet;

use super::Page;
use super::packets::{self, Header, end};

/// What is kept at most; little, so that it is used up.
const LIMIT: usize = 4096;
/// Bytes that describe a segment.
const RECORD: usize = 8;

/// A conversation to begin with: its handshake, data both ways, a gap, what fills it, other bytes for the same numbers,
/// an end; as the client's and the server's numbers count, and as both wrap.
pub fn conversation(wraps: bool) -> Vec<u8> {
    let segments: [[u8; RECORD]; 11] = [
        [0, 0x02, 0, 0, 0, 0, 0, 0],
        [1, 0x12, 0, 0, 0, 1, 0, 0],
        [0, 0x18, 0, 1, 0, 1, 100, 0],
        [1, 0x18, 0, 1, 0, 101, 200, 0],
        [4, 0x18, 0, 151, 0, 201, 50, 0],
        [4, 0x18, 0, 101, 0, 201, 60, 0],
        [4, 0x18, 0, 1, 0, 201, 100, 3],
        [5, 0x18, 0, 201, 0, 201, 255, 0x08],
        [0, 0x11, 0, 201, 0, 201, 0, 0],
        [1, 0x11, 1, 200, 0, 202, 0, 0],
        [0, 0x10, 0, 202, 1, 201, 0, 0],
    ];
    let numbered = segments.map(|[from, rest @ ..]| (from | if wraps { 2 } else { 0 }, rest));
    numbered.into_iter().flat_map(|(from, rest)| [&[from], &rest[..]].concat()).collect()
}

/// `input` is a list of segments of eight bytes: who sends and whose numbers begin near the wrap; flags; the sequence
/// number and the acknowledgment, two bytes each (from their ISN on, the upper quarter reaches far away); the length;
/// and what is odd: the low three bits change the bytes, the high five cut the frame.
pub fn streams(input: &[u8]) {
    super::prepare();
    for form in [Form::Text, Form::Hex, Form::Boundaries] {
        let page = Page { colored: false, width: None, json: false, text: Vec::new() };
        let mut checked = Checked {
            payloads: Vec::new(),
            assembler: Assembler::new(LIMIT),
            view: Follow::new(page, form, Palette::new(false)),
            sides: Default::default(),
        };
        let mut segments = Segments { rest: input, bytes: Vec::new(), cut: 0, time: Timestamp(0) };
        pipeline::run(&mut segments, &mut FlowTable::new(), &mut checked).expect("a page takes everything");
        let Checked { assembler, view, sides, payloads } = &mut checked;
        assembler.finish(&mut |item| take(&item, payloads, sides, view));
        view.close("the end");
        view.flush().expect("a page takes everything");
    }
}

struct Segments<'a> {
    rest: &'a [u8],
    bytes: Vec<u8>,
    cut: usize,
    time: Timestamp,
}

impl Source for Segments<'_> {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        let Some((&[from, flags, s1, s0, a1, a0, length, odd], rest)) = self.rest.split_first_chunk::<RECORD>() else {
            return Ok(None);
        };
        self.rest = rest;
        // Most segments only carry data: a SYN begins another conversation soon enough.
        let flags = if from & 0x0c == 0 { flags } else { flags & 0x08 | 0x10 };
        let isn = if from & 2 == 0 { 1000 } else { u32::MAX - 1000 };
        let number = |high: u8, low: u8| {
            let near = u32::from(u16::from_be_bytes([high & 0x03, low]));
            let far = if high < 0xc0 { 0 } else { u32::from(high & 0x3f) << 26 };
            u32::wrapping_add(isn, near).wrapping_add(far)
        };
        let (sequence, acknowledgment) = (number(s1, s0), number(a1, a0));
        let (client, server) = (end([10, 0, 0, 1], 40_000), end([10, 0, 0, 2], 80));
        let (source, destination) = if from & 1 == 0 { (client, server) } else { (server, client) };
        // A byte is what its number says, unless it is odd.
        let data: Vec<u8> = (0..u32::from(length)).map(|at| sequence.wrapping_add(at) as u8 ^ (odd & 7)).collect();
        self.bytes.clear();
        packets::segment(source, destination, Header { sequence, acknowledgment, flags }, &data, &mut self.bytes);
        self.cut = usize::from(odd >> 3).min(usize::from(length));
        self.time = Timestamp(self.time.0 + 1_000_000 * i64::from(from >> 4));
        Ok(Some(self.time))
    }

    fn frame(&self) -> Frame<'_> {
        let data = self.bytes.get(..self.bytes.len() - self.cut).unwrap_or_default();
        let (time, length) = (Some(self.time), self.bytes.len() as u32);
        Frame { number: 0, time, link: LinkType::RAW, interface: 0, length, data, comment: &[] }
    }

    fn interfaces(&self) -> &[Interface] {
        &[]
    }
}

/// How far one side has been handed out, and how many bytes were told as missing and not handed out later.
#[derive(Default)]
struct Side {
    end: u64,
    missing: u64,
}

struct Checked {
    /// The data of each frame.
    payloads: Vec<Vec<u8>>,
    assembler: Assembler,
    view: Follow<Page>,
    sides: [Side; 2],
}

impl Sink for Checked {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        let segment = Segment::of(packet, known);
        self.payloads.push(segment.map(|segment| segment.data.to_vec()).unwrap_or_default());
        // A new conversation between the same ports is another stream.
        if let (Some(segment), Some(facts)) = (segment, known.facts.tcp)
            && facts.stream == 0
        {
            let Self { assembler, view, sides, payloads } = self;
            assembler.segment(&segment, &mut |item| take(&item, payloads, sides, view));
            assert!(assembler.kept() <= LIMIT, "{} bytes kept", assembler.kept());
            view.segment(&segment, assembler.place(&segment), &facts.analysis);
        }
        Ok(Next::GoOn)
    }
}

/// Every byte comes from the frame that is named, in order, and what is between two chunks was told as missing.
fn take(item: &Item<'_>, payloads: &[Vec<u8>], sides: &mut [Side; 2], view: &mut Follow<Page>) {
    let side = &mut sides[usize::from(!item.from_client())];
    match item {
        Item::Bytes(chunk) => {
            assert!(!chunk.data.is_empty() && chunk.offset >= side.end, "{} again", chunk.offset);
            let payload = &payloads[chunk.frame as usize - 1];
            assert!(payload.windows(chunk.data.len()).any(|part| part == chunk.data), "not of frame {}", chunk.frame);
            let gap = chunk.offset - side.end;
            assert!(side.missing >= gap, "{gap} bytes passed without a word");
            side.missing -= gap;
            if chunk.late {
                side.missing = side.missing.saturating_sub(chunk.data.len() as u64);
            }
            side.end = chunk.offset + chunk.data.len() as u64;
        }
        Item::Missing(missing) => side.missing += missing.length,
        Item::Differs(differs) => {
            assert!(!differs.kept.is_empty() && differs.kept.len() == differs.other.len());
            assert!(differs.kept[0] != differs.other[0]);
        }
        Item::Late(late) => assert!(late.length > 0),
    }
    view.item(item);
}
