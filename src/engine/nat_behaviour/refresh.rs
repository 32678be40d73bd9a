//! Whose packets keep a mapping alive (RFC 4787 §4.3, REQ-6): a socket learns a mapping and never sends again. After most
//! of the lifetime, while the mapping is sure to live, a second socket has the server send something to it; and after
//! most of a lifetime more, when it would long be gone, something else. That arrives where packets from outside refresh.
//!
//! The bounds of the lifetime decide what counts: lived is longer than the upper one since anything was sent, died is
//! shorter than the lower one since the packet from outside had come. Anything else says nothing.

use std::net::SocketAddr;
use std::time::Duration;

use super::ask::{BURST, SURE_AT_ONCE};
use super::stages::Stage;
use super::{Discovery, Told};
use crate::engine::nat::Refresh;

/// Sockets that are asked about at the same time, so that one may be lost.
const TOGETHER: usize = 3;
/// From the first copy of a question to the last.
const COPIES: Duration = Duration::from_millis(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Its mapping is learnt; then silence.
    Silent,
    /// Something is to come from outside.
    Keeping {
        burst: usize,
    },
    /// It came then; silence again.
    Kept {
        came: Duration,
    },
    Asked {
        came: Duration,
        burst: usize,
        control: usize,
    },
    Over(Option<Refresh>),
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    learns: usize,
    step: Step,
}

/// What this measurement stands at.
#[derive(Debug, Default)]
pub struct Keeping {
    probes: Vec<Probe>,
    /// Each of the two silences.
    gap: Duration,
    wakes: Option<Duration>,
}

impl Keeping {
    pub fn due(&self) -> Option<Duration> {
        self.wakes
    }
}

impl Discovery {
    /// Begins as soon as the lifetime is known well enough: two silences that are each shorter are together longer.
    pub(super) fn begin_refresh(&mut self) {
        let (lower, Some(upper)) = self.lifetime.bounds() else { return };
        let room = lower.saturating_sub(upper / 2);
        if !self.keeping.probes.is_empty() || room < (self.rto + COPIES) * 2 {
            return;
        }
        self.keeping.gap = lower - room / 2;
        let server = self.plan.server;
        for _ in 0..TOGETHER {
            let socket = self.open(0);
            let learns = self.ask(socket, server, SURE_AT_ONCE, |draft| draft);
            self.keeping.probes.push(Probe { learns, step: Step::Silent });
        }
    }

    /// The lifetime is known; what is under way is waited for.
    pub(super) fn finish_refresh(&mut self) -> bool {
        self.begin_refresh();
        self.stage = Stage::Refresh;
        true
    }

    /// Looks after the sockets; true where something happened.
    pub(super) fn watch_refresh(&mut self, now: Duration) -> bool {
        let mut happened = false;
        let mut wakes = None;
        for at in 0..self.keeping.probes.len() {
            let Some(probe) = self.keeping.probes.get(at).copied() else { break };
            match self.step(now, &probe) {
                Ok(step) => {
                    happened = true;
                    if let Some(probe) = self.keeping.probes.get_mut(at) {
                        probe.step = step;
                    }
                }
                Err(when) => wakes = [wakes, when].into_iter().flatten().min(),
            }
        }
        self.keeping.wakes = wakes;
        happened
    }

    pub(super) fn advance_refresh(&mut self, now: Duration) -> bool {
        if self.watch_refresh(now) {
            return true;
        }
        if self.keeping.probes.iter().any(|probe| !matches!(probe.step, Step::Over(_))) {
            return false;
        }
        self.report.refresh = self.judge_refresh();
        self.stage = Stage::Done;
        true
    }

    fn judge_refresh(&self) -> Told<Refresh> {
        if self.lifetime.bounds().1.is_none() {
            return Err("the mapping outlived the wait by itself".into());
        }
        if self.keeping.probes.is_empty() {
            return Err("the lifetime is too short, or known too roughly".into());
        }
        let mut told = self.keeping.probes.iter().filter_map(|probe| match probe.step {
            Step::Over(told) => told,
            _ => None,
        });
        match told.next() {
            None => Err("the packets from outside did not arrive, or not in time".into()),
            Some(first) if told.all(|next| next == first) => Ok(first),
            Some(_) => Err("one mapping was kept by packets from outside, another one was not".into()),
        }
    }

    /// What comes next for one socket, or when.
    fn step(&mut self, now: Duration, probe: &Probe) -> Result<Step, Option<Duration>> {
        let Some(learns) = self.asks.get(probe.learns) else { return Ok(Step::Over(None)) };
        let (x, sent) = (learns.socket, learns.last);
        match probe.step {
            Step::Silent => {
                if !learns.is_over() {
                    return Err(None);
                }
                let Some((at, mapped)) = learns.heard().and_then(|heard| Some((heard.at, heard.mapped?))) else {
                    return Ok(self.end(x, None));
                };
                self.silence(now, at)?;
                let (burst, _) = self.ask_for(mapped, false);
                Ok(Step::Keeping { burst })
            }
            Step::Keeping { burst } => {
                if !self.are_over(&[burst]) {
                    return Err(None);
                }
                self.close_of(burst);
                match self.heard(burst).filter(|heard| heard.socket == x).map(|heard| heard.at) {
                    Some(came) => Ok(Step::Kept { came }),
                    None => Ok(self.end(x, None)),
                }
            }
            Step::Kept { came } => {
                self.silence(now, came)?;
                let Some(mapped) = self.heard(probe.learns).and_then(|heard| heard.mapped) else {
                    return Ok(self.end(x, None));
                };
                // Copies of the packet from outside may have come since.
                let came = self.sockets.get(x).map_or(came, |socket| socket.heard.max(came));
                let (burst, control) = self.ask_for(mapped, true);
                Ok(Step::Asked { came, burst, control })
            }
            Step::Asked { came, burst, control } => {
                let Some(asked) = self.asks.get(burst) else { return Ok(self.end(x, None)) };
                let (first, last, heard) = (asked.first, asked.last, asked.heard().map(|heard| heard.socket));
                let (lower, Some(upper)) = self.lifetime.bounds() else { return Ok(self.end(x, None)) };
                let told = match heard {
                    Some(socket) => (socket == x && first.saturating_sub(sent) > upper).then_some(Refresh::Any),
                    None if !self.are_over(&[burst, control]) => return Err(None),
                    None => {
                        let outside = |ask| self.heard(ask).and_then(|heard| heard.mapped).map(|end| end.ip());
                        let same = outside(control).is_some() && outside(control) == outside(probe.learns);
                        let early = (last + self.rto).saturating_sub(came) < lower;
                        (same && early).then_some(Refresh::Outbound)
                    }
                };
                self.close_of(burst);
                Ok(self.end(x, told))
            }
            Step::Over(_) => Err(None),
        }
    }

    fn silence(&self, now: Duration, since: Duration) -> Result<(), Option<Duration>> {
        let end = since + self.keeping.gap;
        if now < end { Err(Some(end)) } else { Ok(()) }
    }

    /// From a socket of its own, an answer to `mapped`; and one to itself, to know that there are answers.
    fn ask_for(&mut self, mapped: SocketAddr, controlled: bool) -> (usize, usize) {
        let server = self.plan.server;
        let socket = self.open(0);
        let burst = self.ask(socket, server, BURST, |draft| draft.with_response_port(mapped.port()));
        let control = if controlled { self.ask(socket, server, SURE_AT_ONCE, |draft| draft) } else { burst };
        (burst, control)
    }

    fn close_of(&mut self, ask: usize) {
        if let Some(socket) = self.asks.get(ask).map(|ask| ask.socket) {
            self.close(socket);
        }
    }

    fn end(&mut self, socket: usize, told: Option<Refresh>) -> Step {
        self.close(socket);
        Step::Over(told)
    }
}
