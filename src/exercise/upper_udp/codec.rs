//! The datagrams of `upper-udp`: text of at most 1024 bytes, with or without NULs behind it.
//!
//! Trap: a Java client sends its whole buffer of 1024 bytes, of which the text is the beginning.

use crate::exercise::upper::capitals;

/// Bytes that a datagram may have, and that one receive takes.
pub const MOST: usize = 1024;

/// The text of a datagram: what stands before the NULs at its end.
pub fn text(datagram: &[u8]) -> &[u8] {
    let end = datagram.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &datagram[..end]
}

/// What the server answers: the text in capitals, padded to the same length where it came padded. `cut`: the buffer
/// did not hold all of the datagram.
pub fn answer(datagram: &[u8], cut: bool) -> Vec<u8> {
    let text = text(datagram);
    let whole = if cut { without_half_a_character(text) } else { text };
    let mut answer = capitals(whole).into_bytes();
    if text.len() < datagram.len() {
        answer.resize(datagram.len().max(answer.len()), 0);
    }
    answer
}

/// What a client sends that sends its whole buffer.
pub fn padded(text: &[u8]) -> Vec<u8> {
    let mut datagram = text.to_vec();
    datagram.resize(MOST.max(text.len()), 0);
    datagram
}

/// The text up to its last whole character: half of one would make ISO 8859-1 of all of it.
fn without_half_a_character(text: &[u8]) -> &[u8] {
    match std::str::from_utf8(text) {
        Err(error) if error.error_len().is_none() => &text[..error.valid_up_to()],
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_what_came_in_capitals() {
        assert_eq!(answer(b"hello", false), b"HELLO");
        assert_eq!(answer("grüße".as_bytes(), false), "GRÜSSE".as_bytes());
        assert_eq!(answer(b"", false), b"");
    }

    #[test]
    fn a_padded_buffer_is_answered_by_a_padded_buffer() {
        let answer = answer(&padded(b"hello"), false);
        assert_eq!((answer.len(), text(&answer)), (1024, &b"HELLO"[..]));
        assert_eq!(text(&[0; 1024]), b"");
        assert_eq!(text(b"a\0b\0"), b"a\0b", "a NUL within the text is no padding");
    }

    #[test]
    fn a_character_that_the_buffer_cut_is_left_out() {
        let long = "ä".repeat(600);
        assert_eq!(answer(&long.as_bytes()[..MOST - 1], true), "Ä".repeat(511).as_bytes());
        assert_eq!(answer(b"\xe4", true), b"", "it may be the first half of anything");
        assert_eq!(answer(b"\xe4x", true), "ÄX".as_bytes());
    }

    proptest! {
        #[test]
        fn padding_changes_the_length_and_not_the_text(text in "[a-zäß]{0,500}") {
            let bare = answer(text.as_bytes(), false);
            let from_padded = answer(&padded(text.as_bytes()), false);
            prop_assert_eq!(super::text(&from_padded), &bare[..]);
            prop_assert!(from_padded.len() >= MOST);
        }

        #[test]
        fn any_datagram_is_answered(datagram: Vec<u8>, cut: bool) {
            let _ = answer(&datagram, cut);
        }
    }
}
