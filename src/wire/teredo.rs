//! Teredo: IPv6 over UDP through NATs, with authentication and origin indications in front (RFC 4380 §5.1.1).

use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Value, Walk, numbers};

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let mut length = 0;
    // Client identifier and authentication value have their lengths in front; a nonce and a byte follow.
    if let Some([0, 1, identifier, value, ..]) = walk.rest().first_chunk::<4>() {
        length = 4 + usize::from(*identifier) + usize::from(*value) + 9;
    }
    if let Some([0, 0]) = walk.rest().get(length..).and_then(|rest| rest.first_chunk()) {
        length += 8;
    }
    if walk.rest().get(length).is_none_or(|byte| byte >> 4 != 6) {
        return Ok(Next::Payload);
    }
    walk.push(Protocol::Teredo, length)?;
    Ok(Next::EtherType(numbers::ETHERTYPE_IPV6))
}

pub static FIELDS: &[Field] = &[Field::one("teredo.orig.addr", "Origin", Kind::Ipv4, |at| {
    let header = at.header();
    let [0, 0, _, _, address @ ..] = header.last_chunk::<8>()? else { return None };
    Some(Value::Ipv4(address.map(|byte| !byte)))
})
.about("Address that the sender's NAT gave it (stored with every bit turned)", "RFC 4380 §5.1.1")];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{Data, Ipv4, Ipv6, Teredo, Udp};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, ipv6, udp};

    #[test]
    fn indications_in_front_are_stepped_over() {
        let packet = ipv6(17, &udp(9, b"hi"));
        for header in ["", "0000 63bf f5fffffd", "0001 0000 0102030405060708 00 0000 63bf f5fffffd"] {
            let frame = ethernet(0x0800, &ipv4(17, &udp(3544, &[hex(header), packet.clone()].concat())));
            assert_eq!(
                crate::wire::sample::layers(crate::frame::LinkType::ETHERNET, &frame).0[3..],
                [Teredo, Ipv6, Udp, Data]
            );
            let origin = if header.is_empty() { "absent" } else { "[10, 0, 0, 2]" };
            fields(&frame, &[("teredo.orig.addr", origin)]);
        }
        decodes(&ethernet(0x0800, &ipv4(17, &udp(3544, &hex("0102 0304")))), &[Ipv4, Udp, Data]);
    }
}
