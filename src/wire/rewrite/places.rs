//! Where addresses stand in a layer, in bytes from its first.

use super::super::{Address, At, Protocol, arp, icmpv6, igmp, ipv6, mld, ndp, numbers};
use super::Mac;

/// Calls `each` with every IP address of the layer and its place.
pub(super) fn addresses(at: &At<'_>, each: &mut dyn FnMut(usize, Address)) {
    let mut four = |place: usize| {
        if let Some(address) = at.array(place) {
            each(place, Address::V4(address));
        }
    };
    match at.layer.protocol {
        Protocol::Ipv4 => [12, 16].into_iter().for_each(four),
        Protocol::Arp => {
            let (hardware, protocol) = (at.u8(4).unwrap_or(0), at.u8(5).unwrap_or(0));
            if at.u16(2) == Some(numbers::ETHERTYPE_IPV4) && protocol == 4 {
                let sender = arp::FIXED + usize::from(hardware);
                four(sender);
                four(sender + 4 + usize::from(hardware));
            }
        }
        Protocol::Igmp => groups_v4(at, &mut four),
        Protocol::Ipv6 => six(at, &[8, 24], each),
        Protocol::Routing => stations(at, each),
        Protocol::Ndp => match message(at) {
            Some(ndp::NEIGHBOUR_SOLICITATION | ndp::NEIGHBOUR_ADVERTISEMENT) => six(at, &[4], each),
            Some(ndp::REDIRECT) => six(at, &[4, 20], each),
            _ => {}
        },
        Protocol::Mld => groups_v6(at, each),
        _ => {}
    }
}

/// Calls `each` with every MAC address of the layer and its place.
pub(super) fn macs(at: &At<'_>, each: &mut dyn FnMut(usize, Mac)) {
    let mut mac = |place: usize| {
        if let Some(mac) = at.array(place) {
            each(place, mac);
        }
    };
    match at.layer.protocol {
        Protocol::Ethernet => [0, 6].into_iter().for_each(mac),
        Protocol::Arp if at.u8(4) == Some(6) => {
            mac(arp::FIXED);
            mac(arp::FIXED + 6 + usize::from(at.u8(5).unwrap_or(0)));
        }
        // Source and target link-layer address (RFC 4861 §4.6.1).
        Protocol::Ndp => options(at, &mut |place, kind, length| {
            if matches!(kind, 1 | 2) && length == 8 {
                mac(place + 2);
            }
        }),
        _ => {}
    }
}

fn six(at: &At<'_>, places: &[usize], each: &mut dyn FnMut(usize, Address)) {
    for place in places {
        if let Some(address) = at.array(*place) {
            each(*place, Address::V6(address));
        }
    }
}

/// The type of the ICMPv6 message that the layer is the rest of.
fn message(at: &At<'_>) -> Option<u8> {
    let header = at.packet.at(at.index.checked_sub(1)?)?;
    (header.layer.protocol == Protocol::Icmpv6 && header.layer.header as usize == icmpv6::FIXED)
        .then(|| header.u8(0))
        .flatten()
}

/// The options of neighbour discovery: place, kind, length in bytes.
fn options(at: &At<'_>, each: &mut dyn FnMut(usize, u8, usize)) {
    let Some(kind) = message(at) else { return };
    let mut place = ndp::fixed(kind);
    while let (Some(kind), Some(length @ 1..)) = (at.u8(place), at.u8(place + 1)) {
        let length = usize::from(length) * 8;
        each(place, kind, length);
        place += length;
    }
}

/// The stations of a routing header: types 0 and 2 (RFC 2460 §4.4, RFC 6275 §6.4), segment routing (RFC 8754 §2).
fn stations(at: &At<'_>, each: &mut dyn FnMut(usize, Address)) {
    let room = (at.layer.header as usize).saturating_sub(8) / 16;
    let count = match at.u8(2) {
        Some(0 | 2) => room,
        Some(4) => room.min(usize::from(at.u8(4).unwrap_or(0)) + 1),
        _ => 0,
    };
    let places: Vec<usize> = (0..count).map(|number| 8 + number * 16).collect();
    six(at, &places, each);
}

/// Groups and sources of IGMP.
fn groups_v4(at: &At<'_>, four: &mut dyn FnMut(usize)) {
    match at.u8(0) {
        Some(igmp::REPORT_V3) => {
            let mut place = igmp::HEADER;
            for _ in 0..at.u16(6).unwrap_or(0) {
                let (Some(auxiliary), Some(sources)) = (at.u8(place + 1), at.u16(place + 2)) else { return };
                four(place + 4);
                (0..usize::from(sources)).for_each(|number| four(place + 8 + number * 4));
                place += 8 + usize::from(sources) * 4 + usize::from(auxiliary) * 4;
            }
        }
        Some(igmp::QUERY | igmp::REPORT_V1 | igmp::REPORT_V2 | igmp::LEAVE) => {
            four(4);
            let sources = if at.u8(0) == Some(igmp::QUERY) { at.u16(10).unwrap_or(0) } else { 0 };
            (0..usize::from(sources)).for_each(|number| four(igmp::QUERY_V3 + number * 4));
        }
        _ => {}
    }
}

/// The same of MLD, whose layer begins behind the ICMPv6 header's four bytes.
fn groups_v6(at: &At<'_>, each: &mut dyn FnMut(usize, Address)) {
    const SOURCES: usize = 24;
    if mld::kind(at) != Some(mld::REPORT_V2) {
        six(at, &[4], each);
        let sources = if mld::is_query_v2(at) { at.u16(SOURCES - 2).unwrap_or(0) } else { 0 };
        for number in 0..usize::from(sources) {
            six(at, &[SOURCES + number * 16], each);
        }
        return;
    }
    let mut place = 4;
    for _ in 0..at.u16(2).unwrap_or(0) {
        let (Some(auxiliary), Some(sources)) = (at.u8(place + 1), at.u16(place + 2)) else { return };
        six(at, &[place + 4], each);
        for number in 0..usize::from(sources) {
            six(at, &[place + 20 + number * 16], each);
        }
        place += 20 + usize::from(sources) * 16 + usize::from(auxiliary) * 4;
    }
}

// Places above count from the layer; IPv6's addresses end where its header does.
const _: () = assert!(ipv6::HEADER == 24 + 16);
