//! The protocols that have a layer of their own, each in one row: name, title, fields.

use super::{
    Field, arp, coap, dhcp, dns, ethernet, frame, ftp, gre, http, http2, icmp, icmpv6, igmp, imap, ipv4, ipv6, l2tp,
    mld, mpls, mqtt, ndp, nsh, ntp, pim, pop, ppp, quic, resp, rtp, sip, sll, smtp, snmp, stun, syslog, tags, tcp,
    telnet, teredo, tftp, tls, udp, vlan, vxlan, websocket,
};

macro_rules! protocols {
    ($($variant:ident $name:literal $title:literal $fields:path;)*) => {
        /// The protocols that have a layer of their own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Protocol {
            $($variant,)*
        }

        impl Protocol {
            /// Wireshark's short name, as it begins field names.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The name a person reads.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)*
                }
            }

            /// The fields this protocol declares.
            pub fn fields(self) -> &'static [Field] {
                match self {
                    $(Self::$variant => $fields,)*
                }
            }

            /// Whether it stands behind UDP or TCP: the bytes of an application, known or not.
            #[inline]
            pub fn is_application(self) -> bool {
                self as u8 >= Self::Stun as u8
            }

            /// All of them, in the order of the registry.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }
    };
}

protocols! {
    Frame "frame" "Frame" frame::FIELDS;
    Isl "isl" "Inter-Switch Link" tags::ISL_FIELDS;
    Ethernet "eth" "Ethernet" ethernet::FIELDS;
    Llc "llc" "Logical Link Control" ethernet::LLC_FIELDS;
    ServiceTag "ieee8021ad" "802.1ad service tag" vlan::SERVICE_FIELDS;
    Vlan "vlan" "802.1Q VLAN tag" vlan::FIELDS;
    Backbone "ieee8021ah" "802.1ah service instance tag" vlan::BACKBONE_FIELDS;
    Macsec "macsec" "802.1AE security tag" tags::MACSEC_FIELDS;
    Metadata "cmd" "Cisco metadata" tags::METADATA_FIELDS;
    Avsp "avsp" "Arista timestamp" tags::AVSP_FIELDS;
    Nsh "nsh" "Network Service Header" nsh::FIELDS;
    Sll "sll" "Linux cooked capture v1" sll::FIELDS;
    Sll2 "sll" "Linux cooked capture v2" sll::FIELDS_V2;
    Null "null" "Null/Loopback" sll::NULL_FIELDS;
    Mpls "mpls" "MPLS label" mpls::FIELDS;
    Channel "pwach" "Pseudowire associated channel" mpls::CHANNEL_FIELDS;
    Pppoe "pppoe" "PPP over Ethernet" ppp::PPPOE_FIELDS;
    Ppp "ppp" "Point-to-Point Protocol" ppp::FIELDS;
    L2tp "l2tp" "Layer 2 Tunneling Protocol" l2tp::FIELDS;
    Arp "arp" "Address Resolution Protocol" arp::FIELDS;
    Ipv4 "ip" "Internet Protocol version 4" ipv4::FIELDS;
    Ipv6 "ipv6" "Internet Protocol version 6" ipv6::FIELDS;
    HopByHop "ipv6.hopopts" "IPv6 Hop-by-Hop Options" ipv6::HOP_BY_HOP_FIELDS;
    Routing "ipv6.routing" "IPv6 Routing Header" ipv6::ROUTING_FIELDS;
    Fragment "ipv6.fraghdr" "IPv6 Fragment Header" ipv6::FRAGMENT_FIELDS;
    DestinationOptions "ipv6.dstopts" "IPv6 Destination Options" ipv6::DESTINATION_FIELDS;
    Authentication "ah" "Authentication Header" ipv6::AUTHENTICATION_FIELDS;
    Icmp "icmp" "Internet Control Message Protocol" icmp::FIELDS;
    Icmpv6 "icmpv6" "Internet Control Message Protocol v6" icmpv6::FIELDS;
    Ndp "icmpv6.nd" "Neighbour Discovery" ndp::FIELDS;
    Mld "icmpv6.mld" "Multicast Listener Discovery" mld::FIELDS;
    Igmp "igmp" "Internet Group Management Protocol" igmp::FIELDS;
    Pim "pim" "Protocol Independent Multicast" pim::FIELDS;
    Tcp "tcp" "Transmission Control Protocol" tcp::FIELDS;
    Udp "udp" "User Datagram Protocol" udp::FIELDS;
    Gre "gre" "Generic Routing Encapsulation" gre::FIELDS;
    Erspan "erspan" "Encapsulated Remote Switch Packet Analysis" gre::ERSPAN_FIELDS;
    EtherIp "etherip" "Ethernet in IP" gre::ETHERIP_FIELDS;
    Teredo "teredo" "Teredo" teredo::FIELDS;
    Vxlan "vxlan" "Virtual eXtensible LAN" vxlan::FIELDS;
    Geneve "geneve" "Generic Network Virtualization Encapsulation" vxlan::GENEVE_FIELDS;
    // From here on applications (`is_application`); what decodes them is in `application::ROWS`.
    Stun "stun" "Session Traversal Utilities for NAT" stun::FIELDS;
    Ftp "ftp" "File Transfer Protocol" ftp::FIELDS;
    FtpData "ftp-data" "FTP Data" ftp::DATA_FIELDS;
    Smtp "smtp" "Simple Mail Transfer Protocol" smtp::FIELDS;
    Pop "pop" "Post Office Protocol" pop::FIELDS;
    Imap "imap" "Internet Message Access Protocol" imap::FIELDS;
    Telnet "telnet" "Telnet" telnet::FIELDS;
    Resp "resp" "Redis Serialization Protocol" resp::FIELDS;
    Ntp "ntp" "Network Time Protocol" ntp::FIELDS;
    Dhcp "dhcp" "Dynamic Host Configuration Protocol" dhcp::FIELDS;
    Tftp "tftp" "Trivial File Transfer Protocol" tftp::FIELDS;
    Syslog "syslog" "Messages of logs" syslog::FIELDS;
    Snmp "snmp" "Simple Network Management Protocol" snmp::FIELDS;
    Coap "coap" "Constrained Application Protocol" coap::FIELDS;
    Sip "sip" "Session Initiation Protocol" sip::FIELDS;
    Rtp "rtp" "Real-time Transport Protocol" rtp::FIELDS;
    Quic "quic" "QUIC" quic::FIELDS;
    Http2 "http2" "HTTP/2" http2::FIELDS;
    WebSocket "websocket" "WebSocket" websocket::FIELDS;
    Mqtt "mqtt" "MQTT" mqtt::FIELDS;
    Tls "tls" "Transport Layer Security" tls::FIELDS;
    Dns "dns" "Domain Name System" dns::FIELDS;
    Mdns "mdns" "Multicast DNS" dns::FIELDS;
    Llmnr "llmnr" "Link-local Multicast Name Resolution" dns::FIELDS;
    Netbios "nbns" "NetBIOS Name Service" dns::NETBIOS_FIELDS;
    Http "http" "Hypertext Transfer Protocol" http::FIELDS;
    Ssdp "ssdp" "Simple Service Discovery Protocol" http::FIELDS;
    Data "data" "Data" frame::DATA_FIELDS;
}
