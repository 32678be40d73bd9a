//! The key of a conversation: both endpoints in one order, whichever way the packet goes.

use std::hash::{Hash, Hasher};

use crate::wire::{Address, At};

/// Two endpoints, the smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    low: u128,
    high: u128,
    /// The ports of both and the IP version, packed: keys are compared and hashed for every packet.
    ports: u64,
}

impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for part in [self.low, self.high] {
            state.write_u64(part as u64);
            state.write_u64((part >> 64) as u64);
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
    #[inline]
    pub fn new(at: &At<'_>) -> Option<(Self, Direction)> {
        let (source, destination) = at.packet.addresses(at.index)?;
        let (version, source, destination) = match (source, destination) {
            (Address::V4(from), Address::V4(to)) => (4, u32::from_be_bytes(from).into(), u32::from_be_bytes(to).into()),
            (Address::V6(from), Address::V6(to)) => (6, u128::from_be_bytes(from), u128::from_be_bytes(to)),
            _ => return None,
        };
        let [a, b, c, d] = at.array(0)?;
        let (from, to) = (u64::from(u16::from_be_bytes([a, b])), u64::from(u16::from_be_bytes([c, d])));
        Some(if (source, from) <= (destination, to) {
            (Self { low: source, high: destination, ports: version << 32 | from << 16 | to }, Direction::Up)
        } else {
            (Self { low: destination, high: source, ports: version << 32 | to << 16 | from }, Direction::Down)
        })
    }
}
