//! A captured packet with other addresses, ports, MACs or VLAN tags, and checksums that say of it what they said before.
//!
//! Every place where an address stands is found by decoding: IP headers (of tunnels and of what ICMP errors quote too),
//! ARP, neighbour discovery, routing headers, IGMP and MLD. Checksums are updated by what changed (RFC 1624), so that a
//! wrong one stays wrong, one that the card was to fill in still waits for that, and fragments, whose checksum is over
//! bytes of other packets, come out right.

pub mod link;
mod places;
mod sums;
#[cfg(test)]
mod tests;

use smallvec::SmallVec;

use super::{Address, At, Packet, Protocol, ipv6};

/// A link address.
pub type Mac = [u8; 6];

/// One end of a conversation whose port becomes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Only where this is the address of the same end, as it was captured.
    pub of: Option<Address>,
    pub from: u16,
    pub to: u16,
}

/// What becomes of the outermost VLAN tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// It has this identifier; a frame without one gets a tag.
    Set(u16),
    /// No tag at all, however many there were.
    Removed,
}

/// What is to change.
#[derive(Clone, Debug, Default)]
pub struct Rewrite {
    /// From, to; of one family each.
    pub addresses: Vec<(Address, Address)>,
    pub ports: Vec<Port>,
    pub macs: Vec<(Mac, Mac)>,
    /// Every frame for a single station is for this one.
    pub destination: Option<Mac>,
    pub tag: Option<Tag>,
    /// Fill in checksums that the capturing machine's card was to fill in.
    pub fill_in: bool,
}

/// The place of a change, in bytes of the frame.
#[derive(Clone, Copy, Debug)]
struct Change {
    start: usize,
    end: usize,
}

/// A frame on its way to another one: as it was, as it is now, and where they differ. Lengths are equal.
struct Rewriting<'p, 'o> {
    packet: &'p Packet<'p>,
    new: &'o mut [u8],
    changes: SmallVec<[Change; 12]>,
}

impl Rewriting<'_, '_> {
    fn put(&mut self, start: usize, bytes: &[u8]) {
        let end = start.saturating_add(bytes.len());
        if let Some(place) = self.new.get_mut(start..end)
            && place != bytes
        {
            place.copy_from_slice(bytes);
            self.changes.push(Change { start, end });
        }
    }
}

impl Rewrite {
    /// Whether every frame comes out as it went in.
    pub fn is_nothing(&self) -> bool {
        self.addresses.is_empty()
            && self.ports.is_empty()
            && self.macs.is_empty()
            && self.destination.is_none()
            && self.tag.is_none()
            && !self.fill_in
    }

    /// Puts the rewritten frame into `out`, whose content is replaced. It has the frame's link type, and its length
    /// unless tags are put in or taken out.
    pub fn apply(&self, packet: &Packet<'_>, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(packet.frame.data);
        if self.is_nothing() {
            return;
        }
        let mut rewriting = Rewriting { packet, new: out, changes: SmallVec::new() };
        for at in packet.each() {
            self.layer(&at, &mut rewriting);
        }
        self.group_follows(&mut rewriting);
        sums::update(&mut rewriting, self.fill_in);
        if let Some(tag) = self.tag
            && packet.layers.first().is_some_and(|layer| layer.protocol == Protocol::Ethernet)
        {
            link::tag(out, tag);
        }
    }

    /// The same with an Ethernet header in the place of the frame's own; `false` where there can be none.
    pub fn frame(&self, packet: &Packet<'_>, destination: Mac, source: Mac, out: &mut Vec<u8>) -> bool {
        let Some((ether_type, content)) = link::content(packet) else { return false };
        self.apply(packet, out);
        out.splice(..content, link::header(destination, source, ether_type));
        if let Some(tag) = self.tag {
            link::tag(out, tag);
        }
        true
    }

    /// What an address becomes.
    pub fn address(&self, address: Address) -> Address {
        self.addresses.iter().find(|(from, _)| *from == address).map_or(address, |(_, to)| *to)
    }

    /// What a link address becomes.
    pub fn mac(&self, mac: Mac) -> Mac {
        self.macs.iter().find(|(from, _)| *from == mac).map_or(mac, |(_, to)| *to)
    }

    fn layer(&self, at: &At<'_>, rewriting: &mut Rewriting<'_, '_>) {
        let start = at.layer.start as usize;
        places::addresses(at, &mut |place, address| match self.address(address) {
            Address::V4(to) => rewriting.put(start + place, &to),
            Address::V6(to) => rewriting.put(start + place, &to),
        });
        places::macs(at, &mut |place, mac| {
            let mut to = self.mac(mac);
            // The outermost frame's first address: whom it is for.
            if let Some(destination) = self.destination
                && at.index == 0
                && place == 0
                && !is_group(to)
            {
                to = destination;
            }
            rewriting.put(start + place, &to);
        });
        if matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp)
            && !self.ports.is_empty()
            && let Some((source, destination)) = at.packet.addresses(at.index)
        {
            for (place, end) in [(0, source), (2, destination)] {
                let Some(port) = at.u16(place) else { continue };
                let wanted = |map: &&Port| map.from == port && map.of.is_none_or(|of| of == end);
                if let Some(map) = self.ports.iter().find(wanted) {
                    rewriting.put(start + place, &map.to.to_be_bytes());
                }
            }
        }
    }

    /// A frame for a group has the link address that belongs to the group: it follows where the group changes.
    fn group_follows(&self, rewriting: &mut Rewriting<'_, '_>) {
        let Some(ethernet) = rewriting.packet.at(0).filter(|at| at.layer.protocol == Protocol::Ethernet) else {
            return;
        };
        let is_ip = |at: &At<'_>| matches!(at.layer.protocol, Protocol::Ipv4 | Protocol::Ipv6);
        let Some(ip) = rewriting.packet.each().find(is_ip) else { return };
        let Some((_, was)) = rewriting.packet.addresses(ip.index + 1) else { return };
        let (now, was_for) = (group_address(self.address(was)), group_address(was));
        if self.address(was) != was
            && let Some(now) = now
            && (was_for.is_none() || was_for == ethernet.array(0))
        {
            rewriting.put(0, &now);
        }
    }
}

/// Whether a link address is that of a group, or everybody's.
pub fn is_group(mac: Mac) -> bool {
    mac.first().is_some_and(|first| first & 1 != 0)
}

/// The link address that belongs to a group (RFC 1112 §6.4, RFC 2464 §7), or to everybody; `None` of a single host.
pub fn group_address(address: Address) -> Option<Mac> {
    match address {
        Address::V4([255, 255, 255, 255]) => Some([0xff; 6]),
        Address::V4([224..=239, b, c, d]) => Some([0x01, 0x00, 0x5e, b & 0x7f, c, d]),
        Address::V6([0xff, .., a, b, c, d]) => Some([0x33, 0x33, a, b, c, d]),
        _ => None,
    }
}

/// Where the final destination stands that a pseudo-header has, in bytes of the frame: behind a routing header with
/// stations to go it is not the IPv6 header's (RFC 8200 §8.1).
fn final_destination(at: &At<'_>, network: &At<'_>) -> usize {
    let routing = at.packet.each().skip(network.index).take(at.index.saturating_sub(network.index));
    let last = routing.filter(|layer| layer.layer.protocol == Protocol::Routing).last();
    let of_network = network.layer.start as usize + ipv6::HEADER - 16;
    let Some(header) = last.filter(|header| header.u8(3).is_some_and(|left| left > 0)) else { return of_network };
    let start = header.layer.start as usize;
    match header.u8(2) {
        Some(0 | 2) => start + (header.layer.header as usize).saturating_sub(16),
        Some(4) => start + 8,
        _ => of_network,
    }
}
