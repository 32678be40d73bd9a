//! The bytes of `reassembly`: a sentence over and over, up to the length that was asked for; its end is the close.

const SENTENCE: &[u8] = b"TCP carries a stream of bytes, and not one message. ";

/// The bytes from `at` on, at most `most`, of a message of `length` bytes.
pub fn piece(length: u64, at: u64, most: usize) -> Vec<u8> {
    let left = usize::try_from(length.saturating_sub(at)).unwrap_or(usize::MAX);
    let into = usize::try_from(at % SENTENCE.len() as u64).unwrap_or_default();
    SENTENCE.iter().cycle().skip(into).take(left.min(most)).copied().collect()
}

/// Pieces joined into a message, of which only so much is kept; the rest is counted.
#[derive(Debug)]
pub struct Joined {
    pub kept: Vec<u8>,
    most: usize,
    pub pieces: u64,
    pub length: u64,
}

impl Joined {
    pub fn new(most: usize) -> Self {
        Self { kept: Vec::new(), most, pieces: 0, length: 0 }
    }

    /// Takes in what one receive returned.
    pub fn feed(&mut self, piece: &[u8]) {
        let room = self.most.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(piece.get(..room).unwrap_or(piece));
        self.pieces += 1;
        self.length += piece.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_too_long_to_be_kept_is_counted() {
        let mut joined = Joined::new(5);
        for piece in [&b"abc"[..], b"def", b"ghi"] {
            joined.feed(piece);
        }
        assert_eq!((joined.kept.as_slice(), joined.pieces, joined.length), (&b"abcde"[..], 3, 9));
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_message(length in 0u64..300, size in 1usize..80) {
            let mut joined = Joined::new(1000);
            while joined.length < length {
                joined.feed(&piece(length, joined.length, size));
            }
            prop_assert_eq!(joined.kept, piece(length, 0, 1000));
            prop_assert_eq!(joined.length, length);
            prop_assert_eq!(joined.pieces, length.div_ceil(size as u64));
        }
    }
}
