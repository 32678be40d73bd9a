//! The machine in a network in memory, against NATs that behave as they were built: it reports just that.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::*;
use crate::engine::limit::Limits;
use crate::engine::nat::bindings::Config;
use crate::engine::nat::{Behaviour, Pooling, Ports, Refresh};
use crate::engine::sim::{Link, PUBLIC, Sim};
use crate::engine::stun::{Place, Server, Sockets, Transport};
use crate::wire::stun::{self, Draft, Message};

const SERVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(203, 0, 113, 10), Ipv4Addr::new(203, 0, 113, 11)];
const PORTS: [u16; 2] = [3478, 3479];
const S: Duration = Duration::from_secs(1);

/// What is between the client and the server, and what is changed in answers.
struct World {
    sim: Sim,
    server: Server,
    servers: Vec<usize>,
    hosts: Vec<usize>,
    addresses: Vec<Ipv4Addr>,
    spoil: fn(Vec<u8>) -> Option<Vec<u8>>,
    /// Each datagram that the client gets comes twice, the second time with another transaction, and garbage before it.
    hostile: bool,
    /// The server knows nothing of RFC 5780: what a request has in it is not looked at.
    plain: bool,
    /// The client may look at what arrives.
    captures: bool,
}

fn world(link: Link, nats: &[Behaviour], sockets: Sockets) -> World {
    let mut sim = Sim::new(link, 7);
    let servers = SERVERS.map(|address| sim.host(PUBLIC, address)).to_vec();
    let mut network = PUBLIC;
    for (depth, behaviour) in nats.iter().enumerate() {
        let outside = if depth == 0 { [203, 0, 113, 1] } else { [10, depth as u8, 0, 9] };
        network = sim.nat(network, Config::new(*behaviour, outside.into()));
    }
    let addresses: Vec<Ipv4Addr> = if nats.is_empty() {
        [[203, 0, 113, 50], [203, 0, 113, 51]].map(Ipv4Addr::from).to_vec()
    } else {
        [[192, 168, 1, 10], [192, 168, 1, 11]].map(Ipv4Addr::from).to_vec()
    };
    let hosts = addresses.iter().map(|address| sim.host(network, *address)).collect();
    World {
        sim,
        server: Server::new(sockets, limits()),
        servers,
        hosts,
        addresses,
        spoil: Some,
        hostile: false,
        plain: false,
        captures: false,
    }
}

fn limits() -> Limits {
    Limits { source: 10_000, all: 10_000 }
}

fn four() -> Sockets {
    Sockets::Four { addresses: SERVERS.map(Into::into), ports: PORTS }
}

fn plan() -> Plan {
    Plan {
        server: SocketAddr::new(SERVERS[0].into(), PORTS[0]),
        server2: None,
        beside: true,
        tcp: true,
        max_lifetime: Duration::ZERO,
        seed: 3,
    }
}

/// Runs the machine to its end: what it reports, and when that was.
fn discover(world: &mut World, plan: Plan) -> (Report, Duration) {
    let mut now = S;
    let mut machine = Discovery::new(plan, now);
    // By number: host and port.
    let mut sockets: Vec<(usize, u16)> = Vec::new();
    let mut overhears = false;
    for _ in 0..100_000 {
        while let Some(action) = machine.poll(now) {
            match action {
                Action::Open { socket, host } => {
                    assert_eq!(socket, sockets.len());
                    // No port twice, even and odd ones.
                    let port = 20_000 + 7 * socket as u16;
                    sockets.push((host, port));
                    let local = SocketAddr::new(world.addresses[host].into(), port);
                    machine.handle(now, Input::Opened { socket, local });
                }
                Action::Send { socket, to, bytes } => {
                    let (host, port) = sockets[socket];
                    world.sim.send(now, world.hosts[host], port, to, &bytes);
                }
                Action::Overhear { on } => overhears = on && world.captures,
                Action::Close { socket } => sockets[socket].1 = 0,
                Action::Connect { exchange, port, to, bytes } => {
                    let port = if port == 0 { 50_000 } else { port };
                    let local = SocketAddr::new(world.addresses[0].into(), port);
                    let seen = world.sim.connect(now, world.hosts[0], port, to);
                    let place = seen.and_then(|(_, peer)| world.place(peer, to.port()));
                    let answer = seen
                        .zip(place)
                        .and_then(|((from, _), place)| world.server.handle(now, place, Transport::Tcp, from, &bytes));
                    match answer {
                        Some(answer) => {
                            machine.handle(now, Input::Stream { exchange, local, bytes: &answer.bytes });
                        }
                        None => machine.handle(now, Input::Broken { exchange }),
                    }
                }
            }
        }
        if machine.is_done() {
            return (machine.report().clone(), now);
        }
        let next = [world.sim.next(), machine.deadline()].into_iter().flatten().min();
        now = next.expect("a machine that is not done waits for something").max(now);
        loop {
            let arrived = world.sim.arrive(now);
            if let Some((_, datagram)) = world.sim.refused().filter(|_| overhears) {
                machine.handle(now, Input::Overheard { packet: &packet(&datagram) });
            }
            let Some((at, host, datagram)) = arrived else { break };
            if let Some(client) = world.hosts.iter().position(|known| *known == host) {
                let port = datagram.to.port();
                let socket = sockets.iter().position(|known| *known == (client, port));
                if overhears {
                    machine.handle(now, Input::Overheard { packet: &packet(&datagram) });
                }
                let Some((socket, bytes)) = socket.zip((world.spoil)(datagram.bytes)) else { continue };
                let from = datagram.from.into();
                if world.hostile {
                    let mut other = bytes.clone();
                    other[9] ^= 1;
                    for bytes in [&b"garbage"[..], &[], &bytes[..bytes.len() - 3], &other] {
                        machine.handle(now, Input::Datagram { socket, from, bytes });
                    }
                }
                machine.handle(now, Input::Datagram { socket, from, bytes: &bytes });
                if world.hostile {
                    machine.handle(now, Input::Datagram { socket, from, bytes: &bytes });
                }
            } else if let Some(place) = world.place(host, datagram.to.port()) {
                let from = datagram.from.into();
                let mut bytes = datagram.bytes;
                if let Some(message) = Message::read(&bytes).ok().filter(|_| world.plain) {
                    bytes = Draft::new(message.class, message.method, message.transaction).finish(false);
                }
                let answer = world.server.handle(at, place, Transport::Udp, from, &bytes);
                let Some(answer) = answer else { continue };
                let socket = PORTS[answer.from.port];
                world.sim.send(at, world.servers[answer.from.address], socket, answer.to, &answer.bytes);
            }
        }
    }
    panic!("it does not end: {:?}", machine.doing());
}

/// A datagram as it is on the wire.
fn packet(datagram: &crate::engine::sim::Datagram) -> Vec<u8> {
    let length = |headers: usize| ((datagram.bytes.len() + headers) as u16).to_be_bytes();
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
    packet[2..4].copy_from_slice(&length(28));
    packet.extend(datagram.from.ip().octets());
    packet.extend(datagram.to.ip().octets());
    packet.extend([datagram.from.port(), datagram.to.port()].iter().flat_map(|port| port.to_be_bytes()));
    packet.extend(length(8));
    packet.extend([0, 0]);
    packet.extend(&datagram.bytes);
    packet
}

impl World {
    fn place(&self, host: usize, port: u16) -> Option<Place> {
        let address = self.servers.iter().position(|known| *known == host)?;
        Some(Place { address, port: PORTS.iter().position(|known| *known == port)? })
    }
}

#[track_caller]
fn equals(report: &Report, nat: &Behaviour) {
    let built = format!("{nat:?}\n{report:#?}");
    assert_eq!(report.mapping, Ok(Some(nat.mapping)), "{built}");
    assert_eq!(report.filtering, Ok(Some(nat.filtering)), "{built}");
    assert_eq!(report.hairpin, Ok(nat.hairpinning), "{built}");
    assert_eq!(report.port_preserved, Ok(nat.ports == Ports::Preserved), "{built}");
    assert_eq!(report.port_parity, Ok(nat.ports != Ports::Random), "{built}");
    assert_eq!(report.tcp_mapping, Ok(Some(nat.mapping)), "{built}");
    assert_eq!((&report.fragments, &report.alg), (&Ok(true), &Ok(false)), "{built}");
    assert_eq!(report.external.map(|end| end.ip()), Some([203, 0, 113, 1].into()), "{built}");
    assert_eq!(report.pooling, Ok(Pooling::Paired), "{built}");
}

#[test]
fn reports_exactly_what_was_built() {
    let mut count = 0;
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            for hairpinning in Hairpinning::ALL {
                for ports in Ports::ALL {
                    let nat = Behaviour { mapping, filtering, hairpinning, ports, ..Behaviour::default() };
                    let (report, took) = discover(&mut world(Link::default(), &[nat], four()), plan());
                    equals(&report, &nat);
                    assert!(took < 15 * S, "{took:?}");
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 81);
}

#[test]
fn brackets_the_lifetime_that_was_built() {
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            for (number, seconds) in [1.7, 5.0, 30.0, 119.0].into_iter().enumerate() {
                let udp_timeout = Duration::from_secs_f64(seconds);
                let refresh = Refresh::ALL[(number + mapping as usize + filtering as usize) % 2];
                let nat = Behaviour { mapping, filtering, udp_timeout, refresh, ..Behaviour::default() };
                let plan = Plan { max_lifetime: udp_timeout * 3, ..plan() };
                let most = plan.max_lifetime;
                let (report, took) = discover(&mut world(Link::default(), &[nat], four()), plan);
                equals(&report, &nat);
                let short = udp_timeout < 2 * S;
                assert!(report.refresh == Ok(nat.refresh) || short && report.refresh.is_err(), "{report:#?}");
                let (lower, upper) = report.lifetime.clone().expect("a lifetime");
                let upper = upper.expect("an end");
                assert!(lower <= udp_timeout && udp_timeout < upper, "{udp_timeout:?}: {lower:?} {upper:?}");
                assert!(upper - lower <= (most / 100).max(Duration::from_millis(600)), "{lower:?} {upper:?}");
                assert!(took < 20 * S + udp_timeout * 6, "{udp_timeout:?} took {took:?}");
            }
        }
    }
}

#[test]
fn says_that_a_mapping_outlives_the_wait() {
    let plan = Plan { max_lifetime: 10 * S, ..plan() };
    let (report, _) = discover(&mut world(Link::default(), &[Behaviour::default()], four()), plan);
    let (lower, upper) = report.lifetime.expect("a lifetime");
    assert!(lower >= 9 * S && upper.is_none(), "{lower:?} {upper:?}");
    assert!(report.refresh.is_err_and(|why| why.contains("outlived")));
}

#[test]
fn loss_and_delay_change_no_verdict() {
    for (number, mapping) in Dependence::ALL.into_iter().enumerate() {
        for filtering in Dependence::ALL {
            for (loss, delay) in [(0.05, 30), (0.0, 300), (0.02, 1)] {
                let hairpinning = Hairpinning::ALL[number];
                let udp_timeout = 20 * S;
                let refresh = Refresh::ALL[usize::from(loss > 0.03)];
                let nat = Behaviour { mapping, filtering, hairpinning, udp_timeout, refresh, ..Behaviour::default() };
                let delay = Duration::from_millis(delay);
                let link = Link { loss, least_delay: delay, jitter: delay, ..Link::default() };
                let plan = Plan { max_lifetime: 40 * S, ..plan() };
                let (report, _) = discover(&mut world(link, &[nat], four()), plan);
                equals(&report, &nat);
                assert_eq!(report.refresh, Ok(refresh), "{report:#?}");
                let (lower, upper) = report.lifetime.expect("a lifetime");
                assert!(lower <= udp_timeout && upper.is_some_and(|upper| udp_timeout < upper), "{lower:?} {upper:?}");
            }
        }
    }
}

#[test]
fn the_stricter_of_two_nats_shows() {
    let nat = |mapping, filtering| Behaviour { mapping, filtering, ..Behaviour::default() };
    use Dependence::{AddressAndPortDependent as Port, AddressDependent as Address, EndpointIndependent as Open};
    for (inner, outer, mapping, filtering) in [
        (nat(Open, Port), nat(Open, Open), Open, Port),
        (nat(Open, Open), nat(Port, Open), Port, Open),
        (nat(Address, Address), nat(Open, Port), Address, Port),
    ] {
        let (report, _) = discover(&mut world(Link::default(), &[outer, inner], four()), plan());
        assert_eq!((report.mapping, report.filtering), (Ok(Some(mapping)), Ok(Some(filtering))));
    }
}

#[test]
fn without_a_nat_there_is_none() {
    let (report, _) = discover(&mut world(Link::default(), &[], four()), Plan { max_lifetime: 9 * S, ..plan() });
    assert_eq!((&report.mapping, &report.filtering, &report.tcp_mapping), (&Ok(None), &Ok(None), &Ok(None)));
    assert_eq!(report.external, report.local);
    assert!(report.hairpin.is_err() && report.lifetime.is_err());
    assert!(report.refresh.is_err() && report.pooling.is_err());
}

#[test]
fn one_address_tells_less_and_says_why() {
    for mapping in Dependence::ALL {
        let nat = Behaviour { mapping, ..Behaviour::default() };
        let sockets = Sockets::One(None);
        let (report, _) = discover(&mut world(Link::default(), &[nat], sockets), plan());
        match mapping {
            // Both ports of the first address are there in this world, though the server does not say so.
            Dependence::AddressAndPortDependent => assert_eq!(report.mapping, Ok(Some(mapping))),
            _ => assert!(report.mapping.is_err_and(|why| why.contains("--server2"))),
        }
        assert!(report.filtering.is_err_and(|why| why.contains("420")));
        assert_eq!(report.port_preserved, Ok(true));

        let server2 = Some(SocketAddr::new(SERVERS[1].into(), PORTS[0]));
        let (report, _) = discover(&mut world(Link::default(), &[nat], sockets), Plan { server2, ..plan() });
        assert_eq!(report.mapping, Ok(Some(mapping)));
    }
}

#[test]
fn one_host_does_not_take_internal_for_off() {
    for (hairpinning, told) in
        [(Hairpinning::External, true), (Hairpinning::Internal, false), (Hairpinning::Off, false)]
    {
        let nat = Behaviour { hairpinning, ..Behaviour::default() };
        let (report, _) = discover(&mut world(Link::default(), &[nat], four()), Plan { beside: false, ..plan() });
        assert_eq!(report.hairpin.is_ok(), told, "{:?}", report.hairpin);
        assert!(told || report.hairpin.is_err_and(|why| why.contains("a second host")));
    }
}

#[test]
fn one_host_that_captures_tells_internal_from_off() {
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            for hairpinning in Hairpinning::ALL {
                let nat = Behaviour { mapping, filtering, hairpinning, ..Behaviour::default() };
                let mut world = world(Link { loss: 0.05, ..Link::default() }, &[nat], four());
                (world.captures, world.hostile) = (true, true);
                let (report, _) = discover(&mut world, Plan { beside: false, ..plan() });
                assert_eq!(report.hairpin, Ok(hairpinning), "{nat:?}");
            }
        }
    }
}

#[test]
fn says_that_fragments_are_lost() {
    let link = Link { most_bytes: 1472, ..Link::default() };
    let (report, _) = discover(&mut world(link, &[Behaviour::default()], four()), plan());
    assert_eq!(report.fragments, Ok(false));
    assert_eq!(report.filtering, Ok(Some(Behaviour::default().filtering)));
}

#[test]
fn sees_who_rewrites_addresses_in_datagrams() {
    let mut world = world(Link::default(), &[Behaviour::default()], four());
    world.spoil = |bytes| {
        let message = Message::read(&bytes).ok()?;
        let kinds = [stun::XOR_MAPPED_ADDRESS, stun::OTHER_ADDRESS];
        let draft = kinds.iter().fold(Draft::new(message.class, message.method, message.transaction), |draft, kind| {
            message.address(*kind).map_or(draft.clone(), |address| draft.with_address(*kind, address))
        });
        // The outside address where it stands open, as an old router's ALG replaces it.
        Some(draft.with_address(stun::MAPPED_ADDRESS, "192.168.1.10:9".parse().ok()?).finish(false))
    };
    let (report, _) = discover(&mut world, plan());
    assert_eq!(report.alg, Ok(true));
    assert_eq!(report.mapping, Ok(Some(Behaviour::default().mapping)));
}

#[test]
fn garbage_copies_and_foreign_answers_change_nothing() {
    let nat = Behaviour { hairpinning: Hairpinning::External, ..Behaviour::default() };
    let mut world = world(Link::default(), &[nat], four());
    world.hostile = true;
    let (report, _) = discover(&mut world, Plan { max_lifetime: 60 * S, ..plan() });
    equals(&report, &nat);
    let (lower, upper) = report.lifetime.expect("a lifetime");
    assert!(lower <= nat.udp_timeout && upper.is_some_and(|upper| nat.udp_timeout < upper));
}

#[test]
fn a_server_that_does_nothing_of_rfc_5780_is_no_proof_of_a_filter() {
    // It says that it has another socket, and never answers from there.
    fn plain(bytes: Vec<u8>) -> Option<Vec<u8>> {
        let message = Message::read(&bytes).ok()?;
        let answers = message.address(stun::RESPONSE_ORIGIN)? == SocketAddr::new(SERVERS[0].into(), PORTS[0]);
        answers.then_some(bytes)
    }
    let mut world = world(Link::default(), &[Behaviour::default()], four());
    world.spoil = plain;
    let (report, _) = discover(&mut world, plan());
    assert!(report.mapping.is_err(), "{:?}", report.mapping);
    assert!(report.filtering.is_err(), "{:?}", report.filtering);
}

#[test]
fn a_server_without_response_port_tells_no_lifetime() {
    let mut world = world(Link::default(), &[Behaviour::default()], four());
    world.plain = true;
    let (report, _) = discover(&mut world, Plan { max_lifetime: 9 * S, ..plan() });
    for untold in [report.lifetime.err(), report.refresh.err()] {
        assert!(untold.is_some_and(|why| why.contains("passes over RESPONSE-PORT")));
    }
    assert_eq!(report.mapping, Ok(Some(Behaviour::default().mapping)));
    assert!(report.filtering.is_err_and(|why| why.contains("answered from")));
}

#[test]
fn tells_how_several_outside_addresses_are_given() {
    for pooling in Pooling::ALL {
        for mapping in Dependence::ALL {
            for hairpinning in Hairpinning::ALL {
                let nat = Behaviour { pooling, mapping, hairpinning, udp_timeout: 5 * S, ..Behaviour::default() };
                let mut world = world(Link::default(), &[nat], four());
                let mut sim = Sim::new(Link::default(), 7);
                world.servers = SERVERS.map(|address| sim.host(PUBLIC, address)).to_vec();
                let outside: Vec<Ipv4Addr> = (1..4).map(|last| Ipv4Addr::new(203, 0, 113, 100 + last)).collect();
                let inside = sim.nat(PUBLIC, Config { outside, ..Config::new(nat, [0; 4].into()) });
                world.hosts = world.addresses.iter().map(|address| sim.host(inside, *address)).collect();
                world.sim = sim;
                let (report, _) = discover(&mut world, Plan { max_lifetime: 9 * S, ..plan() });
                let built = format!("{nat:?}\n{report:#?}");
                assert_eq!(report.pooling, Ok(pooling), "{built}");
                assert_eq!(report.mapping, Ok(Some(mapping)), "{built}");
                assert_eq!(report.filtering, Ok(Some(nat.filtering)), "{built}");
                assert_eq!(report.hairpin, Ok(hairpinning), "{built}");
                assert_eq!(report.addresses > 1, pooling == Pooling::Arbitrary, "{built}");
                match pooling {
                    Pooling::Paired => assert!(report.lifetime.is_ok() && report.refresh.is_ok(), "{built}"),
                    Pooling::Arbitrary => {
                        assert!(report.lifetime.is_err_and(|why| why.contains("outside addresses")), "{built}");
                    }
                }
            }
        }
    }
}

#[test]
fn nobody_answers_and_it_ends() {
    let mut world = world(Link { loss: 1.0, ..Link::default() }, &[Behaviour::default()], four());
    let (report, took) = discover(&mut world, plan());
    assert_eq!(took, S + Duration::from_millis(39_500), "RFC 8489's patience");
    assert!(report.mapping.is_err_and(|why| why.contains("does not answer")));
}
