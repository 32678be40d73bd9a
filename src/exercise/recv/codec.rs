//! The bytes of `recv` and `send`: bare text, and nothing between two texts.

/// What the client sends, one text a call.
pub const TEXTS: [&[u8]; 2] = [b"Hey man, what's up?", b"Are you there?"];

/// Bytes that the server's one receive takes at most.
pub const PIECE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_fit_one_receive() {
        assert!(TEXTS.concat().len() <= PIECE);
    }
}
