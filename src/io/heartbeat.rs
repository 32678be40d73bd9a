//! Drives the machine of `engine::heartbeat` on a UDP socket.
//!
//! Trap: a socket that takes IPv4 and IPv6 shows and wants IPv4 addresses as ::ffff:a.b.c.d; everybody else here knows them
//! as people write them.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Socket, Type};

use super::error_queue::{self, Reported};
use super::interrupt::Stop;
use crate::engine::heartbeat::{Event, Life, Sessions, Tags};

/// Datagrams that are taken before the machine has its turn.
const TURN: usize = 64;

/// The socket.
#[derive(Debug)]
pub struct Wire {
    socket: UdpSocket,
    /// It is one of IPv6, that may take IPv4 too.
    six: bool,
}

/// What is told to whoever drives it.
#[derive(Debug)]
pub enum Told<'a> {
    Event(&'a Event),
    /// An ICMP error about a datagram of ours.
    Unreachable(&'a Reported),
    /// This machine could not send it.
    Unsent(SocketAddr, &'a io::Error),
}

/// When to end without being asked to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Until {
    /// So many heartbeats went to one end, and the last one was answered or the next would be due.
    pub count: Option<u64>,
    /// An end is lost.
    pub lost: bool,
    pub duration: Option<Duration>,
}

impl Wire {
    /// A socket that waits at this port; of all addresses, IPv4 and IPv6, where none is given.
    pub fn listen(address: Option<IpAddr>, port: u16) -> io::Result<Self> {
        let bind = |address: SocketAddr| -> io::Result<Self> {
            let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
            if address.is_ipv6() {
                socket.set_only_v6(false)?;
            }
            socket.bind(&address.into())?;
            socket.set_nonblocking(true)?;
            Ok(Self { socket: socket.into(), six: address.is_ipv6() })
        };
        match address {
            Some(address) => bind(SocketAddr::new(address, port)),
            None => match bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)) {
                // A machine without IPv6.
                Err(error) if error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32) => {
                    bind(SocketAddr::from(([0, 0, 0, 0], port)))
                }
                bound => bound,
            },
        }
    }

    /// A socket for speaking to this address, at a port that the system chooses.
    pub fn towards(peer: SocketAddr) -> io::Result<Self> {
        let any: IpAddr = if peer.is_ipv6() { [0u16; 8].into() } else { [0u8; 4].into() };
        let wire = Self::listen(Some(any), 0)?;
        error_queue::keep(&wire.socket, wire.six);
        Ok(wire)
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        let to = match to {
            SocketAddr::V4(four) if self.six => SocketAddrV6::new(four.ip().to_ipv6_mapped(), four.port(), 0, 0).into(),
            same => same,
        };
        match self.socket.send_to(bytes, to) {
            // A firewall of this machine's.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
            // An ICMP error about an earlier datagram is told in place of sending this one.
            Err(_) => self.socket.send_to(bytes, to).map(drop),
            Ok(_) => Ok(()),
        }
    }

    /// The next datagram; one that is longer than ours is cut, and none of ours.
    fn receive(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        // What ICMP said is told in place of a datagram, and stays in the error queue; nothing of it ends a heartbeat.
        for _ in 0..TURN {
            match self.socket.recv_from(buffer) {
                Ok((length, from)) => {
                    let canonical = match from.ip() {
                        IpAddr::V6(six) => six.to_ipv4_mapped().map(IpAddr::V4),
                        IpAddr::V4(_) => None,
                    };
                    return Some((length, canonical.map_or(from, |four| SocketAddr::new(four, from.port()))));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => {}
            }
        }
        None
    }

    fn errors(&self) -> Option<Reported> {
        error_queue::report(&self.socket)
    }
}

/// Lets the ends speak until asked to stop, or until what `until` says. `tell` is given what happened and when; an error
/// of it ends the run.
pub fn drive(
    wire: &Wire,
    sessions: &mut Sessions,
    until: Until,
    stop: &Stop,
    begun: Instant,
    tell: &mut dyn FnMut(&Sessions, Told<'_>, Duration) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = [0; Tags::LENGTH + 1];
    loop {
        let now = begun.elapsed();
        sessions.handle_time(now);
        if is_over(sessions, until, now) || stop.happened() {
            sessions.give_up();
            return events(sessions, now, tell);
        }
        while let Some(transmit) = sessions.transmit(begun.elapsed()) {
            if let Err(error) = wire.send(&transmit.bytes, transmit.to) {
                tell(sessions, Told::Unsent(transmit.to, &error), begun.elapsed())?;
            }
        }
        events(sessions, begun.elapsed(), tell)?;
        let ends = [sessions.wait(), until.duration];
        let next = ends.into_iter().flatten().min().map(|next| next.saturating_sub(begun.elapsed()));
        wait(wire, stop, next)?;
        for _ in 0..TURN {
            let Some((length, from)) = wire.receive(&mut buffer) else { break };
            sessions.handle(begun.elapsed(), from, buffer.get(..length).unwrap_or_default());
        }
        while let Some(reported) = wire.errors() {
            tell(sessions, Told::Unreachable(&reported), begun.elapsed())?;
        }
    }
}

fn is_over(sessions: &Sessions, until: Until, now: Duration) -> bool {
    let through = |count: u64| {
        sessions.ends().iter().any(|end| end.tally().sent >= count && (end.is_answered() || end.is_due(now)))
    };
    until.duration.is_some_and(|duration| now >= duration)
        || until.count.is_some_and(through)
        || until.lost && sessions.ends().iter().any(|end| end.life() == Life::Lost)
}

fn events(
    sessions: &mut Sessions,
    now: Duration,
    tell: &mut dyn FnMut(&Sessions, Told<'_>, Duration) -> io::Result<()>,
) -> io::Result<()> {
    while let Some(event) = sessions.event() {
        tell(sessions, Told::Event(&event), now)?;
    }
    Ok(())
}

/// Until a datagram comes, somebody asks to stop, or so long.
fn wait(wire: &Wire, stop: &Stop, patience: Option<Duration>) -> io::Result<()> {
    let mut descriptors =
        [PollFd::new(wire.socket.as_fd(), PollFlags::POLLIN), PollFd::new(stop.pipe(), PollFlags::POLLIN)];
    // Rounded up: a millisecond less would be a busy wait.
    let milliseconds = patience.map_or(60_000, |patience| patience.as_micros().div_ceil(1000).min(60_000)) as u16;
    match poll(&mut descriptors, PollTimeout::from(milliseconds)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
