//! The multicast groups that this machine has joined: of each interface (RFC 3376 §3.2, RFC 3810 §4.2), of each socket
//! (§3.1), and what its bridges snooped (RFC 4541).
//!
//! Interfaces are read from /proc/net, which has all that ip-maddress(8) shows and more: users, timers, source filters.
//! Guarantee: nothing is joined, sent or changed by looking.

pub mod bridge;
pub mod notices;
mod proc;
pub mod sockets;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// What could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {operation}: {source}")]
    Failed { operation: &'static str, source: io::Error },
    #[error(transparent)]
    Sockets(#[from] super::sockets::Error),
}

/// The groups of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    pub index: u32,
    /// At most 15 bytes, chosen by whoever made it: escape it before a terminal.
    pub name: String,
    /// `None` where it has no IPv4 group: it is down, or does no IPv4.
    pub igmp: Option<Version>,
    /// `None` where it has no IPv6 group.
    pub mld: Option<Version>,
    /// In the kernel's order, IPv4 first.
    pub groups: Vec<Membership>,
    /// Addresses of the link layer that the interface takes because of them, and for protocols other than IP.
    pub link: Vec<LinkAddress>,
}

/// Which version of IGMP or MLD the kernel speaks on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub number: u8,
    pub why: Why,
}

/// Why that version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// force_igmp_version or force_mld_version (ip-sysctl.rst).
    Forced,
    /// A querier of that older version was heard not long ago (RFC 3376 §7.2.1).
    OlderQuerier,
    /// The newest, as no older querier was heard.
    Newest,
    /// The newest unless an older querier was heard: of MLD the kernel does not tell.
    Presumed,
}

/// A group joined on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub group: IpAddr,
    /// How many sockets, and parts of the kernel, want it.
    pub users: u32,
    /// When the next report is due; `None` where none is.
    pub timer: Option<Duration>,
    /// This machine was the last to report the group: it has to say so when it leaves (RFC 2236 §3).
    pub reporter: bool,
    /// Sources that sockets named, with how many include and how many exclude each.
    pub sources: Vec<Source>,
}

/// A sender that a filter names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    pub address: IpAddr,
    pub including: u32,
    pub excluding: u32,
}

/// An address of the link layer that is listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkAddress {
    /// As many bytes as the link layer's addresses have: 6 on Ethernet.
    pub address: Vec<u8>,
    pub users: u32,
    /// Asked for from outside the kernel (`ip maddress add`).
    pub fixed: bool,
}

/// The groups of all interfaces in the network namespace of the calling thread, by the interface's index.
pub fn interfaces() -> Result<Vec<Interface>, Error> {
    let mut all: BTreeMap<u32, Interface> = BTreeMap::new();
    let failed = |source| Error::Failed { operation: "read the groups of the interfaces (/proc/net)", source };
    proc::igmp(&read("igmp").map_err(failed)?, &mut all);
    proc::igmp6(&read("igmp6").map_err(failed)?, &mut all);
    proc::link(&read("dev_mcast").map_err(failed)?, &mut all);
    proc::filters(&read("mcfilter").map_err(failed)?, &mut all);
    proc::filters(&read("mcfilter6").map_err(failed)?, &mut all);
    for interface in all.values_mut() {
        if let Some(version) = &mut interface.igmp {
            force(version, 3, forced("ipv4", &interface.name, "force_igmp_version"));
        }
        if let Some(version) = &mut interface.mld {
            force(version, 2, forced("ipv6", &interface.name, "force_mld_version"));
        }
    }
    Ok(all.into_values().collect())
}

/// A file of /proc/net in this thread's namespace; empty where the kernel was built without its protocol.
fn read(name: &str) -> io::Result<String> {
    match std::fs::read(format!("/proc/thread-self/net/{name}")) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// The version that is set for all interfaces, else for this one; 0 where none is.
fn forced(family: &str, interface: &str, name: &str) -> u8 {
    let of = |which: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/net/{family}/conf/{which}/{name}")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    };
    match of("all") {
        0 => of(interface),
        all => all,
    }
}

fn force(version: &mut Version, newest: u8, forced: u8) {
    if (1..=newest).contains(&forced) {
        *version = Version { number: forced, why: Why::Forced };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joined_group_is_told_with_its_interface_and_its_users() {
        let loopback = crate::io::membership::interface("127.0.0.1").unwrap();
        let group = IpAddr::from([239, 77, 2, 1]);
        let sockets: Vec<_> = (0..2).map(|_| std::net::UdpSocket::bind("0.0.0.0:0").unwrap()).collect();
        for socket in &sockets {
            crate::io::membership::join(socket, group, Some(&loopback), None).unwrap();
        }
        let users = || {
            let interfaces = interfaces().unwrap();
            let own = interfaces.into_iter().find(|interface| interface.index == loopback.index).unwrap();
            assert_eq!(own.name, loopback.name);
            own.groups.iter().find(|membership| membership.group == group).map(|membership| membership.users)
        };
        assert_eq!(users(), Some(2));
        drop(sockets);
        assert_eq!(users(), None);
    }

    #[test]
    fn a_version_is_forced_only_to_one_that_there_is() {
        let mut version = Version { number: 3, why: Why::Newest };
        force(&mut version, 3, 0);
        force(&mut version, 3, 9);
        assert_eq!(version.why, Why::Newest);
        force(&mut version, 3, 2);
        assert_eq!(version, Version { number: 2, why: Why::Forced });
    }
}
