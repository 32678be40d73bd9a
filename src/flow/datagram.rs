//! IP datagrams put together from their fragments (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! A frame's fields stay the frame's own; the whole datagram is an event at its last fragment. Bounded: at most
//! [`MAX_PENDING`] unfinished datagrams and [`MAX_BYTES`] of their data, the oldest leave first, and what is older than
//! [`TIMEOUT`] (RFC 8200's reassembly time) is not joined with newer fragments.

use std::collections::VecDeque;

use super::table::Traffic;
use crate::frame::{Frame, LinkType, Timestamp};
use crate::wire::fragment::{self, Assembly};
use crate::wire::{Address, At, Packet, Protocol, ipv4};

pub const MAX_PENDING: usize = 256;
pub const MAX_BYTES: usize = 8 << 20;
/// 60 seconds.
pub const TIMEOUT: i64 = 60_000_000_000;

/// A whole datagram: an IP packet as it was before it was fragmented, to be decoded as [`Datagram::LINK`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The IP header of the first fragment without its marks of fragmentation, and the data of all.
    pub bytes: Vec<u8>,
    /// Fragments that it came in.
    pub fragments: u32,
    /// What the fragments behind the one with the ports add to that.
    pub later: Traffic,
}

impl Datagram {
    pub const LINK: LinkType = LinkType::RAW;

    /// The datagram as a frame of its own, at the time of the one that completed it.
    pub fn frame<'a>(&'a self, last: &Frame<'a>) -> Frame<'a> {
        Frame { link: Self::LINK, length: self.bytes.len() as u32, data: &self.bytes, ..*last }
    }
}

/// What fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    source: Address,
    destination: Address,
    identification: u32,
    protocol: u8,
}

struct Pending {
    identity: Identity,
    /// Of the first fragment that arrived.
    since: Option<Timestamp>,
    /// The headers before the fragment's data, from the fragment at offset 0.
    header: Vec<u8>,
    data: Assembly,
    fragments: u32,
    later: Traffic,
}

/// A fragment as its headers describe it.
struct Fragment<'a> {
    identity: Identity,
    offset: u16,
    more: bool,
    /// An IPv4 header, or an IPv6 header alone: what is in front of the datagram once it is whole.
    header: &'a [u8],
    data: &'a [u8],
}

/// Which datagrams are wanted, as their first fragments say: later ones carry no port.
///
/// Remembers [`MAX_PENDING`] datagrams.
#[derive(Debug)]
pub struct Wanted {
    known: VecDeque<(Identity, bool)>,
    /// Of a later fragment whose first has not been seen.
    otherwise: bool,
}

impl Wanted {
    pub fn new(otherwise: bool) -> Self {
        Self { known: VecDeque::new(), otherwise }
    }

    /// Whether a packet is wanted that is `taken` by what its own bytes say.
    pub fn wants(&mut self, packet: &Packet<'_>, taken: bool) -> bool {
        let outside = packet.each().take_while(|at| !at.layer.quoted);
        let fragment = outside.into_iter().find_map(|at| {
            let fragment = match at.layer.protocol {
                Protocol::Ipv4 => v4(&at)?,
                Protocol::Fragment => v6(&at)?,
                _ => return None,
            };
            Some((fragment.identity, fragment.offset))
        });
        let Some((identity, offset)) = fragment else { return taken };
        let place = self.known.iter().position(|(known, _)| *known == identity);
        if offset > 0 {
            let first = place.and_then(|place| self.known.get(place)).map_or(self.otherwise, |(_, wanted)| *wanted);
            return taken && first;
        }
        if let Some(place) = place {
            self.known.remove(place);
        } else if self.known.len() >= MAX_PENDING {
            self.known.pop_front();
        }
        self.known.push_back((identity, taken));
        taken
    }
}

/// Datagrams of which some fragments are missing, the oldest first.
#[derive(Default)]
pub struct Datagrams {
    pending: VecDeque<Pending>,
    bytes: usize,
    /// Unfinished datagrams that had to leave.
    pub dropped: u64,
}

impl Datagrams {
    /// Takes in an IPv4 or IPv6 fragment header's layer; the datagram, if it is whole now.
    #[inline]
    pub fn ingest(&mut self, at: &At<'_>) -> Option<Datagram> {
        // Nearly every packet ends here.
        let whole = at.layer.protocol == Protocol::Ipv4 && at.u16(6)? & (ipv4::OFFSET | ipv4::MORE_FRAGMENTS) == 0;
        if whole { None } else { self.fragment(at) }
    }

    fn fragment(&mut self, at: &At<'_>) -> Option<Datagram> {
        let fragment = match at.layer.protocol {
            Protocol::Ipv4 => v4(at)?,
            _ => v6(at)?,
        };
        let now = at.packet.frame.time;
        let place = self.place(&fragment, now);
        let pending = self.pending.get_mut(place)?;
        let before = pending.data.size();
        let added = pending.data.add(fragment.offset, fragment.more, fragment.data);
        self.bytes = self.bytes.saturating_sub(before) + pending.data.size();
        if added.is_none() {
            // It contradicts the fragments before it (overlong, two different ends).
            self.forget(place);
            return None;
        }
        pending.fragments += 1;
        if fragment.offset == 0 {
            pending.header = fragment.header.to_vec();
        } else {
            pending.later.packets += 1;
            pending.later.bytes += u64::from(at.packet.frame.length);
            pending.later.data += fragment.data.len() as u64;
        }
        if !pending.data.is_complete() {
            return None;
        }
        let pending = self.pending.remove(place)?;
        self.bytes = self.bytes.saturating_sub(pending.data.size());
        whole(pending)
    }

    /// Where the datagram of this fragment stands, a new one where there was none.
    fn place(&mut self, fragment: &Fragment<'_>, now: Option<Timestamp>) -> usize {
        let found = self.pending.iter().position(|pending| pending.identity == fragment.identity);
        if let Some(place) = found {
            let since = self.pending.get(place).and_then(|pending| pending.since);
            match (now, since) {
                (Some(now), Some(since)) if now.since(since).abs() > TIMEOUT => self.forget(place),
                _ => return place,
            }
        }
        while self.pending.len() >= MAX_PENDING || self.bytes > MAX_BYTES && !self.pending.is_empty() {
            self.forget(0);
        }
        let data = Assembly::new(fragment.identity.protocol);
        let identity = fragment.identity;
        self.pending.push_back(Pending {
            identity,
            since: now,
            header: Vec::new(),
            data,
            fragments: 0,
            later: Traffic::default(),
        });
        self.pending.len() - 1
    }

    fn forget(&mut self, place: usize) {
        if let Some(pending) = self.pending.remove(place) {
            self.bytes = self.bytes.saturating_sub(pending.data.size());
            self.dropped += 1;
        }
    }
}

fn v4<'a>(at: &At<'a>) -> Option<Fragment<'a>> {
    let word = at.u16(6)?;
    if word & (ipv4::OFFSET | ipv4::MORE_FRAGMENTS) == 0 || !captured(at) {
        return None;
    }
    let identity = Identity {
        source: Address::V4(at.array(12)?),
        destination: Address::V4(at.array(16)?),
        identification: at.u16(4)?.into(),
        protocol: at.u8(9)?,
    };
    let (offset, more) = (word & ipv4::OFFSET, word & ipv4::MORE_FRAGMENTS != 0);
    Some(Fragment { identity, offset, more, header: at.header(), data: at.content() })
}

fn v6<'a>(at: &At<'a>) -> Option<Fragment<'a>> {
    let word = at.u16(2)?;
    let (offset, more) = (word >> 3, word & 1 != 0);
    if (offset == 0 && !more) || !captured(at) {
        return None;
    }
    let (source, destination) = at.packet.addresses(at.index)?;
    let identity = Identity { source, destination, identification: at.u32(4)?, protocol: at.u8(0)? };
    Some(Fragment { identity, offset, more, header: at.packet.network(at.index)?.header(), data: at.content() })
}

fn captured(at: &At<'_>) -> bool {
    at.layer.end as usize <= at.packet.frame.data.len()
}

/// The IP packet as it was: lengths filled in, marks of fragmentation cleared, the IPv4 checksum made right.
fn whole(pending: Pending) -> Option<Datagram> {
    let data = pending.data.into_data();
    let mut bytes = pending.header;
    let length = u16::try_from(bytes.len() + data.len()).ok()?;
    match bytes.first()? >> 4 {
        4 => {
            bytes.get_mut(2..4)?.copy_from_slice(&length.to_be_bytes());
            bytes.get_mut(6..8)?.fill(0);
            bytes.get_mut(10..12)?.fill(0);
            fragment::fill_in_checksum(&mut bytes)?;
        }
        _ => {
            bytes.get_mut(4..6)?.copy_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
            *bytes.get_mut(6)? = pending.identity.protocol;
        }
    }
    bytes.extend_from_slice(&data);
    Some(Datagram { bytes, fragments: pending.fragments, later: pending.later })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Layers, decode};

    /// Eight bytes of a UDP datagram in a fragment; `offset` counts eight bytes.
    fn wants(wanted: &mut Wanted, identification: u8, offset: u8, taken: bool) -> bool {
        let more = if offset < 2 { 0x20 } else { 0 };
        let head = [0x45, 0, 0, 28, 0, identification, more, offset, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let data = [&head[..], &[0x1f, 0x45, 0, 53, 0, 24, 0, 0]].concat();
        let frame = Frame { link: LinkType::RAW, length: 28, data: &data, ..Frame::empty() };
        wanted.wants(&decode(frame, &mut Layers::new()), taken)
    }

    #[test]
    fn later_fragments_go_with_the_first_of_their_datagram() {
        for otherwise in [true, false] {
            let mut wanted = Wanted::new(otherwise);
            assert!(wants(&mut wanted, 1, 0, true));
            assert!(!wants(&mut wanted, 2, 0, false));
            assert!(!wants(&mut wanted, 2, 1, true), "of another port");
            assert!(wants(&mut wanted, 1, 1, true) && wants(&mut wanted, 1, 2, true));
            assert_eq!(wants(&mut wanted, 3, 1, true), otherwise, "its first was not seen");
            // The number is used again.
            assert!(wants(&mut wanted, 2, 0, true) && wants(&mut wanted, 2, 1, true));
            for number in 0..=255 {
                wants(&mut wanted, number, 0, true);
            }
            assert!(wanted.known.len() <= MAX_PENDING);
        }
    }
}
