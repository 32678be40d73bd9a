//! Who queries on a LAN, and the timers that its queries set (RFC 2236 §3 and §8, RFC 3376 §6.6.2 and §8, RFC 3810 §7.6).

use std::net::IpAddr;

use super::message::Query;
use crate::frame::Timestamp;

const SECOND: i64 = 1_000_000_000;

/// What a querier's queries set, in nanoseconds; until one was heard the values of the RFCs (RFC 3376 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    pub robustness: i64,
    pub interval: i64,
    pub response: i64,
}

impl Default for Timers {
    fn default() -> Self {
        Self { robustness: 2, interval: 125 * SECOND, response: 10 * SECOND }
    }
}

impl Timers {
    /// How long a group is remembered without a report (Group Membership Interval; MLD: Multicast Address Listening
    /// Interval).
    pub fn membership(&self) -> i64 {
        self.robustness.saturating_mul(self.interval).saturating_add(self.response)
    }

    /// How long a querier may be silent before another takes its place.
    pub fn other_querier(&self) -> i64 {
        self.robustness.saturating_mul(self.interval).saturating_add(self.response / 2)
    }

    /// How long a group is remembered after a query for it alone: each repetition gives hosts its time to answer.
    pub fn last_member(&self, response: i64) -> i64 {
        self.robustness.saturating_mul(response)
    }

    /// Takes over what a general query tells; what it does not tell is as the RFCs have it (RFC 3376 §4.1.6, §4.1.7).
    pub fn learn(&mut self, query: &Query) {
        let standard = Self::default();
        self.robustness = query.robustness.filter(|told| *told > 0).map_or(standard.robustness, i64::from);
        self.interval = query.interval.filter(|told| *told > 0).unwrap_or(standard.interval);
        self.response = query.response;
    }
}

/// The elected querier: of those heard, the one with the lowest address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Querier {
    pub address: IpAddr,
    pub version: u8,
    /// Whether its queries tell interval and robustness; else those are the RFCs'.
    pub tells: bool,
    /// When it was heard last.
    pub heard: Timestamp,
    /// When another may take its place.
    pub expires: Timestamp,
    /// Time between its last two general queries, measured.
    pub measured: Option<i64>,
    /// When its last general query came.
    pub(super) asked: Option<Timestamp>,
}

/// What a query was to the election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the querier now; the one before it, if there was one.
    Elected(Option<IpAddr>),
    /// It is still the querier; its version before, if that is another.
    Stays(Option<u8>),
    /// Another one has a lower address.
    Yields,
    /// From 0.0.0.0, as switches ask that have no address: nobody is elected (RFC 4541 §2.1.1).
    NoCandidate,
}

/// The state of the election.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Election {
    pub querier: Option<Querier>,
    /// When somebody asked as 0.0.0.0.
    pub proxy: Option<Timestamp>,
    pub timers: Timers,
}

impl Election {
    /// Takes a query by `sender` into account.
    pub fn query(&mut self, sender: IpAddr, version: u8, query: &Query, now: Timestamp) -> Outcome {
        let general = query.group.is_none();
        if sender.is_unspecified() {
            self.proxy = Some(now);
            if general && self.querier.is_none() {
                self.timers.learn(query);
            }
            return Outcome::NoCandidate;
        }
        let before = self.querier;
        if before.is_some_and(|before| before.address < sender) {
            return Outcome::Yields;
        }
        if general {
            self.timers.learn(query);
        }
        let same = before.filter(|before| before.address == sender);
        let last = same.and_then(|same| same.asked);
        let measured = last.filter(|_| general).map(|last| now.since(last)).filter(|time| *time > 0);
        self.querier = Some(Querier {
            address: sender,
            version,
            tells: query.robustness.is_some(),
            heard: now,
            expires: Timestamp(now.0.saturating_add(self.timers.other_querier())),
            measured: measured.or(same.and_then(|same| same.measured)),
            asked: if general { Some(now) } else { last },
        });
        match same {
            Some(same) => Outcome::Stays(Some(same.version).filter(|before| *before != version)),
            None => Outcome::Elected(before.map(|before| before.address)),
        }
    }

    /// The querier that has been silent for too long, taken from its place.
    pub fn expire(&mut self, now: Timestamp) -> Option<Querier> {
        if self.querier?.expires <= now { self.querier.take() } else { None }
    }

    /// Whether somebody asks without being elected.
    pub fn is_asked_by_proxy(&self, now: Timestamp) -> bool {
        self.proxy.is_some_and(|last| now.since(last) < self.timers.other_querier())
    }
}
