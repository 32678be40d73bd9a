//! One packet explained: each header drawn with its values, each field in words with its RFC, checksums worked out.

mod sum;

use std::io::{self, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::grid::{self, Cell, cells, parts::Part};
use super::style::{Palette, Role};
use super::words::{Words, filled};
use super::{escape, hex, stop, tree};
use crate::field::{self, Entry};
use crate::flow::datagram::Datagram;
use crate::flow::{Event, Facts, Known, secret::Places, whole};
use crate::frame::Frame;
use crate::pipeline::{Next, Sink};
use crate::wire::{self, At, Layers, Packet, Protocol, Stop, Value};

/// Bytes of an application that are shown.
const MOST_DATA: usize = 128;
/// Lines of a field that has many values.
const MOST_VALUES: usize = 16;

/// How a packet is explained.
#[derive(Clone, Debug)]
pub struct Options {
    pub words: &'static Words,
    pub palette: Palette,
    /// Columns of the terminal.
    pub width: usize,
    /// Draw with `+`, `-` and `|`.
    pub ascii: bool,
    /// Explain only the layers of these protocols; empty: all.
    pub only: Vec<Protocol>,
}

impl Options {
    fn wants(&self, protocol: Protocol) -> bool {
        self.only.is_empty() || self.only.contains(&protocol)
    }
}

/// A sink that explains the first packet it is given from one number on, and stops the run there.
pub struct Explain<W> {
    out: W,
    options: Options,
    number: u64,
    /// Whether the packet came, and had a layer to explain.
    pub found: Found,
}

/// What became of the packet that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Found {
    #[default]
    NotYet,
    Explained,
    /// It came, with this number, but has none of the layers asked for; these it has.
    NoSuchLayer(u64, Vec<Protocol>),
}

impl<W: Write> Explain<W> {
    pub fn new(out: W, options: Options, number: u64) -> Self {
        Self { out, options, number, found: Found::NotYet }
    }
}

impl<W: Write> Sink for Explain<W> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        if packet.frame.number < self.number {
            return Ok(Next::GoOn);
        }
        let mut out = Vec::new();
        let any = write(packet, known, &self.options, &mut out);
        self.found = if any {
            if self.options.ascii {
                out = ascii(&out);
            }
            self.out.write_all(&out)?;
            Found::Explained
        } else {
            Found::NoSuchLayer(packet.frame.number, packet.layers.iter().map(|layer| layer.protocol).collect())
        };
        Ok(Next::Stop)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Appends the explanation of one packet. `false` where it has none of the layers asked for.
pub fn write(packet: &Packet<'_>, known: &Known<'_>, options: &Options, out: &mut Vec<u8>) -> bool {
    tree::headline(packet, known, options.palette, options.words, out);
    let mut view = View { options, out };
    let mut any = view.packet(packet, known.facts, true);
    for event in known.events {
        if let Event::Datagram(datagram) = event {
            any |= view.datagram(datagram, &packet.frame);
        }
    }
    any
}

/// The same in ASCII: typographic signs as the RFCs' text writes them, letters of other scripts by their numbers.
pub fn ascii(text: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(text.len());
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '§' => out.push_str("sec. "),
            '→' => out.push_str("->"),
            '⇒' => out.push_str("=>"),
            '⇐' => out.push_str("<="),
            '…' => out.push_str("..."),
            '·' => out.push('.'),
            c if c.is_ascii() => out.push(c),
            c => out.extend(c.escape_unicode()),
        }
    }
    out.into_bytes()
}

struct View<'v> {
    options: &'v Options,
    out: &'v mut Vec<u8>,
}

impl View<'_> {
    fn packet(&mut self, packet: &Packet<'_>, facts: &Facts, with_frame: bool) -> bool {
        let mut any = false;
        let frame = with_frame.then(|| field::frame(packet)).into_iter();
        for at in frame.chain(whole::among(packet, 0, facts)).filter(|at| self.options.wants(at.layer.protocol)) {
            self.layer(&at, facts);
            any = true;
        }
        if let Some(sentence) = stop::sentence(packet, self.options.words) {
            self.out.push(b'\n');
            self.paragraph(0, 0, sentence.split_whitespace().map(|word| (word.to_owned(), Role::Trouble)));
        }
        any
    }

    fn datagram(&mut self, datagram: &Datagram, around: &Frame<'_>) -> bool {
        let (fragments, length) = (datagram.fragments, datagram.bytes.len());
        let mut layers = Layers::new();
        let wire = u32::try_from(length).unwrap_or(u32::MAX);
        let frame = Frame { link: Datagram::LINK, length: wire, data: &datagram.bytes, ..*around };
        let packet = wire::decode(frame, &mut layers);
        if !packet.each().any(|at| self.options.wants(at.layer.protocol)) {
            return false;
        }
        let title = filled(self.options.words.datagram_completed, &[&fragments.to_string(), &length.to_string()]);
        self.out.push(b'\n');
        self.line(Role::Heading, &title);
        self.packet(&packet, &Facts::of_datagram(&packet), false)
    }

    fn line(&mut self, role: Role, text: &str) {
        self.options.palette.begin(role, self.out);
        self.out.extend_from_slice(text.as_bytes());
        self.options.palette.end(role, self.out);
        self.out.push(b'\n');
    }

    /// A line across the screen with the layer's name.
    fn heading(&mut self, at: &At<'_>, index: Option<usize>) {
        let layer = &at.layer;
        let dash = if self.options.ascii { "-" } else { "─" };
        let style = match index {
            Some(index) if self.options.palette.is_colored() => self.options.palette.layer(index).bold(),
            _ => self.options.palette.style(Role::Heading),
        };
        let title = format!("{} ({})", layer.protocol.title(), layer.protocol.name());
        let header = at.header().len();
        let mut place = match (index, layer.header) {
            (None, _) if whole::is_one(at) => format!("{} ", self.options.words.completed),
            (None, _) | (_, 0) => String::new(),
            (_, 1) => filled(self.options.words.field("byte {} "), &[&layer.start.to_string()]),
            (_, bytes) => {
                let (first, last) = (layer.start.to_string(), (layer.start + bytes - 1).to_string());
                filled(self.options.words.field("bytes {}-{} "), &[&first, &last])
            }
        };
        if layer.quoted {
            place.insert_str(0, &format!("{}, ", self.options.words.quoted));
        }
        if header < layer.header as usize {
            place.push_str(self.options.words.field("(cut) "));
        }
        let used = 3 + title.width() + 1 + place.width();
        let rest = dash.repeat(self.options.width.min(110).saturating_sub(used + 3).max(2));
        let faint = self.options.palette.style(Role::Faint);
        let line = format!("\n{dash}{dash} {style}{title}{style:#} {faint}{place}{rest}{faint:#}\n");
        self.out.extend_from_slice(line.as_bytes());
    }

    fn layer(&mut self, at: &At<'_>, facts: &Facts) {
        // What the capture knows, and what lies in several packets, cannot be drawn.
        let is_drawn = at.layer.protocol != Protocol::Frame && !whole::is_one(at);
        self.heading(at, is_drawn.then_some(at.index));
        if !is_drawn {
            return self.fields(at, facts, &[]);
        }
        if tree::is_data(at.layer.protocol) {
            return self.data(at, facts);
        }
        let parts = cells::parts(at);
        if at.layer.protocol.is_application() && parts.is_empty() && !has_places(at.layer.protocol) {
            // Text has no places that a grid could draw.
            self.data(at, facts);
            self.out.push(b'\n');
            return self.fields(at, facts, &[]);
        }
        let Options { palette, width, ascii, .. } = *self.options;
        let cells = cells::of(at, &parts);
        let named = self.named(&cells);
        grid::write(
            &named,
            grid::Options { palette, width, ascii, index: at.index, words: self.options.words },
            self.out,
        );
        self.missing(at);
        self.out.push(b'\n');
        self.fields(at, facts, &parts);
        self.parts(&parts);
        sum::write(at, &cells, facts.secrets.any, self.options, self.out);
    }

    /// The cells of a grid in the language that was chosen: names, and what stands behind numbers.
    fn named(&self, cells: &[Cell]) -> Vec<Cell> {
        let words = self.options.words;
        let value = |value: &String| match value.strip_suffix(')').and_then(|value| value.split_once(" (")) {
            Some((number, meaning)) => format!("{number} ({})", words.text(meaning)),
            None => value.clone(),
        };
        let each = cells.iter().map(|cell| Cell {
            names: cell.names.iter().map(|name| words.text(name)).collect(),
            values: cell.values.iter().map(value).collect(),
            ..cell.clone()
        });
        each.collect()
    }

    /// Where the header is cut: what it lacks.
    fn missing(&mut self, at: &At<'_>) {
        let last = at.packet.layers.len() == at.index + 1;
        if let Stop::Truncated { protocol, needs, has, .. } = at.packet.stop
            && last
            && protocol == at.layer.protocol
        {
            let missing = needs.saturating_sub(has);
            let told = filled(self.options.words.missing, &[&missing.to_string(), &needs.to_string()]);
            self.line(Role::Trouble, &format!("     {told}"));
        }
    }

    fn data(&mut self, at: &At<'_>, facts: &Facts) {
        let bytes = at.header();
        let kept = bytes.get(..MOST_DATA).unwrap_or(bytes);
        let (start, secrets) = (at.layer.start as usize, Places::of(at.packet, facts));
        let is_secret = |place: usize| secrets.contains(start + place);
        let mut text = Vec::new();
        escape::write(&secrets.covered(kept, start), &mut text);
        if is_text(kept) {
            // Before it is measured: an escaped letter is longer.
            let text = if self.options.ascii { ascii(&text) } else { text };
            let quoted = format!("\"{}\"", String::from_utf8_lossy(&text));
            for line in rows(&quoted, self.options.width.clamp(60, 100) - 6) {
                self.out.extend_from_slice(b"  ");
                self.line(Role::Data, &line);
            }
        }
        for (line, row) in kept.chunks(16).enumerate() {
            let style = self.options.palette.layer(at.index);
            let is_secret = |place: usize| is_secret(line * 16 + place);
            hex::plain_line(line * 16, row, is_secret, style, self.options.palette, self.out);
        }
        let left = bytes.len() - kept.len();
        if left > 0 {
            self.line(
                Role::Faint,
                &format!("  {}", self.options.words.count(&self.options.words.more_bytes, left as u64)),
            );
        }
    }

    /// Every field one line: name, value, what it means, where that is laid down.
    fn fields(&mut self, at: &At<'_>, facts: &Facts, parts: &[Part]) {
        let secrets = Places::of(at.packet, facts);
        let told_below = parts.iter().any(|part| !part.title.is_empty());
        for entry in field::of(at.layer.protocol) {
            if told_below && is_told_by_parts(entry.name()) || is_told_by_sums(entry.name()) {
                continue;
            }
            let mut count = 0;
            entry.each_in_layer(at, facts, &mut |value| {
                count += 1;
                if count <= MOST_VALUES {
                    self.field(&entry, at, secrets.shown(value));
                }
                true
            });
            if count > MOST_VALUES {
                self.line(Role::Faint, &filled(self.options.words.and_more, &[&(count - MOST_VALUES).to_string()]));
            }
        }
    }

    fn field(&mut self, entry: &Entry, at: &At<'_>, value: Value<'_>) {
        let words = self.options.words;
        let (label, help) = (words.field(entry.label()), words.field(entry.help()));
        let shown = tree::meant(entry, at, value, words);
        let shown = if entry.computed() { format!("[{shown}]") } else { shown };
        // A number that has a name needs no explanation of what the number is for.
        match tree::in_words(entry, value) {
            Some(meaning) => self.row(label, &shown, &capital(words.field(meaning)), "", entry.source()),
            // What a flag says, it says only where it is set.
            None if value == Value::Bool(false) && !entry.help().starts_with("Must") => {
                self.row(label, &shown, "", &filled(words.if_set, &[&uncapital(help)]), entry.source());
            }
            None => self.row(label, &shown, "", help, entry.source()),
        }
    }

    fn parts(&mut self, parts: &[Part]) {
        let told: Vec<&Part> = parts.iter().filter(|part| !part.title.is_empty()).collect();
        if told.is_empty() {
            return;
        }
        for part in told {
            let (title, meaning) = (self.options.words.text(&part.title), self.options.words.text(&part.meaning));
            self.row(&capital(&title), &part.value, "", meaning.trim_end_matches('.'), part.source);
        }
    }

    fn row(&mut self, label: &str, value: &str, words: &str, help: &str, source: &str) {
        let (values, meaning) = self.columns();
        let mut value = std::borrow::Cow::Borrowed(value);
        if self.options.ascii {
            // Before it is measured; the rest is made ASCII at the end.
            value = String::from_utf8_lossy(&ascii(value.as_bytes())).into_owned().into();
        }
        let mut line = format!("  {label}");
        line.extend(std::iter::repeat_n(' ', values.saturating_sub(line.width()).max(1)));
        self.out.extend_from_slice(line.as_bytes());
        let mut used = line.width();
        let width = self.options.width.clamp(60, 120);
        // Long ones (a group and its sources) go on below, where values begin.
        for (number, piece) in pieces(&value, width - used, width - values).iter().enumerate() {
            if number > 0 {
                self.out.push(b'\n');
                self.out.extend(std::iter::repeat_n(b' ', values));
                used = values;
            }
            self.options.palette.begin(Role::Heading, self.out);
            self.out.extend_from_slice(piece.as_bytes());
            self.options.palette.end(Role::Heading, self.out);
            used += piece.width();
        }
        let words = words.split_whitespace().map(|word| (word.to_owned(), Role::Data));
        let help = help.split_whitespace().map(|word| (word.to_owned(), Role::Plain));
        let mut source = if source.is_empty() || source == "capture" { String::new() } else { format!("({source})") };
        if self.options.ascii {
            source = source.replace('§', "sec. ");
        }
        // Kept together where it fits in a line.
        let fits = source.width() <= self.options.width.clamp(60, 120) - meaning;
        let source = source.split(move |c| c == ' ' && !fits).filter(|word| !word.is_empty());
        let source: Vec<(String, Role)> = source.map(|word| (word.to_owned(), Role::Faint)).collect();
        if used + 1 > meaning {
            self.out.push(b'\n');
            used = 0;
        }
        self.out.extend(std::iter::repeat_n(b' ', meaning - used));
        self.paragraph(meaning, meaning, words.chain(help).chain(source));
    }

    /// Where values and meanings begin.
    fn columns(&self) -> (usize, usize) {
        if self.options.width >= 100 { (35, 52) } else { (27, 44) }
    }

    /// Words in lines, the first of which has begun at column `at`, the others begin at `indent`.
    fn paragraph(&mut self, at: usize, indent: usize, words: impl Iterator<Item = (String, Role)>) {
        let width = self.options.width.clamp(60, 120);
        let mut column = at;
        if at == indent && self.out.last() == Some(&b'\n') {
            self.out.extend(std::iter::repeat_n(b' ', indent));
        }
        let mut first = true;
        for (word, role) in words {
            if !first && column + 1 + word.width() > width {
                self.out.push(b'\n');
                self.out.extend(std::iter::repeat_n(b' ', indent));
                column = indent;
                first = true;
            }
            if !first {
                self.out.push(b' ');
                column += 1;
            }
            self.options.palette.begin(role, self.out);
            self.out.extend_from_slice(word.as_bytes());
            self.options.palette.end(role, self.out);
            column += word.width();
            first = false;
        }
        self.out.push(b'\n');
    }
}

/// A text in pieces of so many columns at most, divided between words where it can be.
fn pieces(text: &str, first: usize, others: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut room = first;
    for word in text.split_inclusive(' ') {
        let fits = |room: usize, word: &str| word.trim_end().width() <= room;
        if !fits(room, word) && fits(others, word) {
            pieces.push(String::new());
            room = others;
        }
        for letter in word.chars() {
            let columns = letter.width().unwrap_or(0);
            if columns > room {
                pieces.push(String::new());
                room = others;
                // The blank at which the text is divided.
                if letter == ' ' {
                    continue;
                }
            }
            room = room.saturating_sub(columns);
            if let Some(piece) = pieces.last_mut() {
                piece.push(letter);
            }
        }
    }
    pieces.iter().map(|piece| piece.trim_end().to_owned()).collect()
}

/// Whether three of four letters, of any script, are shown as they are.
fn is_text(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let plain = |c: &char| matches!(c, '\n' | '\r' | '\t') || *c != '\u{fffd}' && !escape::acts(*c);
    text.chars().filter(plain).count() * 4 >= text.chars().count() * 3
}

/// A text in rows of so many columns at most; every letter of it is kept.
fn rows(text: &str, columns: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut room = columns;
    for letter in text.chars() {
        let wide = letter.width().unwrap_or(0);
        if wide > room {
            rows.push(String::new());
            room = columns;
        }
        room = room.saturating_sub(wide);
        if let Some(row) = rows.last_mut() {
            row.push(letter);
        }
    }
    rows
}

/// The first letter of a sentence.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The sentence after a colon; a word in capitals stays.
fn uncapital(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

/// Whether any of its fields has a place of its own.
fn has_places(protocol: Protocol) -> bool {
    field::of(protocol).any(|entry| entry.bits().is_some())
}

/// Fields that the options' or records' own lines tell better.
fn is_told_by_parts(name: &str) -> bool {
    let beginnings =
        ["tcp.option", "ip.opt.", "ipv6.hopopts.opt", "ipv6.dstopts.opt", "icmpv6.opt.", "icmpv6.mldr.mar."];
    beginnings.iter().any(|beginning| name.starts_with(beginning))
        || matches!(name, "igmp.record_type" | "igmp.maddr" | "igmp.num_src" | "igmp.saddr")
}

/// Fields that the worked-out sum tells better.
fn is_told_by_sums(name: &str) -> bool {
    name.ends_with(".checksum.status") || name == "netlab.checksum.verdict"
}
