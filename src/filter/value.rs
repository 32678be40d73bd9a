//! The values that stand in a filter, read as the type of what they are compared with.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::program::{Range, ZERO};
use crate::wire::Words;

/// The types that a filter tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A number without a sign, and the largest that fits the field.
    Number(u64),
    Signed,
    Bool,
    Time,
    Ipv4,
    Ipv6,
    Mac,
    Bytes,
    Text,
}

impl Type {
    pub fn name(self) -> &'static str {
        match self {
            Self::Number(_) | Self::Signed => "a number",
            Self::Bool => "true or false",
            Self::Time => "a time in seconds",
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Mac => "a MAC address",
            Self::Bytes => "bytes",
            Self::Text => "text",
        }
    }

    /// What a value looks like.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Number(_) => "a number, such as 80, 0x50 or 0b1010",
            Self::Signed => "a number, such as 80 or -1",
            Self::Bool => "true, false, 1 or 0",
            Self::Time => "seconds, such as 0.25, or a moment (UTC), such as \"2026-11-21 08:30:00\"",
            Self::Ipv4 => "an IPv4 address or prefix, such as 192.0.2.1 or 10.0.0.0/8",
            Self::Ipv6 => "an IPv6 address or prefix, such as 2001:db8::1 or fe80::/10",
            Self::Mac => "a MAC address, such as 00:1b:2c:3d:4e:5f",
            Self::Bytes => "bytes, such as 00:1b:2c, or quoted text",
            Self::Text => "quoted text",
        }
    }

    /// Values that have an order are compared as numbers, the others as bytes.
    pub fn is_bytes(self) -> bool {
        matches!(self, Self::Bytes | Self::Text)
    }

    /// Whether two fields of these types can be compared.
    pub fn goes_with(self, other: Self) -> bool {
        let numbers = |kind| matches!(kind, Self::Number(_) | Self::Signed);
        self == other || numbers(self) && numbers(other) || self.holds_bytes() && other.holds_bytes()
    }

    /// Bytes can be searched and sliced.
    pub fn holds_bytes(self) -> bool {
        matches!(self, Self::Bytes | Self::Text | Self::Mac)
    }
}

/// A number without a sign as its range.
pub fn exactly(number: u64) -> Range {
    (ZERO + u128::from(number), ZERO + u128::from(number))
}

/// The range of a value of a type that has an order: a prefix is a range of addresses, anything else one number.
pub fn range(text: &str, kind: Type) -> Option<Range> {
    let one = |rank| (rank, rank);
    match kind {
        Type::Number(_) => number(text).map(exactly),
        Type::Signed => match text.strip_prefix('-') {
            Some(text) => number(text).and_then(|number| ZERO.checked_sub(number.into())).map(one),
            None => number(text).map(exactly),
        },
        Type::Bool => match text.to_ascii_lowercase().as_str() {
            "1" | "true" => Some(exactly(1)),
            "0" | "false" => Some(exactly(0)),
            _ => None,
        },
        Type::Time => moment(text).or_else(|| seconds(text)).map(|time| one(ZERO.wrapping_add_signed(time.into()))),
        Type::Ipv4 => {
            let (address, bits) = prefix(text, 32)?;
            let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
            let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
            Some(((address & !rest).into(), (address | rest).into()))
        }
        Type::Ipv6 => {
            let (address, bits) = prefix(text, 128)?;
            let address = u128::from(address.parse::<Ipv6Addr>().ok()?);
            let rest = u128::MAX.checked_shr(bits).unwrap_or(0);
            Some((address & !rest, address | rest))
        }
        Type::Mac => {
            let bytes = bytes(text)?;
            (bytes.len() == 6).then(|| one(bytes.iter().fold(0, |rank, byte| rank << 8 | u128::from(*byte))))
        }
        Type::Bytes | Type::Text => None,
    }
}

/// Decimal, `0x` hexadecimal, `0b` binary, `0` octal, as in C.
pub fn number(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match (lower.strip_prefix("0x"), lower.strip_prefix("0b"), lower.strip_prefix('0')) {
        (Some(hex), ..) => (hex, 16),
        (_, Some(binary), _) => (binary, 2),
        (.., Some(octal)) if !octal.is_empty() => (octal, 8),
        _ => (lower.as_str(), 10),
    };
    // from_str_radix would take a sign.
    if digits.starts_with(['+', '-']) { None } else { u64::from_str_radix(digits, radix).ok() }
}

/// An address and the bits of its prefix, all of them where it has none.
fn prefix(text: &str, all: u32) -> Option<(&str, u32)> {
    match text.split_once('/') {
        Some((address, bits)) if bits.bytes().all(|b| b.is_ascii_digit()) => {
            Some((address, bits.parse().ok().filter(|bits| *bits <= all)?))
        }
        Some(_) => None,
        None => Some((text, all)),
    }
}

/// Pairs of hexadecimal digits, alone or divided by `:`, `-` or `.`; also groups of four divided by `.` or `:`.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let divider = text.chars().find(|c| matches!(c, ':' | '-' | '.'));
    let groups: Vec<&str> = match divider {
        Some(divider) => text.split(divider).collect(),
        None => vec![text],
    };
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for group in &groups {
        let digits = group.as_bytes();
        let fits = match groups.len() {
            // A single digit is a byte as well: `ip[9] == 6`.
            1 => digits.len() == 1 || digits.len().is_multiple_of(2),
            _ => matches!(digits.len(), 1 | 2 | 4),
        };
        if digits.is_empty() || !fits || !group.is_ascii() {
            return None;
        }
        for pair in digits.chunks(2) {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
            bytes.push(u8::from_str_radix(pair, 16).ok()?);
        }
    }
    Some(bytes)
}

/// Seconds with at most nine decimals, as nanoseconds.
fn seconds(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let digits = |text: &str| -> Option<i64> {
        if text.is_empty() { Some(0) } else { text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())? }
    };
    let scale = 10i64.pow(9 - fraction.len() as u32);
    let time = digits(whole)?.checked_mul(1_000_000_000)?.checked_add(digits(fraction)? * scale)?;
    Some(if negative { -time } else { time })
}

/// `2026-11-21 08:30:00.5` (UTC; `T`, `Z` and `UTC` are taken, time and seconds may be left out), as nanoseconds since
/// 1970.
fn moment(text: &str) -> Option<i64> {
    let text = text.trim_end_matches("UTC").trim_end_matches('Z').trim();
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00"));
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u32>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=2261).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March: their months have a rhythm (H. Hinnant, days_from_civil).
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = i64::from(year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1) - 719_468;
    let mut time = time.trim().splitn(3, ':');
    let (hour, minute) = (time.next()?.parse::<u32>().ok()?, time.next()?.parse::<u32>().ok()?);
    let second = seconds(time.next().unwrap_or("0"))?;
    if hour > 23 || minute > 59 || !(0..61_000_000_000).contains(&second) {
        return None;
    }
    let whole = days * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60;
    whole.checked_mul(1_000_000_000)?.checked_add(second)
}

/// The numbers that mean these words, whatever the case of their letters.
pub fn in_words(text: &str, words: Words, largest: u64) -> Vec<u64> {
    let means = |number: &u64| words(*number).is_some_and(|words| words.eq_ignore_ascii_case(text));
    (0..=largest.min(u16::MAX.into())).filter(means).collect()
}
