//! The zone of this machine's clock.

use crate::frame::Timestamp;

/// Seconds east of UTC at a moment, by the system's time zone.
pub fn zone_offset(at: Timestamp) -> i64 {
    let seconds = at.0.div_euclid(1_000_000_000);
    let zone = jiff::tz::TimeZone::system();
    jiff::Timestamp::from_second(seconds).map_or(0, |moment| i64::from(zone.to_offset(moment).seconds()))
}

/// This moment.
pub fn now() -> Timestamp {
    Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
}
