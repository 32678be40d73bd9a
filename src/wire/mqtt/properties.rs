//! What messages of MQTT 5 say besides (§2.2.2), and how things went (§2.4).

use super::{NEWER, string, varint};
use crate::wire::reader::Reader;

/// One property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Property<'a> {
    pub number: u8,
    pub what: What<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What<'a> {
    Number(u64),
    Text(&'a [u8]),
    /// What kind of content a message has.
    Content(&'a [u8]),
    /// The best quality of service that there is.
    Quality(u8),
    /// Stands for a topic.
    Alias(u16),
    /// What the users of MQTT agree on: a name and a value.
    Pair(&'a [u8], &'a [u8]),
    /// No version has it: nobody knows where it ends.
    Unknown,
}

const AUTHENTICATION_DATA: u8 = 22;

impl<'a> Property<'a> {
    /// What proves who speaks.
    pub fn secret(self) -> Option<&'a [u8]> {
        match self.what {
            What::Text(text) if self.number == AUTHENTICATION_DATA => Some(text),
            _ => None,
        }
    }
}

/// The properties of a message, without their length: none before version 5; as many bytes as they say, or as lie here.
pub(super) fn block<'a>(reader: &mut Reader<'a>, version: u8) -> Option<&'a [u8]> {
    if version < NEWER {
        return Some(&[]);
    }
    let length = varint(reader)?;
    reader.take(length.min(reader.remaining()))
}

/// The properties in such bytes; those behind one that is not whole or not known cannot be found.
pub(super) fn each(block: &[u8]) -> impl Iterator<Item = Property<'_>> {
    let mut reader = Some(Reader::new(block));
    std::iter::from_fn(move || {
        let property = next(reader.as_mut()?);
        if property.is_none_or(|property| property.what == What::Unknown) {
            reader = None;
        }
        property
    })
}

fn next<'a>(reader: &mut Reader<'a>) -> Option<Property<'a>> {
    let number = reader.u8()?;
    let what = match number {
        1 | 23 | 25 | 37 | 40..=42 => What::Number(reader.u8()?.into()),
        19 | 33 | 34 => What::Number(reader.u16()?.into()),
        2 | 17 | 24 | 39 => What::Number(reader.u32()?.into()),
        11 => What::Number(varint(reader)? as u64),
        36 => What::Quality(reader.u8()?),
        35 => What::Alias(reader.u16()?),
        3 => What::Content(string(reader)?),
        // As much of it as lies here is secret.
        AUTHENTICATION_DATA => {
            let length = usize::from(reader.u16()?);
            What::Text(reader.take(length.min(reader.remaining()))?)
        }
        8 | 9 | 18 | 21 | 26 | 28 | 31 => What::Text(string(reader)?),
        38 => What::Pair(string(reader)?, string(reader)?),
        _ => What::Unknown,
    };
    Some(Property { number, what })
}

pub(super) fn names(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "content is text",
        2 => "seconds until it is of no use",
        3 => "kind of content",
        8 => "topic for the answer",
        9 => "what the answer is to repeat",
        11 => "number of the subscription",
        17 => "seconds until the session is forgotten",
        18 => "name given to the client",
        19 => "keep alive that the server wants",
        21 => "way of proving who asks",
        22 => "proof of who asks",
        23 => "wants to know what went wrong",
        24 => "seconds before the will is said",
        25 => "wants to know where answers go",
        26 => "where answers go",
        28 => "another server",
        31 => "what went wrong",
        33 => "messages that may be unconfirmed",
        34 => "topics that may have numbers",
        35 => "number for the topic",
        36 => "best quality of service",
        37 => "messages can be kept",
        38 => "of the users",
        39 => "longest message",
        40 => "topics can have wildcards",
        41 => "subscriptions can have numbers",
        42 => "subscriptions can be shared",
        _ => return None,
    })
}

/// How things went, as version 5 says it; of 0 and what was granted, the message that it stands in says what it means.
pub(super) fn reasons(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "done",
        4 => "the will is to be said",
        16 => "nobody listens",
        17 => "there was no subscription",
        24 => "go on proving who you are",
        25 => "prove again who you are",
        128 => "not said why",
        129 => "malformed",
        130 => "against the protocol",
        131 => "the server does not want it",
        132 => "no such version",
        133 => "not this name",
        134 => "wrong user or password",
        135 => "not allowed",
        136 => "the server is unavailable",
        137 => "the server is busy",
        138 => "banned",
        139 => "the server shuts down",
        140 => "no such way of proving who asks",
        141 => "nothing was heard for too long",
        142 => "the session was taken over",
        143 => "no such topic filter",
        144 => "no such topic",
        145 => "the identifier is in use",
        146 => "no such identifier",
        147 => "too many unconfirmed",
        148 => "no such number of a topic",
        149 => "too long",
        150 => "too often",
        151 => "over the quota",
        152 => "by an operator",
        153 => "not of the kind it says",
        154 => "messages cannot be kept",
        155 => "no such quality of service",
        156 => "use another server",
        157 => "the server has moved",
        158 => "subscriptions cannot be shared",
        159 => "connects too often",
        160 => "connected for the longest time",
        161 => "subscriptions cannot have numbers",
        162 => "topics cannot have wildcards",
        _ => return None,
    })
}
