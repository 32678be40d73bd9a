//! The bindings of a NAT: which outside address and port stands for which inside one, for how long, and who is let in
//! (RFC 4787 for UDP, RFC 5382 for TCP, RFC 5508 for queries of ICMP). Endpoints in, endpoints out; no bytes.
//!
//! Times are since a moment that the caller chooses. A mapping lives while `now < last refresh + lifetime`, to the
//! nanosecond. Two inside endpoints never share an outside one (RFC 4787 REQ-3).
//!
//! Guarantee: tables are bounded ([`Config::most`]); where they are full, new mappings are refused, old ones live on.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::{Behaviour, Dependence, Dropped, Hairpinning, Pooling, Ports, Refresh};
use crate::engine::chance::Chance;

/// RFC 5382 REQ-5: an established connection that is idle lives 2 hours and 4 minutes.
pub const TCP_ESTABLISHED: Duration = Duration::from_secs(2 * 3600 + 240);
/// RFC 5382 REQ-5: one that is opened or closed, 4 minutes.
pub const TCP_TRANSITORY: Duration = Duration::from_secs(240);
/// RFC 5508 REQ-2: a query, 60 seconds.
pub const ICMP_QUERY: Duration = Duration::from_secs(60);

/// How often what has expired is thrown out of the tables; it counts as gone before.
const SWEEP: Duration = Duration::from_secs(10);
/// The same where a table is full.
const SWEEP_FULL: Duration = Duration::from_secs(1);
/// Ports below are the system's: no mapping gets one of them by chance (RFC 4787 §4.2).
const FIRST_PORT: u32 = 1024;
/// Remote ends that are let in, for each mapping on the average.
const PEERS: usize = 8;

/// What is translated. A query of ICMP has its identifier where the others have the inside port, and port 0 outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    Udp,
    Tcp,
    Icmp,
}

/// What a TCP segment does to its connection, or an ICMP query to its exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    /// SYN; an echo request.
    Opens,
    /// Neither; an echo reply; every datagram.
    #[default]
    Goes,
    /// FIN or RST.
    Closes,
}

/// What a NAT is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub behaviour: Behaviour,
    /// Its addresses on the outside, at least one (without any nothing is translated).
    pub outside: Vec<Ipv4Addr>,
    /// What its random choices come from.
    pub seed: u64,
    /// Mappings at the same time; eight times as many remote ends.
    pub most: usize,
}

impl Config {
    /// A NAT with one outside address and room for 16,384 mappings.
    pub fn new(behaviour: Behaviour, outside: Ipv4Addr) -> Self {
        Self { behaviour, outside: vec![outside], seed: 1, most: 16_384 }
    }
}

/// A mapping, for whoever shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub protocol: Protocol,
    pub inside: SocketAddrV4,
    pub outside: SocketAddrV4,
    /// When it ends if nothing refreshes it.
    pub expires: Duration,
}

type Inside = (Protocol, SocketAddrV4, SocketAddrV4);
type Outside = (Protocol, SocketAddrV4);

#[derive(Debug)]
struct Binding {
    /// Distinguishes it from a later one with the same outside endpoint, which has other peers.
    serial: u64,
    inside: SocketAddrV4,
    expires: Duration,
    /// TCP: something came back.
    answered: bool,
    /// TCP: a FIN or RST was seen, and no SYN from inside since.
    closed: bool,
}

/// The tables of one NAT.
#[derive(Debug)]
pub struct Bindings {
    config: Config,
    chance: Chance,
    /// Which mapping a packet takes; one that has gone, or another with its endpoint, counts for nothing.
    of_inside: HashMap<Inside, (SocketAddrV4, u64)>,
    of_outside: HashMap<Outside, Binding>,
    /// Who is let in: the mapping, and the remote end as far as the filter looks at it; until when.
    peers: HashMap<(u64, SocketAddrV4), Duration>,
    /// Ports in use of each protocol, address and parity.
    used: HashMap<(Protocol, Ipv4Addr, u16), u32>,
    serial: u64,
    swept: Duration,
}

const NOBODY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);

/// As much of `remote` as `dependence` looks at.
fn seen(dependence: Dependence, remote: SocketAddrV4) -> SocketAddrV4 {
    match dependence {
        Dependence::EndpointIndependent => NOBODY,
        Dependence::AddressDependent => SocketAddrV4::new(*remote.ip(), 0),
        Dependence::AddressAndPortDependent => remote,
    }
}

impl Bindings {
    pub fn new(config: Config) -> Self {
        let chance = Chance::seeded(config.seed);
        Self {
            config,
            chance,
            of_inside: HashMap::new(),
            of_outside: HashMap::new(),
            peers: HashMap::new(),
            used: HashMap::new(),
            serial: 0,
            swept: Duration::ZERO,
        }
    }

    pub fn behaviour(&self) -> &Behaviour {
        &self.config.behaviour
    }

    /// Whether `address` is one of the outside ones.
    pub fn owns(&self, address: Ipv4Addr) -> bool {
        self.config.outside.contains(&address)
    }

    /// Mappings that live.
    pub fn mappings(&self, now: Duration) -> impl Iterator<Item = Mapping> {
        self.of_outside.iter().filter(move |(_, binding)| now < binding.expires).map(
            |((protocol, outside), binding)| Mapping {
                protocol: *protocol,
                inside: binding.inside,
                outside: *outside,
                expires: binding.expires,
            },
        )
    }

    /// From inside to elsewhere: the source that it gets. Makes the mapping, or refreshes it, and lets the answer in.
    pub fn outbound(
        &mut self,
        now: Duration,
        protocol: Protocol,
        source: SocketAddrV4,
        destination: SocketAddrV4,
        step: Step,
    ) -> Result<SocketAddrV4, Dropped> {
        self.sweep(now, SWEEP);
        let key = (protocol, source, seen(self.config.behaviour.mapping, destination));
        let outside = match self.taken(now, &key) {
            Some(outside) => outside,
            None => self.bind(now, key)?,
        };
        let udp = self.config.behaviour.udp_timeout;
        let Some(binding) = self.of_outside.get_mut(&(protocol, outside)) else { return Err(Dropped::NoMapping) };
        match step {
            Step::Opens => (binding.answered, binding.closed) = (false, false),
            Step::Goes => {}
            Step::Closes => binding.closed = true,
        }
        let lifetime = binding.lifetime(protocol, udp);
        binding.expires = now + lifetime;
        let serial = binding.serial;
        self.admit(now, serial, destination, now + lifetime)?;
        Ok(outside)
    }

    /// From outside to an outside address: the inside endpoint that it is for, if the filter lets it in.
    pub fn inbound(
        &mut self,
        now: Duration,
        protocol: Protocol,
        source: SocketAddrV4,
        destination: SocketAddrV4,
        step: Step,
    ) -> Result<SocketAddrV4, Dropped> {
        let inside = self.awaited(now, protocol, source, destination)?;
        let behaviour = &self.config.behaviour;
        let (udp, filtering) = (behaviour.udp_timeout, behaviour.filtering);
        // REQ-6 leaves UDP's choice; what comes back over TCP always refreshes, the answer to a query never.
        let refreshes = match protocol {
            Protocol::Udp => behaviour.refresh == Refresh::Any,
            Protocol::Tcp => true,
            Protocol::Icmp => false,
        };
        let Some(binding) = self.of_outside.get_mut(&(protocol, destination)) else { return Err(Dropped::NoMapping) };
        match step {
            Step::Opens | Step::Goes => binding.answered = true,
            Step::Closes => binding.closed = true,
        }
        let serial = binding.serial;
        if refreshes {
            let until = now + binding.lifetime(protocol, udp);
            binding.expires = until;
            if let Some(peer) = self.peers.get_mut(&(binding.serial, seen(filtering, source))) {
                *peer = until;
            }
        }
        self.answer_through(now, (protocol, inside, source), (destination, serial));
        Ok(inside)
    }

    /// From inside to one of the NAT's own outside addresses (RFC 4787 §6): the source and the destination that it gets.
    ///
    /// The filter does not look at it: the sender is not outside, and where a filter would look, its mapping to this
    /// destination is one that nobody could have been told before.
    pub fn hairpin(
        &mut self,
        now: Duration,
        protocol: Protocol,
        source: SocketAddrV4,
        destination: SocketAddrV4,
        step: Step,
    ) -> Result<(SocketAddrV4, SocketAddrV4), Dropped> {
        let inside = self.inside_of(now, protocol, destination).ok_or(Dropped::NoMapping)?;
        match self.config.behaviour.hairpinning {
            Hairpinning::Off => Err(Dropped::HairpinOff),
            Hairpinning::Internal => Ok((source, inside)),
            Hairpinning::External => {
                let source = self.outbound(now, protocol, source, destination, step)?;
                let serial = self.of_outside.get(&(protocol, destination)).map_or(0, |binding| binding.serial);
                self.answer_through(now, (protocol, inside, source), (destination, serial));
                Ok((source, inside))
            }
        }
    }

    /// Whom a packet from `remote` to the outside endpoint would reach; refreshes nothing. For ICMP errors, which must
    /// not (RFC 5508 REQ-6), as well.
    pub fn awaited(
        &self,
        now: Duration,
        protocol: Protocol,
        remote: SocketAddrV4,
        outside: SocketAddrV4,
    ) -> Result<SocketAddrV4, Dropped> {
        let binding = self.of_outside.get(&(protocol, outside)).filter(|binding| now < binding.expires);
        let binding = binding.ok_or(Dropped::NoMapping)?;
        let filtering = self.config.behaviour.filtering;
        let open = filtering == Dependence::EndpointIndependent
            || self.peers.get(&(binding.serial, seen(filtering, remote))).is_some_and(|until| now < *until);
        if open { Ok(binding.inside) } else { Err(Dropped::Filtered) }
    }

    /// The outside endpoint that stands for `inside` when it speaks to `remote`, if there is one; refreshes nothing.
    pub fn outside_of(
        &self,
        now: Duration,
        protocol: Protocol,
        inside: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> Option<SocketAddrV4> {
        self.taken(now, &(protocol, inside, seen(self.config.behaviour.mapping, remote)))
    }

    /// The inside endpoint behind an outside one, whoever asks; refreshes nothing.
    pub fn inside_of(&self, now: Duration, protocol: Protocol, outside: SocketAddrV4) -> Option<SocketAddrV4> {
        self.of_outside.get(&(protocol, outside)).filter(|binding| now < binding.expires).map(|binding| binding.inside)
    }

    /// The mapping that a packet takes, if it lives.
    fn taken(&self, now: Duration, key: &Inside) -> Option<SocketAddrV4> {
        let (outside, serial) = *self.of_inside.get(key)?;
        let binding = self.of_outside.get(&(key.0, outside))?;
        (binding.serial == serial && now < binding.expires).then_some(outside)
    }

    /// What was let in is answered from where it came in, also where the mapping depends on the destination, and where
    /// there is one for that destination already: a peer that got another port's answer would not know it. Linux does so,
    /// too, as the answer belongs to the connection that was let in.
    fn answer_through(&mut self, now: Duration, (protocol, inside, remote): Inside, mapping: (SocketAddrV4, u64)) {
        let key = (protocol, inside, seen(self.config.behaviour.mapping, remote));
        let room = self.of_inside.len() < self.config.most.saturating_mul(1 + PEERS);
        let known = self.taken(now, &key);
        if known != Some(mapping.0) && (room || known.is_some()) {
            self.of_inside.insert(key, mapping);
        }
    }

    /// Lets `remote` in, as far as the filter looks at it.
    fn admit(&mut self, now: Duration, serial: u64, remote: SocketAddrV4, until: Duration) -> Result<(), Dropped> {
        let filtering = self.config.behaviour.filtering;
        if filtering == Dependence::EndpointIndependent {
            return Ok(());
        }
        let key = (serial, seen(filtering, remote));
        let most = self.config.most.saturating_mul(PEERS);
        if self.peers.len() >= most && !self.peers.contains_key(&key) {
            self.sweep(now, SWEEP_FULL);
            if self.peers.len() >= most {
                return Err(Dropped::TableFull);
            }
        }
        self.peers.insert(key, until);
        Ok(())
    }

    /// Makes a mapping for `key`; an expired one that stands in its place goes.
    fn bind(&mut self, now: Duration, key: Inside) -> Result<SocketAddrV4, Dropped> {
        let (protocol, inside, _) = key;
        if self.of_outside.len() >= self.config.most {
            self.sweep(now, SWEEP_FULL);
            if self.of_outside.len() >= self.config.most {
                return Err(Dropped::TableFull);
            }
        }
        let address = self.pooled(*inside.ip()).ok_or(Dropped::NoMapping)?;
        let port = self.port(now, protocol, address, inside.port())?;
        let outside = SocketAddrV4::new(address, port);
        self.serial += 1;
        let binding = Binding { serial: self.serial, inside, expires: now, answered: false, closed: false };
        self.of_outside.insert((protocol, outside), binding);
        self.of_inside.insert(key, (outside, self.serial));
        *self.used.entry((protocol, address, port & 1)).or_default() += 1;
        Ok(outside)
    }

    fn unbind(&mut self, outside: Outside) {
        if self.of_outside.remove(&outside).is_none() {
            return;
        }
        if let Some(count) = self.used.get_mut(&(outside.0, *outside.1.ip(), outside.1.port() & 1)) {
            *count = count.saturating_sub(1);
        }
    }

    /// The outside address for a new mapping.
    fn pooled(&mut self, inside: Ipv4Addr) -> Option<Ipv4Addr> {
        let many = u32::try_from(self.config.outside.len()).ok()?;
        let pick = match self.config.behaviour.pooling {
            // The same one each time, whether the host has other mappings or not.
            Pooling::Paired => Chance::seeded(self.config.seed ^ u64::from(inside.to_bits())).below(many),
            Pooling::Arbitrary => self.chance.below(many),
        };
        self.config.outside.get(pick as usize).copied()
    }

    /// A free port, or identifier, on `address` for an inside one.
    fn port(&mut self, now: Duration, protocol: Protocol, address: Ipv4Addr, inside: u16) -> Result<u16, Dropped> {
        let ports = self.config.behaviour.ports;
        if ports == Ports::Preserved && self.free(now, protocol, address, inside) {
            return Ok(inside);
        }
        let first = if protocol == Protocol::Icmp { 0 } else { FIRST_PORT };
        let (step, parity) = if ports == Ports::Parity { (2, u32::from(inside & 1)) } else { (1, 0) };
        let many = (65_536 - first) / step;
        let taken = |nat: &Self| {
            let of = |parity: u16| nat.used.get(&(protocol, address, parity)).copied().unwrap_or(0);
            if step == 2 { of(inside & 1) } else { of(0) + of(1) }
        };
        if taken(self) >= many {
            self.sweep(now, SWEEP_FULL);
            // Nobody may have all of them looked through for every packet.
            if taken(self) >= many {
                return Err(Dropped::PortsExhausted);
            }
        }
        let start = self.chance.below(many);
        for pick in (start..many).chain(0..start) {
            let Ok(port) = u16::try_from(first + pick * step + parity) else { continue };
            // Never the inside's by accident: who asked for another kind of port than 'preserved' gets that.
            if (ports == Ports::Preserved || port != inside) && self.free(now, protocol, address, port) {
                return Ok(port);
            }
        }
        Err(Dropped::PortsExhausted)
    }

    fn free(&mut self, now: Duration, protocol: Protocol, address: Ipv4Addr, port: u16) -> bool {
        let outside = (protocol, SocketAddrV4::new(address, port));
        match self.of_outside.get(&outside) {
            None => true,
            Some(binding) if now < binding.expires => false,
            Some(_) => {
                self.unbind(outside);
                true
            }
        }
    }

    /// Throws out what has expired, at most once in `every`.
    fn sweep(&mut self, now: Duration, every: Duration) {
        if now < self.swept + every {
            return;
        }
        self.swept = now;
        self.peers.retain(|_, until| now < *until);
        let expired: Vec<Outside> =
            self.of_outside.iter().filter(|(_, binding)| now >= binding.expires).map(|(outside, _)| *outside).collect();
        for outside in expired {
            self.unbind(outside);
        }
        let bindings = &self.of_outside;
        self.of_inside.retain(|key, (outside, serial)| {
            bindings.get(&(key.0, *outside)).is_some_and(|binding| binding.serial == *serial)
        });
    }
}

impl Binding {
    /// A mapping of several TCP connections (endpoint-independent) has one timer: that of the one seen last.
    fn lifetime(&self, protocol: Protocol, udp: Duration) -> Duration {
        match protocol {
            Protocol::Udp => udp,
            Protocol::Icmp => ICMP_QUERY,
            Protocol::Tcp if self.answered && !self.closed => TCP_ESTABLISHED,
            Protocol::Tcp => TCP_TRANSITORY,
        }
    }
}
