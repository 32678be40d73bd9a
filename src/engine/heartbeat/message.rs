//! The datagrams of a heartbeat: `heartbeat N\n`, `ack N\n`, and whatever else anybody takes for one.
//!
//! Two netlabs say more behind the number ([`Tags`]): who they are, and what they have heard of each other.

use std::fmt::Write;

/// What a datagram says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// `heartbeat N`: a sign of life that wants an answer.
    Heartbeat(u64),
    /// `ack N`: the answer to it.
    Ack(u64),
    /// A sign of life, and nothing more.
    Other,
}

impl Message {
    /// Reads a datagram. The newline may be missing.
    pub fn decode(bytes: &[u8]) -> Self {
        if let Some((message, _)) = Tags::decode(bytes) {
            return message;
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return Self::Other };
        let mut words = text.trim_end_matches(['\n', '\r']).splitn(2, ' ');
        Self::of(words.next(), words.next())
    }

    fn of(word: Option<&str>, number: Option<&str>) -> Self {
        match (word, number.and_then(decimal)) {
            (Some("heartbeat"), Some(number)) => Self::Heartbeat(number),
            (Some("ack"), Some(number)) => Self::Ack(number),
            _ => Self::Other,
        }
    }

    /// The datagram. Nothing for [`Message::Other`].
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Heartbeat(number) => format!("heartbeat {number}\n").into_bytes(),
            Self::Ack(number) => format!("ack {number}\n").into_bytes(),
            Self::Other => Vec::new(),
        }
    }
}

/// What one end has heard of the other: RFC 3550 §6.4.1 says as much in a reception report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The highest serial number.
    pub seen: u32,
    /// Datagrams, each counted once.
    pub heard: u32,
    /// Datagrams that should have come before the highest, and have not.
    pub lost: u32,
    /// Datagrams that came once more.
    pub again: u32,
    /// Datagrams that came behind a later one.
    pub disordered: u32,
    /// Interarrival jitter in microseconds.
    pub jitter: u32,
}

/// What stands behind the number where both ends are netlab's: 64-bit tokens by which they know each other wherever they
/// speak from, a serial number for each datagram (heartbeats and answers alike), when it was sent, and a report.
///
/// All such datagrams have [`Tags::LENGTH`] bytes, so that an answer is never longer than what it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// The sender's token, never 0.
    pub from: u64,
    /// The token of the one that it is for; 0: not known yet.
    pub to: u64,
    /// From 1.
    pub serial: u32,
    /// Microseconds since a moment of the sender's.
    pub at: u64,
    pub report: Report,
}

impl Tags {
    /// Bytes of a datagram, blanks at its end included.
    pub const LENGTH: usize = 224;

    /// Reads a datagram with tags; `None` for any other.
    pub fn decode(bytes: &[u8]) -> Option<(Message, Self)> {
        if bytes.len() != Self::LENGTH {
            return None;
        }
        let mut words = std::str::from_utf8(bytes).ok()?.split_ascii_whitespace();
        let message = Message::of(words.next(), words.next());
        if message == Message::Other {
            return None;
        }
        let mut after = |name: &str| if words.next() == Some(name) { words.next() } else { None };
        let token = |text: &str| if text.len() == 16 { u64::from_str_radix(text, 16).ok() } else { None };
        let small = |text: &str| decimal(text).and_then(|number| u32::try_from(number).ok());
        let tags = Self {
            from: token(after("from")?).filter(|token| *token != 0)?,
            to: token(after("to")?)?,
            serial: small(after("serial")?).filter(|serial| *serial != 0)?,
            at: decimal(after("at")?)?,
            report: Report {
                seen: small(after("seen")?)?,
                heard: small(after("heard")?)?,
                lost: small(after("lost")?)?,
                again: small(after("again")?)?,
                disordered: small(after("disordered")?)?,
                jitter: small(after("jitter")?)?,
            },
        };
        words.next().is_none().then_some((message, tags))
    }

    /// The datagram.
    pub fn encode(&self, message: Message) -> Vec<u8> {
        let mut text = String::from_utf8(message.encode()).unwrap_or_default();
        text.truncate(text.trim_end().len());
        let Self { from, to, serial, at, report } = self;
        let Report { seen, heard, lost, again, disordered, jitter } = report;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            " from {from:016x} to {to:016x} serial {serial} at {at} seen {seen} heard {heard} lost {lost} \
             again {again} disordered {disordered} jitter {jitter}"
        );
        let mut bytes = text.into_bytes();
        bytes.resize(Self::LENGTH - 1, b' ');
        bytes.push(b'\n');
        bytes
    }
}

fn decimal(digits: &str) -> Option<u64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}
