//! The Session Initiation Protocol (RFC 3261): who calls whom, and how that goes; and what a call is to carry and where
//! to, as the Session Description Protocol (RFC 8866) says in its body.
//!
//! The head is read as HTTP's is; header names have short forms (`f` is `From`). A layer is a whole message, head and
//! body, as much of it as this packet holds.

mod fields;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use super::application::{Look, Tone};
use super::secret::write_addresses;
use super::{Address, At, Protocol, Stop, Walk, http, line};
pub use fields::FIELDS;

pub const PORTS: &[u16] = &[5060];

const VERSION: &[u8] = b"SIP/2.0";
/// Lines of a description that are looked at.
const MOST_LINES: usize = 128;

/// The line that a message begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start<'a> {
    Request { method: &'a [u8], uri: &'a [u8] },
    Response { code: u16, phrase: &'a [u8] },
}

impl<'a> Start<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let (first, rest) = split(line);
        let (second, third) = split(rest);
        if first == VERSION {
            let code = std::str::from_utf8(second).ok().filter(|code| code.len() == 3)?.parse().ok()?;
            return Some(Self::Response { code, phrase: third });
        }
        let is_method = !first.is_empty() && first.iter().all(u8::is_ascii_uppercase);
        (is_method && third == VERSION).then_some(Self::Request { method: first, uri: second })
    }
}

/// What lies before the first blank, and behind it.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, &[]),
    }
}

pub(super) fn look(look: &Look<'_>) -> bool {
    begins(look.data) || look.on_port && is_cut(look.data)
}

/// Whether a request begins here whose first line is not whole.
fn is_cut(data: &[u8]) -> bool {
    const METHODS: [&[u8]; 14] = [
        b"INVITE",
        b"ACK",
        b"BYE",
        b"CANCEL",
        b"REGISTER",
        b"OPTIONS",
        b"MESSAGE",
        b"SUBSCRIBE",
        b"NOTIFY",
        b"INFO",
        b"UPDATE",
        b"PRACK",
        b"REFER",
        b"PUBLISH",
    ];
    let (line, is_whole) = http::line(data);
    let (method, rest) = split(line);
    !is_whole && METHODS.contains(&method) && (b"sip".starts_with(rest) || rest.starts_with(b"sip"))
}

fn begins(data: &[u8]) -> bool {
    // Nothing else is looked at of most.
    let letters = data.iter().take(4).take_while(|byte| byte.is_ascii_uppercase()).count();
    if letters < 3 || data.starts_with(b"HTTP/") {
        return false;
    }
    let line = http::line(data).0;
    (line.ends_with(VERSION) || line.starts_with(VERSION)) && Start::read(line).is_some()
}

/// The whole message that begins here, or what there is of it.
fn length(data: &[u8]) -> usize {
    let head = http::head(data);
    let body = data.get(..head).and_then(|head| header(head, Name::ContentLength));
    let body = body.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
    body.map_or(data.len(), |body| head.saturating_add(body).min(data.len()))
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    let length = walk.rest().len();
    walk.text(Protocol::Sip, length).err().unwrap_or(Stop::End)
}

pub(super) fn decode_tcp(walk: &mut Walk<'_, '_>) -> Stop {
    loop {
        let rest = walk.rest();
        if let Err(stop) = walk.text(Protocol::Sip, length(rest)) {
            return stop;
        }
        if !begins(walk.rest()) {
            return walk.payload_behind();
        }
    }
}

/// The headers that are read, each with its short form (RFC 3261 §7.3.3).
#[derive(Clone, Copy)]
enum Name {
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    MaxForwards,
    Expires,
    ContentType,
    ContentLength,
    UserAgent,
    Server,
    Subject,
    Authorization,
    ProxyAuthorization,
}

impl Name {
    fn is(self, name: &[u8]) -> bool {
        let (long, short) = match self {
            Self::Via => ("via", "v"),
            Self::From => ("from", "f"),
            Self::To => ("to", "t"),
            Self::CallId => ("call-id", "i"),
            Self::CSeq => ("cseq", ""),
            Self::Contact => ("contact", "m"),
            Self::MaxForwards => ("max-forwards", ""),
            Self::Expires => ("expires", ""),
            Self::ContentType => ("content-type", "c"),
            Self::ContentLength => ("content-length", "l"),
            Self::UserAgent => ("user-agent", ""),
            Self::Server => ("server", ""),
            Self::Subject => ("subject", "s"),
            Self::Authorization => ("authorization", ""),
            Self::ProxyAuthorization => ("proxy-authorization", ""),
        };
        name.eq_ignore_ascii_case(long.as_bytes()) || name.eq_ignore_ascii_case(short.as_bytes()) && !name.is_empty()
    }
}

fn head<'a>(at: &At<'a>) -> &'a [u8] {
    let message = at.header();
    message.get(..http::head(message)).unwrap_or(message)
}

fn headers(head: &[u8], wanted: Name) -> impl Iterator<Item = &[u8]> {
    http::headers(head).filter(move |(name, _)| wanted.is(name)).map(|(_, value)| value)
}

fn header(head: &[u8], wanted: Name) -> Option<&[u8]> {
    headers(head, wanted).next()
}

pub(super) fn secrets<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    let head = head(at);
    http::of_head(head, give);
    for line in line::each(at.header().get(head.len()..).unwrap_or_default()).map(line::bare) {
        give(secret_from(line).and_then(|from| line.get(from..)).unwrap_or_default());
    }
}

/// From which byte on a line of a description is secret: keys of what is to be carried (RFC 8866 §5.12, RFC 4568), the
/// password of a way there (RFC 8839 §5.4).
pub(super) fn secret_from(line: &[u8]) -> Option<usize> {
    if line.starts_with(b"a=crypto:") {
        return memchr::memmem::find(line, b"inline:").map(|place| place + 7);
    }
    [&b"k="[..], b"a=ice-pwd:"].iter().find(|name| line.starts_with(name)).map(|name| name.len())
}

/// The address in `"Ana" <sip:ana@lab.example>;tag=1`.
fn address(value: &[u8]) -> &[u8] {
    let open = memchr::memchr(b'<', value).and_then(|at| value.get(at + 1..));
    match open {
        Some(inside) => inside.split(|byte| *byte == b'>').next().unwrap_or_default(),
        None => value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii(),
    }
}

fn tag(value: &[u8]) -> Option<&[u8]> {
    value.split(|byte| *byte == b';').skip(1).find_map(|part| part.trim_ascii().strip_prefix(b"tag="))
}

/// The lines of the description of what the call carries: a letter, and what it says.
fn description<'a>(at: &At<'a>) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
    let message = at.header();
    let head = head(at);
    let is_one = header(head, Name::ContentType)
        .is_some_and(|kind| kind.get(..15).is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/sdp")));
    let body = message.get(head.len()..).filter(|_| is_one).unwrap_or_default();
    body.split(|byte| *byte == b'\n').take(MOST_LINES).filter_map(|line| match line {
        [letter, b'=', value @ ..] => Some((*letter, value.strip_suffix(b"\r").unwrap_or(value))),
        _ => None,
    })
}

fn line<'a>(at: &At<'a>, letter: u8) -> Option<&'a [u8]> {
    description(at).find(|(found, _)| *found == letter).map(|(_, value)| value)
}

/// One word of each line that says what is carried: kind, port, protocol, formats.
fn media<'a>(at: &At<'a>, place: usize) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let lines = description(at).filter(|(letter, _)| *letter == b'm').map(|(_, value)| value);
    lines.filter_map(move |line| line.split(|byte| *byte == b' ').nth(place))
}

/// A medium that a call describes: the end that is to hear it, and the ticks a second of its payload types.
#[derive(Debug, PartialEq, Eq)]
pub struct Medium {
    pub end: (Address, u16),
    pub rates: Vec<(u8, u32)>,
}

/// The media over RTP that a message describes, and that are not refused.
pub fn described(at: &At<'_>) -> Vec<Medium> {
    let (mut session, mut found) = (None, Vec::<(Option<Address>, u16, Vec<(u8, u32)>)>::new());
    // Lines behind one of a medium are of that medium.
    for (letter, value) in description(at) {
        let mut words = value.split(|byte| *byte == b' ');
        match (letter, found.last_mut()) {
            (b'm', _) => {
                let port = words.nth(1).and_then(first_number);
                let is_rtp = words.next().is_some_and(|protocol| memchr::memmem::find(protocol, b"RTP/").is_some());
                found.push((session, port.filter(|_| is_rtp).unwrap_or(0), Vec::new()));
            }
            (b'c', None) => session = words.nth(2).and_then(host),
            (b'c', Some((end, ..))) => *end = words.nth(2).and_then(host),
            (b'a', Some((_, _, rates))) => {
                let payload_type = words.next().and_then(|word| first_number(word.strip_prefix(b"rtpmap:")?));
                let rate = words.next().and_then(|word| first_number(word.split(|byte| *byte == b'/').nth(1)?));
                rates.extend(payload_type.zip(rate).filter(|(payload_type, rate)| *payload_type < 128 && *rate > 0));
            }
            _ => {}
        }
    }
    let medium = |(host, port, rates): (Option<Address>, u16, _)| Some(Medium { end: (host?, port), rates });
    found.into_iter().filter(|(_, port, _)| *port != 0).filter_map(medium).collect()
}

/// The number before what may follow (`6000/2`: two ports).
fn first_number<T: std::str::FromStr>(word: &[u8]) -> Option<T> {
    std::str::from_utf8(word.split(|byte| *byte == b'/').next()?).ok()?.trim_end().parse().ok()
}

/// An address, before the time to live that groups have.
fn host(word: &[u8]) -> Option<Address> {
    let word = word.split(|byte| *byte == b'/').next()?;
    std::str::from_utf8(word).ok()?.trim_end().parse::<IpAddr>().ok().map(Address::from)
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let head = head(at);
    let start = Start::read(http::line(head).0);
    match start {
        Some(Start::Request { method, uri }) => {
            out.extend_from_slice(method);
            out.push(b' ');
            write_addresses(uri, out);
            if let Some(from) = header(head, Name::From) {
                out.extend_from_slice(b" from ");
                write_addresses(address(from), out);
            }
        }
        Some(Start::Response { code, phrase }) => {
            out.extend_from_slice(format!("{code} ").as_bytes());
            out.extend_from_slice(phrase);
            if let Some((_, method)) = header(head, Name::CSeq).map(split) {
                out.extend_from_slice(b" to ");
                out.extend_from_slice(method);
            }
        }
        None if is_cut(head) => {
            out.extend_from_slice(split(head).0);
            out.extend_from_slice(b", goes on");
        }
        None => out.extend_from_slice(format!("{} bytes that go on from before", at.header().len()).as_bytes()),
    }
    for (kind, port) in media(at, 0).zip(media(at, 1)) {
        out.extend_from_slice(b", ");
        out.extend_from_slice(kind);
        out.extend_from_slice(b" at port ");
        out.extend_from_slice(port);
    }
    if let Some(call) = header(head, Name::CallId) {
        out.extend_from_slice(b", call ");
        out.extend_from_slice(call);
    }
    match start {
        Some(Start::Response { code: 400.., .. }) => Tone::Trouble,
        _ => Tone::Plain,
    }
}
