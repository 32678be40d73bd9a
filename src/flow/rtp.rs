//! Sound and pictures as they arrive: packets that are missing, and interarrival jitter (RFC 3550 §6.4.1, A.3, A.8), a
//! stream for each source (SSRC) from one end to another.
//!
//! Guarantee: bounded; streams beyond [`MOST`] are counted only. Trap: a marked packet begins after silence: it moves
//! the estimate on, as the RFC has it, but no mean and no largest value is taken there (as in Wireshark).

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::frame::Timestamp;
use crate::jitter::Jitter;
use crate::wire::{Address, Packet, Protocol, rtp};

/// Streams that are told apart.
pub const MOST: usize = 1 << 12;
/// A packet that comes later by more numbers than this is not late: with the one behind it, the numbers begin anew
/// (RFC 3550 A.1).
const MOST_LATE: u16 = 100;
/// Comfort noise (RFC 3389), and what was it before.
const SILENCE: [u8; 2] = [13, 19];

/// Whose packets: source and destination, and the number of who made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub source: (Address, u16),
    pub destination: (Address, u16),
    pub ssrc: u32,
}

/// What a packet says of itself.
struct Said {
    sequence: u16,
    timestamp: u32,
    marked: bool,
    payload_type: u8,
}

/// One stream so far.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// Of its first packet.
    pub payload_type: u8,
    pub packets: u64,
    first: u16,
    /// The highest sequence number, and how often they began anew.
    highest: u16,
    cycles: u64,
    /// Packets since the numbers began, and those that were missing before they began anew.
    run: u64,
    missed: u64,
    /// The number behind one that may have begun anew.
    anew: Option<u16>,
    last: Option<(Timestamp, u32)>,
    jitter: Jitter,
    largest: u64,
    sum: u128,
    measured: u64,
    /// Ticks a second are known.
    rated: bool,
}

impl Stream {
    fn new(sequence: u16, payload_type: u8) -> Self {
        Self {
            payload_type,
            packets: 0,
            first: sequence,
            highest: sequence,
            cycles: 0,
            run: 0,
            missed: 0,
            anew: None,
            last: None,
            jitter: Jitter::default(),
            largest: 0,
            sum: 0,
            measured: 0,
            rated: false,
        }
    }

    /// `clock`: ticks a second.
    fn add(&mut self, said: &Said, time: Option<Timestamp>, clock: Option<u32>) {
        let Said { sequence, timestamp, marked, payload_type } = *said;
        self.packets += 1;
        self.rated |= clock.is_some();
        self.number(sequence);
        let (Some(time), Some(rate)) = (time, clock) else { return };
        if let Some((before, stamp)) = self.last {
            let ticks = i64::from(timestamp.wrapping_sub(stamp) as i32);
            let meant = ticks.saturating_mul(1_000_000_000) / i64::from(rate);
            self.jitter.add(time.since(before).saturating_sub(meant));
            if !marked && ticks > 0 && !SILENCE.contains(&payload_type) {
                let now = self.jitter.nanoseconds();
                self.largest = self.largest.max(now);
                self.sum += u128::from(now);
                self.measured += 1;
            }
        }
        self.last = Some((time, timestamp));
    }

    /// Takes in a sequence number.
    fn number(&mut self, sequence: u16) {
        self.run += 1;
        let anew = self.anew.take();
        match sequence.wrapping_sub(self.highest) {
            1..0x8000 => {
                self.cycles += u64::from(sequence < self.highest);
                self.highest = sequence;
            }
            behind if behind == 0 || behind.wrapping_neg() <= MOST_LATE => {}
            _ if anew == Some(sequence) => {
                // The packet before it was the first.
                self.run = self.run.saturating_sub(2);
                self.missed = self.lost();
                (self.first, self.highest) = (sequence.wrapping_sub(1), sequence);
                (self.run, self.cycles) = (2, u64::from(sequence == 0));
            }
            _ => self.anew = Some(sequence.wrapping_add(1)),
        }
    }

    /// Packets that the sequence numbers speak of and that are not here (RFC 3550 A.3).
    pub fn lost(&self) -> u64 {
        let expected = self.cycles * 65536 + u64::from(self.highest) + 1;
        self.missed + expected.saturating_sub(u64::from(self.first)).saturating_sub(self.run)
    }

    /// Mean and largest jitter in nanoseconds; `None` where nobody knows how many ticks a second has.
    pub fn jitter(&self) -> Option<(u64, u64)> {
        let mean = self.sum.checked_div(self.measured.into()).unwrap_or_default();
        self.rated.then_some((u64::try_from(mean).unwrap_or(u64::MAX), self.largest))
    }
}

/// All streams.
#[derive(Debug, Default)]
pub struct Streams {
    by_key: HashMap<Key, Stream, RandomState>,
    /// Packets of streams that were too many.
    pub others: u64,
}

impl Streams {
    /// Takes in a packet, if it is one of RTP. `clock`: ticks a second, as the call says.
    #[inline]
    pub fn add(&mut self, packet: &Packet<'_>, clock: Option<u32>) {
        if packet.layers.iter().any(|layer| layer.protocol == Protocol::Rtp) {
            self.take_in(packet, clock);
        }
    }

    #[cold]
    fn take_in(&mut self, packet: &Packet<'_>, clock: Option<u32>) -> Option<()> {
        let at = packet.find(Protocol::Rtp).filter(|at| !at.layer.quoted)?;
        let udp = packet.at(at.index.checked_sub(1)?).filter(|at| at.layer.protocol == Protocol::Udp)?;
        let (source, destination) = packet.addresses(udp.index)?;
        let key = Key { source: (source, udp.u16(0)?), destination: (destination, udp.u16(2)?), ssrc: at.u32(8)? };
        let (second, sequence, timestamp) = (at.u8(1)?, at.u16(2)?, at.u32(4)?);
        let (marked, payload_type) = (second & 0x80 != 0, second & 0x7f);
        if self.by_key.len() >= MOST && !self.by_key.contains_key(&key) {
            self.others += 1;
            return None;
        }
        let stream = self.by_key.entry(key).or_insert_with(|| Stream::new(sequence, payload_type));
        let said = Said { sequence, timestamp, marked, payload_type };
        stream.add(&said, packet.frame.time, rtp::clock_rate(payload_type).or(clock));
        Some(())
    }

    /// The streams in the order of their ends.
    pub fn sorted(&self) -> Vec<(Key, Stream)> {
        let mut all: Vec<_> = self.by_key.iter().map(|(key, stream)| (*key, *stream)).collect();
        all.sort_by_key(|(key, _)| *key);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sequence number, milliseconds at which it came; 20 ms of sound a packet.
    fn heard(packets: &[(u16, i64)]) -> Stream {
        let mut stream = Stream::new(packets[0].0, 0);
        for (sequence, milliseconds) in packets {
            let stamp = u32::from(sequence.wrapping_sub(packets[0].0)) * 160;
            let said = Said { sequence: *sequence, timestamp: stamp, marked: false, payload_type: 0 };
            stream.add(&said, Some(Timestamp(milliseconds * 1_000_000)), Some(8000));
        }
        stream
    }

    #[test]
    fn packets_that_are_missing_are_counted_past_the_highest_number() {
        assert_eq!(heard(&[(65534, 0), (65535, 20), (1, 60), (2, 80)]).lost(), 1);
        assert_eq!(heard(&[(1, 0), (3, 40), (2, 41), (4, 60)]).lost(), 0, "one came late");
        assert_eq!(heard(&[(1, 0), (1, 1), (2, 20)]).lost(), 0, "one came twice");
    }

    #[test]
    fn packets_are_missing_before_and_after_the_numbers_begin_anew() {
        let runs = |runs: &[&[u16]]| heard(&runs.concat().iter().map(|number| (*number, 0)).collect::<Vec<_>>()).lost();
        assert_eq!(runs(&[&[1000, 1001, 1003], &[40_000, 40_001, 40_004]]), 3);
        assert_eq!(runs(&[&[1000, 1001], &[40_000], &[1002, 1003]]), 0, "one stray packet");
        assert_eq!(runs(&[&[300, 302], &[65_535, 0, 2], &[50_000, 50_001]]), 2, "past zero at once");
        assert_eq!(runs(&[&[1000, 1400], &[1001, 1399]]), 397, "two came late, and not one behind the other");
    }

    #[test]
    fn jitter_is_that_of_the_rfc() {
        assert_eq!(heard(&[(1, 0), (2, 20), (3, 40)]).jitter(), Some((0, 0)));
        // 16 ms late: a sixteenth of it; then 16 ms early: 1 + (16 - 1) / 16.
        let (mean, largest) = heard(&[(1, 0), (2, 36), (3, 40)]).jitter().unwrap();
        assert_eq!(largest, 1_937_500);
        assert_eq!(mean, (1_000_000 + 1_937_500) / 2);
        let mut unknown = Stream::new(1, 96);
        unknown.add(&Said { sequence: 1, timestamp: 0, marked: false, payload_type: 96 }, Some(Timestamp(0)), None);
        assert_eq!(unknown.jitter(), None, "only the call says how many ticks");
    }

    #[test]
    fn numbers_of_any_size_do_no_harm() {
        let mut stream = Stream::new(0, 0);
        for step in 0..100_000u32 {
            let time = Timestamp(i64::from(step).wrapping_mul(0x1234_5678_9abc_def1));
            let (sequence, timestamp) = (step.wrapping_mul(40_503) as u16, step.wrapping_mul(2_654_435_761));
            let said = Said { sequence, timestamp, marked: step % 3 == 0, payload_type: 0 };
            stream.add(&said, Some(time), Some(1 + step % 9));
        }
        assert!(stream.jitter().is_some() && stream.lost() < 1 << 40);
    }
}
