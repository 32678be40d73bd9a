//! One packet at one side of a NAT: what the NAT may change apart from what it leaves alone.

use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr};

use foldhash::quality::FixedState;

use super::Transport;
use crate::frame::Timestamp;
use crate::wire::checksum::{self, Verdict};
use crate::wire::tcp::{self, Header};
use crate::wire::{At, Packet, Protocol};

/// A packet, as far as it is held against the other side's.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    pub number: u64,
    pub time: Timestamp,
    pub transport: Transport,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    /// A digest of what translators leave alone: data, and TCP's numbers, flags and timestamps.
    pub content: u64,
    /// Of the IPv4 header; 0 in IPv6.
    pub identification: u16,
    pub ttl: u8,
    pub tos: u8,
    pub dont_fragment: bool,
    /// A digest of TCP's options but the timestamps.
    pub options: u64,
    /// The transport's checksum is wrong, and not for want of filling in.
    pub bad_checksum: bool,
    /// TCP: the first sequence number, and how many there are.
    pub sequence: (u32, u32),
}

impl Sighting {
    /// What is known of a packet; `None` where it has no ports of its own: no IP packet, a later fragment, an error.
    pub fn of(packet: &Packet<'_>) -> Option<Self> {
        let network = packet.each().find(|at| matches!(at.layer.protocol, Protocol::Ipv4 | Protocol::Ipv6))?;
        let at = packet.each().skip(network.index + 1).find(|at| {
            matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp | Protocol::Icmp | Protocol::Icmpv6)
        })?;
        // Ports inside a tunnel are not the NAT's.
        if at.layer.quoted || packet.network(at.index)?.index != network.index {
            return None;
        }
        let mut hasher = FixedState::with_seed(0).build_hasher();
        let Ends { transport, ports: [from, to], options, sequence, check } = match at.layer.protocol {
            Protocol::Tcp => segment(&at, &mut hasher)?,
            Protocol::Udp => {
                hasher.write(at.content());
                let ports = [at.u16(0)?, at.u16(2)?];
                Ends { transport: Transport::Udp, ports, options: 0, sequence: (0, 0), check: checksum::udp(&at) }
            }
            _ => echo(&at, &mut hasher)?,
        };
        let (source, destination) = packet.addresses(at.index)?;
        let (identification, ttl, tos, dont_fragment) = match network.layer.protocol {
            Protocol::Ipv4 => (network.u16(4)?, network.u8(8)?, network.u8(1)?, network.u8(6)? & 0x40 != 0),
            _ => (0, network.u8(7)?, (network.u16(0)? >> 4) as u8, true),
        };
        Some(Self {
            number: packet.frame.number,
            time: packet.frame.time?,
            transport,
            source: SocketAddr::new(IpAddr::from(source), from),
            destination: SocketAddr::new(IpAddr::from(destination), to),
            content: hasher.finish(),
            identification,
            ttl,
            tos,
            dont_fragment,
            options,
            bad_checksum: check.is_some_and(|check| matches!(check.verdict(), Verdict::Bad(_))),
            sequence,
        })
    }
}

struct Ends {
    transport: Transport,
    /// Of source and destination.
    ports: [u16; 2],
    options: u64,
    sequence: (u32, u32),
    check: Option<checksum::Check>,
}

fn segment(at: &At<'_>, hasher: &mut impl Hasher) -> Option<Ends> {
    let header = Header::new(at)?;
    hasher.write_u32(header.sequence());
    hasher.write_u32(header.acknowledgment());
    hasher.write_u16(header.flags().0);
    let (value, echo) = tcp::timestamps(at).unwrap_or_default();
    hasher.write_u32(value);
    hasher.write_u32(echo);
    hasher.write(at.content());
    let mut options = FixedState::with_seed(1).build_hasher();
    for option in tcp::options(header.options).filter(|option| option.kind != tcp::TIMESTAMPS) {
        options.write_u8(option.kind);
        options.write(option.data);
    }
    Some(Ends {
        transport: Transport::Tcp,
        ports: [header.source_port(), header.destination_port()],
        options: options.finish(),
        sequence: (header.sequence(), header.length),
        check: checksum::tcp(at),
    })
}

/// An echo request or reply (RFC 792, RFC 4443 §4): the identifier stands for the port of the side that asks (RFC 5508 §3).
fn echo(at: &At<'_>, hasher: &mut impl Hasher) -> Option<Ends> {
    let (request, check) = match (at.layer.protocol, at.u8(0)?) {
        (Protocol::Icmp, 8) => (true, checksum::icmp(at)),
        (Protocol::Icmp, 0) => (false, checksum::icmp(at)),
        (Protocol::Icmpv6, 128) => (true, checksum::icmpv6(at)),
        (Protocol::Icmpv6, 129) => (false, checksum::icmpv6(at)),
        _ => return None,
    };
    let identifier = at.u16(4)?;
    hasher.write_u8(u8::from(request));
    hasher.write(at.bytes().get(6..)?);
    let ports = if request { [identifier, 0] } else { [0, identifier] };
    Some(Ends { transport: Transport::Icmp, ports, options: 0, sequence: (0, 0), check })
}
