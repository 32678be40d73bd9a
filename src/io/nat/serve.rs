//! Drives [`Server`]s on sockets: UDP, and TCP for those who ask how a NAT maps connections.
//!
//! Guarantee: one thread; so many TCP connections, each for a few seconds, and so many bytes of each.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::door::{self, Bounds, Connections, Cut, Families, Reply};
use super::{Stop, wait};
use crate::engine::limit::Limits;
use crate::engine::stun::{Place, Server, Sockets, Tally, Transport};

/// TCP connections at the same time.
const MOST_CONNECTIONS: usize = 256;
/// How long one may last.
const CONNECTION: Duration = Duration::from_secs(10);
/// A request over TCP; longer ones are not read.
const MOST_BYTES: usize = 2048;
/// Datagrams of one socket before the others have their turn.
const BATCH: usize = 64;
/// A port that is free on one address may be taken on the other one.
const TRIES: u32 = 32;

/// Where to listen could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen at {at}: {source}")]
    Bind { at: SocketAddr, source: io::Error },
    #[error("{0}: at most two addresses of a family, RFC 5780 knows no more")]
    TooMany(IpAddr),
}

/// The sockets of one family.
struct Family {
    server: Server,
    sockets: Vec<(Place, UdpSocket)>,
    listeners: Vec<(Place, TcpListener)>,
    connections: Connections<Place>,
}

/// A STUN server with its sockets.
pub struct Serving {
    families: Vec<Family>,
}

fn bind(at: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let udp = door::udp(at, Families::Own)?;
    let tcp = door::tcp(&udp, Families::Own)?;
    Ok((udp, tcp))
}

/// Where the first STUN message of a stream ends (RFC 8489 §6.2.2).
fn cut(bytes: &[u8]) -> Cut {
    let Some(head) = bytes.first_chunk::<4>() else { return Cut::More };
    match 20 + usize::from(u16::from_be_bytes([head[2], head[3]])) {
        length if length > MOST_BYTES => Cut::Never,
        length if length > bytes.len() => Cut::More,
        length => Cut::After(length),
    }
}

impl Family {
    fn open(addresses: &[IpAddr], ports: [u16; 2], limits: Limits) -> Result<Self, Error> {
        let mut tries = 0;
        loop {
            let found = Self::try_open(addresses, ports, limits);
            tries += 1;
            // Only where any port will do is there another chance.
            match found {
                Err(Error::Bind { .. }) if ports.contains(&0) && tries < TRIES => continue,
                found => return found,
            }
        }
    }

    fn try_open(addresses: &[IpAddr], mut ports: [u16; 2], limits: Limits) -> Result<Self, Error> {
        let (mut sockets, mut listeners) = (Vec::new(), Vec::new());
        let pair = addresses.len() == 2;
        for (address, ip) in addresses.iter().enumerate() {
            for (number, port) in ports.iter_mut().enumerate().take(1 + usize::from(pair)) {
                let at = SocketAddr::new(*ip, *port);
                let (udp, tcp) = bind(at).map_err(|source| Error::Bind { at, source })?;
                *port = udp.local_addr().map_err(|source| Error::Bind { at, source })?.port();
                let place = Place { address, port: number };
                sockets.push((place, udp));
                listeners.push((place, tcp));
            }
        }
        let known = match addresses {
            [first, second] => Sockets::Four { addresses: [*first, *second], ports },
            [ip] if !ip.is_unspecified() => Sockets::One(Some(SocketAddr::new(*ip, ports[0]))),
            _ => Sockets::One(None),
        };
        let bounds = Bounds {
            connections: MOST_CONNECTIONS,
            of_a_source: MOST_CONNECTIONS,
            patience: CONNECTION,
            is_renewed: false,
        };
        let connections = Connections::new(bounds);
        Ok(Self { server: Server::new(known, limits), sockets, listeners, connections })
    }

    fn receive(&mut self, begun: Instant) {
        // The longest datagram there is: one that is cut would look like garbage.
        let mut buffer = vec![0; 65_536];
        for at in 0..self.sockets.len() {
            for _ in 0..BATCH {
                let (place, socket) = &self.sockets[at];
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { break };
                let answer = self.server.handle(begun.elapsed(), *place, Transport::Udp, from, &buffer[..length]);
                let Some(answer) = answer else { continue };
                if let Some((_, socket)) = self.sockets.iter().find(|(place, _)| *place == answer.from) {
                    // A full queue or no route: the client asks again.
                    let _ = socket.send_to(&answer.bytes, answer.to);
                }
            }
        }
    }

    fn connections(&mut self, begun: Instant) {
        for (place, listener) in &self.listeners {
            self.connections.accept(listener, *place);
        }
        let server = &mut self.server;
        self.connections.serve(cut, |place, peer, request| {
            match server.handle(begun.elapsed(), place, Transport::Tcp, peer, request) {
                Some(answer) => Reply::With(answer.bytes),
                None => Reply::End,
            }
        });
    }
}

impl Serving {
    /// Listens at the addresses: of each family one, or two with two ports each. Port 0: any that is free.
    pub fn open(addresses: &[IpAddr], ports: [u16; 2], limits: Limits) -> Result<Self, Error> {
        let (four, six): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().partition(|address| address.is_ipv4());
        let mut families = Vec::new();
        for family in [four, six] {
            if let Some(third) = family.get(2) {
                return Err(Error::TooMany(*third));
            }
            if !family.is_empty() {
                families.push(Family::open(&family, ports, limits)?);
            }
        }
        Ok(Self { families })
    }

    /// Listens everywhere, by IPv4 and, where this machine has it, by IPv6.
    pub fn everywhere(port: u16, limits: Limits) -> Result<Self, Error> {
        let mut serving = Self::open(&[Ipv4Addr::UNSPECIFIED.into()], [port, 0], limits)?;
        let port = serving.places().first().map_or(port, SocketAddr::port);
        if let Ok(six) = Family::open(&[std::net::Ipv6Addr::UNSPECIFIED.into()], [port, 0], limits) {
            serving.families.push(six);
        }
        Ok(serving)
    }

    /// Where it listens.
    pub fn places(&self) -> Vec<SocketAddr> {
        let sockets = self.families.iter().flat_map(|family| &family.sockets);
        sockets.filter_map(|(_, socket)| socket.local_addr().ok()).collect()
    }

    /// Serves until it is stopped; what was counted, summed up.
    pub fn run(&mut self, stop: &Stop) -> io::Result<Tally> {
        let begun = Instant::now();
        while !stop.happened() {
            let udp = self.families.iter().flat_map(|family| family.sockets.iter().map(|(_, socket)| socket.as_fd()));
            let tcp = self.families.iter().flat_map(|family| family.listeners.iter().map(|(_, socket)| socket.as_fd()));
            let open = self.families.iter().flat_map(|family| family.connections.descriptors());
            let any = self.families.iter().any(|family| !family.connections.is_empty());
            wait(udp.chain(tcp).chain(open), stop.pipe(), any.then_some(CONNECTION / 4))?;
            for family in &mut self.families {
                family.receive(begun);
                family.connections(begun);
            }
        }
        Ok(self.families.iter().fold(Tally::default(), |sum, family| {
            let tally = family.server.tally();
            Tally {
                answered: sum.answered + tally.answered,
                errors: sum.errors + tally.errors,
                garbage: sum.garbage + tally.garbage,
                limited: sum.limited + tally.limited,
            }
        }))
    }
}
