//! Latencies counted in buckets that grow with them: any number of them in the same memory, each within 3 % of its
//! value.

use std::time::Duration;

/// Buckets for each doubling.
const FINE: u32 = 5;

/// How often each latency came, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

impl Histogram {
    pub fn add(&mut self, latency: Duration) {
        let place = place(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        if self.buckets.len() <= place {
            self.buckets.resize(place + 1, 0);
        }
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket += 1;
        }
        self.count += 1;
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The latency that `share` (0 to 1) of all do not exceed; `None` where there are none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut below = 0;
        self.buckets.iter().enumerate().find_map(|(place, count)| {
            below += count;
            (below >= rank).then(|| Duration::from_micros(middle(place)))
        })
    }
}

/// Small values have a bucket each; from there on each doubling is cut into `2^FINE`.
fn place(micros: u64) -> usize {
    let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(FINE + 1);
    let place = (u64::from(shift) << FINE) + (micros >> shift);
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// A value from the middle of a bucket.
fn middle(place: usize) -> u64 {
    let place = place as u64;
    let shift = (place >> FINE).saturating_sub(1);
    let low = (place - (shift << FINE)) << shift;
    low + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_told_within_three_percent() {
        for micros in (0..2000).chain([12_345, 999_999, 60_000_000, u64::MAX >> 2]) {
            let told = middle(place(micros));
            assert!(told.abs_diff(micros) as f64 <= micros as f64 * 0.03, "{micros} is told as {told}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=100).for_each(|micros| histogram.add(Duration::from_micros(micros)));
        assert_eq!(histogram.count(), 100);
        for (share, expected) in [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            let told = histogram.quantile(share).unwrap().as_micros() as f64;
            assert!((told - expected).abs() <= expected * 0.03 + 0.5, "{share}: {told}");
        }
    }
}
