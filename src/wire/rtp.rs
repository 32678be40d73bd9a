//! The Real-time Transport Protocol (RFC 3550 §5): sound and pictures in numbered packets, each with the time it is of.
//!
//! It has neither a port of its own nor a mark; calls say where it goes (SDP). Without being told, by a call or by
//! `--decode-as`, only what sounds like a telephone is known: the plainest header, a payload type that means the same
//! everywhere (RFC 3551 §6), and as many bytes as some milliseconds of it have.

use super::application::{Look, Tone};
use super::reader::Reader;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

const RFC: &str = "RFC 3550 §5.1";
const EXTENSION: &str = "RFC 3550 §5.3.1";
const HEADER: usize = 12;

/// A first byte of version 2 without padding, extension and contributors.
pub const PLAIN: u8 = 0x80;

pub(super) fn look(look: &Look<'_>) -> bool {
    let Some([PLAIN, second, ..]) = look.data.first_chunk::<HEADER>() else { return false };
    // Bytes of the smallest piece of this sound, and how many pieces go into one packet.
    let (piece, most) = match second & 0x7f {
        0 | 8 | 9 => (80, 12),
        3 => (33, 6),
        18 => (10, 12),
        _ => return false,
    };
    let payload = look.length.saturating_sub(HEADER);
    let is_sound = payload > 0 && payload.is_multiple_of(piece) && payload / piece <= most;
    // One end at least still has the port it chose: an even one (§11).
    let ports = [look.source, look.destination];
    is_sound && ports.iter().all(|port| *port >= 1024) && ports.iter().any(|port| port.is_multiple_of(2))
}

/// Contributors, and the extension's profile and words, of a header; how long it is.
struct Header {
    contributors: usize,
    extension: Option<(u16, u16)>,
    length: usize,
}

fn header(data: &[u8]) -> Option<Header> {
    let mut reader = Reader::new(data);
    let first = reader.u8().filter(|first| first >> 6 == 2)?;
    let contributors = usize::from(first & 15);
    reader.skip(HEADER - 1 + 4 * contributors)?;
    let mut extension = None;
    if first & 0x10 != 0 {
        let (profile, words) = (reader.u16()?, reader.u16()?);
        reader.skip(4 * usize::from(words))?;
        extension = Some((profile, words));
    }
    Some(Header { contributors, extension, length: reader.position() })
}

/// Whether bytes that are said to be RTP can be: no message of RTCP (RFC 5761 §4), STUN or DTLS (RFC 7983 §7).
pub fn is_message(data: &[u8]) -> bool {
    header(data).is_some() && !matches!(data, [_, 192..=223, ..])
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    match header(walk.rest()) {
        Some(header) => match walk.push(Protocol::Rtp, header.length) {
            Ok(()) => walk.payload(),
            Err(stop) => stop,
        },
        None if walk.rest().len() < walk.length() => walk.cut(Protocol::Rtp, walk.length()),
        None => walk.payload(),
    }
}

/// Payload types that mean the same everywhere (RFC 3551 §6).
fn types(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "PCMU",
        3 => "GSM",
        4 => "G.723",
        5 | 6 | 16 | 17 => "DVI4",
        7 => "LPC",
        8 => "PCMA",
        9 => "G.722",
        10 | 11 => "L16",
        12 => "QCELP",
        13 => "comfort noise",
        14 => "MPEG audio",
        15 => "G.728",
        18 => "G.729",
        25 => "CelB",
        26 => "JPEG",
        28 => "nv",
        31 => "H.261",
        32 => "MPEG video",
        33 => "MPEG-2 transport",
        34 => "H.263",
        96..=127 => "as the call says",
        _ => return None,
    })
}

/// What a payload type means everywhere; `None` where only the call says.
pub fn payload_name(payload_type: u8) -> Option<&'static str> {
    types(payload_type.into()).filter(|_| payload_type < 96)
}

/// Ticks a second of a payload type's timestamps; `None` where only the call says (RFC 3551 §6).
pub fn clock_rate(payload_type: u8) -> Option<u32> {
    Some(match payload_type {
        0 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 13 | 15 | 18 => 8_000,
        6 => 16_000,
        10 | 11 => 44_100,
        16 => 11_025,
        17 => 22_050,
        14 | 25 | 26 | 28 | 31..=34 => 90_000,
        _ => return None,
    })
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let (Some(second), Some(sequence), Some(time), Some(source)) = (at.u8(1), at.u16(2), at.u32(4), at.u32(8)) else {
        return Tone::Plain;
    };
    let kind = second & 0x7f;
    match payload_name(kind) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(format!("type {kind}").as_bytes()),
    }
    let mark = if second & 0x80 != 0 { " marked" } else { "" };
    out.extend_from_slice(format!(" seq {sequence} time {time} source {source:#010x}{mark}").as_bytes());
    Tone::Plain
}

pub static FIELDS: &[Field] = &[
    Field::dec("rtp.version", "Version", 0, 2).about("2", RFC),
    Field::flag("rtp.padding", "Padding", 2).about("The last byte says how many at the end mean nothing", RFC),
    Field::flag("rtp.ext", "Extension", 3).about("Something more stands before the payload", RFC),
    Field::dec("rtp.cc", "Contributors", 4, 4).about("How many sources were mixed", RFC),
    Field::flag("rtp.marker", "Marker", 8).about("Of sound: it begins again; of pictures: one ends", RFC),
    Field::dec("rtp.p_type", "Payload type", 9, 7).words(types).about("What the payload is", "RFC 3551 §6"),
    Field::dec("rtp.seq", "Sequence number", 16, 16).about("One more with each packet: shows what was lost", RFC),
    Field::dec("rtp.timestamp", "Timestamp", 32, 32).about("What time the payload is of, in ticks of its clock", RFC),
    Field::hex("rtp.ssrc", "Source", 64, 32).about("Who made it: a number by chance", RFC),
    Field::many("rtp.csrc.item", "Contributor", Kind::Hex(8), |at, give| {
        let count = header(at.header()).map_or(0, |header| header.contributors);
        let _ = (0..count).map_while(|place| at.u32(HEADER + 4 * place)).map(|one| Value::Uint(one.into())).all(give);
    })
    .about("A source that was mixed in", RFC),
    Field::one("rtp.ext.profile", "Extension's profile", Kind::Hex(4), |at| {
        Some(Value::Uint(header(at.header())?.extension?.0.into()))
    })
    .about("What the extension is", EXTENSION),
    Field::one("rtp.ext.len", "Extension's length", Kind::Dec, |at| {
        Some(Value::Uint(header(at.header())?.extension?.1.into()))
    })
    .about("In words of four bytes", EXTENSION),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::LinkType;
    use crate::wire::Protocol::{Data, Ipv4, Rtp, Udp};
    use crate::wire::sample::{ethernet, fields, hex, ipv4, layers, udp};

    fn of(kind: u8, payload: usize) -> Vec<u8> {
        let head = [&[PLAIN, kind][..], &hex("fffa 00000140 4e65744c")].concat();
        ethernet(0x0800, &ipv4(17, &udp(6000, &[head, vec![0xff; payload]].concat())))
    }

    #[test]
    fn sound_as_a_telephone_has_it_is_known() {
        assert_eq!(layers(LinkType::ETHERNET, &of(0x80, 160)).0[1..], [Ipv4, Udp, Rtp, Data]);
        let wanted = [("rtp.marker", "true"), ("rtp.p_type", "0"), ("rtp.seq", "65530"), ("rtp.timestamp", "320")];
        fields(&of(0x80, 160), &wanted);
        assert!(layers(LinkType::ETHERNET, &of(18, 20)).0.contains(&Rtp));
        for (kind, payload) in [(0, 161), (0, 0), (0, 1040), (96, 160), (72, 160), (3, 160)] {
            assert!(!layers(LinkType::ETHERNET, &of(kind, payload)).0.contains(&Rtp), "{kind} {payload}");
        }
    }

    #[test]
    fn a_header_may_have_contributors_and_an_extension() {
        let head = hex("92 60 0001 00000001 00000002  0000000a 0000000b  bede 0001 11223344  99");
        let found = header(&head).unwrap();
        assert_eq!((found.contributors, found.extension, found.length), (2, Some((0xbede, 1)), 28));
        assert!(header(&head[..27]).is_none() && header(&hex("41 60 0001 00000001 00000002")).is_none());
    }
}
