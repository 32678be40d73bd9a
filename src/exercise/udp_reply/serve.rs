//! The server of `udp-reply`.
//!
//! As in the course, the socket that heard a client is connected to it. So that one client cannot hold up the others, a
//! new socket takes over the port before that: the kernel gives a datagram to the socket that is connected to its
//! sender, and all others to the newest socket of the port.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::codec::{BUFFER, SERVER};
use crate::exercise::connection::readable;
use crate::exercise::datagrams::{Datagram, Datagrams};
use crate::exercise::service::announce;
use crate::exercise::{Error, Service, Transcript, text_of};

/// How often it looks again for a free place where all are taken.
const PAUSE: Duration = Duration::from_millis(50);
/// Clients that have spoken and wait for a place at most, beside those in the kernel's buffer.
const MOST_WAITING: usize = 1024;

/// Talks with each client that sends something; how many heard both answers.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let mut door = Datagrams::bind(service)?;
    let address = door.address()?;
    announce("udp-reply", address, service, transcript);
    if service.once {
        return match next(&door) {
            Ok(first) => converse(&connected(door, first.from)?, &first, service, transcript).map(|()| 1),
            Err(Error::Stopped) => Ok(0),
            Err(error) => Err(error),
        };
    }
    // From here on sockets of ours, and of no other program that does not ask for it, may share the port.
    socket2::SockRef::from(door.socket()).set_reuse_address(true).map_err(|source| sharing(address, source))?;

    let (served, present, fatal) = (AtomicU64::new(0), AtomicUsize::new(0), Mutex::new(None));
    let mut firsts = VecDeque::new();
    let ended = std::thread::scope(|scope| {
        loop {
            if present.load(Ordering::Acquire) >= service.max_clients.max(1) {
                if readable(&service.stop, None, Some(PAUSE))? {
                    return Err(Error::Stopped);
                }
                continue;
            }
            let first = match firsts.pop_front() {
                Some(first) => first,
                None => next(&door)?,
            };
            let newer = another(address, service)?;
            let socket = connected(std::mem::replace(&mut door, newer), first.from)?;
            // Others who came between the receive and the connect: each gets a socket as well.
            while let Some(stray) = socket.receive(BUFFER, Some(Duration::ZERO))? {
                // More of them are lost, as they are where the kernel's buffer is full.
                if firsts.len() < MOST_WAITING {
                    firsts.push_back(stray);
                }
            }
            present.fetch_add(1, Ordering::AcqRel);
            let (served, present, fatal, peer) = (&served, &present, &fatal, first.sender());
            let thread = std::thread::Builder::new().spawn_scoped(scope, move || {
                match converse(&socket, &first, service, transcript) {
                    Ok(()) => {
                        served.fetch_add(1, Ordering::AcqRel);
                        transcript.log("served", Some(first.sender()), "");
                    }
                    Err(Error::Stopped) => {}
                    Err(error @ Error::Output(_)) => {
                        fatal.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                        service.stop.ask();
                    }
                    Err(error) => transcript.about(first.sender(), &error.to_string()),
                }
                present.fetch_sub(1, Ordering::AcqRel);
            });
            if let Err(error) = thread {
                present.fetch_sub(1, Ordering::AcqRel);
                transcript.note(&format!("cannot serve {peer}: {error}"));
            }
        }
    });
    match (fatal.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner), ended) {
        (Some(error), _) => Err(error),
        (None, Ok(()) | Err(Error::Stopped)) => Ok(served.into_inner()),
        (None, Err(error)) => Err(error),
    }
}

fn next(door: &Datagrams<'_>) -> Result<Datagram, Error> {
    loop {
        if let Some(first) = door.receive(BUFFER, None)? {
            return Ok(first);
        }
    }
}

/// A further socket at the same address.
fn another(address: SocketAddr, service: &Service) -> Result<Datagrams<'_>, Error> {
    let socket = Datagrams::prepare(address)?;
    let six_takes_four = if address.is_ipv6() { socket.set_only_v6(false) } else { Ok(()) };
    six_takes_four
        .and_then(|()| socket.set_reuse_address(true))
        .and_then(|()| socket.bind(&address.into()))
        .map_err(|source| sharing(address, source))?;
    Ok(Datagrams::over(socket, Some(&service.stop)))
}

fn sharing(address: SocketAddr, source: std::io::Error) -> Error {
    Error::System { operation: "share", target: address.to_string(), source }
}

fn connected(socket: Datagrams<'_>, peer: SocketAddr) -> Result<Datagrams<'_>, Error> {
    socket.socket().connect(peer).map_err(|source| Error::talking("reach", peer, source))?;
    Ok(socket)
}

fn converse(socket: &Datagrams<'_>, first: &Datagram, service: &Service, transcript: &Transcript) -> Result<(), Error> {
    let [hello, last] = SERVER;
    transcript.heard("", &text_of(&first.bytes))?;
    socket.send_to_peer(hello, first.from)?;
    let Some(second) = socket.receive(BUFFER, Some(service.idle))? else {
        return Err(Error::Silent { peer: first.sender(), after: service.idle });
    };
    transcript.heard("", &text_of(&second.bytes))?;
    socket.send_to_peer(last, first.from)
}
