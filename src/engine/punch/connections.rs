//! TCP by simultaneous open: both connect from the port that spoke with the rendezvous, and listen at it. A connection that
//! is refused or reset (a router that answers instead of its host) is tried again at once: the next SYN may cross the
//! other one's.
//!
//! Where several connections come about, the peer with the lower number decides: it beats on the one it has chosen.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Action, MOST_CANDIDATES, Punch, Transport, Way};

/// Between two attempts to connect to an address.
const AGAIN: Duration = Duration::from_millis(150);
/// Between two punches over a connection: only one that was not understood yet is lost.
const PUNCHES: Duration = Duration::from_millis(500);
/// Who has connected and says nothing that is right for so long is a stranger.
const STRANGER: Duration = Duration::from_secs(5);
/// Made, under way and accepted.
const MOST: usize = MOST_CANDIDATES + 8;

#[derive(Clone, Debug)]
pub struct Connection {
    number: usize,
    remote: SocketAddr,
    open: bool,
    accepted: bool,
    since: Duration,
    next_punch: Duration,
    /// The other one was heard on it.
    heard: bool,
    /// A punch was answered: where the other one sees this peer, and the time there and back.
    proved: Option<(SocketAddr, Duration)>,
    /// The other one beats on it.
    chosen: bool,
}

impl Connection {
    /// When there is something to do.
    fn due(&self, sought: bool) -> Option<Duration> {
        let punch = (self.open && self.proved.is_none() && sought).then_some(self.next_punch);
        let stranger = (self.accepted && !self.heard).then_some(self.since + STRANGER);
        [punch, stranger].into_iter().flatten().min()
    }
}

impl Punch {
    /// Somebody has connected; the number that the connection gets, if it is wanted.
    pub fn accepted(&mut self, now: Duration, remote: SocketAddr) -> Option<usize> {
        if self.connections.len() >= MOST || self.is_direct() {
            return None;
        }
        Some(self.connection(now, remote, true))
    }

    fn connection(&mut self, now: Duration, remote: SocketAddr, accepted: bool) -> usize {
        let number = self.connected;
        self.connected += 1;
        self.connections.push(Connection {
            number,
            remote,
            open: accepted,
            accepted,
            since: now,
            next_punch: now,
            heard: false,
            proved: None,
            chosen: false,
        });
        number
    }

    fn is_direct(&self) -> bool {
        let path = self.other.as_ref().and_then(|other| other.path.as_ref());
        path.is_some_and(|path| path.way != Way::Rendezvous)
    }

    fn known(&mut self, number: usize) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|connection| connection.number == number)
    }

    pub(super) fn address_of(&self, way: Way) -> Option<SocketAddr> {
        match way {
            Way::Rendezvous => Some(self.plan.server),
            Way::Datagram(address) => Some(address),
            Way::Connection(number) => {
                self.connections.iter().find(|connection| connection.number == number).map(|found| found.remote)
            }
        }
    }

    pub(super) fn connections_due(&self) -> Option<Duration> {
        let sought = self.other.is_some() && !self.is_direct();
        let due = self.connections.iter().filter_map(|connection| connection.due(sought));
        let other = self.other.as_ref().filter(|_| sought && self.plan.transport == Transport::Tcp);
        let free = |address| self.connections.iter().all(|connection| connection.remote != address);
        let candidates = other.iter().flat_map(|other| &other.candidates);
        let again = candidates
            .filter(|candidate| candidate.again < candidate.until && free(candidate.address))
            .map(|candidate| candidate.again);
        due.chain(again).min()
    }

    pub(super) fn connect_when_due(&mut self, now: Duration) {
        if self.plan.transport == Transport::Udp {
            return;
        }
        let strangers = self.connections.extract_if(.., |connection| {
            connection.accepted && !connection.heard && now >= connection.since + STRANGER
        });
        self.actions.extend(strangers.map(|stranger| Action::Close { connection: stranger.number }));
        if self.is_direct() {
            return;
        }
        let Some(other) = self.other.as_mut() else { return };
        let mut wanted = Vec::new();
        for candidate in &mut other.candidates {
            let taken = self.connections.iter().any(|connection| connection.remote == candidate.address);
            if now >= candidate.until {
                candidate.again = candidate.again.max(candidate.until);
            } else if now >= candidate.again && !taken {
                candidate.sent += 1;
                wanted.push(candidate.address);
            }
        }
        for to in wanted {
            if self.connections.len() < MOST {
                let connection = self.connection(now, to, false);
                self.actions.push_back(Action::Connect { connection, to });
            }
        }
        let mut due = Vec::new();
        for connection in &mut self.connections {
            if connection.open && connection.proved.is_none() && now >= connection.next_punch {
                connection.next_punch = now + PUNCHES;
                due.push(connection.number);
            }
        }
        for number in due {
            self.ask_other(now, Way::Connection(number), false);
        }
    }

    pub(super) fn opened(&mut self, now: Duration, number: usize) {
        if let Some(connection) = self.known(number) {
            (connection.open, connection.since, connection.next_punch) = (true, now, now);
        }
    }

    pub(super) fn closed(&mut self, now: Duration, number: usize, refused: bool) {
        let Some(at) = self.connections.iter().position(|connection| connection.number == number) else { return };
        let gone = self.connections.remove(at);
        let Some(other) = self.other.as_mut() else { return };
        if let Some(candidate) = other.candidates.iter_mut().find(|known| known.address == gone.remote) {
            candidate.refused += u64::from(refused);
            candidate.again = now + AGAIN;
        }
        if other.path.as_ref().is_some_and(|path| path.way == Way::Connection(number)) {
            self.lost(now);
        }
    }

    pub(super) fn connection_heard(&mut self, way: Way) {
        if let Way::Connection(number) = way
            && let Some(connection) = self.known(number)
        {
            connection.heard = true;
        }
    }

    /// Whether a way on which a punch was answered may be taken by this peer.
    pub(super) fn may_choose(&mut self, way: Way, seen: SocketAddr, round_trip: Duration) -> bool {
        let Way::Connection(number) = way else { return true };
        let decides = self.other.as_ref().is_some_and(|other| self.id < other.id);
        let Some(connection) = self.known(number) else { return false };
        connection.proved = Some((seen, round_trip));
        decides || connection.chosen
    }

    /// The other one beats on a connection.
    pub(super) fn chosen(&mut self, now: Duration, number: usize) {
        let Some(connection) = self.known(number) else { return };
        connection.chosen = true;
        let (proved, remote) = (connection.proved, connection.remote);
        if let Some((seen, round_trip)) = proved
            && !self.is_direct()
        {
            self.proved(now, Way::Connection(number), remote, seen, round_trip);
        }
    }

    /// Closes all but one.
    pub(super) fn close_connections(&mut self, but: Option<usize>) {
        let others = self.connections.extract_if(.., |connection| Some(connection.number) != but);
        self.actions.extend(others.map(|connection| Action::Close { connection: connection.number }));
    }
}
