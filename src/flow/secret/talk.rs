//! One conversation in which passwords may be said: where each side is in what it says, what was covered of it, and which
//! of its bytes have not come yet.
//!
//! Trap: what comes late was not seen, however far the side is by then: it is read from where the gap before it began.

use std::collections::VecDeque;
use std::ops::Range;

use super::commands::Commands;
use super::frames::Frames;
use super::lines::Lines;
use super::terminal::Terminal;
use super::{Found, Segment};
use crate::flow::analysis::before;
use crate::wire::http::{self, Following};
use crate::wire::secret::{in_order, within};
use crate::wire::{Protocol, Stop};

/// Ranges of passwords of one side that are known again where a segment is repeated.
pub(super) const KEPT: usize = 16;
/// Ranges that lie within so many bytes are taken together where there are many.
const FAR: u32 = 1 << 20;
/// Gaps of one side that are remembered; of more, the oldest are taken together.
pub(super) const GAPS: usize = 4;
/// Bytes in which a connection's first head ends.
const FIRST_HEAD: u64 = 64 << 10;

/// What of one side is remembered.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// Its next sequence number.
    next: Option<u32>,
    /// Sequence numbers that were secret.
    pub(super) covered: VecDeque<Range<u32>>,
    pub(super) at: Position,
    /// What has not come, in the order of sequence numbers.
    pub(super) gaps: Vec<Gap>,
}

/// Where in what it says a side is.
#[derive(Clone, Debug, Default)]
pub(super) struct Position {
    /// The client's has what both say, but of Redis.
    pub(super) speech: Speech,
    /// Where in a head it is.
    head: Following,
    /// Where in messages that say their length.
    pub(super) frames: Frames,
    /// Where in the lines of descriptions (SDP in SIP).
    described: Option<Box<Lines>>,
}

/// Bytes that have not come, and where the side is at their beginning.
#[derive(Debug)]
pub(super) struct Gap {
    place: Range<u32>,
    at: Position,
}

/// What is said, as its protocol wants it followed.
#[derive(Clone, Debug, Default)]
pub(super) enum Speech {
    #[default]
    Nothing,
    Lines(Box<Lines>),
    Commands(Box<Commands>),
    Terminal(Box<Terminal>),
}

/// One conversation.
#[derive(Debug)]
pub(super) struct Talk {
    application: Protocol,
    /// Of the messages that say their length, if both sides say such.
    framed: Option<Protocol>,
    pub(super) client: Half,
    server: Half,
    /// The client asks before it has its answers: they may come many in a segment.
    piped: bool,
}

impl Half {
    pub(super) fn cover(&mut self, place: Range<u32>) {
        match self.covered.back_mut().filter(|range| range.end == place.start) {
            Some(range) => range.end = place.end,
            None => {
                if self.covered.len() >= KEPT {
                    self.make_room();
                }
                self.covered.push_back(place);
            }
        }
    }

    /// Takes the two oldest ranges together, with what is between; where they lie far apart, the oldest leaves.
    fn make_room(&mut self) {
        let oldest = self.covered.pop_front();
        let Some((oldest, next)) = oldest.zip(self.covered.front_mut()) else { return };
        let (far_before, length) = (next.start.wrapping_sub(oldest.start), next.end.wrapping_sub(oldest.start));
        if far_before <= length && length <= FAR {
            next.start = oldest.start;
        }
    }

    /// What of data that are said again was secret the first time.
    fn said_again(&self, sequence: u32, length: usize, found: &mut Found) {
        for range in &self.covered {
            let place = inside(range, sequence, length);
            if !place.is_empty() {
                found.add(place);
            }
        }
    }

    /// Remembers that what comes next does not follow what came last.
    pub(super) fn leave_gap(&mut self, place: Range<u32>) {
        self.insert(self.gaps.len(), Gap { place, at: self.at.clone() });
    }

    fn insert(&mut self, index: usize, gap: Gap) {
        if gap.place.start == gap.place.end {
            return;
        }
        self.gaps.insert(index.min(self.gaps.len()), gap);
        if self.gaps.len() > GAPS {
            let next = self.gaps.remove(1);
            self.gaps.iter_mut().take(1).for_each(|first| first.place.end = next.place.end);
        }
    }

    /// Takes out the first gap from `index` on that some of these data fill: which of them, and their place in it. What of
    /// the gap is before them stays; what is behind is to be put back.
    fn fill(&mut self, index: usize, sequence: u32, length: usize) -> Option<(usize, Gap, Range<usize>, u64)> {
        let touched = |gap: &Gap| !inside(&gap.place, sequence, length).is_empty();
        let index = index + self.gaps.get(index..)?.iter().position(touched)?;
        let gap = self.gaps.remove(index);
        let piece = inside(&gap.place, sequence, length);
        let start = sequence.wrapping_add(piece.start as u32);
        let missing = start.wrapping_sub(gap.place.start);
        Some((index, gap, piece, missing.into()))
    }
}

/// Which of so many bytes that begin at a sequence number lie in a range of sequence numbers.
fn inside(range: &Range<u32>, sequence: u32, length: usize) -> Range<usize> {
    let length = i32::try_from(length).unwrap_or(i32::MAX);
    // Both relative to the first byte.
    let [start, end] = [range.start, range.end].map(|at| at.wrapping_sub(sequence).cast_signed());
    let [start, end] = [start, end].map(|at| at.clamp(0, length) as usize);
    start..end
}

impl Talk {
    pub(super) fn new(application: Protocol) -> Self {
        use Protocol::{Ftp, Imap, Pop, Resp, Sip, Smtp, Telnet};
        let (mut client, mut server) = (Half::default(), Half::default());
        client.at.speech = match application {
            Ftp | Imap | Pop | Smtp => Speech::Lines(Box::default()),
            Resp => Speech::Commands(Box::default()),
            Telnet => Speech::Terminal(Box::default()),
            _ => Speech::Nothing,
        };
        if application == Sip {
            (client.at.described, server.at.described) = (Some(Box::default()), Some(Box::default()));
        }
        if application == Resp {
            server.at.speech = Speech::Commands(Box::default());
        }
        Self { application, framed: None, client, server, piped: false }
    }

    /// Whether a password is to come, or goes on.
    pub(super) fn is_expecting(&self) -> bool {
        [&self.client, &self.server].iter().any(|half| {
            let speech = match &half.at.speech {
                Speech::Nothing => false,
                Speech::Lines(lines) => lines.is_expecting(),
                Speech::Commands(commands) => commands.is_expecting(),
                Speech::Terminal(terminal) => terminal.is_expecting(),
            };
            speech || half.at.head.is_expecting() || half.at.frames.is_expecting()
        })
    }

    pub(super) fn is_to_be_kept(&self) -> bool {
        let is_under_way =
            |half: &&Half| half.at.head.follows() || half.at.frames.is_within() || !half.covered.is_empty();
        matches!(self.client.at.speech, Speech::Lines(_) | Speech::Terminal(_))
            || self.is_expecting()
            || self.piped
            // What they have may come in any segment of both sides, on whatever port.
            || self.framed == Some(Protocol::Http2)
            || self.client.at.described.is_some()
            || [&self.client, &self.server].iter().any(is_under_way)
    }

    pub(super) fn segment(&mut self, segment: &Segment<'_, '_>, begins: Protocol, found: &mut Found) {
        let Segment { data, sequence, length, from_client, shown, .. } = *segment;
        let follows_lines = matches!(self.client.at.speech, Speech::Lines(_));
        let is_all_seen = segment.begins_seen && sequence == 1 || self.client.next.or(self.server.next).is_some();
        let half = self.half(from_client);
        let is_first = half.next.is_none();
        // Sequence numbers begin with 1, where the beginning was seen.
        let next = half.next.unwrap_or(if follows_lines || segment.is_behind_gap { 1 } else { sequence });
        let (mut places, mut skip, mut missing) = (Vec::new(), 0, 0);
        if before(sequence, next) {
            half.said_again(sequence, data.len(), found);
            skip = next.wrapping_sub(sequence) as usize;
            self.fill_gaps(segment, begins, &mut places);
        } else if sequence != next {
            missing = sequence.wrapping_sub(next).into();
            let is_head = is_first && is_in_the_dark(begins, segment, missing);
            let half = self.half(from_client);
            if is_head {
                half.at.head = Following::head(&[], false);
            }
            half.leave_gap(next..sequence);
        }
        if let Speech::Terminal(terminal) = &mut self.client.at.speech
            && (!is_all_seen || missing > 0 && !from_client)
        {
            terminal.is_missing_lines();
        }
        let half = self.half(from_client);
        if skip < length {
            half.next = Some(sequence.wrapping_add(length as u32));
        }
        if skip < data.len() && (skip == 0 || !is_first) {
            // What was cut off by the snap length is missing too, behind what is there.
            let around = [missing, (length - data.len()) as u64];
            self.read(segment, begins, skip..data.len(), around, &mut places);
        }
        let half = self.half(from_client);
        let places = in_order(places);
        for place in &places {
            // Both lists are in order, and none of their places touches the next.
            let reaching = shown.partition_point(|shown| shown.end < place.end);
            if shown.get(reaching).is_none_or(|shown| shown.start > place.start) {
                found.add(place.clone());
            }
        }
        let shown = shown.iter().filter(|place| place.end > skip).cloned();
        for place in in_order(places.into_iter().chain(shown).collect()) {
            half.cover(sequence.wrapping_add(place.start as u32)..sequence.wrapping_add(place.end as u32));
        }
    }

    fn half(&mut self, from_client: bool) -> &mut Half {
        if from_client { &mut self.client } else { &mut self.server }
    }

    /// Reads what comes late, from where its gap began.
    fn fill_gaps(&mut self, segment: &Segment<'_, '_>, begins: Protocol, places: &mut Vec<Range<usize>>) {
        let (from_client, mut index) = (segment.from_client, 0);
        loop {
            let half = self.half(from_client);
            let Some((found, gap, piece, missing)) = half.fill(index, segment.sequence, segment.data.len()) else {
                return;
            };
            let Gap { place, at } = gap;
            let [start, end] = [piece.start, piece.end].map(|at| segment.sequence.wrapping_add(at as u32));
            index = found;
            if missing > 0 {
                half.insert(index, Gap { place: place.start..start, at: at.clone() });
                index += 1;
            }
            // Read as if the side were there; then it is where it was.
            let now = std::mem::replace(&mut half.at, at);
            if from_client {
                half.at.is_also_asked(&now);
                self.read(segment, begins, piece, [missing, 0], places);
                let then = std::mem::replace(&mut self.client.at, now);
                self.client.insert(index, Gap { place: end..place.end, at: then });
            } else {
                match &mut self.client.at.speech {
                    Speech::Lines(lines) => {
                        lines.server_late(self.application, segment.data.get(piece).unwrap_or_default())
                    }
                    _ => self.read(segment, begins, piece, [missing, 0], places),
                }
                let then = std::mem::replace(&mut self.server.at, now);
                self.server.insert(index, Gap { place: end..place.end, at: then });
            }
            index += 1;
        }
    }

    /// Reads a piece of a segment; so many bytes are missing before and behind it.
    fn read(
        &mut self,
        segment: &Segment<'_, '_>,
        begins: Protocol,
        piece: Range<usize>,
        [missing, behind]: [u64; 2],
        places: &mut Vec<Range<usize>>,
    ) {
        let (start, data) = (piece.start, segment.data.get(piece.clone()).unwrap_or_default());
        let mut give = |place: Range<usize>| places.push(place.start + start..place.end + start);
        let around = [missing, behind];
        if let Some(lines) = &mut self.half(segment.from_client).at.described {
            lines.client(Protocol::Sip, data, around, &mut give);
        }
        if matches!(self.client.at.speech, Speech::Nothing) {
            let begins = Some(begins).filter(|begins| piece.start == 0 && *begins != Protocol::Data);
            if begins.is_some() && !self.half(segment.from_client).at.frames.is_within() {
                self.framed = begins.filter(|begins| matches!(begins, Protocol::Mqtt | Protocol::Http2));
            }
            if let Some(protocol) = self.framed {
                let frames = &mut self.half(segment.from_client).at.frames;
                return frames.read(protocol, data, around, begins == Some(protocol), &mut give);
            }
        }
        match (&mut self.client.at.speech, segment.from_client) {
            (Speech::Lines(lines), true) => lines.client(self.application, data, around, &mut give),
            (Speech::Lines(lines), false) => lines.server(self.application, data),
            (Speech::Commands(commands), true) => commands.read(true, data, around, &mut give),
            (Speech::Commands(_), false) => {
                if let Speech::Commands(answers) = &mut self.server.at.speech {
                    answers.read(false, data, around, &mut give);
                }
            }
            (Speech::Terminal(terminal), true) => terminal.client(data, &mut give),
            (Speech::Terminal(terminal), false) => terminal.server(data, &mut give),
            (Speech::Nothing, true) => {
                self.piped |= self.client.at.follow(segment, begins, piece, around, false, &mut give);
            }
            (Speech::Nothing, false) => {
                self.server.at.follow(segment, begins, piece, around, self.piped, &mut give);
            }
        }
    }
}

impl Position {
    /// What is asked for by now may have been answered then.
    fn is_also_asked(&mut self, now: &Self) {
        if let (Speech::Lines(then), Speech::Lines(now)) = (&mut self.speech, &now.speech) {
            then.is_also_asked(now);
        }
    }

    /// Follows heads from segment to segment; whether several requests begin here.
    fn follow(
        &mut self,
        segment: &Segment<'_, '_>,
        begins: Protocol,
        piece: Range<usize>,
        [missing, behind]: [u64; 2],
        piped: bool,
        give: &mut dyn FnMut(Range<usize>),
    ) -> bool {
        let fresh = segment.data.get(piece.clone()).unwrap_or_default();
        // A message that begins with the segment is known better there.
        if piece.start == 0 && begins != Protocol::Data {
            self.head = Following::default();
            let (heads, last) = heads(segment, piped);
            if let Some((from, tail)) = last.and_then(|from| Some((from, fresh.get(from..)?))) {
                self.head = Following::head(tail, piped);
                self.head.read(tail, &mut |place| give(from + place.start..from + place.end));
                self.head.skip(behind);
            }
            return heads > 1;
        }
        if self.head.follows() {
            self.head.skip(missing);
            self.head.read(fresh, give);
            self.head.skip(behind);
        }
        false
    }
}

/// Whether the first segment that is looked at may be the rest of a head whose beginning comes later, or never.
fn is_in_the_dark(begins: Protocol, segment: &Segment<'_, '_>, missing: u64) -> bool {
    begins == Protocol::Data && segment.is_behind_gap && (segment.from_client || missing < FIRST_HEAD)
}

/// Whether a head ends with its empty line.
pub(super) fn is_whole(head: &[u8]) -> bool {
    head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n")
}

/// Whether the end of a body behind a head of HTTP need not be known: a GET has none, and behind a response's the next
/// head is looked for, unless several were asked for at once.
pub(super) fn needs_no_end(head: &[u8], piped: bool) -> bool {
    head.starts_with(b"GET ") || head.starts_with(b"HTTP/") && !piped
}

/// How many heads a segment has, and where the last begins, if what follows depends on it: it is not whole, a body goes
/// on, or it lies deeper than the layers go.
fn heads(segment: &Segment<'_, '_>, piped: bool) -> (usize, Option<usize>) {
    let (mut count, mut last) = (0, None);
    for at in segment.packet.each().skip(segment.tcp.index + 1) {
        if matches!(at.layer.protocol, Protocol::Http | Protocol::Sip) {
            (count, last) = (count + 1, Some(at));
        }
    }
    let from = last.and_then(|last| {
        let from = within(segment.data, last.header())?.start;
        let head = match last.layer.protocol {
            Protocol::Http => last.header(),
            _ => last.header().get(..http::head(last.header()))?,
        };
        let is_alone = needs_no_end(head, piped) || last.layer.protocol == Protocol::Sip;
        (!is_whole(head) || !is_alone || segment.packet.stop == Stop::TooDeep).then_some(from)
    });
    (count, from)
}
