//! The Simple Mail Transfer Protocol (RFC 5321, RFC 4954 for AUTH): commands, replies, and the letter between them.
//!
//! Trap: whether a client's bytes are commands or a letter depends on what was said before, which one segment does not
//! tell. What begins with a word of the protocol is taken for commands, until DATA; anything else for a letter, until
//! its single dot.

use super::application::{Look, Tone};
use super::line::{self, Side};
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

/// Relay and submission.
pub const PORTS: &[u16] = &[25, 587];

const RFC: &str = "RFC 5321";

const COMMANDS: &[&str] = &[
    "HELO", "EHLO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "VRFY", "EXPN", "HELP", "NOOP", "QUIT", "TURN",
    "ETRN", "AUTH", "STARTTLS", "XCLIENT", "XFORWARD", "BURL",
];

/// Whether a word is a command of the protocol.
pub fn is_command(word: &[u8]) -> bool {
    line::is_one_of(word, COMMANDS)
}

/// The path of `FROM:<a@x> SIZE=3`, what stands behind MAIL and RCPT, without its brackets.
pub fn path(argument: &[u8]) -> &[u8] {
    let behind = memchr::memchr(b':', argument).and_then(|at| argument.get(at + 1..)).unwrap_or(argument).trim_ascii();
    match behind.strip_prefix(b"<") {
        Some(inside) => memchr::memrchr(b'>', inside).and_then(|end| inside.get(..end)).unwrap_or(inside),
        None => line::word(behind).0,
    }
}

pub(super) fn look(look: &Look<'_>) -> bool {
    line::is_text(look)
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    line::messages(walk, Protocol::Smtp, PORTS, length)
}

fn length(data: &[u8], side: Side) -> usize {
    match part(data, side) {
        Part::Reply => line::reply_length(data),
        Part::Command | Part::Credential => line::first(data).len(),
        Part::Letter => {
            let mut length = 0;
            for line in line::each(data) {
                length += line.len();
                if line == b".\r\n" || line == b".\n" {
                    break;
                }
            }
            length
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Command,
    /// A line that answers AUTH's question.
    Credential,
    Reply,
    Letter,
}

fn part(message: &[u8], side: Side) -> Part {
    let line = line::bare(line::first(message));
    match side {
        Side::Server => Part::Reply,
        Side::Unknown if line::reply(line).is_some() => Part::Reply,
        _ if line::is_one_of(line::word(line).0, COMMANDS) => Part::Command,
        _ if line::is_credential(message) => Part::Credential,
        _ => Part::Letter,
    }
}

fn is(at: &At<'_>, wanted: Part) -> bool {
    part(at.header(), Side::of_layer(at, PORTS)) == wanted
}

fn request<'a>(at: &At<'a>) -> Option<(&'a [u8], &'a [u8])> {
    is(at, Part::Command).then(|| line::word(line::bare(line::first(at.header()))))
}

fn parameter<'a>(at: &At<'a>) -> Option<Value<'a>> {
    let (_, parameter) = request(at)?;
    (!parameter.is_empty()).then_some(Value::Text(parameter))
}

fn replies<'a>(at: &At<'a>, take: fn(&'a [u8]) -> Option<Value<'a>>, give: &mut dyn FnMut(Value<'a>) -> bool) {
    if is(at, Part::Reply) {
        let _ = line::each(at.header()).filter_map(take).all(give);
    }
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    match part(at.header(), Side::of_layer(at, PORTS)) {
        Part::Command => {
            let (command, _) = line::word(line::bare(line::first(at.header())));
            line::tell_command(at, command, parameter(at), out)
        }
        Part::Credential => line::tell_command(at, b"credential", credential(at), out),
        Part::Reply => line::tell_reply(at.header(), out),
        Part::Letter => {
            let length = at.header().len();
            let whole = if ends(at.header()) { ", and its end" } else { "" };
            out.extend_from_slice(format!("letter: {length} bytes{whole}").as_bytes());
            Tone::Plain
        }
    }
}

/// Whether the single dot that ends a letter is here.
fn ends(letter: &[u8]) -> bool {
    matches!(letter, b".\r\n" | b".\n") || letter.ends_with(b"\n.\r\n") || letter.ends_with(b"\n.\n")
}

/// From which byte on a line is secret: behind the mechanism.
pub(super) fn secret_from(line: &[u8]) -> Option<usize> {
    let (command, parameter) = line::word(line.trim_ascii_start());
    let (_, secret) = line::word(parameter);
    let is_asked = line::is_one_of(command, &["AUTH"]) && !secret.is_empty();
    is_asked.then(|| line::offset(line, secret))
}

/// The name of a mechanism (RFC 4422 §3.1).
fn is_mechanism(word: &[u8]) -> bool {
    word.len() <= 20 && word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether a line asks to be let in: what follows may be names and passwords.
pub fn asks_in(line: &[u8]) -> bool {
    let (command, parameter) = line::word(line.trim_ascii_start());
    let (mechanism, secret) = line::word(parameter);
    let words = line::word(secret).1;
    line::is_one_of(command, &["AUTH"]) && is_mechanism(mechanism) && !mechanism.is_empty() && words.is_empty()
}

pub(super) fn secrets<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    let side = Side::of_layer(at, PORTS);
    for message in line::each_message(at, side, length) {
        let line = line::bare(line::first(message));
        match part(message, side) {
            Part::Command => give(secret_from(line).and_then(|from| line.get(from..)).unwrap_or_default()),
            Part::Credential => give(line),
            Part::Reply | Part::Letter => {}
        }
    }
}

fn credential<'a>(at: &At<'a>) -> Option<Value<'a>> {
    is(at, Part::Credential).then(|| Value::Text(line::bare(at.header())))
}

pub static FIELDS: &[Field] = &[
    Field::one("smtp.req", "Request", Kind::Bool, |at| is(at, Part::Command).then_some(Value::Bool(true)))
        .computed()
        .about("The client speaks", RFC),
    Field::one("smtp.req.command", "Command", Kind::Text, |at| Some(Value::Text(request(at)?.0)))
        .about("EHLO, MAIL, RCPT, DATA, ...", "RFC 5321 §4.1"),
    Field::one("smtp.req.parameter", "Parameter", Kind::Text, parameter)
        .about("What stands behind the command; of AUTH's the mechanism, the rest is shown covered", "RFC 5321 §4.1"),
    Field::one("netlab.smtp.credential", "Credential", Kind::Text, credential)
        .about("What answers AUTH's question, shown covered: a name or a password in base64", "RFC 4954 §4"),
    Field::one("smtp.rsp", "Reply", Kind::Bool, |at| is(at, Part::Reply).then_some(Value::Bool(true)))
        .computed()
        .about("The server speaks", RFC),
    Field::many("smtp.response", "Line", Kind::Text, |at, give| {
        replies(at, |line| line::reply(line).map(|_| Value::Text(line)), give);
    })
    .combined()
    .about("A line of the reply", "RFC 5321 §4.2"),
    Field::many("smtp.response.code", "Code", Kind::Dec, |at, give| {
        replies(at, |line| Some(Value::Uint(line::reply(line)?.code.into())), give);
    })
    .about("2xx done, 3xx go on, 4xx try again later, 5xx no", "RFC 5321 §4.2.1"),
    Field::many("smtp.rsp.parameter", "Text", Kind::Text, |at, give| {
        replies(at, |line| Some(Value::Text(line::reply(line)?.text)), give);
    })
    .about("The reply for a person; after EHLO, what the server can", "RFC 5321 §4.2"),
    Field::one("netlab.smtp.letter", "Bytes of the letter", Kind::Dec, |at| {
        is(at, Part::Letter).then(|| Value::Uint(at.header().len() as u64))
    })
    .computed()
    .about("How much of a letter this segment carries", "RFC 5321 §4.1.1.4"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_in_brackets() {
        assert_eq!(path(b"FROM:<a@x> SIZE=3"), b"a@x");
        assert_eq!(path(b"TO: <b@y>"), b"b@y");
        assert_eq!(path(b"FROM:<>"), b"");
        assert_eq!(path(b"TO:b@y NOTIFY=NEVER"), b"b@y");
        assert_eq!(path(b"nonsense"), b"nonsense");
    }

    #[test]
    fn tells_commands_replies_and_letters_apart() {
        let of = |text: &[u8], side| (part(text, side), length(text, side));
        assert_eq!(of(b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n", Side::Client), (Part::Command, 17));
        assert_eq!(of(b"data\r\n", Side::Client), (Part::Command, 6));
        assert_eq!(of(b"Subject: hi\r\n\r\n..x\r\n.\r\nQUIT\r\n", Side::Client), (Part::Letter, 23));
        assert_eq!(of(b"250-a\r\n250 b\r\n", Side::Server), (Part::Reply, 14));
        assert_eq!(of(b"250 letters were sent\r\n", Side::Client).0, Part::Letter);
        assert_eq!(of(b"250 OK\r\n", Side::Unknown).0, Part::Reply);
        assert_eq!(of(b"dGFqbmE=\r\n", Side::Client), (Part::Credential, 10));
        assert!(ends(b"x\r\n.\r\n") && ends(b".\r\n") && !ends(b"x.\r\n"));
    }
}
