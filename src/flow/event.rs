//! What happened: the events that views put into words.

use super::datagram::Datagram;

/// Why a side sends a reset, as far as the segments around it show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It breaks off on its own account (RST with ACK), and no data had come that it could have left unread.
    Aborted,
    /// It breaks off on its own account, and data had come: perhaps its program closed without having read all of it.
    Unread,
    /// The client answers the server's SYN: it no longer wants what it had asked for.
    GaveUp,
    /// It answers data (RST without ACK, with the number that was acknowledged) that came after it had closed.
    AfterClose,
    /// It answers a segment of a connection that it does not know, or no longer.
    Unknown,
    /// It breaks off on its own account, and what it had sent last was not answered.
    Unanswered,
    /// The connection has been broken off before.
    Again,
}

/// Something that one packet brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Step 1, 2 or 3 of a handshake; nanoseconds since the step before, where that was seen.
    Opening { step: u8, after: Option<i64> },
    /// Both sides ask at once: step 1 is the second SYN, 2 the first SYN with an acknowledgment, 3 the second, which
    /// opens the connection.
    Crossing { step: u8 },
    /// A reset in answer to a SYN: nothing listens on the port.
    Refused,
    /// The sender has no more data; `second`: the other side had said so before.
    Closing { by_client: bool, second: bool },
    /// The last acknowledgment after both sides have closed.
    Closed,
    /// The sender breaks the connection off.
    Reset { by_client: bool, why: Why },
    /// All fragments of this datagram have been seen.
    Datagram(Box<Datagram>),
}
