//! The Simple Network Management Protocol, version 1 (RFC 1157) and 2c (RFC 1901, RFC 3416): what a device is asked by
//! numbers with dots, and what it answers. Of version 3 only that it is such a message: what it says may be encrypted.
//!
//! The community is a password, and covered. Trap: what are an error's status and index in other messages are two
//! counts in a question for many values (getBulk).

mod fields;
#[cfg(test)]
mod tests;

use super::application::{Look, Tone};
use super::ber::{self, Element, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};
use super::exchange::{Among, Exchange, Part};
use super::{At, Protocol, Stop, Value, Walk, utf8};
pub use fields::FIELDS;

/// Where questions go, and where traps go.
pub const PORTS: &[u16] = &[161, 162];

/// An IPv4 address (RFC 2578 §7.1.5).
const ADDRESS: u8 = 0x40;
/// The kinds of messages begin here.
const FIRST_KIND: u8 = 0xa0;
const RESPONSE: u8 = 2;
const TRAP: u8 = 4;
const BULK: u8 = 5;
const LAST_KIND: u8 = 8;
/// Names and values that a line tells.
const TOLD: usize = 4;
/// Bytes of a text that a line tells.
const SHOWN: usize = 64;

pub(super) fn look(look: &Look<'_>) -> bool {
    let version = || Elements::new(Elements::new(look.data).next_of(SEQUENCE)?).next_of(INTEGER);
    matches!(version(), Some([0..=3]))
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    walk.message(Protocol::Snmp)
}

/// A message up to its kind.
#[derive(Clone, Copy)]
struct Message<'a> {
    community: &'a [u8],
    kind: u8,
    /// What is in the kind's element.
    body: Elements<'a>,
}

fn version<'a>(at: &At<'a>) -> Option<(u64, Elements<'a>)> {
    let mut inside = Elements::new(Elements::new(at.header()).next_of(SEQUENCE)?);
    let version = inside.next().filter(|found| found.tag == INTEGER)?.unsigned()?;
    Some((version, inside))
}

fn message<'a>(at: &At<'a>) -> Option<Message<'a>> {
    // What version 2u (RFC 1910) has in the place of the community says who asks otherwise, and is secret, too.
    let (_, mut inside) = version(at).filter(|(version, _)| *version != 2)?;
    let community = inside.next_of(OCTET_STRING)?;
    let body = inside.next()?;
    let kind = body.tag.checked_sub(FIRST_KIND).filter(|kind| *kind <= LAST_KIND)?;
    Some(Message { community, kind, body: Elements::new(body.content) })
}

pub(super) fn secrets<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    // Whatever stands behind it, and as much of it as lies here.
    version(at).and_then(|(_, mut inside)| inside.next_of(OCTET_STRING)).into_iter().for_each(give);
}

impl<'a> Message<'a> {
    /// One of the three numbers behind the kind: the question's number, then an error and where it is.
    fn number(mut self, place: usize) -> Option<i64> {
        let is_one = self.kind != TRAP;
        self.body.nth(place).filter(|found| is_one && found.tag == INTEGER)?.integer()
    }

    /// What a trap of version 1 says: whose, from where, what, since when.
    fn trap(mut self, place: usize) -> Option<Element<'a>> {
        if self.kind == TRAP { self.body.nth(place) } else { None }
    }

    /// Names with their values.
    fn bindings(mut self) -> impl Iterator<Item = (&'a [u8], Element<'a>)> {
        let list = self.body.nth(if self.kind == TRAP { 5 } else { 3 });
        let list = Elements::new(list.and_then(|list| list.of(SEQUENCE)).unwrap_or_default());
        list.map_while(|pair| {
            let mut pair = Elements::new(pair.of(SEQUENCE)?);
            Some((pair.next_of(OBJECT_IDENTIFIER)?, pair.next()?))
        })
    }
}

fn kinds(number: u64) -> Option<&'static str> {
    const NAMES: [&str; 9] = ["get", "get next", "response", "set", "trap", "get bulk", "inform", "trap", "report"];
    NAMES.get(usize::try_from(number).ok()?).copied()
}

fn versions(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "1",
        1 => "2c",
        2 => "2u",
        3 => "3",
        _ => return None,
    })
}

fn errors(number: u64) -> Option<&'static str> {
    const NAMES: [&str; 19] = [
        "no error",
        "too big",
        "no such name",
        "bad value",
        "read only",
        "general error",
        "no access",
        "wrong type",
        "wrong length",
        "wrong encoding",
        "wrong value",
        "no creation",
        "inconsistent value",
        "resource unavailable",
        "commit failed",
        "undo failed",
        "authorization error",
        "not writable",
        "inconsistent name",
    ];
    NAMES.get(usize::try_from(number).ok()?).copied()
}

fn traps(number: u64) -> Option<&'static str> {
    const NAMES: [&str; 7] = [
        "cold start",
        "warm start",
        "link down",
        "link up",
        "authentication failure",
        "neighbour lost",
        "of the enterprise's own",
    ];
    NAMES.get(usize::try_from(number).ok()?).copied()
}

/// A response has its question's number.
pub(super) fn exchange(at: &At<'_>) -> Option<Exchange> {
    let message = message(at)?;
    let part = match message.kind {
        RESPONSE => Part::Answer { last: true },
        // Get, get next, set, get bulk, inform.
        0 | 1 | 3 | BULK | 6 => Part::Question,
        _ => return None,
    };
    Some(Exchange { part, among: Among::Conversation, tag: message.number(0)? as u64 })
}

/// The names that every device has (RFC 3418 §2, RFC 2863 §6), below 1.3.6.1.2.1.
fn known(name: &[u8]) -> Option<&'static str> {
    Some(match name.strip_prefix(&[0x2b, 6, 1, 2, 1])? {
        [1, 1, ..] => "sysDescr",
        [1, 2, ..] => "sysObjectID",
        [1, 3, ..] => "sysUpTime",
        [1, 4, ..] => "sysContact",
        [1, 5, ..] => "sysName",
        [1, 6, ..] => "sysLocation",
        [1, 7, ..] => "sysServices",
        [2, 1, ..] => "ifNumber",
        [2, 2, 1, 2, ..] => "ifDescr",
        [2, 2, 1, 8, ..] => "ifOperStatus",
        [2, 2, 1, 10, ..] => "ifInOctets",
        [2, 2, 1, 16, ..] => "ifOutOctets",
        _ => return None,
    })
}

/// A value in words. Null stands for a value in questions, and says nothing.
fn tell_value(value: &Element<'_>, out: &mut Vec<u8>) -> Tone {
    let number = || value.unsigned().map(|number| number.to_string()).unwrap_or_default();
    let told = match value.tag {
        INTEGER => value.integer().map(|number| number.to_string()).unwrap_or_default(),
        OCTET_STRING => match std::str::from_utf8(utf8::beginning(value.content, SHOWN)) {
            Ok(text) => format!("\"{text}\""),
            Err(_) => format!("{} bytes", value.length),
        },
        OBJECT_IDENTIFIER => {
            return {
                ber::dotted(value.content).write(out);
                Tone::Plain
            };
        }
        ADDRESS => match value.content {
            [a, b, c, d] => format!("{a}.{b}.{c}.{d}"),
            _ => "no address".into(),
        },
        0x41 => format!("{} counted", number()),
        0x42 => number(),
        0x43 => {
            let hundredths = value.unsigned().unwrap_or_default();
            format!("{}.{:02} s", hundredths / 100, hundredths % 100)
        }
        0x46 => format!("{} counted", number()),
        0x80 => "no such object".into(),
        0x81 => "no such instance".into(),
        0x82 => "end of all names".into(),
        _ => format!("{} bytes", value.length),
    };
    out.extend_from_slice(told.as_bytes());
    if matches!(value.tag, 0x80 | 0x81) { Tone::Trouble } else { Tone::Plain }
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let Some(message) = message(at) else {
        if let Some(name) = version(at).filter(|(version, _)| *version > 1).and_then(|(version, _)| versions(version)) {
            out.extend_from_slice(format!("version {name}").as_bytes());
        }
        return Tone::Plain;
    };
    let mut tone = Tone::Plain;
    out.extend_from_slice(kinds(message.kind.into()).unwrap_or_default().as_bytes());
    if let Some(number) = message.number(0) {
        out.extend_from_slice(format!(" {number}").as_bytes());
    }
    if let (BULK, Some(times)) = (message.kind, message.number(2)) {
        out.extend_from_slice(format!(", {times} of each").as_bytes());
    }
    if let Some(generic) = message.trap(2).and_then(|found| found.unsigned()) {
        out.extend_from_slice(format!(" {}", traps(generic).unwrap_or("unknown")).as_bytes());
    }
    if let (RESPONSE, Some(error @ 1..)) = (message.kind, message.number(1)) {
        tone = Tone::Trouble;
        let named = errors(error.unsigned_abs()).unwrap_or("unknown error");
        out.extend_from_slice(format!(" error: {named}").as_bytes());
        if let Some(index @ 1..) = message.number(2) {
            out.extend_from_slice(format!(" ({index}. name)").as_bytes());
        }
    }
    for (place, (name, value)) in message.bindings().enumerate() {
        out.extend_from_slice(if place == 0 { b": " } else { b", " });
        if place == TOLD {
            out.extend_from_slice(format!("and {} more", message.bindings().skip(TOLD).count()).as_bytes());
            break;
        }
        ber::dotted(name).write(out);
        if let Some(known) = known(name) {
            out.extend_from_slice(format!(" ({known})").as_bytes());
        }
        if value.tag != ber::NULL {
            out.extend_from_slice(b" = ");
            if tell_value(&value, out) == Tone::Trouble {
                tone = Tone::Trouble;
            }
        }
    }
    tone
}

fn number<'a>(number: i64) -> Value<'a> {
    Value::Int(number)
}
