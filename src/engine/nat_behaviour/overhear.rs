//! What the kernel keeps from this host's sockets: a packet that a NAT has sent round without a new source comes from an
//! address of this very host, and is refused as none from the wire. Whoever may look at the packets that arrive sees it,
//! and can tell hairpinning that is internal from none without a second host.
//!
//! Nothing overheard means something only where an answer that came was overheard, too.

use std::net::{IpAddr, SocketAddr};

use super::{Action, Discovery};
use crate::frame::{Frame, LinkType};
use crate::wire::stun::{Class, Message, Transaction};
use crate::wire::{self, Layers, Protocol};

/// A STUN message in a packet, and between whom it passed.
struct Passed {
    from: SocketAddr,
    to: SocketAddr,
    class: Class,
    transaction: Transaction,
}

/// Reads an IP packet.
fn read(packet: &[u8]) -> Option<Passed> {
    let mut layers = Layers::new();
    let length = u32::try_from(packet.len()).ok()?;
    let packet = wire::decode(Frame { link: LinkType::RAW, length, data: packet, ..Frame::empty() }, &mut layers);
    let udp = packet.each().find(|at| at.layer.protocol == Protocol::Udp && !at.layer.quoted)?;
    let message = Message::read(udp.content()).ok()?;
    let (source, destination) = packet.addresses(udp.index)?;
    Some(Passed {
        from: SocketAddr::new(IpAddr::from(source), udp.u16(0)?),
        to: SocketAddr::new(IpAddr::from(destination), udp.u16(2)?),
        class: message.class,
        transaction: message.transaction,
    })
}

impl Discovery {
    /// From now on, or no longer; a second host needs no help.
    pub(super) fn overhear(&mut self, on: bool) {
        if !self.plan.beside {
            self.actions.push_back(Action::Overhear { on });
        }
    }

    /// A packet that has arrived at this host, for a socket or not.
    pub(super) fn overheard(&mut self, packet: &[u8]) {
        let Some(passed) = read(packet) else { return };
        let Some(socket) = self.sockets.iter().position(|socket| socket.local == Some(passed.to)) else { return };
        match passed.class {
            Class::Success => {
                self.overhears |= self.asks.iter().any(|ask| ask.is(&passed.transaction));
            }
            Class::Request if self.sockets.iter().any(|socket| socket.local == Some(passed.from)) => {
                self.hairpinned(socket, passed.from, &passed.transaction);
            }
            _ => {}
        }
    }
}
