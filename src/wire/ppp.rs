//! The Point-to-Point Protocol (RFC 1661) and PPP over Ethernet (RFC 2516).

use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Value, Walk, numbers};

pub(super) fn decode_pppoe(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<6>(Protocol::Pppoe)?;
    let length = u16::from_be_bytes([header[4], header[5]]);
    walk.push(Protocol::Pppoe, 6)?;
    walk.bound(length.into());
    Ok(Next::Ppp)
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    // Address and control may be left out, and the first byte of the protocol where it is zero (RFC 1661 §6).
    let skip = match walk.rest() {
        [0xff] if walk.length() > 1 => return Err(walk.cut(Protocol::Ppp, 4)),
        [0xff, 3, ..] => 2,
        _ => 0,
    };
    let Some(&first) = walk.rest().get(skip) else { return Err(walk.cut(Protocol::Ppp, skip + 1)) };
    let (number, length) = match walk.rest().get(skip + 1) {
        _ if first & 1 == 1 => (u16::from(first), skip + 1),
        Some(second) => (u16::from_be_bytes([first, *second]), skip + 2),
        None => return Err(walk.cut(Protocol::Ppp, skip + 2)),
    };
    walk.push(Protocol::Ppp, length)?;
    match number {
        0x0021 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV4)),
        0x0057 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV6)),
        0x0281 | 0x0283 => Ok(Next::Mpls),
        _ => Err(Stop::Unknown { space: "PPP protocol", number: number.into() }),
    }
}

pub static PPPOE_FIELDS: &[Field] = &[
    Field::hex("pppoe.code", "Code", 8, 8).about("0: session data", "RFC 2516 §4"),
    Field::hex("pppoe.session_id", "Session", 16, 16).about("Tells one session from another", "RFC 2516 §4"),
    Field::dec("pppoe.payload_length", "Payload length", 32, 16).about("Bytes behind this header", "RFC 2516 §4"),
];

pub static FIELDS: &[Field] = &[Field::one("ppp.protocol", "Protocol", Kind::Hex(4), |at| {
    let header = at.header();
    let last = u16::from(*header.last()?);
    let high = header.len().checked_sub(2).and_then(|place| header.get(place)).copied();
    Some(Value::Uint(match high {
        Some(byte) if byte & 1 == 0 => (u16::from(byte) << 8 | last).into(),
        _ => last.into(),
    }))
})
.about("Protocol of the content", "RFC 1661 §2")];

#[cfg(test)]
mod tests {
    use crate::frame::LinkType;
    use crate::wire::Protocol::{Data, Ipv4, Ppp, Pppoe, Udp};
    use crate::wire::Stop;
    use crate::wire::sample::{cuts, decodes, ethernet, fields, hex, ipv4, layers, udp};

    #[test]
    fn a_session_carries_packets_with_and_without_compressed_protocol() {
        let packet = ipv4(17, &udp(9, b"hi"));
        for (protocol, length) in [("0021", "0020"), ("21", "001f"), ("ff03 0021", "0022")] {
            let frame = ethernet(0x8864, &[hex(&format!("1100 0005 {length} {protocol}")), packet.clone()].concat());
            decodes(&frame, &[Pppoe, Ppp, Ipv4, Udp, Data]);
            fields(&frame, &[("pppoe.session_id", "5"), ("ppp.protocol", "33")]);
        }
    }

    #[test]
    fn a_link_of_its_own_needs_no_session() {
        let packet = ipv4(17, &udp(9, b"hi"));
        for (number, protocol) in [(9, "0021"), (9, "21"), (9, "ff03 0021"), (50, "ff03 0021")] {
            let frame = [hex(protocol), packet.clone()].concat();
            assert_eq!(layers(LinkType(number), &frame).0, [Ppp, Ipv4, Udp, Data], "{number} {protocol}");
            cuts(LinkType(number), &frame);
        }
    }

    #[test]
    fn its_own_negotiation_is_named_by_number() {
        let frame = ethernet(0x8864, &hex("1100 0005 0006 c021 01010004"));
        let (_, stop) = layers(LinkType::ETHERNET, &frame);
        assert_eq!(stop, Stop::Unknown { space: "PPP protocol", number: 0xc021 });
    }
}
