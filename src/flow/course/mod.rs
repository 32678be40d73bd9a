//! What the sides of a TCP conversation say by the exercises of the course: where their messages begin and end in the
//! stream, whatever the segments, and what the answers of their servers mean.
//!
//! An exercise is known by its port and by what was said so far, never by the port alone; what fits several stays
//! unnamed. Guarantee: bounded, whatever comes: so many conversations, a few numbers of each. Trap: where a segment is
//! missing, nobody knows any more where a message begins: from there on nothing is told.

mod answer;
pub mod framing;

use super::bounded::ByStream;
use super::tcp;
use crate::wire::application::Tone;
use crate::wire::{Packet, Protocol};
use answer::{Answer, Numbers};
use framing::{Framing, Place};

/// Where the exercises' servers wait that have messages of their own.
const PORT: u16 = 8005;
/// Conversations that are remembered; the oldest leaves.
const MOST: usize = 4096;

/// An exercise whose messages are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exercise {
    Delimiter,
    Length,
    Typed,
    Sum,
    Calc,
    Rps,
    Guess,
    Chat,
    Bingo,
}

impl Exercise {
    /// As `netlab serve` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delimiter => "delimiter",
            Self::Length => "length",
            Self::Typed => "typed",
            Self::Sum => "sum",
            Self::Calc => "calc",
            Self::Rps => "rps",
            Self::Guess => "guess",
            Self::Chat => "chat",
            Self::Bingo => "bingo",
        }
    }
}

/// What the data of one segment is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    pub exercise: Exercise,
    said: Said,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    /// What stands there in plain words.
    Itself,
    /// Messages, or parts of them; where the stream stood before this segment.
    Framed(Framing, Place),
    Answer(Answer),
}

impl Found {
    /// The messages of a segment with this data, in parts as they lie in it; none where messages are what they are.
    pub fn parts<'a>(&self, data: &'a [u8]) -> impl Iterator<Item = framing::Part<'a>> {
        let (framing, place) = match self.said {
            Said::Framed(framing, place) => (Some(framing), place),
            _ => (None, Place::default()),
        };
        framing.into_iter().flat_map(move |framing| framing::parts(framing, place, data))
    }

    /// What is told holds the content of the messages; their lengths, which are no text, need not be shown besides.
    pub fn tells_content(&self) -> bool {
        matches!(self.said, Said::Framed(Framing::Length | Framing::Typed, _))
    }

    /// What a segment with this data holds, in words, unescaped; nothing where it says so itself.
    pub fn tell(&self, data: &[u8], out: &mut Vec<u8>) -> Tone {
        let start = out.len();
        out.extend_from_slice(self.exercise.name().as_bytes());
        out.extend_from_slice(b": ");
        match &self.said {
            Said::Framed(framing, place) => framing::tell(*framing, *place, data, out),
            Said::Answer(answer) => answer.tell(out),
            Said::Itself => {
                out.truncate(start);
                Tone::Plain
            }
        }
    }
}

/// One conversation.
#[derive(Debug)]
struct Talk {
    exercise: Option<Exercise>,
    /// Where the client stands in its messages.
    place: Place,
    /// What it began with, as long as nobody knows what that is.
    begun: Begun,
    numbers: Numbers,
    /// The next sequence number of client and server.
    next: [u32; 2],
    /// Nothing more is told.
    lost: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Begun {
    #[default]
    Nothing,
    /// Text without a `#` and without a line's end.
    Text,
    /// Lines, or what the server spoke first to.
    Other,
}

/// Watches conversations for what the exercises say.
#[derive(Debug, Default)]
pub struct Watch {
    talks: ByStream<Talk, MOST>,
}

impl Watch {
    /// What the data of the first TCP layer of the next packet is.
    #[inline]
    pub fn look(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Option<Found> {
        match packet.layers.last() {
            Some(last) if last.protocol.is_application() && !last.quoted => self.look_into(packet, facts),
            _ => None,
        }
    }

    fn look_into(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Option<Found> {
        let at = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted)?;
        let is_data = packet.layers.get(at.index + 1).is_some_and(|layer| layer.protocol == Protocol::Data);
        // What another protocol says matters only to conversations that are known.
        if !is_data && self.talks.is_empty() {
            return None;
        }
        let server = if facts.from_client { 2 } else { 0 };
        if at.u16(server)? != PORT || facts.unmeasured || facts.analysis.repeats() {
            return None;
        }
        // Of a conversation that began before the capture nobody knows where its messages begin.
        if facts.completeness & tcp::Completeness::SYN == 0 {
            return None;
        }
        if !is_data {
            // It speaks another protocol; what comes later begins behind this.
            self.talks.of_mut(facts.stream).into_iter().for_each(|talk| talk.lost = true);
            return None;
        }
        let talk = self.talks.of_or_insert_with(facts.stream, Talk::default);
        let side = usize::from(!facts.from_client);
        let data = at.content();
        let is_next = facts.sequence == talk.next.get(side).copied()?;
        let is_whole = facts.next.wrapping_sub(facts.sequence) as usize <= data.len() + 1;
        if talk.lost || !is_next || !is_whole {
            talk.lost = true;
            return None;
        }
        if let Some(next) = talk.next.get_mut(side) {
            *next = facts.next;
        }
        if facts.from_client { talk.client(data) } else { talk.server(data) }
    }
}

impl Default for Talk {
    fn default() -> Self {
        Self {
            exercise: None,
            place: Place::default(),
            begun: Begun::Nothing,
            numbers: Numbers::default(),
            next: [1; 2],
            lost: false,
        }
    }
}

impl Talk {
    fn client(&mut self, data: &[u8]) -> Option<Found> {
        if self.exercise.is_none() && self.begun == Begun::Nothing && framing::begins_with_length(data) {
            self.exercise = Some(Exercise::Length);
        }
        match self.exercise {
            Some(Exercise::Length | Exercise::Typed) => {
                let before = self.place;
                let mut parts = framing::parts(Framing::Length, before, data);
                let typed = parts.by_ref().any(|part| part.is_typed());
                let place = framing::parts_end(Framing::Length, before, data);
                let framing = if typed || self.exercise == Some(Exercise::Typed) {
                    self.exercise = Some(Exercise::Typed);
                    Framing::Typed
                } else {
                    Framing::Length
                };
                // A length that is refused: nothing is known behind it.
                self.lost = place.is_none();
                self.place = place.unwrap_or_default();
                self.found(Said::Framed(framing, before))
            }
            Some(Exercise::Delimiter) => self.delimited(data),
            Some(_) => {
                self.numbers.hear(data);
                self.found(Said::Itself)
            }
            None => self.unknown(data),
        }
    }

    fn delimited(&mut self, data: &[u8]) -> Option<Found> {
        let before = self.place;
        self.place = framing::parts_end(Framing::Delimiter, before, data).unwrap_or_default();
        self.found(Said::Framed(Framing::Delimiter, before))
    }

    /// A client that has not said enough yet to tell what it speaks.
    fn unknown(&mut self, data: &[u8]) -> Option<Found> {
        self.numbers.hear(data);
        if self.begun == Begun::Nothing {
            self.begun = Begun::Text;
        }
        let is_text = data.iter().all(|byte| *byte >= b' ' && *byte != 127);
        if self.begun != Begun::Text || !is_text {
            self.begun = Begun::Other;
            return None;
        }
        // Numbers with a # behind them may be those of a sum.
        if data.contains(&framing::END) && !self.numbers.are_all() {
            self.exercise = Some(Exercise::Delimiter);
            return self.delimited(data);
        }
        self.place.skip(data.len());
        None
    }

    fn server(&mut self, data: &[u8]) -> Option<Found> {
        let known = answer::of(data, &self.numbers, self.exercise);
        self.numbers = Numbers::default();
        match known {
            Some((exercise, answer)) if self.exercise.is_none_or(|known| known == exercise) => {
                self.exercise = Some(exercise);
                self.found(answer.map_or(Said::Itself, Said::Answer))
            }
            _ if self.exercise.is_some() => self.found(Said::Itself),
            _ => {
                // What a server says before the client has ended a message is no answer of these exercises.
                self.begun = Begun::Other;
                None
            }
        }
    }

    fn found(&self, said: Said) -> Option<Found> {
        Some(Found { exercise: self.exercise?, said })
    }
}

#[cfg(test)]
mod tests;
