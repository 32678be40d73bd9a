//! Whether a topology can be built: what the kernel would refuse half-way is told before anything is done.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::Fault;
use crate::lab::operation::{BACKSTAGE, BRIDGE};
use crate::lab::topology::{Host, Kind, LONGEST_NAME, MOST, MOST_INTERFACES, Nat, Topology};

/// Where things stand in the file, in bytes.
#[derive(Default)]
pub struct Places {
    pub segments: Vec<usize>,
    pub hosts: Vec<usize>,
    /// By host and interface: what it is on.
    pub interfaces: BTreeMap<(String, String), usize>,
    /// By host.
    pub gateways: BTreeMap<String, usize>,
    pub nats: BTreeMap<String, usize>,
}

pub fn check(topology: &Topology, places: &Places) -> Result<(), Fault> {
    if topology.hosts.is_empty() {
        return Err(Fault::new(0, "there is no host in it, as in [host.a1]"));
    }
    let mut taken = HashSet::from([BACKSTAGE]);
    let segments = topology.segments.iter().map(|segment| segment.name.as_str()).zip(&places.segments);
    let hosts = topology.hosts.iter().map(|host| host.name.as_str()).zip(&places.hosts);
    for (list, at) in [(topology.segments.len(), &places.segments), (topology.hosts.len(), &places.hosts)] {
        if list > MOST {
            let at = at.get(MOST).copied().unwrap_or_default();
            return Err(Fault::new(at, format!("a lab has at most {MOST} hosts, and as many switches and cables")));
        }
    }
    for (name, at) in segments.chain(hosts) {
        named(name, LONGEST_NAME).map_err(|why| Fault::new(*at, why))?;
        if !taken.insert(name) {
            return Err(Fault::new(*at, format!("there are two of the name {name}")));
        }
    }
    for (host, at) in topology.hosts.iter().zip(&places.hosts) {
        self::host(topology, host, *at, places)?;
    }
    for (segment, at) in topology.segments.iter().zip(&places.segments) {
        if segment.kind == Kind::Cable && topology.on(&segment.name).count() != 2 {
            let found = topology.on(&segment.name).count();
            let why =
                format!("the cable {} joins two interfaces, not {found}; a [switch] joins any number", segment.name);
            return Err(Fault::new(*at, why));
        }
        addresses(topology, &segment.name, places)?;
    }
    Ok(())
}

/// Small letters, digits and hyphens, as host names have them.
fn named(name: &str, longest: usize) -> Result<(), String> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let ends_well = !name.starts_with('-') && !name.ends_with('-');
    if !name.is_empty() && name.len() <= longest && name.chars().all(plain) && ends_well {
        return Ok(());
    }
    Err(format!("{name:?} is no name: 1 to {longest} small letters, digits and hyphens"))
}

fn host(topology: &Topology, host: &Host, at: usize, places: &Places) -> Result<(), Fault> {
    if host.interfaces.len() > MOST_INTERFACES {
        return Err(Fault::new(at, format!("{} has more than {MOST_INTERFACES} interfaces", host.name)));
    }
    let mut own = HashSet::new();
    for interface in &host.interfaces {
        let place = places.interfaces.get(&(host.name.clone(), interface.name.clone())).copied().unwrap_or(at);
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let named = (1..=15).contains(&interface.name.len()) && interface.name.chars().all(plain);
        if !named || [".", "..", "lo", "all", "default", BRIDGE].contains(&interface.name.as_str()) {
            let why = format!(
                "{:?} is no name for an interface: 1 to 15 letters, digits, points and hyphens",
                interface.name
            );
            return Err(Fault::new(place, why));
        }
        if !topology.segments.iter().any(|segment| segment.name == interface.on) {
            let known: Vec<&str> = topology.segments.iter().map(|segment| segment.name.as_str()).collect();
            let why = match known.is_empty() {
                true => format!("there is no [switch.{0}] and no [cable.{0}]", interface.on),
                false => format!("there is no switch and no cable {:?}; there are: {}", interface.on, known.join(", ")),
            };
            return Err(Fault::new(place, why));
        }
        for network in &interface.addresses {
            let usable = !network.address.is_unspecified() && !network.address.is_multicast();
            if !usable || network.address.is_loopback() {
                return Err(Fault::new(place, format!("{network} is no address for an interface")));
            }
            if !own.insert(network.address) {
                return Err(Fault::new(place, format!("{} has the address {} twice", host.name, network.address)));
            }
        }
    }
    let place = places.gateways.get(&host.name).copied().unwrap_or(at);
    for via in host.gateways.iter().chain(host.routes.iter().map(|route| &route.via)) {
        if !reaches(host, *via) {
            let why = format!("{} cannot reach the gateway {via}: no interface of it is in that network", host.name);
            return Err(Fault::new(place, why));
        }
        if own.contains(via) {
            return Err(Fault::new(place, format!("{} cannot be its own gateway", host.name)));
        }
    }
    let mut ways = BTreeSet::new();
    for route in &host.routes {
        if !ways.insert(route.to.to_string()) {
            return Err(Fault::new(place, format!("{} has two routes to {}", host.name, route.to)));
        }
    }
    let place = places.nats.get(&host.name).copied().unwrap_or(at);
    host.nat.as_ref().map_or(Ok(()), |nat| self::nat(host, nat).map_err(|why| Fault::new(place, why)))
}

fn reaches(host: &Host, via: IpAddr) -> bool {
    let mut networks = host.interfaces.iter().flat_map(|interface| &interface.addresses);
    // The neighbours on a link need no prefix of theirs.
    let local = matches!(via, IpAddr::V6(six) if six.is_unicast_link_local());
    local || networks.any(|network| network.contains(via))
}

fn nat(host: &Host, nat: &Nat) -> Result<(), String> {
    let four = |interface: &crate::lab::topology::Interface| {
        interface.addresses.iter().any(|network| network.address.is_ipv4())
    };
    let Some(outside) = host.interface(&nat.outside) else {
        return Err(format!("{} has no interface {:?} to be its NAT's outside", host.name, nat.outside));
    };
    if !four(outside) {
        return Err(format!("{} needs an IPv4 address on {}, the outside of its NAT", host.name, nat.outside));
    }
    if !host.interfaces.iter().any(|one| one.name != nat.outside && four(one)) {
        return Err(format!("{} needs an interface with an IPv4 address that is inside of its NAT", host.name));
    }
    Ok(())
}

/// Nobody on a segment has another's address.
fn addresses(topology: &Topology, segment: &str, places: &Places) -> Result<(), Fault> {
    let mut owners: HashMap<IpAddr, &str> = HashMap::new();
    let kind = topology.segments.iter().find(|one| one.name == segment).map(|one| &one.kind);
    if let Some(Kind::Switch { address: Some(network), .. }) = kind {
        owners.insert(network.address, segment);
    }
    for (host, interface) in topology.on(segment) {
        for network in &interface.addresses {
            if let Some(owner) = owners.insert(network.address, &host.name) {
                let at =
                    places.interfaces.get(&(host.name.clone(), interface.name.clone())).copied().unwrap_or_default();
                let why = format!("{owner} and {} both have {} on {segment}", host.name, network.address);
                return Err(Fault::new(at, why));
            }
        }
    }
    Ok(())
}
