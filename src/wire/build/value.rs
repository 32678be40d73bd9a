//! Values as a person writes them, put into their places bit by bit.

use super::Error;
use crate::wire::tcp::Flags;
use crate::wire::{Bits, Field, Kind};

/// Writes `text` into the place of a field.
pub fn write(header: &mut [u8], field: &Field, bits: Bits, text: &str) -> Result<(), Error> {
    let takes = |takes: String| Error::value(field.name, text, takes);
    if (bits.at + bits.length).div_ceil(8) as usize > header.len() {
        return Err(Error::NotSettable {
            name: field.name.to_owned(),
            why: "the header of this message ends before it",
        });
    }
    let bytes = match field.kind {
        Kind::Ipv4 => {
            let address: Result<std::net::Ipv4Addr, _> = text.parse();
            address.map_err(|_| takes("an IPv4 address, as 10.0.0.1".into()))?.octets().to_vec()
        }
        Kind::Ipv6 => {
            let address: Result<std::net::Ipv6Addr, _> = text.parse();
            address.map_err(|_| takes("an IPv6 address, as fe80::1".into()))?.octets().to_vec()
        }
        Kind::Mac => mac(text).ok_or_else(|| takes("a MAC address, as 02:00:00:00:00:01".into()))?.to_vec(),
        Kind::Bytes | Kind::Text => {
            let wanted = usize::from(bits.length / 8);
            let bytes = self::bytes(text).filter(|bytes| bytes.len() == wanted);
            bytes.ok_or_else(|| takes(format!("{wanted} bytes as hexadecimal digits")))?
        }
        Kind::Dec | Kind::Int | Kind::Hex(_) | Kind::Bool | Kind::Seconds => {
            let number = number(field, bits, text)?;
            put(header, bits, number);
            return Ok(());
        }
    };
    let start = usize::from(bits.at / 8);
    if let Some(place) = header.get_mut(start..start + bytes.len()) {
        place.copy_from_slice(&bytes);
    }
    Ok(())
}

/// What goes into the place of a number, by its scale.
fn number(field: &Field, bits: Bits, text: &str) -> Result<u64, Error> {
    let (unit, base) = (u64::from(field.counts.unit.max(1)), u64::from(field.counts.base));
    let most = if bits.length >= 64 { u64::MAX } else { (1u64 << bits.length) - 1 };
    let highest = most.saturating_mul(unit).saturating_add(base);
    let takes = || {
        let more = match (field.kind, unit) {
            (Kind::Bool, _) => return "0 or 1".to_owned(),
            _ if field.name == "tcp.flags" => ", or names of flags, as SYN,ACK",
            (_, 1) if field.words.is_some() => ", or its words as `netlab explain` shows them",
            (_, 1) => "",
            (_, unit) => return format!("{base} to {highest} in steps of {unit}"),
        };
        match field.kind {
            Kind::Hex(_) => format!("0 to {highest:#x}{more}"),
            _ => format!("0 to {highest}{more}"),
        }
    };
    let wrong = || Error::value(field.name, text, takes());
    let parsed = match (field.kind, text) {
        (Kind::Bool, "true" | "yes" | "on") => Some(1),
        (Kind::Bool, "false" | "no" | "off") => Some(0),
        _ if field.name == "tcp.flags" => integer(text).or_else(|| flags(text)),
        _ => integer(text).or_else(|| worded(field, most, text)),
    };
    let value = parsed.filter(|value| *value <= highest).ok_or_else(wrong)?;
    let beyond = value.checked_sub(base).filter(|beyond| beyond % unit == 0).ok_or_else(wrong)?;
    Ok(beyond / unit)
}

/// A number in decimal, or in hexadecimal behind 0x.
pub fn integer(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The number that has these words.
fn worded(field: &Field, most: u64, text: &str) -> Option<u64> {
    let words = field.words?;
    (0..=most.min(0xffff)).find(|number| words(*number).is_some_and(|words| words.eq_ignore_ascii_case(text)))
}

/// The names of control bits, between commas; `none` is none of them.
fn flags(text: &str) -> Option<u64> {
    if text.eq_ignore_ascii_case("none") {
        return Some(0);
    }
    const NAMES: [(&str, u16); 9] = [
        ("FIN", Flags::FIN),
        ("SYN", Flags::SYN),
        ("RST", Flags::RST),
        ("PSH", Flags::PSH),
        ("ACK", Flags::ACK),
        ("URG", Flags::URG),
        ("ECE", Flags::ECE),
        ("CWR", Flags::CWR),
        ("AE", Flags::AE),
    ];
    text.split([',', '+', '|']).try_fold(0, |sum, name| {
        let found = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim()))?;
        Some(sum | u64::from(found.1))
    })
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let mut parts = text.split([':', '-']);
    let mut address = [0; 6];
    for byte in &mut address {
        let part = parts.next().filter(|part| (1..=2).contains(&part.len()))?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(address)
}

/// Bytes from hexadecimal digits; blanks, colons and 0x are skipped.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let plain: String = text.split([' ', ':', '-', ',']).map(|word| word.strip_prefix("0x").unwrap_or(word)).collect();
    if !plain.len().is_multiple_of(2) || !plain.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..plain.len()).step_by(2).map(|at| u8::from_str_radix(plain.get(at..at + 2)?, 16).ok()).collect()
}

/// Writes big-endian bits, the lowest last.
pub fn put(header: &mut [u8], bits: Bits, value: u64) {
    for place in 0..bits.length {
        let (at, bit) = (bits.at + place, bits.length - 1 - place);
        let one = bit < 64 && value >> bit & 1 == 1;
        let mask = 0x80 >> (at % 8);
        if let Some(byte) = header.get_mut(usize::from(at / 8)) {
            *byte = if one { *byte | mask } else { *byte & !mask };
        }
    }
}

/// Reads them back.
pub fn read(header: &[u8], bits: Bits) -> Option<u64> {
    (bits.at..bits.at + bits.length)
        .try_fold(0, |sum, at| Some(sum << 1 | u64::from(header.get(usize::from(at / 8))? >> (7 - at % 8) & 1)))
}
