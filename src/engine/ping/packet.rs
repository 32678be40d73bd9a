//! A probe as the whole IP packet that the kernel makes of it, for whoever wants to see it without sending it.
//!
//! What the kernel chooses when it sends (identification, source port, TCP's start number and options) has the value
//! that the caller gives, or 0; checksums are right.

use std::net::IpAddr;

use super::Protocol;
use crate::wire::{self, build};

/// What the packet is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    pub protocol: Protocol,
    /// Both of one family.
    pub source: IpAddr,
    pub destination: IpAddr,
    pub ttl: u8,
    /// The echo request's identifier, or the source port.
    pub own: u16,
    /// The echo request's sequence number, or the destination port.
    pub other: u16,
    /// Bytes of data.
    pub length: usize,
}

/// The data of a probe with so many bytes.
pub fn data(length: usize) -> Vec<u8> {
    b"netlab ping ".iter().copied().cycle().take(length).collect()
}

impl Recipe {
    /// The packet; data beyond what an IP packet holds is left out.
    pub fn build(&self) -> Result<Vec<u8>, build::Error> {
        use wire::Protocol as Layer;
        let six = self.destination.is_ipv6();
        let (network, ip) = if six { (Layer::Ipv6, "ipv6") } else { (Layer::Ipv4, "ip") };
        let (transport, [own, other]) = match (self.protocol, six) {
            (Protocol::Echo, false) => (Layer::Icmp, ["icmp.ident", "icmp.seq"]),
            (Protocol::Echo, true) => (Layer::Icmpv6, ["icmpv6.echo.identifier", "icmpv6.echo.sequence_number"]),
            (Protocol::Udp, _) => (Layer::Udp, ["udp.srcport", "udp.dstport"]),
            (Protocol::Tcp, _) => (Layer::Tcp, ["tcp.srcport", "tcp.dstport"]),
        };
        let mut recipe = build::Recipe::new(&[network, transport])?;
        recipe.set(&format!("{ip}.src"), &self.source.to_string())?;
        recipe.set(&format!("{ip}.dst"), &self.destination.to_string())?;
        recipe.set(if six { "ipv6.hlim" } else { "ip.ttl" }, &self.ttl.to_string())?;
        recipe.set(own, &self.own.to_string())?;
        recipe.set(other, &self.other.to_string())?;
        if !six {
            // As Linux does, which finds the path's MTU (RFC 1191).
            recipe.set("ip.flags.df", "1")?;
        }
        let length = self.length.min(build::MOST - 48);
        match self.protocol {
            Protocol::Echo | Protocol::Udp => recipe.payload(data(length)),
            Protocol::Tcp => recipe.set("tcp.flags", "SYN")?,
        }
        Ok(recipe.build()?.bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{Frame, LinkType};
    use crate::wire::checksum::{self, Verdict};
    use crate::wire::{Layers, Protocol as Layer};

    proptest! {
        #[test]
        fn what_is_built_decodes_to_its_recipe(
            (kind, six) in (0u8..3, any::<bool>()), ttl in 1u8.., own: u16, other: u16, length in 0usize..3000,
            source: u32, destination: u32,
        ) {
            let protocol = [Protocol::Echo, Protocol::Tcp, Protocol::Udp][usize::from(kind)];
            let address = |bits: u32| -> IpAddr {
                let four = std::net::Ipv4Addr::from(bits);
                if six { four.to_ipv6_compatible().into() } else { four.into() }
            };
            let recipe = Recipe {
                protocol, source: address(source), destination: address(destination), ttl, own, other, length,
            };
            let bytes = recipe.build().unwrap();
            let mut layers = Layers::new();
            let length = bytes.len() as u32;
            let packet = wire::decode(Frame { link: LinkType::RAW, length, data: &bytes, ..Frame::empty() }, &mut layers);
            let layer = match (protocol, six) {
                (Protocol::Echo, false) => Layer::Icmp,
                (Protocol::Echo, true) => Layer::Icmpv6,
                (Protocol::Tcp, _) => Layer::Tcp,
                (Protocol::Udp, _) => Layer::Udp,
            };
            let at = packet.find(layer).unwrap();
            let numbers = if protocol == Protocol::Echo { (at.u16(4), at.u16(6)) } else { (at.u16(0), at.u16(2)) };
            prop_assert_eq!(numbers, (Some(own), Some(other)));
            let ip = packet.at(0).unwrap();
            prop_assert_eq!(ip.u8(if six { 7 } else { 8 }), Some(ttl));
            let check = match layer {
                Layer::Icmp => checksum::icmp(&at),
                Layer::Icmpv6 => checksum::icmpv6(&at),
                Layer::Tcp => checksum::tcp(&at),
                _ => checksum::udp(&at),
            };
            prop_assert_eq!(check.map(|check| check.verdict()), Some(Verdict::Good));
            if !six {
                prop_assert_eq!(checksum::ipv4(&ip).map(|check| check.verdict()), Some(Verdict::Good));
            }
        }
    }
}
