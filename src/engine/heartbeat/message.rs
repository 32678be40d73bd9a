//! The datagrams of a heartbeat: `heartbeat N\n`, `ack N\n`, and whatever else anybody takes for one.

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
        let Ok(text) = std::str::from_utf8(bytes) else { return Self::Other };
        let mut words = text.trim_end_matches(['\n', '\r']).splitn(2, ' ');
        let (word, number) = (words.next(), words.next());
        let digits = number.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        match (word, digits.and_then(|digits| digits.parse().ok())) {
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
