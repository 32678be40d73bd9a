//! A text that ends with a single dot on a line, whose own lines that begin with a dot have two (RFC 5321 §4.5.2,
//! RFC 1939 §3).
//!
//! Trap: only CR LF ends a line. A lone LF does so where the text had no CR LF before: then its sender has no other.

use super::body::{Body, Budget};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    LineStart,
    /// Behind a dot at the start of a line, and behind the CR behind it.
    Dot,
    DotReturn,
    Middle,
}

/// Where in such a text the bytes so far end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dotted {
    state: State,
    /// The byte before is a CR.
    after_return: bool,
    /// A line ended with CR LF.
    lines_are_proper: bool,
}

impl Dotted {
    /// Adds bytes to the text up to its end; how many of them were used, and whether it ended.
    pub(super) fn read(&mut self, data: &[u8], body: &mut Body, budget: &mut Budget) -> (usize, bool) {
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            let first = rest.first().copied().unwrap_or_default();
            match self.state {
                State::LineStart if first == b'.' => {
                    self.state = State::Dot;
                    at += 1;
                }
                State::LineStart => self.state = State::Middle,
                State::Dot if first == b'\r' => {
                    self.state = State::DotReturn;
                    at += 1;
                }
                State::Dot if first == b'\n' && !self.lines_are_proper => return (at + 1, true),
                // The dot was doubled.
                State::Dot => self.state = State::Middle,
                State::DotReturn if first == b'\n' => return (at + 1, true),
                State::DotReturn => {
                    body.push(b"\r", budget);
                    (self.state, self.after_return) = (State::Middle, true);
                }
                State::Middle => {
                    let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
                    let line = rest.get(..length).unwrap_or(rest);
                    body.push(line, budget);
                    at += length;
                    self.end_line(line);
                }
            }
        }
        (at, false)
    }

    /// Notes what the line is that was read to its end, or as far as there is.
    fn end_line(&mut self, line: &[u8]) {
        let proper = match line {
            [.., b'\r', b'\n'] => true,
            [b'\n'] => self.after_return,
            _ => false,
        };
        self.after_return = line.last() == Some(&b'\r');
        if proper || line.last() == Some(&b'\n') && !self.lines_are_proper {
            self.lines_are_proper |= proper;
            self.state = State::LineStart;
        }
    }

    /// Bytes are missing here: the next line is the first that is known to be one.
    pub(super) fn gap(&mut self) {
        (self.state, self.after_return) = (State::Middle, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a text is, how many bytes lie behind it and whether it ended; the same however it is cut.
    fn read(text: &[u8]) -> (Vec<u8>, usize, bool) {
        let whole = cut(text, text.len().max(1));
        for size in 1..text.len() {
            assert_eq!(cut(text, size), whole, "cut into pieces of {size}");
        }
        whole
    }

    fn cut(text: &[u8], size: usize) -> (Vec<u8>, usize, bool) {
        let (mut dotted, mut body, mut budget) = (Dotted::default(), Body::default(), Budget::new(1 << 20, 1 << 20));
        let mut used = 0;
        for piece in text.chunks(size) {
            let (length, ended) = dotted.read(piece, &mut body, &mut budget);
            used += length;
            if ended {
                return (body.data, text.len() - used, true);
            }
        }
        (body.data, 0, false)
    }

    #[test]
    fn ends_with_a_single_dot_and_halves_doubled_ones() {
        assert_eq!(read(b"Hi\r\n..\r\n...x\r\nb.c\r\n.\r\nQUIT\r\n"), (b"Hi\r\n.\r\n..x\r\nb.c\r\n".to_vec(), 6, true));
        assert_eq!(read(b".\r\n"), (b"".to_vec(), 0, true));
        assert_eq!(read(b".\rx\r\n.\r\n"), (b"\rx\r\n".to_vec(), 0, true));
        assert_eq!(read(b"not over"), (b"not over".to_vec(), 0, false));
    }

    #[test]
    fn a_lone_line_feed_ends_lines_only_where_there_is_nothing_better() {
        assert_eq!(read(b"a\n..b\n.\nQUIT\n"), (b"a\n.b\n".to_vec(), 5, true));
        assert_eq!(read(b"a\r\nb\n.\nc\r\n.\r\n"), (b"a\r\nb\n.\nc\r\n".to_vec(), 0, true));
        assert_eq!(read(b"a\r\n.\nb\r\n.\r\n"), (b"a\r\n\nb\r\n".to_vec(), 0, true));
    }
}
