//! How letters carry any bytes through systems of seven bits (RFC 2045 §6): base64 drawn bit by bit, quoted-printable
//! byte by byte.

use super::escape;
use super::style::{Palette, Role};
use super::words::{Words, filled};
use super::wrap;

/// Bytes that become four characters.
const GROUP: usize = 3;
/// Groups that are drawn; those behind them are counted.
const DRAWN: usize = 8;
/// Characters of an encoded line (RFC 2045 §6.7, §6.8).
const LINE: usize = 76;
const MARGIN: &str = "     ";
/// Bits of a group.
const BITS: usize = 24;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// How encodings are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub palette: Palette,
    pub width: usize,
    /// `+ - |` instead of box-drawing characters.
    pub ascii: bool,
    pub words: &'static Words,
}

/// The bytes as base64, without line ends.
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(GROUP) * 4);
    for group in bytes.chunks(GROUP) {
        for place in 0..4 {
            text.push(sextet(group, place).map_or('=', |number| char::from(ALPHABET[usize::from(number)])));
        }
    }
    text
}

/// Six bits of a group, from the first; bits behind its last byte count as zeros. `None` where there is none of them.
fn sextet(group: &[u8], place: usize) -> Option<u8> {
    (place * 6 < group.len() * 8).then(|| (0..6).fold(0, |sum, bit| sum << 1 | bit_of(group, place * 6 + bit)))
}

fn bit_of(group: &[u8], place: usize) -> u8 {
    group.get(place / 8).map_or(0, |byte| byte >> (7 - place % 8) & 1)
}

/// Draws bytes as base64: each three in their bits, cut into four numbers of six, each a character. 54 columns.
pub fn draw_base64(bytes: &[u8], look: &Look, out: &mut Vec<u8>) {
    for group in bytes.chunks(GROUP).take(DRAWN) {
        draw_group(group, look, out);
    }
    let left = bytes.len().saturating_sub(DRAWN * GROUP);
    if left > 0 {
        said(&filled(look.words.field("{} more bytes are not drawn"), &[&left.to_string()]), look, out);
    }
    let missing = (GROUP - bytes.len() % GROUP) % GROUP;
    if missing > 0 {
        said(look.words.field("a dot is a bit of zero that fills up the last character"), look, out);
        said(look.words.field("each = says that the last group has a byte less than three"), look, out);
    }
    out.push(b'\n');
    let text = base64(bytes);
    for line in text.as_bytes().chunks(LINE) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}

fn said(text: &str, look: &Look, out: &mut Vec<u8>) {
    out.extend_from_slice(MARGIN.as_bytes());
    wrap::hanging(text, look.width, MARGIN.len(), MARGIN.len(), out);
    out.push(b'\n');
}

fn draw_group(group: &[u8], look: &Look, out: &mut Vec<u8>) {
    let bar = if look.ascii { '|' } else { '│' };
    let mut row = |role: Role, text: String| {
        out.extend_from_slice(MARGIN.as_bytes());
        look.palette.begin(role, out);
        out.extend_from_slice(text.trim_end().as_bytes());
        look.palette.end(role, out);
        out.push(b'\n');
    };
    let heads = (0..GROUP).map(|place| match group.get(place) {
        Some(byte) => format!(" {:<15}", format!("{byte:02x}")),
        None => " ".repeat(16),
    });
    row(Role::Data, heads.collect());
    row(Role::Faint, border(look, |place| (place % 8 == 0, false)));
    let bits = (0..BITS).map(|place| {
        let before = if place % 8 == 0 { bar } else { ' ' };
        let bit = match (place / 8 < group.len(), sextet(group, place / 6)) {
            (true, _) => char::from(b'0' + bit_of(group, place)),
            (false, Some(_)) if look.ascii => '.',
            (false, Some(_)) => '·',
            (false, None) => ' ',
        };
        format!("{before}{bit}")
    });
    row(Role::Plain, bits.chain([bar.to_string()]).collect());
    row(Role::Faint, border(look, |place| (place % 6 == 0, place % 8 == 0)));
    let cells = |text: fn(Option<u8>) -> String| {
        let cells = (0..4).map(|place| format!("{bar}{:^11}", text(sextet(group, place))));
        cells.chain([bar.to_string()]).collect::<String>()
    };
    row(Role::Plain, cells(|number| number.map_or(String::new(), |number| number.to_string())));
    row(Role::Data, cells(|number| number.map_or('=', |at| char::from(ALPHABET[usize::from(at)])).to_string()));
    row(Role::Faint, border(look, |place| (false, place % 6 == 0)));
}

/// A border: at the place before each bit, whether a bar goes down from there and whether one comes from above.
fn border(look: &Look, bars: impl Fn(usize) -> (bool, bool)) -> String {
    let mut text = String::new();
    for place in 0..=BITS {
        let (down, up) = bars(place);
        text.push(match (look.ascii, place, down, up) {
            (true, _, false, false) => '-',
            (true, ..) => '+',
            (_, 0, true, true) => '├',
            (_, 0, true, _) => '┌',
            (_, 0, ..) => '└',
            (_, BITS, true, true) => '┤',
            (_, BITS, true, _) => '┐',
            (_, BITS, ..) => '┘',
            (_, _, true, true) => '┼',
            (_, _, true, _) => '┬',
            (_, _, _, true) => '┴',
            _ => '─',
        });
        if place < BITS {
            text.push(if look.ascii { '-' } else { '─' });
        }
    }
    text
}

/// Whether a byte stands for itself in quoted-printable; a blank only where no line ends behind it.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'='
}

/// Text as quoted-printable (RFC 2045 §6.7): lines of at most 76 characters, each cut one with `=` at its end.
pub fn quoted_printable(bytes: &[u8]) -> String {
    let (mut text, mut column) = (String::new(), 0);
    for (place, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' {
            text.push_str("\r\n");
            column = 0;
            continue;
        }
        let is_last = matches!(bytes.get(place + 1), None | Some(b'\n'));
        let shown = match byte {
            b' ' if is_last => "=20".to_owned(),
            byte if is_plain(*byte) => char::from(*byte).to_string(),
            byte => format!("={byte:02X}"),
        };
        if column + shown.len() + usize::from(!is_last) > LINE {
            text.push_str("=\r\n");
            column = 0;
        }
        column += shown.len();
        text.push_str(&shown);
    }
    text
}

/// Draws text as quoted-printable: what does not stand for itself, its bytes, and how each is written; then the whole.
pub fn draw_quoted_printable(text: &str, out: &mut Vec<u8>) {
    let mut seen: Vec<char> = Vec::new();
    for c in text.chars().filter(|c| *c != '\n' && !(c.is_ascii() && is_plain(*c as u8))) {
        if !seen.contains(&c) && seen.len() < DRAWN * GROUP {
            seen.push(c);
        }
    }
    for c in &seen {
        let shown = escape::text(c.encode_utf8(&mut [0; 4]));
        let bytes = c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        let written: String = c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("={byte:02X}")).collect();
        out.extend_from_slice(format!("{MARGIN}{shown:<4}{bytes:<13}{written}\n").as_bytes());
    }
    if !seen.is_empty() {
        out.push(b'\n');
    }
    out.extend_from_slice(quoted_printable(text.as_bytes()).replace("\r\n", "\n").as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_as_the_rfc_does() {
        // RFC 4648 §10.
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (plain, encoded) in vectors {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[1, 2, 3, 0xce]), "AQIDzg==");
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn a_drawing_is_narrow_whatever_it_is_drawn_with() {
        for ascii in [false, true] {
            for length in 0..40 {
                let look =
                    Look { palette: Palette::new(false), width: 80, ascii, words: &super::super::words::ENGLISH };
                let mut out = Vec::new();
                draw_base64(&vec![0xa5; length], &look, &mut out);
                let text = String::from_utf8(out).unwrap();
                assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
                assert!(!ascii || text.is_ascii(), "{text}");
            }
        }
    }

    #[test]
    fn writes_quoted_printable_in_lines_of_76() {
        assert_eq!(quoted_printable("Žuta = knjiga ".as_bytes()), "=C5=BDuta =3D knjiga=20");
        assert_eq!(quoted_printable(b"a\nb \n"), "a\r\nb=20\r\n");
        let long = quoted_printable("ž".repeat(60).as_bytes());
        assert!(long.split("\r\n").all(|line| line.len() <= 76), "{long}");
        assert_eq!(long.replace("=\r\n", ""), "=C5=BE".repeat(60));
    }
}
