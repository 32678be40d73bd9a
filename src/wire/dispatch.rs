//! Which decoder comes next: by link type, EtherType, IP protocol number, or the ports of tunnels.

use super::{Stop, Walk, arp, ethernet, icmp, icmpv6, igmp, ipv4, ipv6, numbers, sll, tcp, tunnel, udp, vlan};
use crate::frame::LinkType;

/// What a decoder found out about the bytes behind its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Ethernet,
    /// 802.2 logical link control.
    Llc,
    EtherType(u16),
    /// An IP packet whose version is in its first four bits.
    Ip,
    /// The content of an IP packet, by protocol number.
    Protocol(u8),
    Ppp,
    Mpls,
    Vxlan,
    Geneve,
    Payload,
}

impl Walk<'_, '_> {
    /// Decodes from the link layer until something stops.
    #[inline]
    pub(super) fn run(&mut self, link: LinkType) -> Stop {
        let mut next = match self.link(link) {
            Ok(next) => next,
            Err(stop) => return stop,
        };
        loop {
            match self.step(next) {
                Ok(found) => next = found,
                Err(stop) => return stop,
            }
        }
    }

    #[inline]
    fn link(&mut self, link: LinkType) -> Result<Next, Stop> {
        match link {
            LinkType::ETHERNET => Ok(Next::Ethernet),
            LinkType::LINUX_SLL => sll::decode(self),
            LinkType::LINUX_SLL2 => sll::decode_v2(self),
            LinkType::NULL => sll::decode_null(self, false),
            LinkType::LOOP => sll::decode_null(self, true),
            LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | LinkType(12 | 14) => Ok(Next::Ip),
            LinkType(number) => Err(Stop::Unknown { space: "link type", number: number.into() }),
        }
    }

    #[inline]
    fn step(&mut self, next: Next) -> Result<Next, Stop> {
        match next {
            Next::Ethernet => ethernet::decode(self),
            Next::EtherType(numbers::ETHERTYPE_IPV4) => ipv4::decode(self),
            Next::Protocol(numbers::TCP) => tcp::decode(self),
            Next::Protocol(numbers::UDP) => udp::decode(self),
            Next::Payload => Err(self.payload()),
            Next::EtherType(number) => self.ether_type(number),
            Next::Protocol(number) => self.protocol(number),
            Next::Llc => ethernet::decode_llc(self),
            Next::Ip => self.ip_version(),
            Next::Ppp => tunnel::decode_ppp(self),
            Next::Mpls => tunnel::decode_mpls(self),
            Next::Vxlan => tunnel::decode_vxlan(self),
            Next::Geneve => tunnel::decode_geneve(self),
        }
    }

    fn ip_version(&mut self) -> Result<Next, Stop> {
        match self.rest().first().map(|byte| byte >> 4) {
            Some(4) => ipv4::decode(self),
            Some(6) => ipv6::decode(self),
            Some(version) => Err(Stop::Unknown { space: "IP version", number: version.into() }),
            None => Err(Stop::End),
        }
    }

    fn ether_type(&mut self, number: u16) -> Result<Next, Stop> {
        match number {
            numbers::ETHERTYPE_IPV6 => ipv6::decode(self),
            numbers::ETHERTYPE_ARP => arp::decode(self),
            numbers::ETHERTYPE_VLAN | numbers::ETHERTYPE_QINQ | 0x9100 | 0x9200 => vlan::decode(self),
            numbers::ETHERTYPE_TRANSPARENT_BRIDGING => Ok(Next::Ethernet),
            numbers::ETHERTYPE_MPLS | numbers::ETHERTYPE_MPLS_MULTICAST => Ok(Next::Mpls),
            numbers::ETHERTYPE_PPPOE_SESSION => tunnel::decode_pppoe(self),
            _ => Err(Stop::Unknown { space: "EtherType", number: number.into() }),
        }
    }

    fn protocol(&mut self, number: u8) -> Result<Next, Stop> {
        match number {
            numbers::ICMP => icmp::decode(self),
            numbers::IGMP => igmp::decode(self),
            numbers::IPV4 => ipv4::decode(self),
            numbers::IPV6 => ipv6::decode(self),
            numbers::ICMPV6 => icmpv6::decode(self),
            numbers::GRE => tunnel::decode_gre(self),
            numbers::HOP_BY_HOP => ipv6::decode_options(self, super::Protocol::HopByHop),
            numbers::DESTINATION_OPTIONS => ipv6::decode_options(self, super::Protocol::DestinationOptions),
            numbers::ROUTING => ipv6::decode_options(self, super::Protocol::Routing),
            numbers::FRAGMENT => ipv6::decode_fragment(self),
            numbers::AUTHENTICATION => ipv6::decode_authentication(self),
            numbers::NO_NEXT_HEADER => Err(Stop::End),
            _ => Err(Stop::Unknown { space: "IP protocol", number: number.into() }),
        }
    }
}
