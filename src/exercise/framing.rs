//! Lines out of a stream, from programs that end them and from programs that do not.
//!
//! Ours end with a newline; a student's program often sends none and reads with one receive. So a line ends at `\n` (a
//! `\r` before it goes as well), and what is left after [`QUIET`] of silence, or at the peer's close, is a line too.

use std::time::Duration;

/// After this much silence what has come is taken as a whole message.
pub const QUIET: Duration = Duration::from_millis(200);

/// Bytes that a client takes as one line of the server.
pub const LONGEST_ANSWER: usize = 1 << 20;

/// Bytes received and not yet taken as lines; never more than it is allowed to keep.
#[derive(Debug)]
pub struct Lines {
    kept: Vec<u8>,
    /// How far `kept` has been searched for a line's end.
    searched: usize,
    longest: usize,
    /// A line was given out without its newline: one that follows alone belongs to it.
    owed: bool,
}

impl Lines {
    /// Lines of at most `longest` bytes, their ends not counted.
    pub fn new(longest: usize) -> Self {
        Self { kept: Vec::new(), searched: 0, longest, owed: false }
    }

    /// Takes in what one receive returned.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
    }

    /// The next line that has its end, without it; `Err` where a line is longer than allowed.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        loop {
            let rest = self.kept.get(self.searched..).unwrap_or_default();
            let Some(at) = memchr::memchr(b'\n', rest).map(|at| at + self.searched) else {
                self.searched = self.kept.len();
                // A server of 10,000 clients cannot keep for each what its longest line took.
                self.kept.shrink_to(self.kept.len());
                // A `\r` may be the first half of the line's end.
                return if self.kept.len() > self.longest + 1 { Err(TooLong(self.longest)) } else { Ok(None) };
            };
            let mut line: Vec<u8> = self.kept.drain(..=at).collect();
            self.searched = 0;
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            if std::mem::take(&mut self.owed) && line.is_empty() {
                continue;
            }
            return if line.len() > self.longest { Err(TooLong(self.longest)) } else { Ok(Some(line)) };
        }
    }

    /// What has come without a line's end, taken as a line: after [`QUIET`], or when the peer has closed.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        let mut line = std::mem::take(&mut self.kept);
        self.searched = 0;
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.is_empty() {
            return None;
        }
        self.owed = true;
        Some(line)
    }

    /// Whether something waits for its end.
    pub fn is_pending(&self) -> bool {
        !self.kept.is_empty()
    }
}

/// A line longer than this many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong(pub usize);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(lines: &mut Lines) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| lines.next_line().unwrap()).collect()
    }

    #[test]
    fn a_newline_with_or_without_carriage_return_ends_a_line() {
        let mut lines = Lines::new(100);
        lines.feed(b"one\r\n\ntwo\nthr");
        assert_eq!(all(&mut lines), [&b"one"[..], b"", b"two"]);
        assert!(lines.is_pending());
        assert_eq!(lines.rest().unwrap(), b"thr");
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn a_newline_that_comes_late_belongs_to_the_line_already_taken() {
        let mut lines = Lines::new(100);
        lines.feed(b"125");
        assert_eq!(lines.rest().unwrap(), b"125");
        lines.feed(b"\n351\n\n");
        assert_eq!(all(&mut lines), [&b"351"[..], b""]);
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let mut lines = Lines::new(4);
        lines.feed(b"12345");
        assert_eq!(lines.next_line(), Ok(None), "the fifth may be a carriage return");
        lines.feed(b"6");
        assert_eq!(lines.next_line(), Err(TooLong(4)));
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_lines(
            sent in proptest::collection::vec("[a-z\r]{0,5}", 0..8),
            cuts in proptest::collection::vec(1usize..6, 1..40),
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
            let mut whole = Lines::new(100);
            whole.feed(&bytes);
            let expected = all(&mut whole);
            prop_assert_eq!(expected.len(), sent.len());

            let (mut pieces, mut heard, mut rest) = (Lines::new(100), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                pieces.feed(piece);
                heard.extend(all(&mut pieces));
                rest = behind;
            }
            prop_assert_eq!(heard, expected);
        }
    }
}
