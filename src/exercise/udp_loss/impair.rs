//! A bad line, made on the sending side: drops, delays and doubles numbered datagrams by chance that can be repeated.
//!
//! Pure: number after number goes in, and what is to be sent comes out.

use super::codec::ranges;
use crate::exercise::chance::Chance;

/// At most so many datagrams overtake one that is held back.
const FARTHEST: u32 = 3;

/// How bad the line is: shares of all datagrams, 0.0 to 1.0.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    pub drop: f64,
    pub reorder: f64,
    pub duplicate: f64,
}

#[derive(Clone, Debug)]
pub struct Line {
    shares: Shares,
    chance: Chance,
    /// Held back, with the number of datagrams that are still to overtake it.
    held: Vec<(u64, u32)>,
    pub tally: Tally,
}

/// What was done to the datagrams, by number.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub numbers: u64,
    pub dropped: Vec<u64>,
    pub doubled: Vec<u64>,
    pub held_back: Vec<u64>,
}

impl Line {
    pub fn new(shares: Shares, seed: u64) -> Self {
        Self { shares, chance: Chance::new(Some(seed)), held: Vec::new(), tally: Tally::default() }
    }

    /// Takes in the next number; what is to be sent now, in order.
    ///
    /// Three picks for each number, whatever becomes of it: the same seed drops the same ones at any other share.
    pub fn pass(&mut self, number: u64) -> Vec<u64> {
        let dropped = self.chance.happens(self.shares.drop);
        let held_back = self.chance.happens(self.shares.reorder);
        let doubled = self.chance.happens(self.shares.duplicate);
        let places = 1 + self.chance.below(FARTHEST);
        self.tally.numbers += 1;
        if dropped {
            self.tally.dropped.push(number);
            return Vec::new();
        }
        if held_back {
            self.tally.held_back.push(number);
            self.held.push((number, places));
            return Vec::new();
        }
        let mut now = vec![number];
        if doubled {
            self.tally.doubled.push(number);
            now.push(number);
        }
        for (_, places) in &mut self.held {
            *places -= 1;
        }
        self.held.retain(|&(number, places)| {
            if places == 0 {
                now.push(number);
            }
            places > 0
        });
        now
    }

    /// What is still held back at the end.
    pub fn rest(&mut self) -> Vec<u64> {
        self.held.drain(..).map(|(number, _)| number).collect()
    }
}

impl Tally {
    /// As the sender reports it.
    pub fn lines(&self) -> Vec<String> {
        let row = |what: &str, numbers: &[u64]| {
            let list =
                if numbers.is_empty() { String::new() } else { format!(": {}", ranges(numbers.iter().copied())) };
            format!("{what} {}{list}", numbers.len())
        };
        vec![
            format!("sent 1 to {}", self.numbers),
            row("dropped", &self.dropped),
            row("doubled", &self.doubled),
            row("held back", &self.held_back),
        ]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(shares: Shares, seed: u64, count: u64) -> (Vec<u64>, Tally) {
        let mut line = Line::new(shares, seed);
        let mut sent: Vec<u64> = (1..=count).flat_map(|number| line.pass(number)).collect();
        sent.extend(line.rest());
        (sent, line.tally)
    }

    #[test]
    fn a_good_line_changes_nothing_and_a_dead_one_sends_nothing() {
        let good = Shares { drop: 0.0, reorder: 0.0, duplicate: 0.0 };
        assert_eq!(sent(good, 1, 50).0, (1..=50).collect::<Vec<_>>());
        assert!(sent(Shares { drop: 1.0, ..good }, 1, 50).0.is_empty());
    }

    #[test]
    fn a_seed_repeats_the_line() {
        let shares = Shares { drop: 0.1, reorder: 0.05, duplicate: 0.01 };
        assert_eq!(sent(shares, 1, 1000).0, sent(shares, 1, 1000).0);
        assert_ne!(sent(shares, 1, 1000).0, sent(shares, 2, 1000).0);
        let dropped = sent(shares, 1, 10_000).1.dropped.len();
        assert!((900..1_100).contains(&dropped), "{dropped}");
    }

    proptest! {
        #[test]
        fn every_number_is_sent_as_often_as_the_tally_says(
            drop in 0.0..0.5, reorder in 0.0..0.5, duplicate in 0.0..0.5, seed in any::<u64>(), count in 0u64..200,
        ) {
            let (sent, tally) = sent(Shares { drop, reorder, duplicate }, seed, count);
            for number in 1..=count {
                let times = sent.iter().filter(|sent| **sent == number).count();
                let expected = match (tally.dropped.contains(&number), tally.doubled.contains(&number)) {
                    (true, _) => 0,
                    (_, true) => 2,
                    _ => 1,
                };
                prop_assert_eq!(times, expected, "{}", number);
            }
        }
    }
}
