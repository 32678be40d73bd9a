//! Interarrival jitter: how much the time that packets take changes from one to the next (RFC 3550 §6.4.1).
//!
//! The integer form of RFC 3550 A.8: the estimate is kept times sixteen, `J16 += |D| - ((J16 + 8) >> 4)`, in nanoseconds.
//! Pure; both who holds a conversation and who watches one in a capture use it.

use std::time::Duration;

/// A running estimate; zero until the second packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jitter {
    /// Sixteen times the estimate, nanoseconds.
    sixteenfold: u64,
}

impl Jitter {
    /// Takes in one difference: `D = (Rj - Ri) - (Sj - Si)`, of either sign, in nanoseconds.
    pub fn add(&mut self, difference: i64) {
        // A day is more than any two packets differ by, and sixteen of them fit.
        const MOST: u64 = 86_400_000_000_000;
        let decay = (self.sixteenfold + 8) >> 4;
        self.sixteenfold = self.sixteenfold - decay.min(self.sixteenfold) + difference.unsigned_abs().min(MOST);
    }

    /// The estimate in nanoseconds.
    pub fn nanoseconds(self) -> u64 {
        self.sixteenfold >> 4
    }

    pub fn duration(self) -> Duration {
        Duration::from_nanos(self.nanoseconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_formula_of_the_rfc() {
        let mut jitter = Jitter::default();
        jitter.add(-32_000_000);
        assert_eq!(jitter.nanoseconds(), 2_000_000, "J = |D| / 16");
        jitter.add(32_000_000);
        // J += (|D| - J) / 16
        assert_eq!(jitter.nanoseconds(), 2_000_000 + (32_000_000 - 2_000_000) / 16);
        for _ in 0..1_000 {
            jitter.add(32_000_000);
        }
        let off = jitter.nanoseconds().abs_diff(32_000_000);
        assert!(off < 16, "it settles where every difference is the same");
        for _ in 0..1_000 {
            jitter.add(0);
        }
        assert_eq!(jitter.nanoseconds(), 0);
    }

    #[test]
    fn no_difference_is_too_large() {
        let mut jitter = Jitter::default();
        for _ in 0..1_000 {
            jitter.add(i64::MIN);
        }
        assert!(jitter.duration() <= Duration::from_secs(86_400));
    }
}
