//! Passwords in what the sides of a conversation say, as places: those that a message shows
//! ([`wire::secret`](crate::wire::secret)), those that only what was said before tells: in the next segment of a line or of a
//! head, as the answer to a question (SASL), typed where a server asked for one, a letter a segment (Telnet).
//!
//! Guarantee: bounded, whatever comes: so many conversations, the beginning of a line and a few ranges of each. Trap: what
//! is not known is covered rather than shown: the rest of a line whose beginning was not captured, or comes later.

mod commands;
mod lines;
mod places;
mod terminal;

use std::collections::VecDeque;
use std::ops::Range;

use super::analysis::before;
use super::bounded::ByStream;
use super::tcp;
use crate::wire::http::{self, Following};
use crate::wire::secret::{self, in_order, within};
use crate::wire::{At, Packet, Protocol, Stop, application, mqtt};
use commands::Commands;
use lines::Lines;
pub use places::Places;
use terminal::Terminal;

/// Conversations in which a password was asked for or goes on; and so many others. The oldest leave.
const MOST: usize = 4096;
/// Ranges of passwords of one side that are known again where a segment is repeated.
const KEPT: usize = 16;
/// Ranges that lie within so many bytes are taken together where there are many.
const FAR: u32 = 1 << 20;
/// Places of a segment that are secret because of what was said before; more are taken together.
const PLACES: usize = 4;

/// What is secret in one segment or datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// There is something; [`Places`] tells where.
    pub any: bool,
    count: u8,
    /// What is secret because of what was said before: first byte and the one behind the last, in the data.
    before: [(u32, u32); PLACES],
}

impl Found {
    /// What of the data is secret because of what was said before.
    fn known_before(&self) -> impl Iterator<Item = Range<usize>> {
        self.before.iter().take(self.count.into()).map(|(start, end)| *start as usize..*end as usize)
    }

    /// Whether some of these bytes of the data are secret because of what was said before: what is said of them by
    /// those who see them alone is not to be shown.
    #[inline]
    pub fn touches(&self, from: u32, to: u32) -> bool {
        self.before.iter().take(self.count.into()).any(|(start, end)| *start < to && from < *end)
    }

    fn add(&mut self, place: Range<usize>) {
        let (start, end) = (place.start as u32, place.end as u32);
        self.any = true;
        let full = usize::from(self.count) == PLACES;
        let last = usize::from(self.count).checked_sub(1).and_then(|last| self.before.get_mut(last));
        match last {
            Some((from, to)) if full || start <= *to && *from <= end => {
                (*from, *to) = ((*from).min(start), (*to).max(end));
            }
            _ => {
                if let Some(free) = self.before.get_mut(usize::from(self.count)) {
                    *free = (start, end);
                    self.count += 1;
                }
            }
        }
    }
}

/// What of one side is remembered.
#[derive(Debug, Default)]
struct Half {
    /// Its next sequence number.
    next: Option<u32>,
    /// Sequence numbers that were secret.
    covered: VecDeque<Range<u32>>,
    /// Where in a head it is.
    head: Following,
    /// So many bytes to come are secret.
    rest: u64,
}

impl Half {
    fn cover(&mut self, place: Range<u32>) {
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
        let length = length as u32;
        for range in &self.covered {
            // Both relative to the segment's first byte.
            let [start, end] = [range.start, range.end].map(|at| at.wrapping_sub(sequence).cast_signed());
            let [start, end] = [start, end].map(|at| at.clamp(0, length.cast_signed()) as usize);
            if start < end {
                found.add(start..end);
            }
        }
    }
}

/// What the client says, as its protocol wants it followed.
#[derive(Debug, Default)]
enum Speech {
    #[default]
    Nothing,
    Lines(Box<Lines>),
    Commands(Box<Commands>),
    Terminal(Box<Terminal>),
}

/// One conversation.
#[derive(Debug)]
struct Talk {
    application: Protocol,
    client: Half,
    server: Half,
    speech: Speech,
}

/// Watches conversations for passwords.
#[derive(Debug)]
pub struct Watch {
    /// Those in which a password was asked for or goes on, and the others.
    asked: ByStream<Talk, MOST>,
    calm: ByStream<Talk, MOST>,
    /// A bit for each of their numbers, the higher digits left out: most packets are of none.
    known: [u64; 64],
}

impl Default for Watch {
    fn default() -> Self {
        Self { asked: ByStream::default(), calm: ByStream::default(), known: [0; 64] }
    }
}

/// The data of the segment that is looked at.
struct Segment<'s, 'a> {
    packet: &'s Packet<'a>,
    tcp: &'s At<'s>,
    data: &'s [u8],
    sequence: u32,
    /// Bytes on the wire.
    length: usize,
    from_client: bool,
    /// What its messages show to be secret: in order, and none touches the next.
    shown: &'s [Range<usize>],
}

impl Watch {
    /// What is secret in the first TCP layer of the next packet, if it is looked at.
    #[inline]
    pub fn look(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Option<Found> {
        let last = packet.layers.last().map_or(Protocol::Data, |layer| layer.protocol);
        // Behind the messages of an application may lie data, or those of another.
        let may = secret::has_any(last)
            || last.is_application() && packet.layers.iter().any(|at| secret::has_any(at.protocol));
        (may || self.may_know(facts.stream)).then(|| self.look_into(packet, facts))
    }

    #[inline]
    fn may_know(&self, stream: u32) -> bool {
        self.known.get((stream >> 6) as usize % self.known.len()).is_some_and(|word| word >> (stream & 63) & 1 != 0)
    }

    /// What is secret in a packet without TCP: a message over UDP is whole in its datagram, nothing is remembered for it.
    #[inline]
    pub fn look_at_datagram(packet: &Packet<'_>) -> Option<Found> {
        let mut any = false;
        for at in packet.each().filter(|at| secret::has_any(at.layer.protocol)) {
            secret::of(&at, &mut |piece| any |= !piece.is_empty());
        }
        any.then(|| Found { any, ..Found::default() })
    }

    fn look_into(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Found {
        let mut found = Found::default();
        let own = packet.each().find(|at| at.layer.protocol == Protocol::Tcp);
        let Some(at) = own.filter(|at| !at.layer.quoted) else {
            // What an error quotes is of no conversation.
            return Self::look_at_datagram(packet).unwrap_or_default();
        };
        if at.content().is_empty() || application::secrets_are_shown() {
            return found;
        }
        let data = at.content();
        let mut shown = Vec::new();
        for layer in packet.each().skip(at.index + 1) {
            secret::of(&layer, &mut |piece| {
                shown.extend(within(data, piece).filter(|place| !place.is_empty()));
            });
        }
        let shown = in_order(shown);
        found.any = !shown.is_empty();
        // Of a fragment, nobody knows where it belongs to; what it shows is known.
        if facts.unmeasured {
            return found;
        }
        let segment = Segment {
            packet,
            tcp: &at,
            data,
            // A SYN counts one, before its data.
            sequence: facts.sequence.wrapping_add(u32::from(at.u8(13).is_some_and(|flags| flags & 2 != 0))),
            length: (at.layer.end.saturating_sub(at.layer.start + at.layer.header)) as usize,
            from_client: facts.from_client,
            shown: &shown,
        };
        let application = packet.layers.get(at.index + 1).map_or(Protocol::Data, |layer| layer.protocol);
        if let Some(talk) = self.talk(facts.stream) {
            talk.segment(&segment, application, &mut found);
            if talk.is_expecting()
                && let Some(talk) = self.calm.remove(facts.stream)
            {
                self.asked.insert(facts.stream, talk);
            }
            return found;
        }
        let mut talk = Talk::new(application);
        talk.segment(&segment, application, &mut found);
        if talk.is_to_be_kept() {
            self.keep(facts.stream, talk);
        }
        found
    }

    fn talk(&mut self, stream: u32) -> Option<&mut Talk> {
        match self.asked.of_mut(stream) {
            Some(talk) => Some(talk),
            None => self.calm.of_mut(stream),
        }
    }

    fn keep(&mut self, stream: u32, talk: Talk) {
        let place = (stream >> 6) as usize % self.known.len();
        self.known.get_mut(place).into_iter().for_each(|word| *word |= 1 << (stream & 63));
        let talks = if talk.is_expecting() { &mut self.asked } else { &mut self.calm };
        talks.insert(stream, talk);
    }
}

impl Talk {
    fn new(application: Protocol) -> Self {
        use Protocol::{Ftp, Imap, Pop, Resp, Smtp, Telnet};
        let speech = match application {
            Ftp | Imap | Pop | Smtp => Speech::Lines(Box::default()),
            Resp => Speech::Commands(Box::default()),
            Telnet => Speech::Terminal(Box::default()),
            _ => Speech::Nothing,
        };
        Self { application, client: Half::default(), server: Half::default(), speech }
    }

    /// Whether a password is to come, or goes on.
    fn is_expecting(&self) -> bool {
        let speech = match &self.speech {
            Speech::Nothing => false,
            Speech::Lines(lines) => lines.is_expecting(),
            Speech::Commands(commands) => commands.is_expecting(),
            Speech::Terminal(terminal) => terminal.is_expecting(),
        };
        speech || [&self.client, &self.server].iter().any(|half| half.head.follows() || half.rest > 0)
    }

    fn is_to_be_kept(&self) -> bool {
        matches!(self.speech, Speech::Lines(_) | Speech::Terminal(_))
            || self.is_expecting()
            || !self.client.covered.is_empty()
            || !self.server.covered.is_empty()
    }

    fn segment(&mut self, segment: &Segment<'_, '_>, begins: Protocol, found: &mut Found) {
        let Segment { data, sequence, length, from_client, shown, .. } = *segment;
        let half = if from_client { &mut self.client } else { &mut self.server };
        let is_first = half.next.is_none();
        // Sequence numbers begin with 1, where the beginning was seen.
        let follows_lines = matches!(self.speech, Speech::Lines(_));
        let next = half.next.unwrap_or(if follows_lines { 1 } else { sequence });
        let (mut skip, mut missing) = (0, 0);
        if before(sequence, next) {
            half.said_again(sequence, data.len(), found);
            skip = next.wrapping_sub(sequence) as usize;
        } else {
            missing = next.abs_diff(sequence).into();
        }
        let mut places = Vec::new();
        let fresh = data.get(skip..).filter(|fresh| !fresh.is_empty() && (skip == 0 || !is_first)).unwrap_or_default();
        if skip < length {
            half.next = Some(sequence.wrapping_add(length as u32));
        }
        if !fresh.is_empty() {
            let mut give = |place: Range<usize>| places.push(place.start + skip..place.end + skip);
            // What was cut off by the snap length is missing too, behind what is there.
            let behind = (length - data.len()) as u64;
            match &mut self.speech {
                Speech::Lines(lines) if from_client => {
                    lines.client(self.application, fresh, [missing, behind], &mut give)
                }
                Speech::Lines(lines) => lines.server(self.application, fresh),
                Speech::Commands(commands) if from_client => commands.client(fresh, [missing, behind], &mut give),
                Speech::Commands(_) => {}
                Speech::Terminal(terminal) if from_client => terminal.client(fresh, &mut give),
                Speech::Terminal(terminal) => terminal.server(fresh, &mut give),
                Speech::Nothing => half.follow(segment, begins, skip, [missing, behind], &mut give),
            }
        }
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
}

impl Half {
    /// Follows heads, and messages of so many bytes, from segment to segment.
    fn follow(
        &mut self,
        segment: &Segment<'_, '_>,
        begins: Protocol,
        skip: usize,
        [missing, behind]: [u64; 2],
        give: &mut dyn FnMut(Range<usize>),
    ) {
        let fresh = segment.data.get(skip..).unwrap_or_default();
        self.rest = self.rest.saturating_sub(missing);
        if self.rest > 0 {
            let now = self.rest.min(fresh.len() as u64);
            give(0..now as usize);
            self.rest = (self.rest - now).saturating_sub(behind);
            return;
        }
        // A message that begins with the segment is known better there.
        if skip == 0 && begins != Protocol::Data {
            self.head = Following::default();
            let last = segment.packet.layers.last();
            if begins == Protocol::Mqtt {
                let messages = last.and_then(|_| segment.packet.at(segment.packet.layers.len() - 1));
                let more = messages.and_then(|at| mqtt::connect_goes_on(at.header()));
                self.rest = more.filter(|_| segment.from_client).unwrap_or(0).saturating_sub(behind);
            } else if let Some(from) = unfinished(segment) {
                let tail = segment.data.get(from..).unwrap_or_default();
                self.head = Following::head(tail);
                self.head.read(tail, &mut |place| give(from + place.start..from + place.end));
                self.head.skip(behind);
            }
        } else if self.head.follows() {
            self.head.skip(missing);
            self.head.read(fresh, give);
            self.head.skip(behind);
        }
    }
}

/// Where the last head of a segment begins, if what follows depends on it: it is not whole, a body goes on, or it lies
/// deeper than the layers go.
fn unfinished(segment: &Segment<'_, '_>) -> Option<usize> {
    let heads = segment.packet.each().skip(segment.tcp.index + 1);
    let last = heads.filter(|at| matches!(at.layer.protocol, Protocol::Http | Protocol::Sip)).last()?;
    let from = within(segment.data, last.header())?.start;
    let head = match last.layer.protocol {
        Protocol::Http => last.header(),
        _ => last.header().get(..http::head(last.header()))?,
    };
    let is_whole = head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n");
    let has_no_body = head.starts_with(b"GET ") || head.starts_with(b"HTTP/") || last.layer.protocol == Protocol::Sip;
    (!is_whole || !has_no_body || segment.packet.stop == Stop::TooDeep).then_some(from)
}

#[cfg(test)]
mod tests;
