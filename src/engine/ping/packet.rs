//! A probe as the whole IP packet that the kernel makes of it, for whoever wants to see it without sending it.
//!
//! What the kernel chooses when it sends (identification, source port, TCP's start number and options) has the value
//! that the caller gives, or 0; checksums are right.

use std::net::IpAddr;

use super::{Protocol, echo};

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

/// The data of a probe that is a datagram.
pub fn datagram(length: usize) -> Vec<u8> {
    b"netlab ping ".iter().copied().cycle().take(length).collect()
}

impl Recipe {
    /// The packet; data beyond what an IP packet holds is left out.
    pub fn build(&self) -> Vec<u8> {
        let length = self.length.min(65_487);
        let (number, mut message, sum_at) = match self.protocol {
            Protocol::Echo => {
                let six = self.destination.is_ipv6();
                (if six { 58 } else { 1 }, echo::request(six, self.own, self.other, length), 2)
            }
            Protocol::Udp => {
                let bytes = u16::try_from(8 + length).unwrap_or(u16::MAX);
                let header = [self.own, self.other, bytes, 0];
                (17, [words(&header), datagram(length)].concat(), 6)
            }
            // Start number 0, no acknowledgment, five words of header and SYN, the window that Linux offers first.
            Protocol::Tcp => (6, words(&[self.own, self.other, 0, 0, 0, 0, 0x5002, 64_240, 0, 0]), 16),
        };
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let ends = [source.octets(), destination.octets()].concat();
                if self.protocol != Protocol::Echo {
                    let pseudo = sum(&ends, u32::from(number) + message.len() as u32);
                    fill_in(&mut message, sum_at, pseudo);
                }
                let total = u16::try_from(20 + message.len()).unwrap_or(u16::MAX);
                // Don't Fragment: as Linux does, which finds the path's MTU (RFC 1191).
                let mut header = words(&[0x4500, total, 0, 0x4000, u16::from_be_bytes([self.ttl, number]), 0]);
                header.extend(ends);
                fill_in(&mut header, 10, 0);
                [header, message].concat()
            }
            (source, destination) => {
                let six = |address: IpAddr| match address {
                    IpAddr::V6(six) => six,
                    IpAddr::V4(four) => four.to_ipv6_mapped(),
                };
                let ends = [six(source).octets(), six(destination).octets()].concat();
                let pseudo = sum(&ends, u32::from(number) + message.len() as u32);
                fill_in(&mut message, sum_at, pseudo);
                let payload = u16::try_from(message.len()).unwrap_or(u16::MAX);
                let header = words(&[0x6000, 0, payload, u16::from_be_bytes([number, self.ttl])]);
                [header, ends, message].concat()
            }
        }
    }
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Puts the complement of the sum over all and `more` where the field stands, which is 0 until then.
fn fill_in(bytes: &mut [u8], at: usize, more: u16) {
    let sum = !sum(bytes, more.into());
    if let Some(field) = bytes.get_mut(at..at + 2) {
        // To UDP 0 would be 'none' (RFC 768); in the others 0 and its complement are one number.
        field.copy_from_slice(&if sum == 0 && at == 6 { u16::MAX } else { sum }.to_be_bytes());
    }
}

/// The sum of RFC 1071 over bytes and a number, carries added back; an odd number of bytes counts as if a zero followed.
pub fn sum(bytes: &[u8], more: u32) -> u16 {
    let word = |pair: &[u8]| {
        let byte = |at| u32::from(pair.get(at).copied().unwrap_or(0));
        byte(0) << 8 | byte(1)
    };
    let mut sum: u64 = u64::from(more) + bytes.chunks(2).map(|pair| u64::from(word(pair))).sum::<u64>();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{Frame, LinkType};
    use crate::wire::checksum::{self, Verdict};
    use crate::wire::{self, Layers, Protocol as Layer};

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
            let bytes = recipe.build();
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
