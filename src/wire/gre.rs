//! Generic Routing Encapsulation (RFC 2784, 2890; version 1 for PPTP: RFC 2637), and what mirrors and bridges put into
//! it or next to it: ERSPAN (draft-foschiano-erspan), WCCP redirection, Ethernet in IP (RFC 3378).

use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Value, Walk, numbers};

const CHECKSUM_OR_ROUTING: u16 = 0xc000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;

const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
const WCCP: u16 = 0x883e;
const PPP: u16 = 0x880b;
const METADATA: u16 = 0x8909;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<4>(Protocol::Gre)?;
    let (flags, number) = (u16::from_be_bytes([header[0], header[1]]), u16::from_be_bytes([header[2], header[3]]));
    // Checksum (or routing), key, sequence number; version 1 has an acknowledgment too.
    let mut length = 4;
    length += if flags & CHECKSUM_OR_ROUTING != 0 { 4 } else { 0 };
    length += if flags & KEY != 0 { 4 } else { 0 };
    length += if flags & SEQUENCE != 0 { 4 } else { 0 };
    length += if flags & 7 == 1 && flags & 0x0080 != 0 { 4 } else { 0 };
    if walk.rest().len() < length {
        return Err(walk.cut(Protocol::Gre, length));
    }
    walk.push(Protocol::Gre, length)?;
    match number {
        _ if walk.length() == 0 => Err(Stop::End),
        PPP => Ok(Next::Ppp),
        // Type I has no header of its own; type II is known by the sequence number in front of it.
        ERSPAN if flags & SEQUENCE == 0 => Ok(Next::Ethernet),
        ERSPAN => erspan(walk, 8),
        ERSPAN_III => erspan(walk, 12),
        WCCP => redirected(walk),
        METADATA => super::tags::decode_metadata(walk, true),
        _ => Ok(Next::EtherType(number)),
    }
}

fn erspan(walk: &mut Walk<'_, '_>, mut length: usize) -> Result<Next, Stop> {
    walk.peek::<8>(Protocol::Erspan)?;
    let mut next = Next::Ethernet;
    if length == 12 {
        let [.., high, low] = *walk.peek::<12>(Protocol::Erspan)?;
        // A sub-header of 8 bytes follows where bit O is set; frame type 2 mirrors the IP packet alone.
        length += if low & 1 != 0 { 8 } else { 0 };
        if high >> 2 & 0x1f == 2 {
            next = Next::Ip;
        }
    }
    if walk.rest().len() < length {
        return Err(walk.cut(Protocol::Erspan, length));
    }
    walk.push(Protocol::Erspan, length)?;
    Ok(next)
}

/// An IP packet behind WCCP version 2's redirect header of four bytes, or at once (version 1): the header's first four
/// bits are never IPv4's version.
fn redirected(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    if walk.rest().first().is_some_and(|byte| byte >> 4 != 4) {
        walk.skip(4);
    }
    Ok(Next::EtherType(numbers::ETHERTYPE_IPV4))
}

/// Two bytes, version 3 in the first four bits; an Ethernet frame follows.
pub(super) fn decode_etherip(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [version, _] = *walk.peek::<2>(Protocol::EtherIp)?;
    if version >> 4 != 3 {
        return Err(walk.malformed(Protocol::EtherIp, 2, "the version is not 3"));
    }
    walk.push(Protocol::EtherIp, 2)?;
    Ok(Next::Ethernet)
}

pub static FIELDS: &[Field] = &[
    Field::flag("gre.flags.checksum", "Checksum present", 0).about("A checksum follows", "RFC 2784 §2.2"),
    Field::flag("gre.flags.key", "Key present", 2).about("A key follows", "RFC 2890 §2"),
    Field::flag("gre.flags.sequence_number", "Sequence number present", 3)
        .about("A sequence number follows", "RFC 2890 §2"),
    Field::dec("gre.flags.version", "Version", 13, 3).about("0, or 1 for PPTP", "RFC 2784 §2.3"),
    Field::hex("gre.proto", "Protocol", 16, 16)
        .words(numbers::ether_type)
        .about("Protocol of the content (EtherType)", "RFC 2784 §2.4"),
    Field::one("gre.key", "Key", Kind::Hex(8), |at| {
        let flags = at.u16(0)?;
        let place = if flags & CHECKSUM_OR_ROUTING != 0 { 8 } else { 4 };
        (flags & KEY != 0).then(|| at.u32(place).map(|key| Value::Uint(key.into()))).flatten()
    })
    .about("Tells one tunnel from another", "RFC 2890 §2.1"),
];

const MIRROR: &str = "draft-foschiano-erspan §4";

pub static ERSPAN_FIELDS: &[Field] = &[
    Field::dec("erspan.version", "Version", 0, 4).about("1: type II, 2: type III", MIRROR),
    Field::dec("erspan.vlan", "VLAN", 4, 12).about("VLAN that the mirrored frame was in", MIRROR),
    Field::dec("erspan.cos", "Class of service", 16, 3).about("Priority of the mirrored frame", MIRROR),
    Field::dec("erspan.truncated", "Truncated", 21, 1).about("The mirror cut the frame", MIRROR),
    Field::dec("erspan.spanid", "Session", 22, 10).about("Number of the mirror session", MIRROR),
];

pub static ETHERIP_FIELDS: &[Field] = &[Field::dec("etherip.ver", "Version", 0, 4).about("3", "RFC 3378 §3")];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{Data, Erspan, EtherIp, Ethernet, Gre, Ipv4, Metadata, Ppp, Udp};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, udp};

    fn tunnel(header: &str, inner: &[u8]) -> Vec<u8> {
        ethernet(0x0800, &ipv4(47, &[&hex(header), inner].concat()))
    }

    #[test]
    fn optional_words_move_what_follows() {
        let inner = ipv4(17, &udp(9, b"hi"));
        for header in ["0000 0800", "8000 0800 00000000", "b000 0800 00000000 00000007 00000001"] {
            decodes(&tunnel(header, &inner), &[Ipv4, Gre, Ipv4, Udp, Data]);
        }
        fields(&tunnel("a000 0800 00000000 00000007", &inner), &[("gre.key", "7")]);
    }

    #[test]
    fn carries_frames_ppp_and_mirrored_traffic() {
        let inner = ipv4(17, &udp(9, b"hi"));
        let frame = ethernet(0x0800, &inner);
        decodes(&tunnel("2000 6558 00000007", &frame), &[Ipv4, Gre, Ethernet, Ipv4, Udp, Data]);
        decodes(&tunnel("3081 880b 00240001 00000001 00000002 ff03 0021", &inner), &[Ipv4, Gre, Ppp, Ipv4, Udp, Data]);
        decodes(&tunnel("0000 88be", &frame), &[Ipv4, Gre, Ethernet, Ipv4, Udp, Data]);
        let second = tunnel("1000 88be 00000001 1005 1064 00000001", &frame);
        decodes(&second, &[Ipv4, Gre, Erspan, Ethernet, Ipv4, Udp, Data]);
        fields(&second, &[("erspan.version", "1"), ("erspan.vlan", "5"), ("erspan.spanid", "100")]);
        let third = tunnel("1000 22eb 00000001 2005 0000 00000001 0000 0001 0000000000000000", &frame);
        decodes(&third, &[Ipv4, Gre, Erspan, Ethernet, Ipv4, Udp, Data]);
        decodes(&tunnel("0000 8909 0800 01 01 0001 0005", &inner), &[Ipv4, Gre, Metadata, Ipv4, Udp, Data]);
        decodes(&tunnel("0000 883e", &inner), &[Ipv4, Gre, Ipv4, Udp, Data]);
        let redirected = [hex("00000000"), inner].concat();
        assert_eq!(
            crate::wire::sample::layers(crate::frame::LinkType::ETHERNET, &tunnel("0000 883e", &redirected)).0.len(),
            6
        );
    }

    #[test]
    fn ethernet_in_ip_is_version_3() {
        let frame = ethernet(0x0800, &ipv4(17, &udp(9, b"hi")));
        let packet = ethernet(0x0800, &ipv4(97, &[hex("3000"), frame].concat()));
        decodes(&packet, &[Ipv4, EtherIp, Ethernet, Ipv4, Udp, Data]);
    }
}
