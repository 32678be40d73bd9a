//! The groups and queriers of LANs for a person and as JSON, and what changes in them, a line each.

mod json;

use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;

use super::lines::clock;
use super::style::{Palette, Role};
use super::table::{Align, Table};
use super::{escape, wrap};
use crate::flow::multicast::message::Family;
use crate::flow::multicast::querier::{Election, Querier};
use crate::flow::multicast::{Event, Host, Lan, Lans, Place, State, Wants, What};
use crate::frame::Timestamp;

const SECOND: i64 = 1_000_000_000;

/// How the LANs are shown.
pub struct Look<'a> {
    pub palette: Palette,
    pub width: usize,
    /// Times are told from here on; where this is `None`, those of the clock.
    pub from: Option<Timestamp>,
    /// The name of a LAN's interface; `None` where the capture does not say.
    pub name: &'a dyn Fn(Place) -> Option<String>,
}

impl Look<'_> {
    /// The name of a LAN, escaped.
    fn label(&self, place: Place) -> String {
        let mut text = (self.name)(place).map_or_else(|| "the LAN".to_owned(), |name| escape::text(&name));
        for vlan in place.vlans.iter().filter(|vlan| **vlan != 0) {
            let _ = write!(text, " VLAN {vlan}");
        }
        text
    }
}

/// A span of nanoseconds as a person says it.
pub fn span(time: i64) -> String {
    let seconds = time as f64 / SECOND as f64;
    if time.abs() < 10 * SECOND && time % SECOND != 0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}

/// A source filter in words.
pub fn sources(excludes: bool, sources: &[IpAddr]) -> String {
    const LISTED: usize = 8;
    let mut list = sources.iter().take(LISTED).map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
    if sources.len() > LISTED {
        let _ = write!(list, " and {} more", sources.len() - LISTED);
    }
    match (excludes, sources.is_empty()) {
        (true, true) => ANY.to_owned(),
        (true, false) => format!("all but {list}"),
        (false, true) => "no source".to_owned(),
        (false, false) => format!("only {list}"),
    }
}

pub use json::objects;

/// What a filter without sources takes.
pub const ANY: &str = "any source";

/// Every LAN: who queries, and a table of who wants what.
pub fn lans(lans: &Lans, look: &Look<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    let (from, now) = lans.heard();
    for (place, lan) in lans.each() {
        if !matches!(out.as_slice(), b"" | b"\n" | [.., b'\n', b'\n']) {
            out.push(b'\n');
        }
        let mut heading = format!("Heard on {} in {}", look.label(place), span(now.since(from)));
        if lan.messages == 0 {
            heading.push_str(": nothing");
        } else if is_silent(lan) {
            heading.push_str(": every group was left");
        }
        look.palette.begin(Role::Heading, out);
        out.extend_from_slice(heading.as_bytes());
        look.palette.end(Role::Heading, out);
        out.push(b'\n');
        if lan.messages == 0 {
            wrapped(
                &format!("IGMP and MLD: {}", election(lan.of(Family::Igmp), Family::Igmp, from, now)),
                look.width,
                out,
            );
        }
        for family in Family::ALL.into_iter().filter(|_| lan.messages > 0) {
            let state = lan.of(family);
            if !state.is_silent() || is_silent(lan) && family == Family::Igmp {
                wrapped(&format!("{}: {}", family.name(), election(state, family, from, now)), look.width, out);
            }
        }
        members(lan, now, look, out)?;
    }
    if lans.refused > 0 {
        let text = format!("{} reports found no room: more is going on here than is shown", lans.refused);
        wrapped(&text, look.width, out);
    }
    Ok(())
}

/// A text, escaped, in lines of at most `width`, each but the first set in by two.
pub fn wrapped(text: &str, width: usize, out: &mut Vec<u8>) {
    wrap::hanging(&escape::text(text), width, 0, 2, out);
    out.push(b'\n');
}

fn is_silent(lan: &Lan) -> bool {
    Family::ALL.iter().all(|family| lan.of(*family).is_silent())
}

/// Who queries, or what it means that nobody does.
fn election(state: &State, family: Family, from: Timestamp, now: Timestamp) -> String {
    let election = &state.election;
    if let Some(querier) = election.querier {
        return self::querier(&querier, election, now);
    }
    if election.is_asked_by_proxy(now) {
        return format!(
            "no querier elected, but a switch asks as {}: groups that are reported are kept, each for {}",
            if family == Family::Igmp { "0.0.0.0" } else { "::" },
            span(election.timers.membership())
        );
    }
    let forgets = span(election.timers.membership());
    let text = format!("no querier: a snooping switch will forget this group after about {forgets}");
    if is_sure(election, from, now) {
        return text;
    }
    let (time, rhythm) = (span(now.since(from)), span(election.timers.interval));
    format!("so far {text} (listened for {time}, and most queriers ask every {rhythm})")
}

/// Whether somebody would have been heard, if there were somebody.
fn is_sure(election: &Election, from: Timestamp, now: Timestamp) -> bool {
    now.since(from) >= election.timers.other_querier()
}

fn querier(querier: &Querier, election: &Election, now: Timestamp) -> String {
    let timers = election.timers;
    let mut text = format!("querier {}, version {}", querier.address, querier.version);
    let says = if querier.tells { "says that it asks" } else { "does not say how often it asks, as a rule" };
    let _ = write!(text, "; it {says} every {}", span(timers.interval));
    if let Some(measured) = querier.measured.filter(|measured| (measured - timers.interval).abs() > SECOND) {
        let _ = write!(text, " (measured: {})", span(measured));
    }
    let _ = write!(text, ", robustness {}", timers.robustness);
    let _ = write!(text, "; answers within {}", span(timers.response));
    let _ = write!(text, "; another takes over {} from now, if it stays silent", span(querier.expires.since(now)));
    text
}

fn members(lan: &Lan, now: Timestamp, look: &Look<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    let columns = [
        ("group", Align::Left),
        ("host", Align::Left),
        ("version", Align::Left),
        ("sources", Align::Left),
        ("expires in", Align::Right),
    ];
    let mut table = Table::new(&columns, look.width, look.palette);
    let (mut rows, mut quiet) = (0, Vec::new());
    for family in Family::ALL {
        let state = lan.of(family);
        for (group, hosts) in &state.groups {
            let mut name = group.to_string();
            for (host, membership) in hosts {
                let version = format!("{}v{}", family.name(), membership.version);
                if family.suppresses(membership.version) && !quiet.contains(&version) {
                    quiet.push(version.clone());
                }
                let wants = membership.wants();
                table.row([
                    (std::mem::take(&mut name).as_str(), Role::Heading),
                    (self::host(host).as_str(), Role::Plain),
                    (version.as_str(), Role::Faint),
                    (sources(wants.excludes, &wants.sources).as_str(), Role::Plain),
                    (span(membership.filter.expires().since(now)).as_str(), Role::Plain),
                ]);
                rows += 1;
            }
        }
    }
    if rows == 0 {
        return Ok(());
    }
    table.write(out)?;
    if !quiet.is_empty() {
        let text = format!(
            "Hosts that speak {} keep silent where another one reports the group: there may be more members.",
            quiet.join(" or ")
        );
        wrapped(&text, look.width, out);
    }
    Ok(())
}

/// A host as it is known.
fn host(host: &Host) -> String {
    match host.hardware {
        Some([a, b, c, d, e, f]) => format!("{} ({a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x})", host.address),
        None => host.address.to_string(),
    }
}

/// A change as a line, or as a JSON object.
pub fn event(event: &Event, look: &Look<'_>, east: i64, json: bool, out: &mut Vec<u8>) {
    if json {
        return json::event(event, look, out);
    }
    match look.from {
        // Also before its beginning: times of a file may go back.
        Some(from) => out.extend_from_slice(format!("{:>10.6}", event.time.since(from) as f64 / 1e9).as_bytes()),
        None => clock(event.time, east, 3, out),
    }
    let (role, what) = described(event);
    out.extend_from_slice(format!("  {:<8} {:<6} ", look.label(event.place), spoken(event)).as_bytes());
    look.palette.begin(role, out);
    escape::write(what.as_bytes(), out);
    look.palette.end(role, out);
    out.push(b'\n');
}

/// The protocol, with its version where the message tells it.
fn spoken(event: &Event) -> String {
    match &event.what {
        What::Joined { wants: Wants { version, .. }, .. }
        | What::Changed { wants: Wants { version, .. }, .. }
        | What::Elected { version, .. }
        | What::Speaks { version, .. } => format!("{}v{version}", event.family.name()),
        _ => event.family.name().to_owned(),
    }
}

fn described(event: &Event) -> (Role, String) {
    let wanted = |wants: &Wants| sources(wants.excludes, &wants.sources);
    match &event.what {
        What::Elected { querier, before: None, .. } => (Role::Heading, format!("{querier} is the querier")),
        What::Elected { querier, before: Some(before), .. } => {
            (Role::Heading, format!("{querier} is the querier: lower than {before}"))
        }
        What::Speaks { querier, version, before } => {
            (Role::Heading, format!("the querier {querier} speaks version {version} now, before {before}"))
        }
        What::Gone { querier } => (Role::Trouble, format!("the querier {querier} is gone: silent for too long")),
        What::Asked { group, sources, within } if sources.is_empty() => {
            (Role::Faint, format!("{group}: who still wants it? forgotten in {} otherwise", span(*within)))
        }
        What::Asked { group, sources: asked, within } => {
            let list = sources(false, asked);
            (Role::Faint, format!("{group}, {list}: who still wants it? forgotten in {} otherwise", span(*within)))
        }
        What::Joined { host, group, wants } => {
            (Role::Opening, format!("{} joins {group}: {}", self::host(host), wanted(wants)))
        }
        What::Changed { host, group, wants } => {
            (Role::Data, format!("{} changes {group}: {}", self::host(host), wanted(wants)))
        }
        What::Addressed { before, host, group } => {
            (Role::Data, format!("{} has the address {} now, in {group}", self::host(before), host.address))
        }
        What::Left { host, group } => (Role::Closing, format!("{} leaves {group}", self::host(host))),
        What::Expired { host, group } => {
            (Role::Trouble, format!("{} reports {group} no longer: forgotten", self::host(host)))
        }
        What::Full => (Role::Trouble, "no room for more hosts, groups or sources: what follows is not all".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::multicast::Message;
    use crate::flow::multicast::message::{Query, Record, RecordKind, Says};

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * SECOND)
    }

    fn message(seconds: i64, last: u8, version: u8, says: Says) -> Message {
        let sender = Host { address: [10, 0, 0, last].into(), hardware: None };
        let family = Family::Igmp;
        Message { time: at(seconds), place: Place::default(), sender, hardware: None, family, version, says }
    }

    fn joins(seconds: i64, last: u8) -> Message {
        let record = Record { kind: RecordKind::IsExclude, group: [239, 1, 2, 3].into(), sources: Vec::new() };
        message(seconds, last, 2, Says::Report(vec![record]))
    }

    /// What is shown at that second, in one line.
    fn shown(messages: &[Message], seconds: i64) -> String {
        let (mut all, mut events, mut out) = (Lans::new(), Vec::new(), Vec::new());
        all.advance(at(0), &mut events);
        all.watch(Place::default());
        messages.iter().for_each(|message| all.hear(message, &mut events));
        all.finish(at(seconds), &mut events);
        let name = |_| Some("evil\x1b[2J".to_owned());
        let look = Look { palette: Palette::new(false), width: 80, from: None, name: &name };
        lans(&all, &look, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn that_nobody_queries_is_sure_once_a_querier_would_have_been_heard() {
        let none = "IGMP: no querier: a snooping switch will forget this group after about 260 s group host";
        assert!(shown(&[joins(1, 7)], 255).contains(none), "{}", shown(&[joins(1, 7)], 255));
        let early = shown(&[joins(1, 7)], 254);
        assert!(
            early.contains("so far no querier: a snooping switch") && early.contains("listened for 254 s"),
            "{early}"
        );
        assert!(shown(&[], 5).contains("nothing IGMP and MLD: so far no querier"));
    }

    #[test]
    fn a_querier_is_told_with_its_timers_and_hosts_that_may_be_silent() {
        let query = Query {
            group: None,
            sources: Vec::new(),
            suppress: false,
            response: 10 * SECOND,
            robustness: None,
            interval: None,
        };
        let asks = |seconds| message(seconds, 1, 2, Says::Query(query.clone()));
        let text = shown(&[asks(0), joins(1, 7), asks(30)], 40);
        assert!(
            text.contains(
                "querier 10.0.0.1, version 2; it does not say how often it asks, as a rule every 125 s (measured: 30 s)"
            ),
            "{text}"
        );
        assert!(text.contains("another takes over 245 s from now"), "{text}");
        assert!(
            text.contains("239.1.2.3 10.0.0.7 IGMPv2 any source 221 s Hosts that speak IGMPv2 keep silent"),
            "{text}"
        );
        assert!(text.contains(r"Heard on evil\x1b[2J in 40 s"), "{text}");
    }
}
