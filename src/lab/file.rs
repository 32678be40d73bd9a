//! A topology as TOML, read and written. Whatever is in the file: an [`Error`] says the line and what is wrong.

mod check;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

use serde::Deserialize;
use toml::Spanned;

use super::impairment::{Impairment, rate_text, share_text};
use super::topology::{By, Host, Interface, Kind, Nat, Network, Route, Segment, Topology, duration_text};
use crate::engine::nat::{Behaviour, Dependence, Hairpinning, NAMED, Pooling, Ports, Refresh};
use crate::quantity;

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 64 << 10;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Error {
    /// From 1.
    pub line: usize,
    /// From the file: to be escaped before a terminal.
    pub why: String,
}

/// A wish that cannot be granted, at a place in the file, in bytes.
struct Fault {
    at: usize,
    why: String,
}

impl Fault {
    fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }
}

type Table<T> = BTreeMap<String, Spanned<T>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(default)]
    title: String,
    #[serde(default)]
    switch: Table<SwitchTable>,
    #[serde(default)]
    cable: Table<CableTable>,
    #[serde(default)]
    host: Table<HostTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SwitchTable {
    #[serde(default)]
    snooping: bool,
    #[serde(default)]
    querier: bool,
    address: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CableTable {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostTable {
    #[serde(default)]
    interface: Table<InterfaceTable>,
    gateway: Option<Spanned<String>>,
    gateway6: Option<Spanned<String>>,
    #[serde(default)]
    routes: Vec<Spanned<String>>,
    #[serde(default)]
    forward: bool,
    nat: Option<Spanned<NatTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InterfaceTable {
    on: Spanned<String>,
    #[serde(default)]
    addresses: Vec<Spanned<String>>,
    loss: Option<Spanned<String>>,
    delay: Option<Spanned<String>>,
    reorder: Option<Spanned<String>>,
    rate: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct NatTable {
    outside: Spanned<String>,
    kind: Option<Spanned<String>>,
    mapping: Option<Spanned<String>>,
    filtering: Option<Spanned<String>>,
    hairpin: Option<Spanned<String>>,
    ports: Option<Spanned<String>>,
    pooling: Option<Spanned<String>>,
    refresh: Option<Spanned<String>>,
    udp_timeout: Option<Spanned<String>>,
    by: Option<Spanned<String>>,
}

/// Reads a topology and checks it: what comes back can be built.
pub fn read(text: &str) -> Result<Topology, Error> {
    let at_line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    if text.len() > LARGEST {
        return Err(Error { line: 1, why: format!("the file is larger than {LARGEST} bytes") });
    }
    let whole: Whole = toml::from_str(text).map_err(|error| Error {
        line: at_line(error.span().map_or(0, |span| span.start)),
        why: error.message().trim().replace('\n', "; "),
    })?;
    topology(whole).map_err(|fault| Error { line: at_line(fault.at), why: fault.why })
}

fn topology(whole: Whole) -> Result<Topology, Fault> {
    let mut places = check::Places::default();
    let mut segments: Vec<(usize, Segment)> = Vec::new();
    for (name, switch) in whole.switch {
        let at = switch.span().start;
        let SwitchTable { snooping, querier, address } = switch.into_inner();
        let address = address.as_ref().map(network).transpose()?;
        segments.push((at, Segment { name, kind: Kind::Switch { snooping, querier, address } }));
    }
    segments
        .extend(whole.cable.into_iter().map(|(name, cable)| (cable.span().start, Segment { name, kind: Kind::Cable })));
    // As they stand in the file, not by the alphabet.
    segments.sort_by_key(|(at, _)| *at);
    let mut hosts: Vec<(usize, Host)> = Vec::new();
    for (name, table) in whole.host {
        let at = table.span().start;
        hosts.push((at, host(at, name, table.into_inner(), &mut places)?));
    }
    hosts.sort_by_key(|(at, _)| *at);
    places.segments = segments.iter().map(|(at, _)| *at).collect();
    places.hosts = hosts.iter().map(|(at, _)| *at).collect();
    let topology = Topology {
        title: whole.title,
        segments: segments.into_iter().map(|(_, segment)| segment).collect(),
        hosts: hosts.into_iter().map(|(_, host)| host).collect(),
    };
    check::check(&topology, &places)?;
    Ok(topology)
}

fn host(at: usize, name: String, table: HostTable, places: &mut check::Places) -> Result<Host, Fault> {
    let mut interfaces = Vec::new();
    for (interface, inner) in table.interface {
        let place = inner.span().start;
        let inner = inner.into_inner();
        places.interfaces.insert((name.clone(), interface.clone()), inner.on.span().start);
        let impairment = Impairment {
            loss: of(&inner.loss, quantity::share)?.unwrap_or_default(),
            delay: of(&inner.delay, quantity::duration)?.unwrap_or_default(),
            reorder: of(&inner.reorder, quantity::share)?.unwrap_or_default(),
            rate: of(&inner.rate, quantity::rate)?,
        };
        let addresses = inner.addresses.iter().map(network).collect::<Result<_, _>>()?;
        let on = inner.on.into_inner();
        interfaces.push((place, Interface { name: interface, on, addresses, impairment }));
    }
    interfaces.sort_by_key(|(place, _)| *place);
    let four = table.gateway.as_ref().map(|text| address(text, true)).transpose()?;
    let six = table.gateway6.as_ref().map(|text| address(text, false)).transpose()?;
    let routes = table.routes.iter().map(route).collect::<Result<_, _>>()?;
    let nat = table.nat.map(|nat| {
        places.nats.insert(name.clone(), nat.get_ref().outside.span().start);
        self::nat(nat.into_inner())
    });
    let nat = nat.transpose()?;
    places.gateways.insert(name.clone(), table.gateway.map_or(at, |text| text.span().start));
    Ok(Host {
        name,
        interfaces: interfaces.into_iter().map(|(_, interface)| interface).collect(),
        gateways: four.into_iter().chain(six).collect(),
        routes,
        forwards: table.forward || nat.is_some(),
        nat,
    })
}

fn nat(table: NatTable) -> Result<Nat, Fault> {
    let names: Vec<&str> = NAMED.iter().map(|(name, ..)| *name).collect();
    let mut behaviour = match &table.kind {
        Some(kind) => Behaviour::named(kind.get_ref()).ok_or_else(|| unknown(kind, &names))?,
        None => Behaviour::default(),
    };
    let dependences = Dependence::ALL.map(Dependence::name);
    if let Some(mapping) = word(&table.mapping, Dependence::of_name, &dependences)? {
        behaviour.map_by(mapping);
    }
    behaviour.filtering = word(&table.filtering, Dependence::of_name, &dependences)?.unwrap_or(behaviour.filtering);
    let hairpinnings = Hairpinning::ALL.map(Hairpinning::name);
    behaviour.hairpinning = word(&table.hairpin, Hairpinning::of_name, &hairpinnings)?.unwrap_or(behaviour.hairpinning);
    behaviour.ports = word(&table.ports, Ports::of_name, &Ports::ALL.map(Ports::name))?.unwrap_or(behaviour.ports);
    let poolings = Pooling::ALL.map(Pooling::name);
    behaviour.pooling = word(&table.pooling, Pooling::of_name, &poolings)?.unwrap_or(behaviour.pooling);
    let refreshes = Refresh::ALL.map(Refresh::name);
    behaviour.refresh = word(&table.refresh, Refresh::of_name, &refreshes)?.unwrap_or(behaviour.refresh);
    behaviour.udp_timeout = of(&table.udp_timeout, quantity::duration)?.unwrap_or(behaviour.udp_timeout);
    let by = word(&table.by, By::of_name, &By::ALL.map(By::name))?;
    Ok(Nat { outside: table.outside.into_inner(), behaviour, by })
}

fn unknown(word: &Spanned<String>, known: &[&str]) -> Fault {
    Fault::new(word.span().start, format!("{:?} is none of {}", word.get_ref(), known.join(", ")))
}

fn word<T>(word: &Option<Spanned<String>>, of: impl Fn(&str) -> Option<T>, known: &[&str]) -> Result<Option<T>, Fault> {
    word.as_ref().map(|text| of(text.get_ref()).ok_or_else(|| unknown(text, known))).transpose()
}

/// A quantity with its unit.
fn of<T>(text: &Option<Spanned<String>>, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Fault> {
    let fault =
        |text: &Spanned<String>, why: String| Fault::new(text.span().start, format!("{:?}: {why}", text.get_ref()));
    text.as_ref().map(|text| read(text.get_ref()).map_err(|why| fault(text, why))).transpose()
}

fn network(text: &Spanned<String>) -> Result<Network, Fault> {
    Network::parse(text.get_ref()).map_err(|why| Fault::new(text.span().start, why))
}

fn address(text: &Spanned<String>, four: bool) -> Result<IpAddr, Fault> {
    let family = if four { "IPv4" } else { "IPv6" };
    let wrong = || Fault::new(text.span().start, format!("{:?} is no {family} address", text.get_ref()));
    text.get_ref().parse().ok().filter(|address: &IpAddr| address.is_ipv4() == four).ok_or_else(wrong)
}

/// `10.0.0.0/8 via 192.168.1.254`.
fn route(text: &Spanned<String>) -> Result<Route, Fault> {
    let wrong = || format!("{:?} is no route, as in 10.0.0.0/8 via 192.168.1.254", text.get_ref());
    let fault = |why: String| Fault::new(text.span().start, why);
    let (to, via) = text.get_ref().split_once(" via ").ok_or_else(|| fault(wrong()))?;
    let to = Network::parse(to.trim()).map_err(fault)?.base();
    let via: IpAddr = via.trim().parse().map_err(|_| fault(wrong()))?;
    if to.address.is_ipv4() != via.is_ipv4() {
        return Err(fault(format!("{:?}: both sides of a route are of one family", text.get_ref())));
    }
    Ok(Route { to, via })
}

/// The file that [`read`] takes for this topology.
pub fn write(topology: &Topology) -> String {
    let mut text = format!("title = {}\n\n", quoted(&topology.title));
    for segment in &topology.segments {
        match &segment.kind {
            Kind::Cable => push(&mut text, format_args!("[cable.{}]", segment.name)),
            Kind::Switch { snooping, querier, address } => {
                push(&mut text, format_args!("[switch.{}]", segment.name));
                for (name, on) in [("snooping", snooping), ("querier", querier)] {
                    if *on {
                        push(&mut text, format_args!("{name} = true"));
                    }
                }
                if let Some(network) = address {
                    push(&mut text, format_args!("address = \"{network}\""));
                }
            }
        }
    }
    for host in &topology.hosts {
        push(&mut text, format_args!("\n[host.{}]", host.name));
        for interface in &host.interfaces {
            push(
                &mut text,
                format_args!("interface.{} = {{ {} }}", quoted(&interface.name), interface_text(interface)),
            );
        }
        for via in &host.gateways {
            push(&mut text, format_args!("{} = \"{via}\"", if via.is_ipv4() { "gateway" } else { "gateway6" }));
        }
        if !host.routes.is_empty() {
            let routes: Vec<String> = host.routes.iter().map(|one| format!("\"{} via {}\"", one.to, one.via)).collect();
            push(&mut text, format_args!("routes = [{}]", routes.join(", ")));
        }
        if host.forwards && host.nat.is_none() {
            push(&mut text, format_args!("forward = true"));
        }
        if let Some(nat) = &host.nat {
            push(&mut text, format_args!("nat = {{ {} }}", nat_text(nat)));
        }
    }
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}

fn interface_text(interface: &Interface) -> String {
    let mut parts = vec![format!("on = {}", quoted(&interface.on))];
    if !interface.addresses.is_empty() {
        let all: Vec<String> = interface.addresses.iter().map(|network| format!("\"{network}\"")).collect();
        parts.push(format!("addresses = [{}]", all.join(", ")));
    }
    let bad = &interface.impairment;
    let quantities = [
        ("loss", (bad.loss > 0.0).then(|| share_text(bad.loss))),
        ("delay", (!bad.delay.is_zero()).then(|| duration_text(bad.delay))),
        ("reorder", (bad.reorder > 0.0).then(|| share_text(bad.reorder))),
        ("rate", bad.rate.map(rate_text)),
    ];
    parts.extend(quantities.into_iter().filter_map(|(name, value)| Some(format!("{name} = \"{}\"", value?))));
    parts.join(", ")
}

fn nat_text(nat: &Nat) -> String {
    let b = &nat.behaviour;
    let mut parts = vec![format!("outside = {}", quoted(&nat.outside))];
    let words = [
        ("mapping", b.mapping.name()),
        ("filtering", b.filtering.name()),
        ("hairpin", b.hairpinning.name()),
        ("ports", b.ports.name()),
        ("pooling", b.pooling.name()),
        ("refresh", b.refresh.name()),
    ];
    parts.extend(words.iter().map(|(name, word)| format!("{name} = \"{word}\"")));
    parts.push(format!("udp-timeout = \"{}\"", duration_text(b.udp_timeout)));
    parts.extend(nat.by.map(|by| format!("by = \"{}\"", by.name())));
    parts.join(", ")
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
