//! The headers that a NAT reads and rewrites in an IPv4 packet (RFC 791, 768, 9293, 792), with checksums kept right by
//! the difference (RFC 1624 eqn. 3), so that one that was wrong stays wrong.
//!
//! It reads for itself, not by `wire::decode`: that goes on as far as it can, and a NAT is to refuse what makes no sense.
//!
//! Trap: a packet that comes over a virtual cable may carry only the folded sum of its pseudo-header, for a network card
//! to finish. The difference would spoil it; [`Headers::fill_in`] finishes it first.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::Dropped;
use super::bindings::{Protocol, Step};
use crate::wire::checksum::{self, Ends, PseudoHeader};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What an IPv4 packet's header says. Offsets count from the packet's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub protocol: u8,
    pub identification: u16,
    pub ttl: u8,
    /// Bytes of the IP header.
    pub header: usize,
    /// Bytes of the packet by its length field; what lies behind is padding of the link.
    pub total: usize,
    /// Where in the datagram its content begins, in units of 8 bytes.
    pub offset: u16,
    /// More fragments follow.
    pub more: bool,
}

/// What is behind the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A datagram, segment or query between two ends.
    Ends { protocol: Protocol, source: u16, destination: u16, step: Step },
    /// An ICMP error that quotes a packet.
    Error,
}

pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk::<2>().map(|pair| u16::from_be_bytes(*pair))
}

fn address_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    bytes.get(at..)?.first_chunk::<4>().map(|four| Ipv4Addr::from(*four))
}

/// Writes two bytes; where they are not there, nothing.
pub fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<2>()) {
        *place = value.to_be_bytes();
    }
}

/// The checksum of data in which `old` became `new` (RFC 1624 eqn. 3).
fn adjusted(checksum: u16, old: u16, new: u16) -> u16 {
    let mut sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    !(sum as u16)
}

/// Replaces the two bytes at `at`, and brings the checksums at `sums` up to date (0 in UDP's: there is none).
fn replace(bytes: &mut [u8], at: usize, new: u16, sums: &[Option<(usize, bool)>]) {
    let Some(old) = u16_at(bytes, at) else { return };
    put(bytes, at, new);
    for (place, optional) in sums.iter().flatten() {
        let Some(checksum) = u16_at(bytes, *place) else { continue };
        if *optional && checksum == 0 {
            continue;
        }
        let right = adjusted(checksum, old, new);
        // RFC 768: a sum of zero is written as all ones.
        put(bytes, *place, if *optional && right == 0 { 0xffff } else { right });
    }
}

impl Headers {
    /// Reads an IP header. `whole`: the packet is to be there as its length field says; what an ICMP error quotes is not.
    pub fn of(packet: &[u8], whole: bool) -> Result<Self, Dropped> {
        Self::read(packet).filter(|headers| !whole || headers.total <= packet.len()).ok_or(Dropped::Malformed)
    }

    fn read(packet: &[u8]) -> Option<Self> {
        let first = *packet.first()?;
        let header = usize::from(first & 15) * 4;
        let total = usize::from(u16_at(packet, 2)?);
        if first >> 4 != 4 || header < 20 || total < header || packet.len() < header {
            return None;
        }
        let fragment = u16_at(packet, 6)?;
        Some(Self {
            source: address_at(packet, 12)?,
            destination: address_at(packet, 16)?,
            protocol: *packet.get(9)?,
            identification: u16_at(packet, 4)?,
            ttl: *packet.get(8)?,
            header,
            total,
            offset: fragment & 0x1fff,
            more: fragment & 0x2000 != 0,
        })
    }

    pub fn fragment(&self) -> bool {
        self.more || self.offset > 0
    }

    /// What the first, or only, fragment carries. `quoted`: only the first 8 bytes need be there.
    pub fn content(&self, packet: &[u8], quoted: bool) -> Result<Content, Dropped> {
        let body = packet.get(self.header..self.total.min(packet.len())).unwrap_or_default();
        let needs = if quoted || self.protocol != TCP { 8 } else { 20 };
        if body.len() < needs {
            return Err(Dropped::Malformed);
        }
        let word = |at| u16_at(body, at).ok_or(Dropped::Malformed);
        match self.protocol {
            UDP => {
                Ok(Content::Ends { protocol: Protocol::Udp, source: word(0)?, destination: word(2)?, step: Step::Goes })
            }
            TCP => {
                let step = match body.get(13) {
                    Some(flags) if flags & 0b101 != 0 => Step::Closes,
                    Some(flags) if flags & 0b010 != 0 => Step::Opens,
                    _ => Step::Goes,
                };
                Ok(Content::Ends { protocol: Protocol::Tcp, source: word(0)?, destination: word(2)?, step })
            }
            ICMP => match body.first() {
                // The identifier stands on the side of whoever asked.
                Some(8) => {
                    Ok(Content::Ends { protocol: Protocol::Icmp, source: word(4)?, destination: 0, step: Step::Opens })
                }
                Some(0) => {
                    Ok(Content::Ends { protocol: Protocol::Icmp, source: 0, destination: word(4)?, step: Step::Goes })
                }
                // Unreachable, source quench, time exceeded, parameter problem.
                Some(3 | 4 | 11 | 12) if !quoted => Ok(Content::Error),
                _ => Err(Dropped::Protocol),
            },
            _ => Err(Dropped::Protocol),
        }
    }

    /// Takes one from the time to live.
    pub fn pass(&self, packet: &mut [u8]) {
        let word = u16_at(packet, 8).unwrap_or(0);
        replace(packet, 8, word.wrapping_sub(0x100), &[Some((10, false))]);
    }

    /// Where the checksum of the content is, and whether zero says that there is none; whether it covers the addresses.
    fn content_sum(&self) -> (Option<(usize, bool)>, bool) {
        match self.protocol {
            _ if self.offset > 0 => (None, false),
            UDP => (Some((self.header + 6, true)), true),
            TCP => (Some((self.header + 16, false)), true),
            ICMP => (Some((self.header + 2, false)), false),
            _ => (None, false),
        }
    }

    /// Writes an address at `at` (12: the source, 16: the destination).
    fn put_address(&self, packet: &mut [u8], at: usize, address: Ipv4Addr) {
        let (content, covers) = self.content_sum();
        let sums = [Some((10, false)), content.filter(|_| covers)];
        let [a, b, c, d] = address.octets();
        replace(packet, at, u16::from_be_bytes([a, b]), &sums);
        replace(packet, at + 2, u16::from_be_bytes([c, d]), &sums);
    }

    pub fn put_source_address(&self, packet: &mut [u8], address: Ipv4Addr) {
        self.put_address(packet, 12, address);
    }

    pub fn put_destination_address(&self, packet: &mut [u8], address: Ipv4Addr) {
        self.put_address(packet, 16, address);
    }

    /// Writes the source of a datagram, segment or query.
    pub fn put_source(&self, packet: &mut [u8], end: SocketAddrV4) {
        self.put_source_address(packet, *end.ip());
        let at = if self.protocol == ICMP { 4 } else { 0 };
        replace(packet, self.header + at, end.port(), &[self.content_sum().0]);
    }

    pub fn put_destination(&self, packet: &mut [u8], end: SocketAddrV4) {
        self.put_destination_address(packet, *end.ip());
        let at = if self.protocol == ICMP { 4 } else { 2 };
        replace(packet, self.header + at, end.port(), &[self.content_sum().0]);
    }

    /// Finishes a checksum that was left to a network card.
    pub fn fill_in(&self, packet: &mut [u8]) {
        let (Some((place, optional)), true, false) = (self.content_sum().0, self.content_sum().1, self.fragment())
        else {
            return;
        };
        let Some(body) = packet.get(self.header..self.total) else { return };
        let Some(stored) = u16_at(packet, place) else { return };
        let ends = Ends::V4(self.source.octets(), self.destination.octets());
        let pseudo = PseudoHeader { ends, protocol: self.protocol, length: body.len() as u32 };
        if stored != checksum::folded(pseudo.sum()) || checksum::folded(pseudo.sum().add_slice(body)) == 0xffff {
            return;
        }
        // As the card does: the sum of all, the stored pseudo-header instead of the field.
        let right = checksum::of(body);
        put(packet, place, if optional && right == 0 { 0xffff } else { right });
    }

    /// Sums up an ICMP message anew.
    pub fn sum_icmp(&self, packet: &mut [u8]) {
        put(packet, self.header + 2, 0);
        let whole = checksum::of(packet.get(self.header..self.total).unwrap_or_default());
        put(packet, self.header + 2, whole);
    }

    /// Whether an ICMP message's checksum is right.
    pub fn icmp_is_right(&self, packet: &[u8]) -> bool {
        packet.get(self.header..self.total).is_some_and(|message| checksum::of(message) == 0)
    }
}
