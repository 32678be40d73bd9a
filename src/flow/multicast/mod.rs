//! The multicast groups of LANs, as their IGMP and MLD messages tell of them: which host wants which group from which
//! sources, until when that is believed, and who queries (RFC 1112, 2236, 3376; 2710, 3810).
//!
//! Pure: the clock is the messages' own, and [`Lans::advance`] for the time between them. This is the state that a router
//! or a snooping switch on the LAN would keep, but by host. Trap: a host that speaks an older version keeps silent where
//! another one reports the group, so there may be more members than are shown.
//!
//! Bounded: at most [`MOST_LANS`], [`MOST_MEMBERSHIPS`], [`MOST_HOSTS`] and [`MOST_SOURCES`], whatever a hostile LAN
//! says; what finds no room is counted, and told once.

pub mod message;
pub mod querier;
#[cfg(test)]
mod tests;
pub mod wants;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::frame::Timestamp;
pub use message::{Family, Host, Message, Place};
use message::{Query, Record, Says};
use querier::{Election, Outcome};
use wants::Filter;

pub const MOST_LANS: usize = 256;
/// Hosts times groups, of all LANs together.
pub const MOST_MEMBERSHIPS: usize = 50_000;
/// Hosts of one group: as many as a query or a report may have to look at.
pub const MOST_HOSTS: usize = 4096;
/// Sources in all their filters.
pub const MOST_SOURCES: usize = 200_000;
/// The table is not searched for what has ended more often than this, in nanoseconds: a LAN full of lies must not cost a
/// search with each of them.
const SEARCH: i64 = 100_000_000;

/// What a host wants of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Of its last report.
    pub version: u8,
    pub filter: Filter,
    /// When the host itself said so last; another's report may have kept it since.
    pub reported: Timestamp,
}

impl Membership {
    pub fn wants(&self) -> Wants {
        Wants { version: self.version, excludes: self.filter.excludes(), sources: self.filter.sources() }
    }
}

/// A membership at a moment, for whoever is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants {
    pub version: u8,
    /// All but `sources`, or `sources` only.
    pub excludes: bool,
    pub sources: Vec<IpAddr>,
}

/// IGMP or MLD on one LAN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub election: Election,
    pub groups: BTreeMap<IpAddr, BTreeMap<Host, Membership>>,
}

impl State {
    /// Whether nothing was ever heard, or all is over.
    pub fn is_silent(&self) -> bool {
        self.groups.is_empty() && self.election.querier.is_none() && self.election.proxy.is_none()
    }
}

/// One LAN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lan {
    /// How many were heard here.
    pub messages: u64,
    states: [State; 2],
}

impl Lan {
    pub fn of(&self, family: Family) -> &State {
        let [igmp, mld] = &self.states;
        match family {
            Family::Igmp => igmp,
            Family::Mld => mld,
        }
    }

    fn of_mut(&mut self, family: Family) -> &mut State {
        let [igmp, mld] = &mut self.states;
        match family {
            Family::Igmp => igmp,
            Family::Mld => mld,
        }
    }
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub time: Timestamp,
    pub place: Place,
    pub family: Family,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// This one queries now, and took the place of `before`.
    Elected {
        querier: IpAddr,
        version: u8,
        before: Option<IpAddr>,
    },
    /// The querier speaks another version than before.
    Speaks {
        querier: IpAddr,
        version: u8,
        before: u8,
    },
    /// The querier was silent for too long.
    Gone {
        querier: IpAddr,
    },
    /// A query for one group: whoever still wants it has so many nanoseconds to say so.
    Asked {
        group: IpAddr,
        sources: Vec<IpAddr>,
        within: i64,
    },
    Joined {
        host: Host,
        group: IpAddr,
        wants: Wants,
    },
    /// The host wants other sources of it than before.
    Changed {
        host: Host,
        group: IpAddr,
        wants: Wants,
    },
    Left {
        host: Host,
        group: IpAddr,
    },
    /// A host that had no address when it joined has one now.
    Addressed {
        before: Host,
        host: Host,
        group: IpAddr,
    },
    /// The host did not report it for too long.
    Expired {
        host: Host,
        group: IpAddr,
    },
    /// There is no room for more.
    Full,
}

/// All LANs that a capture sees.
#[derive(Clone, Debug, Default)]
pub struct Lans {
    lans: BTreeMap<Place, Lan>,
    memberships: usize,
    sources: usize,
    /// Messages, or records of them, that found no room.
    pub refused: u64,
    began: Option<Timestamp>,
    now: Timestamp,
    /// Nothing ends before this.
    next: Timestamp,
    searched: Timestamp,
}

impl Lans {
    pub fn new() -> Self {
        Self { next: NEVER, ..Self::default() }
    }

    /// Each LAN of which something was heard, or that was [watched](Self::watch).
    pub fn each(&self) -> impl Iterator<Item = (Place, &Lan)> {
        self.lans.iter().map(|(place, lan)| (*place, lan))
    }

    /// From when to when these LANs were listened to.
    pub fn heard(&self) -> (Timestamp, Timestamp) {
        (self.began.unwrap_or(self.now), self.now)
    }

    /// Listens to this LAN, whether anything is heard or not.
    pub fn watch(&mut self, place: Place) {
        if self.lans.len() < MOST_LANS {
            self.lans.entry(place).or_default();
        }
    }

    /// It is `now`: what has ended is forgotten. Time never goes back.
    pub fn advance(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        self.began.get_or_insert(now);
        self.now = self.now.max(now);
        if self.now >= self.next && self.now.since(self.searched) >= SEARCH {
            self.search(events);
        }
    }

    /// Takes a message into account, and tells what it changed.
    pub fn hear(&mut self, message: &Message, events: &mut Vec<Event>) {
        self.advance(message.time, events);
        if !self.lans.contains_key(&message.place) && self.lans.len() >= MOST_LANS {
            return self.refuse(message, events);
        }
        let lan = self.lans.entry(message.place).or_default();
        lan.messages = lan.messages.saturating_add(1);
        match &message.says {
            Says::Query(query) => self.query(message, query, events),
            Says::Report(records) => {
                for record in records {
                    self.record(message, record, events);
                }
            }
            Says::Leave(group) => self.leave(message, *group, events),
        }
    }

    fn tell(&self, message: &Message, what: What, events: &mut Vec<Event>) {
        events.push(Event { time: self.now, place: message.place, family: message.family, what });
    }

    fn refuse(&mut self, message: &Message, events: &mut Vec<Event>) {
        if self.refused == 0 {
            self.tell(message, What::Full, events);
        }
        self.refused = self.refused.saturating_add(1);
    }

    fn query(&mut self, message: &Message, query: &Query, events: &mut Vec<Event>) {
        let now = self.now;
        let state = self.lans.entry(message.place).or_default().of_mut(message.family);
        let querier = message.sender.address;
        let version = message.version;
        // One that has just ended may be elected anew.
        let gone = state.election.expire(now);
        let outcome = state.election.query(querier, version, query, now);
        if let Some(elected) = state.election.querier {
            self.next = self.next.min(elected.expires);
        }
        if let Some(gone) = gone {
            self.tell(message, What::Gone { querier: gone.address }, events);
        }
        match outcome {
            Outcome::Elected(before) => self.tell(message, What::Elected { querier, version, before }, events),
            Outcome::Stays(Some(before)) => self.tell(message, What::Speaks { querier, version, before }, events),
            _ => {}
        }
        let (Some(group), false) = (query.group, query.suppress) else { return };
        let state = self.lans.entry(message.place).or_default().of_mut(message.family);
        let within = state.election.timers.last_member(query.response);
        let until = after(now, within);
        // Where a host of IGMP version 1 is, no leave counts, and nobody need answer (RFC 2236 §5).
        let old = |membership: &Membership| message.family == Family::Igmp && membership.version == 1;
        for membership in state.groups.get_mut(&group).into_iter().flat_map(BTreeMap::values_mut) {
            if !old(membership) {
                membership.filter.lower(&query.sources, until);
            }
        }
        self.next = self.next.min(until);
        self.tell(message, What::Asked { group, sources: query.sources.clone(), within }, events);
    }

    fn record(&mut self, message: &Message, record: &Record, events: &mut Vec<Event>) {
        let now = self.now;
        let room = self.memberships < MOST_MEMBERSHIPS && self.sources + record.sources.len() <= MOST_SOURCES;
        let state = self.lans.entry(message.place).or_default().of_mut(message.family);
        let until = after(now, state.election.timers.membership());
        let before = rename(state, message, record.group);
        if let Some(before) = before {
            let what = What::Addressed { before, host: message.sender, group: record.group };
            events.push(Event { time: now, place: message.place, family: message.family, what });
        }
        let crowd = state.groups.get(&record.group).map_or(0, BTreeMap::len);
        let known = state.groups.get_mut(&record.group).and_then(|hosts| hosts.get_mut(&message.sender));
        let is_known = known.is_some();
        let mut fresh = Membership { version: message.version, filter: Filter::nothing(), reported: now };
        let membership = known.unwrap_or(&mut fresh);
        let (count, before) = (membership.filter.count(), membership.wants());
        // What has ended without having been told yet is new again.
        let ended = is_known && membership.filter.expire(now) && membership.filter.is_nothing();
        let wanted = !membership.filter.is_nothing();
        let room = room && (is_known || crowd < MOST_HOSTS);
        if !room && (!is_known || !record.sources.is_empty()) {
            return self.refuse(message, events);
        }
        membership.filter.apply(record.kind, &record.sources, until);
        membership.version = message.version;
        membership.reported = now;
        self.next = self.next.min(membership.filter.next());
        let (wants, is_nothing) = (membership.wants(), membership.filter.is_nothing());
        self.sources = (self.sources + membership.filter.count()).saturating_sub(count);
        let hosts = if is_nothing && !is_known { None } else { Some(state.groups.entry(record.group).or_default()) };
        if let Some(hosts) = hosts {
            if is_nothing {
                hosts.remove(&message.sender);
                self.memberships = self.memberships.saturating_sub(1);
            } else if !is_known {
                hosts.insert(message.sender, fresh);
                self.memberships += 1;
            }
            if message.family.suppresses(message.version) && !is_nothing {
                // The others that would have said the same keep silent.
                let silent = hosts.values_mut().filter(|other| message.family.suppresses(other.version));
                silent.for_each(|other| other.filter.prolong(until));
            }
            if hosts.is_empty() {
                state.groups.remove(&record.group);
            }
        }
        let (host, group) = (message.sender, record.group);
        if ended {
            self.tell(message, What::Expired { host, group }, events);
        }
        match (wanted, is_nothing) {
            (false, false) => self.tell(message, What::Joined { host, group, wants }, events),
            (true, true) => self.tell(message, What::Left { host, group }, events),
            (true, false) if (before.excludes, &before.sources) != (wants.excludes, &wants.sources) => {
                self.tell(message, What::Changed { host, group, wants }, events);
            }
            _ => {}
        }
    }

    fn leave(&mut self, message: &Message, group: IpAddr, events: &mut Vec<Event>) {
        let state = self.lans.entry(message.place).or_default().of_mut(message.family);
        let Some(hosts) = state.groups.get_mut(&group) else { return };
        let Some(gone) = hosts.remove(&message.sender) else { return };
        if hosts.is_empty() {
            state.groups.remove(&group);
        }
        self.memberships = self.memberships.saturating_sub(1);
        self.sources = self.sources.saturating_sub(gone.filter.count());
        self.tell(message, What::Left { host: message.sender, group }, events);
    }

    /// Looks for what has ended, all of it.
    fn search(&mut self, events: &mut Vec<Event>) {
        let now = self.now;
        let (mut next, mut memberships, mut sources) = (NEVER, 0, 0);
        let from = events.len();
        for (place, lan) in &mut self.lans {
            for family in Family::ALL {
                let state = lan.of_mut(family);
                let mut tell = |time, what| events.push(Event { time, place: *place, family, what });
                if let Some(gone) = state.election.expire(now) {
                    tell(gone.expires, What::Gone { querier: gone.address });
                }
                next = state.election.querier.map_or(next, |querier| next.min(querier.expires));
                for (group, hosts) in &mut state.groups {
                    hosts.retain(|host, membership| {
                        let (host, group, expires) = (*host, *group, membership.filter.expires());
                        let changed = membership.filter.expire(now);
                        if membership.filter.is_nothing() {
                            tell(expires, What::Expired { host, group });
                            return false;
                        }
                        if changed {
                            tell(now, What::Changed { host, group, wants: membership.wants() });
                        }
                        next = next.min(membership.filter.next());
                        memberships += 1;
                        sources += membership.filter.count();
                        true
                    });
                }
                state.groups.retain(|_, hosts| !hosts.is_empty());
            }
        }
        // In the order in which it happened.
        if let Some(new) = events.get_mut(from..) {
            new.sort_by_key(|event| event.time);
        }
        (self.next, self.memberships, self.sources, self.searched) = (next, memberships, sources, now);
    }

    /// The last word: what has ended by `now` is forgotten, also what ended a moment ago.
    pub fn finish(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        self.advance(now, events);
        self.search(events);
    }
}

/// Gives what a host wanted before it had an address (RFC 3810 §5.2.13, RFC 3376 §4.2.13) to the same host by its
/// address. Tells what it was known by.
fn rename(state: &mut State, message: &Message, group: IpAddr) -> Option<Host> {
    let without = match message.sender.address {
        address if address.is_unspecified() => return None,
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    };
    let before = Host { address: without, hardware: Some(message.hardware?) };
    let hosts = state.groups.get_mut(&group)?;
    if hosts.contains_key(&message.sender) {
        return None;
    }
    let membership = hosts.remove(&before)?;
    hosts.insert(message.sender, membership);
    Some(before)
}

const NEVER: Timestamp = Timestamp(i64::MAX);

fn after(now: Timestamp, time: i64) -> Timestamp {
    Timestamp(now.0.saturating_add(time))
}
