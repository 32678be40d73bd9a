//! What a host says when it joins or leaves a group (RFC 1112, 2236, 3376, 2710, 3810), and why it says nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The groups that every host is in.
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// What is known of a group on an interface, before it is joined or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The version of IGMP or MLD that the host speaks there.
    pub version: u8,
    /// How many others on this machine want the group there.
    pub others: u32,
    /// This machine was the last to report the group, as far as is known.
    pub reporter: bool,
    /// Groups of 224.0.0.0/24 are reported (igmp_link_local_mcast_reports).
    pub link_local: bool,
}

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// A message of this version to this address.
    Message {
        version: u8,
        to: IpAddr,
    },
    Nothing(Silence),
}

/// Why nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Every host is in it.
    Everybody,
    /// It does not leave the host.
    HostOnly,
    /// It is of 224.0.0.0/24, and the kernel is told not to report those.
    SwitchedOff,
    /// So many others on this machine want it, too.
    Others(u32),
    /// IGMP version 1 has no such message.
    Version1,
    /// Another host reported last: the router knows that there is one.
    NotReporter,
}

/// Why an address is no group; `None` where it is one.
pub fn objection(address: IpAddr) -> Option<String> {
    let groups = if address.is_ipv4() { "224.0.0.0 to 239.255.255.255" } else { "those that begin with ff" };
    (!address.is_multicast()).then(|| format!("{address} is no group: groups are {groups}"))
}

/// Why a group is never reported, whatever the host's state.
fn never(group: IpAddr) -> Option<Silence> {
    match group {
        IpAddr::V4(ALL_HOSTS) | IpAddr::V6(ALL_NODES) => Some(Silence::Everybody),
        // RFC 3810 §6: scope 0 (reserved) and 1 (interface-local).
        IpAddr::V6(six) if six.octets().get(1).is_some_and(|scope| scope & 0xf <= 1) => Some(Silence::HostOnly),
        _ => None,
    }
}

fn silence(group: IpAddr, state: State) -> Option<Silence> {
    let local = matches!(group, IpAddr::V4(four) if is_link_local(four));
    match never(group) {
        None if local && !state.link_local => Some(Silence::SwitchedOff),
        silence => silence,
    }
}

/// 224.0.0.0/24: never forwarded by routers, and switches send it everywhere (RFC 5771 §4, RFC 4541 §2.1.2).
pub fn is_link_local(group: Ipv4Addr) -> bool {
    matches!(group.octets(), [224, 0, 0, _])
}

/// What joining makes the host say. With sources it says something of its own of each of them.
pub fn joining(group: IpAddr, state: State, sources: bool) -> Said {
    match silence(group, state) {
        Some(silence) => Said::Nothing(silence),
        None if state.others > 0 && !sources => Said::Nothing(Silence::Others(state.others)),
        None => message(group, state.version, false),
    }
}

/// What leaving makes it say.
pub fn leaving(group: IpAddr, state: State, sources: bool) -> Said {
    let newest = if group.is_ipv4() { 3 } else { 2 };
    match silence(group, state) {
        Some(silence) => Said::Nothing(silence),
        None if state.others > 0 && !sources => Said::Nothing(Silence::Others(state.others)),
        None if group.is_ipv4() && state.version == 1 => Said::Nothing(Silence::Version1),
        None if state.version < newest && !state.reporter => Said::Nothing(Silence::NotReporter),
        None => message(group, state.version, true),
    }
}

fn message(group: IpAddr, version: u8, leaves: bool) -> Said {
    let to = match (group, version) {
        (IpAddr::V4(_), 3..) => Ipv4Addr::new(224, 0, 0, 22).into(),
        (IpAddr::V6(_), 2..) => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16).into(),
        (IpAddr::V4(_), _) if leaves => Ipv4Addr::new(224, 0, 0, 2).into(),
        (IpAddr::V6(_), _) if leaves => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2).into(),
        _ => group,
    };
    Said::Message { version, to }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("every host is in this group, so nobody has to report it"),
            Self::HostOnly => f.write_str("its scope ends at this machine, so nobody else has to know"),
            Self::SwitchedOff => f.write_str(
                "224.0.0.x goes everywhere on its network unasked, and this kernel is set not to report it \
                 (net.ipv4.igmp_link_local_mcast_reports is 0)",
            ),
            Self::Others(1) => f.write_str("another program of this machine is in the group as well"),
            Self::Others(count) => write!(f, "{count} others on this machine are in the group as well"),
            Self::Version1 => {
                f.write_str("IGMP version 1 has no leave: the host falls silent, and is forgotten in time")
            }
            Self::NotReporter => f.write_str("another host reported the group last, so this one may leave in silence"),
        }
    }
}
