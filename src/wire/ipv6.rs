//! The Internet Protocol version 6 and its extension headers (RFC 8200); jumbo payloads (RFC 2675).

use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Value, Walk, ipv4, numbers};

pub const HEADER: usize = 40;
/// The option that holds the length of a jumbogram.
const JUMBO: u8 = 0xc2;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    if walk.rest().first().is_some_and(|byte| byte >> 4 != 6) {
        return Err(walk.malformed(Protocol::Ipv6, 1, "the version is not 6"));
    }
    let header = walk.peek::<HEADER>(Protocol::Ipv6)?;
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let next = header[6];
    // Zero is what a jumbogram says, whose length is in a hop-by-hop option, and what a card's segmentation leaves to
    // itself: a TCP super-packet is as long as what was captured, and so is anything too long for the field.
    let open = matches!(next, numbers::HOP_BY_HOP | numbers::TCP) || walk.length() > HEADER + usize::from(u16::MAX);
    if length != 0 || !open {
        walk.bound(HEADER + length);
    }
    walk.fragment = false;
    walk.push(Protocol::Ipv6, HEADER)?;
    Ok(Next::Protocol(next))
}

/// Hop-by-hop options, destination options, routing: next header, length in 8 bytes beyond the first 8.
pub(super) fn decode_options(walk: &mut Walk<'_, '_>, protocol: Protocol) -> Result<Next, Stop> {
    let header = walk.peek::<2>(protocol)?;
    let (next, length) = (header[0], 8 + usize::from(header[1]) * 8);
    if walk.rest().len() < length {
        return Err(walk.cut(protocol, length));
    }
    if protocol == Protocol::HopByHop
        && let Some(jumbo) = options(walk.rest().get(2..length).unwrap_or_default())
            .find(|option| option.kind == JUMBO)
            .and_then(|option| option.data.try_into().ok().map(u32::from_be_bytes))
    {
        walk.bound(jumbo as usize);
    }
    walk.push(protocol, length)?;
    Ok(Next::Protocol(next))
}

pub(super) fn decode_fragment(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<8>(Protocol::Fragment)?;
    let (next, word) = (header[0], u16::from_be_bytes([header[2], header[3]]));
    walk.push(Protocol::Fragment, 8)?;
    walk.fragment = word & 1 != 0;
    if word >> 3 != 0 {
        walk.payload();
        return Err(Stop::Fragment);
    }
    Ok(Next::Protocol(next))
}

/// The authentication header (RFC 4302 §2): its length counts 32-bit words, less two.
pub(super) fn decode_authentication(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<12>(Protocol::Authentication)?;
    let (next, length) = (header[0], (usize::from(header[1]) + 2) * 4);
    if length < 12 {
        return Err(walk.malformed(Protocol::Authentication, 12, "the length is less than the header's 12 bytes"));
    }
    if walk.rest().len() < length {
        return Err(walk.cut(Protocol::Authentication, length));
    }
    walk.push(Protocol::Authentication, length)?;
    Ok(Next::Protocol(next))
}

/// One option of a hop-by-hop or destination options header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt<'a> {
    pub kind: u8,
    pub data: &'a [u8],
}

/// Options of type, length, value (RFC 8200 §4.2); ends at the first that does not fit.
pub fn options(bytes: &[u8]) -> impl Iterator<Item = Opt<'_>> {
    let mut reader = super::reader::Reader::new(bytes);
    std::iter::from_fn(move || {
        let kind = reader.u8()?;
        // Pad1 has no length.
        let length = if kind == 0 { 0 } else { reader.u8()? };
        Some(Opt { kind, data: reader.take(length.into())? })
    })
}

pub fn option(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "one byte of padding",
        1 => "padding",
        5 => "router alert",
        0xc2 => "jumbo payload",
        0x04 => "tunnel encapsulation limit",
        _ => return None,
    })
}

const RFC: &str = "RFC 8200 §3";
const OPTIONS: &str = "RFC 8200 §4.2";

pub static FIELDS: &[Field] = &[
    Field::dec("ipv6.version", "Version", 0, 4).about("6", RFC),
    Field::dec("ip.version", "Version", 0, 4).combined().about("6; Wireshark gives it IPv4's name too", RFC),
    Field::dec("ipv6.tclass.dscp", "Differentiated services", 4, 6)
        .words(ipv4::SERVICE)
        .about("How routers should treat the packet", "RFC 2474 §3"),
    Field::dec("ipv6.tclass.ecn", "Congestion notification", 10, 2)
        .words(ipv4::CONGESTION)
        .about("Whether routers may mark instead of drop, and whether one did", "RFC 3168 §5"),
    Field::hex("ipv6.flow", "Flow label", 12, 20).about("Same for all packets of one flow", "RFC 6437"),
    Field::dec("ipv6.plen", "Payload length", 32, 16).about("Bytes behind this header; 0 on a jumbogram", RFC),
    Field::dec("ipv6.nxt", "Next header", 48, 8).words(numbers::protocol).about("What follows this header", RFC),
    Field::dec("ipv6.hlim", "Hop limit", 56, 8).about("Routers it may still pass", RFC),
    Field::fixed("ipv6.src", "Source", Kind::Ipv6, 64, 128).about("Address of the sender", RFC),
    Field::fixed("ipv6.dst", "Destination", Kind::Ipv6, 192, 128).about("Address of the receiver", RFC),
    Field::many("ipv6.addr", "Address", Kind::Ipv6, |at, each| at.both(Kind::Ipv6, [64, 192], 128, each))
        .combined()
        .about("Source and destination: either", RFC),
];

const NEXT: Field = Field::dec("ipv6.ext.nxt", "Next header", 0, 8).words(numbers::protocol);

macro_rules! option_fields {
    ($prefix:literal) => {
        &[
            Field { name: concat!($prefix, ".nxt"), ..NEXT }.about("What follows this header", OPTIONS),
            Field::one(concat!($prefix, ".len_oct"), "Length", Kind::Dec, |at| {
                Some(Value::Uint(8 + u64::from(at.u8(1)?) * 8))
            })
            .at(8, 8)
            .counts(8, 8)
            .about("Bytes of this header (the field counts 8 bytes, less the first 8)", OPTIONS),
            Field::many(concat!($prefix, ".opt.type"), "Option", Kind::Hex(2), |at, each| {
                for found in options(at.header().get(2..).unwrap_or_default()) {
                    if !each(Value::Uint(found.kind.into())) {
                        return;
                    }
                }
            })
            .words(option)
            .about("Number of an option", "IANA IPv6 parameters"),
        ]
    };
}

pub static HOP_BY_HOP_FIELDS: &[Field] = option_fields!("ipv6.hopopts");
pub static DESTINATION_FIELDS: &[Field] = option_fields!("ipv6.dstopts");

pub static ROUTING_FIELDS: &[Field] = &[
    Field { name: "ipv6.routing.nxt", ..NEXT }.about("What follows this header", "RFC 8200 §4.4"),
    Field::one("ipv6.routing.len_oct", "Length", Kind::Dec, |at| Some(Value::Uint(8 + u64::from(at.u8(1)?) * 8)))
        .at(8, 8)
        .counts(8, 8)
        .about("Bytes of this header (the field counts 8 bytes, less the first 8)", "RFC 8200 §4.4"),
    Field::dec("ipv6.routing.type", "Routing type", 16, 8).about("Kind of routing header", "RFC 8200 §4.4"),
    Field::dec("ipv6.routing.segleft", "Segments left", 24, 8).about("Stations still to visit", "RFC 8200 §4.4"),
];

pub static FRAGMENT_FIELDS: &[Field] = &[
    Field { name: "ipv6.fraghdr.nxt", ..NEXT }.about("What the datagram holds", "RFC 8200 §4.5"),
    Field::one("ipv6.fraghdr.offset", "Fragment offset", Kind::Dec, |at| Some(Value::Uint((at.u16(2)? & !7).into())))
        .at(16, 13)
        .counts(8, 0)
        .about("Where in the datagram this fragment begins, in bytes (the field counts 8 bytes)", "RFC 8200 §4.5"),
    Field::flag("ipv6.fraghdr.more", "More fragments", 31).about("This is not the last fragment", "RFC 8200 §4.5"),
    Field::hex("ipv6.fraghdr.ident", "Identification", 32, 32)
        .about("Same in all fragments of one datagram", "RFC 8200 §4.5"),
];

pub static AUTHENTICATION_FIELDS: &[Field] = &[
    Field { name: "ah.next_header", ..NEXT }.about("What follows this header", "RFC 4302 §2.1"),
    Field::one("ah.length", "Length", Kind::Dec, |at| Some(Value::Uint((u64::from(at.u8(1)?) + 2) * 4)))
        .at(8, 8)
        .counts(4, 8)
        .about("Bytes of this header (the field counts 32-bit words, less two)", "RFC 4302 §2.2"),
    Field::hex("ah.spi", "Security parameters index", 32, 32).about("Which association", "RFC 4302 §2.4"),
    Field::dec("ah.sequence", "Sequence number", 64, 32).about("Against replay", "RFC 4302 §2.5"),
];

#[cfg(test)]
mod tests {
    use crate::frame::LinkType;
    use crate::wire::Protocol::{
        Authentication, Data, DestinationOptions, Fragment, HopByHop, Icmpv6, Ipv6, Routing, Tcp, Udp,
    };
    use crate::wire::Stop;
    use crate::wire::sample::{cuts, hex, ipv6, layers, udp, values};

    #[test]
    fn goes_through_every_extension_header() {
        let content = [
            hex("3c 00 0502 0000 0100"),
            hex("2b 00 0104 00000000"),
            hex("33 02 00 01 00000000 20010db8000000000000000000000009"),
            hex("11 04 0000 00000007 00000001 000000000000000000000000"),
            udp(9, b"hi"),
        ]
        .concat();
        let packet = ipv6(0, &content);
        let wanted = vec![Ipv6, HopByHop, DestinationOptions, Routing, Authentication, Udp, Data];
        assert_eq!(layers(LinkType::RAW, &packet), (wanted, Stop::Payload));
        assert_eq!(values(LinkType::RAW, &packet, "ipv6.hopopts.opt.type"), ["Uint(5)", "Uint(1)"]);
        assert_eq!(values(LinkType::RAW, &packet, "ah.length"), ["Uint(24)"]);
        assert_eq!(values(LinkType::RAW, &packet, "ip.version"), ["Uint(6)"]);
        cuts(LinkType::RAW, &packet);
    }

    #[test]
    fn later_fragments_end_decoding_and_the_first_goes_on() {
        let first = ipv6(44, &[hex("11 00 0001 00000007"), udp(9, b"hi")].concat());
        assert_eq!(layers(LinkType::RAW, &first), (vec![Ipv6, Fragment, Udp, Data], Stop::Payload));
        let later = ipv6(44, &[hex("11 00 0008 00000007"), udp(9, b"hi")].concat());
        assert_eq!(layers(LinkType::RAW, &later), (vec![Ipv6, Fragment, Data], Stop::Fragment));
        assert_eq!(values(LinkType::RAW, &later, "ipv6.fraghdr.offset"), ["Uint(8)"]);
    }

    #[test]
    fn a_payload_length_of_zero_is_only_tcps_super_packet() {
        let mut ping = ipv6(58, &hex("8000 0000 0001 0002"));
        ping[4..6].fill(0);
        assert_eq!(layers(LinkType::RAW, &ping).0, [Ipv6, Icmpv6]);
        assert!(values(LinkType::RAW, &ping, "icmpv6.type").is_empty());
        let mut segment = ipv6(6, &hex("0001 0002 00000001 00000000 50 02 0100 0000 0000"));
        segment[4..6].fill(0);
        assert_eq!(layers(LinkType::RAW, &segment).0, [Ipv6, Tcp]);
    }
}
