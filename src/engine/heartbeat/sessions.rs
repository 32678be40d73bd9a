//! All ends that speak to one socket and know us by our token. What is not theirs is counted, and not heard.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::Duration;

use super::message::{Message, Tags};
use super::session::Session;
use super::{Event, Life, Pace, Transmit};

/// After so many timeouts without a sign of life an end is forgotten.
const FORGOTTEN: u32 = 10;

/// The ends; at most so many, further ones are counted and not heard.
#[derive(Debug)]
pub struct Sessions {
    pace: Pace,
    secret: RandomState,
    tokens: u64,
    most: usize,
    chosen: bool,
    ends: Vec<Session>,
    /// What is to be told of ends that are gone.
    left: Vec<Session>,
    met: u64,
    refused: u64,
    ignored: u64,
}

impl Sessions {
    /// Waits for others to speak. Tokens are made of `secret`, which nobody else knows.
    pub fn new(pace: Pace, secret: RandomState, most: usize) -> Self {
        Self {
            pace,
            secret,
            tokens: 0,
            most: most.max(1),
            chosen: false,
            ends: Vec::new(),
            left: Vec::new(),
            met: 0,
            refused: 0,
            ignored: 0,
        }
    }

    /// Speaks to one end from `now` on, and hears nobody else.
    pub fn towards(pace: Pace, secret: RandomState, peer: SocketAddr, now: Duration) -> Self {
        let mut sessions = Self { chosen: true, met: 1, ..Self::new(pace, secret, 1) };
        let token = sessions.token();
        sessions.ends.push(Session::towards(pace, token, peer, now));
        sessions
    }

    pub fn ends(&self) -> &[Session] {
        &self.ends
    }

    /// The end that speaks from there.
    pub fn end(&self, peer: SocketAddr) -> Option<&Session> {
        self.ends.iter().find(|end| end.peer() == peer)
    }

    /// Ends that were forgotten or replaced since the last call; at most as many as there may be ends.
    pub fn take_left(&mut self) -> Vec<Session> {
        std::mem::take(&mut self.left)
    }

    /// How many ends there have been.
    pub fn met(&self) -> u64 {
        self.met
    }

    /// Datagrams of ends for which there was no room.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Datagrams that were not of an end's: of other programs, forged, or none of ours at all.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Takes in a datagram. Nothing that comes without this end's token makes it believe anything of an end that it knows.
    pub fn handle(&mut self, now: Duration, from: SocketAddr, bytes: &[u8]) {
        self.handle_time(now);
        if !self.take(now, from, bytes) {
            self.ignored = self.ignored.saturating_add(1);
        }
    }

    fn take(&mut self, now: Duration, from: SocketAddr, bytes: &[u8]) -> bool {
        let Some((message, tags)) = Tags::decode(bytes) else { return self.take_plain(now, from, bytes) };
        // Our own words, sent back.
        if self.ends.iter().any(|end| end.own() == tags.from) {
            return false;
        }
        if let Some(place) = self.ends.iter().position(|end| end.theirs() == Some(tags.from)) {
            return self.take_known(now, from, message, &tags, place);
        }
        if self.chosen {
            let Some(end) = self.ends.first_mut().filter(|end| end.own() == tags.to) else { return false };
            end.begin_anew(&tags);
            end.handle(now, from, message, &tags);
            return true;
        }
        // The token of another end is nobody's to use; an answer to nothing is none.
        if self.ends.iter().any(|end| end.own() == tags.to) || !matches!(message, Message::Heartbeat(_)) {
            return false;
        }
        self.welcome(now, from, message, &tags);
        true
    }

    fn take_known(&mut self, now: Duration, from: SocketAddr, message: Message, tags: &Tags, place: usize) -> bool {
        let Some(end) = self.ends.get_mut(place) else { return false };
        // Another address with an old number is somebody who repeats what went over the wire.
        if tags.to != 0 && tags.to != end.own() || end.peer() != from && !end.is_news(tags) {
            return false;
        }
        let before = end.is_proven();
        end.handle(now, from, message, tags);
        if end.is_proven() && !before {
            // Whoever spoke from there before has been replaced; not sooner, as the sender's address may be forged.
            let peer = end.peer();
            if let Some(old) =
                (0..self.ends.len()).find(|at| *at != place && self.ends.get(*at).is_some_and(|end| end.peer() == peer))
            {
                if let Some(end) = self.ends.get_mut(place) {
                    end.begin_again();
                }
                let old = self.ends.remove(old);
                self.leave(old);
            }
        }
        true
    }

    fn take_plain(&mut self, now: Duration, from: SocketAddr, bytes: &[u8]) -> bool {
        let message = Message::decode(bytes);
        let known = |end: &&mut Session| end.peer() == from && end.theirs().is_none();
        match self.ends.first_mut().filter(known) {
            Some(end) if self.chosen && message != Message::Other => {
                end.handle_plain(now, from, message);
                true
            }
            _ => false,
        }
    }

    /// Makes room for an end that speaks for the first time, and hears it.
    fn welcome(&mut self, now: Duration, from: SocketAddr, message: Message, tags: &Tags) {
        if self.ends.len() >= self.most {
            // Those who never showed that they hear us may be nobody: they make room first.
            let idle = |end: &Session| {
                end.life() == Life::Lost || !end.is_proven() && now.saturating_sub(end.heard_at()) >= self.pace.late()
            };
            let Some(place) = self.ends.iter().position(idle) else {
                self.refused = self.refused.saturating_add(1);
                return;
            };
            let end = self.ends.remove(place);
            self.leave(end);
        }
        let mut end = Session::with(self.pace, self.token(), from, tags, now);
        end.handle(now, from, message, tags);
        self.ends.push(end);
        self.met = self.met.saturating_add(1);
    }

    /// A token that nobody has had, and nobody can guess.
    fn token(&mut self) -> u64 {
        self.tokens += 1;
        self.secret.hash_one(self.tokens).max(1)
    }

    fn leave(&mut self, end: Session) {
        if self.left.len() < self.most {
            self.left.push(end);
        }
    }

    /// Lets time pass; forgets those who have been lost for long.
    pub fn handle_time(&mut self, now: Duration) {
        for end in &mut self.ends {
            end.handle_time(now);
        }
        let longest = self.pace.timeout.saturating_mul(FORGOTTEN);
        let chosen = self.chosen;
        let forgotten =
            |end: &Session| !chosen && end.life() == Life::Lost && now.saturating_sub(end.heard_at()) >= longest;
        while let Some(place) = self.ends.iter().position(forgotten) {
            let end = self.ends.remove(place);
            self.leave(end);
        }
    }

    /// What is to be sent now, one after another until `None`.
    pub fn transmit(&mut self, now: Duration) -> Option<Transmit> {
        self.ends.iter_mut().find_map(|end| end.transmit(now))
    }

    /// No further heartbeat is sent to anybody.
    pub fn give_up(&mut self) {
        self.ends.iter_mut().for_each(Session::give_up);
    }

    /// The next thing that happened.
    pub fn event(&mut self) -> Option<Event> {
        self.left.iter_mut().chain(&mut self.ends).find_map(Session::event)
    }

    /// Until when to wait for a datagram; `None`: as long as it takes.
    pub fn wait(&self) -> Option<Duration> {
        let longest = self.pace.timeout.saturating_mul(FORGOTTEN);
        let forgotten =
            |end: &Session| (!self.chosen && end.life() == Life::Lost).then(|| end.heard_at().saturating_add(longest));
        self.ends.iter().filter_map(|end| forgotten(end).or_else(|| end.wait())).min()
    }
}
