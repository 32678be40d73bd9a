//! Where in a lab packets are captured, and what a chart has to know of these places.
//!
//! Trap: a capture belongs to the network of the thread that opens it.

use anyhow::{Context, bail};

use crate::io::lab::Error;
use crate::io::pcap;
use crate::lab::Topology;
use crate::lab::operation::BRIDGE;
use crate::lab::topology::{Host, Kind, Segment};
use crate::view::escape;
use crate::view::ladder::{Between, Ground, Program};

/// A place to capture at: in which network, on which interface, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub node: String,
    interface: String,
    pub name: String,
}

/// The places that were named, or one on each segment.
pub fn places(topology: &Topology, wanted: &[String]) -> anyhow::Result<Vec<Place>> {
    let switches =
        |name: &str| topology.segments.iter().any(|segment| segment.name == name && segment.kind != Kind::Cable);
    if wanted.is_empty() {
        let place = |segment: &Segment| match segment.kind {
            Kind::Switch { .. } => Some(of_switch(&segment.name)),
            Kind::Cable => topology.on(&segment.name).next().map(|(host, on)| of_host(&host.name, &on.name)),
        };
        return Ok(topology.segments.iter().filter_map(place).collect());
    }
    let mut places: Vec<Place> = Vec::new();
    for text in wanted {
        let found = match text.split_once(':') {
            None if switches(text) => of_switch(text),
            None => bail!("{}: say which interface, as in {0}:eth0, or name a switch", escape::text(text)),
            Some((host, interface)) => of_host(host, interface),
        };
        if !places.contains(&found) {
            places.push(found);
        }
    }
    Ok(places)
}

fn of_switch(name: &str) -> Place {
    Place { node: name.to_owned(), interface: BRIDGE.to_owned(), name: name.to_owned() }
}

fn of_host(host: &str, interface: &str) -> Place {
    Place { node: host.to_owned(), interface: interface.to_owned(), name: format!("{host}:{interface}") }
}

/// Opens each place in its network, into which `enter` moves this thread; it stays in the last one. The interface in
/// `options` is the place's.
pub fn open(
    places: &[Place],
    options: &pcap::Options,
    enter: impl Fn(&str) -> Result<(), Error>,
) -> anyhow::Result<pcap::Opened> {
    let mut opened: Option<pcap::Opened> = None;
    for place in places {
        enter(&place.node).map_err(super::told)?;
        // A bridge then shows what it passes on, too.
        let options = pcap::Options { interfaces: vec![place.interface.clone()], promiscuous: true, ..options.clone() };
        let one = pcap::open(&options).with_context(|| escape::text(&place.name))?.called(&place.name);
        opened = Some(match opened {
            Some(before) => before.and(one),
            None => one,
        });
    }
    opened.context("there is no segment in this lab")
}

impl Place {
    /// The segment whose frames are seen here.
    fn segment<'a>(&'a self, topology: &'a Topology) -> &'a str {
        let interface = topology.host(&self.node).and_then(|host| host.interface(&self.interface));
        interface.map_or(self.node.as_str(), |interface| interface.on.as_str())
    }
}

/// The numbers of the places on these segments.
fn on<'a>(segments: impl Iterator<Item = &'a str>, topology: &Topology, places: &[Place]) -> Vec<u32> {
    let segments: Vec<&str> = segments.collect();
    let numbered = (0..).zip(places);
    numbered.filter(|(_, place)| segments.contains(&place.segment(topology))).map(|(number, _)| number).collect()
}

/// The hosts and switches of these names as columns.
pub fn programs(topology: &Topology, places: &[Place], columns: &[&str]) -> Vec<Program> {
    columns.iter().filter_map(|name| program(topology, places, name)).collect()
}

fn program(topology: &Topology, places: &[Place], name: &str) -> Option<Program> {
    let (mut addresses, places) = match topology.host(name) {
        Some(host) => {
            let outside = host.nat.as_ref().map(|nat| nat.outside.as_str());
            let mut interfaces: Vec<_> = host.interfaces.iter().collect();
            // What others know a NAT by.
            interfaces.sort_by_key(|interface| Some(interface.name.as_str()) != outside);
            let addresses = interfaces.iter().flat_map(|one| &one.addresses).map(|network| network.address);
            let segments = host.interfaces.iter().map(|interface| interface.on.as_str());
            (addresses.collect::<Vec<_>>(), on(segments, topology, places))
        }
        None => {
            let switch = topology.segments.iter().find(|segment| segment.name == name)?;
            let Kind::Switch { address: Some(network), .. } = switch.kind else { return None };
            (vec![network.address], on(std::iter::once(name), topology, places))
        }
    };
    let address = (!addresses.is_empty()).then(|| addresses.remove(0))?;
    Some(Program { name: name.to_owned(), address, ports: Vec::new(), also: addresses, places })
}

/// What a chart has to know of the places; `columns`: the names of its programs.
pub fn ground(topology: &Topology, places: &[Place], columns: &[&str]) -> Ground {
    let router = |host: &Host| {
        let outside = match (&host.nat, host.interfaces.as_slice()) {
            (Some(nat), _) => &nat.outside,
            // What only passes packets on has no outside: either side will do.
            (None, [_, other]) if host.forwards => &other.name,
            _ => return None,
        };
        let side = |out: bool| {
            let interfaces = host.interfaces.iter().filter(|one| (one.name == *outside) == out);
            on(interfaces.map(|interface| interface.on.as_str()), topology, places)
        };
        let between = Between { inside: side(false), outside: side(true), plain: host.nat.is_none() };
        (!between.inside.is_empty() && !between.outside.is_empty()).then_some(between)
    };
    let ear = |place: &Place| columns.iter().position(|column| *column == place.node);
    let ears: Vec<Option<usize>> = places.iter().map(ear).collect();
    // A NAT's own interfaces, and switches between NATs, hear everything.
    let hosts = places.iter().any(|place| topology.host(&place.node).is_some_and(|host| host.nat.is_none()));
    let nats = topology.hosts.iter().filter_map(router).collect();
    Ground { nats, ears: if hosts { ears } else { Vec::new() }, ..Ground::default() }
}

/// All hosts from left to right: those behind a NAT, the NAT, those outside of all, then the other NATs and who is behind
/// them.
pub fn columns(topology: &Topology) -> Vec<&str> {
    let inner = |segment: &str| {
        let mut hosts = topology.on(segment);
        hosts.any(|(host, one)| host.nat.as_ref().is_some_and(|nat| nat.outside != one.name))
    };
    let outermost = |host: &&Host| {
        host.nat.as_ref().is_some_and(|nat| host.interface(&nat.outside).is_none_or(|one| !inner(&one.on)))
    };
    let nats: Vec<&Host> = topology.hosts.iter().filter(outermost).collect();
    let (left, right) = nats.split_at(nats.len().div_ceil(2));
    let mut all = Vec::new();
    left.iter().for_each(|nat| home(topology, nat, &mut all));
    let mut rest = Vec::new();
    right.iter().rev().for_each(|nat| home(topology, nat, &mut rest));
    let public = topology.hosts.iter().map(|host| host.name.as_str()).filter(|name| !all.contains(name));
    let public: Vec<&str> = public.filter(|name| !rest.contains(name)).collect();
    all.extend(public);
    all.extend(rest.into_iter().rev());
    all
}

/// Who is behind a NAT, then itself.
fn home<'a>(topology: &'a Topology, nat: &'a Host, all: &mut Vec<&'a str>) {
    let outside = nat.nat.as_ref().map(|nat| nat.outside.as_str());
    for interface in nat.interfaces.iter().filter(|interface| Some(interface.name.as_str()) != outside) {
        for (host, on) in topology.on(&interface.on) {
            if host.name == nat.name || all.contains(&host.name.as_str()) {
                continue;
            }
            match &host.nat {
                Some(behind) if behind.outside == on.name => home(topology, host, all),
                _ => all.push(&host.name),
            }
        }
    }
    all.push(&nat.name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{file, preset};

    fn lab(name: &str) -> Topology {
        file::read(preset::of_name(name).unwrap().text).unwrap()
    }

    #[test]
    fn columns_go_from_the_inside_out_and_in_again() {
        assert_eq!(columns(&lab("home")), ["a1", "a2", "nat-a", "srv", "x"]);
        assert_eq!(columns(&lab("two-nats")), ["a1", "a2", "nat-a", "srv", "x", "nat-b", "b1"]);
        assert_eq!(columns(&lab("cgnat")), ["a1", "nat-a", "b1", "nat-b", "cgn", "srv", "x"]);
        assert_eq!(columns(&lab("switch")), ["h1", "h2", "h3", "h4"]);
    }

    #[test]
    fn each_nat_has_its_sides_where_both_are_captured() {
        let topology = lab("two-nats");
        let all = places(&topology, &[]).unwrap();
        let names: Vec<&str> = all.iter().map(|place| place.name.as_str()).collect();
        assert_eq!(names, ["lan-a", "lan-b", "internet"]);
        let columns = columns(&topology);
        let sides = ground(&topology, &all, &columns).nats;
        let side = |inside, outside| Between { inside: vec![inside], outside: vec![outside], plain: false };
        assert_eq!(sides, [side(0, 2), side(1, 2)]);
        let only = places(&topology, &["nat-a:lan".to_owned(), "nat-a:wan".to_owned()]).unwrap();
        assert_eq!(ground(&topology, &only, &columns).nats, [side(0, 1)]);
        let program = programs(&topology, &all, &["nat-a"]).remove(0);
        assert_eq!((program.address.to_string().as_str(), program.places), ("203.0.113.1", vec![0, 2]));
    }
}
