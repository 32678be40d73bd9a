//! Which decoder comes next: by link type, EtherType, IP protocol number, or the ports of tunnels.

use super::{
    Protocol, Stop, Walk, application, arp, ethernet, gre, icmp, icmpv6, igmp, ipv4, ipv6, l2tp, mpls, nsh, numbers,
    pim, ppp, sll, tags, tcp, teredo, udp, vlan, vxlan,
};
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
    VxlanGeneric,
    Geneve,
    L2tp,
    Teredo,
    Isl,
    /// What a segment carries, or a datagram on a port of no tunnel; source and destination port.
    Application(application::Over, [u16; 2]),
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
            LinkType::RAW | LinkType(12 | 14) => Ok(Next::Ip),
            LinkType::IPV4 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV4)),
            LinkType::IPV6 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV6)),
            // Plain, and with the address and control bytes of HDLC, which are known by themselves.
            LinkType(9 | 50) => Ok(Next::Ppp),
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
            Next::Application(..) if !self.applications => Err(self.payload()),
            Next::Application(over, ports) => Err(application::decode(self, over, ports)),
            Next::EtherType(number) => self.ether_type(number),
            Next::Protocol(number) => self.protocol(number),
            Next::Llc => ethernet::decode_llc(self),
            Next::Ip => self.ip_version(),
            Next::Ppp => ppp::decode(self),
            Next::Mpls => mpls::decode(self),
            Next::Vxlan => vxlan::decode(self),
            Next::VxlanGeneric => vxlan::decode_generic(self),
            Next::Geneve => vxlan::decode_geneve(self),
            Next::Teredo => teredo::decode(self),
            Next::L2tp => l2tp::decode(self),
            Next::Isl => tags::decode_isl(self),
        }
    }

    fn ip_version(&mut self) -> Result<Next, Stop> {
        match self.rest().first().map(|byte| byte >> 4) {
            Some(6) => ipv6::decode(self),
            Some(_) => ipv4::decode(self),
            None if self.length() > 0 => ipv4::decode(self),
            None => Err(Stop::End),
        }
    }

    fn ether_type(&mut self, number: u16) -> Result<Next, Stop> {
        match number {
            numbers::ETHERTYPE_IPV6 => ipv6::decode(self),
            numbers::ETHERTYPE_ARP | numbers::ETHERTYPE_RARP => arp::decode(self),
            numbers::ETHERTYPE_VLAN | 0x9100 => vlan::decode(self, Protocol::Vlan),
            numbers::ETHERTYPE_QINQ => vlan::decode(self, Protocol::ServiceTag),
            numbers::ETHERTYPE_TRANSPARENT_BRIDGING => Ok(Next::Ethernet),
            numbers::ETHERTYPE_MPLS | numbers::ETHERTYPE_MPLS_MULTICAST => Ok(Next::Mpls),
            numbers::ETHERTYPE_PPPOE_SESSION => ppp::decode_pppoe(self),
            numbers::ETHERTYPE_BACKBONE => vlan::decode_backbone(self),
            numbers::ETHERTYPE_MACSEC => tags::decode_macsec(self),
            numbers::ETHERTYPE_METADATA => tags::decode_metadata(self, false),
            numbers::ETHERTYPE_NSH => nsh::decode(self),
            numbers::ETHERTYPE_ARISTA => tags::decode_avsp(self),
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
            numbers::GRE => gre::decode(self),
            numbers::PIM => pim::decode(self),
            numbers::ETHERIP => gre::decode_etherip(self),
            numbers::ETHERNET => Ok(Next::Ethernet),
            numbers::MPLS => Ok(Next::Mpls),
            numbers::HOP_BY_HOP => ipv6::decode_options(self, Protocol::HopByHop),
            numbers::DESTINATION_OPTIONS => ipv6::decode_options(self, Protocol::DestinationOptions),
            numbers::ROUTING => ipv6::decode_options(self, Protocol::Routing),
            numbers::FRAGMENT => ipv6::decode_fragment(self),
            numbers::AUTHENTICATION => ipv6::decode_authentication(self),
            numbers::NO_NEXT_HEADER => Err(Stop::End),
            _ => Err(Stop::Unknown { space: "IP protocol", number: number.into() }),
        }
    }
}
