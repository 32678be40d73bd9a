//! Passwords in what the sides of a conversation say, as places: those that a message shows
//! ([`wire::secret`](crate::wire::secret)), those that only what was said before tells: in the next segment of a line or of a
//! head, as the answer to a question (SASL), typed where a server asked for one, a letter a segment (Telnet).
//!
//! Guarantee: bounded, whatever comes: so many conversations, the beginning of a line and a few ranges of each. Trap: what
//! is not known is covered rather than shown: the rest of a line whose beginning was not captured, or comes later.

mod commands;
mod frames;
mod lines;
mod places;
mod talk;
mod terminal;

use std::ops::Range;

use super::analysis::Marks;
use super::bounded::ByStream;
use super::datagram::Wanted;
use super::tcp;
use crate::wire::secret::{self, in_order, within};
use crate::wire::{At, Packet, Protocol, Stop, application, http, sip};
pub use places::Places;
use talk::Talk;

/// Conversations in which a password was asked for or goes on; and so many others. The oldest leave.
const MOST: usize = 4096;
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
    pub const NONE: Self = Self { any: false, count: 0, before: [(0, 0); PLACES] };

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

/// Watches conversations for passwords.
#[derive(Debug)]
pub struct Watch {
    /// Those in which a password was asked for or goes on, and the others.
    asked: ByStream<Talk, MOST>,
    calm: ByStream<Talk, MOST>,
    /// A bit for each of their numbers, the higher digits left out: most packets are of none.
    known: [u64; 64],
    /// Fragmented datagrams whose first fragment has secrets, or may have more.
    fragmented: Wanted,
}

impl Default for Watch {
    fn default() -> Self {
        Self { asked: ByStream::default(), calm: ByStream::default(), known: [0; 64], fragmented: Wanted::new(false) }
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
    /// The beginning of its conversation was captured.
    begins_seen: bool,
    /// What its side said before it was not captured, or comes later.
    is_behind_gap: bool,
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
            || last.is_application() && packet.layers.iter().any(|at| at.quoted || secret::has_any(at.protocol));
        let goes_on = || last == Protocol::Data && facts.analysis.marks.any(Marks::LOST_SEGMENT) && is_of_heads(packet);
        (may || self.may_know(facts.stream) || goes_on()).then(|| self.look_into(packet, facts))
    }

    #[inline]
    fn may_know(&self, stream: u32) -> bool {
        self.known.get((stream >> 6) as usize % self.known.len()).is_some_and(|word| word >> (stream & 63) & 1 != 0)
    }

    /// What is secret in a packet without TCP: a message over UDP is whole in its datagram, nothing is remembered for it.
    #[inline]
    pub fn look_at_datagram(packet: &Packet<'_>) -> Option<Found> {
        let mut any = false;
        for at in packet.each().filter(|at| at.layer.quoted || secret::has_any(at.layer.protocol)) {
            secret::of(&at, &mut |piece| any |= !piece.is_empty());
        }
        any.then(|| Found { any, ..Found::default() })
    }

    /// What is secret in a fragment: all of one that goes on with a message in which something may be.
    #[cold]
    pub fn look_at_fragment(&mut self, packet: &Packet<'_>) -> Option<Found> {
        let may = packet.stop == Stop::Fragment || packet.layers.iter().any(|at| secret::has_any(at.protocol));
        let goes_on = self.fragmented.wants(packet, may) && packet.stop == Stop::Fragment;
        let any = goes_on && packet.layers.last().is_some_and(|last| !last.quoted) && !application::secrets_are_shown();
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
        if !found.any && !self.may_know(facts.stream) && stands_alone(packet, &at) {
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
            begins_seen: facts.completeness & tcp::Completeness::SYN != 0,
            is_behind_gap: facts.analysis.marks.any(Marks::LOST_SEGMENT),
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

/// Whether all that a segment says of HTTP is one whole head, and the end of its body need not be known: nothing of it is
/// to be remembered where nothing was before.
fn stands_alone(packet: &Packet<'_>, tcp: &At<'_>) -> bool {
    let mut behind = packet.each().skip(tcp.index + 1);
    let Some(head) = behind.next().filter(|at| at.layer.protocol == Protocol::Http) else { return false };
    talk::is_whole(head.header())
        && talk::needs_no_end(head.header(), false)
        && behind.all(|at| at.layer.protocol == Protocol::Data)
        && packet.stop != Stop::TooDeep
}

/// Whether a segment goes to or comes from a port of a protocol with heads.
#[cold]
fn is_of_heads(packet: &Packet<'_>) -> bool {
    let tcp = packet.each().find(|at| at.layer.protocol == Protocol::Tcp);
    let ports = tcp.and_then(|at| at.header().first_chunk::<4>().copied());
    ports.is_some_and(|[a, b, c, d]| {
        [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
            .iter()
            .any(|port| http::PORTS.contains(port) || sip::PORTS.contains(port))
    })
}

#[cfg(test)]
mod tests;
