//! The text of `upper` and `upper-udp`: answered in capitals, as Unicode has them.

use crate::exercise::text_of;

/// The text in capitals, in UTF-8. It may be longer than what came: `ß` becomes `SS`.
pub fn capitals(text: &[u8]) -> String {
    text_of(text).to_uppercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exercise::framing::Lines;

    #[test]
    fn capitals_are_those_of_unicode() {
        assert_eq!(capitals(b"hello"), "HELLO");
        assert_eq!(capitals("grüße, čaša, ŉ".as_bytes()), "GRÜSSE, ČAŠA, ʼN");
        assert_eq!(capitals(b"gr\xfc\xdfe"), "GRÜSSE", "what Java's writeBytes makes of it is ISO 8859-1");
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_capitals(
            sent in proptest::collection::vec("[a-zäß ]{0,5}", 0..8),
            cut in 1usize..8,
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
            let (mut lines, mut answers) = (Lines::new(100), Vec::new());
            for piece in bytes.chunks(cut) {
                lines.feed(piece);
                while let Some(line) = lines.next_line().unwrap() {
                    answers.push(capitals(&line));
                }
            }
            prop_assert_eq!(answers, sent.iter().map(|line| line.to_uppercase()).collect::<Vec<_>>());
        }
    }
}
