//! What joining and leaving a group makes this machine say: as it passes the interface where that may be seen, else as
//! the kernel's state tells; and why it says nothing.

use std::net::IpAddr;

use super::ear::Said;
use crate::engine::multicast::report::{self, Said as Expected, State};
use crate::flow::multicast::message::{RecordKind, Says};
use crate::io::groups::{self, Interface};
use crate::io::link::Link;
use crate::io::membership;
use crate::io::multicast::{Listener, reports_link_local};

/// A group on an interface, and what is said of it.
#[derive(Debug)]
pub struct Membership {
    pub group: IpAddr,
    /// The name of the interface, and its index.
    pub interface: String,
    index: u32,
    sources: Vec<IpAddr>,
    pub joining: Expected,
    pub leaving: Option<Expected>,
    pub seen: Seen,
    /// Somebody asked for it, so that the next report of an old version answers.
    asked: bool,
}

/// How often this machine said what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub joins: u32,
    pub answers: u32,
    pub leaves: u32,
}

/// The kernel's state, as far as it can be read.
fn state(interfaces: &[Interface], index: u32, group: IpAddr) -> State {
    let found = interfaces.iter().find(|interface| interface.index == index);
    let newest = if group.is_ipv4() { 3 } else { 2 };
    let version = found.and_then(|one| if group.is_ipv4() { one.igmp } else { one.mld });
    let membership = found.and_then(|one| one.groups.iter().find(|membership| membership.group == group));
    State {
        version: version.map_or(newest, |version| version.number),
        others: membership.map_or(0, |membership| membership.users),
        reporter: membership.is_none_or(|membership| membership.reporter),
        link_local: reports_link_local(),
    }
}

impl Membership {
    /// Before `listener` joins.
    pub fn before(listener: &Listener, sources: &[IpAddr]) -> Self {
        let interfaces = groups::interfaces().unwrap_or_default();
        Self::planned(listener.group.ip(), &listener.interface, sources, &interfaces)
    }

    /// Before anybody joins.
    pub fn planned(group: IpAddr, on: &membership::Interface, sources: &[IpAddr], interfaces: &[Interface]) -> Self {
        let state = state(interfaces, on.index, group);
        Self {
            group,
            interface: on.name.clone(),
            index: on.index,
            sources: sources.to_vec(),
            joining: report::joining(group, state, !sources.is_empty()),
            leaving: None,
            seen: Seen::default(),
            asked: false,
        }
    }

    /// Before it leaves.
    pub fn before_leaving(&mut self, interfaces: &[Interface]) {
        let mut state = state(interfaces, self.index, self.group);
        state.others = state.others.saturating_sub(1);
        self.leaving = Some(report::leaving(self.group, state, !self.sources.is_empty()));
    }

    /// Takes in a message on its interface: whether it concerns this membership.
    pub fn hear(&mut self, said: &Said, links: &[Link]) -> bool {
        if said.interface != self.interface {
            return false;
        }
        let group = self.group;
        match &said.message.says {
            Says::Query(query) => {
                let concerns =
                    query.group.is_none_or(|asked| asked == group) && said.ends.1.is_ipv4() == group.is_ipv4();
                self.asked |= concerns;
                concerns
            }
            Says::Report(records) => {
                let mut of_group = records.iter().filter(|record| record.group == group).peekable();
                if of_group.peek().is_none() || !is_own(said, links) {
                    return false;
                }
                let newest = said.message.version == said.message.family.newest();
                for record in of_group {
                    let many = match record.kind {
                        RecordKind::IsInclude | RecordKind::IsExclude if newest || self.asked => &mut self.seen.answers,
                        RecordKind::ToInclude if record.sources.is_empty() => &mut self.seen.leaves,
                        RecordKind::Block => &mut self.seen.leaves,
                        _ => &mut self.seen.joins,
                    };
                    *many = many.saturating_add(1);
                }
                self.asked = false;
                true
            }
            Says::Leave(left) => {
                let ours = *left == group && is_own(said, links);
                self.seen.leaves = self.seen.leaves.saturating_add(u32::from(ours));
                ours
            }
        }
    }

    /// Whether a leave is still waited for.
    pub fn waits_for_leave(&self) -> bool {
        matches!(self.leaving, Some(Expected::Message { .. })) && self.seen.leaves == 0
    }

    /// Where it is, in words.
    pub fn place(&self) -> String {
        format!("{} on {}", self.group, self.interface)
    }

    /// What the kernel says, for those who may not see it: `joined` or `left`.
    pub fn in_words(&self, did: &str, expected: Expected) -> String {
        match expected {
            Expected::Nothing(why) => format!("{}: {did}, and no {} says so: {why}", self.place(), self.protocol()),
            Expected::Message { version, to } => {
                format!(
                    "{}: {did}; by the kernel's state, {}v{version} tells it to {to}",
                    self.place(),
                    self.protocol()
                )
            }
        }
    }

    pub fn protocol(&self) -> &'static str {
        if self.group.is_ipv4() { "IGMP" } else { "MLD" }
    }

    /// What was seen of it, at the end.
    pub fn counted(&self) -> Option<String> {
        let Seen { joins, answers, leaves } = self.seen;
        let mut parts = Vec::new();
        for (count, when) in [(joins, "when it joined"), (answers, "in answer to queries"), (leaves, "when it left")] {
            if count > 0 {
                parts.push(format!("{count} {when}"));
            }
        }
        let messages = format!("{} messages of this machine: ", self.protocol());
        (!parts.is_empty()).then(|| format!("{}, {messages}{}", self.place(), parts.join(", ")))
    }
}

/// Whether this machine sent it: by its address, by that of its card, or because nobody else is on loopback.
fn is_own(said: &Said, links: &[Link]) -> bool {
    let Some(link) = links.iter().find(|link| link.name == said.interface) else { return false };
    let hardware = said.hardware.map(|mac| mac.map(|byte| format!("{byte:02x}")).join(":"));
    link.loopback
        || link.addresses.iter().any(|(address, _)| *address == said.ends.0)
        || hardware.is_some() && hardware == link.hardware
}
