//! Passwords in what the sides of a conversation say, as places: those that a message shows
//! ([`wire::secret`](crate::wire::secret)), those that go on in the next segment, and those that are typed where a
//! server asked for one, a letter a segment (Telnet).
//!
//! Guarantee: bounded, whatever comes: so many conversations, a line's end and a few ranges of each. Trap: over Telnet
//! nothing marks a password; it is known by the question before it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use super::analysis::before;
use super::{Facts, tcp};
use crate::wire::{At, Packet, Protocol, Value, application, secret, telnet};

/// Conversations in which a password may be typed; the oldest leaves.
const MOST: usize = 4096;
/// Bytes of the server's line in which the question stands.
const LINE: usize = 96;
/// Passwords of a conversation that are known again where a segment is repeated.
const KEPT: usize = 8;

/// Words of a question for a password, in lower case.
const QUESTIONS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "lozink",
    "šifr",
    "senha",
    "passwort",
    "kennwort",
    "mot de passe",
    "contraseña",
    "лозинк",
];

/// What is secret in one segment or datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// There is something; [`places`] tells where.
    pub any: bool,
    /// Bytes from the beginning of the data that are secret because of what was said before.
    pub typed: u32,
}

/// One conversation.
#[derive(Debug, Default)]
struct Talk {
    /// The server's line so far, its last bytes.
    line: Vec<u8>,
    /// The client's next bytes are a password, up to the line's end.
    asked: bool,
    /// The client's next sequence number.
    next: Option<u32>,
    /// Sequence numbers of the client's that were passwords.
    covered: VecDeque<Range<u32>>,
}

/// Watches conversations for passwords.
#[derive(Debug, Default)]
pub struct Watch {
    talks: BTreeMap<u32, Talk>,
}

impl Watch {
    /// What is secret in the first TCP layer of the next packet.
    #[inline]
    pub fn look(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Found {
        let last = packet.layers.last().map_or(Protocol::Data, |layer| layer.protocol);
        // Behind the messages of an application may lie data.
        let may = secret::has_any(last)
            || last == Protocol::Data && packet.layers.iter().any(|at| secret::has_any(at.protocol));
        if !may && self.talks.is_empty() { Found::default() } else { self.look_into(packet, facts) }
    }

    /// What is secret in a packet without TCP: a message over UDP is whole in its datagram, nothing is remembered for it.
    #[inline]
    pub fn look_at_datagram(packet: &Packet<'_>) -> Found {
        let mut any = false;
        for at in packet.each().filter(|at| secret::has_any(at.layer.protocol)) {
            secret::of(&at, &mut |piece| any |= !piece.is_empty());
        }
        Found { any, typed: 0 }
    }

    fn look_into(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Found {
        let own = packet.each().find(|at| at.layer.protocol == Protocol::Tcp);
        let Some(at) = own.filter(|at| !at.layer.quoted && !at.content().is_empty()) else { return Found::default() };
        if application::secrets_are_shown() || facts.unmeasured {
            return Found::default();
        }
        let data = at.content();
        let application = packet.layers.get(at.index + 1).map_or(Protocol::Data, |layer| layer.protocol);
        let talk = match self.talks.contains_key(&facts.stream) || application == Protocol::Telnet {
            true => Some(self.talk(facts.stream)),
            false => None,
        };
        let typed = talk.map_or(0, |talk| match facts.from_client {
            true => talk.client(facts.sequence, data),
            false => talk.server(data, application),
        });
        let (mut any, mut last) = (typed > 0, None);
        for at in packet.each().skip(at.index + 1) {
            secret::of(&at, &mut |piece| {
                any |= !piece.is_empty();
                last = Some(piece);
            });
        }
        // It goes on in the next segment, or in a literal that was announced.
        let goes_on = last.is_some_and(|piece| {
            let reaches_end = place(packet, piece)
                .is_some_and(|place| place.end == packet.frame.data.len().min(at.layer.end as usize));
            reaches_end && !piece.ends_with(b"\n") || piece.ends_with(b"}") && data.ends_with(b"}\r\n")
        });
        if goes_on && facts.from_client && application != Protocol::Http && application != Protocol::Mqtt {
            let talk = self.talk(facts.stream);
            talk.asked = true;
        }
        Found { any, typed }
    }

    fn talk(&mut self, stream: u32) -> &mut Talk {
        if self.talks.len() >= MOST && !self.talks.contains_key(&stream) {
            self.talks.pop_first();
        }
        self.talks.entry(stream).or_default()
    }
}

impl Talk {
    /// How many bytes of the client's data are secret, from the first.
    fn client(&mut self, sequence: u32, data: &[u8]) -> u32 {
        let behind = |length: usize| sequence.wrapping_add(length as u32);
        // Said again: as it was the first time.
        let known = self.covered.iter().find(|range| {
            let from = sequence.wrapping_sub(range.start);
            from < range.end.wrapping_sub(range.start)
        });
        if let Some(range) = known {
            return range.end.wrapping_sub(sequence).min(data.len() as u32);
        }
        // Said again too, from before the question.
        if self.next.is_some_and(|next| before(sequence, next)) {
            return 0;
        }
        self.next = Some(behind(data.len()));
        // Between what is typed Telnet's commands may come.
        if !self.asked || data.first() == Some(&255) {
            return 0;
        }
        let end = data.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let length = end.unwrap_or(data.len());
        self.asked = end.is_none() || data.get(..length).is_some_and(|line| line.ends_with(b"}"));
        match self.covered.back_mut().filter(|range| range.end == sequence) {
            Some(range) => range.end = behind(length),
            None if length > 0 => {
                if self.covered.len() >= KEPT {
                    self.covered.pop_front();
                }
                self.covered.push_back(sequence..behind(length));
            }
            None => {}
        }
        length as u32
    }

    /// The same of the server's: what it shows of a password while that is typed.
    fn server(&mut self, data: &[u8], application: Protocol) -> u32 {
        if application != Protocol::Telnet {
            return 0;
        }
        let echo = match self.asked {
            true => data.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 255)).unwrap_or(data.len()),
            false => 0,
        };
        for text in telnet::texts(data) {
            self.line.extend(text.iter().map(u8::to_ascii_lowercase));
            if text.ends_with(b"\n") {
                self.line.clear();
            }
            let more = self.line.len().saturating_sub(LINE);
            self.line.drain(..more);
        }
        let line = String::from_utf8_lossy(&self.line);
        self.asked |= echo == 0 && line.contains(':') && QUESTIONS.iter().any(|word| line.contains(word));
        echo as u32
    }
}

/// Where a piece of the packet's bytes lies in them.
fn place(packet: &Packet<'_>, piece: &[u8]) -> Option<Range<usize>> {
    let data = packet.frame.data;
    let start = (piece.as_ptr() as usize).checked_sub(data.as_ptr() as usize)?;
    let end = start.checked_add(piece.len())?;
    (end <= data.len()).then_some(start..end)
}

/// Where the secrets of a packet lie in its frame, in their order.
pub fn places(packet: &Packet<'_>, facts: &Facts) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    if !facts.secrets.any {
        return places;
    }
    // A TCP header that an ICMP error quotes is of no connection: what was looked at then is the whole packet.
    let is_tcp = |at: &At<'_>| facts.tcp.is_some() && at.layer.protocol == Protocol::Tcp;
    let over_tcp = packet.each().find(is_tcp);
    if let Some(at) = &over_tcp {
        places.extend(at.content().get(..facts.secrets.typed as usize).and_then(|typed| place(packet, typed)));
    }
    for at in packet.each().skip(over_tcp.map_or(0, |at| at.index + 1)) {
        secret::of(&at, &mut |piece| places.extend(place(packet, piece)));
    }
    places.retain(|place| !place.is_empty());
    places.sort_by_key(|place| place.start);
    places
}

/// [`places`] of a packet whose facts nobody has: a datagram that was put together from fragments.
pub fn places_of_datagram(packet: &Packet<'_>) -> Vec<Range<usize>> {
    places(packet, &Facts { secrets: Watch::look_at_datagram(packet), ..Facts::default() })
}

/// Whether a byte of the frame is in one of these places.
pub fn is_in(places: &[Range<usize>], at: usize) -> bool {
    places.iter().any(|place| place.contains(&at))
}

/// `bytes`, which begin at `start` in the frame, with `*` at these places.
pub fn covered(bytes: &[u8], start: usize, places: &[Range<usize>]) -> Vec<u8> {
    let bytes = bytes.iter().zip(start..);
    bytes.map(|(byte, at)| if is_in(places, at) { b'*' } else { *byte }).collect()
}

/// A value as it may be shown: `***` where it holds bytes of a secret. Filters look at the value itself.
#[inline]
pub fn shown<'a>(value: Value<'a>, packet: &Packet<'_>, facts: &Facts) -> Value<'a> {
    if facts.secrets.any { judged(value, packet, facts) } else { value }
}

#[cold]
fn judged<'a>(value: Value<'a>, packet: &Packet<'_>, facts: &Facts) -> Value<'a> {
    let (Value::Text(bytes) | Value::Bytes(bytes)) = value else { return value };
    let Some(own) = place(packet, bytes) else { return value };
    let overlaps = |place: &Range<usize>| place.start < own.end && own.start < place.end;
    if places(packet, facts).iter().any(overlaps) { Value::Text(b"***") } else { value }
}

#[cfg(test)]
mod tests;
