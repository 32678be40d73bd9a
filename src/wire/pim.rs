//! Protocol Independent Multicast, version 2 (RFC 7761): the header, and the packet that a register message carries.

use super::dispatch::Next;
use super::{Field, Protocol, Stop, Walk};

/// A multicast packet on its way to the rendezvous point.
const REGISTER: u8 = 1;
/// Nothing is carried: the inner header only says for which source and group.
const NULL_REGISTER: u8 = 0x40;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [first, ..] = *walk.peek::<4>(Protocol::Pim)?;
    if first != 2 << 4 | REGISTER {
        walk.push(Protocol::Pim, 4)?;
        return Ok(Next::Payload);
    }
    let [.., flags, _, _, _] = *walk.peek::<8>(Protocol::Pim)?;
    walk.push(Protocol::Pim, 8)?;
    if flags & NULL_REGISTER != 0 { Ok(Next::Payload) } else { Ok(Next::Ip) }
}

fn kind(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "hello",
        1 => "register",
        2 => "register-stop",
        3 => "join/prune",
        4 => "bootstrap",
        5 => "assert",
        6 => "graft",
        7 => "graft-ack",
        8 => "candidate-RP advertisement",
        _ => return None,
    })
}

const RFC: &str = "RFC 7761 §4.9";

pub static FIELDS: &[Field] = &[
    Field::dec("pim.version", "Version", 0, 4).about("2", RFC),
    Field::dec("pim.type", "Type", 4, 4).words(kind).about("Kind of message", RFC),
    Field::hex("pim.cksum", "Checksum", 16, 16)
        .about("Over the message; of a register only over its first 8 bytes", "RFC 7761 §4.9.3"),
];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{Data, Ipv4, Pim, Udp};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, udp};

    #[test]
    fn a_register_carries_the_packet_and_a_null_register_nothing() {
        let packet = ipv4(17, &udp(9, b"hi"));
        let register = ethernet(0x0800, &ipv4(103, &[hex("2100 deff 00000000"), packet.clone()].concat()));
        decodes(&register, &[Ipv4, Pim, Ipv4, Udp, Data]);
        fields(&register, &[("pim.type", "1"), ("pim.version", "2")]);
        let null = ethernet(0x0800, &ipv4(103, &[hex("2100 9eff 40000000"), packet[..20].to_vec()].concat()));
        decodes(&null, &[Ipv4, Pim, Data]);
        decodes(&ethernet(0x0800, &ipv4(103, &hex("2000 0000 0001 0002 0069"))), &[Ipv4, Pim, Data]);
    }
}
