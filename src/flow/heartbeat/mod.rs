//! Heartbeats in a capture, found without being told where: packets between two ends that come at a beat, whatever else
//! those ends say to each other.
//!
//! Small packets of each direction are put into trains of those that look alike (all of them; the same first bytes; the
//! same length; TCP keep-alives), and each train is asked whether it follows a beat ([`fit`]). A train that comes as the answer to
//! another one is told with it. The clock is the frames'; times are whole nanoseconds.
//!
//! Guarantee: memory is bounded for each conversation and in all; what has to leave is counted. Trap: one
//! place sees only what passes it. What was lost before it was never seen, what is lost behind it is.

pub mod fit;
#[cfg(test)]
mod tests;
pub mod track;
pub mod train;

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::analysis::Marks;
use super::key::{Direction, Key};
use super::{Known, Transport};
use crate::wire::{Address, Packet, Protocol, tcp, udp};
use track::{Sighting, Track};
use train::{Alike, Train};

/// A packet that carries more is no heartbeat.
pub const LONGEST: u32 = 512;
/// Conversations that are watched at a time.
const FLOWS: usize = 1024;
/// Trains of one direction by first bytes, and as many by length.
const KINDS: usize = 6;
/// Beats that are kept of conversations that had to leave; pieces that may be the rest of one that has moved.
const KEPT: usize = 4096;
/// Packets that are named of what would have happened.
const NAMED: usize = 4;
/// Further periods of silence, and nanoseconds, after which another port is not the same end any more.
const MOVES: (i64, i64) = (20, 300_000_000_000);

/// An end of a conversation.
pub type End = (Address, u16);

/// What is asked of every beat: would a timeout have raised an alarm, would a NAT have forgotten the conversation?
/// Nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Questions {
    pub timeouts: Vec<i64>,
    pub bindings: Vec<i64>,
}

/// How often something would have happened, and at which packets at first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceeded {
    pub after: i64,
    pub count: u64,
    pub packets: Vec<u64>,
}

impl Exceeded {
    fn all(times: &[i64]) -> Vec<Self> {
        times.iter().map(|after| Self { after: *after, ..Self::default() }).collect()
    }

    fn add(&mut self, silence: i64, packet: u64) {
        if silence > self.after {
            self.count += 1;
            if self.packets.len() < NAMED {
                self.packets.push(packet);
            }
        }
    }
}

/// The other end's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    pub count: u64,
    /// Nanoseconds behind the beat.
    pub least: i64,
    pub average: i64,
    pub most: i64,
}

/// A beat that was found.
#[derive(Clone, Debug)]
pub struct Beat {
    pub transport: Transport,
    pub from: End,
    pub to: End,
    pub alike: Alike,
    pub track: Track,
    /// Answers, where the other end says something behind most beats.
    pub answered: Option<Answered>,
    /// Silences of this direction after which it spoke again, beats or not.
    pub timeouts: Vec<Exceeded>,
    /// Silences of both directions together.
    pub bindings: Vec<Exceeded>,
    /// From the last that this direction said to the end of the capture.
    pub silent_at_end: i64,
    /// It goes on from this end, at this packet, after so long.
    pub moved: Option<(End, u64, i64)>,
}

/// One direction of a conversation.
#[derive(Debug, Default)]
struct Side {
    trains: Vec<Train>,
    last: Option<i64>,
    timeouts: Vec<Exceeded>,
}

#[derive(Debug)]
struct Flow {
    sides: [Side; 2],
    last: Option<i64>,
    /// It has spoken since it was last looked at.
    touched: bool,
    bindings: Vec<Exceeded>,
}

/// A few packets from an end that may be one that has moved.
#[derive(Debug)]
struct Piece {
    transport: Transport,
    from: End,
    to: End,
    seen: Vec<Sighting>,
}

/// A packet as the detector needs it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub transport: Transport,
    pub key: Key,
    pub direction: Direction,
    pub time: i64,
    pub packet: u64,
    pub says: Says<'a>,
}

/// What a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says<'a> {
    /// So many bytes, and the first of them.
    Data(u32, &'a [u8]),
    KeepAlive,
    /// Nothing of its own: an acknowledgment, or something sent again.
    Nothing,
}

impl<'a> Seen<'a> {
    /// The first TCP or UDP layer of a packet that has a time.
    pub fn of(packet: &'a Packet<'a>, known: &Known<'_>) -> Option<Self> {
        let time = packet.frame.time?.0;
        let own = packet.each().filter(|at| !at.layer.quoted);
        let at = own.into_iter().find(|at| matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp))?;
        let (key, direction) = Key::new(&at)?;
        let (transport, says) = if at.layer.protocol == Protocol::Udp {
            let length = at.layer.end.saturating_sub(at.layer.start).checked_sub(udp::HEADER as u32)?;
            (Transport::Udp, Says::Data(length, at.content()))
        } else {
            let marks = known.facts.tcp.map(|facts| facts.analysis.marks).unwrap_or_default();
            let length = tcp::Header::new(&at)?.length;
            let says = match length {
                _ if marks.any(Marks::KEEP_ALIVE) => Says::KeepAlive,
                _ if marks.any(Marks::REPEATED) || length == 0 => Says::Nothing,
                _ => Says::Data(length, at.content()),
            };
            (Transport::Tcp, says)
        };
        Some(Self { transport, key, direction, time, packet: packet.frame.number, says })
    }
}

impl Side {
    /// The trains that a packet belongs to; those that are new are made.
    fn trains(&mut self, says: Says<'_>) -> Vec<usize> {
        let (length, start) = match says {
            Says::Nothing => return Vec::new(),
            Says::KeepAlive => return self.train(Alike::KeepAlive).into_iter().collect(),
            Says::Data(length, _) if length > LONGEST => return Vec::new(),
            Says::Data(length, start) => (length, start),
        };
        let mut begin = [0; 4];
        for (place, byte) in begin.iter_mut().zip(start) {
            *place = *byte;
        }
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        [Alike::All, Alike::Begin(begin), Alike::Length(length)]
            .into_iter()
            .filter_map(|alike| self.train(alike))
            .collect()
    }

    fn train(&mut self, alike: Alike) -> Option<usize> {
        if let Some(place) = self.trains.iter().position(|train| train.alike == alike) {
            return Some(place);
        }
        let same = |train: &Train| std::mem::discriminant(&train.alike) == std::mem::discriminant(&alike);
        if self.trains.iter().filter(|train| same(train)).count() >= KINDS {
            // The one with the fewest packets makes room, where it has next to none.
            let fewest = self.trains.iter().enumerate().filter(|(_, train)| same(train) && !train.has_beat());
            let (place, train) = fewest.min_by_key(|(_, train)| train.packets)?;
            if train.packets > 2 {
                return None;
            }
            self.trains.remove(place);
        }
        self.trains.push(Train::new(alike));
        Some(self.trains.len() - 1)
    }
}

/// Finds beats; fed with every packet, in order.
#[derive(Debug)]
pub struct Detector {
    questions: Questions,
    flows: HashMap<(Transport, Key), Flow, RandomState>,
    /// The conversations in the order in which they came or were last looked at.
    order: VecDeque<(Transport, Key)>,
    found: Vec<Beat>,
    pieces: Vec<Piece>,
    last: i64,
    forgotten: u64,
    most: usize,
}

impl Detector {
    pub fn new(questions: Questions) -> Self {
        Self {
            questions,
            flows: HashMap::default(),
            order: VecDeque::new(),
            found: Vec::new(),
            pieces: Vec::new(),
            last: i64::MIN,
            forgotten: 0,
            most: FLOWS,
        }
    }

    /// Conversations without a beat that had to leave, to bound the memory.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Takes in the next packet.
    pub fn add(&mut self, seen: &Seen<'_>) {
        self.last = self.last.max(seen.time);
        let key = (seen.transport, seen.key);
        if !self.flows.contains_key(&key) {
            self.make_room();
            let side = || Side { timeouts: Exceeded::all(&self.questions.timeouts), ..Side::default() };
            let bindings = Exceeded::all(&self.questions.bindings);
            self.flows.insert(key, Flow { sides: [side(), side()], last: None, touched: false, bindings });
            self.order.push_back(key);
        }
        if let Some(flow) = self.flows.get_mut(&key) {
            flow.add(seen);
        }
    }

    /// The oldest conversation leaves where there are too many; those with a beat, and those that still speak, have
    /// another turn, but not for ever.
    fn make_room(&mut self) {
        const TURNS: usize = 16;
        for turn in 0..=TURNS {
            if self.flows.len() < self.most {
                return;
            }
            let Some(key) = self.order.pop_front() else { return };
            let beats = |flow: &Flow| flow.sides.iter().flat_map(|side| &side.trains).any(Train::has_beat);
            let now = self.last;
            let silent = |flow: &Flow| flow.last.is_none_or(|last| now.saturating_sub(last) > MOVES.1);
            let stays = self.flows.get_mut(&key).is_some_and(|flow| {
                let touched = std::mem::take(&mut flow.touched);
                touched || beats(flow) && !silent(flow)
            });
            if stays && turn < TURNS {
                self.order.push_back(key);
                continue;
            }
            if let Some(flow) = self.flows.remove(&key) {
                let before = self.found.len();
                self.leave(key, flow);
                self.forgotten += u64::from(self.found.len() == before);
            }
        }
    }

    /// What a conversation leaves behind.
    fn leave(&mut self, (transport, key): (Transport, Key), mut flow: Flow) {
        let ends = key.ends();
        let mut sides = flow.sides.each_mut().map(|side| side.finish());
        let (answers, pieces) = answers(&mut sides);
        for (number, (side, pieces)) in sides.into_iter().zip(pieces).enumerate() {
            let [from, to] = if number == 0 { ends } else { [ends[1], ends[0]] };
            let Some(own) = flow.sides.get(number) else { continue };
            for (alike, track) in side.0 {
                let answered =
                    answers.iter().find(|(first, _)| *first == track.first.packet).map(|(_, answered)| *answered);
                if self.found.len() >= KEPT {
                    return;
                }
                self.found.push(Beat {
                    transport,
                    from,
                    to,
                    alike,
                    track,
                    answered,
                    timeouts: own.timeouts.clone(),
                    bindings: flow.bindings.clone(),
                    silent_at_end: own.last.unwrap_or(self.last),
                    moved: None,
                });
            }
            if pieces.len() > 1 && self.pieces.len() < KEPT {
                self.pieces.push(Piece { transport, from, to, seen: pieces });
            }
        }
    }

    /// The beats, in the order in which they began.
    pub fn finish(mut self) -> (Vec<Beat>, u64) {
        while let Some(key) = self.order.pop_front() {
            if let Some(flow) = self.flows.remove(&key) {
                self.leave(key, flow);
            }
        }
        let Self { mut found, pieces, last, forgotten, .. } = self;
        for beat in &mut found {
            // Until now: when it spoke last.
            beat.silent_at_end = last.saturating_sub(beat.silent_at_end);
        }
        found.sort_by_key(|beat| (beat.track.first.time, beat.track.first.packet));
        let starts: Vec<_> = found
            .iter()
            .map(|beat| (beat.transport, beat.from, beat.to, beat.track.first, beat.track.period()))
            .chain(pieces.iter().filter_map(|piece| {
                let (first, second) = (piece.seen.first()?, piece.seen.get(1)?);
                Some((piece.transport, piece.from, piece.to, *first, second.time.saturating_sub(first.time)))
            }))
            .collect();
        for beat in &mut found {
            let end = beat.track.last.time;
            let goes_on = |(transport, from, to, first, period): &&(Transport, End, End, Sighting, i64)| {
                let after = first.time.saturating_sub(end);
                let near = beat.track.period();
                *transport == beat.transport
                    && *to == beat.to
                    && from.0 == beat.from.0
                    && from.1 != beat.from.1
                    && period.abs_diff(near) <= near.unsigned_abs() / 10
                    && (0..=near.saturating_mul(MOVES.0).min(MOVES.1)).contains(&after)
            };
            beat.moved = starts
                .iter()
                .filter(goes_on)
                .min_by_key(|start| start.3.time)
                .map(|(_, from, _, first, _)| (*from, first.packet, first.time.saturating_sub(end)));
        }
        (found, forgotten)
    }
}

impl Flow {
    fn add(&mut self, seen: &Seen<'_>) {
        let Seen { time, packet, .. } = *seen;
        if let Some(last) = self.last {
            self.bindings.iter_mut().for_each(|binding| binding.add(time.saturating_sub(last), packet));
            self.touched = true;
        }
        self.last = Some(time);
        if seen.says == Says::Nothing {
            return;
        }
        let [low, high] = &mut self.sides;
        let (side, other) = if seen.direction.sender() == 0 { (low, high) } else { (high, low) };
        if let Some(last) = side.last {
            side.timeouts.iter_mut().for_each(|timeout| timeout.add(time.saturating_sub(last), packet));
        }
        other.trains.iter_mut().for_each(|train| train.answer(time));
        for place in side.trains(seen.says) {
            let Some(train) = side.trains.get_mut(place) else { continue };
            let before = train.last();
            // Much nearer to what the other end said than to its own last packet of the kind.
            let prompted = match (other.last, before) {
                (Some(heard), Some(before)) => {
                    heard > before && time.saturating_sub(heard) < time.saturating_sub(before) / 4
                }
                (Some(heard), None) => time.saturating_sub(heard) < fit::SHORTEST * 10,
                _ => false,
            };
            train.push(Sighting { time, packet, answered: None, prompted });
        }
        side.last = Some(time);
    }
}

type Found = (Vec<(Alike, Track)>, Vec<Sighting>);

impl Side {
    /// The beats of the direction, each packet in one of them only; and a few packets that follow none.
    fn finish(&mut self) -> Found {
        let mut tracks: Vec<(Alike, Track)> = Vec::new();
        let mut rest = Vec::new();
        for train in &mut self.trains {
            let (found, gathered) = train.finish();
            if train.alike == Alike::All && found.is_empty() && gathered.len() < fit::MOST / 4 {
                rest = gathered;
            }
            tracks.extend(found.into_iter().map(|track| (train.alike, track)));
        }
        let of = |kind: fn(&Alike) -> bool| tracks.iter().filter(move |(alike, _)| kind(alike));
        let is_all = |alike: &Alike| *alike == Alike::All;
        let is_begin = |alike: &Alike| matches!(alike, Alike::Begin(_));
        let is_length = |alike: &Alike| matches!(alike, Alike::Length(_));
        let beats = |kind: fn(&Alike) -> bool| of(kind).map(|(_, track)| track.beats).sum::<u64>();
        // Several slower beats that together look like a quick one are told apart.
        let slower = |kind: fn(&Alike) -> bool| {
            let period = of(is_all).map(|(_, track)| track.period()).max().unwrap_or(i64::MAX);
            of(kind).filter(|(_, track)| track.period() > period.saturating_add(period / 2)).count() > 1
        };
        let kind: fn(&Alike) -> bool = if beats(is_all) > 0 && !slower(is_begin) && !slower(is_length) {
            is_all
        } else if beats(is_begin) > 0 && beats(is_begin) * 2 >= beats(is_length) {
            is_begin
        } else {
            is_length
        };
        tracks.retain(|(alike, _)| kind(alike) || *alike == Alike::KeepAlive);
        (tracks, rest)
    }
}

/// Takes the beats out that answer others, and tells of those that are answered: by the packet that each begins with.
fn answers(sides: &mut [Found; 2]) -> (Vec<(u64, Answered)>, [Vec<Sighting>; 2]) {
    let mut told = Vec::new();
    for number in [0, 1] {
        let [low, high] = &mut *sides;
        let (own, other) = if number == 0 { (low, high) } else { (high, low) };
        for (_, track) in &own.0 {
            let answers = track.answers();
            // Beats that answer themselves are not asked for; where each seems to answer the other, the first asks.
            if answers.count * 2 < track.beats {
                continue;
            }
            let answering = |(_, theirs): &(Alike, Track)| {
                theirs.prompted * 5 >= theirs.beats * 4
                    && theirs.first.packet > track.first.packet
                    && theirs.period().abs_diff(track.period()) <= track.period().unsigned_abs() / 10
            };
            other.0.retain(|theirs| !answering(theirs));
            told.push((
                track.first.packet,
                Answered { count: answers.count, least: answers.least, average: answers.average(), most: answers.most },
            ));
        }
    }
    let pieces = sides.each_mut().map(|side| std::mem::take(&mut side.1));
    (told, pieces)
}
