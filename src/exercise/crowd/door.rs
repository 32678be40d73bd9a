//! Where a crowd comes in: the listening socket, and how many places the system gives.

use std::net::{SocketAddr, TcpListener};

use socket2::SockRef;

use super::guest::SEND_BUFFER;
use crate::exercise::connection::listen;
use crate::exercise::{Error, Service, Transcript};
use crate::io::limits;

/// Clients that may be in the kernel's backlog, half a second of a busy server.
const WAITING: i32 = 4096;
/// Descriptors for other things than clients: the listener, the selector, standard streams, what the process has beside.
const SPARE: u64 = 32;

/// A listening socket that never makes its caller wait.
#[derive(Debug)]
pub struct Door {
    pub listener: TcpListener,
    pub address: SocketAddr,
    /// Clients that there can be at once, 1 at least.
    pub places: usize,
    /// Descriptors that all clients of `--max-clients` would need.
    wanted: u64,
}

impl Door {
    pub fn open(name: &str, service: &Service) -> Result<Self, Error> {
        let system = |operation| move |source| Error::System { operation, target: name.to_owned(), source };
        let wanted = u64::try_from(service.max_clients).unwrap_or(u64::MAX).saturating_add(SPARE);
        let allowed = usize::try_from(limits::descriptors(wanted).saturating_sub(SPARE)).unwrap_or(usize::MAX);
        let listener = listen(service)?;
        let address = listener.local_addr().map_err(system("find the address of"))?;
        let socket = SockRef::from(&listener);
        // What a client does not read stays in our backlog, which is bounded, and not in megabytes of the kernel's. And
        // what is said goes out at once: Nagle's algorithm would hold a second line back until the first is acknowledged.
        socket
            .set_send_buffer_size(SEND_BUFFER)
            .and_then(|()| socket.set_tcp_nodelay(true))
            .and_then(|()| socket.listen(WAITING))
            .and_then(|()| listener.set_nonblocking(true))
            .map_err(system("prepare the socket of"))?;
        Ok(Self { listener, address, places: allowed.min(service.max_clients).max(1), wanted })
    }

    /// Says so where the system gives fewer places than were asked for.
    pub fn tell_limit(&self, service: &Service, transcript: &Transcript) {
        if self.places < service.max_clients {
            transcript.note(&format!(
                "open files are limited (`ulimit -Hn`), so {} clients find a place, not {}; \
                 `sudo prlimit --pid $$ --nofile={}` lets programs of this shell have more",
                self.places, service.max_clients, self.wanted
            ));
        }
    }
}
