//! The bytes of `udp-messages`: bare text, a datagram a message.

use crate::exercise::text::bytes_literal;

/// What the client says unless it is told something else.
pub const TEXT: &[u8] = b"Hello, World!";

/// Bytes that the server's receives take at most.
pub const BUFFER: usize = 1024;

/// What the server prints for a datagram.
pub fn received(bytes: &[u8]) -> String {
    format!("received message: {}", bytes_literal(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_a_message_as_the_course_does() {
        assert_eq!(received(TEXT), "received message: b'Hello, World!'");
    }
}
