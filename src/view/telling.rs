//! One TCP conversation told step by step in plain words; every sentence names the packet that it rests on.
//!
//! Numbers are relative (as Wireshark shows them) but for the start numbers of the handshake, which are told as they
//! stand in the packets. Guarantee: memory is bounded, however long the conversation.

pub mod draw;
#[cfg(test)]
mod tests;
mod trouble;

use std::ops::Range;

use super::escape;
use super::style::Role;
use super::words::{Words, filled, span};
use crate::flow::analysis::{Marks, before};
use crate::flow::exchange::Join;
use crate::flow::message::{Carried, Gathering};
use crate::flow::names::Names;
use crate::flow::state::State;
use crate::flow::{Event, Facts, Known, Why, tcp, whole};
use crate::pipeline::{Next, Sink};
use crate::wire::tcp::{Flags, Header};
use crate::wire::{At, Layer, Packet, Protocol, application, utf8};

/// Bytes of a segment's text that a sentence quotes.
const QUOTED: usize = 48;
/// Steps that are kept; what comes after them is only counted.
const MOST_STEPS: usize = 20_000;

/// The part of a conversation that a sentence belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Data,
    Closing,
}

/// What a step adds to a summary.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    /// Bytes of data of client and of server.
    bytes: [u64; 2],
    /// Segments with data.
    segments: u64,
    receipts: u64,
    /// Sent again, of whatever kind.
    again: u64,
}

/// One sentence, and the packets from first to last that it rests on.
#[derive(Clone, Debug)]
struct Step {
    phase: Phase,
    packets: (u64, u64),
    text: String,
    role: Role,
    /// Everyday sending and acknowledging, which may be told in short.
    everyday: bool,
    figures: Figures,
    /// What its data may be a part of, and where in the text the data is quoted.
    carried: Option<(Carried, Range<usize>)>,
}

/// A sink that gathers what one conversation does.
pub struct Telling {
    stream: u32,
    words: &'static Words,
    title: Option<String>,
    steps: Vec<Step>,
    left_out: u64,
    phase: Phase,
    /// Of client and server: their last acknowledgment, and the number behind their FIN.
    acknowledged: [u32; 2],
    closing: [Option<u32>; 2],
    /// Whether the other side has acknowledged that FIN.
    closed: [bool; 2],
    /// The second FIN acknowledged the first, so that three steps were enough; or neither knew of the other.
    shared: bool,
    crossed: bool,
    /// Repeated acknowledgments at the end of `steps`: by whom, of what, how many.
    duplicates: Option<(usize, u32, u64)>,
    states: [State; 2],
    over: bool,
    /// Ended by a reset.
    broken: bool,
    /// The question was asked more than once: nobody knows which one was answered.
    asked_again: bool,
    /// Where messages lie, until the story is drawn.
    gathering: Option<Gathering>,
}

/// A segment of the conversation, and which side sent it.
struct Segment<'s, 'a> {
    header: &'s Header<'a>,
    facts: &'s tcp::Facts,
    /// Its data; of an application that is known, its messages as lines tell them: passwords are covered there.
    content: &'s [u8],
    join: Option<&'s Join>,
    carried: Option<Carried>,
    number: u64,
    /// 0: client, 1: server.
    side: usize,
}

impl Sink for Telling {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        if let Some(facts) = known.facts.tcp.filter(|facts| facts.stream == self.stream && !facts.unmeasured)
            && let Some(at) = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted)
            && let Some(header) = Header::new(&at)
        {
            let side = usize::from(!facts.from_client);
            self.name_ends(&at, &header, side, known.names);
            let number = packet.frame.number;
            let told = told(packet, at.index, known.facts);
            let whole = if known.facts.secrets.any { b"***" } else { at.content() };
            let content = told.as_deref().unwrap_or(whole);
            let join = known.facts.join.as_ref();
            let carried = self.gathering.as_mut().and_then(|gathering| gathering.packet(packet, known));
            let segment = Segment { header: &header, facts: &facts, content, join, carried, number, side };
            self.segment(&segment, known.events);
        }
        Ok(Next::GoOn)
    }
}

impl Telling {
    /// Tells the TCP conversation with this number (`tcp.stream`).
    pub fn new(stream: u32, words: &'static Words) -> Self {
        Self {
            stream,
            words,
            title: None,
            steps: Vec::new(),
            left_out: 0,
            phase: Phase::Opening,
            acknowledged: [1; 2],
            closing: [None; 2],
            closed: [false; 2],
            shared: false,
            crossed: false,
            duplicates: None,
            states: [State::Unknown; 2],
            over: false,
            broken: false,
            asked_again: false,
            gathering: Some(Gathering::default()),
        }
    }

    /// The number of the conversation.
    pub fn stream(&self) -> u32 {
        self.stream
    }

    /// Whether there was such a conversation.
    pub fn found(&self) -> bool {
        self.title.is_some()
    }

    fn name_ends(&mut self, at: &At<'_>, header: &Header<'_>, side: usize, names: Option<&Names>) {
        if self.title.is_some() {
            return;
        }
        let Some((source, destination)) = at.packet.addresses(at.index) else { return };
        let mut ends = [(source, header.source_port()), (destination, header.destination_port())].map(|end| {
            let mut text = Vec::new();
            super::conversations::called(end, names, &mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        if side == 1 {
            ends.swap(0, 1);
        }
        let [client, server] = &ends;
        self.title = Some(filled(self.words.telling.title, &[&self.stream.to_string(), client, server]));
    }

    fn segment(&mut self, segment: &Segment<'_, '_>, events: &[Event]) {
        let (flags, facts) = (segment.header.flags(), segment.facts);
        self.states = facts.states;
        let telling = &self.words.telling;
        if self.steps.is_empty() && !flags.any(Flags::SYN) {
            self.phase = Phase::Data;
            self.say(segment, Role::Faint, telling.begun_before.to_owned());
        }
        if facts.analysis.marks.any(Marks::REUSED_PORTS) {
            self.say(segment, Role::Plain, telling.reused.to_owned());
        }
        let crossing = events.iter().find_map(|event| match event {
            Event::Crossing { step } => Some(*step),
            _ => None,
        });
        if flags.any(Flags::RST) {
            self.reset(segment, events);
        } else if self.broken {
            let text = filled(telling.too_late, &[self.who(segment.side)]);
            self.say(segment, Role::Faint, text);
        } else if let Some(step @ 2..) = crossing {
            self.answers_crossing(segment, step);
        } else if facts.analysis.marks.any(Marks::RETRANSMISSION | Marks::SPURIOUS_RETRANSMISSION)
            && flags.any(Flags::SYN)
        {
            self.asked_again |= segment.side == 0;
            self.again(segment);
        } else if flags.any(Flags::SYN) {
            self.opening(segment);
        } else if events.iter().any(|event| matches!(event, Event::Opening { step: 3, .. })) {
            self.confirms_opening(segment);
            self.phase = Phase::Data;
            if segment.header.length > 0 || flags.any(Flags::FIN) {
                self.exchange(segment, events);
            }
        } else {
            self.exchange(segment, events);
        }
    }

    fn opening(&mut self, segment: &Segment<'_, '_>) {
        let (telling, who) = (&self.words.telling, self.who(segment.side));
        let sequence = segment.header.sequence().to_string();
        self.phase = Phase::Opening;
        let text = match (segment.header.flags().any(Flags::ACK), segment.side) {
            (false, 0) => filled(telling.asks, &[who, &sequence]),
            (false, _) => filled(telling.asks_too, &[who, &sequence]),
            (true, _) => filled(telling.agrees, &[who, &sequence, &segment.header.acknowledgment().to_string()]),
        };
        self.say(segment, Role::Opening, text);
    }

    /// A SYN with an acknowledgment, where both sides have asked at once.
    fn answers_crossing(&mut self, segment: &Segment<'_, '_>, step: u8) {
        let telling = &self.words.telling;
        let template = if step == 2 { telling.crosses_answer } else { telling.crosses_open };
        let number = segment.header.acknowledgment().to_string();
        self.say(segment, Role::Opening, filled(template, &[self.who(segment.side), &number]));
        if step > 2 {
            self.phase = Phase::Data;
        }
    }

    fn confirms_opening(&mut self, segment: &Segment<'_, '_>) {
        let (telling, who) = (&self.words.telling, self.who(segment.side));
        let number = segment.header.acknowledgment().to_string();
        let text = match segment.facts.analysis.initial_rtt.filter(|_| !self.asked_again) {
            Some(took) => filled(telling.confirms_after, &[who, &number, &time(took)]),
            None => filled(telling.confirms, &[who, &number]),
        };
        self.say(segment, Role::Opening, text);
    }

    fn reset(&mut self, segment: &Segment<'_, '_>, events: &[Event]) {
        let (telling, who) = (&self.words.telling, self.who(segment.side));
        let why = events.iter().find_map(|event| match event {
            Event::Reset { why, .. } => Some(*why),
            _ => None,
        });
        if self.over && why.is_none_or(|why| why == Why::Again) {
            return self.say(segment, Role::Faint, filled(telling.reset_again, &[who]));
        }
        self.phase = Phase::Closing;
        (self.over, self.broken) = (true, true);
        let text = match why {
            None => {
                let (port, number) = (segment.header.source_port(), segment.header.acknowledgment());
                filled(telling.refused, &[who, &port.to_string(), &number.to_string()])
            }
            Some(Why::Aborted | Why::Again) => filled(telling.reset, &[who]),
            Some(Why::Unread) => filled(telling.reset_unread, &[who]),
            Some(Why::GaveUp) => filled(telling.reset_gave_up, &[who]),
            Some(Why::AfterClose) => filled(telling.reset_after_close, &[who]),
            Some(Why::Unknown) => filled(telling.reset_unknown, &[who]),
            Some(Why::Unanswered) => filled(telling.reset_unanswered, &[who]),
        };
        self.say(segment, Role::Trouble, text);
    }

    /// Data, acknowledgments and FINs: everything between handshake and end.
    fn exchange(&mut self, segment: &Segment<'_, '_>, events: &[Event]) {
        let (telling, words) = (&self.words.telling, self.words);
        let (facts, side) = (segment.facts, segment.side);
        let (marks, length) = (facts.analysis.marks, segment.header.length);
        let fin = segment.header.flags().any(Flags::FIN);
        let (grown, fin_confirmed) = self.acknowledge(segment);
        let who = self.who(side);
        if self.duplicate(segment) {
            return;
        }
        if self.told_by_marks(segment) {
            if fin_confirmed {
                self.fin_confirmed(segment);
            }
            return;
        }
        let mut text = String::new();
        let (mut role, mut carried) = (Role::Plain, None);
        let first_fin = fin && events.iter().any(|event| matches!(event, Event::Closing { .. }));
        if length > 0 {
            let (first, last) = (facts.sequence, facts.sequence.wrapping_add(length - 1));
            let template = words.form_of(&telling.sends, length.into());
            let quote = quoted(segment.content);
            let values = [who, &length.to_string(), &first.to_string(), &last.to_string(), &quote];
            text = filled(template, &values);
            // The quote has the last place of the template.
            let behind = text.len() - template.rsplit("{}").next().map_or(0, str::len);
            carried = segment.carried.map(|carried| (carried, behind - quote.len()..behind));
            role = Role::Data;
            if let Some((question, after)) = segment.join.and_then(Join::answers) {
                text.push_str(&filled(telling.answers, &[&question.to_string(), &time(after)]));
            }
            if facts.oversized {
                text.push_str(telling.oversized);
            }
            if grown > 0 && !fin_confirmed {
                text.push_str(&words.count(&telling.also_confirms, grown.into()));
            }
        } else if grown > 0 && !first_fin && !fin_confirmed {
            let template = words.form_of(&telling.receives, grown.into());
            text = filled(template, &[who, &grown.to_string(), &facts.acknowledgment.to_string()]);
        }
        for (mark, more) in [
            (Marks::LOST_SEGMENT, telling.gap_before),
            (Marks::ACK_LOST_SEGMENT, telling.confirms_unseen),
            (Marks::WINDOW_FULL, telling.fills),
        ] {
            if marks.any(mark) && !text.is_empty() {
                text.push_str(more);
                role = Role::Trouble;
            }
        }
        if !text.is_empty() {
            let everyday = role != Role::Trouble;
            let before = self.steps.len();
            self.push(segment, role, text, everyday);
            if let Some(step) = self.steps.get_mut(before) {
                step.carried = carried;
            }
        }
        if first_fin {
            self.fin(segment, fin_confirmed);
        } else if fin_confirmed {
            self.fin_confirmed(segment);
        }
        self.arrived_twice(segment);
        if length == 0 && grown == 0 && !fin && !fin_confirmed && marks.any(Marks::WINDOW_GREW) {
            let text = filled(telling.more_room, &[who, &facts.window.to_string()]);
            self.push(segment, Role::Plain, text, true);
        }
        if marks.any(Marks::ZERO_WINDOW) {
            self.say(segment, Role::Trouble, filled(telling.no_room, &[who]));
        }
    }

    /// What the acknowledgment adds: bytes of data, and whether it covers the other side's FIN for the first time.
    fn acknowledge(&mut self, segment: &Segment<'_, '_>) -> (u32, bool) {
        if !segment.header.flags().any(Flags::ACK) {
            return (0, false);
        }
        let (side, other, number) = (segment.side, 1 - segment.side, segment.facts.acknowledgment);
        let known = self.acknowledged[side];
        if !before(known, number) {
            return (0, false);
        }
        self.acknowledged[side] = number;
        let fin = self.closing[other] == Some(number) && !self.closed[other];
        self.closed[other] |= fin;
        (number.wrapping_sub(known) - u32::from(fin), fin)
    }

    fn fin(&mut self, segment: &Segment<'_, '_>, confirms: bool) {
        let (telling, side, other) = (&self.words.telling, segment.side, 1 - segment.side);
        let who = self.who(side);
        let number = segment.facts.next.wrapping_sub(1).to_string();
        self.closing[side] = Some(segment.facts.next);
        self.phase = Phase::Closing;
        let text = match (self.closing[other].is_some(), confirms) {
            (true, true) => {
                self.shared = true;
                filled(telling.closes_confirming, &[who, &number, &segment.facts.acknowledgment.to_string()])
            }
            (true, false) if !self.closed[other] => {
                self.crossed = true;
                filled(telling.closes_crossing, &[who, &number])
            }
            (true, false) => filled(telling.closes_too, &[who, &number]),
            (false, _) => filled(telling.closes, &[who, &number]),
        };
        self.say(segment, Role::Closing, text);
    }

    /// The other side's FIN has been acknowledged: half of the close, or its end.
    fn fin_confirmed(&mut self, segment: &Segment<'_, '_>) {
        let telling = &self.words.telling;
        let who = self.who(segment.side);
        let number = segment.facts.acknowledgment.to_string();
        let text = match (self.closed, self.shared, self.crossed) {
            ([true, true], _, true) => filled(telling.last_crossed, &[who, &number]),
            ([true, true], true, _) => filled(telling.last_of_three, &[who, &number]),
            ([true, true], false, _) => filled(telling.last_of_four, &[who, &number]),
            _ if self.closing[segment.side].is_some() => filled(telling.confirms_fin, &[who, &number]),
            _ => filled(telling.half_closed, &[who, &number, &uncapital(who)]),
        };
        self.say(segment, Role::Closing, text);
        if self.closed == [true, true] {
            self.over = true;
            self.time_wait(segment);
        }
    }

    fn time_wait(&mut self, segment: &Segment<'_, '_>) {
        let telling = &self.words.telling;
        let text = match self.states {
            [State::TimeWait, State::TimeWait] => telling.time_wait_both.to_owned(),
            [State::TimeWait, _] => filled(telling.time_wait, &[self.who(0)]),
            [_, State::TimeWait] => filled(telling.time_wait, &[self.who(1)]),
            _ => return,
        };
        self.say(segment, Role::Closing, text);
    }

    fn who(&self, side: usize) -> &'static str {
        if side == 0 { self.words.telling.client } else { self.words.telling.server }
    }

    fn say(&mut self, segment: &Segment<'_, '_>, role: Role, text: String) {
        self.push(segment, role, text, false);
    }

    fn push(&mut self, segment: &Segment<'_, '_>, role: Role, text: String, everyday: bool) {
        self.duplicates = None;
        if self.steps.len() >= MOST_STEPS {
            self.left_out += 1;
            return;
        }
        let mut figures = Figures::default();
        let again = segment.facts.analysis.marks.any(Marks::REPEATED);
        match segment.header.length {
            0 => figures.receipts = 1,
            length => {
                figures.segments = 1;
                figures.bytes[segment.side] = u64::from(length);
            }
        }
        figures.again = u64::from(again);
        let packets = (segment.number, segment.number);
        self.steps.push(Step { phase: self.phase, packets, text, role, everyday, figures, carried: None });
    }
}

/// As it stands in the middle of a sentence.
fn uncapital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}

fn time(nanoseconds: i64) -> String {
    let mut out = Vec::new();
    span(nanoseconds, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// What the messages behind the layer at `index` say, if an application is known there.
fn told(packet: &Packet<'_>, index: usize, facts: &Facts) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let begin = packet.at(index + 1)?.layer.start;
    let is_secret = |layer: &Layer| facts.secrets.touches(layer.start - begin, layer.start + layer.header - begin);
    for at in whole::told(packet, index + 1, facts) {
        let mut said = Vec::new();
        if !whole::is_one(&at) && is_secret(&at.layer) {
            said.extend_from_slice(b"***");
        } else {
            application::tell(&at, &mut said)?;
        }
        if !text.is_empty() && !said.is_empty() {
            text.extend_from_slice(b"; ");
        }
        text.append(&mut said);
        if text.len() > QUOTED {
            break;
        }
    }
    Some(text).filter(|text| !text.is_empty())
}

/// `: "text"` where the data is text, safe for a terminal; otherwise nothing.
fn quoted(data: &[u8]) -> String {
    let whole = utf8::beginning(data, QUOTED);
    let acts = |byte: &u8| *byte < 32 && !matches!(byte, b'\r' | b'\n' | b'\t');
    if whole.is_empty() || whole.iter().any(acts) || std::str::from_utf8(whole).is_err() {
        return String::new();
    }
    let mut text = b": ".to_vec();
    escape::quote(data, QUOTED, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
