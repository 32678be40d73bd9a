//! Chance seeded by the person, who can then repeat it, or by the system.

use std::hash::{BuildHasher, RandomState};

pub use crate::engine::chance::Chance;

/// The option of those who pick.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Seed {
    /// Repeat the picks: the same number, the same picks
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

impl Chance {
    /// The same seed gives the same picks; without one, the system's own random numbers give it.
    pub fn new(seed: Option<u64>) -> Self {
        Self::seeded(seed.unwrap_or_else(|| RandomState::new().hash_one(0)))
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
