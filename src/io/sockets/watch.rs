//! How the sockets of a network namespace change: looked at again and again, and told by the kernel what went between.
//!
//! The kernel sends a notice for each TCP and UDP socket that it destroys (SKNLGRP_INET_*_DESTROY, linux/sock_diag.h),
//! so one that lived shorter than the time between two looks is told, too. TIME-WAIT is no socket to the kernel: its end
//! is seen by looking. Trap: a program that closes with a reset (SO_LINGER of 0) has its addresses wiped first, so a
//! connection that ends so between two looks is told by its other end only.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::diag::Diag;
use super::{Endpoint, Error, Protocol, Socket, State, list};

/// All four: IPv4 TCP, IPv4 UDP, IPv6 TCP, IPv6 UDP.
const DESTROYED: u32 = 0b1111;
/// Notices kept between two looks; more than that are counted only.
const MOST_NOTICES: usize = 100_000;

/// What became of a socket.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Opened(Socket),
    /// In another state than this one before.
    Moved(Socket, State),
    Closed(Socket),
    /// Opened and closed between two looks; who held it is no longer known.
    Brief(Socket),
    /// The kernel had more to tell than there was room for.
    Lost,
}

/// What makes a socket the same at two looks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Identity {
    /// A connection keeps its addresses while the kernel replaces what stands for it (request, socket, TIME-WAIT).
    Connection(Endpoint, Endpoint, u32),
    Cookie(Protocol, u64),
    /// From a list without cookies.
    Inode(Protocol, u32, Endpoint),
}

fn identity(socket: &Socket) -> Identity {
    if socket.protocol == Protocol::Tcp && socket.state != State::LISTEN && socket.remote_port() != 0 {
        Identity::Connection(socket.local.clone(), socket.remote.clone(), socket.interface)
    } else if socket.cookie != 0 {
        Identity::Cookie(socket.protocol, socket.cookie)
    } else {
        Identity::Inode(socket.protocol, socket.inode, socket.local.clone())
    }
}

/// A namespace under watch.
pub struct Watch {
    protocols: Vec<Protocol>,
    notices: Diag,
    gone: Vec<Socket>,
    lost: bool,
    known: HashMap<Identity, Socket>,
}

impl Watch {
    /// Begins, with the sockets there are.
    pub fn begin(protocols: &[Protocol]) -> Result<(Self, Vec<Socket>), Error> {
        // Before the first look: nothing falls between.
        let notices = Diag::listening(DESTROYED)?;
        let sockets = list(protocols, false)?;
        let known = by_identity(&sockets);
        Ok((Self { protocols: protocols.to_vec(), notices, gone: Vec::new(), lost: false, known }, sockets))
    }

    /// Gathers notices for `time`, then looks: what has changed since the last look. `None` once `stop` is readable.
    pub fn next(&mut self, time: Duration, stop: BorrowedFd<'_>) -> Result<Option<Vec<Change>>, Error> {
        let end = Instant::now() + time;
        loop {
            let left = PollTimeout::try_from(end.saturating_duration_since(Instant::now())).unwrap_or(PollTimeout::MAX);
            let mut descriptors =
                [PollFd::new(self.notices.socket().as_fd(), PollFlags::POLLIN), PollFd::new(stop, PollFlags::POLLIN)];
            let ready = match poll(&mut descriptors, left) {
                Err(Errno::EINTR) => continue,
                ready => {
                    ready.map_err(|errno| Error::Failed { operation: "wait for sockets", source: errno.into() })?
                }
            };
            if descriptors[1].any() == Some(true) {
                return Ok(None);
            }
            if ready == 0 {
                break;
            }
            let (gone, protocols) = (&mut self.gone, &self.protocols);
            let mut room = true;
            let lost = self.notices.notices(&mut |socket| {
                room = gone.len() < MOST_NOTICES;
                // A socket that was never bound or connected is nobody's news, and not listed either.
                let named = socket.local_port() != 0 || socket.remote_port() != 0;
                if room && named && protocols.contains(&socket.protocol) {
                    gone.push(socket);
                }
            })?;
            self.lost |= lost || !room;
        }
        let now = by_identity(&list(&self.protocols, false)?);
        let gone = std::mem::take(&mut self.gone);
        let mut changes = differences(&self.known, &now, gone);
        if std::mem::take(&mut self.lost) {
            changes.push(Change::Lost);
        }
        self.known = now;
        Ok(Some(changes))
    }
}

fn by_identity(sockets: &[Socket]) -> HashMap<Identity, Socket> {
    sockets.iter().map(|socket| (identity(socket), socket.clone())).collect()
}

/// What happened between two looks, with the notices of that time.
fn differences(before: &HashMap<Identity, Socket>, now: &HashMap<Identity, Socket>, gone: Vec<Socket>) -> Vec<Change> {
    let mut changes = Vec::new();
    let seen = |socket: &Socket| {
        let mut same = [before, now].into_iter().filter_map(|look| look.get(&identity(socket)));
        // Another connection may have had the same addresses; TIME-WAIT has another cookie than its connection had.
        same.any(|other| {
            other.cookie == 0 || socket.cookie == 0 || other.cookie == socket.cookie || other.state == State::TIME_WAIT
        })
    };
    changes.extend(gone.into_iter().filter(|socket| !seen(socket)).map(Change::Brief));
    for (identity, socket) in before {
        if !now.contains_key(identity) {
            changes.push(Change::Closed(socket.clone()));
        }
    }
    for (identity, socket) in now {
        match before.get(identity) {
            None => changes.push(Change::Opened(socket.clone())),
            Some(old) if old.state != socket.state => changes.push(Change::Moved(socket.clone(), old.state)),
            Some(_) => {}
        }
    }
    // A table has no order of its own; the reader gets one.
    changes.sort_by_key(|change| match change {
        Change::Brief(socket) => (0, socket.protocol, socket.local_port(), socket.remote.clone()),
        Change::Closed(socket) => (1, socket.protocol, socket.local_port(), socket.remote.clone()),
        Change::Moved(socket, _) => (2, socket.protocol, socket.local_port(), socket.remote.clone()),
        Change::Opened(socket) => (3, socket.protocol, socket.local_port(), socket.remote.clone()),
        Change::Lost => (4, Protocol::Unix, 0, Endpoint::Peer(0)),
    });
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(port: u16, state: State, cookie: u64) -> Socket {
        let end = |port: u16| Endpoint::Address(([127, 0, 0, 1], port).into());
        Socket { state, cookie, local: end(port), remote: end(8005), ..Socket::new(Protocol::Tcp) }
    }

    fn told(before: &[Socket], now: &[Socket], gone: Vec<Socket>) -> Vec<Change> {
        differences(&by_identity(before), &by_identity(now), gone)
    }

    #[test]
    fn a_connection_keeps_its_identity_into_time_wait() {
        let open = connection(40_000, State::ESTABLISHED, 7);
        let waiting = connection(40_000, State::TIME_WAIT, 8);
        let moved = Change::Moved(waiting.clone(), State::ESTABLISHED);
        let (first, second) = ([open], [waiting]);
        assert_eq!(told(&first, &second, vec![connection(40_000, State::CLOSED, 7)]), [moved]);
        let [waiting] = second.clone();
        assert_eq!(told(&second, &[], Vec::new()), [Change::Closed(waiting)]);
    }

    #[test]
    fn one_that_lived_between_two_looks_is_told_by_its_notice() {
        let brief = connection(40_001, State::CLOSED, 9);
        let lasting = connection(40_002, State::ESTABLISHED, 10);
        let same = [lasting.clone()];
        assert_eq!(told(&same, &same, vec![brief.clone()]), [Change::Brief(brief)]);
        // Its addresses were used before: another socket all the same.
        let again = connection(40_002, State::CLOSED, 11);
        assert_eq!(told(&same, &same, vec![again.clone()]), [Change::Brief(again)]);
        assert_eq!(told(&same, &[], vec![connection(40_002, State::CLOSED, 10)]), [Change::Closed(lasting)]);
    }
}
