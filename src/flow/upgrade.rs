//! Conversations that leave HTTP for WebSocket (RFC 6455 §4.2.2): once the server has agreed, on whatever port, their
//! bytes are frames, and where a segment begins within one is known; before that they are none.
//!
//! Guarantee: bounded, whatever comes: so many conversations, a place of each side. Trap: where a segment is missing,
//! nobody knows where a frame begins, until a segment is made of frames from its first byte to its last.

use super::bounded::ByStream;
use super::tcp;
use crate::wire::{Packet, Protocol, Reread, application, http, websocket};

/// Conversations that are remembered; the oldest leaves.
const MOST: usize = 1 << 14;

/// Where a side stands: its next sequence number, and bytes of a frame that are still to come.
#[derive(Clone, Copy, Debug)]
struct Place {
    next: u32,
    left: u64,
}

/// Watches conversations for their upgrade.
#[derive(Debug, Default)]
pub struct Watch {
    /// Of client and server; `None`: not known.
    talks: ByStream<[Option<Place>; 2], MOST>,
    forgotten: bool,
}

impl Watch {
    /// How the bytes of the first TCP layer are to be read, where that is otherwise than they were.
    #[inline]
    pub fn look(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Option<Reread> {
        let last = packet.layers.last()?.protocol;
        let may = matches!(last, Protocol::Http | Protocol::WebSocket) || !self.talks.is_empty();
        if may && last.is_application() { self.look_into(packet, facts) } else { None }
    }

    fn look_into(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Option<Reread> {
        let at = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted)?;
        if facts.unmeasured {
            return None;
        }
        let data = at.content();
        let first = packet.at(at.index + 1)?;
        let is_whole = facts.next.wrapping_sub(facts.sequence) as usize <= data.len() + 1;
        if first.layer.protocol == Protocol::Http {
            let upgraded = !facts.from_client && websocket::is_agreed(first.header());
            if upgraded && !facts.analysis.repeats() {
                let behind = data.get(http::head(data)..).unwrap_or_default();
                let left = websocket::left(behind, Some(false)).filter(|_| is_whole);
                let client = Place { next: facts.acknowledgment, left: 0 };
                let server = left.map(|left| Place { next: facts.next, left });
                self.forgotten |= self.talks.insert(facts.stream, [Some(client), server]);
            }
            return None;
        }
        let Some(places) = self.talks.of_mut(facts.stream) else {
            // All of it was seen from its beginning, and nobody has agreed to anything.
            let is_none = first.layer.protocol == Protocol::WebSocket
                && !self.forgotten
                && facts.completeness & tcp::Completeness::SYN != 0
                && !application::is_wished(application::Over::Tcp, [at.u16(0)?, at.u16(2)?]);
            return is_none.then_some(Reread::Data { layer: at.index });
        };
        let place = places.get_mut(usize::from(!facts.from_client))?;
        // A client covers its bytes, a server does not.
        let masked = Some(facts.from_client);
        let known = place.filter(|place| place.next == facts.sequence).map(|place| place.left);
        let left = match known {
            Some(left) => left,
            None if websocket::fills(data, masked) => 0,
            None => {
                *place = place.filter(|_| facts.analysis.repeats());
                return None;
            }
        };
        let skip = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
        if !facts.analysis.repeats() {
            let rest = data.get(skip..).unwrap_or_default();
            let left = match left.checked_sub(data.len() as u64) {
                Some(more) => Some(more),
                None => websocket::left(rest, masked),
            };
            *place = left.filter(|_| is_whole).map(|left| Place { next: facts.next, left });
        }
        Some(Reread::WebSocket { layer: at.index, skip })
    }
}

#[cfg(test)]
mod tests;
