//! Datagrams to groups as `netlab multicast` sends and hears them, and what IGMP and MLD say meanwhile, in the columns of
//! capture's lines: number, time, who to whom, protocol, what it is. Also as JSON.
//!
//! Guarantee: text from the wire is escaped, and where there is a terminal each line fits it.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::lines::{Described, quoted};
use super::object::Object;
use super::style::{Palette, Role};
use super::{escape, wrap};
use crate::engine::multicast::{Heard, Mark, Order, Sender};
use crate::frame::Timestamp;

/// How lines are to look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub palette: Palette,
    /// Columns of the terminal; `None`: lines are as long as they are.
    pub width: Option<usize>,
    /// When it began: times are told from here on.
    pub from: Timestamp,
}

/// A datagram, with what its sender or its receiver knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub number: u64,
    pub time: Timestamp,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub ttl: Option<u8>,
    /// The interface's name.
    pub interface: Option<&'a str>,
    pub bytes: &'a [u8],
}

/// Columns of the endpoints, and below which number and time are shorter, as in capture's lines.
const ENDS: usize = 32;
const NARROW: usize = 100;

impl Look {
    fn is_narrow(&self) -> bool {
        self.width.is_some_and(|width| width < NARROW)
    }

    /// The first columns; how many they are.
    fn begin(&self, number: u64, time: Timestamp, ends: &str, protocol: (Role, &str), out: &mut Vec<u8>) -> usize {
        let faint = self.palette.style(Role::Faint);
        let seconds = time.since(self.from).max(0) as f64 / 1e9;
        let (start, column) = if self.is_narrow() {
            (format!("{number:4} {seconds:6.3}"), 4)
        } else {
            (format!("{number:5} {seconds:10.6}"), 6)
        };
        let ends = format!("{ends}{:width$}", "", width = ENDS.saturating_sub(ends.width()));
        let (style, protocol) = (self.palette.style(protocol.0), protocol.1);
        let padding = column - protocol.len().min(column);
        // A vector takes all that is written to it.
        let _ = write!(out, "{faint}{start}{faint:#} {ends} {style}{protocol}{style:#}{:padding$}", "");
        start.width() + ends.width() + 2 + protocol.len() + padding
    }

    /// Pieces with two blanks between them, as many in a line as fit.
    fn pieces(&self, begun: usize, pieces: &[(Role, String)], out: &mut Vec<u8>) {
        let indent = if self.is_narrow() { 12 } else { 17 };
        let mut column = begun;
        for (place, (role, text)) in pieces.iter().enumerate() {
            let text = &self.fitted(text, indent);
            let gap = if place == 0 { 1 } else { 2 };
            let fits = self.width.is_none_or(|width| column + gap + text.width() <= width);
            if fits {
                out.resize(out.len() + gap, b' ');
                column += gap;
            } else {
                out.push(b'\n');
                out.resize(out.len() + indent, b' ');
                column = indent;
            }
            self.palette.begin(*role, out);
            wrap::hanging(text, self.width.unwrap_or(usize::MAX), column, indent, out);
            self.palette.end(*role, out);
            column += text.width();
        }
        out.push(b'\n');
    }

    /// The text, cut where a word of it is longer than a line: escaped bytes take four columns each.
    fn fitted(&self, text: &str, indent: usize) -> String {
        let room = self.width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(2));
        if text.split(' ').all(|word| word.width() <= room) {
            return text.to_owned();
        }
        let mut columns = 0;
        let fits = |one: &char| {
            columns += one.width().unwrap_or(0);
            columns < room
        };
        text.chars().take_while(fits).chain(['…']).collect()
    }

    /// A datagram that was sent, or came.
    fn datagram(&self, shown: &Shown<'_>, text: &[u8], more: Vec<(Role, String)>, out: &mut Vec<u8>) {
        let ends = format!("{} → {}", shown.from, shown.to);
        let begun = self.begin(shown.number, shown.time, &ends, (Role::Data, "UDP"), out);
        let said = if text.is_empty() { format!("len {}", shown.bytes.len()) } else { quoted(text) };
        let mut pieces = vec![(Role::Plain, said)];
        pieces.extend(more);
        if let Some(ttl) = shown.ttl {
            pieces.push((Role::Plain, format!("ttl {ttl}")));
        }
        if let Some(interface) = shown.interface {
            pieces.push((Role::Plain, escape::text(interface)));
        }
        self.pieces(begun, &pieces, out);
    }

    /// One that was sent.
    pub fn sent(&self, shown: &Shown<'_>, out: &mut Vec<u8>) {
        match Mark::decode(shown.bytes) {
            Some((text, mark)) => self.datagram(shown, text, vec![number(mark)], out),
            None => self.datagram(shown, shown.bytes, Vec::new(), out),
        }
    }

    /// One that came.
    pub fn heard(&self, shown: &Shown<'_>, heard: &Heard<'_>, out: &mut Vec<u8>) {
        match heard {
            Heard::Plain => self.datagram(shown, shown.bytes, Vec::new(), out),
            Heard::Counted { text, mark, order } => {
                let mut more = vec![number(*mark)];
                more.extend(order_words(*order, mark.number).map(|words| (Role::Trouble, words)));
                self.datagram(shown, text, more, out);
            }
            Heard::Uncounted { text, mark } => {
                let words = "not counted: too many senders".to_owned();
                self.datagram(shown, text, vec![number(*mark), (Role::Faint, words)], out);
            }
        }
    }

    /// A message of IGMP or MLD.
    pub fn message(
        &self,
        (number, time): (u64, Timestamp),
        ends: (IpAddr, IpAddr),
        described: &Described,
        out: &mut Vec<u8>,
    ) {
        let ends = format!("{} → {}", ends.0, ends.1);
        let begun = self.begin(number, time, &ends, (described.role, described.protocol), out);
        let mut pieces = vec![(Role::Plain, described.header.clone())];
        if !described.words.is_empty() {
            pieces.push((described.role, described.words.clone()));
        }
        self.pieces(begun, &pieces, out);
    }

    /// A sentence.
    pub fn note(&self, text: &str, out: &mut Vec<u8>) {
        wrap::hanging(&escape::text(text), self.width.unwrap_or(usize::MAX), 0, 2, out);
        out.push(b'\n');
    }
}

fn number(mark: Mark) -> (Role, String) {
    (Role::Plain, format!("#{}", mark.number))
}

/// What is wrong with the order, in words; nothing where it is right.
fn order_words(order: Order, number: u32) -> Option<String> {
    match order {
        Order::First | Order::Next => None,
        Order::Ahead { missing: 1 } => Some(format!("#{} is missing: lost, or late", number.wrapping_sub(1))),
        Order::Ahead { missing } => {
            let (first, last) = (number.wrapping_sub(missing), number.wrapping_sub(1));
            Some(format!("#{first} to #{last} are missing: lost, or late"))
        }
        Order::Late { by } => Some(format!("late: it comes after #{}", number.wrapping_add(by))),
        Order::Doubled => Some("doubled: it came before".to_owned()),
        Order::Old => Some("much too late: nobody knows whether it came before".to_owned()),
    }
}

/// What was counted of a sender, in a sentence.
pub fn counted(sender: &Sender) -> String {
    let counts = sender.window.counts();
    let share = 100.0 * counts.lost as f64 / counts.expected.max(1) as f64;
    let who = sender.who;
    let old = if counts.old > 0 { format!(", {} too old to say", counts.old) } else { String::new() };
    format!(
        "{} to {}, run {:08x}: {} of {} heard, {} lost ({share:.1}%), {} doubled, {} late{old}",
        who.from, who.to, who.run, counts.received, counts.expected, counts.lost, counts.doubled, counts.late
    )
}

/// The fields of a datagram as JSON.
fn base(event: &str, shown: &Shown<'_>, text: &[u8], object: &mut Object<'_>) {
    object.string("event", event);
    object.seconds("time", shown.time.0, 6);
    object.number("number", shown.number);
    object.string("from", &shown.from.to_string());
    object.string("to", &shown.to.to_string());
    if let Some(ttl) = shown.ttl {
        object.number("ttl", ttl.into());
    }
    if let Some(interface) = shown.interface {
        object.string("interface", interface);
    }
    object.number("length", shown.bytes.len() as u64);
    object.bytes("text", text);
}

fn marked(mark: Mark, object: &mut Object<'_>) {
    object.string("run", &format!("{:08x}", mark.run));
    object.number("sequence", mark.number.into());
}

/// One that was sent, or that came back to its sender (`event`).
pub fn sent_object(event: &str, shown: &Shown<'_>, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    match Mark::decode(shown.bytes) {
        Some((text, mark)) => {
            base(event, shown, text, &mut object);
            marked(mark, &mut object);
        }
        None => base(event, shown, shown.bytes, &mut object),
    }
    object.end();
}

/// One that came.
pub fn heard_object(shown: &Shown<'_>, heard: &Heard<'_>, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    match heard {
        Heard::Plain => base("datagram", shown, shown.bytes, &mut object),
        Heard::Counted { text, mark, order } => {
            base("datagram", shown, text, &mut object);
            marked(*mark, &mut object);
            let (name, detail) = match order {
                Order::First => ("first", None),
                Order::Next => ("next", None),
                Order::Ahead { missing } => ("ahead", Some(("missing", *missing))),
                Order::Late { by } => ("late", Some(("by", *by))),
                Order::Doubled => ("doubled", None),
                Order::Old => ("old", None),
            };
            object.string("order", name);
            if let Some((key, value)) = detail {
                object.number(key, value.into());
            }
        }
        Heard::Uncounted { text, mark } => {
            base("datagram", shown, text, &mut object);
            marked(*mark, &mut object);
            object.string("order", "uncounted");
        }
    }
    object.end();
}

/// A message of IGMP or MLD.
pub fn message_object(time: Timestamp, interface: &str, ends: (IpAddr, IpAddr), said: &Described, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.string("event", "message");
    object.seconds("time", time.0, 6);
    object.string("interface", interface);
    object.string("from", &ends.0.to_string());
    object.string("to", &ends.1.to_string());
    object.string("protocol", said.protocol);
    object.string("what", &said.header);
    object.string("says", &said.words);
    object.end();
}

/// What was counted of a sender.
pub fn counted_object(sender: &Sender, out: &mut Vec<u8>) {
    let (who, counts) = (sender.who, sender.window.counts());
    let mut object = Object::new(out);
    object.string("event", "sender");
    object.string("from", &who.from.to_string());
    object.string("to", &who.to.to_string());
    object.string("run", &format!("{:08x}", who.run));
    for (key, value) in [
        ("expected", counts.expected),
        ("received", counts.received),
        ("lost", counts.lost),
        ("doubled", counts.doubled),
        ("late", counts.late),
        ("old", counts.old),
    ] {
        object.number(key, value);
    }
    object.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> Shown<'_> {
        Shown {
            number: 3,
            time: Timestamp(1_500_000_000),
            from: ([10, 0, 5, 1], 40_000).into(),
            to: ([239, 1, 2, 3], 5000).into(),
            ttl: Some(1),
            interface: Some("lan0"),
            bytes,
        }
    }

    fn look(width: Option<usize>) -> Look {
        Look { palette: Palette::new(false), width, from: Timestamp(1_000_000_000) }
    }

    fn line(width: Option<usize>, text: &[u8], order: Order) -> String {
        let (mark, mut out) = (Mark { run: 7, number: 5 }, Vec::new());
        look(width).heard(&shown(&mark.encode(text)), &Heard::Counted { text, mark, order }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_has_capture_s_columns_and_all_that_is_known() {
        let expected = "    3   0.500000 10.0.5.1:40000 → 239.1.2.3:5000  UDP    \"Hey all!\"  #5  ttl 1  lan0\n";
        assert_eq!(line(None, b"Hey all!", Order::Next), expected);
        let expected = "   3  0.500 10.0.5.1:40000 → 239.1.2.3:5000  UDP  \"Hey all!\"  #5  ttl 1  lan0\n";
        assert_eq!(line(Some(80), b"Hey all!", Order::Next), expected);
    }

    #[test]
    fn what_is_wrong_with_the_order_is_said_and_every_line_fits() {
        for (order, words) in [
            (Order::Ahead { missing: 1 }, "#4 is missing"),
            (Order::Ahead { missing: 3 }, "#2 to #4 are missing"),
            (Order::Late { by: 2 }, "late: it comes after #7"),
            (Order::Doubled, "doubled"),
        ] {
            for width in [80, 120] {
                for byte in [b'x', 0xff] {
                    let text = line(Some(width), &[byte; 300], order);
                    assert!(text.contains(words), "{text}");
                    assert!(text.lines().all(|line| line.width() <= width), "{width}: {text}");
                }
            }
        }
    }

    #[test]
    fn nothing_from_the_wire_commands_the_terminal() {
        let bytes = b"\x1b[2J\xc2\x9b\n\xe2\x80\xae";
        let mut out = Vec::new();
        look(None).heard(&shown(bytes), &Heard::Plain, &mut out);
        heard_object(&shown(bytes), &Heard::Plain, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 2, "{text:?}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{9b}') && !text.contains('\u{202e}'), "{text:?}");
    }
}
