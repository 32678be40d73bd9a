//! Transfer encodings undone (RFC 2045 §6.7, §6.8): as much of them as can be, and where the first fault is.

use std::borrow::Cow;

/// The first fault of an encoded body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Of the byte in the encoded body, from 0.
    pub at: usize,
    pub why: &'static str,
}

/// The number that a character of base64 stands for.
fn sextet(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Base64 undone. What is no character of it is passed over; it ends with `=`, or with the bytes.
pub fn base64(encoded: &[u8]) -> (Cow<'_, [u8]>, Option<Broken>) {
    let mut data = Vec::with_capacity(encoded.len() / 4 * 3);
    let mut broken = None;
    let mut fault = |at, why| {
        broken.get_or_insert(Broken { at, why });
    };
    let (mut bits, mut count, mut padding) = (0u32, 0, 0);
    for (at, byte) in encoded.iter().enumerate() {
        match sextet(*byte) {
            _ if matches!(byte, b'\r' | b'\n' | b' ' | b'\t') => {}
            None if *byte == b'=' && (2..4).contains(&(count + padding)) => padding += 1,
            None => fault(at, "no character of base64"),
            Some(_) if padding > 0 => {
                fault(at, "more behind the end");
                break;
            }
            Some(number) => {
                (bits, count) = (bits << 6 | number, count + 1);
                if count == 4 {
                    data.extend_from_slice(bits.to_be_bytes().get(1..).unwrap_or_default());
                    (bits, count) = (0, 0);
                }
            }
        }
    }
    // The last group has a byte or two.
    let [_, first, second, _] = (bits << (6 * (4 - count.min(4)))).to_be_bytes();
    match count {
        2 => data.push(first),
        3 => data.extend_from_slice(&[first, second]),
        _ => {}
    }
    match (count, padding) {
        (0, 0) | (2, 2) | (3, 1) => {}
        (1, _) => fault(encoded.len(), "the last group has one character: cut off"),
        _ => fault(encoded.len(), "the last group is not filled up with =: cut off"),
    }
    (Cow::Owned(data), broken)
}

/// Quoted-printable undone: `=` and two digits are a byte, `=` at a line's end takes the line end away, blanks there
/// were added on the way. An `=` with anything else behind it stands for itself.
pub fn quoted_printable(encoded: &[u8]) -> (Cow<'_, [u8]>, Option<Broken>) {
    let mut data = Vec::with_capacity(encoded.len());
    let mut broken = None;
    let mut at = 0;
    for line in encoded.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let end = line.get(bare.len()..).unwrap_or_default();
        let text = bare.trim_ascii_end();
        let (text, goes_on) = text.strip_suffix(b"=").map_or((text, false), |text| (text, true));
        let mut rest = text;
        while let Some((byte, behind)) = rest.split_first() {
            let digits = behind.first_chunk::<2>().filter(|_| *byte == b'=');
            let written = digits.and_then(|[high, low]| Some(hex(*high)? << 4 | hex(*low)?));
            match written {
                Some(written) => {
                    data.push(written);
                    rest = behind.get(2..).unwrap_or_default();
                }
                None => {
                    if *byte == b'=' {
                        let at = at + text.len() - rest.len();
                        broken.get_or_insert(Broken { at, why: "= without two digits behind it" });
                    }
                    data.push(*byte);
                    rest = behind;
                }
            }
        }
        if !goes_on {
            data.extend_from_slice(end);
        }
        at += line.len();
    }
    (Cow::Owned(data), broken)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|number| u8::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undoes_base64_and_says_where_it_is_broken() {
        let of = |text: &str| {
            let (data, broken) = base64(text.as_bytes());
            (data.into_owned(), broken.map(|broken| broken.at))
        };
        assert_eq!(of("AQIDzg=="), (vec![1, 2, 3, 0xce], None));
        assert_eq!(of("AQID\r\nzgE=\r\n"), (vec![1, 2, 3, 0xce, 1], None));
        assert_eq!(of(""), (vec![], None));
        assert_eq!(of("AQ*ID"), (vec![1, 2, 3], Some(2)));
        assert_eq!(of("AQIDzg"), (vec![1, 2, 3, 0xce], Some(6)));
        assert_eq!(of("AQIDz"), (vec![1, 2, 3], Some(5)));
        assert_eq!(of("AQ==AQID"), (vec![1], Some(4)));
        assert_eq!(of("="), (vec![], Some(0)));
        assert_eq!(of("===="), (vec![], Some(0)));
    }

    #[test]
    fn undoes_quoted_printable_and_says_where_it_is_broken() {
        let of = |text: &str| {
            let (data, broken) = quoted_printable(text.as_bytes());
            (String::from_utf8_lossy(&data).into_owned(), broken.map(|broken| broken.at))
        };
        assert_eq!(of("=C5=BDuta =\r\nknjiga=20\r\n"), ("Žuta knjiga \r\n".into(), None));
        assert_eq!(of("=c5=bd\nx"), ("Ž\nx".into(), None));
        assert_eq!(of("blanks behind  \r\nit"), ("blanks behind\r\nit".into(), None));
        assert_eq!(of("a\r\n=zz and =4"), ("a\r\n=zz and =4".into(), Some(3)));
        assert_eq!(of("cut off="), ("cut off".into(), None));
    }
}
