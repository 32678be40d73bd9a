//! HTTP/1 (RFC 9112), and SSDP, which says the same in datagrams: start lines and header lines that lie in this packet.
//!
//! The lines are read by hand and not by a crate that takes a whole head or nothing: a head may be cut by the end of its
//! segment or by the capture, and one broken line must not hide the others. At most so many lines are looked at.
//!
//! Trap: the bytes behind a head are a body as long as the head says; they are shown as data, and what comes behind
//! them is another message only where it begins like one.

mod fields;
mod secret;
#[cfg(test)]
mod tests;

use std::io::Write;

use super::application::{Look, Tone};
use super::exchange::{Among, Exchange, Part};
use super::secret::write_addresses;
use super::{At, Protocol, Stop, Walk, websocket};
pub use fields::FIELDS;
pub use secret::Following;
pub(super) use secret::{of_head, secrets};

/// Where servers listen, by custom too.
pub const PORTS: &[u16] = &[80, 3128, 8000, 8008, 8080, 8088];
pub const SSDP: u16 = 1900;
/// Bytes of a start line, and lines of a head, that are looked at.
pub const LONGEST_LINE: usize = 8192;
const MOST_LINES: usize = 128;
/// Letters of a method.
const LONGEST_METHOD: usize = 20;

/// The line that a message begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    Request { method: &'a [u8], uri: &'a [u8], version: &'a [u8] },
    Response { version: &'a [u8], code: u16, phrase: &'a [u8] },
}

/// The first line without its end, and whether it has one.
pub fn line(data: &[u8]) -> (&[u8], bool) {
    let seen = data.get(..LONGEST_LINE).unwrap_or(data);
    match memchr::memchr(b'\n', seen) {
        Some(end) => {
            let line = seen.get(..end).unwrap_or_default();
            (line.strip_suffix(b"\r").unwrap_or(line), true)
        }
        None => (seen, false),
    }
}

/// The method that a line begins with: capital letters before a blank.
fn method(line: &[u8]) -> Option<&[u8]> {
    let head = line.get(..=LONGEST_METHOD).unwrap_or(line);
    let length = head.iter().position(|byte| *byte == b' ')?;
    let method = head.get(..length)?;
    let letters = method.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'));
    (length > 2 && letters).then_some(method)
}

fn is_version(text: &[u8]) -> bool {
    text.strip_prefix(b"HTTP/1.").is_some_and(|minor| minor.len() == 1)
}

impl<'a> Start<'a> {
    /// Reads a line that is one; `None` where it is not. A line that is not whole may lack what comes last.
    pub fn read(line: &'a [u8]) -> Option<Self> {
        if line.starts_with(b"HTTP/") {
            let (version, rest) = split(line);
            let (code, phrase) = split(rest);
            let code = std::str::from_utf8(code).ok().filter(|code| code.len() == 3)?.parse().ok()?;
            return Some(Self::Response { version, code, phrase });
        }
        let method = method(line)?;
        let rest = line.get(method.len() + 1..).unwrap_or_default();
        let (uri, version) = match memchr::memrchr(b' ', rest).and_then(|at| rest.split_at_checked(at)) {
            Some((uri, version)) if version.get(1..).is_some_and(|version| version.starts_with(b"HTTP/")) => {
                (uri, version.get(1..).unwrap_or_default())
            }
            _ => (rest, &[][..]),
        };
        Some(Self::Request { method, uri, version })
    }
}

/// What lies before the first blank, and behind it.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, &[]),
    }
}

/// The methods that are known by their names alone, on the ports of HTTP.
fn is_known(method: &[u8]) -> bool {
    const METHODS: [&[u8]; 24] = [
        b"GET",
        b"POST",
        b"HEAD",
        b"PUT",
        b"DELETE",
        b"OPTIONS",
        b"CONNECT",
        b"TRACE",
        b"PATCH",
        b"NOTIFY",
        b"M-SEARCH",
        b"SUBSCRIBE",
        b"UNSUBSCRIBE",
        b"PROPFIND",
        b"PROPPATCH",
        b"MKCOL",
        b"COPY",
        b"MOVE",
        b"LOCK",
        b"UNLOCK",
        b"REPORT",
        b"SEARCH",
        b"POLL",
        b"LINK",
    ];
    METHODS.contains(&method)
}

/// Whether a message begins here: on a port of HTTP by a method's name, anywhere by the version in its first line.
pub fn begins(data: &[u8], on_port: bool) -> bool {
    if data.starts_with(b"HTTP/1.") {
        return data.get(8).is_none_or(|byte| *byte == b' ');
    }
    let Some(method) = method(data) else { return false };
    if on_port && is_known(method) {
        return true;
    }
    let (line, whole) = line(data);
    whole && line.len().checked_sub(8).and_then(|at| line.get(at..)).is_some_and(is_version)
}

pub(super) fn look(look: &Look<'_>) -> bool {
    begins(look.data, look.on_port)
}

/// Bytes of the head that lie here: up to the empty line, that included, or all.
pub fn head(data: &[u8]) -> usize {
    let mut rest = data;
    loop {
        let Some(end) = memchr::memchr(b'\n', rest) else { return data.len() };
        let line = rest.get(..end).unwrap_or_default();
        rest = rest.get(end + 1..).unwrap_or_default();
        if line.is_empty() || line == b"\r" {
            return data.len() - rest.len();
        }
    }
}

/// The lines of a head behind the first, without their line feeds.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = memchr::memchr(b'\n', head).and_then(|end| head.get(end + 1..));
    let lines = std::iter::from_fn(move || {
        let all = rest?;
        let end = memchr::memchr(b'\n', all);
        rest = end.and_then(|end| all.get(end + 1..));
        all.get(..end.unwrap_or(all.len()))
    });
    lines.take(MOST_LINES)
}

/// Name and value of a header line, blanks around them left out.
fn pair(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    Some((line.get(..colon)?.trim_ascii(), line.get(colon + 1..)?.trim_ascii()))
}

/// The header lines of a head: name and value, blanks around them left out.
pub fn headers(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(head).filter_map(pair)
}

/// The header lines whose names begin with one of these small letters, as [`headers`]; the others are hardly looked at.
fn beginning_with(head: &[u8], letters: impl AsRef<[u8]>) -> impl Iterator<Item = (&[u8], &[u8])> {
    let first = |line: &[u8]| line.iter().find(|byte| !byte.is_ascii_whitespace()).map(u8::to_ascii_lowercase);
    let begins = move |line: &&[u8]| first(line).is_some_and(|first| letters.as_ref().contains(&first));
    lines(head).filter(begins).filter_map(pair)
}

/// The values of the headers with this name.
pub fn values<'a>(head: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    let letter = name.bytes().next().unwrap_or_default().to_ascii_lowercase();
    let named = beginning_with(head, [letter]).filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
    named.map(|(_, value)| value)
}

/// The value of the first header with this name.
pub fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    values(head, name).next()
}

/// The number that a header's value is.
fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Bytes of the body behind a head, as far as the head says; all that is there where it does not.
fn body(head: &[u8], there: usize) -> usize {
    let (mut said, mut coded) = (None, false);
    for (name, value) in beginning_with(head, b"ct") {
        coded |= name.eq_ignore_ascii_case(b"transfer-encoding");
        if said.is_none() && name.eq_ignore_ascii_case(b"content-length") {
            said = Some(number(value));
        }
    }
    let said = said.flatten().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    match Start::read(line(head).0) {
        Some(Start::Response { code: 100..=199 | 204 | 304, .. }) => 0,
        Some(Start::Request { .. }) if said.is_none() && !coded => 0,
        _ => said.unwrap_or(there).min(there),
    }
}

/// Bytes of a message with its body; `None` where its head is cut, or does not say.
pub(super) fn whole(at: &At<'_>) -> Option<u64> {
    let head = at.header();
    let ended = head.ends_with(b"\r\n\r\n") || head.ends_with(b"\n\n");
    if !ended || header(head, "transfer-encoding").is_some() {
        return None;
    }
    let body = match Start::read(line(head).0)? {
        Start::Response { code: 100..=199 | 204 | 304, .. } => 0,
        _ => header(head, "content-length").and_then(number)?,
    };
    Some((head.len() as u64).saturating_add(body))
}

fn messages(walk: &mut Walk<'_, '_>, protocol: Protocol) -> Stop {
    loop {
        let rest = walk.rest();
        let length = head(rest);
        let (head, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        if let Err(stop) = walk.text(protocol, length) {
            return stop;
        }
        if !behind.is_empty() && websocket::is_agreed(head) {
            return websocket::decode(walk);
        }
        // An answer to HEAD has a length and no body.
        let body = if behind.starts_with(b"HTTP/1.") { 0 } else { body(head, behind.len()) };
        if body > 0
            && let Err(stop) = walk.text(Protocol::Data, body)
        {
            return stop;
        }
        if !begins(walk.rest(), true) {
            return walk.payload_behind();
        }
    }
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    messages(walk, Protocol::Http)
}

pub(super) fn decode_ssdp(walk: &mut Walk<'_, '_>) -> Stop {
    messages(walk, Protocol::Ssdp)
}

/// A response belongs to the request that has waited longest; of SSDP, to the one search of whom it goes to.
pub(super) fn exchange(at: &At<'_>) -> Option<Exchange> {
    let ssdp = at.layer.protocol == Protocol::Ssdp;
    let head = at.header();
    // Of requests, only the method is looked at.
    let part = match method(head) {
        Some(b"NOTIFY") if ssdp => return None,
        Some(_) => Part::Question,
        None => {
            let Start::Response { code, .. } = Start::read(line(head).0)? else { return None };
            // 100 and the like come before the response proper.
            Part::Answer { last: code >= 200 || code == 101 }
        }
    };
    Some(Exchange { part, among: if ssdp { Among::Asker } else { Among::Turns }, tag: 0 })
}

/// The start line, then what of the headers says most.
pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let head = at.header();
    let first = line(head).0;
    // Most have no sign.
    let write = match memchr::memchr(b'@', head) {
        None => |text: &[u8], out: &mut Vec<u8>| out.extend_from_slice(text),
        Some(_) => write_addresses,
    };
    write(first, out);
    let start = Start::read(first);
    let told: &[(&str, &str, &str)] = match start {
        Some(Start::Request { .. }) => &[("host", ", host ", "")],
        _ => &[("location", ", at ", ""), ("content-type", ", ", ""), ("content-length", ", ", " bytes")],
    };
    // Of each, the first that there is, wherever it stands.
    let mut values = [None; 3];
    for (name, value) in beginning_with(head, b"hlc") {
        let place = told.iter().position(|(known, ..)| name.eq_ignore_ascii_case(known.as_bytes()));
        if let Some(slot) = place.and_then(|place| values.get_mut(place)) {
            slot.get_or_insert(value);
        }
    }
    for ((_, before, behind), value) in told.iter().zip(values) {
        let Some(value) = value else { continue };
        out.extend_from_slice(before.as_bytes());
        write(value, out);
        out.extend_from_slice(behind.as_bytes());
    }
    if start.is_none() && first.is_empty() {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{} bytes that go on from before", head.len());
    }
    match start {
        Some(Start::Response { code: 400.., .. }) => Tone::Trouble,
        _ => Tone::Plain,
    }
}
