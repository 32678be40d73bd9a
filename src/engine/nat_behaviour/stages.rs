//! The order of the tests: the way to the server, the mapping, then on fresh sockets the filters, the ports, fragments,
//! the hairpin, TCP and at last, which takes longest, the lifetime and who refreshes it.

use std::net::SocketAddr;
use std::time::Duration;

use super::ask::{PATIENT, SURE, SURE_AT_ONCE};
use super::{Action, Discovery};
use crate::wire::stun::{self, Change};

/// Sockets that only show which port they get: as many as make chance unlikely (parity by chance: 1 in 4096).
const PORTS: usize = 12;
/// More than fits into a frame of Ethernet, there and back.
const PADDED: usize = 2000;
/// A hairpin whose mappings do not hold still is tried so often.
const HAIRPIN_TRIES: u32 = 3;

/// Where the machine is; the numbers are those of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    First {
        ask: usize,
    },
    Mapping {
        asks: Vec<usize>,
    },
    /// Fresh sockets learn their mappings.
    Learn {
        filters: [usize; 2],
        padded: usize,
        ports: Vec<usize>,
    },
    /// The tests of the filter, and of fragments.
    Probe {
        filters: [usize; 2],
        padded: usize,
        learnt: Vec<usize>,
    },
    HairpinLearn {
        asks: [usize; 2],
        tries: u32,
    },
    Hairpin {
        asks: [usize; 2],
        ends: [SocketAddr; 2],
        came: Option<SocketAddr>,
        tries: u32,
    },
    /// Whether the mappings were still those that were told.
    HairpinControl {
        asks: [usize; 2],
        ends: [SocketAddr; 2],
        tries: u32,
    },
    Tcp {
        next: usize,
    },
    Lifetime,
    /// The lifetime is known.
    Refresh,
    Done,
}

impl Stage {
    pub fn name(&self) -> &'static str {
        match self {
            Self::First { .. } => "asking the server",
            Self::Mapping { .. } => "mapping",
            Self::Learn { .. } => "ports",
            Self::Probe { .. } => "filtering and fragments",
            Self::HairpinLearn { .. } | Self::Hairpin { .. } | Self::HairpinControl { .. } => "hairpinning",
            Self::Tcp { .. } => "mapping of TCP",
            Self::Lifetime => "lifetime",
            Self::Refresh => "who keeps a mapping",
            Self::Done => "done",
        }
    }

    /// A request that was sent round the hairpin has arrived.
    pub fn came_round(&mut self, from: SocketAddr) {
        if let Self::Hairpin { came, .. } = self {
            came.get_or_insert(from);
        }
    }
}

impl Discovery {
    /// Goes on to the next stage if this one is over.
    pub(super) fn advance(&mut self, now: Duration) -> bool {
        match self.stage.clone() {
            Stage::First { ask } => self.are_over(&[ask]) && self.after_first(ask),
            Stage::Mapping { asks } => self.are_over(&asks) && self.after_mapping(&asks),
            Stage::Learn { filters, padded, ports } => {
                let all = [&filters[..], &[padded], &ports].concat();
                self.are_over(&all) && self.after_learning(filters, padded, all)
            }
            Stage::Probe { filters, padded, learnt } => {
                let [both, port] = filters;
                self.are_over(&[both, port, padded]) && self.after_probing(filters, padded, &learnt)
            }
            Stage::HairpinLearn { asks, tries } => self.are_over(&asks) && self.turn_round(asks, tries),
            Stage::Hairpin { asks, ends, came, tries } => {
                (came.is_some() || self.are_over(&asks)) && self.after_hairpin(asks, ends, came, tries)
            }
            Stage::HairpinControl { asks, ends, tries } => {
                self.are_over(&asks) && self.after_hairpin_control(asks, ends, tries)
            }
            Stage::Tcp { next } => self.after_tcp(next),
            Stage::Lifetime => self.advance_lifetime(now),
            Stage::Refresh => self.advance_refresh(now),
            Stage::Done => false,
        }
    }

    fn after_first(&mut self, ask: usize) -> bool {
        let Some(heard) = self.heard(ask).copied() else {
            return self.end_early("the server does not answer: UDP is blocked, or it is no STUN server");
        };
        let (Some(mapped), None) = (heard.mapped, heard.error) else {
            return self.end_early("the server's answer does not say where the request came from");
        };
        let sent = self.asks.get(ask).filter(|ask| ask.sent == 1).map(|ask| ask.first);
        if let Some(sent) = sent {
            let three = heard.at.saturating_sub(sent) * 3;
            self.rto = three.clamp(Duration::from_millis(100), Duration::from_millis(500));
        }
        let socket = self.asks.get(ask).map_or(0, |ask| ask.socket);
        self.report.local = self.sockets.get(socket).and_then(|socket| socket.local);
        self.report.external = Some(mapped);
        let server = self.plan.server;
        // What is not the other socket of a server with two is of no use.
        self.other = heard.other.filter(|other| {
            let sane = !other.ip().is_multicast() && !other.ip().is_unspecified() && other.port() != 0;
            sane && other.ip() != server.ip() && other.port() != server.port() && other.is_ipv4() == server.is_ipv4()
        });
        let places = match self.other {
            Some(other) => [Some(SocketAddr::new(other.ip(), server.port())), Some(other)],
            // By custom a server with one address has the next port as well.
            None => [self.plan.server2, server.port().checked_add(1).map(|port| SocketAddr::new(server.ip(), port))],
        };
        // One after the other: which port a mapping gets must not hang on which request comes first.
        let asks = places.into_iter().flatten().map(|to| self.ask(socket, to, SURE, |draft| draft)).collect();
        self.stage = Stage::Mapping { asks };
        true
    }

    fn after_mapping(&mut self, asks: &[usize]) -> bool {
        self.judge_mapping(asks);
        let server = self.plan.server;
        let fresh = |machine: &mut Self| {
            let socket = machine.open(0);
            machine.ask(socket, server, SURE, |draft| draft)
        };
        let (first, second, padded) = (fresh(self), fresh(self), fresh(self));
        let ports = (0..PORTS).map(|_| fresh(self)).collect();
        self.stage = Stage::Learn { filters: [first, second], padded, ports };
        true
    }

    fn after_learning(&mut self, filters: [usize; 2], padded: usize, learnt: Vec<usize>) -> bool {
        let server = self.plan.server;
        let socket = |machine: &Self, ask: usize| machine.asks.get(ask).map_or(0, |ask| ask.socket);
        let [both, port] = filters.map(|ask| socket(self, ask));
        let padded = socket(self, padded);
        let change = |address| move |draft: stun::Draft| draft.with_change(Change { address, port: true });
        let filters = [self.ask(both, server, SURE, change(true)), self.ask(port, server, SURE, change(false))];
        let padded = self.ask(padded, server, SURE, |draft| draft.with(stun::PADDING, &[0; PADDED]));
        self.stage = Stage::Probe { filters, padded, learnt };
        true
    }

    fn after_probing(&mut self, filters: [usize; 2], padded: usize, learnt: &[usize]) -> bool {
        self.judge_ports(learnt);
        // Whether the way still carries answers shows in the next ones.
        self.overhear(true);
        let asks = self.learn_hairpin();
        self.stage = Stage::HairpinLearn { asks, tries: HAIRPIN_TRIES };
        self.lifetime.pending = Some((filters, padded));
        for ask in learnt {
            let socket = self.asks.get(*ask).map_or(0, |ask| ask.socket);
            self.close(socket);
        }
        true
    }

    fn learn_hairpin(&mut self) -> [usize; 2] {
        let server = self.plan.server;
        [0, usize::from(self.plan.beside)].map(|host| {
            let socket = self.open(host);
            self.ask(socket, server, SURE_AT_ONCE, |draft| draft)
        })
    }

    fn turn_round(&mut self, asks: [usize; 2], tries: u32) -> bool {
        let alive = asks.iter().any(|ask| self.heard(*ask).is_some());
        if let Some((filters, padded)) = self.lifetime.pending.take() {
            self.judge_filtering(filters, alive);
            self.judge_fragments(padded, alive);
        }
        let mapped = asks.map(|ask| self.heard(ask).and_then(|heard| heard.mapped));
        let [Some(first), Some(second)] = mapped else {
            return self.after_hairpins(Err("a second socket got no answer from the server".into()));
        };
        if self.report.mapping == Ok(None) {
            return self.after_hairpins(Err("there is no NAT".into()));
        }
        // Both ways at once, so that a filter that looks at hairpins as well has been opened from either side.
        let sockets = asks.map(|ask| self.asks.get(ask).map_or(0, |ask| ask.socket));
        let [x, y] = sockets;
        let round = [self.ask(x, second, SURE_AT_ONCE, |draft| draft), self.ask(y, first, SURE_AT_ONCE, |draft| draft)];
        self.stage = Stage::Hairpin { asks: round, ends: [first, second], came: None, tries };
        true
    }

    fn after_hairpin(&mut self, asks: [usize; 2], ends: [SocketAddr; 2], came: Option<SocketAddr>, tries: u32) -> bool {
        let sockets = asks.map(|ask| self.asks.get(ask).map_or(0, |ask| ask.socket));
        if let Some(from) = came {
            let told = self.judge_hairpin(from, sockets);
            return self.after_hairpins(told);
        }
        let server = self.plan.server;
        let asks = sockets.map(|socket| self.ask(socket, server, SURE_AT_ONCE, |draft| draft));
        self.stage = Stage::HairpinControl { asks, ends, tries };
        true
    }

    fn after_hairpin_control(&mut self, asks: [usize; 2], ends: [SocketAddr; 2], tries: u32) -> bool {
        let mapped = asks.map(|ask| self.heard(ask).and_then(|heard| heard.mapped));
        if mapped != ends.map(Some) {
            if tries > 1 {
                let asks = self.learn_hairpin();
                self.stage = Stage::HairpinLearn { asks, tries: tries - 1 };
                return true;
            }
            return self.after_hairpins(Err("the mappings changed while it was tried".into()));
        }
        let told = self.judge_no_hairpin();
        self.after_hairpins(told)
    }

    fn after_hairpins(&mut self, told: super::Told<super::Hairpinning>) -> bool {
        self.overhear(false);
        self.report.hairpin = told;
        self.stage = Stage::Tcp { next: 0 };
        true
    }

    /// The three places of the mapping test once more, over TCP, from one port.
    fn after_tcp(&mut self, next: usize) -> bool {
        let server = self.plan.server;
        let Some(other) = self.other.filter(|_| self.plan.tcp) else {
            if self.plan.tcp {
                self.report.tcp_mapping = Err("the server has no second address".into());
            }
            return self.begin_lifetime();
        };
        if next > 0 && self.exchanges.get(next - 1).is_none_or(|told| told.is_none()) {
            return false;
        }
        let port = match self.exchanges.first() {
            None => 0,
            Some(Some(Ok((local, _)))) => local.port(),
            Some(_) => {
                self.judge_tcp();
                return self.begin_lifetime();
            }
        };
        let places = [server, SocketAddr::new(other.ip(), server.port()), other];
        let Some(to) = places.get(next) else {
            self.judge_tcp();
            return self.begin_lifetime();
        };
        let (_, bytes) = self.request(|draft| draft);
        self.actions.push_back(Action::Connect { exchange: next, port, to: *to, bytes });
        self.exchanges.push(None);
        self.stage = Stage::Tcp { next: next + 1 };
        true
    }

    /// Nothing can be told without the server.
    fn end_early(&mut self, why: &str) -> bool {
        let told = || why.to_owned();
        let report = &mut self.report;
        (report.mapping, report.filtering, report.hairpin) = (Err(told()), Err(told()), Err(told()));
        (report.port_preserved, report.port_parity, report.lifetime) = (Err(told()), Err(told()), Err(told()));
        (report.fragments, report.alg, report.tcp_mapping) = (Err(told()), Err(told()), Err(told()));
        (report.refresh, report.pooling) = (Err(told()), Err(told()));
        self.stage = Stage::Done;
        true
    }

    /// A lifetime's requests wait for the server as the first one did.
    pub(super) const CALIBRATION: super::ask::Pace = PATIENT;
}
