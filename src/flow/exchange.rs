//! Questions of applications and their answers: which belong together, and how long the answer took.
//!
//! What a message is, `wire::exchange` says; here is what came before. Only what has been seen is known: which packet
//! will answer a question cannot be said with the question.
//!
//! Guarantee: at most [`QUESTIONS`] of each kind of question are remembered, the oldest leave; packets without an
//! application cost nothing.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::analysis::before;
use super::bounded::ByAge;
use super::key::Key;
use crate::frame::{Frame, Timestamp};
use crate::wire::exchange::{self, Among, Exchange, Part};
use crate::wire::{At, Protocol};

/// Questions that are remembered, and conversations that answer in turn.
const QUESTIONS: usize = 1 << 14;
/// Who asks the same after so long a time asks anew: 5 s.
const AGAIN: i64 = 5_000_000_000;

/// What an earlier message has to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    /// Of the message.
    pub protocol: Protocol,
    pub link: Link,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It answers what this frame has asked, so many nanoseconds later.
    Answers { question: u64, after: i64 },
    /// It asks what this frame has asked and nobody has answered.
    AskedBefore(u64),
    /// It answers what this frame has answered.
    AnsweredBefore(u64),
}

impl Join {
    /// Of an answer: the frame of its question, and the nanoseconds since then.
    pub fn answers(&self) -> Option<(u64, i64)> {
        match self.link {
            Link::Answers { question, after } => Some((question, after)),
            _ => None,
        }
    }
}

/// Where a message was met.
#[derive(Clone, Copy)]
pub struct Place<'p, 'a> {
    /// A layer of the packet behind the transport: the message itself, or what it was put together from.
    pub carrier: &'p At<'a>,
    /// The number of the conversation, where that is known.
    pub stream: Option<u32>,
    /// The stream of HTTP/2 that it is in; 0: none.
    pub within: u32,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    frame: u64,
    time: Timestamp,
    /// Where it was captured: what two interfaces see is said once.
    interface: u32,
    answered: Option<u64>,
}

/// How many questions of a conversation there have been, and how many have been answered; and the sequence numbers of
/// TCP that tell what came again and what was not seen.
#[derive(Clone, Copy, Debug, Default)]
struct Turns {
    asked: u32,
    answered: u32,
    /// Where the last question and the last answer begin.
    last: [Option<u32>; 2],
    /// What the asker had got of the other side when it asked last; nothing once an answer to that has begun.
    got: Option<u32>,
    /// Where the last answer ends.
    ended: Option<u32>,
    /// A question with its number: mostly the only one that waits. Others are kept apart.
    first: Option<(u32, Asked)>,
}

impl Turns {
    fn waiting(&self) -> u32 {
        self.asked.wrapping_sub(self.answered)
    }

    /// Keeps the question that was asked last, where the one that is kept waits no longer; whether it did.
    fn keep(&mut self, asked: Asked) -> bool {
        let number = self.asked.wrapping_sub(1);
        let is_free = self.first.is_none_or(|(known, _)| before(known, self.answered));
        if is_free {
            self.first = Some((number, asked));
        }
        is_free
    }

    /// Nobody knows any more which answers belong to which of the questions so far.
    fn give_up(&mut self) {
        self.answered = self.asked;
    }

    /// Whether the message at this place of its stream comes later than all of its side so far: else it comes again.
    fn comes_new(&mut self, side: usize, place: Option<Span>) -> bool {
        let Some((span, last)) = place.zip(self.last.get_mut(side)) else { return true };
        let is_new = last.is_none_or(|last| before(last, span.begins));
        if is_new {
            *last = Some(span.begins);
        }
        is_new
    }

    /// A question; whether it is new.
    fn ask(&mut self, place: Option<Span>) -> bool {
        if !self.comes_new(0, place) {
            return false;
        }
        // Whoever asks has got something since it asked last: the answer to that was not seen.
        let acknowledged = place.map(|span| span.acknowledged);
        if self.waiting() == 1 && self.got.zip(acknowledged).is_some_and(|(got, now)| before(got, now)) {
            self.give_up();
        }
        self.got = acknowledged;
        self.asked = self.asked.wrapping_add(1);
        true
    }

    /// An answer; the number of its question.
    fn answer(&mut self, last: bool, place: Option<Span>, at: &At<'_>) -> Option<u32> {
        if !self.comes_new(1, place) {
            return None;
        }
        let behind = self.ended.zip(place).is_some_and(|(ended, span)| before(ended, span.begins));
        // Only where others wait does it matter.
        let others_wait = self.waiting() > 1;
        let length = || if others_wait { exchange::length(at) } else { None };
        self.ended = place.and_then(|span| Some(span.begins.wrapping_add(length()? as u32)));
        self.got = None;
        // Between the last answer and this one there was another, which was not seen.
        if behind && self.waiting() > 1 {
            self.give_up();
        }
        let question = Some(self.answered).filter(|_| self.waiting() > 0)?;
        self.answered = self.answered.wrapping_add(u32::from(last));
        Some(question)
    }
}

/// Where a message lies in its stream of TCP: sequence numbers.
#[derive(Clone, Copy, Debug)]
struct Span {
    begins: u32,
    /// Of the other side's stream.
    acknowledged: u32,
}

impl Span {
    /// `None` of what TCP does not carry.
    fn of(at: &At<'_>) -> Option<Self> {
        let below = at.packet.layers.get(..at.index)?;
        let tcp = at.packet.at(below.iter().rposition(|layer| layer.protocol == Protocol::Tcp)?)?;
        let data = tcp.layer.start.checked_add(tcp.layer.header)?;
        let begins = tcp.u32(4)?.wrapping_add(at.layer.start.checked_sub(data)?);
        Some(Self { begins, acknowledged: tcp.u32(8)? })
    }
}

/// The questions of a capture that may still be answered.
#[derive(Debug, Default)]
pub struct Exchanges {
    questions: ByAge<u64, Asked, QUESTIONS>,
    turns: ByAge<u64, Turns, QUESTIONS>,
    hasher: RandomState,
}

impl Exchanges {
    /// Takes in the message of an application.
    #[cold]
    pub fn ingest(&mut self, at: &At<'_>, place: &Place<'_, '_>, now: Timestamp) -> Option<Join> {
        let said = exchange::of(at)?;
        let key = self.key(at.layer.protocol, place, &said)?;
        let Frame { number: frame, interface, .. } = place.carrier.packet.frame;
        let here = Asked { frame, time: now, interface, answered: None };
        let join = |link| Some(Join { protocol: at.layer.protocol, link });
        match (said.among, said.part) {
            (Among::Turns, Part::Question) => {
                let mut turns = self.turns.of(key).copied().unwrap_or_default();
                if turns.ask(Span::of(at)) {
                    if !turns.keep(here) {
                        let number = turns.asked.wrapping_sub(1);
                        self.questions.insert(self.hasher.hash_one((key, number)), here);
                    }
                    self.turns.insert(key, turns);
                }
                None
            }
            (Among::Turns, Part::Answer { last }) => {
                let turns = self.turns.of_mut(key)?;
                let number = turns.answer(last, Span::of(at), at)?;
                let asked = match turns.first {
                    Some((known, ref asked)) if known == number => asked,
                    _ => self.questions.of(self.hasher.hash_one((key, number)))?,
                };
                join(Link::Answers { question: asked.frame, after: now.since(asked.time) })
            }
            (among, Part::Question) => {
                let known = self.questions.of(key);
                // Multicast DNS asks the same again and again: each time whoever knows may answer.
                let again = known.filter(|asked| {
                    !matches!(among, Among::Anybody { within } if within < AGAIN)
                        && asked.answered.is_none()
                        && asked.interface == here.interface
                        && now.since(asked.time) < AGAIN
                });
                if let Some(first) = again {
                    return join(Link::AskedBefore(first.frame));
                }
                // The same packet at another place.
                if known.is_none_or(|asked| asked.interface == here.interface || asked.answered.is_some()) {
                    self.questions.insert(key, here);
                }
                None
            }
            (among, Part::Answer { .. }) => {
                let asked = self.questions.of_mut(key)?;
                let after = now.since(asked.time);
                if matches!(among, Among::Anybody { within } if after > within) {
                    return None;
                }
                let is_one = among == Among::Conversation && asked.interface == here.interface;
                match asked.answered.filter(|_| is_one) {
                    Some(first) => join(Link::AnsweredBefore(first)),
                    None => {
                        asked.answered.get_or_insert(frame);
                        join(Link::Answers { question: asked.frame, after })
                    }
                }
            }
        }
    }

    /// What the questions are kept by that a message may belong to.
    fn key(&self, protocol: Protocol, place: &Place<'_, '_>, said: &Exchange) -> Option<u64> {
        let packet = place.carrier.packet;
        let below = packet.layers.get(..place.carrier.index)?;
        let carrier = below.iter().rposition(|layer| matches!(layer.protocol, Protocol::Tcp | Protocol::Udp))?;
        let carrier = packet.at(carrier)?;
        let hash = |among: &dyn Fn(&RandomState) -> u64| {
            Some(self.hasher.hash_one((protocol as u8, said.tag, among(&self.hasher))))
        };
        match said.among {
            Among::Conversation | Among::Turns => {
                let (key, _) = Key::new(&carrier)?;
                let transport = carrier.layer.protocol as u8;
                hash(&|hasher| hasher.hash_one((key, transport, place.stream, place.within)))
            }
            Among::Asker => {
                let (source, destination) = packet.addresses(carrier.index)?;
                let asker = match said.part {
                    Part::Question => (source, carrier.u16(0)?),
                    Part::Answer { .. } => (destination, carrier.u16(2)?),
                };
                hash(&|hasher| hasher.hash_one(asker))
            }
            Among::Anybody { .. } => hash(&|_| 0),
        }
    }
}

#[cfg(test)]
mod tests;
