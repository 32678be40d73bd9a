//! A message that lies in several packets, put together: it belongs to the packet that completes it, and views read it
//! as one more layer, whose bytes are not the packet's own.

use crate::frame::Frame;
use crate::wire::{At, Layer, Packet, Protocol, Stop};

/// A message and what it is of.
#[derive(Debug)]
pub struct Whole {
    protocol: Protocol,
    bytes: Box<[u8]>,
}

/// The packet of such a layer: none.
static NOWHERE: Packet<'static> = Packet { frame: Frame::EMPTY, layers: &[], stop: Stop::End };

impl Whole {
    pub fn new(protocol: Protocol, bytes: &[u8]) -> Self {
        Self { protocol, bytes: bytes.into() }
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
