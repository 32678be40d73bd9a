//! The Trivial File Transfer Protocol (RFC 1350, RFC 2347 for options).
//!
//! Trap: only the first datagram goes to port 69; the server answers from a port of its own, which nothing in its
//! datagrams tells from others: who follows what was asked knows it (`flow::tftp`).

use super::application::{Look, Tone};
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[69];

const RFC: &str = "RFC 1350 §5";
const EXTENDED: &str = "RFC 2347";

pub(super) fn look(look: &Look<'_>) -> bool {
    is_message(look.data) && look.length >= 4
}

/// Whether a datagram begins as a message does.
pub fn is_message(data: &[u8]) -> bool {
    matches!(data, [0, 1..=6, ..])
}

/// Whether a message asks to read or to write a file.
pub fn is_request(message: &[u8]) -> bool {
    matches!(message, [0, 1 | 2, ..])
}

/// The name of the file in a request.
pub fn file(request: &[u8]) -> &[u8] {
    request.get(2..).and_then(|texts| texts.split(|byte| *byte == 0).next()).unwrap_or_default()
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    walk.message(Protocol::Tftp)
}

fn codes(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "read request",
        2 => "write request",
        3 => "data",
        4 => "acknowledgment",
        5 => "error",
        6 => "option acknowledgment",
        _ => return None,
    })
}

fn code(at: &At<'_>) -> Option<u16> {
    at.u16(0)
}

/// The texts of a message, each with a zero behind it, from the first byte behind the code.
fn texts<'a>(at: &At<'a>, from: usize) -> impl Iterator<Item = &'a [u8]> {
    let bytes = at.bytes().get(from..).unwrap_or_default();
    bytes.strip_suffix(&[0]).unwrap_or(bytes).split(|byte| *byte == 0)
}

/// File and mode.
fn text<'a>(at: &At<'a>, wanted: &[u16], which: usize) -> Option<Value<'a>> {
    code(at).filter(|code| wanted.contains(code))?;
    texts(at, 2).nth(which).map(Value::Text)
}

/// Names and values of options by turns.
fn options<'a>(at: &At<'a>) -> impl Iterator<Item = &'a [u8]> {
    let first = match code(at) {
        Some(1 | 2) => 2,
        Some(6) => 0,
        _ => usize::MAX,
    };
    texts(at, 2).skip(first)
}

/// Whether it bears a piece of the file, or says that it came.
fn is_of_piece(at: &At<'_>) -> bool {
    matches!(code(at), Some(3 | 4))
}

fn is_error(at: &At<'_>) -> bool {
    code(at) == Some(5)
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let number = code(at).unwrap_or_default();
    out.extend_from_slice(codes(number.into()).unwrap_or_default().as_bytes());
    let mut word = |text: &[u8]| {
        out.push(b' ');
        out.extend_from_slice(text);
    };
    match number {
        1 | 2 | 6 => texts(at, 2).for_each(word),
        3 | 4 => word(at.u16(2).unwrap_or_default().to_string().as_bytes()),
        5 => texts(at, 4).take(1).for_each(word),
        _ => {}
    }
    if number == 3 {
        let length = at.layer.end.saturating_sub(at.layer.start).saturating_sub(4);
        out.extend_from_slice(format!(", {length} bytes").as_bytes());
    }
    if number == 5 { Tone::Trouble } else { Tone::Plain }
}

pub static FIELDS: &[Field] = &[
    Field::dec("tftp.opcode", "Code", 0, 16).words(codes).about("What the message is", RFC),
    Field::one("tftp.source_file", "File to read", Kind::Text, |at| text(at, &[1], 0))
        .about("Its name at the server", RFC),
    Field::one("tftp.destination_file", "File to write", Kind::Text, |at| text(at, &[2], 0))
        .about("Its name at the server", RFC),
    Field::one("tftp.type", "Mode", Kind::Text, |at| text(at, &[1, 2], 1))
        .about("octet: as it is; netascii: text, with line ends of the network", RFC),
    Field::dec("tftp.block", "Block", 16, 16)
        .only(is_of_piece)
        .about("Number of a piece, from 1; the last one is shorter than the others", RFC),
    Field::dec("tftp.error.code", "Error", 16, 16)
        .only(is_error)
        .about("1: no such file, 2: not allowed, 3: disk full", RFC),
    Field::one("tftp.error.message", "Error", Kind::Text, |at| {
        texts(at, 4).next().filter(|_| is_error(at)).map(Value::Text)
    })
    .about("In words", RFC),
    Field::many("tftp.option.name", "Option", Kind::Text, |at, give| {
        let _ = options(at).step_by(2).map(Value::Text).all(give);
    })
    .about("blksize, timeout, tsize, ...", EXTENDED),
    Field::many("tftp.option.value", "Value", Kind::Text, |at, give| {
        let _ = options(at).skip(1).step_by(2).map(Value::Text).all(give);
    })
    .about("Of the option", EXTENDED),
];

#[cfg(test)]
mod tests {
    use crate::wire::sample::{ethernet, fields, ipv4, udp};

    #[test]
    fn reads_file_mode_and_options_and_needs_no_zero_at_the_end() {
        for end in ["\0", ""] {
            let request = format!("\0\x01file\0octet\0blksize\x001024{end}");
            let frame = ethernet(0x0800, &ipv4(17, &udp(69, request.as_bytes())));
            fields(&frame, &[("tftp.opcode", "1"), ("tftp.block", "absent"), ("tftp.destination_file", "absent")]);
            for (field, value) in
                [("source_file", "file"), ("type", "octet"), ("option.name", "blksize"), ("option.value", "1024")]
            {
                let text = format!("{:?}", value.as_bytes());
                fields(&frame, &[(&format!("tftp.{field}"), &text)]);
            }
        }
    }
}
