//! What a segment that arrives does (RFC 9293 §3.10.7, with RFC 5961 against guessed RST, SYN and ACK).

use std::time::Duration;

use super::machine::{Machine, Stage, WINDOW, before};
use super::{Ending, Event, Peer, Purpose, Reply, Segment, State, Trial, Unreachable};
use crate::wire::tcp::Flags;

/// Segments that are taken from the other end.
const MOST_HEARD: u32 = 2_000;

impl Machine {
    /// Takes a segment from the other end.
    pub fn handle(&mut self, now: Duration, segment: &Segment) {
        if matches!(self.stage, Stage::Over | Stage::Parting(_)) {
            return;
        }
        self.heard += 1;
        if self.heard > MOST_HEARD {
            return self.part(Ending::Endless);
        }
        match (self.state, self.stage) {
            (State::Closed, _) => return,
            (_, Stage::HalfOpen(_)) => self.half_open(now, segment),
            (State::SynSent, _) => self.in_syn_sent(now, segment),
            (_, Stage::WrongAck(until)) if until.is_some() && self.answers_wrong_ack(segment) => {
                self.wrong_ack_answered(now, Reply::Reset);
            }
            _ => self.synchronized(now, segment),
        }
        self.advance(now);
    }

    /// Takes an ICMP error about a segment of ours.
    pub fn handle_error(&mut self, now: Duration, error: Unreachable) {
        // Only one who has seen a segment that is under way can quote its number (RFC 5927 §4.1).
        let under_way = !before(error.sequence, self.unacknowledged) && before(error.sequence, self.next);
        if !under_way || matches!(self.stage, Stage::Over | Stage::Parting(_)) {
            return;
        }
        if error.is_final() && matches!(self.state, State::SynSent | State::SynReceived) {
            return self.end(Ending::Unreachable(error));
        }
        self.unreachable = Some(error).filter(Unreachable::is_unreachable).or(self.unreachable);
        self.tell(now, Event::Unreachable(error));
    }

    /// §3.10.7.3.
    fn in_syn_sent(&mut self, now: Duration, segment: &Segment) {
        let start = self.plan.start;
        let acknowledges = segment.has(Flags::ACK);
        let ours = before(start, segment.acknowledgment) && !before(self.next, segment.acknowledgment);
        if acknowledges && !ours {
            if !segment.has(Flags::RST) {
                self.refuse(segment);
                self.tell(now, Event::WrongAnswer);
            }
            return;
        }
        if segment.has(Flags::RST) {
            if acknowledges {
                self.peer = Peer { state: State::Closed, sure: true };
                self.end(Ending::Refused);
            }
            return;
        }
        if !segment.has(Flags::SYN) {
            return;
        }
        self.began = segment.sequence;
        self.expected = segment.sequence.wrapping_add(1);
        self.window = segment.window.into();
        self.size = usize::from(segment.size.unwrap_or(536).max(1).min(self.plan.size));
        if !acknowledges {
            // It has sent its SYN before it saw ours.
            self.state = State::SynReceived;
            self.peer = Peer { state: State::SynSent, sure: true };
            self.ack_due = Some(Purpose::SynAck);
            return self.tell(now, Event::BothOpen);
        }
        self.peer = Peer { state: State::SynReceived, sure: true };
        self.unacknowledged = segment.acknowledgment;
        let sent = self.next.wrapping_sub(start.wrapping_add(1));
        if sent > 0 {
            let taken = segment.acknowledgment.wrapping_sub(start.wrapping_add(1));
            self.tell(now, Event::DataInSyn { sent, taken });
            // What was not taken is sent again, as if it had not been sent.
            self.next = self.unacknowledged;
        }
        self.rewind(now);
        self.syn_acks = (0, now);
        if let Some(watch) = self.plan.half_open {
            self.stage = Stage::HalfOpen(now.saturating_add(watch));
            return;
        }
        self.state = State::Established;
        self.ack_due = Some(Purpose::AckOfSyn);
        if self.plan.wrong_ack {
            self.stage = Stage::WrongAck(None);
        }
    }

    /// A RST with the number that the segment acknowledges.
    fn refuse(&mut self, segment: &Segment) {
        let sequence = segment.acknowledgment;
        self.refusal = Some(Segment { sequence, flags: Flags::RST, ..Segment::default() });
    }

    /// The peer waits for an acknowledgment that does not come.
    fn half_open(&mut self, now: Duration, segment: &Segment) {
        if segment.has(Flags::RST) {
            if segment.sequence == self.expected {
                self.peer = Peer { state: State::Closed, sure: true };
                self.end(Ending::Reset { state: State::SynSent });
            }
        } else if segment.has(Flags::SYN | Flags::ACK) && segment.sequence == self.began {
            self.syn_ack_again(now);
        }
    }

    fn syn_ack_again(&mut self, now: Duration) {
        let (times, last) = self.syn_acks;
        self.syn_acks = (times + 1, now);
        self.peer = Peer { state: State::SynReceived, sure: true };
        self.tell(now, Event::SynAckAgain { times: times + 1, after: now.saturating_sub(last) });
    }

    fn answers_wrong_ack(&self, segment: &Segment) -> bool {
        segment.has(Flags::RST) && segment.sequence == self.wrong_ack()
    }

    /// Whether any of it lies in the window (§3.4).
    fn is_acceptable(&self, segment: &Segment) -> bool {
        let inside = |number: u32| number.wrapping_sub(self.expected) < WINDOW.into();
        let last = segment.sequence.wrapping_add(segment.length().saturating_sub(1));
        inside(segment.sequence) || segment.length() > 0 && inside(last)
    }

    /// §3.10.7.4.
    fn synchronized(&mut self, now: Duration, segment: &Segment) {
        if let Stage::Trials { until: Some(_), .. } = self.stage {
            if segment.has(Flags::RST) {
                self.tried(now, Reply::Reset);
            } else if segment.length() == 0 {
                self.tried(now, Reply::Ack);
            }
        }
        if self.state == State::SynReceived && segment.has(Flags::SYN | Flags::ACK) && segment.sequence == self.began {
            // It answers our SYN as we answer its own (§3.5, figure 7): its SYN is known, the acknowledgment is new.
            let plain = Segment { sequence: self.expected, flags: Flags::ACK, ..segment.clone() };
            if self.is_acknowledged(now, &plain) {
                self.acknowledge(Purpose::AckOfSyn);
            }
            return;
        }
        if !self.is_acceptable(segment) {
            if segment.has(Flags::RST) {
                return;
            }
            if segment.has(Flags::SYN | Flags::ACK) && segment.sequence == self.began {
                self.syn_ack_again(now);
            } else {
                self.tell(now, Event::NotAcceptable);
            }
            return self.acknowledge(Purpose::AckAgain);
        }
        if segment.has(Flags::RST) {
            // RFC 5961 §3.2: only the very next number is believed.
            if segment.sequence != self.expected {
                self.tell(now, Event::Challenged);
                return self.acknowledge(Purpose::AckAgain);
            }
            self.peer = Peer { state: State::Closed, sure: true };
            let state = self.state;
            return match state {
                State::SynReceived => self.end(Ending::Refused),
                // All was done: our last ACK came twice, and found nobody (RFC 9293 §3.10.7.4).
                State::TimeWait => self.end(self.closed()),
                _ => self.end(Ending::Reset { state }),
            };
        }
        if segment.has(Flags::SYN) {
            // RFC 5961 §4.2.
            self.tell(now, Event::Challenged);
            return self.acknowledge(Purpose::AckAgain);
        }
        if segment.has(Flags::ACK) && self.is_acknowledged(now, segment) {
            self.take(now, segment);
        }
    }

    fn acknowledge(&mut self, purpose: Purpose) {
        // The third step stays what it is.
        self.ack_due.get_or_insert(purpose);
    }

    /// The acknowledgment; whether what the segment carries counts.
    fn is_acknowledged(&mut self, now: Duration, segment: &Segment) -> bool {
        let number = segment.acknowledgment;
        let (new, beyond) = (before(self.unacknowledged, number), before(self.next, number));
        if self.state == State::SynReceived {
            if !new || beyond {
                self.refuse(segment);
                return false;
            }
            self.state = State::Established;
        }
        if beyond {
            self.tell(now, Event::NotAcceptable);
            self.acknowledge(Purpose::AckAgain);
            return false;
        }
        // RFC 5961 §5.2: older than any acknowledgment that can be under way.
        if before(number, self.unacknowledged.wrapping_sub(WINDOW.into())) {
            self.tell(now, Event::Challenged);
            self.acknowledge(Purpose::AckAgain);
            return false;
        }
        if !before(number, self.unacknowledged) {
            self.window = segment.window.into();
        }
        if new {
            self.unacknowledged = number;
            self.rewind(now);
        }
        // What is no SYN shows that our acknowledgment has arrived.
        let state = match self.peer.state {
            State::SynSent | State::SynReceived => State::Established,
            state => state,
        };
        let sure = self.peer.sure || state == State::Established;
        self.peer = Peer { state, sure };
        if self.fin_sent && self.unacknowledged == self.next {
            self.fin_acknowledged(segment);
        }
        true
    }

    fn fin_acknowledged(&mut self, segment: &Segment) {
        match self.state {
            State::FinWait1 => {
                self.state = State::FinWait2;
                self.closing.2 = segment.has(Flags::FIN);
                self.peer = Peer { state: State::CloseWait, sure: true };
            }
            State::Closing => {
                self.state = State::TimeWait;
                self.peer = Peer { state: State::TimeWait, sure: false };
            }
            State::LastAck => {
                self.state = State::Closed;
                self.peer = Peer { state: State::TimeWait, sure: true };
            }
            _ => {}
        }
    }

    /// Data and FIN.
    fn take(&mut self, now: Duration, segment: &Segment) {
        if !matches!(self.state, State::Established | State::FinWait1 | State::FinWait2) {
            return;
        }
        if before(self.expected, segment.sequence) {
            if segment.length() > 0 {
                self.tell(now, Event::Gap);
                self.acknowledge(Purpose::AckAgain);
            }
            return;
        }
        let known = self.expected.wrapping_sub(segment.sequence) as usize;
        let new = segment.data.get(known..).unwrap_or_default();
        // What lies beyond the window comes again.
        let fits = new.len().min(WINDOW.into());
        self.expected = self.expected.wrapping_add(u32::try_from(fits).unwrap_or(0));
        if !segment.data.is_empty() {
            self.ack_due = Some(Purpose::AckOfData);
        }
        if fits > 0 {
            self.answered = self.answered.saturating_add(fits as u64);
            self.more(now);
        }
        if segment.has(Flags::FIN) && fits == new.len() {
            self.take_fin();
        }
    }

    fn take_fin(&mut self) {
        self.expected = self.expected.wrapping_add(1);
        self.fin_taken = true;
        self.ack_due = Some(Purpose::AckOfFin);
        let (state, peer) = match self.state {
            State::FinWait1 => {
                self.closing.1 = true;
                (State::Closing, State::Closing)
            }
            State::FinWait2 => (State::TimeWait, State::LastAck),
            _ => (State::CloseWait, State::FinWait1),
        };
        // Whether our FIN has arrived where both have sent one is not known.
        self.state = state;
        self.peer = Peer { state: peer, sure: peer != State::Closing };
    }

    /// Which trial's answer is waited for.
    pub fn trying(&self) -> Option<Trial> {
        match self.stage {
            Stage::WrongAck(Some(_)) => Some(Trial::WrongAck),
            Stage::Trials { next, until: Some(_), .. } => self.plan.trials.get(next).copied(),
            _ => None,
        }
    }
}
