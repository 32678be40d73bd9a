//! Where a test gets its values from: a field, a protocol's bytes, or something made of them.

use crate::field::{self, Resolved};
use crate::flow::Facts;
use crate::flow::whole;
use crate::wire::{At, Layer, Packet, Protocol, Value};

use super::parse::Piece;

/// A set of protocols, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols(u128);

const _: () = assert!(Protocol::ALL.len() <= u128::BITS as usize, "Protocols has a bit for each");

impl Protocols {
    /// The protocols that bear a name: Wireshark's, and `ndp` and `mld` for the parts of ICMPv6.
    pub fn named(name: &str) -> Option<Self> {
        let own = |protocol: Protocol| match protocol {
            Protocol::Ndp => "ndp",
            Protocol::Mld => "mld",
            other => other.name(),
        };
        let named = Protocol::ALL.iter().filter(|protocol| protocol.name() == name || own(**protocol) == name);
        let bits = named.fold(0, |bits, protocol| bits | 1u128.checked_shl(*protocol as u32).unwrap_or(0));
        (bits != 0).then_some(Self(bits))
    }

    /// All names, for suggestions.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Protocol::ALL.iter().map(|protocol| protocol.name()).chain(["ndp", "mld"])
    }

    #[inline]
    pub fn contains(self, protocol: Protocol) -> bool {
        self.0 >> (protocol as u32 & 127) & 1 != 0
    }

    /// Every packet is a frame, though the frame is not in its list of layers.
    #[inline]
    pub fn are_in(self, packet: &Packet<'_>, facts: &Facts) -> bool {
        let shown = |layer: &Layer| self.contains(layer.protocol) && !field::is_repeated(layer.protocol, facts);
        let whole = || facts.wholes.iter().any(|whole| self.contains(whole.protocol()));
        self.contains(Protocol::Frame) || packet.layers.iter().any(shown) || whole()
    }
}

/// Values of a packet.
pub enum Source {
    Field(Resolved),
    /// The bytes of a layer, from its header's first to the end of its content.
    Layer(Protocols),
    Slice(Box<Source>, Vec<Piece>),
    Mask(Box<Source>, u64),
    /// Bytes of each value.
    Length(Box<Source>),
    /// How many values there are; nothing where there are none.
    Count(Box<Source>),
    /// Letters (ASCII) made small.
    Lower(Box<Source>),
    /// Letters (ASCII) made capital.
    Upper(Box<Source>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Field(field) => f.write_str(field.name),
            Self::Layer(protocols) => write!(f, "{protocols:?}"),
            Self::Slice(inner, pieces) => write!(f, "{inner:?}{pieces:?}"),
            Self::Mask(inner, mask) => write!(f, "{inner:?} & {mask}"),
            Self::Length(inner) => write!(f, "len({inner:?})"),
            Self::Count(inner) => write!(f, "count({inner:?})"),
            Self::Lower(inner) => write!(f, "lower({inner:?})"),
            Self::Upper(inner) => write!(f, "upper({inner:?})"),
        }
    }
}

impl Source {
    /// Hands every value in the packet to `each`, until that says `false`.
    pub fn each(&self, packet: &Packet<'_>, facts: &Facts, each: &mut dyn FnMut(Value<'_>) -> bool) {
        match self {
            Self::Field(field) => field.each(packet, facts, &mut |value| each(value)),
            Self::Layer(protocols) => {
                if protocols.contains(Protocol::Frame) && !each(Value::Bytes(packet.frame.data)) {
                    return;
                }
                let shown = |at: &At<'_>| {
                    let protocol = at.layer.protocol;
                    protocols.contains(protocol) && (whole::is_one(at) || !field::is_repeated(protocol, facts))
                };
                for at in whole::among(packet, 0, facts).filter(shown) {
                    if !each(Value::Bytes(at.bytes())) {
                        return;
                    }
                }
            }
            Self::Slice(inner, pieces) => inner.each(packet, facts, &mut |value| {
                bytes(&value, |bytes| match pieces.as_slice() {
                    [piece] => cut(bytes, *piece).is_none_or(|bytes| each(Value::Bytes(bytes))),
                    // Several pieces are joined: rare, so it may allocate.
                    pieces => match pieces.iter().map(|piece| cut(bytes, *piece)).collect::<Option<Vec<_>>>() {
                        Some(pieces) => each(Value::Bytes(&pieces.concat())),
                        None => true,
                    },
                })
            }),
            Self::Mask(inner, mask) => inner.each(packet, facts, &mut |value| match value {
                Value::Uint(number) => each(Value::Uint(number & mask)),
                Value::Bool(yes) => each(Value::Uint(u64::from(yes) & mask)),
                // A slice of at most eight bytes is a number in network order: `tcp[13] & 2`.
                Value::Bytes(bytes) if bytes.len() <= 8 => {
                    let number = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
                    each(Value::Uint(number & mask))
                }
                _ => true,
            }),
            Self::Length(inner) => inner.each(packet, facts, &mut |value| {
                let length = bytes(&value, <[u8]>::len);
                each(Value::Uint(length as u64))
            }),
            Self::Count(inner) => {
                let mut count = 0;
                inner.each(packet, facts, &mut |_| {
                    count += 1;
                    true
                });
                if count > 0 {
                    each(Value::Uint(count));
                }
            }
            Self::Lower(inner) => inner.each(packet, facts, &mut |value| {
                let text = bytes(&value, <[u8]>::to_ascii_lowercase);
                each(Value::Text(&text))
            }),
            Self::Upper(inner) => inner.each(packet, facts, &mut |value| {
                let text = bytes(&value, <[u8]>::to_ascii_uppercase);
                each(Value::Text(&text))
            }),
        }
    }

    /// Whether there is a value at all.
    pub fn is_there(&self, packet: &Packet<'_>, facts: &Facts) -> bool {
        match self {
            Self::Layer(protocols) => protocols.are_in(packet, facts),
            _ => {
                let mut there = false;
                self.each(packet, facts, &mut |_| {
                    there = true;
                    false
                });
                there
            }
        }
    }
}

/// A value as bytes, where it has some; numbers have none here, they are compared as numbers.
#[inline]
pub fn bytes<T>(value: &Value<'_>, with: impl FnOnce(&[u8]) -> T) -> T {
    match value {
        Value::Bytes(bytes) | Value::Text(bytes) => with(bytes),
        Value::Made(made) => with(&made.text()),
        Value::Mac(address) => with(address),
        Value::Ipv4(address) => with(address),
        Value::Ipv6(address) => with(address),
        Value::Uint(_) | Value::Int(_) | Value::Bool(_) | Value::Nanoseconds(_) => with(&[]),
    }
}

/// One piece of some bytes; nothing where they do not reach so far.
fn cut(bytes: &[u8], piece: Piece) -> Option<&[u8]> {
    let back = piece.start.unsigned_abs() as usize;
    let start = if piece.start < 0 { bytes.len().checked_sub(back)? } else { back };
    let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
    match piece.length {
        Some(length) => rest.get(..length as usize),
        None => Some(rest),
    }
}
