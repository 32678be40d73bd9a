//! Assigned numbers (IANA) that several protocols share, and their names.
//!
//! The names of EtherTypes and IP protocols come from etherparse where it knows them.

pub const ETHERTYPE_IPV4: u16 = 0x0800;
pub const ETHERTYPE_ARP: u16 = 0x0806;
pub const ETHERTYPE_RARP: u16 = 0x8035;
pub const ETHERTYPE_TRANSPARENT_BRIDGING: u16 = 0x6558;
pub const ETHERTYPE_VLAN: u16 = 0x8100;
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
pub const ETHERTYPE_MPLS: u16 = 0x8847;
pub const ETHERTYPE_MPLS_MULTICAST: u16 = 0x8848;
pub const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;
pub const ETHERTYPE_QINQ: u16 = 0x88a8;
pub const ETHERTYPE_MACSEC: u16 = 0x88e5;
pub const ETHERTYPE_BACKBONE: u16 = 0x88e7;
pub const ETHERTYPE_METADATA: u16 = 0x8909;
pub const ETHERTYPE_NSH: u16 = 0x894f;
pub const ETHERTYPE_ARISTA: u16 = 0xd28b;

pub const HOP_BY_HOP: u8 = 0;
pub const ICMP: u8 = 1;
pub const IGMP: u8 = 2;
pub const IPV4: u8 = 4;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const IPV6: u8 = 41;
pub const ROUTING: u8 = 43;
pub const FRAGMENT: u8 = 44;
pub const GRE: u8 = 47;
pub const AUTHENTICATION: u8 = 51;
pub const ICMPV6: u8 = 58;
pub const NO_NEXT_HEADER: u8 = 59;
pub const DESTINATION_OPTIONS: u8 = 60;
pub const ETHERIP: u8 = 97;
pub const PIM: u8 = 103;
pub const MPLS: u8 = 137;
pub const ETHERNET: u8 = 143;

pub const PORT_L2TP: u16 = 1701;
pub const PORT_TEREDO: u16 = 3544;
pub const PORT_VXLAN: u16 = 4789;
pub const PORT_VXLAN_GENERIC: u16 = 4790;
pub const PORT_GENEVE: u16 = 6081;
pub const PORT_MPLS: u16 = 6635;

/// The name of an EtherType, as IEEE and IANA list it.
pub fn ether_type(number: u64) -> Option<&'static str> {
    Some(match number {
        0x0000..=0x05dc => "length of an 802.3 frame",
        0x0800 => "IPv4",
        0x0806 => "ARP",
        0x6558 => "Ethernet inside (transparent bridging)",
        0x8035 => "RARP",
        0x8100 => "802.1Q VLAN tag",
        0x86dd => "IPv6",
        0x8808 => "Ethernet flow control",
        0x8809 => "Slow protocols (LACP)",
        0x8847 => "MPLS",
        0x8848 => "MPLS multicast",
        0x8863 => "PPPoE discovery",
        0x8864 => "PPPoE session",
        0x888e => "802.1X authentication",
        0x88a2 => "ATA over Ethernet",
        0x88a8 => "802.1ad provider VLAN tag (QinQ)",
        0x88cc => "LLDP",
        0x88e5 => "MACsec",
        0x88e7 => "802.1ah backbone tag",
        0x88f7 => "PTP",
        0x8909 => "Cisco metadata",
        0x894f => "Network Service Header",
        0xd28b => "Arista timestamp",
        _ => return None,
    })
}

/// The name of an IP protocol number (IANA, keyword column).
pub fn protocol(number: u64) -> Option<&'static str> {
    Some(match number {
        6 => "TCP",
        17 => "UDP",
        1 => "ICMP",
        2 => "IGMP",
        58 => "ICMPv6",
        _ => etherparse::IpNumber(u8::try_from(number).ok()?).keyword_str()?,
    })
}
