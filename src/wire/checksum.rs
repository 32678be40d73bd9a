//! The Internet checksum (RFC 1071) of IPv4, TCP, UDP, ICMP and IGMP, and what its value tells.
//!
//! A packet that leaves this machine, and all of loopback, often carries only the folded sum of the pseudo-header: the
//! network card is to finish the work. That is *not filled in yet*, never bad.

use etherparse::checksum::Sum16BitWords;

use super::{At, Protocol, numbers};

/// Wireshark's numbers for `*.checksum.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Bad = 0,
    Good = 1,
    Unverified = 2,
    NotPresent = 3,
    /// Zero, where a checksum must be (UDP over IPv6).
    Illegal = 4,
}

/// What a checksum field tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// It should have been this.
    Bad(u16),
    /// The field holds the folded sum of the pseudo-header: the network card was to do the rest.
    NotFilledIn,
    /// UDP over IPv4 may do without: the field is zero.
    Absent,
    CannotTell(Why),
}

/// Why a checksum cannot be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The capture did not keep all bytes.
    Cut,
    /// The sum is over the whole datagram, and this is one fragment.
    Fragment,
    /// An ICMP error quotes only the beginning.
    Quoted,
    /// A length field contradicts the header, so nobody knows what the sum is over.
    Length,
}

impl Verdict {
    pub fn status(self) -> Status {
        match self {
            Self::Good => Status::Good,
            Self::Bad(_) | Self::NotFilledIn => Status::Bad,
            Self::Absent => Status::NotPresent,
            Self::CannotTell(_) => Status::Unverified,
        }
    }

    /// The value of `netlab.checksum.verdict`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad(_) => "bad",
            Self::NotFilledIn => "not filled in yet",
            Self::Absent => "not present",
            Self::CannotTell(_) => "cannot tell",
        }
    }
}

/// A checksum field held against the bytes it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The field as it stands in the packet.
    pub stored: u16,
    verdict: Verdict,
    /// Zero, which UDP over IPv6 must not have (RFC 8200 §8.1).
    illegal: bool,
}

impl Check {
    pub fn verdict(self) -> Verdict {
        self.verdict
    }

    pub fn status(self) -> Status {
        if self.illegal { Status::Illegal } else { self.verdict.status() }
    }

    fn new(stored: u16, verdict: Verdict) -> Self {
        Self { stored, verdict, illegal: false }
    }

    fn cannot_tell(stored: u16, why: Why) -> Self {
        Self::new(stored, Verdict::CannotTell(why))
    }
}

/// The value of a `*.checksum.status` field.
pub fn status(check: Check) -> super::Value<'static> {
    super::Value::Uint(check.status() as u64)
}

/// `Status` in words.
pub fn status_words(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "bad",
        1 => "good",
        2 => "unverified",
        3 => "not present",
        4 => "zero, where there must be one",
        _ => return None,
    })
}

/// The addresses that a pseudo-header holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    V4([u8; 4], [u8; 4]),
    V6([u8; 16], [u8; 16]),
}

/// The pseudo-header of TCP, UDP and ICMPv6 (RFC 9293 §3.1, RFC 768, RFC 8200 §8.1): addresses, protocol, length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PseudoHeader {
    pub ends: Ends,
    pub protocol: u8,
    /// Bytes of header and data.
    pub length: u32,
}

impl PseudoHeader {
    /// The sum of its 16-bit words, not yet folded.
    pub fn sum(&self) -> Sum16BitWords {
        let sum = match self.ends {
            Ends::V4(source, destination) => Sum16BitWords::new().add_4bytes(source).add_4bytes(destination),
            Ends::V6(source, destination) => Sum16BitWords::new().add_16bytes(source).add_16bytes(destination),
        };
        sum.add_2bytes([0, self.protocol]).add_4bytes(self.length.to_be_bytes())
    }
}

/// What a checksum over these bytes alone is, which has to be zero in them (RFC 1071).
pub fn of(bytes: &[u8]) -> u16 {
    !folded(Sum16BitWords::new().add_slice(bytes))
}

/// The one's complement sum of `data`, folded to 16 bits, not complemented.
pub fn folded(sum: Sum16BitWords) -> u16 {
    !sum.ones_complement().to_be()
}

/// The pseudo-header that belongs to the transport layer `at`.
pub fn pseudo_header(at: &At<'_>, protocol: u8) -> Option<PseudoHeader> {
    pseudo_header_under(at, &at.packet.network(at.index)?, protocol)
}

#[inline]
fn pseudo_header_under(at: &At<'_>, network: &At<'_>, protocol: u8) -> Option<PseudoHeader> {
    let length = at.layer.end.saturating_sub(at.layer.start);
    let ends = match network.layer.protocol {
        Protocol::Ipv4 => Ends::V4(network.array(12)?, network.array(16)?),
        _ => Ends::V6(network.array(8)?, final_destination(at, network)?),
    };
    Some(PseudoHeader { ends, protocol, length })
}

/// Where a routing header has stations to go, the sum is over the last of them (RFC 8200 §8.1).
fn final_destination(at: &At<'_>, network: &At<'_>) -> Option<[u8; 16]> {
    let routing = at.packet.each().skip(network.index).take(at.index - network.index);
    let left = routing.filter(|layer| layer.layer.protocol == Protocol::Routing).last();
    match left {
        Some(header) if header.u8(3)? > 0 && matches!(header.u8(2)?, 0 | 2) => {
            header.array(header.layer.header.checked_sub(16)? as usize)
        }
        Some(header) if header.u8(3)? > 0 && header.u8(2)? == 4 => header.array(8),
        _ => network.array(24),
    }
}

/// Verifies a checksum over pseudo-header and the whole layer.
#[inline]
fn transport(at: &At<'_>, protocol: u8, stored: u16) -> Option<Check> {
    if at.layer.fragment {
        return Some(Check::cannot_tell(stored, Why::Fragment));
    }
    let network = at.packet.network(at.index)?;
    if quoted_in_part(at, &network) {
        return Some(Check::cannot_tell(stored, Why::Quoted));
    }
    if at.layer.end as usize > at.packet.frame.data.len() {
        return Some(Check::cannot_tell(stored, Why::Cut));
    }
    let pseudo = pseudo_header_under(at, &network, protocol)?;
    let sum = folded(pseudo.sum().add_slice(at.bytes()));
    let verdict = match sum {
        0xffff => Verdict::Good,
        // The card sums what lies behind the pseudo-header and puts the complement in the field.
        _ if stored == folded(pseudo.sum()) => Verdict::NotFilledIn,
        _ => Verdict::Bad(expected(sum, stored)),
    };
    Some(Check::new(stored, verdict))
}

/// The right value of a field, from the sum that includes the wrong one.
fn expected(sum: u16, stored: u16) -> u16 {
    let without = u32::from(sum) + u32::from(!stored);
    !((without & 0xffff) + (without >> 16)) as u16
}

/// Whether an ICMP error quotes only the beginning of the packet that this layer is in (RFC 792: 8 bytes of its data).
#[inline]
fn quoted_in_part(at: &At<'_>, network: &At<'_>) -> bool {
    let length = || match network.layer.protocol {
        Protocol::Ipv4 => Some(u32::from(network.u16(2)?)),
        _ => Some(super::ipv6::HEADER as u32 + u32::from(network.u16(4)?)),
    };
    at.layer.quoted && length().is_none_or(|length| network.layer.end - network.layer.start < length)
}

/// Verifies a checksum over the layer's own bytes alone.
fn plain(at: &At<'_>, bytes: &[u8], complete: bool, stored: u16) -> Check {
    if !complete {
        return Check::cannot_tell(stored, if at.layer.quoted { Why::Quoted } else { Why::Cut });
    }
    let sum = folded(Sum16BitWords::new().add_slice(bytes));
    let verdict = if sum == 0xffff { Verdict::Good } else { Verdict::Bad(expected(sum, stored)) };
    Check::new(stored, verdict)
}

/// The IPv4 header's own checksum. `at` is an IPv4 layer.
pub fn ipv4(at: &At<'_>) -> Option<Check> {
    let stored = at.u16(10)?;
    let header = at.header();
    let length = usize::from(at.u8(0)? & 15) * 4;
    Some(plain(at, header, header.len() >= 20 && header.len() == length, stored))
}

#[inline]
pub fn tcp(at: &At<'_>) -> Option<Check> {
    transport(at, numbers::TCP, at.u16(16)?)
}

pub fn udp(at: &At<'_>) -> Option<Check> {
    let (length, stored) = (at.u16(4)?, at.u16(6)?);
    let network = at.packet.network(at.index)?;
    if stored == 0 && (network.layer.protocol == Protocol::Ipv4 || at.layer.quoted) {
        return Some(Check::new(stored, Verdict::Absent));
    }
    let carried = at.layer.end - at.layer.start;
    let check = if length != 0 && u32::from(length) > carried && !at.layer.quoted && !at.layer.fragment {
        Check::cannot_tell(stored, Why::Length)
    } else if network.layer.end as usize > at.packet.frame.data.len() {
        // A datagram shorter than the packet around it may be there as a whole, and its checksum still be over more.
        Check::cannot_tell(stored, Why::Cut)
    } else {
        transport(at, numbers::UDP, stored)?
    };
    Some(Check { illegal: stored == 0, ..check })
}

pub fn icmp(at: &At<'_>) -> Option<Check> {
    let stored = at.u16(2)?;
    if at.layer.fragment {
        return Some(Check::cannot_tell(stored, Why::Fragment));
    }
    let part = at.layer.quoted && at.packet.network(at.index).is_none_or(|network| quoted_in_part(at, &network));
    Some(plain(at, at.bytes(), !part && at.layer.end as usize <= at.packet.frame.data.len(), stored))
}

pub fn igmp(at: &At<'_>) -> Option<Check> {
    // No message is shorter (RFC 2236 §2): what the sum should be over is not there.
    if at.layer.end - at.layer.start < super::igmp::HEADER as u32 {
        return Some(Check::cannot_tell(at.u16(2)?, Why::Length));
    }
    icmp(at)
}

pub fn icmpv6(at: &At<'_>) -> Option<Check> {
    transport(at, numbers::ICMPV6, at.u16(2)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_example_of_rfc_1071() {
        // §3: the bytes 00 01 f2 03 f4 f5 f6 f7 sum to ddf2.
        assert_eq!(folded(Sum16BitWords::new().add_slice(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
    }

    #[test]
    fn tells_what_a_wrong_field_should_have_been() {
        let good = [0x45u8, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0x7a, 0xe7, 10, 0, 0, 1, 10, 0, 0, 2];
        let mut header = good;
        let right = {
            header[10] = 0;
            header[11] = 0;
            !folded(Sum16BitWords::new().add_slice(&header))
        };
        for wrong in [0u16, 1, 0x1234, 0xfffe] {
            header[10..12].copy_from_slice(&wrong.to_be_bytes());
            assert_eq!(expected(folded(Sum16BitWords::new().add_slice(&header)), wrong), right);
        }
    }
}
