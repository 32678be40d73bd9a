//! What a virtual LAN consists of: segments (switches and cables), and hosts with interfaces on them.
//!
//! Guarantee: a topology that [`super::file::read`] accepts can be built; names fit the kernel's (15 bytes), nothing is
//! named twice, every interface is on a segment that there is.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::impairment::Impairment;
use crate::engine::nat::Behaviour;

/// The most hosts, switches and cables of one lab, each.
pub const MOST: usize = 64;
/// The most interfaces of one host.
pub const MOST_INTERFACES: usize = 16;
/// The longest name of a host or a switch: with a point and a number it is an interface's name (IFNAMSIZ).
pub const LONGEST_NAME: usize = 12;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// What it is, in a sentence.
    pub title: String,
    pub segments: Vec<Segment>,
    pub hosts: Vec<Host>,
}

/// What joins interfaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub name: String,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Joins two interfaces.
    Cable,
    /// A bridge (IEEE 802.1D) of any number of ports.
    Switch {
        /// Whether it forwards multicast only to who wants it (RFC 4541).
        snooping: bool,
        /// Whether it asks who wants what (RFC 9776 §6.6), and so makes snooping work.
        querier: bool,
        /// Its own address, from which it asks.
        address: Option<Network>,
    },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    pub name: String,
    pub interfaces: Vec<Interface>,
    /// Default routes, at most one of each family.
    pub gateways: Vec<IpAddr>,
    pub routes: Vec<Route>,
    /// A router: passes on what is not for it.
    pub forwards: bool,
    pub nat: Option<Nat>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interface {
    pub name: String,
    /// The segment.
    pub on: String,
    pub addresses: Vec<Network>,
    /// What happens to frames on the way between this interface and its segment, in each direction.
    pub impairment: Impairment,
}

/// An address with the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    pub address: IpAddr,
    pub prefix: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub to: Network,
    pub via: IpAddr,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Nat {
    /// The interface to the outside; all others are inside.
    pub outside: String,
    pub behaviour: Behaviour,
    /// Who is to do it; `None`: the kernel where it can.
    pub by: Option<By>,
}

/// Who translates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The kernel, by rules of nft(8).
    Nft,
    /// netlab itself, packet by packet.
    Netlab,
}

impl By {
    pub const ALL: [Self; 2] = [Self::Nft, Self::Netlab];

    pub fn name(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::Netlab => "netlab",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.name() == name)
    }
}

impl Topology {
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// Hosts and interfaces that are on a segment, in their order.
    pub fn on<'a>(&'a self, segment: &'a str) -> impl Iterator<Item = (&'a Host, &'a Interface)> {
        let on = move |host: &'a Host| host.interfaces.iter().map(move |interface| (host, interface));
        self.hosts.iter().flat_map(on).filter(move |(_, interface)| interface.on == segment)
    }

    /// Every network namespace that the lab has: hosts, then switches.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        let switches = self.segments.iter().filter(|segment| segment.kind != Kind::Cable);
        self.hosts.iter().map(|host| host.name.as_str()).chain(switches.map(|switch| switch.name.as_str()))
    }

    pub fn has_ipv6(&self) -> bool {
        let mut interfaces = self.hosts.iter().flat_map(|host| &host.interfaces);
        interfaces.any(|interface| interface.addresses.iter().any(|network| network.address.is_ipv6()))
    }

    /// The interfaces that a link's quality is about where nobody says which: those of the NATs to the outside, and
    /// where there are none, all that hosts have.
    pub fn lines_mut(&mut self) -> Vec<&mut Interface> {
        let has_nat = self.hosts.iter().any(|host| host.nat.is_some());
        let mut lines = Vec::new();
        for host in &mut self.hosts {
            let outside = host.nat.as_ref().map(|nat| nat.outside.clone());
            let chosen = host.interfaces.iter_mut();
            lines.extend(chosen.filter(|one| !has_nat || Some(&one.name) == outside.as_ref()));
        }
        lines
    }
}

impl Host {
    pub fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.name == name)
    }

    /// The first address that is not IPv6, else the first: what others call it by.
    pub fn address(&self) -> Option<IpAddr> {
        let all = || self.interfaces.iter().flat_map(|interface| &interface.addresses).map(|network| network.address);
        all().find(IpAddr::is_ipv4).or_else(|| all().next())
    }
}

impl Network {
    /// `192.168.1.10/24`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address with its prefix, as in 192.168.1.10/24 or fd00::1/64");
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        // A sign is no part of a prefix, though a number may have one.
        let prefix: u8 = Some(prefix)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .ok_or_else(wrong)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if prefix > most {
            return Err(format!("{text:?}: a prefix of this family has {most} bits at most"));
        }
        Ok(Self { address, prefix })
    }

    /// Its first address: the network's own.
    pub fn base(self) -> Self {
        let address = match self.address {
            IpAddr::V4(four) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(self.prefix.into())).unwrap_or(0);
                IpAddr::V4((u32::from(four) & mask).into())
            }
            IpAddr::V6(six) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(self.prefix.into())).unwrap_or(0);
                IpAddr::V6((u128::from(six) & mask).into())
            }
        };
        Self { address, ..self }
    }

    pub fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && Self { address, ..self }.base() == self.base()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A duration as the files and options have it: `5s`, `1500ms`.
pub fn duration_text(duration: Duration) -> String {
    match duration.as_millis() {
        whole if whole % 1000 == 0 => format!("{}s", whole / 1000),
        part => format!("{part}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_address_and_a_prefix() {
        let of = |text: &str| Network::parse(text).unwrap();
        assert_eq!(of("192.168.1.10/24").base().to_string(), "192.168.1.0/24");
        assert_eq!(of("10.0.0.1/0").base().to_string(), "0.0.0.0/0");
        assert_eq!(of("fd00:5::7/64").base().to_string(), "fd00:5::/64");
        assert!(of("192.168.1.10/24").contains("192.168.1.1".parse().unwrap()));
        assert!(!of("192.168.1.10/24").contains("192.168.2.1".parse().unwrap()));
        assert!(!of("0.0.0.0/0").contains("::1".parse().unwrap()));
        for wrong in ["", "10.0.0.1", "10.0.0.1/33", "10.0.0/8", "fd00::1/129", "x/24", "10.0.0.1/-1", "10.0.0.1/+8"] {
            assert!(Network::parse(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
