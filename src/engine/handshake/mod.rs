//! A TCP connection held by hand: the three-way handshake, data, the four steps of closing (RFC 9293 §3.5, §3.6), and
//! what a host does with segments that are wrong on purpose (RFC 9293 §3.10.7, RFC 5961).
//!
//! [`Machine`] is one end: segments in, segments out, time as an argument. [`Station`] puts it on an Ethernet: frames in,
//! frames out, with answers to who asks for its address.
//!
//! Trap: the other end's state is never seen. [`Peer`] is what follows from what it sent; where it also takes that our
//! last segment arrives, it is not sure.

mod arrival;
mod machine;
mod segment;
mod station;
#[cfg(test)]
mod tests;
pub mod textbook;

use std::net::IpAddr;
use std::time::Duration;

pub use machine::Machine;
pub use segment::Segment;
pub use station::{Ends, Seen, Station};

pub use crate::wire::tcp::State;

/// The state that the other end is in, as far as that can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub state: State,
    /// Its last segment shows it; else it is so once ours arrives.
    pub sure: bool,
}

/// A segment that does not fit, sent to see what the other end does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// In the handshake's third step, an acknowledgment of what was never sent.
    WrongAck,
    /// Data from long before the window.
    OldSequence,
    /// An acknowledgment of data that the peer has not sent yet.
    FutureAck,
    /// An acknowledgment older than any that could still be under way.
    OldAck,
    /// A SYN in the middle of a connection.
    SynAgain,
    /// A RST within the window that is not the next number.
    ResetAside,
}

/// What the other end did with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Ack,
    Reset,
    Silence,
}

/// How the connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// By FIN, in four steps.
    Fin,
    /// By RST.
    Reset,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The initial sequence number.
    pub start: u32,
    pub data: Vec<u8>,
    /// The maximum segment size that is announced, and the most data in a segment of ours.
    pub size: u16,
    pub close: Close,
    /// As much of the data as fits travels in the SYN.
    pub data_in_syn: bool,
    /// The SYN,ACK is never acknowledged, and the peer is watched for so long.
    pub half_open: Option<Duration>,
    /// The third step of the handshake is wrong at first.
    pub wrong_ack: bool,
    /// These, one after the other, once the connection is there.
    pub trials: Vec<Trial>,
    /// So long an answer to the data is waited for, and the peer's FIN.
    pub wait: Duration,
    /// So often a segment is sent that is not acknowledged.
    pub attempts: u32,
}

/// Why a segment is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Syn,
    /// Both ends have sent a SYN.
    SynAck,
    /// The third step.
    AckOfSyn,
    AckOfData,
    AckOfFin,
    /// The other end is told where we stand: it sent what is not expected.
    AckAgain,
    Data,
    Fin,
    Reset,
    Trial(Trial),
}

/// A segment to be sent now, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub segment: Segment,
    pub purpose: Purpose,
    /// It was sent before and not acknowledged.
    pub again: bool,
}

/// An ICMP error about a segment of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    pub from: IpAddr,
    pub six: bool,
    pub kind: u8,
    pub code: u8,
    /// The sequence number of the segment that it quotes.
    pub sequence: u32,
}

/// What happened that the segments themselves do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A segment that does not fit was sent, and this came back.
    Tried { trial: Trial, reply: Reply },
    /// So much data was in the SYN, and so much of it the peer has taken.
    DataInSyn { sent: u32, taken: u32 },
    /// The peer's SYN,ACK for the so manieth time, so long after the one before.
    SynAckAgain { times: u32, after: Duration },
    /// Its acknowledgment in the handshake is not of our SYN: it gets a RST.
    WrongAnswer,
    /// Both have sent a SYN at once.
    BothOpen,
    /// What came is old or beyond the window: it is not taken, and gets an ACK.
    NotAcceptable,
    /// A RST or SYN that could be a stranger's guess gets an ACK, and nothing else (RFC 5961).
    Challenged,
    /// Something before it is missing.
    Gap,
    /// A soft ICMP error: it is told, and the connection goes on (RFC 1122 §4.2.3.9, RFC 5461).
    Unreachable(Unreachable),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both sides are closed. `first`: we closed first; `both`: neither had seen the other's FIN; `together`: the peer's
    /// ACK and FIN were one segment.
    Closed {
        first: bool,
        both: bool,
        together: bool,
    },
    /// RST to the SYN.
    Refused,
    /// RST later on, in this state of ours.
    Reset {
        state: State,
    },
    Unreachable(Unreachable),
    /// Nothing came, in this state of ours, to so many segments.
    Silence {
        state: State,
        sent: u32,
    },
    /// We have reset it, as was asked for.
    Aborted,
    /// The peer was left half open, and repeated its SYN,ACK so often.
    HalfOpen {
        repeats: u32,
    },
    /// The peer has not closed its side within the time.
    NotClosed,
    /// The peer sends without end.
    Endless,
    /// Somebody wants no more of it.
    Stopped,
    /// Another host has the address.
    Claimed([u8; 6]),
}
