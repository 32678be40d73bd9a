//! Whether moments follow a beat: the period that explains them, or that none does.
//!
//! A gap fits where it is a whole number of periods, within a tolerance. What fits might do so by chance; so the
//! fewer moments there are, the more exactly they have to fit: the chance that as many of them would fit if they had
//! come at random has to be less than one in ten thousand, and where they fit vaguely less than one in a hundred thousand, as
//! what people and round trips do is not quite at random.

/// Shorter periods are no heartbeat: packets of one burst.
pub const SHORTEST: i64 = 10_000_000;
/// A gap of more periods than this is a pause: it says nothing for or against the beat.
pub const PAUSE: i64 = 16;
/// The most moments that are looked at.
pub const MOST: usize = 64;
/// The fewest.
pub const FEWEST: usize = 4;
/// How far off a whole number of periods, in parts of a period, strictest first.
const TOLERANCES: [f64; 7] = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, LARGEST];
const LARGEST: f64 = 0.2;
/// How likely it may be that it is by chance: where it fits exactly, and where the tolerance is larger than `EXACT`.
const CHANCE: f64 = 1e-4;
const VAGUE: f64 = 1e-5;
const EXACT: f64 = 0.02;

/// The period in nanoseconds that explains these moments, ascending; `None` where they follow no beat.
pub fn period(times: &[i64]) -> Option<i64> {
    if times.len() < FEWEST {
        return None;
    }
    let times = times.get(times.len().saturating_sub(MOST)..).unwrap_or(times);
    let candidates = candidates(times);
    let scored = candidates.into_iter().flat_map(|period| {
        TOLERANCES.iter().filter_map(move |tolerance| {
            let fit = Fit::of(times, period, *tolerance);
            fit.holds(*tolerance).then_some((fit, period))
        })
    });
    // The most gaps explained; of equals the first, which is of the strictest tolerance.
    let best = scored.reduce(|best, next| if next.0.fits > best.0.fits { next } else { best })?;
    Some(best.0.mean().unwrap_or(best.1))
}

/// Moments that a period does not explain, as vaguely as may be.
pub fn unexplained(times: &[i64], period: i64) -> u32 {
    Fit::of(times, period.max(1), LARGEST).misfits
}

/// Periods worth trying: the middle of the gaps, a large one, and those around which most differences lie, which finds
/// a beat among other packets.
fn candidates(times: &[i64]) -> Vec<i64> {
    let apart = |order: usize| {
        times.iter().zip(times.iter().skip(order)).map(|(early, late)| late.saturating_sub(*early)).collect::<Vec<_>>()
    };
    let mut gaps = apart(1);
    gaps.sort_unstable();
    let mut found: Vec<i64> =
        [2, 4].iter().filter_map(|part| gaps.get(gaps.len() - 1 - gaps.len() / part)).copied().collect();
    found.extend(gaps.get(gaps.len() / 4));
    let mut all = [apart(1), apart(2), apart(3)].concat();
    all.sort_unstable();
    let mut densest = (0, 0);
    let mut end = 0;
    for (start, low) in all.iter().enumerate().filter(|(_, low)| **low >= SHORTEST) {
        let high = low.saturating_add(low / 20);
        end = end.max(start);
        while all.get(end).is_some_and(|gap| *gap <= high) {
            end += 1;
        }
        if end - start > densest.0 {
            densest = (end - start, start + (end - start) / 2);
        }
    }
    found.extend(all.get(densest.1));
    found.retain(|period| *period >= SHORTEST);
    found.dedup();
    found
}

/// How well a period explains moments.
#[derive(Clone, Copy, Debug, Default)]
struct Fit {
    /// Gaps that fit, and those of them of a single period, with their sum.
    fits: u32,
    single: u32,
    sum: i64,
    /// Moments that do not fit.
    misfits: u32,
}

impl Fit {
    fn of(times: &[i64], period: i64, tolerance: f64) -> Self {
        let mut fit = Self::default();
        let Some(mut last) = times.first().copied() else { return fit };
        let allowed = (period as f64 * tolerance) as i64;
        for time in times.iter().skip(1) {
            let gap = time.saturating_sub(last);
            let count = gap.saturating_add(period / 2) / period;
            if count > PAUSE {
                last = *time;
            } else if count > 0 && gap.abs_diff(count * period) <= allowed.unsigned_abs() {
                fit.fits += 1;
                if count == 1 {
                    fit.single += 1;
                    fit.sum = fit.sum.saturating_add(gap);
                }
                last = *time;
            } else {
                fit.misfits += 1;
                // One that came in between leaves the beat where it is.
                if gap.saturating_mul(4) >= period.saturating_mul(3) {
                    last = *time;
                }
            }
        }
        fit
    }

    fn mean(&self) -> Option<i64> {
        (self.single > 0).then(|| self.sum / i64::from(self.single))
    }

    /// Most of it explained, most gaps of a single period, and not by chance. A gap of the candidate's own length fits by
    /// itself, so it proves nothing.
    fn holds(&self, tolerance: f64) -> bool {
        let all = self.fits + self.misfits;
        let chance = tolerance * if tolerance > EXACT { 2.2 } else { 2.0 };
        self.fits * 3 >= all * 2
            && self.single * 2 >= self.fits
            && self.fits >= 3
            && by_chance(all - 1, self.fits - 1, chance) <= if tolerance > EXACT { VAGUE } else { CHANCE }
    }
}

/// How likely at least `hits` of `all` are where each is one with `chance`: the upper tail of the binomial distribution.
fn by_chance(all: u32, hits: u32, chance: f64) -> f64 {
    let mut sum = 0.0;
    for count in hits..=all {
        let mut term = 1.0;
        for step in 0..all - count {
            term *= f64::from(all - step) / f64::from(step + 1) * (1.0 - chance);
        }
        sum += term * chance.powi(count as i32);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn near(found: Option<i64>, wanted: i64) -> bool {
        found.is_some_and(|found| found.abs_diff(wanted) * 50 <= wanted.unsigned_abs())
    }

    #[test]
    fn chances_are_those_of_the_binomial_distribution() {
        assert!((by_chance(3, 2, 0.5) - 0.5).abs() < 1e-12);
        assert!((by_chance(5, 0, 0.3) - 1.0).abs() < 1e-12);
        assert!((by_chance(2, 2, 0.004) - 0.000_016).abs() < 1e-12);
        assert!(by_chance(62, 62, 0.4) < 1e-20);
    }

    #[test]
    fn three_exact_gaps_are_enough_and_three_vague_ones_are_not() {
        assert!(near(period(&[0, 2_011, 4_021, 6_031].map(|ms| ms * 1_000_000)), 2_010_000_000));
        assert_eq!(period(&[0, 2_000, 4_100, 6_000].map(|ms| ms * 1_000_000)), None);
        assert_eq!(period(&[0, SECOND, 2 * SECOND]), None);
    }

    #[test]
    fn missed_beats_and_packets_in_between_hide_no_period() {
        let missing: Vec<i64> = (0..30).filter(|beat| beat % 4 != 2).map(|beat| beat * SECOND).collect();
        assert!(near(period(&missing), SECOND));
        let mut between: Vec<i64> = (0..30).map(|beat| beat * SECOND).collect();
        between.extend([3_300, 8_450, 8_460, 17_700, 21_200].map(|ms| ms * 1_000_000));
        between.sort_unstable();
        assert!(near(period(&between), SECOND));
    }

    #[test]
    fn one_burst_is_no_beat() {
        let burst: Vec<i64> = (0..64).map(|packet| packet * 20_000).collect();
        assert_eq!(period(&burst), None);
        assert_eq!(period(&[5; 64]), None);
    }
}
