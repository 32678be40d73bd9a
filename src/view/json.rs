//! JSON: one flat object a line, its keys the names of fields.
//!
//! Numbers are numbers (times with nine decimals), flags `true` and `false`; addresses, bytes and text are strings. A
//! field that occurs several times has an array, whichever protocols and layers its values came from. What happened is
//! in `netlab.events`, why decoding ended early in `netlab.stop`.
//!
//! Always valid JSON in printable characters, and UTF-8 whatever the bytes: what is not UTF-8 stands as `\u00XX` a byte.

use std::io::{self, Write};

use super::words::ENGLISH;
use super::{escape, stop};
use crate::field::{self, Entry, text};
use crate::flow::secret::Places;
use crate::flow::{Event, Facts, Known};
use crate::pipeline::{Next, Sink};
use crate::wire::{At, Kind, Layer, Packet, Protocol, Value};

const _: () = assert!(Protocol::ALL.len() <= u128::BITS as usize, "a plan has a bit for each protocol");

/// Written out when it holds this much.
const CHUNK: usize = 1 << 16;

/// Said of both ends together as well: that is what programs ask for.
const PROGRAMS: &str = "netlab.process.";

/// A sink that writes an object a packet.
pub struct Json<W> {
    out: W,
    buffer: Vec<u8>,
    plans: Vec<Plan>,
    /// Which names are written already, in a packet with several layers of one kind.
    done: Vec<bool>,
}

/// What to write for a layer of one protocol.
struct Plan {
    columns: Vec<Column>,
    /// Protocols, by their number, that declare one of the same names.
    shares: u128,
}

struct Column {
    /// `,"name":`, ready to be written; the first comma of an object is made its brace.
    key: Box<[u8]>,
    /// The same with the values of a flag.
    yes: Box<[u8]>,
    no: Box<[u8]>,
    /// A layer may have several values.
    repeats: bool,
    entry: Entry,
    /// Its name's number.
    name: usize,
}

impl<W: Write> Json<W> {
    pub fn new(out: W) -> Self {
        let mut names: Vec<&'static str> = Vec::new();
        let mut plans: Vec<Plan> = Protocol::ALL.iter().map(|_| Plan { columns: Vec::new(), shares: 0 }).collect();
        for entry in field::all().filter(|entry| !entry.combined() || entry.name().starts_with(PROGRAMS)) {
            let name = names.iter().position(|name| *name == entry.name()).unwrap_or_else(|| {
                names.push(entry.name());
                names.len() - 1
            });
            let key = |value: &str| format!(",\"{}\":{value}", entry.name()).into_bytes().into_boxed_slice();
            let (key, yes, no, repeats) = (key(""), key("true"), key("false"), entry.repeats());
            if let Some(plan) = plans.get_mut(entry.protocol as usize) {
                plan.columns.push(Column { key, yes, no, repeats, entry, name });
            }
        }
        for place in 0..plans.len() {
            let own: Vec<usize> = plans.get(place).into_iter().flat_map(|plan| &plan.columns).map(|c| c.name).collect();
            let shares = plans.iter().enumerate().fold(0, |shares, (other, plan)| {
                let common = plan.columns.iter().any(|column| own.contains(&column.name));
                if common { shares | 1 << other } else { shares }
            });
            if let Some(plan) = plans.get_mut(place) {
                plan.shares = shares;
            }
        }
        let done = vec![false; names.len()];
        Self { out, buffer: Vec::with_capacity(CHUNK + 4096), plans, done }
    }

    fn plan<'p>(plans: &'p [Plan], layer: &Layer) -> &'p [Column] {
        plans.get(layer.protocol as usize).map_or(&[], |plan| &plan.columns)
    }

    /// Whether no name occurs in two layers of this packet, so that they can be written as they come.
    fn is_plain(&self, packet: &Packet<'_>) -> bool {
        let mut seen = 0u128;
        packet.layers.iter().all(|layer| {
            let shares = self.plans.get(layer.protocol as usize).map_or(0, |plan| plan.shares);
            let fresh = seen & shares == 0;
            seen |= 1 << layer.protocol as u64;
            fresh
        })
    }

    fn plain(&mut self, packet: &Packet<'_>, facts: &Facts) {
        let secrets = Places::of(packet, facts);
        for at in field::layers(packet, facts) {
            for column in Self::plan(&self.plans, &at.layer) {
                if column.repeats {
                    let mut values = Values::new(&mut self.buffer, &column.key);
                    column.entry.each_in_layer(&at, facts, &mut |value| values.push(secrets.shown(value)));
                    values.end();
                    continue;
                }
                match column.entry.first_in_layer(&at, facts).map(|value| secrets.shown(value)) {
                    None => {}
                    Some(Value::Bool(true)) => self.buffer.extend_from_slice(&column.yes),
                    Some(Value::Bool(false)) => self.buffer.extend_from_slice(&column.no),
                    Some(value) => {
                        self.buffer.extend_from_slice(&column.key);
                        write_value(value, &mut self.buffer);
                    }
                }
            }
        }
    }

    /// A packet in which names repeat: all values of a name are gathered where it is first met.
    fn merged(&mut self, packet: &Packet<'_>, facts: &Facts) {
        self.done.fill(false);
        let secrets = Places::of(packet, facts);
        let layers: Vec<At<'_>> = field::layers(packet, facts).collect();
        for (place, at) in layers.iter().enumerate() {
            for column in Self::plan(&self.plans, &at.layer) {
                let Some(done) = self.done.get_mut(column.name) else { continue };
                if std::mem::replace(done, true) {
                    continue;
                }
                let mut values = Values::new(&mut self.buffer, &column.key);
                for later in layers.iter().skip(place) {
                    let same = Self::plan(&self.plans, &later.layer).iter().filter(|other| other.name == column.name);
                    for other in same {
                        other.entry.each_in_layer(later, facts, &mut |value| values.push(secrets.shown(value)));
                    }
                }
                values.end();
            }
        }
    }
}

impl<W: Write> Sink for Json<W> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        let start = self.buffer.len();
        if known.facts.wholes.is_empty() && self.is_plain(packet) {
            self.plain(packet, known.facts);
        } else {
            self.merged(packet, known.facts);
        }
        if let Some((first, rest)) = known.events.split_first() {
            self.buffer.extend_from_slice(b",\"netlab.events\":[\"");
            self.buffer.extend_from_slice(identifier(first).as_bytes());
            for event in rest {
                self.buffer.extend_from_slice(b"\",\"");
                self.buffer.extend_from_slice(identifier(event).as_bytes());
            }
            self.buffer.extend_from_slice(b"\"]");
        }
        if let Some(sentence) = stop::sentence(packet, &ENGLISH) {
            self.buffer.extend_from_slice(b",\"netlab.stop\":");
            string(sentence.as_bytes(), &mut self.buffer);
        }
        // Every object has at least the frame's number, so its first byte is a comma.
        if let Some(first) = self.buffer.get_mut(start) {
            *first = b'{';
        }
        self.buffer.extend_from_slice(b"}\n");
        if self.buffer.len() >= CHUNK {
            super::write_out(&mut self.buffer, &mut self.out)?;
        }
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        super::write_out(&mut self.buffer, &mut self.out)?;
        self.out.flush()
    }
}

/// The name of an event for programs.
pub fn identifier(event: &Event) -> &'static str {
    match event {
        Event::Opening { step: 1, .. } => "opening.asks",
        Event::Opening { step: 2, .. } => "opening.agrees",
        Event::Opening { .. } => "opening.done",
        Event::Crossing { step: 1 } => "opening.crosses",
        Event::Crossing { step: 2 } => "opening.agrees",
        Event::Crossing { .. } => "opening.done",
        Event::Refused => "refused",
        Event::Closing { by_client: true, .. } => "closing.client",
        Event::Closing { by_client: false, .. } => "closing.server",
        Event::Closed => "closed",
        Event::Reset { by_client: true, .. } => "reset.client",
        Event::Reset { by_client: false, .. } => "reset.server",
        Event::Datagram(_) => "datagram.whole",
    }
}

/// The values of one key: a single one bare, several in an array, none not at all.
struct Values<'b> {
    buffer: &'b mut Vec<u8>,
    key: &'b [u8],
    /// Where the first value begins.
    start: usize,
    count: usize,
}

impl<'b> Values<'b> {
    #[inline]
    fn new(buffer: &'b mut Vec<u8>, key: &'b [u8]) -> Self {
        Self { buffer, key, start: 0, count: 0 }
    }

    #[inline]
    fn push(&mut self, value: Value<'_>) -> bool {
        match self.count {
            0 => {
                self.buffer.extend_from_slice(self.key);
                self.start = self.buffer.len();
            }
            1 => {
                self.buffer.insert(self.start, b'[');
                self.buffer.push(b',');
            }
            _ => self.buffer.push(b','),
        }
        self.count += 1;
        write_value(value, self.buffer);
        true
    }

    #[inline]
    fn end(self) {
        match self.count {
            0 | 1 => {}
            _ => self.buffer.push(b']'),
        }
    }
}

#[inline]
fn write_value(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Uint(number) => text::decimal(number, out),
        Value::Int(_) | Value::Nanoseconds(_) => text::write(value, Kind::Int, out),
        Value::Bool(yes) => out.extend_from_slice(if yes { b"true" } else { b"false" }),
        Value::Text(bytes) => string(bytes, out),
        Value::Made(made) => string(&made.text(), out),
        Value::Ipv4(_) | Value::Ipv6(_) | Value::Mac(_) | Value::Bytes(_) => {
            out.push(b'"');
            text::write(value, Kind::Bytes, out);
            out.push(b'"');
        }
    }
}

/// ASCII that stands for itself in a JSON string.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Bytes as a JSON string.
pub fn string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    // Most text is plain, and can be copied as it is.
    let plain = bytes.iter().take_while(|byte| PLAIN[usize::from(**byte)]).count();
    let (plain, bytes) = bytes.split_at(plain);
    out.extend_from_slice(plain);
    if bytes.is_empty() {
        out.push(b'"');
        return;
    }
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                ' '..='~' => out.push(c as u8),
                // The dot of `tcp.flags.str`, many a packet.
                '·' => out.extend_from_slice("·".as_bytes()),
                c if escape::acts(c) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                    }
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for byte in chunk.invalid() {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        string(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_valid_and_printable_whatever_the_bytes() {
        assert_eq!(quoted(b"a\"b\\c\n\x1b"), r#""a\"b\\c\n\u001b""#);
        assert_eq!(quoted(b"\xff\xc3("), r#""\u00ff\u00c3(""#);
        assert_eq!(quoted("ћ🙂\u{9b}\u{e0001}".as_bytes()), "\"ћ🙂\\u009b\\udb40\\udc01\"");
    }

    #[test]
    fn several_values_make_an_array() {
        let mut out = Vec::new();
        let mut values = Values::new(&mut out, b",\"k\":");
        values.push(Value::Uint(1));
        values.push(Value::Bool(true));
        values.push(Value::Nanoseconds(1_500_000_000));
        values.end();
        assert_eq!(out, b",\"k\":[1,true,1.500000000]");
    }
}
