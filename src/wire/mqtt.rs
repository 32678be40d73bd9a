//! MQTT (OASIS standard, versions 3.1.1 and 5): messages under topics, through a broker.
//!
//! Trap: only CONNECT says which version is spoken: who follows the conversation says it of its other messages
//! ([`Layer::version`](super::Layer)). Where nobody has, properties of version 5 are taken for a part of what they precede.

mod fields;
mod properties;

use super::application::{Look, MOST_MESSAGES, Tone};
use super::reader::Reader;
use super::secret::Framed;
use super::{At, Protocol, Stop, Walk};
pub use fields::FIELDS;
use properties::{Property, What};

pub const PORTS: &[u16] = &[1883];

/// The version from which on messages have properties.
const NEWER: u8 = 5;

const CONNECT: u8 = 1;
const CONNECTED: u8 = 2;
const PUBLISH: u8 = 3;
const SUBSCRIBE: u8 = 8;
const UNSUBSCRIBE: u8 = 10;
const AUTHENTICATION: u8 = 15;

pub(super) fn look(look: &Look<'_>) -> bool {
    head(look.data).is_some() || is_cut(look.data)
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
    let begins = reader.position();
    (flags_fit(first) || connects(first, reader.rest())).then_some((first, length, begins))
}

fn flags_fit(first: u8) -> bool {
    match first >> 4 {
        3 => first & 6 != 6,
        // In version 3.1 they may be sent again.
        6 | 8 | 10 => first & 7 == 2,
        0 => false,
        _ => first & 15 == 0,
    }
}

/// Whether a client asks to be let in, with flags that a server has to refuse: a password may follow all the same.
fn connects(first: u8, content: &[u8]) -> bool {
    first >> 4 == CONNECT && [&b"\0\x04MQTT"[..], b"\0\x06MQIsdp"].iter().any(|name| content.starts_with(name))
}

/// Whether these are the beginning of a head, which the segment's end cuts.
fn is_cut(data: &[u8]) -> bool {
    let begins = data.split_first().filter(|(first, length)| flags_fit(**first) && length.len() < 4);
    begins.is_some_and(|(_, length)| length.iter().all(|byte| byte & 0x80 != 0))
}

/// What the beginning of a message tells of it.
pub(super) fn framed(begun: &[u8]) -> Framed {
    match head(begun) {
        Some((first, length, head)) => {
            // Before version 5, who is let in hears two bytes.
            let is_secret = matches!(first >> 4, CONNECT | AUTHENTICATION) || first >> 4 == CONNECTED && length > 2;
            Framed::Message { head, content: length as u64, is_secret }
        }
        None if is_cut(begun) => Framed::Cut,
        None => Framed::None,
    }
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    for number in 1.. {
        let rest = walk.rest();
        if rest.is_empty() {
            break;
        }
        let length = match head(rest) {
            Some((_, length, at)) if number < MOST_MESSAGES => at + length,
            None if !is_cut(rest) => return walk.payload(),
            _ => rest.len(),
        };
        if let Err(stop) = walk.text(Protocol::Mqtt, length) {
            return stop;
        }
    }
    Stop::End
}

fn kind(at: &At<'_>) -> u8 {
    at.u8(0).unwrap_or_default() >> 4
}

/// What stands behind the length, as much of it as lies here.
fn body(message: &[u8]) -> Option<Reader<'_>> {
    let (_, length, begins) = head(message)?;
    let behind = message.get(begins..)?;
    Some(Reader::new(behind.get(..length).unwrap_or(behind)))
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
        match first >> 4 {
            CONNECT => {
                let connect = connect_of(message);
                for property in connect.iter().flat_map(|connect| properties::each(connect.properties)) {
                    property.secret().into_iter().for_each(&mut *give);
                }
                connect.and_then(|connect| connect.password).into_iter().for_each(&mut *give);
            }
            // Of version 5 alone.
            CONNECTED | AUTHENTICATION => {
                let said = parts_of(message, NEWER).properties;
                said.into_iter().flat_map(properties::each).filter_map(Property::secret).for_each(&mut *give);
            }
            _ => {}
        }
        rest = behind;
    }
}

/// What a client says of itself.
struct Connect<'a> {
    protocol: &'a [u8],
    version: u8,
    flags: u8,
    keep_alive: u16,
    /// Of version 5; as many bytes as they say, or as lie here.
    properties: &'a [u8],
    client: &'a [u8],
    will: Option<Will<'a>>,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
}

/// What the broker is to say where the client is gone without a word.
#[derive(Clone, Copy)]
struct Will<'a> {
    properties: &'a [u8],
    topic: &'a [u8],
    content: &'a [u8],
}

fn connect<'a>(at: &At<'a>) -> Option<Connect<'a>> {
    if kind(at) == CONNECT { connect_of(at.header()) } else { None }
}

fn connect_of(message: &[u8]) -> Option<Connect<'_>> {
    let mut reader = body(message)?;
    let protocol = string(&mut reader)?;
    let (version, flags, keep_alive) = (reader.u8()?, reader.u8()?, reader.u16()?);
    let own = properties::block(&mut reader, version)?;
    let client = string(&mut reader)?;
    let will = match flags & 4 {
        0 => None,
        _ => Some(Will {
            properties: properties::block(&mut reader, version)?,
            topic: string(&mut reader)?,
            content: string(&mut reader)?,
        }),
    };
    let user = if flags & 0x80 != 0 { string(&mut reader) } else { None };
    let has_password = flags & 0x40 != 0 && (flags & 0x80 == 0 || user.is_some());
    let password = reader.u16().filter(|_| has_password).map(|length| {
        // As much of it as lies here.
        let rest = reader.rest();
        rest.get(..length.into()).unwrap_or(rest)
    });
    Some(Connect { protocol, version, flags, keep_alive, properties: own, client, will, user, password })
}

/// The version that a conversation speaks, as a message tells it: what the client says, or the shape of its answer.
pub fn version_said(at: &At<'_>) -> Option<u8> {
    match kind(at) {
        CONNECT => connect_of(at.header()).map(|connect| connect.version),
        // Before version 5, two bytes.
        CONNECTED => head(at.header()).filter(|(_, length, _)| *length > 2).map(|_| NEWER),
        _ => None,
    }
}

/// What messages have behind their first byte and their length, as far as it lies here.
#[derive(Clone, Copy, Debug, Default)]
struct Parts<'a> {
    topic: Option<&'a [u8]>,
    identifier: Option<u16>,
    /// How something went, of version 5; of what answers CONNECT, of any.
    reason: Option<u8>,
    /// Of version 5.
    properties: Option<&'a [u8]>,
    /// The content of what is published, or what was asked for and what was granted.
    rest: Option<&'a [u8]>,
}

fn parts<'a>(at: &At<'a>) -> Parts<'a> {
    parts_of(at.header(), at.layer.version)
}

fn parts_of(message: &[u8], version: u8) -> Parts<'_> {
    let mut parts = Parts::default();
    let _ = parts.read(message, version);
    parts
}

impl<'a> Parts<'a> {
    fn read(&mut self, message: &'a [u8], version: u8) -> Option<()> {
        let (first, mut reader) = (*message.first()?, body(message)?);
        let is_newer = version >= NEWER;
        match first >> 4 {
            CONNECTED => {
                reader.skip(1)?;
                self.reason = Some(reader.u8()?);
            }
            PUBLISH => {
                self.topic = Some(string(&mut reader)?);
                if first & 6 != 0 {
                    self.identifier = Some(reader.u16()?);
                }
            }
            4..=7 => {
                self.identifier = Some(reader.u16()?);
                self.reason = reader.u8().filter(|_| is_newer);
            }
            SUBSCRIBE..=11 => self.identifier = Some(reader.u16()?),
            14 | AUTHENTICATION if is_newer => self.reason = Some(reader.u8()?),
            _ => return None,
        }
        if is_newer && reader.remaining() > 0 {
            self.properties = Some(properties::block(&mut reader, version)?);
        }
        self.rest = Some(reader.rest());
        Some(())
    }
}

/// Topic, the number that stands for it, and content of a message to all.
fn publish<'a>(at: &At<'a>) -> Option<(&'a [u8], Option<u16>, &'a [u8])> {
    publish_of(at.header(), at.layer.version)
}

fn publish_of(message: &[u8], version: u8) -> Option<(&[u8], Option<u16>, &[u8])> {
    if message.first()? >> 4 != PUBLISH {
        return None;
    }
    let parts = parts_of(message, version);
    let mut properties = parts.properties.into_iter().flat_map(properties::each);
    let alias =
        properties.find_map(|property| if let What::Alias(number) = property.what { Some(number) } else { None });
    Some((parts.topic?, alias, parts.rest?))
}

/// The number that a message gives for its topic, and that topic, which is empty where it was said before.
pub fn numbered<'a>(at: &At<'a>, version: u8) -> Option<(u16, &'a [u8])> {
    let (topic, alias, _) = publish_of(at.header(), version)?;
    Some((alias?, topic))
}

/// What a client wants to hear, and how surely.
fn filters<'a>(at: &At<'a>) -> impl Iterator<Item = (&'a [u8], Option<u8>)> {
    let kind = kind(at);
    let mut list = parts(at).rest.filter(|_| matches!(kind, SUBSCRIBE | UNSUBSCRIBE)).map(Reader::new);
    // Where nobody has said which version speaks, a list that is none before version 5 has properties before it.
    if at.layer.version == 0 {
        let other = list.filter(|plain| !is_list(*plain, kind, 2)).and_then(|mut newer| {
            properties::block(&mut newer, NEWER)?;
            is_list(newer, kind, 0x3f).then_some(newer)
        });
        list = other.or(list);
    }
    std::iter::from_fn(move || filter(list.as_mut()?, kind))
}

/// A topic, and how surely it is wanted, where that is asked for.
fn filter<'a>(reader: &mut Reader<'a>, kind: u8) -> Option<(&'a [u8], Option<u8>)> {
    let topic = string(reader)?;
    Some((topic, if kind == SUBSCRIBE { Some(reader.u8()?) } else { None }))
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

/// How what a message answers went, one by one.
fn outcomes<'a>(at: &At<'a>) -> &'a [u8] {
    parts(at).rest.filter(|_| matches!(kind(at), 9 | 11)).unwrap_or_default()
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
    let kind = kind(at);
    out.extend_from_slice(kinds(kind.into()).unwrap_or_default().as_bytes());
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
    if let Some((topic, alias, content)) = publish(at) {
        out.extend_from_slice(b" ");
        match alias.filter(|_| topic.is_empty()) {
            Some(number) => out.extend_from_slice(format!("topic {number}").as_bytes()),
            None => out.extend_from_slice(topic),
        }
        match std::str::from_utf8(content) {
            Ok(text) => out.extend_from_slice(format!(" \"{text}\"").as_bytes()),
            Err(_) => out.extend_from_slice(format!(", {} bytes", content.len()).as_bytes()),
        }
    }
    let failed = |code: &u8| *code >= 0x80 || kind == CONNECTED && *code != 0;
    if let Some(code) = parts(at).reason.iter().chain(outcomes(at)).copied().find(failed) {
        out.extend_from_slice(if kind == 14 { b": " } else { b": refused, " });
        out.extend_from_slice(code.to_string().as_bytes());
        if let Some(words) = properties::reasons(code.into()).filter(|_| code >= 0x80) {
            out.extend_from_slice(format!(" ({words})").as_bytes());
        }
        return Tone::Trouble;
    }
    Tone::Plain
}

#[cfg(test)]
mod tests;
