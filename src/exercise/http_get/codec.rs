//! The bytes of `http-get` (RFC 1945 §5, §6): a request, and an answer whose end is the server's close.
//!
//! Guarantee: of the answer the head alone is kept, at most [`LONGEST`] bytes of it; the body is counted.

/// Bytes that a head may have.
pub const LONGEST: usize = 64 * 1024;

/// The request for a path; `Err` says why that cannot be one.
pub fn request(path: &[u8]) -> Result<Vec<u8>, &'static str> {
    if path.first() != Some(&b'/') {
        return Err("a path begins with a slash: /, /index.html");
    }
    if path.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        return Err("a path has neither spaces nor control characters: write %20 for a space");
    }
    Ok([b"GET ", path, b" HTTP/1.0\r\n\r\n"].concat())
}

/// An answer as it comes in.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Status line and headers; with what came behind them until they are known to be whole.
    head: Vec<u8>,
    whole: bool,
    /// Bytes behind the empty line.
    pub body: u64,
}

/// A head of more than [`LONGEST`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Answer {
    /// Takes in what one receive returned.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.whole {
            self.body += bytes.len() as u64;
            return Ok(());
        }
        let seen = self.head.len();
        self.head.extend_from_slice(bytes);
        if let Some((head, body)) = ends(&self.head, seen.saturating_sub(2)) {
            self.body = (self.head.len() - body) as u64;
            self.head.truncate(head);
            self.whole = true;
        }
        if self.head.len() > LONGEST { Err(TooLong) } else { Ok(()) }
    }

    /// Whether the empty line behind the head has come.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Status line and headers, without their line ends.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.head.strip_suffix(b"\n").unwrap_or(&self.head).split(|byte| *byte == b'\n');
        lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Whether it opens as HTTP does.
    pub fn is_http(&self) -> bool {
        self.head.starts_with(b"HTTP/")
    }
}

/// Where the head ends and where the body begins, looked for from `from`. Lines may end with `\n` alone.
fn ends(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    memchr::memchr_iter(b'\n', bytes.get(from..)?).find_map(|at| {
        let behind = from + at + 1;
        match bytes.get(behind..)? {
            [b'\n', ..] => Some((behind, behind + 1)),
            [b'\r', b'\n', ..] => Some((behind, behind + 2)),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(pieces: &[&[u8]]) -> Answer {
        let mut answer = Answer::default();
        pieces.iter().for_each(|piece| answer.feed(piece).unwrap());
        answer
    }

    #[test]
    fn asks_with_two_lines() {
        assert_eq!(request(b"/").unwrap(), b"GET / HTTP/1.0\r\n\r\n");
        assert!(request(b"index.html").is_err());
        assert!(request(b"/ HTTP/1.1\r\nHost: x").is_err(), "a request could be smuggled into the path");
    }

    #[test]
    fn tells_head_from_body_with_both_line_ends() {
        for text in [&b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nTotal 1"[..], b"HTTP/1.1 200 OK\nA: b\n\nTotal 1"] {
            let answer = answer(&[text]);
            assert!(answer.is_whole() && answer.is_http());
            assert_eq!(answer.lines().collect::<Vec<_>>(), [&b"HTTP/1.1 200 OK"[..], b"A: b"]);
            assert_eq!(answer.body, 7);
        }
    }

    #[test]
    fn keeps_a_head_without_end_only_so_long() {
        let mut answer = Answer::default();
        assert_eq!(answer.feed(&[b'x'; LONGEST]), Ok(()));
        assert_eq!(answer.feed(b"x"), Err(TooLong));
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_answer(
            text in "[a\r\n]{0,40}",
            cuts in proptest::collection::vec(1usize..5, 40),
        ) {
            let mut rest = text.as_bytes();
            let mut pieces = Answer::default();
            for cut in cuts {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                pieces.feed(piece).unwrap();
                rest = behind;
            }
            prop_assert_eq!(pieces, answer(&[text.as_bytes()]));
        }
    }
}
