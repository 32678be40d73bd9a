//! What `decode` finds held against etherparse, over packets that etherparse builds, whole and changed.

use etherparse::{LaxNetSlice, LaxSlicedPacket, PacketBuilder, TransportSlice};
use proptest::prelude::*;

use super::{Address, Layers, Packet, Protocol, decode};
use crate::frame::{Frame, LinkType};

/// Addresses, ports and the bytes behind the transport header, if a packet has all of them.
type Found = (Address, Address, u16, u16, Vec<u8>);

fn ours(packet: &Packet<'_>) -> Option<Found> {
    let at = packet.each().find(|at| matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp))?;
    let (source, destination) = packet.addresses(at.index)?;
    let header = if at.layer.protocol == Protocol::Udp { 8 } else { usize::from(at.u8(12)? >> 4) * 4 };
    (at.layer.header as usize == header).then_some(())?;
    Some((source, destination, at.u16(0)?, at.u16(2)?, at.content().to_vec()))
}

fn theirs(packet: &LaxSlicedPacket<'_>) -> Option<Found> {
    let (source, destination) = match packet.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => (Address::V4(ip.header().source()), Address::V4(ip.header().destination())),
        LaxNetSlice::Ipv6(ip) => (Address::V6(ip.header().source()), Address::V6(ip.header().destination())),
        LaxNetSlice::Arp(_) => return None,
    };
    match packet.transport.as_ref()? {
        TransportSlice::Tcp(tcp) => {
            Some((source, destination, tcp.source_port(), tcp.destination_port(), tcp.payload().to_vec()))
        }
        TransportSlice::Udp(udp) => {
            Some((source, destination, udp.source_port(), udp.destination_port(), udp.payload().to_vec()))
        }
        _ => None,
    }
}

#[track_caller]
fn same(data: &[u8]) -> Result<bool, TestCaseError> {
    let mut layers = Layers::new();
    let length = data.len() as u32;
    let packet = decode(Frame { link: LinkType::ETHERNET, data, length, ..Frame::empty() }, &mut layers);
    let Ok(other) = LaxSlicedPacket::from_ethernet(data) else { return Ok(false) };
    match (ours(&packet), theirs(&other)) {
        (Some(ours), Some(theirs)) => {
            prop_assert_eq!(ours, theirs);
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// A well-formed packet: VLAN or not, IPv4 or IPv6, TCP or UDP.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let shape = (any::<bool>(), any::<bool>(), any::<bool>());
    // Ports of tunnels would go on to an inner packet.
    (shape, 20000u16..60000, 1u16..1000, prop::collection::vec(any::<u8>(), 0..60)).prop_map(
        |((tagged, six, tcp), source, destination, data)| {
            let start = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
            let mut bytes = Vec::new();
            macro_rules! finish {
                ($network:expr) => {
                    match tcp {
                        true => $network.tcp(source, destination, 7, 1024).ack(9).write(&mut bytes, &data),
                        false => $network.udp(source, destination).write(&mut bytes, &data),
                    }
                };
            }
            let vlan = etherparse::VlanId::try_new(5).expect("5 is below 4096");
            match (tagged, six) {
                (false, false) => finish!(start.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)),
                (false, true) => finish!(start.ipv6([1; 16], [2; 16], 64)),
                (true, false) => finish!(start.single_vlan(vlan).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)),
                (true, true) => finish!(start.single_vlan(vlan).ipv6([1; 16], [2; 16], 64)),
            }
            .expect("a vector takes everything");
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn well_formed_packets_are_read_alike(packet in packets()) {
        prop_assert!(same(&packet)?, "one of the two did not find ports");
    }

    #[test]
    fn padded_packets_are_read_alike(packet in packets(), padding in 0usize..20) {
        let padded = [packet, vec![0; padding]].concat();
        prop_assert!(same(&padded)?, "one of the two did not find ports");
    }

    /// Where both find ports in a packet with changed addresses, ports, numbers or data, they find the same.
    #[test]
    fn changed_packets_are_not_read_differently(packet in packets(), place in any::<prop::sample::Index>(), byte: u8) {
        let mut packet = packet;
        let place = place.index(packet.len());
        packet[place] = byte;
        let tunnels = [1701, 3544, 4789, 4790, 6081, 6635].map(u16::to_be_bytes);
        prop_assume!(!packet.windows(2).any(|pair| tunnels.iter().any(|port| pair == port)));
        same(&packet)?;
    }
}
