//! REdis Serialization Protocol, version 2 (redis.io/docs/latest/develop/reference/protocol-spec).
//!
//! A value begins with a byte that says its type; an array says how many values follow. Counts are never believed: a
//! value ends with the bytes that are there.

use super::application::{Look, MOST_MESSAGES, Tone};
use super::line;
use super::secret::Cover;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[6379];

const SOURCE: &str = "Redis serialization protocol";

/// Values of an array that a line tells.
const TOLD: usize = 8;

pub(super) fn look(look: &Look<'_>) -> bool {
    let may_be_typed = || look.on_port && !look.is_from(PORTS) && line::is_text(look);
    element(look.data).is_some()
        || !look.is_from(PORTS) && inline(look.data).is_some()
        // Behind lines that are not known.
        || may_be_typed() && line::each(look.data).any(|line| inline(line).is_some_and(|line| secret_from(line).is_some()))
}

/// Commands that a person types as they are, without lengths.
const INLINE: &[&str] = &[
    "AUTH",
    "HELLO",
    "CONFIG",
    "ACL",
    "MIGRATE",
    "SENTINEL",
    "PING",
    "ECHO",
    "QUIT",
    "INFO",
    "GET",
    "SET",
    "DEL",
    "KEYS",
    "INCR",
    "SELECT",
    "COMMAND",
    "EXISTS",
    "MONITOR",
    "SUBSCRIBE",
    "PUBLISH",
];
/// Words behind which everything is secret.
const SECRET: &[&str] =
    &["AUTH", "AUTH2", "REQUIREPASS", "MASTERAUTH", "AUTH-PASS", "TLS-KEY-FILE-PASS", "TLS-CLIENT-KEY-FILE-PASS"];

/// The words of a command, one after the other: which of them are secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Words {
    all: bool,
    /// What sets up a user: its passwords and their hashes bear signs.
    sets_user: bool,
}

impl Words {
    /// Whether the next word is secret, by what it begins with.
    pub fn is_secret(self, begins: &[u8]) -> bool {
        self.all || self.sets_user && matches!(unquoted(begins).first(), Some(b'>' | b'<' | b'#' | b'!'))
    }

    /// Takes in the next word, of which the beginning is enough.
    pub fn take(&mut self, word: &[u8]) {
        let word = unquoted(word);
        self.all |= line::is_one_of(word, SECRET);
        self.sets_user |= line::is_one_of(word, &["SETUSER"]);
    }
}

/// A word without the quotation marks that a person may type around it.
fn unquoted(word: &[u8]) -> &[u8] {
    let is_mark = |byte: &u8| matches!(byte, b'"' | b'\'');
    let word = word.split_first().filter(|(first, _)| is_mark(first)).map_or(word, |(_, rest)| rest);
    word.split_last().filter(|(last, _)| is_mark(last)).map_or(word, |(_, rest)| rest)
}

/// The line of a command that is typed as it is.
fn inline(message: &[u8]) -> Option<&[u8]> {
    let line = line::bare(line::first(message)).trim_ascii_start();
    line::is_one_of(unquoted(line::word(line).0), INLINE).then_some(line)
}

/// Whether a line is a command as a person types it, or begins one of strings.
pub fn is_command(line: &[u8]) -> bool {
    line.starts_with(b"*") || inline(line).is_some()
}

/// From which byte on a line that is typed is secret.
pub(super) fn secret_from(line: &[u8]) -> Option<usize> {
    let (mut words, mut rest) = (Words::default(), line.trim_ascii_start());
    while !rest.is_empty() {
        let (word, behind) = line::word(rest);
        if words.is_secret(word) {
            return Some(line::offset(line, rest));
        }
        words.take(word);
        rest = behind;
    }
    None
}

fn command<'a>(at: &At<'a>) -> Option<Value<'a>> {
    inline(at.header()).map(Value::Text)
}

pub(super) fn secrets<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    let (mut rest, mut words) = (at.header(), Words::default());
    // The last layer of a segment may have many messages, typed ones among them.
    while !rest.is_empty() {
        if !rest.starts_with(b"$") && inline(rest).is_some() {
            let line = line::first(rest);
            let text = line::bare(line);
            give(secret_from(text).and_then(|from| text.get(from..)).unwrap_or_default());
            rest = rest.get(line.len()..).unwrap_or_default();
            continue;
        }
        let Some((found, behind)) = element(rest) else {
            rest = rest.get(line::first(rest).len()..).unwrap_or_default();
            continue;
        };
        match found {
            Element::Array(_) => words = Words::default(),
            Element::Bulk(_, Some(text)) => {
                if words.is_secret(text) {
                    give(text);
                }
                words.take(text);
            }
            // What MONITOR shows of commands, and words of one that no server takes.
            Element::Simple(text) => {
                let from = if words.is_secret(text) { Some(0) } else { secret_from(text) };
                give(from.and_then(|from| text.get(from..)).unwrap_or_default());
                words.take(text);
            }
            _ => {}
        }
        rest = behind;
    }
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    for number in 1.. {
        let rest = walk.rest();
        if rest.is_empty() {
            break;
        }
        let length = if number < MOST_MESSAGES { length(rest) } else { rest.len() };
        if let Err(stop) = walk.text(Protocol::Resp, length.max(1)) {
            return stop;
        }
    }
    Stop::End
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element<'a> {
    Simple(&'a [u8]),
    Error(&'a [u8]),
    Integer(i64),
    /// Its length as it is said, and the bytes that are here. `None`: there is no such value.
    Bulk(i64, Option<&'a [u8]>),
    Array(i64),
}

/// The first value, arrays without what is in them, and what is behind it.
fn element(data: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let line = line::first(data);
    let (kind, rest) = line::bare(line).split_first()?;
    let behind = data.get(line.len()..).unwrap_or_default();
    let number = || std::str::from_utf8(rest).ok()?.parse::<i64>().ok();
    let found = match kind {
        b'+' => Element::Simple(rest),
        b'-' => Element::Error(rest),
        b':' => Element::Integer(number()?),
        b'*' => Element::Array(number()?),
        b'$' => {
            let said = number()?;
            let Ok(length) = usize::try_from(said) else { return Some((Element::Bulk(said, None), behind)) };
            let here = behind.get(..length).unwrap_or(behind);
            let behind = behind.get(here.len()..).unwrap_or_default();
            return Some((Element::Bulk(said, Some(here)), behind.strip_prefix(b"\r\n").unwrap_or(behind)));
        }
        _ => return None,
    };
    Some((found, behind))
}

fn elements(data: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (found, behind) = element(rest)?;
        rest = behind;
        Some(found)
    })
}

/// Bytes of the first value with all that is in it; what is no value goes on to the end.
fn length(data: &[u8]) -> usize {
    if inline(data).is_some() {
        return line::first(data).len();
    }
    let (mut rest, mut wanted) = (data, 1u64);
    while wanted > 0 && !rest.is_empty() {
        let Some((found, behind)) = element(rest) else { return data.len() };
        rest = behind;
        wanted -= 1;
        if let Element::Array(count) = found {
            wanted = wanted.saturating_add(u64::try_from(count).unwrap_or_default());
        }
    }
    data.len() - rest.len()
}

/// The strings of a message with their lengths.
fn strings(data: &[u8]) -> impl Iterator<Item = (i64, Option<&[u8]>)> {
    elements(data).filter_map(|found| match found {
        Element::Bulk(length, text) => Some((length, text)),
        _ => None,
    })
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let message = at.header();
    if let Some(command) = command(at) {
        return line::tell_command(at, b"", Some(command), out);
    }
    let (mut tone, cover) = (Tone::Plain, Cover::new(at));
    let mut is_first = true;
    let mut told = 0;
    for found in elements(message) {
        if told == TOLD {
            out.extend_from_slice(b" ...");
            break;
        }
        if is_first && matches!(found, Element::Array(1..)) {
            is_first = false;
            continue;
        }
        if told > 0 {
            out.push(b' ');
        }
        (is_first, told) = (false, told + 1);
        match found {
            Element::Simple(text) => cover.write(text, out),
            Element::Error(text) => {
                tone = Tone::Trouble;
                out.extend_from_slice(b"error ");
                out.extend_from_slice(text);
            }
            Element::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Element::Array(0) => out.extend_from_slice(b"nothing"),
            Element::Array(..0) => out.extend_from_slice(b"nil"),
            Element::Array(count) => out.extend_from_slice(format!("[{count}]").as_bytes()),
            Element::Bulk(_, Some(text)) => cover.write(text, out),
            Element::Bulk(_, None) => out.extend_from_slice(b"nil"),
        }
    }
    if told == 0 {
        // Lines before a command that is known.
        cover.write(line::bare(line::first(message)), out);
    }
    tone
}

pub static FIELDS: &[Field] = &[
    Field::many("resp.array.length", "Array", Kind::Int, |at, give| {
        let counts = elements(at.header()).filter_map(|found| match found {
            Element::Array(count) => Some(Value::Int(count)),
            _ => None,
        });
        let _ = { counts }.all(give);
    })
    .about("Values that follow; a command is an array of strings", SOURCE),
    Field::many("resp.bulk_string.length", "Length", Kind::Int, |at, give| {
        let _ = strings(at.header()).map(|(length, _)| Value::Int(length)).all(give);
    })
    .about("Bytes of a string; -1: there is none", SOURCE),
    Field::many("resp.bulk_string.value", "String", Kind::Bytes, |at, give| {
        let _ = strings(at.header()).filter_map(|(_, text)| text).map(Value::Bytes).all(give);
    })
    .about("Any bytes; a password behind AUTH is shown covered", SOURCE),
    Field::many("resp.string", "Simple string", Kind::Text, |at, give| {
        let texts = elements(at.header()).filter_map(|found| match found {
            Element::Simple(text) => Some(Value::Text(text)),
            _ => None,
        });
        let _ = { texts }.all(give);
    })
    .about("A word of the server: OK, PONG, QUEUED", SOURCE),
    Field::many("resp.error", "Error", Kind::Text, |at, give| {
        let texts = elements(at.header()).filter_map(|found| match found {
            Element::Error(text) => Some(Value::Text(text)),
            _ => None,
        });
        let _ = { texts }.all(give);
    })
    .about("What the server refuses, in words", SOURCE),
    Field::many("resp.integer", "Integer", Kind::Int, |at, give| {
        let numbers = elements(at.header()).filter_map(|found| match found {
            Element::Integer(number) => Some(Value::Int(number)),
            _ => None,
        });
        let _ = { numbers }.all(give);
    })
    .about("A count, a new value, yes or no", SOURCE),
    Field::one("netlab.resp.inline", "Command", Kind::Text, command)
        .about("A command typed as it is, without lengths; a password behind AUTH is shown covered", SOURCE),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::wire::{Layer, Packet};

    #[test]
    fn a_value_ends_with_all_that_is_in_it() {
        assert_eq!(length(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n+OK\r\n"), 20);
        assert_eq!(length(b"*2\r\n*1\r\n:1\r\n:2\r\n:3\r\n"), 16);
        assert_eq!(length(b"$-1\r\n+OK\r\n"), 5);
        assert_eq!(length(b"*-1\r\n+OK\r\n"), 5);
        assert_eq!(length(b"*9223372036854775807\r\n:1\r\n"), 26);
        assert_eq!(length(b"$100\r\ncut o"), 11);
        assert_eq!(length(b"*1\r\nno value"), 12);
        assert_eq!(length(b""), 0);
    }

    #[test]
    fn a_command_may_be_typed_as_it_is() {
        assert_eq!(
            (inline(b"auth ana tajna\r\nPING\r\n"), length(b"auth ana tajna\r\nPING\r\n")),
            (Some(&b"auth ana tajna"[..]), 16)
        );
        assert_eq!(inline(b"+OK\r\n"), None);
        for (line, open) in [
            ("auth ana tajna", "auth "),
            ("CONFIG SET requirepass tajna", "CONFIG SET requirepass "),
            ("ACL SETUSER ana on >tajna", "ACL SETUSER ana on "),
            ("CONFIG SET \"requirepass\" tajna", "CONFIG SET \"requirepass\" "),
        ] {
            assert_eq!(secret_from(line.as_bytes()), Some(open.len()), "{line}");
        }
        assert_eq!(secret_from(b"GET auth-no"), None);
        assert_eq!(inline(b"  auth tajna\r\n"), Some(&b"auth tajna"[..]));
    }

    #[test]
    fn what_stands_behind_auth_is_covered_where_it_is_told() {
        let message = b"*2\r\n$4\r\nauth\r\n$5\r\ntajna\r\n";
        let layer = Layer {
            protocol: Protocol::Resp,
            quoted: false,
            fragment: false,
            version: 0,
            start: 0,
            header: 27,
            end: 27,
        };
        let packet = Packet { frame: Frame::EMPTY, layers: &[layer], stop: Stop::End };
        let mut line = Vec::new();
        tell(&At { packet: &packet, data: message, index: 0, layer }, &mut line);
        assert_eq!(String::from_utf8_lossy(&line), "auth ***");
    }
}
