//! Neighbour discovery for IPv6 (RFC 4861): solicitations, advertisements, redirects and their options.
//!
//! A layer of its own behind the four bytes that every ICMPv6 message begins with; `icmpv6.*` places below count from
//! there.

use super::dispatch::Next;
use super::reader::Reader;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const ROUTER_SOLICITATION: u8 = 133;
pub const ROUTER_ADVERTISEMENT: u8 = 134;
pub const NEIGHBOUR_SOLICITATION: u8 = 135;
pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
pub const REDIRECT: u8 = 137;

/// Bytes before the options, by type, behind the ICMPv6 header's four.
pub fn fixed(kind: u8) -> usize {
    match kind {
        ROUTER_ADVERTISEMENT => 12,
        NEIGHBOUR_SOLICITATION | NEIGHBOUR_ADVERTISEMENT => 20,
        REDIRECT => 36,
        _ => 4,
    }
}

pub(super) fn decode(walk: &mut Walk<'_, '_>, kind: u8) -> Result<Next, Stop> {
    let (needs, has) = (fixed(kind), walk.rest().len());
    if has < needs {
        return Err(walk.cut(Protocol::Ndp, needs));
    }
    Err(walk.message(Protocol::Ndp))
}

/// The type of the message that this layer belongs to.
fn kind(at: &At<'_>) -> Option<u8> {
    at.packet.at(at.index.checked_sub(1)?)?.u8(0)
}

fn of<'a, T>(at: &At<'a>, wanted: u8, read: impl Fn(&At<'a>) -> Option<T>) -> Option<T> {
    (kind(at)? == wanted).then(|| read(at)).flatten()
}

/// The options: type, length in 8 bytes, value (RFC 4861 §4.6).
fn options<'a>(at: &At<'a>) -> impl Iterator<Item = (u8, &'a [u8])> {
    let start = kind(at).map_or(usize::MAX, fixed);
    let mut reader = Reader::new(at.bytes().get(start..).unwrap_or_default());
    std::iter::from_fn(move || {
        let (kind, length) = (reader.u8()?, usize::from(reader.u8()?) * 8);
        Some((kind, reader.take(length.checked_sub(2)?)?))
    })
}

fn option(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "source link-layer address",
        2 => "target link-layer address",
        3 => "prefix information",
        4 => "redirected header",
        5 => "MTU",
        14 => "nonce",
        25 => "recursive DNS server",
        31 => "DNS search list",
        _ => return None,
    })
}

/// The MAC address of the first option of one of these kinds.
pub fn link_address<'a>(at: &At<'a>) -> Option<Value<'a>> {
    options(at).filter(|(kind, _)| matches!(kind, 1 | 2)).find_map(|(_, data)| Some(Value::Mac(data.try_into().ok()?)))
}

const RFC: &str = "RFC 4861 §4";

pub static FIELDS: &[Field] = &[
    Field::one("icmpv6.nd.ns.target_address", "Target", Kind::Ipv6, |at| {
        of(at, NEIGHBOUR_SOLICITATION, |at| at.array(4).map(Value::Ipv6))
    })
    .at(32, 128)
    .about("Address whose owner is asked for", "RFC 4861 §4.3"),
    Field::one("icmpv6.nd.na.flag.r", "Router", Kind::Bool, |at| {
        of(at, NEIGHBOUR_ADVERTISEMENT, |at| Some(Value::Bool(at.u8(0)? & 0x80 != 0)))
    })
    .at(0, 1)
    .about("The sender is a router", "RFC 4861 §4.4"),
    Field::one("icmpv6.nd.na.flag.s", "Solicited", Kind::Bool, |at| {
        of(at, NEIGHBOUR_ADVERTISEMENT, |at| Some(Value::Bool(at.u8(0)? & 0x40 != 0)))
    })
    .at(1, 1)
    .about("Answers a solicitation", "RFC 4861 §4.4"),
    Field::one("icmpv6.nd.na.flag.o", "Override", Kind::Bool, |at| {
        of(at, NEIGHBOUR_ADVERTISEMENT, |at| Some(Value::Bool(at.u8(0)? & 0x20 != 0)))
    })
    .at(2, 1)
    .about("Replaces what neighbours remember", "RFC 4861 §4.4"),
    Field::one("icmpv6.nd.na.target_address", "Target", Kind::Ipv6, |at| {
        of(at, NEIGHBOUR_ADVERTISEMENT, |at| at.array(4).map(Value::Ipv6))
    })
    .at(32, 128)
    .about("Address that the sender owns", "RFC 4861 §4.4"),
    Field::one("icmpv6.nd.ra.cur_hop_limit", "Hop limit", Kind::Dec, |at| {
        of(at, ROUTER_ADVERTISEMENT, |at| at.u8(0).map(|number| Value::Uint(number.into())))
    })
    .at(0, 8)
    .about("Hop limit that hosts should use", "RFC 4861 §4.2"),
    Field::one("icmpv6.nd.ra.router_lifetime", "Router lifetime", Kind::Dec, |at| {
        of(at, ROUTER_ADVERTISEMENT, |at| at.u16(2).map(|number| Value::Uint(number.into())))
    })
    .at(16, 16)
    .about("Seconds for which it may be the default router; 0: it may not", "RFC 4861 §4.2"),
    Field::one("icmpv6.rd.na.target_address", "Better hop", Kind::Ipv6, |at| {
        of(at, REDIRECT, |at| at.array(4).map(Value::Ipv6))
    })
    .at(32, 128)
    .about("Next hop to use instead", "RFC 4861 §4.5"),
    Field::one("icmpv6.nd.rd.destination_address", "Destination", Kind::Ipv6, |at| {
        of(at, REDIRECT, |at| at.array(20).map(Value::Ipv6))
    })
    .at(160, 128)
    .about("Destination that it is about", "RFC 4861 §4.5"),
    Field::many("icmpv6.opt.type", "Option", Kind::Dec, |at, each| {
        for (kind, _) in options(at) {
            if !each(Value::Uint(kind.into())) {
                return;
            }
        }
    })
    .words(option)
    .about("Kind of an option", "RFC 4861 §4.6"),
    Field::one("icmpv6.opt.linkaddr", "Link-layer address", Kind::Mac, link_address)
        .about("MAC address of the source or the target", "RFC 4861 §4.6.1"),
    Field::many("icmpv6.opt.prefix", "Prefix", Kind::Ipv6, |at, each| {
        for (_, data) in options(at).filter(|(kind, _)| *kind == 3) {
            let Some(prefix) = data.get(14..30).and_then(|bytes| bytes.try_into().ok()) else { return };
            if !each(Value::Ipv6(prefix)) {
                return;
            }
        }
    })
    .about("Prefix of addresses on this link", "RFC 4861 §4.6.2"),
    Field::one("icmpv6.opt.mtu", "MTU", Kind::Dec, |at| {
        let (_, data) = options(at).find(|(kind, _)| *kind == 5)?;
        Some(Value::Uint(u32::from_be_bytes(*data.get(2..)?.first_chunk()?).into()))
    })
    .about("Largest packet that fits this link", RFC),
];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{Icmpv6, Ipv6, Ndp};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv6};

    const TARGET: &str = "fe80000000000000 0000000000000009";

    #[test]
    fn reads_solicitation_advertisement_and_redirect() {
        let asks = hex(&format!("8700 0000 00000000 {TARGET} 0101 020000000001"));
        let frame = ethernet(0x86dd, &ipv6(58, &asks));
        decodes(&frame, &[Ipv6, Icmpv6, Ndp]);
        let target = "[254, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]";
        fields(&frame, &[("icmpv6.nd.ns.target_address", target), ("icmpv6.opt.linkaddr", "[2, 0, 0, 0, 0, 1]")]);
        fields(&frame, &[("icmpv6.nd.na.target_address", "absent")]);
        let answers = ethernet(0x86dd, &ipv6(58, &hex(&format!("8800 0000 60000000 {TARGET}"))));
        fields(&answers, &[("icmpv6.nd.na.target_address", target), ("icmpv6.nd.na.flag.s", "true")]);
        let redirect = ethernet(0x86dd, &ipv6(58, &hex(&format!("8900 0000 00000000 {TARGET} {TARGET}"))));
        fields(&redirect, &[("icmpv6.rd.na.target_address", target)]);
    }

    #[test]
    fn reads_a_router_advertisement_and_stops_at_an_option_of_no_length() {
        let prefix = "0304 40c0 00000e10 00000e10 00000000 20010db8000000000000000000000000";
        let message = hex(&format!("8600 0000 40 00 0708 00000000 00000000 {prefix} 0500 0000"));
        let frame = ethernet(0x86dd, &ipv6(58, &message));
        decodes(&frame, &[Ipv6, Icmpv6, Ndp]);
        fields(
            &frame,
            &[("icmpv6.nd.ra.router_lifetime", "1800"), ("icmpv6.opt.type", "3"), ("icmpv6.opt.mtu", "absent")],
        );
    }
}
