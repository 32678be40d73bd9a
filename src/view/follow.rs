//! A conversation as its two sides said it: text or hexadecimal, in turn, with `┊` where a segment ends inside a turn;
//! or its segments, a row each.
//!
//! Guarantee: what the sides sent acts on no terminal, and cannot pass for one of our marks, labels or notes: lines of
//! data bear a label or a colour, notes neither.

use std::borrow::Cow;
use std::io::{self, Write};
use std::ops::Range;

use super::escape;
use super::style::{Palette, Role};
use crate::flow::analysis::{Analysis, Marks};
use crate::flow::stream::{Chunk, Item, Missing, Place, Segment, Why};
use crate::wire::tcp::Flags;
use crate::wire::utf8;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;
/// Stands where a segment ends and the same side goes on in another.
const MARK: char = '┊';
/// Passwords of a side that are known at a time.
const MOST_SECRETS: usize = 1000;
/// Bytes a row in hexadecimal.
const ROW: usize = 16;
/// Columns of `client ▸ `.
const MARGIN: usize = 9;
/// Bytes of a differing copy that are shown.
const COPY: usize = 32;

/// Why a segment's bytes are not the next ones, or carry nothing new.
const OUT_OF_LINE: [(u32, &str); 4] = [
    (Marks::EMPTY_PROBE | Marks::ZERO_WINDOW_PROBE, "asks for room"),
    (Marks::KEEP_ALIVE, "keep-alive"),
    (Marks::REPEATED, "sent again"),
    (Marks::OUT_OF_ORDER, "arrives late"),
];

/// How to show a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Hex,
    /// A row for each segment instead of the bytes.
    Boundaries,
}

/// Writes one conversation.
pub struct Follow<W> {
    out: W,
    form: Form,
    palette: Palette,
    buffer: Vec<u8>,
    /// Who speaks, and the frame of the last bytes shown.
    speaker: Option<bool>,
    frame: Option<u64>,
    line: Line,
    /// Bytes are shown that were said to be missing.
    late: bool,
    /// Places of passwords in what client and server say, and how many bytes of them were covered.
    secrets: [Vec<Range<u64>>; 2],
    covered: u64,
    /// Bytes shown and bytes missing, of client and server.
    bytes: [u64; 2],
    missing: [u64; 2],
}

/// Where the line being written stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Nothing is written yet.
    Empty,
    /// Something is.
    Begun,
    /// All is, but for a mark and the end.
    Full,
}

/// The side's word.
pub fn side(from_client: bool) -> &'static str {
    if from_client { "client" } else { "server" }
}

impl<W: Write> Follow<W> {
    pub fn new(out: W, form: Form, palette: Palette) -> Self {
        Self {
            out,
            form,
            palette,
            buffer: Vec::with_capacity(BUFFER + 4096),
            speaker: None,
            frame: None,
            line: Line::Empty,
            late: false,
            secrets: Default::default(),
            covered: 0,
            bytes: [0; 2],
            missing: [0; 2],
        }
    }

    /// What conversation this is. `remark` says what is not certain about it.
    pub fn heading(&mut self, name: &str, [client, server]: [&str; 2], remark: Option<&str>) {
        let bold = self.palette.style(Role::Heading);
        let (one, other) = (self.palette.style(Role::Client), self.palette.style(Role::Server));
        self.say(format_args!("{bold}{name}{bold:#}: client {one}{client}{one:#}, server {other}{server}{other:#}"));
        if let Some(remark) = remark {
            self.say(format_args!("({remark})"));
        }
        if self.form == Form::Boundaries {
            self.say(format_args!(
                "{bold}{:>7}  {:6}  {:11}  {:>21}  {:>6}  acknowledges{bold:#}",
                "frame", "side", "flags", "bytes", "length"
            ));
        }
    }

    fn say(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into memory cannot fail.
        let _ = writeln!(self.buffer, "{text}");
    }

    /// What a side says at these places of its stream is a password: told before it is said.
    pub fn cover(&mut self, from_client: bool, places: Range<u64>) {
        let said = self.said(from_client);
        let known = &mut self.secrets[usize::from(!from_client)];
        if known.len() >= MOST_SECRETS {
            known.retain(|places| places.end > said);
        }
        // Rather too much is covered than too little.
        let is_full = known.len() >= MOST_SECRETS;
        match known.last_mut().filter(|last| is_full || last.end == places.start) {
            Some(last) => (last.start, last.end) = (last.start.min(places.start), last.end.max(places.end)),
            None => known.push(places),
        }
    }

    /// The same of the next datagram, whose places are counted from its own first byte.
    pub fn cover_datagram(&mut self, from_client: bool, places: Range<u64>) {
        let first = self.said(from_client);
        self.cover(from_client, first + places.start..first + places.end);
    }

    /// Bytes that a side has said so far, captured or not.
    fn said(&self, from_client: bool) -> u64 {
        self.bytes[usize::from(!from_client)] + self.missing[usize::from(!from_client)]
    }

    fn is_secret(&self, from_client: bool, offset: u64) -> bool {
        self.secrets[usize::from(!from_client)].iter().any(|places| places.contains(&offset))
    }

    /// The data of a chunk, its passwords covered.
    fn open<'a>(&mut self, chunk: &Chunk<'a>) -> Cow<'a, [u8]> {
        let end = chunk.offset + chunk.data.len() as u64;
        let known = &self.secrets[usize::from(!chunk.from_client)];
        if !known.iter().any(|places| places.start < end && chunk.offset < places.end) {
            return Cow::Borrowed(chunk.data);
        }
        let mut data = chunk.data.to_vec();
        for (byte, offset) in data.iter_mut().zip(chunk.offset..) {
            if self.is_secret(chunk.from_client, offset) {
                *byte = b'*';
                self.covered += 1;
            }
        }
        Cow::Owned(data)
    }

    /// Writes out what is gathered, if that is much.
    pub fn drain(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Writes out all that is gathered.
    pub fn flush(&mut self) -> io::Result<()> {
        super::write_out(&mut self.buffer, &mut self.out)?;
        self.out.flush()
    }

    /// Takes what comes next in one of the streams.
    pub fn item(&mut self, item: &Item<'_>) {
        match item {
            Item::Bytes(chunk) => self.chunk(chunk),
            Item::Missing(missing) => self.hole(missing),
            Item::Differs(differs) => {
                let mut offsets = (differs.offset..).take(differs.kept.len());
                let is_secret = offsets.any(|offset| self.is_secret(differs.from_client, offset));
                let said = |bytes: &[u8]| if is_secret { "***".to_owned() } else { quoted(bytes) };
                let (kept, other) = (said(differs.kept), said(differs.other));
                let (whose, offset) = (side(differs.from_client), differs.offset);
                let (first, frame) = (differs.first, differs.frame);
                self.note(&format!(
                    "[{whose}'s byte {offset}: frame {first} said {kept}, frame {frame} says {other}; the first stays]"
                ));
            }
            Item::Late(late) => {
                let (whose, length, frame) = (side(late.from_client), bytes(late.length), late.frame);
                self.note(&match late.offset {
                    ..0 => format!("[frame {frame}: {length} from before the {whose}'s first shown byte]"),
                    offset => format!("[frame {frame}: {length} for the gap at {whose}'s byte {offset}: too late]"),
                });
            }
        }
    }

    /// A datagram: a turn of its own. `missing`: bytes that the capture cut off.
    pub fn datagram(&mut self, from_client: bool, frame: u64, data: &[u8], missing: u64) {
        self.end_turn();
        let offset = self.said(from_client);
        let length = data.len() as u64 + missing;
        if self.form == Form::Boundaries {
            let style = self.palette.style(if from_client { Role::Client } else { Role::Server });
            let range = format!("{offset}..{}", offset + length);
            let row = format!("{frame:>7}  {:6}  {:11}  {range:>21}  {length:>6}", side(from_client), "");
            self.say(format_args!("{style}{row}{style:#}"));
        }
        if data.is_empty() && missing == 0 {
            self.note(&format!("[frame {frame}: the {} sends an empty datagram]", side(from_client)));
        }
        self.chunk(&Chunk { from_client, offset, data, frame, time: None, pushed: false, late: false });
        if missing > 0 {
            let offset = offset + data.len() as u64;
            self.hole(&Missing { from_client, offset, length: missing, why: Why::Cut { frame } });
        }
    }

    /// A segment, as a row of the list of boundaries: `analysis` knows the frame that it acknowledges, and why its bytes
    /// are not the next ones.
    pub fn segment(&mut self, segment: &Segment<'_>, place: Place, analysis: &Analysis) {
        if segment.flags.any(Flags::RST) && !segment.data.is_empty() {
            // Not part of the stream (RFC 9293 §3.5.3), but somebody wrote it for a reader.
            let (whose, text) = (side(segment.from_client), quoted(segment.data));
            self.note(&format!("[frame {}: the {whose}'s reset says {text}]", segment.frame));
        }
        if self.form != Form::Boundaries {
            return;
        }
        let role = if segment.from_client { Role::Client } else { Role::Server };
        let flags = segment.flags.names().filter(|name| *name != "ACK").collect::<Vec<_>>().join(",");
        let range = match (segment.length, place.offset) {
            (1.., Some(offset)) => format!("{offset}..{}", offset + i64::from(segment.length)),
            _ => String::new(),
        };
        let mut acknowledges = match (place.acknowledges, place.fin) {
            (Some(count), true) => format!("{} and the FIN", bytes(count.max(0) as u64)),
            (Some(0), false) if analysis.acks_frame.is_some() => "the SYN".to_owned(),
            (Some(count), false) => bytes(count.max(0) as u64),
            (None, _) if segment.flags.any(Flags::ACK) => format!("number {}", segment.acknowledgment),
            (None, _) => String::new(),
        };
        if let Some(frame) = analysis.acks_frame {
            acknowledges.push_str(&format!(": frame {frame}"));
        }
        if let Some((_, words)) = OUT_OF_LINE.iter().find(|(marks, _)| analysis.marks.any(*marks)) {
            let gap = if acknowledges.is_empty() { "" } else { "; " };
            acknowledges.push_str(&format!("{gap}{words}"));
        }
        let style = self.palette.style(role);
        let (frame, side, length) = (segment.frame, side(segment.from_client), segment.length);
        let row = format!("{frame:>7}  {side:6}  {flags:11}  {range:>21}  {length:>6}  {acknowledges}");
        let row = row.trim_end();
        self.say(format_args!("{style}{row}{style:#}"));
    }

    /// The last line: what was said in all, and `ending`.
    pub fn close(&mut self, ending: &str) {
        self.end_turn();
        if self.covered > 0 {
            let text = format!("[{} of passwords covered with *: --show-secrets shows them]", bytes(self.covered));
            self.note(&text);
        }
        let part = |place: usize, whose: &str| {
            let lost = match self.missing[place] {
                0 => String::new(),
                lost => format!(" ({lost} more not captured)"),
            };
            format!("{} from the {whose}{lost}", bytes(self.bytes[place]))
        };
        let text = format!("{}, {}; {ending}", part(0, "client"), part(1, "server"));
        let bold = self.palette.style(Role::Heading);
        self.say(format_args!("{bold}{text}{bold:#}"));
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) {
        let (place, length) = (usize::from(!chunk.from_client), chunk.data.len() as u64);
        self.bytes[place] += length;
        if chunk.late {
            self.missing[place] = self.missing[place].saturating_sub(length);
        }
        if self.form == Form::Boundaries {
            return;
        }
        if self.speaker != Some(chunk.from_client) {
            self.end_turn();
            self.speaker = Some(chunk.from_client);
        } else if self.frame.is_some_and(|frame| frame != chunk.frame) {
            self.mark();
        }
        if chunk.late && !self.late {
            self.note("[captured after all, behind their acknowledgment:]");
        }
        self.late = chunk.late;
        self.frame = Some(chunk.frame);
        match self.form {
            Form::Hex => self.rows(chunk),
            _ => self.text(chunk),
        }
    }

    fn text(&mut self, chunk: &Chunk<'_>) {
        let role = if chunk.from_client { Role::Client } else { Role::Server };
        let data = self.open(chunk);
        for line in data.split_inclusive(|byte| *byte == b'\n') {
            self.begin_line(chunk.from_client);
            let (text, ending) = split_ending(line);
            self.palette.begin(role, &mut self.buffer);
            escaped(text, &mut self.buffer);
            self.palette.end(role, &mut self.buffer);
            if !ending.is_empty() {
                self.palette.begin(Role::Faint, &mut self.buffer);
                escape::write(ending, &mut self.buffer);
                self.palette.end(Role::Faint, &mut self.buffer);
            }
            self.line = if line.ends_with(b"\n") { Line::Full } else { Line::Begun };
        }
    }

    /// Rows of offset, bytes and their characters; a segment begins a row.
    fn rows(&mut self, chunk: &Chunk<'_>) {
        let style = self.palette.style(if chunk.from_client { Role::Client } else { Role::Server });
        let data = self.open(chunk);
        for (place, row) in data.chunks(ROW).enumerate() {
            self.end_line();
            self.begin_line(chunk.from_client);
            let offset = chunk.offset + (place * ROW) as u64;
            let mut hex = String::with_capacity(3 * ROW + 1);
            let offset_of = |place: usize| offset + place as u64;
            for (place, byte) in row.iter().enumerate() {
                hex.push_str(if place == ROW / 2 { "  " } else { " " });
                match self.is_secret(chunk.from_client, offset_of(place)) {
                    true => hex.push_str("**"),
                    false => hex.push_str(&format!("{byte:02x}")),
                }
            }
            let shown = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '·' };
            let characters: String = row.iter().map(shown).collect();
            let _ = write!(self.buffer, "{style}{offset:08x} {hex:49}  {characters}{style:#}");
            self.line = Line::Full;
        }
    }

    fn begin_line(&mut self, from_client: bool) {
        if self.line == Line::Full {
            self.end_line();
        }
        if self.line == Line::Empty && !self.palette.is_colored() {
            self.buffer.extend_from_slice(if from_client { "client ▸ " } else { "server ◂ " }.as_bytes());
        }
    }

    fn end_line(&mut self) {
        if self.line != Line::Empty {
            self.buffer.push(b'\n');
        }
        self.line = Line::Empty;
    }

    fn end_turn(&mut self) {
        self.end_line();
        (self.speaker, self.frame) = (None, None);
    }

    fn mark(&mut self) {
        if self.line != Line::Empty {
            let faint = self.palette.style(Role::Faint);
            let _ = write!(self.buffer, "{faint}{MARK}{faint:#}");
        }
    }

    fn hole(&mut self, missing: &Missing) {
        self.missing[usize::from(!missing.from_client)] += missing.length;
        let (count, whose) = (bytes(missing.length), side(missing.from_client));
        self.note(&match missing.why {
            Why::NotCaptured => format!("[{count} from the {whose} not captured]"),
            Why::Cut { frame } => format!("[{count} from the {whose} not captured: frame {frame} is cut]"),
            Why::Limit => format!("[{count} from the {whose} did not come before --max-stream was full]"),
            Why::Ended => format!("[{count} from the {whose} not captured, nor acknowledged]"),
        });
    }

    /// A line that nobody said.
    fn note(&mut self, text: &str) {
        self.end_line();
        self.frame = None;
        let trouble = self.palette.style(Role::Trouble);
        let margin = if self.palette.is_colored() { 0 } else { MARGIN };
        self.say(format_args!("{:margin$}{trouble}{text}{trouble:#}", ""));
    }
}

/// `1 byte`, `2 bytes`.
fn bytes(count: u64) -> String {
    format!("{count} byte{}", if count == 1 { "" } else { "s" })
}

/// A line of text, and the LF or CR LF that ends it.
fn split_ending(line: &[u8]) -> (&[u8], &[u8]) {
    let ending = match line {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    };
    line.split_at(line.len() - ending)
}

/// Appends bytes, escaped, so that none of them looks like our mark.
fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut mark = [0; 4];
    let mark = MARK.encode_utf8(&mut mark).as_bytes();
    let mut rest = bytes;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        escape::write(&rest[..at], out);
        out.extend(MARK.escape_unicode().map(|c| c as u8));
        rest = &rest[at + mark.len()..];
    }
    escape::write(rest, out);
}

/// The first bytes as text in quotation marks.
fn quoted(bytes: &[u8]) -> String {
    let mut text = vec![b'"'];
    let shown = utf8::beginning(bytes, COPY);
    escaped(shown, &mut text);
    text.extend_from_slice(if shown.len() < bytes.len() { "\"…".as_bytes() } else { b"\"" });
    // Escaping keeps UTF-8 as it was and adds ASCII.
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests;
