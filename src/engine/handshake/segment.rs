//! A segment, from a packet and into one (RFC 9293 §3.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Unreachable;
use crate::wire::build::{Error, Recipe};
use crate::wire::checksum::{self, Verdict};
use crate::wire::tcp::{self, Flags, Header};
use crate::wire::{Address, At, Packet, Protocol, Stop, icmp, icmpv6};

/// A segment without its ports; numbers in host order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    pub sequence: u32,
    pub acknowledgment: u32,
    /// Bits of [`Flags`].
    pub flags: u16,
    /// The window as it stands in the header: no scaling is agreed on.
    pub window: u16,
    /// The option maximum segment size.
    pub size: Option<u16>,
    pub data: Vec<u8>,
}

impl Segment {
    /// Whether all of these control bits are set.
    pub fn has(&self, bits: u16) -> bool {
        self.flags & bits == bits
    }

    /// SEG.LEN: the data, and one for each of SYN and FIN (RFC 9293 §3.4).
    pub fn length(&self) -> u32 {
        let flags = u32::from(self.has(Flags::SYN)) + u32::from(self.has(Flags::FIN));
        u32::try_from(self.data.len()).unwrap_or(u32::MAX).saturating_add(flags)
    }

    /// The segment in a packet from `there` to `here`; `None` where it is none, or broken, or not whole.
    pub fn of(packet: &Packet<'_>, here: SocketAddr, there: SocketAddr) -> Option<Self> {
        let at = packet.each().find(|at| at.layer.protocol == Protocol::Tcp && !at.layer.quoted)?;
        if ends(packet, at.index)? != (there.ip(), here.ip()) || matches!(packet.stop, Stop::Truncated { .. }) {
            return None;
        }
        let header = Header::new(&at)?;
        let ports = (header.source_port(), header.destination_port());
        let broken = checksum::tcp(&at).is_some_and(|check| matches!(check.verdict(), Verdict::Bad(_)));
        if ports != (there.port(), here.port()) || broken || header.unmeasured || header.is_cut() {
            return None;
        }
        let data = at.content().get(..header.length as usize)?;
        let size = tcp::options(header.options).find(|option| option.kind == tcp::MAXIMUM_SEGMENT_SIZE);
        Some(Self {
            sequence: header.sequence(),
            acknowledgment: header.acknowledgment(),
            flags: header.flags().0,
            window: header.window(),
            size: size.and_then(|size| Some(u16::from_be_bytes(*size.data.first_chunk()?))),
            data: data.to_vec(),
        })
    }

    /// Adds the TCP header and the data to a recipe that ends with an IP header.
    pub(super) fn put(&self, recipe: &mut Recipe, here: u16, there: u16) -> Result<(), Error> {
        recipe.push(Protocol::Tcp)?;
        for (name, number) in [
            ("tcp.srcport", here.into()),
            ("tcp.dstport", there.into()),
            ("tcp.seq_raw", self.sequence),
            ("tcp.ack_raw", self.acknowledgment),
            ("tcp.flags", self.flags.into()),
            ("tcp.window_size_value", self.window.into()),
        ] {
            recipe.fill(name, &number.to_string())?;
        }
        if let Some(size) = self.size {
            recipe.set("tcp.options.mss_val", &size.to_string())?;
        }
        recipe.payload(self.data.clone());
        Ok(())
    }
}

impl Unreachable {
    /// The ICMP error in a packet, where it quotes a segment from `here` to `there`.
    pub fn of(packet: &Packet<'_>, here: SocketAddr, there: SocketAddr) -> Option<Self> {
        let message = |at: &At<'_>| matches!(at.layer.protocol, Protocol::Icmp | Protocol::Icmpv6);
        let at = packet.each().find(|at| message(at) && !at.layer.quoted)?;
        let quoted = packet.each().find(|at| at.layer.quoted && at.layer.protocol == Protocol::Tcp)?;
        if ends(packet, quoted.index)? != (here.ip(), there.ip())
            || (quoted.u16(0)?, quoted.u16(2)?) != (here.port(), there.port())
        {
            return None;
        }
        let six = at.layer.protocol == Protocol::Icmpv6;
        let from = ends(packet, at.index)?.0;
        Some(Self { from, six, kind: at.u8(0)?, code: at.u8(1)?, sequence: quoted.u32(4)? })
    }

    /// Whether it says that the host or its network cannot be had at all, and not only that a packet got lost.
    pub fn is_unreachable(&self) -> bool {
        self.kind == if self.six { icmpv6::UNREACHABLE } else { icmp::UNREACHABLE }
    }

    /// Protocol or port unreachable, and prohibited: another attempt will not help (RFC 1122 §4.2.3.9).
    pub fn is_final(&self) -> bool {
        let hard: &[u8] = if self.six { &[1, 4] } else { &[2, 3, 9, 10, 13] };
        self.is_unreachable() && hard.contains(&self.code)
    }

    /// What it says.
    pub fn meaning(&self) -> &'static str {
        let meaning =
            if self.six { icmpv6::meaning(self.kind, self.code) } else { icmp::meaning(self.kind, self.code) };
        meaning.unwrap_or("an error")
    }
}

/// Source and destination of the IP header that carries the layer at `index`.
fn ends(packet: &Packet<'_>, index: usize) -> Option<(IpAddr, IpAddr)> {
    let plain = |address| match address {
        Address::V4(four) => IpAddr::from(Ipv4Addr::from(four)),
        Address::V6(six) => IpAddr::from(Ipv6Addr::from(six)),
    };
    let (source, destination) = packet.addresses(index)?;
    Some((plain(source), plain(destination)))
}
