//! What `buffers` prints. On the wire there are only bytes, and their end is the connection's.

use std::time::Duration;

/// Bytes as a person compares them: three digits and a unit.
pub fn rate(bytes: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds <= 0.0 {
        return "too quick to be told".to_owned();
    }
    let rate = bytes as f64 / seconds;
    for (unit, size) in [("GB/s", 1e9), ("MB/s", 1e6), ("kB/s", 1e3)] {
        if rate >= size {
            return format!("{:.1} {unit}", rate / size);
        }
    }
    format!("{rate:.0} B/s")
}

/// A time with a unit that fits it.
pub fn time(time: Duration) -> String {
    if time.as_secs() > 0 {
        format!("{:.2} s", time.as_secs_f64())
    } else {
        format!("{:.2} ms", time.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_times_have_units_that_fit() {
        assert_eq!(rate(2_500_000, Duration::from_secs(1)), "2.5 MB/s");
        assert_eq!(rate(10, Duration::from_secs(1)), "10 B/s");
        assert_eq!(rate(10, Duration::ZERO), "too quick to be told");
        assert_eq!(time(Duration::from_micros(1_234)), "1.23 ms");
        assert_eq!(time(Duration::from_millis(2_500)), "2.50 s");
    }
}
