//! HTTP/2 without TLS (RFC 9113): the frames of a segment, and the messages of DNS (RFC 8484) that lie in them.
//!
//! What headers say is not read: it is compressed by what came before (RFC 7541). Trap: nothing but the preface marks
//! HTTP/2: other frames count where they fill their segment exactly; those that go on in other segments are data.

use super::application::{Look, MOST_MESSAGES, Tone};
use super::secret::Framed;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk, dns, http};

pub const PORTS: &[u16] = http::PORTS;

const RFC: &str = "RFC 9113 §4.1";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER: usize = 9;
/// What may be sent without having been agreed on (§6.5.2).
const LONGEST: usize = 1 << 14;
/// Frames of a segment that have layers of their own: two of them where a frame carries another protocol's message.
const MOST: usize = MOST_MESSAGES / 2;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

/// The frame that begins here, where its kind, its stream and its length go together (§6).
fn head(data: &[u8]) -> Option<Head> {
    let [a, b, c, kind, flags, d, e, f, g] = *data.first_chunk::<HEADER>()?;
    let (length, stream) = (u32::from_be_bytes([0, a, b, c]) as usize, u32::from_be_bytes([d, e, f, g]));
    let fits = match kind {
        DATA | HEADERS | CONTINUATION => stream != 0,
        2 => stream != 0 && length == 5,
        3 => stream != 0 && length == 4,
        4 => stream == 0 && length.is_multiple_of(6),
        PROMISE => stream != 0 && length >= 4,
        6 => stream == 0 && length == 8,
        7 => stream == 0 && length >= 8,
        8 => length == 4,
        _ => false,
    };
    (fits && length <= LONGEST && stream >> 31 == 0).then_some(Head { length, kind, flags, stream })
}

/// Whether frames fill the data to its last byte.
fn fills(mut data: &[u8]) -> bool {
    let mut any = false;
    while let Some(head) = head(data) {
        let Some(rest) = data.get(HEADER + head.length..) else { return false };
        (data, any) = (rest, true);
    }
    any && data.is_empty()
}

/// Whether a frame begins with these data, and another behind each, as far as they go.
pub fn begins(mut data: &[u8]) -> bool {
    while let Some(head) = head(data) {
        let Some(rest) = data.get(HEADER + head.length..).filter(|rest| rest.len() >= HEADER) else { return true };
        data = rest;
    }
    false
}

/// What the beginning of a frame, or of all, tells of it. A kind that nobody knows is passed over (§5.5).
pub(super) fn framed(begun: &[u8]) -> Framed {
    let Some([a, b, c, kind, ..]) = begun.first_chunk::<HEADER>() else { return Framed::Cut };
    if preface(begun).is_some() {
        return Framed::Message { head: HEADER, content: (PREFACE.len() - HEADER) as u64, is_secret: false };
    }
    let content = u32::from_be_bytes([0, *a, *b, *c]).into();
    Framed::Message { head: HEADER, content, is_secret: says(*kind) }
}

/// Whether frames of a kind have headers.
fn says(kind: u8) -> bool {
    matches!(kind, HEADERS | PROMISE | CONTINUATION)
}

/// The preface that data begin with, or as much of it as the end of a segment leaves.
fn preface(data: &[u8]) -> Option<&[u8]> {
    let here = data.get(..PREFACE.len()).unwrap_or(data);
    (here.len() >= HEADER && PREFACE.starts_with(here)).then_some(here)
}

pub(super) fn look(look: &Look<'_>) -> bool {
    preface(look.data).is_some() || look.on_port && look.data.len() == look.length && fills(look.data)
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    frames(walk).err().unwrap_or_else(|| walk.payload_behind())
}

fn frames(walk: &mut Walk<'_, '_>) -> Result<(), Stop> {
    if let Some(preface) = preface(walk.rest()) {
        walk.text(Protocol::Http2, preface.len())?;
    }
    for _ in 0..MOST {
        let rest = walk.rest();
        let Some((head, whole)) = head(rest).and_then(|head| Some((head, rest.get(..HEADER + head.length)?))) else {
            break;
        };
        match content(head, whole).filter(|content| head.flags & END_STREAM != 0 && dns::is_whole(content)) {
            Some(content) => {
                walk.text(Protocol::Http2, HEADER + usize::from(head.flags & PADDED != 0))?;
                walk.text(Protocol::Dns, content.len())?;
                walk.skip(whole.len() - HEADER - content.len() - usize::from(head.flags & PADDED != 0));
            }
            None => walk.text(Protocol::Http2, whole.len())?,
        }
    }
    Ok(())
}

/// What a frame with data carries, without its padding.
fn content(head: Head, whole: &[u8]) -> Option<&[u8]> {
    let behind = whole.get(HEADER..).filter(|_| head.kind == DATA)?;
    if head.flags & PADDED == 0 {
        return Some(behind);
    }
    let (padding, behind) = behind.split_first()?;
    behind.get(..behind.len().checked_sub((*padding).into())?)
}

/// What heads say: who asks and cookies are among it, compressed or as they are, and nobody takes them apart.
pub(super) fn secrets<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    let frame = at.header();
    let says = head(frame).filter(|head| self::says(head.kind));
    says.and_then(|_| frame.get(HEADER..)).into_iter().for_each(give);
}

/// Data of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    pub stream: u32,
    pub content: &'a [u8],
    /// Nothing more of this side follows.
    pub last: bool,
}

/// The data that a layer holds; none where it holds other frames, or where their message is a layer of its own.
pub fn part<'a>(at: &At<'a>) -> Option<Part<'a>> {
    let head = head(at.header())?;
    let content = content(head, at.header().get(..HEADER + head.length)?)?;
    Some(Part { stream: head.stream, content, last: head.flags & END_STREAM != 0 })
}

/// The stream of the frame before a layer, which is its content or the next frame.
pub fn stream_around(at: &At<'_>) -> Option<u32> {
    let before = at.packet.at(at.index.checked_sub(1)?).filter(|at| at.layer.protocol == Protocol::Http2)?;
    head(before.bytes()).map(|head| head.stream)
}

/// Whether a layer is a frame of a stream without its content, which is a message and a layer of its own.
fn is_around_message(at: &At<'_>, stream: u32) -> bool {
    head(at.bytes()).is_some_and(|head| head.stream == stream && at.header().len() < HEADER + head.length)
}

fn kinds(number: u64) -> Option<&'static str> {
    const NAMES: [&str; 10] = [
        "DATA",
        "HEADERS",
        "PRIORITY",
        "RST_STREAM",
        "SETTINGS",
        "PUSH_PROMISE",
        "PING",
        "GOAWAY",
        "WINDOW_UPDATE",
        "CONTINUATION",
    ];
    NAMES.get(usize::try_from(number).ok()?).copied()
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let Some(head) = head(at.bytes()) else {
        let said: &[u8] = if preface(at.header()).is_some() { b"begins HTTP/2" } else { b"frames" };
        out.extend_from_slice(said);
        return Tone::Plain;
    };
    let mut say = |text: String| out.extend_from_slice(text.as_bytes());
    // A message with a layer of its own says more than its frames; a line has little room.
    let is_behind =
        |behind: At<'_>| behind.layer.protocol == Protocol::Http2 && is_around_message(&behind, head.stream);
    let announces = head.kind == HEADERS && at.packet.at(at.index + 1).is_some_and(is_behind);
    if announces || is_around_message(at, head.stream) {
        if announces || stream_around(at) != Some(head.stream) {
            say(format!("stream {}", head.stream));
        }
        return Tone::Plain;
    }
    say(kinds(head.kind.into()).unwrap_or("frame").to_owned());
    if head.stream != 0 {
        say(format!(" stream {}", head.stream));
    }
    match head.kind {
        DATA | HEADERS => {
            if head.kind == DATA {
                say(format!(", {} bytes", head.length));
            }
            if head.flags & END_STREAM != 0 {
                say(", the last".to_owned());
            }
        }
        4 | 6 if head.flags & 1 != 0 => say(" confirmed".to_owned()),
        8 => say(format!(", {} more bytes may come", at.u32(HEADER).unwrap_or_default() & 0x7fff_ffff)),
        _ => {}
    }
    if matches!(head.kind, 3 | 7) { Tone::Trouble } else { Tone::Plain }
}

/// A number of a frame's head; the preface has none.
fn of<'a>(at: &At<'a>, take: fn(Head) -> u64) -> Option<Value<'a>> {
    head(at.bytes()).map(|head| Value::Uint(take(head)))
}

pub static FIELDS: &[Field] = &[
    Field::one("http2.magic", "Preface", Kind::Text, |at| {
        Some(at.header()).filter(|header| *header == PREFACE).map(Value::Text)
    })
    .about("What a client says first, so that a server of HTTP/1 refuses it", "RFC 9113 §3.4"),
    Field::one("http2.length", "Length", Kind::Dec, |at| of(at, |head| head.length as u64))
        .about("Bytes behind the frame's head", RFC),
    Field::one("http2.type", "Type", Kind::Dec, |at| of(at, |head| head.kind.into()))
        .words(kinds)
        .about("What the frame is for", RFC),
    Field::one("http2.flags", "Flags", Kind::Hex(2), |at| of(at, |head| head.flags.into()))
        .about("What they mean, the type says", RFC),
    Field::one("http2.flags.end_stream", "Last of its stream", Kind::Bool, |at| {
        let head = head(at.bytes()).filter(|head| matches!(head.kind, DATA | HEADERS))?;
        Some(Value::Bool(head.flags & END_STREAM != 0))
    })
    .about("Nothing more of this side follows in it", "RFC 9113 §6.1"),
    Field::one("http2.streamid", "Stream", Kind::Dec, |at| of(at, |head| head.stream.into()))
        .about("One exchange of a request and its response; 0 is the connection", RFC),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, LinkType};
    use crate::wire::Protocol::{Data, Dns, Http2, Ipv4, Tcp};
    use crate::wire::sample::{ethernet, fields, hex, ipv4, layers};
    use crate::wire::{Layers, application, decode};

    const QUESTION: &str = "0000 0100 0001 0000 0000 0000 03 777777 03 6c6162 00 0001 0001";

    fn over(port: u16, data: &[u8]) -> Vec<u8> {
        let header = [&hex("c000")[..], &port.to_be_bytes(), &hex("00000001 00000001 5018 ffff 0000 0000")].concat();
        ethernet(0x0800, &ipv4(6, &[&header[..], data].concat()))
    }

    fn found(port: u16, data: &[u8]) -> Vec<Protocol> {
        layers(LinkType::ETHERNET, &over(port, data)).0.split_off(3)
    }

    fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32).to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
    }

    fn said(data: &[u8]) -> Vec<String> {
        let frame = Frame { link: LinkType::ETHERNET, data, length: data.len() as u32, ..Frame::empty() };
        let mut layers = Layers::new();
        let packet = decode(frame, &mut layers);
        let said = |at: At<'_>| {
            let mut out = Vec::new();
            application::tell(&at, &mut out).map(|_| String::from_utf8(out).unwrap())
        };
        packet.each().filter_map(said).collect()
    }

    #[test]
    fn frames_behind_the_preface_are_layers() {
        let begins = [PREFACE, &frame(4, 0, 0, &[0; 12]), &frame(8, 0, 0, &[0, 0, 1, 0])].concat();
        assert_eq!(layers(LinkType::ETHERNET, &over(9999, &begins)).0[1..], [Ipv4, Tcp, Http2, Http2, Http2]);
        fields(&over(9999, &begins), &[("http2.type", "4"), ("http2.length", "12"), ("http2.streamid", "0")]);
        assert_eq!(found(9999, &[PREFACE, b"more"].concat()), [Http2, Data]);
    }

    #[test]
    fn on_the_ports_of_the_web_frames_fill_their_segment() {
        let headers = frame(1, 5, 15, b"compressed");
        assert_eq!(found(80, &headers), [Http2]);
        assert_eq!(found(9999, &headers), [Data]);
        assert_eq!(found(80, &[&headers[..], b"x"].concat()), [Data]);
        assert_eq!(found(80, &headers[..headers.len() - 1]), [Data]);
        for wrong in [frame(1, 5, 0, b"x"), frame(6, 0, 0, b"x"), frame(4, 0, 1, &[]), frame(10, 0, 1, b"x")] {
            assert_eq!(found(80, &wrong), [Data], "{wrong:?}");
        }
        assert_eq!(found(80, &frame(0, 0, 1, b"x").repeat(60)).len(), MOST + 1);
    }

    #[test]
    fn a_question_that_lies_whole_in_a_stream_is_read() {
        let question = hex(QUESTION);
        let data = frame(0, 1, 15, &question);
        assert_eq!(found(80, &data), [Http2, Dns]);
        fields(&over(80, &data), &[("http2.flags.end_stream", "true"), ("dns.qry.name", "www.lab")]);
        let padded = frame(0, 9, 15, &[&[3][..], &question, &[0; 3]].concat());
        assert_eq!(found(80, &[&padded[..], &data].concat()), [Http2, Dns, Http2, Dns]);
        assert_eq!(found(80, &frame(0, 0, 15, &question)), [Http2], "more of it may come");
        let [told, plain] = [question, b"page".to_vec()].map(|content| said(&over(80, &frame(0, 1, 15, &content))));
        assert_eq!(told, ["stream 15", "asks A www.lab"], "there is room for it on a short line");
        let behind = [frame(HEADERS, 4, 15, b"compressed"), data].concat();
        assert_eq!(said(&over(80, &behind)), ["stream 15", "", "asks A www.lab"], "the stream once");
        assert_eq!(plain, ["DATA stream 15, 4 bytes, the last"]);
        assert_eq!(found(80, &frame(0, 9, 15, &[200])), [Http2], "more padding than there is");
    }
}
