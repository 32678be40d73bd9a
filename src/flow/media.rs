//! What a call has said of its media (SDP in SIP, RFC 8866 §5.14, §6.6): to which ends sound and pictures go, and how many
//! ticks a second their payload types have.
//!
//! Guarantee: bounded, whatever comes: so many ends, the oldest leave.

use std::sync::Arc;

use super::bounded::ByAge;
use crate::wire::application::{self, Over};
use crate::wire::{Address, Packet, Protocol, Reread, rtp, sip};

/// Ends that are remembered.
const MOST: usize = 1024;

/// Payload types, each with its ticks a second.
type Rates = Arc<[(u8, u32)]>;

/// Knows what calls have said.
#[derive(Debug, Default)]
pub struct Watch {
    /// By the end that is to hear them.
    media: ByAge<(Address, u16), Rates, MOST>,
}

impl Watch {
    /// How the first datagram is to be read, where that is otherwise than it was, and the ticks a second of its payload,
    /// where they are not the same everywhere.
    #[inline]
    pub fn look(&mut self, packet: &Packet<'_>) -> Option<(Option<Reread>, Option<u32>)> {
        let last = packet.layers.last()?;
        if last.protocol == Protocol::Sip {
            self.hear(packet);
            return None;
        }
        if self.media.is_empty() || !last.protocol.is_application() { None } else { self.belongs(packet) }
    }

    #[cold]
    fn hear(&mut self, packet: &Packet<'_>) {
        for at in packet.each().filter(|at| at.layer.protocol == Protocol::Sip && !at.layer.quoted) {
            for medium in sip::described(&at) {
                self.media.insert(medium.end, medium.rates.into());
            }
        }
    }

    fn belongs(&self, packet: &Packet<'_>) -> Option<(Option<Reread>, Option<u32>)> {
        let at = packet.find(Protocol::Udp).filter(|at| !at.layer.quoted)?;
        let (source, destination) = packet.addresses(at.index)?;
        let (from, to) = (at.u16(0)?, at.u16(2)?);
        // Who hears says what the numbers mean; of one that said nothing, the other end.
        let rates = self.media.of((destination, to)).or_else(|| self.media.of((source, from)))?;
        let content = at.content();
        let is_read = packet.layers.get(at.index + 1).is_some_and(|layer| layer.protocol == Protocol::Rtp);
        let is_free = !application::is_wished(Over::Udp, [from, to]);
        if !(is_read || is_free && rtp::is_message(content)) {
            return None;
        }
        let payload_type = content.get(1)? & 0x7f;
        let rate = rates.iter().find(|(known, _)| *known == payload_type).map(|(_, rate)| *rate);
        let rate = rate.filter(|_| rtp::clock_rate(payload_type).is_none());
        Some(((!is_read).then_some(Reread::Rtp { layer: at.index }), rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowTable;
    use crate::flow::sample::{End, datagram, read};

    const OFFER: &str = "INVITE sip:b@lab SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nc=IN IP4 10.0.0.1\r\n\
        m=audio 6000 RTP/AVP 96 0\r\na=rtpmap:96 opus/48000/2\r\nm=video 6002 RTP/AVP 97\r\nc=IN IP4 10.0.0.7\r\n\
        a=rtpmap:97 VP8/90000\r\nm=audio 0 RTP/AVP 98\r\na=rtpmap:98 L16/16000\r\n";

    /// The last layer of a datagram, and its ticks a second.
    fn told(table: &mut FlowTable, ends: [End; 2], data: &[u8]) -> (Protocol, Option<u32>) {
        read(table, &datagram(ends, data), |packet, known| (packet.layers[2].protocol, known.facts.clock))
    }

    fn sound(payload_type: u8) -> Vec<u8> {
        [&[0x80, payload_type][..], &[7; 30]].concat()
    }

    #[test]
    fn a_call_tells_where_its_media_go_and_what_their_clocks_are() {
        let mut table = FlowTable::new();
        let to = [(2, 7000), (1, 6000)];
        assert_eq!(told(&mut table, to, &sound(96)), (Protocol::Data, None), "nobody has said it");
        assert_eq!(told(&mut table, [(1, 5060), (2, 5060)], OFFER.as_bytes()).0, Protocol::Sip);
        assert_eq!(told(&mut table, to, &sound(96)), (Protocol::Rtp, Some(48_000)));
        assert_eq!(
            told(&mut table, [(1, 6000), (2, 7000)], &sound(96)),
            (Protocol::Rtp, Some(48_000)),
            "the other way"
        );
        assert_eq!(told(&mut table, [(2, 7002), (7, 6002)], &sound(97)), (Protocol::Rtp, Some(90_000)));
        assert_eq!(told(&mut table, to, &sound(97)), (Protocol::Rtp, None), "of the other medium");
        assert_eq!(told(&mut table, to, &sound(0)), (Protocol::Rtp, None), "the same everywhere");
        assert_eq!(told(&mut table, [(2, 7002), (1, 6002)], &sound(97)).0, Protocol::Data, "another address");
        assert_eq!(told(&mut table, to, &[0x80, 200, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).0, Protocol::Data, "RTCP");
        assert_eq!(told(&mut table, to, b"\0\x01short").0, Protocol::Data);
    }
}
