//! The groups that each socket has joined, for which sources, and which process has it.
//!
//! The kernel lists no memberships by socket. So a copy of each descriptor that could have one is asked for each group
//! that its namespace has joined (MCAST_MSFILTER, RFC 3678 §5.2.1), as `netlab sockets -v` does; pidfd_getfd(2) makes the
//! copy, which takes the right to trace the process. Sockets that were never bound are in no list of the kernel's either,
//! though they join as well as others: they are found by their processes' descriptors.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

use socket2::{Domain, SockRef, Type};

use super::{Error, Interface};
use crate::io::sockets::processes::{Holder, Holders};
use crate::io::sockets::{self, Endpoint, Protocol, Socket};
use crate::io::sys;

/// A socket with what it joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub protocol: Protocol,
    pub inode: u32,
    pub local: Option<SocketAddr>,
    pub uid: Option<u32>,
    /// Never empty.
    pub holders: Vec<Holder>,
    /// Never empty.
    pub joined: Vec<Join>,
}

/// A group that a socket joined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Join {
    pub group: IpAddr,
    /// By index.
    pub interface: u32,
    /// What is taken: only `sources`, or all but `sources`.
    pub excludes: bool,
    pub sources: Vec<IpAddr>,
}

/// The sockets that joined something.
#[derive(Clone, Debug, Default)]
pub struct Members {
    pub members: Vec<Member>,
    /// UDP and raw sockets that could not be asked, because they are another user's or may not be traced.
    pub unasked: usize,
    /// Processes whose descriptors this user may not read: they may have sockets that are in no list.
    pub hidden: usize,
}

/// Asks the sockets of the calling thread's network namespace for the groups of `interfaces`.
pub fn members(interfaces: &[Interface]) -> Result<Members, Error> {
    let groups: Vec<(u32, IpAddr)> = interfaces
        .iter()
        .flat_map(|interface| interface.groups.iter().map(|membership| (interface.index, membership.group)))
        .collect();
    let holders = Holders::read();
    let mut listed: HashMap<u32, Socket> = HashMap::new();
    for socket in sockets::list(&[Protocol::Udp, Protocol::Raw], false)? {
        listed.insert(socket.inode, socket);
    }
    // Streams cannot join (ip(7)): not worth a copy each.
    let others: HashSet<u32> = sockets::list(&[Protocol::Tcp, Protocol::Unix, Protocol::Packet], false)?
        .into_iter()
        .map(|socket| socket.inode)
        .collect();
    let own = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok();
    let own = own.and_then(|socket| sys::namespace_of(socket.as_fd()).ok());
    let mut all = Members { hidden: holders.hidden, ..Members::default() };
    let mut asked: HashSet<u32> = HashSet::new();
    for (inode, who) in holders.each() {
        if others.contains(&inode) {
            continue;
        }
        let Some(copy) = copy(who) else { continue };
        asked.insert(inode);
        let known = listed.get(&inode);
        // A process may hold sockets of several namespaces; those listed are this one's.
        if known.is_none() && (own.is_none() || sys::namespace_of(copy.as_fd()).ok() != own) {
            continue;
        }
        let Some(protocol) = protocol(&copy) else { continue };
        let joined = joined(&copy, &groups);
        if joined.is_empty() {
            continue;
        }
        all.members.push(Member {
            protocol,
            inode,
            local: known.and_then(listed_address).or_else(|| SockRef::from(&copy).local_addr().ok()?.as_socket()),
            uid: nix::sys::stat::fstat(&copy).ok().map(|stat| stat.st_uid),
            holders: who.to_vec(),
            joined,
        });
    }
    all.unasked = listed.keys().filter(|inode| **inode != 0 && !asked.contains(*inode)).count();
    all.members.sort_by_key(|member| member.holders.first().map(|holder| (holder.pid, holder.descriptor)));
    Ok(all)
}

fn listed_address(socket: &Socket) -> Option<SocketAddr> {
    match socket.local {
        Endpoint::Address(address) => Some(address),
        _ => None,
    }
}

/// A copy from the first of its holders that lets us.
fn copy(holders: &[Holder]) -> Option<OwnedFd> {
    holders.iter().find_map(|holder| sys::descriptor_of(&sys::process(holder.pid).ok()?, holder.descriptor).ok())
}

/// `None` where it is no socket that can join: of another family, or a stream.
fn protocol(socket: &OwnedFd) -> Option<Protocol> {
    let socket = SockRef::from(socket);
    let domain = socket.domain().ok()?;
    if domain != Domain::IPV4 && domain != Domain::IPV6 {
        return None;
    }
    match socket.r#type().ok()? {
        Type::DGRAM => Some(Protocol::Udp),
        Type::RAW => Some(Protocol::Raw),
        _ => None,
    }
}

fn joined(socket: &OwnedFd, groups: &[(u32, IpAddr)]) -> Vec<Join> {
    let ask = |(interface, group): &(u32, IpAddr)| {
        let (excludes, mut sources) = sys::source_filter(socket.as_fd(), *interface, *group).ok()?;
        sources.sort_unstable();
        Some(Join { group: *group, interface: *interface, excludes, sources })
    };
    groups.iter().filter_map(ask).collect()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::io::membership;

    fn of(descriptor: i32) -> Option<Member> {
        let members = members(&super::super::interfaces().unwrap()).unwrap().members;
        let own = std::process::id().cast_signed();
        let holds = |member: &Member| member.holders.iter().any(|one| (one.pid, one.descriptor) == (own, descriptor));
        members.into_iter().find(holds)
    }

    #[test]
    fn a_socket_is_told_with_its_groups_and_their_sources() {
        let loopback = membership::interface("127.0.0.1").unwrap();
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let (any, one) = (IpAddr::from([239, 77, 2, 2]), IpAddr::from([232, 77, 2, 2]));
        let source = IpAddr::from([192, 0, 2, 1]);
        membership::join(&socket, any, Some(&loopback), None).unwrap();
        membership::join(&socket, one, Some(&loopback), Some(source)).unwrap();
        let Some(member) = of(socket.as_raw_fd()) else {
            return crate::support::skip("this kernel refuses pidfd_getfd(2)");
        };
        assert_eq!((member.protocol, member.local), (Protocol::Udp, socket.local_addr().ok()));
        let mut joined = member.joined;
        joined.sort();
        let join = |group, excludes, sources| Join { group, interface: loopback.index, excludes, sources };
        assert_eq!(joined, [join(one, false, vec![source]), join(any, true, Vec::new())]);
    }

    #[test]
    fn a_socket_that_was_never_bound_is_told_too() {
        let loopback = membership::interface("127.0.0.1").unwrap();
        let socket = socket2::Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        membership::join(&socket, [239, 77, 2, 3].into(), Some(&loopback), None).unwrap();
        let Some(member) = of(socket.as_raw_fd()) else {
            return crate::support::skip("this kernel refuses pidfd_getfd(2), or has no SO_NETNS_COOKIE");
        };
        assert_eq!(member.joined.len(), 1);
        assert_eq!(member.uid, Some(nix::unistd::geteuid().as_raw()));
    }
}
