//! Options: those of TCP by the names of their fields, and any as bytes.

use super::{Error, Part, value};
use crate::wire::{Field, Protocol, ipv4, tcp};

/// The room of IPv4's and TCP's options: their header lengths count up to 15 words.
const MOST: usize = 40;
/// An extension header's length counts up to 255 units of 8 bytes beyond the first (RFC 8200 §4.3).
const MOST_EXTENSION: usize = 256 * 8 - 2;

/// How the value of a TCP option is made: its kind, the bytes of its value, where in it the field stands.
struct Shape {
    name: &'static str,
    kind: u8,
    length: usize,
    at: usize,
    bytes: usize,
}

const SHAPES: [Shape; 6] = [
    Shape { name: "tcp.options.mss_val", kind: 2, length: 2, at: 0, bytes: 2 },
    Shape { name: "tcp.options.wscale.shift", kind: 3, length: 1, at: 0, bytes: 1 },
    Shape { name: "tcp.options.sack_perm", kind: 4, length: 0, at: 0, bytes: 0 },
    Shape { name: "tcp.options.timestamp.tsval", kind: 8, length: 8, at: 0, bytes: 4 },
    Shape { name: "tcp.options.timestamp.tsecr", kind: 8, length: 8, at: 4, bytes: 4 },
    Shape { name: "tcp.options.user_to_val", kind: 28, length: 2, at: 0, bytes: 2 },
];
/// Options whose whole value is given as digits.
const RAW: [(&str, u8); 2] = [("tcp.options.tfo.cookie", 34), ("tcp.options.md5.digest", 19)];

/// Whether options are made from a field of this name.
pub fn knows(name: &str) -> bool {
    SHAPES.iter().any(|shape| shape.name == name) || RAW.iter().any(|(raw, _)| *raw == name)
}

/// Sets the option that a field belongs to, and adds it where it is not there; `false` where the field is no option's.
pub fn set(part: &mut Part, field: &Field, text: &str) -> Result<bool, Error> {
    let wrong = |takes: String| Error::value(field.name, text, takes);
    let (kind, value) = if let Some(shape) = SHAPES.iter().find(|shape| shape.name == field.name) {
        let most = match (shape.name, shape.bytes) {
            ("tcp.options.user_to_val", _) => 0x7fff,
            (_, bytes) => (1u64 << (8 * bytes)) - 1,
        };
        let number = match shape.bytes {
            0 => value::integer(text).filter(|one| *one == 1).ok_or_else(|| wrong("1: it is there or not".into()))?,
            _ => value::integer(text).filter(|value| *value <= most).ok_or_else(|| wrong(format!("0 to {most}")))?,
        };
        let mut value = find(part, shape.kind).filter(|value| value.len() == shape.length);
        let mut value = value.take().unwrap_or_else(|| vec![0; shape.length]);
        let digits = number.to_be_bytes();
        let digits = digits.get(8 - shape.bytes..).unwrap_or_default();
        if let Some(place) = value.get_mut(shape.at..shape.at + shape.bytes) {
            place.copy_from_slice(digits);
        }
        (shape.kind, value)
    } else if let Some((_, kind)) = RAW.iter().find(|(name, _)| *name == field.name) {
        (*kind, value::bytes(text).ok_or_else(|| wrong("hexadecimal digits".into()))?)
    } else {
        return Ok(false);
    };
    let mut all: Vec<(u8, Vec<u8>)> = each(part);
    match all.iter_mut().find(|(known, _)| *known == kind) {
        Some((_, place)) => *place = value,
        None => all.push((kind, value)),
    }
    let mut bytes = Vec::new();
    for (kind, value) in all {
        bytes.extend([kind, u8::try_from(value.len() + 2).unwrap_or(u8::MAX)]);
        bytes.extend(value);
    }
    replace(part, &bytes)?;
    Ok(true)
}

/// The options that are there, without padding.
fn each(part: &Part) -> Vec<(u8, Vec<u8>)> {
    let mut rest = part.header.get(tcp::HEADER..).unwrap_or_default();
    let mut found = Vec::new();
    while let [kind, tail @ ..] = rest {
        match (kind, tail) {
            (0, _) => break,
            (1, _) => rest = tail,
            (kind, [length, ..]) => {
                let Some(value) = usize::from(*length).checked_sub(2).and_then(|length| tail.get(1..1 + length)) else {
                    break;
                };
                found.push((*kind, value.to_vec()));
                rest = tail.get(1 + value.len()..).unwrap_or_default();
            }
            _ => break,
        }
    }
    found
}

fn find(part: &Part, kind: u8) -> Option<Vec<u8>> {
    each(part).into_iter().find(|(known, _)| *known == kind).map(|(_, value)| value)
}

/// Puts these options in the place of all that are there.
pub fn replace(part: &mut Part, bytes: &[u8]) -> Result<(), Error> {
    let (fixed, unit, most) = match part.protocol {
        Protocol::Ipv4 => (ipv4::HEADER, 4, MOST),
        Protocol::Tcp => (tcp::HEADER, 4, MOST),
        _ => (2, 8, MOST_EXTENSION),
    };
    if bytes.len() > most {
        return Err(Error::Options { protocol: part.protocol, length: bytes.len(), most });
    }
    part.header.truncate(fixed);
    part.header.extend_from_slice(bytes);
    let missing = part.header.len().next_multiple_of(unit) - part.header.len();
    // End of options for IPv4 and TCP; Pad1 or PadN for IPv6 (RFC 8200 §4.2).
    match (unit, missing) {
        (4, _) | (_, 0 | 1) => part.header.resize(part.header.len() + missing, 0),
        _ => {
            part.header.extend([1, u8::try_from(missing - 2).unwrap_or(0)]);
            part.header.resize(part.header.len() + missing - 2, 0);
        }
    }
    Ok(())
}
