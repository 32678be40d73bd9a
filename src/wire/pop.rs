//! The Post Office Protocol, version 3 (RFC 1939): commands of one line, answers of one or several.
//!
//! An answer of several lines ends with a single dot; a segment may hold a middle piece of it.

use super::application::{Look, Tone};
use super::line::{self, Side};
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[110];

const RFC: &str = "RFC 1939 §3";

const COMMANDS: &[&str] = &[
    "USER", "PASS", "APOP", "STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "QUIT", "TOP", "UIDL", "CAPA", "STLS",
    "AUTH", "UTF8", "LANG", "XTND",
];

pub(super) fn look(look: &Look<'_>) -> bool {
    line::is_text(look)
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    line::messages(walk, Protocol::Pop, PORTS, length)
}

fn length(data: &[u8], side: Side) -> usize {
    if is_request(data, side) {
        return line::first(data).len();
    }
    let mut length = 0;
    for line in line::each(data) {
        if length > 0 && indicator(line).is_some() {
            break;
        }
        length += line.len();
        if line == b".\r\n" {
            break;
        }
    }
    length
}

fn is_request(message: &[u8], side: Side) -> bool {
    match side {
        Side::Client => true,
        Side::Server => false,
        Side::Unknown => line::is_one_of(line::word(line::bare(line::first(message))).0, COMMANDS),
    }
}

/// `+OK` or `-ERR`, and the `+` that asks for more.
pub fn indicator(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (word, rest) = line::word(line::bare(line));
    matches!(word, b"+OK" | b"-ERR" | b"+").then_some((word, rest))
}

fn request<'a>(at: &At<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let message = at.header();
    let (word, rest) = line::word(line::bare(line::first(message)));
    let asked = is_request(message, Side::of_layer(at, PORTS)) && line::is_one_of(word, COMMANDS);
    asked.then_some((word, rest))
}

fn parameter<'a>(at: &At<'a>) -> Option<Value<'a>> {
    let (_, parameter) = request(at)?;
    (!parameter.is_empty()).then_some(Value::Text(parameter))
}

/// Whether a word is a command of the protocol.
pub fn is_command(word: &[u8]) -> bool {
    line::is_one_of(word, COMMANDS)
}

/// From which byte on a line is secret.
pub(super) fn secret_from(line: &[u8]) -> Option<usize> {
    let (command, parameter) = line::word(line.trim_ascii_start());
    let secret = match () {
        () if line::is_one_of(command, &["PASS"]) => parameter,
        () if line::is_one_of(command, &["APOP", "AUTH"]) => line::behind(parameter, 1),
        () => &[],
    };
    (!secret.is_empty()).then(|| line::offset(line, secret))
}

pub(super) fn secrets<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    let side = Side::of_layer(at, PORTS);
    for message in line::each_message(at, side, length).filter(|message| is_request(message, side)) {
        let line = line::bare(line::first(message));
        match secret_from(line) {
            Some(from) => give(line.get(from..).unwrap_or_default()),
            None if is_command(line::word(line.trim_ascii_start()).0) => {}
            None => give(line),
        }
    }
}

/// What a client says that is no command: the answer to AUTH's question.
fn credential<'a>(at: &At<'a>) -> Option<Value<'a>> {
    let said = is_request(at.header(), Side::of_layer(at, PORTS)) && request(at).is_none();
    said.then(|| Value::Text(line::bare(at.header())))
}

fn answer<'a>(at: &At<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let message = at.header();
    if is_request(message, Side::of_layer(at, PORTS)) { None } else { indicator(line::first(message)) }
}

/// The lines of an answer behind its first, dots and all.
fn lines<'a>(at: &At<'a>) -> impl Iterator<Item = &'a [u8]> {
    let message = at.header();
    let asked = is_request(message, Side::of_layer(at, PORTS));
    let first = usize::from(indicator(line::first(message)).is_some());
    line::each(message).skip(if asked { usize::MAX } else { first })
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    if let Some((command, _)) = request(at) {
        return line::tell_command(at, command, parameter(at), out);
    }
    if let Some(secret) = credential(at) {
        return line::tell_command(at, b"credential", Some(secret), out);
    }
    let count = lines(at).count();
    let lines = |before: &str| format!("{before}{count} {}", if count == 1 { "line" } else { "lines" });
    let Some((indicator, text)) = answer(at) else {
        out.extend_from_slice(lines("").as_bytes());
        return Tone::Plain;
    };
    line::tell_command(at, indicator, Some(Value::Text(text)), out);
    if count > 0 {
        out.extend_from_slice(format!(" ({})", lines("and ")).as_bytes());
    }
    if indicator == b"-ERR" { Tone::Trouble } else { Tone::Plain }
}

pub static FIELDS: &[Field] = &[
    Field::one("pop.request.command", "Command", Kind::Text, |at| Some(Value::Text(request(at)?.0)))
        .about("USER, PASS, STAT, LIST, RETR, ...", RFC),
    Field::one("pop.request.parameter", "Parameter", Kind::Text, parameter)
        .about("What stands behind the command; a password is covered", RFC),
    Field::one("pop.request.data", "Data", Kind::Text, credential)
        .about("What answers AUTH's question, covered", "RFC 5034 §4"),
    Field::one("pop.response.indicator", "Indicator", Kind::Text, |at| Some(Value::Text(answer(at)?.0)))
        .about("+OK or -ERR", RFC),
    Field::one("pop.response.description", "Text", Kind::Text, |at| {
        Some(Value::Text(answer(at)?.1)).filter(|text| *text != Value::Text(b""))
    })
    .about("What stands behind it", RFC),
    Field::many("pop.response.data", "Line", Kind::Text, |at, give| {
        let _ = lines(at).map(|line| Value::Text(line::bare(line))).all(give);
    })
    .about("A line of an answer that has several: of a list, of a letter; a single dot is its end", RFC),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_its_dot_or_where_the_next_begins() {
        assert_eq!(length(b"+OK 2\r\n1 120\r\n.\r\n+OK\r\n", Side::Server), 17);
        assert_eq!(length(b"+OK\r\n+OK\r\n", Side::Server), 5);
        assert_eq!(length(b"middle\r\n..\r\nof it\r\n", Side::Server), 19);
        assert_eq!(length(b"USER a\r\nPASS b\r\n", Side::Client), 8);
        assert!(is_request(b"STAT\r\n", Side::Unknown) && !is_request(b"+OK\r\n", Side::Unknown));
    }
}
