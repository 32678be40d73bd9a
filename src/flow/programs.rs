//! Which programs are asked for by a packet: those of its first TCP or UDP layer, or of the one that an error quotes.
//!
//! Later fragments bear no ports: they have no programs, their first one has. Multicast and broadcast have no single
//! receiver: who answers decides that (`io::sockets::owners`).

use std::net::{IpAddr, SocketAddr};

use super::Facts;
use crate::process::{Ends, Programs, Question, Sign, Transport};
use crate::wire::tcp::Flags;
use crate::wire::{Address, At, Packet, Protocol};

/// Asks for the ends of a packet, once flow knows its conversation.
pub(super) fn ends(packet: &Packet<'_>, facts: &Facts, programs: &mut dyn Programs) -> Ends {
    let ported = |at: &At<'_>| matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp);
    let Some(at) = packet.each().find(ported) else { return Ends::NONE };
    let Some(question) = question(&at, facts) else { return Ends::NONE };
    if !at.layer.quoted {
        return programs.ends(&question);
    }
    // An error goes to whoever sent what it quotes; the kernel or a router made it.
    let told =
        packet.each().find(|at| !at.layer.quoted && matches!(at.layer.protocol, Protocol::Icmp | Protocol::Icmpv6));
    let to = told.and_then(|at| packet.addresses(at.index)).map(|(_, to)| ip(to));
    if to != Some(question.source.ip()) {
        return Ends::NONE;
    }
    Ends { source: None, destination: programs.ends(&question).source }
}

fn question(at: &At<'_>, facts: &Facts) -> Option<Question> {
    let (transport, stream) = match at.layer.protocol {
        Protocol::Tcp => (Transport::Tcp, facts.tcp?.stream),
        _ => (Transport::Udp, facts.udp_stream?),
    };
    let (source, destination) = at.packet.addresses(at.index)?;
    let sign = match transport {
        Transport::Tcp if !at.layer.quoted => sign(Flags(at.u16(12)? & 0xfff)),
        _ => Sign::None,
    };
    Some(Question {
        transport,
        stream,
        source: SocketAddr::new(ip(source), at.u16(0)?),
        destination: SocketAddr::new(ip(destination), at.u16(2)?),
        interface: interface(at.packet),
        time: at.packet.frame.time?,
        sign,
    })
}

fn sign(flags: Flags) -> Sign {
    match (flags.any(Flags::SYN), flags.any(Flags::ACK), flags.any(Flags::RST)) {
        (true, false, false) => Sign::Asks,
        (_, true, false) => Sign::Taken,
        _ => Sign::None,
    }
}

/// Cooked v2 tells the interface (pcap-linktype(7), LINKTYPE_LINUX_SLL2).
fn interface(packet: &Packet<'_>) -> Option<u32> {
    let at = packet.at(0).filter(|at| at.layer.protocol == Protocol::Sll2)?;
    at.u32(4).filter(|index| *index != 0)
}

fn ip(address: Address) -> IpAddr {
    match address {
        Address::V4(bytes) => bytes.into(),
        Address::V6(bytes) => bytes.into(),
    }
}
