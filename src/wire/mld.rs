//! Multicast Listener Discovery, version 1 (RFC 2710) and 2 (RFC 3810, 9777).
//!
//! A layer of its own behind the four bytes that every ICMPv6 message begins with; places count from there.

use super::dispatch::Next;
use super::reader::Reader;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk, igmp};

pub const QUERY: u8 = 130;
pub const REPORT: u8 = 131;
pub const DONE: u8 = 132;
pub const REPORT_V2: u8 = 143;

/// Maximum response delay, reserved, group.
const V1: usize = 20;
/// The same, flags, query interval, number of sources.
const QUERY_V2: usize = 24;

pub(super) fn decode(walk: &mut Walk<'_, '_>, kind: u8) -> Result<Next, Stop> {
    let (needs, has) = (if kind == REPORT_V2 { 4 } else { V1 }, walk.rest().len());
    if has < needs {
        return Err(walk.cut(Protocol::Mld, needs));
    }
    Err(walk.message(Protocol::Mld))
}

/// The type of the message that this layer belongs to.
pub fn kind(at: &At<'_>) -> Option<u8> {
    at.packet.at(at.index.checked_sub(1)?)?.u8(0)
}

/// Whether the layer is a version 2 query: it is longer than version 1's.
pub fn is_query_v2(at: &At<'_>) -> bool {
    kind(at) == Some(QUERY) && (at.layer.end - at.layer.start) as usize >= QUERY_V2
}

/// One record of a version 2 report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// 1 to 6 (RFC 3810 §5.2.12).
    pub kind: u8,
    pub group: [u8; 16],
    /// Number of sources by the field; fewer may have been captured.
    pub count: u16,
    sources: &'a [u8],
}

impl<'a> Record<'a> {
    pub fn sources(self) -> impl Iterator<Item = [u8; 16]> {
        self.sources.chunks_exact(16).filter_map(|source| source.try_into().ok())
    }
}

/// The records of a version 2 report; ends at the first that does not fit.
pub fn records<'a>(at: &At<'a>) -> impl Iterator<Item = Record<'a>> {
    let count = if kind(at) == Some(REPORT_V2) { at.u16(2).unwrap_or(0) } else { 0 };
    let mut reader = Reader::new(at.bytes().get(4..).unwrap_or_default());
    (0..count).map_while(move |_| {
        let [kind, auxiliary] = reader.array()?;
        let (count, group) = (reader.u16()?, reader.array()?);
        let wanted = usize::from(count) * 16;
        let sources = reader.take(wanted.min(reader.remaining()))?;
        if sources.len() == wanted {
            reader.take((usize::from(auxiliary) * 4).min(reader.remaining()))?;
        }
        Some(Record { kind, group, count, sources })
    })
}

/// A 16-bit number in the floating-point code of RFC 3810 §5.1.3.
pub fn decoded(code: u16) -> u32 {
    if code < 0x8000 { code.into() } else { (u32::from(code & 0xfff) | 0x1000) << ((u32::from(code) >> 12 & 7) + 3) }
}

/// The group of a query, or of a version 1 message.
pub fn group(at: &At<'_>) -> Option<[u8; 16]> {
    matches!(kind(at)?, QUERY | REPORT | DONE).then(|| at.array(4)).flatten()
}

const QUERIES: &str = "RFC 3810 §5.1";
const REPORTS: &str = "RFC 3810 §5.2";

pub static FIELDS: &[Field] = &[
    Field::one("icmpv6.mld.maximum_response_delay", "Maximum response delay", Kind::Dec, |at| {
        let code = matches!(kind(at)?, QUERY | REPORT | DONE).then(|| at.u16(0)).flatten()?;
        Some(Value::Uint(if is_query_v2(at) { decoded(code) } else { code.into() }.into()))
    })
    .at(0, 16)
    .about("Within how many milliseconds hosts must report", QUERIES),
    Field::one("icmpv6.mld.multicast_address", "Group", Kind::Ipv6, |at| group(at).map(Value::Ipv6))
        .at(32, 128)
        .about("Multicast group that is asked about, reported or left; ::: all", QUERIES),
    Field::one("icmpv6.mld.flag.s", "Suppress", Kind::Bool, |at| {
        is_query_v2(at).then(|| at.u8(20).map(|byte| Value::Bool(byte & 8 != 0))).flatten()
    })
    .at(164, 1)
    .about("Other routers must not refresh their timers by this query", "RFC 3810 §5.1.7"),
    Field::one("icmpv6.mld.flag.qrv", "Robustness", Kind::Dec, |at| {
        is_query_v2(at).then(|| at.u8(20).map(|byte| Value::Uint((byte & 7).into()))).flatten()
    })
    .at(165, 3)
    .about("How often reports are repeated", "RFC 3810 §5.1.8"),
    Field::one("icmpv6.mld.qqi", "Query interval", Kind::Dec, |at| {
        is_query_v2(at).then(|| at.u8(21).map(|code| Value::Uint(igmp::decoded(code).into()))).flatten()
    })
    .at(168, 8)
    .about("Seconds between the querier's queries", "RFC 3810 §5.1.9"),
    Field::one("icmpv6.mld.nb_sources", "Sources", Kind::Dec, |at| {
        is_query_v2(at).then(|| at.u16(22).map(|count| Value::Uint(count.into()))).flatten()
    })
    .at(176, 16)
    .about("Number of sources that are asked for", QUERIES),
    Field::one("icmpv6.mldr.nb_mcast_records", "Group records", Kind::Dec, |at| {
        (kind(at)? == REPORT_V2).then(|| at.u16(2).map(|number| Value::Uint(number.into()))).flatten()
    })
    .at(16, 16)
    .about("Number of records in the report", REPORTS),
    Field::many("icmpv6.mldr.mar.record_type", "Record type", Kind::Dec, |at, each| {
        for record in records(at) {
            if !each(Value::Uint(record.kind.into())) {
                return;
            }
        }
    })
    .words(igmp::record)
    .about("What the host says of the group", "RFC 3810 §5.2.12"),
    Field::many("icmpv6.mldr.mar.multicast_address", "Group", Kind::Ipv6, |at, each| {
        for record in records(at) {
            if !each(Value::Ipv6(record.group)) {
                return;
            }
        }
    })
    .about("Multicast group of a record", REPORTS),
    Field::many("icmpv6.mldr.mar.nb_sources", "Sources", Kind::Dec, |at, each| {
        for record in records(at) {
            if !each(Value::Uint(record.count.into())) {
                return;
            }
        }
    })
    .about("Number of source addresses of a record", REPORTS),
    Field::many("icmpv6.mldr.mar.source_address", "Source address", Kind::Ipv6, |at, each| {
        for source in records(at).flat_map(|record| record.sources()) {
            if !each(Value::Ipv6(source)) {
                return;
            }
        }
    })
    .about("Sender that is wanted, or not wanted", REPORTS),
];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{HopByHop, Icmpv6, Ipv6, Mld};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv6};

    const GROUP: &str = "ff02000000000000 0000000000abcdef";
    const GROUP_VALUE: &str = "[255, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 171, 205, 239]";

    fn alerted(message: &str) -> Vec<u8> {
        ethernet(0x86dd, &ipv6(0, &[hex("3a00 0502 0000 0100"), hex(message)].concat()))
    }

    #[test]
    fn reads_version_1() {
        let frame = alerted(&format!("8300 0000 0000 0000 {GROUP}"));
        decodes(&frame, &[Ipv6, HopByHop, Icmpv6, Mld]);
        fields(&frame, &[("icmpv6.mld.multicast_address", GROUP_VALUE)]);
    }

    #[test]
    fn a_longer_query_is_version_2() {
        let frame = alerted(&format!("8200 0000 9000 0000 {GROUP} 0a 85 0000"));
        decodes(&frame, &[Ipv6, HopByHop, Icmpv6, Mld]);
        fields(&frame, &[("icmpv6.mld.flag.s", "true"), ("icmpv6.mld.flag.qrv", "2"), ("icmpv6.mld.qqi", "168")]);
        fields(&frame, &[("icmpv6.mld.maximum_response_delay", "65536")]);
    }

    #[test]
    fn reads_the_records_of_a_version_2_report() {
        let frame = alerted(&format!("8f00 0000 0000 0002 04 00 0000 {GROUP} 03 00 0001 {GROUP} {GROUP}"));
        decodes(&frame, &[Ipv6, HopByHop, Icmpv6, Mld]);
        fields(&frame, &[("icmpv6.mldr.nb_mcast_records", "2"), ("icmpv6.mldr.mar.record_type", "4")]);
        let sources =
            crate::wire::sample::values(crate::frame::LinkType::ETHERNET, &frame, "icmpv6.mldr.mar.source_address");
        assert_eq!(sources.len(), 1);
    }
}
