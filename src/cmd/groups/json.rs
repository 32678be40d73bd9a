//! Groups as JSON, an object a line.

use std::net::IpAddr;
use std::time::Duration;

use super::machine::{Machine, Users};
use crate::io::groups::bridge::{Bridge, Entry};
use crate::io::groups::sockets::{Join, Member};
use crate::io::groups::{Interface, LinkAddress, Membership, Version, Why};
use crate::io::sockets::processes::Holder;
use crate::view::object::Object;

/// Everything the machine knows by itself.
pub fn machine(machine: &Machine, out: &mut Vec<u8>) {
    let mut users = Users::default();
    for one in &machine.interfaces {
        line("interface", out, |object| interface(one, object));
        for group in &one.groups {
            line("membership", out, |object| membership(one, group, object));
        }
        for address in &one.link {
            line("link", out, |object| link(one, address, object));
        }
    }
    for member in &machine.sockets.members {
        for join in &member.joined {
            line("socket", out, |object| socket(machine, member, join, &mut users, object));
        }
    }
    for one in &machine.bridges {
        line("bridge", out, |object| bridge(one, object));
        for found in &one.entries {
            line("mdb", out, |object| entry(one, found, object));
        }
        for port in &one.routers {
            line("router_port", out, |object| {
                object.string("bridge", &one.name);
                object.string("port", &port.name);
            });
        }
    }
}

pub fn line(kind: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    let mut object = Object::new(out);
    object.string("kind", kind);
    fill(&mut object);
    object.end();
}

pub fn seconds(key: &str, time: Duration, object: &mut Object<'_>) {
    object.seconds(key, i64::try_from(time.as_nanos()).unwrap_or(i64::MAX), 2);
}

fn why(why: Why) -> &'static str {
    match why {
        Why::Forced => "forced",
        Why::OlderQuerier => "older querier",
        Why::Newest => "newest",
        Why::Presumed => "presumed",
    }
}

fn place(interface: &Interface, object: &mut Object<'_>) {
    object.string("interface", &interface.name);
    object.number("index", interface.index.into());
}

pub fn interface(interface: &Interface, object: &mut Object<'_>) {
    place(interface, object);
    let mut tell = |keys: [&str; 2], version: Option<Version>| {
        if let Some(version) = version {
            object.number(keys[0], version.number.into());
            object.string(keys[1], why(version.why));
        }
    };
    tell(["igmp_version", "igmp_why"], interface.igmp);
    tell(["mld_version", "mld_why"], interface.mld);
}

pub fn membership(interface: &Interface, membership: &Membership, object: &mut Object<'_>) {
    place(interface, object);
    let (family, protocol, version) = match membership.group {
        IpAddr::V4(_) => ("inet", "IGMP", interface.igmp),
        IpAddr::V6(_) => ("inet6", "MLD", interface.mld),
    };
    object.string("family", family);
    object.string("group", &membership.group.to_string());
    object.number("users", membership.users.into());
    if let Some(version) = version {
        object.string("version", &format!("{protocol}v{}", version.number));
    }
    object.truth("reporter", membership.reporter);
    if let Some(timer) = membership.timer {
        seconds("timer", timer, object);
    }
    object.list("sources", &membership.sources, |source, object| {
        object.string("source", &source.address.to_string());
        object.number("including", source.including.into());
        object.number("excluding", source.excluding.into());
    });
}

pub fn link(interface: &Interface, address: &LinkAddress, object: &mut Object<'_>) {
    place(interface, object);
    object.string("address", &super::show::hardware(&address.address));
    object.number("users", address.users.into());
    object.truth("static", address.fixed);
}

pub fn mode(excludes: bool) -> &'static str {
    if excludes { "exclude" } else { "include" }
}

pub fn socket(machine: &Machine, member: &Member, join: &Join, users: &mut Users, object: &mut Object<'_>) {
    object.string("interface", &machine.name(join.interface));
    object.number("index", join.interface.into());
    object.string("group", &join.group.to_string());
    object.string("mode", mode(join.excludes));
    object.strings("sources", join.sources.iter().map(IpAddr::to_string));
    object.string("protocol", member.protocol.name());
    if let Some(local) = member.local {
        object.string("local", &local.to_string());
    }
    object.number("inode", member.inode.into());
    if let Some(uid) = member.uid {
        object.number("uid", uid.into());
        object.string("user", users.name(uid));
    }
    if let Some(first) = member.holders.first() {
        holder(first, object);
        object.list("holders", &member.holders, holder);
    }
}

fn holder(holder: &Holder, object: &mut Object<'_>) {
    object.number("pid", holder.pid.unsigned_abs().into());
    object.string("process", &holder.process);
    object.number("fd", holder.descriptor.unsigned_abs().into());
}

pub fn bridge(bridge: &Bridge, object: &mut Object<'_>) {
    object.string("bridge", &bridge.name);
    object.number("index", bridge.index.into());
    object.truth("snooping", bridge.snooping);
    object.truth("querier", bridge.querier);
    for (key, version) in [("igmp_version", bridge.igmp_version), ("mld_version", bridge.mld_version)] {
        if let Some(version) = version {
            object.number(key, version.into());
        }
    }
    for (key, time) in [("membership_interval", bridge.membership_interval), ("query_interval", bridge.query_interval)]
    {
        if let Some(time) = time {
            seconds(key, time, object);
        }
    }
    for (key, elected) in ["querier_ipv4", "querier_ipv6"].into_iter().zip(&bridge.elected) {
        let Some(elected) = elected else { continue };
        object.string(key, &elected.address.to_string());
        if let Some((port, left)) = &elected.other {
            object.string(&format!("{key}_port"), &port.name);
            if let Some(left) = left {
                seconds(&format!("{key}_left"), *left, object);
            }
        }
    }
}

pub fn entry(bridge: &Bridge, entry: &Entry, object: &mut Object<'_>) {
    object.string("bridge", &bridge.name);
    object.string("port", &entry.port.name);
    object.string("group", &entry.group.to_string());
    if let Some(source) = entry.source {
        object.string("source", &source.to_string());
    }
    if entry.vlan != 0 {
        object.number("vlan", entry.vlan.into());
    }
    object.truth("permanent", entry.permanent);
    object.truth("blocked", entry.blocked);
    if let Some(excludes) = entry.excludes {
        object.string("mode", mode(excludes));
        object.list("sources", &entry.sources, |(source, left), object| {
            object.string("source", &source.to_string());
            seconds("left", *left, object);
        });
    }
    if let Some(left) = entry.left {
        seconds("left", left, object);
    }
}
