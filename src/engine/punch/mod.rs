//! Two peers behind NATs meet through a third machine, and then speak to each other directly, as a pure machine for one
//! of them: told what came, it says what to send. UDP by hole punching (RFC 5128 §3.3), TCP by simultaneous open
//! (RFC 9293 §3.5, RFC 5128 §3.4).
//!
//! It registers with the rendezvous until another peer is there; punches every address at which that one may be, and adopts
//! where its messages are seen to come from (a peer-reflexive candidate of RFC 8445). A way counts only when an own
//! message was answered on it. Then beats keep it alive; where that fails, the rendezvous relays.
//!
//! Guarantee: only what carries the shared word's mac counts, each message once; tables are bounded; what a stranger, or a
//! peer with the right word and wrong contents, sends is dropped and counted. No more than [`MOST_CANDIDATES`] addresses
//! are sent to, and to one that never answers for no longer than the plan's patience.

mod connections;
mod peer;
mod rendezvous;
#[cfg(test)]
mod tests;
mod verdict;
mod window;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use super::chance::Chance;
use super::rendezvous::message::{Id, Message, Refusal, Session};
use super::rendezvous::word::Word;
pub use crate::process::Transport;
use connections::Connection;
use peer::Other;
use rendezvous::Asking;
use verdict::Known;
pub use verdict::{Reach, Report, Tried, why};

/// Time between two punches to an address.
pub const PUNCHES: Duration = Duration::from_millis(100);
/// Addresses of the other one that are tried at a time.
pub const MOST_CANDIDATES: usize = 12;
/// A beat that is not answered is sent again after so long; see [`BEATS`].
const BEAT_AGAIN: Duration = Duration::from_secs(1);
/// So many beats without an answer, and the way is lost.
const BEATS: u32 = 3;
/// Who is told to end once the way is proved waits so long at most for the other one to have proved it, too.
const LINGER: Duration = Duration::from_secs(2);
/// Own messages that wait for an answer; older ones are answered too late.
const MOST_SENT: usize = 256;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Plan {
    pub transport: Transport,
    pub session: Session,
    pub server: SocketAddr,
    /// Addresses of this machine at which the other one may reach it without a NAT; the first four count.
    pub inside: Vec<SocketAddr>,
    pub word: Word,
    /// Time between two beats.
    pub every: Duration,
    /// How long addresses are punched before the relay is taken.
    pub patience: Duration,
    pub relay: bool,
    /// End when the way is proved.
    pub once: bool,
    pub seed: u64,
}

/// By what a message goes or came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// To or from the rendezvous, by the socket that registered.
    Rendezvous,
    /// From the UDP socket that registered.
    Datagram(SocketAddr),
    /// A TCP connection, by its number.
    Connection(usize),
}

/// Where an address of the other one is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The rendezvous sees it there.
    Outside,
    /// It says that it has this address itself.
    Inside,
    /// Messages of it came from there.
    Seen,
}

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Send {
        way: Way,
        bytes: Vec<u8>,
    },
    /// Connect by TCP from the port that registered; the number is never used twice.
    Connect {
        connection: usize,
        to: SocketAddr,
    },
    Close {
        connection: usize,
    },
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    Datagram {
        from: SocketAddr,
        bytes: &'a [u8],
    },
    /// A line from the rendezvous, by TCP.
    Told(&'a [u8]),
    /// The rendezvous has closed its connection.
    Gone,
    Opened {
        connection: usize,
    },
    /// A line, by a connection.
    Line {
        connection: usize,
        bytes: &'a [u8],
    },
    /// The connection could not be made, or is over.
    Closed {
        connection: usize,
        refused: bool,
    },
}

/// Who says where this peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    Rendezvous,
    Other,
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As was wished: the way is proved.
    Settled,
    /// Nothing came from the rendezvous.
    Silent,
    Refused(Refusal),
    /// The other one was not reached.
    NotReached,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The rendezvous knows this peer; the other one is not there yet.
    Waiting { outside: SocketAddr },
    /// The other one is there.
    Met { outside: SocketAddr, other_outside: SocketAddr, other_inside: Vec<SocketAddr> },
    /// Something of the other one came from this address, for the first time.
    Heard { from: SocketAddr, origin: Origin },
    /// A message there was answered; the time since punching began, and there and back.
    Reached { address: SocketAddr, origin: Origin, after: Duration, round_trip: Duration },
    /// Patience is over.
    NotReached { relays: bool },
    /// A message by the relay was answered.
    Relayed { round_trip: Duration },
    /// This peer has another outside address than before.
    Moved { witness: Witness, from: SocketAddr, to: SocketAddr },
    /// The other one has.
    OtherMoved { from: SocketAddr, to: SocketAddr },
    /// Beats are no longer answered, or the connection is over.
    Lost { silence: Duration },
    /// The rendezvous does not have the other one any more.
    Left,
    /// A line of the other one, as it came.
    Said(Vec<u8>),
}

/// What was not taken, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Without the shared word's mac, of another session, or not from who may say it.
    pub strange: u64,
    /// What was there before, or answers nothing.
    pub repeated: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u32,
    way: Way,
    at: Duration,
    beat: bool,
}

/// One peer. Times are since a moment that the caller chooses.
#[derive(Debug)]
pub struct Punch {
    plan: Plan,
    chance: Chance,
    id: Id,
    began: Duration,
    asking: Asking,
    other: Option<Other>,
    /// The number of the last own message.
    number: u32,
    sent: VecDeque<Sent>,
    connections: Vec<Connection>,
    connected: usize,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
    ended: Option<Ending>,
    held: bool,
    dropped: Dropped,
    /// The last way that was proved, how long that took, and who had it, should it have left.
    reached: Reach,
    took: Option<Duration>,
    past: Known,
}

impl Punch {
    pub fn new(plan: Plan, now: Duration) -> Self {
        let mut chance = Chance::seeded(plan.seed);
        let id = Id(NonZeroU64::new(chance.number()).unwrap_or(NonZeroU64::MIN));
        Self {
            plan,
            id,
            chance,
            began: now,
            asking: Asking::new(now),
            other: None,
            number: 0,
            sent: VecDeque::new(),
            connections: Vec::new(),
            connected: 0,
            actions: VecDeque::new(),
            events: VecDeque::new(),
            ended: None,
            held: false,
            dropped: Dropped::default(),
            reached: Reach::None,
            took: None,
            past: Known::default(),
        }
    }

    /// What to do now; to be asked for until there is nothing.
    pub fn poll(&mut self, now: Duration) -> Option<Action> {
        self.advance(now);
        self.actions.pop_front()
    }

    /// What happened; to be asked for until there is nothing.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to poll again at the latest; `None`: it has ended.
    pub fn deadline(&self) -> Option<Duration> {
        if self.ended.is_some() {
            return None;
        }
        [Some(self.asking.next), self.peer_due(), self.connections_due()].into_iter().flatten().min()
    }

    pub fn ended(&self) -> Option<Ending> {
        self.ended
    }

    /// Whether lines can be said: there is a way, and it is proved.
    pub fn is_open(&self) -> bool {
        self.other.as_ref().and_then(|other| other.path.as_ref()).is_some_and(|path| path.proved)
    }

    pub fn server(&self) -> SocketAddr {
        self.plan.server
    }

    /// While it is held it does not end because the way is proved: there is something to say.
    pub fn hold(&mut self, hold: bool) {
        self.held = hold;
    }

    /// Takes leave of the rendezvous. What it wants done after that is the last.
    pub fn leave(&mut self) {
        self.ended.get_or_insert(Ending::Settled);
        if self.asking.heard.is_some() {
            self.bye();
        }
    }

    pub fn handle(&mut self, now: Duration, input: Input<'_>) {
        match input {
            Input::Datagram { from, bytes } if from == self.plan.server => self.told(now, bytes),
            Input::Datagram { from, bytes } => self.heard(now, Way::Datagram(from), bytes),
            Input::Told(bytes) => self.told(now, bytes),
            Input::Line { connection, bytes } => self.heard(now, Way::Connection(connection), bytes),
            Input::Gone => self.rendezvous_gone(),
            Input::Opened { connection } => self.opened(now, connection),
            Input::Closed { connection, refused } => self.closed(now, connection, refused),
        }
    }

    fn advance(&mut self, now: Duration) {
        if self.ended.is_some() {
            return;
        }
        self.ask_when_due(now);
        self.punch_when_due(now);
        self.connect_when_due(now);
        self.beat_when_due(now);
        if self.ended.is_none() && self.plan.once && !self.held && self.is_settled(now) {
            self.ended = Some(Ending::Settled);
        }
    }

    fn next_number(&mut self) -> u32 {
        self.number = self.number.saturating_add(1);
        self.number
    }

    fn send(&mut self, way: Way, bytes: Vec<u8>) {
        self.actions.push_back(Action::Send { way, bytes });
    }

    /// Reads a message with the right mac; others are counted.
    fn read(&mut self, bytes: &[u8]) -> Option<Message> {
        let message = Message::decode(bytes, &self.plan.word).ok();
        if message.is_none() {
            self.dropped.strange += 1;
        }
        message
    }
}
