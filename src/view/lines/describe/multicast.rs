//! Who joins and leaves which multicast group: IGMP and MLD.

use super::{Line, decimal, ipv4, ipv6};
use crate::view::style::Role;
use crate::wire::checksum;
use crate::wire::{At, igmp, mld};

impl<'a> Line<'a> {
    pub(super) fn igmp(&mut self, at: &At<'a>) {
        let words = self.words;
        let group = |at: &At<'_>| at.array(4).map(ipv4).unwrap_or_default();
        self.matter(match (igmp::version(at), at.u8(0)) {
            (Some(1), Some(igmp::QUERY)) => "v1 query",
            (Some(2), Some(igmp::QUERY)) => "v2 query",
            (Some(3), Some(igmp::QUERY)) => "v3 query",
            (_, Some(igmp::REPORT_V1)) => "v1 report",
            (_, Some(igmp::REPORT_V2)) => "v2 report",
            (_, Some(igmp::REPORT_V3)) => "v3 report",
            (_, Some(igmp::LEAVE)) => "v2 leave",
            _ => "",
        });
        self.carried(at);
        match at.u8(0) {
            Some(igmp::QUERY) => {
                let sources: Vec<Vec<u8>> = igmp::query_sources(at).take(LISTED + 1).map(ipv4).collect();
                self.query(at.array(4) == Some([0; 4]), &group(at), &sources);
            }
            Some(igmp::REPORT_V1 | igmp::REPORT_V2) => self.say(Role::Opening, words.joins, &[&group(at)]),
            Some(igmp::LEAVE) => self.say(Role::Closing, words.leaves, &[&group(at)]),
            Some(igmp::REPORT_V3) => {
                for (place, record) in igmp::records(at).enumerate() {
                    if place == LISTED {
                        let more = decimal(at.u16(6).unwrap_or_default().saturating_sub(LISTED as u16));
                        self.say(Role::Plain, words.more_groups, &[&more]);
                        break;
                    }
                    let sources: Vec<Vec<u8>> = record.sources().take(LISTED + 1).map(ipv4).collect();
                    self.record(record.kind, &ipv4(record.group), &sources);
                }
            }
            _ => {}
        }
        self.checksum(checksum::igmp(at));
    }

    pub(super) fn mld(&mut self, at: &At<'a>) {
        let words = self.words;
        let group = mld::group(at).map(ipv6).unwrap_or_default();
        let kind = mld::kind(at);
        self.matter(match kind {
            Some(mld::QUERY) if mld::is_query_v2(at) => "v2 query",
            Some(mld::QUERY) => "v1 query",
            Some(mld::REPORT) => "v1 report",
            Some(mld::DONE) => "v1 done",
            _ => "v2 report",
        });
        self.carried(at);
        match kind {
            Some(mld::QUERY) => self.query(mld::group(at) == Some([0; 16]), &group, &[]),
            Some(mld::REPORT) => self.say(Role::Opening, words.joins, &[&group]),
            Some(mld::DONE) => self.say(Role::Closing, words.leaves, &[&group]),
            _ => {
                for (place, record) in mld::records(at).enumerate() {
                    if place == LISTED {
                        let more = decimal(at.u16(2).unwrap_or_default().saturating_sub(LISTED as u16));
                        self.say(Role::Plain, words.more_groups, &[&more]);
                        break;
                    }
                    let sources: Vec<Vec<u8>> = record.sources().take(LISTED + 1).map(ipv6).collect();
                    self.record(record.kind, &ipv6(record.group), &sources);
                }
            }
        }
    }

    pub(super) fn query(&mut self, general: bool, group: &[u8], sources: &[Vec<u8>]) {
        let words = self.words;
        match (general, sources) {
            (true, _) => self.say(Role::Plain, words.asks_all_groups, &[]),
            (false, []) => self.say(Role::Plain, words.asks_group, &[group]),
            (false, sources) => self.say(Role::Plain, words.asks_group_sources, &[group, &list(sources)]),
        }
    }

    /// A group record in words (RFC 3376 §4.2.12, RFC 3810 §5.2.12).
    pub(super) fn record(&mut self, kind: u8, group: &[u8], sources: &[Vec<u8>]) {
        let words = self.words;
        let from = list(sources);
        match (kind, sources) {
            (1, []) | (3, []) => self.say(Role::Closing, words.leaves, &[group]),
            (1, _) => self.say(Role::Plain, words.member_sources, &[group, &from]),
            (2, []) => self.say(Role::Plain, words.member, &[group]),
            (2, _) => self.say(Role::Plain, words.member_without, &[group, &from]),
            (3, _) => self.say(Role::Opening, words.joins_sources, &[group, &from]),
            (4, []) => self.say(Role::Opening, words.joins, &[group]),
            (4, _) => self.say(Role::Opening, words.joins_without, &[group, &from]),
            (5, _) => self.say(Role::Opening, words.adds_sources, &[group, &from]),
            (6, _) => self.say(Role::Closing, words.drops_sources, &[group, &from]),
            _ => {}
        }
    }
}

/// Records and sources that a line lists at most.
const LISTED: usize = 3;

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = items.get(..LISTED.min(items.len())).unwrap_or_default().join(&b", "[..]);
    if items.len() > LISTED {
        out.extend_from_slice(", …".as_bytes());
    }
    out
}
