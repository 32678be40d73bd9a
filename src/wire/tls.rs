//! Transport Layer Security (RFC 8446, RFC 5246): records, and what a handshake says before it is encrypted.
//!
//! Nothing is decrypted. Traps: TLS 1.3 calls itself 1.2 in both old version fields; the list of versions in the hellos
//! is what counts. A record goes on in other segments; one that begins in the middle of this segment has a layer too. A
//! message may go on in other segments or records: [`crate::flow`] puts it together, and it is told again, whole, where its
//! last byte comes: a layer of its own, a record with its head, or messages without one.

mod fields;

use super::application::{Look, MOST_MESSAGES, Over, Tone, is_wished};
use super::certificate::{self, Certificate};
use super::reader::Reader;
use super::{At, Protocol, Stop, Walk};
pub use fields::FIELDS;

pub const PORTS: &[u16] = &[443, 465, 636, 853, 989, 990, 993, 995, 5061, 8443, 8883];

/// Bytes of a record's head.
pub const RECORD: usize = 5;
/// A record's longest content, encryption included.
const LONGEST: usize = (1 << 14) + 2048;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const VERSIONS: u16 = 43;
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// The message with certificates.
const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;
const CERTIFICATE_STATUS: u8 = 22;
/// Bytes of a message that is put together.
pub const LONGEST_MESSAGE: usize = 1 << 16;
/// What is said of a message that does not end here.
pub const GOES_ON: &str = ", goes on";
/// Bytes of a handshake's record that may be an encrypted one: they are short.
const LONGEST_ENCRYPTED: usize = 128;
/// Hosts of a certificate that a line names.
const HOSTS: usize = 3;

pub(super) fn look(look: &Look<'_>) -> bool {
    // On a strange port only a hello counts.
    record(look.data).is_some() && (look.on_port || matches!(look.data, [22, 3, _, _, _, 1 | 2, 0, ..]))
}

/// Whether the ports of a TCP layer say that its data are of TLS, and nobody has said anything of them.
pub fn is_expected(tcp: &At<'_>) -> bool {
    let ports = [tcp.u16(0), tcp.u16(2)].map(Option::unwrap_or_default);
    ports.iter().any(|port| PORTS.contains(port)) && !is_wished(Over::Tcp, ports)
}

/// Type, version and length of the record that begins here.
pub fn record(data: &[u8]) -> Option<(u8, u16, usize)> {
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
        let length = if number < MOST_MESSAGES { RECORD + length } else { rest.len() };
        if let Err(stop) = walk.text(Protocol::Tls, length) {
            return stop;
        }
    }
    Stop::End
}

/// A message of a handshake.
#[derive(Clone, Copy, Debug)]
struct Message<'a> {
    kind: u8,
    length: usize,
    /// Its bytes that are here.
    body: &'a [u8],
    /// It does not end in this record, or not in this segment: what it says is known where its last byte comes.
    goes_on: bool,
}

/// The messages of a handshake's record, or of bytes that were put together from several, the one that goes on as well.
/// What is encrypted makes no sense as such, and is left out.
fn begun<'a>(at: &At<'a>) -> impl Iterator<Item = Message<'a>> + use<'a> {
    let bytes = at.header();
    let (mut rest, mut left) = match record(bytes) {
        Some((22, _, said)) => (bytes.get(RECORD..RECORD + said).or(bytes.get(RECORD..)), said),
        Some(_) => (None, 0),
        None => (Some(bytes), bytes.len()),
    };
    let mut here = if record(bytes).is_some() { room(at) } else { left };
    std::iter::from_fn(move || {
        let [kind, a, b, c] = *rest?.first_chunk::<4>()?;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let (ends_in_record, fills) = (length + 4 <= left, length + 4 == left);
        // One that is longer than its record goes on in the next: of hellos and certificates only. Random bytes seldom
        // say how many they are; zeros do.
        let is_one = messages_named(kind.into()).is_some()
            && (kind != HELLO_REQUEST || fills)
            && (ends_in_record
                || matches!(kind, CLIENT_HELLO | SERVER_HELLO | CERTIFICATE) && length <= LONGEST_MESSAGE);
        let goes_on = length + 4 > left.min(here);
        if !is_one || goes_on && !fills && !matches!(kind, CLIENT_HELLO | SERVER_HELLO | CERTIFICATE) {
            rest = None;
            return None;
        }
        left = left.saturating_sub(length + 4);
        here = here.saturating_sub(length + 4);
        let behind = rest?.get(4..)?;
        let body = behind.get(..length).unwrap_or(behind);
        rest = behind.get(length..);
        Some(Message { kind, length, body, goes_on })
    })
}

/// Bytes of this segment behind the record's head. Those that were not captured are of it all the same.
fn room(at: &At<'_>) -> usize {
    (at.layer.end.saturating_sub(at.layer.start) as usize).saturating_sub(RECORD)
}

/// Those that end here, in a record that ends here: what fields tell.
fn messages<'a>(at: &At<'a>) -> impl Iterator<Item = Message<'a>> + use<'a> {
    let ends = record(at.header()).is_none_or(|(.., length)| length <= room(at));
    begun(at).filter(move |message| ends && !message.goes_on)
}

/// How many of these bytes of a handshake are messages from the first to the last, and whether one begins behind them that
/// goes on.
pub fn whole_messages(content: &[u8]) -> (usize, bool) {
    let mut whole = 0;
    loop {
        let rest = content.get(whole..).unwrap_or_default();
        let Some(kind) = rest.first() else { return (whole, false) };
        if messages_named((*kind).into()).is_none() || *kind == HELLO_REQUEST && content.len() != 4 {
            return (whole, false);
        }
        let Some([_, a, b, c]) = rest.first_chunk() else { return (whole, true) };
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if length > LONGEST_MESSAGE {
            return (whole, false);
        }
        if length + 4 > rest.len() {
            return (whole, true);
        }
        whole += length + 4;
    }
}

/// A hello: whose it is, its version, its ciphers, its extensions.
#[derive(Clone, Copy)]
struct Hello<'a> {
    version: u16,
    ciphers: &'a [u8],
    extensions: &'a [u8],
    is_client: bool,
}

impl<'a> Hello<'a> {
    fn new(message: &Message<'a>) -> Option<Self> {
        let is_client = match message.kind {
            CLIENT_HELLO => true,
            SERVER_HELLO => false,
            _ => return None,
        };
        let mut reader = Reader::new(message.body);
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
        Some(Self { version, ciphers, extensions: extensions.unwrap_or_default(), is_client })
    }

    fn extension(self, wanted: u16) -> Option<&'a [u8]> {
        extensions(self.extensions).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
    }

    fn server_name(self) -> Option<&'a [u8]> {
        let mut reader = Reader::new(self.extension(SERVER_NAME)?);
        reader.skip(3)?;
        let length = reader.u16()?;
        reader.take(length.into())
    }

    fn protocols(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.extension(ALPN).and_then(|value| value.get(2..)).unwrap_or_default();
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (name, behind) = behind.split_at_checked((*length).into())?;
            rest = behind;
            Some(name)
        })
    }

    /// The versions that a client offers, or the one that a server chose.
    fn versions(self) -> impl Iterator<Item = u16> {
        let found = self.extension(VERSIONS);
        let list = found.and_then(|value| value.get(usize::from(self.is_client)..)).unwrap_or_default();
        list.chunks_exact(2).filter_map(|pair| Some(u16::from_be_bytes(*pair.first_chunk()?)))
    }

    /// Its version, whom it calls, and what is to be spoken.
    fn tell(self, goes_on: bool, out: &mut Vec<u8>) {
        let is_version = |version: &u16| version_named((*version).into()).is_some();
        let listed = self.versions().filter(is_version).max();
        // The list of versions may come in what is not here yet.
        if let Some(best) = listed.or(Some(self.version).filter(|_| !goes_on)) {
            let name = version_named(best.into()).unwrap_or("of no known version");
            out.extend_from_slice(format!(" {name}").as_bytes());
        }
        if let Some(name) = self.server_name() {
            out.extend_from_slice(b" for ");
            out.extend_from_slice(name);
        }
        for name in self.protocols().take(4) {
            out.extend_from_slice(b" ");
            out.extend_from_slice(name);
        }
    }
}

fn hello<'a>(at: &At<'a>) -> Option<Hello<'a>> {
    messages(at).find_map(|message| Hello::new(&message))
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

/// Whether what this layer says is said again, whole, where its last byte comes.
pub fn is_half(at: &At<'_>) -> bool {
    begun(at).next().is_some() && messages(at).next().is_none()
}

/// The name by which a client calls the server that its hello goes to.
pub fn called<'a>(at: &At<'a>) -> Option<&'a [u8]> {
    let hello = begun(at).find_map(|message| Hello::new(&message))?;
    hello.server_name().filter(|_| hello.is_client)
}

/// The host that a certificate is for: that of its subject, or else the first. Nobody has verified it.
pub fn certified<'a>(at: &At<'a>) -> Option<&'a [u8]> {
    let first = read_certificates(messages(at)).next()?;
    let hosts = || first.hosts().filter(|host| !host.contains(&b'*'));
    hosts().find(|host| Some(*host) == first.subject()).or_else(|| hosts().next())
}

/// Whose certificate is shown and by whom it is, in words; as far as it is here.
pub fn shown(at: &At<'_>) -> Option<Vec<u8>> {
    let first = read_certificates(begun(at)).next()?;
    let (subject, issuer) = (first.subject().or_else(|| first.hosts().next())?, first.issuer()?);
    let by: [&[u8]; 2] = if subject == issuer { [b", by itself", b""] } else { [b", by ", issuer] };
    Some([b"certificate of ", subject, by[0], by[1]].concat())
}

/// The certificates of a message, as far as they are here.
fn certificates<'a>(message: Option<Message<'a>>) -> impl Iterator<Item = (usize, &'a [u8])> {
    let message = message.filter(|message| message.kind == CERTIFICATE);
    certificate::list(message.map_or(&[], |message| message.body))
}

fn read_certificates<'a>(mut messages: impl Iterator<Item = Message<'a>>) -> impl Iterator<Item = Certificate<'a>> {
    let message = messages.find(|message| message.kind == CERTIFICATE);
    certificates(message).filter_map(|(_, data)| Certificate::new(data))
}

/// Whose certificate is shown, and for which hosts it is; who says so.
fn tell_certificate(first: &Certificate<'_>, goes_on: bool, out: &mut Vec<u8>) {
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
        _ if goes_on => out.extend_from_slice(b" and more"),
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
    let mut told = false;
    for message in begun(at) {
        out.extend_from_slice(if told { b", " } else { b"" });
        out.extend_from_slice(messages_named(message.kind.into()).unwrap_or_default().as_bytes());
        if let Some(hello) = Hello::new(&message) {
            hello.tell(message.goes_on, out);
        }
        if let Some(first) = read_certificates(std::iter::once(message)).next() {
            tell_certificate(&first, message.goes_on, out);
        }
        if message.goes_on {
            out.extend_from_slice(GOES_ON.as_bytes());
        }
        told = true;
    }
    let Some((kind, _, length)) = record(at.header()).filter(|_| !told) else { return Tone::Plain };
    if let Some((level, description)) = alert(at) {
        out.extend_from_slice(b"alert: ");
        match alerts(description.into()) {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => out.extend_from_slice(description.to_string().as_bytes()),
        }
        return if level == 2 { Tone::Trouble } else { Tone::Plain };
    }
    out.extend_from_slice(contents(kind.into()).unwrap_or_default().as_bytes());
    match kind {
        // A part of a message that began in another record is none that is encrypted.
        22 if length > LONGEST_ENCRYPTED => out.extend_from_slice(format!(", {length} bytes").as_bytes()),
        22 | 21 => out.extend_from_slice(b", encrypted"),
        23 => out.extend_from_slice(format!(", {length} bytes").as_bytes()),
        _ => {}
    }
    Tone::Plain
}

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
