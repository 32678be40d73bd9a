//! MPLS labels (RFC 3032), over UDP too (RFC 7510), and the associated channel of a pseudowire (RFC 4385).
//!
//! No field says what the labels carry: the routers at both ends know. IP is told by its version, because RFC 4928 §3
//! keeps the first four bits 4 and 6 for it; 1 begins an associated channel, which names what it carries. Anything else
//! (a pseudowire's control word, an Ethernet frame) is not guessed.

use super::dispatch::Next;
use super::{Field, Protocol, Stop, Walk, numbers};

pub const HEADER: usize = 4;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [_, _, third, _] = *walk.peek::<HEADER>(Protocol::Mpls)?;
    let bottom = third & 1 == 1;
    walk.push(Protocol::Mpls, HEADER)?;
    if !bottom {
        return Ok(Next::Mpls);
    }
    match walk.rest().first().map(|byte| byte >> 4) {
        Some(4 | 6) => Ok(Next::Ip),
        Some(1) => channel(walk),
        None if walk.length() > 0 => Err(walk.truncated(Protocol::Mpls, 1)),
        _ => Err(walk.payload()),
    }
}

fn channel(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [_, _, high, low] = *walk.peek::<4>(Protocol::Channel)?;
    walk.push(Protocol::Channel, 4)?;
    match u16::from_be_bytes([high, low]) {
        0x0021 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV4)),
        0x0057 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV6)),
        _ => Ok(Next::Payload),
    }
}

pub static FIELDS: &[Field] = &[
    Field::dec("mpls.label", "Label", 0, 20).about("Names the path to the next router", "RFC 3032 §2.1"),
    Field::dec("mpls.exp", "Traffic class", 20, 3).about("Priority", "RFC 5462"),
    Field::flag("mpls.bottom", "Bottom of stack", 23).about("The last label", "RFC 3032 §2.1"),
    Field::dec("mpls.ttl", "Time to live", 24, 8).about("Routers it may still pass", "RFC 3032 §2.1"),
];

pub static CHANNEL_FIELDS: &[Field] = &[Field::hex("pwach.channel_type", "Channel type", 16, 16)
    .about("What the channel carries; 0x21: IPv4, 0x57: IPv6", "RFC 4385 §5")];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{Channel, Data, Ipv4, Ipv6, Mpls, Udp};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, ipv6, udp};

    #[test]
    fn the_bottom_label_ends_the_stack_and_the_version_says_what_follows() {
        let packet = ipv4(17, &udp(9, b"hi"));
        let frame = ethernet(0x8847, &[hex("00010040 00011b3f"), packet.clone()].concat());
        decodes(&frame, &[Mpls, Mpls, Ipv4, Udp, Data]);
        fields(&frame, &[("mpls.label", "16"), ("mpls.bottom", "false"), ("mpls.ttl", "64")]);
        decodes(&ethernet(0x8847, &[hex("00002140"), ipv6(17, &udp(9, b"hi"))].concat()), &[Mpls, Ipv6, Udp, Data]);
        let in_udp = ethernet(0x0800, &ipv4(17, &udp(6635, &[hex("00010140"), packet].concat())));
        decodes(&in_udp, &[Ipv4, Udp, Mpls, Ipv4, Udp, Data]);
    }

    #[test]
    fn a_channel_names_its_content_and_a_control_word_is_not_guessed_at() {
        let packet = ipv4(17, &udp(9, b"hi"));
        let channel = ethernet(0x8847, &[hex("00010140 10000021"), packet.clone()].concat());
        decodes(&channel, &[Mpls, Channel, Ipv4, Udp, Data]);
        let word = ethernet(0x8847, &[hex("00010140 00000000"), ethernet(0x0800, &packet)].concat());
        decodes(&word, &[Mpls, Data]);
    }
}
