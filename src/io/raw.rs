//! IP packets with their header as we made it, sent at layer 3 (raw(7), RFC 3542 §3): the kernel adds the link's header
//! and delivers them on this machine as any others.
//!
//! This is the way onto loopback, where frames sent at layer 2 never reach programs. Trap: of an IPv4 header Linux
//! fills in total length and checksum always, and the identification where it is zero; of IPv6 it changes nothing.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use socket2::{Domain, Protocol, Socket, Type};

use crate::frame::Error;

/// A socket that sends whole IP packets.
pub struct Raw(Socket);

/// IPPROTO_RAW: the packet has its header.
const WHOLE_PACKETS: i32 = 255;

impl Raw {
    /// For packets of the family of `address`. Needs CAP_NET_RAW.
    ///
    /// What is for a group leaves by `interface`: groups have no route that says which.
    pub fn open(address: IpAddr, interface: &str) -> Result<Self, Error> {
        let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(WHOLE_PACKETS)));
        let socket = socket.map_err(|source| super::link::refused("open", "a raw socket", source))?;
        if address.is_multicast() {
            let bound = socket.bind_device(Some(interface.as_bytes()));
            bound.map_err(|source| super::link::refused("send a group's packets by", interface, source))?;
        }
        // A packet to a broadcast address is what somebody asked for.
        let _ = socket.set_broadcast(true);
        Ok(Self(socket))
    }

    /// The same, for packets that leave by one interface only, whatever the routes say.
    pub fn open_on(interface: &str, address: IpAddr) -> Result<Self, Error> {
        let raw = Self::open(address, interface)?;
        let bound = raw.0.bind_device(Some(interface.as_bytes()));
        bound.map_err(|source| super::link::refused("send on", interface, source))?;
        Ok(raw)
    }

    /// Hands one packet to the kernel, which routes it to `to`; `interface`: the scope of link-local addresses.
    pub fn send(&self, packet: &[u8], to: IpAddr, interface: u32) -> io::Result<()> {
        let to = match to {
            IpAddr::V4(_) => SocketAddr::new(to, 0),
            IpAddr::V6(six) => {
                let near = six.is_unicast_link_local() || six.is_multicast();
                SocketAddrV6::new(six, 0, 0, if near { interface } else { 0 }).into()
            }
        };
        self.0.send_to(packet, &to.into()).map(drop)
    }
}
