//! Messages about the network itself: ARP, ICMP, ICMPv6 and neighbour discovery.

use super::{Keep, Line, address, decimal, ends, first_values, ipv6, short, write_value};
use crate::view::style::Role;
use crate::wire::checksum;
use crate::wire::{Address, At, Value, arp, icmp, icmpv6, ndp};

impl<'a> Line<'a> {
    pub(super) fn arp(&mut self, at: &At<'a>) {
        let (mut sender, mut target, mut mac) = (Vec::new(), Vec::new(), Vec::new());
        let [first, _, hardware, _] = first_values(at, arp::ADDRESSES);
        write_value(first, &mut sender);
        write_value(first_values(at, arp::ADDRESSES)[1], &mut target);
        write_value(hardware, &mut mac);
        self.carried(at);
        match at.u16(6) {
            Some(1) if sender == target => self.say(Role::Plain, self.words.arp_announces, &[&sender, &mac]),
            Some(1) => self.say(Role::Plain, self.words.arp_asks, &[&target]),
            Some(2) => self.say(Role::Plain, self.words.arp_answers, &[&sender, &mac]),
            _ => {}
        }
    }

    pub(super) fn icmp(&mut self, at: &At<'a>) {
        let (Some(kind), Some(code)) = (at.u8(0), at.u8(1)) else { return };
        let words = self.words;
        match kind {
            icmp::ECHO_REQUEST | icmp::ECHO_REPLY => {
                self.matter(if kind == icmp::ECHO_REQUEST { "echo request" } else { "echo reply" });
                self.number(Keep::Number, b"id ", at.u16(4).unwrap_or_default());
                self.number(Keep::Number, b"seq ", at.u16(6).unwrap_or_default());
                self.checksum(checksum::icmp(at));
                self.carried(at);
                let said = if kind == icmp::ECHO_REQUEST { words.ping_asks } else { words.ping_answers };
                self.say(Role::Plain, said, &[]);
            }
            _ => {
                match icmp::meaning(kind, code) {
                    Some(meaning) => self.matter(meaning),
                    None => {
                        self.number(Keep::Matter, b"type ", kind);
                        self.number(Keep::Matter, b"code ", code);
                    }
                }
                self.checksum(checksum::icmp(at));
                self.quoted();
                self.carried(at);
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

    pub(super) fn icmpv6(&mut self, at: &At<'a>) {
        let (Some(kind), Some(code)) = (at.u8(0), at.u8(1)) else { return };
        let words = self.words;
        match kind {
            icmpv6::ECHO_REQUEST | icmpv6::ECHO_REPLY => {
                self.matter(if kind == icmpv6::ECHO_REQUEST { "echo request" } else { "echo reply" });
                self.number(Keep::Number, b"id ", at.u16(4).unwrap_or_default());
                self.number(Keep::Number, b"seq ", at.u16(6).unwrap_or_default());
                self.checksum(checksum::icmpv6(at));
                self.carried(at);
                let said = if kind == icmpv6::ECHO_REQUEST { words.ping_asks } else { words.ping_answers };
                self.say(Role::Plain, said, &[]);
            }
            _ => {
                match icmpv6::meaning(kind, code) {
                    Some(meaning) => self.matter(meaning),
                    None => {
                        self.number(Keep::Matter, b"type ", kind);
                        self.number(Keep::Matter, b"code ", code);
                    }
                }
                self.checksum(checksum::icmpv6(at));
                self.quoted();
                self.carried(at);
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
    pub(super) fn quoted(&mut self) {
        let (packet, names) = (self.packet, self.names());
        let Some(at) = packet.each().filter(|at| at.layer.quoted && !at.layer.protocol.is_application()).last() else {
            return;
        };
        self.parts.add(Keep::Number, Role::Faint, |out| {
            out.extend_from_slice(b"for ");
            out.extend_from_slice(short(at.layer.protocol).as_bytes());
            out.push(b' ');
            ends(packet, &at, names, out);
        });
    }

    pub(super) fn quoted_destination(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let quoted = self.packet.each().find(|at| at.layer.quoted);
        if let Some((_, destination)) = quoted.and_then(|at| self.packet.addresses(at.index + 1)) {
            address(destination, &mut out);
        }
        out
    }

    pub(super) fn ndp(&mut self, at: &At<'a>) {
        let words = self.words;
        let kind = at.index.checked_sub(1).and_then(|before| self.packet.at(before)?.u8(0));
        let target = at.array(4).map(ipv6).unwrap_or_default();
        let mut mac = Vec::new();
        write_value(ndp::link_address(at), &mut mac);
        self.carried(at);
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
}
