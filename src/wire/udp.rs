//! The User Datagram Protocol (RFC 768), and the tunnels known by its ports.

use super::application::Over;
use super::checksum;
use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Value, Walk, numbers};

/// Ports, length, checksum.
pub const HEADER: usize = 8;

#[inline]
pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<HEADER>(Protocol::Udp)?;
    let (source, port) = (u16::from_be_bytes([header[0], header[1]]), u16::from_be_bytes([header[2], header[3]]));
    let application = Ok(Next::Application(Over::Udp, [source, port]));
    let length = u16::from_be_bytes([header[4], header[5]]);
    match usize::from(length) {
        // A jumbogram has no room for its length (RFC 2675 §4); nor has what a card is still to cut into packets.
        0 if walk.over_ipv6() || walk.length() > usize::from(u16::MAX) => {}
        ..HEADER => return Err(walk.malformed(Protocol::Udp, 6, "the length is less than the header's 8 bytes")),
        length => walk.bound(length),
    }
    walk.push(Protocol::Udp, HEADER)?;
    if walk.quoted {
        return application;
    }
    // The other side of these two answers from the port that names them.
    if let source @ (numbers::PORT_L2TP | numbers::PORT_TEREDO) = source {
        return Ok(if source == numbers::PORT_L2TP { Next::L2tp } else { Next::Teredo });
    }
    match port {
        numbers::PORT_VXLAN => Ok(Next::Vxlan),
        numbers::PORT_VXLAN_GENERIC => Ok(Next::VxlanGeneric),
        numbers::PORT_GENEVE => Ok(Next::Geneve),
        numbers::PORT_MPLS => Ok(Next::Mpls),
        numbers::PORT_L2TP => Ok(Next::L2tp),
        numbers::PORT_TEREDO => Ok(Next::Teredo),
        _ => application,
    }
}

const RFC: &str = "RFC 768";

pub static FIELDS: &[Field] = &[
    Field::dec("udp.srcport", "Source port", 0, 16).about("Port of the program that sends", RFC),
    Field::dec("udp.dstport", "Destination port", 16, 16).about("Port of the program that it is for", RFC),
    Field::many("udp.port", "Port", Kind::Dec, |at, each| at.both(Kind::Dec, [0, 16], 16, each))
        .combined()
        .about("Source and destination port: either", RFC),
    Field::dec("udp.length", "Length", 32, 16).about("Bytes of header and data", RFC),
    Field::one("udp.payload", "Data", Kind::Bytes, |at| {
        Some(at.content()).filter(|data| !data.is_empty()).map(Value::Bytes)
    })
    .combined()
    .about("Captured bytes of data, decoded further or not", RFC),
    Field::hex("udp.checksum", "Checksum", 48, 16).about("Over pseudo-header, header and data; 0: none", RFC),
    Field::one("udp.checksum.status", "Checksum status", Kind::Dec, |at| checksum::udp(at).map(checksum::status))
        .words(checksum::status_words)
        .computed()
        .about("0 bad, 1 good, 2 unverified, 3 not present", RFC),
    Field::one("netlab.checksum.verdict", "Checksum verdict", Kind::Text, |at| {
        Some(Value::Text(checksum::udp(at)?.verdict().text().as_bytes()))
    })
    .computed()
    .about("good, bad, not filled in yet, cannot tell", RFC),
];

#[cfg(test)]
mod tests {
    use crate::frame::LinkType;
    use crate::wire::Protocol::{Data, Ipv4, Udp};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, ipv6, layers, udp};
    use crate::wire::{Protocol, Stop};

    #[test]
    fn reads_a_datagram_with_a_checksum_and_one_without() {
        let with = ethernet(0x0800, &ipv4(17, &hex("c000 0009 000a c364 6869")));
        decodes(&with, &[Ipv4, Udp, Data]);
        fields(&with, &[("udp.srcport", "49152"), ("udp.length", "10"), ("udp.checksum.status", "1")]);
        fields(&ethernet(0x0800, &ipv4(17, &udp(9, b"hi"))), &[("udp.checksum.status", "3")]);
        fields(&ethernet(0x86dd, &ipv6(17, &udp(9, b"hi"))), &[("udp.checksum.status", "4")]);
    }

    #[test]
    fn a_length_below_eight_is_malformed_and_ends_the_header_there() {
        for length in [0, 7] {
            let mut datagram = udp(9, b"hi");
            datagram[4..6].copy_from_slice(&[0, length]);
            let frame = ethernet(0x0800, &ipv4(17, &datagram));
            let (_, stop) = layers(LinkType::ETHERNET, &frame);
            assert!(matches!(stop, Stop::Malformed { protocol: Protocol::Udp, .. }), "{stop:?}");
            fields(&frame, &[("udp.dstport", "9"), ("udp.checksum", "absent")]);
        }
    }

    #[test]
    fn a_length_beyond_the_packet_leaves_the_checksum_unverified() {
        let frame = ethernet(0x0800, &ipv4(17, &hex("c000 0009 0020 c2ec 6869")));
        fields(&frame, &[("udp.checksum.status", "2"), ("data.len", "2")]);
    }
}
