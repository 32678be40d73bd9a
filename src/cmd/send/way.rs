//! The way of a packet out of this machine: interface, layer, source address, and the link address of the next hop.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, bail};

use super::exchange::Out;
use super::neighbour;
use crate::cmd::consent;
use crate::engine::neighbour::Mac;
use crate::frame::LinkType;
use crate::io::link::{self, Link};
use crate::io::route;
use crate::wire::{Address, rewrite};

/// How a packet leaves.
#[derive(Clone, Debug)]
pub struct Way {
    /// Where the packet goes.
    pub to: IpAddr,
    pub link: Link,
    /// The kernel adds the link's header: on loopback, and where the link has none.
    pub layer_3: bool,
    /// The address of this machine that the packet comes from.
    pub source: Option<IpAddr>,
    pub gateway: Option<IpAddr>,
    /// The address is one that every host listens to.
    pub broadcast: bool,
    /// Where the frame goes; `None` while nobody knows.
    pub next_hop: Option<[u8; 6]>,
}

/// What the way of a packet depends on beside its address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// It has layers that only frames have.
    pub link: bool,
    /// It comes from the link-local address.
    pub link_local: bool,
}

/// Who a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    Known([u8; 6]),
    /// The kernel makes the frame.
    NotNeeded,
    /// The neighbour with this address does not answer.
    Silent(IpAddr),
}

impl Way {
    /// Asks the kernel for the way; an interface that was named goes before its route.
    pub fn find(to: IpAddr, needs: Needs, interface: Option<&str>) -> anyhow::Result<Self> {
        let links = link::links()?;
        let named = match interface {
            Some(name) => {
                let found = links.iter().find(|link| link.name == name);
                Some(found.with_context(|| format!("there is no interface {name}; `netlab interfaces` lists them"))?)
            }
            None => None,
        };
        let everywhere = to == IpAddr::V4(Ipv4Addr::BROADCAST);
        let route = route::to(to, named.map_or(0, |link| link.index));
        let (link, gateway, local) = match (named, &route) {
            (Some(link), Ok(way)) if way.interface == link.index => (link, way.gateway, way.local),
            (Some(link), Ok(way)) if way.local && link.loopback => (link, None, true),
            (Some(link), _) => (link, None, false),
            (None, Ok(way)) => {
                let found = links.iter().find(|link| link.index == way.interface);
                (found.with_context(|| format!("the interface of the route to {to} is gone"))?, way.gateway, way.local)
            }
            (None, Err(_)) if to.is_multicast() || everywhere => {
                let mut usable = links.iter().filter(|link| link.up && !link.loopback && !link.addresses.is_empty());
                let only = usable.next().filter(|_| usable.next().is_none());
                (only.with_context(|| format!("there is no route to {to}: name an interface with -i"))?, None, false)
            }
            (None, Err(error)) => bail!("there is no way to {to}: {error}"),
        };
        if !link.up {
            bail!("{} is switched off", link.name);
        }
        let layer_3 = link.loopback || local || link.link != Some(LinkType::ETHERNET);
        if layer_3 && needs.link {
            bail!("{} takes no frames made by hand, only IP packets: ARP and VLAN tags need Ethernet", link.name);
        }
        let of_route = route.ok().filter(|way| way.interface == link.index).and_then(|way| way.source);
        let same_family = |address: &IpAddr| address.is_ipv4() == to.is_ipv4();
        let near = |address: &IpAddr| match (address, to) {
            (IpAddr::V6(ours), IpAddr::V6(to)) => ours.is_unicast_link_local() == to.is_unicast_link_local(),
            _ => true,
        };
        let mut own = link.addresses.iter().map(|(address, _)| *address).filter(same_family);
        let source = if needs.link_local {
            own.find(|address| matches!(address, IpAddr::V6(six) if six.is_unicast_link_local()))
        } else {
            of_route.or_else(|| own.clone().find(near)).or_else(|| own.next())
        };
        let broadcast = consent::is_broadcast(to, &links);
        let next_hop = group_address(to, broadcast);
        Ok(Self { to, link: link.clone(), layer_3, source, gateway, broadcast, next_hop })
    }

    /// The address that the frame is for, as far as the kernel knows it.
    pub fn known_next_hop(&mut self) -> anyhow::Result<()> {
        if self.next_hop.is_none() && !self.layer_3 {
            self.next_hop = route::neighbour(self.link.index, self.next())?.and_then(|neighbour| neighbour.usable());
        }
        Ok(())
    }

    /// The same; where the kernel does not know, the neighbour is asked by ARP or neighbour discovery.
    pub fn next_hop(&mut self, out: &mut Out) -> anyhow::Result<Hop> {
        if let (None, Out::Frames(channel)) = (self.next_hop, out) {
            let next = self.next();
            let name = &self.link.name;
            let source = self.source.with_context(|| format!("{name} has no address of this family"))?;
            self.next_hop = neighbour::ask(channel, name, self.own(), source, next)?;
            return Ok(self.next_hop.map_or(Hop::Silent(next), Hop::Known));
        }
        Ok(self.next_hop.map_or(Hop::NotNeeded, Hop::Known))
    }

    /// Who the frame is for: the router, or the target itself.
    pub fn next(&self) -> IpAddr {
        self.gateway.unwrap_or(self.to)
    }

    /// This machine's link address on the interface; zeroes where it has none.
    pub fn own_hardware(&self) -> String {
        self.link.hardware.clone().unwrap_or_else(|| "00:00:00:00:00:00".to_owned())
    }

    /// The same as bytes.
    pub fn own(&self) -> Mac {
        let mut own = [0; 6];
        let hardware = self.own_hardware();
        for (byte, digits) in own.iter_mut().zip(hardware.split(':')) {
            *byte = u8::from_str_radix(digits, 16).unwrap_or(0);
        }
        own
    }
}

/// The link address that belongs to a group or to all.
fn group_address(address: IpAddr, broadcast: bool) -> Option<[u8; 6]> {
    let address = match address {
        _ if broadcast => return Some([0xff; 6]),
        IpAddr::V4(four) => Address::V4(four.octets()),
        IpAddr::V6(six) => Address::V6(six.octets()),
    };
    rewrite::group_address(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_broadcasts_have_link_addresses_of_their_own() {
        let of = |text: &str, broadcast| group_address(text.parse().unwrap(), broadcast);
        assert_eq!(of("239.129.2.3", false), Some([1, 0, 0x5e, 1, 2, 3]));
        assert_eq!(of("ff02::1:ff00:7", false), Some([0x33, 0x33, 0xff, 0, 0, 7]));
        assert_eq!(of("10.0.0.255", true), Some([0xff; 6]));
        assert_eq!(of("10.0.0.1", false), None);
    }
}
