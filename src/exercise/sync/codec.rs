//! The bytes of `sync`: bare text, no terminators, no lengths; a message is what one receive returns.

/// What the server says before the client has said anything.
pub const GREETING: &[u8] = b"Hello and welcome";

/// What the server answers.
pub const THANKS: &[u8] = b"Thank you";

/// Bytes that one receive takes at most.
pub const PIECE: usize = 256;

/// Why `text` cannot be sent as a message; `None` where it can.
pub fn objection(text: &[u8]) -> Option<&'static str> {
    text.is_empty().then_some("an empty text puts nothing on the wire: both sides would wait for each other for ever")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_fits_one_receive() {
        assert!(GREETING.len() <= PIECE && THANKS.len() <= PIECE);
    }

    #[test]
    fn a_text_of_no_bytes_cannot_be_sent() {
        assert!(objection(b"").is_some());
        assert_eq!(objection(b" "), None);
    }
}
