//! Echo conversations of ICMP and ICMPv6: requests and replies that bear the same identifier.

use super::key::{Direction, Key};
use crate::wire::{At, Protocol, icmp, icmpv6};

/// Who asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo {
    /// The side that sent a request, once one was seen.
    asks: Option<Direction>,
    /// The side that sent the first packet.
    first: Option<Direction>,
}

impl Echo {
    /// Takes in a message.
    pub(super) fn message(&mut self, direction: Direction, request: bool) {
        self.first.get_or_insert(direction);
        if request {
            self.asks.get_or_insert(direction);
        }
    }

    /// The side that asks, and whether that is a guess.
    pub(super) fn client(&self) -> (Direction, bool) {
        match (self.asks, self.first) {
            (Some(asks), _) => (asks, false),
            (None, first) => (first.map_or(Direction::Up, Direction::reverse), true),
        }
    }
}

/// The conversation of an echo message, the way it goes, and whether it is a request; `None` for other messages.
pub(super) fn echo_key(at: &At<'_>) -> Option<(Key, Direction, bool)> {
    let (identifier, request) = echo(at)?;
    let (source, destination) = at.packet.addresses(at.index)?;
    let (key, direction) = Key::between((source, identifier), (destination, identifier))?;
    Some((key, direction, request))
}

/// The identifier of an echo message and whether it is a request; `None` for other messages.
pub(super) fn echo(at: &At<'_>) -> Option<(u16, bool)> {
    let request = match (at.layer.protocol, at.u8(0)?) {
        (Protocol::Icmp, icmp::ECHO_REQUEST) | (Protocol::Icmpv6, icmpv6::ECHO_REQUEST) => true,
        (Protocol::Icmp, icmp::ECHO_REPLY) | (Protocol::Icmpv6, icmpv6::ECHO_REPLY) => false,
        _ => return None,
    };
    Some((at.u16(4)?, request))
}
