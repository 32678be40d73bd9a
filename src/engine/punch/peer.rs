//! What two peers say to each other: punches until one is answered, beats from then on.
//!
//! Trap: that something comes from an address does not mean that what is sent there arrives, and a message that was
//! caught can be sent again by somebody else: a new address of the other one counts once a punch to it was answered
//! from it (as RFC 9000 §9.3 validates a path).

use std::net::SocketAddr;
use std::time::Duration;

use super::window::Window;
use super::{
    BEAT_AGAIN, BEATS, Ending, Event, LINGER, MOST_CANDIDATES, MOST_SENT, Origin, PUNCHES, Punch, Reach, Sent,
    Transport, Way, Witness,
};
use crate::engine::rendezvous::message::{Id, MOST_PAYLOAD, Message, Payload, Stamp, is_one_hosts};

/// Bytes of a line that a message takes which is itself carried in another one.
const MOST_RELAYED: usize = 80;

/// An address at which the other one may be.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub address: SocketAddr,
    pub origin: Origin,
    added: Duration,
    /// It is punched until then.
    pub until: Duration,
    /// Punches sent (UDP) or connections tried (TCP), messages that came from there, answers to own ones.
    pub sent: u64,
    pub heard: u64,
    pub answered: u64,
    /// TCP: attempts that were refused, and when to try again.
    pub refused: u64,
    pub again: Duration,
    /// The other one has come here from elsewhere, it seems.
    moved: bool,
}

/// The way by which the other one is spoken to.
#[derive(Clone, Debug)]
pub struct Path {
    pub way: Way,
    pub address: SocketAddr,
    pub origin: Origin,
    since: Duration,
    /// An own message was answered on it.
    pub proved: bool,
    /// Where the other one sees this peer.
    pub seen: Option<SocketAddr>,
    pub next_beat: Duration,
    unanswered: u32,
    /// An own beat was answered.
    beaten: bool,
    heard: Duration,
}

impl Path {
    fn new(way: Way, address: SocketAddr, origin: Origin, now: Duration) -> Self {
        Self {
            way,
            address,
            origin,
            since: now,
            proved: false,
            seen: None,
            next_beat: now,
            unanswered: 0,
            beaten: false,
            heard: now,
        }
    }
}

#[derive(Debug)]
pub struct Other {
    pub id: Id,
    pub outside: SocketAddr,
    pub candidates: Vec<Candidate>,
    pub path: Option<Path>,
    /// A beat was heard: the other one has proved its way.
    pub beats: bool,
    /// The rendezvous has it no more.
    pub left: bool,
    /// Since when it is sought.
    pub since: Duration,
    next_punch: Duration,
    window: Window,
}

impl Other {
    pub fn new(
        id: Id,
        outside: SocketAddr,
        inside: &[SocketAddr],
        server: SocketAddr,
        now: Duration,
        patience: Duration,
    ) -> Self {
        let (candidates, window) = (Vec::new(), Window::default());
        let mut other = Self {
            id,
            outside,
            candidates,
            path: None,
            beats: false,
            left: false,
            since: now,
            next_punch: now,
            window,
        };
        other.add(now, outside, Origin::Outside, now + patience);
        for address in inside.iter().filter(|address| address.is_ipv4() == server.is_ipv4()) {
            other.add(now, *address, Origin::Inside, now + patience);
        }
        other.candidates.retain(|candidate| candidate.address != server);
        other
    }

    /// Its place among the candidates; `until`: how long to punch it, if it was not known.
    pub fn add(&mut self, now: Duration, address: SocketAddr, origin: Origin, until: Duration) -> Option<usize> {
        if let Some(at) = self.candidates.iter().position(|known| known.address == address) {
            return Some(at);
        }
        if !is_one_hosts(address) {
            return None;
        }
        if self.candidates.len() >= MOST_CANDIDATES {
            let path = self.path.as_ref().map(|path| path.address);
            let spare = |known: &Candidate| known.origin == Origin::Seen && Some(known.address) != path;
            let oldest = self.candidates.iter().position(spare)?;
            self.candidates.remove(oldest);
        }
        self.candidates.push(Candidate {
            address,
            origin,
            added: now,
            until,
            sent: 0,
            heard: 0,
            answered: 0,
            refused: 0,
            again: now,
            moved: false,
        });
        Some(self.candidates.len() - 1)
    }
}

impl Punch {
    pub(super) fn peer_due(&self) -> Option<Duration> {
        let other = self.other.as_ref()?;
        let punches = other.candidates.iter().any(|candidate| candidate.until > other.next_punch);
        let punch = (punches && self.plan.transport == Transport::Udp).then_some(other.next_punch);
        let beat = other.path.as_ref().map(|path| path.next_beat);
        let patience = other.path.is_none().then_some(other.since + self.plan.patience);
        let linger = other
            .path
            .as_ref()
            .filter(|path| path.proved && self.plan.once && !self.held)
            .map(|path| path.since + LINGER);
        [punch, beat, patience, linger].into_iter().flatten().min()
    }

    pub(super) fn is_settled(&self, now: Duration) -> bool {
        let Some(other) = &self.other else { return false };
        let path = other.path.as_ref().filter(|path| path.proved);
        path.is_some_and(|path| (path.beaten && other.beats) || now >= path.since + LINGER)
    }

    /// Says a line to the other one; false where there is no way yet. A long one goes in pieces.
    pub fn say(&mut self, line: &[u8]) -> bool {
        let Some(way) = self.other.as_ref().and_then(|other| other.path.as_ref()).filter(|path| path.proved) else {
            return false;
        };
        let way = way.way;
        let most = if way == Way::Rendezvous { MOST_RELAYED } else { MOST_PAYLOAD };
        let mut rest = line;
        loop {
            let (piece, more) = split(rest, most);
            let bytes = Payload::new(piece).unwrap_or_default();
            self.tell(way, |stamp| Message::Data { stamp, bytes });
            if more.is_empty() {
                return true;
            }
            rest = more;
        }
    }

    /// Sends a message of a new number to the other one.
    pub(super) fn tell(&mut self, way: Way, make: impl FnOnce(Stamp) -> Message) -> Option<u32> {
        let seq = self.next_number();
        self.answer(way, seq, make)?;
        Some(seq)
    }

    fn answer(&mut self, way: Way, seq: u32, make: impl FnOnce(Stamp) -> Message) -> Option<()> {
        let to = self.other.as_ref()?.id;
        let bytes = make(Stamp { session: self.plan.session, from: self.id, to, seq }).encode(&self.plan.word);
        match way {
            Way::Rendezvous => self.relay(&bytes),
            _ => self.send(way, bytes),
        }
        Some(())
    }

    /// Sends something that is to be answered.
    pub(super) fn ask_other(&mut self, now: Duration, way: Way, beat: bool) {
        let make = if beat { Message::Beat } else { Message::Punch };
        let Some(number) = self.tell(way, make) else { return };
        if self.sent.len() == MOST_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { number, way, at: now, beat });
    }

    pub(super) fn punch_when_due(&mut self, now: Duration) {
        let Some(other) = self.other.as_mut() else { return };
        if other.path.is_none() && now >= other.since + self.plan.patience {
            return self.give_up(now);
        }
        if self.plan.transport == Transport::Tcp || now < other.next_punch {
            return;
        }
        other.next_punch = now + PUNCHES;
        let due = other.candidates.iter_mut().filter(|candidate| now < candidate.until);
        let due: Vec<SocketAddr> = due
            .map(|candidate| {
                candidate.sent += 1;
                candidate.address
            })
            .collect();
        for address in due {
            self.ask_other(now, Way::Datagram(address), false);
        }
    }

    /// Patience is over.
    fn give_up(&mut self, now: Duration) {
        let relays = self.plan.relay;
        self.events.push_back(Event::NotReached { relays });
        let server = self.plan.server;
        match self.other.as_mut().filter(|_| relays) {
            Some(other) => other.path = Some(Path::new(Way::Rendezvous, server, Origin::Outside, now)),
            None => self.ended = Some(Ending::NotReached),
        }
    }

    pub(super) fn beat_when_due(&mut self, now: Duration) {
        let Some(other) = self.other.as_mut() else { return };
        let Some(path) = other.path.as_mut().filter(|path| now >= path.next_beat) else { return };
        if path.unanswered >= BEATS {
            return self.lost(now);
        }
        path.unanswered += 1;
        path.next_beat = now + BEAT_AGAIN.min(self.plan.every);
        let way = path.way;
        self.ask_other(now, way, true);
    }

    /// The way is not there any more: all is tried again.
    pub(super) fn lost(&mut self, now: Duration) {
        let patience = self.plan.patience;
        let Some(other) = self.other.as_mut() else { return };
        let closed = other.path.as_ref().is_some_and(|path| path.proved && matches!(path.way, Way::Connection(_)));
        if self.plan.once && closed {
            // The other one was content before, and has closed the connection.
            self.ended = Some(Ending::Settled);
            return;
        }
        let Some(path) = other.path.take() else { return };
        if !path.proved {
            // The relay was the last resort.
            self.ended = Some(Ending::NotReached);
            return;
        }
        other.beats = false;
        self.events.push_back(Event::Lost { silence: now.saturating_sub(path.heard) });
        if other.left {
            return self.forget();
        }
        (other.since, other.next_punch) = (now, now);
        for candidate in &mut other.candidates {
            (candidate.until, candidate.again) = (now + patience, now);
        }
        self.ask_soon(now);
    }

    /// Something came that only the other one can say.
    pub(super) fn heard(&mut self, now: Duration, way: Way, bytes: &[u8]) {
        let Some(message) = self.read(bytes) else { return };
        let stamp = match &message {
            Message::Punch(stamp) | Message::Beat(stamp) => *stamp,
            Message::Reached { stamp, .. } | Message::Beaten { stamp, .. } | Message::Data { stamp, .. } => *stamp,
            _ => return self.dropped.strange += 1,
        };
        let right = stamp.session == self.plan.session && stamp.to == self.id;
        let address = self.address_of(way);
        if self.other.is_none() && right {
            // It was told of this peer before this one was told of it.
            return self.ask_soon(now);
        }
        let known = self.other.as_mut().filter(|other| right && other.id == stamp.from);
        let (Some(other), Some(address)) = (known, address) else {
            return self.dropped.strange += 1;
        };
        let asks = matches!(message, Message::Punch(_) | Message::Beat(_) | Message::Data { .. });
        if asks && !other.window.admits(stamp.seq) {
            return self.dropped.repeated += 1;
        }
        let answers = self.sent.iter().any(|sent| sent.number == stamp.seq);
        if !asks && !answers {
            return self.dropped.repeated += 1;
        }
        if way != Way::Rendezvous {
            self.note(now, way, address);
        }
        match message {
            Message::Punch(_) if way != Way::Rendezvous => {
                self.answer(way, stamp.seq, |stamp| Message::Reached { stamp, seen: address });
            }
            Message::Beat(_) => {
                self.answer(way, stamp.seq, |stamp| Message::Beaten { stamp, seen: address });
                self.beat(now, way, address);
            }
            Message::Data { bytes, .. } => self.events.push_back(Event::Said(bytes.as_bytes().to_vec())),
            Message::Reached { seen, .. } if way != Way::Rendezvous => {
                self.answered(now, way, address, stamp.seq, seen, false);
            }
            Message::Beaten { seen, .. } => self.answered(now, way, address, stamp.seq, seen, true),
            _ => self.dropped.strange += 1,
        }
    }

    /// Takes note of where something came from.
    fn note(&mut self, now: Duration, way: Way, address: SocketAddr) {
        let patience = self.plan.patience;
        self.connection_heard(way);
        let Some(other) = self.other.as_mut() else { return };
        if let Some(path) = other.path.as_mut().filter(|path| path.way == way) {
            path.heard = now;
        }
        let sought = other.path.as_ref().is_none_or(|path| path.way == Way::Rendezvous);
        let until = if sought { now + patience } else { now };
        let Some(at) = other.add(now, address, Origin::Seen, until) else { return };
        let Some(candidate) = other.candidates.get_mut(at) else { return };
        candidate.heard += 1;
        candidate.until = candidate.until.max(until);
        if candidate.heard == 1 && sought {
            self.events.push_back(Event::Heard { from: address, origin: candidate.origin });
        }
    }

    /// A beat came: the other one has proved its way.
    fn beat(&mut self, now: Duration, way: Way, address: SocketAddr) {
        let patience = self.plan.patience;
        if let Way::Connection(connection) = way {
            self.chosen(now, connection);
        }
        let Some(other) = self.other.as_mut() else { return };
        other.beats = true;
        let Some(path) = other.path.as_ref() else { return };
        if path.way == way || !matches!((way, path.way), (Way::Datagram(_), Way::Datagram(_))) {
            return;
        }
        let since = path.since;
        let fresh = other.candidates.iter_mut().find(|known| known.address == address && known.added > since);
        if let Some(candidate) = fresh.filter(|candidate| !candidate.moved) {
            (candidate.moved, candidate.until) = (true, now + patience);
        }
    }

    /// An own message was answered.
    fn answered(&mut self, now: Duration, way: Way, address: SocketAddr, seq: u32, seen: SocketAddr, beat: bool) {
        let Some(at) = self.sent.iter().position(|sent| sent.number == seq && sent.beat == beat) else {
            self.dropped.repeated += 1;
            return;
        };
        let Some(sent) = self.sent.remove(at) else { return };
        // Sent to one address and answered from another: that one has been noted, and is punched itself.
        if sent.way != way {
            return;
        }
        let round_trip = now.saturating_sub(sent.at);
        let Some(other) = self.other.as_mut() else { return };
        if let Some(candidate) = other.candidates.iter_mut().find(|known| known.address == address) {
            candidate.answered += 1;
        }
        match other.path.as_mut().filter(|path| path.way == way) {
            Some(path) => {
                let relayed = way == Way::Rendezvous && !path.proved;
                path.proved = true;
                if beat {
                    (path.unanswered, path.beaten, path.heard) = (0, true, now);
                    path.next_beat = now + self.plan.every;
                }
                if relayed {
                    self.reached = Reach::Relay;
                    self.events.push_back(Event::Relayed { round_trip });
                } else if way != Way::Rendezvous {
                    match path.seen.replace(seen) {
                        Some(from) if from != seen => {
                            self.events.push_back(Event::Moved { witness: Witness::Other, from, to: seen });
                        }
                        _ => {}
                    }
                }
            }
            None => self.proved(now, way, address, seen, round_trip),
        }
    }

    /// A punch was answered from where it was sent to.
    pub(super) fn proved(
        &mut self,
        now: Duration,
        way: Way,
        address: SocketAddr,
        seen: SocketAddr,
        round_trip: Duration,
    ) {
        if !self.may_choose(way, seen, round_trip) {
            return;
        }
        let Some(other) = self.other.as_mut() else { return };
        let Some(candidate) = other.candidates.iter_mut().find(|known| known.address == address) else { return };
        let moved = std::mem::take(&mut candidate.moved);
        candidate.until = candidate.until.min(now);
        let origin = candidate.origin;
        let mut path = Path::new(way, address, origin, now);
        (path.proved, path.seen, path.heard) = (true, Some(seen), now);
        match &other.path {
            Some(old) if old.way != Way::Rendezvous => {
                if moved {
                    self.reached = Reach::Direct { address, origin };
                    self.events.push_back(Event::OtherMoved { from: old.address, to: address });
                    other.path = Some(path);
                }
                return;
            }
            _ => {}
        }
        let after = now.saturating_sub(other.since);
        self.took = Some(after);
        self.reached = Reach::Direct { address, origin };
        other.path = Some(path);
        for candidate in &mut other.candidates {
            candidate.until = candidate.until.min(now);
        }
        self.events.push_back(Event::Reached { address, origin, after, round_trip });
        if let Way::Connection(connection) = way {
            self.close_connections(Some(connection));
        }
    }
}

/// The first piece of a line that is too long, at best cut between two characters, and the rest.
fn split(line: &[u8], most: usize) -> (&[u8], &[u8]) {
    if line.len() <= most {
        return (line, &[]);
    }
    let begins = |at: &usize| line.get(*at).is_some_and(|byte| byte & 0xc0 != 0x80);
    let at = (most.saturating_sub(3)..=most).rev().find(begins).unwrap_or(most);
    line.split_at_checked(at).unwrap_or((line, &[]))
}
