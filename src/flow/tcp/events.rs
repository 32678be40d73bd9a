//! What a segment brings about: the steps of opening and closing, and why somebody breaks off.
//!
//! RFC 9293 §3.5 and §3.6. Events tell what a segment does to the conversation, never what it is (that is the analysis).

use super::segment::Numbers;
use super::{Break, Connection};
use crate::flow::analysis::before;
use crate::flow::event::{Event, Why};
use crate::flow::key::Direction;
use crate::frame::Timestamp;
use crate::wire::tcp::Flags;

/// How far a simultaneous open has come (RFC 9293 §3.5, figure 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crossing {
    /// Both have sent a SYN.
    Asked,
    /// This side has acknowledged the other's.
    Agreed(Direction),
    Open,
}

impl Connection {
    /// Moves handshake and close on, and says what happened.
    #[inline(always)]
    pub(super) fn step(
        &mut self,
        header: &Numbers,
        direction: Direction,
        client: Direction,
        time: Option<Timestamp>,
        tell: &mut impl FnMut(Event),
    ) {
        let flags = header.flags;
        let (syn, ack) = (flags.any(Flags::SYN), flags.any(Flags::ACK));
        let from_client = client == direction;

        if flags.any(Flags::RST) {
            if !from_client && self.step == 1 && self.crossing.is_none() {
                tell(Event::Refused);
                self.broken.get_or_insert(Break::Refused);
            } else {
                let why = self.why(header, direction, from_client);
                tell(Event::Reset { by_client: from_client, why });
                if !self.closed {
                    self.broken.get_or_insert(Break::Reset { by: direction, why });
                }
            }
            self.closed = true;
            return;
        }
        if syn && self.crosses(ack, direction, from_client, time, tell) {
            return;
        }
        let [low, high] = &mut self.ends;
        let (sender, receiver) = if direction == Direction::Up { (low, high) } else { (high, low) };
        let step = match (syn, ack) {
            (true, false) => Some(1),
            (true, true) => Some(2),
            (false, true) if self.step == 2 && from_client => Some(3),
            _ => None,
        };
        if let Some(step) = step
            && step > self.step
        {
            let after = match (time, self.stepped) {
                (Some(now), Some(then)) if step == self.step + 1 => Some(now.since(then)),
                _ => None,
            };
            match step {
                2 => self.rtt[0] = after,
                3 => self.rtt[1] = after,
                _ => {}
            }
            tell(Event::Opening { step, after });
            (self.step, self.stepped) = (step, time);
        } else if step == Some(1) && self.step == 1 && from_client {
            // The question again: the answer is taken for this one's.
            self.stepped = time;
        }
        if flags.any(Flags::FIN) && sender.fin.is_none() {
            sender.fin = Some(header.sequence.wrapping_add(header.length).wrapping_add(1));
            self.closer.get_or_insert(direction);
            self.closed_together = receiver.fin.is_some() && !receiver.fin_acknowledged;
            tell(Event::Closing { by_client: from_client, second: receiver.fin.is_some() });
        } else if !self.closed && sender.fin_acknowledged && receiver.fin_acknowledged {
            self.closed = true;
            tell(Event::Closed);
        }
    }

    /// A SYN where both sides ask at once; whether that is all there is to say of it.
    fn crosses(
        &mut self,
        ack: bool,
        direction: Direction,
        from_client: bool,
        time: Option<Timestamp>,
        tell: &mut impl FnMut(Event),
    ) -> bool {
        let (crossing, step) = match (self.crossing, ack) {
            (None, false) if !from_client && self.step == 1 => (Crossing::Asked, 1),
            (Some(Crossing::Asked), true) => (Crossing::Agreed(direction), 2),
            (Some(Crossing::Agreed(by)), true) if by != direction => (Crossing::Open, 3),
            (crossing, _) => return crossing.is_some(),
        };
        self.crossing = Some(crossing);
        if !from_client && ack {
            self.rtt[0] = time.zip(self.stepped).map(|(now, then)| now.since(then));
        }
        if crossing == Crossing::Open {
            self.step = 3;
        }
        tell(Event::Crossing { step });
        true
    }

    /// Why a side sends this reset. A system that answers a segment with one gives it the number that the segment
    /// acknowledged, and no acknowledgment of its own (RFC 9293 §3.5.2); a program's reset continues what it has sent.
    fn why(&self, header: &Numbers, direction: Direction, from_client: bool) -> Why {
        let [low, high] = &self.ends;
        let (sender, receiver) = if direction == Direction::Up { (low, high) } else { (high, low) };
        if self.broken.is_some() {
            Why::Again
        } else if from_client && matches!(self.step, 1 | 2) && self.crossing.is_none() {
            Why::GaveUp
        } else if !header.flags.any(Flags::ACK) {
            if sender.fin.is_some() && receiver.spoke { Why::AfterClose } else { Why::Unknown }
        } else if self.speaker == Some(direction) && sender.insisted {
            Why::Unanswered
        } else {
            // What it has acknowledged beyond SYN and FIN is data that had come.
            let taken = receiver.base.map_or(0, |base| header.acknowledgment.wrapping_sub(base));
            let numbers = 1 + u32::from(receiver.fin_acknowledged);
            if before(numbers, taken) { Why::Unread } else { Why::Aborted }
        }
    }
}
