//! Who sends a packet to whom, as a chart needs it: hosts, groups and what the link has.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::{Address, At, Packet, Protocol};

/// A column of the chart: a host, a group, or one end of a host that talks with itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    pub name: Name,
    /// The serving end of a host that talks with itself: its port.
    pub port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    V4([u8; 4]),
    V6([u8; 16]),
    Mac([u8; 6]),
}

impl Name {
    /// Whether more than one host listens to it.
    pub fn is_group(self) -> bool {
        match self {
            Self::V4(address) => Ipv4Addr::from(address).is_multicast() || Ipv4Addr::from(address).is_broadcast(),
            Self::V6(address) => Ipv6Addr::from(address).is_multicast(),
            Self::Mac([first, ..]) => first & 1 == 1,
        }
    }

    /// Whether it is this address.
    pub fn is(self, address: IpAddr) -> bool {
        match self {
            Self::V4(bytes) => address == Ipv4Addr::from(bytes),
            Self::V6(bytes) => address == Ipv6Addr::from(bytes),
            Self::Mac(_) => false,
        }
    }

    /// Its IP address, where it has one.
    pub fn address(self) -> Option<Address> {
        match self {
            Self::V4(address) => Some(Address::V4(address)),
            Self::V6(address) => Some(Address::V6(address)),
            Self::Mac(_) => None,
        }
    }

    /// With a port, as URLs write it.
    pub fn with_port(self, port: u16) -> String {
        match self {
            Self::V6(_) => format!("[{self}]:{port}"),
            _ => format!("{self}:{port}"),
        }
    }
}

impl From<IpAddr> for Name {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => Self::V6(address.octets()),
        }
    }
}

impl From<Address> for Name {
    fn from(address: Address) -> Self {
        match address {
            Address::V4(address) => Self::V4(address),
            Address::V6(address) => Self::V6(address),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => Ipv4Addr::from(*address).fmt(out),
            Self::V6(address) => Ipv6Addr::from(*address).fmt(out),
            Self::Mac([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) => out.write_str("broadcast"),
            Self::Mac([a, b, c, d, e, f]) => write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"),
        }
    }
}

/// Sender and receiver of a packet, with their ports where it has some.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub hosts: [Host; 2],
    pub ports: Option<[u16; 2]>,
    /// Where it was captured: an interface.
    pub place: u32,
}

/// The ends of the innermost layer that is the packet's own; `None` where nothing says who they are.
///
/// `from_client`: which way it goes in its conversation, where that is known.
pub fn ends(packet: &Packet<'_>, from_client: Option<bool>) -> Option<Ends> {
    let own = |at: &At<'_>| !at.layer.quoted && !at.layer.protocol.is_application();
    let at = packet.each().filter(own).last()?;
    // An IP layer that is the innermost carries itself.
    let index = at.index + usize::from(matches!(at.layer.protocol, Protocol::Ipv4 | Protocol::Ipv6));
    let carried = packet.addresses(index).filter(|_| at.layer.protocol != Protocol::Arp);
    let names = match carried {
        Some((source, destination)) => [source.into(), destination.into()],
        None => resolution(packet, &at).or_else(|| link(packet))?,
    };
    let ports = match at.layer.protocol {
        Protocol::Tcp | Protocol::Udp => Some([at.u16(0)?, at.u16(2)?]),
        _ => None,
    };
    let mut hosts = names.map(|name| Host { name, port: None });
    let [source, destination] = &mut hosts;
    // An error goes the way back of what it quotes.
    let quoted = || {
        let at =
            packet.each().find(|at| at.layer.quoted && matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp))?;
        Some([at.u16(2)?, at.u16(0)?])
    };
    if source == destination
        && let Some([from, to]) = ports.or_else(quoted)
    {
        // A host that talks with itself: its serving end gets a column, all that ask share the other.
        match from_client.unwrap_or(from >= to) {
            true => destination.port = Some(to),
            false => source.port = Some(from),
        }
    }
    Some(Ends { hosts, ports, place: packet.frame.interface })
}

/// Sender and target of ARP (RFC 826); what is broadcast goes to all, and who has no address yet is known by his link's.
fn resolution(packet: &Packet<'_>, at: &At<'_>) -> Option<[Name; 2]> {
    if at.layer.protocol != Protocol::Arp || at.u16(2)? != 0x0800 || at.u16(4)? != 0x0604 {
        return None;
    }
    let sender = match at.array(14)? {
        [0, 0, 0, 0] => Name::Mac(at.array(8)?),
        address => Name::V4(address),
    };
    let target = match link(packet) {
        Some([_, all @ Name::Mac([0xff, ..])]) => all,
        _ => Name::V4(at.array(24)?),
    };
    Some([sender, target])
}

fn link(packet: &Packet<'_>) -> Option<[Name; 2]> {
    let first = packet.at(0).filter(|first| first.layer.protocol == Protocol::Ethernet)?;
    Some([Name::Mac(first.array(6)?), Name::Mac(first.array(0)?)])
}
