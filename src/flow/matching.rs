//! The same packets in two captures: which are in both, and how long they took from one point to the other.
//!
//! Two frames show the same packet where all is equal that routers leave alone: addresses, protocol, the IP header's
//! identification, and everything from the transport header on but its checksum (which offloading may not have filled
//! in). Link header, time to live, and header checksum may differ. Behind a NAT, addresses and ports differ too:
//! [`Matching::ignoring_ends`] leaves them out.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;

use crate::frame::Timestamp;
use crate::wire::{Address, At, Packet, Protocol};

/// The most packets of the first capture that are remembered.
const REMEMBERED: usize = 1 << 22;

/// A packet of one capture: its number and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub number: u64,
    pub time: Timestamp,
}

/// Two captures held against each other.
#[derive(Default)]
pub struct Matching {
    ends_differ: bool,
    waiting: HashMap<u64, VecDeque<Sighting>, foldhash::fast::RandomState>,
    remembered: usize,
    /// Packets of the first that were too many to remember.
    pub forgotten: u64,
    /// Packets of both: as the first saw them, and as the second did.
    pub pairs: u64,
    /// Of packets of who spoke first, and of those that went the other way.
    delays: [Delays; 2],
    /// Who spoke first, of the hosts that have been paired: by the pair, the smaller address first.
    first_speakers: HashMap<(Address, Address), Address, foldhash::fast::RandomState>,
    /// Packets that only the second capture has.
    pub only_second: Vec<Sighting>,
    /// Further ones that were only counted.
    pub uncounted_second: u64,
    /// Frames without an IP packet, which are not compared.
    pub skipped: u64,
}

/// Nanoseconds from the first point to the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    pub least: i64,
    pub most: i64,
    sum: i128,
    pub count: u64,
}

impl Delays {
    pub(super) fn add(&mut self, delay: i64) {
        (self.least, self.most) =
            if self.count == 0 { (delay, delay) } else { (self.least.min(delay), self.most.max(delay)) };
        self.sum += i128::from(delay);
        self.count += 1;
    }

    /// The same, seen from the second point.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { least: -self.most, most: -self.least, sum: -self.sum, count: self.count }
    }

    /// The mean; `None` where there was no pair.
    pub fn mean(&self) -> Option<i64> {
        i64::try_from(self.sum.checked_div(i128::from(self.count))?).ok()
    }
}

/// The delays of a path, each way as it is travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// From the first point to the second.
    pub there: Delays,
    /// From the second point to the first.
    pub back: Delays,
    /// The means of both ways together, in which the difference between the two clocks cancels out.
    pub both: Option<i64>,
}

/// Pairs of hosts whose first speaker is remembered.
const SPEAKERS: usize = 1 << 16;

/// Sightings that are kept to be listed.
const LISTED: usize = 1000;

impl Matching {
    /// Packets are the same also where their addresses and ports differ, as on the two sides of a NAT.
    pub fn ignoring_ends() -> Self {
        Self { ends_differ: true, ..Self::default() }
    }

    /// Takes in a packet of the first capture.
    pub fn first(&mut self, packet: &Packet<'_>) {
        let Some(digest) = digest(packet, self.ends_differ) else {
            self.skipped += 1;
            return;
        };
        if self.remembered >= REMEMBERED {
            self.forgotten += 1;
            return;
        }
        self.remembered += 1;
        self.waiting.entry(digest).or_default().push_back(sighting(packet));
    }

    /// Takes in a packet of the second capture, after all of the first; the packet of the first that it is.
    pub fn second(&mut self, packet: &Packet<'_>) -> Option<Sighting> {
        let Some(digest) = digest(packet, self.ends_differ) else {
            self.skipped += 1;
            return None;
        };
        // Repeated packets pair off in their order.
        let Some(found) = self.waiting.get_mut(&digest).and_then(VecDeque::pop_front) else {
            if self.only_second.len() < LISTED {
                self.only_second.push(sighting(packet));
            } else {
                self.uncounted_second += 1;
            }
            return None;
        };
        self.pairs += 1;
        let delay = packet.frame.time.unwrap_or_default().since(found.time);
        let [first, other] = &mut self.delays;
        if spoke_first(&mut self.first_speakers, packet) { first } else { other }.add(delay);
        Some(found)
    }

    /// The delays by direction: whichever way takes longer than no time at all, both together, is the way there.
    pub fn path(&self) -> Path {
        let [first, other] = self.delays;
        let sum = first.mean().zip(other.mean()).map(|(first, other)| first.saturating_sub(other));
        let turned = match sum {
            Some(sum) => sum < 0,
            None => first.mean().unwrap_or_default() < 0 || other.mean().unwrap_or_default() > 0,
        };
        let (there, back) = if turned { (other, first) } else { (first, other) };
        Path { there, back: back.reversed(), both: sum.map(i64::saturating_abs) }
    }

    /// Packets that only the first capture has, in its order.
    pub fn only_first(&self) -> Vec<Sighting> {
        let mut left: Vec<Sighting> = self.waiting.values().flatten().copied().collect();
        left.sort_by_key(|sighting| sighting.number);
        left
    }
}

/// Whether a packet comes from the host that was the first to speak to the other.
fn spoke_first(speakers: &mut HashMap<(Address, Address), Address, impl BuildHasher>, packet: &Packet<'_>) -> bool {
    let ip = packet.each().find(|at| matches!(at.layer.protocol, Protocol::Ipv4 | Protocol::Ipv6));
    let Some((source, destination)) = ip.and_then(|at| packet.addresses(at.index + 1)) else { return true };
    let pair = (source.min(destination), source.max(destination));
    if !speakers.contains_key(&pair) && speakers.len() >= SPEAKERS {
        return source <= destination;
    }
    *speakers.entry(pair).or_insert(source) == source
}

fn sighting(packet: &Packet<'_>) -> Sighting {
    Sighting { number: packet.frame.number, time: packet.frame.time.unwrap_or_default() }
}

/// A digest of all that routers leave alone; `None` where there is no IP packet.
fn digest(packet: &Packet<'_>, ends_differ: bool) -> Option<u64> {
    let at = packet.each().find(|at| matches!(at.layer.protocol, Protocol::Ipv4 | Protocol::Ipv6))?;
    let mut hasher = FixedState::with_seed(0).build_hasher();
    match at.layer.protocol {
        Protocol::Ipv4 => {
            hasher.write_u16(at.u16(4)?);
            hasher.write_u16(at.u16(6)? & 0x3fff);
            hasher.write_u8(at.u8(9)?);
            if !ends_differ {
                hasher.write(at.bytes().get(12..20)?);
            }
        }
        _ => {
            hasher.write_u8(at.u8(6)?);
            if !ends_differ {
                hasher.write(at.bytes().get(8..40)?);
            }
        }
    }
    content(&at, packet, ends_differ, &mut hasher);
    Some(hasher.finish())
}

/// The content of an IP packet without the transport's checksum, and without ports where ends differ.
fn content(at: &At<'_>, packet: &Packet<'_>, ends_differ: bool, hasher: &mut impl Hasher) {
    let content = at.content();
    let checksum = match packet.at(at.index + 1).map(|inner| inner.layer.protocol) {
        Some(Protocol::Tcp) => Some(16),
        Some(Protocol::Udp) => Some(6),
        _ => None,
    };
    let Some(checksum) = checksum else { return hasher.write(content) };
    let start = if ends_differ { 4 } else { 0 };
    hasher.write(content.get(start..checksum).unwrap_or_default());
    hasher.write(content.get(checksum + 2..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, LinkType};
    use crate::wire::{Layers, decode};

    fn udp(source: [u8; 4], ttl: u8, port: u16, payload: &[u8]) -> Vec<u8> {
        let length = 8 + payload.len() as u16;
        let mut bytes = vec![0x45, 0];
        bytes.extend((20 + length).to_be_bytes());
        bytes.extend([0, 0, 0, 0, ttl, 17, 0, 0]);
        bytes.extend(source);
        bytes.extend([10, 0, 0, 2]);
        bytes.extend([port.to_be_bytes(), [0, 9], length.to_be_bytes(), [0, 0]].concat());
        bytes.extend(payload);
        bytes
    }

    fn with<T>(bytes: &[u8], seconds: i64, act: impl FnOnce(&Packet<'_>) -> T) -> T {
        let mut layers = Layers::new();
        let frame = Frame {
            number: seconds as u64,
            time: Some(Timestamp::new(seconds, 0)),
            link: LinkType::RAW,
            length: bytes.len() as u32,
            data: bytes,
            ..Frame::empty()
        };
        act(&decode(frame, &mut layers))
    }

    #[test]
    fn a_packet_is_the_same_behind_a_router() {
        let mut matching = Matching::default();
        with(&udp([10, 0, 0, 1], 64, 5, b"one"), 1, |packet| matching.first(packet));
        with(&udp([10, 0, 0, 1], 64, 5, b"lost"), 2, |packet| matching.first(packet));
        let found = with(&udp([10, 0, 0, 1], 63, 5, b"one"), 3, |packet| matching.second(packet));
        assert_eq!(found.map(|found| found.number), Some(1));
        assert_eq!(matching.path().there.mean(), Some(2_000_000_000));
        assert_eq!(matching.only_first().iter().map(|left| left.number).collect::<Vec<_>>(), [2]);
        assert!(with(&udp([10, 0, 0, 1], 63, 5, b"new"), 4, |packet| matching.second(packet)).is_none());
        assert_eq!(matching.only_second.len(), 1);
    }

    #[test]
    fn the_clocks_difference_cancels_out_both_ways() {
        // One second there, three back; the second clock is ten seconds ahead.
        let mut matching = Matching::default();
        let (there, back) = (udp([10, 0, 0, 1], 64, 5, b"ping"), {
            let mut bytes = udp([10, 0, 0, 2], 64, 5, b"pong");
            bytes[16..20].copy_from_slice(&[10, 0, 0, 1]);
            bytes
        });
        with(&there, 100, |packet| matching.first(packet));
        with(&back, 105, |packet| matching.first(packet));
        with(&there, 111, |packet| matching.second(packet));
        with(&back, 112, |packet| matching.second(packet));
        let path = matching.path();
        let seconds = |delays: Delays| delays.mean().map(|mean| mean / 1_000_000_000);
        assert_eq!((seconds(path.there), seconds(path.back)), (Some(11), Some(-7)));
        assert_eq!(path.both, Some(4_000_000_000));
    }

    #[test]
    fn behind_a_nat_only_content_is_compared_where_asked() {
        let (inside, outside) = (udp([10, 0, 0, 1], 64, 5, b"hole"), udp([203, 0, 113, 1], 63, 4000, b"hole"));
        for (mut matching, pairs) in [(Matching::default(), 0), (Matching::ignoring_ends(), 1)] {
            with(&inside, 1, |packet| matching.first(packet));
            with(&outside, 2, |packet| matching.second(packet));
            assert_eq!(matching.pairs, pairs);
        }
    }

    #[test]
    fn repeated_packets_pair_off_in_order() {
        let mut matching = Matching::default();
        let same = udp([10, 0, 0, 1], 64, 5, b"again");
        with(&same, 1, |packet| matching.first(packet));
        with(&same, 2, |packet| matching.first(packet));
        assert_eq!(with(&same, 3, |packet| matching.second(packet)).map(|found| found.number), Some(1));
        assert_eq!(with(&same, 4, |packet| matching.second(packet)).map(|found| found.number), Some(2));
        assert_eq!(with(&same, 5, |packet| matching.second(packet)), None);
    }
}
