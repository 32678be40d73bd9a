//! Bytes from a wire, a file or a process, made harmless for a terminal: nothing in them can act on it.
//!
//! Control characters (C0, DEL, C1) are shown as `\n`, `\x1b`, `\u{9b}`; so are marks that turn the direction of text or
//! hide it (bidi controls, separators, byte order mark) and bytes that are not UTF-8. A backslash is doubled, so that
//! what is shown can be read back.

use crate::wire::utf8;

/// Appends `bytes` to `out`, escaped.
#[inline]
pub fn write(bytes: &[u8], out: &mut Vec<u8>) {
    if is_harmless(bytes) {
        return out.extend_from_slice(bytes);
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let plain = rest.iter().take_while(|byte| PLAIN[usize::from(**byte)]).count();
        out.extend_from_slice(rest.get(..plain).unwrap_or_default());
        rest = rest.get(plain..).unwrap_or_default();
        if !rest.is_empty() {
            let taken = special(rest, out);
            rest = rest.get(taken..).unwrap_or_default();
        }
    }
}

/// Whether bytes are shown as they are, as far as one look tells: they are printable ASCII.
#[inline]
pub fn is_harmless(bytes: &[u8]) -> bool {
    // Without an end before the last byte, many are looked at side by side.
    bytes.iter().fold(true, |plain, byte| plain & matches!(byte, 0x20..=0x7e) & (*byte != b'\\'))
}

/// Appends the first `most` bytes, escaped, and an ellipsis where more follow; no character is cut in two.
pub fn write_cut(bytes: &[u8], most: usize, out: &mut Vec<u8>) {
    let shown = utf8::beginning(bytes, most);
    write(shown, out);
    if shown.len() < bytes.len() {
        out.extend_from_slice("…".as_bytes());
    }
}

/// As [`write_cut`], in quotation marks.
pub fn quote(bytes: &[u8], most: usize, out: &mut Vec<u8>) {
    out.push(b'"');
    write_cut(bytes, most, out);
    out.push(b'"');
}

/// `text` escaped, for messages.
pub fn text(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    write(text.as_bytes(), &mut out);
    // Escaping keeps UTF-8 as it was and adds ASCII.
    String::from_utf8(out).unwrap_or_default()
}

/// ASCII that is shown as it is.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Writes the first character of `bytes`, which is not plain, and tells how many bytes it took.
#[cold]
fn special(bytes: &[u8], out: &mut Vec<u8>) -> usize {
    let first = bytes.first().copied().unwrap_or_default();
    match first {
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        b'\\' => out.extend_from_slice(b"\\\\"),
        0x80.. => {
            if let Some(c) = character(bytes) {
                if acts(c) {
                    out.extend(c.escape_unicode().map(|c| c as u8));
                } else {
                    out.extend_from_slice(bytes.get(..c.len_utf8()).unwrap_or_default());
                }
                return c.len_utf8();
            }
            hex(first, out);
        }
        _ => hex(first, out),
    }
    1
}

fn hex(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[b'\\', b'x', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// The character that `bytes` begin with, if they are UTF-8.
fn character(bytes: &[u8]) -> Option<char> {
    let valid = match std::str::from_utf8(bytes.get(..bytes.len().min(4))?) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
    };
    valid.chars().next()
}

/// Whether a character does something instead of being something.
pub(super) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn shows_what_would_act_on_the_terminal() {
        assert_eq!(escaped(b"a\x1b[2J\x07\r\n\t\\b\x7f"), r"a\x1b[2J\x07\r\n\t\\b\x7f");
        assert_eq!(escaped("\u{9b}31m \u{202e}abc".as_bytes()), r"\u{9b}31m \u{202e}abc");
        assert_eq!(escaped(b"\xff\xc3(\xe2\x82"), r"\xff\xc3(\xe2\x82");
    }

    #[test]
    fn leaves_letters_of_any_script_alone() {
        for text in ["Zdravo, svete!", "Ћао", "ação", "日本", "🙂"] {
            assert_eq!(escaped(text.as_bytes()), text);
        }
    }

    #[test]
    fn cuts_before_it_escapes_and_between_characters() {
        let cut = |bytes: &[u8], most| {
            let mut out = Vec::new();
            quote(bytes, most, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(cut("Ћао".as_bytes(), 6), "\"Ћао\"");
        assert_eq!(cut("Ћао".as_bytes(), 5), "\"Ћа…\"");
        assert_eq!(cut("🙂🙂".as_bytes(), 7), "\"🙂…\"");
        assert_eq!(cut(b"\r\n\r\n", 3), r#""\r\n\r…""#);
        assert_eq!(cut(b"\xe2\x82\xff\xff", 3), r#""\xe2\x82\xff…""#);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_a_control_character(bytes: Vec<u8>) {
            let text = escaped(&bytes);
            proptest::prop_assert!(!text.chars().any(|c| c.is_control() || acts(c)));
        }
    }
}
