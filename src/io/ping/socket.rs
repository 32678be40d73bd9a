//! The sockets of probes: one for all echo requests, one for each SYN or datagram.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    self, AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, getsockopt,
    setsockopt, sockopt,
};

use super::super::error_queue;
use super::Options;
use crate::engine::ping::{Answer, Probe, Protocol, What, echo, packet};

/// Sockets that are open at once: an answer to an older probe is not seen.
const MOST_SOCKETS: usize = 256;
/// Packets that are read before time is looked at again.
const MOST_AT_ONCE: usize = 64;
/// The largest packet there is.
const LARGEST: usize = 65_536;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    NotAllowed(String),
    #[error("cannot {operation}: {source}")]
    Failed { operation: String, source: io::Error },
}

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    Probe(u64),
    /// An echo request's sequence number.
    Sequence(u16),
}

/// What there is to send with.
#[derive(Debug)]
pub struct Wire {
    options: Options,
    source: IpAddr,
    kind: Kind,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Kind {
    /// `raw`: sees every ICMP message of the target, and looks for its own.
    Echo { socket: OwnedFd, raw: bool, identifier: u16 },
    /// A socket for each probe, the oldest first.
    Each(VecDeque<(u64, OwnedFd)>),
}

impl Wire {
    /// Opens what takes a privilege; later it may be given up.
    pub fn open(options: Options) -> Result<Self, Error> {
        let any = match options.target.address.is_ipv6() {
            true => IpAddr::from([0u16; 8]),
            false => IpAddr::from([0u8; 4]),
        };
        let (kind, source) = match options.target.protocol {
            Protocol::Echo => echo_socket(&options)?,
            _ => {
                // What is wrong with the target or the options is told before anything is sent.
                let trial = datagram_socket(&options).map_err(|errno| failed(&options, errno))?;
                (Kind::Each(VecDeque::new()), own(&trial))
            }
        };
        let source = source.map_or(any, |own| own.ip());
        Ok(Self { options, source, kind, buffer: vec![0; LARGEST] })
    }

    /// The address that probes leave with.
    pub fn source(&self) -> IpAddr {
        self.source
    }

    /// The identifier of its echo requests.
    pub fn identifier(&self) -> Option<u16> {
        match self.kind {
            Kind::Echo { identifier, .. } => Some(identifier),
            Kind::Each(_) => None,
        }
    }

    /// Sends a probe; `Err`: what stands in its way.
    pub fn send(&mut self, probe: Probe) -> Result<(), Answer> {
        let local = |errno: Errno| Answer { what: What::Local(errno as i32), from: None, ttl: None };
        let (six, target) = (self.options.target.address.is_ipv6(), self.options.target.address);
        match &mut self.kind {
            Kind::Echo { socket, identifier, .. } => {
                if probe.ttl.is_some() {
                    lives(socket, six, probe.ttl).map_err(local)?;
                }
                let bytes = echo::request(six, *identifier, probe.number as u16, self.options.length);
                let send = || socket::send(socket.as_raw_fd(), &bytes, MsgFlags::MSG_DONTWAIT).map(|_| ());
                // An error that came meanwhile is told by the next call, whatever it is (ip(7)): the queue has it too.
                send().or_else(|_| send()).map_err(local)
            }
            Kind::Each(open) => {
                let opened = match self.options.target.protocol {
                    Protocol::Tcp => stream_socket(&self.options, probe.ttl),
                    _ => datagram_socket(&self.options).and_then(|socket| {
                        if probe.ttl.is_some() {
                            lives(&socket, six, probe.ttl)?;
                        }
                        let bytes = packet::data(self.options.length);
                        socket::send(socket.as_raw_fd(), &bytes, MsgFlags::MSG_DONTWAIT)?;
                        Ok(socket)
                    }),
                };
                if open.len() == MOST_SOCKETS {
                    open.pop_front();
                }
                match opened {
                    Ok(socket) => {
                        open.push_back((probe.number, socket));
                        Ok(())
                    }
                    // On this machine the answer may be there before connect(2) returns.
                    Err(Errno::ECONNREFUSED) if self.options.target.protocol == Protocol::Tcp => {
                        Err(Answer { what: What::Reset, from: Some(target.ip()), ttl: None })
                    }
                    Err(errno) => Err(local(errno)),
                }
            }
        }
    }

    /// Nobody waits for this one's answer any more: a connection is not to come about later. A datagram's socket stays,
    /// for what comes late.
    pub fn give_up(&mut self, number: u64) {
        if let (Kind::Each(open), Protocol::Tcp) = (&mut self.kind, self.options.target.protocol) {
            open.retain(|(other, _)| *other != number);
        }
    }

    pub fn descriptors(&self) -> impl Iterator<Item = PollFd<'_>> {
        let flags = match self.options.target.protocol {
            Protocol::Tcp => PollFlags::POLLOUT,
            _ => PollFlags::POLLIN,
        };
        let (one, each) = match &self.kind {
            Kind::Echo { socket, .. } => (Some(socket), None),
            Kind::Each(open) => (None, Some(open.iter().map(|(_, socket)| socket))),
        };
        one.into_iter().chain(each.into_iter().flatten()).map(move |socket| PollFd::new(socket.as_fd(), flags))
    }

    /// Hands on all that came, with the time it came at.
    pub fn receive(&mut self, begun: Instant, give: &mut dyn FnMut(Duration, Number, Answer)) {
        let (six, target) = (self.options.target.address.is_ipv6(), self.options.target.address.ip());
        let length = self.options.length;
        match &mut self.kind {
            Kind::Echo { socket, raw, identifier } => {
                for _ in 0..MOST_AT_ONCE {
                    let Some(report) = error_queue::report(socket) else { break };
                    if let Some(sequence) = echo::quoted(six, &report.payload, *identifier) {
                        give(at(report.stamp, begun), Number::Sequence(sequence), answer(&report));
                    }
                }
                for _ in 0..MOST_AT_ONCE {
                    let Ok(came) = came(socket, &mut self.buffer) else { break };
                    let bytes = self.buffer.get(..came.length).unwrap_or_default();
                    let Some(reply) = echo::reply(six, *raw && !six, bytes, Some(*identifier), length) else {
                        continue;
                    };
                    let what = What::Echo { length: reply.length, same: reply.same };
                    let answer = Answer { what, from: Some(came.from.unwrap_or(target)), ttl: came.ttl };
                    give(at(came.stamp, begun), Number::Sequence(reply.sequence), answer);
                }
            }
            Kind::Each(open) if self.options.target.protocol == Protocol::Tcp => open.retain(|(number, socket)| {
                let Some(found) = connected(socket, target) else { return true };
                give(begun.elapsed(), Number::Probe(*number), found);
                false
            }),
            Kind::Each(open) => {
                for (number, socket) in open.iter() {
                    for _ in 0..MOST_AT_ONCE {
                        let Some(report) = error_queue::report(socket) else { break };
                        give(at(report.stamp, begun), Number::Probe(*number), answer(&report));
                    }
                    for _ in 0..MOST_AT_ONCE {
                        let came = match came(socket, &mut self.buffer) {
                            Ok(came) => came,
                            // The error that the queue has told already.
                            Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => continue,
                            Err(_) => break,
                        };
                        let what = What::Datagram { length: came.length };
                        let answer = Answer { what, from: Some(target), ttl: came.ttl };
                        give(at(came.stamp, begun), Number::Probe(*number), answer);
                    }
                }
            }
        }
    }
}

fn answer(report: &error_queue::Reported) -> Answer {
    let (kind, code, info) = (report.kind, report.code, report.info);
    Answer { what: What::Icmp { kind, code, info }, from: report.from, ttl: None }
}

/// What became of a connection; `None`: nothing yet.
fn connected(socket: &OwnedFd, target: IpAddr) -> Option<Answer> {
    let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut ready, PollTimeout::ZERO) != Ok(1) {
        return None;
    }
    let of = |what| Some(Answer { what, from: Some(target), ttl: None });
    match getsockopt(socket, sockopt::SocketError).map(Errno::from_raw) {
        Ok(errno) if errno as i32 == 0 => of(What::Open),
        Ok(errno) => match error_queue::report(socket) {
            Some(report) => Some(answer(&report)),
            None if errno == Errno::ECONNREFUSED => of(What::Reset),
            None => Some(Answer { what: What::Local(errno as i32), from: None, ttl: None }),
        },
        Err(_) => None,
    }
}

/// A packet that came.
struct Came {
    length: usize,
    from: Option<IpAddr>,
    ttl: Option<u8>,
    /// By the kernel's clock, when it came from the interface.
    stamp: Option<SystemTime>,
}

/// When a packet with this stamp came, since `begun`: this program may have been late to look.
fn at(stamp: Option<SystemTime>, begun: Instant) -> Duration {
    let now = begun.elapsed();
    let late = stamp.and_then(|stamp| SystemTime::now().duration_since(stamp).ok()).unwrap_or_default();
    // A clock that was set meanwhile says nothing.
    if late < Duration::from_secs(1) { now.saturating_sub(late) } else { now }
}

fn came(socket: &OwnedFd, buffer: &mut [u8]) -> nix::Result<Came> {
    let mut pieces = [IoSliceMut::new(buffer)];
    let mut room = nix::cmsg_space!(libc::timespec, i32, i32);
    let message =
        socket::recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut pieces, Some(&mut room), MsgFlags::MSG_DONTWAIT)?;
    let from = message.address.and_then(|address| {
        let four = address.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
        four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip())))
    });
    let mut came = Came { length: message.bytes, from, ttl: None, stamp: None };
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                came.ttl = u8::try_from(ttl).ok();
            }
            ControlMessageOwned::ScmTimestampns(time) => {
                came.stamp = SystemTime::UNIX_EPOCH.checked_add(time.into());
            }
            _ => {}
        }
    }
    Ok(came)
}

fn failed(options: &Options, errno: Errno) -> Error {
    Error::Failed { operation: format!("send to {}", options.target.address.ip()), source: errno.into() }
}

/// A ping socket, else a raw one, connected to the target.
fn echo_socket(options: &Options) -> Result<(Kind, Option<SocketAddr>), Error> {
    let six = options.target.address.is_ipv6();
    let protocol = if six { SockProtocol::IcmpV6 } else { SockProtocol::Icmp };
    let opened = match open(options, SockType::Datagram, Some(protocol)) {
        Err(Errno::EACCES | Errno::EPERM) => open(options, SockType::Raw, Some(protocol)).map(|socket| (socket, true)),
        other => other.map(|socket| (socket, false)),
    };
    let (socket, raw) = match opened {
        Ok(opened) => opened,
        Err(Errno::EACCES | Errno::EPERM) => return Err(Error::NotAllowed(remedy())),
        Err(errno) => return Err(failed(options, errno)),
    };
    connect(&socket, options.target.address).map_err(|errno| failed(options, errno))?;
    let own = own(&socket);
    // The kernel puts the number of a ping socket, as if it were a port, into each request (icmp(7)).
    let identifier = if raw { std::process::id() as u16 } else { own.map_or(0, |own| own.port()) };
    Ok((Kind::Echo { socket, raw, identifier }, own))
}

/// The address and port of this end.
fn own(socket: &OwnedFd) -> Option<SocketAddr> {
    let own = socket::getsockname::<SockaddrStorage>(socket.as_raw_fd()).ok()?;
    let four = own.as_sockaddr_in().map(|own| SocketAddr::from((own.ip(), own.port())));
    four.or_else(|| own.as_sockaddr_in6().map(|own| SocketAddr::from((own.ip(), own.port()))))
}

fn remedy() -> String {
    format!(
        "echo requests need a ping socket (net.ipv4.ping_group_range, icmp(7)) or CAP_NET_RAW\n\
         let every user have ping sockets:  sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'\n\
         or grant it to netlab once:        sudo setcap cap_net_raw+ep {}\n\
         --tcp PORT and --udp PORT need neither, nor does --private",
        super::super::link::program()
    )
}

fn datagram_socket(options: &Options) -> nix::Result<OwnedFd> {
    let socket = open(options, SockType::Datagram, None)?;
    connect(&socket, options.target.address)?;
    Ok(socket)
}

fn stream_socket(options: &Options, ttl: Option<u8>) -> nix::Result<OwnedFd> {
    let socket = open(options, SockType::Stream, None)?;
    if ttl.is_some() {
        lives(&socket, options.target.address.is_ipv6(), ttl)?;
    }
    match connect(&socket, options.target.address) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(socket),
        Err(errno) => Err(errno),
    }
}

fn open(options: &Options, kind: SockType, protocol: Option<SockProtocol>) -> nix::Result<OwnedFd> {
    let six = options.target.address.is_ipv6();
    let family = if six { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let socket = socket::socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, protocol)?;
    error_queue::keep(&socket, six);
    // Without these an answer has no time to live, and is as late as this program looks.
    let _ = match six {
        true => setsockopt(&socket, sockopt::Ipv6RecvHopLimit, &true),
        false => setsockopt(&socket, sockopt::Ipv4RecvTtl, &true),
    };
    let _ = setsockopt(&socket, sockopt::ReceiveTimestampns, &true);
    if let Some(name) = &options.interface {
        setsockopt(&socket, sockopt::BindToDevice, &name.into())?;
    }
    lives(&socket, six, options.ttl)?;
    Ok(socket)
}

fn connect(socket: &OwnedFd, to: SocketAddr) -> nix::Result<()> {
    socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(to))
}

/// Sets the time to live of what is sent, where there is one to set.
fn lives(socket: &OwnedFd, six: bool, ttl: Option<u8>) -> nix::Result<()> {
    let Some(ttl) = ttl.map(i32::from) else { return Ok(()) };
    if six { setsockopt(socket, sockopt::Ipv6Ttl, &ttl) } else { setsockopt(socket, sockopt::Ipv4Ttl, &ttl) }
}
