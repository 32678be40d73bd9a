//! The Internet Group Management Protocol: version 1 (RFC 1112), 2 (RFC 2236) and 3 (RFC 3376, 9776).

use super::checksum;
use super::dispatch::Next;
use super::reader::Reader;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

/// Type, maximum response time, checksum, group: all of versions 1 and 2.
pub const HEADER: usize = 8;
/// A version 3 query without its sources.
pub const QUERY_V3: usize = 12;

pub const QUERY: u8 = 0x11;
pub const REPORT_V1: u8 = 0x12;
pub const REPORT_V2: u8 = 0x16;
pub const LEAVE: u8 = 0x17;
pub const REPORT_V3: u8 = 0x22;
/// Multicast traceroute (draft-ietf-idmr-traceroute-ipm).
pub const TRACE_RESPONSE: u8 = 0x1e;
pub const TRACE_QUERY: u8 = 0x1f;
/// Other protocols that share IGMP's number and have numbering of their own behind it: DVMRP and version 1 of PIM.
const GUESTS: [u8; 2] = [0x13, 0x14];
/// Below this are the types of version 0 (RFC 988), whose group stands behind an identifier.
const FIRST: u8 = 0x10;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    if let Some(kind) = walk.rest().first().filter(|kind| GUESTS.contains(kind)) {
        return Err(Stop::Unknown { space: "IGMP type", number: (*kind).into() });
    }
    walk.peek::<HEADER>(Protocol::Igmp)?;
    Err(walk.message(Protocol::Igmp))
}

/// A number in the floating-point code of RFC 3376 §4.1.1: below 128 itself, else mantissa and exponent.
pub fn decoded(code: u8) -> u32 {
    if code < 128 { code.into() } else { (u32::from(code & 15) | 16) << ((u32::from(code) >> 4 & 7) + 3) }
}

/// The version that a message belongs to; a query's shows in its length and its maximum response time.
pub fn version(at: &At<'_>) -> Option<u8> {
    let length = at.layer.end - at.layer.start;
    Some(match at.u8(0)? {
        QUERY if length >= QUERY_V3 as u32 => 3,
        QUERY if at.u8(1)? == 0 => 1,
        REPORT_V1 => 1,
        QUERY | REPORT_V2 | LEAVE => 2,
        kind if kind < FIRST => 0,
        REPORT_V3 => 3,
        _ => return None,
    })
}

/// Whether the type is one whose format is known: of others only the type is (RFC 3376 §4 has them ignored).
fn known(at: &At<'_>) -> bool {
    version(at).is_some() || matches!(at.u8(0), Some(TRACE_QUERY | TRACE_RESPONSE))
}

/// One record of a version 3 report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// 1 to 6 (RFC 3376 §4.2.12).
    pub kind: u8,
    pub group: [u8; 4],
    /// Number of sources by the field; fewer may have been captured.
    pub count: u16,
    sources: &'a [u8],
}

impl<'a> Record<'a> {
    pub fn sources(self) -> impl Iterator<Item = [u8; 4]> {
        self.sources.chunks_exact(4).filter_map(|source| source.try_into().ok())
    }
}

/// The records of a version 3 report; ends at the first that does not fit.
pub fn records<'a>(at: &At<'a>) -> impl Iterator<Item = Record<'a>> {
    let count = if at.u8(0) == Some(REPORT_V3) { at.u16(6).unwrap_or(0) } else { 0 };
    let mut reader = Reader::new(at.bytes().get(HEADER..).unwrap_or_default());
    (0..count).map_while(move |_| {
        let [kind, auxiliary] = reader.array()?;
        let (count, group) = (reader.u16()?, reader.array()?);
        let wanted = usize::from(count) * 4;
        let sources = reader.take(wanted.min(reader.remaining()))?;
        if sources.len() == wanted {
            reader.take((usize::from(auxiliary) * 4).min(reader.remaining()))?;
        }
        Some(Record { kind, group, count, sources })
    })
}

/// The sources of a version 3 query.
pub fn query_sources<'a>(at: &At<'a>) -> impl Iterator<Item = [u8; 4]> {
    let count = if is_query_v3(at) { at.u16(10).unwrap_or(0) } else { 0 };
    let bytes = at.bytes().get(QUERY_V3..).unwrap_or_default();
    bytes.chunks_exact(4).take(count.into()).filter_map(|source| source.try_into().ok())
}

fn is_query_v3(at: &At<'_>) -> bool {
    at.u8(0) == Some(QUERY) && version(at) == Some(3)
}

fn kind(number: u64) -> Option<&'static str> {
    Some(match number {
        0x11 => "membership query",
        0x12 => "membership report, version 1",
        0x16 => "membership report, version 2",
        0x17 => "leave group",
        0x1e => "traceroute response",
        0x1f => "traceroute query",
        0x22 => "membership report, version 3",
        _ => return None,
    })
}

/// The names of record types (RFC 3376 §4.2.12), MLD's too.
pub fn record(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "mode is include",
        2 => "mode is exclude",
        3 => "change to include mode",
        4 => "change to exclude mode",
        5 => "allow new sources",
        6 => "block old sources",
        _ => return None,
    })
}

fn query_bits<'a>(at: &At<'a>, mask: u8) -> Option<Value<'a>> {
    is_query_v3(at).then(|| at.u8(8).map(|byte| Value::Uint((byte & mask).into()))).flatten()
}

const RFC: &str = "RFC 3376 §4";
const QUERIES: &str = "RFC 3376 §4.1";
const REPORTS: &str = "RFC 3376 §4.2";

pub static FIELDS: &[Field] = &[
    Field::one("igmp.version", "Version", Kind::Dec, |at| version(at).map(|number| Value::Uint(number.into())))
        .computed()
        .about("1, 2 or 3, from the type; a query's from its length and maximum response time", "RFC 3376 §7.1"),
    Field::hex("igmp.type", "Type", 0, 8).words(kind).about("Kind of message", RFC),
    Field::one("igmp.max_resp", "Maximum response time", Kind::Dec, |at| match (at.u8(0)?, version(at)?) {
        (QUERY, 3) => at.u8(1).map(|code| Value::Uint(decoded(code).into())),
        (QUERY | REPORT_V2 | LEAVE, 2) => at.u8(1).map(|code| Value::Uint(code.into())),
        _ => None,
    })
    .at(8, 8)
    .about("Within how many tenths of a second hosts must report", QUERIES),
    Field::one("igmp.checksum", "Checksum", Kind::Hex(4), |at| {
        known(at).then(|| at.u16(2)).flatten().map(|number| Value::Uint(number.into()))
    })
    .at(16, 16)
    .about("Over the whole message", RFC),
    Field::one("igmp.checksum.status", "Checksum status", Kind::Dec, |at| {
        known(at).then(|| checksum::igmp(at)).flatten().map(checksum::status)
    })
    .words(checksum::status_words)
    .computed()
    .about("0 bad, 1 good, 2 unverified", RFC),
    Field::many("igmp.maddr", "Group", Kind::Ipv4, |at, each| match at.u8(0) {
        Some(QUERY | REPORT_V1 | REPORT_V2 | LEAVE | TRACE_QUERY | TRACE_RESPONSE) => {
            if let Some(group) = at.array(4) {
                each(Value::Ipv4(group));
            }
        }
        Some(kind) if kind < FIRST => {
            if let Some(group) = at.array(8) {
                each(Value::Ipv4(group));
            }
        }
        _ => {
            for record in records(at) {
                if !each(Value::Ipv4(record.group)) {
                    return;
                }
            }
        }
    })
    .about("Multicast group that is asked about or reported; 0.0.0.0: all", RFC),
    Field::one("igmp.s", "Suppress", Kind::Bool, |at| {
        is_query_v3(at).then(|| at.u8(8).map(|byte| Value::Bool(byte & 8 != 0))).flatten()
    })
    .at(68, 1)
    .about("Other routers must not refresh their timers by this query", "RFC 3376 §4.1.5"),
    Field::one("igmp.qrv", "Robustness", Kind::Dec, |at| query_bits(at, 7))
        .at(69, 3)
        .about("How often reports are repeated", "RFC 3376 §4.1.6"),
    Field::one("igmp.qqic", "Query interval code", Kind::Dec, |at| {
        is_query_v3(at).then(|| at.u8(9).map(|code| Value::Uint(code.into()))).flatten()
    })
    .at(72, 8)
    .about("Seconds between the querier's queries; from 128 on a floating-point number", "RFC 3376 §4.1.7"),
    Field::one("netlab.igmp.qqi", "Query interval", Kind::Dec, |at| {
        is_query_v3(at).then(|| at.u8(9).map(|code| Value::Uint(decoded(code).into()))).flatten()
    })
    .computed()
    .about("Seconds between the querier's queries, decoded", "RFC 3376 §4.1.7"),
    Field::one("igmp.num_grp_recs", "Group records", Kind::Dec, |at| {
        (at.u8(0)? == REPORT_V3).then(|| at.u16(6).map(|number| Value::Uint(number.into()))).flatten()
    })
    .at(48, 16)
    .about("Number of records in the report", REPORTS),
    Field::many("igmp.record_type", "Record type", Kind::Dec, |at, each| {
        for record in records(at) {
            if !each(Value::Uint(record.kind.into())) {
                return;
            }
        }
    })
    .words(record)
    .about("What the host says of the group", "RFC 3376 §4.2.12"),
    Field::many("igmp.num_src", "Sources", Kind::Dec, |at, each| {
        if is_query_v3(at) {
            if let Some(count) = at.u16(10) {
                each(Value::Uint(count.into()));
            }
            return;
        }
        for record in records(at) {
            if !each(Value::Uint(record.count.into())) {
                return;
            }
        }
    })
    .about("Number of source addresses", RFC),
    Field::many("igmp.saddr", "Source address", Kind::Ipv4, |at, each| {
        for source in query_sources(at) {
            if !each(Value::Ipv4(source)) {
                return;
            }
        }
        for record in records(at) {
            for source in record.sources() {
                if !each(Value::Ipv4(source)) {
                    return;
                }
            }
        }
    })
    .about("Sender that is asked for, or wanted, or not wanted", RFC),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::LinkType;
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, layers, values};

    fn message(digits: &str) -> Vec<u8> {
        ethernet(0x0800, &ipv4(2, &hex(digits)))
    }

    #[test]
    fn the_version_shows_in_type_length_and_response_time() {
        for (digits, version, response) in [
            ("1100 eeff 00000000", "1", "absent"),
            ("1164 ee9b 00000000", "2", "100"),
            ("11c8 0000 00000000 02 7d 0000", "3", "3072"),
            ("1200 0000 ef010203", "1", "absent"),
            ("1600 0000 ef010203", "2", "0"),
            ("1700 0000 ef010203", "2", "0"),
            ("2200 0000 0000 0000", "3", "absent"),
            ("0500 0000 00000000 ef010203 0000000000000000", "0", "absent"),
        ] {
            let frame = message(digits);
            decodes(&frame, &[Protocol::Ipv4, Protocol::Igmp]);
            fields(&frame, &[("igmp.version", version), ("igmp.max_resp", response)]);
        }
    }

    #[test]
    fn reads_the_query_of_version_3() {
        let frame = message("1164 0000 ef010203 0a 90 0001 0a000009");
        fields(&frame, &[("igmp.s", "true"), ("igmp.qrv", "2"), ("igmp.qqic", "144"), ("netlab.igmp.qqi", "256")]);
        fields(&frame, &[("igmp.num_src", "1"), ("igmp.saddr", "[10, 0, 0, 9]"), ("igmp.maddr", "[239, 1, 2, 3]")]);
    }

    #[test]
    fn reads_records_up_to_the_first_that_does_not_fit() {
        let frame = message("2200 0000 0000 0003 01 01 0001 ef010203 0a000009 00000000 06 00 0000 ef010204 04 00");
        assert_eq!(values(LinkType::ETHERNET, &frame, "igmp.record_type"), ["Uint(1)", "Uint(6)"]);
        assert_eq!(values(LinkType::ETHERNET, &frame, "igmp.saddr"), ["Ipv4([10, 0, 0, 9])"]);
    }

    #[test]
    fn guests_under_igmps_number_are_named_and_of_unknown_types_only_the_type_is_shown() {
        let (layers, stop) = layers(LinkType::ETHERNET, &message("1305 0000 000a040c"));
        assert_eq!((layers.len(), stop), (2, Stop::Unknown { space: "IGMP type", number: 0x13 }));
        fields(&message("cc00 1234 00000000"), &[("igmp.type", "204"), ("igmp.checksum", "absent")]);
    }

    #[test]
    fn decodes_timer_codes_as_rfc_3376_says() {
        assert_eq!(decoded(127), 127);
        assert_eq!(decoded(0x80), 128);
        assert_eq!(decoded(0xff), 31 << 10);
    }
}
