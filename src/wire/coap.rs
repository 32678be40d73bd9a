//! The Constrained Application Protocol (RFC 7252; blocks: RFC 7959): what HTTP says, in a few bytes of UDP.
//!
//! A layer ends with the options; what is behind their mark is data. Trap: only the numbers of a message and its token
//! say what it answers: a response without a payload says nothing of the path.

use super::application::{Look, Tone};
use super::exchange::{Among, Exchange, Part};
use super::reader::Reader;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[5683];

const RFC: &str = "RFC 7252 §3";
const OPTION: &str = "RFC 7252 §5.10";
const BLOCK: &str = "RFC 7959 §2.2";
const HEADER: usize = 4;
const LONGEST_TOKEN: usize = 8;
/// Behind it there is a payload.
const MARK: u8 = 0xff;

const IF_MATCH: u16 = 1;
const URI_HOST: u16 = 3;
const ETAG: u16 = 4;
const OBSERVE: u16 = 6;
const URI_PORT: u16 = 7;
const LOCATION_PATH: u16 = 8;
const URI_PATH: u16 = 11;
const CONTENT_FORMAT: u16 = 12;
const MAX_AGE: u16 = 14;
const URI_QUERY: u16 = 15;
const ACCEPT: u16 = 17;
const LOCATION_QUERY: u16 = 20;
const BLOCK2: u16 = 23;
const BLOCK1: u16 = 27;
const PROXY_URI: u16 = 35;
const PROXY_SCHEME: u16 = 39;

pub(super) fn look(look: &Look<'_>) -> bool {
    let Some([first, code, ..]) = look.data.first_chunk::<HEADER>() else { return false };
    let token = usize::from(first & 15);
    // An empty message has neither token nor options.
    let fits = if *code == 0 { token == 0 && look.length == HEADER } else { codes((*code).into()).is_some() };
    first >> 6 == 1 && token <= LONGEST_TOKEN && fits && head(look.data).is_none_or(|length| length <= look.length)
}

/// Bytes up to the payload, its mark included; `None` where they are not all here or make no sense.
fn head(data: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(data);
    let first = reader.u8()?;
    reader.skip(HEADER - 1 + usize::from(first & 15).min(LONGEST_TOKEN))?;
    while let Some(&next) = data.get(reader.position()) {
        if next == MARK {
            return Some(reader.position() + 1);
        }
        option(&mut reader)?;
    }
    Some(data.len())
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    match head(walk.rest()) {
        Some(length) if walk.rest().len() == walk.length() || length < walk.rest().len() => {
            if let Err(stop) = walk.push(Protocol::Coap, length) {
                return stop;
            }
            walk.payload()
        }
        _ => walk.message(Protocol::Coap),
    }
}

/// The next option: how much its number is above the last one's, and its value.
fn option<'a>(reader: &mut Reader<'a>) -> Option<(u16, &'a [u8])> {
    let first = reader.u8()?;
    let mut more = |short: u8| match short {
        13 => Some(13 + u16::from(reader.u8()?)),
        14 => reader.u16()?.checked_add(269),
        15 => None,
        short => Some(short.into()),
    };
    let (delta, length) = (more(first >> 4)?, more(first & 15)?);
    Some((delta, reader.take(length.into())?))
}

/// The options with their numbers.
fn options<'a>(at: &At<'a>) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
    let mut reader = Reader::new(at.header());
    let first = reader.u8().unwrap_or_default();
    let begins = reader.skip(HEADER - 1 + usize::from(first & 15)).is_some();
    let (mut number, mut goes_on) = (0u16, begins);
    std::iter::from_fn(move || {
        let found = option(&mut reader).filter(|_| goes_on);
        goes_on = found.is_some();
        let (delta, value) = found?;
        number = number.checked_add(delta)?;
        Some((number, value))
    })
}

fn find<'a>(at: &At<'a>, wanted: u16) -> Option<&'a [u8]> {
    options(at).find(|(number, _)| *number == wanted).map(|(_, value)| value)
}

/// A number of as many bytes as it needs.
fn uint(value: &[u8]) -> Option<u64> {
    (value.len() <= 4).then(|| value.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn number<'a>(at: &At<'a>, wanted: u16) -> Option<Value<'a>> {
    uint(find(at, wanted)?).map(Value::Uint)
}

fn each<'a>(at: &At<'a>, wanted: u16, give: &mut dyn FnMut(Value<'a>) -> bool) {
    let _ = options(at).filter(|(number, _)| *number == wanted).map(|(_, value)| Value::Text(value)).all(give);
}

fn bytes<'a>(at: &At<'a>, wanted: u16) -> Option<Value<'a>> {
    find(at, wanted).map(Value::Bytes)
}

fn token<'a>(at: &At<'a>) -> Option<&'a [u8]> {
    let length = usize::from(at.u8(0)? & 15);
    at.header().get(HEADER..HEADER + length).filter(|token| !token.is_empty())
}

/// A response has its request's token (RFC 7252 §5.3), or the number of the message that it acknowledges. One that is
/// observed (RFC 7641) gets many.
pub(super) fn exchange(at: &At<'_>) -> Option<Exchange> {
    let part = match at.u8(1)? >> 5 {
        0 if at.u8(1)? > 0 => Part::Question,
        2..=5 => Part::Answer { last: true },
        _ => return None,
    };
    let sum = |token: &[u8]| token.iter().fold(1, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let tag = token(at).map_or_else(|| at.u16(2).map(u64::from), |token| Some(sum(token)))?;
    Some(Exchange { part, among: Among::Asker, tag })
}

/// Which block, whether more follow, and its size as a power of two from 16 on.
fn block(at: &At<'_>) -> Option<(u64, bool, u64)> {
    let value = uint(find(at, BLOCK2).or_else(|| find(at, BLOCK1))?)?;
    Some((value >> 4, value & 8 != 0, value & 7))
}

fn kinds(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "confirmable",
        1 => "not confirmable",
        2 => "acknowledgment",
        3 => "reset",
        _ => return None,
    })
}

fn codes(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "empty",
        1 => "GET",
        2 => "POST",
        3 => "PUT",
        4 => "DELETE",
        5 => "FETCH",
        6 => "PATCH",
        7 => "iPATCH",
        65 => "2.01 Created",
        66 => "2.02 Deleted",
        67 => "2.03 Valid",
        68 => "2.04 Changed",
        69 => "2.05 Content",
        95 => "2.31 Continue",
        128 => "4.00 Bad Request",
        129 => "4.01 Unauthorized",
        130 => "4.02 Bad Option",
        131 => "4.03 Forbidden",
        132 => "4.04 Not Found",
        133 => "4.05 Method Not Allowed",
        134 => "4.06 Not Acceptable",
        136 => "4.08 Request Entity Incomplete",
        137 => "4.09 Conflict",
        140 => "4.12 Precondition Failed",
        141 => "4.13 Request Entity Too Large",
        143 => "4.15 Unsupported Content-Format",
        150 => "4.22 Unprocessable Entity",
        157 => "4.29 Too Many Requests",
        160 => "5.00 Internal Server Error",
        161 => "5.01 Not Implemented",
        162 => "5.02 Bad Gateway",
        163 => "5.03 Service Unavailable",
        164 => "5.04 Gateway Timeout",
        165 => "5.05 Proxying Not Supported",
        168 => "5.08 Hop Limit Reached",
        _ => return None,
    })
}

/// What a payload is (RFC 7252 §12.3).
fn formats(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "text/plain; charset=utf-8",
        40 => "application/link-format",
        41 => "application/xml",
        42 => "application/octet-stream",
        47 => "application/exi",
        50 => "application/json",
        60 => "application/cbor",
        110 => "application/senml+json",
        112 => "application/senml+cbor",
        _ => return None,
    })
}

fn format<'a>(at: &At<'a>, wanted: u16) -> Option<Value<'a>> {
    let name = formats(uint(find(at, wanted)?)?)?;
    Some(Value::Text(name.as_bytes()))
}

/// Whether a message neither asks nor answers (RFC 7252 §4.1).
pub fn is_empty(at: &At<'_>) -> bool {
    at.u8(1) == Some(0)
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let (Some(first), Some(code), Some(number)) = (at.u8(0), at.u8(1), at.u16(2)) else { return Tone::Plain };
    let (kind, is_request) = (first >> 4 & 3, (1..32).contains(&code));
    let named = codes(code.into()).filter(|_| code > 0);
    let kind_named = kinds(kind.into()).unwrap_or_default();
    match named {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        // An empty confirmable message asks for a reset: who is there? (RFC 7252 §4.3)
        None if kind == 0 => out.extend_from_slice(b"ping"),
        None => out.extend_from_slice(kind_named.as_bytes()),
    }
    let mut is_located = false;
    for (number, value) in options(at) {
        let before: &[u8] = match number {
            URI_PATH => b"/",
            URI_QUERY => b"?",
            // A path comes in pieces.
            LOCATION_PATH if std::mem::replace(&mut is_located, true) => b"/",
            LOCATION_PATH => b" at /",
            _ => continue,
        };
        out.extend_from_slice(if is_request && out.last() == named.and_then(|name| name.as_bytes().last()) {
            b" "
        } else {
            b""
        });
        out.extend_from_slice(before);
        out.extend_from_slice(value);
    }
    if let Some((number, more, size)) = block(at) {
        let wanted = is_request && find(at, BLOCK2).is_some();
        let what = if wanted { "wants block" } else { "block" };
        let last = if wanted || more { "" } else { ", the last" };
        out.extend_from_slice(format!(", {what} {number} of {} bytes{last}", 16 << size).as_bytes());
    }
    if let Some(format) = find(at, CONTENT_FORMAT).and_then(uint).and_then(formats) {
        out.extend_from_slice(format!(", {format}").as_bytes());
    }
    if named.is_some() && kind != 0 {
        out.extend_from_slice(format!(", {kind_named}").as_bytes());
    }
    out.extend_from_slice(format!(", message {number}").as_bytes());
    if code >= 128 || kind == 3 { Tone::Trouble } else { Tone::Plain }
}

pub static FIELDS: &[Field] = &[
    Field::dec("coap.version", "Version", 0, 2).about("1", RFC),
    Field::dec("coap.type", "Type", 2, 2).words(kinds).about("Whether it wants an acknowledgment, or is one", RFC),
    Field::dec("coap.token_len", "Token length", 4, 4).about("Bytes of the token", RFC),
    Field::dec("coap.code", "Code", 8, 8).words(codes).about("Method of a request, or how it went", RFC),
    Field::dec("coap.mid", "Message", 16, 16).about("A message and its acknowledgment have the same number", RFC),
    Field::one("coap.token", "Token", Kind::Bytes, |at| token(at).map(Value::Bytes))
        .about("A request and its response have the same", "RFC 7252 §5.3.1"),
    Field::one("coap.opt.if_match", "If-Match", Kind::Bytes, |at| bytes(at, IF_MATCH))
        .about("Only if the server still has this", OPTION),
    Field::many("coap.opt.uri_host", "Host", Kind::Text, |at, give| each(at, URI_HOST, give))
        .about("Which of the server's names is meant", OPTION),
    Field::one("coap.opt.etag", "ETag", Kind::Bytes, |at| bytes(at, ETAG))
        .about("Names this state of the content", OPTION),
    Field::one("coap.opt.observe", "Observe", Kind::Dec, |at| number(at, OBSERVE))
        .about("The client wants to be told of changes; a number that grows with each", "RFC 7641 §2"),
    Field::one("coap.opt.uri_port", "Port", Kind::Dec, |at| number(at, URI_PORT))
        .about("The port that was meant", OPTION),
    Field::many("coap.opt.location_path", "Location", Kind::Text, |at, give| each(at, LOCATION_PATH, give))
        .about("A part of the path where the new thing is", OPTION),
    Field::many("coap.opt.uri_path", "Path", Kind::Text, |at, give| each(at, URI_PATH, give))
        .about("A part of the path, without the stroke", OPTION),
    Field::one("coap.opt.ctype", "Content format", Kind::Text, |at| format(at, CONTENT_FORMAT))
        .about("What the payload is; on the wire a number", OPTION),
    Field::one("coap.opt.max_age", "Max-Age", Kind::Dec, |at| number(at, MAX_AGE))
        .about("Seconds that the answer may be kept", OPTION),
    Field::many("coap.opt.uri_query", "Query", Kind::Text, |at, give| each(at, URI_QUERY, give))
        .about("An argument of the request", OPTION),
    Field::one("coap.opt.accept", "Accept", Kind::Text, |at| format(at, ACCEPT))
        .about("What the client wants the payload to be", OPTION),
    Field::many("coap.opt.location_query", "Location's query", Kind::Text, |at, give| each(at, LOCATION_QUERY, give))
        .about("The same for arguments", OPTION),
    Field::one("coap.opt.block_number", "Block", Kind::Dec, |at| Some(Value::Uint(block(at)?.0)))
        .about("Which part of a longer payload, from 0", BLOCK),
    Field::one("coap.opt.block_mflag", "More", Kind::Dec, |at| Some(Value::Uint(block(at)?.1.into())))
        .about("1: more blocks follow", BLOCK),
    Field::one("coap.opt.block_size", "Block size", Kind::Dec, |at| Some(Value::Uint(block(at)?.2)))
        .about("A power of two: 0 is 16 bytes, 6 is 1024", BLOCK),
    Field::many("coap.opt.proxy_uri", "Proxy URI", Kind::Text, |at, give| each(at, PROXY_URI, give))
        .about("What a proxy is to fetch", OPTION),
    Field::many("coap.opt.proxy_scheme", "Proxy scheme", Kind::Text, |at, give| each(at, PROXY_SCHEME, give))
        .about("By which protocol", OPTION),
    Field::one("coap.payload_length", "Payload", Kind::Dec, |at| {
        let length = (at.layer.end - at.layer.start).saturating_sub(at.layer.header);
        (length > 0).then(|| Value::Uint(length.into()))
    })
    .computed()
    .about("Bytes behind the options", RFC),
];

#[cfg(test)]
mod tests {
    use crate::frame::LinkType;
    use crate::wire::Protocol::{Coap, Data, Ipv4, Udp};
    use crate::wire::sample::{ethernet, fields, ipv4, layers, told, udp, values};

    fn carried(message: &[u8]) -> Vec<u8> {
        ethernet(0x0800, &ipv4(17, &udp(5683, message)))
    }

    #[test]
    fn options_count_from_the_last_ones_number() {
        let message = b"\x41\x01\x12\x34\xaa\xb4time\x03now\x41x\xd1\x01\x3c";
        assert_eq!(layers(LinkType::ETHERNET, &carried(message)).0[1..], [Ipv4, Udp, Coap]);
        let of = |name| values(LinkType::ETHERNET, &carried(message), name);
        assert_eq!(of("coap.opt.uri_path"), [format!("Text({:?})", b"time"), format!("Text({:?})", b"now")]);
        assert_eq!(of("coap.opt.uri_query"), [format!("Text({:?})", b"x")]);
        fields(&carried(message), &[("coap.mid", "4660"), ("coap.type", "0"), ("coap.payload_length", "absent")]);
    }

    #[test]
    fn the_path_of_what_was_made_is_told_in_one_piece() {
        // 2.01, Location-Path twice; GET, Uri-Path twice.
        let told = |message: &[u8]| told(&carried(message), Coap);
        assert_eq!(
            told(b"\x60\x41\x12\x34\x87storage\x04time"),
            "2.01 Created at /storage/time, acknowledgment, message 4660"
        );
        assert_eq!(told(b"\x40\x01\x12\x34\xb7storage\x04time"), "GET /storage/time, message 4660");
    }

    #[test]
    fn a_payload_is_data() {
        let message = b"\x60\x45\x12\x34\xc0\xff21.5";
        assert_eq!(layers(LinkType::ETHERNET, &carried(message)).0[1..], [Ipv4, Udp, Coap, Data]);
        fields(&carried(message), &[("coap.code", "69"), ("coap.payload_length", "4"), ("data.len", "4")]);
        let block = b"\x60\x45\x12\x34\xd1\x0a\x1a\xffrest";
        let wanted = [("coap.opt.block_number", "1"), ("coap.opt.block_mflag", "1"), ("coap.opt.block_size", "2")];
        fields(&carried(block), &wanted);
    }

    #[test]
    fn lengths_that_lie_end_the_options() {
        for message in [&b"\x40\x01\x00\x01\xef\xff\xff"[..], b"\x40\x01\x00\x01\xfd", b"\x48\x01\x00\x01ab"] {
            fields(&carried(message), &[("coap.opt.uri_path", "absent")]);
        }
        // Numbers above 65535 are none.
        let much = b"\x40\x01\x00\x01\xe0\xff\x00\xe0\xff\x00";
        fields(&carried(much), &[("coap.opt.uri_path", "absent")]);
    }

    #[test]
    fn what_is_no_message_stays_data() {
        for other in [&b"\x80\x01\x00\x01"[..], b"\x49\x01\x00\x01123456789", b"\x40\x00\x00\x01x", b"\x40\x3f\x00\x01"]
        {
            assert_eq!(layers(LinkType::ETHERNET, &carried(other)).0.last(), Some(&Data), "{other:?}");
        }
    }
}
