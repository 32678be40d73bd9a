//! Checksums updated by what changed under them (RFC 1624), from the innermost outwards: an outer one is over the inner.

use super::super::checksum::{self, Verdict};
use super::super::{At, Protocol, ipv6};
use super::{Change, Rewriting, final_destination};

/// Arithmetic of checksums is modulo this: 0 and 0xffff are the same number (RFC 1071 §2).
const MODULUS: i64 = 0xffff;

/// A checksum of one layer.
struct Sum {
    /// Of the field, in bytes of the frame.
    place: usize,
    /// What it is over.
    over: Change,
    /// And what of the IP header before it: two addresses.
    pseudo: Option<[Change; 2]>,
    /// Zero says that there is none (UDP).
    zero_is_none: bool,
}

/// Updates every checksum; `fill_in` finishes those that a card was to finish.
pub(super) fn update(rewriting: &mut Rewriting<'_, '_>, fill_in: bool) {
    if rewriting.changes.is_empty() && !fill_in {
        return;
    }
    for index in (0..rewriting.packet.layers.len()).rev() {
        let Some(at) = rewriting.packet.at(index) else { continue };
        let Some(sum) = Sum::of(&at) else { continue };
        let stored = two(rewriting.packet.frame.data, sum.place);
        let Some(stored) = stored.filter(|stored| !sum.zero_is_none || *stored != 0) else { continue };
        let unfinished = sum.pseudo.is_some() && verdict(&at) == Some(Verdict::NotFilledIn);
        let value = match (unfinished, fill_in) {
            (true, true) => sum.whole(&at, rewriting),
            // The field holds the sum of the pseudo-header itself, not its complement.
            (true, false) => number(i64::from(stored) + sum.moved(rewriting, false)),
            (false, _) => match sum.moved(rewriting, true) {
                0 => continue,
                moved => !number(i64::from(!stored) + moved),
            },
        };
        // Zero would say that there is no checksum (RFC 768); its other form means the same sum.
        let value = if value == 0 && sum.zero_is_none { 0xffff } else { value };
        rewriting.put(sum.place, &value.to_be_bytes());
    }
}

fn verdict(at: &At<'_>) -> Option<Verdict> {
    let check = match at.layer.protocol {
        Protocol::Tcp => checksum::tcp(at)?,
        Protocol::Udp => checksum::udp(at)?,
        _ => return None,
    };
    Some(check.verdict())
}

fn two(data: &[u8], place: usize) -> Option<u16> {
    data.get(place..)?.first_chunk().copied().map(u16::from_be_bytes)
}

/// The 16 bits of a sum; never zero, as no sum of a packet is (its addresses are not all zero).
fn number(sum: i64) -> u16 {
    match sum.rem_euclid(MODULUS) {
        0 => 0xffff,
        sum => sum as u16,
    }
}

/// What one byte adds to a sum over words that begin at `start`.
fn weight(place: usize, start: usize, byte: u8) -> i64 {
    if (place - start).is_multiple_of(2) { i64::from(byte) << 8 } else { i64::from(byte) }
}

impl Sum {
    fn of(at: &At<'_>) -> Option<Self> {
        let (start, end) = (at.layer.start as usize, at.layer.end as usize);
        let header = start + at.layer.header as usize;
        let whole = Change { start, end };
        let (place, over, pseudo) = match at.layer.protocol {
            Protocol::Ipv4 => (10, Change { start, end: header }, false),
            Protocol::Tcp => (16, whole, true),
            Protocol::Udp => (6, whole, true),
            Protocol::Icmpv6 => (2, whole, true),
            Protocol::Icmp | Protocol::Igmp => (2, whole, false),
            // Only where the flag says so (RFC 2784 §2.3).
            Protocol::Gre if at.u16(0)? & 0x8000 != 0 => (4, whole, false),
            _ => return None,
        };
        let pseudo = match at.packet.network(at.index).filter(|_| pseudo) {
            Some(ip) if ip.layer.protocol == Protocol::Ipv4 => {
                let start = ip.layer.start as usize;
                Some([(start + 12, 4), (start + 16, 4)])
            }
            Some(ip) => Some([(ip.layer.start as usize + ipv6::HEADER - 32, 16), (final_destination(at, &ip), 16)]),
            None => None,
        };
        let pseudo = pseudo.map(|places| places.map(|(start, length)| Change { start, end: start + length }));
        Some(Self { place: start + place, over, pseudo, zero_is_none: at.layer.protocol == Protocol::Udp })
    }

    /// By how much the sum moved, modulo [`MODULUS`]; of the pseudo-header alone where not `all`.
    fn moved(&self, rewriting: &Rewriting<'_, '_>, all: bool) -> i64 {
        let pseudo = self.pseudo.iter().flatten();
        let mut moved = 0;
        for over in pseudo.chain(all.then_some(&self.over)) {
            for change in &rewriting.changes {
                for place in change.start.max(over.start)..change.end.min(over.end) {
                    let byte = |data: &[u8]| data.get(place).map_or(0, |byte| weight(place, over.start, *byte));
                    moved += byte(rewriting.new) - byte(rewriting.packet.frame.data);
                }
            }
        }
        moved.rem_euclid(MODULUS)
    }

    /// The checksum as it should be, over the bytes as they are now.
    fn whole(&self, at: &At<'_>, rewriting: &Rewriting<'_, '_>) -> u16 {
        let number_of = if at.layer.protocol == Protocol::Tcp { 6 } else { 17 };
        let mut sum = number_of + (self.over.end - self.over.start) as i64;
        for over in self.pseudo.iter().flatten().chain([&self.over]) {
            for place in over.start..over.end {
                if place != self.place && place != self.place + 1 {
                    sum += rewriting.new.get(place).map_or(0, |byte| weight(place, over.start, *byte));
                }
            }
        }
        !number(sum)
    }
}
