//! WebSocket (RFC 6455): frames in both ways, behind an HTTP connection that was upgraded.
//!
//! Where the upgrade was seen, its conversation is known (`flow::upgrade`), on any port. Where not, a segment is taken
//! for frames on the ports where web servers are, if it begins with a frame that only this side may send (a client
//! covers its bytes, a server does not) and frames fill it to its end, or a text goes on in the next one. Elsewhere
//! `--decode-as` says it.
//!
//! Trap: of a frame that goes on in other segments only the first part is told; the others are data.

use super::application::{Look, MOST_MESSAGES, Tone};
use super::reader::Reader;
use super::{At, Field, Kind, Made, Protocol, Stop, Value, Walk, http};

/// Where web servers are, and what the usual library's examples take.
pub const PORTS: &[u16] = &[80, 8000, 8008, 8080, 8088, 8765];

const RFC: &str = "RFC 6455 §5.2";
const CLOSING: &str = "RFC 6455 §5.5.1";
const CONTROL: &str = "RFC 6455 §5.5";
/// The longest content of a control frame.
const MOST_CONTROL: u64 = 125;
/// Bytes of a text that are uncovered for whom it is shown.
const MOST_TEXT: usize = 8 << 10;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// Set where the message is compressed (RFC 7692 §6).
const COMPRESSED: u8 = 0x40;

/// A frame as far as it is here.
#[derive(Clone, Copy, Debug)]
struct Frame<'a> {
    /// FIN, three reserved bits, opcode.
    first: u8,
    length: u64,
    mask: Option<[u8; 4]>,
    /// Where the payload begins.
    at: usize,
    payload: &'a [u8],
}

impl Frame<'_> {
    fn opcode(&self) -> u8 {
        self.first & 15
    }

    fn is_final(&self) -> bool {
        self.first & 0x80 != 0
    }

    fn is_whole(&self) -> bool {
        self.payload.len() as u64 == self.length
    }

    /// The byte at a place of the payload, uncovered.
    fn byte(&self, place: usize) -> Option<u8> {
        let cover = self.mask.map_or(0, |[a, b, c, d]| match place % 4 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        });
        self.payload.get(place).map(|byte| byte ^ cover)
    }

    fn bytes(&self, from: usize) -> impl Iterator<Item = u8> {
        (from..self.payload.len()).map_while(|place| self.byte(place))
    }
}

fn frame(data: &[u8]) -> Option<Frame<'_>> {
    let mut reader = Reader::new(data);
    let (first, second) = (reader.u8()?, reader.u8()?);
    let length = match second & 0x7f {
        126 => reader.u16()?.into(),
        127 => u64::from(reader.u32()?) << 32 | u64::from(reader.u32()?),
        short => short.into(),
    };
    let mask = if second & 0x80 != 0 { Some(reader.array()?) } else { None };
    let at = reader.position();
    let payload = reader.rest();
    let payload = usize::try_from(length).ok().and_then(|length| payload.get(..length)).unwrap_or(payload);
    Some(Frame { first, length, mask, at, payload })
}

/// Whether a frame may stand here. `masked`: whether this side has to cover its bytes, where that is known.
fn is_frame(frame: &Frame<'_>, masked: Option<bool>) -> bool {
    let reserved = frame.first & 0x70;
    let compressed = reserved == COMPRESSED && frame.is_final() && matches!(frame.opcode(), TEXT | BINARY);
    let control = frame.is_final() && frame.length <= MOST_CONTROL;
    masked.is_none_or(|masked| frame.mask.is_some() == masked)
        && (reserved == 0 || compressed)
        && match frame.opcode() {
            0..=BINARY => true,
            CLOSE => control && frame.length != 1,
            PING | PONG => control,
            _ => false,
        }
}

pub(super) fn look(look: &Look<'_>) -> bool {
    fills(look.data, Some(!look.is_from(PORTS)))
}

/// Whether a head of HTTP is a server's that agrees to speak WebSocket behind it (RFC 6455 §4.2.2).
pub fn is_agreed(head: &[u8]) -> bool {
    // Most are of another code, at the place where nearly all have it.
    let is_other = matches!(head.get(8..12), Some([b' ', code @ ..]) if code != b"101");
    head.starts_with(b"HTTP/")
        && !is_other
        && matches!(http::Start::read(http::line(head).0), Some(http::Start::Response { code: 101, .. }))
        && http::header(head, "upgrade").is_some_and(|name| name.eq_ignore_ascii_case(b"websocket"))
}

/// Bytes that are still to come of the last of these frames; `None` where what stands there is no frame, or its head is
/// cut. `masked`: whether this side has to cover its bytes.
pub fn left(mut data: &[u8], masked: Option<bool>) -> Option<u64> {
    while !data.is_empty() {
        let found = frame(data).filter(|frame| is_frame(frame, masked))?;
        if !found.is_whole() {
            return Some(found.length.saturating_sub(found.payload.len() as u64));
        }
        data = data.get(found.at + found.payload.len()..).unwrap_or_default();
    }
    Some(0)
}

/// Whether data are frames from their first byte to their last, or a text begins that goes on.
pub fn fills(data: &[u8], masked: Option<bool>) -> bool {
    let mut rest = data;
    for number in 0..MOST_MESSAGES {
        let Some(frame) = frame(rest).filter(|frame| is_frame(frame, masked)) else { return false };
        // Zeros alone are no frames.
        if frame.length == 0 && !frame.is_final() {
            return false;
        }
        if !frame.is_whole() {
            // The first of a text that goes on, or what comes behind whole frames.
            let text = frame.opcode() == TEXT && frame.first & COMPRESSED == 0 && frame.bytes(0).take(32).all(is_text);
            return frame.length > MOST_CONTROL && (text || number > 0);
        }
        rest = rest.get(frame.at + frame.payload.len()..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
    }
    true
}

fn is_text(byte: u8) -> bool {
    !matches!(byte, 0..=8 | 11..=12 | 14..=31 | 127)
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    for number in 1.. {
        let rest = walk.rest();
        if rest.is_empty() {
            break;
        }
        let Some(frame) = frame(rest).filter(|frame| number < MOST_MESSAGES && is_frame(frame, None)) else {
            return walk.payload_behind();
        };
        if let Err(stop) = walk.text(Protocol::WebSocket, frame.at + frame.payload.len()) {
            return stop;
        }
    }
    Stop::End
}

fn of<'a>(at: &At<'a>) -> Option<Frame<'a>> {
    frame(at.header())
}

/// Appends a frame's payload without its cover, from the place `skip` on.
fn write_payload(bytes: &[u8], skip: usize, out: &mut Vec<u8>) {
    if let Some(frame) = frame(bytes) {
        out.extend(frame.bytes(skip).take(MOST_TEXT));
    }
}

/// The same in hexadecimal, for what need not be text.
fn write_digits(bytes: &[u8], skip: usize, out: &mut Vec<u8>) {
    if let Some(frame) = frame(bytes) {
        let digits = frame.bytes(skip).take(MOST_TEXT / 2).flat_map(|byte| [byte >> 4, byte & 15]);
        out.extend(digits.map(|digit| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
    }
}

/// The payload of frames with this opcode.
fn payload<'a>(at: &At<'a>, opcode: u8) -> Option<Value<'a>> {
    let frame = of(at).filter(|frame| frame.opcode() == opcode && frame.first & COMPRESSED == 0)?;
    let write = if opcode == TEXT { write_payload } else { write_digits };
    (!frame.payload.is_empty()).then(|| Value::Made(Made::new(at.header(), 0, write)))
}

/// Why a connection is closed.
fn closing<'a>(at: &At<'a>) -> Option<(u16, Frame<'a>)> {
    let frame = of(at).filter(|frame| frame.opcode() == CLOSE)?;
    Some((u16::from_be_bytes([frame.byte(0)?, frame.byte(1)?]), frame))
}

fn opcodes(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "goes on",
        1 => "text",
        2 => "binary",
        8 => "close",
        9 => "ping",
        10 => "pong",
        _ => return None,
    })
}

fn reasons(number: u64) -> Option<&'static str> {
    Some(match number {
        1000 => "all is done",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "cannot take this kind of data",
        1007 => "text that is none",
        1008 => "against the rules",
        1009 => "too big",
        1010 => "an extension is missing",
        1011 => "unexpected trouble",
        _ => return None,
    })
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let Some(frame) = of(at) else { return Tone::Plain };
    out.extend_from_slice(opcodes(frame.opcode().into()).unwrap_or("unknown frame").as_bytes());
    if let Some((code, _)) = closing(at) {
        out.extend_from_slice(format!(" {code} ({})", reasons(code.into()).unwrap_or("unknown")).as_bytes());
        let said: Vec<u8> = frame.bytes(2).collect();
        if !said.is_empty() {
            out.extend_from_slice(b": ");
            out.extend_from_slice(&said);
        }
        return if matches!(code, 1000 | 1001) { Tone::Plain } else { Tone::Trouble };
    }
    let readable = matches!(frame.opcode(), 0 | TEXT | PING | PONG) && frame.first & COMPRESSED == 0;
    if readable && !frame.payload.is_empty() && frame.bytes(0).take(MOST_TEXT).all(is_text) {
        out.extend_from_slice(b" \"");
        write_payload(at.header(), 0, out);
        out.extend_from_slice(if frame.is_whole() { b"\"" } else { "…\"".as_bytes() });
    } else if frame.length > 0 {
        let how = if frame.first & COMPRESSED != 0 { " compressed" } else { "" };
        out.extend_from_slice(format!(", {}{how} bytes", frame.length).as_bytes());
    }
    if !frame.is_final() {
        out.extend_from_slice(b", more follows");
    }
    Tone::Plain
}

#[rustfmt::skip]
pub static FIELDS: &[Field] = &[
    Field::flag("websocket.fin", "Last", 0).about("The message ends with this frame", RFC),
    Field::hex("websocket.rsv", "Reserved", 1, 3).about("4: the message is compressed", RFC),
    Field::dec("websocket.opcode", "Frame", 4, 4).words(opcodes).about("What the frame is", RFC),
    Field::flag("websocket.mask", "Covered", 8).about("A client covers its bytes, a server does not", RFC),
    Field::dec("websocket.payload_length", "Length", 9, 7).about("Bytes of the payload; 126: in the next two bytes, 127: eight", RFC),
    Field::one("websocket.payload_length_ext_16", "Length", Kind::Dec, |at| {
        at.u16(2).filter(|_| at.u8(1).is_some_and(|byte| byte & 0x7f == 126)).map(|length| Value::Uint(length.into()))
    })
    .about("Bytes of the payload", RFC),
    Field::one("websocket.payload_length_ext_64", "Length", Kind::Dec, |at| {
        at.array(2).filter(|_| at.u8(1).is_some_and(|byte| byte & 0x7f == 127)).map(|length| Value::Uint(u64::from_be_bytes(length)))
    })
    .about("Bytes of the payload", RFC),
    Field::one("websocket.masking_key", "Cover", Kind::Bytes, |at| {
        let frame = of(at).filter(|frame| frame.mask.is_some())?;
        at.header().get(frame.at.checked_sub(4)?..frame.at).map(Value::Bytes)
    })
    .about("The payload's bytes are put together with these, one by one, by exclusive or", "RFC 6455 §5.3"),
    Field::one("websocket.payload.text", "Text", Kind::Text, |at| payload(at, TEXT)).about("Uncovered", "RFC 6455 §5.6"),
    Field::one("websocket.payload.close.status_code", "Why", Kind::Dec, |at| Some(Value::Uint(closing(at)?.0.into())))
        .words(reasons)
        .about("Why the connection ends", CLOSING),
    Field::one("websocket.payload.close.reason", "Reason", Kind::Text, |at| {
        closing(at).filter(|(_, frame)| frame.payload.len() > 2)?;
        Some(Value::Made(Made::new(at.header(), 2, write_payload)))
    })
    .about("The same in words", CLOSING),
    Field::one("websocket.payload.ping", "Ping", Kind::Bytes, |at| payload(at, PING)).about("What is to come back", CONTROL),
    Field::one("websocket.payload.pong", "Pong", Kind::Bytes, |at| payload(at, PONG)).about("What came back", CONTROL),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::LinkType;
    use crate::wire::Protocol::{Data, Http, WebSocket};
    use crate::wire::sample::{ethernet, fields, hex, ipv4, layers, values};

    fn segment([source, destination]: [u16; 2], data: &[u8]) -> Vec<u8> {
        let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
        let header = [&ports[..], &hex("00000001 00000001 5018 ffff 0000 0000")].concat();
        ethernet(0x0800, &ipv4(6, &[&header[..], data].concat()))
    }

    fn found(ports: [u16; 2], data: &[u8]) -> Vec<Protocol> {
        layers(LinkType::ETHERNET, &segment(ports, data)).0.split_off(3)
    }

    const UP: [u16; 2] = [49152, 8765];
    const DOWN: [u16; 2] = [8765, 49152];
    /// RFC 6455 §5.7.
    const HELLO: &[u8] = b"\x81\x05Hello";
    const MASKED_HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

    #[test]
    fn a_client_covers_its_bytes_and_a_server_does_not() {
        assert_eq!(found(UP, MASKED_HELLO), [WebSocket]);
        assert_eq!(found(DOWN, HELLO), [WebSocket]);
        assert_eq!(found(UP, HELLO), [Data]);
        assert_eq!(found(DOWN, MASKED_HELLO), [Data]);
        assert_eq!(found([49152, 9999], MASKED_HELLO), [Data]);
        let said = values(LinkType::ETHERNET, &segment(UP, MASKED_HELLO), "websocket.payload.text");
        assert_eq!(said, ["Made(Hello)"]);
        fields(&segment(UP, MASKED_HELLO), &[("websocket.opcode", "1"), ("websocket.payload_length", "5")]);
    }

    #[test]
    fn frames_fill_their_segment() {
        assert_eq!(found(DOWN, &[HELLO, b"\x89\x02hi", b"\x88\x02\x03\xe8"].concat()), [WebSocket; 3]);
        assert_eq!(found(DOWN, &[HELLO, b"rest"].concat()), [Data]);
        assert_eq!(found(DOWN, b"GET / HTTP/1.1\r\n\r\n"), [Http]);
        assert_eq!(found(DOWN, &HELLO.repeat(60)).len(), MOST_MESSAGES);
        let begun = [&b"\x81\x7e\x10\x00"[..], &[b'x'; 1000]].concat();
        assert_eq!(found(DOWN, &begun), [WebSocket]);
        let bytes = [&b"\x82\x7e\x10\x00"[..], &[0; 1000]].concat();
        assert_eq!(found(DOWN, &bytes), [Data], "too little speaks for it");
        assert_eq!(found(DOWN, b"\x89\x7e\x00\x80"), [Data], "a ping is never so long");
        assert_eq!(found(DOWN, &[0; 1000]), [Data]);
        assert_eq!(found(DOWN, b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xffabc"), [WebSocket]);
    }
}
