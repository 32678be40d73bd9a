//! A NAT as a router: IPv4 packets in, translated packets out. The bindings are [`Bindings`]; this reads and writes bytes.
//!
//! A packet is translated in its place and keeps its length. Its time to live is one less, and every checksum is right
//! if it was before (one that a virtual cable has left to a network card is finished).
//!
//! Trap: it is fed with what a router would forward and with what comes to the outside addresses. What is to the
//! router's own inside address, ARP, and answers ('time exceeded') are its owner's.

use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::time::Duration;

use super::Dropped;
use super::bindings::{Bindings, Config, Protocol, Step};
use super::fragments::{self, Fragments, Way};
use super::headers::{Content, Headers};

/// Where a packet comes from, or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Inside,
    Outside,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The bytes are translated: send them there, to the destination that they now have.
    Forward(Side),
    /// A fragment that waits for the first one of its datagram; see [`Translator::released`].
    Held,
    Drop(Dropped),
}

/// What has been counted, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Translated from inside to outside, from outside to inside, and from inside back inside.
    pub outbound: u64,
    pub inbound: u64,
    pub hairpinned: u64,
    /// By reason, in the order of [`Dropped::ALL`].
    pub dropped: [u64; Dropped::ALL.len()],
}

impl Tally {
    pub fn dropped(&self, why: Dropped) -> u64 {
        self.dropped.get(why as usize).copied().unwrap_or(0)
    }
}

/// A NAT. Times are since a moment that the caller chooses.
#[derive(Debug)]
pub struct Translator {
    bindings: Bindings,
    fragments: Fragments,
    released: VecDeque<(Side, Vec<u8>)>,
    tally: Tally,
}

/// What is written into a packet.
struct Ends {
    source: SocketAddrV4,
    destination: SocketAddrV4,
    to: Side,
}

impl Translator {
    pub fn new(config: Config) -> Self {
        Self {
            bindings: Bindings::new(config),
            fragments: Fragments::default(),
            released: VecDeque::new(),
            tally: Tally::default(),
        }
    }

    /// The mappings, to look at.
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Translates one packet (from its IP header on; padding behind it is let alone) that came from `from`.
    pub fn translate(&mut self, now: Duration, from: Side, packet: &mut [u8]) -> Verdict {
        let verdict = self.decide(now, from, packet).unwrap_or_else(Verdict::Drop);
        match (from, verdict) {
            (Side::Inside, Verdict::Forward(Side::Outside)) => self.tally.outbound += 1,
            (Side::Inside, Verdict::Forward(Side::Inside)) => self.tally.hairpinned += 1,
            (Side::Outside, Verdict::Forward(_)) => self.tally.inbound += 1,
            (_, Verdict::Held) => {}
            (_, Verdict::Drop(why)) => {
                if let Some(count) = self.tally.dropped.get_mut(why as usize) {
                    *count += 1;
                }
            }
        }
        verdict
    }

    /// The next fragment that had to wait and now goes; to be asked for after each packet, until there is none.
    pub fn released(&mut self) -> Option<(Side, Vec<u8>)> {
        self.released.pop_front()
    }

    fn decide(&mut self, now: Duration, from: Side, packet: &mut [u8]) -> Result<Verdict, Dropped> {
        let headers = Headers::of(packet, true)?;
        if headers.ttl <= 1 {
            return Err(Dropped::TimeToLive);
        }
        let to = headers.destination;
        if to.is_multicast() || to.is_broadcast() || to.is_loopback() || to.is_unspecified() || to.is_link_local() {
            return Err(Dropped::Destination);
        }
        if from == Side::Outside && !self.bindings.owns(to) {
            return Err(Dropped::NotOurs);
        }
        let datagram = fragments::datagram(from, &headers);
        if headers.offset > 0 {
            return match self.fragments.way(now, &datagram) {
                Some(way) => Ok(divert(&headers, packet, way)),
                None => self.fragments.hold(now, datagram, packet).map(|()| Verdict::Held),
            };
        }
        let Content::Ends { protocol, source, destination, step } = headers.content(packet, false)? else {
            return self.error(now, from, &headers, packet);
        };
        let source = SocketAddrV4::new(headers.source, source);
        let destination = SocketAddrV4::new(headers.destination, destination);
        let ends = self.ends(now, from, protocol, (source, destination), step)?;
        headers.fill_in(packet);
        // Only what the NAT has changed: what a query has on the other side is not a port.
        if ends.source != source {
            headers.put_source(packet, ends.source);
        }
        if ends.destination != destination {
            headers.put_destination(packet, ends.destination);
        }
        headers.pass(packet);
        if headers.more {
            let way = Way { source: *ends.source.ip(), destination: *ends.destination.ip(), to: ends.to };
            for mut packet in self.fragments.follow(now, datagram, way) {
                if let Ok(headers) = Headers::of(&packet, true) {
                    divert(&headers, &mut packet, way);
                    self.released.push_back((way.to, packet));
                }
            }
        }
        Ok(Verdict::Forward(ends.to))
    }

    fn ends(
        &mut self,
        now: Duration,
        from: Side,
        protocol: Protocol,
        (source, destination): (SocketAddrV4, SocketAddrV4),
        step: Step,
    ) -> Result<Ends, Dropped> {
        let nat = &mut self.bindings;
        // An echo request has its identifier as the source, an answer has it as the destination: nobody outside may
        // ask, and an answer from inside is to somebody who could not.
        if protocol == Protocol::Icmp && (step == Step::Opens) != (from == Side::Inside) {
            return Err(Dropped::NoMapping);
        }
        if from == Side::Outside {
            let inside = nat.inbound(now, protocol, source, destination, step)?;
            return Ok(Ends { source, destination: inside, to: Side::Inside });
        }
        if nat.owns(*destination.ip()) {
            let (source, destination) = nat.hairpin(now, protocol, source, destination, step)?;
            return Ok(Ends { source, destination, to: Side::Inside });
        }
        let source = nat.outbound(now, protocol, source, destination, step)?;
        Ok(Ends { source, destination, to: Side::Outside })
    }

    /// An ICMP error (RFC 5508 §4): the packet that it quotes went the other way, and is translated back.
    fn error(&mut self, now: Duration, from: Side, headers: &Headers, packet: &mut [u8]) -> Result<Verdict, Dropped> {
        if headers.fragment() || !headers.icmp_is_right(packet) {
            return Err(Dropped::Malformed);
        }
        let start = headers.header + 8;
        let quote = packet.get_mut(start..headers.total).ok_or(Dropped::Malformed)?;
        let quoted = Headers::of(quote, false)?;
        if quoted.offset > 0 {
            return Err(Dropped::NoMapping);
        }
        let Content::Ends { protocol, source, destination, .. } = quoted.content(quote, true)? else {
            return Err(Dropped::Protocol);
        };
        let mut sender = SocketAddrV4::new(quoted.source, source);
        let receiver = SocketAddrV4::new(quoted.destination, destination);
        let (mut new_source, mut new_destination, mut to) = (headers.source, headers.destination, Side::Outside);
        if from == Side::Inside {
            // Quoted is what came in, so its destination is inside.
            let outside = self.bindings.outside_of(now, protocol, receiver, sender).ok_or(Dropped::NoMapping)?;
            quoted.put_destination(quote, outside);
            new_source = *outside.ip();
        }
        if self.bindings.owns(*sender.ip()) {
            // Quoted is what went out, or round the hairpin: its source has to become the inside one.
            let inside = match from {
                Side::Outside => self.bindings.awaited(now, protocol, receiver, sender)?,
                Side::Inside => self.bindings.inside_of(now, protocol, sender).ok_or(Dropped::NoMapping)?,
            };
            quoted.put_source(quote, inside);
            sender = inside;
            (new_destination, to) = (*sender.ip(), Side::Inside);
        } else if from == Side::Outside {
            return Err(Dropped::NoMapping);
        }
        headers.put_source_address(packet, new_source);
        headers.put_destination_address(packet, new_destination);
        headers.sum_icmp(packet);
        headers.pass(packet);
        Ok(Verdict::Forward(to))
    }
}

/// Sends a later fragment where the first one went.
fn divert(headers: &Headers, packet: &mut [u8], way: Way) -> Verdict {
    headers.put_source_address(packet, way.source);
    headers.put_destination_address(packet, way.destination);
    headers.pass(packet);
    Verdict::Forward(way.to)
}
