//! The bytes of `udp-peers`: bare text, a datagram a line.

/// The ports on which the two peers hear.
pub const FIRST: u16 = 8005;
pub const SECOND: u16 = 8006;

/// Bytes that a receive takes at most.
pub const BUFFER: usize = 1024;

/// Why `line` is not sent; `None` where it is.
pub fn objection(line: &[u8]) -> Option<&'static str> {
    (line.len() > BUFFER).then_some("a line of more than 1024 bytes would be cut by the other peer's receive")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_would_be_cut_is_not_sent() {
        assert_eq!(objection(&[b'x'; BUFFER]), None);
        assert!(objection(&[b'x'; BUFFER + 1]).is_some());
    }

    #[test]
    fn the_peers_hear_on_different_ports() {
        assert_ne!(FIRST, SECOND);
    }
}
