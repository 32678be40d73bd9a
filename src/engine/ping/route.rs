//! Hop by hop: probes whose time to live rises, so that each router on the way has to say that it ended there
//! (RFC 792 'time exceeded', RFC 4443 §3.3).
//!
//! Guarantee: it ends, at the target, at an error that ends the way, or after as many hops as were allowed, each of which
//! takes at most its probes' pauses and one wait.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::doctor::facts::Icmp;
use super::{Answer, Course, Event, Probe, Target};

/// How far, how often, how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The first time to live, at least 1.
    pub first: u8,
    /// The last one.
    pub last: u8,
    /// Probes to each hop, at least 1.
    pub probes: u8,
    /// Between two probes.
    pub pause: Duration,
    /// How long an answer is waited for.
    pub wait: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    at: Duration,
    /// Answered by whom, and after how long.
    answer: Option<(Answer, Duration)>,
}

/// The machine of `netlab ping --route`.
#[derive(Debug)]
pub struct Route {
    plan: Plan,
    target: Target,
    ttl: u8,
    due: Duration,
    /// Probes of this hop.
    hop: Vec<Sent>,
    sent: u64,
    over: bool,
    reached: bool,
    events: VecDeque<(Duration, Event)>,
}

impl Route {
    pub fn new(plan: Plan, target: Target, now: Duration) -> Self {
        let (hop, events) = (Vec::new(), VecDeque::new());
        Self { plan, target, ttl: plan.first.max(1), due: now, hop, sent: 0, over: false, reached: false, events }
    }

    /// Whether the target has answered.
    pub fn has_arrived(&self) -> bool {
        self.reached
    }

    fn has_all(&self) -> bool {
        self.hop.len() >= usize::from(self.plan.probes.max(1))
    }

    fn tell_hop(&mut self, now: Duration) {
        let probes = self.hop.iter().map(|sent| sent.answer).collect();
        self.events.push_back((now, Event::Hop { ttl: self.ttl, probes }));
    }

    /// Goes on to the next hop where this one is known.
    fn advance(&mut self, now: Duration) {
        let silent = self.hop.iter().any(|sent| sent.answer.is_none() && sent.at.saturating_add(self.plan.wait) > now);
        if self.over || !self.has_all() || silent {
            return;
        }
        self.tell_hop(now);
        let answers = || self.hop.iter().filter_map(|sent| sent.answer.map(|(answer, _)| answer));
        self.reached = answers().any(|answer| answer.reached(&self.target));
        let ended = answers().any(|answer| answer.icmp(&self.target) != Some(Icmp::TimeExceeded));
        if self.reached || ended || self.ttl >= self.plan.last {
            self.over = true;
            return;
        }
        self.ttl = self.ttl.saturating_add(1);
        self.hop.clear();
        self.due = now;
    }
}

impl Course for Route {
    fn transmit(&mut self, now: Duration) -> Option<Probe> {
        if self.over || self.has_all() || now < self.due {
            return None;
        }
        self.due = now.saturating_add(self.plan.pause);
        self.sent += 1;
        let probe = Probe { number: self.sent, ttl: Some(self.ttl) };
        self.hop.push(Sent { number: self.sent, at: now, answer: None });
        self.events.push_back((now, Event::Sent(probe)));
        Some(probe)
    }

    fn handle(&mut self, now: Duration, number: u64, answer: Answer) {
        let waiting = self.hop.iter_mut().find(|sent| sent.number == number && sent.answer.is_none());
        if let Some(sent) = waiting {
            sent.answer = Some((answer, now.saturating_sub(sent.at)));
        }
        self.advance(now);
    }

    fn handle_time(&mut self, now: Duration) {
        self.advance(now);
    }

    fn event(&mut self) -> Option<(Duration, Event)> {
        self.events.pop_front()
    }

    fn wait(&self) -> Option<Duration> {
        if self.over {
            return None;
        }
        if !self.has_all() {
            return Some(self.due);
        }
        let silent = self.hop.iter().filter(|sent| sent.answer.is_none());
        Some(silent.map(|sent| sent.at.saturating_add(self.plan.wait)).max().unwrap_or(self.due))
    }

    /// Tells what is known of the hop that was being asked.
    fn stop(&mut self, now: Duration) {
        if !self.over {
            self.over = true;
            if !self.hop.is_empty() {
                self.tell_hop(now);
            }
        }
    }

    fn sent(&self) -> u64 {
        self.sent
    }
}
