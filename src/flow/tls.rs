//! Handshakes of TLS (RFC 8446 §5.1, RFC 5246 §6.2.1) whose messages lie over several segments or records: put together
//! where the last byte comes, as long as they are not encrypted. A chain of certificates is nearly always such a message,
//! and so is a hello with keys that hold out against quantum computers.
//!
//! A segment that begins within a record is read again behind that record's end, and so is one on a strange port, where
//! only hellos are known: behind one, what begins like a record is a record (after STARTTLS, too). Guarantee: bounded,
//! whatever comes: so many sides of conversations, so many bytes of all, a message of [`tls::LONGEST_MESSAGE`]. What is
//! repeated is known by its sequence numbers; a missing segment is waited for while those behind it are of the same
//! record; what was cut by the snap length never becomes whole.

use std::collections::BTreeMap;

use super::analysis::before;
use super::bounded::ByStream;
use super::tcp;
use super::whole::Whole;
use crate::wire::tls::{self, RECORD};
use crate::wire::{At, Layer, Packet, Protocol, Reread, application};

/// Sides of conversations of which something is held, and bytes of all; the oldest conversation leaves.
const MOST: usize = 1024;
const MOST_BYTES: usize = 4 << 20;
/// Conversations on strange ports that are remembered to have begun with a hello; the oldest leaves.
const STRANGERS: usize = 1 << 14;
/// Segments that are kept while one before them is missing.
const MOST_AHEAD: usize = 16;
const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;

/// Number of the TCP conversation, and whether its client sends.
type Side = (u32, bool);

/// What a segment is of, besides what it says itself.
#[derive(Debug, Default)]
pub struct Found {
    /// What it completes, in order.
    pub wholes: Vec<Whole>,
    pub reread: Option<Reread>,
}

/// What has come of one side, and is not whole.
#[derive(Debug, Default)]
struct Half {
    /// The sequence number behind it.
    next: u32,
    /// A record from its head.
    record: Vec<u8>,
    /// The beginning of a message that goes on in the next record.
    message: Vec<u8>,
    /// What came behind a segment that is missing, with its sequence numbers.
    ahead: Vec<(u32, Vec<u8>)>,
}

impl Half {
    fn size(&self) -> usize {
        self.record.len() + self.message.len() + self.ahead.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }

    /// Bytes that the record lacks; of its head, while nobody knows how long it is. `None`: it is no record.
    fn lacks(&self) -> Option<usize> {
        if self.record.len() < RECORD {
            return Some(RECORD - self.record.len());
        }
        let (.., length) = tls::record(&self.record)?;
        (RECORD + length).checked_sub(self.record.len())
    }

    /// Takes of these bytes, which come next, what belongs to the record: how many that are. `None`: it is no record.
    fn take(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut taken = 0;
        loop {
            let lacks = self.lacks()?;
            let rest = bytes.get(taken..).unwrap_or_default();
            let now = rest.get(..lacks).unwrap_or(rest);
            if now.is_empty() {
                return Some(taken);
            }
            self.record.extend_from_slice(now);
            self.next = self.next.wrapping_add(now.len() as u32);
            taken += now.len();
        }
    }

    /// Takes what came ahead and now comes next.
    fn catch_up(&mut self) -> Option<()> {
        while let Some(place) = self.ahead.iter().position(|(sequence, _)| !before(self.next, *sequence)) {
            let (sequence, bytes) = self.ahead.swap_remove(place);
            let known = self.next.wrapping_sub(sequence) as usize;
            self.take(bytes.get(known..).unwrap_or_default())?;
        }
        Some(())
    }

    fn is_whole(&self) -> bool {
        self.record.len() >= RECORD && self.lacks() == Some(0)
    }
}

/// Watches conversations for handshakes that go on.
#[derive(Debug, Default)]
pub struct Watch {
    halves: BTreeMap<Side, Half>,
    held: usize,
    strangers: ByStream<(), STRANGERS>,
}

/// A segment's data and where it lies.
struct Segment<'s> {
    /// Index of the TCP layer.
    layer: usize,
    /// The layers behind it.
    behind: &'s [Layer],
    data: &'s [u8],
    sequence: u32,
    /// All that was on the wire was captured.
    is_captured: bool,
    /// No port says that this is TLS.
    is_strange: bool,
}

impl Segment<'_> {
    /// How it is to be read, if that is otherwise than it was, where its first `skip` bytes belong to an earlier record.
    fn reread(&self, skip: usize) -> Option<Reread> {
        let is_read = match self.behind {
            [first, ..] if skip == 0 => first.protocol == Protocol::Tls,
            [only] => only.protocol == Protocol::Data && skip >= self.data.len(),
            _ => false,
        };
        (!is_read).then_some(Reread::Tls { layer: self.layer, skip })
    }

    /// What is held of it, where nothing that came before matters any more.
    fn begins_anew(&self, found: &mut Found) -> Option<Half> {
        let is_head = !self.is_strange && self.data.len() < RECORD;
        let may = is_head || self.behind.first()?.protocol == Protocol::Tls;
        if may { records(Vec::new(), self, 0, found) } else { None }
    }
}

impl Watch {
    /// What the first TCP layer of the next packet completes, and how it is to be read.
    #[inline]
    pub fn look(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Option<Found> {
        let last = packet.layers.last()?;
        // The beginning of a head may lie behind whole records, or alone.
        let may = last.protocol == Protocol::Tls
            || last.protocol == Protocol::Data && (last.header as usize) < RECORD
            || last.protocol.is_application() && !(self.halves.is_empty() && self.strangers.is_empty());
        if may { self.look_into(packet, facts) } else { None }
    }

    fn look_into(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Option<Found> {
        let at = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted)?;
        let data = at.content();
        if facts.unmeasured || data.is_empty() {
            return None;
        }
        let length = at.layer.end.saturating_sub(at.layer.start + at.layer.header) as usize;
        let segment = Segment {
            layer: at.index,
            behind: packet.layers.get(at.index + 1..).unwrap_or_default(),
            data,
            // A SYN counts one, before its data.
            sequence: facts.sequence.wrapping_add(u32::from(at.u8(13).is_some_and(|flags| flags & 2 != 0))),
            is_captured: data.len() == length,
            is_strange: !tls::is_expected(&at),
        };
        let side = (facts.stream, facts.from_client);
        let mut found = Found::default();
        let left = match self.remove(side) {
            Some(half) => go_on(half, &segment, &mut found),
            None if facts.analysis.repeats() => None,
            None => segment.begins_anew(&mut found),
        };
        if let Some(half) = left {
            self.insert(side, half);
        }
        if segment.is_strange && found.reread.is_none() && tls::record(data).is_some() {
            found.reread = self.of_stranger(&segment, &at, facts.stream);
        }
        Some(found)
    }

    /// How a segment on a strange port that begins like a record is to be read.
    #[cold]
    fn of_stranger(&mut self, segment: &Segment<'_>, tcp: &At<'_>, stream: u32) -> Option<Reread> {
        let ports = [tcp.u16(0)?, tcp.u16(2)?];
        if application::is_wished(application::Over::Tcp, ports) {
            return None;
        }
        let is_hello = segment.behind.first()?.protocol == Protocol::Tls;
        if is_hello && self.strangers.of_mut(stream).is_none() {
            self.strangers.insert(stream, ());
        }
        self.strangers.of_mut(stream).and_then(|()| segment.reread(0))
    }

    fn remove(&mut self, side: Side) -> Option<Half> {
        let half = self.halves.remove(&side)?;
        self.held = self.held.saturating_sub(half.size());
        Some(half)
    }

    fn insert(&mut self, side: Side, half: Half) {
        self.held += half.size();
        self.halves.insert(side, half);
        while self.halves.len() > MOST || self.held > MOST_BYTES {
            let Some((_, oldest)) = self.halves.pop_first() else { break };
            self.held = self.held.saturating_sub(oldest.size());
        }
    }
}

/// The segment behind what is held, or near it; what is held from now on.
fn go_on(mut half: Half, segment: &Segment<'_>, found: &mut Found) -> Option<Half> {
    let Segment { data, sequence, .. } = *segment;
    let lacks = half.lacks().filter(|_| !half.record.is_empty());
    if before(half.next, sequence) {
        // Something is missing. Nobody knows where records begin, unless this one does.
        let gap = sequence.wrapping_sub(half.next) as usize;
        let inside = lacks.filter(|_| half.record.len() >= RECORD).and_then(|lacks| lacks.checked_sub(gap));
        let Some(inside) = inside.filter(|inside| *inside > 0 && half.ahead.len() < MOST_AHEAD) else {
            return segment.begins_anew(found);
        };
        let skip = inside.min(data.len());
        half.ahead.push((sequence, data.get(..skip).unwrap_or_default().to_vec()));
        found.reread = segment.reread(skip);
        return (segment.is_captured || skip == inside).then_some(half);
    }
    let known = half.next.wrapping_sub(sequence) as usize;
    let Some(fresh) = data.get(known..).filter(|fresh| !fresh.is_empty()) else { return Some(half) };
    let mut skip = known;
    if !half.record.is_empty() {
        skip += half.take(fresh)?;
        half.catch_up()?;
        found.reread = segment.reread(skip);
        if !half.is_whole() {
            return segment.is_captured.then_some(half);
        }
        let tail = segment.layer + 1;
        found.wholes.push(Whole::ending_in(tail, Protocol::Tls, &half.record));
        let (kind, ..) = tls::record(&half.record)?;
        let content = half.record.get(RECORD..).unwrap_or_default();
        let mut message = std::mem::take(&mut half.message);
        if kind != HANDSHAKE || !join(&mut message, content, tail, found) {
            return None;
        }
        // What came ahead of what was missing has been read as it came.
        return match half.next == sequence.wrapping_add(skip as u32) {
            true => records(message, segment, skip, found),
            false => None,
        };
    }
    // Nothing is held but where it stands: perhaps this is no TLS after all.
    tls::record(fresh)?;
    found.reread = segment.reread(skip);
    records(std::mem::take(&mut half.message), segment, skip, found)
}

/// Reads the records behind the first `skip` bytes of a segment, of which a message has begun before; what of them goes on
/// in other segments.
fn records(mut message: Vec<u8>, segment: &Segment<'_>, skip: usize, found: &mut Found) -> Option<Half> {
    let mut rest = segment.data.get(skip..).unwrap_or_default();
    let mut layer = segment.layer + 1 + usize::from(skip > 0);
    while let Some((kind, _, length)) = tls::record(rest) {
        // Nothing in the clear follows.
        if kind != HANDSHAKE && kind != ALERT {
            return None;
        }
        let Some(content) = rest.get(RECORD..RECORD + length) else { break };
        if kind == HANDSHAKE && !join(&mut message, content, layer, found) {
            message.clear();
        }
        rest = rest.get(RECORD + length..).unwrap_or_default();
        layer += 1;
    }
    let goes_on = match rest {
        [] => !message.is_empty(),
        [HANDSHAKE] | [HANDSHAKE, 3] | [HANDSHAKE, 3, 0..=4, ..] => {
            let content = rest.get(RECORD..).unwrap_or_default();
            !message.is_empty() || content.is_empty() || tls::whole_messages(content) != (0, false)
        }
        _ => false,
    };
    let next = segment.sequence.wrapping_add(segment.data.len() as u32);
    // Where only a hello is known to be of TLS, what follows it is, too: where it stands is held.
    let goes_on = goes_on || segment.is_strange && rest.is_empty();
    let half = Half { next, record: rest.to_vec(), message, ahead: Vec::new() };
    (goes_on && segment.is_captured).then_some(half)
}

/// Takes in the content of a record that ends in a layer: what it leaves of a message, and the messages that it completes;
/// `false` where that makes no sense.
fn join(message: &mut Vec<u8>, content: &[u8], layer: usize, found: &mut Found) -> bool {
    if message.is_empty() {
        let (whole, goes_on) = tls::whole_messages(content);
        if goes_on {
            message.extend_from_slice(content.get(whole..).unwrap_or_default());
        }
        return whole > 0 || goes_on;
    }
    if message.len() + content.len() > tls::LONGEST_MESSAGE + 4 {
        return false;
    }
    message.extend_from_slice(content);
    let (whole, goes_on) = tls::whole_messages(message);
    if let Some(bytes) = message.get(..whole).filter(|bytes| !bytes.is_empty()) {
        found.wholes.push(Whole::ending_in(layer, Protocol::Tls, bytes));
    }
    message.drain(..if goes_on { whole } else { message.len() });
    whole > 0 || goes_on
}

#[cfg(test)]
mod tests;
