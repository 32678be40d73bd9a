//! A filter ready to run: tests over packets. Whatever has an order (numbers, addresses, times) is compared as one
//! number in ranges, so that `<`, sets, ranges and prefixes are the same test; numbers at a fixed place have a test of
//! their own, which reads nothing but that place.

use memchr::memmem::Finder;
use regex::bytes::Regex;

use super::lex::Quantifier;
use super::source::{Protocols, Source, bytes};
use crate::flow::Facts;
use crate::wire::{Bits, Packet, Protocol, Value};

/// First and last number of a range; see [`rank`].
pub type Range = (u128, u128);

#[derive(Debug)]
pub enum Test {
    Always,
    Not(Box<Test>),
    And(Vec<Test>),
    Or(Vec<Test>),
    /// An odd number of these.
    Xor(Vec<Test>),
    /// A layer of one of these protocols.
    Layer(Protocols),
    There(Source),
    /// A number other than zero: `tcp.flags & 2` alone.
    NotZero(Source),
    /// Whether numbers at a fixed place lie within the range, as `inside` says.
    Fixed {
        place: Fixed,
        first: u64,
        last: u64,
        inside: bool,
        quantifier: Quantifier,
    },
    /// Whether values lie in any of the ranges, as `inside` says.
    Ranges {
        source: Source,
        ranges: Vec<Range>,
        inside: bool,
        quantifier: Quantifier,
    },
    Bytes {
        source: Source,
        order: Order,
        with: Vec<u8>,
        quantifier: Quantifier,
    },
    BytesIn {
        source: Source,
        set: Vec<(Vec<u8>, Vec<u8>)>,
        quantifier: Quantifier,
    },
    Contains {
        source: Source,
        needle: Box<Finder<'static>>,
        quantifier: Quantifier,
    },
    Matches {
        source: Source,
        pattern: Regex,
        quantifier: Quantifier,
    },
    Pair {
        left: Source,
        right: Source,
        order: Order,
        quantifier: Quantifier,
    },
}

/// Which outcomes of a comparison are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub less: bool,
    pub equal: bool,
    pub greater: bool,
}

impl Order {
    #[inline]
    fn accepts(self, outcome: std::cmp::Ordering) -> bool {
        match outcome {
            std::cmp::Ordering::Less => self.less,
            std::cmp::Ordering::Equal => self.equal,
            std::cmp::Ordering::Greater => self.greater,
        }
    }
}

/// A number of at most eight bytes at a fixed place of a protocol's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    protocol: Protocol,
    /// From the header's first byte.
    at: u16,
    bytes: u8,
    shift: u8,
    mask: u64,
}

impl Fixed {
    /// The place of `bits` in the headers of `protocol`; nothing where it takes more than eight bytes.
    pub fn new(protocol: Protocol, bits: Bits) -> Option<Self> {
        let (at, end) = (bits.at / 8, (bits.at + bits.length).div_ceil(8));
        let count = u8::try_from(end - at).ok().filter(|count| *count <= 8)?;
        let shift = (end * 8 - bits.at - bits.length) as u8;
        let mask = if bits.length >= 64 { u64::MAX } else { (1 << bits.length) - 1 };
        Some(Self { protocol, at, bytes: count, shift, mask })
    }

    #[inline]
    fn read(self, data: &[u8], start: u32, end: u32) -> Option<u64> {
        let at = start as usize + usize::from(self.at);
        let behind = at + usize::from(self.bytes);
        if behind > end as usize {
            return None;
        }
        let number = match self.bytes {
            1 => u64::from(*data.get(at)?),
            2 => u64::from(u16::from_be_bytes(data.get(at..behind)?.try_into().ok()?)),
            4 => u64::from(u32::from_be_bytes(data.get(at..behind)?.try_into().ok()?)),
            _ => data.get(at..behind)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        };
        Some(number >> self.shift & self.mask)
    }

    #[inline]
    fn holds(self, packet: &Packet<'_>, quantifier: Quantifier, accepts: impl Fn(u64) -> bool) -> bool {
        let mut seen = false;
        for layer in packet.layers.iter().filter(|layer| layer.protocol == self.protocol) {
            let Some(number) = self.read(packet.frame.data, layer.start, layer.end) else { continue };
            match (accepts(number), quantifier) {
                (true, Quantifier::Any) => return true,
                (false, Quantifier::All) => return false,
                _ => seen = true,
            }
        }
        seen && quantifier == Quantifier::All
    }
}

/// What is added to signed numbers, so that they keep their order without a sign.
pub const ZERO: u128 = 1 << 64;

/// A value as a number in the order of its type; only ranks of the same type may be compared.
#[inline]
pub fn rank(value: &Value<'_>) -> Option<u128> {
    Some(match value {
        Value::Uint(number) => ZERO + u128::from(*number),
        Value::Bool(yes) => ZERO + u128::from(*yes),
        Value::Int(number) | Value::Nanoseconds(number) => ZERO.wrapping_add_signed((*number).into()),
        Value::Ipv4(address) => u32::from_be_bytes(*address).into(),
        Value::Ipv6(address) => u128::from_be_bytes(*address),
        Value::Mac([a, b, c, d, e, f]) => u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]).into(),
        Value::Bytes(_) | Value::Text(_) | Value::Made(_) => return None,
    })
}

/// Whether any or all values of `source` are accepted; false where there is none.
#[inline]
fn quantified(
    source: &Source,
    quantifier: Quantifier,
    packet: &Packet<'_>,
    facts: &Facts,
    mut accepts: impl FnMut(&Value<'_>) -> bool,
) -> bool {
    let mut holds = false;
    source.each(packet, facts, &mut |value| {
        holds = accepts(&value);
        holds != (quantifier == Quantifier::Any)
    });
    holds
}

impl Test {
    /// Whether the packet passes. As deep as the brackets of the expression, which are bounded.
    pub fn holds(&self, packet: &Packet<'_>, facts: &Facts) -> bool {
        match self {
            Self::Always => true,
            Self::Not(test) => !test.holds(packet, facts),
            Self::And(tests) => tests.iter().all(|test| test.holds(packet, facts)),
            Self::Or(tests) => tests.iter().any(|test| test.holds(packet, facts)),
            Self::Xor(tests) => tests.iter().fold(false, |odd, test| odd ^ test.holds(packet, facts)),
            Self::Layer(protocols) => protocols.are_in(packet, facts),
            Self::There(source) => source.is_there(packet, facts),
            Self::NotZero(source) => {
                let not_zero = |value: &Value<'_>| rank(value).is_some_and(|rank| rank != ZERO);
                quantified(source, Quantifier::Any, packet, facts, not_zero)
            }
            Self::Fixed { place, first, last, inside, quantifier } => {
                place.holds(packet, *quantifier, |number| (*first <= number && number <= *last) == *inside)
            }
            Self::Ranges { source, ranges, inside, quantifier } => {
                quantified(source, *quantifier, packet, facts, |value| {
                    let within = |rank| ranges.iter().any(|(first, last)| *first <= rank && rank <= *last);
                    rank(value).is_some_and(|rank| within(rank) == *inside)
                })
            }
            Self::Bytes { source, order, with, quantifier } => {
                quantified(source, *quantifier, packet, facts, |value| bytes(value, |b| order.accepts(b.cmp(with))))
            }
            Self::BytesIn { source, set, quantifier } => quantified(source, *quantifier, packet, facts, |value| {
                bytes(value, |b| set.iter().any(|(first, last)| first.as_slice() <= b && b <= last.as_slice()))
            }),
            Self::Contains { source, needle, quantifier } => {
                quantified(source, *quantifier, packet, facts, |value| bytes(value, |b| needle.find(b).is_some()))
            }
            Self::Matches { source, pattern, quantifier } => {
                quantified(source, *quantifier, packet, facts, |value| bytes(value, |b| pattern.is_match(b)))
            }
            Self::Pair { left, right, order, quantifier } => quantified(left, *quantifier, packet, facts, |a| {
                quantified(right, *quantifier, packet, facts, |b| order.accepts(compared(a, b)))
            }),
        }
    }
}

fn compared(a: &Value<'_>, b: &Value<'_>) -> std::cmp::Ordering {
    match (rank(a), rank(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => bytes(a, |a| bytes(b, |b| a.cmp(b))),
    }
}
