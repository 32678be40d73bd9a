//! Drives the [`Server`] of a rendezvous on sockets: datagrams of UDP, and lines of TCP, at one port.

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

pub use super::door::{Families, tcp, udp};

use super::door::{Bounds, Connections, Cut, Reply};
use super::wait;
use crate::engine::rendezvous::message::MOST_BYTES;
use crate::engine::rendezvous::server::{self, Answer, Server};
use crate::engine::rendezvous::word::Word;
use crate::process::Transport;

/// TCP connections at the same time, and of one source.
const MOST_CONNECTIONS: usize = 512;
const MOST_OF_A_SOURCE: usize = 128;
/// Datagrams before the connections have their turn.
const BATCH: usize = 256;
/// How often it is looked for peers and connections that are over.
const LOOK: Duration = Duration::from_secs(1);
/// Longer than every message: what fills it is none.
const BUFFER: usize = 2048;

/// The server with its sockets.
pub struct Serving {
    server: Server,
    udp: UdpSocket,
    tcp: TcpListener,
    /// Whether answers to IPv4 leave through a socket of IPv6.
    is_six: bool,
    connections: Connections<()>,
}

/// 32 bytes that nobody can guess: random(4).
fn secret() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Where the first line ends.
fn cut(bytes: &[u8]) -> Cut {
    match bytes.iter().take(MOST_BYTES + 1).position(|byte| *byte == b'\n') {
        Some(at) => Cut::After(at + 1),
        None if bytes.len() > MOST_BYTES => Cut::Never,
        None => Cut::More,
    }
}

impl Serving {
    /// `udp` and `tcp` are at the same port and do not block. A connection may be without a message for `idle`.
    pub fn over(
        udp: UdpSocket,
        tcp: TcpListener,
        word: Word,
        bounds: server::Bounds,
        idle: Duration,
    ) -> io::Result<Self> {
        let is_six = udp.local_addr()?.is_ipv6();
        let connections = Connections::new(Bounds {
            connections: MOST_CONNECTIONS,
            of_a_source: MOST_OF_A_SOURCE,
            patience: idle,
            is_renewed: true,
        });
        Ok(Self { server: Server::new(word, secret()?, bounds), udp, tcp, is_six, connections })
    }

    /// Serves until `stop` can be read, or `each`, which sees the server after every turn, breaks off.
    pub fn run<B>(
        &mut self,
        stop: BorrowedFd<'_>,
        mut each: impl FnMut(&mut Server) -> ControlFlow<B>,
    ) -> io::Result<Option<B>> {
        let begun = Instant::now();
        let mut buffer = [0; BUFFER];
        loop {
            let all = [self.udp.as_fd(), self.tcp.as_fd()].into_iter().chain(self.connections.descriptors());
            let idle = self.server.is_empty() && self.connections.is_empty();
            if wait(all, stop, (!idle).then_some(LOOK))? {
                return Ok(None);
            }
            for _ in 0..BATCH {
                let Ok((length, from)) = self.udp.recv_from(&mut buffer) else { break };
                for answer in self.server.handle(begun.elapsed(), Transport::Udp, from, &buffer[..length]) {
                    self.send(&answer);
                }
            }
            self.connections.accept(&self.tcp, ());
            let (server, mut answers) = (&mut self.server, Vec::new());
            self.connections.serve(cut, |(), peer, line| {
                let nonsense = |server: &Server| server.tally().garbage + server.tally().forged;
                let before = nonsense(server);
                answers.extend(server.handle(begun.elapsed(), Transport::Tcp, peer, line));
                // Who does not know the word has no connection to keep.
                if nonsense(server) == before { Reply::Nothing } else { Reply::End }
            });
            answers.iter().for_each(|answer| self.send(answer));
            self.server.sweep(begun.elapsed());
            if let ControlFlow::Break(value) = each(&mut self.server) {
                return Ok(Some(value));
            }
        }
    }

    fn send(&mut self, answer: &Answer) {
        match answer.transport {
            Transport::Udp => {
                let to = match answer.to.ip() {
                    IpAddr::V4(ip) if self.is_six => SocketAddr::new(ip.to_ipv6_mapped().into(), answer.to.port()),
                    _ => answer.to,
                };
                // A full queue or no route: the peer asks again.
                let _ = self.udp.send_to(&answer.bytes, to);
            }
            Transport::Tcp => self.connections.send((), answer.to, &[&answer.bytes[..], b"\n"].concat()),
        }
    }
}
