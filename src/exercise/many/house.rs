//! What all clients of a many-client server share, whatever the model: the protocol, the limits, and the count.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Protocol;
use super::talk::Talk;
use crate::exercise::{Error, Service, Transcript};

/// How long to leave the backlog alone when there is no descriptor for a further client.
pub const PAUSE: Duration = Duration::from_millis(50);

pub struct House<P> {
    pub name: &'static str,
    pub protocol: P,
    pub transcript: Transcript,
    pub idle: Duration,
    pub max_clients: usize,
    served: AtomicU64,
    /// When it was last told that a client could not be accepted.
    told: Mutex<Option<Instant>>,
    /// What ends the server, where that is not Ctrl-C: standard output has gone away.
    fatal: Mutex<Option<Error>>,
}

/// What the backlog had.
pub enum Accepted {
    Client(TcpStream, SocketAddr),
    /// Nobody waits.
    Nobody,
    /// Somebody waits and there is no descriptor or no memory for it; try again after [`PAUSE`].
    NoRoom,
}

impl<P: Protocol> House<P> {
    pub fn new(name: &'static str, protocol: P, service: &Service, transcript: Transcript) -> Self {
        Self {
            name,
            protocol,
            transcript,
            idle: service.idle,
            max_clients: service.max_clients.max(1),
            served: AtomicU64::new(0),
            told: Mutex::new(None),
            fatal: Mutex::new(None),
        }
    }

    /// Takes one client out of the backlog; never waits.
    pub fn accept(&self, listener: &TcpListener) -> Accepted {
        loop {
            match listener.accept() {
                Ok((stream, peer)) => return Accepted::Client(stream, peer),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Accepted::Nobody,
                    // The client went away between its handshake and our accept, or another signal came.
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => {
                        self.cannot_accept(&error);
                        return Accepted::NoRoom;
                    }
                },
            }
        }
    }

    /// Told once a second at most: it is tried again every [`PAUSE`].
    fn cannot_accept(&self, error: &io::Error) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
            *told = Some(Instant::now());
            self.transcript.note(&format!("cannot accept a client: {error}; tried again until one has left"));
        }
    }

    /// A client has come.
    pub fn arrived(&self, peer: SocketAddr, now: Instant) -> Result<Talk<P::Session>, Error> {
        // A socket that takes both families shows IPv4 as ::ffff:a.b.c.d; programs print what a person knows.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        self.transcript.log("connected", Some(peer), "");
        Ok(Talk::new(peer, self.protocol.open(peer, &self.transcript)?, now, self.idle))
    }

    /// A client had all it was to have. It counts now: the end of the server may come before the client's own.
    pub fn answered(&self) {
        self.served.fetch_add(1, Ordering::AcqRel);
    }

    /// A client is gone. What went wrong with it is said, and is an error of the server only where it cannot go on.
    pub fn left(&self, peer: SocketAddr, ending: Result<(), Error>) -> Result<(), Error> {
        match ending {
            Ok(()) => self.transcript.log("served", Some(peer), ""),
            Err(Error::Stopped) => {}
            Err(error @ Error::Output(_)) => return Err(error),
            Err(error) => self.transcript.about(peer, &error.to_string()),
        }
        Ok(())
    }

    /// Keeps the first error that ends the server, for [`House::close`].
    pub fn fail(&self, error: Error) {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// The end: how many were served.
    pub fn close(&self) -> Result<u64, Error> {
        match self.fatal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(self.served.load(Ordering::Acquire)),
        }
    }
}
