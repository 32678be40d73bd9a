//! How the NATs between here and a STUN server behave (RFC 5780), as a pure machine: it says which sockets to open and
//! what to send, is told what came, and reports what it could tell, and of the rest why it could not.
//!
//! Mapping is found out first; everything else has fresh sockets of its own, so that no test sees what another one has
//! left in a NAT. Every request is sent again until it is answered (RFC 8489 §6.2.1), and an answer counts by its
//! transaction alone. Silence means something only where the same way has carried an answer to another question.
//!
//! Guarantee: no datagram makes it panic or grow; it ends by itself, within the time that its plan allows.

mod ask;
mod judge;
mod lifetime;
mod overhear;
pub mod predict;
mod refresh;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::chance::Chance;
use super::nat::{Dependence, Hairpinning, Pooling, Refresh};
use ask::Ask;
use lifetime::Lifetime;
use refresh::Keeping;
use stages::Stage;

/// What to find out, and with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub server: SocketAddr,
    /// A server at another address, for one that has only one.
    pub server2: Option<SocketAddr>,
    /// There is a second host behind the same NAT: sockets may be opened on host 1.
    pub beside: bool,
    /// How a NAT maps TCP connections is asked, too.
    pub tcp: bool,
    /// How long a mapping is watched at most; zero: not at all.
    pub max_lifetime: Duration,
    pub seed: u64,
}

/// What the machine wants done. Sockets are numbered by it, from 0; a number is never used twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a UDP socket with a port that was not used before, on host 0 (here) or 1 (the one beside).
    Open {
        socket: usize,
        host: usize,
    },
    Send {
        socket: usize,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Close {
        socket: usize,
    },
    /// Hand over what arrives at host 0, as [`Input::Overheard`], where that is allowed; or no longer.
    Overhear {
        on: bool,
    },
    /// Connect by TCP, from this local port (0: any), send, and wait for a message that comes back.
    Connect {
        exchange: usize,
        port: u16,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The socket is open; `local`: the address from which it reaches the server.
    Opened {
        socket: usize,
        local: SocketAddr,
    },
    /// The socket could not be opened.
    Failed {
        socket: usize,
    },
    Datagram {
        socket: usize,
        from: SocketAddr,
        bytes: &'a [u8],
    },
    /// An IP packet that has arrived, whether a socket gets it or not; before the datagram of its own is told.
    Overheard {
        packet: &'a [u8],
    },
    /// The message that came over a TCP connection.
    Stream {
        exchange: usize,
        local: SocketAddr,
        bytes: &'a [u8],
    },
    /// The connection failed, or nothing came.
    Broken {
        exchange: usize,
    },
}

/// A finding, or why there is none.
pub type Told<T> = Result<T, String>;

/// All that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub server: SocketAddr,
    /// The first socket's address here, and what the server saw of it.
    pub local: Option<SocketAddr>,
    pub external: Option<SocketAddr>,
    /// `None`: no NAT.
    pub mapping: Told<Option<Dependence>>,
    /// `None`: no NAT, and nothing is filtered.
    pub filtering: Told<Option<Dependence>>,
    pub hairpin: Told<Hairpinning>,
    pub port_preserved: Told<bool>,
    /// Even ports stay even, odd ones odd.
    pub port_parity: Told<bool>,
    /// A mapping lives at least, and less than so long; no end: longer than was waited.
    pub lifetime: Told<(Duration, Option<Duration>)>,
    /// Whose packets keep a mapping alive.
    pub refresh: Told<Refresh>,
    /// Datagrams in fragments pass, there and back.
    pub fragments: Told<bool>,
    /// Somebody rewrites addresses inside of datagrams.
    pub alg: Told<bool>,
    pub tcp_mapping: Told<Option<Dependence>>,
    /// Whether all sockets of this host got the same outside address.
    pub pooling: Told<Pooling>,
    /// Outside addresses that they got.
    pub addresses: usize,
}

/// What an answer said, when, and where it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Heard {
    at: Duration,
    socket: usize,
    from: SocketAddr,
    mapped: Option<SocketAddr>,
    plain: Option<SocketAddr>,
    other: Option<SocketAddr>,
    error: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
struct Socket {
    host: usize,
    local: Option<SocketAddr>,
    /// What the first answer on it said.
    mapped: Option<SocketAddr>,
    /// When something last came to it.
    heard: Duration,
}

/// The machine. Times are since a moment that the caller chooses.
#[derive(Debug)]
pub struct Discovery {
    plan: Plan,
    chance: Chance,
    sockets: Vec<Socket>,
    asks: Vec<Ask>,
    actions: VecDeque<Action>,
    stage: Stage,
    /// No new request before: at most ten in a second (RFC 5780 §4.8).
    next_new: Duration,
    /// The first wait for an answer, once the way to the server is known.
    rto: Duration,
    /// The server's other socket: another address, another port.
    other: Option<SocketAddr>,
    exchanges: Vec<Option<Told<(SocketAddr, SocketAddr)>>>,
    lifetime: Lifetime,
    keeping: Keeping,
    /// An answer was overheard.
    overhears: bool,
    report: Report,
}

const NOT_ASKED: &str = "not measured";

impl Discovery {
    pub fn new(plan: Plan, now: Duration) -> Self {
        let untold = || NOT_ASKED.to_owned();
        let report = Report {
            server: plan.server,
            local: None,
            external: None,
            mapping: Err(untold()),
            filtering: Err(untold()),
            hairpin: Err(untold()),
            port_preserved: Err(untold()),
            port_parity: Err(untold()),
            lifetime: Err(untold()),
            refresh: Err(untold()),
            fragments: Err(untold()),
            alg: Err(untold()),
            tcp_mapping: Err(untold()),
            pooling: Err(untold()),
            addresses: 0,
        };
        let mut machine = Self {
            chance: Chance::seeded(plan.seed),
            plan,
            sockets: Vec::new(),
            asks: Vec::new(),
            actions: VecDeque::new(),
            stage: Stage::First { ask: 0 },
            next_new: now,
            rto: ask::FIRST_RTO,
            other: None,
            exchanges: Vec::new(),
            lifetime: Lifetime::default(),
            keeping: Keeping::default(),
            overhears: false,
            report,
        };
        let socket = machine.open(0);
        let ask = machine.ask(socket, machine.plan.server, ask::PATIENT, |draft| draft);
        machine.stage = Stage::First { ask };
        machine
    }

    /// What to do now; to be asked for until there is nothing.
    pub fn poll(&mut self, now: Duration) -> Option<Action> {
        loop {
            self.transmit(now);
            if let Some(action) = self.actions.pop_front() {
                return Some(action);
            }
            if self.is_done() || !self.advance(now) {
                return None;
            }
        }
    }

    /// When to poll again at the latest; `None`: when something comes.
    pub fn deadline(&self) -> Option<Duration> {
        if self.is_done() {
            return None;
        }
        let asks = self.asks.iter().filter_map(|ask| ask.due(self.next_new));
        // Sockets are opened at once; the clock is there so that nobody waits for ever.
        asks.chain(self.lifetime.due()).chain(self.keeping.due()).min()
    }

    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// What it is at, for whoever waits.
    pub fn doing(&self) -> &'static str {
        self.stage.name()
    }

    /// What is known so far; all of it when it is done.
    pub fn report(&self) -> &Report {
        &self.report
    }
}
