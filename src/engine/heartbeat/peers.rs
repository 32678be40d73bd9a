//! All ends that speak to one socket: each known by its address, until one goes on from another address.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Event, Heartbeat, Life, Message, Pace, Transmit};

/// After so many timeouts without a sign of life an end is forgotten.
const FORGOTTEN: u32 = 10;

/// The ends that speak to one socket; at most so many, further ones are counted and not heard.
#[derive(Debug)]
pub struct Peers {
    pace: Pace,
    most: usize,
    /// The end was chosen here, and is spoken to whether it answers or not.
    chosen: bool,
    ends: Vec<Heartbeat>,
    refused: u64,
    met: u64,
}

impl Peers {
    /// Waits for others to speak.
    pub fn new(pace: Pace, most: usize) -> Self {
        Self { pace, most: most.max(1), chosen: false, ends: Vec::new(), refused: 0, met: 0 }
    }

    /// Speaks to one end from `now` on, and hears nobody else.
    pub fn towards(pace: Pace, peer: SocketAddr, now: Duration) -> Self {
        Self { pace, most: 1, chosen: true, ends: vec![Heartbeat::new(pace, peer, now)], refused: 0, met: 1 }
    }

    /// How many ends there have been.
    pub fn met(&self) -> u64 {
        self.met
    }

    /// Datagrams of ends for which there was no room.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    pub fn ends(&self) -> &[Heartbeat] {
        &self.ends
    }

    /// Takes in a datagram: of an end that is known, of one that has moved, or of a new one.
    ///
    /// An unknown address is an end that has moved where its heartbeat goes on counting where an end stopped (where one
    /// stopped nearest, and no other as near); or, as the heartbeats of other programs need not count, where there is one end only and it has fallen silent.
    pub fn handle(&mut self, now: Duration, from: SocketAddr, bytes: &[u8]) {
        self.handle_time(now);
        let place = self.ends.iter().position(|end| end.peer() == from).or_else(|| self.moved(bytes));
        if let Some(end) = place.and_then(|place| self.ends.get_mut(place)) {
            end.handle(now, from, bytes);
        } else if self.ends.len() < self.most {
            let mut end = Heartbeat::new(self.pace, from, now);
            end.handle(now, from, bytes);
            self.ends.push(end);
            self.met += 1;
        } else {
            self.refused += 1;
        }
    }

    fn moved(&self, bytes: &[u8]) -> Option<usize> {
        match (Message::decode(bytes), self.ends.as_slice()) {
            (Message::Heartbeat(number), ends) => {
                let steps = ends.iter().enumerate().filter_map(|(place, end)| Some((end.goes_on_with(number)?, place)));
                let mut nearest: Vec<(u64, usize)> = steps.collect();
                nearest.sort_unstable();
                match nearest.as_slice() {
                    [(step, _), (same, _), ..] if step == same => None,
                    nearest => nearest.first().map(|(_, place)| *place),
                }
            }
            (_, [only]) if matches!(only.life(), Life::Late | Life::Lost) => Some(0),
            _ => None,
        }
    }

    /// Lets time pass; forgets those who have been lost for long.
    pub fn handle_time(&mut self, now: Duration) {
        for end in &mut self.ends {
            end.handle_time(now);
        }
        let longest = self.pace.timeout * FORGOTTEN;
        self.ends
            .retain(|end| self.chosen || end.life() != Life::Lost || now.saturating_sub(end.watch.heard()) < longest);
    }

    /// What is to be sent now, one after another until `None`. Nothing to those who came by themselves and are lost: an
    /// address that somebody else wrote into a datagram must not be sent to for ever.
    pub fn transmit(&mut self, now: Duration) -> Option<Transmit> {
        let chosen = self.chosen;
        self.ends.iter_mut().filter(|end| chosen || end.life() != Life::Lost).find_map(|end| end.transmit(now))
    }

    /// No further heartbeat is sent to anybody: [`Heartbeat::give_up`].
    pub fn give_up(&mut self) {
        self.ends.iter_mut().for_each(Heartbeat::give_up);
    }

    /// The next thing that happened.
    pub fn event(&mut self) -> Option<Event> {
        self.ends.iter_mut().find_map(Heartbeat::event)
    }

    /// Until when to wait for a datagram; `None`: as long as it takes.
    pub fn wait(&self) -> Option<Duration> {
        let longest = self.pace.timeout * FORGOTTEN;
        let wait = |end: &Heartbeat| {
            if end.life() == Life::Lost && !self.chosen { end.watch.heard() + longest } else { end.wait() }
        };
        self.ends.iter().map(wait).min()
    }
}
