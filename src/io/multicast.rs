//! Sockets that send to groups and hear them (RFC 1112, RFC 3678, RFC 3493, RFC 3542): with the time to live of each
//! datagram, the interface that it came by, and the group that it was for.
//!
//! A socket hears one group on one interface: bound to the group's address, and deaf to what other programs of this
//! machine joined (IP_MULTICAST_ALL). So many groups never meet the kernel's limit of groups in one socket
//! (net.ipv4.igmp_max_memberships). To close it is to leave.

use std::io::{self, IoSliceMut, PipeReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::SystemTime;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::membership::{self, Interface};
use super::{link, route};
use crate::frame::Timestamp;

/// The largest datagram there is.
const LARGEST: usize = 65_535;
/// Datagrams that are taken from one socket before the others get their turn.
const MOST_AT_ONCE: usize = 64;

/// Why a group cannot be sent to or heard.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no interface {0}; `netlab interfaces` lists them")]
    NoInterface(String),
    #[error("{0} is switched off")]
    Down(String),
    #[error("no route leads to {0}: say by which interface, with -i (`netlab interfaces` lists them)")]
    NoRoute(IpAddr),
    #[error(
        "{interface} has no route to {group}; groups get one with:  sudo ip route add multicast {} dev {interface} table local",
        if .group.is_ipv4() { "224.0.0.0/4" } else { "ff00::/8" }
    )]
    NoRouteBy { group: IpAddr, interface: String },
    #[error("{interface} has no IPv4 address to send from")]
    NoAddress { interface: String },
    #[error(
        "{address} is in use by a program that does not share it (SO_REUSEADDR); `netlab sockets --port {}` tells which",
        .address.port()
    )]
    InUse { address: SocketAddr },
    #[error(
        "ports below 1024 are for root here: take another one, or allow it:  sudo sysctl -w net.ipv4.ip_unprivileged_port_start={port}"
    )]
    Privileged { port: u16 },
    #[error(
        "{group} from {sources} sources: the kernel takes fewer for a group (net.ipv4.igmp_max_msf, net.ipv6.mld_max_msf)"
    )]
    TooManySources { group: IpAddr, sources: usize },
    #[error("cannot {operation} {target}: {source}")]
    Failed { operation: &'static str, target: String, source: io::Error },
}

fn failed(operation: &'static str, target: impl ToString) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Failed { operation, target: target.to_string(), source }
}

/// The interface by which a group is reached: the one that is named, else the route's, else the only one there is.
pub fn leading_to(group: IpAddr, named: Option<&str>) -> Result<Interface, Error> {
    if let Some(named) = named {
        let found = membership::interface(named).ok_or_else(|| Error::NoInterface(named.to_owned()))?;
        return up(found);
    }
    let links = link::links().map_err(|error| Error::Failed {
        operation: "ask for",
        target: "the interfaces".to_owned(),
        source: io::Error::other(error.to_string()),
    })?;
    let name = match route::to(group, 0) {
        Ok(way) => links.iter().find(|link| link.index == way.interface).map(|link| link.name.clone()),
        Err(_) => {
            let same = |address: &IpAddr| address.is_ipv4() == group.is_ipv4();
            let usable = |link: &&link::Link| {
                link.up && link.multicast && !link.loopback && link.addresses.iter().any(|(address, _)| same(address))
            };
            let mut usable = links.iter().filter(usable);
            usable.next().filter(|_| usable.next().is_none()).map(|link| link.name.clone())
        }
    };
    up(name.and_then(|name| membership::interface(&name)).ok_or(Error::NoRoute(group))?)
}

fn up(interface: Interface) -> Result<Interface, Error> {
    let links = link::links().unwrap_or_default();
    match links.iter().find(|link| link.index == interface.index) {
        Some(link) if !link.up => Err(Error::Down(link.name.clone())),
        _ => Ok(interface),
    }
}

/// The address of a group, with the interface where its own does not say it.
fn scoped(group: SocketAddr, interface: &Interface) -> SocketAddr {
    match group {
        SocketAddr::V6(mut six) => {
            six.set_scope_id(interface.index);
            six.into()
        }
        four => four,
    }
}

fn socket(group: SocketAddr) -> Result<Socket, Error> {
    Socket::new(Domain::for_address(group), Type::DGRAM, Some(Protocol::UDP))
        .map_err(failed("make a socket for", group))
}

/// A datagram that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// By the kernel's clock, where it told.
    pub time: Option<Timestamp>,
    pub from: SocketAddr,
    /// Time to live, or hop limit, that was left.
    pub ttl: Option<u8>,
    /// The index of the interface that it came by.
    pub interface: Option<u32>,
    /// The address that it was sent to.
    pub to: Option<IpAddr>,
    pub bytes: Vec<u8>,
}

/// A socket for one group on one interface.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    pub group: SocketAddr,
    pub interface: Interface,
}

impl Listener {
    /// Binds to the group's address. Nothing is joined yet.
    pub fn bind(group: SocketAddr, interface: Interface) -> Result<Self, Error> {
        let socket = socket(group)?;
        let prepared = socket.set_reuse_address(true).and_then(|()| match group {
            SocketAddr::V4(_) => socket.set_multicast_all_v4(false),
            SocketAddr::V6(_) => socket.set_only_v6(true).and_then(|()| socket.set_multicast_all_v6(false)),
        });
        prepared.and_then(|()| tell_more(&socket, group.is_ipv6())).map_err(failed("prepare a socket for", group))?;
        match socket.bind(&scoped(group, &interface).into()) {
            Ok(()) => Ok(Self { socket, group, interface }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Error::InUse { address: group }),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(Error::Privileged { port: group.port() })
            }
            Err(error) => Err(failed("bind to", group)(error)),
        }
    }

    /// Joins: for any source, or for these alone.
    pub fn join(&self, sources: &[IpAddr]) -> Result<(), Error> {
        let group = self.group.ip();
        let join = |source| membership::join(&self.socket, group, Some(&self.interface), source);
        let joined = match sources {
            [] => join(None),
            sources => sources.iter().try_for_each(|source| join(Some(*source))),
        };
        joined.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOBUFS) if !sources.is_empty() => Error::TooManySources { group, sources: sources.len() },
            _ => failed("join", format!("{group} on {}", self.interface.name))(error),
        })
    }
}

/// Hears all groups until `stop` has something to read or is closed, or until `give` answers that it is enough.
pub fn hear(
    listeners: &[Listener],
    stop: &PipeReader,
    give: &mut dyn FnMut(&Listener, Datagram) -> bool,
) -> io::Result<()> {
    let mut buffer = vec![0; LARGEST];
    loop {
        let mut wait: Vec<PollFd<'_>> = vec![PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
        wait.extend(listeners.iter().map(|one| PollFd::new(one.socket.as_fd(), PollFlags::POLLIN)));
        match poll(&mut wait, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready: Vec<bool> = wait.iter().map(|one| one.any().unwrap_or(false)).collect();
        if ready.first() == Some(&true) {
            return Ok(());
        }
        for (listener, _) in listeners.iter().zip(ready.iter().skip(1)).filter(|(_, ready)| **ready) {
            for _ in 0..MOST_AT_ONCE {
                let Some(datagram) = receive(&listener.socket, &mut buffer)? else { break };
                if !give(listener, datagram) {
                    return Ok(());
                }
            }
        }
    }
}

/// Asks for the time to live, the interface and the time of each datagram.
fn tell_more(socket: &Socket, six: bool) -> io::Result<()> {
    let asked = match six {
        true => setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true)
            .and_then(|()| setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)),
        false => setsockopt(socket, sockopt::Ipv4RecvTtl, &true)
            .and_then(|()| setsockopt(socket, sockopt::Ipv4PacketInfo, &true)),
    };
    // Without it the time is that of looking.
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
    asked.map_err(Into::into)
}

/// The next datagram; `None` where none is there.
fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
    let mut pieces = [IoSliceMut::new(buffer)];
    let mut room = nix::cmsg_space!(libc::timespec, libc::in6_pktinfo, libc::in_pktinfo, i32);
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = match recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut pieces, Some(&mut room), flags) {
        Ok(message) => message,
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
        // What ICMP says of something that was sent earlier is no end.
        Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    let (mut time, mut ttl, mut interface, mut to) = (None, None, None, None);
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::Ipv4Ttl(left) | ControlMessageOwned::Ipv6HopLimit(left) => {
                ttl = u8::try_from(left).ok()
            }
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                interface = u32::try_from(info.ipi_ifindex).ok();
                to = Some(IpAddr::V4(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes())));
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                interface = Some(info.ipi6_ifindex);
                to = Some(IpAddr::from(info.ipi6_addr.s6_addr));
            }
            ControlMessageOwned::ScmTimestampns(at) => {
                let since = SystemTime::UNIX_EPOCH.checked_add(at.into());
                let since = since.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
                time = since.and_then(|since| i64::try_from(since.as_nanos()).ok()).map(Timestamp);
            }
            _ => {}
        }
    }
    let from = message.address.and_then(|address| {
        let four = address.as_sockaddr_in().map(|four| SocketAddr::V4((*four).into()));
        four.or_else(|| address.as_sockaddr_in6().map(|six| SocketAddr::V6((*six).into())))
    });
    let length = message.bytes;
    let Some(from) = from else { return Ok(None) };
    let bytes = buffer.get(..length).unwrap_or_default().to_vec();
    Ok(Some(Datagram { time, from, ttl, interface, to, bytes }))
}

/// How a sender is to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Whether programs of this machine hear it, too.
    pub looped: bool,
}

/// A socket that sends to one group by one interface, and hears what comes back to it.
#[derive(Debug)]
pub struct Sender {
    socket: Socket,
    group: SocketAddr,
    /// The address and port that it sends from.
    pub source: SocketAddr,
}

impl Sender {
    pub fn open(group: SocketAddr, interface: &Interface, sending: Sending) -> Result<Self, Error> {
        let (own, probe) = (socket(group)?, socket(group)?);
        let prepare = |socket: &Socket| match group {
            SocketAddr::V4(_) => {
                let Some(address) = interface.ipv4 else {
                    return Err(Error::NoAddress { interface: interface.name.clone() });
                };
                let through = socket.set_multicast_if_v4(&address);
                through
                    .and_then(|()| socket.set_multicast_ttl_v4(sending.ttl.into()))
                    .and_then(|()| socket.set_multicast_loop_v4(sending.looped))
                    .map_err(failed("prepare a socket for", group))
            }
            SocketAddr::V6(_) => socket
                .set_multicast_if_v6(interface.index)
                .and_then(|()| socket.set_multicast_hops_v6(sending.ttl.into()))
                .and_then(|()| socket.set_multicast_loop_v6(sending.looped))
                .map_err(failed("prepare a socket for", group)),
        };
        prepare(&own)?;
        prepare(&probe)?;
        let to = scoped(group, interface);
        // A connected socket knows the address that it sends from, but hears nobody else than the group.
        probe.connect(&to.into()).map_err(|error| match error.kind() {
            io::ErrorKind::NetworkUnreachable => {
                Error::NoRouteBy { group: group.ip(), interface: interface.name.clone() }
            }
            _ => failed("send to", group)(error),
        })?;
        let from = probe.local_addr().ok().and_then(|own| own.as_socket());
        let any: IpAddr = if group.is_ipv4() { [0u8; 4].into() } else { [0u16; 8].into() };
        own.bind(&SocketAddr::new(any, 0).into()).map_err(failed("find a port for", group))?;
        tell_more(&own, group.is_ipv6()).map_err(failed("prepare a socket for", group))?;
        let port = own.local_addr().ok().and_then(|own| own.as_socket()).map_or(0, |own| own.port());
        let source = SocketAddr::new(from.map_or(any, |from| from.ip()), port);
        Ok(Self { socket: own, group: to, source })
    }

    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.socket.send_to(bytes, &self.group.into()).map(drop)
    }

    /// Hands on what comes back within so many milliseconds; whether `stop` was asked.
    pub fn answers(
        &self,
        milliseconds: u16,
        stop: &PipeReader,
        give: &mut dyn FnMut(Datagram) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut wait =
            [PollFd::new(stop.as_fd(), PollFlags::POLLIN), PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut wait, PollTimeout::from(milliseconds)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let [asked, came] = wait.map(|one| one.any().unwrap_or(false));
        if came {
            let mut buffer = vec![0; LARGEST];
            for _ in 0..MOST_AT_ONCE {
                let Some(datagram) = receive(&self.socket, &mut buffer)? else { break };
                give(datagram)?;
            }
        }
        Ok(asked)
    }
}

/// Whether this kernel reports groups of 224.0.0.0/24 (ip-sysctl.rst).
pub fn reports_link_local() -> bool {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/igmp_link_local_mcast_reports");
    text.map_or(true, |text| text.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDING: Sending = Sending { ttl: 3, looped: true };

    /// A free port: the kernel chose it for somebody else.
    fn port() -> u16 {
        std::net::UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn a_datagram_tells_its_group_its_time_to_live_and_its_interface() {
        let lo = leading_to([239, 77, 5, 1].into(), Some("127.0.0.1")).unwrap();
        for group in [IpAddr::from([239, 77, 5, 1]), "ff15::77:5:1".parse().unwrap()] {
            let group = SocketAddr::new(group, port());
            let listener = Listener::bind(group, lo.clone()).unwrap();
            if let Err(error) = listener.join(&[]) {
                return crate::support::skip(&format!("no multicast on loopback: {error}"));
            }
            let sender = match Sender::open(group, &lo, SENDING) {
                Ok(sender) => sender,
                Err(error) => return crate::support::skip(&format!("no multicast on loopback: {error}")),
            };
            sender.send(b"Hey all!").unwrap();
            let (stop, _open) = io::pipe().unwrap();
            let mut heard = Vec::new();
            hear(&[listener], &stop, &mut |_, datagram| {
                heard.push(datagram);
                false
            })
            .unwrap();
            let [datagram] = heard.as_slice() else { panic!("{heard:?}") };
            assert_eq!(datagram.bytes, b"Hey all!");
            assert_eq!((datagram.ttl, datagram.interface, datagram.to), (Some(3), Some(lo.index), Some(group.ip())));
            assert_eq!(datagram.from.port(), sender.source.port());
            assert!(datagram.time.is_some());
        }
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let group = IpAddr::from([239, 77, 5, 2]);
        assert!(matches!(leading_to(group, Some("no-such-interface")), Err(Error::NoInterface(_))));
        let taken = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let address = SocketAddr::new(group, taken.local_addr().unwrap().port());
        let lo = leading_to(group, Some("127.0.0.1")).unwrap();
        let refused = Listener::bind(address, lo);
        assert!(matches!(refused, Err(Error::InUse { .. })), "{refused:?}");
    }
}
