//! Multicast as a sender and a receiver see it: datagrams marked with who sent them and which one each is, so that the
//! receiver tells what was lost, doubled or late; and what IGMP or MLD joining and leaving make a host say.
//!
//! Trap: a mark proves nothing, anybody can write one. It is counted by sender's address, run and group together, and
//! only so many of these are kept.

pub mod mark;
pub mod report;
#[cfg(test)]
mod tests;
mod window;

use std::net::SocketAddr;
use std::time::Duration;

pub use mark::Mark;
pub use window::{Counts, Order, WINDOW, Window};

/// Senders that are counted at the same time.
pub const MOST_SENDERS: usize = 256;
/// A sender that was silent for so long gives up its place where there is none left.
pub const SILENT: Duration = Duration::from_secs(60);

/// A run of a sender, to one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    pub from: SocketAddr,
    /// The group and port.
    pub to: SocketAddr,
    pub run: u32,
}

/// One that has been heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    pub who: Who,
    pub window: Window,
    heard: Duration,
}

/// What a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// Nothing is known of its order: another program's.
    Plain,
    /// One of ours: its text without the mark.
    Counted { text: &'a [u8], mark: Mark, order: Order },
    /// One of ours, for whose sender there was no place.
    Uncounted { text: &'a [u8], mark: Mark },
}

/// Counts what several senders send. Times are since a moment that the caller chooses, the same for all calls.
#[derive(Debug, Default)]
pub struct Receiver {
    senders: Vec<Sender>,
    forgotten: u64,
    uncounted: u64,
    plain: u64,
}

impl Receiver {
    /// Takes in a datagram that came to the group `to`.
    pub fn hear<'a>(&mut self, now: Duration, from: SocketAddr, to: SocketAddr, bytes: &'a [u8]) -> Heard<'a> {
        let Some((text, mark)) = Mark::decode(bytes) else {
            self.plain += 1;
            return Heard::Plain;
        };
        let who = Who { from, to, run: mark.run };
        if let Some(sender) = self.senders.iter_mut().find(|sender| sender.who == who) {
            sender.heard = now;
            return Heard::Counted { text, mark, order: sender.window.hear(mark.number) };
        }
        if self.senders.len() >= MOST_SENDERS && !self.forget_silent(now) {
            self.uncounted += 1;
            return Heard::Uncounted { text, mark };
        }
        self.senders.push(Sender { who, window: Window::new(mark.number), heard: now });
        Heard::Counted { text, mark, order: Order::First }
    }

    /// Makes room: the one that was silent longest goes, if it was silent for long enough.
    fn forget_silent(&mut self, now: Duration) -> bool {
        let longest = self.senders.iter().enumerate().min_by_key(|(_, sender)| sender.heard);
        let Some(place) = longest.filter(|(_, one)| now.saturating_sub(one.heard) >= SILENT).map(|(place, _)| place)
        else {
            return false;
        };
        self.senders.remove(place);
        self.forgotten += 1;
        true
    }

    /// Those that are counted, in the order in which they were heard first.
    pub fn senders(&self) -> &[Sender] {
        &self.senders
    }

    /// How many were silent for long and made room for others.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Datagrams of senders for which there was no place.
    pub fn uncounted(&self) -> u64 {
        self.uncounted
    }

    /// Datagrams without a mark.
    pub fn plain(&self) -> u64 {
        self.plain
    }
}
