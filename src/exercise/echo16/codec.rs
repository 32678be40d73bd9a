//! The bytes of `echo16`: a stream without messages, taken 16 bytes at a time.

/// What the client says.
pub const TEXT: &[u8] = b"This is the message.";

/// Bytes that one receive takes at most, on both sides.
pub const PIECE: usize = 16;

/// What comes back of a text, and when it is all there: the client knows how much it sent.
#[derive(Debug)]
pub struct Awaited {
    bytes: usize,
}

impl Awaited {
    /// `bytes` were sent.
    pub fn new(bytes: usize) -> Self {
        Self { bytes }
    }

    /// Bytes to ask the next receive for; `None` once all is there.
    pub fn next(&self) -> Option<usize> {
        (self.bytes > 0).then(|| self.bytes.min(PIECE))
    }

    /// Takes what one receive returned.
    pub fn feed(&mut self, piece: &[u8]) {
        self.bytes = self.bytes.saturating_sub(piece.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn twenty_bytes_take_two_receives() {
        let mut awaited = Awaited::new(TEXT.len());
        assert_eq!(awaited.next(), Some(16));
        awaited.feed(b"This is the mess");
        assert_eq!(awaited.next(), Some(4));
        awaited.feed(b"age.");
        assert_eq!(awaited.next(), None);
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_is_all_there_at_its_last_byte(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            cuts in proptest::collection::vec(1usize..40, 1..40),
        ) {
            let (mut awaited, mut rest, mut heard) = (Awaited::new(bytes.len()), &bytes[..], Vec::new());
            for cut in cuts.iter().cycle() {
                let Some(most) = awaited.next() else { break };
                let (piece, behind) = rest.split_at((*cut).min(most).min(rest.len()));
                awaited.feed(piece);
                heard.extend_from_slice(piece);
                rest = behind;
            }
            prop_assert_eq!(heard, bytes);
        }
    }
}
