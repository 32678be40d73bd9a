//! Text of which only the beginning is taken: no character of UTF-8 (RFC 3629) is cut in two.

/// At most the first `most` bytes of a text, without the character that would be cut in two. Bytes that are no UTF-8
/// are cut anywhere.
#[inline]
pub fn beginning(text: &[u8], most: usize) -> &[u8] {
    match text.split_at_checked(most) {
        Some((shown, [behind, ..])) if continues(*behind) => whole(shown),
        Some((shown, _)) => shown,
        None => text,
    }
}

/// Whether a byte stands in a character behind its first byte.
fn continues(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Without the character at the end that is not whole.
#[cold]
fn whole(shown: &[u8]) -> &[u8] {
    // A character has at most four bytes.
    let tail = shown.len().saturating_sub(3);
    let begins = shown.iter().skip(tail).rposition(|byte| !continues(*byte)).map(|at| tail + at);
    let cut = begins.and_then(|begins| shown.split_at_checked(begins));
    match cut.map(|(before, character)| (before, std::str::from_utf8(character))) {
        Some((before, Err(error))) if error.error_len().is_none() => before,
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_cut_in_two() {
        for text in ["Zdravo, svete!", "Ћао свете", "ação", "日本語", "🙂a🙂", "a\u{301}"] {
            for most in 0..=text.len() + 2 {
                let shown = std::str::from_utf8(beginning(text.as_bytes(), most)).expect("whole characters");
                assert!(text.starts_with(shown) && shown.len() <= most);
                let next = text[shown.len()..].chars().next().map_or(0, char::len_utf8);
                assert!(shown.len() == text.len() || shown.len() + next > most, "{text} {most}: as many as fit");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_cut_where_they_are_to_be() {
        assert_eq!(beginning(b"caf\xe9 x", 4), b"caf\xe9");
        assert_eq!(beginning(b"\x80\x80\x80\x80\x80", 4), b"\x80\x80\x80\x80");
        assert_eq!(beginning(b"\xff\x80\x80", 2), b"\xff\x80");
        assert_eq!(beginning("\u{ff}".repeat(9).as_bytes(), 3), "\u{ff}".as_bytes());
        assert_eq!(beginning(&[b"\xff", "Ћ".as_bytes()].concat(), 2), b"\xff", "what lies before is no UTF-8");
    }
}
