//! TCP connections of the exercises: opened, waited for and closed so that a silent or rude peer holds up nobody.
//!
//! Guarantee: every wait ends by a deadline or by Ctrl-C, and a receive takes no more memory than it asks for.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Socket, Type};

use super::framing::{Lines, QUIET, TooLong};
use super::{Error, Service, Stop, Transport, Visit};

/// How long a closing side waits for the other one to close as well.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long a peer that closes after its answer takes for that.
const MOMENT: Duration = Duration::from_millis(100);
/// Bytes that a receive of lines takes at most.
const PIECE: usize = 4096;

/// An open connection with the other program.
#[derive(Debug)]
pub struct Connection<'a> {
    stream: TcpStream,
    peer: SocketAddr,
    patience: Duration,
    stop: Option<&'a Stop>,
}

impl<'a> Connection<'a> {
    /// Wraps an accepted connection. `patience` is how long a receive waits.
    pub fn accepted(stream: TcpStream, peer: SocketAddr, patience: Duration, stop: &'a Stop) -> Result<Self, Error> {
        Self::new(stream, peer, patience, Some(stop))
    }

    /// Connects to the first of the host's addresses that answers. `visit.timeout` is how long each attempt, and later
    /// each receive, waits.
    pub fn open(visit: &Visit) -> Result<Self, Error> {
        let mut last = None;
        for address in addresses(&visit.host, visit.port)? {
            match connect(address, visit.from, visit.timeout.max(Duration::from_millis(1))) {
                Ok(stream) => return Self::new(stream, address, visit.timeout, None),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| no_address(&visit.host)))
    }

    fn new(stream: TcpStream, peer: SocketAddr, patience: Duration, stop: Option<&'a Stop>) -> Result<Self, Error> {
        stream
            .set_nonblocking(false)
            .and_then(|()| stream.set_write_timeout(Some(patience.max(Duration::from_millis(1)))))
            .map_err(|source| Error::talking("prepare the connection with", peer, source))?;
        Ok(Self { stream, peer, patience, stop })
    }

    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Receives once, as recv(2) does: what has come so far, at most `most` bytes. Empty: the peer has closed.
    pub fn receive(&mut self, most: usize) -> Result<Vec<u8>, Error> {
        if !readable(&self.stream, self.stop, Some(self.patience))? {
            return Err(Error::Silent { peer: self.peer, after: self.patience });
        }
        let mut piece = vec![0; most];
        let length =
            self.stream.read(&mut piece).map_err(|source| Error::talking("receive from", self.peer, source))?;
        piece.truncate(length);
        Ok(piece)
    }

    /// The next line, without its end; `None`: the peer has closed. `lines` keeps what came behind it.
    ///
    /// What stands without a line's end for [`QUIET`], or when the peer closes, is a line as well: a student's program
    /// often sends no newline.
    pub fn line(&mut self, lines: &mut Lines) -> Result<Option<Vec<u8>>, Error> {
        loop {
            match lines.next_line() {
                Ok(Some(line)) => return Ok(Some(line)),
                Ok(None) => {}
                Err(TooLong(longest)) if self.stop.is_some() => {
                    return Err(Error::LineTooLong { peer: self.peer, longest });
                }
                // A client has no option for it.
                Err(TooLong(longest)) => {
                    let broke = format!("sent a line of more than {longest} bytes");
                    return Err(Error::Protocol { peer: self.peer, broke });
                }
            }
            if lines.is_pending()
                && !readable(&self.stream, self.stop, Some(QUIET))?
                && let Some(line) = lines.rest()
            {
                return Ok(Some(line));
            }
            let piece = self.receive(PIECE)?;
            if piece.is_empty() {
                return Ok(lines.rest());
            }
            lines.feed(&piece);
        }
    }

    /// The socket itself, for what an exercise does with it beside sending and receiving.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends once, as send(2) does: how many of the bytes the kernel took.
    pub fn send_once(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.stream.write(bytes).map_err(|source| Error::talking("send to", self.peer, source))
    }

    /// Receives until the peer closes; each piece, of at most [`PIECE`] bytes, goes to `take`.
    pub fn each_piece(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        loop {
            let piece = self.receive(PIECE)?;
            if piece.is_empty() {
                return Ok(());
            }
            take(&piece)?;
        }
    }

    /// Sends all of it.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write_all(bytes).map_err(|source| Error::talking("send to", self.peer, source))
    }

    /// Sends a line and its end in one send.
    pub fn send_line(&mut self, line: &[u8]) -> Result<(), Error> {
        if line.contains(&b'\n') {
            return Err(Error::Answer("a line cannot hold a line's end".to_owned()));
        }
        self.send(&[line, b"\n"].concat())
    }

    /// Whether the peer has said that it will send nothing more, within a moment; what it sent before stays to be read.
    pub fn has_closed(&self) -> Result<bool, Error> {
        if !readable(&self.stream, self.stop, Some(MOMENT))? {
            return Ok(false);
        }
        // An error is for the next receive to tell.
        Ok(matches!(self.stream.peek(&mut [0]), Ok(0)))
    }

    /// Closes first: says so to the peer (FIN), waits a moment for its close, drops what it still sent.
    ///
    /// Closing with bytes unread would send RST, and the peer might lose the last words said to it.
    pub fn close(mut self) -> Result<Leftover, Error> {
        self.stream.shutdown(Shutdown::Write).map_err(|source| Error::talking("close", self.peer, source))?;
        self.drain()
    }

    /// Closes after the peer: waits a moment for its close, drops what it still sent.
    pub fn close_after_peer(mut self) -> Result<Leftover, Error> {
        self.drain()
    }

    fn drain(&mut self) -> Result<Leftover, Error> {
        let deadline = Instant::now() + FAREWELL;
        let mut left = 0;
        let mut piece = [0; 4096];
        loop {
            let patience = deadline.saturating_duration_since(Instant::now());
            match readable(&self.stream, self.stop, Some(patience)) {
                Ok(true) if !patience.is_zero() => {}
                // All turns were taken: being stopped in the farewell takes nothing from that.
                Ok(_) | Err(Error::Stopped) => return Ok(Leftover { bytes: left }),
                Err(error) => return Err(error),
            }
            match self.stream.read(&mut piece) {
                // A reset here harms nobody: all that was to be said and heard is.
                Ok(0) | Err(_) => return Ok(Leftover { bytes: left }),
                Ok(length) => left += length as u64,
            }
        }
    }
}

/// What came after the last receive of the exercise, and was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Leftover {
    pub bytes: u64,
}

/// Binds to the first of the host's addresses that can be bound, and listens.
pub fn listen(service: &Service) -> Result<TcpListener, Error> {
    bind_first(service.host.as_deref(), service.port, Transport::Tcp, TcpListener::bind)
}

/// The same with room for `backlog` connections that are not accepted yet; std allows 128.
pub fn listen_with(service: &Service, backlog: i32) -> Result<TcpListener, Error> {
    listen_prepared(service, backlog, |socket| socket.set_reuse_address(true))
}

/// The same with a socket that `prepare` has set up before it is bound, and with a backlog of so many connections.
///
/// Without SO_REUSEADDR, which [`listen`] sets: a socket option that is not asked for is not set.
pub fn listen_prepared(
    service: &Service,
    backlog: i32,
    prepare: impl Fn(&Socket) -> io::Result<()>,
) -> Result<TcpListener, Error> {
    bind_first(service.host.as_deref(), service.port, Transport::Tcp, |address| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        prepare(&socket)?;
        socket.bind(&address.into())?;
        socket.listen(backlog)?;
        Ok(socket.into())
    })
}

/// Calls `bind` for each of the host's addresses until one can be bound. Without a host: every address of this machine.
pub fn bind_first<S>(
    host: Option<&str>,
    port: u16,
    transport: Transport,
    bind: impl Fn(SocketAddr) -> io::Result<S>,
) -> Result<S, Error> {
    let Some(host) = host else {
        // An IPv6 socket takes IPv4 as well (RFC 3493 §3.7); where the kernel has no IPv6, IPv4 alone.
        let [six, four] = [SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), (Ipv4Addr::UNSPECIFIED, port).into()];
        return match bind(six) {
            Ok(socket) => Ok(socket),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Error::binding(six, transport, error)),
            Err(_) => bind(four).map_err(|source| Error::binding(four, transport, source)),
        };
    };
    let mut last = None;
    for address in addresses(host, port)? {
        match bind(address) {
            Ok(socket) => return Ok(socket),
            Err(source) => last = Some(Error::binding(address, transport, source)),
        }
    }
    Err(last.unwrap_or_else(|| no_address(host)))
}

/// Connects, from an address of this machine where one is given.
fn connect(address: SocketAddr, from: Option<IpAddr>, patience: Duration) -> Result<TcpStream, Error> {
    let failed = |source| Error::connecting(address, patience, source);
    let Some(from) = from else { return TcpStream::connect_timeout(&address, patience).map_err(failed) };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).map_err(failed)?;
    let from = SocketAddr::from((from, 0));
    socket.bind(&from.into()).map_err(|source| Error::binding(from, Transport::Tcp, source))?;
    socket.connect_timeout(&address.into(), patience).map_err(failed)?;
    Ok(socket.into())
}

/// The addresses of a host, in the order in which the resolver recommends them.
pub fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    // [::1] is how an address with a port is written, so people type it.
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    (bare, port)
        .to_socket_addrs()
        .map(Iterator::collect)
        .map_err(|error| Error::NameNotKnown { host: host.to_owned(), why: resolver_words(&error) })
}

fn resolver_words(error: &io::Error) -> String {
    let words = error.to_string();
    words.strip_prefix("failed to lookup address information: ").unwrap_or(&words).to_owned()
}

pub fn no_address(host: &str) -> Error {
    Error::NameNotKnown { host: host.to_owned(), why: "it has no address".to_owned() }
}

/// Waits until `source` can be read (or has ended); false where `patience` ran out first, `Stopped` on Ctrl-C.
pub fn readable(source: &impl AsFd, stop: Option<&Stop>, patience: Option<Duration>) -> Result<bool, Error> {
    ready(source, PollFlags::POLLIN, stop, patience)
}

/// The same for what is `wanted` of `source`: to read, or to write.
pub fn ready(
    source: &impl AsFd,
    wanted: PollFlags,
    stop: Option<&Stop>,
    patience: Option<Duration>,
) -> Result<bool, Error> {
    let deadline = patience.map(|patience| Instant::now() + patience);
    loop {
        let mut waits = vec![PollFd::new(source.as_fd(), wanted)];
        waits.extend(stop.map(|stop| PollFd::new(stop.as_fd(), PollFlags::POLLIN)));
        let timeout = deadline.map_or(PollTimeout::NONE, |deadline| {
            // One more than is left: poll(2) rounds down, and must not come back early and often.
            let left = deadline.saturating_duration_since(Instant::now()).as_millis() + 1;
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut waits, timeout) {
            Ok(0) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => return Ok(false),
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) if waits.get(1).and_then(PollFd::any) == Some(true) => return Err(Error::Stopped),
            Ok(_) => return Ok(true),
            Err(errno) => {
                return Err(Error::System {
                    operation: "wait for",
                    target: "a socket".to_owned(),
                    source: errno.into(),
                });
            }
        }
    }
}
