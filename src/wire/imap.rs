//! The Internet Message Access Protocol (RFC 3501): commands with a tag, answers with the same tag, and lines without.
//!
//! Trap: a literal (`{208}` at a line's end) is so many bytes that are no lines, whatever they look like. One that goes
//! on in the next segment is not recognised there by anything but that it does not look like an answer.

use super::application::{Look, Tone};
use super::line::{self, Side};
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[143];

const RFC: &str = "RFC 3501";

const COMMANDS: &[&str] = &[
    "CAPABILITY",
    "NOOP",
    "LOGOUT",
    "STARTTLS",
    "AUTHENTICATE",
    "LOGIN",
    "SELECT",
    "EXAMINE",
    "CREATE",
    "DELETE",
    "RENAME",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "LIST",
    "LSUB",
    "STATUS",
    "APPEND",
    "CHECK",
    "CLOSE",
    "EXPUNGE",
    "SEARCH",
    "FETCH",
    "STORE",
    "COPY",
    "MOVE",
    "UID",
    "IDLE",
    "NAMESPACE",
    "ENABLE",
    "UNSELECT",
    "ID",
    "SORT",
    "THREAD",
    "GETQUOTA",
    "GETQUOTAROOT",
    "SETQUOTA",
    "GETACL",
    "SETACL",
    "DELETEACL",
    "LISTRIGHTS",
    "MYRIGHTS",
    "COMPRESS",
];

/// Commands whose first argument is a mailbox.
const WITH_FOLDER: &[&str] =
    &["SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "STATUS", "APPEND"];

pub(super) fn look(look: &Look<'_>) -> bool {
    line::is_text(look)
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    line::messages(walk, Protocol::Imap, PORTS, length)
}

/// A line with the literals in it and what stands behind them; bytes of a letter up to the next line that is an answer.
fn length(data: &[u8], side: Side) -> usize {
    let mut length = 0;
    let known = answer(data).is_some() || is_request(data, side);
    loop {
        let line = line::first(data.get(length..).unwrap_or_default());
        length += line.len();
        match literal(line) {
            Some(more) => length = length.saturating_add(more).min(data.len()),
            None if known || line.is_empty() => return length,
            // In the middle of a literal.
            None if answer(data.get(length..).unwrap_or_default()).is_some() => return length,
            None => {}
        }
    }
}

/// Bytes of the literal that a line announces at its end; with `+` the client does not wait (RFC 7888).
pub fn literal(line: &[u8]) -> Option<usize> {
    let inside = line::bare(line).strip_suffix(b"}")?;
    let open = inside.iter().rposition(|byte| *byte == b'{')?;
    let digits = inside.get(open + 1..)?;
    std::str::from_utf8(digits.strip_suffix(b"+").unwrap_or(digits)).ok()?.parse().ok()
}

/// Tag and status of a line that a server sends, and what stands behind: `*` and `+` are tags too.
fn answer(message: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (tag, rest) = line::word(line::bare(line::first(message)));
    let (status, rest) = line::word(rest);
    let told = matches!(tag, b"*" | b"+") || is_status(status) && is_tag(tag);
    told.then_some((tag, status, rest))
}

fn is_status(word: &[u8]) -> bool {
    line::is_one_of(word, &["OK", "NO", "BAD"])
}

fn is_tag(word: &[u8]) -> bool {
    word.len() <= 32 && may_be_tag(word)
}

/// The same, however long it is.
fn may_be_tag(word: &[u8]) -> bool {
    // RFC 3501 §9: any ASTRING-CHAR except "+".
    let may = |byte: &u8| byte.is_ascii_graphic() && !b"(){%*\"\\+".contains(byte);
    !word.is_empty() && word.iter().all(may)
}

fn is_request(message: &[u8], side: Side) -> bool {
    let (tag, rest) = line::word(line::bare(line::first(message)));
    side != Side::Server && is_tag(tag) && line::is_one_of(line::word(rest).0, COMMANDS)
}

/// Tag, command, and what stands behind it.
fn request<'a>(at: &At<'a>) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    let message = at.header();
    if !is_request(message, Side::of_layer(at, PORTS)) {
        return None;
    }
    let (tag, rest) = line::word(line::bare(line::first(message)));
    let (command, rest) = line::word(rest);
    Some((tag, command, rest))
}

fn is_by_server(at: &At<'_>) -> bool {
    match Side::of_layer(at, PORTS) {
        Side::Server => true,
        Side::Client => false,
        Side::Unknown => answer(at.header()).is_some(),
    }
}

fn response<'a>(at: &At<'a>) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    if is_by_server(at) { answer(at.header()) } else { None }
}

/// Command and arguments behind the word UID.
fn by_uid<'a>(at: &At<'a>) -> Option<(bool, &'a [u8], &'a [u8])> {
    let (_, command, rest) = request(at)?;
    if !line::is_one_of(command, &["UID"]) {
        return Some((false, command, rest));
    }
    let (command, rest) = line::word(rest);
    Some((true, command, rest))
}

/// What stands behind the command.
fn arguments<'a>(at: &At<'a>) -> Option<Value<'a>> {
    let (_, _, rest) = by_uid(at)?;
    (!rest.is_empty()).then_some(Value::Text(rest))
}

/// Whether a line has a tag and a command.
pub fn is_command(line: &[u8]) -> bool {
    is_request(line, Side::Client)
}

/// Whether a line ends the answer to a command.
pub fn ends_answer(line: &[u8]) -> bool {
    answer(line).is_some_and(|(tag, ..)| !matches!(tag, b"*" | b"+"))
}

/// Command and arguments of a line that asks to be let in: LOGIN, AUTHENTICATE.
pub fn asks_in(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, rest) = line::word(line.trim_ascii_start());
    let (command, arguments) = line::word(rest);
    (may_be_tag(tag) && line::is_one_of(command, &["LOGIN", "AUTHENTICATE"])).then_some((command, arguments))
}

/// From which byte on a line is secret. A name that is announced as a literal is covered with the password.
pub(super) fn secret_from(line: &[u8]) -> Option<usize> {
    let (_, arguments) = asks_in(line)?;
    let behind = line::behind(arguments, 1);
    let secret = if behind.is_empty() && arguments.ends_with(b"}") { arguments } else { behind };
    (!secret.is_empty()).then(|| line::offset(line, secret))
}

pub(super) fn secrets<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    if is_by_server(at) {
        return;
    }
    let side = Side::of_layer(at, PORTS);
    for message in line::each_message(at, side, length) {
        let first = line::first(message);
        let line = line::bare(first);
        match secret_from(line) {
            Some(from) => {
                give(line.get(from..).unwrap_or_default());
                // A literal's bytes are lines of their own.
                give(message.get(first.len()..).unwrap_or_default());
            }
            None if !is_command(line) && line::is_credential(message) => give(line),
            None => {}
        }
    }
}

/// A word, or what stands in quotation marks, without them; and the rest.
fn string(text: &[u8]) -> (&[u8], &[u8]) {
    let Some(inside) = text.strip_prefix(b"\"") else { return line::word(text) };
    let end = inside.iter().position(|byte| *byte == b'"').unwrap_or(inside.len());
    let (string, rest) = inside.split_at(end);
    (string, rest.strip_prefix(b"\"").unwrap_or(rest).trim_ascii_start())
}

/// What a client says that has no command: a literal of a letter, or the answer to AUTHENTICATE.
fn credential<'a>(at: &At<'a>) -> Option<Value<'a>> {
    let said = !is_by_server(at) && request(at).is_none() && line::is_credential(at.header());
    said.then(|| Value::Text(line::bare(at.header())))
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    if let Some((tag, command, _)) = request(at) {
        out.extend_from_slice(tag);
        out.push(b' ');
        if let Some((true, inner, _)) = by_uid(at) {
            out.extend_from_slice(command);
            out.push(b' ');
            return line::tell_command(at, inner, arguments(at), out);
        }
        return line::tell_command(at, command, arguments(at), out);
    }
    if let Some(secret) = credential(at) {
        return line::tell_command(at, b"credential", Some(secret), out);
    }
    let Some((_, status, _)) = response(at) else {
        out.extend_from_slice(format!("literal: {} bytes", at.header().len()).as_bytes());
        return Tone::Plain;
    };
    let first = line::first(at.header());
    out.extend_from_slice(line::bare(first));
    if literal(first).is_some() {
        out.extend_from_slice(format!(" ({} bytes of it here)", at.header().len() - first.len()).as_bytes());
    }
    if line::is_one_of(status, &["NO", "BAD"]) { Tone::Trouble } else { Tone::Plain }
}

pub static FIELDS: &[Field] = &[
    Field::one("imap.isrequest", "Request", Kind::Bool, |at| Some(Value::Bool(!is_by_server(at))))
        .computed()
        .about("The client speaks", RFC),
    Field::one("imap.tag", "Tag", Kind::Text, |at| {
        let tag = request(at).or_else(|| tagged(at)).map(|(tag, ..)| tag);
        tag.map(Value::Text)
    })
    .combined()
    .about("A command and the end of its answer have the same", "RFC 3501 §2.2"),
    Field::one("imap.request_tag", "Tag", Kind::Text, |at| Some(Value::Text(request(at)?.0)))
        .about("The answer will have the same", "RFC 3501 §2.2.1"),
    Field::one("imap.request.command", "Command", Kind::Text, |at| Some(Value::Text(by_uid(at)?.1)))
        .about("LOGIN, SELECT, FETCH, ...", "RFC 3501 §6"),
    Field::one("imap.request.command.uid", "By UID", Kind::Bool, |at| Some(Value::Bool(by_uid(at)?.0)).filter(is_true))
        .about("Letters are named by numbers that stay theirs", "RFC 3501 §6.4.8"),
    Field::one("netlab.imap.arguments", "Arguments", Kind::Text, arguments)
        .about("What stands behind the command; a password is shown covered", "RFC 3501 §6"),
    Field::one("imap.request.folder", "Mailbox", Kind::Text, |at| {
        let (_, command, rest) = by_uid(at)?;
        line::is_one_of(command, WITH_FOLDER).then(|| Value::Text(string(rest).0))
    })
    .about("What SELECT, APPEND and the like are about", "RFC 3501 §6.3"),
    Field::one("imap.request.username", "User", Kind::Text, |at| {
        let (_, command, rest) = by_uid(at)?;
        line::is_one_of(command, &["LOGIN"]).then(|| Value::Text(string(rest).0))
    })
    .about("Who logs in", "RFC 3501 §6.2.3"),
    Field::one("imap.request.password", "Password", Kind::Text, |at| {
        let (_, command, rest) = by_uid(at)?;
        line::is_one_of(command, &["LOGIN"]).then(|| Value::Text(string(string(rest).1).0))
    })
    .about("Shown covered", "RFC 3501 §6.2.3"),
    Field::one("netlab.imap.credential", "Credential", Kind::Text, credential)
        .about("What answers AUTHENTICATE's question, shown covered", "RFC 3501 §6.2.2"),
    Field::one("imap.response_tag", "Tag", Kind::Text, |at| Some(Value::Text(tagged(at)?.0)))
        .about("Whose answer ends here", "RFC 3501 §2.2.2"),
    Field::one("imap.response.status", "Status", Kind::Text, |at| Some(Value::Text(tagged(at)?.1)))
        .about("OK, NO or BAD", "RFC 3501 §7.1"),
    Field::one("imap.response", "Answer", Kind::Text, |at| {
        tagged(at).map(|_| Value::Text(line::bare(line::first(at.header()))))
    })
    .about("The line that ends an answer", "RFC 3501 §7"),
    Field::many("netlab.imap.untagged", "Line", Kind::Text, |at, give| {
        if response(at).is_some() && tagged(at).is_none() {
            let _ = line::each(at.header()).map(|line| Value::Text(line::bare(line))).all(give);
        }
    })
    .about("What the server tells before an answer ends, or without being asked; a letter line by line", "RFC 3501 §7"),
];

fn is_true(value: &Value<'_>) -> bool {
    *value == Value::Bool(true)
}

/// The end of an answer, or the `+` that asks for more.
fn tagged<'a>(at: &At<'a>) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    response(at).filter(|(tag, ..)| *tag != b"*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_belongs_to_its_line() {
        assert_eq!(literal(b"* 1 FETCH (BODY[] {208}\r\n"), Some(208));
        assert_eq!(literal(b"a APPEND INBOX {31+}\r\n"), Some(31));
        assert_eq!(literal(b"a APPEND INBOX {}\r\n"), None);
        assert_eq!(literal(b"a {99999999999999999999999}\r\n"), None);
        assert_eq!(length(b"* 1 FETCH (BODY[] {6}\r\n* 2\r\n!)\r\na OK\r\n", Side::Server), 32);
        assert_eq!(length(b"* 1 FETCH (BODY[] {600}\r\nDragi", Side::Server), 30);
        assert_eq!(length(b"of a letter\r\nits end\r\n)\r\na OK x\r\n", Side::Server), 25);
        assert_eq!(length(b"a LIST {18446744073709551615}\r\nx", Side::Client), 32);
    }

    #[test]
    fn strings_may_stand_in_quotation_marks() {
        assert_eq!(string(b"branko \"tajna rec\""), (&b"branko"[..], &b"\"tajna rec\""[..]));
        assert_eq!(string(b"\"tajna rec\" x"), (&b"tajna rec"[..], &b"x"[..]));
        assert_eq!(string(b"\"not closed"), (&b"not closed"[..], &b""[..]));
    }
}
