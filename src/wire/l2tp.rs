//! The Layer Two Tunneling Protocol, version 2 over UDP (RFC 2661): its data messages carry PPP.

use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Value, Walk};

/// This is a control message.
const TYPE: u16 = 0x8000;
const LENGTH: u16 = 0x4000;
const SEQUENCE: u16 = 0x0800;
const OFFSET: u16 = 0x0200;

/// Where tunnel and session identifiers stand.
fn identifiers(flags: u16) -> usize {
    if flags & LENGTH != 0 { 4 } else { 2 }
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [high, low, ..] = *walk.peek::<6>(Protocol::L2tp)?;
    let flags = u16::from_be_bytes([high, low]);
    if flags & 15 != 2 {
        return Ok(Next::Payload);
    }
    let mut length = identifiers(flags) + 4 + if flags & SEQUENCE != 0 { 4 } else { 0 };
    if flags & OFFSET != 0 {
        let Some(padding) = walk.rest().get(length..).and_then(|rest| rest.first_chunk()) else {
            return Err(walk.cut(Protocol::L2tp, length + 2));
        };
        length += 2 + usize::from(u16::from_be_bytes(*padding));
    }
    if walk.rest().len() < length {
        return Err(walk.cut(Protocol::L2tp, length));
    }
    walk.push(Protocol::L2tp, length)?;
    if flags & TYPE != 0 || walk.length() == 0 { Ok(Next::Payload) } else { Ok(Next::Ppp) }
}

const RFC: &str = "RFC 2661 §3.1";

pub static FIELDS: &[Field] = &[
    Field::dec("l2tp.type", "Type", 0, 1).about("1: control message, 0: data", RFC),
    Field::dec("l2tp.version", "Version", 12, 4).about("2", RFC),
    Field::one("l2tp.tunnel", "Tunnel", Kind::Dec, |at| {
        at.u16(identifiers(at.u16(0)?)).map(|id| Value::Uint(id.into()))
    })
    .about("The receiver's number of the tunnel", RFC),
    Field::one("l2tp.session", "Session", Kind::Dec, |at| {
        at.u16(identifiers(at.u16(0)?) + 2).map(|id| Value::Uint(id.into()))
    })
    .about("The receiver's number of the session", RFC),
];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{Data, Ipv4, L2tp, Ppp, Udp};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, udp};

    #[test]
    fn data_messages_carry_ppp_and_control_messages_do_not() {
        let packet = ipv4(17, &udp(9, b"hi"));
        for header in ["0002 0001 0002", "4002 002a 0001 0002", "0a02 0001 0002 0000 0000 0002 0000"] {
            let message = [hex(header), hex("ff03 0021"), packet.clone()].concat();
            let frame = ethernet(0x0800, &ipv4(17, &udp(1701, &message)));
            decodes(&frame, &[Ipv4, Udp, L2tp, Ppp, Ipv4, Udp, Data]);
            fields(&frame, &[("l2tp.tunnel", "1"), ("l2tp.session", "2"), ("l2tp.type", "0")]);
        }
        let control =
            ethernet(0x0800, &ipv4(17, &udp(1701, &hex("c802 0014 0001 0000 0000 0001 8008 0000 0000 0001"))));
        decodes(&control, &[Ipv4, Udp, L2tp, Data]);
    }
}
