//! Lines of a stream, whole, however they lie in segments.

use super::{Bytes, Place};

/// A longer line is cut here.
const LONGEST: usize = 8 << 10;

/// A line with its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub text: Vec<u8>,
    pub place: Place,
}

/// The line that is being read.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Option<Line>,
}

impl Lines {
    /// Reads up to the end of a line: how many bytes were used, and the line where it is whole.
    pub(super) fn read(&mut self, rest: &Bytes<'_>) -> (usize, Option<Line>) {
        let end = memchr::memchr(b'\n', rest.data);
        let used = end.map_or(rest.data.len(), |end| end + 1);
        let now = rest.split(used).0;
        let mut line = self.line.take().unwrap_or_else(|| Line { text: Vec::new(), place: Place::of(&now) });
        line.place.extend(&now);
        let room = LONGEST.saturating_sub(line.text.len());
        line.text.extend_from_slice(now.data.get(..room).unwrap_or(now.data));
        match end {
            Some(_) => (used, Some(line)),
            None => {
                self.line = Some(line);
                (used, None)
            }
        }
    }

    /// Bytes are missing here: what was read of a line does not count.
    pub(super) fn begin_anew(&mut self) {
        self.line = None;
    }
}
