//! Groups and sources of IGMP and MLD: what a report or query has behind its fixed part.

use super::{Cell, MOST, Part, cell, ipv4_text, ipv6_text};
use crate::wire::{At, igmp, mld};

/// The group of a query or of a version 1 or 2 message; the records of a version 3 report.
pub fn igmp(at: &At<'_>) -> Vec<Part> {
    let group = |start| at.array(start).map(ipv4_text).unwrap_or_default();
    match (at.u8(0), igmp::version(at)) {
        (Some(igmp::REPORT_V3), _) => {
            let mut start = igmp::HEADER;
            let records = igmp::records(at).take(MOST);
            records
                .map(|record| {
                    let sources: Vec<String> = record.sources().take(MOST).map(ipv4_text).collect();
                    let found =
                        Record { kind: record.kind, count: record.count, group: ipv4_text(record.group), sources };
                    found.part(at, &mut start, 4, "RFC 3376 §4.2.12")
                })
                .collect()
        }
        (Some(igmp::QUERY), Some(3)) => {
            let mut cells = vec![
                cell(4, 4, "Group", group(4)),
                cell(10, 2, "Number of sources", at.u16(10).map_or_else(String::new, |count| count.to_string())),
            ];
            let sources = igmp::query_sources(at).take(MOST).enumerate();
            cells.extend(
                sources.map(|(place, source)| cell(igmp::QUERY_V3 + place * 4, 4, "Source", ipv4_text(source))),
            );
            super::bare(cells)
        }
        (Some(_), Some(_)) => super::bare(vec![cell(4, 4, "Group", group(4))]),
        _ => Vec::new(),
    }
}

/// The sources of a version 2 query; the records of a version 2 report.
pub fn mld(at: &At<'_>) -> Vec<Part> {
    match mld::kind(at) {
        Some(mld::REPORT_V2) => {
            let mut start = 4;
            let records = mld::records(at).take(MOST);
            records
                .map(|record| {
                    let sources: Vec<String> = record.sources().take(MOST).map(ipv6_text).collect();
                    let found =
                        Record { kind: record.kind, count: record.count, group: ipv6_text(record.group), sources };
                    found.part(at, &mut start, 16, "RFC 3810 §5.2.12")
                })
                .collect()
        }
        _ if mld::is_query_v2(at) => {
            let sources = at.bytes().get(24..).unwrap_or_default().chunks_exact(16).take(MOST).enumerate();
            let source = |(place, bytes): (usize, &[u8])| {
                let text = bytes.try_into().map_or_else(|_| super::hex(bytes), ipv6_text);
                cell(24 + place * 16, 16, "Source", text)
            };
            super::bare(sources.map(source).collect())
        }
        _ => Vec::new(),
    }
}

/// A group record, its addresses as text.
struct Record {
    kind: u8,
    count: u16,
    group: String,
    sources: Vec<String>,
}

impl Record {
    /// Its cells from byte `start` on, which moves behind it; addresses are `bytes` long.
    fn part(&self, at: &At<'_>, start: &mut usize, bytes: usize, source: &'static str) -> Part {
        let begin = *start;
        let name = igmp::record(self.kind.into());
        let mut kind = cell(begin, 1, "Record type", self.kind.to_string());
        if let Some(name) = name {
            kind.values.insert(0, format!("{} ({name})", self.kind));
        }
        let auxiliary = usize::from(at.u8(begin + 1).unwrap_or_default()) * 4;
        let mut cells: Vec<Cell> = vec![
            kind,
            cell(begin + 1, 1, "Aux length", (auxiliary / 4).to_string()),
            cell(begin + 2, 2, "Number of sources", self.count.to_string()),
            cell(begin + 4, bytes, "Group", self.group.clone()),
        ];
        let first = begin + 4 + bytes;
        for (place, source) in self.sources.iter().enumerate() {
            cells.push(cell(first + place * bytes, bytes, "Source", source.clone()));
        }
        *start = first + usize::from(self.count) * bytes + auxiliary;
        let from =
            if self.sources.is_empty() { String::new() } else { format!(", sources {}", self.sources.join(" ")) };
        let meaning = match (self.kind, self.count) {
            (1, _) => "I am a member, for these sources only.",
            (2, 0) => "I am a member, for any source.",
            (2, _) => "I am a member, for any source but these.",
            (3, 0) => "I leave the group: from now on no source is wanted.",
            (3, _) => "From now on I want these sources only.",
            (4, 0) => "I join the group, for any source.",
            (4, _) => "From now on I want any source but these.",
            (5, _) => "I want these sources too.",
            (6, _) => "I do not want these sources any more.",
            _ => "A kind of record that the RFC does not know.",
        };
        Part {
            start: begin,
            length: start.saturating_sub(begin),
            title: name.unwrap_or("unknown record").to_owned(),
            value: format!("{}{from}", self.group),
            meaning: meaning.to_owned(),
            source,
            cells,
        }
    }
}
