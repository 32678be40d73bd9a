//! Probes at a pace, until there were enough or nobody wants more.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Answer, Course, Event, Probe, Statistics, Target, What};

/// Probes that are remembered: an answer to an older one is passed over.
const MOST_REMEMBERED: usize = 1024;
/// Events that wait to be taken.
const MOST_EVENTS: usize = 4096;

/// How often, how long to wait, and when to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two probes; not zero.
    pub interval: Duration,
    /// After so long without an answer a probe is given up. An answer that comes later still counts.
    pub wait: Duration,
    /// So many probes, and no more; `None`: until somebody says stop.
    pub count: Option<u64>,
    /// So long, and no longer.
    pub duration: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Silent,
    Answered,
    Failed,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    number: u64,
    at: Duration,
    state: State,
}

/// The machine of `netlab ping`.
#[derive(Debug)]
pub struct Ping {
    pace: Pace,
    target: Target,
    begun: Duration,
    due: Duration,
    stopped: bool,
    /// The last probes, numbered without a gap.
    pub(super) window: VecDeque<Sent>,
    events: VecDeque<(Duration, Event)>,
    statistics: Statistics,
}

impl Ping {
    /// Sends the first probe at `now`.
    pub fn new(pace: Pace, target: Target, now: Duration) -> Self {
        Self {
            pace,
            target,
            begun: now,
            due: now,
            stopped: false,
            window: VecDeque::new(),
            events: VecDeque::new(),
            statistics: Statistics::default(),
        }
    }

    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    fn has_all(&self) -> bool {
        self.stopped || self.pace.count.is_some_and(|count| self.statistics.transmitted >= count)
    }

    fn end(&self) -> Option<Duration> {
        self.pace.duration.map(|duration| self.begun.saturating_add(duration))
    }

    fn given_up_at(&self) -> Option<Duration> {
        let waiting = self.window.iter().find(|sent| sent.state == State::Waiting)?;
        Some(waiting.at.saturating_add(self.pace.wait))
    }

    fn tell(&mut self, now: Duration, event: Event) {
        if self.events.len() < MOST_EVENTS {
            self.events.push_back((now, event));
        }
    }

    /// The oldest one makes room.
    fn forget(&mut self, now: Duration) {
        if let Some(Sent { number, at, state: State::Waiting }) = self.window.pop_front() {
            self.tell(now, Event::Unanswered { number, waited: now.saturating_sub(at) });
        }
    }
}

impl Course for Ping {
    fn transmit(&mut self, now: Duration) -> Option<Probe> {
        if self.has_all() || now < self.due {
            return None;
        }
        // One an interval, also after a pause of the caller's: those that were slept through are not made up for.
        self.due = self.due.saturating_add(self.pace.interval);
        if self.due <= now {
            self.due = now.saturating_add(self.pace.interval);
        }
        if self.window.len() == MOST_REMEMBERED {
            self.forget(now);
        }
        self.statistics.transmitted += 1;
        let number = self.statistics.transmitted;
        self.window.push_back(Sent { number, at: now, state: State::Waiting });
        let probe = Probe { number, ttl: None };
        self.tell(now, Event::Sent(probe));
        Some(probe)
    }

    fn handle(&mut self, now: Duration, number: u64, answer: Answer) {
        let reached = answer.reached(&self.target);
        let Some(first) = self.window.front().map(|sent| sent.number) else { return };
        let Some(at) = number.checked_sub(first).and_then(|at| usize::try_from(at).ok()) else { return };
        let Some(sent) = self.window.get_mut(at) else { return };
        let (before, round_trip) = (sent.state, now.saturating_sub(sent.at));
        if reached {
            sent.state = State::Answered;
            let again = before == State::Answered;
            self.statistics.answered(u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX), again);
            self.tell(now, Event::Answered { number, answer, round_trip, late: before == State::Silent, again });
        } else {
            if before == State::Waiting || before == State::Silent {
                sent.state = State::Failed;
            }
            // The kernel tells one failure of its own more than once.
            if before == State::Failed && matches!(answer.what, What::Local(_)) {
                return;
            }
            self.statistics.errors += 1;
            self.tell(now, Event::Failed { number, answer, round_trip });
        }
    }

    fn handle_time(&mut self, now: Duration) {
        let wait = self.pace.wait;
        let mut silent = Vec::new();
        // In the order of sending, which is that of giving up.
        for sent in self.window.iter_mut().take_while(|sent| sent.at.saturating_add(wait) <= now) {
            if sent.state == State::Waiting {
                sent.state = State::Silent;
                silent.push(Event::Unanswered { number: sent.number, waited: wait });
            }
        }
        silent.into_iter().for_each(|event| self.tell(now, event));
        if self.end().is_some_and(|end| end <= now) {
            self.stopped = true;
        }
    }

    fn event(&mut self) -> Option<(Duration, Event)> {
        self.events.pop_front()
    }

    fn wait(&self) -> Option<Duration> {
        let next = match (self.has_all(), self.given_up_at()) {
            _ if self.stopped => return None,
            (true, given_up) => given_up?,
            (false, Some(given_up)) => given_up.min(self.due),
            (false, None) => self.due,
        };
        Some(self.end().map_or(next, |end| end.min(next)))
    }

    fn stop(&mut self, _now: Duration) {
        self.stopped = true;
    }

    fn sent(&self) -> u64 {
        self.statistics.transmitted
    }
}
