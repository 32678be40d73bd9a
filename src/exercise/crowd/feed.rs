//! What everyone is told, kept once for all: each client that hears it has but its place in it.
//!
//! Pure. However many clients are behind, they share these bytes; 10,000 slow clients cost no more than the slowest.

use std::collections::VecDeque;

/// Bytes for everyone, numbered from 0 since the server started.
#[derive(Debug, Default)]
pub struct Feed {
    kept: VecDeque<u8>,
    /// The number of the first byte that is kept.
    start: u64,
}

impl Feed {
    /// The number of the byte that will be said next.
    pub fn end(&self) -> u64 {
        self.start + self.kept.len() as u64
    }

    pub fn say(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
    }

    /// The bytes numbered from `place` up to, not including, `until`, as far as they are kept, in two pieces.
    pub fn between(&self, place: u64, until: u64) -> (&[u8], &[u8]) {
        let index = |number: u64| usize::try_from(number.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let (from, to) = (index(place), index(until).min(self.kept.len()));
        let (one, two) = self.kept.as_slices();
        let first = one.get(from.min(one.len())..to.min(one.len())).unwrap_or_default();
        let (from, to) = (from.saturating_sub(one.len()), to.saturating_sub(one.len()));
        (first, two.get(from..to).unwrap_or_default())
    }

    /// Forgets what is before `place`: everyone has got it.
    pub fn forget_before(&mut self, place: u64) {
        let gone = usize::try_from(place.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.kept.len());
        self.kept.drain(..gone);
        self.start += gone as u64;
        if self.kept.is_empty() {
            self.kept.shrink_to(64 * 1024);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(feed: &Feed, place: u64, until: u64) -> Vec<u8> {
        let (one, two) = feed.between(place, until);
        [one, two].concat()
    }

    #[test]
    fn gives_what_was_said_since_a_place() {
        let mut feed = Feed::default();
        feed.say(b"one ");
        let joined = feed.end();
        feed.say(b"two ");
        let left = feed.end();
        feed.say(b"three");
        assert_eq!(all(&feed, joined, left), b"two ");
        feed.forget_before(left);
        assert_eq!(all(&feed, left, feed.end()), b"three");
        assert_eq!(all(&feed, 0, left), b"", "it is forgotten");
    }

    proptest! {
        #[test]
        fn every_listener_gets_the_same_bytes_however_they_are_taken(
            said in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..60),
            takes in proptest::collection::vec(0usize..50, 1..60),
        ) {
            let (mut feed, mut whole) = (Feed::default(), Vec::new());
            let (mut heard, mut places) = ([Vec::new(), Vec::new()], [0, 0]);
            for (at, bytes) in said.iter().enumerate() {
                feed.say(bytes);
                whole.extend_from_slice(bytes);
                let who = at % 2;
                let (one, two) = feed.between(places[who], feed.end());
                let taken: Vec<u8> = [one, two].concat().into_iter().take(takes[at % takes.len()]).collect();
                places[who] += taken.len() as u64;
                heard[who].extend(taken);
                feed.forget_before(places[0].min(places[1]));
            }
            for who in 0..2 {
                heard[who].extend(all(&feed, places[who], feed.end()));
                prop_assert_eq!(&heard[who], &whole);
            }
        }
    }
}
