//! Chance that can be repeated: SplitMix64 (Steele, Lea, Flood 2014), seeded by the person or by the system.
//!
//! Good enough for games and for losing datagrams; no secret may hang on it.

use std::hash::{BuildHasher, RandomState};

/// The option of those who pick.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Seed {
    /// Repeat the picks: the same number, the same picks
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// A sequence of picks.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The same seed gives the same picks; without one, the system's own random numbers give it.
    pub fn new(seed: Option<u64>) -> Self {
        Self(seed.unwrap_or_else(|| RandomState::new().hash_one(0)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: u32) -> u32 {
        // The upper half of a product of 64 bits: the share of a pick is off by less than 2^-32.
        ((u64::from(end) * (self.next() >> 32)) >> 32) as u32
    }

    /// Whether something happens that does so in `share` of all cases (0.0 never, 1.0 always).
    pub fn happens(&mut self, share: f64) -> bool {
        // 53 bits, as many as an f64 holds: from 0 up to, not including, 1.
        ((self.next() >> 11) as f64) < share * (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_picks_and_another_one_does_not() {
        let picks = |seed| {
            let mut chance = Chance::new(Some(seed));
            (0..50).map(|_| chance.below(47)).collect::<Vec<_>>()
        };
        assert_eq!(picks(1), picks(1));
        assert_ne!(picks(1), picks(2));
    }

    #[test]
    fn all_picks_come_about_equally_often() {
        let mut chance = Chance::new(Some(1));
        let mut counts = [0; 5];
        (0..10_000).for_each(|_| counts[chance.below(5) as usize] += 1);
        assert!(counts.iter().all(|count| (1_900..2_100).contains(count)), "{counts:?}");
        assert_eq!(chance.below(0), 0);
    }

    #[test]
    fn a_share_happens_about_that_often() {
        let mut chance = Chance::new(Some(1));
        let happened = (0..10_000).filter(|_| chance.happens(0.1)).count();
        assert!((900..1_100).contains(&happened), "{happened}");
        assert!(!(0..1_000).any(|_| chance.happens(0.0)) && (0..1_000).all(|_| chance.happens(1.0)));
    }
}
