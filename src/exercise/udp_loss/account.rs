//! What the numbers of received datagrams tell: lost, doubled, reordered, and by how much (RFC 4737 §3 and §4.2).
//!
//! Pure, and bounded whatever numbers come: it remembers the [`WINDOW`] numbers below the highest one.

use std::collections::VecDeque;

use super::codec::ranges;

/// So many numbers are remembered one by one; what is older cannot be told from what was lost.
const WINDOW: u64 = 16_384;
const WORDS: usize = WINDOW as usize / 64;

/// What one datagram was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next number.
    InOrder,
    /// Numbers before it have not come, `first` to its own minus one: lost, or late.
    Gap { first: u64 },
    /// One that came before.
    Doubled,
    /// It was overtaken; `extent`: by how many that came since the first one that overtook it (RFC 4737 §4.2).
    Late { extent: u64 },
    /// So far behind the highest number that nothing can be told of it.
    TooOld,
}

/// The account of one sender.
#[derive(Clone, Debug)]
pub struct Account {
    highest: u64,
    /// A bit a number, for those of the window; a number's place is the number modulo [`WINDOW`].
    seen: Box<[u64; WORDS]>,
    /// Datagrams that came for the first time.
    distinct: u64,
    doubled: u64,
    too_old: u64,
    reordered: u64,
    extents: u64,
    farthest: u64,
    /// Each arrival that was higher than all before it: its place among the arrivals, and its number.
    records: VecDeque<(u64, u64)>,
}

impl Account {
    pub fn new() -> Self {
        Self {
            highest: 0,
            seen: Box::new([0; WORDS]),
            distinct: 0,
            doubled: 0,
            too_old: 0,
            reordered: 0,
            extents: 0,
            farthest: 0,
            records: VecDeque::new(),
        }
    }

    /// Takes in the number of a datagram, from 1.
    pub fn arrived(&mut self, number: u64) -> Arrival {
        if number > self.highest {
            return self.ahead(number);
        }
        if self.highest - number >= WINDOW {
            self.too_old += 1;
            return Arrival::TooOld;
        }
        if self.has(number) {
            self.doubled += 1;
            return Arrival::Doubled;
        }
        self.mark(number);
        let place = self.distinct;
        self.distinct += 1;
        // Records grow in place and number: the first one above this number is the first that overtook it.
        let at = self.records.partition_point(|(_, record)| *record < number);
        let extent = self.records.get(at).map_or(1, |(first, _)| place - first);
        self.reordered += 1;
        self.extents = self.extents.saturating_add(extent);
        self.farthest = self.farthest.max(extent);
        Arrival::Late { extent }
    }

    fn ahead(&mut self, number: u64) -> Arrival {
        let first = self.highest + 1;
        if number - self.highest >= WINDOW {
            self.seen.fill(0);
        } else {
            (first..number).for_each(|missing| self.clear(missing));
        }
        self.highest = number;
        self.mark(number);
        self.records.push_back((self.distinct, number));
        while self.records.front().is_some_and(|(_, record)| number - record >= WINDOW) {
            self.records.pop_front();
        }
        self.distinct += 1;
        if first == number { Arrival::InOrder } else { Arrival::Gap { first } }
    }

    /// Numbers up to `expected`, or up to the highest that came, that never came.
    pub fn lost(&self, expected: Option<u64>) -> u64 {
        self.sent(expected) - self.distinct
    }

    /// How many numbers there were: those that came, and those below them. What was lost behind the last one that came
    /// can only be known from outside: `expected`.
    fn sent(&self, expected: Option<u64>) -> u64 {
        self.highest.max(expected.unwrap_or_default())
    }

    /// Those lost ones that are remembered one by one.
    fn missing(&self, expected: Option<u64>) -> impl Iterator<Item = u64> {
        let oldest = self.highest.saturating_sub(WINDOW - 1).max(1);
        let behind = (self.highest..=self.sent(expected)).skip(1);
        (oldest..=self.highest).filter(|number| !self.has(*number)).chain(behind)
    }

    /// The report for a person. `expected`: how many were sent, where that is known.
    pub fn lines(&self, expected: Option<u64>) -> Vec<String> {
        let sent = self.sent(expected);
        let percent = |count: u64| if sent == 0 { 0.0 } else { count as f64 * 100.0 / sent as f64 };
        let lost = self.lost(expected);
        let mut lines = vec![format!("received {} of {sent} numbers", self.distinct)];
        let mut row = |what: &str, count: u64, more: String| {
            let share = if count == 0 { String::new() } else { format!(" ({:.1} %)", percent(count)) };
            lines.push(format!("{what} {count}{share}{more}"));
        };
        let mut missing = self.missing(expected).peekable();
        row("lost", lost, if missing.peek().is_some() { format!(": {}", ranges(missing)) } else { String::new() });
        row("doubled", self.doubled, String::new());
        let by = match (self.reordered, self.farthest) {
            (0, _) => String::new(),
            (_, 1) => ", by 1 place".to_owned(),
            (count, most) => {
                format!(", by up to {most} places, {:.1} on average", self.extents as f64 / count as f64)
            }
        };
        row("reordered", self.reordered, by);
        if self.too_old > 0 {
            row("too old to be told", self.too_old, String::new());
        }
        lines
    }

    fn has(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.seen.get(word).is_some_and(|seen| seen & bit != 0)
    }

    fn mark(&mut self, number: u64) {
        let (word, bit) = place(number);
        if let Some(seen) = self.seen.get_mut(word) {
            *seen |= bit;
        }
    }

    fn clear(&mut self, number: u64) {
        let (word, bit) = place(number);
        if let Some(seen) = self.seen.get_mut(word) {
            *seen &= !bit;
        }
    }
}

fn place(number: u64) -> (usize, u64) {
    let at = number % WINDOW;
    ((at / 64) as usize, 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::impair::{Line, Shares};
    use super::*;

    fn account(numbers: &[u64]) -> Account {
        let mut account = Account::new();
        for number in numbers {
            account.arrived(*number);
        }
        account
    }

    #[test]
    fn tells_what_each_datagram_was() {
        let mut account = Account::new();
        let arrivals = [1, 3, 3, 2, 7, 4].map(|number| account.arrived(number));
        use Arrival::{Doubled, Gap, InOrder, Late};
        assert_eq!(
            arrivals,
            [InOrder, Gap { first: 2 }, Doubled, Late { extent: 1 }, Gap { first: 4 }, Late { extent: 1 }]
        );
        assert_eq!(account.lost(None), 2);
        assert_eq!(account.lost(Some(10)), 5);
    }

    #[test]
    fn reports_in_words() {
        let account = account(&[2, 3, 4, 1, 6, 6, 5, 9]);
        assert_eq!(
            account.lines(Some(12)),
            [
                "received 7 of 12 numbers",
                "lost 5 (41.7 %): 7-8, 10-12",
                "doubled 1 (8.3 %)",
                "reordered 2 (16.7 %), by up to 3 places, 2.0 on average"
            ]
        );
        assert_eq!(Account::new().lines(None), ["received 0 of 0 numbers", "lost 0", "doubled 0", "reordered 0"]);
    }

    #[test]
    fn stays_small_and_true_under_wild_numbers() {
        let mut account = account(&[1, 2, u64::MAX, 3, u64::MAX - 1]);
        assert_eq!(account.lost(None), u64::MAX - 4);
        assert_eq!(account.arrived(u64::MAX), Arrival::Doubled);
        assert_eq!(account.arrived(3), Arrival::TooOld);
        assert!(account.lines(None).iter().all(|line| line.len() < 300));
        for number in 1..100_000 {
            account.arrived(u64::MAX - 100_000 + number);
        }
        assert!(account.records.len() <= WINDOW as usize);
    }

    /// RFC 4737, word by word, over everything that came.
    fn by_definition(arrived: &[u64]) -> (u64, u64, u64, u64) {
        let mut firsts: Vec<u64> = Vec::new();
        let (mut doubled, mut reordered, mut farthest) = (0, 0, 0);
        for number in arrived {
            if firsts.contains(number) {
                doubled += 1;
                continue;
            }
            if let Some(first) = firsts.iter().position(|earlier| earlier > number) {
                reordered += 1;
                farthest = farthest.max((firsts.len() - first) as u64);
            }
            firsts.push(*number);
        }
        let highest = firsts.iter().max().copied().unwrap_or_default();
        (highest - firsts.len() as u64, doubled, reordered, farthest)
    }

    proptest! {
        #[test]
        fn counts_as_the_definition_does(
            drop in 0.0..0.5, reorder in 0.0..0.5, duplicate in 0.0..0.5, seed in any::<u64>(), count in 0u64..300,
        ) {
            let mut line = Line::new(Shares { drop, reorder, duplicate }, seed);
            let mut arrived: Vec<u64> = (1..=count).flat_map(|number| line.pass(number)).collect();
            arrived.extend(line.rest());
            let account = account(&arrived);
            prop_assert_eq!(
                (account.lost(None), account.doubled, account.reordered, account.farthest),
                by_definition(&arrived)
            );
            // And what was done on purpose is what is found.
            prop_assert_eq!(account.lost(Some(count)), line.tally.dropped.len() as u64);
            prop_assert_eq!(account.doubled, line.tally.doubled.len() as u64);
            prop_assert!(account.reordered <= line.tally.held_back.len() as u64);
        }

        #[test]
        fn counts_any_arrivals_as_the_definition_does(arrived in prop::collection::vec(1u64..60, 0..200)) {
            let account = account(&arrived);
            prop_assert_eq!(
                (account.lost(None), account.doubled, account.reordered, account.farthest),
                by_definition(&arrived)
            );
        }

        #[test]
        fn any_numbers_are_taken(arrived in prop::collection::vec(1u64.., 0..50)) {
            let account = account(&arrived);
            prop_assert!(account.lines(None).len() >= 4);
        }
    }
}
