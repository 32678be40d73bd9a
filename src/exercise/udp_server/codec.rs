//! The bytes of `udp-server`: bare text, a datagram a message.

use std::net::SocketAddr;

use crate::exercise::text::{address_tuple, bytes_literal};

/// What the client says unless it is told something else.
pub const TEXT: &[u8] = b"Hello world";

/// Bytes that the server's one receive takes at most.
pub const BUFFER: usize = 16;

/// What Python's `recvfrom` returns, as `print` shows it.
pub fn received(bytes: &[u8], from: SocketAddr) -> String {
    format!("({}, {})", bytes_literal(bytes), address_tuple(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_a_datagram_as_python_does() {
        let from = "127.0.0.1:60415".parse().unwrap();
        assert_eq!(received(TEXT, from), "(b'Hello world', ('127.0.0.1', 60415))");
    }

    #[test]
    fn the_text_of_the_course_fits_the_buffer() {
        assert!(TEXT.len() <= BUFFER);
    }
}
