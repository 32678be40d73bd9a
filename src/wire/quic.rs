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
/// Drafts of version 2: the first has the types of version 1 (draft-ietf-quic-v2-00), the second those of 2.
const DRAFT_OF_2: u32 = 0xff02_0000;
const LATER_DRAFT_OF_2: u32 = 0x709a_50c4;
/// An identifier's longest in versions 1 and 2.
const LONGEST: u8 = 20;
/// The shortest that a client makes up for a server that it does not know (RFC 9000 §7.2).
const SHORTEST_FIRST: usize = 8;
/// Bytes that a client's first datagram has at least (RFC 9000 §14.1).
const FIRST_DATAGRAM: usize = 1200;
/// Behind a short header's first byte and name: what its protection is computed from, and a tag (RFC 9001 §5.4.2).
const SHORTEST_ENCRYPTED: usize = 4 + 16;
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
    let at = reader.position();
    let short = Packet { kind: Type::Unknown, version, destination, source, token: None, length: None, at };
    let bits = first >> 4 & 3;
    let kind = match if rotates(version) { (bits + 3) % 4 } else { bits } {
        _ if version == 0 => Type::Negotiation,
        // A client that tests a server sends what it would send first of the version that it means to speak.
        0 if is_reserved(version) => return Some(behind_initial(&short, reader).unwrap_or(short)),
        _ if !is_known(version) => Type::Unknown,
        0 => return behind_initial(&short, reader),
        1 => Type::ZeroRtt,
        2 => Type::Handshake,
        _ => Type::Retry,
    };
    let length = match kind {
        Type::ZeroRtt | Type::Handshake => Some(varint(&mut reader)?),
        _ => None,
    };
    Some(Packet { kind, length, at: reader.position(), ..short })
}

/// The packet as an initial one: with a token and a length.
fn behind_initial<'a>(short: &Packet<'a>, mut reader: Reader<'a>) -> Option<Packet<'a>> {
    let token = usize::try_from(varint(&mut reader)?).ok()?;
    let token = Some(reader.take(token)?);
    let length = Some(varint(&mut reader)?);
    Some(Packet { kind: Type::Initial, token, length, at: reader.position(), ..*short })
}

/// Versions 1 and 2, and those whose headers look the same: drafts since 22, Facebook's (mvfst) and Google's last.
fn is_known(version: u32) -> bool {
    is_draft(version)
        || matches!(version, 1 | VERSION_2 | DRAFT_OF_2 | LATER_DRAFT_OF_2 | 0xface_b001 | 0xface_b002 | 0xface_b00e)
        || matches!(&version.to_be_bytes(), b"Q050" | b"T050" | b"T051")
}

fn is_draft(version: u32) -> bool {
    matches!(version, 0xff00_0016..=0xff00_0022)
}

/// Whether a version has the types of version 1, each under the next number (RFC 9369 §3.2).
fn rotates(version: u32) -> bool {
    matches!(version, VERSION_2 | LATER_DRAFT_OF_2)
}

/// Whether a retry names the client's first destination and has no tag: before draft 25.
fn retries_by_name(version: u32) -> bool {
    matches!(version, 0xff00_0016..=0xff00_0018 | 0xface_b001)
}

/// Versions that nobody speaks, by which servers are tested (RFC 9000 §15).
fn is_reserved(version: u32) -> bool {
    version & 0x0f0f_0f0f == 0x0a0a_0a0a
}

pub(super) fn look(look: &Look<'_>) -> bool {
    let Some([first, version @ ..]) = look.data.first_chunk::<5>() else { return false };
    let (first, version) = (*first, u32::from_be_bytes(*version));
    if first & LONG == 0 || version != 0 && !is_reserved(version) && !is_known(version) {
        return false;
    }
    packet(look.data).is_some_and(|packet| {
        let rest = look.length - packet.at;
        let fits = packet.length.is_none_or(|length| length <= rest as u64);
        let lists = packet.kind != Type::Negotiation || rest >= 4 && rest.is_multiple_of(4);
        let named = packet.destination.len().max(packet.source.len()) <= LONGEST.into();
        fits && lists && named && (look.on_port || is_marked(&packet, first, look))
    })
}

/// Whether what begins so can be nothing else, on whatever port.
fn is_marked(packet: &Packet<'_>, first: u8, look: &Look<'_>) -> bool {
    match packet.kind {
        Type::Negotiation => {
            let versions = look.data.get(packet.at..).unwrap_or_default().chunks_exact(4);
            let mut versions = versions.filter_map(|version| Some(u32::from_be_bytes(*version.first_chunk()?)));
            // The source is what the client made up to be the destination.
            packet.source.len() >= SHORTEST_FIRST && versions.any(is_known)
        }
        Type::Unknown => false,
        _ if is_reserved(packet.version) => {
            let is_first = look.length >= FIRST_DATAGRAM && packet.destination.len() >= SHORTEST_FIRST;
            is_first && first & FIXED != 0 && fills(look)
        }
        _ => first & FIXED != 0 || packet.kind != Type::Retry && fills(look),
    }
}

/// Whether packets of one version and to one destination fill the datagram. Ends that agreed on it may send any fixed
/// bit (RFC 9287), and then this is what tells them from others. A short header takes the rest (RFC 9000 §12.2).
fn fills(look: &Look<'_>) -> bool {
    let Some(first) = packet(look.data) else { return false };
    let mut at = 0;
    for _ in 0..MOST_PACKETS {
        let rest = look.data.get(at..).unwrap_or_default();
        // At the end, or behind what was captured.
        let Some(form) = rest.first() else { return at <= look.length };
        if form & LONG == 0 {
            let is_whole = look.length.saturating_sub(at) > first.destination.len() + SHORTEST_ENCRYPTED;
            let nameless = form & FIXED != 0 && first.destination.is_empty();
            return is_whole && (nameless || is_short_to(first.destination, rest));
        }
        let Some(next) = packet(rest) else { return false };
        let length = next.length.and_then(|length| next.at.checked_add(usize::try_from(length).ok()?));
        let (Some(length), true) = (length, next.version == first.version && next.destination == first.destination)
        else {
            return false;
        };
        at = at.saturating_add(length);
    }
    at == look.length
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    let mut destination: &[u8] = &[];
    for number in 1.. {
        let rest = walk.rest();
        let Some(first) = rest.first() else { break };
        let length = match packet(rest) {
            Some(packet) if number < MOST_PACKETS => {
                destination = packet.destination;
                let length = packet.length.and_then(|length| packet.at.checked_add(usize::try_from(length).ok()?));
                length.unwrap_or(rest.len())
            }
            // What cannot be read goes on to the end; so does a short header.
            _ if first & (LONG | FIXED) == 0 && !is_short_to(destination, rest) => return walk.payload_behind(),
            _ => rest.len(),
        };
        if let Err(stop) = walk.text(Protocol::Quic, length) {
            return stop;
        }
    }
    Stop::End
}

/// Whether a short header with this name begins here, whatever its fixed bit.
fn is_short_to(destination: &[u8], data: &[u8]) -> bool {
    !destination.is_empty() && data.get(1..).is_some_and(|name| name.starts_with(destination))
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
        0xff00_0016..=0xff00_0022 => "a draft of 1",
        0xff02_0000 | 0x709a_50c4 => "a draft of 2",
        0xface_b001 => "mvfst (draft 22)",
        0xface_b002 | 0xface_b00e => "mvfst (draft 27)",
        0x5130_3530 => "Q050 (Google)",
        0x5430_3530 => "T050 (Google)",
        0x5430_3531 => "T051 (Google)",
        number if u32::try_from(number).is_ok_and(is_reserved) => "reserved, to test servers",
        _ => return None,
    })
}

fn list<'a>(at: &At<'a>) -> impl Iterator<Item = u32> + use<'a> {
    let found = long(at).filter(|packet| packet.kind == Type::Negotiation);
    let list = found.and_then(|packet| at.header().get(packet.at..)).unwrap_or_default();
    list.chunks_exact(4).filter_map(|version| Some(u32::from_be_bytes(*version.first_chunk()?)))
}

/// What a retry says.
struct Retry<'a> {
    /// Where the client's first packet went, in drafts that say so.
    original: Option<&'a [u8]>,
    token: &'a [u8],
    tag: Option<&'a [u8]>,
}

fn retry<'a>(at: &At<'a>) -> Option<Retry<'a>> {
    let packet = long(at).filter(|packet| packet.kind == Type::Retry)?;
    let rest = at.header().get(packet.at..)?;
    if retries_by_name(packet.version) {
        let mut reader = Reader::new(rest);
        let original = Some(identifier(&mut reader)?);
        return Some(Retry { original, token: rest.get(reader.position()..)?, tag: None });
    }
    let (token, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
    Some(Retry { original: None, token, tag: Some(tag) })
}

fn kind<'a>(at: &At<'a>, of_2: bool) -> Option<Value<'a>> {
    let packet = long(at).filter(|packet| packet.version != 0 && rotates(packet.version) == of_2)?;
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
        Some(name) if !is_reserved(version) => out.extend_from_slice(name.as_bytes()),
        _ => out.extend_from_slice(format!("{version:#010x}").as_bytes()),
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
    if let Some(token) = packet.token.or_else(|| Some(retry(at)?.token)).filter(|token| !token.is_empty()) {
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
    Field::one("quic.odcil", "First destination's length", Kind::Dec, |at| {
        Some(Value::Uint(retry(at)?.original?.len() as u64))
    })
    .about("Bytes of the identifier, in drafts up to 24", "draft-ietf-quic-transport-24 §17.2.5"),
    Field::one("quic.odcid", "First destination", Kind::Bytes, |at| {
        retry(at)?.original.filter(|name| !name.is_empty()).map(Value::Bytes)
    })
    .about("Where the client's first packet went, in drafts up to 24", "draft-ietf-quic-transport-24 §17.2.5"),
    Field::one("quic.retry_token", "Token", Kind::Bytes, |at| Some(Value::Bytes(retry(at)?.token)))
        .about("What the client is to come again with, to prove its address", RETRY),
    Field::one("quic.retry_integrity_tag", "Tag", Kind::Bytes, |at| Some(Value::Bytes(retry(at)?.tag?)))
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
    fn versions_of_the_same_header_are_known_on_every_port() {
        for version in
            ["ff000016", "ff000022", "faceb001", "faceb002", "faceb00e", "51303530", "54303530", "54303531", "ff020000"]
        {
            let handshake = hex(&format!("e0 {version} 04 8394c8f0 00  02 beef"));
            fields(&carried(4433, &handshake), &[("quic.long.packet_type", "2"), ("quic.length", "2")]);
        }
        // Of draft 21 the lengths of both names were in one byte; Q046 has another header.
        for version in ["ff000015", "ff000023", "51303436", "faceb003"] {
            assert_eq!(found(4433, &hex(&format!("e0 {version} 04 8394c8f0 00  02 beef"))), [Data], "{version}");
        }
        let rotated = hex("f0 709a50c4 04 8394c8f0 00  02 beef");
        fields(&carried(4433, &rotated), &[("quic.long.packet_type_v2", "3"), ("quic.length", "2")]);
    }

    #[test]
    fn packets_that_fill_the_datagram_may_have_any_fixed_bit() {
        let initial = hex("80 00000001 04 8394c8f0 02 0102  00  4004 deadbeef");
        let handshake = hex("a0 00000001 04 8394c8f0 00  02 beef");
        let short = [hex("00 8394c8f0"), vec![7; 20]].concat();
        assert_eq!(found(4433, &initial), [Quic]);
        fields(&carried(4433, &initial), &[("quic.fixed_bit", "false"), ("quic.length", "4")]);
        assert_eq!(found(4433, &[&initial[..], &handshake, &short].concat()), [Quic, Quic, Quic]);
        for wrong in
            ["00", "40 8394c8f1 77", "a0 00000001 04 8394c8f1 00  02 beef", "a0 6b3343cf 04 8394c8f0 00  02 beef"]
        {
            assert_eq!(found(4433, &[&initial[..], &hex(wrong)].concat()), [Data], "{wrong}");
        }
        let retry = [hex("b0 00000001 01 aa 01 bb  cccc"), vec![7; 16]].concat();
        assert_eq!(found(4433, &retry), [Data], "nothing says how long it is");
        assert_eq!(found(443, &retry), [Quic]);
    }

    #[test]
    fn a_server_is_tested_with_a_version_that_nobody_speaks() {
        let first = |version: &str, length: usize| {
            let header = hex(&format!("c3 {version} 08 0102030405060708 00 00"));
            let mut rest = vec![5; length - header.len()];
            rest[..2].copy_from_slice(&(0x4000 | (length - header.len() - 2) as u16).to_be_bytes());
            [header, rest].concat()
        };
        assert_eq!(found(4433, &first("0a1a2a3a", 1200)), [Quic]);
        fields(&carried(4433, &first("0a1a2a3a", 1200)), &[("quic.long.packet_type", "0"), ("quic.length", "1182")]);
        assert_eq!(found(4433, &first("0a1a2a3a", 1199)), [Data], "too short to be a client's first");
        assert_eq!(found(4433, &first("0a1a2a3b", 1200)), [Data]);
        assert_eq!(found(4433, &[&first("0a1a2a3a", 1200)[..], &[0]].concat()), [Data]);
    }

    #[test]
    fn what_an_error_quotes_of_a_datagram_is_known_though_it_is_cut() {
        let first =
            |version: &str| [hex(&format!("c3 {version} 08 0102030405060708 00 00 449e")), vec![5; 1182]].concat();
        for version in ["00000001", "0a1a2a3a"] {
            let quoted = &ipv4(17, &udp(4433, &first(version)))[..200];
            let error = ethernet(0x0800, &ipv4(1, &[&hex("0303 0000 0000 0000")[..], quoted].concat()));
            assert_eq!(layers(LinkType::ETHERNET, &error).0.last(), Some(&Quic), "{version}");
            fields(&error, &[("quic.length", "1182"), ("quic.dcil", "8")]);
        }
    }

    #[test]
    fn an_offer_of_versions_is_known_by_one_of_them() {
        let offered = |versions: &str| hex(&format!("e0 00000000 00 08 0102030405060708 {versions}"));
        assert_eq!(found(4433, &offered("1a2a3a4a ff00001d")), [Quic]);
        assert_eq!(found(4433, &offered("1a2a3a4a 00000007")), [Data], "none that anybody speaks");
        assert_eq!(found(4433, &offered("00000001 00")), [Data]);
        assert_eq!(found(4433, &hex("e0 00000000 00 07 01020304050607 00000001")), [Data], "no client's name");
    }

    #[test]
    fn a_retry_of_old_drafts_names_the_first_destination_and_has_no_tag() {
        let retry =
            |version: &str| carried(443, &hex(&format!("f0 {version} 01 aa 01 bb  02 0102 {}", "cc".repeat(20))));
        for old in ["ff000018", "faceb001"] {
            fields(
                &retry(old),
                &[("quic.odcil", "2"), ("quic.odcid", "[1, 2]"), ("quic.retry_integrity_tag", "absent")],
            );
            assert_eq!(values(LinkType::ETHERNET, &retry(old), "quic.retry_token")[0].matches("204").count(), 20);
        }
        fields(&retry("ff000019"), &[("quic.odcid", "absent")]);
        assert_eq!(values(LinkType::ETHERNET, &retry("ff000019"), "quic.retry_token")[0].matches("204").count(), 4);
    }

    #[test]
    fn what_does_not_fit_is_no_packet() {
        for wrong in [
            "c0 00000001 04 8394",
            "c0 00000001 00 00 00 4444 00",
            "80 00000001 00 00 00 01 00 00",
            "c0 00000009 00 00 00 01 00",
        ] {
            assert_eq!(found(4433, &hex(wrong)), [Data], "{wrong}");
        }
        assert_eq!(found(443, &hex("80 00000001 00 00 00 01 00")), [Quic], "its ends may have agreed on that bit");
        let long = [hex("c0 00000001 15"), vec![0; 21], hex("00 00 01 00")].concat();
        assert_eq!(found(443, &long), [Data]);
    }
}
