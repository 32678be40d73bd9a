//! A STUN server (RFC 8489) that also helps to find out how a NAT behaves (RFC 5780), as a pure machine: datagrams in,
//! at most one answer out.
//!
//! Guarantee: an answer, IP and UDP headers counted, is at most one and a half times as long as its request, and goes to
//! the address that the request came from; so many answers go out in a second, to one source and in all. What is no
//! request is counted and gets no answer. Attributes that do not fit are left out, those that a client needs last.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::limit::{Limiter, Limits};
use crate::wire::stun::{self, Class, Draft, Message};

/// What a server says that it is.
const SOFTWARE: &[u8] = b"netlab nat serve";
const KNOWN: [u16; 3] = [stun::CHANGE_REQUEST, stun::RESPONSE_PORT, stun::PADDING];

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    Udp,
    Tcp,
}

/// The sockets of a server: `address` and `port` are 0 or 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    pub address: usize,
    pub port: usize,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sockets {
    /// At one socket; what its address is need not be known. RFC 5780 §6: it has no OTHER-ADDRESS, and answers a
    /// CHANGE-REQUEST by an error.
    One(Option<SocketAddr>),
    /// At two ports of each of two addresses.
    Four { addresses: [IpAddr; 2], ports: [u16; 2] },
}

/// What has been counted, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub answered: u64,
    /// Of the answers, those that say that something was wrong.
    pub errors: u64,
    /// What is no STUN request.
    pub garbage: u64,
    /// Requests beyond the limits.
    pub limited: u64,
}

/// What to send, and through which socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub from: Place,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// A server. Times are since a moment that the caller chooses.
#[derive(Debug)]
pub struct Server {
    sockets: Sockets,
    limiter: Limiter,
    tally: Tally,
}

/// A message that may be so long.
struct Budget {
    draft: Draft,
    left: usize,
}

impl Budget {
    fn add(self, length: usize, add: impl FnOnce(Draft) -> Draft) -> Self {
        let whole = 4 + length.next_multiple_of(4);
        match self.left.checked_sub(whole) {
            Some(left) => Self { draft: add(self.draft), left },
            None => self,
        }
    }

    fn address(self, kind: u16, address: SocketAddr) -> Self {
        let length = if address.is_ipv4() { 8 } else { 20 };
        self.add(length, |draft| draft.with_address(kind, address))
    }
}

impl Server {
    /// `limits`: answers in a second.
    pub fn new(sockets: Sockets, limits: Limits) -> Self {
        Self { sockets, limiter: Limiter::new(limits), tally: Tally::default() }
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes in what came at `place` from `from`.
    pub fn handle(
        &mut self,
        now: Duration,
        place: Place,
        transport: Transport,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Option<Answer> {
        let asks = |message: &Message<'_>| message.class == Class::Request && message.method == stun::BINDING;
        let Some(request) = Message::read(bytes).ok().filter(asks) else {
            self.tally.garbage += 1;
            return None;
        };
        // Nobody is there: a forged source.
        if from.port() == 0 || from.ip().is_multicast() || from.ip().is_unspecified() {
            self.tally.garbage += 1;
            return None;
        }
        if !self.limiter.admits(now, from.ip()) {
            self.tally.limited += 1;
            return None;
        }
        self.tally.answered += 1;
        let answer = self.answer(place, transport, from, &request, bytes.len());
        if answer.is_err() {
            self.tally.errors += 1;
        }
        Some(answer.unwrap_or_else(|draft| Answer { from: place, to: from, bytes: draft }))
    }

    /// A request's answer; an error's message in `Err`.
    fn answer(
        &self,
        place: Place,
        transport: Transport,
        from: SocketAddr,
        request: &Message<'_>,
        length: usize,
    ) -> Result<Answer, Vec<u8>> {
        let headers = if from.is_ipv4() { 28 } else { 48 };
        let most = (length + headers) * 3 / 2 - headers;
        let start = |class| Budget {
            draft: Draft::new(class, stun::BINDING, request.transaction),
            left: most.saturating_sub(stun::HEADER),
        };
        let turns = matches!(self.sockets, Sockets::Four { .. }) && transport == Transport::Udp;
        // What this server cannot do it does not know.
        let known: &[u16] = if turns { &KNOWN } else { KNOWN.get(1..).unwrap_or_default() };
        let unknown: Vec<u16> = request.unknown(known).take(16).collect();
        if !unknown.is_empty() {
            // Each of them made the request at least twice as much longer as it makes the answer.
            let reason = if most >= 60 { "Unknown Attribute" } else { "" };
            return Err(start(Class::Error).draft.with_error(420, reason).with_unknown(&unknown).finish(false));
        }
        if request.value(stun::PADDING).is_some() && request.value(stun::RESPONSE_PORT).is_some() {
            // RFC 5780 §6.1: together they would send what many fragments carry to somebody else's port.
            return Err(start(Class::Error).draft.with_error(400, "Bad Request").finish(false));
        }
        let change = request.change().unwrap_or_default();
        let origin =
            Place { address: place.address ^ usize::from(change.address), port: place.port ^ usize::from(change.port) };
        let other = Place { address: place.address ^ 1, port: place.port ^ 1 };
        let mut answer = start(Class::Success).address(stun::XOR_MAPPED_ADDRESS, from);
        if let Some(other) = self.at(other).filter(|_| matches!(self.sockets, Sockets::Four { .. })) {
            answer = answer.address(stun::OTHER_ADDRESS, other);
        }
        answer = answer.address(stun::MAPPED_ADDRESS, from);
        if let Some(origin) = self.at(origin) {
            answer = answer.address(stun::RESPONSE_ORIGIN, origin);
        }
        if let Some(padding) = request.value(stun::PADDING) {
            // As long as what came, so that it too comes in fragments (RFC 5780 §6.1).
            answer = answer.add(padding.len(), |draft| draft.with(stun::PADDING, padding));
        }
        answer = answer.add(SOFTWARE.len(), |draft| draft.with(stun::SOFTWARE, SOFTWARE));
        let to = match request.response_port().filter(|port| *port != 0 && transport == Transport::Udp) {
            Some(port) => SocketAddr::new(from.ip(), port),
            None => from,
        };
        Ok(Answer { from: origin, to, bytes: answer.draft.finish(false) })
    }

    fn at(&self, place: Place) -> Option<SocketAddr> {
        match &self.sockets {
            Sockets::One(address) => *address,
            Sockets::Four { addresses, ports } => {
                Some(SocketAddr::new(*addresses.get(place.address)?, *ports.get(place.port)?))
            }
        }
    }
}
