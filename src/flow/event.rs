//! What happened: the events that views put into words.

use super::datagram::Datagram;

/// Something that one packet brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Step 1, 2 or 3 of a handshake; nanoseconds since the step before, where that was seen.
    Opening { step: u8, after: Option<i64> },
    /// A reset in answer to a SYN: nothing listens on the port.
    Refused,
    /// The sender has no more data; `second`: the other side had said so before.
    Closing { by_client: bool, second: bool },
    /// The last acknowledgment after both sides have closed.
    Closed,
    /// The sender breaks the connection off.
    Reset { by_client: bool },
    /// All fragments of this datagram have been seen.
    Datagram(Box<Datagram>),
}
