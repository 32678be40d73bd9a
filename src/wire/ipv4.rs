//! The Internet Protocol version 4 (RFC 791), with options; fragments end decoding, but the first shows its header.

use super::checksum;
use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Value, Walk, numbers};

/// Length of a header without options.
pub const HEADER: usize = 20;
/// The bit of word 3 that says more fragments follow.
pub const MORE_FRAGMENTS: u16 = 0x2000;
/// The bits of word 3 that hold the fragment offset, in units of 8 bytes.
pub const OFFSET: u16 = 0x1fff;

#[inline]
pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    match walk.rest().first().map(|byte| byte >> 4) {
        Some(4) | None => {}
        // The version decides, whatever numbered the packet as IPv4.
        Some(6) => return super::ipv6::decode(walk),
        Some(_) => return Err(walk.malformed(Protocol::Ipv4, 1, "the version is not 4")),
    }
    let header = walk.peek::<HEADER>(Protocol::Ipv4)?;
    let length = usize::from(header[0] & 15) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let fragment = u16::from_be_bytes([header[6], header[7]]);
    let protocol = header[9];
    if length < HEADER {
        return Err(walk.malformed(Protocol::Ipv4, 1, "the header length is less than 20 bytes"));
    }
    // Zero is what a card's segmentation leaves to itself: the super-packet is as long as what was captured.
    if total != 0 {
        if total < length {
            return Err(walk.malformed(Protocol::Ipv4, 4, "the total length is less than the header"));
        }
        walk.bound(total);
    }
    if walk.rest().len() < length {
        return Err(walk.cut(Protocol::Ipv4, length));
    }
    walk.fragment = false;
    walk.push(Protocol::Ipv4, length)?;
    walk.fragment = fragment & MORE_FRAGMENTS != 0;
    if fragment & OFFSET != 0 {
        walk.payload();
        return Err(Stop::Fragment);
    }
    Ok(Next::Protocol(protocol))
}

fn service(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "default",
        8 => "class selector 1",
        10 => "assured forwarding 11",
        46 => "expedited forwarding",
        48 => "network control",
        56 => "reserved (class selector 7)",
        _ => return None,
    })
}

fn congestion(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "not capable",
        1 => "capable, ECT(1)",
        2 => "capable, ECT(0)",
        _ => "congestion experienced",
    })
}

pub(super) const SERVICE: super::Words = service;
pub(super) const CONGESTION: super::Words = congestion;

/// The name of an option's number (IANA, IP option numbers).
fn option(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "end of options",
        1 => "no operation",
        7 => "record route",
        68 => "timestamp",
        130 => "security",
        131 => "loose source route",
        136 => "stream identifier",
        137 => "strict source route",
        148 => "router alert",
        _ => return None,
    })
}

const RFC: &str = "RFC 791 §3.1";

pub static FIELDS: &[Field] = &[
    Field::dec("ip.version", "Version", 0, 4).about("4", RFC),
    Field::one("ip.hdr_len", "Header length", Kind::Dec, |at| {
        at.u8(0).filter(|byte| byte >> 4 == 4).map(|byte| Value::Uint(u64::from(byte & 15) * 4))
    })
    .at(4, 4)
    .counts(4, 0)
    .about("Bytes of the header, options included (the field counts 32-bit words)", RFC),
    Field::dec("ip.dsfield.dscp", "Differentiated services", 8, 6)
        .words(service)
        .about("How routers should treat the packet", "RFC 2474 §3"),
    Field::dec("ip.dsfield.ecn", "Congestion notification", 14, 2)
        .words(congestion)
        .about("Whether routers may mark instead of drop, and whether one did", "RFC 3168 §5"),
    Field::one("ip.len", "Total length", Kind::Dec, |at| match at.u16(2)? {
        0 => Some(Value::Uint(u64::from(at.layer.end - at.layer.start))),
        length => Some(Value::Uint(length.into())),
    })
    .at(16, 16)
    .about("Bytes of header and content; 0 on a super-packet, whose captured length is meant", RFC),
    Field::hex("ip.id", "Identification", 32, 16).about("Same in all fragments of one datagram", "RFC 6864 §4"),
    Field::flag("ip.flags.rb", "Reserved bit", 48).about("Must be zero", RFC),
    Field::flag("ip.flags.df", "Don't fragment", 49).about("Routers must not cut this packet", RFC),
    Field::flag("ip.flags.mf", "More fragments", 50).about("This is not the last fragment", RFC),
    Field::dec("ip.frag_offset", "Fragment offset", 51, 13)
        .about("Where in the datagram this fragment begins, in units of 8 bytes", RFC),
    Field::one("netlab.ip.frag_offset", "Fragment offset in bytes", Kind::Dec, |at| {
        Some(u64::from(at.u16(6)? & OFFSET) * 8).filter(|offset| *offset > 0).map(Value::Uint)
    })
    .computed()
    .about("The same, counted in bytes; absent where it is 0", RFC),
    Field::dec("ip.ttl", "Time to live", 64, 8).about("Routers it may still pass", RFC),
    Field::dec("ip.proto", "Protocol", 72, 8).words(numbers::protocol).about("What the content is", "RFC 790, IANA"),
    Field::hex("ip.checksum", "Header checksum", 80, 16).about("Over the header alone", RFC),
    Field::one("ip.checksum.status", "Checksum status", Kind::Dec, |at| checksum::ipv4(at).map(checksum::status))
        .words(checksum::status_words)
        .computed()
        .about("0 bad, 1 good, 2 unverified", RFC),
    Field::fixed("ip.src", "Source", Kind::Ipv4, 96, 32).about("Address of the sender", RFC),
    Field::fixed("ip.dst", "Destination", Kind::Ipv4, 128, 32).about("Address of the receiver", RFC),
    Field::many("ip.addr", "Address", Kind::Ipv4, |at, each| at.both(Kind::Ipv4, [96, 128], 32, each))
        .combined()
        .about("Source and destination: either", RFC),
    Field::many("ip.opt.type", "Option", Kind::Dec, |at, each| {
        let mut rest = at.header().get(HEADER..).unwrap_or_default();
        while let Some((&number, tail)) = rest.split_first() {
            if !each(Value::Uint(number.into())) || number == 0 {
                return;
            }
            let length = if number == 1 { 1 } else { tail.first().map_or(0, |length| usize::from(*length)) };
            match rest.get(length..) {
                Some(next) if length > 0 => rest = next,
                _ => return,
            }
        }
    })
    .words(option)
    .about("Number of an option", "IANA IP option numbers"),
];

#[cfg(test)]
mod tests {
    use crate::frame::LinkType;
    use crate::wire::Protocol::{Data, Ipv4, Ipv6, Udp};
    use crate::wire::sample::{cuts, decodes, ethernet, fields, hex, ipv4, ipv6, layers, udp, values};
    use crate::wire::{Cut, Protocol, Stop};

    #[test]
    fn reads_a_header_with_options() {
        let frame =
            ethernet(0x0800, &hex("46c0 0020 0000 4000 01 02 fa00 0a000001 e0000016 94040000 1600 09fd ef010204"));
        decodes(&frame, &[Ipv4, Protocol::Igmp]);
        fields(&frame, &[("ip.hdr_len", "24"), ("ip.opt.type", "148"), ("ip.dsfield.dscp", "48")]);
        fields(&frame, &[("ip.flags.df", "true"), ("ip.checksum.status", "1"), ("ip.ttl", "1")]);
    }

    #[test]
    fn the_first_fragment_shows_its_header_and_later_ones_none() {
        let mut first = ethernet(0x0800, &ipv4(17, &udp(9, &[7; 16])));
        first[20] = 0x20;
        assert_eq!(layers(LinkType::ETHERNET, &first), (vec![Protocol::Ethernet, Ipv4, Udp, Data], Stop::Payload));
        fields(&first, &[("ip.flags.mf", "true"), ("udp.checksum.status", "3"), ("udp.dstport", "9")]);
        let mut later = first.clone();
        later[20..22].copy_from_slice(&[0x00, 0xb9]);
        assert_eq!(layers(LinkType::ETHERNET, &later), (vec![Protocol::Ethernet, Ipv4, Data], Stop::Fragment));
        fields(&later, &[("ip.frag_offset", "185"), ("netlab.ip.frag_offset", "1480"), ("udp.dstport", "absent")]);
    }

    #[test]
    fn a_malformed_header_shows_what_comes_before_the_contradiction() {
        let good = ipv4(17, &udp(9, b"hi"));
        let (mut version, mut length, mut total) = (good.clone(), good.clone(), good);
        version[0] = 0x35;
        length[0] = 0x44;
        total[3] = 19;
        for (packet, shown, hidden) in
            [(version, "ip.version", "ip.hdr_len"), (length, "ip.hdr_len", "ip.len"), (total, "ip.len", "ip.id")]
        {
            let (_, stop) = layers(LinkType::RAW, &packet);
            assert!(matches!(stop, Stop::Malformed { protocol: Ipv4, .. }), "{stop:?}");
            assert_eq!(values(LinkType::RAW, &packet, shown).len(), 1, "{shown}");
            assert_eq!(values(LinkType::RAW, &packet, hidden).len(), 0, "{hidden}");
        }
    }

    #[test]
    fn a_length_field_that_cuts_a_header_is_told_from_the_capture() {
        let packet = ipv4(17, &udp(9, b"hi")[..4]);
        let (_, stop) = layers(LinkType::RAW, &packet);
        assert_eq!(stop, Stop::Truncated { protocol: Udp, needs: 8, has: 4, by: Cut::LengthField });
    }

    #[test]
    fn zero_as_length_means_all_that_was_captured() {
        let mut packet = ipv4(17, &udp(9, b"hi"));
        packet[2..4].fill(0);
        assert_eq!(layers(LinkType::RAW, &packet).0, [Ipv4, Udp, Data]);
        assert_eq!(values(LinkType::RAW, &packet, "ip.len"), ["Uint(30)"]);
    }

    #[test]
    fn raw_links_decode_by_version_and_the_link_types_of_one_version_by_that() {
        let (four, six) = (ipv4(17, &udp(9, b"hi")), ipv6(17, &udp(9, b"hi")));
        assert_eq!(layers(LinkType::RAW, &four).0, [Ipv4, Udp, Data]);
        assert_eq!(layers(LinkType::RAW, &six).0, [Ipv6, Udp, Data]);
        assert!(matches!(layers(LinkType::IPV6, &four).1, Stop::Malformed { protocol: Ipv6, .. }));
        cuts(LinkType::RAW, &four);
        cuts(LinkType::IPV6, &six);
    }
}
