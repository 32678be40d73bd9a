//! The Domain Name System (RFC 1035), and who speaks its language on other ports: multicast DNS (RFC 6762), LLMNR
//! (RFC 4795) and the names of NetBIOS (RFC 1002).
//!
//! Guarantee: a name's pointers go backwards only, so that no message makes us walk in circles; a name has at most 255
//! bytes, and no more records are looked for than bytes are there.
//!
//! Trap: the counts in the header may lie, and names may be cut: what is read is what is there.

mod fields;
mod named;
mod netbios;
mod tell;
#[cfg(test)]
mod tests;
mod words;

use super::application::Look;
use super::exchange::{Among, Exchange, Part};
use super::reader::Reader;
use super::{At, Made, Protocol, Stop, Value, Walk};
pub use fields::FIELDS;
pub use named::each_named;
pub use netbios::FIELDS as NETBIOS_FIELDS;
pub(super) use tell::tell;
pub use words::{classes, kinds, opcodes, replies};

/// Transaction, flags, four counts.
pub const HEADER: usize = 12;
/// Over TCP each message comes behind its length (RFC 1035 §4.2.2).
const LENGTH: usize = 2;
/// A name's bytes, and the labels that fit into them.
const LONGEST_NAME: usize = 255;

const RESPONSE: u16 = 0x8000;
/// Of LLMNR (RFC 4795 §2.1.1), where others have the authority of who answers and the wish for recursion.
const CONFLICT: u16 = 0x0400;
const TENTATIVE: u16 = 0x0100;

/// Types of records with fields of their own.
const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const PTR: u16 = 12;
const HINFO: u16 = 13;
const MX: u16 = 15;
const TXT: u16 = 16;
const AAAA: u16 = 28;
/// NetBIOS: a name and who has it.
const NB: u16 = 32;
const SRV: u16 = 33;
const DNAME: u16 = 39;
const OPT: u16 = 41;
const CAA: u16 = 257;

/// A question: what is asked for, and where its name begins in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Question {
    name: usize,
    kind: u16,
    class: u16,
}

/// A record of one of the three sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record<'a> {
    /// Where its name begins in the message.
    name: usize,
    kind: u16,
    class: u16,
    ttl: u32,
    /// As the record says; more than there is where the message is cut.
    length: u16,
    /// Where its data begins in the message.
    at: usize,
    data: &'a [u8],
}

/// A message as far as it goes.
#[derive(Clone, Copy, Debug)]
struct Message<'a> {
    bytes: &'a [u8],
}

impl<'a> Message<'a> {
    fn new(at: &At<'a>) -> Self {
        Self { bytes: at.header() }
    }

    fn word(&self, at: usize) -> u16 {
        let bytes = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u16::from_be_bytes(*bytes))
    }

    fn flags(&self) -> u16 {
        self.word(2)
    }

    fn is_response(&self) -> bool {
        self.flags() & RESPONSE != 0
    }

    fn opcode(&self) -> u16 {
        self.flags() >> 11 & 15
    }

    fn questions(self) -> impl Iterator<Item = Question> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        let _ = reader.skip(HEADER);
        (0..self.word(4)).map_while(move |_| question(&mut reader))
    }

    /// Answers, authorities and additional records, in this order.
    fn records(self) -> impl Iterator<Item = Record<'a>> {
        let mut reader = Reader::new(self.bytes);
        let _ = reader.skip(HEADER);
        let asked = self.word(4);
        let all = [6, 8, 10].into_iter().map(|at| u32::from(self.word(at))).sum::<u32>();
        let behind = (0..asked).all(|_| question(&mut reader).is_some());
        (0..if behind { all } else { 0 }).map_while(move |_| record(&mut reader))
    }

    fn answers(self) -> impl Iterator<Item = Record<'a>> {
        self.records().take(self.word(6).into())
    }

    fn name(self, at: usize) -> Value<'a> {
        Value::Made(Made::new(self.bytes, at, write_name))
    }

    /// A name in the data of a record, `skip` bytes behind its beginning.
    fn name_in(self, record: &Record<'_>, skip: usize) -> Option<Value<'a>> {
        (record.data.len() > skip).then(|| self.name(record.at + skip))
    }
}

fn question(reader: &mut Reader<'_>) -> Option<Question> {
    let name = reader.position();
    skip_name(reader)?;
    Some(Question { name, kind: reader.u16()?, class: reader.u16()? })
}

fn record<'a>(reader: &mut Reader<'a>) -> Option<Record<'a>> {
    let name = reader.position();
    skip_name(reader)?;
    let (kind, class, ttl, length) = (reader.u16()?, reader.u16()?, reader.u32()?, reader.u16()?);
    let at = reader.position();
    let data = reader.take(usize::from(length).min(reader.remaining()))?;
    Some(Record { name, kind, class, ttl, length, at, data })
}

/// Moves behind a name: its last label, or the pointer that it ends with.
fn skip_name(reader: &mut Reader<'_>) -> Option<()> {
    for _ in 0..=LONGEST_NAME {
        match reader.u8()? {
            0 => return Some(()),
            length @ 1..=63 => reader.skip(length.into())?,
            192.. => return reader.skip(1),
            _ => return None,
        }
    }
    None
}

/// A label, or why there is none.
enum Step<'a> {
    Label(&'a [u8]),
    End,
    Cut,
    Circle,
    TooLong,
}

/// The labels of a name, pointers followed.
struct Labels<'a> {
    message: &'a [u8],
    at: usize,
    /// Pointers must go before this place: where the part that is being read begins.
    before: usize,
    taken: usize,
}

impl<'a> Labels<'a> {
    fn new(message: &'a [u8], at: usize) -> Self {
        Self { message, at, before: at, taken: 0 }
    }

    fn next(&mut self) -> Step<'a> {
        loop {
            let Some(&length) = self.message.get(self.at) else { return Step::Cut };
            match length {
                0 => return Step::End,
                1..=63 => {
                    let start = self.at + 1;
                    let Some(label) = self.message.get(start..start + usize::from(length)) else { return Step::Cut };
                    self.taken += label.len() + 1;
                    if self.taken > LONGEST_NAME {
                        return Step::TooLong;
                    }
                    self.at = start + label.len();
                    return Step::Label(label);
                }
                192.. => {
                    let Some(&low) = self.message.get(self.at + 1) else { return Step::Cut };
                    let to = usize::from(length & 63) << 8 | usize::from(low);
                    if to >= self.before {
                        return Step::Circle;
                    }
                    (self.at, self.before) = (to, to);
                }
                _ => return Step::Cut,
            }
        }
    }
}

/// Appends a name as Wireshark writes it: labels with dots between them, the root as `<Root>`.
fn write_name(message: &[u8], at: usize, out: &mut Vec<u8>) {
    let mut labels = Labels::new(message, at);
    let start = out.len();
    loop {
        match labels.next() {
            Step::Label(label) => {
                if out.len() > start {
                    out.push(b'.');
                }
                out.extend_from_slice(label);
            }
            Step::End if out.len() == start => return out.extend_from_slice(b"<Root>"),
            Step::End => return,
            Step::Cut => return out.extend_from_slice(b"<cut>"),
            Step::Circle => return out.extend_from_slice(b"<Name contains a pointer that loops>"),
            Step::TooLong => {
                out.truncate(start);
                return out.extend_from_slice(b"<Name too long>");
            }
        }
    }
}

/// How many labels a name has, and its length as text.
fn measured(message: &[u8], at: usize) -> (u64, u64) {
    let (mut labels, mut count, mut length) = (Labels::new(message, at), 0, 0);
    while let Step::Label(label) = labels.next() {
        length += label.len() as u64 + u64::from(count > 0);
        count += 1;
    }
    (count, length)
}

/// Multicast DNS: an answer may take half a second (RFC 6762 §6); what comes later than this was not asked for. 2 s.
const MULTICAST: i64 = 2_000_000_000;

/// A response has its query's number. Multicast DNS has none (RFC 6762 §18.1): there, what it is about tells.
pub(super) fn exchange(at: &At<'_>) -> Option<Exchange> {
    let message = Message::new(at);
    if message.bytes.len() < HEADER {
        return None;
    }
    let part = if message.is_response() { Part::Answer { last: true } } else { Part::Question };
    let number = u64::from(message.word(0));
    let (among, tag) = match at.layer.protocol {
        Protocol::Dns => (Among::Conversation, number),
        Protocol::Mdns => {
            let (name, kind) = match part {
                Part::Question => message.questions().next().map(|asked| (asked.name, asked.kind)),
                Part::Answer { .. } => message.answers().next().map(|told| (told.name, told.kind)),
            }?;
            (Among::Anybody { within: MULTICAST }, subject(message.bytes, name, kind))
        }
        _ => (Among::Asker, number),
    };
    Some(Exchange { part, among, tag })
}

/// A name, its letters whether large or small, and a type, as one number (FNV-1a).
fn subject(message: &[u8], name: usize, kind: u16) -> u64 {
    let mix = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut sum = kind.to_be_bytes().into_iter().fold(0xcbf2_9ce4_8422_2325, mix);
    let mut labels = Labels::new(message, name);
    while let Step::Label(label) = labels.next() {
        sum = label.iter().map(u8::to_ascii_lowercase).fold(mix(sum, label.len() as u8), mix);
    }
    sum
}

/// Whether a header says something that a server or a client says.
fn is_header(message: &[u8]) -> bool {
    let Some(&[_, _, high, _, ..]) = message.first_chunk::<HEADER>() else { return false };
    // Query, inverse query, status, notify, update, stateful operations; NetBIOS has others.
    matches!(high >> 3 & 15, 0 | 1 | 2 | 4 | 5 | 6)
}

/// On its port whatever has a header; on another only a message of which every byte fits.
pub(super) fn look(look: &Look<'_>) -> bool {
    // An operation that nobody knows counts where at least a name follows.
    let named = || Message { bytes: look.data }.questions().next().is_some();
    let has_header = || look.length >= HEADER && (is_header(look.data) || named());
    if look.on_port { has_header() } else { look.data.len() == look.length && is_whole(look.data) }
}

/// Whether bytes are one question of the Internet or the answer to it, and nothing else.
pub fn is_whole(bytes: &[u8]) -> bool {
    let Some(&[_, _, high, low, 0, 1, ..]) = bytes.first_chunk::<HEADER>() else { return false };
    if high & 0x78 != 0 || low & 0x40 != 0 || high & 0x80 == 0 && low & 0x8f != 0 {
        return false;
    }
    let message = Message { bytes };
    let mut reader = Reader::new(bytes);
    let _ = reader.skip(HEADER);
    let records: usize = [6, 8, 10].into_iter().map(|at| usize::from(message.word(at))).sum();
    let asked = question(&mut reader).is_some_and(|asked| matches!(asked.class, 1 | 255));
    asked && (0..records).all(|_| whole_record(&mut reader)) && reader.remaining() == 0
}

fn whole_record(reader: &mut Reader<'_>) -> bool {
    record(reader).is_some_and(|record| record.data.len() == usize::from(record.length))
}

pub(super) fn look_netbios(look: &Look<'_>) -> bool {
    look.data.first_chunk::<HEADER>().is_some_and(|head| matches!(head[2] >> 3 & 15, 0 | 5..=9 | 15))
}

pub(super) fn look_tcp(look: &Look<'_>) -> bool {
    let Some((length, message)) = look.data.split_first_chunk::<LENGTH>() else { return false };
    usize::from(u16::from_be_bytes(*length)) >= HEADER && is_header(message)
}

fn datagram(walk: &mut Walk<'_, '_>, protocol: Protocol) -> Stop {
    if walk.length() < HEADER { walk.payload() } else { walk.message(protocol) }
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    datagram(walk, Protocol::Dns)
}

pub(super) fn decode_mdns(walk: &mut Walk<'_, '_>) -> Stop {
    datagram(walk, Protocol::Mdns)
}

pub(super) fn decode_llmnr(walk: &mut Walk<'_, '_>) -> Stop {
    datagram(walk, Protocol::Llmnr)
}

pub(super) fn decode_netbios(walk: &mut Walk<'_, '_>) -> Stop {
    datagram(walk, Protocol::Netbios)
}

/// The messages of a segment, each behind its length; the last may go on in the next segment.
pub(super) fn decode_tcp(walk: &mut Walk<'_, '_>) -> Stop {
    while let Some((length, message)) = walk.rest().split_first_chunk::<LENGTH>() {
        let length = usize::from(u16::from_be_bytes(*length));
        if length < HEADER || message.len() < HEADER {
            break;
        }
        walk.skip(LENGTH);
        if let Err(stop) = walk.text(Protocol::Dns, length) {
            return stop;
        }
    }
    walk.payload_behind()
}
