//! TCP connections of the exercises: opened, waited for and closed so that a silent or rude peer holds up nobody.
//!
//! Guarantee: every wait ends by a deadline or by Ctrl-C, and a receive takes no more memory than it asks for.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Error, Stop};

/// How long a closing side waits for the other one to close as well.
const FAREWELL: Duration = Duration::from_secs(1);

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

    /// Connects to the first of the host's addresses that answers. `patience` is how long each attempt, and later each
    /// receive, waits.
    pub fn open(host: &str, port: u16, patience: Duration) -> Result<Self, Error> {
        let mut last = None;
        for address in addresses(host, port)? {
            match TcpStream::connect_timeout(&address, patience.max(Duration::from_millis(1))) {
                Ok(stream) => return Self::new(stream, address, patience, None),
                Err(source) => last = Some(Error::connecting(address, patience, source)),
            }
        }
        Err(last.unwrap_or_else(|| no_address(host)))
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

    /// Sends all of it.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write_all(bytes).map_err(|source| Error::talking("send to", self.peer, source))
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

/// Binds to the first of the host's addresses that can be bound.
pub fn listen(host: &str, port: u16) -> Result<TcpListener, Error> {
    let mut last = None;
    for address in addresses(host, port)? {
        match TcpListener::bind(address) {
            Ok(listener) => return Ok(listener),
            Err(source) => last = Some(Error::binding(address, source)),
        }
    }
    Err(last.unwrap_or_else(|| no_address(host)))
}

fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
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

fn no_address(host: &str) -> Error {
    Error::NameNotKnown { host: host.to_owned(), why: "it has no address".to_owned() }
}

/// Waits until `source` can be read (or has ended); false where `patience` ran out first, `Stopped` on Ctrl-C.
pub fn readable(source: &impl AsFd, stop: Option<&Stop>, patience: Option<Duration>) -> Result<bool, Error> {
    let deadline = patience.map(|patience| Instant::now() + patience);
    loop {
        let mut waits = vec![PollFd::new(source.as_fd(), PollFlags::POLLIN)];
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
