//! The tree: every layer of a packet, every field one line: label, value, meaning, name.
//!
//! Computed values stand in `[brackets]`; everything else points to bytes of the frame. Where a field is a part of a
//! byte, its bits are drawn in their place; where the value is not the number in the header, both are shown (`5 → 20`).

use std::io::{self, Write};
use std::net::IpAddr;

use unicode_width::UnicodeWidthStr;

use super::style::{Palette, Role};
use super::words::{ENGLISH, Words, filled};
use super::{escape, stop};
use crate::field::{self, Entry, text};
use crate::flow::datagram::Datagram;
use crate::flow::secret::Places;
use crate::flow::{Event, Facts, Known, whole};
use crate::frame::Frame;
use crate::pipeline::{Next, Sink};
use crate::wire::{self, At, Bits, Kind, Layers, Packet, Protocol, Value, utf8};

/// Bytes of a value that are shown; what is behind them is counted.
const MOST_BYTES: usize = 24;
/// Where values begin, and where names do.
const VALUE: usize = 37;
const NAME: usize = 67;
/// Columns that a line should not exceed.
const WIDTH: usize = 100;
/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

/// A sink that writes the tree of every packet, and the bytes below it where that is wanted.
pub struct Tree<W> {
    out: W,
    palette: Palette,
    words: &'static Words,
    hex: bool,
    width: usize,
    buffer: Vec<u8>,
}

impl<W: Write> Tree<W> {
    pub fn new(out: W, palette: Palette) -> Self {
        Self { out, palette, words: &ENGLISH, hex: false, width: WIDTH, buffer: Vec::with_capacity(BUFFER + 4096) }
    }

    /// In this language; English otherwise.
    pub fn words(mut self, words: &'static Words) -> Self {
        self.words = words;
        self
    }

    /// Moves names to the left where there are fewer columns than usual.
    pub fn width(mut self, columns: usize) -> Self {
        self.width = columns.min(WIDTH);
        self
    }

    /// With the hex view below each tree.
    pub fn with_hex(mut self, hex: bool) -> Self {
        self.hex = hex;
        self
    }
}

impl<W: Write> Sink for Tree<W> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        write(packet, known, self.palette, self.words, self.width, &mut self.buffer);
        if self.hex {
            self.buffer.push(b'\n');
            super::hex::write(packet, &Places::of(packet, known.facts), self.palette, &mut self.buffer);
        }
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER {
            super::write_out(&mut self.buffer, &mut self.out)?;
        }
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        super::write_out(&mut self.buffer, &mut self.out)?;
        self.out.flush()
    }
}

/// Appends the tree of one packet, with the datagrams that it completed.
pub fn write(
    packet: &Packet<'_>,
    known: &Known<'_>,
    palette: Palette,
    words: &'static Words,
    width: usize,
    out: &mut Vec<u8>,
) {
    headline(packet, known, palette, words, out);
    let mut view = View { palette, words, width, indent: 1, out };
    view.packet(packet, known.facts);
    for event in known.events {
        if let Event::Datagram(datagram) = event {
            view.datagram(datagram, &packet.frame);
        }
    }
}

/// One line: number, time, lengths, what happened.
pub fn headline(packet: &Packet<'_>, known: &Known<'_>, palette: Palette, language: &'static Words, out: &mut Vec<u8>) {
    let frame = &packet.frame;
    palette.begin(Role::Heading, out);
    super::words::fill(language.packet, &[frame.number.to_string().as_bytes()], out);
    palette.end(Role::Heading, out);
    if let Some(time) = known.facts.time_relative {
        out.extend_from_slice(b"  ");
        text::seconds(time, 6, out);
        out.extend_from_slice(b" s");
    }
    let (length, kept) = (frame.length as usize, frame.data.len());
    out.extend_from_slice(format!("  {}", language.count(&language.bytes, length as u64)).as_bytes());
    if kept < length {
        out.extend_from_slice(b", ");
        super::words::fill(language.captured, &[kept.to_string().as_bytes()], out);
    }
    if let Some(facts) = known.facts.tcp.filter(|facts| facts.analysis.marks.0 != 0 || facts.analysis.twice.is_some())
        && packet.find(Protocol::Tcp).is_some_and(|at| !at.layer.quoted)
    {
        for found in super::findings::of(&facts, language) {
            let values: Vec<&[u8]> = found.values.iter().map(Vec::as_slice).collect();
            out.extend_from_slice(b"  ");
            palette.begin(found.role, out);
            super::words::fill(found.said, &values, out);
            palette.end(found.role, out);
        }
    }
    for event in known.events {
        let (words, role) = words(event, language);
        out.extend_from_slice(b"  ");
        palette.begin(role, out);
        out.extend_from_slice(words.as_bytes());
        palette.end(role, out);
    }
    out.push(b'\n');
    names(packet, known, palette, language, out);
}

/// A line for each end that has a name.
fn names(packet: &Packet<'_>, known: &Known<'_>, palette: Palette, words: &Words, out: &mut Vec<u8>) {
    let Some((source, destination)) = known.names.and_then(|_| packet.addresses(packet.layers.len())) else { return };
    let ends = [Some(source), Some(destination).filter(|destination| *destination != source)];
    for address in ends.into_iter().flatten() {
        let Some(name) = super::names::of(known.names, address) else { continue };
        out.extend_from_slice(b"  ");
        palette.begin(Role::Data, out);
        out.extend_from_slice(filled(words.named, &[&IpAddr::from(address).to_string(), &name]).as_bytes());
        palette.end(Role::Data, out);
        out.push(b'\n');
    }
}

/// `1 byte`, `2 bytes`.
pub fn plural(number: usize, thing: &'static str) -> String {
    if number == 1 { thing.to_owned() } else { format!("{thing}s") }
}

/// What happened, in words.
pub fn words(event: &Event, words: &Words) -> (String, Role) {
    if let Event::Datagram(whole) = event {
        let (fragments, bytes) = (whole.fragments.to_string(), whole.bytes.len().to_string());
        return (filled(words.datagram_whole, &[&fragments, &bytes]), Role::Data);
    }
    let (role, said) = words.event(event).unwrap_or((Role::Plain, ""));
    let reason = words.reason(event).map(|reason| format!(": {reason}")).unwrap_or_default();
    (format!("{said}{reason}"), role)
}

struct View<'o> {
    palette: Palette,
    words: &'static Words,
    width: usize,
    indent: usize,
    out: &'o mut Vec<u8>,
}

impl View<'_> {
    fn packet(&mut self, packet: &Packet<'_>, facts: &Facts) {
        if self.indent == 1 {
            self.layer(&field::frame(packet), facts, None);
        }
        for at in whole::among(packet, 0, facts) {
            self.layer(&at, facts, (!whole::is_one(&at)).then_some(at.index));
        }
        self.rest(packet);
        if let Some(sentence) = stop::sentence(packet, self.words) {
            self.pad();
            self.styled(Role::Trouble, &sentence);
            self.out.push(b'\n');
        }
    }

    /// Bytes that no layer claims: padding, a trailer, or what the decoder did not reach.
    fn rest(&mut self, packet: &Packet<'_>) {
        let reached = packet.layers.iter().map(|layer| (layer.start + layer.header) as usize).max().unwrap_or(0);
        let left = packet.frame.data.len().saturating_sub(reached);
        if left > 0 && reached > 0 {
            self.pad();
            self.styled(Role::Faint, &self.words.count(&self.words.more_bytes_in_frame, left as u64));
            self.out.push(b'\n');
        }
    }

    fn datagram(&mut self, datagram: &Datagram, around: &Frame<'_>) {
        self.pad();
        let headline =
            filled(self.words.datagram_of, &[&datagram.fragments.to_string(), &datagram.bytes.len().to_string()]);
        self.styled(Role::Heading, &headline);
        self.out.push(b'\n');
        let mut layers = Layers::new();
        let length = u32::try_from(datagram.bytes.len()).unwrap_or(u32::MAX);
        let frame = Frame { link: Datagram::LINK, length, data: &datagram.bytes, ..*around };
        self.indent += 1;
        let packet = wire::decode(frame, &mut layers);
        self.packet(&packet, &Facts::of_datagram(&packet));
        self.indent -= 1;
    }

    fn pad(&mut self) {
        self.out.extend(std::iter::repeat_n(b' ', self.indent * 2));
    }

    fn styled(&mut self, role: Role, text: &str) {
        self.palette.begin(role, self.out);
        self.out.extend_from_slice(text.as_bytes());
        self.palette.end(role, self.out);
    }

    fn layer(&mut self, at: &At<'_>, facts: &Facts, index: Option<usize>) {
        self.pad();
        let protocol = at.layer.protocol;
        let style = index.map_or_else(anstyle::Style::new, |index| self.palette.layer(index).bold_if(self.palette));
        let title = format!("{style}{} ({}){style:#}", protocol.title(), protocol.name());
        self.out.extend_from_slice(title.as_bytes());
        if at.layer.quoted {
            self.styled(Role::Faint, &format!(", {}", self.words.quoted));
        }
        if index.is_none() && protocol != Protocol::Frame {
            self.styled(Role::Faint, &format!(", {}", self.words.completed));
        }
        let repeated = index.is_some() && field::is_repeated(protocol, facts);
        if repeated {
            self.styled(Role::Faint, &format!(", {}", self.words.again));
        }
        self.out.push(b'\n');
        let secrets = Places::of(at.packet, facts);
        for entry in field::of(protocol).filter(|_| !repeated) {
            self.field(&entry, at, facts, &secrets);
        }
    }

    fn field(&mut self, entry: &Entry, at: &At<'_>, facts: &Facts, secrets: &Places<'_>) {
        // Values go straight into lines of their own: several occurrences, several lines.
        let (palette, words, indent, width) = (self.palette, self.words, self.indent, self.width);
        let out = &mut *self.out;
        entry.each_in_layer(at, facts, &mut |value| {
            let mut line = Line { palette, words, out, columns: 0 };
            line.field(entry, at, secrets.shown(value), indent * 2 + 2, width);
            true
        });
    }
}

/// Bold only where there is colour at all.
trait BoldIf {
    fn bold_if(self, palette: Palette) -> Self;
}

impl BoldIf for anstyle::Style {
    fn bold_if(self, palette: Palette) -> Self {
        if palette.is_colored() { self.bold() } else { self }
    }
}

/// A line being written, and how many columns it has so far.
struct Line<'o> {
    palette: Palette,
    words: &'static Words,
    out: &'o mut Vec<u8>,
    columns: usize,
}

impl Line<'_> {
    fn field(&mut self, entry: &Entry, at: &At<'_>, value: Value<'_>, indent: usize, width: usize) {
        self.to(indent);
        self.push(Role::Plain, self.words.field(entry.label()));
        self.to(VALUE.max(self.columns + 2));
        let mut shown = String::new();
        if entry.computed() {
            shown.push('[');
        }
        shown.push_str(&drawn(entry, at));
        shown.push_str(&meant(entry, at, value, self.words));
        if entry.computed() {
            shown.push(']');
        }
        self.push(Role::Plain, &shown);
        if let Some(words) = in_words(entry, value) {
            self.push(Role::Plain, "  ");
            self.push(Role::Data, self.words.field(words));
        }
        let place = NAME.min(width.saturating_sub(entry.name().len()));
        self.to(place.max(self.columns + 2));
        self.push(Role::Faint, entry.name());
        self.out.push(b'\n');
    }

    fn to(&mut self, column: usize) {
        let missing = column.saturating_sub(self.columns);
        self.out.extend(std::iter::repeat_n(b' ', missing));
        self.columns += missing;
    }

    /// Text that has been escaped.
    fn push(&mut self, role: Role, text: &str) {
        self.palette.begin(role, self.out);
        self.out.extend_from_slice(text.as_bytes());
        self.palette.end(role, self.out);
        self.columns += text.width();
    }
}

/// The value's name, where it has one.
pub fn in_words(entry: &Entry, value: Value<'_>) -> Option<&'static str> {
    match value {
        Value::Uint(number) => entry.words()?(number),
        _ => None,
    }
}

/// The bits of a field that is a part of a byte, drawn in their place: `.... ..1. = `.
pub fn drawn(entry: &Entry, at: &At<'_>) -> String {
    let mut drawing = String::new();
    let Some(bits) = entry.bits().filter(|bits| bits.at % 8 != 0 || bits.length % 8 != 0) else { return drawing };
    let (first, last) = (bits.at / 8 * 8, (bits.at + bits.length).div_ceil(8) * 8);
    if last - first > 16 {
        return drawing;
    }
    for place in first..last {
        if place > first && place % 4 == 0 {
            drawing.push(' ');
        }
        let inside = (bits.at..bits.at + bits.length).contains(&place);
        drawing.push(match at.bits(Bits { at: place, length: 1 }) {
            Some(1) if inside => '1',
            Some(_) if inside => '0',
            _ => '.',
        });
    }
    drawing + " = "
}

/// The value; before it the number in the header, where that is another one.
pub fn meant(entry: &Entry, at: &At<'_>, value: Value<'_>, words: &Words) -> String {
    let shown = said(value, entry.kind(), words);
    // What netlab itself says about a packet; other text is somebody else's.
    let ours = entry.computed()
        && matches!(value, Value::Text(_))
        && entry.name().starts_with("netlab.")
        && !entry.name().ends_with(".name");
    let shown = if ours { words.text(&shown) } else { shown };
    let stored = match (value, entry.bits()) {
        (Value::Uint(number), Some(bits)) if bits.length <= 32 => at.bits(bits).filter(|stored| *stored != number),
        _ => None,
    };
    match stored {
        Some(stored) => format!("{stored} → {shown}"),
        None => shown,
    }
}

/// A value as the drawings show it: in English.
pub fn readable(value: Value<'_>, kind: Kind) -> String {
    said(value, kind, &ENGLISH)
}

/// A value as a person reads it, escaped and not too long.
pub fn said(value: Value<'_>, kind: Kind, words: &Words) -> String {
    let mut out = Vec::new();
    let mut left = 0;
    match value {
        Value::Bool(yes) => out.extend_from_slice(if yes { words.set.as_bytes() } else { words.not_set.as_bytes() }),
        Value::Bytes(bytes) => {
            let kept = bytes.get(..MOST_BYTES).unwrap_or(bytes);
            left = bytes.len() - kept.len();
            text::write(Value::Bytes(kept), kind, &mut out);
            if bytes.is_empty() {
                out.extend_from_slice(words.none.as_bytes());
            }
        }
        Value::Text(text) => {
            let kept = utf8::beginning(text, MOST_BYTES * 4);
            left = text.len() - kept.len();
            escape::write(kept, &mut out);
        }
        Value::Made(made) => return said(Value::Text(&made.text()), kind, words),
        Value::Nanoseconds(_) => {
            text::write(value, kind, &mut out);
            out.extend_from_slice(b" s");
        }
        _ => text::write(value, kind, &mut out),
    }
    if left > 0 {
        out.extend_from_slice(format!("… {}", words.count(&words.more_bytes, left as u64)).as_bytes());
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether a layer is the application's bytes, which have no header.
pub fn is_data(protocol: Protocol) -> bool {
    protocol == Protocol::Data
}
