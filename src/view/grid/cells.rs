//! The cells of a layer's grid: its fields at their places, its options and records, and what lies between them.

use super::Cell;
use super::parts::{self, Part};
use crate::field::{self, Entry};
use crate::flow::Facts;
use crate::view::tree;
use crate::wire::{At, Bits, Kind, Protocol, Value};

/// The cells of the captured bytes of a layer's header, in order, without gaps.
pub fn of(at: &At<'_>, parts: &[Part]) -> Vec<Cell> {
    let end = at.header().len() * 8;
    let mut cells: Vec<Cell> = Vec::new();
    let mut add = |cell: Cell| {
        let free = cells.iter().all(|other| cell.at + cell.length <= other.at || other.at + other.length <= cell.at);
        if free && cell.length > 0 && cell.at + cell.length <= end {
            cells.push(cell);
        }
    };
    for entry in field::of(at.layer.protocol) {
        if let Some(cell) = fixed(&entry, at) {
            add(cell);
        }
    }
    for cell in parts.iter().flat_map(|part| &part.cells) {
        add(cell.clone());
    }
    cells.sort_by_key(|cell| cell.at);
    without_gaps(at, cells, end)
}

fn fixed(entry: &Entry, at: &At<'_>) -> Option<Cell> {
    let bits = entry.bits().filter(|_| !entry.computed())?;
    let mut found = None;
    entry.each_in_layer(at, &Facts::default(), &mut |value| {
        found = Some(values(entry, at, value));
        false
    });
    let mut names = vec![entry.label().to_owned()];
    if let Some(short) = short(entry.name()) {
        names.push(short.to_owned());
    }
    Some(Cell { at: bits.at.into(), length: bits.length.into(), names, values: found? })
}

/// The number in the header with its name where there is room, else alone.
fn values(entry: &Entry, at: &At<'_>, value: Value<'_>) -> Vec<String> {
    let shown = match (value, entry.bits()) {
        (Value::Bool(yes), _) => if yes { "1" } else { "0" }.to_owned(),
        (Value::Uint(_), Some(bits)) if bits.length <= 32 && entry.kind() == Kind::Dec => {
            at.bits(bits).map_or_else(|| tree::readable(value, entry.kind()), |stored| stored.to_string())
        }
        _ => tree::readable(value, entry.kind()),
    };
    match tree::in_words(entry, value) {
        Some(words) => vec![format!("{shown} ({words})"), shown],
        None => vec![shown],
    }
}

/// Bits that no field claims are cells too: every bit of the header is drawn.
fn without_gaps(at: &At<'_>, cells: Vec<Cell>, end: usize) -> Vec<Cell> {
    let mut whole = Vec::with_capacity(cells.len() * 2);
    let mut next = 0;
    for cell in cells {
        gap(at, next, cell.at, &mut whole);
        next = cell.at + cell.length;
        whole.push(cell);
    }
    gap(at, next, end, &mut whole);
    whole
}

fn gap(at: &At<'_>, from: usize, to: usize, cells: &mut Vec<Cell>) {
    if from >= to {
        return;
    }
    // Whole bytes are one cell, the bits before and behind them cells of their own.
    let edge = from.next_multiple_of(8);
    if !from.is_multiple_of(8) && edge < to {
        gap(at, from, edge, cells);
        return gap(at, edge, to, cells);
    }
    let last = to / 8 * 8;
    if from.is_multiple_of(8) && last > from && last < to {
        gap(at, from, last, cells);
        return gap(at, last, to, cells);
    }
    let value = if from.is_multiple_of(8) && to.is_multiple_of(8) {
        let bytes = at.bytes().get(from / 8..to / 8).unwrap_or_default();
        if bytes.iter().all(|byte| *byte == 0) {
            "0".to_owned()
        } else {
            tree::readable(Value::Bytes(bytes), Kind::Bytes)
        }
    } else {
        let bits = Bits { at: from as u16, length: (to - from) as u16 };
        at.bits(bits).map_or_else(String::new, |number| number.to_string())
    };
    let cut = at.packet.layers.len() == at.index + 1 && matches!(at.packet.stop, crate::wire::Stop::Truncated { .. });
    let names = match value.as_str() {
        _ if cut => ["cut here", "cut"],
        "0" => ["unused", "·"],
        _ => ["no field of fixed place", "?"],
    };
    cells.push(Cell { at: from, length: to - from, names: names.map(str::to_owned).into(), values: vec![value] });
}

/// Options, records, addresses: what the fixed header is followed by.
pub fn parts(at: &At<'_>) -> Vec<Part> {
    match at.layer.protocol {
        Protocol::Tcp => parts::tcp(at),
        Protocol::Ipv4 => parts::ipv4(at),
        Protocol::HopByHop | Protocol::DestinationOptions => parts::ipv6(at),
        Protocol::Igmp => parts::igmp(at),
        Protocol::Mld => parts::mld(at),
        Protocol::Ndp => parts::ndp(at),
        Protocol::Gre => parts::gre(at),
        Protocol::Llc => parts::llc(at),
        Protocol::Stun => parts::stun(at),
        _ => Vec::new(),
    }
}

/// Names for narrow cells, as the RFCs abbreviate them.
fn short(name: &str) -> Option<&'static str> {
    Some(match name {
        "ip.hdr_len" => "IHL",
        "ip.dsfield.dscp" | "ipv6.tclass.dscp" => "DSCP",
        "ip.dsfield.ecn" | "ipv6.tclass.ecn" => "ECN",
        "ip.flags.rb" => "RB",
        "ip.flags.df" => "DF",
        "ip.flags.mf" | "ipv6.fraghdr.more" => "MF",
        "tcp.hdr_len" => "Offset",
        "tcp.flags.res" => "Rsrvd",
        "tcp.flags.ae" => "AE",
        "vlan.priority" | "ieee8021ad.priority" => "PCP",
        "vlan.dei" | "ieee8021ad.dei" => "DEI",
        "icmpv6.nd.na.flag.r" => "R",
        "icmpv6.nd.na.flag.s" | "igmp.s" | "icmpv6.mld.flag.s" | "mpls.bottom" | "gre.flags.sequence_number" => "S",
        "icmpv6.nd.na.flag.o" => "O",
        "igmp.qrv" | "icmpv6.mld.flag.qrv" => "QRV",
        "igmp.qqic" | "icmpv6.mld.qqi" => "QQIC",
        "igmp.max_resp" => "Max resp",
        "gre.flags.checksum" => "C",
        "gre.flags.key" => "K",
        "gre.flags.version" | "geneve.version" => "Ver",
        "mpls.exp" => "TC",
        "dns.flags.response" | "nbns.flags.response" => "QR",
        "dns.flags.authoritative" => "AA",
        "dns.flags.truncated" | "nbns.flags.truncated" => "TC",
        "dns.flags.recdesired" | "nbns.flags.recdesired" => "RD",
        "dns.flags.recavail" => "RA",
        "dns.flags.z" => "Z",
        "dns.flags.authenticated" => "AD",
        "dns.flags.checkdisable" => "CD",
        "dns.flags.rcode" => "RCODE",
        "nbns.flags.broadcast" => "B",
        "llc.dsap" => "DSAP",
        "llc.ssap" => "SSAP",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_short_name_belongs_to_a_field() {
        for name in [
            "ip.hdr_len",
            "tcp.hdr_len",
            "vlan.dei",
            "ieee8021ad.priority",
            "ieee8021ad.dei",
            "igmp.qqic",
            "mpls.bottom",
            "gre.flags.key",
            "llc.dsap",
        ] {
            assert!(short(name).is_some() && field::resolve(name).is_ok(), "{name}");
        }
    }
}
