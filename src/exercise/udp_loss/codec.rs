//! The bytes of `udp-loss`: `N text`, a number from 1 in decimal digits, a space, and any text.

/// A datagram of the exercise.
pub fn encode(number: u64, text: &[u8]) -> Vec<u8> {
    let mut bytes = number.to_string().into_bytes();
    bytes.push(b' ');
    bytes.extend_from_slice(text);
    bytes
}

/// Number and text of a datagram; `None` where it does not open with a number from 1. The text, with the space before
/// it, may be missing; a line's end behind a bare number is no part of it.
pub fn decode(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at_checked(digits)?;
    let text = match rest {
        b"" | b"\n" | b"\r\n" => b"",
        rest => rest.strip_prefix(b" ")?,
    };
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (number > 0).then_some((number, text))
}

/// Numbers as a person writes them: `3, 17-18, 40`; of many the first ones, and `...`. Sorted, each once.
pub fn ranges(numbers: impl IntoIterator<Item = u64>) -> String {
    const MOST: usize = 12;
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut more = false;
    for number in numbers {
        let length = ranges.len();
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ if length == MOST => {
                more = true;
                break;
            }
            _ => ranges.push((number, number)),
        }
    }
    let mut words: Vec<String> = ranges
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    if more {
        words.push("...".to_owned());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_a_number_and_the_text_behind_it() {
        assert_eq!(decode(b"7 Hello world"), Some((7, &b"Hello world"[..])));
        assert_eq!(decode(b"12"), Some((12, &b""[..])));
        assert_eq!(decode(b"12\r\n"), Some((12, &b""[..])));
        for wrong in [&b""[..], b"0 x", b" 1 x", b"-1 x", b"1x", b"x", b"99999999999999999999 x", b"\xff"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn writes_neighbours_as_a_range_and_many_in_short() {
        assert_eq!(ranges([3, 17, 18, 40]), "3, 17-18, 40");
        assert_eq!(ranges([]), "");
        assert!(ranges((0..40).map(|n| 2 * n)).ends_with("20, 22, ..."));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(number in 1u64.., text in any::<Vec<u8>>()) {
            let encoded = encode(number, &text);
            prop_assert_eq!(decode(&encoded), Some((number, text.as_slice())));
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes in any::<Vec<u8>>()) {
            let _ = decode(&bytes);
        }
    }
}
