//! A heartbeat: two ends that send each other a sign of life every so often, and say when the other one falls silent.
//!
//! Ours is `heartbeat N\n`, N from 1, answered by `ack N\n`; any other datagram is a sign of life as well, so the peer may
//! be any program. The round trip is known where the peer answers; its jitter is that of RFC 3550 §6.4.1, with the
//! time of our own sending and hearing as S and R.
//!
//! Two netlabs say more ([`Tags`]): [`Sessions`] are ends that know each other by a token, so that others are not heard,
//! and that report to each other what came, so that loss there and loss back are told apart.
//!
//! Trap: nothing in a heartbeat proves who sent it. An end is known by its address alone, until [`Peers`] takes a new
//! address for an old end behind a NAT.

mod account;
mod message;
mod peers;
mod session;
mod sessions;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

pub use message::{Message, Report, Tags};
pub use peers::Peers;
pub use session::{RoundTrips, Session, Times};
pub use sessions::Sessions;
use watch::{Change, Watch};

use crate::jitter::Jitter;

/// Heartbeats whose answer is waited for at the same time.
const MOST_AWAITED: usize = 64;
/// Answers that wait to be sent: more than that came at once.
const MOST_ANSWERS: usize = 64;
/// Events that wait to be taken.
const MOST_EVENTS: usize = 256;

/// How often, and how long until the other end is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two heartbeats of ours.
    pub interval: Duration,
    /// After so long without a sign of life the other end is lost.
    pub timeout: Duration,
}

impl Pace {
    /// After so long without a sign of life the other end is late: one and a half intervals, or half the timeout where
    /// that is shorter.
    pub fn late(self) -> Duration {
        (self.interval * 3 / 2).min(self.timeout / 2)
    }
}

/// How the other end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Nothing was heard of it yet.
    Unknown,
    Alive,
    Late,
    Lost,
}

/// What happened, for whoever shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first sign of life, or the first after it was late or lost; `silence`: how long there was none.
    Alive { peer: SocketAddr, silence: Option<Duration> },
    /// No sign of life for longer than [`Pace::late`].
    Late { peer: SocketAddr, silence: Duration },
    /// No sign of life for [`Pace::timeout`]; counted from the start where there never was one.
    Lost { peer: SocketAddr, silence: Duration },
    /// A heartbeat of the peer's; `number` where it is written as ours.
    Beat { peer: SocketAddr, number: Option<u64> },
    /// Our heartbeat was answered.
    Answered { peer: SocketAddr, number: u64, round_trip: Duration, jitter: Duration },
    /// The next heartbeat of ours goes out, and this one is not answered.
    Unanswered { peer: SocketAddr, number: u64 },
    /// The peer speaks from another address: its NAT has given it a new one, or it has moved.
    Moved { from: SocketAddr, to: SocketAddr },
    /// Another program speaks from there, or the same one begun anew: its counting starts again.
    Restarted { peer: SocketAddr },
    /// So many of the peer's datagrams that should have come have not, as far as one knows now.
    Missing { peer: SocketAddr, count: u32 },
    /// The peer says that so many more of ours have not come.
    MissingThere { peer: SocketAddr, count: u32 },
    /// A datagram of the peer's came once more.
    Again { peer: SocketAddr },
    /// A datagram of the peer's came behind a later one.
    Disordered { peer: SocketAddr },
}

impl Event {
    /// Whose it is; after a move, where it is now.
    pub fn peer(&self) -> SocketAddr {
        match *self {
            Self::Alive { peer, .. }
            | Self::Late { peer, .. }
            | Self::Lost { peer, .. }
            | Self::Beat { peer, .. }
            | Self::Answered { peer, .. }
            | Self::Unanswered { peer, .. }
            | Self::Moved { to: peer, .. }
            | Self::Restarted { peer }
            | Self::Missing { peer, .. }
            | Self::MissingThere { peer, .. }
            | Self::Again { peer }
            | Self::Disordered { peer } => peer,
        }
    }

    fn of(peer: SocketAddr, change: Change) -> Self {
        match change {
            Change::Alive(silence) => Self::Alive { peer, silence },
            Change::Late(silence) => Self::Late { peer, silence },
            Change::Lost(silence) => Self::Lost { peer, silence },
        }
    }
}

/// `later - earlier` in nanoseconds, of either sign.
fn difference(later: Duration, earlier: Duration) -> i64 {
    let size = i64::try_from(later.abs_diff(earlier).as_nanos()).unwrap_or(i64::MAX);
    if later < earlier { -size } else { size }
}

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// What has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Heartbeats of ours.
    pub sent: u64,
    /// Answers to them.
    pub answered: u64,
    /// Signs of life of any kind.
    pub heard: u64,
}

/// One end's view of the other. Times are since a moment that the caller chooses, the same for all calls.
#[derive(Debug)]
pub struct Heartbeat {
    pace: Pace,
    peer: SocketAddr,
    watch: Watch,
    /// When our next heartbeat is due.
    due: Duration,
    /// The number of our last heartbeat.
    number: u64,
    /// The highest number that the peer's heartbeats had.
    theirs: Option<u64>,
    awaited: VecDeque<(u64, Duration)>,
    round_trip: Option<Duration>,
    jitter: Jitter,
    answers: VecDeque<u64>,
    events: VecDeque<Event>,
    tally: Tally,
}

impl Heartbeat {
    /// Speaks to `peer`, from `now` on.
    pub fn new(pace: Pace, peer: SocketAddr, now: Duration) -> Self {
        Self {
            pace,
            peer,
            watch: Watch::new(pace, now),
            due: now,
            number: 0,
            theirs: None,
            awaited: VecDeque::new(),
            round_trip: None,
            jitter: Jitter::default(),
            answers: VecDeque::new(),
            events: VecDeque::new(),
            tally: Tally::default(),
        }
    }

    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub fn life(&self) -> Life {
        self.watch.life()
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether the last heartbeat of ours has its answer.
    pub fn is_answered(&self) -> bool {
        self.number > 0 && self.awaited.back().is_none_or(|(number, _)| *number != self.number)
    }

    /// Whether it is time for the next heartbeat of ours.
    pub fn is_due(&self, now: Duration) -> bool {
        now >= self.due
    }

    /// The last round trip and its jitter; `None` before the first answer.
    pub fn round_trip(&self) -> Option<(Duration, Duration)> {
        self.round_trip.map(|round_trip| (round_trip, self.jitter.duration()))
    }

    /// Takes in a datagram of the peer's, from whatever address: whose it is, is the caller's to know.
    pub fn handle(&mut self, now: Duration, from: SocketAddr, bytes: &[u8]) {
        self.handle_time(now);
        if from != self.peer {
            self.tell(Event::Moved { from: self.peer, to: from });
            self.peer = from;
        }
        self.tally.heard += 1;
        let change = self.watch.hear(now);
        self.changed(change);
        match Message::decode(bytes) {
            Message::Heartbeat(number) => {
                self.theirs = self.theirs.max(Some(number));
                if self.answers.len() < MOST_ANSWERS {
                    self.answers.push_back(number);
                }
                self.tell(Event::Beat { peer: from, number: Some(number) });
            }
            Message::Ack(number) => self.answered(now, number),
            Message::Other => self.tell(Event::Beat { peer: from, number: None }),
        }
    }

    /// How many numbers after the peer's last one `number` is, where its counting may go on there: a few may be lost.
    fn goes_on_with(&self, number: u64) -> Option<u64> {
        const LOST: u64 = 16;
        self.theirs.and_then(|last| number.checked_sub(last)).filter(|step| (1..=LOST).contains(step))
    }

    fn answered(&mut self, now: Duration, number: u64) {
        let Some(at) = self.awaited.iter().position(|(awaited, _)| *awaited == number) else { return };
        let Some((_, sent)) = self.awaited.remove(at) else { return };
        let round_trip = now.saturating_sub(sent);
        if let Some(last) = self.round_trip {
            self.jitter.add(difference(round_trip, last));
        }
        self.round_trip = Some(round_trip);
        self.tally.answered += 1;
        self.tell(Event::Answered { peer: self.peer, number, round_trip, jitter: self.jitter.duration() });
    }

    /// Lets time pass.
    pub fn handle_time(&mut self, now: Duration) {
        self.watch.pass(now).into_iter().for_each(|change| self.changed(change));
    }

    fn changed(&mut self, change: Option<Change>) {
        if let Some(change) = change {
            self.tell(Event::of(self.peer, change));
        }
    }

    /// What is to be sent now, one after another until `None`: answers first, then the heartbeat that is due.
    pub fn transmit(&mut self, now: Duration) -> Option<Transmit> {
        if let Some(number) = self.answers.pop_front() {
            return Some(Transmit { to: self.peer, bytes: Message::Ack(number).encode() });
        }
        if !self.is_due(now) {
            return None;
        }
        if let Some((number, _)) = self.awaited.back().copied().filter(|(number, _)| *number == self.number) {
            self.tell(Event::Unanswered { peer: self.peer, number });
        }
        // One beat an interval, also after a pause of the caller's: those that were slept through are not made up for.
        self.due = (self.due + self.pace.interval).max(now);
        if self.due <= now {
            self.due = now + self.pace.interval;
        }
        self.number += 1;
        if self.awaited.len() == MOST_AWAITED {
            self.awaited.pop_front();
        }
        self.awaited.push_back((self.number, now));
        self.tally.sent += 1;
        Some(Transmit { to: self.peer, bytes: Message::Heartbeat(self.number).encode() })
    }

    /// No further heartbeat is sent: tells that the last one has no answer, where it has none.
    pub fn give_up(&mut self) {
        if self.number > 0 && !self.is_answered() {
            self.awaited.pop_back();
            self.tell(Event::Unanswered { peer: self.peer, number: self.number });
        }
    }

    /// The next thing that happened.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Until when to wait for a datagram: then [`Heartbeat::handle_time`] and [`Heartbeat::transmit`] have something.
    pub fn wait(&self) -> Duration {
        match self.watch.change() {
            Some(change) => change.min(self.due),
            None => self.due,
        }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < MOST_EVENTS {
            self.events.push_back(event);
        }
    }
}
