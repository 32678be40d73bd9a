//! One end of the connection: what is sent when, and how it goes on from stage to stage.
//!
//! Guarantee: whatever the other end sends, it ends: segments are counted, attempts and waits are limited.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Close, Ending, Event, Peer, Plan, Purpose, Reply, Segment, Sent, State, Trial, Unreachable};
use crate::wire::tcp::Flags;

/// The window that is announced.
pub(super) const WINDOW: u16 = 65_535;
/// The first time that an acknowledgment is waited for, then twice as long (RFC 6298 §2.1, §5.5).
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// What the other end takes in a segment unless it says more (RFC 9293 §3.7.1).
const DEFAULT_SIZE: u16 = 536;
/// How long the answer to a segment that does not fit may take.
const ANSWER: Duration = Duration::from_secs(1);
/// Between two such segments: Linux answers one of a connection each half second (net.ipv4.tcp_invalid_ratelimit).
const SPACING: Duration = Duration::from_millis(600);
/// Data that comes in parts has an end when nothing came for so long.
const QUIET: Duration = Duration::from_millis(300);
/// How long TIME-WAIT is kept here, for a FIN that comes again; RFC 9293 §3.6.1 wants four minutes.
const LINGER: Duration = Duration::from_millis(500);
/// Events that wait to be taken.
const MOST_EVENTS: usize = 256;
/// How far beside the right number a wrong one is.
const ASIDE: u32 = 1_000;
/// Older than any number of a window that was ever announced without scaling.
const LONG_AGO: u32 = 100_000;

/// Where the conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Opening,
    /// A wrong third step; until when its answer is waited for, once it was sent.
    WrongAck(Option<Duration>),
    /// The peer is watched until then.
    HalfOpen(Duration),
    /// The trial of this number is due at `begin`, or its answer is waited for.
    Trials {
        next: usize,
        begin: Duration,
        until: Option<Duration>,
    },
    Sending,
    /// For the answer, until then.
    Listening(Duration),
    /// Until when the peer's FIN is waited for, once ours was acknowledged.
    Closing(Option<Duration>),
    Lingering(Duration),
    /// A RST, and it is over.
    Parting(Ending),
    Over,
}

/// One end of a connection. Times are since a moment that the caller chooses, the same for all calls.
#[derive(Debug)]
pub struct Machine {
    pub(super) plan: Plan,
    pub(super) state: State,
    pub(super) peer: Peer,
    pub(super) stage: Stage,
    /// SND.UNA, SND.NXT, SND.WND, and the most data in a segment.
    pub(super) unacknowledged: u32,
    pub(super) next: u32,
    pub(super) window: u32,
    pub(super) size: usize,
    /// IRS and RCV.NXT.
    pub(super) began: u32,
    pub(super) expected: u32,
    pub(super) fin_sent: bool,
    pub(super) fin_taken: bool,
    /// We sent our FIN without having seen the peer's; neither had; its came with the ACK of ours.
    pub(super) closing: (bool, bool, bool),
    pub(super) ack_due: Option<Purpose>,
    /// A RST that answers what belongs to no connection.
    pub(super) refusal: Option<Segment>,
    again: bool,
    timer: Option<Duration>,
    patience: Duration,
    pub(super) tries: u32,
    pub(super) heard: u32,
    /// Bytes that came.
    pub(super) answered: u64,
    /// How often the SYN,ACK came again, and when it came last.
    pub(super) syn_acks: (u32, Duration),
    pub(super) unreachable: Option<Unreachable>,
    ending: Option<Ending>,
    events: VecDeque<(Duration, Event)>,
}

/// Whether `a` comes before `b` in the circle of sequence numbers (RFC 9293 §3.4).
pub(super) fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

impl Machine {
    /// The SYN is due at once.
    pub fn new(plan: Plan) -> Self {
        let start = plan.start;
        Self {
            plan,
            state: State::Closed,
            peer: Peer { state: State::Listen, sure: false },
            stage: Stage::Opening,
            unacknowledged: start,
            next: start,
            window: 0,
            size: usize::from(DEFAULT_SIZE),
            began: 0,
            expected: 0,
            fin_sent: false,
            fin_taken: false,
            closing: (false, false, false),
            ack_due: None,
            refusal: None,
            again: false,
            timer: None,
            patience: FIRST_WAIT,
            tries: 0,
            heard: 0,
            answered: 0,
            syn_acks: (0, Duration::ZERO),
            unreachable: None,
            ending: None,
            events: VecDeque::new(),
        }
    }

    /// Our state, and what is known of the other end's.
    pub fn states(&self) -> (State, Peer) {
        (self.state, self.peer)
    }

    /// How it ended; `None` while it goes on.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Bytes of ours that were acknowledged, and bytes that came.
    pub fn carried(&self) -> (u64, u64) {
        let taken = self.unacknowledged.wrapping_sub(self.plan.start.wrapping_add(1));
        let taken = if self.unacknowledged == self.plan.start { 0 } else { usize::try_from(taken).unwrap_or(0) };
        (taken.min(self.plan.data.len()) as u64, self.answered)
    }

    /// The next thing that happened, and when.
    pub fn event(&mut self) -> Option<(Duration, Event)> {
        self.events.pop_front()
    }

    /// Why a segment is to be sent now, and whether it was sent before; `None`: nothing is due.
    pub fn due(&self, now: Duration) -> Option<(Purpose, bool)> {
        if self.stage == Stage::Over {
            return None;
        }
        if self.refusal.is_some() || matches!(self.stage, Stage::Parting(_)) {
            return Some((Purpose::Reset, false));
        }
        if self.again {
            return Some((self.oldest(), true));
        }
        if self.state == State::Closed {
            return Some((Purpose::Syn, false));
        }
        if let Stage::WrongAck(None) = self.stage {
            return Some((Purpose::Trial(Trial::WrongAck), false));
        }
        if let Stage::WrongAck(Some(_)) | Stage::HalfOpen(_) = self.stage {
            return None;
        }
        if let Some(purpose) = self.ack_due {
            return Some((purpose, false));
        }
        let purpose = match self.stage {
            Stage::Trials { next, begin, until: None } if begin <= now => Purpose::Trial(*self.plan.trials.get(next)?),
            Stage::Sending if self.room() > 0 => Purpose::Data,
            Stage::Closing(_) if !self.fin_sent => Purpose::Fin,
            _ => return None,
        };
        Some((purpose, false))
    }

    /// Takes the segment that is due.
    pub fn transmit(&mut self, now: Duration) -> Option<Sent> {
        let (purpose, again) = self.due(now)?;
        self.again = false;
        let segment = match purpose {
            Purpose::Reset => self.reset(),
            _ => self.segment(purpose, again, now),
        };
        if segment.has(Flags::ACK) && !matches!(purpose, Purpose::Trial(_)) {
            self.acknowledged();
        }
        if matches!(purpose, Purpose::Syn | Purpose::SynAck | Purpose::Data | Purpose::Fin) {
            // RFC 6298 §5.1, §5.5.
            self.patience = if again { self.patience * 2 } else { FIRST_WAIT };
            self.tries = if again { self.tries } else { 1 };
            self.timer = Some(now.saturating_add(self.patience));
        }
        self.advance(now);
        Some(Sent { segment, purpose, again })
    }

    /// Lets time pass.
    pub fn handle_time(&mut self, now: Duration) {
        if self.stage == Stage::Over {
            return;
        }
        if self.timer.is_some_and(|timer| timer <= now) {
            self.timer = None;
            if self.tries >= self.plan.attempts {
                return self.end(match self.unreachable {
                    Some(error) => Ending::Unreachable(error),
                    None => Ending::Silence { state: self.state, sent: self.tries },
                });
            }
            self.tries += 1;
            self.again = true;
        }
        match self.stage {
            Stage::WrongAck(Some(until)) if until <= now => self.wrong_ack_answered(now, Reply::Silence),
            Stage::HalfOpen(until) if until <= now => self.part(Ending::HalfOpen { repeats: self.syn_acks.0 }),
            Stage::Trials { until: Some(until), .. } if until <= now => self.tried(now, Reply::Silence),
            Stage::Closing(Some(until)) if until <= now => self.part(Ending::NotClosed),
            _ => {}
        }
        self.advance(now);
    }

    /// Until when to wait for segments; `None`: it is over.
    pub fn wait(&self) -> Option<Duration> {
        let stage = match self.stage {
            Stage::Over => return None,
            Stage::WrongAck(until) | Stage::Closing(until) => until,
            Stage::Trials { begin, until, .. } => until.or(Some(begin)),
            Stage::HalfOpen(until) | Stage::Listening(until) | Stage::Lingering(until) => Some(until),
            Stage::Opening | Stage::Sending | Stage::Parting(_) => None,
        };
        let both = stage.into_iter().chain(self.timer);
        Some(both.min().unwrap_or(Duration::MAX))
    }

    /// Ends it: where the other end may know of the connection, by a RST.
    pub fn stop(&mut self, ending: Ending) {
        match (self.stage, self.state) {
            (Stage::Over | Stage::Parting(_), _) => {}
            (Stage::Lingering(_), _) => self.end(self.closed()),
            (Stage::HalfOpen(_), _) => self.part(ending),
            (_, State::Closed | State::SynSent) => self.end(ending),
            _ => self.part(ending),
        }
    }

    /// Ends it without a word.
    pub(super) fn end(&mut self, ending: Ending) {
        (self.stage, self.ending, self.timer) = (Stage::Over, Some(ending), None);
        self.state = State::Closed;
    }

    pub(super) fn part(&mut self, ending: Ending) {
        (self.stage, self.timer, self.again) = (Stage::Parting(ending), None, false);
    }

    pub(super) fn tell(&mut self, now: Duration, event: Event) {
        if self.events.len() < MOST_EVENTS {
            self.events.push_back((now, event));
        }
    }

    /// What the segment with the oldest number without an acknowledgment is.
    fn oldest(&self) -> Purpose {
        match self.state {
            State::Closed | State::SynSent => Purpose::Syn,
            State::SynReceived => Purpose::SynAck,
            _ if self.offset(self.unacknowledged) < self.plan.data.len() => Purpose::Data,
            _ => Purpose::Fin,
        }
    }

    /// How much of the data lies before a number.
    fn offset(&self, number: u32) -> usize {
        number.wrapping_sub(self.plan.start.wrapping_add(1)) as usize
    }

    /// How much data may be sent now.
    fn room(&self) -> usize {
        let unsent = self.plan.data.len().saturating_sub(self.offset(self.next));
        let flight = self.next.wrapping_sub(self.unacknowledged);
        unsent.min(self.window.saturating_sub(flight) as usize)
    }

    fn reset(&mut self) -> Segment {
        if let Some(refusal) = self.refusal.take() {
            return refusal;
        }
        let state = self.state;
        // Of an open half the peer knows our SYN, and no data that came with it.
        let sequence = if state == State::SynSent { self.plan.start.wrapping_add(1) } else { self.next };
        if let Stage::Parting(ending) = self.stage {
            self.end(ending);
        }
        self.peer = Peer { state: State::Closed, sure: false };
        // With the acknowledgment, as kernels abort: it shows that we know the connection (RFC 9293 §3.10.7.4 takes both).
        let known = !matches!(state, State::Closed | State::SynSent);
        let (flags, acknowledgment) = if known { (Flags::RST | Flags::ACK, self.expected) } else { (Flags::RST, 0) };
        Segment { sequence, acknowledgment, flags, ..Segment::default() }
    }

    fn segment(&mut self, purpose: Purpose, again: bool, now: Duration) -> Segment {
        let mut segment = Segment {
            sequence: if again { self.unacknowledged } else { self.next },
            acknowledgment: self.expected,
            flags: Flags::ACK,
            window: WINDOW,
            ..Segment::default()
        };
        match purpose {
            Purpose::Syn => {
                (segment.acknowledgment, segment.flags, segment.size) = (0, Flags::SYN, Some(self.plan.size));
                // The second attempt goes without data, for what drops a SYN with some (RFC 7413 §4.1.3.1).
                if self.plan.data_in_syn && !again {
                    let most = self.plan.data.len().min(self.plan.size.into());
                    segment.data = self.plan.data.get(..most).unwrap_or_default().to_vec();
                }
                self.state = State::SynSent;
            }
            Purpose::SynAck => {
                (segment.flags, segment.size) = (Flags::SYN | Flags::ACK, Some(self.plan.size));
                segment.sequence = self.plan.start;
            }
            Purpose::Data => {
                let from = self.offset(segment.sequence);
                // Into a closed window goes one byte, to learn when it opens (RFC 9293 §3.8.6.1).
                let flight = self.next.wrapping_sub(self.unacknowledged) as usize;
                let most = match again {
                    true if flight == 0 => 1,
                    true => flight.min(self.size),
                    false => self.room().min(self.size),
                };
                segment.data = self.plan.data.get(from..from.saturating_add(most)).unwrap_or_default().to_vec();
                segment.flags |= Flags::PSH;
            }
            Purpose::Fin => {
                segment.flags |= Flags::FIN;
                if !self.fin_sent {
                    self.fin_sent = true;
                    self.closing.0 = !self.fin_taken;
                    self.state = if self.state == State::CloseWait { State::LastAck } else { State::FinWait1 };
                    self.peer = match self.peer.state {
                        State::FinWait1 => Peer { state: State::Closing, sure: false },
                        State::FinWait2 => Peer { state: State::TimeWait, sure: false },
                        _ => Peer { state: State::CloseWait, sure: false },
                    };
                }
            }
            Purpose::Trial(trial) => self.try_out(trial, &mut segment, now),
            _ => {}
        }
        let end = segment.sequence.wrapping_add(segment.length());
        if before(self.next, end) && !matches!(purpose, Purpose::Trial(_)) {
            self.next = end;
        }
        segment
    }

    /// Makes a segment wrong.
    fn try_out(&mut self, trial: Trial, segment: &mut Segment, now: Duration) {
        match trial {
            Trial::WrongAck => segment.acknowledgment = self.wrong_ack(),
            Trial::OldSequence => {
                segment.sequence = self.next.wrapping_sub(LONG_AGO);
                segment.data = b"old".to_vec();
            }
            Trial::FutureAck => segment.acknowledgment = self.expected.wrapping_add(ASIDE),
            Trial::OldAck => segment.acknowledgment = self.expected.wrapping_sub(LONG_AGO),
            Trial::SynAgain => (segment.flags, segment.acknowledgment) = (Flags::SYN, 0),
            Trial::ResetAside => {
                (segment.flags, segment.acknowledgment) = (Flags::RST, 0);
                segment.sequence = self.next.wrapping_add(ASIDE);
            }
        }
        let answer = Some(now.saturating_add(ANSWER));
        match &mut self.stage {
            Stage::WrongAck(until) => *until = answer,
            Stage::Trials { until, .. } => *until = answer,
            _ => {}
        }
    }

    /// What the wrong third step acknowledges.
    pub(super) fn wrong_ack(&self) -> u32 {
        self.expected.wrapping_add(ASIDE)
    }

    pub(super) fn wrong_ack_answered(&mut self, now: Duration, reply: Reply) {
        self.tell(now, Event::Tried { trial: Trial::WrongAck, reply });
        self.stage = Stage::Opening;
    }

    /// The trial that was sent last has its answer.
    pub(super) fn tried(&mut self, now: Duration, reply: Reply) {
        if let Stage::Trials { next, until: Some(_), .. } = self.stage {
            if let Some(trial) = self.plan.trials.get(next).copied() {
                self.tell(now, Event::Tried { trial, reply });
            }
            self.stage = Stage::Trials { next: next + 1, begin: now.saturating_add(SPACING), until: None };
        }
    }

    /// An acknowledgment was sent.
    fn acknowledged(&mut self) {
        self.ack_due = None;
        let state = match self.peer.state {
            State::SynReceived => State::Established,
            State::LastAck if self.fin_taken => State::Closed,
            State::FinWait1 if self.fin_taken && !self.fin_sent => State::FinWait2,
            State::Closing if self.fin_taken => State::TimeWait,
            _ => return,
        };
        self.peer = Peer { state, sure: false };
    }

    /// The clock of what was sent: set again where a part of it was acknowledged, off where all was.
    pub(super) fn rewind(&mut self, now: Duration) {
        (self.again, self.tries, self.patience) = (false, 1, FIRST_WAIT);
        self.timer = (self.unacknowledged != self.next).then(|| now.saturating_add(FIRST_WAIT));
    }

    pub(super) fn closed(&self) -> Ending {
        let (first, both, together) = self.closing;
        Ending::Closed { first, both, together }
    }

    /// Goes on to the next stage, if this one is done.
    pub(super) fn advance(&mut self, now: Duration) {
        while let Some(stage) = self.next_stage(now) {
            self.stage = stage;
        }
        // A window that is closed is asked again; what waits for it has no other clock.
        let closed = self.stage == Stage::Sending && self.window == 0 && self.unacknowledged == self.next;
        if closed && self.timer.is_none() && !self.again {
            self.tries = 0;
            self.timer = Some(now.saturating_add(FIRST_WAIT));
        }
    }

    fn next_stage(&mut self, now: Duration) -> Option<Stage> {
        let idle = self.ack_due.is_none();
        let synchronized = !matches!(self.state, State::Closed | State::SynSent | State::SynReceived);
        let all = self.offset(self.unacknowledged) >= self.plan.data.len();
        Some(match self.stage {
            Stage::Opening if synchronized && idle => Stage::Trials { next: 0, begin: now, until: None },
            Stage::Trials { next, until: None, .. } if next >= self.plan.trials.len() => Stage::Sending,
            Stage::Sending if all => {
                let wait = if self.plan.data.is_empty() { QUIET.min(self.plan.wait) } else { self.plan.wait };
                Stage::Listening(now.saturating_add(wait))
            }
            Stage::Listening(until) if idle && (self.fin_taken || until <= now) => match self.plan.close {
                Close::Fin => Stage::Closing(None),
                Close::Reset => Stage::Parting(Ending::Aborted),
            },
            Stage::Closing(None) if self.state == State::FinWait2 => {
                Stage::Closing(Some(now.saturating_add(self.plan.wait)))
            }
            Stage::Closing(_) if self.state == State::TimeWait && idle => Stage::Lingering(now.saturating_add(LINGER)),
            Stage::Closing(_) if self.state == State::Closed => {
                self.end(self.closed());
                return None;
            }
            Stage::Lingering(until) if idle && until <= now => {
                self.end(self.closed());
                return None;
            }
            _ => return None,
        })
    }

    /// Data came: the answer is over when nothing more does.
    pub(super) fn more(&mut self, now: Duration) {
        if let Stage::Listening(until) = &mut self.stage {
            *until = now.saturating_add(QUIET);
        }
    }
}
