//! One line a packet: number, time, who to whom, protocol, the fields that matter, plain words.
//!
//! Written by hand into one byte buffer: this is the view that has to keep up with a full ring.

mod describe;
mod parts;

use std::io::Write;

use crate::field::text;
use crate::flow::{Facts, Known};
use crate::frame::Timestamp;
use crate::pipeline::{Next, Sink};
use crate::view::style::{Palette, Role};
use crate::view::words::Words;
use crate::wire::{At, Packet};
pub(super) use describe::{exercise, joined, of_transfer, program};
use parts::Parts;

/// A packet in words, for views that place them otherwise than in lines. All text is safe for a terminal.
#[derive(Clone, Debug)]
pub struct Described {
    pub protocol: &'static str,
    pub role: Role,
    /// The fields that matter.
    pub header: String,
    /// What they mean.
    pub words: String,
}

/// What a line says of a packet, without its ends.
pub fn described(packet: &Packet<'_>, known: &Known<'_>, words: &'static Words) -> Described {
    let mut parts = Parts::new(Palette::new(false), true);
    let described = describe::packet(packet, known, words, &mut Vec::new(), &mut parts);
    let [header, words] = parts.split();
    Described { protocol: described.protocol, role: described.role, header, words }
}

/// The beginning of an application's data in quotation marks, safe for a terminal.
pub fn quoted(data: &[u8]) -> String {
    let mut text = Vec::new();
    describe::beginning(data, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// What the application behind the transport layer `at` says: its messages where their protocol is known, else the
/// beginning of its data in quotation marks. Safe for a terminal.
pub fn said(packet: &Packet<'_>, at: &At<'_>, facts: &Facts) -> String {
    let mut text = Vec::new();
    if describe::told(packet, at, facts, &mut text).is_none() {
        match facts.secrets.any {
            true => text.extend_from_slice(describe::COVERED),
            false => describe::beginning(at.content(), &mut text),
        }
    }
    String::from_utf8(text).unwrap_or_default()
}

/// What the time column shows.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    /// Seconds since the first frame.
    Relative,
    /// Seconds since the frame before.
    Delta,
    /// Seconds since 1970-01-01 UTC.
    Epoch,
    /// Time of day; the function tells the zone's seconds east of UTC at a moment.
    Clock(fn(Timestamp) -> i64),
}

/// How lines are to look.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub time: Time,
    pub palette: Palette,
    /// Columns of the terminal; `None`: lines are as long as they are (pipes, files).
    pub width: Option<usize>,
    pub words: &'static Words,
}

impl Options {
    fn is_narrow(&self) -> bool {
        self.width.is_some_and(|width| width < NARROW)
    }
}

/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

/// A sink that writes lines.
pub struct Lines<W> {
    out: W,
    options: Options,
    buffer: Vec<u8>,
    parts: Parts,
    ends: Vec<u8>,
    /// Columns of the endpoints so far: the column grows, it never shrinks.
    ends_width: usize,
    /// Columns of the protocol so far, likewise: no name has more than eight letters.
    protocol_width: usize,
}

/// Columns that the endpoints get from the start: `127.0.0.1:54321 → 127.0.0.1:8005`.
const ENDS: usize = 32;
/// They get no more than this, so that one long address does not push all lines after it.
const ENDS_MOST: usize = 45;
/// Below this many columns, number and time are made shorter.
const NARROW: usize = 100;

impl<W: Write> Lines<W> {
    pub fn new(out: W, options: Options) -> Self {
        let (buffer, ends) = (Vec::with_capacity(BUFFER + 4096), Vec::with_capacity(128));
        let parts = Parts::new(options.palette, options.width.is_some());
        let protocol_width = if options.is_narrow() { 4 } else { 6 };
        Self { out, options, buffer, parts, ends, ends_width: ENDS, protocol_width }
    }

    /// Takes the lines that have not been written yet, for whoever puts them elsewhere.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    fn line(&mut self, packet: &Packet<'_>, known: &Known<'_>) {
        let Options { palette, width, words, .. } = self.options;
        let narrow = self.options.is_narrow();
        let start = self.buffer.len();

        palette.begin(Role::Faint, &mut self.buffer);
        let mut columns = number(packet.frame.number, if narrow { 4 } else { 5 }, &mut self.buffer);
        columns += if narrow { self.time(packet, known, 3, 6) } else { self.time(packet, known, 6, 11) };
        palette.end(Role::Faint, &mut self.buffer);

        self.parts.clear();
        self.ends.clear();
        let described = describe::packet(packet, known, words, &mut self.ends, &mut self.parts);

        // ASCII but for names, and for the arrow, which is three bytes and one column.
        let ends_columns = match known.names {
            Some(_) => parts::width(&self.ends),
            None => self.ends.len().saturating_sub(if self.ends.len() > 1 { 2 } else { 0 }),
        };
        let most = if narrow { ENDS } else { ENDS_MOST };
        self.ends_width = self.ends_width.max(ends_columns.min(most));
        self.buffer.push(b' ');
        self.buffer.extend_from_slice(&self.ends);
        pad(self.ends_width.saturating_sub(ends_columns), &mut self.buffer);
        self.buffer.push(b' ');
        palette.begin(described.role, &mut self.buffer);
        self.buffer.extend_from_slice(described.protocol.as_bytes());
        palette.end(described.role, &mut self.buffer);
        self.protocol_width = self.protocol_width.max(described.protocol.len());
        pad(self.protocol_width - described.protocol.len(), &mut self.buffer);
        columns += ends_columns.max(self.ends_width) + 2 + self.protocol_width;
        if !self.parts.is_empty() {
            self.buffer.push(b' ');
            let room = width.map_or(0, |width| width.saturating_sub(columns + 1));
            self.parts.write(room, &mut self.buffer);
        }
        while self.buffer.len() > start && self.buffer.last() == Some(&b' ') {
            self.buffer.pop();
        }
        self.buffer.push(b'\n');
    }

    /// Writes the time right-aligned in `column` columns; tells how many it took.
    fn time(&mut self, packet: &Packet<'_>, known: &Known<'_>, decimals: u32, column: usize) -> usize {
        let (stamp, text) = (packet.frame.time, &mut self.ends);
        text.clear();
        match self.options.time {
            Time::Relative => known.facts.time_relative.map(|time| text::seconds(time, decimals, text)),
            Time::Delta => known.facts.time_delta.map(|time| text::seconds(time, decimals, text)),
            Time::Epoch => stamp.map(|time| text::seconds(time.0, decimals, text)),
            Time::Clock(zone) => stamp.map(|time| clock(time, zone(time), decimals, text)),
        };
        if text.is_empty() {
            text.push(b'-');
        }
        let padding = column.saturating_sub(text.len()).max(1);
        pad(padding, &mut self.buffer);
        self.buffer.extend_from_slice(&self.ends);
        padding + self.ends.len()
    }
}

impl<W: Write> Sink for Lines<W> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        self.line(packet, known);
        if self.buffer.len() >= BUFFER {
            crate::view::write_out(&mut self.buffer, &mut self.out)?;
        }
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        crate::view::write_out(&mut self.buffer, &mut self.out)?;
        self.out.flush()
    }
}

/// A number right-aligned in `column` columns; tells how many it took.
fn number(number: u64, column: usize, out: &mut Vec<u8>) -> usize {
    let before = out.len();
    // Most packets have a number that fills it.
    if number < 10_000 {
        pad(column.saturating_sub(number.checked_ilog10().unwrap_or(0) as usize + 1), out);
    }
    text::decimal(number, out);
    out.len() - before
}

#[inline]
fn pad(columns: usize, out: &mut Vec<u8>) {
    const BLANKS: [u8; 32] = [b' '; 32];
    match columns {
        0..=32 => text::put(BLANKS, columns, out),
        _ => out.resize(out.len() + columns, b' '),
    }
}

/// The time of day, `12:34:56.000001`.
pub fn clock(time: Timestamp, east: i64, decimals: u32, out: &mut Vec<u8>) {
    let seconds = time.0.div_euclid(1_000_000_000).saturating_add(east).rem_euclid(86_400);
    for (place, part) in [seconds / 3600, seconds / 60 % 60, seconds % 60].into_iter().enumerate() {
        if place > 0 {
            out.push(b':');
        }
        out.extend_from_slice(&[b'0' + (part / 10) as u8, b'0' + (part % 10) as u8]);
    }
    let mut fraction = Vec::new();
    text::seconds(time.0.rem_euclid(1_000_000_000), decimals, &mut fraction);
    out.extend_from_slice(fraction.get(1..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowTable;
    use crate::flow::sample::{Connection, read};
    use crate::view::words::ENGLISH;

    #[test]
    fn behind_a_long_name_of_a_protocol_the_columns_are_straight_again() {
        let (palette, words) = (Palette::new(false), &ENGLISH);
        let mut lines = Lines::new(Vec::new(), Options { time: Time::Epoch, palette, width: Some(84), words });
        let mut table = FlowTable::new();
        for (port, data) in [(8080, b"".as_slice()), (23, b"a"), (8080, b"")] {
            let bytes = Connection::to(port).say(true, data);
            read(&mut table, &bytes, |packet, known| lines.packet(packet, known)).unwrap();
        }
        let text = String::from_utf8(lines.take()).unwrap();
        let columns: Vec<_> = text.lines().map(|line| line.find("checksum").unwrap()).collect();
        assert_eq!(columns, [columns[0], columns[0] + 2, columns[0] + 2], "{text}");
    }
}
