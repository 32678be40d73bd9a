//! Bytes that are meant as text, and values as the course's programs print them: in the notation of Python.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::SocketAddr;

/// The text that a peer meant: UTF-8, and where it is not, ISO 8859-1, in which every byte is a character.
///
/// Never fails; may hold control characters, so escape it before a terminal.
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

/// Bytes as Python writes them: `b'Hello\n'`, `b"Hey man, what's up?"`. Printable ASCII only.
pub fn bytes_literal(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut literal = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\n' => literal.push_str("\\n"),
            b'\r' => literal.push_str("\\r"),
            b'\t' => literal.push_str("\\t"),
            b'\\' => literal.push_str("\\\\"),
            b'\'' if quote == '\'' => literal.push_str("\\'"),
            0x20..0x7f => literal.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => _ = write!(literal, "\\x{byte:02x}"),
        }
    }
    literal.push(quote);
    literal
}

/// Text in quotation marks for a message: what is not printable escaped, cut after 40 characters.
pub fn quoted(bytes: &[u8]) -> String {
    let text = text_of(bytes);
    let beginning: String = text.chars().take(40).collect();
    let rest = if beginning.len() < text.len() { "..." } else { "" };
    format!("{beginning:?}{rest}")
}

/// How many bytes, and which: `3 bytes b'abc'`; of many only the first are shown.
pub fn sized_literal(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let unit = if bytes.len() == 1 { "byte" } else { "bytes" };
    match bytes.get(..SHOWN) {
        Some(first) if bytes.len() > SHOWN => format!("{} {unit} {}...", bytes.len(), bytes_literal(first)),
        _ => format!("{} {unit} {}", bytes.len(), bytes_literal(bytes)),
    }
}

/// An address as Python's socket module gives it: `('127.0.0.1', 54321)`, `('::1', 54321, 0, 0)`.
pub fn address_tuple(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => format!("('{}', {})", address.ip(), address.port()),
        SocketAddr::V6(address) => {
            format!("('{}', {}, {}, {})", address.ip(), address.port(), address.flowinfo(), address.scope_id())
        }
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

    #[test]
    fn quotes_the_beginning_of_a_long_text_and_escapes_it() {
        assert_eq!(quoted(b"a\x1b[0m"), r#""a\u{1b}[0m""#);
        assert_eq!(quoted(&[b'x'; 1000]), format!("\"{}\"...", "x".repeat(40)));
    }

    #[test]
    fn writes_bytes_as_python_does() {
        assert_eq!(bytes_literal(b"Hello, world"), "b'Hello, world'");
        assert_eq!(bytes_literal(b"Hey man, what's up?"), "b\"Hey man, what's up?\"");
        assert_eq!(bytes_literal(b"'\""), r#"b'\'"'"#);
        assert_eq!(bytes_literal("é\n\t\r\\\0\x1b".as_bytes()), r"b'\xc3\xa9\n\t\r\\\x00\x1b'");
    }

    #[test]
    fn shows_how_many_bytes_and_the_first_of_many() {
        assert_eq!(sized_literal(b"#"), "1 byte b'#'");
        assert_eq!(sized_literal(b""), "0 bytes b''");
        assert_eq!(sized_literal(&[b'x'; 65]), format!("65 bytes b'{}'...", "x".repeat(64)));
    }

    #[test]
    fn writes_addresses_as_python_does() {
        assert_eq!(address_tuple("127.0.0.1:54321".parse().unwrap()), "('127.0.0.1', 54321)");
        assert_eq!(address_tuple("[::1]:54321".parse().unwrap()), "('::1', 54321, 0, 0)");
    }
}
