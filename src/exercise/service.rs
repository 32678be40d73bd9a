//! The accepting half of a server: client after client, until Ctrl-C. A thread a client, so that a silent one stops
//! nobody; past the limit of clients the kernel's backlog holds the next ones.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::connection::{Connection, listen, readable};
use super::{Error, Service, Transcript};

/// How often a server looks again where it has to wait for something that cannot be polled.
const PAUSE: Duration = Duration::from_millis(50);

/// Listens, says where, and lets `attend` talk with each client that connects, as [`Door::each`] says.
pub fn serve_each(
    name: &str,
    service: &Service,
    transcript: &Transcript,
    attend: impl Fn(Connection<'_>) -> Result<(), Error> + Sync,
) -> Result<u64, Error> {
    Door::open(name, service, transcript)?.each(attend)
}

/// A server that listens and has said where, and has not yet let anybody in.
#[derive(Debug)]
pub struct Door<'a> {
    listener: TcpListener,
    service: &'a Service,
    transcript: &'a Transcript,
}

impl<'a> Door<'a> {
    pub fn open(name: &str, service: &'a Service, transcript: &'a Transcript) -> Result<Self, Error> {
        Self::over(listen(service)?, name, service, transcript)
    }

    /// The same with a socket that listens already.
    pub fn over(
        listener: TcpListener,
        name: &str,
        service: &'a Service,
        transcript: &'a Transcript,
    ) -> Result<Self, Error> {
        let system = |operation, source| Error::System { operation, target: name.to_owned(), source };
        let address = listener.local_addr().map_err(|source| system("find the address of", source))?;
        listener.set_nonblocking(true).map_err(|source| system("prepare the socket of", source))?;
        announce(name, address, service, transcript);
        Ok(Self { listener, service, transcript })
    }

    /// Lets `attend` talk with the first client that connects. 0: asked to stop before one came.
    pub fn one(self, attend: impl FnOnce(Connection<'_>) -> Result<(), Error>) -> Result<u64, Error> {
        match next(&self.listener, self.service, self.transcript)? {
            Some((stream, peer)) => {
                attend(Connection::accepted(stream, peer, self.service.idle, &self.service.stop)?).map(|()| 1)
            }
            None => Ok(0),
        }
    }

    /// Lets `attend` talk with each client that connects, many at a time. How many it attended to the end.
    ///
    /// What goes wrong with one client is said on standard error and ends that client only; with `service.once` it is
    /// the answer. Ends when asked to stop, or when standard output has gone away.
    pub fn each(self, attend: impl Fn(Connection<'_>) -> Result<(), Error> + Sync) -> Result<u64, Error> {
        if self.service.once {
            return self.one(attend);
        }
        each(&self.listener, self.service, self.transcript, |stream, peer| {
            attend(Connection::accepted(stream, peer, self.service.idle, &self.service.stop)?)
        })
    }
}

fn each(
    listener: &TcpListener,
    service: &Service,
    transcript: &Transcript,
    attend: impl Fn(TcpStream, SocketAddr) -> Result<(), Error> + Sync,
) -> Result<u64, Error> {
    let served = AtomicU64::new(0);
    let present = AtomicUsize::new(0);
    let fatal = Mutex::new(None);
    let ended = std::thread::scope(|scope| {
        loop {
            if present.load(Ordering::Acquire) >= service.max_clients.max(1) {
                match readable(&service.stop, None, Some(PAUSE)) {
                    Ok(false) => continue,
                    Ok(true) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            let Some((stream, peer)) = next(listener, service, transcript)? else { return Ok(()) };
            present.fetch_add(1, Ordering::AcqRel);
            let (served, present, fatal, attend) = (&served, &present, &fatal, &attend);
            let thread = std::thread::Builder::new().spawn_scoped(scope, move || {
                match attend(stream, peer) {
                    Ok(()) => {
                        served.fetch_add(1, Ordering::AcqRel);
                        transcript.log("served", Some(peer), "");
                    }
                    Err(Error::Stopped) => {}
                    Err(error @ Error::Output(_)) => {
                        fatal.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                        service.stop.ask();
                    }
                    Err(error) => transcript.about(peer, &error.to_string()),
                }
                present.fetch_sub(1, Ordering::AcqRel);
            });
            if let Err(error) = thread {
                present.fetch_sub(1, Ordering::AcqRel);
                transcript.note(&format!("cannot serve {peer}: {error}"));
            }
        }
    });
    ended?;
    match fatal.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(served.into_inner()),
    }
}

/// Says where a server listens, and that the network can reach it where it can. `demo` waits for this line.
pub fn announce(name: &str, address: SocketAddr, service: &Service, transcript: &Transcript) {
    transcript.log("listening", Some(address), "");
    transcript.note(&format!("{name} listens on {address}; Ctrl-C ends it"));
    if service.host.is_none() || address.ip().is_unspecified() {
        transcript.note("everyone who reaches this machine over the network can talk to it");
    }
}

/// The next client; `None` when asked to stop. `listener` does not block.
pub fn next(
    listener: &TcpListener,
    service: &Service,
    transcript: &Transcript,
) -> Result<Option<(TcpStream, SocketAddr)>, Error> {
    loop {
        match readable(listener, Some(&service.stop), None) {
            Ok(_) => {}
            Err(Error::Stopped) => return Ok(None),
            Err(error) => return Err(error),
        }
        match listener.accept() {
            Ok((stream, peer)) => {
                // A socket that takes both families shows IPv4 as ::ffff:a.b.c.d; programs print what a person knows.
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                transcript.log("connected", Some(peer), "");
                return Ok(Some((stream, peer)));
            }
            // The client went away between its handshake and our accept, or another signal came.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                ) => {}
            Err(error) => {
                // Out of descriptors or memory: others may free some, the clients wait in the backlog.
                transcript.note(&format!("cannot accept a client: {error}"));
                if readable(&service.stop, None, Some(PAUSE))? {
                    return Ok(None);
                }
            }
        }
    }
}
