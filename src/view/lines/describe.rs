//! What a line says of a packet: its ends, its protocol, the fields that matter and the words for what happened.

use super::parts::{Keep, Parts};
use crate::field::text;
use crate::flow::{Event, Known};
use crate::view::escape;
use crate::view::style::Role;
use crate::view::words::{Words, fill};
use crate::wire::checksum::{self, Verdict};
use crate::wire::{Address, At, Cut, Packet, Protocol, Stop, Value, arp, icmp, icmpv6, igmp, mld, ndp, numbers, tcp};

/// What the columns before the pieces need.
pub struct Described {
    pub protocol: &'static str,
    pub role: Role,
}

/// Bytes of application text that a line shows at most.
const TEXT: usize = 60;

/// Describes a packet: writes its ends to `ends` and the rest to `parts`.
pub fn packet(
    packet: &Packet<'_>,
    known: &Known<'_>,
    words: &Words,
    ends: &mut Vec<u8>,
    parts: &mut Parts,
) -> Described {
    // The innermost layer that is the packet's own: not what an error quotes, not an application's bytes.
    let own = |at: &At<'_>| !at.layer.quoted && at.layer.protocol != Protocol::Data;
    let Some(at) = packet.each().filter(own).last() else {
        ends.push(b'-');
        stop(packet, words, parts);
        return Described { protocol: "?", role: Role::Plain };
    };
    self::ends(packet, &at, ends);
    let mut line = Line { packet, known, words, parts, role: Role::Plain };
    let protocol = line.layer(&at);
    line.carried(&at);
    line.datagram();
    stop(packet, words, line.parts);
    Described { protocol, role: line.role }
}

struct Line<'a> {
    packet: &'a Packet<'a>,
    known: &'a Known<'a>,
    words: &'a Words,
    parts: &'a mut Parts,
    role: Role,
}

impl<'a> Line<'a> {
    /// Describes the innermost layer; its name as the protocol column shows it.
    #[inline]
    fn layer(&mut self, at: &At<'a>) -> &'static str {
        match at.layer.protocol {
            Protocol::Tcp => self.tcp(at),
            Protocol::Udp => self.udp(at),
            Protocol::Arp => self.arp(at),
            Protocol::Icmp => self.icmp(at),
            Protocol::Icmpv6 => self.icmpv6(at),
            Protocol::Igmp => self.igmp(at),
            Protocol::Mld => self.mld(at),
            Protocol::Ndp => self.ndp(at),
            Protocol::Ipv4 | Protocol::Ipv6 | Protocol::Fragment => self.ip(at),
            protocol => return short(protocol),
        }
        short(at.layer.protocol)
    }

    fn say(&mut self, role: Role, template: &str, values: &[&[u8]]) {
        if role != Role::Plain && self.role != Role::Trouble {
            self.role = role;
        }
        self.parts.add(Keep::Words, role, |out| fill(template, values, out));
    }

    fn number(&mut self, keep: Keep, name: &'static str, number: impl Into<u64>) {
        let number = number.into();
        self.parts.add(keep, Role::Faint, |out| {
            out.extend_from_slice(name.as_bytes());
            out.push(b' ');
            text::decimal(number, out);
        });
    }

    fn matter(&mut self, matter: &str) {
        self.parts.add(Keep::Matter, Role::Plain, |out| out.extend_from_slice(matter.as_bytes()));
    }

    fn tcp(&mut self, at: &At<'a>) {
        let (Some(header), Some(facts)) = (tcp::Header::new(at), self.known.facts.tcp) else { return };
        let flags = header.flags();
        self.parts.add(Keep::Matter, Role::Plain, |out| {
            for (place, name) in flags.names().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(name.as_bytes());
            }
        });
        let marks = flags.any(tcp::Flags::SYN | tcp::Flags::FIN | tcp::Flags::RST);
        if header.length > 0 || marks {
            self.number(Keep::Number, "seq", facts.sequence);
        }
        if flags.any(tcp::Flags::ACK) {
            self.number(Keep::Number, "ack", facts.acknowledgment);
        }
        if header.length > 0 {
            self.role = Role::Data;
            self.number(Keep::Number, "len", header.length);
        }
        if header.length == 0 || marks {
            self.number(Keep::Detail, "win", facts.window);
        }
        if flags.any(tcp::Flags::SYN) {
            self.options(&header);
        }
        self.checksum(checksum::tcp(at));
        self.text(at.content());
        self.events();
        if facts.oversized {
            self.say(Role::Plain, self.words.oversized, &[]);
        }
    }

    fn options(&mut self, header: &tcp::Header<'_>) {
        for option in tcp::options(header.options) {
            match (option.kind, option.data) {
                (tcp::MAXIMUM_SEGMENT_SIZE, [high, low]) => {
                    self.number(Keep::Detail, "mss", u16::from_be_bytes([*high, *low]));
                }
                (tcp::WINDOW_SCALE, [shift]) => self.number(Keep::Detail, "wscale", *shift),
                (tcp::SACK_PERMITTED, _) => {
                    self.parts.add(Keep::Detail, Role::Faint, |out| out.extend_from_slice(b"sack"));
                }
                _ => {}
            }
        }
    }

    /// The words for what the flow table says happened.
    fn events(&mut self) {
        let words = self.words;
        for event in self.known.events {
            match event {
                Event::Opening { step, after } => {
                    let told = match step {
                        1 => words.opening_asks,
                        2 => words.opening_accepts,
                        _ => words.opening_done,
                    };
                    self.say(Role::Opening, told, &[]);
                    if let Some(after) = after {
                        self.parts.add(Keep::Detail, Role::Faint, |out| {
                            out.extend_from_slice(b"after ");
                            text::seconds(*after, 6, out);
                            out.extend_from_slice(b" s");
                        });
                    }
                }
                Event::Refused => self.say(Role::Trouble, words.refused, &[]),
                Event::Closing { by_client: true, second: false } => {
                    self.say(Role::Closing, words.client_closes, &[]);
                }
                Event::Closing { by_client: false, second: false } => {
                    self.say(Role::Closing, words.server_closes, &[]);
                }
                Event::Closing { by_client: true, second: true } => {
                    self.say(Role::Closing, words.client_closes_too, &[]);
                }
                Event::Closing { by_client: false, second: true } => {
                    self.say(Role::Closing, words.server_closes_too, &[]);
                }
                Event::Closed => self.say(Role::Closing, words.closed, &[]),
                Event::Reset { by_client: true } => self.say(Role::Trouble, words.client_resets, &[]),
                Event::Reset { by_client: false } => self.say(Role::Trouble, words.server_resets, &[]),
                Event::Datagram(_) => {}
            }
        }
    }

    fn udp(&mut self, at: &At<'a>) {
        self.role = Role::Data;
        self.number(Keep::Number, "len", at.layer.end.saturating_sub(at.layer.start + at.layer.header));
        self.checksum(checksum::udp(at));
        self.text(at.content());
    }

    fn checksum(&mut self, check: Option<checksum::Check>) {
        if let Some(Verdict::Bad(expected)) = check.map(checksum::Check::verdict) {
            let mut right = Vec::new();
            text::hex(expected.into(), 4, &mut right);
            self.say(Role::Trouble, self.words.checksum_bad, &[&right]);
        }
    }

    /// Application text, quoted and escaped; bytes that are not text are not shown.
    fn text(&mut self, content: &[u8]) {
        if !is_text(content) {
            return;
        }
        self.parts.add(Keep::Matter, Role::Data, |out| {
            out.push(b'"');
            let shown = content.get(..TEXT).unwrap_or(content);
            escape::write(whole_characters(shown, content), out);
            out.extend_from_slice(if shown.len() < content.len() { "…\"".as_bytes() } else { b"\"" });
        });
    }

    fn arp(&mut self, at: &At<'a>) {
        let (mut sender, mut target, mut mac) = (Vec::new(), Vec::new(), Vec::new());
        let [first, _, hardware, _] = first_values(at, arp::ADDRESSES);
        write_value(first, &mut sender);
        write_value(first_values(at, arp::ADDRESSES)[1], &mut target);
        write_value(hardware, &mut mac);
        match at.u16(6) {
            Some(1) if sender == target => self.say(Role::Plain, self.words.arp_announces, &[&sender, &mac]),
            Some(1) => self.say(Role::Plain, self.words.arp_asks, &[&target]),
            Some(2) => self.say(Role::Plain, self.words.arp_answers, &[&sender, &mac]),
            _ => {}
        }
    }

    fn icmp(&mut self, at: &At<'a>) {
        let (Some(kind), Some(code)) = (at.u8(0), at.u8(1)) else { return };
        let words = self.words;
        match kind {
            icmp::ECHO_REQUEST | icmp::ECHO_REPLY => {
                self.matter(if kind == icmp::ECHO_REQUEST { "echo request" } else { "echo reply" });
                self.number(Keep::Number, "id", at.u16(4).unwrap_or_default());
                self.number(Keep::Number, "seq", at.u16(6).unwrap_or_default());
                self.checksum(checksum::icmp(at));
                let said = if kind == icmp::ECHO_REQUEST { words.ping_asks } else { words.ping_answers };
                self.say(Role::Plain, said, &[]);
            }
            _ => {
                match icmp::meaning(kind, code) {
                    Some(meaning) => self.matter(meaning),
                    None => {
                        self.number(Keep::Matter, "type", kind);
                        self.number(Keep::Matter, "code", code);
                    }
                }
                self.checksum(checksum::icmp(at));
                self.quoted();
                match (kind, code) {
                    (icmp::UNREACHABLE, 3) => self.say(Role::Trouble, words.port_closed, &[]),
                    (icmp::UNREACHABLE, 1 | 7) => self.say(Role::Trouble, words.host_unreachable, &[]),
                    (icmp::UNREACHABLE, 0 | 6) => self.say(Role::Trouble, words.network_unreachable, &[]),
                    (icmp::UNREACHABLE, 9 | 10 | 13) => self.say(Role::Trouble, words.prohibited, &[]),
                    (icmp::UNREACHABLE, 4) => {
                        let mtu = decimal(at.u16(6).unwrap_or_default());
                        self.say(Role::Trouble, words.needs_fragments, &[&mtu]);
                    }
                    (icmp::TIME_EXCEEDED, 0) => self.say(Role::Trouble, words.hops_used_up, &[]),
                    (icmp::TIME_EXCEEDED, 1) => self.say(Role::Trouble, words.fragments_missing, &[]),
                    (icmp::REDIRECT, _) => {
                        let mut gateway = Vec::new();
                        write_value(at.array(4).map(Value::Ipv4), &mut gateway);
                        let target = self.quoted_destination();
                        self.say(Role::Plain, words.redirects, &[&gateway, &target]);
                    }
                    _ => {}
                }
            }
        }
    }

    fn icmpv6(&mut self, at: &At<'a>) {
        let (Some(kind), Some(code)) = (at.u8(0), at.u8(1)) else { return };
        let words = self.words;
        match kind {
            icmpv6::ECHO_REQUEST | icmpv6::ECHO_REPLY => {
                self.matter(if kind == icmpv6::ECHO_REQUEST { "echo request" } else { "echo reply" });
                self.number(Keep::Number, "id", at.u16(4).unwrap_or_default());
                self.number(Keep::Number, "seq", at.u16(6).unwrap_or_default());
                self.checksum(checksum::icmpv6(at));
                let said = if kind == icmpv6::ECHO_REQUEST { words.ping_asks } else { words.ping_answers };
                self.say(Role::Plain, said, &[]);
            }
            _ => {
                match icmpv6::meaning(kind, code) {
                    Some(meaning) => self.matter(meaning),
                    None => {
                        self.number(Keep::Matter, "type", kind);
                        self.number(Keep::Matter, "code", code);
                    }
                }
                self.checksum(checksum::icmpv6(at));
                self.quoted();
                match (kind, code) {
                    (icmpv6::UNREACHABLE, 4) => self.say(Role::Trouble, words.port_closed, &[]),
                    (icmpv6::UNREACHABLE, 3) => self.say(Role::Trouble, words.host_unreachable, &[]),
                    (icmpv6::UNREACHABLE, 0 | 6) => self.say(Role::Trouble, words.network_unreachable, &[]),
                    (icmpv6::UNREACHABLE, 1 | 5) => self.say(Role::Trouble, words.prohibited, &[]),
                    (icmpv6::TOO_BIG, _) => {
                        let mtu = decimal(at.u32(4).unwrap_or_default());
                        self.say(Role::Trouble, words.packet_too_big, &[&mtu]);
                    }
                    (icmpv6::TIME_EXCEEDED, 0) => self.say(Role::Trouble, words.hops_used_up, &[]),
                    (icmpv6::TIME_EXCEEDED, 1) => self.say(Role::Trouble, words.fragments_missing, &[]),
                    _ => {}
                }
            }
        }
    }

    /// What an error is about: protocol and ends of the packet it quotes.
    fn quoted(&mut self) {
        let packet = self.packet;
        let Some(at) = packet.each().filter(|at| at.layer.quoted && at.layer.protocol != Protocol::Data).last() else {
            return;
        };
        self.parts.add(Keep::Number, Role::Faint, |out| {
            out.extend_from_slice(b"for ");
            out.extend_from_slice(short(at.layer.protocol).as_bytes());
            out.push(b' ');
            ends(packet, &at, out);
        });
    }

    fn quoted_destination(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let quoted = self.packet.each().find(|at| at.layer.quoted);
        if let Some((_, destination)) = quoted.and_then(|at| self.packet.addresses(at.index + 1)) {
            address(destination, &mut out);
        }
        out
    }

    fn igmp(&mut self, at: &At<'a>) {
        let words = self.words;
        let group = |at: &At<'_>| at.array(4).map(ipv4).unwrap_or_default();
        if let Some(version) = igmp::version(at) {
            self.parts.add(Keep::Matter, Role::Plain, |out| out.extend_from_slice(&[b'v', b'0' + version]));
        }
        match at.u8(0) {
            Some(igmp::QUERY) => {
                self.matter("query");
                let sources: Vec<Vec<u8>> = igmp::query_sources(at).take(LISTED + 1).map(ipv4).collect();
                self.query(at.array(4) == Some([0; 4]), &group(at), &sources);
            }
            Some(igmp::REPORT_V1 | igmp::REPORT_V2) => {
                self.matter("report");
                self.say(Role::Opening, words.joins, &[&group(at)]);
            }
            Some(igmp::LEAVE) => {
                self.matter("leave");
                self.say(Role::Closing, words.leaves, &[&group(at)]);
            }
            Some(igmp::REPORT_V3) => {
                self.matter("report");
                for (place, record) in igmp::records(at).enumerate() {
                    if place == LISTED {
                        let more = decimal(at.u16(6).unwrap_or_default().saturating_sub(LISTED as u16));
                        self.say(Role::Plain, words.more_groups, &[&more]);
                        break;
                    }
                    let sources: Vec<Vec<u8>> = record.sources().take(LISTED + 1).map(ipv4).collect();
                    self.record(record.kind, &ipv4(record.group), &sources);
                }
            }
            _ => {}
        }
        self.checksum(checksum::igmp(at));
    }

    fn mld(&mut self, at: &At<'a>) {
        let words = self.words;
        let group = mld::group(at).map(ipv6).unwrap_or_default();
        match mld::kind(at) {
            Some(mld::QUERY) => {
                self.matter(if mld::is_query_v2(at) { "v2 query" } else { "v1 query" });
                self.query(mld::group(at) == Some([0; 16]), &group, &[]);
            }
            Some(mld::REPORT) => {
                self.matter("v1 report");
                self.say(Role::Opening, words.joins, &[&group]);
            }
            Some(mld::DONE) => {
                self.matter("v1 done");
                self.say(Role::Closing, words.leaves, &[&group]);
            }
            Some(mld::REPORT_V2) => {
                self.matter("v2 report");
                for (place, record) in mld::records(at).enumerate() {
                    if place == LISTED {
                        let more = decimal(at.u16(2).unwrap_or_default().saturating_sub(LISTED as u16));
                        self.say(Role::Plain, words.more_groups, &[&more]);
                        break;
                    }
                    let sources: Vec<Vec<u8>> = record.sources().take(LISTED + 1).map(ipv6).collect();
                    self.record(record.kind, &ipv6(record.group), &sources);
                }
            }
            _ => {}
        }
    }

    fn query(&mut self, general: bool, group: &[u8], sources: &[Vec<u8>]) {
        let words = self.words;
        match (general, sources) {
            (true, _) => self.say(Role::Plain, words.asks_all_groups, &[]),
            (false, []) => self.say(Role::Plain, words.asks_group, &[group]),
            (false, sources) => self.say(Role::Plain, words.asks_group_sources, &[group, &list(sources)]),
        }
    }

    /// A group record in words (RFC 3376 §4.2.12, RFC 3810 §5.2.12).
    fn record(&mut self, kind: u8, group: &[u8], sources: &[Vec<u8>]) {
        let words = self.words;
        let from = list(sources);
        match (kind, sources) {
            (1, []) | (3, []) => self.say(Role::Closing, words.leaves, &[group]),
            (1, _) => self.say(Role::Plain, words.member_sources, &[group, &from]),
            (2, []) => self.say(Role::Plain, words.member, &[group]),
            (2, _) => self.say(Role::Plain, words.member_without, &[group, &from]),
            (3, _) => self.say(Role::Opening, words.joins_sources, &[group, &from]),
            (4, []) => self.say(Role::Opening, words.joins, &[group]),
            (4, _) => self.say(Role::Opening, words.joins_without, &[group, &from]),
            (5, _) => self.say(Role::Opening, words.adds_sources, &[group, &from]),
            (6, _) => self.say(Role::Closing, words.drops_sources, &[group, &from]),
            _ => {}
        }
    }

    fn ndp(&mut self, at: &At<'a>) {
        let words = self.words;
        let kind = at.index.checked_sub(1).and_then(|before| self.packet.at(before)?.u8(0));
        let target = at.array(4).map(ipv6).unwrap_or_default();
        let mut mac = Vec::new();
        write_value(ndp::link_address(at), &mut mac);
        match kind {
            Some(ndp::NEIGHBOUR_SOLICITATION) => {
                let unspecified =
                    matches!(self.packet.addresses(at.index), Some((Address::V6(source), _)) if source == [0; 16]);
                let said = if unspecified { words.neighbour_probes } else { words.neighbour_asks };
                self.say(Role::Plain, said, &[&target]);
            }
            Some(ndp::NEIGHBOUR_ADVERTISEMENT) => {
                let place = if mac.is_empty() { b"?".to_vec() } else { mac };
                self.say(Role::Plain, words.neighbour_answers, &[&target, &place]);
            }
            Some(ndp::ROUTER_SOLICITATION) => self.say(Role::Plain, words.router_asks, &[]),
            Some(ndp::ROUTER_ADVERTISEMENT) => self.say(Role::Plain, words.router_answers, &[]),
            Some(ndp::REDIRECT) => {
                let destination = at.array(20).map(ipv6).unwrap_or_default();
                self.say(Role::Plain, words.redirects, &[&target, &destination]);
            }
            _ => {}
        }
    }

    /// An IP packet whose content is not decoded: a fragment, or a protocol that we do not know.
    fn ip(&mut self, at: &At<'a>) {
        if self.packet.stop == Stop::Fragment {
            let length = at.layer.end.saturating_sub(at.layer.start + at.layer.header);
            self.number(Keep::Number, "offset", offset(at));
            self.number(Keep::Number, "len", length);
            self.say(Role::Plain, self.words.fragment_later, &[&identification(at)]);
        }
    }

    /// Marks of how the packet is carried: fragments, VLANs, tunnels.
    fn carried(&mut self, at: &At<'a>) {
        let packet = self.packet;
        if packet.layers.len() <= 3 && !matches!(packet.layers, [_, vlan, ..] if vlan.protocol == Protocol::Vlan) {
            if let Some(network) = packet.layers.get(1)
                && network.protocol == Protocol::Ipv4
            {
                self.first_fragment(at);
            }
            return;
        }
        for at in packet.each() {
            match at.layer.protocol {
                Protocol::Vlan => self.number(Keep::Detail, "vlan", at.u16(0).unwrap_or_default() & 0xfff),
                Protocol::Vxlan => self.number(Keep::Detail, "in vxlan", at.u32(4).unwrap_or_default() >> 8),
                Protocol::Geneve => self.number(Keep::Detail, "in geneve", at.u32(4).unwrap_or_default() >> 8),
                Protocol::Gre => self.parts.add(Keep::Detail, Role::Faint, |out| out.extend_from_slice(b"in gre")),
                _ => {}
            }
        }
        self.first_fragment(at);
    }

    fn first_fragment(&mut self, at: &At<'a>) {
        if self.packet.stop == Stop::Fragment || !checksum::fragmented(at) {
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
                self.parts.add(Keep::Number, Role::Faint, |out| {
                    out.extend_from_slice(b"UDP ");
                    ends(&inner, &at, out);
                });
                self.checksum(checksum::udp(&at));
                self.text(at.content());
            }
        }
    }
}

/// Records and sources that a line lists at most.
const LISTED: usize = 3;

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = items.get(..LISTED.min(items.len())).unwrap_or_default().join(&b", "[..]);
    if items.len() > LISTED {
        out.extend_from_slice(", …".as_bytes());
    }
    out
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

/// The protocol column: at most six letters.
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
        Protocol::Vlan => "VLAN",
        Protocol::Sll | Protocol::Sll2 => "SLL",
        Protocol::Null => "NULL",
        Protocol::Mpls => "MPLS",
        Protocol::Pppoe => "PPPoE",
        Protocol::Ppp => "PPP",
        Protocol::Gre => "GRE",
        Protocol::Vxlan => "VXLAN",
        Protocol::Geneve => "Geneve",
        Protocol::Frame | Protocol::Data => "?",
    }
}

/// Who to whom: addresses and ports, or what the link has.
#[inline]
fn ends(packet: &Packet<'_>, at: &At<'_>, out: &mut Vec<u8>) {
    const ARROW: &[u8] = " → ".as_bytes();
    // An IP layer that is the innermost carries itself.
    let index = at.index + usize::from(matches!(at.layer.protocol, Protocol::Ipv4 | Protocol::Ipv6));
    if let Some((source, destination)) = packet.addresses(index) {
        let ports = matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp)
            .then(|| Some((at.u16(0)?, at.u16(2)?)))
            .flatten();
        endpoint(source, ports.map(|ports| ports.0), out);
        out.extend_from_slice(ARROW);
        endpoint(destination, ports.map(|ports| ports.1), out);
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
fn endpoint(ip: Address, port: Option<u16>, out: &mut Vec<u8>) {
    match (ip, port) {
        (Address::V6(_), Some(_)) => {
            out.push(b'[');
            address(ip, out);
            out.push(b']');
        }
        _ => address(ip, out),
    }
    if let Some(port) = port {
        out.push(b':');
        text::decimal(port.into(), out);
    }
}

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

/// Bytes that no text has: control characters but for line ends, tabs and escape sequences.
const ACTS: [bool; 256] = {
    let mut acts = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        acts[byte] = matches!(byte, 0..=8 | 11 | 12 | 14..=26 | 28..=31 | 127);
        byte += 1;
    }
    acts
};

/// Whether bytes look like text: nothing but printable characters, line ends and tabs in what a line would show.
fn is_text(content: &[u8]) -> bool {
    let Some(shown) = content.get(..content.len().min(TEXT)) else { return false };
    if shown.is_empty() || shown.iter().any(|byte| ACTS[usize::from(*byte)]) {
        return false;
    }
    shown.is_ascii() || std::str::from_utf8(whole_characters(shown, content)).is_ok()
}

/// `shown` without the character that the limit cuts in two.
fn whole_characters<'a>(shown: &'a [u8], content: &[u8]) -> &'a [u8] {
    if shown.len() == content.len() {
        return shown;
    }
    match std::str::from_utf8(shown) {
        Err(error) if error.error_len().is_none() => shown.get(..error.valid_up_to()).unwrap_or(shown),
        _ => shown,
    }
}
