//! Bytes that are meant as text: UTF-8, and where they are not, ISO 8859-1, in which every byte is a character.

use std::borrow::Cow;

/// The text that a peer meant. Never fails; may hold control characters, so escape it before a terminal.
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_not_utf8_as_iso_8859_1() {
        assert_eq!(text_of(b"Gr\xfc\xdfe"), "Grüße");
        assert_eq!(text_of("Grüße".as_bytes()), "Grüße");
    }
}
