//! What a packet that passes is to the one that was sent: itself, an answer to it, or nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::flow::multicast::message::{self, Heard, Message, RecordKind, Says as Membership};
use crate::wire::tcp::Flags;
use crate::wire::{Address, At, Packet, Protocol, Stop, icmp, icmpv6, igmp, mld};

/// What was sent, as far as answers to it are known by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    pub source: IpAddr,
    pub to: IpAddr,
    pub what: What,
    /// Of a membership message: what it says.
    pub membership: Option<Message>,
}

/// The innermost header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Tcp {
        from: u16,
        to: u16,
        flags: u16,
    },
    Udp {
        from: u16,
        to: u16,
    },
    Icmp {
        kind: u8,
        identifier: u16,
    },
    /// IGMP or MLD, with the message's type.
    Membership {
        kind: u8,
        query: bool,
    },
    Arp {
        request: bool,
    },
    Other,
}

/// What a packet is to ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// One of those that were sent.
    Sent,
    /// A reset that this machine's kernel sent for a connection that it does not know.
    OwnReset,
    Answer(Answer),
    /// A later fragment of an answer.
    Part,
}

/// What came back, and from whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub from: IpAddr,
    pub says: Says,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// SYN,ACK.
    Open,
    Reset,
    /// Another segment, with these control bits.
    Segment(u16),
    Datagram(usize),
    /// The reply to a request: its type.
    Reply(u8),
    /// An ICMP error about what was sent: type and code.
    Error {
        six: bool,
        kind: u8,
        code: u8,
    },
    LinkAddress([u8; 6]),
    /// It is, or is not, a member of these groups: protocol and version, what it says, the groups.
    Membership {
        protocol: &'static str,
        version: u8,
        verb: &'static str,
        groups: Vec<IpAddr>,
        more: usize,
    },
    Packet,
}

impl Ours {
    /// From the packet as it is sent, undivided.
    pub fn of(packet: &Packet<'_>) -> Option<Self> {
        if let Some(arp) = packet.find(Protocol::Arp) {
            let (source, to) = (arp_address(&arp, 14)?, arp_address(&arp, 24)?);
            return Some(Self { source, to, what: What::Arp { request: arp.u16(6)? == 1 }, membership: None });
        }
        let (source, to) = outer(packet)?;
        let what = transport(packet).and_then(|at| what(&at)).unwrap_or(What::Other);
        Some(Self { source, to, what, membership: membership(packet) })
    }

    /// Of a query: how long hosts have to answer, in nanoseconds.
    pub fn response(&self) -> Option<i64> {
        match &self.membership.as_ref()?.says {
            Membership::Query(query) => Some(query.response),
            _ => None,
        }
    }

    /// Whether it asks for a new connection.
    pub fn opens(&self) -> bool {
        matches!(self.what, What::Tcp { flags, .. } if flags & (Flags::SYN | Flags::ACK) == Flags::SYN)
    }

    /// Whether silence is no answer: what was sent asks for one.
    pub fn asks(&self) -> bool {
        match self.what {
            What::Tcp { flags, .. } => flags & Flags::RST == 0,
            What::Icmp { kind, .. } if self.to.is_ipv4() => matches!(kind, icmp::ECHO_REQUEST | 13),
            What::Icmp { kind, .. } => matches!(kind, icmpv6::ECHO_REQUEST | 135),
            What::Arp { request } => request,
            What::Membership { query, .. } => query,
            What::Udp { .. } | What::Other => false,
        }
    }

    /// What `packet` is to what was sent; `None`: nothing.
    pub fn see(&self, packet: &Packet<'_>) -> Option<Seen> {
        if let (What::Arp { .. }, Some(arp)) = (self.what, packet.find(Protocol::Arp)) {
            let (source, to) = (arp_address(&arp, 14)?, arp_address(&arp, 24)?);
            return if (source, to) == (self.source, self.to) {
                Some(Seen::Sent)
            } else if source == self.to && arp.u16(6)? == 2 {
                answer(source, Says::LinkAddress(arp.array(8)?))
            } else {
                None
            };
        }
        let (source, to) = outer(packet)?;
        if let Some(error) = self.error(packet, source) {
            return Some(error);
        }
        let here = transport(packet);
        let group = self.to.is_multicast() || is_broadcast(self.to);
        let back = to == self.source && (source == self.to || group);
        let forth = (source, to) == (self.source, self.to);
        let Some(found) = here.as_ref().and_then(what) else {
            let fragment = packet.stop == Stop::Fragment || packet.layers.iter().any(|layer| layer.fragment);
            return match self.what {
                _ if forth => Some(Seen::Sent),
                What::Other if back => answer(source, Says::Packet),
                _ if back && fragment => Some(Seen::Part),
                _ => None,
            };
        };
        match (self.what, found) {
            (What::Tcp { from, to, flags }, What::Tcp { from: f, to: t, flags: seen }) => {
                if forth && (from, to) == (f, t) {
                    let own = seen & Flags::RST != 0 && flags & Flags::RST == 0;
                    return Some(if own { Seen::OwnReset } else { Seen::Sent });
                }
                let says = match seen {
                    _ if seen & Flags::RST != 0 => Says::Reset,
                    _ if seen & (Flags::SYN | Flags::ACK) == Flags::SYN | Flags::ACK => Says::Open,
                    _ => Says::Segment(seen),
                };
                (back && (from, to) == (t, f)).then(|| answer(source, says)).flatten()
            }
            (What::Udp { from, to }, What::Udp { from: f, to: t }) => match (forth, back) {
                (true, _) if (from, to) == (f, t) => Some(Seen::Sent),
                (_, true) if (from, to) == (t, f) => answer(source, Says::Datagram(here?.content().len())),
                _ => None,
            },
            (What::Icmp { kind, identifier }, What::Icmp { kind: seen, identifier: i }) => match (forth, back) {
                (true, _) if kind == seen => Some(Seen::Sent),
                // A reply's type is the request's with another last bit, but for IPv4's echo.
                (_, true) if kind != seen && (identifier == i || seen == 136) => answer(source, Says::Reply(seen)),
                _ => None,
            },
            (What::Membership { kind, query }, What::Membership { kind: seen, query: asks }) => {
                if forth && kind == seen {
                    return Some(Seen::Sent);
                }
                // A report answers a query, and a query is what a report or a leave may cause.
                let says = (query != asks).then(|| self.told(&membership(packet)?)).flatten();
                says.and_then(|says| answer(source, says))
            }
            (What::Other, _) if forth => Some(Seen::Sent),
            (What::Other, _) if back => answer(source, Says::Packet),
            _ => None,
        }
    }

    /// What a membership message says about the group that ours is about; `None` where it is about others.
    fn told(&self, heard: &Message) -> Option<Says> {
        const LISTED: usize = 4;
        let ours = self.membership.as_ref()?;
        if ours.family != heard.family {
            return None;
        }
        let about: Vec<IpAddr> = match &ours.says {
            Membership::Query(query) => query.group.into_iter().collect(),
            Membership::Report(records) => records.iter().map(|record| record.group).collect(),
            Membership::Leave(group) => vec![*group],
        };
        let asks = matches!(ours.says, Membership::Query(_));
        let (verb, all): (_, Vec<IpAddr>) = match &heard.says {
            Membership::Query(query) => ("asks for", query.group.into_iter().collect()),
            // What joins or leaves just now does not answer a question (RFC 9776 §4.2.13).
            Membership::Report(records) => {
                let told =
                    records.iter().filter(|one| matches!(one.kind, RecordKind::IsInclude | RecordKind::IsExclude));
                let groups: Vec<IpAddr> = told.map(|record| record.group).collect();
                if groups.is_empty() && asks {
                    return None;
                }
                ("reports", groups)
            }
            Membership::Leave(group) => ("leaves", vec![*group]),
        };
        // A query for all groups is about ours, too.
        if !about.is_empty() && !all.is_empty() && !all.iter().any(|group| about.contains(group)) {
            return None;
        }
        let more = all.len().saturating_sub(LISTED);
        let groups = all.into_iter().take(LISTED).collect();
        Some(Says::Membership { protocol: heard.family.name(), version: heard.version, verb, groups, more })
    }

    /// An ICMP error that quotes what was sent.
    fn error(&self, packet: &Packet<'_>, from: IpAddr) -> Option<Seen> {
        let at = transport(packet)?;
        let quoted = packet.each().find(|at| at.layer.quoted)?;
        if ends(&quoted)? != (self.source, self.to) {
            return None;
        }
        let ports =
            packet.each().find(|at| at.layer.quoted && matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp));
        let ports = ports.and_then(|at| Some((at.u16(0)?, at.u16(2)?)));
        let same = match (self.what, ports) {
            (What::Tcp { from, to, .. } | What::Udp { from, to }, Some(ports)) => ports == (from, to),
            _ => true,
        };
        let six = at.layer.protocol == Protocol::Icmpv6;
        same.then(|| answer(from, Says::Error { six, kind: at.u8(0)?, code: at.u8(1)? })).flatten()
    }
}

fn answer(from: IpAddr, says: Says) -> Option<Seen> {
    Some(Seen::Answer(Answer { from, says }))
}

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(four) if four.is_broadcast() || four.octets()[3] == 255)
}

fn arp_address(arp: &At<'_>, at: usize) -> Option<IpAddr> {
    Some(Ipv4Addr::from(arp.array::<4>(at)?).into())
}

fn address(address: Address) -> IpAddr {
    match address {
        Address::V4(four) => Ipv4Addr::from(four).into(),
        Address::V6(six) => Ipv6Addr::from(six).into(),
    }
}

/// Source and destination of the outermost IP header.
fn outer(packet: &Packet<'_>) -> Option<(IpAddr, IpAddr)> {
    ends(&packet.each().find(|at| matches!(at.layer.protocol, Protocol::Ipv4 | Protocol::Ipv6))?)
}

fn ends(network: &At<'_>) -> Option<(IpAddr, IpAddr)> {
    let (source, to) = network.packet.addresses(network.index + 1)?;
    Some((address(source), address(to)))
}

/// The transport header that is no quotation.
fn transport<'a>(packet: &'a Packet<'a>) -> Option<At<'a>> {
    let known = [Protocol::Tcp, Protocol::Udp, Protocol::Icmp, Protocol::Icmpv6, Protocol::Igmp];
    packet.each().find(|at| !at.layer.quoted && known.contains(&at.layer.protocol))
}

/// What a packet says of memberships, whoever may act on it.
fn membership(packet: &Packet<'_>) -> Option<Message> {
    match message::read(packet) {
        Heard::Message(message) => Some(message),
        _ => None,
    }
}

fn what(at: &At<'_>) -> Option<What> {
    Some(match at.layer.protocol {
        Protocol::Tcp => What::Tcp { from: at.u16(0)?, to: at.u16(2)?, flags: at.u16(12)? & 0xfff },
        Protocol::Udp => What::Udp { from: at.u16(0)?, to: at.u16(2)? },
        Protocol::Igmp => {
            let kind = at.u8(0)?;
            What::Membership { kind, query: kind == igmp::QUERY }
        }
        Protocol::Icmpv6 if matches!(at.u8(0), Some(mld::QUERY | mld::REPORT | mld::DONE | mld::REPORT_V2)) => {
            let kind = at.u8(0)?;
            What::Membership { kind, query: kind == mld::QUERY }
        }
        _ => What::Icmp { kind: at.u8(0)?, identifier: at.u16(4).unwrap_or(0) },
    })
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.from;
        match &self.says {
            Says::Open => write!(f, "open: {from} answers SYN,ACK, so somebody listens there"),
            Says::Reset => write!(f, "refused: {from} answers RST"),
            Says::Segment(flags) => {
                let names: Vec<&str> = Flags(*flags).names().collect();
                write!(f, "{from} answers with the segment {}", names.join(","))
            }
            Says::Datagram(1) => write!(f, "answered: {from} sends a datagram of 1 byte"),
            Says::Datagram(length) => write!(f, "answered: {from} sends a datagram of {length} bytes"),
            Says::Reply(kind) => write!(f, "answered: {from} replies (type {kind})"),
            Says::Error { six, kind, code } => {
                let meaning = if *six { icmpv6::meaning(*kind, *code) } else { icmp::meaning(*kind, *code) };
                let name = if *six { "ICMPv6" } else { "ICMP" };
                let meaning = meaning.unwrap_or("an error");
                let unreachable = *kind == if *six { icmpv6::UNREACHABLE } else { icmp::UNREACHABLE };
                let verdict = if unreachable { "unreachable" } else { "error" };
                write!(f, "{verdict}: {from} says {meaning} ({name} type {kind}, code {code})")
            }
            Says::LinkAddress(mac) => {
                write!(f, "answered: {from} is at {}", mac.map(|byte| format!("{byte:02x}")).join(":"))
            }
            Says::Membership { protocol, version, verb, groups, more } => {
                write!(f, "answered: {from} {verb} ")?;
                match groups.as_slice() {
                    [] => write!(f, "all groups")?,
                    groups => {
                        write!(f, "{}", groups.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", "))?;
                    }
                }
                if *more > 0 {
                    write!(f, " and {more} more")?;
                }
                write!(f, " ({protocol}v{version})")
            }
            Says::Packet => write!(f, "answered: {from} sends a packet"),
        }
    }
}

impl Answer {
    /// Whether it says no.
    pub fn refuses(&self) -> bool {
        matches!(self.says, Says::Reset | Says::Error { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, LinkType};
    use crate::wire::build::Recipe;
    use crate::wire::{Layers, decode};

    /// Here, there, and somebody else.
    const A: &str = "10.0.0.1";
    const B: &str = "10.0.0.2";
    const C: &str = "10.0.0.3";

    fn built(protocol: Protocol, from: &str, to: &str, set: &[(&str, &str)]) -> Vec<u8> {
        let mut recipe = Recipe::new(&[Protocol::Ipv4, protocol]).unwrap();
        for (name, value) in [("ip.src", from), ("ip.dst", to)].iter().chain(set) {
            recipe.set(name, value).unwrap();
        }
        recipe.build().unwrap().bytes
    }

    fn decoded<T>(bytes: &[u8], use_it: impl FnOnce(&Packet<'_>) -> T) -> T {
        let frame = Frame { link: LinkType::RAW, data: bytes, length: bytes.len() as u32, ..Frame::empty() };
        use_it(&decode(frame, &mut Layers::new()))
    }

    fn seen(ours: &[u8], other: &[u8]) -> Option<Seen> {
        let ours = decoded(ours, Ours::of).unwrap();
        decoded(other, |packet| ours.see(packet))
    }

    fn segment(from: &str, to: &str, ports: [&str; 2], flags: &str) -> Vec<u8> {
        let set = [("tcp.srcport", ports[0]), ("tcp.dstport", ports[1]), ("tcp.flags", flags)];
        built(Protocol::Tcp, from, to, &set)
    }

    #[test]
    fn only_the_other_end_of_the_same_ports_answers() {
        let syn = segment(A, B, ["4000", "80"], "SYN");
        let from_b = |says| Some(Seen::Answer(Answer { from: B.parse().unwrap(), says }));
        assert_eq!(seen(&syn, &syn), Some(Seen::Sent));
        assert_eq!(seen(&syn, &segment(B, A, ["80", "4000"], "SYN,ACK")), from_b(Says::Open));
        assert_eq!(seen(&syn, &segment(B, A, ["80", "4000"], "RST,ACK")), from_b(Says::Reset));
        assert_eq!(seen(&syn, &segment(A, B, ["4000", "80"], "RST")), Some(Seen::OwnReset));
        assert_eq!(seen(&syn, &segment(B, A, ["80", "4001"], "RST,ACK")), None);
        assert_eq!(seen(&syn, &segment(C, A, ["80", "4000"], "RST,ACK")), None);
    }

    #[test]
    fn an_error_belongs_to_the_packet_that_it_quotes() {
        let syn = segment(A, B, ["4000", "80"], "SYN");
        let error = |quoted: &[u8]| {
            let mut recipe = Recipe::new(&[Protocol::Ipv4, Protocol::Icmp]).unwrap();
            for (name, value) in [("ip.src", C), ("ip.dst", A), ("icmp.type", "3"), ("icmp.code", "13")] {
                recipe.set(name, value).unwrap();
            }
            recipe.payload(quoted.to_vec());
            recipe.build().unwrap().bytes
        };
        let says = Says::Error { six: false, kind: 3, code: 13 };
        let prohibited = Answer { from: C.parse().unwrap(), says };
        assert_eq!(seen(&syn, &error(&syn)), Some(Seen::Answer(prohibited.clone())));
        assert_eq!(seen(&syn, &error(&segment(A, B, ["4001", "80"], "SYN"))), None);
        assert_eq!(seen(&syn, &error(&segment(A, C, ["4000", "80"], "SYN"))), None);
        let told = "unreachable: 10.0.0.3 says administratively prohibited (ICMP type 3, code 13)";
        assert!(prohibited.refuses() && prohibited.to_string() == told, "{prohibited}");
    }

    #[test]
    fn a_reply_has_the_identifier_of_the_request() {
        let echo =
            |from, to, kind, number| built(Protocol::Icmp, from, to, &[("icmp.type", kind), ("icmp.ident", number)]);
        let ours = echo(A, B, "8", "7");
        let answer = Answer { from: B.parse().unwrap(), says: Says::Reply(0) };
        assert_eq!(seen(&ours, &echo(B, A, "0", "7")), Some(Seen::Answer(answer)));
        assert_eq!(seen(&ours, &echo(B, A, "0", "8")), None);
    }
}
