//! A packet of the question, as far as it is known, and whether an expression of a rule is true of it.

use std::net::IpAddr;

use serde_json::Value;

use super::rules::{Chain, Ruleset};
use crate::engine::doctor::facts::{Transport, same_network};

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    Tcp,
    Udp,
    /// An echo request, or its reply.
    Echo,
}

impl From<Transport> for Carried {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Self::Tcp,
            Transport::Udp => Self::Udp,
        }
    }
}

/// A packet at a hook; what is `None` may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// input or output: with the hooks that lie before and behind it.
    pub hook: &'static str,
    pub carried: Carried,
    pub six: bool,
    pub source: Option<IpAddr>,
    pub destination: Option<IpAddr>,
    pub source_port: Option<u16>,
    pub destination_port: Option<u16>,
    pub input: Option<String>,
    pub output: Option<String>,
    /// It answers one that went before: `ct state established`.
    pub reply: bool,
}

/// Yes, no, or not known.
pub type Answer = Option<bool>;

/// What an expression stands for.
enum Field {
    Number(u64),
    Word(String),
    Address(IpAddr),
    /// Of another protocol than the packet is.
    NotThere,
    Unknown,
}

impl Packet {
    fn protocol(&self) -> &'static str {
        match (self.carried, self.six) {
            (Carried::Tcp, _) => "tcp",
            (Carried::Udp, _) => "udp",
            (Carried::Echo, false) => "icmp",
            (Carried::Echo, true) => "ipv6-icmp",
        }
    }

    /// Whether a `match` statement is true of it.
    pub fn matches(&self, body: &Value, ruleset: &Ruleset, chain: &Chain) -> Answer {
        let (left, right) = (body.get("left")?, body.get("right")?);
        let field = self.field(left);
        if matches!(field, Field::NotThere) {
            return Some(false);
        }
        let equal = equals(&field, right, ruleset, chain);
        match body.get("op").and_then(Value::as_str).unwrap_or("==") {
            "==" | "in" => equal,
            "!=" => equal.map(|equal| !equal),
            op => {
                let (Field::Number(number), Some(other)) = (&field, right.as_u64()) else { return None };
                match op {
                    "<" => Some(*number < other),
                    "<=" => Some(*number <= other),
                    ">" => Some(*number > other),
                    ">=" => Some(*number >= other),
                    _ => None,
                }
            }
        }
    }

    /// Whether the key of a verdict map has this element of it.
    pub fn is_key(&self, key: &Value, element: &Value, ruleset: &Ruleset, chain: &Chain) -> Answer {
        match self.field(key) {
            Field::NotThere => Some(false),
            field => equals(&field, element, ruleset, chain),
        }
    }

    fn field(&self, expression: &Value) -> Field {
        let Some((kind, body)) = expression.as_object().and_then(|object| object.iter().next()) else {
            return Field::Unknown;
        };
        let part = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        match kind.as_str() {
            "payload" => self.header(part("protocol"), part("field")),
            "meta" => self.meta(part("key")),
            "ct" if part("key") == "state" => Field::Word(if self.reply { "established" } else { "new" }.to_owned()),
            // fib daddr type: what comes in is for this machine.
            "fib" if part("result") == "type" && self.hook == "input" => {
                let of_destination = body.get("flags").is_some_and(|flags| flags.to_string().contains("daddr"));
                if of_destination { Field::Word("local".to_owned()) } else { Field::Unknown }
            }
            // Flags of TCP under a mask: the first segment is a bare SYN.
            "&" => match body.as_array().and_then(|parts| parts.first()).map(|first| self.field(first)) {
                Some(Field::NotThere) => Field::NotThere,
                Some(Field::Word(word)) if word == "syn" => Field::Word(word),
                _ => Field::Unknown,
            },
            _ => Field::Unknown,
        }
    }

    fn meta(&self, key: &str) -> Field {
        let name = |name: &Option<String>| name.clone().map_or(Field::Unknown, Field::Word);
        match key {
            "iifname" | "iif" if self.hook == "input" => name(&self.input),
            "oifname" | "oif" if self.hook == "output" => name(&self.output),
            "l4proto" => Field::Word(self.protocol().to_owned()),
            "nfproto" => Field::Word(if self.six { "ipv6" } else { "ipv4" }.to_owned()),
            "protocol" => Field::Word(if self.six { "ip6" } else { "ip" }.to_owned()),
            _ => Field::Unknown,
        }
    }

    fn header(&self, protocol: &str, field: &str) -> Field {
        let number = |number: Option<u16>| number.map_or(Field::Unknown, |number| Field::Number(number.into()));
        let address = |address: Option<IpAddr>| address.map_or(Field::Unknown, Field::Address);
        match (protocol, field) {
            ("ip", _) if self.six => Field::NotThere,
            ("ip6", _) if !self.six => Field::NotThere,
            ("ip" | "ip6", "saddr") => address(self.source),
            ("ip" | "ip6", "daddr") => address(self.destination),
            ("ip", "protocol") | ("ip6", "nexthdr") => Field::Word(self.protocol().to_owned()),
            ("tcp", _) if self.carried != Carried::Tcp => Field::NotThere,
            ("udp", _) if self.carried != Carried::Udp => Field::NotThere,
            ("icmp", _) if self.carried != Carried::Echo || self.six => Field::NotThere,
            ("icmpv6", _) if self.carried != Carried::Echo || !self.six => Field::NotThere,
            ("th", _) if self.carried == Carried::Echo => Field::Unknown,
            ("tcp" | "udp" | "th", "dport") => number(self.destination_port),
            ("tcp" | "udp" | "th", "sport") => number(self.source_port),
            ("tcp", "flags") if !self.reply => Field::Word("syn".to_owned()),
            ("icmp" | "icmpv6", "type") => {
                Field::Word(if self.reply { "echo-reply" } else { "echo-request" }.to_owned())
            }
            ("sctp" | "dccp" | "udplite" | "esp" | "ah" | "comp" | "arp", _) => Field::NotThere,
            _ => Field::Unknown,
        }
    }

    /// Whether a rule of this family concerns it.
    pub fn is_of(&self, family: &str) -> bool {
        match family {
            "inet" => true,
            "ip" => !self.six,
            "ip6" => self.six,
            _ => false,
        }
    }
}

/// Whether a field has the value, or one of the values, that a rule names.
fn equals(field: &Field, value: &Value, ruleset: &Ruleset, chain: &Chain) -> Answer {
    if let Value::String(name) = value
        && let Some(name) = name.strip_prefix('@')
    {
        return any(field, ruleset.set(chain, name)?.as_array()?, ruleset, chain);
    }
    if let Value::Array(items) = value {
        return any(field, items, ruleset, chain);
    }
    if let Some((kind, body)) = value.as_object().and_then(|object| object.iter().next()) {
        return match (kind.as_str(), body) {
            ("set", Value::Array(items)) => any(field, items, ruleset, chain),
            // An element with a timeout, a counter or a comment.
            ("elem", body) => equals(field, body.get("val")?, ruleset, chain),
            ("range", Value::Array(ends)) => within(field, ends.first()?, ends.get(1)?),
            ("prefix", body) => {
                let (network, length) = (body.get("addr")?.as_str()?, body.get("len")?.as_u64()?);
                let Field::Address(address) = field else { return None };
                Some(same_network(network.parse().ok()?, *address, u8::try_from(length).ok()?))
            }
            _ => None,
        };
    }
    match field {
        Field::Number(number) => value.as_u64().map(|other| *number == other),
        Field::Address(address) => value.as_str()?.parse::<IpAddr>().ok().map(|other| *address == other),
        Field::Word(word) => match value {
            Value::String(other) if other.ends_with('*') => Some(word.starts_with(other.trim_end_matches('*'))),
            Value::String(other) => Some(word == other || word == "ipv6-icmp" && other == "icmpv6"),
            // A protocol by its number.
            Value::Number(number) => {
                let names = [(1, "icmp"), (6, "tcp"), (17, "udp"), (58, "ipv6-icmp")];
                let named = names.iter().any(|(known, name)| number.as_u64() == Some(*known) && name == word);
                let is_protocol = names.iter().any(|(_, name)| name == word);
                is_protocol.then_some(named)
            }
            _ => None,
        },
        Field::NotThere => Some(false),
        Field::Unknown => None,
    }
}

fn any(field: &Field, items: &[Value], ruleset: &Ruleset, chain: &Chain) -> Answer {
    let mut answer = Some(false);
    for item in items {
        match equals(field, item, ruleset, chain) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => answer = None,
        }
    }
    answer
}

fn within(field: &Field, first: &Value, last: &Value) -> Answer {
    match field {
        Field::Number(number) => Some((first.as_u64()?..=last.as_u64()?).contains(number)),
        Field::Address(address) => {
            let (first, last): (IpAddr, IpAddr) = (first.as_str()?.parse().ok()?, last.as_str()?.parse().ok()?);
            Some((first..=last).contains(address))
        }
        _ => None,
    }
}
