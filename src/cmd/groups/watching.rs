//! `netlab groups --watch`: a line for each change, on this machine and on its LANs.

use std::io::Write;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::super::Exit;
use super::super::output::stdout;
use super::changes::{Change, How, between};
use super::lan::{self, Ears, News, Waiting};
use super::machine::{Machine, Users};
use super::{Args, json, show};
use crate::flow::multicast::{Lans, Place};
use crate::io::{clock, privilege};
use crate::view::style::Role;
use crate::view::{escape, lines, multicast};

/// The sockets are asked so often, where an interface's groups change at once.
const SOCKETS: Duration = Duration::from_secs(2);
/// Of many sockets less often: looking takes at most this part of the time.
const SHARE: u32 = 20;

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let (ears, deaf) = match Ears::open(&args.interface) {
        Ok(ears) => (Some(ears), None),
        Err(error) => (None, Some(error)),
    };
    let names = ears.as_ref().map(|ears| ears.names.clone()).unwrap_or_default();
    let mut machine = Machine::read(&args.interface)?;
    // To look again at whose sockets they are takes two capabilities; what strangers send is read with no others.
    privilege::give_up_but(privilege::LOOK_INTO_PROCESSES).context("cannot give up privileges")?;
    let waiting = Waiting::begin(ears)?;
    if let Some(error) = deaf {
        eprintln!("{}", lan::deaf(&error));
    }
    let mut out = stdout()?;
    let mut lans = lan::watched(&names);
    let end = args.duration.map(|duration| Instant::now() + duration);
    let (mut look, mut sockets) = (Instant::now() + args.interval, Instant::now() + SOCKETS);
    if args.ready {
        eprintln!("READY");
    }
    loop {
        let until = end.map_or(look, |end| look.min(end));
        let (mut text, mut events) = (Vec::new(), Vec::new());
        match waiting.news.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(News::Heard(message)) => lans.hear(&message, &mut events),
            Ok(News::Deaf(error)) => eprintln!("{}", lan::deaf(&error)),
            Ok(News::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => lans.advance(clock::now(), &mut events),
        }
        if Instant::now() >= look {
            let begun = Instant::now();
            let all = begun >= sockets;
            let now = machine.again(&args.interface, all)?;
            tell(args, &machine, &now, &mut text);
            machine = now;
            look = Instant::now() + args.interval;
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
    let (now, palette) = (clock::now(), args.palette());
    let (role, place, text) = described(change, machine, users);
    lines::clock(now, clock::zone_offset(now), 3, out);
    out.extend_from_slice(format!("  {:<13} ", escape::text(&place)).as_bytes());
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
