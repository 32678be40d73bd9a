//! The link's header of a frame: VLAN tags put in and taken out, another header in its place.

use super::super::{Packet, Protocol, ethernet, numbers, sll, vlan};
use super::{Mac, Tag};

/// Both addresses of a frame.
const ADDRESSES: usize = 12;

fn is_tag(ether_type: [u8; 2]) -> bool {
    matches!(u16::from_be_bytes(ether_type), numbers::ETHERTYPE_VLAN | numbers::ETHERTYPE_QINQ | 0x9100)
}

/// Changes the outermost tag of an Ethernet frame; what is shorter than its header stays as it is.
pub(super) fn tag(frame: &mut Vec<u8>, tag: Tag) {
    let tagged = |frame: &[u8]| {
        frame.get(ADDRESSES..).and_then(|rest| rest.first_chunk()).is_some_and(|kind| is_tag(*kind))
            && frame.len() >= ADDRESSES + vlan::HEADER
    };
    match tag {
        Tag::Removed => {
            while tagged(frame) {
                frame.drain(ADDRESSES..ADDRESSES + vlan::HEADER);
            }
        }
        Tag::Set(id) if tagged(frame) => {
            if let Some([high, low]) = frame.get_mut(ADDRESSES + 2..ADDRESSES + 4) {
                // The other bits are priority and the right to be dropped first.
                *high = (*high & 0xf0) | (id >> 8) as u8 & 0x0f;
                *low = id as u8;
            }
        }
        Tag::Set(id) if frame.len() >= ethernet::HEADER => {
            let ([a, b], [c, d]) = (numbers::ETHERTYPE_VLAN.to_be_bytes(), (id & 0x0fff).to_be_bytes());
            frame.splice(ADDRESSES..ADDRESSES, [a, b, c, d]);
        }
        Tag::Set(_) => {}
    }
}

/// The content of a frame whose link header is not Ethernet's: its EtherType, and where it begins. `None` where what
/// follows cannot stand behind an Ethernet header.
pub fn content(packet: &Packet<'_>) -> Option<(u16, usize)> {
    let first = packet.at(0)?;
    let behind = first.layer.header as usize;
    match first.layer.protocol {
        Protocol::Ipv4 => Some((numbers::ETHERTYPE_IPV4, 0)),
        Protocol::Ipv6 => Some((numbers::ETHERTYPE_IPV6, 0)),
        Protocol::Sll if behind == sll::HEADER => first.u16(14).filter(|kind| *kind >= 1536).map(|kind| (kind, behind)),
        Protocol::Sll2 if behind == sll::HEADER_V2 => {
            first.u16(0).filter(|kind| *kind >= 1536).map(|kind| (kind, behind))
        }
        Protocol::Null => match packet.at(1)?.layer.protocol {
            Protocol::Ipv4 => Some((numbers::ETHERTYPE_IPV4, behind)),
            Protocol::Ipv6 => Some((numbers::ETHERTYPE_IPV6, behind)),
            _ => None,
        },
        _ => None,
    }
}

/// The IP packet of a frame, without what the link put before and behind it: where it begins and ends. `None` where
/// there is none, or something else lies around it.
pub fn ip(packet: &Packet<'_>) -> Option<(usize, usize)> {
    let link = |protocol| {
        use Protocol::{Ethernet, Null, ServiceTag, Sll, Sll2, Vlan};
        matches!(protocol, Ethernet | Vlan | ServiceTag | Sll | Sll2 | Null)
    };
    let first = packet.layers.iter().find(|layer| !link(layer.protocol))?;
    let is_ip = matches!(first.protocol, Protocol::Ipv4 | Protocol::Ipv6);
    is_ip.then_some((first.start as usize, first.end as usize))
}

/// An Ethernet header.
pub fn header(destination: Mac, source: Mac, ether_type: u16) -> [u8; ethernet::HEADER] {
    let mut header = [0; ethernet::HEADER];
    for (place, byte) in destination.into_iter().chain(source).chain(ether_type.to_be_bytes()).enumerate() {
        if let Some(to) = header.get_mut(place) {
            *to = byte;
        }
    }
    header
}
