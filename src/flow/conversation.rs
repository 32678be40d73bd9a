//! What there is to say of a whole conversation: who, how long, how much, how it opened and how it ended.

use super::event::Why;
use super::key::Direction;
use super::state::State;
use super::table::{Conversation, Traffic};
use super::{icmp, tcp};
use crate::frame::Timestamp;
use crate::process::End;
use crate::wire::Address;

/// The kinds of conversation that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    Tcp,
    Udp,
    /// Echo requests and replies of one asking program.
    Icmp,
}

impl Transport {
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
        }
    }

    /// As display filters, and conntrack, have it.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }
}

/// How a conversation ended, as far as the capture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It had not: the capture ended first.
    Open,
    /// Both sides said that they had no more; this one first.
    Closed { by_client: bool },
    /// Both sides said so before either knew that the other did.
    ClosedTogether,
    /// One side said that it had no more, the other did not.
    HalfClosed { by_client: bool },
    /// The server answered the SYN with a reset.
    Refused,
    /// Broken off.
    Reset { by_client: bool, why: Why },
    /// Nobody answered the SYN.
    Unanswered,
    /// UDP and echo know no end.
    Endless,
}

/// When a conversation was, and how much it was.
#[derive(Clone, Copy, Debug)]
pub struct Outline {
    pub first: Timestamp,
    pub last: Timestamp,
    pub packets: u64,
    /// Of frames, as on the wire.
    pub bytes: u64,
}

impl Outline {
    #[inline]
    pub(super) fn of<S>(conversation: &Conversation<S>) -> Self {
        let Conversation { first, last, traffic: [up, down], .. } = *conversation;
        Self { first, last, packets: up.packets + down.packets, bytes: up.bytes + down.bytes }
    }
}

/// A conversation in the words of its ends: client first.
#[derive(Clone, Debug)]
pub struct Summary {
    pub transport: Transport,
    /// Its number among those of its transport, from 0.
    pub stream: u32,
    /// Address and port (of echo: the identifier on both sides).
    pub client: (Address, u16),
    pub server: (Address, u16),
    /// The beginning was not seen: who asked is a guess by the ports.
    pub guessed: bool,
    pub first: Timestamp,
    pub last: Timestamp,
    /// From client to server, and from server to client.
    pub traffic: [Traffic; 2],
    pub ending: Ending,
    pub tcp: Option<Tcp>,
    /// The programs at client and server, where they were sought and are on this machine.
    pub programs: [Option<End>; 2],
}

/// What TCP adds. Pairs are client, server.
#[derive(Clone, Debug)]
pub struct Tcp {
    pub states: [State; 2],
    /// Wireshark's `tcp.completeness` of the whole conversation.
    pub completeness: u8,
    /// Nanoseconds from SYN to its answer (the way to the server and back), and from that to the client's ACK.
    pub rtt: [Option<i64>; 2],
    /// Bytes of data that were sent again.
    pub repeated: [u64; 2],
    /// The largest window that was offered, in bytes.
    pub window: [u32; 2],
    /// Largest segment each side takes, by its SYN.
    pub mss: [Option<u16>; 2],
    /// Both offered it: window scale, selective acknowledgments, timestamps.
    pub scale: bool,
    pub sack: bool,
    pub timestamps: bool,
}

impl Summary {
    /// Nanoseconds from first packet to last.
    pub fn duration(&self) -> i64 {
        self.last.since(self.first)
    }

    pub fn packets(&self) -> u64 {
        let [up, down] = self.traffic;
        up.packets + down.packets
    }

    pub fn bytes(&self) -> u64 {
        let [up, down] = self.traffic;
        up.bytes + down.bytes
    }

    /// Bytes of data a second that were new, from client to server and back; `None` where it took no time.
    pub fn goodput(&self) -> [Option<u64>; 2] {
        let duration = u128::try_from(self.duration()).unwrap_or(0);
        let repeated = self.tcp.as_ref().map_or([0; 2], |tcp| tcp.repeated);
        let rate = |traffic: Traffic, repeated: u64| {
            let new = u128::from(traffic.data.saturating_sub(repeated));
            u64::try_from((new * 1_000_000_000).checked_div(duration)?).ok()
        };
        let ([up, down], [up_again, down_again]) = (self.traffic, repeated);
        [rate(up, up_again), rate(down, down_again)]
    }

    pub(super) fn of_tcp(conversation: &Conversation<tcp::Connection>) -> Self {
        let connection = &conversation.state;
        let (client, guessed) = connection.client();
        let (tcp, ending) = connection.summary(client, conversation.traffic.iter().any(|traffic| traffic.data > 0));
        Self::new(Transport::Tcp, conversation, client, guessed, ending, Some(tcp))
    }

    pub(super) fn of_udp(conversation: &Conversation<()>) -> Self {
        // Who speaks first asks; where a well-known port speaks first, the capture began in the middle.
        let [(_, low), (_, high)] = conversation.key.ends();
        let (from, to) = if conversation.opener == Direction::Up { (low, high) } else { (high, low) };
        let guessed = from < 1024 && to >= 1024;
        let client = if guessed { conversation.opener.reverse() } else { conversation.opener };
        Self::new(Transport::Udp, conversation, client, guessed, Ending::Endless, None)
    }

    pub(super) fn of_icmp(conversation: &Conversation<icmp::Echo>) -> Self {
        let (client, guessed) = conversation.state.client();
        Self::new(Transport::Icmp, conversation, client, guessed, Ending::Endless, None)
    }

    fn new<S>(
        transport: Transport,
        conversation: &Conversation<S>,
        client: Direction,
        guessed: bool,
        ending: Ending,
        tcp: Option<Tcp>,
    ) -> Self {
        let ([low, high], [up, down]) = (conversation.key.ends(), conversation.traffic);
        let [low_program, high_program] = conversation.programs.as_deref().copied().unwrap_or_default();
        let (client, server, traffic, programs) = match client {
            Direction::Up => (low, high, [up, down], [low_program, high_program]),
            Direction::Down => (high, low, [down, up], [high_program, low_program]),
        };
        let Conversation { index: stream, first, last, .. } = *conversation;
        Self { transport, stream, client, server, guessed, first, last, traffic, ending, tcp, programs }
    }
}
