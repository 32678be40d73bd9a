//! What can be worked out of a packet before it meets the flow table, on another thread.

use foldhash::fast::RandomState;

use super::tcp;
use crate::frame::Frame;
use crate::wire::{self, Layer, Layers, Packet, Protocol, usual};

/// The first TCP segment of a packet and where its conversation is to be sought: what can be worked out before the packet
/// meets the table, on another thread.
#[derive(Clone, Debug)]
pub struct Hint {
    /// Index of the layer.
    pub(super) layer: usize,
    pub(super) segment: tcp::Arrived,
    /// Nothing else of the packet means anything to the conversations of the table: no header before the segment, and
    /// what is behind it only by what it says.
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
