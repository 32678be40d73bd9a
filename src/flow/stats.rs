//! Figures over a whole capture: rates over time, sizes, protocols, endpoints, ports, trouble.
//!
//! Every table is bounded: what no longer fits is counted under one entry, "others".

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::Known;
use super::analysis::Marks;
use super::rtp;
use crate::frame::Timestamp;
use crate::wire::checksum::{self, Verdict};
use crate::wire::{Address, Packet, Protocol, Stop};

/// Packets and their bytes on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub packets: u64,
    pub bytes: u64,
}

impl Sum {
    #[inline]
    fn add(&mut self, bytes: u32) {
        self.packets += 1;
        self.bytes += u64::from(bytes);
    }
}

/// The most entries of a table.
pub const ENTRIES: usize = 1 << 16;
/// The most intervals of time that are kept apart; where a capture is longer, intervals are made longer.
const INTERVALS: usize = 1 << 12;
/// The upper ends of the classes of frame lengths; the last class has none.
pub const SIZES: [u32; 7] = [64, 128, 256, 512, 1024, 1518, 9018];

/// A bounded count by key.
#[derive(Debug)]
pub struct Tally<K> {
    by_key: HashMap<K, Sum, RandomState>,
    /// What came when the table was full.
    pub others: Sum,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { by_key: HashMap::default(), others: Sum::default() }
    }
}

/// What may be counted by.
pub trait Key: std::hash::Hash + Eq + Ord + Clone {}

impl<K: std::hash::Hash + Eq + Ord + Clone> Key for K {}

impl<K: Key> Tally<K> {
    /// Counts a packet of `bytes` under its key, or among the others.
    #[inline]
    pub fn add(&mut self, key: K, bytes: u32) {
        if let Some(sum) = self.by_key.get_mut(&key) {
            sum.add(bytes);
        } else if self.by_key.len() < ENTRIES {
            self.by_key.entry(key).or_default().add(bytes);
        } else {
            self.others.add(bytes);
        }
    }

    /// The entries with the most bytes first; equal ones in the order of their keys.
    pub fn sorted(&self) -> Vec<(K, Sum)> {
        let mut all: Vec<(K, Sum)> = self.by_key.iter().map(|(key, sum)| (key.clone(), *sum)).collect();
        all.sort_by(|(a_key, a), (b_key, b)| b.bytes.cmp(&a.bytes).then_with(|| a_key.cmp(b_key)));
        all
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

/// A way down the layers of a packet, from the outside in.
pub type Path = Vec<Protocol>;

/// What was found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    Retransmission,
    OutOfOrder,
    LostSegment,
    AckLostSegment,
    DuplicateAck,
    ZeroWindow,
    WindowFull,
    Reset,
    Refused,
    Unreachable,
    BadChecksum,
    Malformed,
    Cut,
}

/// The figures, fed packet by packet.
#[derive(Debug)]
pub struct Statistics {
    pub total: Sum,
    /// Of the first and last frame that has a time.
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// Nanoseconds of one interval.
    pub interval: i64,
    pub intervals: Vec<Sum>,
    /// By [`SIZES`], and one more class for what is longer.
    pub sizes: [Sum; SIZES.len() + 1],
    pub protocols: Tally<Path>,
    pub endpoints: Tally<Address>,
    /// The lower port of each TCP segment and UDP datagram, which is the server's more often than not.
    pub ports: Tally<(Protocol, u16)>,
    pub trouble: Tally<Trouble>,
    /// Streams of RTP.
    pub sound: rtp::Streams,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            total: Sum::default(),
            first: None,
            last: None,
            interval: 1_000_000,
            intervals: Vec::new(),
            sizes: Default::default(),
            protocols: Tally::default(),
            endpoints: Tally::default(),
            ports: Tally::default(),
            trouble: Tally::default(),
            sound: rtp::Streams::default(),
        }
    }
}

impl Statistics {
    /// Takes in a packet.
    pub fn add(&mut self, packet: &Packet<'_>, known: &Known<'_>) {
        let bytes = packet.frame.length;
        self.total.add(bytes);
        let class = SIZES.iter().position(|most| bytes <= *most).unwrap_or(SIZES.len());
        if let Some(sum) = self.sizes.get_mut(class) {
            sum.add(bytes);
        }
        if let Some(time) = packet.frame.time {
            self.moment(time, bytes);
        }
        let own = packet.layers.iter().filter(|layer| !layer.quoted && layer.protocol != Protocol::Data);
        self.protocols.add(own.map(|layer| layer.protocol).collect(), bytes);
        if let Some((source, destination)) = packet.addresses(packet.layers.len()) {
            self.endpoints.add(source, bytes);
            if source != destination {
                self.endpoints.add(destination, bytes);
            }
        }
        let transport = packet
            .each()
            .filter(|at| !at.layer.quoted)
            .find(|at| matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp));
        if let Some(at) = transport
            && let (Some(from), Some(to)) = (at.u16(0), at.u16(2))
        {
            self.ports.add((at.layer.protocol, from.min(to)), bytes);
        }
        self.sound.add(packet, known.facts.clock);
        self.trouble(packet, known);
    }

    /// Counts a frame in its interval; intervals double where there would be too many.
    fn moment(&mut self, time: Timestamp, bytes: u32) {
        let first = *self.first.get_or_insert(time);
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        let since = time.since(first).max(0);
        while since / self.interval >= INTERVALS as i64 {
            self.interval = self.interval.saturating_mul(2);
            let halves = self.intervals.chunks(2).map(|pair| {
                pair.iter().fold(Sum::default(), |sum, part| Sum {
                    packets: sum.packets + part.packets,
                    bytes: sum.bytes + part.bytes,
                })
            });
            self.intervals = halves.collect();
        }
        let place = usize::try_from(since / self.interval).unwrap_or(0);
        if self.intervals.len() <= place {
            self.intervals.resize(place + 1, Sum::default());
        }
        if let Some(sum) = self.intervals.get_mut(place) {
            sum.add(bytes);
        }
    }

    fn trouble(&mut self, packet: &Packet<'_>, known: &Known<'_>) {
        let bytes = packet.frame.length;
        if let Some(tcp) = known.facts.tcp
            && tcp.analysis.marks.0 != 0
        {
            const KINDS: [(u32, Trouble); 7] = [
                (Marks::REPEATED, Trouble::Retransmission),
                (Marks::OUT_OF_ORDER, Trouble::OutOfOrder),
                (Marks::LOST_SEGMENT, Trouble::LostSegment),
                (Marks::ACK_LOST_SEGMENT, Trouble::AckLostSegment),
                (Marks::DUPLICATE_ACK, Trouble::DuplicateAck),
                (Marks::ZERO_WINDOW, Trouble::ZeroWindow),
                (Marks::WINDOW_FULL, Trouble::WindowFull),
            ];
            for (mark, trouble) in KINDS {
                if tcp.analysis.marks.any(mark) {
                    self.trouble.add(trouble, bytes);
                }
            }
        }
        for event in known.events {
            match event {
                super::Event::Refused => self.trouble.add(Trouble::Refused, bytes),
                super::Event::Reset { why: super::Why::Again, .. } => {}
                super::Event::Reset { .. } => self.trouble.add(Trouble::Reset, bytes),
                _ => {}
            }
        }
        match packet.stop {
            Stop::Malformed { .. } | Stop::TooDeep => self.trouble.add(Trouble::Malformed, bytes),
            Stop::Truncated { .. } => self.trouble.add(Trouble::Cut, bytes),
            _ => {}
        }
        for at in packet.each().filter(|at| !at.layer.quoted) {
            let check = match at.layer.protocol {
                Protocol::Tcp => checksum::tcp(&at),
                Protocol::Udp => checksum::udp(&at),
                Protocol::Icmp => {
                    if at.u8(0) == Some(crate::wire::icmp::UNREACHABLE) {
                        self.trouble.add(Trouble::Unreachable, bytes);
                    }
                    checksum::icmp(&at)
                }
                Protocol::Icmpv6 => {
                    if at.u8(0) == Some(crate::wire::icmpv6::UNREACHABLE) {
                        self.trouble.add(Trouble::Unreachable, bytes);
                    }
                    checksum::icmpv6(&at)
                }
                _ => None,
            };
            if matches!(check.map(checksum::Check::verdict), Some(Verdict::Bad(_))) {
                self.trouble.add(Trouble::BadChecksum, bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_where_a_capture_is_long() {
        let mut statistics = Statistics::default();
        for second in 0..100 {
            statistics.moment(Timestamp::new(second, 0), 10);
        }
        assert!(statistics.intervals.len() <= INTERVALS);
        assert_eq!(statistics.intervals.iter().map(|sum| sum.packets).sum::<u64>(), 100);
        statistics.moment(Timestamp(i64::MAX), 1);
        assert!(statistics.intervals.len() <= INTERVALS, "a time far away costs no memory");
    }

    #[test]
    fn a_full_tally_counts_the_rest_together() {
        let mut tally = Tally::default();
        for key in 0..ENTRIES as u32 + 5 {
            tally.add(key, 1);
        }
        assert_eq!((tally.len(), tally.others.packets), (ENTRIES, 5));
    }
}
