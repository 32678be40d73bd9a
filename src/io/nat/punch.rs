//! Drives [`Punch`] on sockets, and carries lines of standard input.
//!
//! Trap: everything goes out of one UDP socket, or from one TCP port: another port would have another mapping.

mod tcp;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Stop;
use crate::engine::punch::{Action, Event, Input, Punch, Transport, Way};

/// Longer than every message.
const MOST_BYTES: usize = 2048;
/// Datagrams before the machine has its turn.
const TURN: usize = 64;
/// A line of standard input that has no end yet is sent when it is so long.
const MOST_LINE: usize = 4096;

/// The sockets of a peer.
pub struct Sockets {
    kind: Kind,
    local: SocketAddr,
}

enum Kind {
    Udp(UdpSocket),
    Tcp(tcp::Sockets),
}

/// Lines of standard input.
pub struct Lines {
    bytes: Vec<u8>,
    ended: bool,
}

/// What is waited for besides the rendezvous.
pub struct Until<'a> {
    pub stop: &'a Stop,
    /// Since the start.
    pub end: Option<Duration>,
    pub lines: Option<Lines>,
}

fn unspecified(server: SocketAddr) -> IpAddr {
    if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

impl Sockets {
    /// Sockets that reach the server, at this port (0: any); by TCP the connection is there on return.
    pub fn open(transport: Transport, server: SocketAddr, port: u16) -> io::Result<Self> {
        if transport == Transport::Tcp {
            let (sockets, local) = tcp::Sockets::open(server, port)?;
            return Ok(Self { kind: Kind::Tcp(sockets), local });
        }
        let any = unspecified(server);
        let socket = UdpSocket::bind(SocketAddr::new(any, port))?;
        socket.set_nonblocking(true)?;
        // Which address the route chooses is told of a socket that is connected; this one must hear others, too.
        let asked = UdpSocket::bind(SocketAddr::new(any, 0))?;
        asked.connect(server)?;
        let local = SocketAddr::new(asked.local_addr()?.ip(), socket.local_addr()?.port());
        Ok(Self { kind: Kind::Udp(socket), local })
    }

    /// The address by which the server is reached.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    fn act(&mut self, machine: &mut Punch, action: Action, now: Duration) {
        match &mut self.kind {
            Kind::Tcp(sockets) => sockets.act(machine, action, now),
            Kind::Udp(socket) => {
                let Action::Send { way, bytes } = action else { return };
                let to = match way {
                    Way::Rendezvous => machine.server(),
                    Way::Datagram(to) => to,
                    Way::Connection(_) => return,
                };
                // An error of an earlier one (ICMP) is told in place of sending; what cannot be sent is not answered.
                if socket.send_to(&bytes, to).is_err() {
                    let _ = socket.send_to(&bytes, to);
                }
            }
        }
    }

    fn take(&mut self, machine: &mut Punch, begun: Instant) {
        match &mut self.kind {
            Kind::Tcp(sockets) => sockets.take(machine, begun),
            Kind::Udp(socket) => {
                let mut buffer = [0; MOST_BYTES];
                for _ in 0..TURN {
                    match socket.recv_from(&mut buffer) {
                        Ok((length, from)) => {
                            machine.handle(begun.elapsed(), Input::Datagram { from, bytes: &buffer[..length] });
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        Err(_) => {}
                    }
                }
            }
        }
    }

    fn wait(&self, stop: &Stop, lines: bool, most: Option<Duration>) -> io::Result<bool> {
        let input = io::stdin();
        let mut all = vec![PollFd::new(stop.pipe(), PollFlags::POLLIN)];
        if lines {
            all.push(PollFd::new(input.as_fd(), PollFlags::POLLIN));
        }
        match &self.kind {
            Kind::Udp(socket) => all.push(PollFd::new(socket.as_fd(), PollFlags::POLLIN)),
            Kind::Tcp(sockets) => all.extend(sockets.polled()),
        }
        // Rounded up, so that it is not too early by less than a millisecond again and again.
        let most = most.map(|most| most.as_micros().div_ceil(1000));
        let timeout = most.map_or(PollTimeout::NONE, |most| PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX));
        match poll(&mut all, timeout) {
            Ok(_) => Ok(lines && all.get(1).is_some_and(|input| input.any().unwrap_or(false))),
            Err(Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Lines {
    pub fn new() -> Self {
        Self { bytes: Vec::new(), ended: false }
    }

    /// Reads what is there, and gives the lines that are whole to `say`.
    fn read(&mut self, input: BorrowedFd<'_>, mut say: impl FnMut(&[u8])) {
        let mut buffer = [0; MOST_LINE];
        match nix::unistd::read(input, &mut buffer) {
            Ok(length) if length > 0 => self.bytes.extend_from_slice(&buffer[..length]),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            _ => self.ended = true,
        }
        while let Some(at) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=at).collect();
            say(line.strip_suffix(b"\r\n").or(line.strip_suffix(b"\n")).unwrap_or(&line));
        }
        if !self.bytes.is_empty() && (self.ended || self.bytes.len() >= MOST_LINE) {
            say(&std::mem::take(&mut self.bytes));
        }
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs the machine until it ends, the time is over, or somebody asks to stop; then it takes leave. `tell` hears what
/// happens, and when. True: somebody asked to stop.
pub fn drive(
    sockets: &mut Sockets,
    machine: &mut Punch,
    mut until: Until<'_>,
    begun: Instant,
    tell: &mut dyn FnMut(&Event, Duration) -> io::Result<()>,
) -> io::Result<bool> {
    loop {
        machine.hold(until.lines.as_ref().is_some_and(|lines| !lines.ended));
        while let Some(action) = machine.poll(begun.elapsed()) {
            sockets.act(machine, action, begun.elapsed());
        }
        while let Some(event) = machine.event() {
            tell(&event, begun.elapsed())?;
        }
        let now = begun.elapsed();
        if machine.ended().is_some() || until.stop.happened() || until.end.is_some_and(|end| now >= end) {
            break;
        }
        let next = [machine.deadline(), until.end].into_iter().flatten().min();
        // What is typed before there is a way waits in the pipe.
        let lines = until.lines.as_ref().is_some_and(|lines| !lines.ended) && machine.is_open();
        if sockets.wait(until.stop, lines, next.map(|next| next.saturating_sub(now)))?
            && let Some(lines) = &mut until.lines
        {
            lines.read(io::stdin().as_fd(), |line| {
                machine.say(line);
            });
        }
        sockets.take(machine, begun);
    }
    machine.leave();
    while let Some(action) = machine.poll(begun.elapsed()) {
        sockets.act(machine, action, begun.elapsed());
    }
    Ok(until.stop.happened())
}
