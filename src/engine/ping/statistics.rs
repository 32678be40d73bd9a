//! Loss and round trips as ping(8) of iputils counts them, to the last digit.
//!
//! Its mdev is the standard deviation, sqrt(E[x²] - E[x]²), in whole microseconds: a sum of squares in floating point,
//! and a root by Newton's method in whole numbers. A second answer to the same probe counts among the times, not
//! among the answers.

/// What has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    pub transmitted: u64,
    /// Probes that were answered.
    pub received: u64,
    /// Answers beyond the first.
    pub duplicates: u64,
    /// Errors of routers, and of this machine.
    pub errors: u64,
    least: u64,
    most: u64,
    sum: f64,
    squares: f64,
}

/// Round trips in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrips {
    pub least: u64,
    pub average: u64,
    pub most: u64,
    /// Standard deviation.
    pub deviation: u64,
}

impl Statistics {
    /// An answer after so many microseconds.
    pub fn answered(&mut self, microseconds: u64, again: bool) {
        self.least = if self.times() == 0 { microseconds } else { self.least.min(microseconds) };
        self.most = self.most.max(microseconds);
        self.sum += microseconds as f64;
        self.squares += microseconds.saturating_mul(microseconds) as f64;
        let counter = if again { &mut self.duplicates } else { &mut self.received };
        *counter += 1;
    }

    fn times(&self) -> u64 {
        self.received + self.duplicates
    }

    /// `None` where nothing was answered.
    pub fn round_trips(&self) -> Option<RoundTrips> {
        if self.times() == 0 {
            return None;
        }
        let times = self.times() as f64;
        let average = (self.sum / times) as u64;
        // The order of the operations is iputils's: so is what gets lost by rounding.
        let variance = if self.sum < f64::from(i32::MAX) {
            (self.squares - self.sum * self.sum / times) / times
        } else {
            self.squares / times - average as f64 * average as f64
        };
        Some(RoundTrips { least: self.least, average, most: self.most, deviation: root(variance as i64) })
    }

    /// Probes without an answer, in percent; `None` where none was sent.
    pub fn loss(&self) -> Option<f32> {
        let lost = self.transmitted.saturating_sub(self.received);
        (self.transmitted > 0).then(|| (lost as f64 * 100.0 / self.transmitted as f64) as f32)
    }
}

/// The square root by Newton's method in whole numbers, which stops where it no longer falls: below a square, as at 24, it
/// has risen again to the root of that.
fn root(number: i64) -> u64 {
    let (mut last, mut x) = (i64::MAX, number.max(0));
    while x > 0 && x < last {
        last = x;
        x = x.saturating_add(number / x) / 2;
    }
    x.unsigned_abs()
}

/// A percentage as C's `%g` writes it: six digits that count, no zeros at the end.
pub fn percent(value: f32) -> String {
    let value = f64::from(value);
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    if exponent < -4 {
        let text = format!("{value:.5e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        return format!("{}e-{:02}", trimmed(mantissa), exponent.abs());
    }
    trimmed(&format!("{value:.*}", usize::try_from(5 - exponent).unwrap_or(0))).to_owned()
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(times: &[u64]) -> RoundTrips {
        let mut statistics = Statistics::default();
        times.iter().for_each(|time| statistics.answered(*time, false));
        statistics.round_trips().unwrap()
    }

    #[test]
    fn counts_what_iputils_printed_for_these_times() {
        // ping -c 6 -i 0.2 127.0.0.1, iputils 20221126.
        assert_eq!(of(&[36, 36, 36, 38, 37, 40]), RoundTrips { least: 36, average: 37, most: 40, deviation: 1 });
        assert_eq!(of(&[1000]), RoundTrips { least: 1000, average: 1000, most: 1000, deviation: 0 });
    }

    #[test]
    fn writes_percent_as_c_does() {
        let cases = [(0.0, "0"), (100.0, "100"), (25.0, "25"), (33.333_332, "33.3333"), (0.1, "0.1")];
        for (value, text) in cases.into_iter().chain([(1e-5, "1e-05"), (66.666_664, "66.6667")]) {
            assert_eq!(percent(value), text);
        }
    }

    #[test]
    fn a_duplicate_is_a_time_and_not_an_answer() {
        let mut statistics = Statistics { transmitted: 4, ..Statistics::default() };
        statistics.answered(10, false);
        statistics.answered(30, true);
        assert_eq!(statistics.loss(), Some(75.0));
        assert_eq!(statistics.round_trips().unwrap().average, 20);
    }

    proptest! {
        #[test]
        fn is_the_standard_deviation_to_a_microsecond(times in prop::collection::vec(0u64..5_000_000, 1..300)) {
            let found = of(&times);
            let count = times.len() as f64;
            let mean = times.iter().sum::<u64>() as f64 / count;
            let variance = times.iter().map(|time| (*time as f64 - mean).powi(2)).sum::<f64>() / count;
            // Above 2^31 in all iputils takes the whole part of the mean, which costs a little.
            prop_assert!((found.deviation as f64 - variance.sqrt()).abs() < 2.0 + mean / variance.sqrt().max(1.0));
            prop_assert_eq!(found.least, *times.iter().min().unwrap());
            prop_assert_eq!(found.most, *times.iter().max().unwrap());
            prop_assert_eq!(found.average, mean as u64);
        }

        #[test]
        fn a_root_is_the_whole_part_but_for_the_number_below_a_square(number in 0i64..i64::MAX) {
            let root = u128::from(root(number));
            prop_assert!(root * root <= number as u128 + 1 && (root + 1) * (root + 1) > number as u128);
        }
    }

    #[test]
    fn roots_of_small_numbers_are_those_of_iputils() {
        assert_eq!([0, 1, 2, 3, 4, 8, 9, 15, 23, 24, 25].map(root), [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    }
}
