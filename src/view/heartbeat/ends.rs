//! A heartbeat that netlab holds: a line for each beat and event, the sums at the end; the same as JSON.
//!
//! Everything here is a number, an address or a word of ours: nothing of a datagram's text reaches the terminal.
//! `there` is the way from here to the other end, `back` the way from it to here.

use std::net::SocketAddr;
use std::time::Duration;

use super::{milliseconds, plural, seconds, share};
use crate::engine::heartbeat::{Event, Life, Report, Session};
use crate::view::object::Object;
use crate::view::ping;
use crate::view::style::{Palette, Role};
use crate::view::wrap;

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub palette: Palette,
    /// Columns; longer lines go on in the next one.
    pub width: usize,
    /// There may be several ends: each line names its own.
    pub many: bool,
    pub ascii: bool,
}

/// Columns of number and time.
const BEGIN: usize = 17;

impl Look {
    fn line(&self, number: Option<u64>, now: Duration, peer: SocketAddr, role: Role, words: &str, out: &mut Vec<u8>) {
        let number = number.map(|number| number.to_string()).unwrap_or_default();
        self.palette.begin(Role::Faint, out);
        out.extend_from_slice(format!("{number:>5} {:10.6}", now.as_secs_f64()).as_bytes());
        self.palette.end(Role::Faint, out);
        let mut begun = BEGIN;
        if self.many {
            let name = format!(" {peer:<21}");
            out.extend_from_slice(name.as_bytes());
            begun += name.len();
        }
        out.push(b' ');
        self.palette.begin(role, out);
        wrap::hanging(words, self.width, begun, BEGIN + 1, out);
        self.palette.end(role, out);
        out.push(b'\n');
    }

    /// A line for an event of this end, if it has one; `now` since the start.
    pub fn event(&self, event: &Event, end: Option<&Session>, now: Duration, out: &mut Vec<u8>) {
        let mut line = |peer: SocketAddr, role, words: &str| self.line(None, now, peer, role, words, out);
        match event {
            Event::Alive { peer, silence: None } => line(*peer, Role::Opening, &format!("alive: {peer}")),
            Event::Alive { peer, silence: Some(silence) } => {
                line(*peer, Role::Opening, &format!("alive again after {} of silence", seconds(*silence)));
            }
            Event::Late { peer, silence } => {
                line(*peer, Role::Closing, &format!("late: nothing heard for {}", seconds(*silence)));
            }
            Event::Lost { peer, silence } => {
                line(*peer, Role::Trouble, &format!("lost: nothing heard for {}", seconds(*silence)));
            }
            Event::Beat { .. } => {}
            Event::Answered { peer, number, round_trip, .. } => {
                let words = self.beat(*round_trip, end);
                self.line(Some(*number), now, *peer, Role::Plain, &words, out);
            }
            Event::Unanswered { peer, number } => {
                self.line(Some(*number), now, *peer, Role::Closing, "no answer", out);
            }
            Event::Moved { from, to } => line(*to, Role::Closing, &format!("moved: {from} is now {to}")),
            Event::Restarted { peer } => {
                line(*peer, Role::Closing, "begun anew: it has been started again, or is another program");
            }
            Event::Missing { peer, count } => {
                let what = plural((*count).into(), "datagram of its", "datagrams of its");
                line(*peer, Role::Trouble, &format!("missing back: {what} so far"));
            }
            Event::MissingThere { peer, count } => {
                let what = plural((*count).into(), "datagram of ours", "datagrams of ours");
                line(*peer, Role::Trouble, &format!("missing there: {what}, it says"));
            }
            Event::Again { peer } => line(*peer, Role::Closing, "a datagram of its came once more"),
            Event::Disordered { peer } => line(*peer, Role::Closing, "a datagram of its came behind a later one"),
        }
    }

    fn beat(&self, round_trip: Duration, end: Option<&Session>) -> String {
        let Some(end) = end else { return milliseconds(round_trip) };
        let [there, back] = if self.ascii { ["there ", "back "] } else { ["→", "←"] };
        let jitter = |report: Report| {
            let micros = report.jitter;
            format!("{}.{:03}", micros / 1000, micros % 1000)
        };
        let heard = end.heard();
        match end.heard_there() {
            Some(report) => format!(
                "{}  lost {there}{} {back}{}  jitter {there}{} {back}{} ms",
                milliseconds(round_trip),
                report.lost,
                heard.lost,
                jitter(report),
                jitter(heard)
            ),
            // One that says no more than its number.
            None => milliseconds(round_trip),
        }
    }

    /// What was not sent, or did not arrive by ICMP's word.
    pub fn trouble(&self, peer: SocketAddr, what: &str, now: Duration, out: &mut Vec<u8>) {
        self.line(None, now, peer, Role::Trouble, what, out);
    }

    /// What there is to say of an end when all is over.
    pub fn summary(&self, end: &Session, out: &mut Vec<u8>) {
        self.palette.begin(Role::Heading, out);
        out.extend_from_slice(format!("--- heartbeat with {}: {} ---", end.peer(), life(end.life())).as_bytes());
        self.palette.end(Role::Heading, out);
        out.push(b'\n');
        let sent = u64::from(end.sent());
        let mut there = format!(
            "there  {} sent ({} and {})",
            plural(sent, "datagram", "datagrams"),
            plural(end.tally().sent, "heartbeat", "heartbeats"),
            plural(sent.saturating_sub(end.tally().sent), "answer", "answers")
        );
        match end.heard_there() {
            Some(report) => {
                let known = u64::from(report.heard) + u64::from(report.lost);
                there.push_str(&format!("; {}", way(&report, known)));
                let open = sent.saturating_sub(known);
                if open > 0 {
                    there.push_str(&format!("; of the last {open} nothing is known"));
                }
            }
            None => there.push_str("; what of it arrived is not known"),
        }
        let heard = end.heard();
        let known = u64::from(heard.heard) + u64::from(heard.lost);
        let mut lines = vec![there];
        lines.push(match known {
            0 if end.tally().heard > 0 => {
                format!("back   {} heard, not numbered", plural(end.tally().heard, "datagram", "datagrams"))
            }
            0 => "back   nothing heard".to_owned(),
            _ => {
                format!("back   {} heard; {}", plural(heard.heard.into(), "datagram", "datagrams"), way(&heard, known))
            }
        });
        let tally = end.tally();
        let mut round = format!("answered {}", share(tally.answered, tally.sent));
        if let Some(trips) = end.round_trips() {
            let [least, average, most] = [trips.least, trips.average(), trips.most].map(|time| {
                let micros = time.as_micros();
                format!("{}.{:03}", micros / 1000, micros % 1000)
            });
            round.push_str(&format!("; round trip min/avg/max = {least}/{average}/{most} ms"));
        }
        lines.push(round);
        let times = end.times();
        let counted =
            [(times.late, "late"), (times.lost, "lost"), (times.moved, "moved"), (times.restarted, "begun anew")];
        let told: Vec<String> = counted
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{what} {}", plural((*count).into(), "time", "times")))
            .collect();
        if !told.is_empty() {
            lines.push(told.join(", "));
        }
        for line in lines {
            wrap::hanging(&line, self.width, 0, 7, out);
            out.push(b'\n');
        }
    }
}

/// What came of one direction's datagrams.
fn way(report: &Report, known: u64) -> String {
    let mut text = format!("lost {}", share(report.lost.into(), known));
    for (count, what) in [(report.again, "came twice"), (report.disordered, "out of order")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    let micros = report.jitter;
    text.push_str(&format!(", jitter {}.{:03} ms", micros / 1000, micros % 1000));
    text
}

pub fn life(life: Life) -> &'static str {
    match life {
        Life::Unknown => "never heard",
        Life::Alive => "alive",
        Life::Late => "late",
        Life::Lost => "lost",
    }
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn microseconds(micros: u32) -> i64 {
    i64::from(micros) * 1_000
}

/// An object for each event, and for each beat of the other end.
pub fn object(event: &Event, end: Option<&Session>, now: Duration, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    let begin = |object: &mut Object<'_>, name: &str, peer: &SocketAddr| {
        object.string("event", name);
        object.seconds("time", nanoseconds(now), 6);
        object.string("peer", &peer.to_string());
    };
    match event {
        Event::Alive { peer, silence } => {
            begin(&mut object, "alive", peer);
            if let Some(silence) = silence {
                object.seconds("silence", nanoseconds(*silence), 6);
            }
        }
        Event::Late { peer, silence } | Event::Lost { peer, silence } => {
            begin(&mut object, if matches!(event, Event::Late { .. }) { "late" } else { "lost" }, peer);
            object.seconds("silence", nanoseconds(*silence), 6);
        }
        Event::Beat { peer, number } => {
            begin(&mut object, "beat", peer);
            number.iter().for_each(|number| object.number("number", *number));
        }
        Event::Answered { peer, number, round_trip, .. } => {
            begin(&mut object, "answered", peer);
            object.number("number", *number);
            object.seconds("rtt", nanoseconds(*round_trip), 6);
            if let Some(end) = end {
                for (way, report) in [("there", end.heard_there()), ("back", Some(end.heard()))] {
                    if let Some(report) = report {
                        object.number(&format!("lost_{way}"), report.lost.into());
                        object.seconds(&format!("jitter_{way}"), microseconds(report.jitter), 6);
                    }
                }
            }
        }
        Event::Unanswered { peer, number } => {
            begin(&mut object, "unanswered", peer);
            object.number("number", *number);
        }
        Event::Moved { from, to } => {
            begin(&mut object, "moved", to);
            object.string("from", &from.to_string());
        }
        Event::Restarted { peer } => begin(&mut object, "restarted", peer),
        Event::Missing { peer, count } | Event::MissingThere { peer, count } => {
            let back = matches!(event, Event::Missing { .. });
            begin(&mut object, if back { "missing_back" } else { "missing_there" }, peer);
            object.number("count", (*count).into());
        }
        Event::Again { peer } => begin(&mut object, "again", peer),
        Event::Disordered { peer } => begin(&mut object, "disordered", peer),
    }
    object.end();
}

/// An object for what could not be sent, or did not arrive by ICMP's word.
pub fn trouble_object(event: &str, peer: SocketAddr, what: &str, now: Duration, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.string("event", event);
    object.seconds("time", nanoseconds(now), 6);
    object.string("peer", &peer.to_string());
    object.string("what", what);
    object.end();
}

/// The words for an ICMP error about a datagram to this address.
pub fn icmp(peer: SocketAddr, kind: u8, code: u8, info: u32) -> String {
    ping::error(peer.is_ipv6(), kind, code, info).replace("  ", ", ")
}

/// Why this machine could not send, in the system's words.
pub fn system(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(|| "it cannot be".to_owned(), ping::system)
}

/// The sums of an end.
pub fn summary_object(end: &Session, now: Duration, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.string("event", "summary");
    object.seconds("time", nanoseconds(now), 6);
    object.string("peer", &end.peer().to_string());
    object.string("life", life(end.life()));
    object.number("sent", end.sent().into());
    object.number("heartbeats", end.tally().sent);
    object.number("answered", end.tally().answered);
    for (way, report) in [("there", end.heard_there()), ("back", Some(end.heard()))] {
        let Some(report) = report else { continue };
        object.number(&format!("heard_{way}"), report.heard.into());
        object.number(&format!("lost_{way}"), report.lost.into());
        object.number(&format!("again_{way}"), report.again.into());
        object.number(&format!("disordered_{way}"), report.disordered.into());
        object.seconds(&format!("jitter_{way}"), microseconds(report.jitter), 6);
    }
    if let Some(trips) = end.round_trips() {
        object.seconds("rtt_min", nanoseconds(trips.least), 6);
        object.seconds("rtt_avg", nanoseconds(trips.average()), 6);
        object.seconds("rtt_max", nanoseconds(trips.most), 6);
    }
    let times = end.times();
    for (key, count) in
        [("late", times.late), ("lost", times.lost), ("moved", times.moved), ("restarted", times.restarted)]
    {
        object.number(key, count.into());
    }
    object.end();
}
