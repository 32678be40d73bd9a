//! A NAT as rules of nft(8), for UDP on both axes of RFC 4787; other protocols get what `masquerade` is.
//!
//! How it works: `post` translates what leaves, `learn` sees the translated packet and remembers the mapping in maps
//! whose entries live as long as `udp-timeout`, `pre` lets in who may come in by these maps. Without maps Linux is
//! endpoint-independent by preference, and filters by address and port.
//!
//! Trap: a packet from outside that the router itself takes leaves a conntrack entry behind, and the inside's next
//! packet to the same place gets another port: so nothing new from outside is for the router (`table ip filter`).

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::topology::{Network, duration_text};
use crate::engine::nat::{Behaviour, Dependence, Hairpinning, Pooling, Ports, Refresh};

/// The sides of a NAT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides<'a> {
    /// The interface to the outside.
    pub outside: &'a str,
    /// Its address.
    pub external: Ipv4Addr,
    /// The interfaces to the inside.
    pub inside: Vec<&'a str>,
    /// The networks there.
    pub networks: Vec<Network>,
}

/// Why rules cannot do this; `addresses`: how many the outside has.
pub fn cannot(behaviour: &Behaviour, addresses: usize) -> Option<&'static str> {
    let independent = behaviour.mapping == Dependence::EndpointIndependent;
    if addresses > 1 {
        return Some("rules of nft use one outside address only");
    }
    if behaviour.pooling == Pooling::Arbitrary {
        return Some("arbitrary pooling needs several outside addresses, and rules of nft use one only");
    }
    match behaviour.ports {
        Ports::Parity => return Some("rules of nft do not keep the parity of ports"),
        Ports::Preserved if !independent => {
            return Some("rules of nft make a mapping that depends on the other side with random ports only");
        }
        _ => {}
    }
    if behaviour.refresh == Refresh::Outbound {
        return Some("to the kernel, packets of both directions refresh a mapping");
    }
    if behaviour.udp_timeout.subsec_nanos() != 0 || behaviour.udp_timeout.is_zero() {
        return Some("the kernel counts timeouts in whole seconds");
    }
    None
}

/// What remembers, for this behaviour.
struct Memory {
    /// `map_m`: whose next mapping is the one that there is already; the key's type.
    mappings: Option<&'static str>,
    /// `map_in`: where a packet from outside goes.
    inward: bool,
    /// `allow`: who was sent to.
    allow: bool,
}

impl Memory {
    fn of(behaviour: &Behaviour) -> Self {
        let mappings = match behaviour.mapping {
            Dependence::EndpointIndependent => Some("ipv4_addr . inet_service"),
            Dependence::AddressDependent => Some("ipv4_addr . inet_service . ipv4_addr"),
            Dependence::AddressAndPortDependent => None,
        };
        let filters_by_rules = behaviour.filtering != Dependence::AddressAndPortDependent;
        Self {
            mappings,
            inward: filters_by_rules || behaviour.hairpinning != Hairpinning::Off,
            allow: behaviour.filtering == Dependence::AddressDependent,
        }
    }

    fn is_none(&self) -> bool {
        self.mappings.is_none() && !self.inward
    }
}

/// The rules, as `nft -f -` takes them.
pub fn rules(sides: &Sides<'_>, behaviour: &Behaviour) -> String {
    let memory = Memory::of(behaviour);
    let mut text = String::from("table ip nat {\n");
    declare(&mut text, &memory, behaviour);
    let (outside, external, inside) = (sides.outside, sides.external, names(&sides.inside));
    let networks: Vec<String> = sides.networks.iter().map(|network| network.base().to_string()).collect();
    let networks = set(&networks);
    let udp = "meta l4proto udp";

    text.push_str("\tchain pre {\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n");
    let to = format!("ip daddr {external} {udp}");
    match behaviour.filtering {
        Dependence::EndpointIndependent => {
            line(&mut text, &format!("iifname \"{outside}\" {to} dnat ip to udp dport map @map_in"));
        }
        Dependence::AddressDependent => {
            let allowed = "udp dport . ip saddr @allow";
            line(&mut text, &format!("iifname \"{outside}\" {to} {allowed} dnat ip to udp dport map @map_in"));
        }
        Dependence::AddressAndPortDependent => {}
    }
    if behaviour.hairpinning != Hairpinning::Off {
        line(&mut text, &format!("iifname {inside} {to} dnat ip to udp dport map @map_in"));
    }
    text.push_str("\t}\n");

    // Where packets are translated: what leaves, and what turns back.
    let leaves = format!("oifname \"{outside}\"");
    let turns = format!("oifname {inside} ip saddr {networks} ct status dnat");
    let turns_back = behaviour.hairpinning == Hairpinning::External;
    let remembered = match behaviour.mapping {
        Dependence::EndpointIndependent => Some("ip saddr . udp sport"),
        Dependence::AddressDependent => Some("ip saddr . udp sport . ip daddr"),
        Dependence::AddressAndPortDependent => None,
    };
    let random = if behaviour.ports == Ports::Random { " fully-random" } else { "" };
    text.push_str("\tchain post {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n");
    let mut translate = |from: &str, to: &str| {
        if let Some(key) = remembered {
            line(&mut text, &format!("{from} {udp} snat ip to {key} map @map_m"));
        }
        line(&mut text, &format!("{from} {to}{random}"));
    };
    translate(&leaves, "masquerade");
    if turns_back {
        translate(&turns, &format!("snat to {external}"));
    }
    text.push_str("\t}\n");

    if !memory.is_none() {
        text.push_str("\tchain learn {\n\t\ttype filter hook postrouting priority srcnat + 50; policy accept;\n");
        let translated = "ct direction original ct status snat";
        let origin = "ct original ip saddr . ct original proto-src";
        remember(
            &mut text,
            &memory,
            &Seen {
                packet: &format!("{leaves} {udp} {translated}"),
                inside: origin,
                mapping: "ip saddr . udp sport",
                port: "udp sport",
                remote: "ip daddr",
                allowed: "ip daddr",
            },
        );
        if turns_back {
            remember(
                &mut text,
                &memory,
                &Seen {
                    packet: &format!("{turns} {udp} {translated}"),
                    inside: origin,
                    mapping: "ip saddr . udp sport",
                    port: "udp sport",
                    remote: "ip daddr",
                    allowed: &external.to_string(),
                },
            );
        }
        if memory.inward {
            // An answer to who came in by a mapping.
            remember(
                &mut text,
                &memory,
                &Seen {
                    packet: &format!("{leaves} {udp} ct direction reply ct status dnat"),
                    inside: "ct reply ip saddr . ct reply proto-src",
                    mapping: "ip saddr . udp sport",
                    port: "udp sport",
                    remote: "ip daddr",
                    allowed: "ip daddr",
                },
            );
        }
        text.push_str("\t}\n");
        refresh(&mut text, &memory, outside);
    }
    text.push_str("}\n");
    let _ = write!(
        text,
        "table ip filter {{\n\tchain input {{\n\t\ttype filter hook input priority filter; policy accept;\n\
         \t\tiifname \"{outside}\" ct state new drop\n\t}}\n}}\n"
    );
    text
}

fn declare(text: &mut String, memory: &Memory, behaviour: &Behaviour) {
    let lives = format!("flags dynamic,timeout; timeout {}; size 65535;", duration_text(behaviour.udp_timeout));
    let endpoint = "ipv4_addr . inet_service";
    let mut declare = |what: &str| {
        let _ = writeln!(text, "\t{what}; {lives} }}");
    };
    if let Some(key) = memory.mappings {
        declare(&format!("map map_m {{ type {key} : {endpoint}"));
    }
    if memory.inward {
        declare(&format!("map map_in {{ type inet_service : {endpoint}"));
    }
    if memory.allow {
        declare("set allow { type inet_service . ipv4_addr");
    }
}

/// A packet that tells of a mapping: which, and the expressions for the parts of it.
struct Seen<'a> {
    packet: &'a str,
    /// The inside's endpoint.
    inside: &'a str,
    /// The outside's.
    mapping: &'a str,
    /// ... its port alone.
    port: &'a str,
    /// The address of the other side, on which a mapping may depend.
    remote: &'a str,
    /// ... as the inside knows it, which is who may answer.
    allowed: &'a str,
}

fn remember(text: &mut String, memory: &Memory, seen: &Seen<'_>) {
    let Seen { packet, inside, mapping, port, remote, allowed } = seen;
    match memory.mappings {
        Some(key) if key.matches("ipv4_addr").count() > 1 => {
            line(text, &format!("{packet} update @map_m {{ {inside} . {remote} : {mapping} }}"));
        }
        Some(_) => line(text, &format!("{packet} update @map_m {{ {inside} : {mapping} }}")),
        None => {}
    }
    if memory.inward {
        line(text, &format!("{packet} update @map_in {{ {port} : {inside} }}"));
    }
    if memory.allow {
        line(text, &format!("{packet} update @allow {{ {port} . {allowed} }}"));
    }
}

/// Packets from outside keep a mapping alive, too, as they do in conntrack.
fn refresh(text: &mut String, memory: &Memory, outside: &str) {
    text.push_str("\tchain refresh {\n\t\ttype filter hook forward priority filter; policy accept;\n");
    let inbound = format!("iifname \"{outside}\" meta l4proto udp");
    remember(
        text,
        memory,
        &Seen {
            packet: &format!("{inbound} ct direction reply ct status snat"),
            inside: "ip daddr . udp dport",
            mapping: "ct reply ip daddr . ct reply proto-dst",
            port: "ct reply proto-dst",
            remote: "ip saddr",
            allowed: "ip saddr",
        },
    );
    if memory.inward {
        remember(
            text,
            memory,
            &Seen {
                packet: &format!("{inbound} ct direction original ct status dnat"),
                inside: "ip daddr . udp dport",
                mapping: "ct original ip daddr . ct original proto-dst",
                port: "ct original proto-dst",
                remote: "ip saddr",
                allowed: "ip saddr",
            },
        );
    }
    text.push_str("\t}\n");
}

fn line(text: &mut String, rule: &str) {
    let _ = writeln!(text, "\t\t{rule}");
}

/// Names of interfaces as nft has them: one, or a set.
fn names(all: &[&str]) -> String {
    let quoted: Vec<String> = all.iter().map(|name| format!("\"{name}\"")).collect();
    set(&quoted)
}

fn set(all: &[String]) -> String {
    match all {
        [one] => one.clone(),
        several => format!("{{ {} }}", several.join(", ")),
    }
}

#[cfg(test)]
mod tests;
