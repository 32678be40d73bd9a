//! Many clients in one thread, to put a server under load: each asks again as soon as it has its answer.
//!
//! With as many clients as are to be measured no model is spared: a client that is not answered asks nothing more.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use super::histogram::Histogram;
use super::talk::{LARGEST_PIECE, receive_now, send_now};
use crate::exercise::Stop;

/// How long a client rests that was refused or reset.
const REST: Duration = Duration::from_millis(20);

/// Of the duration, what passes before anything is counted: connections are made, caches are filled.
const WARM_UP: u32 = 5;

/// How the clients ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// A connection for each request, answered when the server has closed it.
    Http,
    /// One connection for all, answered when as many bytes have come back.
    Echo,
}

impl Asking {
    fn request(self) -> &'static [u8] {
        match self {
            Self::Http => b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            Self::Echo => b"Hello, world",
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    pub answered: u64,
    /// Requests that were refused, reset, or answered by something else.
    pub failed: u64,
    /// Clients that had at least one answer.
    pub clients_served: usize,
    /// From the first step towards a connection (`Http`) or the sending (`Echo`) to the end of the answer.
    pub latency: Histogram,
    /// The time that was measured.
    pub elapsed: Duration,
    /// Answers before that, while it warmed up: the server did the work for these as well.
    pub before: u64,
}

#[derive(Debug, Default)]
struct Client {
    stream: Option<TcpStream>,
    asked: Option<Instant>,
    sent: usize,
    heard: usize,
    served: bool,
}

struct Load {
    server: SocketAddr,
    asking: Asking,
    poll: Poll,
    clients: Vec<Client>,
    resting: VecDeque<(Instant, usize)>,
    piece: [u8; LARGEST_PIECE],
    outcome: Outcome,
}

/// What `stop` is watched as: no client's place.
const STOP: Token = Token(usize::MAX);

/// Puts `server` under the load of `clients` for `duration`, warming up included. `Interrupted` when `stop` asks for the
/// end before that.
pub fn run(server: SocketAddr, asking: Asking, clients: usize, duration: Duration, stop: &Stop) -> io::Result<Outcome> {
    let mut load = Load {
        server,
        asking,
        poll: Poll::new()?,
        clients: (0..clients).map(|_| Client::default()).collect(),
        resting: VecDeque::new(),
        piece: [0; LARGEST_PIECE],
        outcome: Outcome {
            answered: 0,
            failed: 0,
            clients_served: 0,
            latency: Histogram::default(),
            elapsed: Duration::ZERO,
            before: 0,
        },
    };
    load.poll.registry().register(&mut SourceFd(&stop.as_fd().as_raw_fd()), STOP, Interest::READABLE)?;
    let began = Instant::now();
    let (warm, end) = (began + duration / WARM_UP, began + duration);
    let mut measured_from = None;
    for place in 0..clients {
        load.ask(place);
    }
    let mut events = Events::with_capacity(1024);
    loop {
        let now = Instant::now();
        if measured_from.is_none() && now >= warm {
            measured_from = Some(now);
            load.outcome.before = std::mem::take(&mut load.outcome.answered);
            load.outcome.failed = 0;
            load.outcome.latency = Histogram::default();
        }
        if now >= end {
            break;
        }
        while let Some(&(until, place)) = load.resting.front().filter(|(until, _)| now >= *until) {
            debug_assert!(until <= now);
            load.resting.pop_front();
            load.ask(place);
        }
        let next = load.resting.front().map_or(end, |(until, _)| end.min(*until));
        match load.poll.poll(&mut events, Some(next.saturating_duration_since(now))) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        for event in &events {
            if event.token() == STOP {
                return Err(io::ErrorKind::Interrupted.into());
            }
            load.go_on(event.token().0);
        }
    }
    let mut outcome = load.outcome;
    outcome.elapsed = measured_from.map_or(Duration::ZERO, |from| from.elapsed());
    outcome.clients_served = load.clients.iter().filter(|client| client.served).count();
    Ok(outcome)
}

impl Load {
    /// A client's next request; on a new connection where it has none.
    fn ask(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else { return };
        client.asked = Some(Instant::now());
        (client.sent, client.heard) = (0, 0);
        if client.stream.is_none() {
            match connect(self.server, &self.poll, place) {
                Ok(stream) => client.stream = Some(stream),
                Err(_) => return self.rest(place),
            }
        }
        self.go_on(place);
    }

    /// Sends and receives what can be; the selector tells when there is more.
    fn go_on(&mut self, place: usize) {
        loop {
            match self.step(place) {
                Ok(true) => self.answered(place),
                Ok(false) => return,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => return,
                Err(_) => return self.rest(place),
            }
            if self.asking == Asking::Http {
                return self.ask(place);
            }
        }
    }

    /// True where the answer is complete.
    fn step(&mut self, place: usize) -> io::Result<bool> {
        let Some(client) = self.clients.get_mut(place) else { return Ok(false) };
        let (Some(stream), Some(_)) = (&client.stream, client.asked) else { return Ok(false) };
        let request = self.asking.request();
        while let Some(rest) = request.get(client.sent..).filter(|rest| !rest.is_empty()) {
            client.sent += send_now(stream, rest, false)?;
        }
        loop {
            let length = receive_now(stream, &mut self.piece)?;
            client.heard += length;
            match self.asking {
                Asking::Http if length == 0 => {
                    return if client.heard == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(true) };
                }
                Asking::Echo if length == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                Asking::Echo if client.heard >= request.len() => return Ok(true),
                _ => {}
            }
        }
    }

    fn answered(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else { return };
        let now = Instant::now();
        if let Some(asked) = client.asked.replace(now) {
            self.outcome.latency.add(now.saturating_duration_since(asked));
        }
        self.outcome.answered += 1;
        client.served = true;
        (client.sent, client.heard) = (0, 0);
        if self.asking == Asking::Http {
            client.stream = None;
        }
    }

    /// What went wrong costs the client a rest, so that a server that refuses is not stormed.
    fn rest(&mut self, place: usize) {
        self.outcome.failed += 1;
        if let Some(client) = self.clients.get_mut(place) {
            client.stream = None;
            client.asked = None;
        }
        self.resting.push_back((Instant::now() + REST, place));
    }
}

/// Begins a connection, watched for both directions.
fn connect(server: SocketAddr, poll: &Poll, place: usize) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM.nonblocking(), None)?;
    match socket.connect(&server.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32) => {}
        Err(error) => return Err(error),
    }
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(place), interest)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A server of bare sockets that serves `serve` each connection, one after the other.
    fn bare(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
        address
    }

    #[test]
    fn counts_what_is_answered_and_the_clients_that_had_an_answer() {
        let hello = bare(|mut client| {
            let mut request = [0; 1000];
            let _ = client.read(&mut request).and_then(|_| client.write_all(b"HTTP/1.1 200 OK\r\n\r\nHi"));
        });
        let outcome = run(hello, Asking::Http, 3, Duration::from_millis(300), &Stop::new().unwrap()).unwrap();
        assert!(outcome.answered > 3 && outcome.failed == 0, "{outcome:?}");
        assert_eq!((outcome.clients_served, outcome.latency.count()), (3, outcome.answered));
    }

    #[test]
    fn keeps_a_connection_for_an_echo_and_tells_who_waits() {
        let echo = bare(|mut client| {
            let mut piece = [0; 100];
            while let Ok(length @ 1..) = client.read(&mut piece) {
                let _ = client.write_all(&piece[..length]);
            }
        });
        let outcome = run(echo, Asking::Echo, 3, Duration::from_millis(300), &Stop::new().unwrap()).unwrap();
        assert!(outcome.answered > 3, "{outcome:?}");
        assert_eq!(outcome.clients_served, 1, "two wait for the first in a sequential server");
    }

    #[test]
    fn ends_when_asked_to() {
        let stop = Stop::new().unwrap();
        stop.ask();
        let ended = run(bare(drop), Asking::Http, 1, Duration::from_secs(60), &stop);
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn counts_what_fails_without_storming() {
        let closes = bare(drop);
        let outcome = run(closes, Asking::Http, 2, Duration::from_millis(300), &Stop::new().unwrap()).unwrap();
        assert_eq!((outcome.answered, outcome.clients_served), (0, 0));
        assert!((1..100).contains(&outcome.failed), "{outcome:?}");
    }
}
