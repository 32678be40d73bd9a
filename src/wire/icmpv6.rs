//! ICMP for IPv6 (RFC 4443): the header that neighbour discovery and MLD share, echo, and errors with what they quote.

use super::checksum;
use super::dispatch::Next;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk, mld, ndp};

/// Type, code, checksum, and the four bytes that echo and the errors have.
pub const HEADER: usize = 8;
/// Type, code, checksum.
pub const FIXED: usize = 4;

pub const UNREACHABLE: u8 = 1;
pub const TOO_BIG: u8 = 2;
pub const TIME_EXCEEDED: u8 = 3;
pub const PARAMETER_PROBLEM: u8 = 4;
pub const ECHO_REQUEST: u8 = 128;
pub const ECHO_REPLY: u8 = 129;
pub const EXTENDED_ECHO_REQUEST: u8 = 160;
pub const EXTENDED_ECHO_REPLY: u8 = 161;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [kind, ..] = *walk.peek::<FIXED>(Protocol::Icmpv6)?;
    match kind {
        UNREACHABLE..=PARAMETER_PROBLEM => {
            walk.peek::<HEADER>(Protocol::Icmpv6)?;
            walk.push(Protocol::Icmpv6, HEADER)?;
            if walk.length() == 0 {
                return Err(Stop::End);
            }
            walk.quoted = true;
            Ok(Next::Ip)
        }
        ECHO_REQUEST | ECHO_REPLY | EXTENDED_ECHO_REQUEST | EXTENDED_ECHO_REPLY => {
            walk.peek::<HEADER>(Protocol::Icmpv6)?;
            walk.push(Protocol::Icmpv6, HEADER)?;
            Ok(Next::Payload)
        }
        _ => {
            walk.push(Protocol::Icmpv6, FIXED)?;
            match kind {
                mld::QUERY | mld::REPORT | mld::DONE | mld::REPORT_V2 => mld::decode(walk, kind),
                ndp::ROUTER_SOLICITATION..=ndp::REDIRECT => ndp::decode(walk, kind),
                _ => Ok(Next::Payload),
            }
        }
    }
}

/// What a type and code say, in words.
pub fn meaning(kind: u8, code: u8) -> Option<&'static str> {
    Some(match (kind, code) {
        (UNREACHABLE, 0) => "no route to destination",
        (UNREACHABLE, 1) => "administratively prohibited",
        (UNREACHABLE, 2) => "beyond the scope of the source address",
        (UNREACHABLE, 3) => "address unreachable",
        (UNREACHABLE, 4) => "port unreachable",
        (UNREACHABLE, 5) => "source address failed policy",
        (UNREACHABLE, 6) => "route to destination rejected",
        (TOO_BIG, _) => "packet too big",
        (TIME_EXCEEDED, 0) => "hop limit exceeded in transit",
        (TIME_EXCEEDED, 1) => "fragment reassembly time exceeded",
        (PARAMETER_PROBLEM, 0) => "erroneous header field",
        (PARAMETER_PROBLEM, 1) => "unrecognized next header",
        (PARAMETER_PROBLEM, 2) => "unrecognized option",
        _ => return None,
    })
}

fn kind(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "destination unreachable",
        2 => "packet too big",
        3 => "time exceeded",
        4 => "parameter problem",
        128 => "echo request",
        129 => "echo reply",
        130 => "multicast listener query",
        131 => "multicast listener report",
        132 => "multicast listener done",
        133 => "router solicitation",
        134 => "router advertisement",
        135 => "neighbour solicitation",
        136 => "neighbour advertisement",
        137 => "redirect",
        143 => "multicast listener report v2",
        160 => "extended echo request",
        161 => "extended echo reply",
        _ => return None,
    })
}

/// The identifier, or the sequence number behind it; extended echo's has 8 bits (RFC 8335 §2).
fn echo<'a>(at: &At<'a>, place: usize) -> Option<Value<'a>> {
    let numbered = match at.u8(0)? {
        ECHO_REQUEST | ECHO_REPLY => true,
        EXTENDED_ECHO_REQUEST | EXTENDED_ECHO_REPLY => place == 4,
        _ => false,
    };
    numbered.then(|| at.u16(place).map(|number| Value::Uint(number.into()))).flatten()
}

const RFC: &str = "RFC 4443 §2.1";
const ECHO: &str = "RFC 4443 §4.1";

pub static FIELDS: &[Field] = &[
    Field::dec("icmpv6.type", "Type", 0, 8).words(kind).about("Kind of message", RFC),
    Field::dec("icmpv6.code", "Code", 8, 8).about("Which of that kind", RFC),
    Field::one("netlab.icmpv6.meaning", "Meaning", Kind::Text, |at| {
        Some(Value::Text(meaning(at.u8(0)?, at.u8(1)?)?.as_bytes()))
    })
    .computed()
    .about("Type and code in words", RFC),
    Field::hex("icmpv6.checksum", "Checksum", 16, 16).about("Over pseudo-header and message", RFC),
    Field::one("icmpv6.checksum.status", "Checksum status", Kind::Dec, |at| checksum::icmpv6(at).map(checksum::status))
        .words(checksum::status_words)
        .computed()
        .about("0 bad, 1 good, 2 unverified", RFC),
    Field::one("icmpv6.echo.identifier", "Identifier", Kind::Dec, |at| echo(at, 4))
        .at(32, 16)
        .about("Tells one asking program from another", ECHO),
    Field::one("icmpv6.echo.sequence_number", "Sequence number", Kind::Dec, |at| echo(at, 6))
        .at(48, 16)
        .about("Counts the requests", ECHO),
    Field::one("icmpv6.mtu", "MTU", Kind::Dec, |at| {
        (at.u8(0)? == TOO_BIG).then(|| at.u32(4).map(|number| Value::Uint(number.into()))).flatten()
    })
    .at(32, 32)
    .about("Largest packet that fits the next hop", "RFC 4443 §3.2"),
    Field::one("icmpv6.pointer", "Pointer", Kind::Dec, |at| {
        (at.u8(0)? == PARAMETER_PROBLEM).then(|| at.u32(4).map(|number| Value::Uint(number.into()))).flatten()
    })
    .at(32, 32)
    .about("Byte of the quoted packet that is wrong", "RFC 4443 §3.4"),
];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{Data, Icmpv6, Ipv6, Udp};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv6, udp};

    #[test]
    fn reads_echo_with_its_checksum_over_the_pseudo_header() {
        let frame = ethernet(0x86dd, &ipv6(58, &hex("8000 8234 0001 0002")));
        decodes(&frame, &[Ipv6, Icmpv6]);
        fields(&frame, &[("icmpv6.type", "128"), ("icmpv6.echo.identifier", "1"), ("icmpv6.checksum.status", "1")]);
    }

    #[test]
    fn an_error_quotes_and_extended_echo_has_an_identifier() {
        let quoted = ipv6(17, &udp(9, b"hi"));
        let frame = ethernet(0x86dd, &ipv6(58, &[hex("0104 0000 00000000"), quoted].concat()));
        decodes(&frame, &[Ipv6, Icmpv6, Ipv6, Udp, Data]);
        fields(&frame, &[("icmpv6.echo.identifier", "absent"), ("udp.dstport", "9")]);
        let extended = ethernet(0x86dd, &ipv6(58, &hex("a000 0000 0007 0901")));
        fields(&extended, &[("icmpv6.echo.identifier", "7"), ("icmpv6.echo.sequence_number", "absent")]);
    }
}
