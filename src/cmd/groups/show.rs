//! Groups for a person: tables, and what to make of them in words.

use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use super::machine::{Machine, Users};
use crate::cmd::args;
use crate::io::groups::bridge::{Bridge, Elected, Entry};
use crate::io::groups::sockets::{Join, Member};
use crate::io::groups::{Interface, LinkAddress, Membership, Version, Why};
use crate::view::escape;
use crate::view::multicast::{ANY, sources, span, wrapped};
use crate::view::style::{Palette, Role};
use crate::view::table::{Align, Table};

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub palette: Palette,
    /// With the link layer's addresses that stand for a group.
    pub verbose: bool,
}

/// Everything the machine knows by itself.
pub fn machine(machine: &Machine, look: Look, out: &mut Vec<u8>) -> io::Result<()> {
    interfaces(machine, look, out)?;
    for bridge in &machine.bridges {
        out.push(b'\n');
        snooped(bridge, look, out)?;
    }
    Ok(())
}

fn heading(text: &str, look: Look, out: &mut Vec<u8>) {
    look.palette.begin(Role::Heading, out);
    escape::write(text.as_bytes(), out);
    look.palette.end(Role::Heading, out);
    out.push(b'\n');
}

/// A time as a person says it.
fn left(time: Duration) -> String {
    let tenths = i64::try_from(time.as_millis() / 100).unwrap_or(i64::MAX);
    span(tenths.saturating_mul(100_000_000))
}

fn interfaces(machine: &Machine, look: Look, out: &mut Vec<u8>) -> io::Result<()> {
    heading("Joined by this machine", look, out);
    let columns = [
        ("interface", Align::Left),
        ("group", Align::Left),
        ("users", Align::Right),
        ("reports", Align::Left),
        ("wanted by", Align::Left),
    ];
    let mut table = Table::new(&columns, args::width(), look.palette);
    let mut users = Users::default();
    for interface in &machine.interfaces {
        // The name stands once.
        let mut name = interface.name.as_str();
        for membership in &interface.groups {
            let who = wanted_by(machine, interface, membership, &mut users);
            table.row([
                (std::mem::take(&mut name), Role::Heading),
                (membership.group.to_string().as_str(), Role::Plain),
                (membership.users.to_string().as_str(), Role::Plain),
                (reports(interface, membership).as_str(), Role::Faint),
                (who.join("\n").as_str(), Role::Plain),
            ]);
        }
        for address in interface.link.iter().filter(|address| look.verbose || !stands_for_group(address, interface)) {
            let why = if address.fixed { "set by hand" } else { "" };
            table.row([
                (std::mem::take(&mut name), Role::Heading),
                (hardware(&address.address).as_str(), Role::Plain),
                (address.users.to_string().as_str(), Role::Plain),
                ("link layer", Role::Faint),
                (why, Role::Plain),
            ]);
        }
    }
    table.write(out)?;
    for interface in &machine.interfaces {
        for (protocol, version) in [("IGMP", interface.igmp), ("MLD", interface.mld)] {
            if let Some(note) = version.and_then(|version| version_note(protocol, version)) {
                wrapped(&format!("{}: {note}", interface.name), args::width(), out);
            }
        }
    }
    Ok(())
}

/// Why a version other than the newest is spoken.
fn version_note(protocol: &str, version: Version) -> Option<String> {
    let number = version.number;
    match version.why {
        Why::Forced => {
            Some(format!("{protocol} version {number} is set by hand (force_{}_version)", protocol.to_lowercase()))
        }
        Why::OlderQuerier => {
            let silent = if number < 3 { "; a host that hears another's report keeps silent" } else { "" };
            Some(format!("speaks {protocol}v{number}, as a querier of version {number} was heard{silent}"))
        }
        Why::Newest | Why::Presumed => None,
    }
}

/// The version in which the group is reported, and when next.
fn reports(interface: &Interface, membership: &Membership) -> String {
    let (protocol, version) = match membership.group {
        IpAddr::V4(_) => ("IGMP", interface.igmp),
        IpAddr::V6(_) => ("MLD", interface.mld),
    };
    if is_never_reported(membership.group) {
        return "never".to_owned();
    }
    let mut text = version.map_or_else(|| protocol.to_owned(), |version| format!("{protocol}v{}", version.number));
    if let Some(timer) = membership.timer {
        let _ = write!(text, " in {}", left(timer));
    }
    text
}

/// All hosts are always members of all hosts' group, and nothing that stays on the machine is anybody's business
/// (RFC 3376 §4, RFC 3810 §6).
pub fn is_never_reported(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => group.octets() == [224, 0, 0, 1],
        IpAddr::V6(group) => {
            let segments = group.segments();
            segments[0] & 0xff0f == 0xff01
                || segments[0] & 0xff0f == 0xff00
                || segments == [0xff02, 0, 0, 0, 0, 0, 0, 1]
        }
    }
}

/// Whether the kernel joins a group by itself: all hosts, and those that find its own addresses (RFC 4291 §2.7.1).
fn is_of_kernel(group: IpAddr) -> bool {
    is_never_reported(group)
        || matches!(group, IpAddr::V6(group) if group.segments()[..7] == [0xff02, 0, 0, 0, 0, 1, group.segments()[6]]
            && group.segments()[6] & 0xff00 == 0xff00)
}

/// Each that wants the group, on a line of its own.
fn wanted_by(machine: &Machine, interface: &Interface, membership: &Membership, users: &mut Users) -> Vec<String> {
    let sockets: Vec<(&Member, &Join)> = machine.wanting(interface.index, membership.group).collect();
    let mut lines: Vec<String> = sockets.iter().map(|(member, join)| holder(member, join, users)).collect();
    let mut rest = (membership.users as usize).saturating_sub(sockets.len());
    if rest > 0 && is_of_kernel(membership.group) {
        lines.push("the kernel".to_owned());
        rest -= 1;
    }
    if rest > 0 {
        let hidden = machine.sockets.unasked > 0 || machine.sockets.hidden > 0;
        let who = if hidden { "the kernel, or a process not shown" } else { "the kernel" };
        lines.push(if rest == 1 { who.to_owned() } else { format!("{who} ({rest})") });
    }
    lines
}

/// A socket's process, and the sources that it takes.
fn holder(member: &Member, join: &Join, users: &mut Users) -> String {
    let text = process(member, users);
    let filter = sources(join.excludes, &join.sources);
    if filter != ANY { format!("{text}: {filter}") } else { text }
}

/// A socket's processes and user.
pub fn process(member: &Member, users: &mut Users) -> String {
    let mut text = String::new();
    for same in member.holders.chunk_by(|a, b| a.pid == b.pid) {
        let Some(first) = same.first() else { continue };
        let separator = if text.is_empty() { "" } else { ", " };
        let descriptors: Vec<String> = same.iter().map(|holder| holder.descriptor.to_string()).collect();
        let _ = write!(text, "{separator}{} {} fd {}", first.process, first.pid, descriptors.join("+"));
    }
    if let Some(uid) = member.uid {
        let _ = write!(text, " ({})", users.name(uid));
    }
    text
}

/// An address of the link layer as people write it.
pub fn hardware(address: &[u8]) -> String {
    address.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Whether an IP group that the interface joined is sent to this address (RFC 1112 §6.4, RFC 2464 §7).
fn stands_for_group(address: &LinkAddress, interface: &Interface) -> bool {
    !address.fixed
        && interface.groups.iter().any(|membership| match membership.group {
            IpAddr::V4(group) => {
                let [_, b, c, d] = group.octets();
                address.address == [1, 0, 0x5e, b & 0x7f, c, d]
            }
            IpAddr::V6(group) => {
                let [.., a, b, c, d] = group.octets();
                address.address == [0x33, 0x33, a, b, c, d]
            }
        })
}

/// What one bridge snooped.
fn snooped(bridge: &Bridge, look: Look, out: &mut Vec<u8>) -> io::Result<()> {
    heading(&format!("Snooped by the bridge {}", bridge.name), look, out);
    for line in standing(bridge) {
        wrapped(&line, args::width(), out);
    }
    if !bridge.snooping {
        return Ok(());
    }
    let has_vlans = bridge.entries.iter().any(|entry| entry.vlan != 0);
    let columns = [
        ("port", Align::Left),
        (if has_vlans { "group (VLAN)" } else { "group" }, Align::Left),
        ("sources", Align::Left),
        ("forgotten in", Align::Right),
    ];
    let mut table = Table::new(&columns, args::width(), look.palette);
    for entry in bridge.entries.iter().filter(|entry| !is_told_elsewhere(entry, bridge)) {
        let mut group = entry.group.to_string();
        if entry.vlan != 0 {
            let _ = write!(group, " ({})", entry.vlan);
        }
        table.row([
            (entry.port.name.as_str(), Role::Heading),
            (group.as_str(), Role::Plain),
            (wanted(entry).as_str(), Role::Plain),
            (forgotten(entry).as_str(), Role::Faint),
        ]);
    }
    if bridge.entries.is_empty() {
        wrapped("no group was reported to it", args::width(), out);
        return Ok(());
    }
    table.write(out)
}

/// Whether a bridge snoops, who queries, and where routers are: a sentence each.
pub fn standing(bridge: &Bridge) -> Vec<String> {
    if !bridge.snooping {
        return vec!["snooping is off: it sends every group to every port".to_owned()];
    }
    let forgets = left(bridge.membership_interval.unwrap_or(Duration::from_secs(260)));
    let none = format!("no querier: a snooping switch will forget this group after about {forgets}");
    let mut said = Vec::new();
    match &bridge.elected {
        [None, None] => said.push(format!("{none} (this bridge does not ask: mcast_querier 0)")),
        elected => {
            for (family, elected) in ["IPv4", "IPv6"].into_iter().zip(elected) {
                said.push(match elected {
                    Some(elected) => format!("{family} querier: {}", querier(elected)),
                    None => format!("{family}: {none}"),
                });
            }
        }
    }
    if !bridge.routers.is_empty() {
        let ports: Vec<&str> = bridge.routers.iter().map(|port| port.name.as_str()).collect();
        said.push(format!("multicast routers behind {}: those ports get every group", ports.join(", ")));
    }
    said
}

fn querier(elected: &Elected) -> String {
    match &elected.other {
        None if elected.address.is_unspecified() => {
            format!("this bridge, without an address (it asks as {} and wins no election)", elected.address)
        }
        None => format!("this bridge, as {}", elected.address),
        Some((port, time)) => {
            let time = time.map(|time| format!(", silent for at most {} more", left(time))).unwrap_or_default();
            format!("{} behind {}{time}", elected.address, port.name)
        }
    }
}

/// Whether it is the kernel's copy of a source that the group's own entry lists.
pub fn is_told_elsewhere(entry: &Entry, bridge: &Bridge) -> bool {
    let Some(source) = entry.source else { return false };
    let same = |other: &&Entry| (&other.port, other.group, other.vlan) == (&entry.port, entry.group, entry.vlan);
    let lists = |other: &Entry| other.source.is_none() && other.sources.iter().any(|(listed, _)| *listed == source);
    bridge.entries.iter().filter(same).any(lists)
}

/// The sources that an entry lets through.
pub fn wanted(entry: &Entry) -> String {
    if let Some(source) = entry.source {
        return if entry.blocked { format!("not {source}") } else { format!("only {source}") };
    }
    match entry.excludes {
        None => ANY.to_owned(),
        Some(excludes) => sources(excludes, &entry.sources.iter().map(|(source, _)| *source).collect::<Vec<_>>()),
    }
}

fn forgotten(entry: &Entry) -> String {
    // Where single sources are wanted, they have the timers.
    let longest = entry.sources.iter().map(|(_, time)| *time).max();
    match (entry.permanent, entry.left.or(longest)) {
        (true, _) => "never".to_owned(),
        (false, Some(time)) => left(time),
        (false, None) => String::new(),
    }
}

/// What could not be said, and what would.
pub fn last_words(machine: &Machine) -> Vec<String> {
    let groups: usize = machine.interfaces.iter().map(|interface| interface.groups.len()).sum();
    let mut words = vec![format!(
        "{groups} group{} joined on {} interface{}",
        if groups == 1 { "" } else { "s" },
        machine.interfaces.len(),
        if machine.interfaces.len() == 1 { "" } else { "s" }
    )];
    let unasked = machine.sockets.unasked;
    if unasked > 0 {
        words.push(format!(
            "{unasked} UDP or raw socket{} could not be asked, being another user's or protected: sudo netlab groups \
             shows who wants what",
            if unasked == 1 { "" } else { "s" }
        ));
    } else if machine.sockets.hidden > 0 {
        words.push(format!(
            "{} processes of other users could not be looked into: sudo netlab groups shows who wants what",
            machine.sockets.hidden
        ));
    }
    words
}
