//! A router that is a NAT: Ethernet frames in, Ethernet frames out. What is translated is [`Translator`]'s; this is the rest
//! of a router: it answers ARP (RFC 826), asks by it, answers pings of its own addresses, says 'time exceeded'.
//!
//! Bounded: neighbours, and packets that wait for one. Frames come from anybody: what makes no sense is dropped.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::topology::Network;
use crate::engine::nat::bindings::Config;
use crate::engine::nat::{Behaviour, Dropped, Side, Translator, Verdict};

type Hardware = [u8; 6];

const BROADCAST: Hardware = [0xff; 6];
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
/// Destination, source and type.
const ETHERNET: usize = 14;
const MOST_NEIGHBOURS: usize = 1024;
/// Packets that wait for a neighbour's address, each and in all.
const MOST_WAITING: usize = 8;
const MOST_WAITING_IN_ALL: usize = 256;
/// How often a neighbour is asked for, at most.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// An interface of the router.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    pub interface: String,
    pub hardware: Hardware,
    /// Its addresses; those of IPv6 play no part.
    pub networks: Vec<Network>,
}

/// What a router is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    pub ports: Vec<Port>,
    /// The place of the port to the outside.
    pub outside: usize,
    pub gateway: Option<Ipv4Addr>,
    pub behaviour: Behaviour,
    pub seed: u64,
}

#[derive(Debug, Default)]
struct Waiting {
    packets: Vec<Vec<u8>>,
    asked: Option<Duration>,
}

/// A frame and the port that it leaves by.
pub type Out = (usize, Vec<u8>);

/// The machine. Times are since a moment that the caller chooses.
#[derive(Debug)]
pub struct Router {
    setup: Setup,
    translator: Translator,
    neighbours: HashMap<(usize, Ipv4Addr), Hardware>,
    waiting: HashMap<(usize, Ipv4Addr), Waiting>,
}

fn four(network: &Network) -> Option<(Ipv4Addr, Network)> {
    match network.address {
        IpAddr::V4(address) => Some((address, *network)),
        IpAddr::V6(_) => None,
    }
}

impl Port {
    fn owns(&self, address: Ipv4Addr) -> bool {
        self.networks.iter().filter_map(four).any(|(own, _)| own == address)
    }

    /// Its own address in the network that this one is in.
    fn near(&self, address: Ipv4Addr) -> Option<Ipv4Addr> {
        self.networks.iter().filter_map(four).find(|(_, net)| net.contains(address.into())).map(|(own, _)| own)
    }

    fn first(&self) -> Option<Ipv4Addr> {
        self.networks.iter().find_map(four).map(|(own, _)| own)
    }
}

impl Router {
    pub fn new(setup: Setup) -> Self {
        let outside = setup.ports.get(setup.outside).map(|port| port.networks.iter().filter_map(four));
        let outside: Vec<Ipv4Addr> = outside.into_iter().flatten().map(|(address, _)| address).collect();
        let first = outside.first().copied().unwrap_or(Ipv4Addr::UNSPECIFIED);
        let config = Config { outside, seed: setup.seed, ..Config::new(setup.behaviour, first) };
        let (neighbours, waiting) = (HashMap::new(), HashMap::new());
        Self { setup, translator: Translator::new(config), neighbours, waiting }
    }

    /// Takes a frame that came in by a port; the frames that go out for it.
    pub fn take(&mut self, now: Duration, port: usize, frame: &[u8]) -> Vec<Out> {
        let mut out = Vec::new();
        let _ = self.frame(now, port, frame, &mut out);
        out
    }

    /// `None` where the frame is cut, or not for us.
    fn frame(&mut self, now: Duration, port: usize, frame: &[u8], out: &mut Vec<Out>) -> Option<()> {
        let own = self.setup.ports.get(port)?.hardware;
        let to: Hardware = *frame.first_chunk()?;
        let from: Hardware = *frame.get(6..)?.first_chunk()?;
        let body = frame.get(ETHERNET..)?;
        match *frame.get(12..)?.first_chunk::<2>()? {
            ETHERTYPE_ARP if to == own || to == BROADCAST => self.arp(port, body, out),
            ETHERTYPE_IPV4 if to == own => self.packet(now, port, from, body, out),
            _ => None,
        }
    }

    fn arp(&mut self, port: usize, body: &[u8], out: &mut Vec<Out>) -> Option<()> {
        const IPV4_OVER_ETHERNET: [u8; 6] = [0, 1, 8, 0, 6, 4];
        let (kind, rest) = body.split_first_chunk::<6>()?;
        let (operation, rest) = rest.split_first_chunk::<2>()?;
        let (hardware, rest) = rest.split_first_chunk::<6>()?;
        let (sender, rest) = rest.split_first_chunk::<4>()?;
        let target = Ipv4Addr::from(*rest.get(6..)?.first_chunk::<4>()?);
        let sender = Ipv4Addr::from(*sender);
        let here = self.setup.ports.get(port)?;
        if *kind != IPV4_OVER_ETHERNET || here.near(sender).is_none() || here.owns(sender) {
            return None;
        }
        let (own, ours) = (here.hardware, here.owns(target));
        self.learn(port, sender, *hardware, out);
        if ours && *operation == [0, 1] {
            out.push((port, arp(own, *hardware, 2, target, *hardware, sender)));
        }
        Some(())
    }

    /// Who a neighbour is, and what waited for knowing it.
    fn learn(&mut self, port: usize, address: Ipv4Addr, hardware: Hardware, out: &mut Vec<Out>) {
        if self.neighbours.len() >= MOST_NEIGHBOURS && !self.neighbours.contains_key(&(port, address)) {
            self.neighbours.clear();
        }
        self.neighbours.insert((port, address), hardware);
        for packet in self.waiting.remove(&(port, address)).map(|waiting| waiting.packets).unwrap_or_default() {
            out.extend(self.framed(port, hardware, &packet));
        }
    }

    fn framed(&self, port: usize, to: Hardware, packet: &[u8]) -> Option<Out> {
        let own = self.setup.ports.get(port)?.hardware;
        Some((port, [&to[..], &own, &ETHERTYPE_IPV4, packet].concat()))
    }

    fn packet(&mut self, now: Duration, port: usize, from: Hardware, body: &[u8], out: &mut Vec<Out>) -> Option<()> {
        let length = usize::from(u16::from_be_bytes(*body.get(2..)?.first_chunk()?));
        // Short frames are padded.
        let mut packet = body.get(..length)?.to_vec();
        let destination = Ipv4Addr::from(*packet.get(16..)?.first_chunk::<4>()?);
        let is_outside = port == self.setup.outside;
        let ours = self.setup.ports.iter().enumerate();
        let router = ours.filter(|(place, _)| *place != self.setup.outside).any(|(_, one)| one.owns(destination));
        if router || (is_outside && self.asks_outside(&packet, destination)) {
            let answer = echo_reply(&packet)?;
            out.extend(self.framed(port, from, &answer));
            return Some(());
        }
        let side = if is_outside { Side::Outside } else { Side::Inside };
        match self.translator.translate(now, side, &mut packet) {
            Verdict::Forward(to) => self.forward(now, to, &packet, out),
            Verdict::Drop(Dropped::TimeToLive) => {
                let source = Ipv4Addr::from(*body.get(12..)?.first_chunk::<4>()?);
                let here = self.setup.ports.get(port)?;
                let answer = time_exceeded(body.get(..length)?, here.near(source).or_else(|| here.first())?)?;
                out.extend(self.framed(port, from, &answer));
            }
            Verdict::Drop(_) | Verdict::Held => {}
        }
        while let Some((to, packet)) = self.translator.released() {
            self.forward(now, to, &packet, out);
        }
        Some(())
    }

    /// A ping of an outside address that belongs to no mapping is for the router.
    fn asks_outside(&self, packet: &[u8], destination: Ipv4Addr) -> bool {
        let outside = self.setup.ports.get(self.setup.outside).is_some_and(|port| port.owns(destination));
        outside && is_echo_request(packet)
    }

    fn forward(&mut self, now: Duration, to: Side, packet: &[u8], out: &mut Vec<Out>) {
        let Some(bytes) = packet.get(16..).and_then(|rest| rest.first_chunk::<4>()) else { return };
        let destination = Ipv4Addr::from(*bytes);
        let ports = self.setup.ports.iter().enumerate();
        let mut sides = ports.filter(|(place, _)| (*place == self.setup.outside) == (to == Side::Outside));
        let near = sides.find_map(|(place, port)| Some((place, port.near(destination)?, destination)));
        let by_gateway = || {
            let gateway = self.setup.gateway.filter(|_| to == Side::Outside)?;
            let source = self.setup.ports.get(self.setup.outside)?.near(gateway)?;
            Some((self.setup.outside, source, gateway))
        };
        if let Some((port, source, hop)) = near.or_else(by_gateway) {
            self.send(now, port, source, hop, packet, out);
        }
    }

    fn send(&mut self, now: Duration, port: usize, source: Ipv4Addr, hop: Ipv4Addr, packet: &[u8], out: &mut Vec<Out>) {
        if let Some(hardware) = self.neighbours.get(&(port, hop)) {
            out.extend(self.framed(port, *hardware, packet));
            return;
        }
        if !self.waiting.contains_key(&(port, hop)) && self.waiting.len() >= MOST_WAITING_IN_ALL / MOST_WAITING {
            self.waiting.clear();
        }
        let Some(own) = self.setup.ports.get(port).map(|port| port.hardware) else { return };
        let waiting = self.waiting.entry((port, hop)).or_default();
        if waiting.packets.len() < MOST_WAITING {
            waiting.packets.push(packet.to_vec());
        }
        if waiting.asked.is_none_or(|asked| now.saturating_sub(asked) >= ASK_EVERY) {
            waiting.asked = Some(now);
            out.push((port, arp(own, BROADCAST, 1, source, [0; 6], hop)));
        }
    }
}

/// An ARP message in its frame: from `own` with the address `sender`, about `target`.
fn arp(own: Hardware, to: Hardware, operation: u8, sender: Ipv4Addr, hardware: Hardware, target: Ipv4Addr) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, operation];
    [&to[..], &own, &ETHERTYPE_ARP, &head, &own, &sender.octets(), &hardware, &target.octets()].concat()
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let word = |pair: &[u8]| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    };
    let mut sum: u32 = bytes.chunks(2).map(word).fold(0, u32::wrapping_add);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// Header length and protocol of an IPv4 packet that is no later fragment.
fn header(packet: &[u8]) -> Option<(usize, u8)> {
    let first = *packet.first()?;
    let length = usize::from(first & 0x0f) * 4;
    let fragment = u16::from_be_bytes(*packet.get(6..)?.first_chunk()?) & 0x3fff;
    (first >> 4 == 4 && length >= 20 && packet.len() >= length && fragment == 0).then_some((length, *packet.get(9)?))
}

fn is_echo_request(packet: &[u8]) -> bool {
    header(packet).is_some_and(|(length, protocol)| protocol == 1 && packet.get(length) == Some(&8))
}

/// The answer to an echo request (RFC 792); `None` to anything else.
fn echo_reply(packet: &[u8]) -> Option<Vec<u8>> {
    let (length, _) = header(packet).filter(|_| is_echo_request(packet))?;
    let message = packet.get(length..)?;
    let mut answer = vec![0; 4];
    answer.extend_from_slice(message.get(4..)?);
    let sum = checksum(&answer);
    answer.splice(2..4, sum);
    let address = |at: usize| Some(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?));
    Some(icmp(address(16)?, address(12)?, &answer))
}

/// 'Time to live exceeded' (RFC 792) about a packet; never about an ICMP error.
fn time_exceeded(packet: &[u8], from: Ipv4Addr) -> Option<Vec<u8>> {
    let (length, protocol) = header(packet)?;
    if protocol == 1 && !matches!(packet.get(length), Some(0 | 8)) {
        return None;
    }
    let mut message = vec![11, 0, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(packet.get(..packet.len().min(length + 8))?);
    let sum = checksum(&message);
    message.splice(2..4, sum);
    let to = Ipv4Addr::from(*packet.get(12..)?.first_chunk::<4>()?);
    Some(icmp(from, to, &message))
}

/// An ICMP message in an IPv4 packet.
fn icmp(from: Ipv4Addr, to: Ipv4Addr, message: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + message.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut header = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 1, 0, 0];
    header.extend(from.octets());
    header.extend(to.octets());
    let sum = checksum(&header);
    header.splice(10..12, sum);
    header.extend_from_slice(message);
    header
}

#[cfg(test)]
mod tests;
