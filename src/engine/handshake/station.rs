//! The machine on an Ethernet: frames in, frames out.
//!
//! Its address is one that the kernel does not own, so that the kernel does not reset what it knows nothing of; so it
//! also answers who asks for that address by ARP or neighbour discovery, and gives up where another host has it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{Ending, Machine, Segment, Sent, Unreachable};
use crate::engine::neighbour::{self, Mac};
use crate::wire::build::{Error, Recipe};
use crate::wire::{Packet, Protocol};

/// Answers to neighbours that wait to be sent.
const MOST_REPLIES: usize = 16;

/// Who talks with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Both addresses are of one family.
    pub here: SocketAddr,
    pub there: SocketAddr,
    /// The link addresses: ours, and that of the next hop.
    pub own: Mac,
    pub hop: Mac,
}

/// What a frame was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The other end's segment, or an ICMP error about one of ours.
    Ours,
    /// A question for our address, which will be answered.
    Neighbour,
    /// Nothing of ours.
    Other,
}

/// The machine, its ends, and what is to be sent to neighbours.
#[derive(Debug)]
pub struct Station {
    pub ends: Ends,
    pub machine: Machine,
    replies: VecDeque<Vec<u8>>,
    sent: u16,
}

impl Station {
    pub fn new(ends: Ends, machine: Machine) -> Self {
        Self { ends, machine, replies: VecDeque::new(), sent: 0 }
    }

    /// Takes a frame that passed.
    pub fn handle(&mut self, now: Duration, packet: &Packet<'_>) -> Seen {
        let Ends { here, there, own, .. } = self.ends;
        if let Some(other) = neighbour::claim(packet, own, here.ip()) {
            self.machine.end_claimed(other);
            return Seen::Other;
        }
        if let Some(reply) = neighbour::reply(packet, own, here.ip()) {
            if self.replies.len() < MOST_REPLIES {
                self.replies.push_back(reply);
            }
            return Seen::Neighbour;
        }
        if let Some(segment) = Segment::of(packet, here, there) {
            self.machine.handle(now, &segment);
            return Seen::Ours;
        }
        if let Some(error) = Unreachable::of(packet, here, there) {
            self.machine.handle_error(now, error);
            return Seen::Ours;
        }
        Seen::Other
    }

    /// The frame of an answer to a neighbour, if one waits.
    pub fn reply(&mut self) -> Option<Vec<u8>> {
        self.replies.pop_front()
    }

    /// The frame of the segment that is due, and what it is.
    pub fn transmit(&mut self, now: Duration) -> Result<Option<(Vec<u8>, Sent)>, Error> {
        let Some(sent) = self.machine.transmit(now) else { return Ok(None) };
        let frame = self.frame(&sent.segment)?;
        Ok(Some((frame, sent)))
    }

    /// A segment of ours in its frame.
    pub fn frame(&mut self, segment: &Segment) -> Result<Vec<u8>, Error> {
        let Ends { here, there, own, hop } = self.ends;
        let mut recipe = Recipe::new(&[Protocol::Ethernet])?;
        recipe.fill("eth.src", &neighbour::text(own))?;
        recipe.fill("eth.dst", &neighbour::text(hop))?;
        let (protocol, source, destination) = match here.ip() {
            IpAddr::V4(_) => (Protocol::Ipv4, "ip.src", "ip.dst"),
            IpAddr::V6(_) => (Protocol::Ipv6, "ipv6.src", "ipv6.dst"),
        };
        recipe.push(protocol)?;
        recipe.fill(source, &here.ip().to_string())?;
        recipe.fill(destination, &there.ip().to_string())?;
        if protocol == Protocol::Ipv4 {
            // A number for each packet, and no fragments (RFC 1191).
            self.sent = self.sent.wrapping_add(1);
            recipe.fill("ip.id", &self.sent.to_string())?;
            recipe.fill("ip.flags.df", "1")?;
        }
        segment.put(&mut recipe, here.port(), there.port())?;
        Ok(recipe.build()?.bytes)
    }
}

impl Machine {
    /// Another host has our address: not one packet more comes from it.
    fn end_claimed(&mut self, other: Mac) {
        if self.ending().is_none() {
            self.end(Ending::Claimed(other));
        }
    }
}
