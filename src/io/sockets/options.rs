//! A socket's own options, which the kernel tells only to who has the socket: asked by a copy of its descriptor.
//!
//! pidfd_getfd(2) makes the copy and needs the right to trace the process (ptrace(2)); it is closed at once. Nothing is
//! changed. A multicast membership is found by asking for the sources of each group that this machine has joined
//! (MCAST_MSFILTER, RFC 3678 §5.2): the kernel answers with an error where the socket is no member.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::sys::socket::{getsockopt, sockopt};

use super::processes::Holder;
use super::{Protocol, Socket};
use crate::io::sys;

/// Options of a socket that decide who may bind, who hears, and who notices that a peer is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub reuse_address: bool,
    pub reuse_port: bool,
    pub keep_alive: bool,
    pub broadcast: bool,
    /// The interface that SO_BINDTODEVICE names.
    pub device: Option<String>,
    pub joined: Vec<Group>,
}

/// A multicast group joined on an interface (by index).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    pub address: IpAddr,
    pub interface: u32,
}

/// `None` where the process may not be traced, or is gone.
pub fn of(socket: &Socket, holder: &Holder, groups: &[Group]) -> Option<Options> {
    let copy = sys::descriptor_of(holder.pid, holder.descriptor).ok()?;
    let device = getsockopt(&copy, sockopt::BindToDevice).ok().and_then(|name| name.into_string().ok());
    let six = matches!(socket.local, super::Endpoint::Address(address) if address.is_ipv6());
    let member =
        |group: &&Group| (six || group.address.is_ipv4()) && sys::is_member(&copy, group.interface, group.address);
    let joins = matches!(socket.protocol, Protocol::Udp | Protocol::Raw);
    Some(Options {
        reuse_address: getsockopt(&copy, sockopt::ReuseAddr).unwrap_or(false),
        reuse_port: getsockopt(&copy, sockopt::ReusePort).unwrap_or(false),
        keep_alive: getsockopt(&copy, sockopt::KeepAlive).unwrap_or(false),
        broadcast: getsockopt(&copy, sockopt::Broadcast).unwrap_or(false),
        device: device.map(|name| name.trim_end_matches('\0').to_owned()).filter(|name| !name.is_empty()),
        joined: if joins { groups.iter().filter(member).copied().collect() } else { Vec::new() },
    })
}

/// The groups of /proc/net/igmp and /proc/net/igmp6, of the calling thread's network namespace.
pub fn groups() -> Vec<Group> {
    let read = |name: &str| fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
    let mut groups = ipv4(&read("igmp"));
    groups.extend(ipv6(&read("igmp6")));
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// An interface has a line that begins with its index, and each of its groups a line below: hexadecimal, as the bytes
/// lie in memory.
fn ipv4(text: &str) -> Vec<Group> {
    let mut interface = 0;
    let mut groups = Vec::new();
    for line in text.lines().skip(1) {
        let Some(first) = line.split_whitespace().next() else { continue };
        if line.starts_with(|c: char| c.is_ascii_whitespace()) {
            if let Ok(number) = u32::from_str_radix(first, 16) {
                groups.push(Group { address: Ipv4Addr::from(number.to_ne_bytes()).into(), interface });
            }
        } else {
            interface = first.parse().unwrap_or(0);
        }
    }
    groups
}

/// A line a group: the interface's index and name, 32 hexadecimal digits in network byte order.
fn ipv6(text: &str) -> Vec<Group> {
    let group = |line: &str| {
        let mut words = line.split_whitespace();
        let interface = words.next()?.parse().ok()?;
        let address = u128::from_str_radix(words.nth(1)?, 16).ok()?;
        Some(Group { address: Ipv6Addr::from(address).into(), interface })
    };
    text.lines().filter_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernel_s_lists_of_groups() {
        let four = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
            1\tlo        :     2      V3\n\t\t\t\t010000EF     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n\
            2\teth0      :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n";
        let group = |address: &str, interface| Group { address: address.parse().unwrap(), interface };
        let shown = if cfg!(target_endian = "little") { ipv4(four) } else { Vec::new() };
        let expected = [group("239.0.0.1", 1), group("224.0.0.1", 1), group("224.0.0.1", 2)];
        assert_eq!(shown, if cfg!(target_endian = "little") { &expected[..] } else { &[] });
        let six = "1    lo              ff020000000000000000000000000001     1 0000000C 0\nnonsense\n";
        assert_eq!(ipv6(six), [group("ff02::1", 1)]);
    }
}
