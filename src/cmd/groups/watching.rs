//! `netlab groups --watch`: a line for each change, on this machine and on its LANs.

use std::io::Write;
use std::net::IpAddr;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::super::output::stdout;
use super::super::{Exit, args};
use super::changes::{Change, How, between};
use super::lan::{self, Ears, News, Waiting};
use super::machine::{Machine, Users};
use super::{Args, json, show};
use crate::flow::multicast::{Lans, Place};
use crate::frame::Timestamp;
use crate::io::groups::Interface;
use crate::io::groups::notices::{Notice, Notices};
use crate::io::{clock, privilege};
use crate::view::style::Role;
use crate::view::{escape, lines, multicast};

/// The sockets are asked so often, where an interface's groups change at once.
const SOCKETS: Duration = Duration::from_secs(2);
/// Of many sockets less often: looking takes at most this part of the time.
const SHARE: u32 = 20;
/// After a notice of the kernel's, so long is waited for others of the same moment.
const MOMENT: Duration = Duration::from_millis(20);
/// A look is followed by so many times its own length without another.
const REST: u32 = 4;
/// Notices kept between two looks.
const MOST_NOTICES: usize = 10_000;

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let (ears, deaf) = match Ears::open(&args.interface) {
        Ok(ears) => (Some(ears), None),
        Err(error) => (None, Some(error)),
    };
    let names = ears.as_ref().map(|ears| ears.names.clone()).unwrap_or_default();
    // Before the first look: nothing falls between.
    let notices = Notices::open().ok();
    let mut machine = Machine::read(&args.interface)?;
    // To look again at whose sockets they are takes two capabilities; what strangers send is read with no others.
    privilege::give_up_but(privilege::LOOK_INTO_PROCESSES).context("cannot give up privileges")?;
    let waiting = Waiting::begin(ears, notices)?;
    if let Some(error) = deaf {
        args::talk(&lan::deaf(&error));
    }
    let mut out = stdout()?;
    let mut lans = lan::watched(&names);
    let end = args.pace.duration.map(|duration| Instant::now() + duration);
    let (mut look, mut sockets) = (Instant::now() + args.pace.interval, Instant::now() + SOCKETS);
    // What the kernel told of since the last look, and when the next look may be.
    let (mut noticed, mut earliest) = (Vec::new(), Instant::now());
    if args.pace.ready {
        eprintln!("READY");
    }
    loop {
        let until = end.map_or(look, |end| look.min(end));
        let (mut text, mut events) = (Vec::new(), Vec::new());
        match waiting.news.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(News::Heard(message)) => lans.hear(&message, &mut events),
            Ok(News::Noticed(more)) => {
                // Others of the same moment are on their way.
                look = look.min(earliest.max(Instant::now() + MOMENT));
                noticed.extend(more);
                noticed.truncate(MOST_NOTICES);
            }
            Ok(News::Deaf(error)) => args::talk(&lan::deaf(&error)),
            Ok(News::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => lans.advance(clock::now(), &mut events),
        }
        if Instant::now() >= look {
            let begun = Instant::now();
            let all = begun >= sockets;
            let now = machine.again(&args.interface, all)?;
            tell(args, &machine, &now, &mut text);
            for (interface, group) in brief(&noticed, &machine, &now) {
                told_briefly(args, interface, group, &mut text);
            }
            noticed.clear();
            machine = now;
            earliest = Instant::now() + begun.elapsed() * REST;
            look = Instant::now() + args.pace.interval;
            if all {
                sockets = Instant::now() + SOCKETS.max(begun.elapsed() * SHARE);
            }
        }
        heard(args, &names, &events, &mut text);
        out.write_all(&text)?;
        if end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
    }
    waiting.end();
    if !args.json {
        out.write_all(&last_state(args, &names, &mut lans)?)?;
    }
    Ok(Exit::Done)
}

/// The groups that were joined and left between two looks: on which interface.
fn brief<'a>(noticed: &[Notice], before: &Machine, now: &'a Machine) -> Vec<(&'a Interface, IpAddr)> {
    let is_there = |machine: &Machine, index: u32, group: IpAddr| {
        let mut of = machine.interfaces.iter().filter(|interface| interface.index == index);
        of.any(|interface| interface.groups.iter().any(|membership| membership.group == group))
    };
    let mut found: Vec<(&Interface, IpAddr)> = Vec::new();
    for notice in noticed {
        let Notice::Joined(index, group) = *notice else { continue };
        if is_there(before, index, group) || is_there(now, index, group) {
            continue;
        }
        let interface = now.interfaces.iter().find(|interface| interface.index == index);
        if let Some(interface) =
            interface.filter(|one| !found.iter().any(|(seen, of)| (seen.index, *of) == (one.index, group)))
        {
            found.push((interface, group));
        }
    }
    found
}

/// A group that was joined and left between two looks.
fn told_briefly(args: &Args, interface: &Interface, group: IpAddr, out: &mut Vec<u8>) {
    let now = clock::now();
    if args.json {
        return json::line("membership", out, |object| {
            object.seconds("time", now.0, 6);
            object.string("event", "brief");
            object.string("interface", &interface.name);
            object.number("index", interface.index.into());
            object.string("group", &group.to_string());
        });
    }
    let text = format!("joined {group} and left it at once");
    written(args, now, &interface.name, Role::Closing, &text, out);
}

fn heard(args: &Args, names: &[String], events: &[crate::flow::multicast::Event], out: &mut Vec<u8>) {
    let name = |place: Place| lan::name(names, place);
    let look = args.look(&name);
    for event in events {
        multicast::event(event, &look, clock::zone_offset(event.time), args.json, out);
    }
}

/// The LANs as they are at the end.
fn last_state(args: &Args, names: &[String], lans: &mut Lans) -> anyhow::Result<Vec<u8>> {
    let (mut out, mut events) = (b"\n".to_vec(), Vec::new());
    lans.finish(clock::now(), &mut events);
    let name = |place: Place| lan::name(names, place);
    multicast::lans(lans, &args.look(&name), &mut out)?;
    Ok(out)
}

/// Tells what changed between two looks.
fn tell(args: &Args, before: &Machine, now: &Machine, out: &mut Vec<u8>) {
    let changes = between(before, now);
    let mut users = Users::default();
    for change in &changes {
        // Where a socket explains it, a person is told of the socket alone.
        let explained = |interface: u32, group, how: How| {
            changes.iter().any(|other| match other {
                Change::Socket(other, _, join) => {
                    (join.interface, join.group) == (interface, group) && (how == How::Changed || *other == how)
                }
                _ => false,
            })
        };
        match change {
            Change::Membership(how, interface, one) if !args.json && explained(interface.index, one.group, *how) => {}
            Change::Entry(_, bridge, entry) if !args.json && show::is_told_elsewhere(entry, bridge) => {}
            change if args.json => object(change, now, &mut users, out),
            change => line(args, change, now, &mut users, out),
        }
    }
}

fn object(change: &Change<'_>, machine: &Machine, users: &mut Users, out: &mut Vec<u8>) {
    let (kind, how) = match change {
        Change::Version(_) => ("interface", How::Changed),
        Change::Membership(how, ..) => ("membership", *how),
        Change::Socket(how, ..) => ("socket", *how),
        Change::Bridge(_) => ("bridge", How::Changed),
        Change::Entry(how, ..) => ("mdb", *how),
    };
    json::line(kind, out, |object| {
        object.seconds("time", clock::now().0, 6);
        object.string("event", how.name());
        match change {
            Change::Version(interface) => json::interface(interface, object),
            Change::Membership(_, interface, one) => json::membership(interface, one, object),
            Change::Socket(_, member, join) => json::socket(machine, member, join, users, object),
            Change::Bridge(bridge) => json::bridge(bridge, object),
            Change::Entry(_, bridge, entry) => json::entry(bridge, entry, object),
        }
    });
}

fn line(args: &Args, change: &Change<'_>, machine: &Machine, users: &mut Users, out: &mut Vec<u8>) {
    let (role, place, text) = described(change, machine, users);
    written(args, clock::now(), &place, role, &text, out);
}

/// A line: when, where, what.
fn written(args: &Args, now: Timestamp, place: &str, role: Role, text: &str, out: &mut Vec<u8>) {
    let palette = args.palette();
    lines::clock(now, clock::zone_offset(now), 3, out);
    out.extend_from_slice(format!("  {:<15} ", escape::text(place)).as_bytes());
    palette.begin(role, out);
    escape::write(text.as_bytes(), out);
    palette.end(role, out);
    out.push(b'\n');
}

fn role(how: How) -> Role {
    match how {
        How::Joined => Role::Opening,
        How::Left => Role::Closing,
        How::Changed => Role::Data,
    }
}

/// What a change is, where, and in words.
fn described(change: &Change<'_>, machine: &Machine, users: &mut Users) -> (Role, String, String) {
    match change {
        Change::Version(interface) => {
            let of = |protocol: &str, version: Option<crate::io::groups::Version>| {
                version.map(|version| format!("{protocol}v{}", version.number))
            };
            let spoken: Vec<String> =
                [of("IGMP", interface.igmp), of("MLD", interface.mld)].into_iter().flatten().collect();
            (Role::Heading, interface.name.clone(), format!("speaks {} now", spoken.join(" and ")))
        }
        Change::Membership(how, interface, one) => {
            let text = match how {
                How::Joined => format!("joined {}: the kernel, or a process not shown", one.group),
                How::Left => format!("left {}", one.group),
                How::Changed => format!("{}: {} users now", one.group, one.users),
            };
            (role(*how), interface.name.clone(), text)
        }
        Change::Socket(how, member, join) => {
            let who = show::process(member, users);
            let filter = multicast::sources(join.excludes, &join.sources);
            let text = match how {
                How::Joined => format!("{who} joins {}: {filter}", join.group),
                How::Left => format!("{who} leaves {}", join.group),
                How::Changed => format!("{who} changes {}: {filter}", join.group),
            };
            (role(*how), machine.name(join.interface), text)
        }
        Change::Bridge(bridge) => (Role::Heading, bridge.name.clone(), show::standing(bridge).join("; ")),
        Change::Entry(how, bridge, entry) => {
            let wanted = show::wanted(entry);
            let text = match how {
                How::Joined => format!("{}: port {} wants {wanted}", entry.group, entry.port.name),
                How::Left => format!("{}: port {} is forgotten ({wanted})", entry.group, entry.port.name),
                How::Changed => format!("{}: port {} wants {wanted} now", entry.group, entry.port.name),
            };
            (role(*how), bridge.name.clone(), text)
        }
    }
}
