//! Session Traversal Utilities for NAT (RFC 8489), with the attributes that find out how a NAT behaves (RFC 5780).
//!
//! A message says itself that it is one, by its cookie, on whatever port. What has no cookie (RFC 3489) is not read:
//! nothing would tell it from other data.
//!
//! Trap: an attribute is padded to four bytes, but its length does not count them.

mod fields;
mod tell;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::application::Look;
use super::exchange::{Among, Exchange, Part};
use super::reader::Reader;
use super::{At, Protocol, Stop, Walk};
pub use fields::{FIELDS, is_address, kinds, names};
pub(super) use tell::tell;

/// Type, length, cookie, transaction.
pub const HEADER: usize = 20;
pub const COOKIE: u32 = 0x2112_a442;
/// Where servers listen (RFC 8489 §18.6), and by custom the other port of one that has two.
pub const PORT: u16 = 3478;

/// The one method of STUN itself (RFC 8489 §18.2).
pub const BINDING: u16 = 1;

pub const MAPPED_ADDRESS: u16 = 0x0001;
pub const CHANGE_REQUEST: u16 = 0x0003;
/// RFC 3489 §11.2; today's servers say OTHER-ADDRESS.
pub const CHANGED_ADDRESS: u16 = 0x0005;
pub const USERNAME: u16 = 0x0006;
pub const ERROR_CODE: u16 = 0x0009;
pub const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
/// For how many seconds (RFC 8656 §18.2).
pub const LIFETIME: u16 = 0x000d;
/// What a relay sends to, and hears from (RFC 8656 §18.3).
pub const XOR_PEER_ADDRESS: u16 = 0x0012;
pub const REALM: u16 = 0x0014;
pub const NONCE: u16 = 0x0015;
pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub const PADDING: u16 = 0x0026;
pub const RESPONSE_PORT: u16 = 0x0027;
pub const SOFTWARE: u16 = 0x8022;
pub const ALTERNATE_SERVER: u16 = 0x8023;
pub const FINGERPRINT: u16 = 0x8028;
pub const RESPONSE_ORIGIN: u16 = 0x802b;
pub const OTHER_ADDRESS: u16 = 0x802c;

/// From here on an attribute that is not known may be passed over (RFC 8489 §14).
pub const OPTIONAL: u16 = 0x8000;

/// A client gives up on a request after 39.5 s (RFC 8489 §6.2.1); it asks seven times meanwhile. 60 s.
const PATIENCE: i64 = 60_000_000_000;

/// What a FINGERPRINT is turned by (RFC 8489 §14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554e;

/// The number that a request and its answer have in common.
pub type Transaction = [u8; 12];

/// What kind of message it is (RFC 8489 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// One attribute: its type, and its value without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    pub kind: u16,
    pub value: &'a [u8],
}

/// CHANGE-REQUEST (RFC 5780 §7.2): from where the answer is to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Change {
    pub address: bool,
    pub port: bool,
}

/// A message whose attributes all fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub class: Class,
    /// 12 bits.
    pub method: u16,
    pub transaction: Transaction,
    attributes: &'a [u8],
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("shorter than the 20 bytes of a header")]
    Short,
    #[error("no STUN: its first two bits or its cookie are not those of a message")]
    NoStun,
    #[error("its length is not that of the datagram, or no multiple of four")]
    Length,
    #[error("an attribute goes beyond the end")]
    Attribute,
    #[error("its fingerprint is wrong")]
    Fingerprint,
}

/// The 14 bits of a type, with the two bits of the class between those of the method (RFC 8489 §5, figure 3).
pub fn kind(class: Class, method: u16) -> u16 {
    let class = match class {
        Class::Request => 0,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    (method & 0x0f80) << 2 | (method & 0x0070) << 1 | method & 0x000f | class
}

pub fn class(kind: u16) -> Class {
    match kind & 0x0110 {
        0 => Class::Request,
        0x0010 => Class::Indication,
        0x0100 => Class::Success,
        _ => Class::Error,
    }
}

pub fn method(kind: u16) -> u16 {
    (kind & 0x3e00) >> 2 | (kind & 0x00e0) >> 1 | kind & 0x000f
}

/// The attributes of a message, as far as they fit.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || next(&mut reader))
}

fn next<'a>(reader: &mut Reader<'a>) -> Option<Attribute<'a>> {
    let (kind, length) = (reader.u16()?, usize::from(reader.u16()?));
    let value = reader.take(length)?;
    // The last one's padding may be left out.
    reader.take((length.next_multiple_of(4) - length).min(reader.remaining()))?;
    Some(Attribute { kind, value })
}

/// The bits that an address is turned by: the cookie, then the transaction (RFC 8489 §14.2).
fn mask(transaction: &Transaction) -> [u8; 16] {
    let mut mask = [0; 16];
    let bytes = COOKIE.to_be_bytes().into_iter().chain(*transaction);
    mask.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    mask
}

fn turned<const N: usize>(mut address: [u8; N], mask: &[u8; 16]) -> [u8; N] {
    address.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    address
}

/// The address in a value, turned by the mask where there is one.
pub fn address(value: &[u8], transaction: Option<&Transaction>) -> Option<SocketAddr> {
    let mask = transaction.map_or([0; 16], mask);
    let [high, low, ..] = mask;
    let mut reader = Reader::new(value);
    let [_, family] = reader.array()?;
    let port = reader.u16()? ^ u16::from_be_bytes([high, low]);
    let ip = match (family, reader.remaining()) {
        (1, 4) => IpAddr::V4(Ipv4Addr::from(turned(reader.array()?, &mask))),
        (2, 16) => IpAddr::V6(Ipv6Addr::from(turned(reader.array()?, &mask))),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

impl<'a> Message<'a> {
    /// Reads the message that a datagram is, fingerprint and all.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes);
        let header = (|| Some((reader.u16()?, reader.u16()?, reader.u32()?, reader.array()?)))();
        let (kind, length, cookie, transaction) = header.ok_or(Fault::Short)?;
        if kind & 0xc000 != 0 || cookie != COOKIE {
            return Err(Fault::NoStun);
        }
        let attributes = reader.rest();
        if usize::from(length) != attributes.len() || !length.is_multiple_of(4) {
            return Err(Fault::Length);
        }
        let mut reader = Reader::new(attributes);
        while reader.remaining() > 0 {
            let begins = HEADER + reader.position();
            let attribute = next(&mut reader).ok_or(Fault::Attribute)?;
            if attribute.kind == FINGERPRINT {
                let said = attribute.value.try_into().map(u32::from_be_bytes).map_err(|_| Fault::Fingerprint)?;
                if reader.remaining() > 0 || bytes.get(..begins).map(fingerprint) != Some(said) {
                    return Err(Fault::Fingerprint);
                }
            }
        }
        Ok(Self { class: class(kind), method: method(kind), transaction, attributes })
    }

    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        attributes(self.attributes)
    }

    /// The value of the first attribute of this type; later ones count for nothing (RFC 8489 §14).
    pub fn value(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes().find(|attribute| attribute.kind == kind).map(|attribute| attribute.value)
    }

    /// The address in the first attribute of this type, whose bits are turned where the type is an XOR one.
    pub fn address(&self, kind: u16) -> Option<SocketAddr> {
        address(self.value(kind)?, is_turned(kind).then_some(&self.transaction))
    }

    /// CHANGE-REQUEST; `None` where there is none.
    pub fn change(&self) -> Option<Change> {
        let [_, _, _, flags] = self.value(CHANGE_REQUEST)?.try_into().ok()?;
        Some(Change { address: flags & 4 != 0, port: flags & 2 != 0 })
    }

    /// RESPONSE-PORT.
    pub fn response_port(&self) -> Option<u16> {
        let [high, low, ..] = *self.value(RESPONSE_PORT)? else { return None };
        Some(u16::from_be_bytes([high, low]))
    }

    /// The number of an ERROR-CODE, 300 to 699.
    pub fn error(&self) -> Option<u16> {
        let [_, _, hundreds, rest, ..] = *self.value(ERROR_CODE)? else { return None };
        Some(u16::from(hundreds & 7) * 100 + u16::from(rest))
    }

    /// ERROR-CODE in words.
    pub fn reason(&self) -> Option<&'a [u8]> {
        self.value(ERROR_CODE)?.get(4..).filter(|reason| !reason.is_empty())
    }

    /// LIFETIME, in seconds.
    pub fn lifetime(&self) -> Option<u32> {
        self.value(LIFETIME)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// The attributes that must be understood and are not in `known`.
    pub fn unknown(&self, known: &[u16]) -> impl Iterator<Item = u16> {
        let kinds = self.attributes().map(|attribute| attribute.kind);
        kinds.filter(|kind| *kind < OPTIONAL && !known.contains(kind))
    }
}

/// Whether a type's address has its bits turned.
pub fn is_turned(kind: u16) -> bool {
    matches!(kind, XOR_MAPPED_ADDRESS | XOR_PEER_ADDRESS | XOR_RELAYED_ADDRESS)
}

/// A message that is being written.
#[derive(Clone, Debug)]
pub struct Draft {
    bytes: Vec<u8>,
    transaction: Transaction,
}

impl Draft {
    pub fn new(class: Class, method: u16, transaction: Transaction) -> Self {
        let head = [kind(class, method).to_be_bytes(), [0; 2]].concat();
        Self { bytes: [&head[..], &COOKIE.to_be_bytes(), &transaction].concat(), transaction }
    }

    /// Appends an attribute; one that does not fit into a message of 64 KiB is left out.
    pub fn with(mut self, kind: u16, value: &[u8]) -> Self {
        let padded = value.len().next_multiple_of(4);
        let total = self.bytes.len() - HEADER + 4 + padded;
        let (Ok(length), Ok(total)) = (u16::try_from(value.len()), u16::try_from(total)) else { return self };
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(value);
        self.bytes.resize(HEADER + usize::from(total), 0);
        if let Some(place) = self.bytes.get_mut(2..4) {
            place.copy_from_slice(&total.to_be_bytes());
        }
        self
    }

    /// Appends an address, its bits turned where the type is an XOR one.
    pub fn with_address(self, kind: u16, address: SocketAddr) -> Self {
        let mask = if is_turned(kind) { mask(&self.transaction) } else { [0; 16] };
        let [high, low, ..] = mask;
        let port = (address.port() ^ u16::from_be_bytes([high, low])).to_be_bytes();
        let (family, ip) = match address.ip() {
            IpAddr::V4(ip) => (1, turned(ip.octets(), &mask).to_vec()),
            IpAddr::V6(ip) => (2, turned(ip.octets(), &mask).to_vec()),
        };
        self.with(kind, &[&[0, family], &port[..], &ip].concat())
    }

    pub fn with_change(self, change: Change) -> Self {
        let flags = u8::from(change.address) << 2 | u8::from(change.port) << 1;
        self.with(CHANGE_REQUEST, &[0, 0, 0, flags])
    }

    pub fn with_response_port(self, port: u16) -> Self {
        let [high, low] = port.to_be_bytes();
        self.with(RESPONSE_PORT, &[high, low, 0, 0])
    }

    pub fn with_error(self, code: u16, reason: &str) -> Self {
        let (hundreds, rest) = ((code / 100) as u8, (code % 100) as u8);
        self.with(ERROR_CODE, &[&[0, 0, hundreds, rest], reason.as_bytes()].concat())
    }

    pub fn with_unknown(self, kinds: &[u16]) -> Self {
        let value: Vec<u8> = kinds.iter().flat_map(|kind| kind.to_be_bytes()).collect();
        self.with(UNKNOWN_ATTRIBUTES, &value)
    }

    /// The message; with a FINGERPRINT at its end where that is asked for.
    pub fn finish(self, with_fingerprint: bool) -> Vec<u8> {
        if !with_fingerprint {
            return self.bytes;
        }
        // The sum is over a header whose length counts the fingerprint already.
        let mut whole = self.with(FINGERPRINT, &[0; 4]).bytes;
        let begins = whole.len().saturating_sub(8);
        let sum = whole.get(..begins).map_or(0, fingerprint);
        if let Some(place) = whole.last_chunk_mut::<4>() {
            *place = sum.to_be_bytes();
        }
        whole
    }
}

/// The value of a FINGERPRINT behind `bytes`.
pub fn fingerprint(bytes: &[u8]) -> u32 {
    // CRC-32 of ITU V.42, bit by bit: messages are short and few.
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    });
    !sum ^ FINGERPRINT_XOR
}

/// An answer has its request's transaction, from whichever address it comes (RFC 5780 §7.2).
pub(super) fn exchange(at: &At<'_>) -> Option<Exchange> {
    let part = match class(at.u16(0)?) {
        Class::Request => Part::Question,
        Class::Success | Class::Error => Part::Answer { last: true },
        Class::Indication => return None,
    };
    let [one, two, three] = [at.u32(8)?, at.u32(12)?, at.u32(16)?].map(u64::from);
    let tag = (one << 32 | two) ^ three.rotate_left(16);
    Some(Exchange { part, among: Among::Anybody { within: PATIENCE }, tag })
}

/// Whether what a datagram carries says that it is a message, and is one as far as its length says.
#[inline]
pub(super) fn look(look: &Look<'_>) -> bool {
    let Some(&[first, _, high, low, a, b, c, d]) = look.data.first_chunk::<8>() else { return false };
    first & 0xc0 == 0
        && u32::from_be_bytes([a, b, c, d]) == COOKIE
        && HEADER + usize::from(u16::from_be_bytes([high, low])) == look.length
}

/// A message is one layer, attributes and all.
pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    walk.message(Protocol::Stun)
}
