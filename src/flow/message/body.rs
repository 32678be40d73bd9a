//! The body of a message: its bytes as far as they are kept, and where some are missing.

/// Gaps that are told apart; those behind them are one with the last.
const MOST_GAPS: usize = 256;

/// Bytes that were never captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// From the body's first byte.
    pub at: u64,
    pub length: u64,
}

/// Whether a body was seen to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    #[default]
    Whole,
    /// The connection or the capture ended before it did; so many bytes are to come where that is known.
    Cut { missing: Option<u64> },
    /// The capture ended, or has a gap, before the head did.
    Head,
    /// What says where it ends makes no sense, or lies in a gap.
    Broken(&'static str),
}

/// What a message carries, its transfer coding undone (chunks, doubled dots) and its content coding as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The first bytes, as many as are kept; zeros where some are missing ([`Self::gaps`]).
    pub data: Vec<u8>,
    /// Bytes that it has, kept or not, missing ones included.
    pub length: u64,
    pub gaps: Vec<Gap>,
    pub end: End,
}

impl Body {
    /// Nothing of it is missing, and all of it is kept.
    pub fn is_complete(&self) -> bool {
        self.is_whole() && self.data.len() as u64 == self.length
    }

    /// Nothing of it is missing from the capture.
    pub fn is_whole(&self) -> bool {
        self.end == End::Whole && self.gaps.is_empty()
    }

    /// Bytes that are known to be missing.
    pub fn missing(&self) -> u64 {
        let to_come = if let End::Cut { missing: Some(missing) } = self.end { missing } else { 0 };
        self.gaps.iter().fold(to_come, |sum, gap| sum.saturating_add(gap.length))
    }

    pub(super) fn push(&mut self, data: &[u8], budget: &mut Budget) {
        // Nothing is kept behind what was not kept.
        if self.data.len() as u64 == self.length {
            let kept = budget.take(self.length, data.len() as u64);
            self.data.extend_from_slice(data.get(..kept).unwrap_or(data));
        }
        self.length = self.length.saturating_add(data.len() as u64);
    }

    pub(super) fn gap(&mut self, length: u64, budget: &mut Budget) {
        if length == 0 {
            return;
        }
        if self.data.len() as u64 == self.length {
            let kept = budget.take(self.length, length);
            self.data.resize(self.data.len() + kept, 0);
        }
        let at = self.length;
        let full = self.gaps.len() >= MOST_GAPS;
        match self.gaps.last_mut() {
            Some(last) if last.at.saturating_add(last.length) == at => last.length = last.length.saturating_add(length),
            Some(last) if full => last.length = at.saturating_add(length).saturating_sub(last.at),
            _ => self.gaps.push(Gap { at, length }),
        }
        self.length = self.length.saturating_add(length);
    }
}

/// What may still be kept of all messages.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
    /// Of one body.
    body: u64,
}

impl Budget {
    pub(super) fn new(kept: u64, body: u64) -> Self {
        Self { left: kept, body }
    }

    /// How many of the next `wanted` bytes of a body that has `before` already are kept.
    fn take(&mut self, before: u64, wanted: u64) -> usize {
        let kept = wanted.min(self.body.saturating_sub(before)).min(self.left);
        self.left -= kept;
        usize::try_from(kept).unwrap_or(usize::MAX)
    }

    /// What was taken is not kept after all.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes as u64);
    }

    /// Whether a head and what else a message costs is kept.
    pub(super) fn takes(&mut self, cost: usize) -> bool {
        match self.left.checked_sub(cost as u64) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_zeros_and_told() {
        let (mut body, mut budget) = (Body::default(), Budget::new(100, 100));
        body.push(b"ab", &mut budget);
        body.gap(2, &mut budget);
        body.gap(1, &mut budget);
        body.push(b"c", &mut budget);
        assert_eq!((body.data.as_slice(), body.length), (&b"ab\0\0\0c"[..], 6));
        assert_eq!((body.gaps.as_slice(), body.missing()), (&[Gap { at: 2, length: 3 }][..], 3));
        assert!(!body.is_complete() && !body.is_whole());
    }

    #[test]
    fn keeps_no_more_than_it_may_and_counts_the_rest() {
        let (mut body, mut budget) = (Body::default(), Budget::new(10, 4));
        body.push(b"abcdef", &mut budget);
        body.push(b"gh", &mut budget);
        body.gap(u64::MAX, &mut budget);
        assert_eq!((body.data.as_slice(), body.length), (&b"abcd"[..], u64::MAX));
        let mut other = Body::default();
        other.push(b"12345678", &mut Budget::new(6, 100));
        assert_eq!((other.data.len(), other.length, other.is_whole(), other.is_complete()), (6, 8, true, false));
        assert!(budget.takes(6) && !budget.takes(1));
    }

    #[test]
    fn counts_no_more_gaps_than_it_tells() {
        let (mut body, mut budget) = (Body::default(), Budget::new(1 << 20, 1 << 20));
        for _ in 0..2 * MOST_GAPS {
            body.gap(1, &mut budget);
            body.push(b"x", &mut budget);
        }
        assert_eq!(body.gaps.len(), MOST_GAPS);
        assert_eq!(body.gaps.last().map(|gap| gap.at + gap.length), Some(4 * MOST_GAPS as u64 - 1));
    }
}
