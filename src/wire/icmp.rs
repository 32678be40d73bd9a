//! The Internet Control Message Protocol (RFC 792, 950, 1122, 1256). An error quotes the packet it is about.

use super::checksum;
use super::dispatch::Next;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

/// Type, code, checksum, and four bytes that depend on the type.
pub const HEADER: usize = 8;

pub const ECHO_REPLY: u8 = 0;
pub const UNREACHABLE: u8 = 3;
pub const SOURCE_QUENCH: u8 = 4;
pub const REDIRECT: u8 = 5;
pub const ECHO_REQUEST: u8 = 8;
pub const TIME_EXCEEDED: u8 = 11;
pub const PARAMETER_PROBLEM: u8 = 12;
pub const EXTENDED_ECHO_REQUEST: u8 = 42;
pub const EXTENDED_ECHO_REPLY: u8 = 43;

/// Whether a message of this type quotes the packet that caused it.
pub fn is_error(kind: u8) -> bool {
    matches!(kind, UNREACHABLE | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM)
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [kind, ..] = *walk.peek::<HEADER>(Protocol::Icmp)?;
    walk.push(Protocol::Icmp, HEADER)?;
    if !is_error(kind) {
        return Ok(Next::Payload);
    }
    if walk.length() == 0 {
        return Err(Stop::End);
    }
    walk.quoted = true;
    Ok(Next::Ip)
}

/// What a type and code say, in words.
pub fn meaning(kind: u8, code: u8) -> Option<&'static str> {
    Some(match (kind, code) {
        (UNREACHABLE, 0) => "network unreachable",
        (UNREACHABLE, 1) => "host unreachable",
        (UNREACHABLE, 2) => "protocol unreachable",
        (UNREACHABLE, 3) => "port unreachable",
        (UNREACHABLE, 4) => "fragmentation needed",
        (UNREACHABLE, 5) => "source route failed",
        (UNREACHABLE, 6) => "network unknown",
        (UNREACHABLE, 7) => "host unknown",
        (UNREACHABLE, 9 | 10 | 13) => "administratively prohibited",
        (REDIRECT, 0 | 2) => "redirect for the network",
        (REDIRECT, 1 | 3) => "redirect for the host",
        (TIME_EXCEEDED, 0) => "time to live exceeded in transit",
        (TIME_EXCEEDED, 1) => "fragment reassembly time exceeded",
        _ => return None,
    })
}

fn kind(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "echo reply",
        3 => "destination unreachable",
        4 => "source quench",
        5 => "redirect",
        8 => "echo request",
        9 => "router advertisement",
        10 => "router solicitation",
        11 => "time exceeded",
        12 => "parameter problem",
        13 => "timestamp request",
        14 => "timestamp reply",
        15 => "information request",
        16 => "information reply",
        17 => "address mask request",
        18 => "address mask reply",
        42 => "extended echo request",
        43 => "extended echo reply",
        _ => return None,
    })
}

/// Types that carry an identifier and a sequence number.
fn numbered(at: &At<'_>) -> bool {
    matches!(at.u8(0), Some(ECHO_REPLY | ECHO_REQUEST | 13..=18))
}

/// Types that carry an identifier: extended echo's sequence number has 8 bits (RFC 8335 §2).
fn identified(at: &At<'_>) -> bool {
    numbered(at) || matches!(at.u8(0), Some(EXTENDED_ECHO_REQUEST | EXTENDED_ECHO_REPLY))
}

const RFC: &str = "RFC 792";

pub static FIELDS: &[Field] = &[
    Field::dec("icmp.type", "Type", 0, 8).words(kind).about("Kind of message", RFC),
    Field::dec("icmp.code", "Code", 8, 8).about("Which of that kind", RFC),
    Field::one("netlab.icmp.meaning", "Meaning", Kind::Text, |at| {
        Some(Value::Text(meaning(at.u8(0)?, at.u8(1)?)?.as_bytes()))
    })
    .computed()
    .about("Type and code in words", RFC),
    Field::hex("icmp.checksum", "Checksum", 16, 16).about("Over the whole message", RFC),
    Field::one("icmp.checksum.status", "Checksum status", Kind::Dec, |at| checksum::icmp(at).map(checksum::status))
        .words(checksum::status_words)
        .computed()
        .about("0 bad, 1 good, 2 unverified", RFC),
    Field::one("icmp.ident", "Identifier", Kind::Dec, |at| {
        identified(at).then(|| at.u16(4).map(|number| Value::Uint(number.into()))).flatten()
    })
    .at(32, 16)
    .about("Tells one asking program from another", RFC),
    Field::one("icmp.seq", "Sequence number", Kind::Dec, |at| {
        numbered(at).then(|| at.u16(6).map(|number| Value::Uint(number.into()))).flatten()
    })
    .at(48, 16)
    .about("Counts the requests", RFC),
    Field::one("icmp.ext.echo.seq", "Sequence number", Kind::Dec, |at| {
        let extended = identified(at) && !numbered(at);
        extended.then(|| at.u8(6).map(|number| Value::Uint(number.into()))).flatten()
    })
    .at(48, 8)
    .about("Counts the extended requests", "RFC 8335 §2"),
    Field::one("icmp.mtu", "MTU of next hop", Kind::Dec, |at| {
        (at.u16(0)? == 0x0304).then(|| at.u16(6).map(|number| Value::Uint(number.into()))).flatten()
    })
    .at(48, 16)
    .about("Largest packet that fits the next hop", "RFC 1191 §4"),
    Field::one("icmp.redir_gw", "Gateway", Kind::Ipv4, |at| {
        (at.u8(0)? == REDIRECT).then(|| at.array(4).map(Value::Ipv4)).flatten()
    })
    .at(32, 32)
    .about("Router to use instead", RFC),
    Field::one("icmp.pointer", "Pointer", Kind::Dec, |at| {
        (at.u8(0)? == PARAMETER_PROBLEM).then(|| at.u8(4).map(|number| Value::Uint(number.into()))).flatten()
    })
    .at(32, 8)
    .about("Byte of the quoted packet that is wrong", RFC),
];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{Data, Icmp, Ipv4, Tcp, Udp};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, udp};

    #[test]
    fn reads_echo_and_its_checksum() {
        let frame = ethernet(0x0800, &ipv4(1, &hex("0800 8f93 0001 0002 6869")));
        decodes(&frame, &[Ipv4, Icmp, Data]);
        fields(&frame, &[("icmp.type", "8"), ("icmp.ident", "1"), ("icmp.seq", "2"), ("icmp.checksum.status", "1")]);
    }

    #[test]
    fn an_error_quotes_the_packet_that_caused_it() {
        let quoted = ipv4(17, &udp(9, b"hi"));
        let frame = ethernet(0x0800, &ipv4(1, &[hex("0303 0000 0000 0000"), quoted].concat()));
        decodes(&frame, &[Ipv4, Icmp, Ipv4, Udp, Data]);
        fields(&frame, &[("icmp.code", "3"), ("udp.dstport", "9"), ("icmp.ident", "absent")]);
    }

    #[test]
    fn eight_quoted_bytes_of_tcp_have_ports_but_no_raw_number_and_no_checksum() {
        let mut quoted = ipv4(6, &hex("c000 0050 00000001"));
        quoted[3] = 60;
        let frame = ethernet(0x0800, &ipv4(1, &[hex("0303 0000 0000 0000"), quoted].concat()));
        let (layers, stop) = crate::wire::sample::layers(crate::frame::LinkType::ETHERNET, &frame);
        assert_eq!(layers.last(), Some(&Tcp));
        assert!(matches!(stop, crate::wire::Stop::Truncated { protocol: Tcp, has: 8, .. }), "{stop:?}");
        fields(&frame, &[("tcp.dstport", "80"), ("tcp.seq_raw", "absent"), ("tcp.checksum.status", "absent")]);
    }

    #[test]
    fn extended_echo_counts_in_eight_bits() {
        let frame = ethernet(0x0800, &ipv4(1, &hex("2a00 0000 0007 09 01")));
        fields(&frame, &[("icmp.ident", "7"), ("icmp.seq", "absent"), ("icmp.ext.echo.seq", "9")]);
    }
}
