//! Drives the machines of `engine::ping` on sockets: echo requests through a ping socket where the user may have one
//! (net.ipv4.ping_group_range, icmp(7)), else through a raw one; SYNs and datagrams through a socket for each probe.
//!
//! Errors of routers come through the error queue (ip(7), IP_RECVERR), which takes no privilege. The kernel hands each
//! to the socket whose packet it quotes, so probes that have a socket of their own need no mark in them.
//!
//! Trap: the kernel sends a SYN again after a second (RFC 6298 §2.1), and nobody could say which of the two was
//! answered: a connection is given up before.

mod socket;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};

pub use socket::{Error, Wire};

use super::interrupt::Stop;
use crate::engine::ping::{Course, Event, Target};

/// Until a SYN would be repeated.
pub const LONGEST_SYN: Duration = Duration::from_millis(950);

/// How probes are to be.
#[derive(Clone, Debug)]
pub struct Options {
    pub target: Target,
    /// Bytes of data; none with TCP.
    pub length: usize,
    /// Time to live, hop limit; `None`: the system's.
    pub ttl: Option<u8>,
    /// The interface to leave by; `None`: the route's.
    pub interface: Option<String>,
}

/// Lets a machine have its way until it is over, or until asked to stop. `tell` is given each event and when it was
/// told; an error of it ends the run.
pub fn drive<C: Course>(
    wire: &mut Wire,
    course: &mut C,
    stop: &Stop,
    begun: Instant,
    tell: &mut dyn FnMut(&Event, Duration) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        if stop.happened() {
            course.stop(begun.elapsed());
        }
        course.handle_time(begun.elapsed());
        // The time of sending is taken right before.
        let now = begun.elapsed();
        if let Some(probe) = course.transmit(now)
            && let Err(answer) = wire.send(probe)
        {
            course.handle(begun.elapsed(), probe.number, answer);
        }
        while let Some((at, event)) = course.event() {
            if let Event::Unanswered { number, .. } = event {
                wire.give_up(number);
            }
            tell(&event, at)?;
        }
        let Some(next) = course.wait() else { return Ok(()) };
        wait(wire, stop, next.saturating_sub(begun.elapsed()))?;
        wire.receive(begun, &mut |now, number, answer| {
            let number = match number {
                socket::Number::Probe(number) => Some(number),
                socket::Number::Sequence(sequence) => course.number_of(sequence),
            };
            if let Some(number) = number {
                course.handle(now, number, answer);
            }
        });
    }
}

/// Until a socket has news, somebody asks to stop, or so long.
fn wait(wire: &Wire, stop: &Stop, patience: Duration) -> io::Result<()> {
    let mut descriptors: Vec<PollFd<'_>> = wire.descriptors().collect();
    if !stop.happened() {
        descriptors.push(PollFd::new(stop.pipe(), PollFlags::POLLIN));
    }
    // A millisecond more at most, rounded up: one less would be a busy wait.
    let milliseconds = patience.as_micros().div_ceil(1000).min(60_000) as u16;
    match poll(&mut descriptors, PollTimeout::from(milliseconds)) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// The address that packets to this one leave with: the route's, for nothing is sent.
pub fn source_of(target: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if target.is_ipv6() { [0u16; 8].into() } else { [0u8; 4].into() };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    let mut to = target;
    to.set_port(if target.port() == 0 { 9 } else { target.port() });
    socket.connect(to)?;
    Ok(socket.local_addr()?.ip())
}

/// The time to live, or hop limit, that packets to this address leave with.
pub fn usual_ttl(target: SocketAddr) -> io::Result<u8> {
    let socket = std::net::UdpSocket::bind(if target.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" })?;
    let ttl = match target.is_ipv6() {
        true => getsockopt(&socket, sockopt::Ipv6Ttl)?,
        false => getsockopt(&socket, sockopt::Ipv4Ttl)?,
    };
    Ok(u8::try_from(ttl).unwrap_or(64))
}

/// The addresses of a host, in the order in which programs try them; of one family where that is asked for.
pub fn resolve(host: &str, six: Option<bool>) -> Result<Vec<SocketAddr>, String> {
    let answers = super::resolver::every(host, None)?;
    let mut found: Vec<SocketAddr> = Vec::new();
    for answer in answers {
        if six.is_none_or(|six| answer.address.is_ipv6() == six) && !found.contains(&answer.address) {
            found.push(answer.address);
        }
    }
    match (found.is_empty(), six) {
        (false, _) => Ok(found),
        (true, Some(true)) => Err("it has no IPv6 address".to_owned()),
        (true, Some(false)) => Err("it has no IPv4 address".to_owned()),
        (true, None) => Err("it has no address".to_owned()),
    }
}
