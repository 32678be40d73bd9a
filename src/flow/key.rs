//! The key of a conversation: both endpoints in one order, whichever way the packet goes.

use std::hash::{Hash, Hasher};

use crate::wire::{Address, At};

/// Two endpoints, the smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Halves of 128 bits, so that a key needs no more than 40 bytes.
    low: [u64; 2],
    high: [u64; 2],
    /// The ports of both and the IP version, packed: keys are compared and hashed for every packet.
    ports: u64,
}

impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for half in self.low.into_iter().chain(self.high) {
            state.write_u64(half);
        }
        state.write_u64(self.ports);
    }
}

/// Which way a packet goes in its conversation: from the endpoint that sorts first, or to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
}

impl Direction {
    /// The index of the sender in a pair of ends.
    pub fn sender(self) -> usize {
        self as usize
    }

    pub fn reverse(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

impl Key {
    /// The key of a layer that begins with source and destination port (TCP, UDP), and the packet's direction.
    #[inline(always)]
    pub fn new(at: &At<'_>) -> Option<(Self, Direction)> {
        let (source, destination) = at.packet.addresses(at.index)?;
        let [a, b, c, d] = at.array(0)?;
        Self::between((source, u16::from_be_bytes([a, b])), (destination, u16::from_be_bytes([c, d])))
    }

    /// The key of two endpoints and the direction from the first to the second; `None` where one is IPv4 and one IPv6.
    #[inline(always)]
    pub fn between(from: (Address, u16), to: (Address, u16)) -> Option<(Self, Direction)> {
        let (version, source, destination) = match (from.0, to.0) {
            (Address::V4(from), Address::V4(to)) => {
                (4, [0, u32::from_be_bytes(from).into()], [0, u32::from_be_bytes(to).into()])
            }
            (Address::V6(from), Address::V6(to)) => (6, halves(from), halves(to)),
            _ => return None,
        };
        let (from, to) = (u64::from(from.1), u64::from(to.1));
        Some(if (source, from) <= (destination, to) {
            (Self { low: source, high: destination, ports: version << 32 | from << 16 | to }, Direction::Up)
        } else {
            (Self { low: destination, high: source, ports: version << 32 | to << 16 | from }, Direction::Down)
        })
    }

    /// The endpoints that sort first and last, as (address, port).
    pub fn ends(&self) -> [(Address, u16); 2] {
        let address = |[high, low]: [u64; 2]| match self.ports >> 32 {
            4 => Address::V4((low as u32).to_be_bytes()),
            _ => Address::V6((u128::from(high) << 64 | u128::from(low)).to_be_bytes()),
        };
        [(address(self.low), (self.ports >> 16) as u16), (address(self.high), self.ports as u16)]
    }

    #[cfg(test)]
    pub(super) fn of_ports(port: u16) -> Self {
        Self { low: [0, 1], high: [0, 2], ports: 4 << 32 | u64::from(port) }
    }
}

/// The upper and the lower half of an IPv6 address.
fn halves(address: [u8; 16]) -> [u64; 2] {
    let bits = u128::from_be_bytes(address);
    [(bits >> 64) as u64, bits as u64]
}
