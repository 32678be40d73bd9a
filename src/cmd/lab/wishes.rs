//! The options that change a lab before it is built: what its NATs do, how bad its lines are.

use std::time::Duration;

use anyhow::{anyhow, bail};

use crate::engine::nat::{Behaviour, Dependence, Hairpinning, NAMED, Pooling, Ports, Refresh};
use crate::lab::Topology;
use crate::lab::topology::{By, Kind, Nat};
use crate::quantity;
use crate::view::escape;

#[derive(Debug, clap::Args)]
pub struct Wishes {
    #[command(flatten)]
    nats: Nats,
    #[command(flatten)]
    lines: Lines,
    #[command(flatten)]
    switches: Switches,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "NATs")]
struct Nats {
    /// full-cone, address-restricted, port-restricted or symmetric (RFC 3489): mapping and filtering in one word
    #[arg(long, value_name = "KIND", value_parser = of::<Kind3489>)]
    nat: Vec<For<Kind3489>>,
    /// endpoint-independent, address-dependent or address-and-port-dependent (RFC 4787)
    #[arg(long, value_name = "DEPENDENCE", value_parser = of::<Dependence>)]
    mapping: Vec<For<Dependence>>,
    /// The same for who is let in
    #[arg(long, value_name = "DEPENDENCE", value_parser = of::<Dependence>)]
    filtering: Vec<For<Dependence>>,
    /// Let the inside reach the outside addresses of the inside: external (what --hairpin alone says), internal or off
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "external", value_parser = of::<Hairpinning>)]
    hairpin: Vec<For<Hairpinning>>,
    /// Ports of mappings: preserved, parity or random
    #[arg(long, value_name = "PORTS", value_parser = of::<Ports>)]
    ports: Vec<For<Ports>>,
    /// Which outside address a mapping gets: paired or arbitrary
    #[arg(long, value_name = "POOLING", value_parser = of::<Pooling>)]
    pooling: Vec<For<Pooling>>,
    /// Whose packets keep a mapping alive: outbound or any
    #[arg(long, value_name = "WHOSE", value_parser = of::<Refresh>)]
    refresh: Vec<For<Refresh>>,
    /// How long a mapping lives without a packet, as in 5s
    #[arg(long, value_name = "TIME", value_parser = of::<Duration>)]
    udp_timeout: Vec<For<Duration>>,
    /// Who translates: nft (the kernel), or netlab itself; by default nft where it can
    #[arg(long, value_name = "WHO", value_parser = of::<By>)]
    by: Vec<For<By>>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Lines (of the NATs to the outside; of all hosts where there is no NAT)")]
struct Lines {
    /// Lose this share of frames, as in 2%
    #[arg(long, value_name = "SHARE", value_parser = quantity::share)]
    loss: Option<f64>,
    /// Delay each frame, as in 30ms
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    delay: Option<Duration>,
    /// Let this share of frames be overtaken, as in 1%
    #[arg(long, value_name = "SHARE", value_parser = quantity::share)]
    reorder: Option<f64>,
    /// Bits a second, as in 10mbit
    #[arg(long, value_name = "RATE", value_parser = quantity::rate)]
    rate: Option<u64>,
    /// The chance to repeat
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Switches")]
struct Switches {
    /// Whether switches listen to IGMP: on or off
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    snooping: Option<bool>,
    /// Whether switches ask who wants which group: on or off
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    querier: Option<bool>,
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on or off, please".to_owned()),
    }
}

/// A wish for one NAT, or for all.
#[derive(Clone, Debug, PartialEq)]
struct For<T> {
    host: Option<String>,
    value: T,
}

/// What an option can be told.
trait Word: Sized {
    fn read(text: &str) -> Result<Self, String>;
}

fn of<T: Word>(text: &str) -> Result<For<T>, String> {
    match text.split_once('=') {
        Some((host, value)) => Ok(For { host: Some(host.to_owned()), value: T::read(value)? }),
        None => Ok(For { host: None, value: T::read(text)? }),
    }
}

fn one_of<T, const N: usize>(all: [T; N], name: impl Fn(&T) -> &'static str, text: &str) -> Result<T, String> {
    let known = all.each_ref().map(&name).join(", ");
    all.into_iter().find(|one| name(one) == text).ok_or_else(|| format!("it is one of {known}"))
}

/// Mapping and filtering by a name of RFC 3489.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kind3489(Behaviour);

impl Word for Kind3489 {
    fn read(text: &str) -> Result<Self, String> {
        let names = NAMED.map(|(name, ..)| name).join(", ");
        Behaviour::named(text).map(Self).ok_or_else(|| format!("it is one of {names}"))
    }
}

impl Word for Dependence {
    fn read(text: &str) -> Result<Self, String> {
        one_of(Self::ALL, |one| one.name(), text)
    }
}

impl Word for Hairpinning {
    fn read(text: &str) -> Result<Self, String> {
        one_of(Self::ALL, |one| one.name(), text)
    }
}

impl Word for Ports {
    fn read(text: &str) -> Result<Self, String> {
        one_of(Self::ALL, |one| one.name(), text)
    }
}

impl Word for Pooling {
    fn read(text: &str) -> Result<Self, String> {
        one_of(Self::ALL, |one| one.name(), text)
    }
}

impl Word for Refresh {
    fn read(text: &str) -> Result<Self, String> {
        one_of(Self::ALL, |one| one.name(), text)
    }
}

impl Word for By {
    fn read(text: &str) -> Result<Self, String> {
        one_of(Self::ALL, |one| one.name(), text)
    }
}

impl Word for Duration {
    fn read(text: &str) -> Result<Self, String> {
        quantity::duration(text)
    }
}

impl Wishes {
    pub fn seed(&self) -> u64 {
        self.lines.seed
    }

    /// Changes the topology as was wished.
    pub fn apply(&self, topology: &mut Topology) -> anyhow::Result<()> {
        let nats = &self.nats;
        // The name first: what is said beside it goes before it.
        each(topology, &nats.nat, |nat, Kind3489(named)| {
            nat.behaviour =
                Behaviour { mapping: named.mapping, filtering: named.filtering, ports: named.ports, ..nat.behaviour };
        })?;
        each(topology, &nats.mapping, |nat, mapping| nat.behaviour.map_by(mapping))?;
        each(topology, &nats.filtering, |nat, filtering| nat.behaviour.filtering = filtering)?;
        each(topology, &nats.hairpin, |nat, hairpinning| nat.behaviour.hairpinning = hairpinning)?;
        each(topology, &nats.ports, |nat, ports| nat.behaviour.ports = ports)?;
        each(topology, &nats.pooling, |nat, pooling| nat.behaviour.pooling = pooling)?;
        each(topology, &nats.refresh, |nat, refresh| nat.behaviour.refresh = refresh)?;
        each(topology, &nats.udp_timeout, |nat, timeout| nat.behaviour.udp_timeout = timeout)?;
        each(topology, &nats.by, |nat, by| nat.by = Some(by))?;
        for interface in topology.lines_mut() {
            let impairment = &mut interface.impairment;
            impairment.loss = self.lines.loss.unwrap_or(impairment.loss);
            impairment.delay = self.lines.delay.unwrap_or(impairment.delay);
            impairment.reorder = self.lines.reorder.unwrap_or(impairment.reorder);
            impairment.rate = self.lines.rate.or(impairment.rate);
        }
        let mut switches = 0;
        for segment in &mut topology.segments {
            if let Kind::Switch { snooping, querier, .. } = &mut segment.kind {
                switches += 1;
                *snooping = self.switches.snooping.unwrap_or(*snooping);
                *querier = self.switches.querier.unwrap_or(*querier);
            }
        }
        if switches == 0 && (self.switches.snooping.is_some() || self.switches.querier.is_some()) {
            bail!("there is no switch in this lab to listen or to ask");
        }
        Ok(())
    }
}

/// Grants the wishes for all NATs, then those for single ones.
fn each<T: Copy>(topology: &mut Topology, wishes: &[For<T>], grant: impl Fn(&mut Nat, T)) -> anyhow::Result<()> {
    let (general, single): (Vec<_>, Vec<_>) = wishes.iter().partition(|wish| wish.host.is_none());
    for wish in general.into_iter().chain(single) {
        let mut granted = false;
        for host in &mut topology.hosts {
            if let Some(nat) = host.nat.as_mut().filter(|_| wish.host.as_ref().is_none_or(|name| *name == host.name)) {
                grant(nat, wish.value);
                granted = true;
            }
        }
        if !granted {
            let names = topology.hosts.iter().filter(|host| host.nat.is_some()).map(|host| host.name.as_str());
            let names: Vec<&str> = names.collect();
            return Err(match (&wish.host, names.is_empty()) {
                (_, true) => anyhow!("there is no NAT in this lab"),
                (host, false) => {
                    let host = host.as_deref().unwrap_or_default();
                    anyhow!("there is no NAT {} in this lab; there are: {}", escape::text(host), names.join(", "))
                }
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::lab::{file, preset};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        wishes: Wishes,
    }

    fn lab(preset: &str, options: &[&str]) -> anyhow::Result<Topology> {
        let line = Line::try_parse_from(std::iter::once("lab").chain(options.iter().copied()))?;
        let mut topology = file::read(preset::of_name(preset).unwrap().text).unwrap();
        line.wishes.apply(&mut topology)?;
        Ok(topology)
    }

    fn nat(topology: &Topology, host: &str) -> Behaviour {
        topology.host(host).unwrap().nat.as_ref().unwrap().behaviour
    }

    #[test]
    fn a_wish_is_for_all_nats_or_for_the_one_that_it_names() {
        let lab = lab("two-nats", &["--nat", "nat-b=symmetric", "--nat", "full-cone", "--hairpin"]).unwrap();
        assert_eq!(nat(&lab, "nat-a").filtering, Dependence::EndpointIndependent);
        assert_eq!(nat(&lab, "nat-b").mapping, Dependence::AddressAndPortDependent);
        assert_eq!(nat(&lab, "nat-b").ports, Ports::Random);
        assert_eq!(nat(&lab, "nat-b").hairpinning, Hairpinning::External);
    }

    #[test]
    fn what_is_said_of_an_axis_goes_before_the_name() {
        let lab =
            lab("home", &["--mapping", "address-dependent", "--nat", "full-cone", "--udp-timeout", "5s"]).unwrap();
        let nat = nat(&lab, "nat-a");
        assert_eq!((nat.mapping, nat.filtering), (Dependence::AddressDependent, Dependence::EndpointIndependent));
        assert_eq!((nat.ports, nat.udp_timeout), (Ports::Random, Duration::from_secs(5)));
    }

    #[test]
    fn a_bad_line_is_between_the_nats_and_the_outside() {
        let lab = lab("home", &["--loss", "2%", "--rate", "1mbit"]).unwrap();
        let bad: Vec<&str> = lab
            .hosts
            .iter()
            .flat_map(|host| &host.interfaces)
            .filter(|one| !one.impairment.is_none())
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(bad, ["wan"]);
    }

    #[test]
    fn where_there_is_no_nat_all_lines_are_bad() {
        let lab = lab("switch", &["--delay", "30ms", "--querier", "off"]).unwrap();
        let mut all = lab.hosts.iter().flat_map(|host| &host.interfaces);
        assert!(all.all(|interface| interface.impairment.delay == Duration::from_millis(30)));
        assert!(matches!(lab.segments[0].kind, Kind::Switch { querier: false, snooping: true, .. }));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let said = |preset: &str, options: &[&str]| lab(preset, options).unwrap_err().to_string();
        assert!(said("two-nats", &["--nat", "nat-c=symmetric"]).contains("there are: nat-a, nat-b"));
        assert!(said("switch", &["--nat", "symmetric"]).contains("no NAT in this lab"));
        assert!(said("home", &["--nat", "conic"]).contains("full-cone, address-restricted"));
    }
}
