//! Base64 (RFC 4648 §4, with padding): how bytes stand in a line of text.
//!
//! Guarantee: bytes are written in one way only, and read in no other.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends the bytes as text.
pub fn write(bytes: &[u8], text: &mut String) {
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place)) as usize & 63;
            let letter = ALPHABET.get(six).filter(|_| place <= group.len());
            text.push(letter.map_or('=', |letter| char::from(*letter)));
        }
    }
}

/// The bytes that the text stands for.
pub fn read(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.as_bytes().chunks(4) {
        let letters = group.iter().take_while(|letter| **letter != b'=').count();
        let mut bits = 0;
        for letter in group.get(..letters)? {
            bits = bits << 6 | ALPHABET.iter().position(|known| known == letter)?;
        }
        bits <<= 6 * (4 - letters);
        let [_, group @ ..] = u32::try_from(bits).ok()?.to_be_bytes();
        bytes.extend_from_slice(group.get(..letters.checked_sub(1)?)?);
    }
    // Wrong padding, and bits that stand for nothing, are not what would have been written.
    let mut again = String::with_capacity(text.len());
    write(&bytes, &mut again);
    (again == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn knows_the_vectors_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            let mut written = String::new();
            write(bytes.as_bytes(), &mut written);
            assert_eq!(written, text);
            assert_eq!(read(text).as_deref(), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn reads_nothing_that_it_would_not_write() {
        for text in
            ["Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9", "Zm9v=", "====", "=Zg=", "Zg==Zg==", "Zm 9v", "Zm9\u{fc}"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_it_wrote(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut text = String::new();
            write(&bytes, &mut text);
            prop_assert_eq!(read(&text), Some(bytes));
        }

        #[test]
        fn what_it_reads_it_writes_in_the_same_way(text in "[A-Da-d0-3+/=]{0,12}") {
            if let Some(bytes) = read(&text) {
                let mut again = String::new();
                write(&bytes, &mut again);
                prop_assert_eq!(again, text);
            }
        }
    }
}
