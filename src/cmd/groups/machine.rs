//! What this machine knows by itself: its interfaces, sockets and bridges at one moment.

use std::collections::HashMap;
use std::net::IpAddr;

use nix::unistd::{Uid, User};

use crate::io::groups::bridge::{self, Bridge};
use crate::io::groups::sockets::{self, Join, Member, Members};
use crate::io::groups::{self, Error, Interface};

/// The groups of a network namespace.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    pub interfaces: Vec<Interface>,
    pub sockets: Members,
    pub bridges: Vec<Bridge>,
}

impl Machine {
    /// Of these interfaces; of all where none is named.
    pub fn read(wanted: &[String]) -> Result<Self, Error> {
        let interfaces = groups::interfaces()?;
        let sockets = sockets::members(&interfaces)?;
        Ok(Self { interfaces, sockets, bridges: bridge::bridges()? }.of(wanted))
    }

    /// Looks again. The sockets, which take longest, are asked where an interface's groups differ, or where `all` is.
    pub fn again(&self, wanted: &[String], all: bool) -> Result<Self, Error> {
        let interfaces = groups::interfaces()?;
        let fresh = Self { interfaces: interfaces.clone(), bridges: bridge::bridges()?, ..Self::default() }.of(wanted);
        let same = all_groups(&fresh).eq(all_groups(self));
        let sockets = if same && !all { self.sockets.clone() } else { sockets::members(&interfaces)? };
        Ok(Self { sockets, ..fresh }.of(wanted))
    }

    /// Only what is of these interfaces.
    fn of(mut self, wanted: &[String]) -> Self {
        let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
        self.interfaces.retain(|interface| wants(&interface.name));
        self.bridges.retain(|bridge| wants(&bridge.name) || bridge.entries.iter().any(|entry| wants(&entry.port.name)));
        let interfaces = &self.interfaces;
        self.sockets.members.retain_mut(|member| {
            member.joined.retain(|join| interfaces.iter().any(|interface| interface.index == join.interface));
            !member.joined.is_empty()
        });
        self
    }

    pub fn is_empty(&self) -> bool {
        self.interfaces.is_empty() && self.bridges.is_empty()
    }

    /// The sockets that joined this group on this interface.
    pub fn wanting(&self, interface: u32, group: IpAddr) -> impl Iterator<Item = (&Member, &Join)> {
        let each = self.sockets.members.iter().flat_map(|member| member.joined.iter().map(move |join| (member, join)));
        each.filter(move |(_, join)| join.interface == interface && join.group == group)
    }

    /// The name of an interface that has groups; its number where it has none.
    pub fn name(&self, index: u32) -> String {
        let found = self.interfaces.iter().find(|interface| interface.index == index);
        found.map_or_else(|| index.to_string(), |interface| interface.name.clone())
    }
}

/// What of the interfaces does not change by itself.
fn all_groups(machine: &Machine) -> impl Iterator<Item = (u32, IpAddr, u32, &[groups::Source])> {
    machine.interfaces.iter().flat_map(|interface| {
        let each = interface.groups.iter();
        each.map(|group| (interface.index, group.group, group.users, group.sources.as_slice()))
    })
}

/// Names of users, asked for once each.
#[derive(Debug, Default)]
pub struct Users(HashMap<u32, String>);

impl Users {
    pub fn name(&mut self, uid: u32) -> &str {
        self.0.entry(uid).or_insert_with(|| {
            User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
        })
    }
}
