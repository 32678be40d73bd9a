//! The Dynamic Host Configuration Protocol (RFC 2131, RFC 2132): the form of BOOTP, and options behind a cookie.

use super::application::{Look, Tone};
use super::exchange::{Among, Exchange, Part};
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

/// Of the server and of the client.
pub const PORTS: &[u16] = &[67, 68];

const RFC: &str = "RFC 2131 §2";
const OPTION: &str = "RFC 2132";
/// Up to the options.
const HEADER: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

pub(super) fn look(look: &Look<'_>) -> bool {
    matches!(look.data.first(), Some(1 | 2))
        && look.length >= HEADER
        && look.data.get(236..HEADER).is_none_or(|cookie| cookie == COOKIE)
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    walk.message(Protocol::Dhcp)
}

/// The options with their values, up to the end's mark or to one that does not fit.
fn options<'a>(at: &At<'a>) -> impl Iterator<Item = (u8, &'a [u8])> {
    let mut rest = at.bytes().get(HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        loop {
            let (kind, behind) = rest.split_first()?;
            match kind {
                0 => rest = behind,
                255 => return None,
                _ => {
                    let (length, behind) = behind.split_first()?;
                    let (value, behind) = behind.split_at_checked(usize::from(*length))?;
                    rest = behind;
                    return Some((*kind, value));
                }
            }
        }
    })
}

fn option<'a>(at: &At<'a>, wanted: u8) -> Option<&'a [u8]> {
    options(at).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

fn text<'a>(at: &At<'a>, wanted: u8) -> Option<Value<'a>> {
    option(at, wanted).map(|text| Value::Text(text.strip_suffix(b"\0").unwrap_or(text)))
}

fn number<'a>(at: &At<'a>, wanted: u8) -> Option<Value<'a>> {
    let value = option(at, wanted).filter(|value| value.len() <= 4)?;
    Some(Value::Uint(value.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))))
}

fn addresses<'a>(at: &At<'a>, wanted: u8, give: &mut dyn FnMut(Value<'a>) -> bool) {
    let values = options(at).filter(|(kind, _)| *kind == wanted).flat_map(|(_, value)| value.chunks_exact(4));
    let _ = values.filter_map(|address| Some(Value::Ipv4(*address.first_chunk()?))).all(give);
}

fn address(at: &At<'_>, wanted: u8) -> Option<std::net::Ipv4Addr> {
    option(at, wanted)?.first_chunk::<4>().map(|address| (*address).into())
}

/// A name of fixed length, up to its first zero.
fn name<'a>(at: &At<'a>, from: usize, to: usize) -> Option<Value<'a>> {
    let bytes = at.bytes().get(from..to)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).filter(|name| !name.is_empty()).map(Value::Text)
}

fn kinds(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "discover",
        2 => "offer",
        3 => "request",
        4 => "decline",
        5 => "ack",
        6 => "nak",
        7 => "release",
        8 => "inform",
        _ => return None,
    })
}

/// Servers have ten seconds and more to answer (RFC 2131 §4.1). 60 s.
const PATIENCE: i64 = 60_000_000_000;

/// Discovering is answered by offers, asking by an ack or a nak, all with the number that the client chose.
pub(super) fn exchange(at: &At<'_>) -> Option<Exchange> {
    let (part, step) = match option(at, 53)?.first()? {
        1 => (Part::Question, 0),
        2 => (Part::Answer { last: true }, 0),
        3 | 8 => (Part::Question, 1),
        5 | 6 => (Part::Answer { last: true }, 1),
        _ => return None,
    };
    let tag = u64::from(at.u32(4)?) << 1 | step;
    Some(Exchange { part, among: Among::Anybody { within: PATIENCE }, tag })
}

fn operations(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "request",
        2 => "reply",
        _ => return None,
    })
}

fn names(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "subnet mask",
        3 => "router",
        6 => "name servers",
        12 => "host name",
        15 => "domain name",
        28 => "broadcast address",
        42 => "time servers",
        50 => "requested address",
        51 => "lease time",
        53 => "message type",
        54 => "server",
        55 => "parameters wanted",
        56 => "message",
        57 => "longest message",
        58 => "renewal time",
        59 => "rebinding time",
        60 => "vendor class",
        61 => "client identifier",
        119 => "domain search",
        121 => "static routes",
        _ => return None,
    })
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let kind = option(at, 53).and_then(|value| value.first().copied()).unwrap_or_default();
    let operation = operations(at.u8(0).unwrap_or_default().into()).unwrap_or("message");
    match kinds(kind.into()) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        // BOOTP has no type (RFC 951).
        None if kind == 0 => out.extend_from_slice(operation.as_bytes()),
        None => out.extend_from_slice(format!("message of type {kind}").as_bytes()),
    }
    let yours = at.array::<4>(16).filter(|address| *address != [0; 4]).map(std::net::Ipv4Addr::from);
    let mine = at.array::<4>(12).filter(|address| *address != [0; 4]).map(std::net::Ipv4Addr::from);
    if let Some(wanted) = yours.or_else(|| address(at, 50)).or(mine) {
        out.extend_from_slice(format!(" {wanted}").as_bytes());
    }
    if let Some(Value::Uint(seconds)) = number(at, 51) {
        out.extend_from_slice(format!(" for {seconds} s").as_bytes());
    }
    if let Some([a, b, c, d, e, f]) = at.array::<6>(28) {
        out.extend_from_slice(format!(", client {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}").as_bytes());
    }
    if let Some(Value::Text(name)) = text(at, 12) {
        out.extend_from_slice(b" ");
        out.extend_from_slice(name);
    }
    if let Some(server) = address(at, 54) {
        out.extend_from_slice(format!(", server {server}").as_bytes());
    }
    if let Some(Value::Text(message)) = text(at, 56) {
        out.extend_from_slice(b": ");
        out.extend_from_slice(message);
    }
    if kind == 6 { Tone::Trouble } else { Tone::Plain }
}

pub static FIELDS: &[Field] = &[
    Field::dec("dhcp.type", "Operation", 0, 8).words(operations).about("1: a client asks, 2: a server answers", RFC),
    Field::hex("dhcp.hw.type", "Hardware type", 8, 8).about("1: Ethernet", RFC),
    Field::dec("dhcp.hw.len", "Hardware address length", 16, 8).about("In bytes", RFC),
    Field::dec("dhcp.hops", "Hops", 24, 8).about("Relays on the way", RFC),
    Field::hex("dhcp.id", "Transaction", 32, 32).about("A question and its answer have the same", RFC),
    Field::dec("dhcp.secs", "Seconds", 64, 16).about("Since the client began to ask", RFC),
    Field::hex("dhcp.flags", "Flags", 80, 16).combined().about("The first bit: answer to all", RFC),
    Field::flag("dhcp.flags.bc", "Broadcast", 80).about("The client cannot take an answer to its address yet", RFC),
    Field::fixed("dhcp.ip.client", "Client's address", Kind::Ipv4, 96, 32).about("That it has already", RFC),
    Field::fixed("dhcp.ip.your", "Your address", Kind::Ipv4, 128, 32).about("That the client is to have", RFC),
    Field::fixed("dhcp.ip.server", "Server's address", Kind::Ipv4, 160, 32)
        .about("Of the next server that a booting host asks", RFC),
    Field::fixed("dhcp.ip.relay", "Relay's address", Kind::Ipv4, 192, 32).about("Of a relay between LANs", RFC),
    Field::fixed("dhcp.hw.mac_addr", "Client's MAC address", Kind::Mac, 224, 48).about("Who asks", RFC),
    Field::one("dhcp.server", "Server's name", Kind::Text, |at| name(at, 44, 108)).about("Seldom given", RFC),
    Field::one("dhcp.file", "Boot file", Kind::Text, |at| name(at, 108, 236))
        .about("What a booting host is to fetch", RFC),
    Field::fixed("dhcp.cookie", "Cookie", Kind::Ipv4, 1888, 32)
        .about("Options follow: always 99.130.83.99", "RFC 2131 §3"),
    Field::many("dhcp.option.type", "Option", Kind::Dec, |at, give| {
        let _ = options(at).map(|(kind, _)| Value::Uint(kind.into())).all(give);
    })
    .words(names)
    .about("What an option is about", OPTION),
    Field::one("dhcp.option.dhcp", "Message", Kind::Dec, |at| number(at, 53))
        .words(kinds)
        .about("Discover, offer, request, ack, ...", "RFC 2132 §9.6"),
    Field::many("dhcp.option.requested_ip_address", "Requested address", Kind::Ipv4, |at, give| {
        addresses(at, 50, give)
    })
    .about("That the client wants", "RFC 2132 §9.1"),
    Field::many("dhcp.option.dhcp_server_id", "Server", Kind::Ipv4, |at, give| addresses(at, 54, give))
        .about("Which server is meant, or speaks", "RFC 2132 §9.7"),
    Field::one("dhcp.option.ip_address_lease_time", "Lease time", Kind::Dec, |at| number(at, 51))
        .about("Seconds that the address may be used", "RFC 2132 §9.2"),
    Field::one("dhcp.option.renewal_time_value", "Renewal time", Kind::Dec, |at| number(at, 58))
        .about("Seconds until the client asks its server again", "RFC 2132 §9.11"),
    Field::one("dhcp.option.rebinding_time_value", "Rebinding time", Kind::Dec, |at| number(at, 59))
        .about("Seconds until it asks any server", "RFC 2132 §9.12"),
    Field::many("dhcp.option.subnet_mask", "Subnet mask", Kind::Ipv4, |at, give| addresses(at, 1, give))
        .about("How long the prefix is", "RFC 2132 §3.3"),
    Field::many("dhcp.option.router", "Router", Kind::Ipv4, |at, give| addresses(at, 3, give))
        .about("The way out of the LAN", "RFC 2132 §3.5"),
    Field::many("dhcp.option.domain_name_server", "Name server", Kind::Ipv4, |at, give| addresses(at, 6, give))
        .about("Whom to ask for names", "RFC 2132 §3.8"),
    Field::many("dhcp.option.broadcast_address", "Broadcast address", Kind::Ipv4, |at, give| addresses(at, 28, give))
        .about("Of the subnet", "RFC 2132 §5.3"),
    Field::one("dhcp.option.hostname", "Host name", Kind::Text, |at| text(at, 12))
        .about("Of the client", "RFC 2132 §3.14"),
    Field::one("dhcp.option.domain_name", "Domain name", Kind::Text, |at| text(at, 15))
        .about("That names without a dot are taken for", "RFC 2132 §3.17"),
    Field::many("dhcp.option.request_list_item", "Wanted", Kind::Dec, |at, give| {
        let _ = option(at, 55).unwrap_or_default().iter().map(|kind| Value::Uint((*kind).into())).all(give);
    })
    .words(names)
    .about("An option that the client wants to be told", "RFC 2132 §9.8"),
];

#[cfg(test)]
mod tests {
    use crate::frame::LinkType;
    use crate::wire::Protocol::{Dhcp, Ipv4, Udp};
    use crate::wire::sample::{ethernet, fields, ipv4, layers, told, udp};

    fn with(options: &[u8]) -> Vec<u8> {
        let mut message = vec![1, 1, 6, 0];
        message.resize(236, 0);
        message.extend(super::COOKIE);
        message.extend(options);
        ethernet(0x0800, &ipv4(17, &udp(67, &message)))
    }

    #[test]
    fn options_end_at_their_mark_and_where_a_length_lies() {
        let frame = with(&[0, 53, 1, 3, 0, 50, 4, 10, 0, 5, 9, 255, 12, 1, b'x']);
        assert_eq!(layers(LinkType::ETHERNET, &frame).0[1..], [Ipv4, Udp, Dhcp]);
        fields(&frame, &[("dhcp.option.dhcp", "3"), ("dhcp.option.requested_ip_address", "[10, 0, 5, 9]")]);
        fields(&frame, &[("dhcp.option.hostname", "absent"), ("dhcp.server", "absent")]);
        fields(&with(&[12, 200, b'x']), &[("dhcp.option.hostname", "absent"), ("dhcp.option.type", "absent")]);
        fields(&with(&[51, 8, 1, 1, 1, 1, 1, 1, 1, 1]), &[("dhcp.option.ip_address_lease_time", "absent")]);
    }
    #[test]
    fn a_type_that_nobody_knows_is_no_request() {
        assert!(told(&with(&[53, 1, 106]), Dhcp).starts_with("message of type 106, client "));
        assert!(told(&with(&[]), Dhcp).starts_with("request, client "), "BOOTP has no type");
    }
}
