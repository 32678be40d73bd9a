//! QUIC (RFC 9000): the long headers that a connection begins with, and what versions a server has. Nothing is decrypted.
//!
//! A layer is a packet; several share a datagram. What follows them there with a short header is told as such. Trap: a
//! datagram with nothing but short headers says nothing by which it could be known, and stays data.

use super::application::{Look, Tone};
use super::reader::Reader;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[443];

const RFC: &str = "RFC 9000 §17.2";
const NEGOTIATION: &str = "RFC 9000 §17.2.1";
const RETRY: &str = "RFC 9000 §17.2.5";
/// The form bit and the fixed bit.
const LONG: u8 = 0x80;
const FIXED: u8 = 0x40;
const VERSION_2: u32 = 0x6b33_43cf;
/// An identifier's longest in versions 1 and 2.
const LONGEST: u8 = 20;
/// What a retry ends with.
const TAG: usize = 16;
/// Packets of a datagram that have a layer of their own.
const MOST_PACKETS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    Negotiation,
    /// Of a version whose types nobody knows.
    Unknown,
}

/// A packet with a long header.
#[derive(Clone, Copy, Debug)]
struct Packet<'a> {
    kind: Type,
    version: u32,
    destination: &'a [u8],
    source: &'a [u8],
    /// Of an initial packet.
    token: Option<&'a [u8]>,
    /// Bytes behind the length, where there is one.
    length: Option<u64>,
    /// Where what is encrypted begins; of a negotiation the versions, of a retry its token.
    at: usize,
}

/// A number whose first two bits say its length (RFC 9000 §16).
fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.u8()?;
    let more = (1usize << (first >> 6)) - 1;
    Some(reader.take(more)?.iter().fold(u64::from(first & 0x3f), |sum, byte| sum << 8 | u64::from(*byte)))
}

fn identifier<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = reader.u8()?;
    reader.take(length.into())
}

fn packet(data: &[u8]) -> Option<Packet<'_>> {
    let mut reader = Reader::new(data);
    let first = reader.u8().filter(|first| first & LONG != 0)?;
    let version = reader.u32()?;
    let (destination, source) = (identifier(&mut reader)?, identifier(&mut reader)?);
    let bits = first >> 4 & 3;
    // Version 2 has the same types, each under the next number (RFC 9369 §3.2).
    let kind = match if version == VERSION_2 { (bits + 3) % 4 } else { bits } {
        _ if version == 0 => Type::Negotiation,
        _ if !is_known(version) => Type::Unknown,
        0 => Type::Initial,
        1 => Type::ZeroRtt,
        2 => Type::Handshake,
        _ => Type::Retry,
    };
    let (mut token, mut length) = (None, None);
    if kind == Type::Initial {
        let length = usize::try_from(varint(&mut reader)?).ok()?;
        token = Some(reader.take(length)?);
    }
    if matches!(kind, Type::Initial | Type::ZeroRtt | Type::Handshake) {
        length = Some(varint(&mut reader)?);
    }
    Some(Packet { kind, version, destination, source, token, length, at: reader.position() })
}

/// Versions 1 and 2, and the drafts whose headers look the same.
fn is_known(version: u32) -> bool {
    matches!(version, 1 | VERSION_2 | 0xff00_0017..=0xff00_0022)
}

/// Versions that nobody speaks, by which servers are tested (RFC 9000 §15).
fn is_reserved(version: u32) -> bool {
    version & 0x0f0f_0f0f == 0x0a0a_0a0a
}

pub(super) fn look(look: &Look<'_>) -> bool {
    let Some([first, version @ ..]) = look.data.first_chunk::<5>() else { return false };
    let version = u32::from_be_bytes(*version);
    let marked = is_known(version) && first & FIXED != 0;
    // Ends that agreed on it may send any fixed bit (RFC 9287).
    let on_port = || look.on_port && (version == 0 || is_reserved(version) || is_known(version));
    if first & LONG == 0 || !marked && !on_port() {
        return false;
    }
    packet(look.data).is_some_and(|packet| {
        let fits = packet.length.is_none_or(|length| length <= (look.length - packet.at) as u64);
        let versions = look.length - packet.at;
        let lists = packet.kind != Type::Negotiation || versions >= 4 && versions.is_multiple_of(4);
        fits && lists && packet.destination.len().max(packet.source.len()) <= LONGEST.into()
    })
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    for number in 1.. {
        let rest = walk.rest();
        let Some(first) = rest.first() else { break };
        let length = match packet(rest) {
            Some(packet) if number < MOST_PACKETS => packet
                .length
                .and_then(|length| packet.at.checked_add(usize::try_from(length).ok()?))
                .unwrap_or(rest.len()),
            // What cannot be read goes on to the end; so does a short header.
            _ if first & (LONG | FIXED) == 0 => return walk.payload_behind(),
            _ => rest.len(),
        };
        if let Err(stop) = walk.text(Protocol::Quic, length) {
            return stop;
        }
    }
    Stop::End
}

fn long<'a>(at: &At<'a>) -> Option<Packet<'a>> {
    packet(at.header())
}

fn long_kinds(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "initial",
        1 => "0-RTT",
        2 => "handshake",
        3 => "retry",
        _ => return None,
    })
}

fn kinds_of_2(number: u64) -> Option<&'static str> {
    long_kinds((number + 3) % 4)
}

fn versions(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "negotiation",
        1 => "1",
        0x6b33_43cf => "2",
        0xff00_0017..=0xff00_0022 => "a draft of 1",
        _ => return None,
    })
}

fn list<'a>(at: &At<'a>) -> impl Iterator<Item = u32> + use<'a> {
    let found = long(at).filter(|packet| packet.kind == Type::Negotiation);
    let list = found.and_then(|packet| at.header().get(packet.at..)).unwrap_or_default();
    list.chunks_exact(4).filter_map(|version| Some(u32::from_be_bytes(*version.first_chunk()?)))
}

/// A retry's token, and the tag behind it.
fn retry<'a>(at: &At<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let packet = long(at).filter(|packet| packet.kind == Type::Retry)?;
    let rest = at.header().get(packet.at..)?;
    rest.split_at_checked(rest.len().checked_sub(TAG)?)
}

fn kind<'a>(at: &At<'a>, of_2: bool) -> Option<Value<'a>> {
    let packet = long(at).filter(|packet| packet.version != 0 && (packet.version == VERSION_2) == of_2)?;
    let number = at.u8(0)? >> 4 & 3;
    (packet.kind != Type::Unknown).then(|| Value::Uint(number.into()))
}

fn hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    // As much as tells one from another.
    const SHOWN: usize = 4;
    for byte in bytes.iter().take(SHOWN) {
        out.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
    let rest: &str = match bytes.len() {
        0 => "no id",
        length if length > SHOWN => "…",
        _ => "",
    };
    out.extend_from_slice(rest.as_bytes());
}

fn tell_version(version: u32, out: &mut Vec<u8>) {
    match versions(version.into()) {
        Some("a draft of 1") => out.extend_from_slice(format!("draft {}", version & 0xff).as_bytes()),
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(format!("{version:#010x}").as_bytes()),
    }
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let Some(packet) = long(at) else {
        let short = at.u8(0).is_some_and(|first| first & LONG == 0);
        out.extend_from_slice(if short { b"encrypted" } else { b"a header that makes no sense" });
        return Tone::Plain;
    };
    let name: &str = match packet.kind {
        Type::Initial => "initial",
        Type::ZeroRtt => "0-RTT",
        Type::Handshake => "handshake",
        Type::Retry => "retry",
        Type::Negotiation => "versions offered:",
        Type::Unknown => "packet of an unknown version",
    };
    out.extend_from_slice(name.as_bytes());
    if packet.kind == Type::Negotiation {
        for version in list(at).take(8) {
            out.push(b' ');
            tell_version(version, out);
        }
    } else {
        out.extend_from_slice(b", version ");
        tell_version(packet.version, out);
    }
    out.extend_from_slice(b", from ");
    hexadecimal(packet.source, out);
    out.extend_from_slice(b" to ");
    hexadecimal(packet.destination, out);
    if let Some(token) = packet.token.or_else(|| Some(retry(at)?.0)).filter(|token| !token.is_empty()) {
        out.extend_from_slice(format!(", token of {} bytes", token.len()).as_bytes());
    }
    Tone::Plain
}

#[rustfmt::skip]
pub static FIELDS: &[Field] = &[
    Field::one("quic.packet_length", "Length", Kind::Dec, |at| Some(Value::Uint(at.header().len() as u64)))
        .computed()
        .about("Bytes of this packet; a datagram may carry several", "RFC 9000 §12.2"),
    Field::dec("quic.header_form", "Header form", 0, 1).about("1: long, 0: short", "RFC 9000 §17"),
    Field::one("quic.fixed_bit", "Fixed bit", Kind::Bool, |at| {
        let has_none = long(at).is_some_and(|packet| matches!(packet.kind, Type::Retry | Type::Negotiation));
        if has_none { None } else { Some(Value::Bool(at.u8(0)? & FIXED != 0)) }
    })
    .at(1, 1)
    .about("Set, to be told from other protocols", "RFC 9000 §17"),
    Field::one("quic.long.packet_type", "Type", Kind::Dec, |at| kind(at, false))
        .words(long_kinds)
        .about("What the packet is, in version 1", RFC),
    Field::one("quic.long.packet_type_v2", "Type", Kind::Dec, |at| kind(at, true))
        .words(kinds_of_2)
        .about("What the packet is, in version 2", "RFC 9369 §3.2"),
    Field::one("quic.version", "Version", Kind::Hex(8), |at| Some(Value::Uint(long(at)?.version.into())))
        .words(versions)
        .about("0: the server says which it has", RFC),
    Field::one("quic.dcil", "Destination's length", Kind::Dec, |at| Some(Value::Uint(long(at)?.destination.len() as u64)))
        .about("Bytes of the identifier", RFC),
    Field::one("quic.dcid", "Destination", Kind::Bytes, |at| {
        long(at).map(|packet| packet.destination).filter(|name| !name.is_empty()).map(Value::Bytes)
    })
    .about("The connection, as who gets this named it", RFC),
    Field::one("quic.scil", "Source's length", Kind::Dec, |at| Some(Value::Uint(long(at)?.source.len() as u64)))
        .about("Bytes of the identifier", RFC),
    Field::one("quic.scid", "Source", Kind::Bytes, |at| {
        long(at).map(|packet| packet.source).filter(|name| !name.is_empty()).map(Value::Bytes)
    })
    .about("The connection, as who sends this names it", RFC),
    Field::one("quic.token_length", "Token length", Kind::Dec, |at| Some(Value::Uint(long(at)?.token?.len() as u64)))
        .about("Bytes of the token", "RFC 9000 §17.2.2"),
    Field::one("quic.token", "Token", Kind::Bytes, |at| {
        long(at)?.token.filter(|token| !token.is_empty()).map(Value::Bytes)
    })
    .about("What the server gave the client, to know its address", "RFC 9000 §8.1"),
    Field::one("quic.length", "Length", Kind::Dec, |at| long(at)?.length.map(Value::Uint))
        .about("Bytes that follow: packet number and what is encrypted", RFC),
    Field::many("quic.supported_version", "Version", Kind::Hex(8), |at, give| {
        let _ = list(at).map(|version| Value::Uint(version.into())).all(give);
    })
    .words(versions)
    .about("One that the server has", NEGOTIATION),
    Field::one("quic.retry_token", "Token", Kind::Bytes, |at| Some(Value::Bytes(retry(at)?.0)))
        .about("What the client is to come again with, to prove its address", RETRY),
    Field::one("quic.retry_integrity_tag", "Tag", Kind::Bytes, |at| Some(Value::Bytes(retry(at)?.1)))
        .about("Shows that this answers the client's first packet", RETRY),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::LinkType;
    use crate::wire::Protocol::{Data, Ipv4, Quic, Udp};
    use crate::wire::sample::{ethernet, fields, hex, ipv4, layers, udp, values};

    fn carried(port: u16, data: &[u8]) -> Vec<u8> {
        ethernet(0x0800, &ipv4(17, &udp(port, data)))
    }

    fn found(port: u16, data: &[u8]) -> Vec<Protocol> {
        layers(LinkType::ETHERNET, &carried(port, data)).0.split_off(3)
    }

    #[test]
    fn packets_share_a_datagram() {
        let initial = hex("c0 00000001 04 8394c8f0 02 0102  01 aa  4004 deadbeef");
        let handshake = hex("e0 00000001 04 8394c8f0 00  02 beef");
        assert_eq!(layers(LinkType::ETHERNET, &carried(443, &initial)).0[1..], [Ipv4, Udp, Quic]);
        let all = [&initial[..], &handshake, &hex("40 8394c8f0 00")].concat();
        assert_eq!(found(4433, &all), [Quic, Quic, Quic]);
        let of = |name| values(LinkType::ETHERNET, &carried(443, &all), name);
        assert_eq!(of("quic.packet_length"), ["Uint(21)", "Uint(14)", "Uint(6)"]);
        let wanted = [("quic.token_length", "1"), ("quic.length", "4"), ("quic.long.packet_type", "0")];
        fields(&carried(443, &all), &wanted);
    }

    #[test]
    fn version_2_counts_types_another_way() {
        let initial = hex("d0 6b3343cf 00 00 00 02 beef");
        fields(&carried(4433, &initial), &[("quic.long.packet_type_v2", "1"), ("quic.length", "2")]);
        fields(&carried(4433, &initial), &[("quic.long.packet_type", "absent"), ("quic.dcid", "absent")]);
    }

    #[test]
    fn a_server_says_its_versions() {
        let offered = hex("80 00000000 02 0102 00  1a2a3a4a 00000001");
        assert_eq!(values(LinkType::ETHERNET, &carried(443, &offered), "quic.supported_version").len(), 2);
        assert_eq!(found(443, &offered), [Quic]);
        assert_eq!(found(4433, &offered), [Data], "nothing but the port speaks for it");
        let retry = [hex("f0 00000001 01 aa 01 bb  cccc"), vec![7; 16]].concat();
        fields(&carried(443, &retry), &[("quic.retry_token", "[204, 204]"), ("quic.length", "absent")]);
    }

    #[test]
    fn what_does_not_fit_is_no_packet() {
        for wrong in [
            "c0 00000001 04 8394",
            "c0 00000001 00 00 00 4444 00",
            "80 00000001 00 00 00 01 00",
            "c0 00000009 00 00 00 01 00",
        ] {
            assert_eq!(found(4433, &hex(wrong)), [Data], "{wrong}");
        }
        assert_eq!(found(443, &hex("80 00000001 00 00 00 01 00")), [Quic], "its ends may have agreed on that bit");
        let long = [hex("c0 00000001 15"), vec![0; 21], hex("00 00 01 00")].concat();
        assert_eq!(found(443, &long), [Data]);
    }
}
