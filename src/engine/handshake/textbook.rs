//! The other end as the RFC has it: a listener that sends back what it gets, and closes when the other end has closed.
//!
//! It stands in for a real host where nothing is sent (`--dry-run`), and in tests. Like Linux it takes no data in a SYN.

use std::time::Duration;

use super::machine::before;
use super::{Segment, State};
use crate::wire::tcp::Flags;

const WINDOW: u16 = 65_535;
/// The first wait for an acknowledgment, then twice as long.
const WAIT: Duration = Duration::from_secs(1);
/// After so many attempts it gives up.
const ATTEMPTS: u32 = 6;

/// A host with one port.
#[derive(Debug)]
pub struct Textbook {
    pub state: State,
    /// What came, in order.
    pub got: Vec<u8>,
    start: u32,
    /// The most data in a segment that the other end takes.
    size: usize,
    unacknowledged: u32,
    next: u32,
    window: u32,
    expected: u32,
    fin_sent: bool,
    timer: Option<Duration>,
    tries: u32,
}

impl Textbook {
    /// A program listens on the port.
    pub fn open(start: u32) -> Self {
        Self {
            state: State::Listen,
            got: Vec::new(),
            start,
            size: 536,
            unacknowledged: start,
            next: start,
            window: 0,
            expected: 0,
            fin_sent: false,
            timer: None,
            tries: 0,
        }
    }

    /// Nobody listens.
    pub fn closed() -> Self {
        Self { state: State::Closed, ..Self::open(0) }
    }

    /// What it answers to a segment.
    pub fn handle(&mut self, now: Duration, segment: &Segment) -> Vec<Segment> {
        let mut out = Vec::new();
        match self.state {
            State::Closed if segment.has(Flags::RST) => {}
            State::Closed if segment.has(Flags::ACK) => out.push(reset(segment.acknowledgment)),
            State::Closed => {
                let acknowledgment = segment.sequence.wrapping_add(segment.length());
                out.push(Segment { acknowledgment, flags: Flags::RST | Flags::ACK, ..Segment::default() });
            }
            State::Listen if segment.has(Flags::RST) => {}
            State::Listen if segment.has(Flags::ACK) => out.push(reset(segment.acknowledgment)),
            State::Listen if segment.has(Flags::SYN) => {
                self.state = State::SynReceived;
                self.expected = segment.sequence.wrapping_add(1);
                self.window = segment.window.into();
                self.size = usize::from(segment.size.unwrap_or(536).max(1));
                self.next = self.start.wrapping_add(1);
                out.push(self.syn_ack());
                self.wind(now, true);
            }
            State::Listen => {}
            _ => self.connected(now, segment, &mut out),
        }
        out
    }

    /// What it sends again because nobody acknowledged it.
    pub fn handle_time(&mut self, now: Duration) -> Vec<Segment> {
        if self.timer.is_none_or(|timer| now < timer) {
            return Vec::new();
        }
        self.tries += 1;
        if self.tries > ATTEMPTS {
            (self.state, self.timer) = (State::Closed, None);
            return Vec::new();
        }
        self.timer = Some(now.saturating_add(WAIT * 2u32.saturating_pow(self.tries)));
        if self.state == State::SynReceived {
            return vec![self.syn_ack()];
        }
        let from = self.offset(self.unacknowledged);
        let data = self.part(from, self.size);
        let last = from + data.len() >= self.got.len() && self.fin_sent;
        let flags = Flags::ACK | if last { Flags::FIN } else { 0 };
        vec![Segment { data, ..self.plain(self.unacknowledged, flags) }]
    }

    /// When it will send something again.
    pub fn wait(&self) -> Option<Duration> {
        self.timer
    }

    fn plain(&self, sequence: u32, flags: u16) -> Segment {
        Segment { sequence, acknowledgment: self.expected, flags, window: WINDOW, ..Segment::default() }
    }

    fn syn_ack(&self) -> Segment {
        Segment { size: Some(1460), ..self.plain(self.start, Flags::SYN | Flags::ACK) }
    }

    fn offset(&self, number: u32) -> usize {
        number.wrapping_sub(self.start.wrapping_add(1)) as usize
    }

    fn part(&self, from: usize, most: usize) -> Vec<u8> {
        let to = self.got.len().min(from.saturating_add(most));
        self.got.get(from..to).unwrap_or_default().to_vec()
    }

    fn wind(&mut self, now: Duration, new: bool) {
        if new {
            self.tries = 0;
        }
        self.timer = (self.unacknowledged != self.next).then(|| now.saturating_add(WAIT));
    }

    /// RFC 9293 §3.10.7.4, with RFC 5961.
    fn connected(&mut self, now: Duration, segment: &Segment, out: &mut Vec<Segment>) {
        let inside = |number: u32| number.wrapping_sub(self.expected) < WINDOW.into();
        let last = segment.sequence.wrapping_add(segment.length().saturating_sub(1));
        let acceptable = inside(segment.sequence) || segment.length() > 0 && inside(last);
        let exact = segment.sequence == self.expected;
        if segment.has(Flags::RST) {
            if exact {
                (self.state, self.timer) = (State::Closed, None);
            } else if acceptable {
                out.push(self.plain(self.next, Flags::ACK));
            }
            return;
        }
        if !acceptable || segment.has(Flags::SYN) {
            let again = self.state == State::SynReceived && segment.has(Flags::SYN);
            return out.push(if again { self.syn_ack() } else { self.plain(self.next, Flags::ACK) });
        }
        if !segment.has(Flags::ACK) {
            return;
        }
        let number = segment.acknowledgment;
        let (new, beyond) = (before(self.unacknowledged, number), before(self.next, number));
        if self.state == State::SynReceived {
            if !new || beyond {
                return out.push(reset(number));
            }
            self.state = State::Established;
        }
        if beyond || before(number, self.unacknowledged.wrapping_sub(WINDOW.into())) {
            return out.push(self.plain(self.next, Flags::ACK));
        }
        self.window = segment.window.into();
        if new {
            self.unacknowledged = number;
            self.wind(now, true);
        }
        if self.state == State::LastAck && self.unacknowledged == self.next {
            (self.state, self.timer) = (State::Closed, None);
            return;
        }
        self.take(now, segment, out);
    }

    fn take(&mut self, now: Duration, segment: &Segment, out: &mut Vec<Segment>) {
        if segment.length() == 0 {
            return;
        }
        let known = self.expected.wrapping_sub(segment.sequence) as usize;
        let new = segment.data.get(known..).unwrap_or_default();
        let gap = before(self.expected, segment.sequence);
        if !gap && self.state == State::Established {
            self.expected = self.expected.wrapping_add(u32::try_from(new.len()).unwrap_or(0));
            self.got.extend_from_slice(new);
            if segment.has(Flags::FIN) {
                self.expected = self.expected.wrapping_add(1);
                self.state = State::CloseWait;
            }
        }
        out.push(self.plain(self.next, Flags::ACK));
        // Back goes what came, and the FIN behind it.
        while self.offset(self.next) < self.got.len() {
            let data = self.part(self.offset(self.next), self.size);
            let sent = Segment { data, ..self.plain(self.next, Flags::ACK | Flags::PSH) };
            self.next = self.next.wrapping_add(sent.length());
            out.push(sent);
        }
        if self.state == State::CloseWait {
            (self.state, self.fin_sent) = (State::LastAck, true);
            out.push(self.plain(self.next, Flags::ACK | Flags::FIN));
            self.next = self.next.wrapping_add(1);
        }
        if self.timer.is_none() {
            self.wind(now, true);
        }
    }
}

fn reset(sequence: u32) -> Segment {
    Segment { sequence, flags: Flags::RST, ..Segment::default() }
}
