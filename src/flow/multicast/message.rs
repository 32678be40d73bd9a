//! What a packet of IGMP or MLD says, whatever its version: a query, a report, a leave.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::frame::Timestamp;
use crate::wire::checksum::{self, Verdict};
use crate::wire::{Address, At, Packet, Protocol, igmp, mld};

const TENTH: i64 = 100_000_000;
const MILLI: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

/// A LAN: where messages reach each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Of the capture, as [`crate::frame::Frame::interface`].
    pub interface: u32,
    /// The kernel's index, where one capture is of many interfaces (cooked version 2); else 0.
    pub index: u32,
    /// Tags, the outer one first; 0 where there is none, or one that has a priority only.
    pub vlans: [u16; 2],
}

/// A host, by its IP address; by its link address also where it has no IP address yet (0.0.0.0, `::`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host {
    pub address: IpAddr,
    pub hardware: Option<[u8; 6]>,
}

/// IGMP or MLD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    Igmp,
    Mld,
}

impl Family {
    pub const ALL: [Self; 2] = [Self::Igmp, Self::Mld];

    pub fn name(self) -> &'static str {
        match self {
            Self::Igmp => "IGMP",
            Self::Mld => "MLD",
        }
    }

    pub fn newest(self) -> u8 {
        match self {
            Self::Igmp => 3,
            Self::Mld => 2,
        }
    }

    /// Whether a host that speaks this version keeps silent when another host reports the group (RFC 2236 §3, RFC 2710
    /// §4; given up in RFC 3376 §A.2 and RFC 3810 §A.2).
    pub fn suppresses(self, version: u8) -> bool {
        version < self.newest()
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub time: Timestamp,
    pub place: Place,
    pub sender: Host,
    /// The sender's link address, where the capture has it.
    pub hardware: Option<[u8; 6]>,
    pub family: Family,
    pub version: u8,
    pub says: Says,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    Query(Query),
    Report(Vec<Record>),
    /// Of a version that has a message of its own for it.
    Leave(IpAddr),
}

/// Times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// `None`: all groups are asked for.
    pub group: Option<IpAddr>,
    pub sources: Vec<IpAddr>,
    /// Routers must not lower their timers by it.
    pub suppress: bool,
    /// Within which hosts answer.
    pub response: i64,
    /// Of the querier, where the version has room to say it and it did (0: it did not).
    pub robustness: Option<u8>,
    pub interval: Option<i64>,
}

/// What a host says of a group (RFC 3376 §4.2.12, RFC 3810 §5.2.12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: RecordKind,
    pub group: IpAddr,
    pub sources: Vec<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    IsInclude,
    IsExclude,
    ToInclude,
    ToExclude,
    Allow,
    Block,
}

impl RecordKind {
    fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::IsInclude,
            2 => Self::IsExclude,
            3 => Self::ToInclude,
            4 => Self::ToExclude,
            5 => Self::Allow,
            6 => Self::Block,
            _ => return None,
        })
    }
}

/// What a packet is to whom watches groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Message(Message),
    /// Routers and hosts have to ignore it; why.
    Ignored(&'static str),
    Nothing,
}

/// What `packet` says. Messages inside tunnels are of another LAN, and left out.
pub fn read(packet: &Packet<'_>) -> Heard {
    let found = packet.each().find(|at| matches!(at.layer.protocol, Protocol::Igmp | Protocol::Mld));
    let Some(at) = found.filter(|at| !at.layer.quoted) else { return Heard::Nothing };
    let carriers = packet.each().take(at.index);
    let networks = carriers.filter(|at| matches!(at.layer.protocol, Protocol::Ipv4 | Protocol::Ipv6)).count();
    let (Some((sender, _)), Some(network), 1) = (packet.addresses(at.index), packet.network(at.index), networks) else {
        return Heard::Nothing;
    };
    let check = match at.layer.protocol {
        Protocol::Igmp => checksum::igmp(&at),
        _ => at.index.checked_sub(1).and_then(|index| packet.at(index)).and_then(|outer| checksum::icmpv6(&outer)),
    };
    if matches!(check.map(checksum::Check::verdict), Some(Verdict::Bad(_))) {
        return Heard::Ignored("bad checksum");
    }
    let told = match (at.layer.protocol, sender) {
        (Protocol::Igmp, Address::V4(_)) => igmp_says(&at).map(|(version, says)| (Family::Igmp, version, says)),
        (Protocol::Mld, Address::V6(source)) => {
            // RFC 3810 §6.2: a message from beyond the link must have no effect.
            if network.u8(7) != Some(1) {
                return Heard::Ignored("hop limit is not 1");
            }
            let query = mld::kind(&at) == Some(mld::QUERY);
            let source = Ipv6Addr::from(source);
            if !source.is_unicast_link_local() && (query || !source.is_unspecified()) {
                return Heard::Ignored("sender is not link-local");
            }
            mld_says(&at).map(|(version, says)| (Family::Mld, version, says))
        }
        _ => None,
    };
    let Some((family, version, says)) = told else { return Heard::Nothing };
    let address = IpAddr::from(sender);
    let hardware = hardware(packet);
    Heard::Message(Message {
        time: packet.frame.time.unwrap_or_default(),
        place: place(packet, at.index),
        sender: Host { address, hardware: hardware.filter(|_| address.is_unspecified()) },
        hardware,
        family,
        version,
        says,
    })
}

/// Where a packet was, by the layers before `index`.
pub fn place(packet: &Packet<'_>, index: usize) -> Place {
    let mut place = Place { interface: packet.frame.interface, ..Place::default() };
    let tags =
        packet.each().take(index).filter(|at| matches!(at.layer.protocol, Protocol::Vlan | Protocol::ServiceTag));
    for (to, at) in place.vlans.iter_mut().zip(tags) {
        *to = at.u16(0).unwrap_or(0) & 0xfff;
    }
    if let Some(cooked) = packet.find(Protocol::Sll2) {
        place.index = cooked.u32(4).unwrap_or(0);
    }
    place
}

fn hardware(packet: &Packet<'_>) -> Option<[u8; 6]> {
    let link = packet.at(0)?;
    match link.layer.protocol {
        Protocol::Ethernet => link.array(6),
        Protocol::Sll => link.array(6),
        Protocol::Sll2 => link.array(12),
        _ => None,
    }
}

fn igmp_says(at: &At<'_>) -> Option<(u8, Says)> {
    let version = igmp::version(at).filter(|version| *version > 0)?;
    let group = || at.array::<4>(4).map(IpAddr::from);
    let says = match at.u8(0)? {
        igmp::QUERY => {
            let code = at.u8(1)?;
            Says::Query(Query {
                group: group().filter(|group| !group.is_unspecified()),
                sources: igmp::query_sources(at).map(IpAddr::from).collect(),
                suppress: version == 3 && at.u8(8)? & 8 != 0,
                response: match version {
                    // RFC 2236 §4: version 1 has no such field, and means 10 seconds.
                    1 => 10 * SECOND,
                    2 => i64::from(code) * TENTH,
                    _ => i64::from(igmp::decoded(code)) * TENTH,
                },
                robustness: if version == 3 { at.u8(8).map(|byte| byte & 7) } else { None },
                interval: if version == 3 {
                    at.u8(9).map(|code| i64::from(igmp::decoded(code)) * SECOND)
                } else {
                    None
                },
            })
        }
        igmp::REPORT_V1 | igmp::REPORT_V2 => Says::Report(any_source(group()?)),
        igmp::REPORT_V3 => {
            let whole = igmp::records(at).filter(|record| record.sources().count() == usize::from(record.count));
            let record = |record: igmp::Record<'_>| {
                let group = Ipv4Addr::from(record.group);
                let sources = record.sources().map(IpAddr::from).collect();
                Some(Record { kind: RecordKind::of(record.kind)?, group: group.into(), sources })
            };
            Says::Report(whole.filter_map(record).filter(|record| is_reported(record.group)).collect())
        }
        igmp::LEAVE => Says::Leave(group()?),
        _ => return None,
    };
    Some((version, says))
}

fn mld_says(at: &At<'_>) -> Option<(u8, Says)> {
    let group = || mld::group(at).map(IpAddr::from);
    Some(match mld::kind(at)? {
        mld::QUERY => {
            let second = mld::is_query_v2(at);
            let code = at.u16(0)?;
            let count = if second { at.u16(22)? } else { 0 };
            let sources = at.bytes().get(24..).unwrap_or_default().chunks_exact(16).take(count.into());
            let query = Query {
                group: group().filter(|group| !group.is_unspecified()),
                sources: sources.filter_map(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(IpAddr::from).collect(),
                suppress: second && at.u8(20)? & 8 != 0,
                response: i64::from(if second { mld::decoded(code) } else { code.into() }) * MILLI,
                robustness: if second { at.u8(20).map(|byte| byte & 7) } else { None },
                interval: if second { at.u8(21).map(|code| i64::from(igmp::decoded(code)) * SECOND) } else { None },
            };
            (if second { 2 } else { 1 }, Says::Query(query))
        }
        mld::REPORT => (1, Says::Report(any_source(group()?))),
        mld::DONE => (1, Says::Leave(group()?)),
        mld::REPORT_V2 => {
            let whole = mld::records(at).filter(|record| record.sources().count() == usize::from(record.count));
            let record = |record: mld::Record<'_>| {
                let group = Ipv6Addr::from(record.group);
                let sources = record.sources().map(IpAddr::from).collect();
                Some(Record { kind: RecordKind::of(record.kind)?, group: group.into(), sources })
            };
            (2, Says::Report(whole.filter_map(record).filter(|record| is_reported(record.group)).collect()))
        }
        _ => return None,
    })
}

/// What a report of an older version means in words of the newest (RFC 3376 §7.3.2).
fn any_source(group: IpAddr) -> Vec<Record> {
    let record = Record { kind: RecordKind::IsExclude, group, sources: Vec::new() };
    if is_reported(group) { vec![record] } else { Vec::new() }
}

/// Whether it is a group, and one that hosts report: not that of all hosts, nor one that does not leave the host
/// (RFC 3376 §4, RFC 3810 §6).
pub fn is_reported(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => group.is_multicast() && group.octets() != [224, 0, 0, 1],
        IpAddr::V6(group) => {
            let scope = group.octets().get(1).copied().unwrap_or(0) & 0xf;
            group.is_multicast() && scope > 1 && group.segments() != [0xff02, 0, 0, 0, 0, 0, 0, 1]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, LinkType};
    use crate::wire::sample::{ethernet, hex, ipv4};
    use crate::wire::{Layers, decode};

    fn heard(data: &[u8]) -> Heard {
        let mut layers = Layers::new();
        let frame = Frame { link: LinkType::ETHERNET, data, length: data.len() as u32, ..Frame::empty() };
        read(&decode(frame, &mut layers))
    }

    fn message(data: &[u8]) -> Message {
        match heard(data) {
            Heard::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }

    /// The message with its checksum filled in.
    fn igmp(digits: &str) -> Vec<u8> {
        let mut bytes = hex(digits);
        let sum = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum::<u32>();
        let folded = !((sum & 0xffff) + (sum >> 16)) as u16;
        bytes[2..4].copy_from_slice(&folded.to_be_bytes());
        ethernet(0x0800, &ipv4(2, &bytes))
    }

    #[test]
    fn a_query_tells_the_timers_of_its_querier() {
        let Says::Query(query) = message(&igmp("1164 0000 00000000 02 7d 0000")).says else { panic!() };
        assert_eq!((query.group, query.response, query.robustness), (None, 10 * SECOND, Some(2)));
        assert_eq!(query.interval, Some(125 * SECOND));
        let second = message(&igmp("110a 0000 ef010203"));
        let Says::Query(query) = second.says else { panic!() };
        assert_eq!((second.version, query.group, query.response), (2, Some([239, 1, 2, 3].into()), SECOND));
        assert_eq!((query.robustness, query.interval), (None, None));
    }

    #[test]
    fn a_report_of_an_older_version_is_one_for_any_source() {
        let report = message(&igmp("1600 0000 ef010203"));
        assert_eq!(report.sender, Host { address: [10, 0, 0, 1].into(), hardware: None });
        let record = Record { kind: RecordKind::IsExclude, group: [239, 1, 2, 3].into(), sources: Vec::new() };
        assert_eq!((report.version, report.says), (2, Says::Report(vec![record])));
        assert_eq!(message(&igmp("1600 0000 e0000001")).says, Says::Report(Vec::new()), "all hosts' group");
        assert_eq!(message(&igmp("1700 0000 ef010203")).says, Says::Leave([239, 1, 2, 3].into()));
    }

    #[test]
    fn a_bad_checksum_has_no_effect() {
        let mut frame = igmp("1600 0000 ef010203");
        *frame.last_mut().unwrap() ^= 1;
        assert_eq!(heard(&frame), Heard::Ignored("bad checksum"));
    }

    #[test]
    fn a_vlan_is_a_lan_of_its_own() {
        let plain = igmp("1600 0000 ef010203");
        let tagged = [&plain[..12], &hex("8100 6005"), &plain[12..]].concat();
        assert_eq!(message(&tagged).place, Place { vlans: [5, 0], ..Place::default() });
    }
}
