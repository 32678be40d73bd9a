//! Two machines and a rendezvous in a network in memory: behind every pair of NATs they do what `predict` says.

mod connections;
mod course;
mod crowd;
mod hostile;
mod pairs;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::*;
use crate::engine::nat::bindings::Config;
use crate::engine::nat::{Behaviour, Dependence};
use crate::engine::rendezvous::server::{Bounds, PORT, Server};
use crate::engine::sim::{Datagram, Link, PUBLIC, Sim};

const S: Duration = Duration::from_secs(1);
const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// Where the peers' sockets are.
const PORTS: [u16; 2] = [40_001, 40_002];

fn word() -> Word {
    Word::new(b"tea")
}

/// One side: the NATs from the public network inwards, and the host's address.
#[derive(Clone)]
struct Side {
    nats: Vec<Behaviour>,
    address: Ipv4Addr,
}

fn plan(seed: u64, inside: SocketAddr) -> Plan {
    Plan {
        transport: Transport::Udp,
        session: "lesson".parse().unwrap(),
        server: SocketAddr::new(SERVER.into(), PORT),
        inside: vec![inside],
        word: word(),
        every: 15 * S,
        patience: S,
        relay: true,
        once: true,
        seed,
    }
}

struct World {
    sim: Sim,
    now: Duration,
    third: Server,
    /// It answers nothing.
    silent: bool,
    server: usize,
    hosts: [usize; 2],
    addresses: [Ipv4Addr; 2],
    peers: [Punch; 2],
    events: [Vec<Event>; 2],
    /// Everything that was sent, with who sent it.
    caught: Vec<(usize, Datagram)>,
    catches: bool,
    /// When the peers are started, and when they are killed.
    starts: [Duration; 2],
    ends: [Duration; 2],
}

/// Two sides, next to each other.
fn world(link: Link, sides: [Side; 2], change: impl Fn(usize, &mut Plan)) -> World {
    shared_world(link, None, sides, change)
}

/// Two sides, behind a NAT of a carrier's, if there is one.
fn shared_world(link: Link, carrier: Option<Behaviour>, sides: [Side; 2], change: impl Fn(usize, &mut Plan)) -> World {
    let mut sim = Sim::new(link, 7);
    let server = sim.host(PUBLIC, SERVER);
    let shared = carrier.map_or(PUBLIC, |nat| sim.nat(PUBLIC, Config::new(nat, [203, 0, 113, 100].into())));
    let mut networks = [shared; 2];
    for (side, network) in sides.iter().zip(&mut networks) {
        for (depth, behaviour) in side.nats.iter().enumerate() {
            let last = side.address.octets()[2];
            let first = if carrier.is_some() { [100, 64, 0, last] } else { [203, 0, 113, 100 + last] };
            let outside = if depth == 0 { first } else { [10, 0, last, depth as u8] };
            *network = sim.nat(*network, Config::new(*behaviour, outside.into()));
        }
    }
    let addresses = [sides[0].address, sides[1].address];
    let hosts = [0, 1].map(|one| sim.host(networks[one], addresses[one]));
    let now = S;
    let peers = [0, 1].map(|one| {
        let mut plan = plan(one as u64 + 3, SocketAddr::new(addresses[one].into(), PORTS[one]));
        change(one, &mut plan);
        Punch::new(plan, now)
    });
    World {
        sim,
        now,
        third: Server::new(word(), [9; 32], Bounds::default()),
        silent: false,
        server,
        hosts,
        addresses,
        peers,
        events: [vec![], vec![]],
        caught: vec![],
        catches: false,
        starts: [now; 2],
        ends: [Duration::MAX; 2],
    }
}

impl World {
    /// Lets time go on until both have ended, or until then.
    fn run(&mut self, end: Duration) {
        for _ in 0..200_000 {
            for one in [0, 1] {
                if self.now < self.starts[one] || self.now >= self.ends[one] {
                    continue;
                }
                while let Some(action) = self.peers[one].poll(self.now) {
                    let Action::Send { way, bytes } = action else { panic!("by UDP nothing is connected") };
                    let to = match way {
                        Way::Rendezvous => SocketAddr::new(SERVER.into(), PORT),
                        Way::Datagram(to) => to,
                        Way::Connection(_) => panic!("by UDP nothing is connected"),
                    };
                    if self.catches {
                        let from = std::net::SocketAddrV4::new(self.addresses[one], PORTS[one]);
                        let SocketAddr::V4(to) = to else { continue };
                        self.caught.push((one, Datagram { from, to, bytes: bytes.clone() }));
                    }
                    self.sim.send(self.now, self.hosts[one], PORTS[one], to, &bytes);
                }
                while let Some(event) = self.peers[one].event() {
                    self.events[one].push(event);
                }
            }
            if self.peers.iter().all(|peer| peer.ended().is_some()) {
                return;
            }
            let starts = self.starts.iter().copied().filter(|start| *start > self.now);
            let alive = |one: &usize| self.starts[*one] <= self.now && self.now < self.ends[*one];
            let begun = [0, 1].into_iter().filter(alive);
            let deadlines = begun.filter_map(|one| self.peers[one].deadline());
            let next = self.sim.next().into_iter().chain(deadlines).chain(starts).min();
            let next = next.map_or(end + S, |next| next.max(self.now));
            if next > end {
                self.now = end;
                return;
            }
            self.now = next;
            while let Some((at, host, datagram)) = self.sim.arrive(self.now) {
                let from = datagram.from.into();
                if host == self.server {
                    let answers = self.third.handle(at, Transport::Udp, from, &datagram.bytes);
                    for answer in answers.iter().filter(|_| !self.silent) {
                        self.sim.send(at, self.server, PORT, answer.to, &answer.bytes);
                    }
                } else if let Some(one) = self.hosts.iter().position(|known| *known == host)
                    && datagram.to.port() == PORTS[one]
                    && self.starts[one] <= at
                    && at < self.ends[one]
                {
                    self.peers[one].handle(at, Input::Datagram { from, bytes: &datagram.bytes });
                }
            }
        }
        panic!("it does not end");
    }

    /// One of them is started later.
    fn late(&mut self, one: usize, at: Duration) {
        self.peers[one] = Punch::new(self.peers[one].plan.clone(), at);
        self.starts[one] = at;
    }

    fn saw(&self, one: usize, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events[one].iter().any(wanted)
    }

    fn reach(&self, one: usize) -> Reach {
        self.peers[one].report().reach
    }
}

/// All kinds of NAT: mapping by filtering.
fn kinds() -> Vec<Behaviour> {
    let mut all = Vec::new();
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            let mut nat = Behaviour { filtering, ..Behaviour::default() };
            nat.map_by(mapping);
            all.push(nat);
        }
    }
    all
}

fn behind(nats: &[Behaviour], last: u8) -> Side {
    Side { nats: nats.to_vec(), address: Ipv4Addr::new(192, 168, last, 10) }
}
