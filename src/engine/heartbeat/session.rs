//! One end among those that know each other by a token: beats, answers, reports, and proves addresses.
//!
//! Guarantee: an address that nobody chose gets one datagram for each that came from it, and none longer, until it has
//! shown that it hears us: by a report that has seen what was sent there. Only then does it get heartbeats, as after a
//! move only the new address that has shown it. A datagram with a forged sender so costs its victim no more than itself.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::account::{Account, Arrival};
use super::message::{Message, Report, Tags};
use super::watch::{Change, Watch};
use super::{Event, Life, MOST_ANSWERS, MOST_AWAITED, MOST_EVENTS, Pace, Tally, Transmit};

/// Round trips so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrips {
    pub least: Duration,
    pub most: Duration,
    sum: Duration,
    count: u32,
}

impl RoundTrips {
    pub fn average(&self) -> Duration {
        self.sum / self.count.max(1)
    }
}

/// How often something happened to the other end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    pub late: u32,
    pub lost: u32,
    pub moved: u32,
    pub restarted: u32,
}

/// An address that has yet to show that it hears us.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    address: SocketAddr,
    /// The serial number of the first datagram that went there.
    first: Option<u32>,
}

/// One end's view of the other. Times are since a moment that the caller chooses, the same for all calls.
#[derive(Debug)]
pub struct Session {
    pace: Pace,
    /// Ours and the other end's token; that is unknown until it has spoken.
    own: u64,
    theirs: Option<u64>,
    /// The user chose it: it is spoken to whether it answers or not.
    chosen: bool,
    peer: SocketAddr,
    /// The peer's address has shown that it hears us, or was chosen.
    proven: bool,
    candidate: Option<Candidate>,
    watch: Watch,
    due: Duration,
    number: u32,
    serial: u32,
    awaited: VecDeque<(u64, Duration)>,
    answers: VecDeque<(u64, SocketAddr)>,
    account: Account,
    /// What the other end says of ours, and what it said in earlier lives.
    report: Report,
    before: Report,
    /// Of the other end's earlier lives.
    heard_before: Report,
    round_trips: Option<RoundTrips>,
    tally: Tally,
    times: Times,
    events: VecDeque<Event>,
}

impl Session {
    /// Speaks to an address that the user chose, from `now` on.
    pub(super) fn towards(pace: Pace, own: u64, peer: SocketAddr, now: Duration) -> Self {
        Self {
            pace,
            own,
            theirs: None,
            chosen: true,
            peer,
            proven: true,
            candidate: None,
            watch: Watch::new(pace, now),
            due: now,
            number: 0,
            serial: 0,
            awaited: VecDeque::new(),
            answers: VecDeque::new(),
            account: Account::from(1),
            report: Report::default(),
            before: Report::default(),
            heard_before: Report::default(),
            round_trips: None,
            tally: Tally::default(),
            times: Times::default(),
            events: VecDeque::new(),
        }
    }

    /// Answers one that has spoken first.
    pub(super) fn with(pace: Pace, own: u64, peer: SocketAddr, tags: &Tags, now: Duration) -> Self {
        // One that has not heard of us yet began with 1; one that knew somebody here before goes on counting.
        let first = if tags.to == 0 { 1 } else { tags.serial };
        Self {
            theirs: Some(tags.from),
            chosen: false,
            proven: false,
            candidate: Some(Candidate { address: peer, first: None }),
            account: Account::from(first),
            ..Self::towards(pace, own, peer, now)
        }
    }

    /// Where it speaks from; after a move, once the new address has shown that it hears us.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub fn life(&self) -> Life {
        self.watch.life()
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }

    pub fn times(&self) -> Times {
        self.times
    }

    pub fn round_trips(&self) -> Option<RoundTrips> {
        self.round_trips
    }

    /// Datagrams of ours, heartbeats and answers.
    pub fn sent(&self) -> u32 {
        self.serial
    }

    /// What came of the other end's datagrams.
    pub fn heard(&self) -> Report {
        sum(self.heard_before, self.account.report())
    }

    /// What the other end says that came of ours; `None` where it has never said so.
    pub fn heard_there(&self) -> Option<Report> {
        (self.report.seen > 0 || self.before.seen > 0).then(|| sum(self.before, self.report))
    }

    pub(super) fn own(&self) -> u64 {
        self.own
    }

    pub(super) fn theirs(&self) -> Option<u64> {
        self.theirs
    }

    pub(super) fn is_proven(&self) -> bool {
        self.proven
    }

    pub(super) fn heard_at(&self) -> Duration {
        self.watch.heard()
    }

    /// Whether the last heartbeat of ours has its answer.
    pub fn is_answered(&self) -> bool {
        self.number > 0 && self.awaited.back().is_none_or(|(number, _)| *number != u64::from(self.number))
    }

    pub fn is_due(&self, now: Duration) -> bool {
        now >= self.due
    }

    /// Whether it goes on counting: a datagram that was not seen before.
    pub(super) fn is_news(&self, tags: &Tags) -> bool {
        self.account.is_newer(tags.serial)
    }

    /// The other end has begun anew, or is another one: what it counts begins again.
    pub(super) fn begin_anew(&mut self, tags: &Tags) {
        self.before = sum(self.before, self.report);
        self.heard_before = sum(self.heard_before, self.account.report());
        self.report = Report::default();
        // To an end that it has not known, whoever answers counts from 1.
        self.account = Account::from(1);
        if self.theirs.replace(tags.from).is_some() {
            self.times.restarted = self.times.restarted.saturating_add(1);
            self.tell(Event::Restarted { peer: self.peer });
        }
    }

    /// It stands where another one stood that spoke from the same address.
    pub(super) fn begin_again(&mut self) {
        self.times.restarted = 1;
        self.tell(Event::Restarted { peer: self.peer });
    }

    /// Takes in a datagram with this end's tokens, from whatever address.
    pub(super) fn handle(&mut self, now: Duration, from: SocketAddr, message: Message, tags: &Tags) {
        self.handle_time(now);
        let proven = self.proven;
        self.place(from, tags);
        if self.proven && !proven {
            // Not together with the other end's heartbeats, which are about to come.
            self.due = now.saturating_add(self.pace.interval / 2);
        }
        let newest = self.account.is_newer(tags.serial);
        let missing = self.account.report().lost;
        match self.account.take(now, tags) {
            // No sign of life: anybody may repeat what went over the wire.
            Arrival::Again => return self.tell(Event::Again { peer: self.peer }),
            Arrival::Disordered => self.tell(Event::Disordered { peer: self.peer }),
            Arrival::New { skipped: 0 } => {}
            Arrival::New { .. } => {
                let count = self.account.report().lost.saturating_sub(missing);
                self.tell(Event::Missing { peer: self.peer, count });
            }
        }
        if newest {
            let count = tags.report.lost.saturating_sub(self.report.lost);
            self.report = tags.report;
            if count > 0 {
                self.tell(Event::MissingThere { peer: self.peer, count });
            }
        }
        self.hear(now, from, message);
    }

    /// Takes in a datagram without tags of the one that was chosen: of an end that has no more to say than that.
    pub(super) fn handle_plain(&mut self, now: Duration, from: SocketAddr, message: Message) {
        self.handle_time(now);
        self.hear(now, from, message);
    }

    fn hear(&mut self, now: Duration, from: SocketAddr, message: Message) {
        self.tally.heard += 1;
        let change = self.watch.hear(now);
        self.changed(change);
        match message {
            Message::Heartbeat(number) => {
                if self.answers.len() < MOST_ANSWERS {
                    self.answers.push_back((number, from));
                }
                self.tell(Event::Beat { peer: self.peer, number: Some(number) });
            }
            Message::Ack(number) => self.answered(now, number),
            Message::Other => {}
        }
    }

    /// Where the other end is: an address that is new has to show that it hears us.
    fn place(&mut self, from: SocketAddr, tags: &Tags) {
        if self.proven && from == self.peer {
            self.candidate = None;
            return;
        }
        let Some(candidate) = self.candidate.filter(|candidate| candidate.address == from) else {
            if self.account.is_newer(tags.serial) {
                self.candidate = Some(Candidate { address: from, first: None });
            }
            return;
        };
        let hears = |first: u32| tags.to == self.own && tags.report.seen >= first;
        if !candidate.first.is_some_and(hears) {
            return;
        }
        self.candidate = None;
        self.proven = true;
        if from != self.peer {
            self.times.moved = self.times.moved.saturating_add(1);
            self.tell(Event::Moved { from: self.peer, to: from });
            self.peer = from;
        }
    }

    fn answered(&mut self, now: Duration, number: u64) {
        let Some(at) = self.awaited.iter().position(|(awaited, _)| *awaited == number) else { return };
        let Some((_, sent)) = self.awaited.remove(at) else { return };
        let round_trip = now.saturating_sub(sent);
        let trips = self.round_trips.get_or_insert(RoundTrips {
            least: round_trip,
            most: round_trip,
            sum: Duration::ZERO,
            count: 0,
        });
        trips.least = trips.least.min(round_trip);
        trips.most = trips.most.max(round_trip);
        trips.sum = trips.sum.saturating_add(round_trip);
        trips.count = trips.count.saturating_add(1);
        self.tally.answered += 1;
        let jitter = Duration::from_micros(self.account.report().jitter.into());
        self.tell(Event::Answered { peer: self.peer, number, round_trip, jitter });
    }

    /// Lets time pass.
    pub(super) fn handle_time(&mut self, now: Duration) {
        self.watch.pass(now).into_iter().for_each(|change| self.changed(change));
    }

    fn changed(&mut self, change: Option<Change>) {
        let Some(change) = change else { return };
        match change {
            Change::Late(_) => self.times.late = self.times.late.saturating_add(1),
            Change::Lost(_) => self.times.lost = self.times.lost.saturating_add(1),
            Change::Alive(_) => {}
        }
        self.tell(Event::of(self.peer, change));
    }

    /// Whether it gets heartbeats of ours: it was chosen, or has shown that it hears us, and is not lost.
    fn is_spoken_to(&self) -> bool {
        self.chosen || self.proven && self.life() != Life::Lost
    }

    /// What is to be sent now, one after another until `None`: answers first, then the heartbeat that is due.
    pub(super) fn transmit(&mut self, now: Duration) -> Option<Transmit> {
        if let Some((number, to)) = self.answers.pop_front() {
            return Some(self.datagram(now, to, Message::Ack(number)));
        }
        if !self.is_due(now) || !self.is_spoken_to() {
            return None;
        }
        if self.number > 0 && !self.is_answered() {
            self.tell(Event::Unanswered { peer: self.peer, number: self.number.into() });
        }
        // One an interval, also after a pause of the caller's: those that were slept through are not made up for.
        self.due = self.due.saturating_add(self.pace.interval);
        if self.due <= now {
            self.due = now.saturating_add(self.pace.interval);
        }
        self.number = self.number.saturating_add(1);
        if self.awaited.len() == MOST_AWAITED {
            self.awaited.pop_front();
        }
        self.awaited.push_back((self.number.into(), now));
        self.tally.sent += 1;
        Some(self.datagram(now, self.peer, Message::Heartbeat(self.number.into())))
    }

    fn datagram(&mut self, now: Duration, to: SocketAddr, message: Message) -> Transmit {
        self.serial = self.serial.saturating_add(1);
        if let Some(candidate) = &mut self.candidate
            && candidate.address == to
        {
            candidate.first.get_or_insert(self.serial);
        }
        // An end that has no tags gets none back.
        if self.theirs.is_none() && self.tally.heard > 0 && matches!(message, Message::Ack(_)) {
            return Transmit { to, bytes: message.encode() };
        }
        let at = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let report = self.account.report();
        let tags = Tags { from: self.own, to: self.theirs.unwrap_or(0), serial: self.serial, at, report };
        Transmit { to, bytes: tags.encode(message) }
    }

    /// No further heartbeat is sent: tells that the last one has no answer, where it has none.
    pub(super) fn give_up(&mut self) {
        if self.number > 0 && !self.is_answered() {
            self.awaited.pop_back();
            self.tell(Event::Unanswered { peer: self.peer, number: self.number.into() });
        }
    }

    pub(super) fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Until when to wait for a datagram; `None`: nothing will happen by itself.
    pub(super) fn wait(&self) -> Option<Duration> {
        let due = self.is_spoken_to().then_some(self.due);
        [due, self.watch.change()].into_iter().flatten().min()
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < MOST_EVENTS {
            self.events.push_back(event);
        }
    }
}

/// Two lives of one end together; jitter is the later one's.
fn sum(before: Report, now: Report) -> Report {
    Report {
        seen: before.seen.saturating_add(now.seen),
        heard: before.heard.saturating_add(now.heard),
        lost: before.lost.saturating_add(now.lost),
        again: before.again.saturating_add(now.again),
        disordered: before.disordered.saturating_add(now.disordered),
        jitter: if now.seen > 0 { now.jitter } else { before.jitter },
    }
}
