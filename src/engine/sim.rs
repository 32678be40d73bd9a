//! A network in memory, for tests of the engines: hosts, NATs (also one behind another), loss and delay. Time is what the
//! test says; the same seed gives the same network.
//!
//! Network 0 is the public one; each NAT has a network inside, with the number that [`Sim::nat`] gives.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use super::chance::Chance;
use super::nat::bindings::{Bindings, Config, Protocol, Step};

/// The network that everybody can reach.
pub const PUBLIC: usize = 0;

/// A datagram on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Datagram {
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
    pub bytes: Vec<u8>,
}

/// What a network does to what crosses it.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The share that is lost.
    pub loss: f64,
    pub least_delay: Duration,
    /// Up to so much more, at random: datagrams overtake each other.
    pub jitter: Duration,
    /// Datagrams with more bytes are lost, as where a NAT lets no fragments through.
    pub most_bytes: usize,
}

impl Default for Link {
    fn default() -> Self {
        Self { loss: 0.0, least_delay: Duration::from_millis(5), jitter: Duration::ZERO, most_bytes: usize::MAX }
    }
}

#[derive(Debug)]
struct Nat {
    bindings: Bindings,
    /// The network that its outside addresses are in.
    outside: usize,
}

#[derive(Debug)]
struct Host {
    address: Ipv4Addr,
    network: usize,
}

/// When, in which order, on which network, what.
type Crossing = Reverse<(Duration, u64, usize, Datagram)>;

/// The network. Hosts are known by the number that [`Sim::host`] gives.
#[derive(Debug)]
pub struct Sim {
    link: Link,
    chance: Chance,
    hosts: Vec<Host>,
    /// The inside of the NAT at `n` is network `n + 1`.
    nats: Vec<Nat>,
    crossing: BinaryHeap<Crossing>,
    order: u64,
    /// The last that a host refused as from itself.
    refused: Option<(usize, Datagram)>,
}

impl Sim {
    pub fn new(link: Link, seed: u64) -> Self {
        Self {
            link,
            chance: Chance::seeded(seed),
            hosts: vec![],
            nats: vec![],
            crossing: BinaryHeap::new(),
            order: 0,
            refused: None,
        }
    }

    /// Puts a host into a network.
    pub fn host(&mut self, network: usize, address: Ipv4Addr) -> usize {
        self.hosts.push(Host { address, network });
        self.hosts.len() - 1
    }

    /// Puts a NAT into a network; the number of the network inside it.
    pub fn nat(&mut self, outside: usize, config: Config) -> usize {
        self.nats.push(Nat { bindings: Bindings::new(config), outside });
        self.nats.len()
    }

    /// Sends a datagram from a host.
    pub fn send(&mut self, now: Duration, host: usize, port: u16, to: SocketAddr, bytes: &[u8]) {
        let (Some(host), SocketAddr::V4(to)) = (self.hosts.get(host), to) else { return };
        let datagram = Datagram { from: SocketAddrV4::new(host.address, port), to, bytes: bytes.to_vec() };
        self.put(now, host.network, datagram);
    }

    /// When something arrives next.
    pub fn next(&self) -> Option<Duration> {
        self.crossing.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next datagram that arrives at a host at or before `now`: when, at which host, and what.
    pub fn arrive(&mut self, now: Duration) -> Option<(Duration, usize, Datagram)> {
        while self.next().is_some_and(|at| at <= now) {
            let Reverse((at, _, network, datagram)) = self.crossing.pop()?;
            if let Some((host, datagram)) = self.cross(at, network, datagram) {
                return Some((at, host, datagram));
            }
        }
        None
    }

    /// What has come to a host from its own address, and was refused: who captures sees it.
    pub fn refused(&mut self) -> Option<(usize, Datagram)> {
        self.refused.take()
    }

    /// Opens a TCP connection and sends over it, at once and without loss: the end that the other side sees, and its host.
    pub fn connect(&mut self, now: Duration, host: usize, port: u16, to: SocketAddr) -> Option<(SocketAddr, usize)> {
        let SocketAddr::V4(to) = to else { return None };
        let host = self.hosts.get(host)?;
        let (mut from, mut network) = (SocketAddrV4::new(host.address, port), host.network);
        loop {
            if let Some(peer) = self.at(network, *to.ip()) {
                return Some((from.into(), peer));
            }
            let nat = self.nats.get_mut(network.checked_sub(1)?)?;
            from = nat.bindings.outbound(now, Protocol::Tcp, from, to, Step::Opens).ok()?;
            network = nat.outside;
        }
    }

    fn put(&mut self, now: Duration, network: usize, datagram: Datagram) {
        if datagram.bytes.len() > self.link.most_bytes || self.chance.happens(self.link.loss) {
            return;
        }
        let jitter = u32::try_from(self.link.jitter.as_micros()).unwrap_or(u32::MAX);
        let more = Duration::from_micros(self.chance.below(jitter).into());
        self.order += 1;
        self.crossing.push(Reverse((now + self.link.least_delay + more, self.order, network, datagram)));
    }

    fn at(&self, network: usize, address: Ipv4Addr) -> Option<usize> {
        self.hosts.iter().position(|host| host.network == network && host.address == address)
    }

    /// A datagram has crossed a network: it is at a host, or at a NAT, which sends it on.
    fn cross(&mut self, now: Duration, network: usize, datagram: Datagram) -> Option<(usize, Datagram)> {
        if let Some(host) = self.at(network, *datagram.to.ip()) {
            // As Linux does: what comes from an address of its own is not from the wire.
            let own = self.hosts.get(host).is_some_and(|host| host.address == *datagram.from.ip());
            if own {
                self.refused = Some((host, datagram));
                return None;
            }
            return Some((host, datagram));
        }
        let Datagram { from, to, bytes } = datagram;
        let owner = self.nats.iter().position(|nat| nat.outside == network && nat.bindings.owns(*to.ip()));
        let (next, from, to) = if let Some(at) = owner {
            let inside = self.nats.get_mut(at)?.bindings.inbound(now, Protocol::Udp, from, to, Step::Goes).ok()?;
            (at + 1, from, inside)
        } else {
            let nat = self.nats.get_mut(network.checked_sub(1)?)?;
            if nat.bindings.owns(*to.ip()) {
                let (from, to) = nat.bindings.hairpin(now, Protocol::Udp, from, to, Step::Goes).ok()?;
                (network, from, to)
            } else {
                (nat.outside, nat.bindings.outbound(now, Protocol::Udp, from, to, Step::Goes).ok()?, to)
            }
        };
        self.put(now, next, Datagram { from, to, bytes });
        None
    }
}
