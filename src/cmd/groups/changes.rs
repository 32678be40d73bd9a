//! What changed on this machine between two looks.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::machine::Machine;
use crate::io::groups::bridge::{Bridge, Entry};
use crate::io::groups::sockets::{Join, Member};
use crate::io::groups::{Interface, Membership};

/// How something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    Left,
    Changed,
    Joined,
}

impl How {
    pub fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Changed => "changed",
        }
    }
}

/// What changed, as it is now; of what is gone, as it was.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// The version that an interface speaks.
    Version(&'a Interface),
    Membership(How, &'a Interface, &'a Membership),
    Socket(How, &'a Member, &'a Join),
    /// Who queries, or whether the bridge snoops.
    Bridge(&'a Bridge),
    Entry(How, &'a Bridge, &'a Entry),
}

/// All that changed, what is gone first.
pub fn between<'a>(before: &'a Machine, now: &'a Machine) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    for interface in &now.interfaces {
        let old = before.interfaces.iter().find(|old| old.index == interface.index);
        if old.is_some_and(|old| (old.igmp, old.mld) != (interface.igmp, interface.mld)) {
            changes.push(Change::Version(interface));
        }
    }
    differences(
        &memberships(before),
        &memberships(now),
        |(_, old), (_, new)| (old.users, &old.sources) != (new.users, &new.sources),
        |how, (interface, membership)| changes.push(Change::Membership(how, interface, membership)),
    );
    differences(
        &joins(before),
        &joins(now),
        |(_, old), (_, new)| old != new,
        |how, (member, join)| changes.push(Change::Socket(how, member, join)),
    );
    for bridge in &now.bridges {
        let old = before.bridges.iter().find(|old| old.index == bridge.index);
        if old.is_none_or(|old| standing(old) != standing(bridge)) {
            changes.push(Change::Bridge(bridge));
        }
    }
    differences(
        &entries(before),
        &entries(now),
        |(_, old), (_, new)| wanted(old) != wanted(new),
        |how, (bridge, entry)| changes.push(Change::Entry(how, bridge, entry)),
    );
    changes
}

fn differences<K: Ord, V: Copy>(
    before: &BTreeMap<K, V>,
    now: &BTreeMap<K, V>,
    differs: impl Fn(V, V) -> bool,
    mut tell: impl FnMut(How, V),
) {
    for (_, old) in before.iter().filter(|(key, _)| !now.contains_key(key)) {
        tell(How::Left, *old);
    }
    for (key, new) in now {
        match before.get(key) {
            None => tell(How::Joined, *new),
            Some(old) if differs(*old, *new) => tell(How::Changed, *new),
            Some(_) => {}
        }
    }
}

fn memberships(machine: &Machine) -> BTreeMap<(u32, IpAddr), (&Interface, &Membership)> {
    let each = machine.interfaces.iter().flat_map(|interface| interface.groups.iter().map(move |one| (interface, one)));
    each.map(|(interface, one)| ((interface.index, one.group), (interface, one))).collect()
}

fn joins(machine: &Machine) -> BTreeMap<(u32, u32, IpAddr), (&Member, &Join)> {
    let each = machine.sockets.members.iter().flat_map(|member| member.joined.iter().map(move |join| (member, join)));
    each.map(|(member, join)| ((member.inode, join.interface, join.group), (member, join))).collect()
}

type Place<'a> = (u32, u32, crate::io::groups::bridge::Group, Option<IpAddr>, u16);

fn entries(machine: &Machine) -> BTreeMap<Place<'_>, (&Bridge, &Entry)> {
    let each = machine.bridges.iter().flat_map(|bridge| bridge.entries.iter().map(move |entry| (bridge, entry)));
    each.map(|(bridge, entry)| {
        ((bridge.index, entry.port.index, entry.group, entry.source, entry.vlan), (bridge, entry))
    })
    .collect()
}

/// A bridge without its timers and entries.
fn standing(bridge: &Bridge) -> impl PartialEq + use<> {
    let elected =
        bridge.elected.clone().map(|elected| elected.map(|one| (one.address, one.other.map(|(port, _)| port))));
    (bridge.snooping, bridge.querier, elected, bridge.routers.clone())
}

/// An entry without its timers.
fn wanted(entry: &Entry) -> impl PartialEq + use<> {
    let sources: Vec<IpAddr> = entry.sources.iter().map(|(source, _)| *source).collect();
    (entry.permanent, entry.blocked, entry.excludes, sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(groups: &[(u8, u32)]) -> Machine {
        let group = |(last, users): &(u8, u32)| Membership {
            group: [239, 0, 0, *last].into(),
            users: *users,
            timer: None,
            reporter: false,
            sources: Vec::new(),
        };
        let interface = Interface { index: 2, groups: groups.iter().map(group).collect(), ..Interface::default() };
        Machine { interfaces: vec![interface], ..Machine::default() }
    }

    #[test]
    fn what_joins_leaves_and_changes_is_told_and_nothing_else() {
        let (before, now) = (machine(&[(1, 1), (2, 1), (3, 1)]), machine(&[(2, 1), (3, 2), (4, 1)]));
        let told: Vec<_> = between(&before, &now)
            .into_iter()
            .map(|change| match change {
                Change::Membership(how, _, membership) => (how, membership.group),
                other => panic!("{other:?}"),
            })
            .collect();
        let group = |last| IpAddr::from([239, 0, 0, last]);
        assert_eq!(told, [(How::Left, group(1)), (How::Changed, group(3)), (How::Joined, group(4))]);
        assert!(between(&now, &now).is_empty());
    }
}
