//! Whether the other end lives, by nothing but when it was heard last.

use std::time::Duration;

use super::{Life, Pace};

/// A change of what is thought of the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The first sign of life, or the first after silence; how long that was.
    Alive(Option<Duration>),
    Late(Duration),
    Lost(Duration),
}

/// Fed with signs of life and with time.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    pace: Pace,
    life: Life,
    /// When something was heard last; the start, before anything was.
    heard: Duration,
}

impl Watch {
    pub fn new(pace: Pace, now: Duration) -> Self {
        Self { pace, life: Life::Unknown, heard: now }
    }

    pub fn life(&self) -> Life {
        self.life
    }

    /// When something was heard last; the start, before anything was.
    pub fn heard(&self) -> Duration {
        self.heard
    }

    /// A sign of life. [`Watch::pass`] comes before it.
    pub fn hear(&mut self, now: Duration) -> Option<Change> {
        let silence = (self.life != Life::Unknown).then(|| now.saturating_sub(self.heard));
        self.heard = now;
        (std::mem::replace(&mut self.life, Life::Alive) != Life::Alive).then_some(Change::Alive(silence))
    }

    /// Lets time pass. Nobody who was alive is lost without having been late.
    pub fn pass(&mut self, now: Duration) -> [Option<Change>; 2] {
        let silence = now.saturating_sub(self.heard);
        let life = match self.life {
            Life::Lost => return [None; 2],
            _ if silence >= self.pace.timeout => Life::Lost,
            Life::Alive if silence >= self.pace.late() => Life::Late,
            same => same,
        };
        let before = std::mem::replace(&mut self.life, life);
        match (before, life) {
            (Life::Alive, Life::Late) => [Some(Change::Late(silence)), None],
            // A caller that slept through both.
            (Life::Alive, Life::Lost) => [Some(Change::Late(self.pace.late())), Some(Change::Lost(silence))],
            (_, Life::Lost) => [Some(Change::Lost(silence)), None],
            _ => [None; 2],
        }
    }

    /// When the other end becomes late or lost if nothing is heard.
    pub fn change(&self) -> Option<Duration> {
        match self.life {
            Life::Alive => Some(self.heard.saturating_add(self.pace.late())),
            Life::Unknown | Life::Late => Some(self.heard.saturating_add(self.pace.timeout)),
            Life::Lost => None,
        }
    }
}
