//! A message that lies in several packets, put together: it belongs to the packet that completes it, and views read it
//! as one more layer, whose bytes are not the packet's own.

use super::Facts;
use crate::frame::Frame;
use crate::wire::{At, Layer, Packet, Protocol, Stop};

/// A message and what it is of.
#[derive(Clone, Debug)]
pub struct Whole {
    protocol: Protocol,
    bytes: Box<[u8]>,
    /// Index of the layer in which it ends.
    layer: usize,
}

/// The packet of such a layer: none.
static NOWHERE: Packet<'static> = Packet { frame: Frame::EMPTY, layers: &[], stop: Stop::End };

impl Whole {
    /// A message that ends in the layer of this index.
    pub fn ending_in(layer: usize, protocol: Protocol, bytes: &[u8]) -> Self {
        Self { protocol, bytes: bytes.into(), layer }
    }

    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The message as a layer, as readers of fields want it; there is no packet around it.
    pub fn at(&self) -> At<'_> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let (quoted, fragment) = (false, false);
        let layer =
            Layer { protocol: self.protocol, quoted, fragment, version: 0, start: 0, header: length, end: length };
        At { packet: &NOWHERE, data: &self.bytes, index: 0, layer }
    }
}

/// Whether a layer is such a message, and no layer of a packet.
pub fn is_one(at: &At<'_>) -> bool {
    std::ptr::eq(at.packet, &raw const NOWHERE)
}

/// The layers of a packet from this index on, each with the messages that end in it behind it.
#[inline]
pub fn among<'a>(packet: &'a Packet<'a>, from: usize, facts: &'a Facts) -> impl Iterator<Item = At<'a>> {
    let last = packet.layers.len().saturating_sub(1);
    let of = move |index: usize| facts.wholes.iter().filter(move |whole| whole.layer.min(last) == index);
    packet.each().skip(from).flat_map(move |at| std::iter::once(at).chain(of(at.index).map(Whole::at)))
}

/// The same, as a person is told them: a layer in which a message of its own kind, or of none, ends is told by that
/// message, and of messages that end in one layer the last tells all.
pub fn told<'a>(packet: &'a Packet<'a>, from: usize, facts: &'a Facts) -> impl Iterator<Item = At<'a>> {
    let last = packet.layers.len().saturating_sub(1);
    packet.each().skip(from).flat_map(move |at| {
        let whole = facts.wholes.iter().rfind(|whole| whole.layer.min(last) == at.index);
        let own = whole.is_none_or(|whole| at.layer.protocol != Protocol::Data && at.layer.protocol != whole.protocol);
        own.then_some(at).into_iter().chain(whole.map(Whole::at))
    })
}
