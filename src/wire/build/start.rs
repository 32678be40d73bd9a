//! How a header begins its life: what is always so in it, everything else zero.

use crate::wire::{Protocol, arp, ethernet, icmp, igmp, ipv4, ipv6, tcp, udp, vlan};

/// The header of a layer before anything is set; `None` for what cannot be built.
pub fn header(protocol: Protocol) -> Option<Vec<u8>> {
    Some(match protocol {
        Protocol::Ethernet => vec![0; ethernet::HEADER],
        Protocol::Vlan | Protocol::ServiceTag => vec![0; vlan::HEADER],
        // Ethernet, IPv4, the lengths of their addresses, a request.
        Protocol::Arp => with(arp::FIXED + 20, &[(1, 1), (2, 8), (4, 6), (5, 4), (7, 1)]),
        // Version and header length, 64 hops.
        Protocol::Ipv4 => with(ipv4::HEADER, &[(0, 0x45), (8, 64)]),
        Protocol::Ipv6 => with(ipv6::HEADER, &[(0, 0x60), (7, 64)]),
        // One option of four bytes of padding (RFC 8200 §4.2).
        Protocol::HopByHop | Protocol::DestinationOptions => with(8, &[(2, 1), (3, 4)]),
        // A type for experiments, no stations (RFC 3692, RFC 8200 §4.4).
        Protocol::Routing => with(8, &[(2, 253)]),
        Protocol::Fragment => vec![0; 8],
        Protocol::Icmp => with(icmp::HEADER, &[(0, icmp::ECHO_REQUEST)]),
        Protocol::Icmpv6 => with(8, &[(0, 128)]),
        // A listener query, a neighbour solicitation: behind the four bytes of ICMPv6.
        Protocol::Mld | Protocol::Ndp => vec![0; 20],
        Protocol::Igmp => with(igmp::HEADER, &[(0, igmp::REPORT_V2)]),
        // Five words, a window as most stacks open with.
        Protocol::Tcp => with(tcp::HEADER, &[(12, 0x50), (14, 0xfa), (15, 0xf0)]),
        Protocol::Udp => vec![0; udp::HEADER],
        _ => return None,
    })
}

/// Zeroes with a few bytes otherwise.
fn with(length: usize, set: &[(usize, u8)]) -> Vec<u8> {
    let mut header = vec![0; length];
    for (at, byte) in set {
        if let Some(place) = header.get_mut(*at) {
            *place = *byte;
        }
    }
    header
}
