//! The way of a packet as the kernel sees it: the route to an address, and what it knows of a neighbour (rtnetlink(7)).
//!
//! Numbers are in host byte order, addresses as on the wire.

use std::io;
use std::net::IpAddr;

use nix::errno::Errno;
use nix::libc;

use super::netlink::attributes::{Attributes, address as ip, attribute, u16_at, u32_at};
use super::netlink::{Netlink, Wanted};

const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;

/// The way to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The interface that it leaves by.
    pub interface: u32,
    /// The router that it goes to first; `None` where the address is on the link.
    pub gateway: Option<IpAddr>,
    /// The address that this machine would send from.
    pub source: Option<IpAddr>,
    /// It ends on this machine.
    pub local: bool,
    /// The largest packet, where the route has one of its own.
    pub mtu: Option<u32>,
}

/// The way that a packet to `address` takes, over the interface `scope` where that is not 0; the error is the kernel's
/// refusal (ENETUNREACH and others).
pub fn to(address: IpAddr, scope: u32) -> io::Result<Way> {
    const RTA_DST: u16 = 1;
    const RTA_OIF: u16 = 4;
    const RTA_GATEWAY: u16 = 5;
    const RTA_PREFSRC: u16 = 7;
    const RTA_METRICS: u16 = 8;
    const RTAX_MTU: u16 = 2;
    const RTA_VIA: u16 = 18;
    const RTN_LOCAL: u8 = 2;
    let bytes = octets(address);
    // struct rtmsg: family, lengths of destination and source, the rest unspecified.
    let mut body = vec![family(address), (bytes.len() * 8) as u8, 0, 0, 0, 0, 0, 0];
    body.extend_from_slice(&0u32.to_ne_bytes());
    attribute(&mut body, RTA_DST, &bytes);
    if scope != 0 {
        attribute(&mut body, RTA_OIF, &scope.to_ne_bytes());
    }
    let mut way = None;
    Netlink::routes()?.ask(RTM_GETROUTE, Wanted::One, &body, &mut |message| {
        let (Some(kind), Some(rest)) = (message.get(7), message.get(12..)) else { return };
        let attributes = Attributes(rest);
        // RTA_VIA is a family and an address of it: an IPv4 route through an IPv6 router.
        let via = attributes.find(RTA_VIA).and_then(|via| ip(via.get(2..)?));
        way = Some(Way {
            interface: attributes.find(RTA_OIF).and_then(|index| u32_at(index, 0)).unwrap_or(0),
            gateway: attributes.find(RTA_GATEWAY).and_then(ip).or(via),
            source: attributes.find(RTA_PREFSRC).and_then(ip),
            local: *kind == RTN_LOCAL,
            mtu: attributes
                .find(RTA_METRICS)
                .and_then(|all| Attributes(all).find(RTAX_MTU))
                .and_then(|mtu| u32_at(mtu, 0)),
        });
    })?;
    way.ok_or_else(|| Errno::ENETUNREACH.into())
}

/// What the kernel knows of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// NUD_* of linux/neighbour.h.
    pub state: u16,
    /// Its address on an Ethernet, where the kernel has one.
    pub link_address: Option<[u8; 6]>,
}

impl Neighbour {
    /// The address to send to: reachable, stale, delay, probe, permanent.
    pub fn usable(&self) -> Option<[u8; 6]> {
        const USABLE: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
        self.link_address.filter(|_| self.state & USABLE != 0)
    }
}

/// What the kernel knows of a neighbour on an interface; `None` where it has never asked for it.
pub fn neighbour(interface: u32, address: IpAddr) -> io::Result<Option<Neighbour>> {
    const NDA_DST: u16 = 1;
    const NDA_LLADDR: u16 = 2;
    // struct ndmsg: family, padding, interface, state, flags, type.
    let mut body = vec![family(address), 0, 0, 0];
    body.extend_from_slice(&[0; 8]);
    let entries = Netlink::routes()?.list(RTM_GETNEIGH, &body)?;
    Ok(entries.iter().find_map(|message| {
        let attributes = Attributes(message.get(12..)?);
        let same = u32_at(message, 4)? == interface && attributes.find(NDA_DST).and_then(ip) == Some(address);
        let link_address = attributes.find(NDA_LLADDR).and_then(|address| address.try_into().ok());
        same.then_some(Neighbour { state: u16_at(message, 8)?, link_address })
    }))
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_an_address_of_this_machine() {
        for address in ["127.0.0.1", "::1"] {
            let way = to(address.parse().unwrap(), 0).unwrap();
            assert!(way.local && way.gateway.is_none(), "{way:?}");
        }
        assert_eq!(neighbour(1, "127.0.0.1".parse().unwrap()).unwrap(), None);
    }
}
