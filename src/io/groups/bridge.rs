//! What the bridges of this machine snooped: which ports want which group, where routers are, who queries (RFC 4541;
//! RTM_GETMDB and RTM_GETLINK of rtnetlink(7), linux/if_bridge.h). The same as bridge(8) shows with `mdb show`.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nix::errno::Errno;

use super::Error;
use crate::io::netlink::Netlink;
use crate::io::netlink::attributes::{Attributes, attribute, u16_at, u32_at};

/// A bridge, as far as multicast goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridge {
    pub index: u32,
    pub name: String,
    /// Whether it looks at reports at all; one that does not sends every group to every port.
    pub snooping: bool,
    /// Whether it asks for reports itself, where nobody with a lower address does.
    pub querier: bool,
    pub igmp_version: Option<u8>,
    pub mld_version: Option<u8>,
    /// How long it keeps a group that is no longer reported.
    pub membership_interval: Option<Duration>,
    pub query_interval: Option<Duration>,
    /// Who queries IPv4 groups and IPv6 groups.
    pub elected: [Option<Elected>; 2],
    pub entries: Vec<Entry>,
    /// Ports behind which a multicast router is (by index), which get every group.
    pub routers: Vec<Port>,
}

/// A port by index and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    pub index: u32,
    pub name: String,
}

/// Who queries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elected {
    /// 0.0.0.0 of a bridge that has no address to ask with.
    pub address: IpAddr,
    /// The port behind which it is, and how long it may be silent; `None` of the bridge itself.
    pub other: Option<(Port, Option<Duration>)>,
}

/// What an entry of the table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Ip(IpAddr),
    Link([u8; 6]),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => write!(f, "{address}"),
            Self::Link([a, b, c, d, e, g]) => write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"),
        }
    }
}

/// An entry of the multicast table: this port wants this group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bridge itself where its own machine wants the group.
    pub port: Port,
    pub group: Group,
    /// The only source of a source-specific entry.
    pub source: Option<IpAddr>,
    /// 0 where none.
    pub vlan: u16,
    /// Set by hand, never forgotten.
    pub permanent: bool,
    /// The source is not wanted.
    pub blocked: bool,
    /// All but `sources`, or `sources` only; `None` where the bridge speaks an older version.
    pub excludes: Option<bool>,
    /// Sources, with what is left of their timers.
    pub sources: Vec<(IpAddr, Duration)>,
    /// Until it is forgotten; `None` where it is permanent, or its sources have the timers.
    pub left: Option<Duration>,
}

const RTM_GETLINK: u16 = 18;
const RTM_GETMDB: u16 = 86;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_EXT_MASK: u16 = 29;
const RTEXT_FILTER_SKIP_STATS: u32 = 8;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;

fn failed(errno: Errno) -> Error {
    Error::Failed { operation: "ask the kernel for its bridges (rtnetlink)", source: errno.into() }
}

/// Every bridge of the calling thread's network namespace, by index.
pub fn bridges() -> Result<Vec<Bridge>, Error> {
    let mut netlink = Netlink::routes().map_err(failed)?;
    let mut request = vec![0; 16]; // struct ifinfomsg: all interfaces
    attribute(&mut request, IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
    let links = netlink.list(RTM_GETLINK, &request).map_err(failed)?;
    let names: HashMap<u32, String> = links.iter().filter_map(|link| named(link)).collect();
    let mut bridges: BTreeMap<u32, Bridge> =
        links.iter().filter_map(|link| bridge(link, &names)).map(|bridge| (bridge.index, bridge)).collect();
    if bridges.is_empty() {
        return Ok(Vec::new());
    }
    // struct br_port_msg: the family of bridges, no index.
    let mut request = vec![0; 8];
    if let Some(family) = request.first_mut() {
        *family = nix::libc::AF_BRIDGE as u8;
    }
    match netlink.list(RTM_GETMDB, &request) {
        Ok(messages) => messages.iter().for_each(|message| table(message, &names, &mut bridges)),
        // A kernel whose bridges cannot snoop.
        Err(Errno::EOPNOTSUPP) => {}
        Err(error) => return Err(failed(error)),
    }
    Ok(bridges.into_values().collect())
}

/// The names of the interfaces that are a bridge's ports: what they hear, the bridge hears.
pub fn ports() -> Result<Vec<String>, Error> {
    const IFLA_MASTER: u16 = 10;
    let links = Netlink::routes().and_then(|mut netlink| netlink.list(RTM_GETLINK, &[0; 16])).map_err(failed)?;
    let bridges: Vec<u32> =
        links.iter().filter_map(|link| Some(bridge(link, &named(link).into_iter().collect())?.index)).collect();
    let master = |link: &[u8]| Attributes(link.get(16..)?).find(IFLA_MASTER).and_then(|index| u32_at(index, 0));
    let is_port = |link: &&Vec<u8>| master(link).is_some_and(|index| bridges.contains(&index));
    Ok(links.iter().filter(is_port).filter_map(|link| Some(named(link)?.1)).collect())
}

/// Index and name of struct ifinfomsg.
fn named(link: &[u8]) -> Option<(u32, String)> {
    let name = Attributes(link.get(16..)?).find(IFLA_IFNAME)?;
    Some((u32_at(link, 4)?, text(name)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

fn port(index: u32, names: &HashMap<u32, String>) -> Port {
    Port { index, name: names.get(&index).cloned().unwrap_or_else(|| index.to_string()) }
}

fn bridge(link: &[u8], names: &HashMap<u32, String>) -> Option<Bridge> {
    let index = u32_at(link, 4)?;
    let info = Attributes(Attributes(link.get(16..)?).find(IFLA_LINKINFO)?);
    if text(info.find(IFLA_INFO_KIND)?) != "bridge" {
        return None;
    }
    let data = Attributes(info.find(IFLA_INFO_DATA)?);
    let byte = |kind: u16| data.find(kind).and_then(|value| value.first().copied());
    let time = |kind: u16| data.find(kind).and_then(hundredths);
    let state = data.find(IFLA_BR_MCAST_QUERIER_STATE).map(Attributes);
    let elected = |address: u16, port_at: u16, timer: u16| {
        let state = state?;
        let other = state.find(port_at).and_then(|index| u32_at(index, 0));
        Some(Elected {
            address: ip(state.find(address)?)?,
            other: other.map(|index| (port(index, names), state.find(timer).and_then(hundredths))),
        })
    };
    Some(Bridge {
        index,
        name: names.get(&index)?.clone(),
        snooping: byte(IFLA_BR_MCAST_SNOOPING)? != 0,
        querier: byte(IFLA_BR_MCAST_QUERIER)? != 0,
        igmp_version: byte(IFLA_BR_MCAST_IGMP_VERSION),
        mld_version: byte(IFLA_BR_MCAST_MLD_VERSION),
        membership_interval: time(IFLA_BR_MCAST_MEMBERSHIP_INTVL),
        query_interval: time(IFLA_BR_MCAST_QUERY_INTVL),
        // BRIDGE_QUERIER_*: address, port, timer of each family.
        elected: [elected(1, 2, 3), elected(5, 6, 7)],
        ..Bridge::default()
    })
}

const IFLA_BR_MCAST_SNOOPING: u16 = 23;
const IFLA_BR_MCAST_QUERIER: u16 = 25;
const IFLA_BR_MCAST_MEMBERSHIP_INTVL: u16 = 31;
const IFLA_BR_MCAST_QUERY_INTVL: u16 = 33;
const IFLA_BR_MCAST_IGMP_VERSION: u16 = 43;
const IFLA_BR_MCAST_MLD_VERSION: u16 = 44;
const IFLA_BR_MCAST_QUERIER_STATE: u16 = 47;

/// A time in hundredths of a second, of four or eight bytes.
fn hundredths(value: &[u8]) -> Option<Duration> {
    let number = match value.first_chunk::<8>() {
        Some(bytes) => u64::from_ne_bytes(*bytes),
        None => u32_at(value, 0)?.into(),
    };
    Some(Duration::from_millis(number.saturating_mul(10)))
}

fn ip(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => Some(Ipv4Addr::from(*value.first_chunk::<4>()?).into()),
        16 => Some(Ipv6Addr::from(*value.first_chunk::<16>()?).into()),
        _ => None,
    }
}

const MDBA_MDB: u16 = 1;
const MDBA_ROUTER: u16 = 2;

/// A message of the table: struct br_port_msg, then MDBA_MDB and MDBA_ROUTER.
fn table(message: &[u8], names: &HashMap<u32, String>, bridges: &mut BTreeMap<u32, Bridge>) {
    let (Some(index), Some(rest)) = (u32_at(message, 4), message.get(8..)) else { return };
    let Some(bridge) = bridges.get_mut(&index) else { return };
    let parts = Attributes(rest);
    // Each value of MDBA_MDB_ENTRY is a group: a list of MDBA_MDB_ENTRY_INFO, one a port.
    let groups = parts.find(MDBA_MDB).map(Attributes).into_iter().flat_map(Attributes::each);
    let infos = groups.flat_map(|(_, group)| Attributes(group).each());
    bridge.entries.extend(infos.filter_map(|(_, info)| entry(info, names)));
    for (_, router) in parts.find(MDBA_ROUTER).map(Attributes).into_iter().flat_map(Attributes::each) {
        if let Some(index) = u32_at(router, 0) {
            bridge.routers.push(port(index, names));
        }
    }
}

/// struct br_mdb_entry and the attributes behind it.
fn entry(info: &[u8], names: &HashMap<u32, String>) -> Option<Entry> {
    const ENTRY: usize = 28;
    const PERMANENT: u8 = 1;
    const BLOCKED: u8 = 8;
    const TIMER: u16 = 1;
    const SOURCES: u16 = 2;
    const MODE: u16 = 3;
    const SOURCE: u16 = 4;
    const MCAST_EXCLUDE: u8 = 0;
    let address = info.get(8..24)?;
    let group = match u16::from_be_bytes(*info.get(24..)?.first_chunk()?) {
        0x0800 => Group::Ip(ip(address.get(..4)?)?),
        0x86dd => Group::Ip(ip(address)?),
        _ => Group::Link(*address.first_chunk()?),
    };
    let more = Attributes(info.get(ENTRY..)?);
    let sources = more.find(SOURCES).map(Attributes).into_iter().flat_map(Attributes::each);
    let source = |value: &[u8]| {
        let parts = Attributes(value);
        Some((ip(parts.find(1)?)?, parts.find(2).and_then(hundredths).unwrap_or_default()))
    };
    let permanent = *info.get(4)? == PERMANENT;
    Some(Entry {
        port: port(u32_at(info, 0)?, names),
        group,
        source: more.find(SOURCE).and_then(ip),
        vlan: u16_at(info, 6)?,
        permanent,
        blocked: info.get(5)? & BLOCKED != 0,
        excludes: more.find(MODE).and_then(|mode| mode.first()).map(|mode| *mode == MCAST_EXCLUDE),
        sources: sources.filter_map(|(_, value)| source(value)).collect(),
        left: more.find(TIMER).and_then(hundredths).filter(|left| !permanent && !left.is_zero()),
    })
}
