//! Who listens where, since when, and which sockets have ended: what may be said of a moment that has passed.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::lookout::{Look, Taker};
use super::recent::Recent;
use crate::frame::Timestamp;
use crate::process::{Certainty, End, Transport};

/// Sockets remembered that ended, in each half.
const ENDED: usize = 1 << 15;

/// What the listeners say of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Claim {
    /// Not known yet.
    Open,
    /// It is this program's.
    Sure(End),
    /// It is this program's if somebody took it: the listener was first seen after the connection was asked for.
    IfTaken(End),
    /// Nobody can say.
    Nobody,
}

impl Claim {
    /// Whose it is, as far as that is sure.
    pub fn end(self, taken: bool) -> Option<End> {
        match self {
            Self::Sure(end) => Some(end),
            Self::IfTaken(end) if taken => Some(end),
            _ => None,
        }
    }
}

/// The sockets that may have taken something.
pub struct Found {
    pub inodes: Vec<u32>,
    /// They were there before.
    sure: bool,
}

impl Found {
    pub fn claim(&self, end: End) -> Claim {
        if self.sure { Claim::Sure(end) } else { Claim::IfTaken(end) }
    }
}

pub struct Listeners {
    /// Everything up to then is known.
    begun: Timestamp,
    untold: Timestamp,
    untold_connections: Timestamp,
    takers: HashMap<(Transport, u16), Vec<Taker>>,
    /// By port: when the last socket ended that was not connected, or connected by UDP.
    ended: Recent<(Transport, u16), Timestamp>,
    /// When the last connection between these ended; the remote port is 0 where it was reset.
    ended_between: Recent<(SocketAddr, SocketAddr), Timestamp>,
}

impl Listeners {
    pub fn new() -> Self {
        Self {
            begun: Timestamp(i64::MIN),
            untold: Timestamp(i64::MIN),
            untold_connections: Timestamp(i64::MIN),
            takers: HashMap::new(),
            ended: Recent::new(ENDED),
            ended_between: Recent::new(ENDED),
        }
    }

    /// The moment up to which everything is known.
    pub fn known_until(&self) -> Timestamp {
        self.begun
    }

    pub fn update(&mut self, look: Look) {
        let mut takers: HashMap<(Transport, u16), Vec<Taker>> = HashMap::new();
        for taker in look.takers {
            takers.entry((taker.transport, taker.local.port())).or_default().push(taker);
        }
        // Who is no longer in the list has ended, whether a notice came or not.
        let before = std::mem::replace(&mut self.takers, takers);
        for (port, before) in before {
            let now = self.takers.get(&port);
            let is_there = |old: &Taker| now.is_some_and(|now| now.iter().any(|taker| taker.cookie == old.cookie));
            if !before.iter().all(is_there) {
                self.end(port, look.listed);
            }
        }
        for ended in look.ended {
            self.end((ended.transport, ended.local.port()), ended.at);
        }
        for ended in look.ended_connections {
            let gone = self.ended_between.put((ended.local, ended.remote), ended.at);
            let forgotten = gone.into_values().max().unwrap_or(self.untold_connections);
            self.untold_connections = forgotten.max(self.untold_connections);
        }
        self.untold = self.untold.max(look.untold);
        self.untold_connections = self.untold_connections.max(look.untold_connections);
        self.begun = look.begun;
    }

    fn end(&mut self, port: (Transport, u16), at: Timestamp) {
        let gone = self.ended.put(port, at);
        self.untold = gone.into_values().max().unwrap_or(self.untold).max(self.untold);
    }

    /// Whether a socket between these two may have ended at `since` or later.
    pub fn may_have_ended(&self, local: SocketAddr, remote: SocketAddr, since: Timestamp) -> bool {
        let reset = SocketAddr::new(remote.ip(), 0);
        self.untold_connections >= since
            || [remote, reset].iter().any(|remote| self.ended_between.get(&(local, *remote)).is_some_and(|at| *at >= since))
            // Reset, and its own address taken away as well.
            || self.ended_between.get(&(unspecified(local), reset)).is_some_and(|at| *at >= since)
    }

    /// The listeners of which one took what was asked for at `begun`; `None` where that cannot be said.
    pub fn of_connection(&self, local: SocketAddr, interface: Option<u32>, begun: Timestamp) -> Option<Found> {
        let port = (Transport::Tcp, local.port());
        if self.untold >= begun || self.ended.get(&port).is_some_and(|at| *at >= begun) {
            return None;
        }
        let best = best(self.takers.get(&port)?, local.ip(), interface);
        let sure = best.iter().all(|taker| taker.since <= begun);
        (!best.is_empty()).then(|| Found { inodes: best.iter().map(|taker| taker.inode).collect(), sure })
    }

    /// The sockets of which one sent or took a datagram at `time`; exact where one is connected to the other end.
    pub fn of_datagram(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        sends: bool,
        interface: Option<u32>,
        time: Timestamp,
    ) -> Option<(Vec<u32>, Certainty)> {
        let port = (Transport::Udp, local.port());
        if self.untold >= time || self.ended.get(&port).is_some_and(|at| *at >= time) {
            return None;
        }
        let all: Vec<Taker> =
            self.takers.get(&port)?.iter().filter(|taker| matches(taker, local.ip(), interface)).copied().collect();
        let connected: Vec<Taker> = all.iter().filter(|taker| taker.remote == Some(remote)).copied().collect();
        let (found, certainty) = if !connected.is_empty() {
            (connected, Certainty::Exact)
        } else if sends {
            // Whoever has the port may send from it, whichever address it is bound to.
            (all, Certainty::ByListener)
        } else {
            let open: Vec<Taker> = all.into_iter().filter(|taker| taker.remote.is_none()).collect();
            (best(&open, local.ip(), interface), Certainty::ByListener)
        };
        // Who sent must have been there; who is sent something may have come later.
        let there = sends || found.iter().all(|taker| taker.since <= time);
        (there && !found.is_empty()).then(|| (found.iter().map(|taker| taker.inode).collect(), certainty))
    }
}

fn unspecified(address: SocketAddr) -> SocketAddr {
    let any = if address.is_ipv4() { IpAddr::from([0u8; 4]) } else { IpAddr::from([0u8; 16]) };
    SocketAddr::new(any, address.port())
}

/// Whether a socket takes what comes to that address.
fn matches(taker: &Taker, address: IpAddr, interface: Option<u32>) -> bool {
    let device = taker.interface == 0 || interface.is_none_or(|interface| interface == taker.interface);
    let bound = taker.local.ip();
    let any = bound.is_unspecified() && (bound.is_ipv4() == address.is_ipv4() || (bound.is_ipv6() && !taker.six_only));
    device && (bound == address || any)
}

/// Those that the kernel prefers: a specific address before any (net/ipv4/inet_hashtables.c, compute_score); among
/// them one bound to the interface, then one of the packet's own family. Where the interface is not known, those that
/// are bound to one may be it or not.
fn best(takers: &[Taker], address: IpAddr, interface: Option<u32>) -> Vec<Taker> {
    let matching: Vec<&Taker> = takers.iter().filter(|taker| matches(taker, address, interface)).collect();
    let score = |taker: &Taker| {
        let bound = taker.local.ip();
        (!bound.is_unspecified(), interface.is_some() && taker.interface != 0, bound.is_ipv4() == address.is_ipv4())
    };
    let most = matching.iter().map(|taker| score(taker)).max();
    let doubtful = |taker: &Taker| interface.is_none() && taker.interface != 0;
    matching.into_iter().filter(|taker| Some(score(taker)) == most || doubtful(taker)).copied().collect()
}

#[cfg(test)]
mod tests;
