//! NetBIOS names (RFC 1002 §4.2): the header of DNS, names in half bytes, and what the sixteenth byte stands for.

use super::{Labels, Message, NB, Record, Step, classes, kinds};
use crate::wire::{At, Field, Kind, Made, Value};

const RFC: &str = "RFC 1002 §4.2";
/// Bytes of a name, twice as many letters.
const NAME: usize = 16;

/// Appends a name as Wireshark writes it: its letters, its last byte, and what that stands for.
pub fn write_name(message: &[u8], at: usize, out: &mut Vec<u8>) {
    let mut labels = Labels::new(message, at);
    let Step::Label(first) = labels.next() else { return super::write_name(message, at, out) };
    let halves = |pair: &[u8]| match pair {
        [high @ b'A'..=b'P', low @ b'A'..=b'P'] => Some((high - b'A') << 4 | (low - b'A')),
        _ => None,
    };
    let letters: Option<Vec<u8>> = first.chunks(2).map(halves).collect();
    let Some((last, letters)) = letters.as_deref().filter(|all| all.len() == NAME).and_then(<[u8]>::split_last) else {
        return super::write_name(message, at, out);
    };
    let kept = letters.iter().rposition(|letter| !matches!(letter, b' ' | 0)).map_or(0, |place| place + 1);
    out.extend_from_slice(letters.get(..kept).unwrap_or(letters));
    out.extend_from_slice(format!("<{last:02x}>").as_bytes());
    if let Some(stands_for) = services(*last) {
        out.extend_from_slice(format!(" ({stands_for})").as_bytes());
    }
}

fn services(last: u8) -> Option<&'static str> {
    Some(match last {
        0x00 => "Workstation/Redirector",
        0x01 => "Browser",
        0x03 => "Messenger service/Main name",
        0x06 => "RAS Server service",
        0x1b => "Domain Master Browser",
        0x1c => "Domain Controllers",
        0x1d => "Local Master Browser",
        0x1e => "Browser Election Services",
        0x1f => "Net DDE Service",
        0x20 => "Server service",
        0x21 => "RAS client service",
        _ => return None,
    })
}

/// The addresses of a record of type NB: each behind two bytes of flags.
pub fn each_address<'a>(record: &Record<'a>) -> impl Iterator<Item = [u8; 4]> + use<'a> {
    let data = if record.kind == NB { record.data } else { &[] };
    data.chunks_exact(6).filter_map(|part| part.get(2..)?.try_into().ok())
}

fn name<'a>(message: Message<'a>, at: usize) -> Value<'a> {
    Value::Made(Made::new(message.bytes, at, write_name))
}

fn opcodes(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "name query",
        5 => "registration",
        6 => "release",
        7 => "wait and acknowledge",
        8 | 9 => "refresh",
        15 => "multi-homed registration",
        _ => return None,
    })
}

/// Questions' and records' values of one kind, in the order of the message.
fn both<'a>(
    at: &At<'a>,
    question: fn(Message<'a>, usize, u16, u16) -> Value<'a>,
    each: &mut dyn FnMut(Value<'a>) -> bool,
) {
    let message = Message::new(at);
    let asked = message.questions().map(|asked| (asked.name, asked.kind, asked.class));
    let told = message.records().map(|told| (told.name, told.kind, told.class));
    let _ = asked.chain(told).all(|(name, kind, class)| each(question(message, name, kind, class)));
}

pub static FIELDS: &[Field] = &[
    Field::hex("nbns.id", "Transaction", 0, 16).about("Number that a question and its answer have in common", RFC),
    Field::one("nbns.flags", "Flags", Kind::Hex(4), |at| at.u16(2).map(|flags| Value::Uint(flags.into())))
        .about("What follows, bit by bit", RFC),
    Field::flag("nbns.flags.response", "Response", 16).about("This is an answer", RFC),
    Field::dec("nbns.flags.opcode", "Opcode", 17, 4).words(opcodes).about("What is asked for", RFC),
    Field::flag("nbns.flags.truncated", "Truncated", 22).about("There was more than fits a datagram", RFC),
    Field::flag("nbns.flags.recdesired", "Recursion desired", 23).about("The server is to ask others", RFC),
    Field::flag("nbns.flags.broadcast", "Broadcast", 27).about("The question went to everybody", RFC),
    Field::dec("nbns.count.queries", "Questions", 32, 16).about("How many follow", RFC),
    Field::dec("nbns.count.answers", "Answers", 48, 16).about("How many records answer", RFC),
    Field::dec("nbns.count.auth_rr", "Authorities", 64, 16).about("How many records say who knows", RFC),
    Field::dec("nbns.count.add_rr", "Additional records", 80, 16).about("How many records were added", RFC),
    Field::many("nbns.name", "Name", Kind::Text, |at, each| both(at, |message, at, _, _| name(message, at), each))
        .about("A name of a machine or a group, and which of its services", RFC),
    Field::many("nbns.type", "Type", Kind::Dec, |at, each| both(at, |_, _, kind, _| Value::Uint(kind.into()), each))
        .words(kinds)
        .about("What is asked or told of the name", RFC),
    Field::many("nbns.class", "Class", Kind::Dec, |at, each| {
        both(at, |_, _, _, class| Value::Uint(class.into()), each);
    })
    .words(classes)
    .about("The Internet", RFC),
    Field::many("nbns.ttl", "Time to live", Kind::Dec, |at, each| {
        let _ = Message::new(at).records().all(|record| each(Value::Uint(record.ttl.into())));
    })
    .about("Seconds that the record may be kept", RFC),
    Field::many("nbns.addr", "Address", Kind::Ipv4, |at, each| {
        let _ = Message::new(at).records().flat_map(|record| each_address(&record)).all(|ip| each(Value::Ipv4(ip)));
    })
    .about("Address of the machine that has the name", RFC),
];
