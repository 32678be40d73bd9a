//! What is to happen to the clients of a crowd, and when.
//!
//! Guarantee: memory follows the clients that are there, not those that ever were. A client's idle time may end half a
//! day after it has left: what is set for those that are gone is thrown away when it becomes much.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// How many deadlines of one kind a client has at most, times their kinds, and as many again that are out of date.
const FOR_EACH: usize = 8;
/// So few are never looked through.
const FEW: usize = 1024;

/// Why a deadline was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// What has come without a line's end is a line.
    Quiet,
    /// It has been silent for too long.
    Idle,
    /// It may be read again.
    Resume,
    /// It had its time for leaving.
    Farewell,
    /// Others may have freed descriptors: not about a client.
    Door,
}

/// A client, and the serial number that tells it from others that had its place.
pub type Whose = (usize, u64);

/// The earliest first.
#[derive(Debug, Default)]
pub struct Deadlines(BinaryHeap<Reverse<(Instant, Why, Whose)>>);

impl Deadlines {
    pub fn set(&mut self, at: Instant, why: Why, whose: Whose) {
        self.0.push(Reverse((at, why, whose)));
    }

    /// When the next one is.
    pub fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes one that is due; it may be about a client that is gone.
    pub fn due(&mut self, now: Instant) -> Option<(Why, Whose)> {
        if self.next().is_none_or(|at| at > now) {
            return None;
        }
        self.0.pop().map(|Reverse((_, why, whose))| (why, whose))
    }

    /// Throws away what is about clients that are not there, where it is much beside `places` for clients.
    pub fn tidy(&mut self, places: usize, is_there: impl Fn(Whose) -> bool) {
        if self.0.len() > FOR_EACH * places + FEW {
            self.0.retain(|Reverse((_, why, whose))| *why == Why::Door || is_there(*whose));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn gives_the_earliest_first_and_none_before_its_time() {
        let now = Instant::now();
        let mut deadlines = Deadlines::default();
        deadlines.set(now + Duration::from_secs(2), Why::Idle, (1, 1));
        deadlines.set(now + Duration::from_secs(1), Why::Quiet, (2, 2));
        assert_eq!((deadlines.next(), deadlines.due(now)), (Some(now + Duration::from_secs(1)), None));
        let later = now + Duration::from_secs(3);
        assert_eq!(
            [(); 3].map(|()| deadlines.due(later)),
            [Some((Why::Quiet, (2, 2))), Some((Why::Idle, (1, 1))), None]
        );
    }

    #[test]
    fn a_million_that_came_and_left_leave_nothing() {
        let (now, day) = (Instant::now(), Duration::from_secs(86_400));
        let mut deadlines = Deadlines::default();
        deadlines.set(now + day, Why::Idle, (0, 0));
        deadlines.set(now, Why::Door, (0, 7));
        for serial in 1..=1_000_000 {
            deadlines.set(now + day, Why::Idle, (1, serial));
            deadlines.set(now + day, Why::Farewell, (1, serial));
            deadlines.tidy(2, |whose| whose == (0, 0));
        }
        assert!(deadlines.0.len() <= FOR_EACH * 2 + FEW, "{}", deadlines.0.len());
        assert_eq!(deadlines.due(now), Some((Why::Door, (0, 7))));
        let left: Vec<_> = std::iter::from_fn(|| deadlines.due(now + day)).collect();
        assert_eq!(left.iter().filter(|(_, whose)| *whose == (0, 0)).count(), 1, "who is there keeps its own");
    }
}
