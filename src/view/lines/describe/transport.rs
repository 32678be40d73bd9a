//! TCP segments, UDP datagrams and the text in them.

use super::{Keep, Line, of_transfer, short};
use crate::field::text;
use crate::flow::secret::Places;
use crate::flow::tcp::Facts;
use crate::flow::{self, Event, course, whole};
use crate::view::escape;
use crate::view::findings;
use crate::view::style::Role;
use crate::view::words::fill;
use crate::wire::application::{self, Tone};
use crate::wire::{At, Packet, Protocol, checksum, tcp, utf8};

/// Bytes of application text that a line shows at most.
const TEXT: usize = 60;
/// Bytes that are shown of data that are no text.
const BYTES: usize = 8;
/// Messages of one packet that a line tells, and bytes of what they say.
const MESSAGES: usize = 4;
const TOLD: usize = 160;
/// Stands in the place of a password.
pub const COVERED: &[u8] = b"***";

impl<'a> Line<'a> {
    /// A segment, and what an application says in it; the name of its protocol.
    pub(super) fn tcp(&mut self, at: &At<'a>) -> &'static str {
        let (Some(header), Some(facts)) = (tcp::Header::new(at), self.known.facts.tcp.as_ref()) else { return "TCP" };
        let flags = header.flags();
        self.parts.add(Keep::Flags, Role::Plain, |out| named(flags, out));
        let marks = flags.any(tcp::Flags::SYN | tcp::Flags::FIN | tcp::Flags::RST);
        if header.length > 0 || marks {
            self.number(Keep::Number, b"seq ", facts.sequence);
        }
        if flags.any(tcp::Flags::ACK) {
            self.number(Keep::Number, b"ack ", facts.acknowledgment);
        }
        if header.length > 0 {
            self.role = Role::Data;
            self.number(Keep::Number, b"len ", header.length);
        }
        if header.length == 0 || marks {
            self.number(Keep::Detail, b"win ", facts.window);
        }
        if flags.any(tcp::Flags::SYN) {
            self.options(&header);
        }
        self.checksum(checksum::tcp(at));
        let protocol = self.application(at);
        self.carried(at);
        if self.known.facts.transfer.is_some() && (header.length > 0 || facts.first) {
            self.transfer();
        }
        if facts.analysis.marks.0 != 0 || facts.analysis.twice.is_some() {
            self.analysis(facts);
        }
        self.events();
        if facts.oversized {
            self.say(Role::Plain, self.words.oversized, &[]);
        }
        protocol.unwrap_or("TCP")
    }

    pub(super) fn options(&mut self, header: &tcp::Header<'_>) {
        for option in tcp::options(header.options) {
            match (option.kind, option.data) {
                (tcp::MAXIMUM_SEGMENT_SIZE, [high, low]) => {
                    self.number(Keep::Detail, b"mss ", u16::from_be_bytes([*high, *low]));
                }
                (tcp::WINDOW_SCALE, [shift]) => self.number(Keep::Detail, b"wscale ", *shift),
                (tcp::SACK_PERMITTED, _) => {
                    self.parts.add(Keep::Detail, Role::Faint, |out| out.extend_from_slice(b"sack"));
                }
                _ => {}
            }
        }
    }

    /// What FTP wanted the connection for.
    #[cold]
    fn transfer(&mut self) {
        if let Some(transfer) = &self.known.facts.transfer {
            let words = self.words;
            self.parts.add(Keep::Answer, Role::Faint, |out| of_transfer(transfer, words, out));
        }
    }

    /// The words for what the flow table says happened.
    pub(super) fn events(&mut self) {
        for event in self.known.events {
            let Some((role, said)) = self.words.event(event) else { continue };
            if let Event::Opening { after: Some(after), .. } = event {
                self.parts.add(Keep::Detail, Role::Faint, |out| {
                    out.extend_from_slice(b"after ");
                    text::seconds(*after, 6, out);
                    out.extend_from_slice(b" s");
                });
            }
            match self.words.reason(event) {
                Some(reason) => self.say(role, "{}: {}", &[said.as_bytes(), reason.as_bytes()]),
                None => self.say(role, said, &[]),
            }
        }
    }

    /// The words for what the analysis found, the most important first, and not more than two.
    #[cold]
    fn analysis(&mut self, facts: &Facts) {
        let most = if self.known.events.is_empty() { 2 } else { 1 };
        for found in findings::of(facts, self.words).take(most) {
            let values: Vec<&[u8]> = found.values.iter().map(Vec::as_slice).collect();
            match found.role {
                Role::Faint => self.parts.add(Keep::Detail, Role::Faint, |out| fill(found.said, &values, out)),
                role => self.say(role, found.said, &values),
            }
        }
    }

    /// A datagram, and the message that it carries, if that is of a protocol that is known.
    pub(super) fn udp(&mut self, at: &At<'a>) -> &'static str {
        self.role = Role::Data;
        self.number(Keep::Number, b"len ", at.layer.end.saturating_sub(at.layer.start + at.layer.header));
        self.checksum(checksum::udp(at));
        let protocol = self.application(at);
        self.carried(at);
        protocol.unwrap_or("UDP")
    }

    /// What an application says in the data of `at`: its messages where their protocol is known, else its text. The
    /// name of that protocol, as the protocol column shows it.
    pub(super) fn application(&mut self, at: &At<'a>) -> Option<&'static str> {
        let (packet, facts) = (self.packet, self.known.facts);
        // Most segments only acknowledge.
        if packet.layers.len() == at.index + 1 && at.content().is_empty() {
            return None;
        }
        let Some(protocol) = self.parts.add_told(Keep::Matter, |out| told(packet, at, facts, out)) else {
            let course = self.known.facts.course.as_ref();
            if !course.is_some_and(course::Found::tells_content) {
                self.text(at.content(), self.known.facts.secrets.any);
            }
            self.course(at);
            return None;
        };
        self.answers();
        Some(short(protocol))
    }

    /// What the data is by an exercise of the course.
    #[inline]
    fn course(&mut self, at: &At<'a>) {
        if self.known.facts.course.is_some()
            && let Some((role, said)) = exercise(at, &self.known.facts.course)
        {
            self.parts.add(Keep::Words, role, |out| out.extend_from_slice(said.as_bytes()));
        }
    }

    /// Application text, quoted and escaped; bytes that are not text are not shown.
    pub(super) fn text(&mut self, content: &[u8], is_secret: bool) {
        if !is_text(content) {
            return;
        }
        if is_secret {
            return self.parts.add(Keep::Matter, Role::Data, |out| out.extend_from_slice(COVERED));
        }
        self.parts.add(Keep::Matter, Role::Data, |out| escape::quote(content, TEXT, out));
    }
}

/// The names of the flags that are set; those of nearly all segments are put down at once.
#[inline]
fn named(flags: tcp::Flags, out: &mut Vec<u8>) {
    use tcp::Flags;
    const ACK: u16 = Flags::ACK;
    const SYN_ACK: u16 = Flags::SYN | ACK;
    const PSH_ACK: u16 = Flags::PSH | ACK;
    const FIN_ACK: u16 = Flags::FIN | ACK;
    match flags.0 {
        ACK => out.extend_from_slice(b"ACK"),
        Flags::SYN => out.extend_from_slice(b"SYN"),
        SYN_ACK => out.extend_from_slice(b"SYN,ACK"),
        PSH_ACK => out.extend_from_slice(b"PSH,ACK"),
        FIN_ACK => out.extend_from_slice(b"FIN,ACK"),
        _ => {
            for (place, name) in flags.names().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(name.as_bytes());
            }
        }
    }
}

/// Writes what the messages behind the transport layer `at` say, escaped; `None` where their protocol is not known.
/// Messages that they complete stand where they end. One that begins within a password is covered as a whole.
pub fn told(packet: &Packet<'_>, at: &At<'_>, facts: &flow::Facts, out: &mut Vec<u8>) -> Option<(Protocol, Role)> {
    let behind = packet.at(at.index + 1)?;
    let first = match facts.wholes.as_slice() {
        [] => behind.layer.protocol,
        _ => whole::told(packet, behind.index, facts).next()?.layer.protocol,
    };
    if first == Protocol::Data {
        return None;
    }
    let mut telling = Telling { packet, facts, begin: behind.layer.start, role: Role::Data, count: 0, out };
    if facts.wholes.is_empty() {
        packet.each().skip(behind.index).for_each(|at| telling.message(&at));
    } else {
        whole::told(packet, behind.index, facts).for_each(|at| telling.message(&at));
    }
    let Telling { role, count, .. } = telling;
    if count > MESSAGES {
        out.extend_from_slice(format!("; and {} more", count - MESSAGES).as_bytes());
    }
    Some((first, role))
}

/// The messages of one packet on their way into a line.
struct Telling<'t, 'a> {
    packet: &'t Packet<'a>,
    facts: &'t flow::Facts,
    /// Where in the frame the first begins.
    begin: u32,
    role: Role,
    count: usize,
    out: &'t mut Vec<u8>,
}

impl Telling<'_, '_> {
    #[inline]
    fn message(&mut self, at: &At<'_>) {
        let (out, layer) = (&mut *self.out, &at.layer);
        let touched = || self.facts.secrets.touches(layer.start - self.begin, layer.start + layer.header - self.begin);
        if !whole::is_one(at) && touched() {
            out.extend_from_slice(if out.is_empty() { COVERED } else { b"; ***" });
            self.count += 1;
            return;
        }
        let before = out.len();
        if self.count > 0 {
            out.extend_from_slice(b"; ");
        }
        let start = out.len();
        let Some(tone) = application::tell(at, out) else {
            out.truncate(before);
            // A body, behind the message that it belongs to.
            if (1..=MESSAGES).contains(&self.count) && is_text(at.header()) {
                out.push(b' ');
                let secrets = Places::of(self.packet, self.facts);
                match secrets.is_empty() {
                    true => escape::quote(at.header(), TEXT, out),
                    false => escape::quote(&secrets.covered(at.header(), layer.start as usize), TEXT, out),
                }
            }
            return;
        };
        if tone == Tone::Trouble {
            self.role = Role::Trouble;
        }
        if out.len() == start {
            out.truncate(before);
            return;
        }
        self.count += 1;
        if self.count > MESSAGES {
            out.truncate(before);
        } else if out.len() - start > TOLD || !out.get(start..).is_some_and(escape::is_harmless) {
            let told = out.split_off(start);
            escape::write_cut(&told, TOLD, out);
        }
    }
}

/// What the data of the segment `at` is by an exercise of the course, in words, escaped; `None` where it says so itself.
pub fn exercise(at: &At<'_>, course: &Option<course::Found>) -> Option<(Role, String)> {
    let mut told = Vec::new();
    let tone = course.as_ref()?.tell(at.content(), &mut told);
    let mut out = Vec::with_capacity(told.len());
    escape::write(&told, &mut out);
    let role = if tone == Tone::Trouble { Role::Trouble } else { Role::Plain };
    String::from_utf8(out).ok().filter(|text| !text.is_empty()).map(|text| (role, text))
}

/// Data in quotation marks: the beginning of a text, a few bytes of what is none.
pub fn beginning(content: &[u8], out: &mut Vec<u8>) {
    escape::quote(content, if is_text(content) { TEXT } else { BYTES }, out);
}

/// Whether no text has this byte: a control character but for line ends, tabs and escape sequences.
#[inline]
fn acts(byte: u8) -> bool {
    matches!(byte, 0..=8 | 11 | 12 | 14..=26 | 28..=31 | 127)
}

/// Whether bytes look like text: nothing but printable characters, line ends and tabs in what a line would show.
fn is_text(content: &[u8]) -> bool {
    let Some(shown) = content.get(..content.len().min(TEXT)) else { return false };
    // Without an end before the last byte, many are looked at side by side.
    if shown.is_empty() || shown.iter().fold(false, |found, byte| found | acts(*byte)) {
        return false;
    }
    shown.is_ascii() || std::str::from_utf8(utf8::beginning(content, TEXT)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowTable;
    use crate::flow::sample::{Connection, read};

    #[test]
    fn the_body_of_a_message_ends_where_the_next_one_begins() {
        let said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi\
HTTP/1.1 404 Not Found\r\nSet-Cookie: a=tajna\r\nContent-Length: 2\r\n\r\nno";
        let bytes = Connection::to(80).say(false, said);
        let mut out = Vec::new();
        read(&mut FlowTable::new(), &bytes, |packet, known| {
            told(packet, &packet.find(Protocol::Tcp).unwrap(), known.facts, &mut out);
        });
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line, "HTTP/1.1 200 OK, 2 bytes \"hi\"; HTTP/1.1 404 Not Found, 2 bytes \"no\"");
    }
}
