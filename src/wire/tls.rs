//! Transport Layer Security (RFC 8446, RFC 5246): records, and what a handshake says before it is encrypted.
//!
//! Nothing is decrypted. Traps: TLS 1.3 calls itself 1.2 in both old version fields; the list of versions in the hellos
//! is what counts. A record goes on in other segments; one that begins in the middle of this segment has a layer too.

use super::application::{Look, Tone};
use super::certificate::{self, Certificate, Text};
use super::reader::Reader;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[443, 465, 636, 853, 989, 990, 993, 995, 5061, 8443, 8883];

const RFC: &str = "RFC 8446 §5.1";
const HANDSHAKE: &str = "RFC 8446 §4";
const HELLO: &str = "RFC 8446 §4.1.2";
const CERTIFICATES: &str = "RFC 5246 §7.4.2";
const NAMES: &str = "RFC 5280 §4.1.2.4";
const RECORD: usize = 5;
/// A record's longest content, encryption included.
const LONGEST: usize = (1 << 14) + 2048;
/// Records of a segment that have a layer of their own.
const MOST_RECORDS: usize = 12;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const VERSIONS: u16 = 43;
/// The message with certificates.
const CERTIFICATE: u8 = 11;
/// Hosts of a certificate that a line names.
const HOSTS: usize = 3;

pub(super) fn look(look: &Look<'_>) -> bool {
    // On a strange port only a hello counts.
    record(look.data).is_some() && (look.on_port || matches!(look.data, [22, 3, _, _, _, 1 | 2, 0, ..]))
}

/// Type, version and length of the record that begins here.
fn record(data: &[u8]) -> Option<(u8, u16, usize)> {
    let [kind, high, low, a, b] = *data.first_chunk::<RECORD>()?;
    let length = usize::from(u16::from_be_bytes([a, b]));
    let is_one = (20..=24).contains(&kind) && high == 3 && low <= 4 && length <= LONGEST;
    is_one.then_some((kind, u16::from_be_bytes([high, low]), length))
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    for number in 1.. {
        let rest = walk.rest();
        if rest.is_empty() {
            break;
        }
        let Some((_, _, length)) = record(rest) else { return walk.payload() };
        let length = if number < MOST_RECORDS { RECORD + length } else { rest.len() };
        if let Err(stop) = walk.text(Protocol::Tls, length) {
            return stop;
        }
    }
    Stop::End
}

/// The messages of a handshake's record: type, length, and the bytes that are here. What is encrypted makes no sense as
/// such, and is left out.
fn messages<'a>(at: &At<'a>) -> impl Iterator<Item = (u8, usize, &'a [u8])> {
    let content = at.header();
    let found = record(content).filter(|(kind, ..)| *kind == 22);
    let said = found.map_or(0, |(.., length)| length);
    let mut left = said;
    let mut rest = if found.is_some() { content.get(RECORD..RECORD + said).or(content.get(RECORD..)) } else { None };
    std::iter::from_fn(move || {
        let [kind, a, b, c] = *rest?.first_chunk::<4>()?;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        // One that is longer than its record goes on in the next: of hellos and certificates only.
        let goes_on = length + 4 > left && !matches!(kind, 1 | 2 | CERTIFICATE);
        if messages_named(kind.into()).is_none() || goes_on {
            rest = None;
            return None;
        }
        left = left.saturating_sub(length + 4);
        let behind = rest?.get(4..)?;
        let body = behind.get(..length).unwrap_or(behind);
        rest = behind.get(length..);
        Some((kind, length, body))
    })
}

/// A hello: whose it is, its version, its ciphers, its extensions.
#[derive(Clone, Copy)]
struct Hello<'a> {
    version: u16,
    ciphers: &'a [u8],
    extensions: &'a [u8],
    is_client: bool,
}

fn hello<'a>(at: &At<'a>) -> Option<Hello<'a>> {
    let (kind, _, body) = messages(at).find(|(kind, ..)| matches!(kind, 1 | 2))?;
    let is_client = kind == 1;
    let mut reader = Reader::new(body);
    let version = reader.u16()?;
    reader.skip(32)?;
    let session = reader.u8()?;
    reader.skip(session.into())?;
    let ciphers = if is_client { usize::from(reader.u16()?) } else { 2 };
    let ciphers = reader.take(ciphers)?;
    let compressions = if is_client { reader.u8()? } else { 1 };
    let known = reader.skip(compressions.into()).and_then(|()| reader.u16());
    // What is cut is read as far as it is here.
    let extensions = known.map(|length| {
        let rest = reader.rest();
        rest.get(..length.into()).unwrap_or(rest)
    });
    Some(Hello { version, ciphers, extensions: extensions.unwrap_or_default(), is_client })
}

fn extensions(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let mut reader = Reader::new(rest);
        let (kind, length) = (reader.u16()?, reader.u16()?);
        let value = reader.take(length.into())?;
        rest = reader.rest();
        Some((kind, value))
    })
}

fn extension<'a>(at: &At<'a>, wanted: u16) -> Option<(&'a [u8], bool)> {
    let hello = hello(at)?;
    extensions(hello.extensions).find(|(kind, _)| *kind == wanted).map(|(_, value)| (value, hello.is_client))
}

/// The name by which a client calls the server that its hello goes to.
pub fn called<'a>(at: &At<'a>) -> Option<&'a [u8]> {
    hello(at).filter(|hello| hello.is_client).and_then(|_| server_name(at))
}

fn server_name<'a>(at: &At<'a>) -> Option<&'a [u8]> {
    let mut reader = Reader::new(extension(at, SERVER_NAME)?.0);
    reader.skip(3)?;
    let length = reader.u16()?;
    reader.take(length.into())
}

fn protocols<'a>(at: &At<'a>) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = extension(at, ALPN).and_then(|(value, _)| value.get(2..)).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first()?;
        let (name, behind) = behind.split_at_checked((*length).into())?;
        rest = behind;
        Some(name)
    })
}

/// The versions that a client offers, or the one that a server chose.
fn versions<'a>(at: &At<'a>) -> impl Iterator<Item = u16> + use<'a> {
    let found = extension(at, VERSIONS);
    let list = found.and_then(|(value, is_client)| value.get(usize::from(is_client)..)).unwrap_or_default();
    list.chunks_exact(2).filter_map(|pair| Some(u16::from_be_bytes(*pair.first_chunk()?)))
}

/// The certificates of a layer's message, as far as they are here.
fn certificates<'a>(at: &At<'a>) -> impl Iterator<Item = (usize, &'a [u8])> + use<'a> {
    let message = messages(at).find(|(kind, ..)| *kind == CERTIFICATE);
    certificate::list(message.map_or(&[], |(.., body)| body))
}

fn read_certificates<'a>(at: &At<'a>) -> impl Iterator<Item = Certificate<'a>> + use<'a> {
    certificates(at).filter_map(|(_, data)| Certificate::new(data))
}

/// Whose certificate is shown, and for which hosts it is; who says so.
fn tell_certificate(first: &Certificate<'_>, out: &mut Vec<u8>) {
    let subject = first.subject();
    if let Some(name) = subject {
        out.extend_from_slice(b" of ");
        out.extend_from_slice(name);
    }
    let mut others = first.hosts().filter(|host| Some(*host) != subject);
    for (number, host) in others.by_ref().take(HOSTS).enumerate() {
        out.extend_from_slice(if number > 0 { b", " } else { b", for " });
        out.extend_from_slice(host);
    }
    match others.count() {
        0 => {}
        more => out.extend_from_slice(format!(" and {more} more").as_bytes()),
    }
    match first.issuer() {
        Some(issuer) if Some(issuer) == subject => out.extend_from_slice(b", by itself"),
        Some(issuer) => {
            out.extend_from_slice(b", by ");
            out.extend_from_slice(issuer);
        }
        None => {}
    }
}

fn contents(number: u64) -> Option<&'static str> {
    Some(match number {
        20 => "change cipher spec",
        21 => "alert",
        22 => "handshake",
        23 => "application data",
        24 => "heartbeat",
        _ => return None,
    })
}

fn messages_named(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "hello request",
        1 => "client hello",
        2 => "server hello",
        4 => "new session ticket",
        8 => "encrypted extensions",
        11 => "certificate",
        12 => "server key exchange",
        13 => "certificate request",
        14 => "server hello done",
        15 => "certificate verify",
        16 => "client key exchange",
        20 => "finished",
        22 => "certificate status",
        _ => return None,
    })
}

fn version_named(number: u64) -> Option<&'static str> {
    Some(match number {
        0x300 => "SSL 3.0",
        0x301 => "TLS 1.0",
        0x302 => "TLS 1.1",
        0x303 => "TLS 1.2",
        0x304 => "TLS 1.3",
        _ => return None,
    })
}

/// Level and description of an alert that is not encrypted.
fn alert(at: &At<'_>) -> Option<(u8, u8)> {
    match *at.header() {
        [21, _, _, 0, 2, level @ 1..=2, description] => Some((level, description)),
        _ => None,
    }
}

fn alerts(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "close notify",
        10 => "unexpected message",
        20 => "bad record MAC",
        40 => "handshake failure",
        42 => "bad certificate",
        45 => "certificate expired",
        46 => "certificate unknown",
        47 => "illegal parameter",
        48 => "unknown CA",
        50 => "decode error",
        51 => "decrypt error",
        70 => "protocol version",
        80 => "internal error",
        86 => "inappropriate fallback",
        90 => "user canceled",
        112 => "unrecognized name",
        116 => "certificate required",
        120 => "no application protocol",
        _ => return None,
    })
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let Some((kind, _, length)) = record(at.header()) else { return Tone::Plain };
    let mut told = false;
    for (kind, ..) in messages(at) {
        out.extend_from_slice(if told { b", " } else { b"" });
        out.extend_from_slice(messages_named(kind.into()).unwrap_or_default().as_bytes());
        if let (CERTIFICATE, Some(first)) = (kind, read_certificates(at).next()) {
            tell_certificate(&first, out);
        }
        told = true;
    }
    if let Some(hello) = hello(at) {
        let is_version = |version: &u16| version_named((*version).into()).is_some();
        let best = versions(at).filter(is_version).max().unwrap_or(hello.version);
        out.extend_from_slice(format!(" {}", version_named(best.into()).unwrap_or("of no known version")).as_bytes());
        if let Some(name) = server_name(at) {
            out.extend_from_slice(b" for ");
            out.extend_from_slice(name);
        }
        for name in protocols(at).take(4) {
            out.extend_from_slice(b" ");
            out.extend_from_slice(name);
        }
        return Tone::Plain;
    }
    if let Some((level, description)) = alert(at) {
        out.extend_from_slice(b"alert: ");
        match alerts(description.into()) {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => out.extend_from_slice(description.to_string().as_bytes()),
        }
        return if level == 2 { Tone::Trouble } else { Tone::Plain };
    }
    if !told {
        out.extend_from_slice(contents(kind.into()).unwrap_or_default().as_bytes());
        match kind {
            22 | 21 => out.extend_from_slice(b", encrypted"),
            23 => out.extend_from_slice(format!(", {length} bytes").as_bytes()),
            _ => {}
        }
    }
    Tone::Plain
}

fn number<'a>(number: impl Into<u64>) -> Value<'a> {
    Value::Uint(number.into())
}

pub static FIELDS: &[Field] = &[
    Field::dec("tls.record.content_type", "Content", 0, 8)
        .words(contents)
        .about("What the record carries; encrypted, nobody knows", RFC),
    Field::hex("tls.record.version", "Version", 8, 16)
        .words(version_named)
        .about("As old programs want it: TLS 1.3 says 1.2, a first hello 1.0", RFC),
    Field::dec("tls.record.length", "Length", 24, 16).about("Bytes that follow", RFC),
    Field::many("tls.handshake.type", "Handshake", Kind::Dec, |at, give| {
        let _ = messages(at).map(|(kind, ..)| number(kind)).all(give);
    })
    .words(messages_named)
    .about("What the message is", HANDSHAKE),
    Field::many("tls.handshake.length", "Length", Kind::Dec, |at, give| {
        let _ = messages(at).map(|(_, length, _)| number(length as u64)).all(give);
    })
    .about("Bytes of the message", HANDSHAKE),
    Field::one("tls.handshake.version", "Version", Kind::Hex(4), |at| Some(number(hello(at)?.version)))
        .words(version_named)
        .about("At most 1.2; what counts for 1.3 is the list of versions", HELLO),
    Field::many("tls.handshake.ciphersuite", "Cipher suite", Kind::Hex(4), |at, give| {
        let ciphers = hello(at).map_or(&[][..], |hello| hello.ciphers).chunks_exact(2);
        let _ = ciphers.filter_map(|pair| Some(number(u16::from_be_bytes(*pair.first_chunk()?)))).all(give);
    })
    .about("Offered by the client in its order; chosen by the server", "RFC 8446 §B.4"),
    Field::one("tls.handshake.extensions_server_name", "Server name", Kind::Text, |at| {
        server_name(at).map(Value::Text)
    })
    .about("Whom the client wants to talk with, in the clear", "RFC 6066 §3"),
    Field::many("tls.handshake.extensions_alpn_str", "Protocol", Kind::Text, |at, give| {
        let _ = protocols(at).map(Value::Text).all(give);
    })
    .about("What is to be spoken inside: h2, http/1.1", "RFC 7301"),
    Field::many("tls.handshake.extensions.supported_version", "Version", Kind::Hex(4), |at, give| {
        let _ = versions(at).map(number).all(give);
    })
    .words(version_named)
    .about("Offered by the client; chosen by the server", "RFC 8446 §4.2.1"),
    Field::one("tls.handshake.certificates_length", "Certificates", Kind::Dec, |at| {
        let (.., body) = messages(at).find(|(kind, ..)| *kind == CERTIFICATE)?;
        let [a, b, c] = *body.first_chunk()?;
        Some(number(u32::from_be_bytes([0, a, b, c])))
    })
    .about("Bytes of all of them, the one of who shows them first", CERTIFICATES),
    Field::many("tls.handshake.certificate_length", "Certificate", Kind::Dec, |at, give| {
        let _ = certificates(at).map(|(length, _)| number(length as u64)).all(give);
    })
    .about("Bytes of one; it may go on in other segments", CERTIFICATES),
    Field::many("x509sat.uTF8String", "Name", Kind::Text, |at, give| {
        let _ = read_certificates(at).flat_map(|one| one.texts(Text::Utf8)).map(Value::Text).all(give);
    })
    .about("Of who made the certificate, then of whose it is; as far as this segment has it", NAMES),
    Field::many("x509sat.printableString", "Name", Kind::Text, |at, give| {
        let _ = read_certificates(at).flat_map(|one| one.texts(Text::Printable)).map(Value::Text).all(give);
    })
    .about("The same, where it is written with few letters", NAMES),
    Field::many("x509ce.dNSName", "Host", Kind::Text, |at, give| {
        let _ = read_certificates(at).flat_map(Certificate::hosts).map(Value::Text).all(give);
    })
    .about("A host that the certificate is for; as far as this segment has it", "RFC 5280 §4.2.1.6"),
    Field::one("tls.alert_message.level", "Level", Kind::Dec, |at| Some(number(alert(at)?.0)))
        .about("1: warning, 2: the connection is over", "RFC 8446 §6"),
    Field::one("tls.alert_message.desc", "Alert", Kind::Dec, |at| Some(number(alert(at)?.1)))
        .words(alerts)
        .about("What went wrong; close notify: nothing, it is the end", "RFC 8446 §6"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_what_it_is() {
        assert_eq!(record(&[22, 3, 1, 2, 0, 1]), Some((22, 0x301, 512)));
        assert_eq!(record(&[23, 3, 3, 0x48, 0]), Some((23, 0x303, LONGEST)));
        for wrong in [&[23, 3, 3, 0x48, 1][..], &[19, 3, 3, 0, 1], &[22, 2, 0, 0, 1], &[22, 3, 5, 0, 1], &[22, 3, 1, 0]]
        {
            assert_eq!(record(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn extensions_end_where_a_length_lies() {
        let found: Vec<_> = extensions(&[0, 16, 0, 1, 7, 0, 43, 0, 9, 1]).collect();
        assert_eq!(found, [(16, &[7][..])]);
        assert_eq!(extensions(&[0, 16, 0]).count(), 0);
    }
}
