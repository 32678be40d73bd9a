//! The key of a conversation: both endpoints in one order, whichever way the packet goes.

use crate::wire::{Address, At};

/// Two endpoints, the smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    low: (Address, u16),
    high: (Address, u16),
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
        let (from, to) = ((source, at.u16(0)?), (destination, at.u16(2)?));
        Some(if from <= to {
            (Self { low: from, high: to }, Direction::Up)
        } else {
            (Self { low: to, high: from }, Direction::Down)
        })
    }
}
