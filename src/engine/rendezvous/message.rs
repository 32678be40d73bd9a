//! The messages of the rendezvous: between a peer and the server, and between two peers. netlab's own protocol, as text, so
//! that it can be read in a capture:
//!
//! ```text
//! register session=tea peer=00000000000000a1 nonce=0123456789abcdef cookie=0...0 inside=192.168.1.10:5000 has=0...0 mac=...
//! ```
//!
//! A message is a UDP datagram, or a line of a TCP connection. Words and keys stand in a fixed order, one blank between
//! them. `mac`, always the last, is the [`Word`]'s tag over all that stands before ` mac=`.
//!
//! Guarantee: nothing is read before its mac was found right; a message can be written in one way only; it has at most
//! [`MOST_BYTES`] bytes; and every address in one can be sent to: a port that is not 0, of a single host.

mod fields;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::str::FromStr;

use arrayvec::{ArrayString, ArrayVec};

use super::word::Word;
use fields::{Fields, Text};

/// Bytes of a message; what ends a line over TCP not counted.
pub const MOST_BYTES: usize = 512;
/// Characters of a session's name.
pub const MOST_NAME: usize = 32;
/// Bytes that `relay` and `data` carry.
pub const MOST_PAYLOAD: usize = 256;
/// Addresses that a peer may tell of its own.
pub const MOST_INSIDE: usize = 4;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0} bytes, a message has at most {MOST_BYTES}")]
    TooLong(usize),
    #[error("no mac at its end")]
    NoMac,
    #[error("its mac was not made with the shared word")]
    WrongMac,
    #[error("it begins with no word of this protocol")]
    Unknown,
    /// Missing, out of its place, or with a value that it cannot have.
    #[error("{0} is missing or wrong")]
    Field(&'static str),
    /// Something after the last field, or a value written in another way than this one.
    #[error("it is not written as it should be")]
    Form,
}

/// The name under which two peers meet: letters, digits, `.`, `_` and `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session(ArrayString<MOST_NAME>);

/// A text that is no session's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session's name has 1 to {MOST_NAME} letters, digits, '.', '_' or '-'")]
pub struct NoName;

impl FromStr for Session {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let fits = |letter: u8| letter.is_ascii_alphanumeric() || b"._-".contains(&letter);
        let name = ArrayString::from(text).map_err(|_| NoName)?;
        if name.is_empty() || !name.bytes().all(fits) { Err(NoName) } else { Ok(Self(name)) }
    }
}

impl Session {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One life of a peer: chosen at random at its start, so that its own messages and those of lives before can be told
/// apart. 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub NonZeroU64);

impl Id {
    /// `None` of 0, which stands for nobody.
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Chosen at random for each request, and given back in its answer; 0 in what is no answer.
pub type Nonce = u64;

/// What the server gives to prove that a peer hears at the address that it sends from; zeros: none yet.
pub type Cookie = [u8; 16];

/// Addresses that a peer tells of its own.
pub type Inside = ArrayVec<SocketAddr, MOST_INSIDE>;

/// What is carried for others: at most [`MOST_PAYLOAD`] bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// `None` where it is too long.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= MOST_PAYLOAD).then(|| Self(bytes.to_vec()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Why a peer was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The server holds as many peers as it can.
    Full,
    /// It holds as many as it may of the address that this one comes from.
    Busy,
    /// Two others meet under this name.
    Taken,
}

impl Refusal {
    const ALL: [Self; 3] = [Self::Full, Self::Busy, Self::Taken];

    /// As it stands in a message.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Busy => "busy",
            Self::Taken => "taken",
        }
    }
}

/// What every message between peers says. `seq` rises strictly with each message of a life, whatever its word is: one
/// that is not higher than what came before is a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    pub session: Session,
    pub from: Id,
    pub to: Id,
    pub seq: u32,
}

/// A message. Addresses are as their sender knows them: `outside` and `seen` are the source of what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Peer to server: here I am. `has`: the other peer that it knows of already.
    Register { session: Session, peer: Id, nonce: Nonce, cookie: Cookie, inside: Inside, has: Option<Id> },
    /// Peer to server: for the other one. `seq` rises strictly, as in [`Stamp`].
    Relay { session: Session, peer: Id, cookie: Cookie, seq: u32, data: Payload },
    /// Peer to server: this life is over.
    Bye { session: Session, peer: Id, cookie: Cookie },
    /// Server to peer: send this back with your next request.
    Cookie { peer: Id, nonce: Nonce, cookie: Cookie },
    /// Server to peer: nobody else is there yet. `lifetime` in seconds, until which to register again.
    Registered { peer: Id, nonce: Nonce, outside: SocketAddr, lifetime: u32 },
    /// Server to peer: here is the other one. Nonce 0: nobody asked, the other one has come.
    Meet { peer: Id, nonce: Nonce, outside: SocketAddr, other: Id, other_outside: SocketAddr, other_inside: Inside },
    /// Server to peer: what the other one gave to [`Message::Relay`], with its `seq`.
    Relayed { session: Session, other: Id, seq: u32, data: Payload },
    /// Server to peer: no.
    Refused { peer: Id, nonce: Nonce, why: Refusal },
    /// Peer to peer: do you hear me?
    Punch(Stamp),
    /// Peer to peer: the answer to a punch, with the punch's `seq`, and where the punch came from.
    Reached { stamp: Stamp, seen: SocketAddr },
    /// Peer to peer: I am alive.
    Beat(Stamp),
    /// Peer to peer: the answer to a beat, as [`Message::Reached`] is to a punch.
    Beaten { stamp: Stamp, seen: SocketAddr },
    /// Peer to peer: what was typed.
    Data { stamp: Stamp, bytes: Payload },
}

/// Whether a told address may be sent to: not port 0, and one host's address, not those of many or of nobody.
pub fn is_one_hosts(address: SocketAddr) -> bool {
    let one = match address.ip().to_canonical() {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
    };
    one && address.port() != 0
}

impl Message {
    /// The bytes of a datagram, or of a line without its end. An address that is none of [`is_one_hosts`] makes a
    /// message that nobody takes.
    pub fn encode(&self, word: &Word) -> Vec<u8> {
        let mut text = self.text();
        let tag = word.tag(&[text.as_bytes()]);
        text.push_str(fields::MAC);
        fields::write_hex(&tag, &mut text);
        text.into_bytes()
    }

    /// Reads a datagram, or a line with or without its end.
    pub fn decode(bytes: &[u8], word: &Word) -> Result<Self, Error> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if bytes.len() > MOST_BYTES {
            return Err(Error::TooLong(bytes.len()));
        }
        let (text, mac) = fields::split_mac(bytes).ok_or(Error::NoMac)?;
        if !word.proves(&[text], mac) {
            return Err(Error::WrongMac);
        }
        let text = str::from_utf8(text).map_err(|_| Error::Form)?;
        let message = Self::read(text)?;
        // Whatever the readers of single values let pass: leading zeros, another way to write an address.
        if message.text() == text { Ok(message) } else { Err(Error::Form) }
    }

    fn read(text: &str) -> Result<Self, Error> {
        let (word, mut fields) = Fields::of(text);
        let message = match word {
            "register" => Self::Register {
                session: fields.session()?,
                peer: fields.id("peer")?,
                nonce: fields.number("nonce")?,
                cookie: fields.cookie()?,
                inside: fields.addresses("inside")?,
                has: Id::new(fields.number("has")?),
            },
            "relay" => Self::Relay {
                session: fields.session()?,
                peer: fields.id("peer")?,
                cookie: fields.cookie()?,
                seq: fields.decimal("seq")?,
                data: fields.payload("data")?,
            },
            "bye" => Self::Bye { session: fields.session()?, peer: fields.id("peer")?, cookie: fields.cookie()? },
            "cookie" => {
                Self::Cookie { peer: fields.id("peer")?, nonce: fields.number("nonce")?, cookie: fields.cookie()? }
            }
            "registered" => Self::Registered {
                peer: fields.id("peer")?,
                nonce: fields.number("nonce")?,
                outside: fields.address("outside")?,
                lifetime: fields.decimal("lifetime")?,
            },
            "meet" => Self::Meet {
                peer: fields.id("peer")?,
                nonce: fields.number("nonce")?,
                outside: fields.address("outside")?,
                other: fields.id("other")?,
                other_outside: fields.address("other-outside")?,
                other_inside: fields.addresses("other-inside")?,
            },
            "relayed" => Self::Relayed {
                session: fields.session()?,
                other: fields.id("other")?,
                seq: fields.decimal("seq")?,
                data: fields.payload("data")?,
            },
            "refused" => Self::Refused {
                peer: fields.id("peer")?,
                nonce: fields.number("nonce")?,
                why: fields.one_of("why", &Refusal::ALL, Refusal::word)?,
            },
            "punch" => Self::Punch(fields.stamp()?),
            "reached" => Self::Reached { stamp: fields.stamp()?, seen: fields.address("seen")? },
            "beat" => Self::Beat(fields.stamp()?),
            "beaten" => Self::Beaten { stamp: fields.stamp()?, seen: fields.address("seen")? },
            "data" => Self::Data { stamp: fields.stamp()?, bytes: fields.payload("bytes")? },
            _ => return Err(Error::Unknown),
        };
        if fields.is_over() { Ok(message) } else { Err(Error::Form) }
    }

    /// All that stands before the mac.
    fn text(&self) -> String {
        let text = match self {
            Self::Register { session, peer, nonce, cookie, inside, has } => Text::new("register")
                .with("session", session)
                .with("peer", peer)
                .number("nonce", *nonce)
                .cookie(cookie)
                .addresses("inside", inside)
                .number("has", has.map_or(0, |has| has.0.get())),
            Self::Relay { session, peer, cookie, seq, data } => Text::new("relay")
                .with("session", session)
                .with("peer", peer)
                .cookie(cookie)
                .with("seq", seq)
                .payload("data", data),
            Self::Bye { session, peer, cookie } => {
                Text::new("bye").with("session", session).with("peer", peer).cookie(cookie)
            }
            Self::Cookie { peer, nonce, cookie } => {
                Text::new("cookie").with("peer", peer).number("nonce", *nonce).cookie(cookie)
            }
            Self::Registered { peer, nonce, outside, lifetime } => Text::new("registered")
                .with("peer", peer)
                .number("nonce", *nonce)
                .addresses("outside", &[*outside])
                .with("lifetime", lifetime),
            Self::Meet { peer, nonce, outside, other, other_outside, other_inside } => Text::new("meet")
                .with("peer", peer)
                .number("nonce", *nonce)
                .addresses("outside", &[*outside])
                .with("other", other)
                .addresses("other-outside", &[*other_outside])
                .addresses("other-inside", other_inside),
            Self::Relayed { session, other, seq, data } => Text::new("relayed")
                .with("session", session)
                .with("other", other)
                .with("seq", seq)
                .payload("data", data),
            Self::Refused { peer, nonce, why } => {
                Text::new("refused").with("peer", peer).number("nonce", *nonce).with("why", why.word())
            }
            Self::Punch(stamp) => Text::new("punch").stamp(stamp),
            Self::Reached { stamp, seen } => Text::new("reached").stamp(stamp).addresses("seen", &[*seen]),
            Self::Beat(stamp) => Text::new("beat").stamp(stamp),
            Self::Beaten { stamp, seen } => Text::new("beaten").stamp(stamp).addresses("seen", &[*seen]),
            Self::Data { stamp, bytes } => Text::new("data").stamp(stamp).payload("bytes", bytes),
        };
        text.into_string()
    }
}
