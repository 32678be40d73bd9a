//! How long a mapping lives: sockets that learn a mapping and fall silent, each for another time, and a second socket that
//! then has the server answer to the first one's port (RFC 5780 §4.6). All wait at once, and the bracket between the
//! longest that lived and the shortest that died is divided again.
//!
//! The lower bound counts from the last sign of life that could have refreshed the mapping to the request whose answer
//! arrived; the upper one from the first to the last moment at which an answer could have arrived. So the lifetime is
//! in between, whatever was lost and sent again.
//!
//! Trap: a server may not know RESPONSE-PORT and answer the second socket; that is found out first.

use std::net::SocketAddr;
use std::time::Duration;

use super::Discovery;
use super::ask::{BURST, SURE_AT_ONCE};
use super::stages::Stage;
use crate::engine::nat::Pooling;

/// Sockets that wait at the same time.
const TOGETHER: u32 = 8;
const MOST_ROUNDS: u32 = 6;
const DIFFERENT: &str = "sockets get different outside addresses, and the server answers to one only";
/// Fine enough, where the whole is short.
const FINE: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waits,
    /// `quiet`: since when nothing had come to the socket that waits.
    Asked {
        burst: usize,
        control: usize,
        quiet: Duration,
    },
    Lived(Duration),
    Died(Duration),
    Unknown,
}

/// One silence.
#[derive(Clone, Copy, Debug)]
struct Probe {
    learns: usize,
    gap: Duration,
    fate: Fate,
}

/// What a lifetime's measurement stands at.
#[derive(Debug, Default)]
pub struct Lifetime {
    /// Filter and fragment tests whose verdict waits for a control.
    pub pending: Option<([usize; 2], usize)>,
    /// The two sockets of the calibration learn; then the second asks.
    calibrate: Option<[usize; 2]>,
    calibrated: Option<usize>,
    probes: Vec<Probe>,
    lower: Duration,
    upper: Option<Duration>,
    rounds: u32,
    /// When a silence ends.
    wakes: Option<Duration>,
}

impl Lifetime {
    pub fn due(&self) -> Option<Duration> {
        self.wakes
    }

    /// So far.
    pub fn bounds(&self) -> (Duration, Option<Duration>) {
        (self.lower, self.upper)
    }
}

impl Discovery {
    pub(super) fn begin_lifetime(&mut self) -> bool {
        let why = match &self.report.mapping {
            Ok(None) => Some("there is no NAT"),
            _ if !self.plan.max_lifetime.is_zero() && self.report.pooling == Ok(Pooling::Arbitrary) => Some(DIFFERENT),
            _ if self.plan.max_lifetime.is_zero() => {
                Some("it was not asked for; --max-lifetime says how long to wait at most")
            }
            _ => None,
        };
        if let Some(why) = why {
            return self.no_lifetime(why);
        }
        let server = self.plan.server;
        self.lifetime.calibrate = Some([0, 0].map(|host| {
            let socket = self.open(host);
            self.ask(socket, server, Self::CALIBRATION, |draft| draft)
        }));
        self.stage = Stage::Lifetime;
        true
    }

    pub(super) fn advance_lifetime(&mut self, now: Duration) -> bool {
        if let Some(asks) = self.lifetime.calibrate.take() {
            if !self.are_over(&asks) {
                self.lifetime.calibrate = Some(asks);
                return false;
            }
            return self.calibrate(asks);
        }
        if let Some(ask) = self.lifetime.calibrated.take() {
            if !self.are_over(&[ask]) {
                self.lifetime.calibrated = Some(ask);
                return false;
            }
            return self.after_calibration(ask);
        }
        let kept = self.watch_refresh(now);
        self.watch(now) || kept
    }

    fn calibrate(&mut self, [x, y]: [usize; 2]) -> bool {
        let mapped = [x, y].map(|ask| self.heard(ask).and_then(|heard| heard.mapped));
        let [Some(x), Some(second)] = mapped else { return self.no_lifetime("the server no longer answered") };
        if x.ip() != second.ip() {
            return self.no_lifetime(DIFFERENT);
        }
        let socket = self.asks.get(y).map_or(0, |ask| ask.socket);
        let server = self.plan.server;
        self.lifetime.calibrated =
            Some(self.ask(socket, server, SURE_AT_ONCE, |draft| draft.with_response_port(x.port())));
        true
    }

    fn after_calibration(&mut self, ask: usize) -> bool {
        let asked = self.asks.get(ask).map(|ask| ask.socket);
        match self.heard(ask).copied() {
            None => self.no_lifetime("an answer to the port of another socket does not arrive, even at once"),
            Some(heard) if heard.error.is_some() => self.no_lifetime("the server does not know RESPONSE-PORT"),
            Some(heard) if Some(heard.socket) == asked => {
                self.no_lifetime("the server passes over RESPONSE-PORT: it answers where the question came from")
            }
            Some(_) => {
                // Short ones close together: most lifetimes are a small part of the longest.
                let most = self.plan.max_lifetime;
                let share = |at: u32| most * at * at / (TOGETHER * TOGETHER);
                self.round((1..=TOGETHER).map(share).collect());
                true
            }
        }
    }

    fn no_lifetime(&mut self, why: &str) -> bool {
        (self.report.lifetime, self.report.refresh) = (Err(why.to_owned()), Err(why.to_owned()));
        self.stage = Stage::Done;
        true
    }

    /// Begins one silence for each of `gaps`, shortest first.
    fn round(&mut self, gaps: Vec<Duration>) {
        let server = self.plan.server;
        self.lifetime.rounds += 1;
        self.lifetime.probes.clear();
        for gap in gaps {
            let socket = self.open(0);
            let learns = self.ask(socket, server, SURE_AT_ONCE, |draft| draft);
            self.lifetime.probes.push(Probe { learns, gap, fate: Fate::Waits });
        }
    }

    /// Looks after the silences; true where something happened.
    fn watch(&mut self, now: Duration) -> bool {
        let mut happened = false;
        let mut wakes = None;
        for at in 0..self.lifetime.probes.len() {
            let Some(probe) = self.lifetime.probes.get(at).copied() else { break };
            let fate = match probe.fate {
                Fate::Waits => match self.wake(now, &probe) {
                    Ok(fate) => fate,
                    Err(when) => {
                        wakes = [wakes, when].into_iter().flatten().min();
                        continue;
                    }
                },
                Fate::Asked { burst, control, quiet } => match self.fate(&probe, burst, control, quiet) {
                    Some(fate) => fate,
                    None => continue,
                },
                _ => continue,
            };
            if let Some(probe) = self.lifetime.probes.get_mut(at) {
                probe.fate = fate;
            }
            happened = true;
        }
        self.lifetime.wakes = wakes;
        happened || self.end_of_round()
    }

    /// The end of one silence, or when it comes.
    fn wake(&mut self, now: Duration, probe: &Probe) -> Result<Fate, Option<Duration>> {
        let Some(ask) = self.asks.get(probe.learns) else { return Ok(Fate::Unknown) };
        if !ask.is_over() {
            return Err(None);
        }
        let heard = ask.heard().and_then(|heard| Some((heard.at, heard.mapped?)));
        let Some((at, mapped)) = heard else { return Ok(Fate::Unknown) };
        if now < at + probe.gap {
            return Err(Some(at + probe.gap));
        }
        let quiet = self.sockets.get(ask.socket).map_or(at, |socket| socket.heard.max(at));
        let server = self.plan.server;
        let socket = self.open(0);
        let burst = self.ask(socket, server, BURST, |draft| draft.with_response_port(mapped.port()));
        let control = self.ask(socket, server, SURE_AT_ONCE, |draft| draft);
        Ok(Fate::Asked { burst, control, quiet })
    }

    fn fate(&mut self, probe: &Probe, burst: usize, control: usize, quiet: Duration) -> Option<Fate> {
        let (learns, asked) = (self.asks.get(probe.learns)?, self.asks.get(burst)?);
        let (first, x) = (learns.first, learns.socket);
        if let Some(heard) = asked.heard() {
            let lived = heard.socket == x;
            let fate = if lived { Fate::Lived(asked.first.saturating_sub(quiet)) } else { Fate::Unknown };
            return Some(self.finish(probe, burst, fate));
        }
        if !self.are_over(&[burst, control]) {
            return None;
        }
        let outside = |ask: usize| self.heard(ask).and_then(|heard| heard.mapped).map(|end: SocketAddr| end.ip());
        let fate = match self.heard(control) {
            Some(_) if outside(control) == outside(probe.learns) => {
                let last = self.asks.get(burst).map_or(first, |ask| ask.last) + self.rto;
                Fate::Died(last.saturating_sub(first))
            }
            _ => Fate::Unknown,
        };
        Some(self.finish(probe, burst, fate))
    }

    fn finish(&mut self, probe: &Probe, burst: usize, fate: Fate) -> Fate {
        for ask in [probe.learns, burst] {
            let socket = self.asks.get(ask).map_or(0, |ask| ask.socket);
            self.close(socket);
        }
        fate
    }

    /// Narrows the bracket when enough is known.
    fn end_of_round(&mut self) -> bool {
        let probes = &self.lifetime.probes;
        let open = |probe: &&Probe| matches!(probe.fate, Fate::Waits | Fate::Asked { .. });
        let died = probes.iter().position(|probe| matches!(probe.fate, Fate::Died(_)));
        // Once one has died, nothing is to be learnt from those that wait longer.
        let needed = probes.get(..died.unwrap_or(probes.len())).unwrap_or_default();
        if needed.iter().any(|probe| open(&probe)) {
            return false;
        }
        for probe in probes.iter().filter(open) {
            let socket = self.asks.get(probe.learns).map_or(0, |ask| ask.socket);
            self.actions.push_back(super::Action::Close { socket });
        }
        let lived = probes.iter().filter_map(|probe| if let Fate::Lived(gap) = probe.fate { Some(gap) } else { None });
        let died = probes.iter().filter_map(|probe| if let Fate::Died(gap) = probe.fate { Some(gap) } else { None });
        let (lived, died) = (lived.max(), died.min());
        if lived.is_none() && died.is_none() {
            return self.no_lifetime("the server no longer answered");
        }
        let lower = self.lifetime.lower.max(lived.unwrap_or_default());
        let upper = [self.lifetime.upper, died].into_iter().flatten().min();
        (self.lifetime.lower, self.lifetime.upper) = (lower, upper);
        let Some(upper) = upper else {
            self.report.lifetime = Ok((lower, None));
            return self.finish_refresh();
        };
        if lower >= upper {
            return self.no_lifetime(
                "the answers contradict each other: a longer silence was survived, a shorter one was not",
            );
        }
        // Nothing finer can be told than the copies of one question are apart.
        let apart = self.rto * 2 + Duration::from_millis(300);
        let fine = FINE.max(self.plan.max_lifetime / 100).max(apart);
        if upper - lower <= fine || self.lifetime.rounds >= MOST_ROUNDS {
            self.report.lifetime = Ok((lower, Some(upper)));
            return self.finish_refresh();
        }
        self.begin_refresh();
        let step = (upper - lower) / (TOGETHER + 1);
        self.round((1..=TOGETHER).map(|at| lower + step * at).collect());
        true
    }
}
