//! Heartbeats in words, lines and JSON: `ends` are those that netlab holds itself, `found` those that a capture shows.

pub mod ends;
pub mod found;

use std::time::Duration;

use super::ping::milliseconds;

/// Seconds as exact as a person wants them: three digits behind the point below ten seconds, one above.
fn seconds(time: Duration) -> String {
    let thousandths = time.as_millis();
    match thousandths {
        0..10_000 => format!("{}.{:03} s", thousandths / 1000, thousandths % 1000),
        _ => format!("{}.{} s", thousandths / 1000, thousandths % 1000 / 100),
    }
}

/// `part` of `whole`, with its share.
fn share(part: u64, whole: u64) -> String {
    let tenths = if whole == 0 { 0 } else { (u128::from(part) * 2_000 / u128::from(whole)).div_ceil(2) };
    format!("{part} of {whole} ({}.{} %)", tenths / 10, tenths % 10)
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_are_as_exact_as_is_read() {
        assert_eq!(seconds(Duration::from_micros(1_500_999)), "1.500 s");
        assert_eq!(seconds(Duration::from_millis(12_345)), "12.3 s");
        assert_eq!(share(1, 3), "1 of 3 (33.3 %)");
        assert_eq!(share(0, 0), "0 of 0 (0.0 %)");
        assert_eq!(share(2, 3), "2 of 3 (66.7 %)");
    }
}
