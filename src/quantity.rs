//! Durations, sizes and shares as a person types them on the command line: `500ms`, `64KiB`, `2.5%`.

use std::time::Duration;

/// A duration as `500ms`, `2s`, `1.5s`, `5m` or `1h`; from a millisecond to a day.
pub fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("write it with its unit: 500ms, 2s, 5m, 1h".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    let duration = Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())?;
    if (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(&duration) {
        Ok(duration)
    } else {
        Err("between 1ms and 24h, please".to_owned())
    }
}

/// A number of bytes as `4096`, `64KiB`, `100MB` or `2GiB` (KB is 1000 bytes, KiB and a bare K are 1024).
pub fn size(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return Err("write it as 4096, 64KiB, 100MB or 2GiB".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write it as 4096, 64KiB, 100MB or 2GiB".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "that is more than there can be".to_owned())
}

/// A share as `10%` or `2.5%`, from 0 % to 100 %; 1.0 is all of it.
pub fn share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').ok_or("write it with its sign: 10%, 2.5%")?;
    let percent: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    if (0.0..=100.0).contains(&percent) { Ok(percent / 100.0) } else { Err("between 0% and 100%, please".to_owned()) }
}

/// Bits a second as `10mbit`, `500kbit` or `1gbit` (a kbit is 1000 bits), at least one.
pub fn rate(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let wrong = || "write it with its unit: 500kbit, 10mbit, 1gbit".to_owned();
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "bit" => 1,
        "kbit" => 1000,
        "mbit" => 1_000_000,
        "gbit" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let rate = number.checked_mul(factor).ok_or_else(|| "that is more than there can be".to_owned())?;
    if rate == 0 { Err("nothing would pass at all".to_owned()) } else { Ok(rate) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_have_a_unit() {
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("64KiB"), Ok(64 << 10));
        assert_eq!(size("100MB"), Ok(100_000_000));
        assert_eq!(size("2g"), Ok(2 << 30));
        for wrong in ["", "MB", "-1", "1.5MB", "10 MB", "5x", "99999999999G"] {
            assert!(size(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn durations_are_written_with_their_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["5", "s", "-1s", "0s", "1e9s", "1..5s", "2d", "999h", ""] {
            assert!(duration(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn rates_are_bits_a_second() {
        assert_eq!(rate("10mbit"), Ok(10_000_000));
        assert_eq!(rate("500kbit"), Ok(500_000));
        for wrong in ["", "10", "mbit", "0kbit", "1.5mbit", "10MB", "-1kbit", "99999999999gbit"] {
            assert!(rate(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!(share("10%"), Ok(0.1));
        assert_eq!(share("0%"), Ok(0.0));
        for wrong in ["10", "101%", "-1%", "NaN%", "%"] {
            assert!(share(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
