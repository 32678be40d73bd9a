//! The Network Service Header (RFC 8300), and the protocol numbers that VXLAN-GPE shares with it.

use super::dispatch::Next;
use super::{Field, Protocol, Stop, Walk, numbers};

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<8>(Protocol::Nsh)?;
    let (length, number) = (usize::from(header[1] & 0x3f) * 4, header[3]);
    if length < 8 {
        return Err(walk.malformed(Protocol::Nsh, 8, "the length is less than the header's 8 bytes"));
    }
    if walk.rest().len() < length {
        return Err(walk.cut(Protocol::Nsh, length));
    }
    walk.push(Protocol::Nsh, length)?;
    next(number)
}

/// What a "next protocol" number stands for (RFC 8300 §2.2).
pub(super) fn next(number: u8) -> Result<Next, Stop> {
    match number {
        1 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV4)),
        2 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV6)),
        3 => Ok(Next::Ethernet),
        4 => Ok(Next::EtherType(numbers::ETHERTYPE_NSH)),
        5 => Ok(Next::Mpls),
        _ => Err(Stop::Unknown { space: "NSH next protocol", number: number.into() }),
    }
}

fn protocol(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "IPv4",
        2 => "IPv6",
        3 => "Ethernet",
        4 => "NSH",
        5 => "MPLS",
        _ => return None,
    })
}

pub static FIELDS: &[Field] = &[
    Field::dec("nsh.version", "Version", 0, 2).about("0", "RFC 8300 §2.2"),
    Field::dec("nsh.ttl", "Time to live", 4, 6).about("Service functions it may still pass", "RFC 8300 §2.2"),
    Field::dec("nsh.length", "Length", 10, 6).about("Header in units of 4 bytes", "RFC 8300 §2.2"),
    Field::dec("nsh.mdtype", "Metadata type", 20, 4).about("1: four fixed words, 2: options", "RFC 8300 §2.2"),
    Field::dec("nsh.nextproto", "Next protocol", 24, 8).words(protocol).about("What follows", "RFC 8300 §2.2"),
    Field::dec("nsh.spi", "Service path", 32, 24).about("Chain of functions that the packet goes", "RFC 8300 §2.3"),
    Field::dec("nsh.si", "Service index", 56, 8).about("Place in the chain", "RFC 8300 §2.3"),
];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{Data, Ipv4, Nsh, Udp};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, layers, udp};

    #[test]
    fn the_length_counts_words_and_the_last_byte_names_what_follows() {
        let packet = ipv4(17, &udp(9, b"hi"));
        let frame = ethernet(0x894f, &[hex("0006 0101 00030907"), vec![0; 16], packet].concat());
        decodes(&frame, &[Nsh, Ipv4, Udp, Data]);
        fields(&frame, &[("nsh.spi", "777"), ("nsh.si", "7"), ("nsh.length", "6")]);
    }

    #[test]
    fn a_length_that_does_not_cover_the_header_is_malformed() {
        let frame = ethernet(0x894f, &hex("0001 0101 00030907"));
        let (_, stop) = layers(crate::frame::LinkType::ETHERNET, &frame);
        assert!(matches!(stop, crate::wire::Stop::Malformed { protocol: Nsh, .. }), "{stop:?}");
    }
}
