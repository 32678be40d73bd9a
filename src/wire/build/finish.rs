//! What is right by itself: lengths, the numbers of what follows, checksums (RFC 1071), where nobody set them.

use etherparse::checksum::Sum16BitWords;

use super::{Part, value};
use crate::wire::checksum::{Ends, PseudoHeader, folded};
use crate::wire::{Bits, Protocol, numbers};

/// Fills in what depends on other layers. `bytes` are the headers of `parts` from their `starts`, and the payload.
pub fn fill(parts: &[Part], starts: &[(Protocol, usize)], bytes: &mut [u8]) {
    let all = || parts.iter().zip(starts.iter().map(|(_, start)| *start));
    for (index, (part, start)) in all().enumerate() {
        let length = bytes.len() - start;
        let mut put = |at, wide, number: usize| put(part, start, at, wide, number as u64, bytes);
        let header = part.header.len();
        match part.protocol {
            Protocol::Ipv4 => {
                put(4, 4, header / 4);
                put(16, 16, length);
            }
            Protocol::Ipv6 => put(32, 16, length.saturating_sub(header)),
            Protocol::HopByHop | Protocol::DestinationOptions | Protocol::Routing => {
                put(8, 8, (header / 8).saturating_sub(1))
            }
            Protocol::Tcp => put(96, 4, header / 4),
            Protocol::Udp => put(32, 16, length),
            _ => {}
        }
        let next = parts.get(index + 1).map(|next| next.protocol);
        if let Some((at, wide, number)) = follows(part.protocol, next, length == header) {
            put(at, wide, number);
        }
    }
    // From the inside out, though no checksum but IPv4's covers another header.
    for (index, (part, start)) in all().enumerate().rev() {
        let network = all().take(index).rfind(|(part, _)| is_ip(part.protocol));
        let Some((at, sum)) = sum(part, start, network, bytes) else { continue };
        put(part, start, at, 16, sum.into(), bytes);
    }
}

fn is_ip(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Ipv4 | Protocol::Ipv6)
}

/// Writes a number into a place of a layer, unless something there was set on purpose.
fn put(part: &Part, start: usize, at: u16, length: u16, number: u64, bytes: &mut [u8]) {
    let place = Bits { at, length };
    let inside = usize::from((at + length).div_ceil(8)) <= part.header.len();
    if let Some(header) = bytes.get_mut(start..).filter(|_| inside && !part.is_set(place)) {
        value::put(header, place, number);
    }
}

/// Where a header says what follows it, if what follows need not be a layer.
pub fn next(protocol: Protocol) -> Option<Bits> {
    follows(protocol, None, false).map(|(at, length, _)| Bits { at, length })
}

/// Where a header says what follows it, and the number for that.
fn follows(protocol: Protocol, next: Option<Protocol>, empty: bool) -> Option<(u16, u16, usize)> {
    let number = match (next, empty) {
        (Some(next), _) => ip_number(next),
        (None, true) => Some(numbers::NO_NEXT_HEADER),
        (None, false) => Some(EXPERIMENT),
    };
    Some(match protocol {
        Protocol::Ethernet => (96, 16, ether_type(next?)?.into()),
        Protocol::Vlan | Protocol::ServiceTag => (16, 16, ether_type(next?)?.into()),
        Protocol::Ipv4 => (72, 8, number?.into()),
        Protocol::Ipv6 => (48, 8, number?.into()),
        Protocol::HopByHop | Protocol::DestinationOptions | Protocol::Routing | Protocol::Fragment => {
            (0, 8, number?.into())
        }
        _ => return None,
    })
}

/// For experiments (RFC 3692).
const EXPERIMENT: u8 = 253;

fn ether_type(protocol: Protocol) -> Option<u16> {
    Some(match protocol {
        Protocol::Ipv4 => numbers::ETHERTYPE_IPV4,
        Protocol::Ipv6 => numbers::ETHERTYPE_IPV6,
        Protocol::Arp => numbers::ETHERTYPE_ARP,
        Protocol::Vlan => numbers::ETHERTYPE_VLAN,
        Protocol::ServiceTag => numbers::ETHERTYPE_QINQ,
        _ => return None,
    })
}

fn ip_number(protocol: Protocol) -> Option<u8> {
    Some(match protocol {
        Protocol::HopByHop => numbers::HOP_BY_HOP,
        Protocol::Icmp => numbers::ICMP,
        Protocol::Igmp => numbers::IGMP,
        Protocol::Ipv4 => numbers::IPV4,
        Protocol::Tcp => numbers::TCP,
        Protocol::Udp => numbers::UDP,
        Protocol::Ipv6 => numbers::IPV6,
        Protocol::Routing => numbers::ROUTING,
        Protocol::Fragment => numbers::FRAGMENT,
        Protocol::Icmpv6 => numbers::ICMPV6,
        Protocol::DestinationOptions => numbers::DESTINATION_OPTIONS,
        _ => return None,
    })
}

/// Where a layer's checksum stands (in bits) and what it should be; `None` for layers without one.
fn sum(part: &Part, start: usize, network: Option<(&Part, usize)>, bytes: &[u8]) -> Option<(u16, u16)> {
    let layer = bytes.get(start..)?;
    let covered = match part.protocol {
        Protocol::Ipv4 => layer.get(..part.header.len())?,
        _ => layer,
    };
    let (at, pseudo) = match part.protocol {
        Protocol::Ipv4 => (10, None),
        Protocol::Icmp | Protocol::Igmp => (2, None),
        Protocol::Icmpv6 => (2, Some(numbers::ICMPV6)),
        Protocol::Tcp => (16, Some(numbers::TCP)),
        Protocol::Udp => (6, Some(numbers::UDP)),
        _ => return None,
    };
    let mut sum = match pseudo {
        Some(protocol) => {
            let (carrier, begins) = network?;
            let header = bytes.get(begins..)?;
            let ends = match carrier.protocol {
                Protocol::Ipv4 => Ends::V4(*header.get(12..)?.first_chunk()?, *header.get(16..)?.first_chunk()?),
                _ => Ends::V6(*header.get(8..)?.first_chunk()?, *header.get(24..)?.first_chunk()?),
            };
            PseudoHeader { ends, protocol, length: u32::try_from(layer.len()).ok()? }.sum()
        }
        None => Sum16BitWords::new(),
    };
    // The field itself counts as zero; it begins at an even place.
    sum = sum.add_slice(covered.get(..at)?).add_slice(covered.get(at + 2..)?);
    let sum = !folded(sum);
    // Zero would say that there is none (RFC 768).
    let sum = if part.protocol == Protocol::Udp && sum == 0 { 0xffff } else { sum };
    Some((u16::try_from(at * 8).ok()?, sum))
}
