//! One life of a peer, as the server knows it, and those that a session has seen.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::cookie;
use super::message::{Id, Inside, Nonce};

/// Requests that are remembered of a life, so that none is taken twice: one a second for as long as a cookie may hold.
pub const MOST_NONCES: usize = cookie::LONGEST.as_secs() as usize;
/// Lives that are over and remembered, of one session.
pub const MOST_OVER: usize = 4;

/// Whether somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Living,
    /// Not heard for as long as it is held; a new request of it brings it back.
    Silent,
    /// It said so, or another one took its place: nothing brings it back.
    Gone,
}

/// A life.
#[derive(Debug)]
pub struct Life {
    pub id: Id,
    /// Where it proved that it hears.
    pub outside: SocketAddr,
    /// What it tells of itself. Nothing is ever sent there from here.
    pub inside: Inside,
    /// The other one that it knows of.
    pub has: Option<Id>,
    /// When it was heard last.
    pub heard: Duration,
    pub state: State,
    /// The last number that it gave for the other one.
    pub relayed: Option<u32>,
    nonces: VecDeque<Nonce>,
}

impl Life {
    pub fn new(id: Id, outside: SocketAddr, now: Duration) -> Self {
        let (inside, has, nonces) = (Inside::new(), None, VecDeque::new());
        Self { id, outside, inside, has, heard: now, state: State::Living, relayed: None, nonces }
    }

    pub fn is_living(&self) -> bool {
        self.state == State::Living
    }

    /// Whether this request is a new one; it is remembered then.
    pub fn is_new(&mut self, nonce: Nonce) -> bool {
        if self.nonces.contains(&nonce) {
            return false;
        }
        if self.nonces.len() >= MOST_NONCES {
            self.nonces.pop_front();
        }
        self.nonces.push_back(nonce);
        true
    }

    pub fn nonces(&self) -> usize {
        self.nonces.len()
    }
}

/// The lives that a session has seen: at most two that are there, and some that were.
#[derive(Debug, Default)]
pub struct Lives(Vec<Life>);

impl Lives {
    pub fn all(&self) -> &[Life] {
        &self.0
    }

    pub fn living(&self) -> impl Iterator<Item = &Life> {
        self.0.iter().filter(|life| life.is_living())
    }

    pub fn of(&mut self, id: Id) -> Option<&mut Life> {
        self.0.iter_mut().find(|life| life.id == id)
    }

    /// The one that lives and is seen there.
    pub fn at(&mut self, outside: SocketAddr) -> Option<&mut Life> {
        self.0.iter_mut().find(|life| life.is_living() && life.outside == outside)
    }

    /// The one that lives and is not this one.
    pub fn other(&self, id: Id) -> Option<&Life> {
        self.living().find(|life| life.id != id)
    }

    /// Takes one more in; where too many are over, the one that was heard the longest ago is forgotten.
    pub fn add(&mut self, life: Life) {
        self.0.push(life);
        let over = self.0.iter().filter(|life| !life.is_living());
        if over.clone().count() > MOST_OVER
            && let Some(oldest) = over.min_by_key(|life| life.heard).map(|life| life.id)
        {
            self.0.retain(|life| life.id != oldest);
        }
    }

    /// Ends those that have been silent since `until`; each is given to `ended`.
    pub fn end_silent(&mut self, until: Duration, mut ended: impl FnMut(&Life)) {
        for life in self.0.iter_mut().filter(|life| life.is_living() && life.heard <= until) {
            life.state = State::Silent;
            ended(life);
        }
    }

    /// Forgets those that are over and were heard last before `since`.
    pub fn forget(&mut self, since: Duration) {
        self.0.retain(|life| life.is_living() || life.heard >= since);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
