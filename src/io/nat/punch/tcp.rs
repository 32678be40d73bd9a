//! The sockets of a peer that punches by TCP: the connection to the rendezvous, a listener, and attempts to connect, all at
//! the same port (SO_REUSEADDR and SO_REUSEPORT on each of them).

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use socket2::{Domain, Protocol, Socket, Type};

use super::unspecified;
use crate::engine::punch::{Action, Input, Punch, Way};
use crate::engine::rendezvous::message;

const CONNECT: Duration = Duration::from_secs(5);
/// A line with its end.
const MOST_LINE: usize = message::MOST_BYTES + 1;
/// Lines of one connection before the others have their turn.
const TURN: usize = 64;

struct Connection {
    number: usize,
    stream: TcpStream,
    /// The handshake is not over.
    connecting: bool,
    lines: Lines,
}

#[derive(Default)]
struct Lines(Vec<u8>);

pub struct Sockets {
    server: Option<TcpStream>,
    said: Lines,
    listener: TcpListener,
    connections: Vec<Connection>,
    port: u16,
}

/// What came of a connection.
enum Came {
    Lines(Vec<Vec<u8>>),
    /// After these it is over.
    Last(Vec<Vec<u8>>),
}

fn socket(like: SocketAddr, port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(like), Type::STREAM, Some(Protocol::TCP))?;
    if like.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // What is said is short and waits for nothing; what is accepted inherits it.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::new(unspecified(like), port).into())?;
    Ok(socket)
}

impl Lines {
    fn read(&mut self, stream: &mut TcpStream) -> Came {
        let mut buffer = [0; MOST_LINE];
        let mut whole = Vec::new();
        while whole.len() < TURN {
            match stream.read(&mut buffer) {
                Ok(0) => return Came::Last(whole),
                Ok(length) => self.0.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Came::Last(whole),
            }
            while let Some(at) = self.0.iter().position(|byte| *byte == b'\n') {
                whole.push(self.0.drain(..=at).collect());
            }
            if self.0.len() >= MOST_LINE {
                return Came::Last(whole);
            }
        }
        Came::Lines(whole)
    }
}

/// Whole, or not at all: half a message would spoil the next.
fn write(stream: &mut TcpStream, mut bytes: Vec<u8>) -> bool {
    bytes.push(b'\n');
    matches!(stream.write(&bytes), Ok(length) if length == bytes.len())
}

impl Sockets {
    pub fn open(server: SocketAddr, port: u16) -> io::Result<(Self, SocketAddr)> {
        let listener = socket(server, port)?;
        let port = listener.local_addr()?.as_socket().map_or(port, |own| own.port());
        listener.listen(16)?;
        listener.set_nonblocking(true)?;
        let stream = socket(server, port)?;
        stream.connect_timeout(&server.into(), CONNECT)?;
        let stream = TcpStream::from(stream);
        stream.set_nonblocking(true)?;
        let local = stream.local_addr()?;
        let sockets = Self {
            server: Some(stream),
            said: Lines::default(),
            listener: listener.into(),
            connections: Vec::new(),
            port,
        };
        Ok((sockets, local))
    }

    pub fn polled(&self) -> impl Iterator<Item = PollFd<'_>> {
        let server = self.server.iter().map(|server| PollFd::new(server.as_fd(), PollFlags::POLLIN));
        let connections = self.connections.iter().map(|connection| {
            let wanted = if connection.connecting { PollFlags::POLLOUT } else { PollFlags::POLLIN };
            PollFd::new(connection.stream.as_fd(), wanted)
        });
        server.chain([PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)]).chain(connections)
    }

    pub fn act(&mut self, machine: &mut Punch, action: Action, now: Duration) {
        match action {
            Action::Send { way: Way::Rendezvous, bytes } => {
                if self.server.as_mut().is_some_and(|server| !write(server, bytes)) {
                    self.server = None;
                    machine.handle(now, Input::Gone);
                }
            }
            Action::Send { way: Way::Connection(number), bytes } => {
                let Some(at) = self.place(number) else { return };
                if !write(&mut self.connections[at].stream, bytes) {
                    self.connections.remove(at);
                    machine.handle(now, Input::Closed { connection: number, refused: false });
                }
            }
            Action::Send { way: Way::Datagram(_), .. } => {}
            Action::Connect { connection, to } => match self.connect(to) {
                Ok(stream) => {
                    let lines = Lines::default();
                    self.connections.push(Connection { number: connection, stream, connecting: true, lines });
                }
                Err(error) => {
                    let refused = error.kind() == io::ErrorKind::ConnectionRefused;
                    machine.handle(now, Input::Closed { connection, refused });
                }
            },
            Action::Close { connection } => self.connections.retain(|known| known.number != connection),
        }
    }

    fn place(&self, number: usize) -> Option<usize> {
        self.connections.iter().position(|known| known.number == number)
    }

    fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let socket = socket(to, self.port)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&to.into()) {
            Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error),
            _ => Ok(socket.into()),
        }
    }

    pub fn take(&mut self, machine: &mut Punch, begun: Instant) {
        while let Ok((stream, from)) = self.listener.accept() {
            let number = stream.set_nonblocking(true).ok().and_then(|()| machine.accepted(begun.elapsed(), from));
            if let Some(number) = number {
                let lines = Lines::default();
                self.connections.push(Connection { number, stream, connecting: false, lines });
            }
        }
        if let Some(server) = &mut self.server {
            let (lines, gone) = self.said.read(server).parts();
            lines.iter().for_each(|line| machine.handle(begun.elapsed(), Input::Told(line)));
            if gone {
                self.server = None;
                machine.handle(begun.elapsed(), Input::Gone);
            }
        }
        self.connections.retain_mut(|connection| connection.take(machine, begun));
    }
}

impl Came {
    fn parts(self) -> (Vec<Vec<u8>>, bool) {
        match self {
            Self::Lines(lines) => (lines, false),
            Self::Last(lines) => (lines, true),
        }
    }
}

impl Connection {
    /// False where it is over.
    fn take(&mut self, machine: &mut Punch, begun: Instant) -> bool {
        let connection = self.number;
        if self.connecting {
            match self.stream.take_error() {
                Ok(None) if self.stream.peer_addr().is_ok() => {
                    self.connecting = false;
                    machine.handle(begun.elapsed(), Input::Opened { connection });
                }
                Ok(None) => {}
                Ok(Some(error)) | Err(error) => {
                    let answered = [io::ErrorKind::ConnectionRefused, io::ErrorKind::ConnectionReset];
                    let refused = answered.contains(&error.kind());
                    machine.handle(begun.elapsed(), Input::Closed { connection, refused });
                    return false;
                }
            }
            return true;
        }
        let (lines, gone) = self.lines.read(&mut self.stream).parts();
        lines.iter().for_each(|line| machine.handle(begun.elapsed(), Input::Line { connection, bytes: line }));
        if gone {
            machine.handle(begun.elapsed(), Input::Closed { connection, refused: false });
        }
        !gone
    }
}
