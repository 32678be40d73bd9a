//! One datagram's data put together from its fragments, and an IPv4 header made right again (RFC 791 §3.2).
//!
//! etherparse keeps the ranges; how many datagrams may wait, and for how long, is `flow`'s to decide.

use etherparse::defrag::{IpDefragBuf, IpFragRange};
use etherparse::{IpFragOffset, IpNumber};

/// The data of a fragmented datagram, as far as it has come.
#[derive(Debug)]
pub struct Assembly(IpDefragBuf);

impl Assembly {
    /// Of an IP packet with this protocol number.
    pub fn new(protocol: u8) -> Self {
        Self(IpDefragBuf::new(IpNumber(protocol), Vec::new(), Vec::<IpFragRange>::new()))
    }

    /// Adds a fragment; `offset` counts 8 bytes. `None` where it contradicts those before (two ends, overlong).
    pub fn add(&mut self, offset: u16, more: bool, data: &[u8]) -> Option<()> {
        self.0.add(IpFragOffset::try_new(offset).ok()?, more, data).ok()
    }

    /// Bytes that it takes up.
    pub fn size(&self) -> usize {
        self.0.data().len()
    }

    pub fn is_complete(&self) -> bool {
        self.0.is_complete()
    }

    pub fn into_data(self) -> Vec<u8> {
        self.0.take_bufs().0
    }
}

/// Fills in the checksum of an IPv4 header whose checksum field is zero.
pub fn fill_in_checksum(header: &mut [u8]) -> Option<()> {
    let sum = !super::checksum::folded(etherparse::checksum::Sum16BitWords::new().add_slice(header));
    header.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
    Some(())
}
