//! Is it there, and how far: probes that count upwards, what an answer to one means, and when the next one is due.
//!
//! A probe is an echo request (RFC 792, RFC 4443 §4.1), a SYN (RFC 9293 §3.5) or a datagram. [`Ping`] sends them at a
//! pace, [`Route`] with a time to live that rises, so that each router on the way tells of itself (RFC 1812 §5.3.1).
//!
//! Trap: nothing proves who sent an answer. Whoever hands one in has held it against the probe's identifier or socket;
//! what fits no probe that is remembered is passed over.

pub mod echo;
pub mod packet;
mod pinging;
mod route;
pub mod statistics;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use pinging::{Pace, Ping};
pub use route::{Plan, Route};
pub use statistics::Statistics;

use super::doctor::facts::Icmp;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// An echo request: ICMP, or ICMPv6.
    Echo,
    /// A SYN, which the kernel makes.
    Tcp,
    /// A datagram.
    Udp,
}

/// To whom; the port is 0 where the protocol has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: SocketAddr,
    pub protocol: Protocol,
}

/// One to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// From 1. An echo request's sequence number is its last 16 bits.
    pub number: u64,
    /// The time to live, or hop limit; `None`: what was chosen for all.
    pub ttl: Option<u8>,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An echo reply with so many bytes of data, and whether they are those that were sent.
    Echo { length: usize, same: bool },
    /// SYN+ACK: somebody listens.
    Open,
    /// RST: nobody listens there, but the host is there.
    Reset,
    /// A datagram of so many bytes.
    Datagram { length: usize },
    /// An ICMP or ICMPv6 error; `info`: the MTU, where it tells one.
    Icmp { kind: u8, code: u8, info: u32 },
    /// This machine could not send it, or gave up: an errno.
    Local(i32),
}

/// What came back, from whom, and with what time to live, as far as the kernel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub what: What,
    pub from: Option<IpAddr>,
    pub ttl: Option<u8>,
}

impl Answer {
    /// The ICMP error that it is.
    pub fn icmp(&self, target: &Target) -> Option<Icmp> {
        match self.what {
            What::Icmp { kind, code, info } => Some(Icmp::of(target.address.is_ipv6(), kind, code, info)),
            _ => None,
        }
    }

    /// Whether it is the target's own, so that the target is there. To a datagram 'nobody has the port' is one
    /// (RFC 1122 §4.1.3.1).
    pub fn reached(&self, target: &Target) -> bool {
        match self.what {
            What::Echo { .. } | What::Open | What::Reset | What::Datagram { .. } => true,
            What::Icmp { .. } => {
                let own = self.from.is_none_or(|from| from == target.address.ip());
                target.protocol == Protocol::Udp && own && self.icmp(target) == Some(Icmp::Port)
            }
            What::Local(_) => false,
        }
    }

    /// How many routers it has passed, if it set out with the next of the usual times to live (32, 64, 128, 255); the
    /// number that it is thought to have begun with.
    pub fn hops(&self) -> Option<(u8, u8)> {
        let ttl = self.ttl.filter(|ttl| *ttl > 0)?;
        let began = [32, 64, 128].into_iter().find(|usual| ttl <= *usual).unwrap_or(255);
        Some((began - ttl, began))
    }
}

/// What happened, for whoever shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Sent(Probe),
    /// The target has answered; `late`: the probe had been given up, `again`: it was answered before.
    Answered {
        number: u64,
        answer: Answer,
        round_trip: Duration,
        late: bool,
        again: bool,
    },
    /// Somebody on the way has, or this machine: it does not arrive.
    Failed {
        number: u64,
        answer: Answer,
        round_trip: Duration,
    },
    /// Nothing came for so long.
    Unanswered {
        number: u64,
        waited: Duration,
    },
    /// All that is known of one hop; the probes in the order in which they were sent.
    Hop {
        ttl: u8,
        probes: Vec<Option<(Answer, Duration)>>,
    },
}

/// A machine that sends probes. Times are since a moment that the caller chooses, the same for all calls.
pub trait Course {
    /// The probe that is to be sent now, if one is due.
    fn transmit(&mut self, now: Duration) -> Option<Probe>;
    /// What came back to the probe of this number, and when.
    fn handle(&mut self, now: Duration, number: u64, answer: Answer);
    /// Lets time pass.
    fn handle_time(&mut self, now: Duration);
    /// The next thing that happened, and when.
    fn event(&mut self) -> Option<(Duration, Event)>;
    /// Until when to wait for answers; `None`: it is over.
    fn wait(&self) -> Option<Duration>;
    /// Sends no more, and waits for nothing.
    fn stop(&mut self, now: Duration);
    /// Probes that were sent.
    fn sent(&self) -> u64;

    /// The number of the probe with this echo sequence number: the latest, as they begin anew after 65,535.
    fn number_of(&self, sequence: u16) -> Option<u64> {
        let back = (self.sent() as u16).wrapping_sub(sequence);
        self.sent().checked_sub(back.into()).filter(|number| *number > 0)
    }
}
