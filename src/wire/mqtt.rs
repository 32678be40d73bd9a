//! MQTT (OASIS standard, versions 3.1.1 and 5): messages under topics, through a broker.
//!
//! Trap: only CONNECT says which version is spoken. Properties of version 5 in later messages are taken for a part of
//! what they precede.

use super::application::{Look, Tone};
use super::reader::Reader;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[1883];

const SOURCE: &str = "MQTT 3.1.1 §2";
const CONNECT: &str = "MQTT 3.1.1 §3.1";
/// Messages of a segment that have a layer of their own.
const MOST_MESSAGES: usize = 12;

pub(super) fn look(look: &Look<'_>) -> bool {
    head(look.data).is_some()
}

/// A number of at most four bytes with seven bits each, the lowest first.
fn varint(reader: &mut Reader<'_>) -> Option<usize> {
    let mut value = 0;
    for place in 0..4 {
        let byte = reader.u8()?;
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// First byte, bytes of the rest, and where they begin.
fn head(data: &[u8]) -> Option<(u8, usize, usize)> {
    let mut reader = Reader::new(data);
    let first = reader.u8()?;
    let length = varint(&mut reader)?;
    let flags_fit = match first >> 4 {
        3 => first & 6 != 6,
        6 | 8 | 10 => first & 15 == 2,
        0 => false,
        _ => first & 15 == 0,
    };
    flags_fit.then_some((first, length, reader.position()))
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    for number in 1.. {
        let rest = walk.rest();
        if rest.is_empty() {
            break;
        }
        let Some((_, length, at)) = head(rest) else { return walk.payload() };
        let length = if number < MOST_MESSAGES { at + length } else { rest.len() };
        if let Err(stop) = walk.text(Protocol::Mqtt, length) {
            return stop;
        }
    }
    Stop::End
}

fn kind(at: &At<'_>) -> u8 {
    at.u8(0).unwrap_or_default() >> 4
}

/// What stands behind the length.
fn body<'a>(at: &At<'a>) -> Option<Reader<'a>> {
    let (.., begins) = head(at.header())?;
    Some(Reader::new(at.header().get(begins..)?))
}

fn string<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = reader.u16()?;
    reader.take(length.into())
}

pub(super) fn secrets<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    let mut rest = at.header();
    // The last layer of a segment may have many.
    while let Some((first, length, begins)) = head(rest) {
        let end = begins.saturating_add(length).min(rest.len());
        let (message, behind) = rest.split_at(end);
        if first >> 4 == 1 {
            connect_of(message).and_then(|connect| connect.password).into_iter().for_each(&mut *give);
        }
        rest = behind;
    }
}

/// Bytes that are to come of a message of who asks to be let in, with which a segment ends: a password is among them.
pub fn connect_goes_on(layer: &[u8]) -> Option<u64> {
    let mut rest = layer;
    while let Some((first, length, begins)) = head(rest) {
        let end = begins.saturating_add(length);
        match rest.get(end..) {
            Some(behind) => rest = behind,
            None => return (first >> 4 == 1).then(|| (end - rest.len()) as u64),
        }
    }
    None
}

/// What a client says of itself.
struct Connect<'a> {
    protocol: &'a [u8],
    version: u8,
    flags: u8,
    keep_alive: u16,
    client: &'a [u8],
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
}

fn connect<'a>(at: &At<'a>) -> Option<Connect<'a>> {
    if kind(at) == 1 { connect_of(at.header()) } else { None }
}

fn connect_of(message: &[u8]) -> Option<Connect<'_>> {
    let mut reader = Reader::new(message.get(head(message)?.2..)?);
    let protocol = string(&mut reader)?;
    let (version, flags, keep_alive) = (reader.u8()?, reader.u8()?, reader.u16()?);
    let properties = |reader: &mut Reader<'_>| match version {
        5.. => varint(reader).and_then(|length| reader.skip(length)),
        _ => Some(()),
    };
    properties(&mut reader)?;
    let client = string(&mut reader)?;
    if flags & 4 != 0 {
        properties(&mut reader)?;
        string(&mut reader)?;
        string(&mut reader)?;
    }
    let user = if flags & 0x80 != 0 { string(&mut reader) } else { None };
    let has_password = flags & 0x40 != 0 && (flags & 0x80 == 0 || user.is_some());
    let password = reader.u16().filter(|_| has_password).map(|length| {
        // As much of it as lies here.
        let rest = reader.rest();
        rest.get(..length.into()).unwrap_or(rest)
    });
    Some(Connect { protocol, version, flags, keep_alive, client, user, password })
}

/// Topic, identifier where there is one, and content of a message to all.
fn publish<'a>(at: &At<'a>) -> Option<(&'a [u8], Option<u16>, &'a [u8])> {
    if kind(at) != 3 {
        return None;
    }
    let mut reader = body(at)?;
    let topic = string(&mut reader)?;
    let identifier = if at.u8(0)? & 6 != 0 { Some(reader.u16()?) } else { None };
    Some((topic, identifier, reader.rest()))
}

fn identifier(at: &At<'_>) -> Option<u16> {
    match kind(at) {
        3 => publish(at)?.1,
        4..=11 => body(at)?.u16(),
        _ => None,
    }
}

/// What a client wants to hear, and how surely.
fn filters<'a>(at: &At<'a>) -> impl Iterator<Item = (&'a [u8], Option<u8>)> {
    let kind = kind(at);
    let mut reader = body(at).filter(|_| matches!(kind, 8 | 10));
    let _ = reader.as_mut().and_then(Reader::u16);
    // Which version speaks, the message does not say; a list that is none before version 5 has properties before it.
    let with_properties = reader.filter(|plain| !is_list(*plain, kind, 2)).and_then(|mut newer| {
        let length = varint(&mut newer)?;
        newer.skip(length)?;
        is_list(newer, kind, 0x3f).then_some(newer)
    });
    let mut reader = with_properties.or(reader);
    std::iter::from_fn(move || filter(reader.as_mut()?, kind))
}

/// A topic, and how surely it is wanted, where that is asked for.
fn filter<'a>(reader: &mut Reader<'a>, kind: u8) -> Option<(&'a [u8], Option<u8>)> {
    let topic = string(reader)?;
    Some((topic, if kind == 8 { Some(reader.u8()?) } else { None }))
}

/// Whether all that is left are filters, each of a letter at least, whose options are no greater than `most`.
fn is_list(mut reader: Reader<'_>, kind: u8, most: u8) -> bool {
    while let Some((topic, options)) = filter(&mut reader, kind) {
        if topic.is_empty() || options.is_some_and(|options| options > most) {
            return false;
        }
    }
    reader.rest().is_empty()
}

fn kinds(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "connect",
        2 => "connect acknowledgment",
        3 => "publish",
        4 => "publish acknowledgment",
        5 => "publish received",
        6 => "publish release",
        7 => "publish complete",
        8 => "subscribe",
        9 => "subscribe acknowledgment",
        10 => "unsubscribe",
        11 => "unsubscribe acknowledgment",
        12 => "ping",
        13 => "ping answer",
        14 => "disconnect",
        15 => "authentication",
        _ => return None,
    })
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    out.extend_from_slice(kinds(kind(at).into()).unwrap_or_default().as_bytes());
    if let Some(connect) = connect(at) {
        out.extend_from_slice(b" ");
        out.extend_from_slice(connect.client);
        if let Some(user) = connect.user {
            out.extend_from_slice(b" user ");
            out.extend_from_slice(user);
        }
    }
    for (topic, _) in filters(at) {
        out.extend_from_slice(b" ");
        out.extend_from_slice(topic);
    }
    if let Some((topic, _, content)) = publish(at) {
        out.extend_from_slice(b" ");
        out.extend_from_slice(topic);
        match std::str::from_utf8(content) {
            Ok(text) => out.extend_from_slice(format!(" \"{text}\"").as_bytes()),
            Err(_) => out.extend_from_slice(format!(", {} bytes", content.len()).as_bytes()),
        }
    }
    if kind(at) == 2 && at.u8(3).is_some_and(|code| code != 0) {
        out.extend_from_slice(format!(": refused, {}", at.u8(3).unwrap_or_default()).as_bytes());
        return Tone::Trouble;
    }
    Tone::Plain
}

fn flags(at: &At<'_>, mask: u8) -> Option<u8> {
    at.u8(0).filter(|_| kind(at) == 3).map(|first| first & mask)
}

pub static FIELDS: &[Field] = &[
    Field::hex("mqtt.hdrflags", "Flags", 0, 8).combined().about("Type of the message and its flags", SOURCE),
    Field::dec("mqtt.msgtype", "Message", 0, 4).words(kinds).about("What the message is", SOURCE),
    Field::one("mqtt.len", "Length", Kind::Dec, |at| Some(Value::Uint(head(at.header())?.1 as u64)))
        .about("Bytes that follow", SOURCE),
    Field::one("mqtt.dupflag", "Sent again", Kind::Bool, |at| Some(Value::Bool(flags(at, 8)? != 0)))
        .about("The same was sent before", "MQTT 3.1.1 §3.3"),
    Field::one("mqtt.qos", "Quality of service", Kind::Dec, |at| Some(Value::Uint((flags(at, 6)? >> 1).into())))
        .about("0 at most once, 1 at least once, 2 exactly once", "MQTT 3.1.1 §4.3"),
    Field::one("mqtt.retain", "Retain", Kind::Bool, |at| Some(Value::Bool(flags(at, 1)? != 0)))
        .about("The broker keeps it for who comes later", "MQTT 3.1.1 §3.3"),
    Field::one("mqtt.protoname", "Protocol", Kind::Text, |at| Some(Value::Text(connect(at)?.protocol)))
        .about("MQTT", CONNECT),
    Field::one("mqtt.ver", "Version", Kind::Dec, |at| Some(Value::Uint(connect(at)?.version.into())))
        .about("4: 3.1.1, 5: 5", CONNECT),
    Field::one("mqtt.conflags", "Connect flags", Kind::Hex(2), |at| Some(Value::Uint(connect(at)?.flags.into())))
        .about("What follows: user, password, will", CONNECT),
    Field::one("mqtt.kalive", "Keep alive", Kind::Dec, |at| Some(Value::Uint(connect(at)?.keep_alive.into())))
        .about("Seconds without a message after which the client is taken for gone", CONNECT),
    Field::one("mqtt.clientid", "Client", Kind::Text, |at| Some(Value::Text(connect(at)?.client)))
        .about("Its name", CONNECT),
    Field::one("mqtt.username", "User", Kind::Text, |at| connect(at)?.user.map(Value::Text))
        .about("Who connects", CONNECT),
    Field::one("mqtt.passwd", "Password", Kind::Text, |at| connect(at)?.password.map(Value::Text))
        .about("Shown covered", CONNECT),
    Field::one("mqtt.conack.val", "Answer", Kind::Dec, |at| {
        at.u8(3).filter(|_| kind(at) == 2).map(|code| Value::Uint(code.into()))
    })
    .about("0: connected", "MQTT 3.1.1 §3.2"),
    Field::one("mqtt.msgid", "Identifier", Kind::Dec, |at| Some(Value::Uint(identifier(at)?.into())))
        .about("A message and its acknowledgments have the same", SOURCE),
    Field::many("mqtt.topic", "Topic", Kind::Text, |at, give| {
        let told = publish(at).map(|(topic, ..)| topic).into_iter();
        let _ = told.chain(filters(at).map(|(topic, _)| topic)).map(Value::Text).all(give);
    })
    .about("What a message is about, or what a client wants to hear of", "MQTT 3.1.1 §4.7"),
    Field::one("mqtt.msg", "Content", Kind::Bytes, |at| Some(Value::Bytes(publish(at)?.2)))
        .about("Any bytes", "MQTT 3.1.1 §3.3"),
    Field::many("mqtt.sub.qos", "Wanted quality", Kind::Dec, |at, give| {
        let _ = filters(at).filter_map(|(_, quality)| Some(Value::Uint((quality? & 3).into()))).all(give);
    })
    .about("The best quality of service that the client wants", "MQTT 3.1.1 §3.8"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_at_most_four_bytes() {
        assert_eq!(head(&[0x30, 0x05]), Some((0x30, 5, 2)));
        assert_eq!(head(&[0x30, 0xff, 0xff, 0xff, 0x7f]), Some((0x30, 268_435_455, 5)));
        assert_eq!(head(&[0x30, 0xff, 0xff, 0xff, 0xff, 0x01]), None);
        assert_eq!(head(&[0x30, 0x80]), None);
    }

    #[test]
    fn properties_of_version_5_are_no_topics() {
        let list = |message: &[u8]| {
            let mut reader = Reader::new(message);
            let mut found = Vec::new();
            while let Some((topic, options)) = filter(&mut reader, 8) {
                found.push((topic.to_vec(), options));
            }
            (is_list(Reader::new(message), 8, 2), found)
        };
        assert_eq!(list(b"\0\x03a/#\x01"), (true, vec![(b"a/#".to_vec(), Some(1))]));
        assert!(!list(b"\0\0\x03a/#\x01").0, "version 5 without properties");
        assert!(!list(b"\x02\x0b\x05\0\x03a/#\x01").0, "version 5 with an identifier");
    }

    #[test]
    fn flags_that_no_message_has_are_no_message() {
        assert!(head(&[0x82, 0]).is_some() && head(&[0x80, 0]).is_none());
        assert!(head(&[0x3b, 0]).is_some() && head(&[0x36, 0]).is_none());
        assert!(head(&[0, 0]).is_none() && head(&[]).is_none());
    }
}
