//! Probes: a TCP connection, a datagram, an echo request (RFC 792, RFC 4443 §4), all under way at once.
//!
//! Echo requests go through a ping socket where the user may have one (net.ipv4.ping_group_range, icmp(7)), else through
//! a raw one, else a datagram to a port that nobody has takes their place (RFC 1122 §4.1.3.1). Guarantee: it ends after
//! [`LONGEST`], whatever does not answer.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    self, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, getsockopt, sockopt,
};

use super::super::error_queue::{self, Entry};
use crate::engine::doctor::facts::{Answer, Icmp, Transport};
use crate::engine::ping::echo;
use crate::io::tcp_info;

/// Long enough for a second SYN, which follows the first after a second (RFC 6298 §2.1).
const LONGEST: Duration = Duration::from_millis(2300);
/// When an echo request that may have been lost is sent again; programs get a datagram once.
const AGAIN: Duration = Duration::from_millis(800);
/// A datagram is answered by ICMP at once, or by nothing.
const DATAGRAM: Duration = Duration::from_millis(1500);
/// traceroute(8)'s first port: nobody has it.
const UNUSED_PORT: u16 = 33434;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Knock,
    Echo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Connection,
    Datagram,
    /// A datagram whose refusal is the answer.
    Refusal,
    Ping,
    /// Sees every ICMP message of the peer, and has to look for its own.
    Raw,
}

#[derive(Debug)]
struct Probe {
    address: IpAddr,
    what: What,
    means: Means,
    socket: Option<OwnedFd>,
    begun: Instant,
    again: bool,
    /// How often the kernel has sent the SYN again.
    repeated: u32,
    answer: Option<Answer>,
}

/// What became of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub address: IpAddr,
    pub what: What,
    pub answer: Answer,
    /// SYNs that were sent again before the connection came.
    pub repeated: u32,
}

/// Probes to be sent together.
#[derive(Debug, Default)]
pub struct Probes {
    /// The interface of addresses that belong to one link, by index.
    scope: u32,
    wanted: Vec<(IpAddr, u16, What, Transport)>,
}

impl Probes {
    pub fn on(scope: u32) -> Self {
        Self { scope, wanted: Vec::new() }
    }

    pub fn knock(&mut self, address: IpAddr, port: u16, transport: Transport) {
        self.wanted.push((address, port, What::Knock, transport));
    }

    pub fn echo(&mut self, address: IpAddr) {
        self.wanted.push((address, 0, What::Echo, Transport::Udp));
    }

    /// Sends them and waits for the answers. `waiting` is told once what is waited for for more than a second.
    pub fn run(self, waiting: &mut dyn FnMut(&str)) -> Vec<Outcome> {
        let start = Instant::now();
        let wanted = self.wanted.iter();
        let mut probes: Vec<Probe> = wanted
            .map(|(address, port, what, transport)| match (what, transport) {
                (What::Echo, _) => Probe::echo(*address, self.scope),
                (_, Transport::Tcp) => Probe::begin((*address, *port, self.scope), *what, Means::Connection),
                (_, Transport::Udp) => Probe::begin((*address, *port, self.scope), *what, Means::Datagram),
            })
            .collect();
        let mut told = false;
        loop {
            let now = Instant::now();
            for probe in &mut probes {
                probe.pass(now);
            }
            let open = || probes.iter().filter(|probe| probe.answer.is_none());
            if open().next().is_none() {
                break;
            }
            if now >= start + Duration::from_secs(1) && !std::mem::replace(&mut told, true) {
                let what: Vec<String> = open().map(Probe::words).collect();
                waiting(&what.join(", "));
            }
            wait(open());
        }
        let outcome = |probe: Probe| {
            let Probe { address, what, repeated, .. } = probe;
            Some(Outcome { address, what, answer: probe.answer?, repeated })
        };
        probes.into_iter().filter_map(outcome).collect()
    }
}

/// Until one of them has news, or a moment has passed.
fn wait<'a>(probes: impl Iterator<Item = &'a Probe>) {
    let flags = |probe: &Probe| match probe.means {
        Means::Connection => PollFlags::POLLOUT,
        _ => PollFlags::POLLIN,
    };
    let mut descriptors: Vec<PollFd<'_>> =
        probes.filter_map(|probe| Some(PollFd::new(probe.socket.as_ref()?.as_fd(), flags(probe)))).collect();
    // An interrupted wait is a short one.
    let _ = poll(&mut descriptors, PollTimeout::from(50u8));
}

impl Probe {
    fn echo(address: IpAddr, scope: u32) -> Self {
        [Means::Ping, Means::Raw]
            .into_iter()
            .map(|means| Self::begin((address, 0, scope), What::Echo, means))
            // EACCES, EPERM: this user may not; another means may do.
            .find(|probe| probe.socket.is_some() || !matches!(probe.answer, Some(Answer::Refused(1 | 13))))
            .unwrap_or_else(|| Self::begin((address, UNUSED_PORT, scope), What::Echo, Means::Refusal))
    }

    fn begin((address, port, scope): (IpAddr, u16, u32), what: What, means: Means) -> Self {
        let begun = Instant::now();
        let mut probe = Self { address, what, means, socket: None, begun, again: false, repeated: 0, answer: None };
        if let Err(errno) = probe.open(port, scope) {
            probe.answer = Some(Answer::Refused(errno as i32));
        }
        probe
    }

    fn open(&mut self, port: u16, scope: u32) -> nix::Result<()> {
        let six = self.address.is_ipv6();
        let family = if six { AddressFamily::Inet6 } else { AddressFamily::Inet };
        let icmp = if six { SockProtocol::IcmpV6 } else { SockProtocol::Icmp };
        let (kind, protocol) = match self.means {
            Means::Connection => (SockType::Stream, None),
            Means::Datagram | Means::Refusal => (SockType::Datagram, None),
            Means::Ping => (SockType::Datagram, Some(icmp)),
            Means::Raw => (SockType::Raw, Some(icmp)),
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket::socket(family, kind, flags, protocol)?;
        error_queue::keep(&socket, six);
        let peer = end(self.address, port, scope);
        let connected = socket::connect(socket.as_raw_fd(), &peer);
        self.socket = Some(socket);
        match connected {
            Err(Errno::EINPROGRESS) => {}
            other => other?,
        }
        if self.means == Means::Connection { Ok(()) } else { self.send() }
    }

    fn send(&self) -> nix::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let six = self.address.is_ipv6();
        let bytes = match self.means {
            Means::Ping | Means::Raw => echo::request(six, identifier(), 1, 16),
            // An empty line: what a server of text expects least to be hurt by.
            _ => b"\n".to_vec(),
        };
        socket::send(socket.as_raw_fd(), &bytes, MsgFlags::MSG_DONTWAIT).map(|_| ())
    }

    /// Looks whether there is an answer, and gives up after a time.
    fn pass(&mut self, now: Instant) {
        if self.answer.is_some() {
            return;
        }
        self.answer = self.look();
        if let (Some(Answer::Came(_)), Means::Connection, Some(socket)) = (&self.answer, self.means, &self.socket) {
            self.repeated = tcp_info::of(socket).map_or(0, |info| info.retransmitted);
        }
        let passed = now.saturating_duration_since(self.begun);
        let (longest, after) = match self.means {
            Means::Datagram => (DATAGRAM, Answer::Taken),
            _ => (LONGEST, Answer::Silence(LONGEST.as_millis() as u64)),
        };
        if self.answer.is_none() && passed >= longest {
            self.answer = Some(after);
        } else if self.answer.is_none()
            && passed >= AGAIN
            && !self.again
            && !matches!(self.means, Means::Connection | Means::Datagram)
        {
            self.again = true;
            // The first one is still under way: its error would have come by now.
            let _ = self.send();
        }
    }

    fn look(&self) -> Option<Answer> {
        let socket = self.socket.as_ref()?;
        let came = || Some(Answer::Came(self.begun.elapsed().as_secs_f64() * 1000.0));
        if self.means == Means::Connection {
            let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
            if poll(&mut ready, PollTimeout::ZERO) != Ok(1) {
                return None;
            }
            return match getsockopt(socket, sockopt::SocketError).unwrap_or(0) {
                0 => came(),
                errno => match error_queue::take(socket) {
                    Some(Entry { icmp, from }) => Some(Answer::Icmp(icmp, from)),
                    None if errno == Errno::ECONNREFUSED as i32 => Some(Answer::Reset),
                    None if errno == Errno::ETIMEDOUT as i32 => Some(Answer::Silence(LONGEST.as_millis() as u64)),
                    None => Some(Answer::Refused(errno)),
                },
            };
        }
        if let Some(Entry { icmp, from }) = error_queue::take(socket) {
            let own = from.is_none_or(|from| from == self.address);
            return match (self.means, icmp) {
                (Means::Refusal, Icmp::Port) if own => came(),
                _ => Some(Answer::Icmp(icmp, from)),
            };
        }
        let mut bytes = [0; 256];
        while let Ok(length) = socket::recv(socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
            if self.is_answer(bytes.get(..length).unwrap_or_default()) {
                return came();
            }
        }
        None
    }

    fn is_answer(&self, bytes: &[u8]) -> bool {
        match self.means {
            // The kernel hands on what belongs to this socket only.
            Means::Raw => echoed(self.address.is_ipv6(), true, bytes).is_some(),
            _ => true,
        }
    }

    fn words(&self) -> String {
        let what = match (self.what, self.means) {
            (What::Echo, _) => "an echo reply",
            (What::Knock, Means::Connection) => "a SYN+ACK",
            (What::Knock, _) => "an answer to a datagram",
        };
        format!("{what} from {}", self.address)
    }
}

/// An address for connect(2), with its interface where it belongs to one link.
pub fn end(address: IpAddr, port: u16, scope: u32) -> SockaddrStorage {
    SockaddrStorage::from(match address {
        IpAddr::V4(four) => SocketAddr::from((four, port)),
        IpAddr::V6(six) => SocketAddr::V6(SocketAddrV6::new(six, port, 0, scope)),
    })
}

/// What tells this process's echo requests from others'.
pub fn identifier() -> u16 {
    std::process::id() as u16
}

/// The sequence number of an answer to ours; `None` for anything else. A raw socket sees the answers to others, too, and
/// IPv4's with their header (raw(7)).
pub fn echoed(six: bool, raw: bool, bytes: &[u8]) -> Option<u16> {
    echo::reply(six, raw && !six, bytes, raw.then(identifier), 0).map(|reply| reply.sequence)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    fn asked(fill: impl FnOnce(&mut Probes)) -> Vec<Answer> {
        let mut probes = Probes::default();
        fill(&mut probes);
        probes.run(&mut |_| ()).into_iter().map(|outcome| outcome.answer).collect()
    }

    #[test]
    fn an_open_port_a_closed_one_and_an_echo_are_told_apart() {
        for local in ["127.0.0.1", "::1"] {
            let address: IpAddr = local.parse().unwrap();
            let listener = TcpListener::bind((address, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let closed = UdpSocket::bind((address, 0)).unwrap().local_addr().unwrap().port();
            let answers = asked(|probes| {
                probes.knock(address, port, Transport::Tcp);
                probes.knock(address, closed, Transport::Udp);
                probes.echo(address);
            });
            let [open, refused, echo] = answers.as_slice() else { panic!("{answers:?}") };
            assert!(matches!(open, Answer::Came(_)), "{open:?}");
            assert_eq!(*refused, Answer::Icmp(Icmp::Port, Some(address)));
            assert!(matches!(echo, Answer::Came(_)), "{echo:?}");
            drop(listener);
            assert_eq!(asked(|probes| probes.knock(address, port, Transport::Tcp)), [Answer::Reset]);
        }
    }

    #[test]
    fn without_a_ping_socket_a_refused_datagram_is_an_answer() {
        let address: IpAddr = "127.0.0.1".parse().unwrap();
        let mut probe = Probe::begin((address, UNUSED_PORT, 0), What::Echo, Means::Refusal);
        while probe.answer.is_none() {
            wait(std::iter::once(&probe));
            probe.pass(Instant::now());
        }
        assert!(matches!(probe.answer, Some(Answer::Came(_))), "{probe:?}");
    }
}
