//! What the protocols of lines have in common: lines, a command and what stands behind it, replies that begin with
//! three digits (RFC 959 §4.2, RFC 5321 §4.2.1), who of both ends speaks, and what of it is secret.
//!
//! A message is one layer. Trap: a segment may begin in the middle of a message, or end there; what is read here is
//! always only what this segment holds of it.

use super::application::{Look, MOST_MESSAGES, Tone};
use super::secret::Cover;
use super::{At, Layer, Protocol, Stop, Value, Walk};

/// The bytes that tell whether a segment is text.
const LOOKED_AT: usize = 32;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
    /// Neither end has a port of the protocol.
    Unknown,
}

impl Side {
    fn of(source: u16, destination: u16, ports: &[u16]) -> Self {
        match (ports.contains(&source), ports.contains(&destination)) {
            (true, false) => Self::Server,
            (false, true) => Self::Client,
            _ => Self::Unknown,
        }
    }

    /// Who sends the segment of a layer.
    pub fn of_layer(at: &At<'_>, ports: &[u16]) -> Self {
        Self::below(at.packet.frame.data, at.packet.layers.get(..at.index).unwrap_or_default(), ports)
    }

    fn below(data: &[u8], layers: &[Layer], ports: &[u16]) -> Self {
        let tcp = layers.iter().rfind(|layer| layer.protocol == Protocol::Tcp);
        let both = tcp.and_then(|tcp| data.get(tcp.start as usize..)?.first_chunk::<4>());
        match both {
            Some([a, b, c, d]) => Self::of(u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]), ports),
            None => Self::Unknown,
        }
    }
}

/// Adds a layer for each message of a segment; `length` says how many bytes the first message of its argument has.
pub(super) fn messages(
    walk: &mut Walk<'_, '_>,
    protocol: Protocol,
    ports: &[u16],
    length: fn(&[u8], Side) -> usize,
) -> Stop {
    let side = Side::below(walk.data, walk.layers, ports);
    for number in 1.. {
        let rest = walk.rest();
        if rest.is_empty() {
            break;
        }
        let length = if number < MOST_MESSAGES { length(rest, side).max(1) } else { rest.len() };
        if let Err(stop) = walk.text(protocol, length) {
            return stop;
        }
    }
    Stop::End
}

/// Whether a segment is text as far as it is looked at: what is encrypted is not.
pub(super) fn is_text(look: &Look<'_>) -> bool {
    let shown = look.data.get(..LOOKED_AT).unwrap_or(look.data);
    !shown.is_empty() && shown.iter().all(|byte| !matches!(byte, 0..=8 | 11..=12 | 14..=31 | 127))
}

/// The first line with its end; all of it where no line ends.
pub fn first(data: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'\n', data).map_or(data.len(), |at| at + 1);
    data.get(..end).unwrap_or(data)
}

/// A line without its end.
pub fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The lines, each with its end.
pub fn each(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split_inclusive(|byte| *byte == b'\n')
}

/// The first word, and what stands behind the blanks behind it.
pub fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    (word, rest.trim_ascii_start())
}

/// The messages of a layer, as [`messages`] would cut them: the last layer of a segment may have many.
pub(super) fn each_message<'a>(
    at: &At<'a>,
    side: Side,
    length: fn(&[u8], Side) -> usize,
) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = at.header();
    std::iter::from_fn(move || {
        let (message, behind) = rest.split_at_checked(length(rest, side).max(1)).unwrap_or((rest, &[]));
        rest = behind;
        Some(message).filter(|message| !message.is_empty())
    })
}

/// Where in a text its last part begins.
pub fn offset(text: &[u8], end: &[u8]) -> usize {
    text.len() - end.len().min(text.len())
}

/// Whether a word is one of these commands, whatever its case.
pub fn is_one_of(word: &[u8], commands: &[&str]) -> bool {
    commands.iter().any(|command| word.eq_ignore_ascii_case(command.as_bytes()))
}

/// A line of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    pub code: u16,
    /// More lines of the same reply follow.
    pub more: bool,
    pub text: &'a [u8],
}

/// A line that begins with the three digits of a reply.
pub fn reply(line: &[u8]) -> Option<Reply<'_>> {
    let (digits, rest) = bare(line).split_first_chunk::<3>()?;
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(rest.first(), None | Some(b' ' | b'-')) {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    Some(Reply { code, more: rest.first() == Some(&b'-'), text: rest.get(1..).unwrap_or_default() })
}

/// Bytes of a reply with all its lines: up to the one with the same digits and no dash.
pub fn reply_length(data: &[u8]) -> usize {
    let Some(begun) = reply(first(data)) else { return first(data).len() };
    let mut length = 0;
    for line in each(data) {
        length += line.len();
        if reply(line).is_some_and(|reply| reply.code == begun.code && !reply.more) || !begun.more {
            break;
        }
    }
    length
}

/// A reply in a line: its digits and its first words, and how many lines follow.
pub fn tell_reply(message: &[u8], out: &mut Vec<u8>) -> Tone {
    let line = first(message);
    out.extend_from_slice(bare(line).trim_ascii());
    let more = each(message).skip(1).count();
    if more > 0 {
        out.extend_from_slice(format!(" (and {more} more {})", if more == 1 { "line" } else { "lines" }).as_bytes());
    }
    match reply(line) {
        Some(reply) if reply.code >= 400 => Tone::Trouble,
        _ => Tone::Plain,
    }
}

/// A command of a layer in a line: its word, and what stands behind it, the secrets in that as `***`.
pub(super) fn tell_command(at: &At<'_>, word: &[u8], behind: Option<Value<'_>>, out: &mut Vec<u8>) -> Tone {
    out.extend_from_slice(word);
    if let Some(Value::Text(text)) = behind {
        if !word.is_empty() && !text.is_empty() {
            out.push(b' ');
        }
        Cover::new(at).write(text, out);
    }
    Tone::Plain
}

/// What stands behind the first `open` words.
pub fn behind(text: &[u8], open: usize) -> &[u8] {
    (0..open).fold(text, |rest, _| word(rest).1)
}

/// Whether a segment is one line of base64 and nothing else: what answers a server that asks for a name or a password
/// (RFC 4954 §4, RFC 3501 §6.2.2). The end of an encoded letter may look the same.
pub fn is_credential(message: &[u8]) -> bool {
    let line = bare(message);
    let digits = line.strip_suffix(b"==").or_else(|| line.strip_suffix(b"=")).unwrap_or(line);
    line.len() >= 4
        && line.len().is_multiple_of(4)
        && message.ends_with(b"\n")
        && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_of_several_lines_ends_with_the_line_without_a_dash() {
        assert_eq!(reply(b"250 OK\r\n"), Some(Reply { code: 250, more: false, text: b"OK" }));
        assert_eq!(reply(b"250-SIZE\r\n"), Some(Reply { code: 250, more: true, text: b"SIZE" }));
        assert_eq!(reply(b"250\r\n"), Some(Reply { code: 250, more: false, text: b"" }));
        assert_eq!(reply(b"25 OK"), None);
        assert_eq!(reply(b"2500 OK"), None);
        assert_eq!(reply_length(b"211-Features:\r\n 999 no\r\n EPSV\r\n211 End\r\n220 next\r\n"), 40);
        assert_eq!(reply_length(b"220 hello\r\n221 bye\r\n"), 11);
        assert_eq!(reply_length(b"250-cut off\r\n250-he"), 19);
        assert_eq!(reply_length(b""), 0);
    }

    #[test]
    fn one_line_of_base64_may_be_a_password() {
        assert!(is_credential(b"dGFqbmE=\r\n") && is_credential(b"dGFq\n"));
        assert!(!is_credential(b"dGFqbmE\r\n") && !is_credential(b"dGFq") && !is_credential(b"QUIT now\r\n"));
        assert!(!is_credential(b"\r\n") && !is_credential(b"dGFq\r\ndGFq\r\n"));
    }
}
