//! Telnet (RFC 854): text, and between it commands that begin with 255: what each side will do and asks the other to.
//!
//! Trap: 255 as a byte of the text is sent twice. What a person types comes a letter or a line a segment, a password
//! too: nothing marks it.

use super::application::{Look, Tone};
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[23];

const RFC: &str = "RFC 854";

/// Interpret as command.
const IAC: u8 = 255;
const SE: u8 = 240;
const SB: u8 = 250;
const WILL: u8 = 251;
const DONT: u8 = 254;

const TERMINAL_TYPE: u8 = 24;
const WINDOW_SIZE: u8 = 31;
const TERMINAL_SPEED: u8 = 32;
const LOCATION: u8 = 35;
const ENVIRONMENT: u8 = 36;
const NEW_ENVIRONMENT: u8 = 39;

pub(super) fn look(look: &Look<'_>) -> bool {
    // A record of TLS is none of ours; anything else may be.
    !look.data.starts_with(&[0x16, 3])
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    let length = walk.rest().len();
    walk.text(Protocol::Telnet, length).err().unwrap_or(Stop::End)
}

/// A piece of what one side sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a [u8]),
    /// WILL, WON'T, DO or DON'T, and the option.
    Option(u8, u8),
    /// Any other command.
    Command(u8),
    /// An option and what is said about it.
    About(u8, &'a [u8]),
}

fn pieces(data: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (piece, behind) = piece(rest)?;
        rest = behind;
        Some(piece)
    })
}

/// The text of a segment, without the commands between.
pub fn texts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    pieces(data).filter_map(|piece| match piece {
        Piece::Text(text) => Some(text),
        _ => None,
    })
}

/// The passwords among what a client says of its environment (RFC 1572).
pub fn passwords(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let said = pieces(data).filter_map(|piece| match piece {
        Piece::About(ENVIRONMENT | NEW_ENVIRONMENT, about) => about.get(1..),
        _ => None,
    });
    // Names begin with 0 or 3, their values with 1.
    said.flat_map(|said| said.split(|byte| matches!(byte, 0 | 3))).filter_map(|pair| {
        let (name, value) = pair.split_at_checked(memchr::memchr(1, pair)?)?;
        let is_password = name.windows(4).any(|letters| letters.eq_ignore_ascii_case(b"pass"));
        value.get(1..).filter(|_| is_password)
    })
}

fn piece(data: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    match data {
        [] => None,
        [IAC, SB, option, rest @ ..] => {
            let end = rest.windows(2).position(|pair| pair == [IAC, SE]);
            let (about, rest) = match end {
                Some(end) => (rest.get(..end)?, rest.get(end + 2..)?),
                None => (rest, &[][..]),
            };
            Some((Piece::About(*option, about), rest))
        }
        [IAC, verb @ WILL..=DONT, option, rest @ ..] => Some((Piece::Option(*verb, *option), rest)),
        [IAC, command, rest @ ..] if *command != IAC => Some((Piece::Command(*command), rest)),
        _ => {
            let (text, rest) = data.split_at_checked(text(data))?;
            Some((Piece::Text(text), rest))
        }
    }
}

/// Bytes of the text that data begin with: up to a line's end, that included, or to the next command. Two IAC are a byte
/// of the text (RFC 854); one that is the last byte belongs to it, too.
fn text(data: &[u8]) -> usize {
    let mut length = 0;
    while let Some(rest) = data.get(length..)
        && let Some(at) = memchr::memchr2(b'\n', IAC, rest)
    {
        length += at;
        match rest.get(at..) {
            Some([b'\n', ..]) => return length + 1,
            Some([IAC, IAC, ..]) => length += 2,
            Some([IAC, ..]) if length > 0 => return length,
            _ => return data.len(),
        }
    }
    data.len()
}

fn commands(number: u64) -> Option<&'static str> {
    Some(match number {
        236 => "end of file",
        237 => "suspend",
        238 => "abort",
        239 => "end of record",
        240 => "end of option",
        241 => "no operation",
        242 => "data mark",
        243 => "break",
        244 => "interrupt process",
        245 => "abort output",
        246 => "are you there",
        247 => "erase character",
        248 => "erase line",
        249 => "go ahead",
        250 => "option",
        251 => "will",
        252 => "won't",
        253 => "do",
        254 => "don't",
        _ => return None,
    })
}

/// The names of options (IANA).
fn options(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "binary",
        1 => "echo",
        3 => "suppress go ahead",
        5 => "status",
        6 => "timing mark",
        24 => "terminal type",
        25 => "end of record",
        31 => "window size",
        32 => "terminal speed",
        33 => "remote flow control",
        34 => "line mode",
        35 => "X display",
        36 => "environment",
        37 => "authentication",
        38 => "encryption",
        39 => "new environment",
        42 => "charset",
        44 => "com port",
        46 => "START_TLS",
        _ => return None,
    })
}

fn name(names: fn(u64) -> Option<&'static str>, number: u8, out: &mut Vec<u8>) {
    match names(number.into()) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(number.to_string().as_bytes()),
    }
}

fn window(about: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = *about.first_chunk()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// The text of an option whose first byte says that it is an answer (`IS`).
fn said(option: u8, about: &[u8]) -> Option<&[u8]> {
    let is_text = matches!(option, TERMINAL_TYPE | TERMINAL_SPEED | LOCATION);
    about.strip_prefix(&[0]).filter(|text| is_text && !text.is_empty())
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let mut open = false;
    for (place, piece) in pieces(at.header()).enumerate() {
        let is_text = matches!(piece, Piece::Text(_));
        if open && !is_text {
            out.push(b'"');
        }
        if place > 0 && !(open && is_text) {
            out.extend_from_slice(b", ");
        }
        match piece {
            Piece::Text(text) => {
                if !open {
                    out.push(b'"');
                }
                out.extend_from_slice(text);
            }
            Piece::Option(verb, option) => {
                name(commands, verb, out);
                out.push(b' ');
                name(options, option, out);
            }
            Piece::Command(command) => name(commands, command, out),
            Piece::About(option, about) => {
                name(options, option, out);
                match (option, window(about), said(option, about)) {
                    (WINDOW_SIZE, Some((width, height)), _) => {
                        out.extend_from_slice(format!(": {width} by {height}").as_bytes());
                    }
                    (.., Some(text)) => {
                        out.extend_from_slice(b": ");
                        out.extend_from_slice(text);
                    }
                    (TERMINAL_TYPE | TERMINAL_SPEED | LOCATION, ..) if about == [1] => out.push(b'?'),
                    _ if about.len() == 1 => out.extend_from_slice(b": 1 byte"),
                    _ => out.extend_from_slice(format!(": {} bytes", about.len()).as_bytes()),
                }
            }
        }
        open = is_text;
    }
    if open {
        out.push(b'"');
    }
    Tone::Plain
}

pub static FIELDS: &[Field] = &[
    Field::many("telnet.cmd", "Command", Kind::Dec, |at, give| {
        for piece in pieces(at.header()) {
            let go_on = match piece {
                Piece::Text(_) => true,
                Piece::Option(command, _) | Piece::Command(command) => give(Value::Uint(command.into())),
                Piece::About(..) => give(Value::Uint(SB.into())) && give(Value::Uint(SE.into())),
            };
            if !go_on {
                return;
            }
        }
    })
    .words(commands)
    .about("Behind a byte of 255", RFC),
    Field::many("telnet.subcmd", "Option", Kind::Dec, |at, give| {
        let options = pieces(at.header()).filter_map(|piece| match piece {
            Piece::Option(_, option) | Piece::About(option, _) => Some(Value::Uint(option.into())),
            _ => None,
        });
        let _ = { options }.all(give);
    })
    .words(options)
    .about("What is agreed upon: either side offers or asks, the other takes or refuses", "RFC 855"),
    Field::many("telnet.naws_subopt.width", "Width", Kind::Dec, |at, give| sizes(at, |size| size.0, give))
        .about("Columns of the window", "RFC 1073"),
    Field::many("telnet.naws_subopt.height", "Height", Kind::Dec, |at, give| sizes(at, |size| size.1, give))
        .about("Lines of the window", "RFC 1073"),
    Field::many("telnet.string_subopt.value", "Value", Kind::Text, |at, give| {
        let texts = pieces(at.header()).filter_map(|piece| match piece {
            Piece::About(option @ (TERMINAL_TYPE | LOCATION), about) => said(option, about).map(Value::Text),
            _ => None,
        });
        let _ = { texts }.all(give);
    })
    .about("Type of the terminal, its display", "RFC 1091"),
    Field::many("telnet.data", "Text", Kind::Text, |at, give| {
        let texts = pieces(at.header()).filter_map(|piece| match piece {
            Piece::Text(text) => Some(Value::Text(text)),
            _ => None,
        });
        let _ = { texts }.all(give);
    })
    .about("What is typed and shown, line by line", RFC),
];

fn sizes<'a>(at: &At<'a>, take: fn((u16, u16)) -> u16, give: &mut dyn FnMut(Value<'a>) -> bool) {
    let sizes = pieces(at.header()).filter_map(|piece| match piece {
        Piece::About(WINDOW_SIZE, about) => window(about),
        _ => None,
    });
    let _ = sizes.map(|size| Value::Uint(take(size).into())).all(give);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_text_and_commands_apart() {
        let data = b"a\r\n\xff\xfb\x01b\xff\xffc\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0\xff\xf1";
        let found: Vec<Piece<'_>> = pieces(data).collect();
        let wanted = [
            Piece::Text(b"a\r\n"),
            Piece::Option(WILL, 1),
            Piece::Text(b"b\xff\xffc"),
            Piece::About(31, &[0, 80, 0, 24]),
            Piece::Command(241),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn every_byte_is_in_one_piece_wherever_it_is_cut() {
        let data = b"a\r\n\xff\xfb\x01b\xff\xffc\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0\xff";
        for end in 0..=data.len() {
            let length = |piece: Piece<'_>| match piece {
                Piece::Text(text) => text.len(),
                Piece::Option(..) => 3,
                Piece::Command(_) => 2,
                // Cut short, it has no end.
                Piece::About(_, about) => 3 + about.len() + 2 * usize::from(end >= 19),
            };
            assert_eq!(pieces(&data[..end]).map(length).sum::<usize>(), end, "{end}");
        }
    }
}
