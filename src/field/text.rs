//! Values as text, the way Wireshark writes them: into a byte buffer, without allocation.

use std::io::Write;

use crate::wire::{Kind, Value};

/// Writes a value as its field's kind says. Text is written as it is: escape it for a terminal.
#[inline]
pub fn write(value: Value<'_>, kind: Kind, out: &mut Vec<u8>) {
    match value {
        Value::Uint(number) => match kind {
            Kind::Hex(digits) => hex(number, digits, out),
            _ => decimal(number, out),
        },
        Value::Int(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::Bool(yes) => out.push(if yes { b'1' } else { b'0' }),
        Value::Ipv4(address) => ipv4(address, out),
        Value::Ipv6(address) => ipv6(address, out),
        Value::Mac(address) => mac(address, out),
        Value::Bytes(bytes) => {
            for byte in bytes {
                byte_hex(*byte, out);
            }
        }
        Value::Text(text) => out.extend_from_slice(text),
        Value::Made(made) => made.write(out),
        Value::Nanoseconds(time) => seconds(time, 9, out),
    }
}

#[inline]
pub fn decimal(number: u64, out: &mut Vec<u8>) {
    if number < 10 {
        out.push(b'0' + number as u8);
        return;
    }
    // Nearly all numbers are small, and for those the division is cheaper.
    if let Ok(number) = u32::try_from(number) {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        return;
    }
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[inline]
fn byte_hex(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// `0x` and at least `digits` digits.
pub fn hex(number: u64, digits: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0x");
    let needed = (67 - (number | 1).leading_zeros()) / 4;
    for place in (0..needed.max(digits.into())).rev() {
        out.push(DIGITS[(number >> (place * 4) & 15) as usize]);
    }
}

/// The digits of every byte and how many there are: addresses are most of what a line holds.
const BYTES: [([u8; 3], u8); 256] = {
    let mut bytes = [([0; 3], 0); 256];
    let mut byte = 0;
    while byte < 256 {
        let digits = [b'0' + (byte / 100) as u8, b'0' + (byte / 10 % 10) as u8, b'0' + (byte % 10) as u8];
        bytes[byte] = match byte {
            100.. => (digits, 3),
            10.. => ([digits[1], digits[2], 0], 2),
            _ => ([digits[2], 0, 0], 1),
        };
        byte += 1;
    }
    bytes
};

#[inline]
pub fn ipv4(address: [u8; 4], out: &mut Vec<u8>) {
    let mut text = [0; 16];
    let mut length = 0;
    for byte in address {
        let (digits, count) = BYTES[usize::from(byte)];
        text[length..length + 3].copy_from_slice(&digits);
        length += usize::from(count);
        text[length] = b'.';
        length += 1;
    }
    out.extend_from_slice(&text[..length - 1]);
}

/// As RFC 5952 says.
pub fn ipv6(address: [u8; 16], out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{}", std::net::Ipv6Addr::from(address));
}

pub fn mac(address: [u8; 6], out: &mut Vec<u8>) {
    for (place, byte) in address.into_iter().enumerate() {
        if place > 0 {
            out.push(b':');
        }
        byte_hex(byte, out);
    }
}

/// Nanoseconds as seconds with `decimals` (at most 9) decimals, not rounded.
#[inline]
pub fn seconds(nanoseconds: i64, decimals: u32, out: &mut Vec<u8>) {
    if nanoseconds < 0 {
        out.push(b'-');
    }
    let time = nanoseconds.unsigned_abs();
    decimal(time / 1_000_000_000, out);
    if decimals == 0 {
        return;
    }
    let decimals = decimals.min(9) as usize;
    let fraction = (time % 1_000_000_000) as u32;
    // A number of ten digits, of which the point replaces the first.
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(1_000_000_000 + fraction).as_bytes();
    out.push(b'.');
    out.extend_from_slice(digits.get(1..=decimals).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    #[test]
    fn writes_numbers_as_wireshark_does() {
        assert_eq!(text(|out| hex(0x800, 4, out)), "0x0800");
        assert_eq!(text(|out| hex(0, 2, out)), "0x00");
        assert_eq!(text(|out| hex(0x12345, 2, out)), "0x12345");
        assert_eq!(text(|out| hex(u64::MAX, 2, out)), "0xffffffffffffffff");
        assert_eq!(text(|out| seconds(1_000_000_001, 9, out)), "1.000000001");
        assert_eq!(text(|out| seconds(-5_000, 6, out)), "-0.000005");
        assert_eq!(text(|out| seconds(i64::MIN, 9, out)), "-9223372036.854775808");
        assert_eq!(text(|out| mac([2, 0, 0, 0, 0, 0xff], out)), "02:00:00:00:00:ff");
    }
}
