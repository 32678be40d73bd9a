//! Asking NETLINK_SOCK_DIAG (sock_diag(7), netlink(7); linux/inet_diag.h, unix_diag.h, packet_diag.h).
//!
//! Numbers are in host byte order but ports and addresses, which are as on the wire. Messages are read through checked
//! slices: a kernel newer or older than this code has longer or shorter ones, and what is missing stays unknown.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    self, AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, setsockopt, sockopt,
};

use super::attributes::{Attributes, u16_at, u32_at};
use super::{Endpoint, Error, Memory, Protocol, Socket, State, Timer, Waits};
use crate::io::tcp_info::TcpInfo;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const REQUEST: u16 = 0x1;
const REQUEST_DUMP: u16 = 0x301;
const HEADER: usize = 16;
/// Attributes of an internet socket.
const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_CONG: u16 = 4;
const INET_DIAG_SKMEMINFO: u16 = 7;
const INET_DIAG_PROTOCOL: u16 = 10;
const INET_DIAG_SKV6ONLY: u16 = 11;
/// Bytes of struct inet_diag_msg.
const INET_MESSAGE: usize = 72;

/// An open question to the kernel.
pub struct Diag {
    socket: OwnedFd,
    buffer: Vec<u8>,
    asked: u32,
}

fn failed(operation: &'static str) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Failed { operation, source: errno.into() }
}

impl Diag {
    pub fn open() -> Result<Self, Error> {
        Self::listening(0)
    }

    /// Also hears of what happens in these groups (a bit each: SKNLGRP_* of linux/sock_diag.h, less one).
    pub fn listening(groups: u32) -> Result<Self, Error> {
        let kind = SockType::Raw;
        let socket =
            socket::socket(AddressFamily::Netlink, kind, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkSockDiag)
                .map_err(failed("open a socket to the kernel's list of sockets"))?;
        // As much as the kernel gives: a burst of notices must not be lost.
        if setsockopt(&socket, sockopt::RcvBufForce, &(8 << 20)).is_err() {
            let _ = setsockopt(&socket, sockopt::RcvBuf, &(4 << 20));
        }
        socket::bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))
            .map_err(failed("listen to the kernel's notices of sockets"))?;
        Ok(Self { socket, buffer: vec![0; 256 << 10], asked: 0 })
    }

    /// The descriptor to wait for notices with.
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Sends a request for all that match and hands the answers' bodies on. `false` where this kernel lacks that part.
    fn dump(&mut self, body: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        self.exchange(REQUEST_DUMP, body, take)
    }

    /// Sends a request and hands the answers' bodies on: one, unless a list is asked for. `false` where there is none.
    fn exchange(&mut self, flags: u16, body: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        self.asked += 1;
        let mut request = Vec::with_capacity(HEADER + body.len());
        request.extend_from_slice(&u32::try_from(HEADER + body.len()).unwrap_or(0).to_ne_bytes());
        request.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        request.extend_from_slice(&flags.to_ne_bytes());
        request.extend_from_slice(&self.asked.to_ne_bytes());
        request.extend_from_slice(&0u32.to_ne_bytes());
        request.extend_from_slice(body);
        let kernel = NetlinkAddr::new(0, 0);
        socket::sendto(self.socket.as_raw_fd(), &request, &kernel, MsgFlags::empty())
            .map_err(failed("ask the kernel for its sockets"))?;
        loop {
            let bytes = match socket::recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                received => received.map_err(failed("read the kernel's sockets"))?,
            };
            let mut rest = self.buffer.get(..bytes).unwrap_or_default();
            while let Some((kind, sequence, message)) = next_message(&mut rest) {
                match kind {
                    // An answer to an earlier question, or a notice.
                    _ if sequence != self.asked => {}
                    NLMSG_DONE => return Ok(true),
                    NLMSG_ERROR => {
                        let errno = u32_at(message, 0).map_or(0, |number| number.cast_signed().saturating_neg());
                        return match Errno::from_raw(errno) {
                            // The kernel has no such family or protocol.
                            Errno::ENOENT | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT => Ok(false),
                            errno => Err(failed("read the kernel's sockets")(errno)),
                        };
                    }
                    SOCK_DIAG_BY_FAMILY => {
                        take(message);
                        if flags == REQUEST {
                            return Ok(true);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// Sockets of an internet protocol (struct inet_diag_req_v2). `false` where this kernel cannot tell.
    pub fn internet(
        &mut self,
        protocol: Protocol,
        number: u8,
        six: bool,
        details: bool,
        sockets: &mut Vec<Socket>,
    ) -> Result<bool, Error> {
        let family = if six { libc::AF_INET6 } else { libc::AF_INET } as u8;
        let wanted = |attribute: u16| 1u8 << (attribute - 1);
        let extensions =
            if details { wanted(INET_DIAG_INFO) | wanted(INET_DIAG_CONG) | wanted(INET_DIAG_SKMEMINFO) } else { 0 };
        let mut request = vec![family, number, extensions, 0];
        // All states; then the id of one socket, which is not asked for.
        request.extend_from_slice(&u32::MAX.to_ne_bytes());
        request.resize(8 + 48, 0);
        self.dump(&request, &mut |message| sockets.extend(inet(message, Some(protocol))))
    }

    /// Sockets of an internet protocol in these states (a bit each, by [`State`]'s numbers).
    pub fn in_states(&mut self, protocol: Protocol, states: u32, sockets: &mut Vec<Socket>) -> Result<(), Error> {
        let number = if protocol == Protocol::Tcp { libc::IPPROTO_TCP } else { libc::IPPROTO_UDP } as u8;
        for family in [libc::AF_INET, libc::AF_INET6] {
            let mut request = vec![family as u8, number, 0, 0];
            request.extend_from_slice(&states.to_ne_bytes());
            request.resize(8 + 48, 0);
            self.dump(&request, &mut |message| sockets.extend(inet(message, Some(protocol))))?;
        }
        Ok(())
    }

    /// The socket that stands for a TCP connection between these ends; else the listener that the kernel would choose for
    /// it. Asks for that one alone: no list is made.
    pub fn tcp_between(&mut self, local: SocketAddr, remote: SocketAddr) -> Result<Option<Socket>, Error> {
        let family = if local.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET } as u8;
        let mut request = vec![family, libc::IPPROTO_TCP as u8, 0, 0];
        request.extend_from_slice(&u32::MAX.to_ne_bytes());
        request.extend_from_slice(&local.port().to_be_bytes());
        request.extend_from_slice(&remote.port().to_be_bytes());
        for end in [local, remote] {
            let mut address = [0; 16];
            match end.ip() {
                IpAddr::V4(ip) => address[..4].copy_from_slice(&ip.octets()),
                IpAddr::V6(ip) => address = ip.octets(),
            }
            request.extend_from_slice(&address);
        }
        // Any interface; any cookie (INET_DIAG_NOCOOKIE).
        request.extend_from_slice(&0u32.to_ne_bytes());
        request.extend_from_slice(&u64::MAX.to_ne_bytes());
        let mut found = None;
        self.exchange(REQUEST, &request, &mut |message| found = inet(message, Some(Protocol::Tcp)))?;
        Ok(found)
    }

    /// Unix sockets (struct unix_diag_req).
    pub fn unix(&mut self, sockets: &mut Vec<Socket>) -> Result<(), Error> {
        /// Name, peer, queues, user (UDIAG_SHOW_*).
        const SHOW: u32 = 1 | 4 | 0x10 | 0x40;
        let mut request = vec![libc::AF_UNIX as u8, 0, 0, 0];
        request.extend_from_slice(&u32::MAX.to_ne_bytes());
        request.extend_from_slice(&0u32.to_ne_bytes());
        request.extend_from_slice(&SHOW.to_ne_bytes());
        request.extend_from_slice(&[0; 8]);
        self.dump(&request, &mut |message| sockets.extend(unix(message))).map(|_| ())
    }

    /// Packet sockets (struct packet_diag_req).
    pub fn packet(&mut self, sockets: &mut Vec<Socket>) -> Result<(), Error> {
        /// Information and memory (PACKET_SHOW_INFO, PACKET_SHOW_MEMINFO).
        const SHOW: u32 = 1 | 0x20;
        let mut request = vec![libc::AF_PACKET as u8, 0, 0, 0];
        request.extend_from_slice(&0u32.to_ne_bytes());
        request.extend_from_slice(&SHOW.to_ne_bytes());
        request.extend_from_slice(&[0; 8]);
        self.dump(&request, &mut |message| sockets.extend(packet(message))).map(|_| ())
    }

    /// The notices that are waiting: sockets that have gone. Tells whether some were lost for want of room.
    pub fn notices(&mut self, take: &mut dyn FnMut(Socket)) -> Result<bool, Error> {
        let mut lost = false;
        loop {
            let received = socket::recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT);
            let bytes = match received {
                Err(Errno::EAGAIN) => return Ok(lost),
                Err(Errno::EINTR) => continue,
                Err(Errno::ENOBUFS) => {
                    lost = true;
                    continue;
                }
                received => received.map_err(failed("read the kernel's notices of sockets"))?,
            };
            let mut rest = self.buffer.get(..bytes).unwrap_or_default();
            while let Some((_, _, message)) = next_message(&mut rest) {
                inet(message, None).into_iter().for_each(&mut *take);
            }
        }
    }
}

/// Takes one message off: its type, the number of the question, its body.
fn next_message<'a>(rest: &mut &'a [u8]) -> Option<(u16, u32, &'a [u8])> {
    let length = usize::try_from(u32_at(rest, 0)?).ok()?;
    let kind = u16_at(rest, 4)?;
    let sequence = u32_at(rest, 8)?;
    let body = rest.get(HEADER..length)?;
    *rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, sequence, body))
}

/// struct inet_diag_msg. `protocol` is known to whom asked; notices carry it in an attribute.
fn inet(message: &[u8], protocol: Option<Protocol>) -> Option<Socket> {
    let attributes = Attributes(message.get(INET_MESSAGE..)?);
    let protocol = match protocol {
        Some(protocol) => protocol,
        None => match i32::from(*attributes.find(INET_DIAG_PROTOCOL)?.first()?) {
            libc::IPPROTO_TCP => Protocol::Tcp,
            libc::IPPROTO_UDP => Protocol::Udp,
            _ => Protocol::Raw,
        },
    };
    let mut socket = Socket::new(protocol);
    let [family, state, timer, times] = *message.first_chunk()?;
    socket.state = State(if state == NEW_SYN_RECEIVED { SYN_RECEIVED } else { state });
    socket.local = Endpoint::Address(address(message, family, 8, 4)?);
    socket.remote = Endpoint::Address(address(message, family, 24, 6)?);
    socket.interface = u32_at(message, 40)?;
    socket.cookie = u64::from(u32_at(message, 44)?) | u64::from(u32_at(message, 48)?) << 32;
    let left = u32_at(message, 52)?;
    let what = match timer {
        1 => Some(Waits::Retransmission),
        2 => Some(Waits::KeepAlive),
        3 => Some(Waits::TimeWait),
        4 => Some(Waits::Probe),
        _ => None,
    };
    socket.timer = what.map(|what| Timer { what, left, times });
    socket.receive_queue = u32_at(message, 56)?;
    socket.send_queue = u32_at(message, 60)?;
    socket.uid = u32_at(message, 64).filter(|_| socket.state != State::TIME_WAIT);
    socket.inode = u32_at(message, 68)?;
    socket.v6only = attributes.find(INET_DIAG_SKV6ONLY).and_then(|value| Some(*value.first()? != 0));
    socket.memory = attributes.find(INET_DIAG_SKMEMINFO).and_then(memory);
    socket.congestion =
        attributes.find(INET_DIAG_CONG).map(|name| String::from_utf8_lossy(until_zero(name)).into_owned());
    socket.tcp = attributes.find(INET_DIAG_INFO).filter(|_| protocol == Protocol::Tcp).map(|bytes| {
        // What a listener's counters would say is told by its queues.
        Box::new(TcpInfo::read(bytes))
    });
    Some(socket)
}

/// TCP_NEW_SYN_RECV, a connection that is not yet a socket of its own, and TCP_SYN_RECV (net/tcp_states.h).
const NEW_SYN_RECEIVED: u8 = 12;
const SYN_RECEIVED: u8 = 3;

fn address(message: &[u8], family: u8, at: usize, port: usize) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(*message.get(port..)?.first_chunk()?);
    let ip = if i32::from(family) == libc::AF_INET6 {
        IpAddr::V6(Ipv6Addr::from(*message.get(at..)?.first_chunk::<16>()?))
    } else {
        IpAddr::V4(Ipv4Addr::from(*message.get(at..)?.first_chunk::<4>()?))
    };
    Some(SocketAddr::new(ip, port))
}

fn memory(bytes: &[u8]) -> Option<Memory> {
    Some(Memory {
        receive_used: u32_at(bytes, 0)?,
        receive_buffer: u32_at(bytes, 4)?,
        send_used: u32_at(bytes, 20)?,
        send_buffer: u32_at(bytes, 12)?,
        drops: u32_at(bytes, 32).unwrap_or(0),
    })
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn kind_of_socket(number: u8) -> &'static str {
    match i32::from(number) {
        libc::SOCK_STREAM => "stream",
        libc::SOCK_DGRAM => "dgram",
        libc::SOCK_RAW => "raw",
        libc::SOCK_SEQPACKET => "seqpacket",
        _ => "",
    }
}

/// struct unix_diag_msg, 16 bytes: family, type, state, pad, inode, cookie.
fn unix(message: &[u8]) -> Option<Socket> {
    let attributes = Attributes(message.get(16..)?);
    let mut socket = Socket::new(Protocol::Unix);
    let [_, kind, state, _] = *message.first_chunk()?;
    socket.kind = kind_of_socket(kind);
    socket.state = State(state);
    socket.inode = u32_at(message, 4)?;
    socket.cookie = u64::from(u32_at(message, 8)?) | u64::from(u32_at(message, 12)?) << 32;
    socket.local = Endpoint::Path(match attributes.find(0) {
        Some([0, name @ ..]) => [b"@", name].concat(),
        Some(path) => until_zero(path).to_vec(),
        None => Vec::new(),
    });
    socket.remote = Endpoint::Peer(attributes.find(2).and_then(|peer| u32_at(peer, 0)).unwrap_or(0));
    if let Some(queues) = attributes.find(4) {
        socket.receive_queue = u32_at(queues, 0)?;
        socket.send_queue = u32_at(queues, 4)?;
    }
    socket.uid = attributes.find(7).and_then(|uid| u32_at(uid, 0));
    Some(socket)
}

/// struct packet_diag_msg, 16 bytes: family, type, EtherType, inode, cookie.
fn packet(message: &[u8]) -> Option<Socket> {
    let attributes = Attributes(message.get(16..)?);
    let mut socket = Socket::new(Protocol::Packet);
    let [_, kind] = *message.first_chunk()?;
    socket.kind = kind_of_socket(kind);
    socket.local = Endpoint::EtherType(u16_at(message, 2)?);
    socket.remote = Endpoint::EtherType(0);
    socket.inode = u32_at(message, 4)?;
    socket.cookie = u64::from(u32_at(message, 8)?) | u64::from(u32_at(message, 12)?) << 32;
    // struct packet_diag_info begins with the interface.
    socket.interface = attributes.find(0).and_then(|info| u32_at(info, 0)).unwrap_or(0);
    socket.uid = attributes.find(4).and_then(|uid| u32_at(uid, 0));
    socket.memory = attributes.find(6).and_then(memory);
    socket.receive_queue = socket.memory.map_or(0, |memory| memory.receive_used);
    Some(socket)
}
