//! The table of applications: protocol, transport, ports of either end, what a message begins with that is known on every
//! port, and the functions that look, decode and tell.

use super::{Over, Row, Tell};
use crate::wire::{
    Protocol, coap, dhcp, dns, ftp, http, http2, imap, mqtt, ntp, pop, quic, resp, rtp, sip, smtp, snmp, stun, syslog,
    telnet, tftp, tls, websocket,
};

macro_rules! rows {
    ($($protocol:ident $over:ident $ports:expr, $anywhere:expr, ($look:path, $decode:path, $tell:path);)*) => {
        /// All of them. Rows of the same transport are tried in this order.
        pub static ROWS: &[Row] = &[$(Row {
            protocol: Protocol::$protocol,
            over: Over::$over,
            ports: $ports,
            anywhere: $anywhere,
            look: $look,
            decode: $decode,
        }),*];

        /// What tells the messages of a protocol: as its first row says.
        #[allow(unreachable_patterns)]
        pub(super) fn teller(protocol: Protocol) -> Option<Tell> {
            match protocol {
                $(Protocol::$protocol => Some($tell),)*
                _ => None,
            }
        }
    };
}

rows! {
    Stun Udp &[], &[(0, 0x3f)], (stun::look, stun::decode, stun::tell);
    Ftp Tcp ftp::PORTS, &[], (ftp::look, ftp::decode, ftp::tell);
    FtpData Tcp &[], &[], (ftp::look_data, ftp::decode_data, ftp::tell_data);
    Smtp Tcp smtp::PORTS, &[], (smtp::look, smtp::decode, smtp::tell);
    Pop Tcp pop::PORTS, &[], (pop::look, pop::decode, pop::tell);
    Imap Tcp imap::PORTS, &[], (imap::look, imap::decode, imap::tell);
    Telnet Tcp telnet::PORTS, &[], (telnet::look, telnet::decode, telnet::tell);
    Resp Tcp resp::PORTS, &[], (resp::look, resp::decode, resp::tell);
    Ntp Udp ntp::PORTS, &[], (ntp::look, ntp::decode, ntp::tell);
    Dhcp Udp dhcp::PORTS, &[], (dhcp::look, dhcp::decode, dhcp::tell);
    Tftp Udp tftp::PORTS, &[], (tftp::look, tftp::decode, tftp::tell);
    Syslog Udp syslog::PORTS, &[], (syslog::look, syslog::decode, syslog::tell);
    Snmp Udp snmp::PORTS, &[], (snmp::look, snmp::decode, snmp::tell);
    Coap Udp coap::PORTS, &[], (coap::look, coap::decode, coap::tell);
    Mqtt Tcp mqtt::PORTS, &[], (mqtt::look, mqtt::decode, mqtt::tell);
    Tls Tcp tls::PORTS, &[(22, 22)], (tls::look, tls::decode, tls::tell);
    Dns Tcp &[53], &[], (dns::look_tcp, dns::decode_tcp, dns::tell);
    Mdns Udp &[5353], &[], (dns::look, dns::decode_mdns, dns::tell);
    Llmnr Udp &[5355], &[], (dns::look, dns::decode_llmnr, dns::tell);
    Netbios Udp &[137], &[], (dns::look_netbios, dns::decode_netbios, dns::tell);
    Sip Tcp sip::PORTS, &[(b'A', b'Z')], (sip::look, sip::decode_tcp, sip::tell);
    Http Tcp http::PORTS, &[(b'A', b'Z')], (http::look, http::decode, http::tell);
    Http2 Tcp http2::PORTS, &[(b'P', b'P')], (http2::look, http2::decode, http2::tell);
    WebSocket Tcp websocket::PORTS, &[], (websocket::look, websocket::decode, websocket::tell);
    Sip Udp sip::PORTS, &[(b'A', b'Z')], (sip::look, sip::decode, sip::tell);
    Rtp Udp &[], &[(rtp::PLAIN, rtp::PLAIN)], (rtp::look, rtp::decode, rtp::tell);
    Ssdp Udp &[http::SSDP], &[], (http::look, http::decode_ssdp, http::tell);
    Quic Udp quic::PORTS, &[(0x80, 0xff)], (quic::look, quic::decode, quic::tell);
    // Known on every port: behind those that have one of their own.
    Dns Udp &[53], &[(0, 255)], (dns::look, dns::decode, dns::tell);
}
