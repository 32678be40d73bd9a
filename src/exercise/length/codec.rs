//! The bytes of `length`: a 32-bit length, big-endian, then so many bytes.
//!
//! Guarantee: keeps what has come and no more; an announced length reserves nothing.

/// Bytes of a length.
pub const HEADER: usize = 4;

/// A message as it is sent; `Err` where its length does not fit the header.
pub fn encode(message: &[u8]) -> Result<Vec<u8>, String> {
    let length = u32::try_from(message.len()).map_err(|_| "a message has at most 4294967295 bytes".to_owned())?;
    Ok([&length.to_be_bytes(), message].concat())
}

/// Messages out of a stream, however it is cut.
#[derive(Debug)]
pub struct Messages {
    kept: Vec<u8>,
    longest: usize,
}

/// The length that was announced, and is more than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong(pub u32);

impl Messages {
    /// Messages of at most `longest` bytes, their headers not counted.
    pub fn new(longest: usize) -> Self {
        Self { kept: Vec::new(), longest }
    }

    /// Takes in what one receive returned.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
    }

    /// The next whole message. A length that is too much is refused as soon as it is there.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let Some((header, behind)) = self.kept.split_first_chunk::<HEADER>() else { return Ok(None) };
        let announced = u32::from_be_bytes(*header);
        let length = usize::try_from(announced).unwrap_or(usize::MAX);
        if length > self.longest {
            return Err(TooLong(announced));
        }
        if behind.len() < length {
            return Ok(None);
        }
        let mut message: Vec<u8> = self.kept.drain(..HEADER + length).collect();
        message.drain(..HEADER);
        Ok(Some(message))
    }

    /// What came behind the last whole message.
    pub fn rest(&self) -> &[u8] {
        &self.kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_length_is_big_endian_and_counts_the_message_only() {
        assert_eq!(encode(b"Hello").unwrap(), b"\0\0\0\x05Hello");
        assert_eq!(encode(&[0; 258]).unwrap()[..4], [0, 0, 1, 2]);
        assert_eq!(encode(b"").unwrap(), [0; 4]);
    }

    #[test]
    fn an_announced_length_over_the_limit_is_refused_with_its_header_and_reserves_nothing() {
        let mut messages = Messages::new(1 << 20);
        messages.feed(&[0xff, 0xff, 0xff]);
        assert_eq!(messages.next_message(), Ok(None));
        messages.feed(&[0xff]);
        assert_eq!(messages.next_message(), Err(TooLong(u32::MAX)));
        assert!(messages.kept.capacity() < 64);
    }

    #[test]
    fn an_announced_length_within_the_limit_reserves_nothing_either() {
        let mut messages = Messages::new(1 << 20);
        messages.feed(&encode(&[0; 1 << 20]).unwrap()[..8]);
        assert_eq!(messages.next_message(), Ok(None));
        assert!(messages.kept.capacity() < 64);
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_messages(
            sent in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..10),
            rest in 0usize..4,
            cuts in proptest::collection::vec(1usize..9, 1..30),
        ) {
            let mut bytes: Vec<u8> = sent.iter().flat_map(|message| encode(message).unwrap()).collect();
            bytes.extend_from_slice(&[0, 0, 0, 9][..rest]);
            let (mut messages, mut heard, mut left) = (Messages::new(8), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                if left.is_empty() {
                    break;
                }
                let (piece, behind) = left.split_at((*cut).min(left.len()));
                messages.feed(piece);
                while let Some(message) = messages.next_message().unwrap() {
                    heard.push(message);
                }
                left = behind;
            }
            prop_assert_eq!(heard, sent);
            prop_assert_eq!(messages.rest().len(), rest);
        }

        #[test]
        fn never_keeps_more_than_a_message_and_a_receive(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..20), 0..50),
        ) {
            let mut messages = Messages::new(300);
            for piece in pieces {
                messages.feed(&piece);
                while let Ok(Some(_)) = messages.next_message() {}
                if messages.next_message().is_err() {
                    break;
                }
                prop_assert!(messages.rest().len() < HEADER + 300);
            }
        }
    }
}
