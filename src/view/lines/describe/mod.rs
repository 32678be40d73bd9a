//! What a line says of a packet: its ends, its protocol, the fields that matter and the words for what happened.

mod control;
mod multicast;
mod transport;

pub use transport::{COVERED, beginning, exercise, told};

use super::parts::{Keep, Parts};
use crate::field::text;
use crate::flow::exchange::{Join, Link};
use crate::flow::ftp::Transfer;
use crate::flow::names::Names;
use crate::flow::{Event, Facts, Known};
use crate::process::{Certainty, End, Ends};
use crate::view::style::Role;
use crate::view::words::{Words, fill, fill_with, span};
use crate::view::{self, escape};
use crate::wire::checksum::{self, Verdict};
use crate::wire::{Address, At, Cut, Layer, Packet, Protocol, Stop, Value, arp, numbers};

/// Bytes of a command of FTP that are told with its data.
const COMMAND: usize = 60;

/// Names in the place of addresses, and whether they are to fit a terminal's line.
type Wanted<'a> = (&'a Names, bool);

/// What the columns before the pieces need.
pub struct Described {
    pub protocol: &'static str,
    pub role: Role,
}

/// Describes a packet: writes its ends to `ends` and the rest to `parts`.
pub fn packet(
    packet: &Packet<'_>,
    known: &Known<'_>,
    words: &'static Words,
    ends: &mut Vec<u8>,
    parts: &mut Parts,
) -> Described {
    // The innermost layer that is the packet's own: not what an error quotes, not an application's bytes.
    let own = |layer: &Layer| !layer.quoted && !layer.protocol.is_application();
    let Some(at) = packet.layers.iter().rposition(own).and_then(|index| packet.at(index)) else {
        ends.push(b'-');
        stop(packet, words, parts);
        return Described { protocol: "?", role: Role::Plain };
    };
    self::ends(packet, &at, known.names.map(|names| (names, parts.is_fitted())), ends);
    let mut line = Line { packet, known, words, parts, role: Role::Plain };
    let protocol = line.layer(&at);
    line.datagram();
    if !matches!(packet.stop, Stop::End | Stop::Payload | Stop::Fragment) {
        stop(packet, words, line.parts);
    }
    line.programs();
    Described { protocol, role: line.role }
}

struct Line<'a> {
    packet: &'a Packet<'a>,
    known: &'a Known<'a>,
    words: &'static Words,
    parts: &'a mut Parts,
    role: Role,
}

impl<'a> Line<'a> {
    /// Describes the innermost layer; its name as the protocol column shows it.
    #[inline]
    fn layer(&mut self, at: &At<'a>) -> &'static str {
        match at.layer.protocol {
            Protocol::Tcp => return self.tcp(at),
            Protocol::Udp => return self.udp(at),
            Protocol::Arp => self.arp(at),
            Protocol::Icmp => self.icmp(at),
            Protocol::Icmpv6 => self.icmpv6(at),
            Protocol::Igmp => self.igmp(at),
            Protocol::Mld => self.mld(at),
            Protocol::Ndp => self.ndp(at),
            Protocol::Ipv4 | Protocol::Ipv6 | Protocol::Fragment => self.ip(at),
            protocol => {
                self.carried(at);
                return short(protocol);
            }
        }
        short(at.layer.protocol)
    }

    fn names(&self) -> Option<Wanted<'a>> {
        self.known.names.map(|names| (names, self.parts.is_fitted()))
    }

    fn say(&mut self, role: Role, template: &str, values: &[&[u8]]) {
        if role != Role::Plain && self.role != Role::Trouble {
            self.role = role;
        }
        self.parts.add(Keep::Words, role, |out| match values {
            [] => out.extend_from_slice(template.as_bytes()),
            values => fill(template, values, out),
        });
    }

    /// A number behind its name, which ends with a blank.
    fn number<const N: usize>(&mut self, keep: Keep, name: &'static [u8; N], number: impl Into<u64>) {
        let number = number.into();
        self.parts.add(keep, Role::Faint, |out| {
            out.extend_from_slice(name);
            text::decimal(number, out);
        });
    }

    /// Which message it answers, and how long that took.
    #[inline]
    fn answers(&mut self) {
        if let Some(join) = &self.known.facts.join {
            let words = self.words;
            self.parts.add(Keep::Answer, Role::Faint, |out| joined(join, words, out));
        }
    }

    /// Which programs are at the ends: `nc[1234] > ~nginx[99]`, with a tilde where that is known by the listener alone.
    fn programs(&mut self) {
        if !self.known.facts.ends.is_empty() {
            self.named_programs();
        }
    }

    #[cold]
    fn named_programs(&mut self) {
        let Ends { source, destination } = self.known.facts.ends;
        if [source, destination].iter().flatten().all(|end| end.name().is_none()) {
            return;
        }
        self.parts.add(Keep::Program, Role::Faint, |out| {
            program(source, out);
            out.extend_from_slice(if source.is_some() { b" >" } else { b">" });
            if destination.is_some() {
                out.push(b' ');
                program(destination, out);
            }
        });
    }

    fn matter(&mut self, matter: &str) {
        self.parts.add(Keep::Matter, Role::Plain, |out| out.extend_from_slice(matter.as_bytes()));
    }

    fn checksum(&mut self, check: Option<checksum::Check>) {
        if let Some(Verdict::Bad(expected)) = check.map(checksum::Check::verdict) {
            let mut right = Vec::new();
            text::hex(expected.into(), 4, &mut right);
            self.say(Role::Trouble, self.words.checksum_bad, &[&right]);
        }
    }

    /// An IP packet whose content is not decoded: a fragment, or a protocol that we do not know.
    fn ip(&mut self, at: &At<'a>) {
        self.carried(at);
        if self.packet.stop == Stop::Fragment {
            let length = at.layer.end.saturating_sub(at.layer.start + at.layer.header);
            self.number(Keep::Number, b"offset ", offset(at));
            self.number(Keep::Number, b"len ", length);
            self.say(Role::Plain, self.words.fragment_later, &[&identification(at)]);
        }
    }

    /// Marks of how the packet is carried: fragments, VLANs, tunnels.
    fn carried(&mut self, at: &At<'a>) {
        let packet = self.packet;
        if packet.layers.len() <= 3 && !matches!(packet.layers, [_, vlan, ..] if vlan.protocol == Protocol::Vlan) {
            if let Some(network) = packet.layers.get(1)
                && network.protocol == Protocol::Ipv4
                && at.layer.fragment
            {
                self.first_fragment(at);
            }
            return;
        }
        for at in packet.each() {
            match at.layer.protocol {
                Protocol::Vlan | Protocol::ServiceTag => {
                    self.number(Keep::Detail, b"vlan ", at.u16(0).unwrap_or_default() & 0xfff)
                }
                Protocol::Vxlan => self.number(Keep::Detail, b"in vxlan ", at.u32(4).unwrap_or_default() >> 8),
                Protocol::Geneve => self.number(Keep::Detail, b"in geneve ", at.u32(4).unwrap_or_default() >> 8),
                Protocol::Gre => self.parts.add(Keep::Detail, Role::Faint, |out| out.extend_from_slice(b"in gre")),
                _ => {}
            }
        }
        self.first_fragment(at);
    }

    fn first_fragment(&mut self, at: &At<'a>) {
        if self.packet.stop == Stop::Fragment || !at.layer.fragment {
            return;
        }
        let network = self.packet.network(at.index);
        let header = self.packet.each().take(at.index).filter(|at| at.layer.protocol == Protocol::Fragment).last();
        if let Some(carrier) = header.or(network) {
            self.say(Role::Plain, self.words.fragment_first, &[&identification(&carrier)]);
        }
    }

    /// A datagram that this frame completed: what it holds.
    fn datagram(&mut self) {
        for event in self.known.events {
            let Event::Datagram(whole) = event else { continue };
            let (fragments, bytes) = (decimal(whole.fragments), decimal(whole.bytes.len() as u32));
            self.say(Role::Data, self.words.datagram_whole, &[&fragments, &bytes]);
            let mut layers = crate::wire::Layers::new();
            let frame = whole.frame(&self.packet.frame);
            let inner = crate::wire::decode(frame, &mut layers);
            if let Some(at) = inner.each().filter(|at| at.layer.protocol == Protocol::Udp).last() {
                let names = self.names();
                self.parts.add(Keep::Number, Role::Faint, |out| {
                    out.extend_from_slice(b"UDP ");
                    ends(&inner, &at, names, out);
                });
                self.checksum(checksum::udp(&at));
                self.text(at.content(), Facts::of_datagram(&inner).secrets.any);
            }
        }
    }
}

/// What a message has to do with an earlier one: `answer to #12 after 3.1 ms`.
#[cold]
pub fn joined(join: &Join, words: &Words, out: &mut Vec<u8>) {
    match join.link {
        Link::Answers { question, after } => fill_with(words.answers, out, |place, out| match place {
            0 => text::decimal(question, out),
            _ => span(after, out),
        }),
        Link::AskedBefore(first) => fill(words.asked_before, &[&decimal(first)], out),
        Link::AnsweredBefore(first) => fill(words.answered_before, &[&decimal(first)], out),
    }
}

/// Which command of FTP the data of a connection are for, in words.
pub fn of_transfer(transfer: &Transfer, words: &Words, out: &mut Vec<u8>) {
    match &transfer.command {
        Some((command, frame)) => {
            let mut shown = Vec::new();
            escape::write_cut(command, COMMAND, &mut shown);
            fill(words.data_of, &[&shown, &decimal(*frame)], out);
        }
        None => fill(words.data_announced, &[transfer.method.as_bytes(), &decimal(transfer.setup)], out),
    }
}

/// Why decoding ended, where that is worth saying.
fn stop(packet: &Packet<'_>, words: &Words, parts: &mut Parts) {
    let mut say =
        |role, template: &str, values: &[&[u8]]| parts.add(Keep::Words, role, |out| fill(template, values, out));
    match packet.stop {
        Stop::End | Stop::Payload | Stop::Fragment => {}
        Stop::TooDeep => say(Role::Trouble, words.too_deep, &[]),
        Stop::Unknown { space: "link type", .. } => {
            say(Role::Plain, words.unknown_link, &[packet.frame.link.to_string().as_bytes()]);
        }
        Stop::Unknown { space, number } => {
            let name = match space {
                "EtherType" => numbers::ether_type(number.into()),
                "IP protocol" => numbers::protocol(number.into()),
                _ => None,
            };
            let mut shown = Vec::new();
            match name {
                Some(name) => shown.extend_from_slice(name.as_bytes()),
                None if space == "IP protocol" => text::decimal(number.into(), &mut shown),
                None => text::hex(number.into(), 2, &mut shown),
            }
            say(Role::Plain, words.unknown, &[space.as_bytes(), &shown]);
        }
        Stop::Truncated { protocol, needs, has, by } => {
            let template = match by {
                Cut::SnapLength => words.truncated_by_capture,
                Cut::LengthField => words.truncated,
            };
            say(Role::Trouble, template, &[short(protocol).as_bytes(), &decimal(needs), &decimal(has)]);
        }
        Stop::Malformed { protocol, why } => {
            say(Role::Trouble, words.malformed, &[short(protocol).as_bytes(), why.as_bytes()]);
        }
    }
}

/// The protocol column: at most six letters, or the eight by which Wireshark knows FTP's data.
fn short(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Icmp => "ICMP",
        Protocol::Icmpv6 => "ICMPv6",
        Protocol::Ndp => "NDP",
        Protocol::Mld => "MLD",
        Protocol::Igmp => "IGMP",
        Protocol::Arp => "ARP",
        Protocol::Ipv4 => "IPv4",
        Protocol::Ipv6 | Protocol::HopByHop | Protocol::Routing | Protocol::DestinationOptions => "IPv6",
        Protocol::Fragment => "IPv6",
        Protocol::Authentication => "AH",
        Protocol::Ethernet => "ETH",
        Protocol::Llc => "LLC",
        Protocol::Isl => "ISL",
        Protocol::Vlan | Protocol::ServiceTag | Protocol::Backbone => "VLAN",
        Protocol::Macsec => "MACsec",
        Protocol::Metadata => "CMD",
        Protocol::Avsp => "AVSP",
        Protocol::Nsh => "NSH",
        Protocol::Sll | Protocol::Sll2 => "SLL",
        Protocol::Null => "NULL",
        Protocol::Mpls | Protocol::Channel => "MPLS",
        Protocol::Pppoe => "PPPoE",
        Protocol::Ppp => "PPP",
        Protocol::L2tp => "L2TP",
        Protocol::Pim => "PIM",
        Protocol::Gre => "GRE",
        Protocol::Erspan => "ERSPAN",
        Protocol::EtherIp => "EthIP",
        Protocol::Teredo => "Teredo",
        Protocol::Vxlan => "VXLAN",
        Protocol::Geneve => "Geneve",
        Protocol::Stun => "STUN",
        Protocol::Ftp => "FTP",
        Protocol::FtpData => "FTP-DATA",
        Protocol::Smtp => "SMTP",
        Protocol::Pop => "POP",
        Protocol::Imap => "IMAP",
        Protocol::Telnet => "TELNET",
        Protocol::Resp => "RESP",
        Protocol::Ntp => "NTP",
        Protocol::Dhcp => "DHCP",
        Protocol::Tftp => "TFTP",
        Protocol::Syslog => "SYSLOG",
        Protocol::Snmp => "SNMP",
        Protocol::Coap => "CoAP",
        Protocol::Sip => "SIP",
        Protocol::Rtp => "RTP",
        Protocol::Quic => "QUIC",
        Protocol::Http2 => "HTTP2",
        Protocol::WebSocket => "WS",
        Protocol::Mqtt => "MQTT",
        Protocol::Tls => "TLS",
        Protocol::Dns => "DNS",
        Protocol::Http => "HTTP",
        Protocol::Ssdp => "SSDP",
        Protocol::Mdns => "mDNS",
        Protocol::Llmnr => "LLMNR",
        Protocol::Netbios => "NBNS",
        Protocol::Frame | Protocol::Data => "?",
    }
}

/// Who to whom: addresses and ports, or what the link has.
#[inline]
fn ends(packet: &Packet<'_>, at: &At<'_>, names: Option<Wanted<'_>>, out: &mut Vec<u8>) {
    const ARROW: &[u8] = " → ".as_bytes();
    // An IP layer that is the innermost carries itself.
    let index = at.index + usize::from(matches!(at.layer.protocol, Protocol::Ipv4 | Protocol::Ipv6));
    let carried = packet.addresses(index).filter(|_| at.layer.protocol != Protocol::Arp);
    if let Some((source, destination)) = carried {
        let is_ported = matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp);
        let ports = if is_ported { at.array::<4>(0) } else { None };
        let [from, to] = match ports {
            Some([a, b, c, d]) => [Some(u16::from_be_bytes([a, b])), Some(u16::from_be_bytes([c, d]))],
            None => [None, None],
        };
        endpoint(source, from, names, out);
        out.extend_from_slice(ARROW);
        endpoint(destination, to, names, out);
        return;
    }
    let (source, destination) = match at.layer.protocol {
        Protocol::Arp => {
            let [source, destination, ..] = first_values(at, arp::ADDRESSES);
            (source, destination)
        }
        _ => match packet.layers.first().map(|layer| layer.protocol) {
            Some(Protocol::Ethernet) => {
                let first = packet.at(0);
                let mac = |place| first.and_then(|first| first.array(place)).map(Value::Mac);
                (mac(6), mac(0))
            }
            _ => (None, None),
        },
    };
    match (source, destination) {
        (Some(_), Some(_)) => {
            write_value(source, out);
            out.extend_from_slice(ARROW);
            write_value(destination, out);
        }
        _ => out.push(b'-'),
    }
}

#[inline]
fn endpoint(ip: Address, port: Option<u16>, names: Option<Wanted<'_>>, out: &mut Vec<u8>) {
    match (ip, port, names.and_then(|(names, fitted)| view::names::in_line(names, ip, fitted))) {
        (_, _, Some(name)) => out.extend_from_slice(name.as_bytes()),
        (Address::V6(_), Some(_), None) => {
            out.push(b'[');
            address(ip, out);
            out.push(b']');
        }
        (_, _, None) => address(ip, out),
    }
    if let Some(port) = port {
        out.push(b':');
        text::decimal(port.into(), out);
    }
}

#[inline]
fn address(ip: Address, out: &mut Vec<u8>) {
    match ip {
        Address::V4(ip) => text::ipv4(ip, out),
        Address::V6(ip) => text::ipv6(ip, out),
    }
}

fn ipv4(ip: [u8; 4]) -> Vec<u8> {
    let mut out = Vec::new();
    text::ipv4(ip, &mut out);
    out
}

fn ipv6(ip: [u8; 16]) -> Vec<u8> {
    let mut out = Vec::new();
    text::ipv6(ip, &mut out);
    out
}

fn decimal(number: impl Into<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    text::decimal(number.into(), &mut out);
    out
}

fn write_value(value: Option<Value<'_>>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        text::write(value, crate::wire::Kind::Text, out);
    }
}

fn first_values<'a, const N: usize>(at: &At<'a>, names: [&str; N]) -> [Option<Value<'a>>; N] {
    names.map(|name| at.layer.protocol.fields().iter().find(|field| field.name == name)?.first(at))
}

/// Where a fragment begins in its datagram, in bytes.
fn offset(at: &At<'_>) -> u32 {
    match at.layer.protocol {
        Protocol::Ipv4 => u32::from(at.u16(6).unwrap_or_default() & 0x1fff) * 8,
        _ => u32::from(at.u16(2).unwrap_or_default() & !7),
    }
}

fn identification(at: &At<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match at.layer.protocol {
        Protocol::Ipv4 => text::hex(at.u16(4).unwrap_or_default().into(), 4, &mut out),
        _ => text::hex(at.u32(4).unwrap_or_default().into(), 8, &mut out),
    }
    out
}

/// A program as lines and tables name it; nothing where that end is not on this machine.
pub fn program(end: Option<End>, out: &mut Vec<u8>) {
    let Some(end) = end else { return };
    let Some(name) = end.name() else { return out.push(b'?') };
    if end.certainty == Certainty::ByListener {
        out.push(b'~');
    }
    escape::write(name, out);
    if let Some(pid) = end.pid() {
        out.push(b'[');
        text::decimal(pid.into(), out);
        out.push(b']');
    }
}
