//! What came of the other end's datagrams, told apart by their serial numbers: heard, lost, repeated, out of order; and
//! their jitter by the sender's own clock (RFC 3550 §6.4.1, A.3, A.8).

use std::time::Duration;

use super::message::{Report, Tags};
use crate::jitter::Jitter;

/// What one datagram was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one, or one after so many that have not come.
    New { skipped: u32 },
    /// One that was missing until now.
    Disordered,
    /// One that came before; or is so old that nobody knows.
    Again,
}

/// The receiver's side of the sums.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// The first serial number that is expected.
    first: u32,
    report: Report,
    jitter: Jitter,
    /// Bit n: the serial number that is n below the highest has come.
    window: u128,
    /// When the last one was sent, by the sender's clock in microseconds, and when it came.
    last: Option<(u64, Duration)>,
}

impl Account {
    /// Expects this serial number first: what is missing from there on is lost.
    pub fn from(first: u32) -> Self {
        Self { first: first.max(1), report: Report::default(), jitter: Jitter::default(), window: 0, last: None }
    }

    pub fn report(&self) -> Report {
        self.report
    }

    /// Whether a datagram of this number would be newer than all that came.
    pub fn is_newer(&self, serial: u32) -> bool {
        serial > self.report.seen
    }

    /// Takes in a datagram.
    pub fn take(&mut self, now: Duration, tags: &Tags) -> Arrival {
        let before = self.report.seen.max(self.first.saturating_sub(1));
        let arrival = if tags.serial > before {
            let step = tags.serial - before;
            self.window = self.window.checked_shl(step).unwrap_or(0) | 1;
            self.report.seen = tags.serial;
            Arrival::New { skipped: step - 1 }
        } else {
            let back = before - tags.serial;
            let known = tags.serial < self.first || 1u128.checked_shl(back).is_none_or(|bit| self.window & bit != 0);
            if known {
                self.report.again = self.report.again.saturating_add(1);
                return Arrival::Again;
            }
            self.window |= 1 << back;
            self.report.disordered = self.report.disordered.saturating_add(1);
            Arrival::Disordered
        };
        self.report.heard = self.report.heard.saturating_add(1);
        self.report.lost = (self.report.seen - self.first + 1).saturating_sub(self.report.heard);
        if let Some((sent, came)) = self.last.replace((tags.at, now)) {
            let arrived = super::difference(now, came);
            let spaced = i128::from(tags.at) - i128::from(sent);
            let difference = i128::from(arrived) - spaced * 1_000;
            let bounded = difference.clamp(i64::MIN.into(), i64::MAX.into());
            self.jitter.add(i64::try_from(bounded).unwrap_or(i64::MAX));
            self.report.jitter = u32::try_from(self.jitter.nanoseconds() / 1_000).unwrap_or(u32::MAX);
        }
        arrival
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(account: &mut Account, serial: u32) -> Arrival {
        let at = u64::from(serial) * 1_000_000;
        account.take(Duration::from_micros(at + 5), &Tags { serial, at, ..Tags::default() })
    }

    #[test]
    fn tells_lost_repeated_and_disordered_apart() {
        let mut account = Account::from(1);
        let arrivals: Vec<Arrival> = [2, 3, 3, 6, 5, 5, 1].into_iter().map(|n| take(&mut account, n)).collect();
        let new = |skipped| Arrival::New { skipped };
        let expected =
            [new(1), new(0), Arrival::Again, new(2), Arrival::Disordered, Arrival::Again, Arrival::Disordered];
        assert_eq!(arrivals, expected);
        let report = account.report();
        assert_eq!((report.seen, report.heard, report.lost), (6, 5, 1), "{report:?}: 4 is missing");
        assert_eq!((report.again, report.disordered, report.jitter), (2, 2, 0));
    }

    #[test]
    fn what_was_before_the_first_is_not_lost() {
        let mut account = Account::from(50);
        assert_eq!(take(&mut account, 50), Arrival::New { skipped: 0 });
        assert_eq!(take(&mut account, 49), Arrival::Again);
        assert_eq!(take(&mut account, 500), Arrival::New { skipped: 449 });
        assert_eq!(take(&mut account, 372), Arrival::Again, "too old to know");
        assert_eq!(take(&mut account, u32::MAX), Arrival::New { skipped: u32::MAX - 501 });
        assert_eq!(account.report().heard, 3);
    }

    #[test]
    fn jitter_is_that_of_the_way_not_of_the_sender() {
        let mut account = Account::from(1);
        // Sent at odd times, each on its way for 7 ms: no jitter.
        for (serial, at) in (1..).zip([0, 100, 350, 360, 2_000]) {
            account.take(Duration::from_millis(at + 7), &Tags { serial, at: at * 1_000, ..Tags::default() });
        }
        assert_eq!(account.report().jitter, 0);
        account.take(Duration::from_millis(3_039), &Tags { serial: 6, at: 3_000_000, ..Tags::default() });
        assert_eq!(account.report().jitter, 2_000, "32 ms more, a sixteenth of it");
    }
}
