//! What a body is once its codings are undone: gzip and deflate (RFC 9110 §8.4.1, RFC 9112 §7.2), bounded.
//!
//! Trap: a thousand bytes of gzip may be a million of zeros; decoding ends at the limit and says so. `deflate` is zlib
//! (RFC 1950) by the RFC and bare deflate (RFC 1951) by some servers: both are read.

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::body::{Body, Gap};
use crate::wire::http as head;

/// Codings one inside the other that are undone.
const MOST_CODINGS: usize = 4;

/// Why [`Content::data`] is not all that was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Coded in a way that is not undone here: the bytes are as they were sent.
    Coding(String),
    /// What was sent is no gzip or deflate from here on; so many bytes were decoded.
    Broken { decoded: usize },
    /// Decoded, it is longer than the limit: a bomb, perhaps.
    Long { limit: usize },
    /// It was coded, and some bytes are missing or not kept: decoded up to there.
    Missing,
}

impl Trouble {
    /// In words.
    pub fn say(&self) -> String {
        match self {
            Self::Coding(name) => format!("coded as {name}, which is not undone here"),
            Self::Broken { decoded } => format!("cannot be decompressed behind its first {decoded} bytes"),
            Self::Long { limit } => format!("longer than {limit} bytes when decompressed: the rest is left out"),
            Self::Missing => "decompressed up to the first byte that is missing".to_owned(),
        }
    }
}

/// A body with its codings undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content<'a> {
    pub data: Cow<'a, [u8]>,
    /// The codings that were undone, outermost first, as in `gzip`.
    pub undone: Vec<&'static str>,
    pub trouble: Option<Trouble>,
}

/// The codings of a head in the order in which they are to be undone: those of the transfer were put on last.
fn codings(head: &[u8]) -> Vec<Vec<u8>> {
    let mut codings = Vec::new();
    for name in ["content-encoding", "transfer-encoding"] {
        for value in head::values(head, name) {
            let words = value.split(|byte| *byte == b',').map(|word| word.trim_ascii().to_ascii_lowercase());
            codings.extend(words.filter(|word| !matches!(word.as_slice(), b"" | b"chunked" | b"identity")));
        }
    }
    codings.reverse();
    codings
}

pub(super) fn of<'a>(head: &[u8], body: &'a Body, most: usize) -> Content<'a> {
    let codings = if head.is_empty() { Vec::new() } else { codings(head) };
    let (mut data, mut undone, mut trouble) = (Cow::Borrowed(body.data.as_slice()), Vec::new(), None);
    for (place, coding) in codings.iter().enumerate() {
        // Behind a gap nothing can be decompressed.
        let sound = if place == 0 { body.gaps.first().map(|Gap { at, .. }| *at) } else { None };
        let sound = sound.map_or(data.len(), |at| data.len().min(usize::try_from(at).unwrap_or(usize::MAX)));
        let coded = data.get(..sound).unwrap_or_default();
        let name = match coding.as_slice() {
            b"gzip" | b"x-gzip" => "gzip",
            b"deflate" => "deflate",
            _ => "",
        };
        if name.is_empty() || place >= MOST_CODINGS {
            trouble.get_or_insert_with(|| Trouble::Coding(String::from_utf8_lossy(coding).into_owned()));
            break;
        }
        let (decoded, wrong) = undo(name, coded, most);
        undone.push(name);
        let is_part = sound < data.len() || !body.is_complete();
        trouble = trouble.or(match wrong {
            Some(Trouble::Broken { .. }) if is_part => Some(Trouble::Missing),
            wrong => wrong,
        });
        data = Cow::Owned(decoded);
    }
    if data.len() > most {
        trouble.get_or_insert(Trouble::Long { limit: most });
        match &mut data {
            Cow::Borrowed(data) => *data = data.get(..most).unwrap_or_default(),
            Cow::Owned(data) => data.truncate(most),
        }
    }
    Content { data, undone, trouble }
}

/// Decompresses as far as that goes.
fn undo(name: &str, coded: &[u8], most: usize) -> (Vec<u8>, Option<Trouble>) {
    if coded.is_empty() {
        return (Vec::new(), None);
    }
    // RFC 1950 §2.2: method 8, and the first two bytes are a multiple of 31.
    let is_zlib = matches!(coded, [first, second, ..]
        if first & 15 == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0);
    match name {
        "gzip" => read(MultiGzDecoder::new(coded), most),
        _ if is_zlib => read(ZlibDecoder::new(coded), most),
        _ => read(DeflateDecoder::new(coded), most),
    }
}

fn read(mut decoder: impl Read, most: usize) -> (Vec<u8>, Option<Trouble>) {
    let mut out = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        match decoder.read(&mut part) {
            Ok(0) => return (out, None),
            Ok(length) => {
                let part = part.get(..length).unwrap_or_default();
                let room = most - out.len();
                out.extend_from_slice(part.get(..room).unwrap_or(part));
                if length > room {
                    return (out, Some(Trouble::Long { limit: most }));
                }
            }
            Err(_) => {
                let decoded = out.len();
                return (out, Some(Trouble::Broken { decoded }));
            }
        }
    }
}

/// The value of the first header with this name in the head of a letter; of a folded one, its first line.
pub(super) fn letter_header<'a>(letter: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let lines = letter.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.take_while(|line| !line.is_empty()).take(1024).find_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let found = line.get(..colon)?.trim_ascii_end();
        found.eq_ignore_ascii_case(name.as_bytes()).then(|| line.get(colon + 1..).unwrap_or_default().trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::super::body::{Budget, End};
    use super::*;

    fn body(data: &[u8]) -> Body {
        let mut body = Body::default();
        body.push(data, &mut Budget::new(1 << 30, 1 << 30));
        body
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn head(lines: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n").into_bytes()
    }

    #[test]
    fn undoes_gzip_and_both_kinds_of_deflate() {
        let text: Vec<u8> = (0..5000).flat_map(|number: u32| number.to_string().into_bytes()).collect();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(&text).unwrap();
        let cases = [
            ("Content-Encoding: gzip", gzip(&text)),
            ("content-encoding: X-Gzip", gzip(&text)),
            ("Content-Encoding: deflate", zlib.finish().unwrap()),
            ("Content-Encoding: deflate", bare.finish().unwrap()),
            ("Content-Encoding: identity", text.clone()),
            ("Content-Encoding: gzip, gzip", gzip(&gzip(&text))),
            ("Content-Encoding: gzip\r\nTransfer-Encoding: gzip, chunked", gzip(&gzip(&text))),
        ];
        for (lines, coded) in cases {
            let body = body(&coded);
            let content = of(&head(lines), &body, 1 << 20);
            assert!(content.data == text && content.trouble.is_none(), "{lines}: {:?}", content.trouble);
        }
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let bomb = gzip(&gzip(&vec![0; 8 << 20]));
        assert!(bomb.len() < 1000);
        let body = body(&bomb);
        let content = of(&head("Content-Encoding: gzip, gzip"), &body, 100_000);
        assert_eq!((content.data.len(), content.trouble), (100_000, Some(Trouble::Long { limit: 100_000 })));
    }

    #[test]
    fn what_is_missing_or_broken_is_told() {
        let text = vec![b'a'; 100_000];
        let coded = gzip(&text);
        let of = |body: &Body, lines: &str| {
            let head = head(lines);
            let content = super::of(&head, body, 1 << 20);
            (content.data.len(), content.trouble)
        };
        let mut cut = body(&coded[..coded.len() / 2]);
        cut.end = End::Cut { missing: None };
        let (length, trouble) = of(&cut, "Content-Encoding: gzip");
        assert!(length < text.len() && trouble == Some(Trouble::Missing), "{length} {trouble:?}");
        assert!(matches!(of(&body(b"no gzip"), "Content-Encoding: gzip"), (0, Some(Trouble::Broken { decoded: 0 }))));
        assert_eq!(of(&body(b"ab"), "Content-Encoding: br"), (2, Some(Trouble::Coding("br".into()))));
        assert_eq!(of(&body(b""), "Content-Encoding: gzip"), (0, None));
    }

    #[test]
    fn reads_headers_of_a_letter_and_not_of_its_text() {
        let letter = b"Subject: one\r\n two\r\nContent-Type: text/plain\r\n\r\nX-No: header\r\n";
        assert_eq!(letter_header(letter, "content-type"), Some(&b"text/plain"[..]));
        assert_eq!(letter_header(letter, "subject"), Some(&b"one"[..]));
        assert_eq!(letter_header(letter, "x-no"), None);
    }
}
