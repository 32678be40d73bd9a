//! A socket's own options, which the kernel tells only to who has the socket: asked by a copy of its descriptor.
//!
//! pidfd_getfd(2) makes the copy and needs the right to trace the process (ptrace(2)); it is closed at once. Nothing is
//! changed. A multicast membership is found by asking for the sources of each group that this machine has joined
//! (MCAST_MSFILTER, RFC 3678 §5.2): the kernel answers with an error where the socket is no member.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::sync::Mutex;

use nix::sys::socket::{getsockopt, sockopt};

use super::processes::{Holder, Holders};
use super::{Endpoint, Protocol, Socket, crew};
use crate::io::sys;

/// Options of a socket that decide who may bind, who hears, and who notices that a peer is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub reuse_address: bool,
    pub reuse_port: bool,
    /// Of TCP; it means nothing to others.
    pub keep_alive: Option<bool>,
    /// Of datagrams.
    pub broadcast: Option<bool>,
    pub joined: Vec<Group>,
}

/// A multicast group joined on an interface (by index).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    pub address: IpAddr,
    pub interface: u32,
}

/// Fills in the options of those that somebody holds whose descriptors may be copied.
pub fn ask(sockets: &mut [Socket], holders: &Holders) {
    let groups = groups();
    let few = sockets.len() <= PIECE;
    let pieces = Mutex::new(sockets.chunks_mut(PIECE));
    let work = || {
        let mut processes = Processes::default();
        crew::each(&pieces, |piece| {
            for socket in piece {
                if let Some(holder) = holders.of(socket.inode).first() {
                    socket.options = of(socket, holder, &groups, &mut processes).map(Box::new);
                }
            }
        });
    };
    if few { work() } else { drop(crew::together(work)) }
}

/// Sockets that a thread takes at a time.
const PIECE: usize = 256;

/// Handles of processes, opened once for all of their sockets; `None` where the process is gone.
#[derive(Default)]
struct Processes(HashMap<i32, Option<OwnedFd>>);

impl Processes {
    fn handle(&mut self, pid: i32) -> Option<&OwnedFd> {
        /// So that this process does not run out of descriptors itself.
        const MOST: usize = 64;
        if self.0.len() >= MOST && !self.0.contains_key(&pid) {
            self.0.clear();
        }
        self.0.entry(pid).or_insert_with(|| sys::process(pid).ok()).as_ref()
    }
}

/// `None` where the process may not be traced, or is gone, and for sockets that have none of these options.
fn of(socket: &Socket, holder: &Holder, groups: &[Group], processes: &mut Processes) -> Option<Options> {
    if matches!(socket.protocol, Protocol::Packet | Protocol::Unix) {
        return None;
    }
    let copy = sys::descriptor_of(processes.handle(holder.pid)?, holder.descriptor).ok()?;
    let six = matches!(socket.local, Endpoint::Address(address) if address.is_ipv6());
    let member =
        |group: &&Group| (six || group.address.is_ipv4()) && sys::is_member(&copy, group.interface, group.address);
    let tcp = socket.protocol == Protocol::Tcp;
    Some(Options {
        reuse_address: getsockopt(&copy, sockopt::ReuseAddr).unwrap_or(false),
        reuse_port: getsockopt(&copy, sockopt::ReusePort).unwrap_or(false),
        keep_alive: tcp.then(|| getsockopt(&copy, sockopt::KeepAlive).ok()).flatten(),
        broadcast: (!tcp).then(|| getsockopt(&copy, sockopt::Broadcast).ok()).flatten(),
        joined: if tcp { Vec::new() } else { groups.iter().filter(member).copied().collect() },
    })
}

/// The groups of /proc/net/igmp and /proc/net/igmp6, of the calling thread's network namespace.
fn groups() -> Vec<Group> {
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
