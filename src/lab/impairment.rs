//! A bad line: frames are lost, late, out of order, or wait because the line is slow. One [`Line`] is one direction.
//!
//! Time is an argument (nanoseconds of any clock that does not go back), chance is seeded: the same frames at the same
//! times fare the same. Bounded: a frame that would wait for too long, or finds too much waiting, is dropped and counted.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::topology::duration_text;

/// What a line does to frames; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairment {
    /// The share of frames that do not arrive, 0 to 1.
    pub loss: f64,
    /// How long each is on its way.
    pub delay: Duration,
    /// The share of frames that are overtaken by the next one, 0 to 1.
    pub reorder: f64,
    /// Bits a second.
    pub rate: Option<u64>,
}

impl Impairment {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// As it is said: `loss 2%, delay 30ms`.
impl fmt::Display for Impairment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |name: &str, share: f64| (share > 0.0).then(|| format!("{name} {}", share_text(share)));
        let delay = (!self.delay.is_zero()).then(|| format!("delay {}", duration_text(self.delay)));
        let rate = self.rate.map(|rate| format!("rate {}", rate_text(rate)));
        let all = [share("loss", self.loss), delay, share("reorder", self.reorder), rate];
        f.write_str(&all.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// A share as files and options have it: `2%`.
pub fn share_text(share: f64) -> String {
    // A share that was read from a percentage is told as that: 0.07 is not 7.000000000000001 %.
    format!("{}%", (share * 1e8).round() / 1e6)
}

/// Bits a second as files and options have it: `10mbit`.
pub fn rate_text(rate: u64) -> String {
    for (unit, factor) in [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1000)] {
        if rate.is_multiple_of(factor) {
            return format!("{}{unit}", rate / factor);
        }
    }
    format!("{rate}bit")
}

/// How long a frame waits for its turn at most, where the line is slow: what does not fit is dropped, as by a router.
pub const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// How long a frame waits at most for the one that is to overtake it.
pub const LONGEST_HOLD: Duration = Duration::from_millis(100);
/// Bytes on the way.
pub const MOST_BYTES: usize = 16 << 20;

/// What became of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    /// By chance.
    pub lost: u64,
    /// Because the line was full.
    pub dropped: u64,
    pub reordered: u64,
}

/// One direction of a line.
#[derive(Debug)]
pub struct Line {
    impairment: Impairment,
    chance: Chance,
    /// When the line has sent what it was given.
    free: u64,
    /// By the time of arrival; the second number keeps equals in their order.
    on_the_way: BTreeMap<(u64, u64), Vec<u8>>,
    /// Waits to be overtaken.
    held: Option<(u64, Vec<u8>)>,
    number: u64,
    bytes: usize,
    counts: Counts,
}

impl Line {
    pub fn new(impairment: Impairment, seed: u64) -> Self {
        let (on_the_way, counts) = (BTreeMap::new(), Counts::default());
        Self { impairment, chance: Chance(seed), free: 0, on_the_way, held: None, number: 0, bytes: 0, counts }
    }

    /// A frame enters the line.
    pub fn put(&mut self, now: u64, frame: &[u8]) {
        if self.chance.share() < self.impairment.loss {
            self.counts.lost += 1;
            return;
        }
        let start = self.free.max(now);
        let waits = Duration::from_nanos(start.saturating_sub(now));
        if waits > LONGEST_WAIT || self.bytes.saturating_add(frame.len()) > MOST_BYTES {
            self.counts.dropped += 1;
            return;
        }
        let bits = (frame.len() as u64).saturating_mul(8);
        let sending = self.impairment.rate.map_or(0, |rate| bits.saturating_mul(1_000_000_000) / rate.max(1));
        self.free = start.saturating_add(sending);
        let arrives = self.free.saturating_add(nanoseconds(self.impairment.delay));
        self.bytes += frame.len();
        // Who overtakes is itself on time.
        if let Some((_, overtaken)) = self.held.take() {
            self.add(arrives, frame.to_vec());
            self.add(arrives, overtaken);
        } else if self.chance.share() < self.impairment.reorder {
            self.counts.reordered += 1;
            self.held = Some((arrives.saturating_add(nanoseconds(LONGEST_HOLD)), frame.to_vec()));
        } else {
            self.add(arrives, frame.to_vec());
        }
    }

    /// The next frame that has arrived.
    pub fn take(&mut self, now: u64) -> Option<Vec<u8>> {
        if let Some((due, frame)) = self.held.take_if(|(due, _)| *due <= now) {
            self.add(due, frame);
        }
        let first = self.on_the_way.first_entry().filter(|first| first.key().0 <= now)?;
        let frame = first.remove();
        self.bytes = self.bytes.saturating_sub(frame.len());
        self.counts.passed += 1;
        Some(frame)
    }

    /// When there will be something to take.
    pub fn next(&self) -> Option<u64> {
        let arrives = self.on_the_way.first_key_value().map(|((due, _), _)| *due);
        let held = self.held.as_ref().map(|(due, _)| *due);
        arrives.into_iter().chain(held).min()
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn add(&mut self, due: u64, frame: Vec<u8>) {
        self.number += 1;
        self.on_the_way.insert((due, self.number), frame);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and even enough for chance.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    /// From 0 to 1, 1 excluded.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn line(impairment: Impairment) -> Line {
        Line::new(impairment, 7)
    }

    /// All that arrives, with its times, where frame `n` was put in at `n * every`.
    fn arrivals(line: &mut Line, frames: u32, every: u64) -> Vec<(u64, u32)> {
        let mut arrived = Vec::new();
        let mut drain = |line: &mut Line, until: u64| {
            while let Some(due) = line.next().filter(|due| *due <= until) {
                let frame = line.take(due).expect("it is due");
                arrived.push((due, u32::from_be_bytes(*frame.first_chunk().unwrap())));
            }
        };
        for number in 0..frames {
            drain(line, u64::from(number) * every);
            line.put(u64::from(number) * every, &number.to_be_bytes());
        }
        drain(line, u64::MAX);
        arrived
    }

    #[test]
    fn a_good_line_changes_nothing() {
        let mut line = line(Impairment::default());
        assert_eq!(arrivals(&mut line, 3, MS), [(0, 0), (MS, 1), (2 * MS, 2)]);
        assert_eq!(line.counts(), Counts { passed: 3, ..Counts::default() });
    }

    #[test]
    fn a_share_is_lost_by_seeded_chance() {
        let lossy = Impairment { loss: 0.1, ..Impairment::default() };
        let first = arrivals(&mut line(lossy), 10_000, MS);
        assert!((8_800..9_200).contains(&first.len()), "{} of 10000 arrived", first.len());
        assert_eq!(arrivals(&mut line(lossy), 10_000, MS), first, "the same seed, the same fate");
        assert_ne!(arrivals(&mut Line::new(lossy, 8), 10_000, MS), first, "another seed, another fate");
        assert!(arrivals(&mut line(Impairment { loss: 1.0, ..Impairment::default() }), 100, MS).is_empty());
    }

    #[test]
    fn delay_is_exact_and_keeps_the_order() {
        let late = Impairment { delay: Duration::from_millis(30), ..Impairment::default() };
        assert_eq!(arrivals(&mut line(late), 2, MS), [(30 * MS, 0), (31 * MS, 1)]);
        assert_eq!(arrivals(&mut line(late), 3, 0), [(30 * MS, 0), (30 * MS, 1), (30 * MS, 2)]);
    }

    #[test]
    fn a_slow_line_sends_one_after_the_other_and_drops_what_would_wait_too_long() {
        // 4 bytes are 32 bits: 32 ms each.
        let slow = Impairment { rate: Some(1000), ..Impairment::default() };
        let mut line = line(slow);
        let arrived = arrivals(&mut line, 20, 0);
        assert_eq!(arrived.first(), Some(&(32 * MS, 0)));
        assert_eq!(arrived.get(1), Some(&(64 * MS, 1)));
        // Those that wait 0, 32, ... 192 ms.
        assert_eq!((arrived.len(), line.counts().dropped), (7, 13));
    }

    #[test]
    fn a_share_is_overtaken_by_the_next() {
        let wild = Impairment { reorder: 1.0, ..Impairment::default() };
        let order: Vec<u32> = arrivals(&mut line(wild), 6, MS).into_iter().map(|(_, number)| number).collect();
        assert_eq!(order, [1, 0, 3, 2, 5, 4]);
    }

    #[test]
    fn a_frame_that_nobody_overtakes_comes_late_but_comes() {
        let wild = Impairment { reorder: 1.0, ..Impairment::default() };
        assert_eq!(arrivals(&mut line(wild), 1, MS), [(100 * MS, 0)]);
    }

    #[test]
    fn a_flood_takes_bounded_room() {
        let mut line = line(Impairment { delay: Duration::from_secs(3600), ..Impairment::default() });
        for _ in 0..20_000 {
            line.put(0, &[0; 1500]);
        }
        assert!(line.bytes <= MOST_BYTES && line.counts().dropped > 8_000);
    }
}
