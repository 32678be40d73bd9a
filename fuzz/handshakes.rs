//! Handshakes of TLS whose messages lie over segments and records, as any segments bring them: cut anywhere, again, late,
//! missing, cut by the snap length.

use super::packets::{self, Header};
use netlab::frame::{Error, Frame, Interface, LinkType, Source, Timestamp};

/// Bytes that describe a record, and a segment.
const ITEM: usize = 4;
/// What a side says at most.
const LONGEST: usize = 1 << 17;

/// The first byte of `input` chooses the view; then come, in equal halves, the records that both sides say, and segments
/// of them, four bytes each. A record: its type (low three bits), whether a message begins with it (the fourth) and of
/// which kind (high four); its length; the middle byte of the message's length. A segment: who sends, and whether it goes
/// on where the last one ended; from which byte on; how long it is, and whether it is cut.
pub fn handshakes(input: &[u8]) {
    let Some((view, rest)) = input.split_first() else { return };
    let (records, segments) = rest.split_at(rest.len() / ITEM / 2 * ITEM);
    let mut said = Vec::new();
    for item in records.chunks_exact(ITEM) {
        record(item, &mut said);
        said.truncate(LONGEST);
    }
    let mut segments = Segments { said, rest: segments, next: [0; 2], bytes: Vec::new(), cut: 0 };
    super::show(&mut segments, *view);
}

fn record(item: &[u8], said: &mut Vec<u8>) {
    let [kind, high, low, middle] = *item else { return };
    let length = usize::from(u16::from_be_bytes([high & 0x0f, low]));
    said.extend([if kind & 7 < 6 { 22 } else { 14 + (kind & 7) }, 3, 3, high & 0x0f, low]);
    let begin = said.len();
    if kind & 8 != 0 {
        let message = [0, 1, 2, 4, 11, 11, 11, 12, 13, 14, 15, 16, 20, 22, 8, 255][usize::from(kind >> 4)];
        said.extend([message, high >> 7, middle, low]);
        // What a hello and a certificate begin with.
        said.extend(if message < 3 { [3, 3] } else { [0, middle] });
    }
    said.resize(begin + length, middle & low);
}

struct Segments<'a> {
    said: Vec<u8>,
    rest: &'a [u8],
    next: [usize; 2],
    bytes: Vec<u8>,
    cut: usize,
}

impl Source for Segments<'_> {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        let Some((&[from, high, low, length], rest)) = self.rest.split_first_chunk::<ITEM>() else { return Ok(None) };
        self.rest = rest;
        let side = usize::from(from & 1);
        let far = usize::from(u16::from_be_bytes([high, low])) % self.said.len().max(1);
        let begin = if from & 6 != 0 { self.next[side] } else { far };
        let end = (begin + usize::from(length) * 8 + usize::from(low & 7)).min(self.said.len());
        let data = self.said.get(begin..end).unwrap_or_default();
        self.next[side] = end;
        self.cut = if from & 0xf0 == 0xf0 { usize::from(low).min(data.len()) } else { 0 };
        // On the port of TLS, and on a strange one.
        let ports = if from & 8 != 0 { [40_000_u16, 443] } else { [40_001, 9999] };
        let ends = [packets::end([10, 0, 0, 1], ports[0]), packets::end([10, 0, 0, 2], ports[1])];
        let header = Header { sequence: begin as u32, acknowledgment: self.next[1 - side] as u32, flags: 0x10 };
        self.bytes.clear();
        packets::segment(ends[side], ends[1 - side], header, data, &mut self.bytes);
        Ok(Some(Timestamp(0)))
    }

    fn frame(&self) -> Frame<'_> {
        let data = self.bytes.get(..self.bytes.len() - self.cut).unwrap_or_default();
        let (time, length) = (Some(Timestamp(0)), self.bytes.len() as u32);
        Frame { number: 0, time, link: LinkType::RAW, interface: 0, length, data, comment: &[] }
    }

    fn interfaces(&self) -> &[Interface] {
        &[]
    }
}
