//! Asking NETLINK_SOCK_DIAG (sock_diag(7), netlink(7); linux/inet_diag.h, unix_diag.h, packet_diag.h).
//!
//! Numbers are in host byte order but ports and addresses, which are as on the wire. Messages are read through checked
//! slices: a kernel newer or older than this code has longer or shorter ones, and what is missing stays unknown.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::MsgFlags;

use super::{Endpoint, Error, Memory, Protocol, Socket, State, Timer, Waits};
use crate::io::netlink::attributes::{Attributes, u16_at, u32_at};
use crate::io::netlink::{Netlink, Wanted};
use crate::io::tcp_info::TcpInfo;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// Attributes of an internet socket.
const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_CONG: u16 = 4;
const INET_DIAG_SKMEMINFO: u16 = 7;
const INET_DIAG_PROTOCOL: u16 = 10;
const INET_DIAG_SKV6ONLY: u16 = 11;
/// Bytes of struct inet_diag_msg.
const INET_MESSAGE: usize = 72;

/// An open question to the kernel.
pub struct Diag(Netlink);

fn failed(operation: &'static str) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Failed { operation, source: errno.into() }
}

impl Diag {
    pub fn open() -> Result<Self, Error> {
        Self::listening(0)
    }

    /// Also hears of what happens in these groups (a bit each: SKNLGRP_* of linux/sock_diag.h, less one).
    pub fn listening(groups: u32) -> Result<Self, Error> {
        Netlink::sockets(groups).map(Self).map_err(failed("open a socket to the kernel's list of sockets"))
    }

    /// The descriptor to wait for notices with.
    pub fn socket(&self) -> &OwnedFd {
        self.0.descriptor()
    }

    /// Sends a request for all that match and hands the answers' bodies on. `false` where this kernel lacks that part.
    fn list(&mut self, body: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        self.ask(Wanted::All, body, take)
    }

    fn ask(&mut self, wanted: Wanted, body: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        match self.0.ask(SOCK_DIAG_BY_FAMILY, wanted, body, take) {
            Ok(_) => Ok(true),
            // There is no such socket, or the kernel has no such family or protocol.
            Err(Errno::ENOENT | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT) => Ok(false),
            Err(errno) => Err(failed("ask the kernel for its sockets")(errno)),
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
        self.list(&request, &mut |message| sockets.extend(inet(message, Some(protocol))))
    }

    /// Sockets of an internet protocol in these states (a bit each, by [`State`]'s numbers).
    pub fn in_states(&mut self, protocol: Protocol, states: u32, sockets: &mut Vec<Socket>) -> Result<(), Error> {
        let number = if protocol == Protocol::Tcp { libc::IPPROTO_TCP } else { libc::IPPROTO_UDP } as u8;
        for family in [libc::AF_INET, libc::AF_INET6] {
            let mut request = vec![family as u8, number, 0, 0];
            request.extend_from_slice(&states.to_ne_bytes());
            request.resize(8 + 48, 0);
            self.list(&request, &mut |message| sockets.extend(inet(message, Some(protocol))))?;
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
        self.ask(Wanted::One, &request, &mut |message| found = inet(message, Some(Protocol::Tcp)))?;
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
        self.list(&request, &mut |message| sockets.extend(unix(message))).map(|_| ())
    }

    /// Packet sockets (struct packet_diag_req).
    pub fn packet(&mut self, sockets: &mut Vec<Socket>) -> Result<(), Error> {
        /// Information and memory (PACKET_SHOW_INFO, PACKET_SHOW_MEMINFO).
        const SHOW: u32 = 1 | 0x20;
        let mut request = vec![libc::AF_PACKET as u8, 0, 0, 0];
        request.extend_from_slice(&0u32.to_ne_bytes());
        request.extend_from_slice(&SHOW.to_ne_bytes());
        request.extend_from_slice(&[0; 8]);
        self.list(&request, &mut |message| sockets.extend(packet(message))).map(|_| ())
    }

    /// The notices that are waiting: sockets that have gone. Tells whether some were lost for want of room.
    pub fn notices(&mut self, take: &mut dyn FnMut(Socket)) -> Result<bool, Error> {
        let mut lost = false;
        loop {
            let mut each = |_, message: &[u8]| inet(message, None).into_iter().for_each(&mut *take);
            match self.0.notices(MsgFlags::MSG_DONTWAIT, &mut each) {
                Ok(()) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(lost),
                Err(Errno::ENOBUFS) => lost = true,
                Err(errno) => return Err(failed("read the kernel's notices of sockets")(errno)),
            }
        }
    }
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
