//! What can be worked out of a packet before it meets the flow table, on another thread.

use foldhash::fast::RandomState;

use super::tcp;
use crate::frame::Frame;
use crate::wire::{self, Layer, Layers, Packet, Protocol, usual};

/// The first TCP segment of a packet and where its conversation is to be sought: what can be worked out before the packet
/// meets the table, on another thread.
#[derive(Clone, Copy, Debug)]
pub struct Hint {
    /// Index of the layer.
    pub(super) layer: usize,
    pub(super) segment: tcp::Arrived,
    /// Nothing else of the packet is of a conversation: before the segment lies one IP header, and behind it only what an
    /// application says.
    whole: bool,
}

impl Hint {
    /// Whether this is all that conversations need of the packet ([`FlowTable::count_segment`]).
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.whole
    }
}

/// Makes [`Hint`]s for one table.
#[derive(Clone, Debug)]
pub struct Seeker(RandomState);

impl Seeker {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self(hasher)
    }

    /// The hint of a usual frame, which needs no decoding ([`usual`]) and is whole; `None` of any other.
    #[inline(always)]
    pub fn glance(&self, frame: &Frame<'_>) -> Option<Hint> {
        // A comment may say whose the packet is.
        if !frame.comment.is_empty() {
            return None;
        }
        self.usual(&usual::segment(frame)?, frame)
    }

    /// Decodes a frame; its hint, as of [`hint`](Self::hint).
    #[inline(always)]
    pub fn decode<'a>(&self, frame: Frame<'a>, layers: &'a mut Layers) -> (Packet<'a>, Option<Hint>) {
        match usual::decode(frame, layers) {
            Ok((packet, segment)) => (packet, self.usual(&segment, &frame)),
            Err(layers) => {
                let packet = wire::decode(frame, layers);
                (packet, self.hint(&packet))
            }
        }
    }

    #[inline(always)]
    fn usual(&self, segment: &usual::Segment<'_>, frame: &Frame<'_>) -> Option<Hint> {
        let ends = (segment.source, segment.destination);
        let segment = tcp::Arrived::of(ends, &segment.header, false, frame, &self.0)?;
        Some(Hint { layer: usual::LAYER, segment, whole: frame.comment.is_empty() })
    }

    /// `None` where the packet has no TCP layer, or its header is cut short.
    #[inline(always)]
    pub fn hint(&self, packet: &Packet<'_>) -> Option<Hint> {
        let index = packet.layers.iter().position(|layer| layer.protocol == Protocol::Tcp)?;
        let at = packet.at(index)?;
        let (carriers, rest) = packet.layers.split_at_checked(index)?;
        let is_ip = |layer: &Layer| matches!(layer.protocol, Protocol::Ipv4 | Protocol::Ipv6);
        // The usual packet: one IP header carries it, before which lies nothing but the link, and nobody says whose it is.
        let whole = packet.frame.comment.is_empty()
            && !at.layer.quoted
            && !at.layer.fragment
            // Behind an application lies nothing but applications.
            && rest.get(1).is_none_or(|layer| layer.protocol.is_application())
            && matches!(carriers, [link @ .., last] if is_ip(last) && !link.iter().any(is_ip));
        Some(Hint { layer: index, segment: tcp::Arrived::new(&at, &self.0)?, whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::LinkType;
    use crate::wire::sample::{ethernet, hex, ipv4, ipv6};

    #[test]
    fn a_frame_that_is_decoded_at_a_glance_has_the_layers_and_the_hint_that_it_always_has() {
        let seeker = Seeker(RandomState::default());
        let says: [(&str, &[u8]); 5] = [
            ("1f90 04d2", b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x02hi"),
            ("04d2 1f45", b"GET / HTTP/1.1\r\nHost: lab\r\n\r\nGET /a HTTP/1.1\r\n\r\n"),
            ("04d2 0035", b"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03lab\x00\x00\x01\x00\x01"),
            ("04d2 01bb", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"),
            ("0015 04d2", b"331 password\r\n"),
        ];
        let head = "00000001 00000002 8018 0400 0000 0000 0101080a0000000700000008";
        let mut usual = 0;
        for (ports, said) in says {
            let segment = [&hex(&format!("{ports} {head}"))[..], said].concat();
            for frame in [ethernet(0x0800, &ipv4(6, &segment)), ethernet(0x86dd, &ipv6(6, &segment))] {
                // As it is, behind its end, with another length of IP, and as a first fragment.
                let mut frames = [frame.clone(), [&frame[..], b"padding"].concat(), frame.clone(), frame];
                frames[2][17] = frames[2][17].wrapping_sub(9);
                frames[3][20] |= 0x20;
                for (data, comment) in frames.iter().flat_map(|data| [(data, &b""[..]), (data, b"a comment")]) {
                    for (cut, length) in (0..=data.len()).flat_map(|cut| [(cut, data.len()), (cut, 20)]) {
                        let (data, length) = (&data[..cut], length as u32);
                        let frame = Frame { link: LinkType::ETHERNET, data, length, comment, ..Frame::empty() };
                        let (mut one, mut other) = (Layers::new(), Layers::new());
                        let packet = wire::decode(frame, &mut one);
                        let hint = seeker.hint(&packet);
                        let (quick, quick_hint) = seeker.decode(frame, &mut other);
                        assert_eq!((packet.layers, packet.stop), (quick.layers, quick.stop), "{cut} of {data:x?}");
                        assert_eq!(format!("{hint:?}"), format!("{quick_hint:?}"), "{cut} of {data:x?}");
                        usual += u32::from(usual::segment(&frame).is_some());
                    }
                }
            }
        }
        assert!(usual > 1000, "{usual}");
    }
}
