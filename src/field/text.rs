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

/// Writes the first `length` of `bytes`. All are copied and the rest taken back: to copy a number of bytes that the
/// compiler knows is much cheaper than to copy a few.
#[inline]
pub(crate) fn put<const N: usize>(bytes: [u8; N], length: usize, out: &mut Vec<u8>) {
    let end = out.len() + length.min(N);
    out.extend_from_slice(&bytes);
    out.truncate(end);
}

/// The eight digits of a number below 100,000,000, the first in the lowest byte: worked out side by side, first both
/// halves, then all pairs, then all digits. To be divided by a constant, a number below 10,000 (100) is multiplied.
#[inline]
fn eight(number: u32) -> u64 {
    let (high, low) = (u64::from(number / 10_000), u64::from(number % 10_000));
    let fours = high | low << 32;
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (pairs - tens * 10) << 8
}

/// Makes digits letters.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Digits of the largest number.
const LONGEST: usize = 20;

#[inline]
pub fn decimal(number: u64, out: &mut Vec<u8>) {
    // Where there is room, which is nearly always, no call is on the way.
    if out.capacity() - out.len() < LONGEST {
        return decimal_with_room(number, out);
    }
    match number {
        0..=9 => out.push(b'0' + number as u8),
        // Nearly all numbers are small. Zeros before the number are shifted out.
        10..=99_999_999 => {
            let digits = eight(number as u32);
            let zeros = digits.trailing_zeros() / 8;
            put((digits >> (8 * zeros) | ZEROS).to_le_bytes(), 8 - zeros as usize, out);
        }
        _ => large(number, out),
    }
}

#[cold]
fn decimal_with_room(number: u64, out: &mut Vec<u8>) {
    out.reserve(LONGEST);
    decimal(number, out);
}

#[cold]
fn large(number: u64, out: &mut Vec<u8>) {
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

/// The digits of every byte and a dot behind them, the first in the lowest byte, and how many bytes that are: addresses
/// are most of what a line holds.
const BYTES: [(u32, u32); 256] = {
    let mut bytes = [(0, 0); 256];
    let mut byte = 0;
    while byte < 256 {
        let digits = [b'0' + (byte / 100) as u8, b'0' + (byte / 10 % 10) as u8, b'0' + (byte % 10) as u8, b'.'];
        let zeros = if byte < 10 { 2 } else { (byte < 100) as u32 };
        bytes[byte] = (u32::from_le_bytes(digits) >> (8 * zeros), 4 - zeros);
        byte += 1;
    }
    bytes
};

#[inline]
pub fn ipv4([a, b, c, d]: [u8; 4], out: &mut Vec<u8>) {
    let pair = |first: u8, second: u8| {
        let ((first, length), (second, more)) = (BYTES[usize::from(first)], BYTES[usize::from(second)]);
        ((u64::from(first) | u64::from(second) << (8 * length)).to_le_bytes(), (length + more) as usize)
    };
    let ((first, length), (last, rest)) = (pair(a, b), pair(c, d));
    put(first, length, out);
    put(last, rest - 1, out);
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
    let fraction = (time % 1_000_000_000) as u32;
    out.push(b'.');
    put((eight(fraction / 10) | ZEROS).to_le_bytes(), decimals as usize, out);
    if decimals > 8 {
        out.push(b'0' + (fraction % 10) as u8);
    }
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
        assert_eq!(text(|out| seconds(9_012_345_678, 6, out)), "9.012345");
        assert_eq!(text(|out| seconds(12_999_999_999, 3, out)), "12.999");
        assert_eq!(text(|out| mac([2, 0, 0, 0, 0, 0xff], out)), "02:00:00:00:00:ff");
    }

    #[test]
    fn writes_every_number_in_its_shortest_form() {
        let edges = (0..20).map(|power| 10_u64.pow(power)).flat_map(|edge| [edge - 1, edge, edge + 1, edge / 10 * 17]);
        for number in (0..20_000).chain(edges).chain([u32::MAX.into(), u64::MAX]) {
            assert_eq!(text(|out| decimal(number, out)), number.to_string());
        }
    }

    #[test]
    fn writes_addresses_with_dots_between_their_bytes() {
        for address in [[0, 0, 0, 0], [255, 255, 255, 255], [10, 1, 100, 99], [9, 200, 0, 7]] {
            assert_eq!(text(|out| ipv4(address, out)), std::net::Ipv4Addr::from(address).to_string());
        }
    }
}
