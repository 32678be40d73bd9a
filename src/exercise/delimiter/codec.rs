//! The bytes of `delimiter`: messages that end at `#`. A `#` cannot be in one.
//!
//! Guarantee: never keeps more than the longest message and one receive.

/// What ends a message.
pub const END: u8 = b'#';

/// A message as it is sent; `Err` says why it cannot be.
pub fn encode(message: &[u8]) -> Result<Vec<u8>, String> {
    match memchr::memchr(END, message) {
        Some(at) => Err(format!("a message cannot hold a #, which ends it: there is one at byte {}", at + 1)),
        None => Ok([message, &[END]].concat()),
    }
}

/// Messages out of a stream, however it is cut.
#[derive(Debug)]
pub struct Messages {
    kept: Vec<u8>,
    /// How far `kept` has been searched for an end.
    searched: usize,
    longest: usize,
}

/// A message longer than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Messages {
    /// Messages of at most `longest` bytes, their ends not counted.
    pub fn new(longest: usize) -> Self {
        Self { kept: Vec::new(), searched: 0, longest }
    }

    /// Takes in what one receive returned.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
    }

    /// The next whole message, without its end.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let rest = self.kept.get(self.searched..).unwrap_or_default();
        let end = memchr::memchr(END, rest).map(|at| at + self.searched);
        if end.unwrap_or(self.kept.len()) > self.longest {
            return Err(TooLong);
        }
        let Some(end) = end else {
            self.searched = self.kept.len();
            return Ok(None);
        };
        let mut message: Vec<u8> = self.kept.drain(..=end).collect();
        message.pop();
        self.searched = 0;
        Ok(Some(message))
    }

    /// What came behind the last end: no message.
    pub fn rest(&self) -> &[u8] {
        &self.kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(messages: &mut Messages) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| messages.next_message().unwrap()).collect()
    }

    #[test]
    fn what_follows_an_end_belongs_to_the_next_message() {
        let mut messages = Messages::new(100);
        messages.feed(b"one##two#thr");
        assert_eq!(all(&mut messages), [&b"one"[..], b"", b"two"]);
        assert_eq!(messages.rest(), b"thr");
        messages.feed(b"ee#");
        assert_eq!(all(&mut messages), [b"three"]);
    }

    #[test]
    fn a_message_with_an_end_in_it_is_not_sent() {
        assert_eq!(encode(b"Hello").unwrap(), b"Hello#");
        assert!(encode(b"a#b").unwrap_err().contains("byte 2"));
    }

    #[test]
    fn a_message_that_is_too_long_is_refused_with_and_without_its_end() {
        for (bytes, refused) in [(&b"1234#"[..], false), (b"1234", false), (b"12345", true), (b"12345#", true)] {
            let mut messages = Messages::new(4);
            messages.feed(bytes);
            assert_eq!(messages.next_message().is_err(), refused, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_messages(
            sent in proptest::collection::vec("[a-z\n]{0,6}", 0..10),
            rest in "[a-z]{0,4}",
            cuts in proptest::collection::vec(1usize..7, 1..30),
        ) {
            let mut bytes: Vec<u8> = sent.iter().flat_map(|text| encode(text.as_bytes()).unwrap()).collect();
            bytes.extend_from_slice(rest.as_bytes());
            let (mut messages, mut heard, mut left) = (Messages::new(6), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                if left.is_empty() {
                    break;
                }
                let (piece, behind) = left.split_at((*cut).min(left.len()));
                messages.feed(piece);
                heard.extend(all(&mut messages));
                left = behind;
            }
            prop_assert_eq!(heard, sent.into_iter().map(String::into_bytes).collect::<Vec<_>>());
            prop_assert_eq!(messages.rest(), rest.as_bytes());
        }
    }
}
