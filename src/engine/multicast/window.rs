//! The numbers of one sender's datagrams: which came, which are missing, which came twice or late (as RFC 3550 §A.1 and
//! RFC 4303 §3.4.3 look at theirs).
//!
//! Numbers are 32 bits and go round (RFC 1982): inside they are extended to 64. A number within the last [`WINDOW`] is
//! known to have come or not; an older one may be either, and is counted apart.

/// So many numbers up to the highest are told apart.
pub const WINDOW: u64 = 1024;
const WORDS: usize = WINDOW as usize / 64;

/// What a number is to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first that was heard of this sender.
    First,
    /// The one that had to come.
    Next,
    /// Others had to come before: so many are missing, lost or late.
    Ahead { missing: u32 },
    /// It comes after one so many numbers higher.
    Late { by: u32 },
    /// It came before.
    Doubled,
    /// So old that nobody knows whether it came before.
    Old,
}

/// What has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams between the lowest and the highest number, both included: those that were sent, as far as is known.
    pub expected: u64,
    /// Numbers that came at least once.
    pub received: u64,
    /// Numbers between that did not come (yet).
    pub lost: u64,
    /// Came once more than once.
    pub doubled: u64,
    /// Came behind a higher number.
    pub late: u64,
    /// Too old to say.
    pub old: u64,
}

/// The numbers of one sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    first: u64,
    highest: u64,
    /// A bit for each of the last numbers, by its remainder.
    seen: [u64; WORDS],
    received: u64,
    doubled: u64,
    late: u64,
    old: u64,
}

/// Extended numbers begin here, so that some may come from before the first.
const ORIGIN: u64 = 1 << 32;

impl Window {
    /// Begins with the first number that is heard.
    pub fn new(number: u32) -> Self {
        let first = ORIGIN + u64::from(number);
        let (seen, received) = ([0; WORDS], 1);
        let mut window = Self { first, highest: first, seen, received, doubled: 0, late: 0, old: 0 };
        window.mark(first, true);
        window
    }

    /// Takes in the next number that is heard.
    pub fn hear(&mut self, number: u32) -> Order {
        // Serial number arithmetic: what is less than half the circle ahead is newer. Truncation is meant.
        let step = number.wrapping_sub(self.highest as u32);
        if step == 0 {
            self.doubled += 1;
            return Order::Doubled;
        }
        if step < 1 << 31 {
            let next = self.highest.saturating_add(step.into());
            // The places of numbers that have left the window are free again.
            let begin = (self.highest + 1).max(next.saturating_sub(WINDOW - 1));
            for number in begin..next {
                self.mark(number, false);
            }
            self.mark(next, true);
            self.highest = next;
            self.received += 1;
            return if step == 1 { Order::Next } else { Order::Ahead { missing: step - 1 } };
        }
        let by = step.wrapping_neg();
        if u64::from(by) >= WINDOW {
            self.old += 1;
            return Order::Old;
        }
        let number = self.highest - u64::from(by);
        if number >= self.first && self.has(number) {
            self.doubled += 1;
            return Order::Doubled;
        }
        if number < self.first {
            for between in number + 1..self.first {
                self.mark(between, false);
            }
            self.first = number;
        }
        self.mark(number, true);
        self.received += 1;
        self.late += 1;
        Order::Late { by }
    }

    pub fn counts(&self) -> Counts {
        let expected = self.highest - self.first + 1;
        let Self { received, doubled, late, old, .. } = *self;
        Counts { expected, received, lost: expected.saturating_sub(received), doubled, late, old }
    }

    fn has(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.seen.get(word).is_some_and(|word| word & bit != 0)
    }

    fn mark(&mut self, number: u64, seen: bool) {
        let (word, bit) = place(number);
        if let Some(word) = self.seen.get_mut(word) {
            if seen { *word |= bit } else { *word &= !bit }
        }
    }
}

/// The word of a number's bit, and the bit.
fn place(number: u64) -> (usize, u64) {
    let remainder = number % WINDOW;
    ((remainder / 64) as usize, 1 << (remainder % 64))
}
