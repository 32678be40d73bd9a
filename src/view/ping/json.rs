//! The same as JSON: an object for each event, and one for the figures at the end.

use std::net::IpAddr;
use std::time::Duration;

use super::{Look, error, system};
use crate::engine::ping::{Answer, Event, Protocol, Statistics, What};
use crate::view::object::Object;

/// An object for each event; `now` since the first probe.
pub fn object(look: &Look, event: &Event, now: Duration, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    let begin = |object: &mut Object<'_>, name, number| {
        object.string("event", name);
        object.seconds("time", nanoseconds(now), 6);
        object.number("number", number);
        object.string("protocol", look.protocol());
    };
    match event {
        Event::Sent(probe) => {
            begin(&mut object, "sent", probe.number);
            object.string("to", &look.target());
            if look.target.protocol != Protocol::Tcp {
                object.number("length", look.length as u64);
            }
            if let Some(ttl) = probe.ttl {
                object.number("ttl", ttl.into());
            }
        }
        Event::Answered { number, answer, round_trip, late, again } => {
            begin(&mut object, "answer", *number);
            came(look, answer, Some(*round_trip), &mut object);
            object.truth("duplicate", *again);
            object.truth("late", *late);
        }
        Event::Failed { number, answer, round_trip } => {
            begin(&mut object, "error", *number);
            came(look, answer, Some(*round_trip), &mut object);
        }
        Event::Unanswered { number, waited } => {
            begin(&mut object, "silence", *number);
            object.seconds("waited", nanoseconds(*waited), 6);
        }
        Event::Hop { ttl, probes } => {
            object.string("event", "hop");
            object.seconds("time", nanoseconds(now), 6);
            object.number("ttl", (*ttl).into());
            object.truth("reached", probes.iter().flatten().any(|(answer, _)| answer.reached(&look.target)));
            object.list("probes", probes, |probe, object| match probe {
                Some((answer, round_trip)) => came(look, answer, Some(*round_trip), object),
                None => object.string("what", "silence"),
            });
        }
    }
    object.end();
}

fn came(look: &Look, answer: &Answer, round_trip: Option<Duration>, object: &mut Object<'_>) {
    if let Some(from) = answer.from {
        object.string("from", &from.to_string());
    }
    let what = match answer.what {
        What::Echo { .. } => "echo reply".to_owned(),
        What::Open => "SYN,ACK".to_owned(),
        What::Reset => "RST,ACK".to_owned(),
        What::Datagram { .. } => "datagram".to_owned(),
        What::Icmp { kind, code, info } => error(matches!(look.target.address.ip(), IpAddr::V6(_)), kind, code, info),
        What::Local(errno) => system(errno),
    };
    object.string("what", what.split("  ").next().unwrap_or_default());
    match answer.what {
        What::Echo { length, same } => {
            object.number("length", length as u64);
            object.truth("same", same);
        }
        What::Datagram { length } => object.number("length", length as u64),
        What::Icmp { kind, code, .. } => {
            object.number("type", kind.into());
            object.number("code", code.into());
        }
        _ => {}
    }
    if let Some(ttl) = answer.ttl {
        object.number("ttl", ttl.into());
    }
    if let Some((hops, _)) = answer.hops() {
        object.number("hops_guessed", hops.into());
    }
    if let Some(round_trip) = round_trip {
        object.seconds("rtt", nanoseconds(round_trip), 6);
    }
}

/// The figures at the end; times in seconds.
pub fn summary_object(look: &Look, statistics: &Statistics, time: Duration, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.string("event", "summary");
    object.seconds("time", nanoseconds(time), 6);
    object.string("to", &look.target());
    object.number("transmitted", statistics.transmitted);
    object.number("received", statistics.received);
    object.number("duplicates", statistics.duplicates);
    object.number("errors", statistics.errors);
    if let Some(found) = statistics.round_trips() {
        let times = [found.least, found.average, found.most, found.deviation];
        for (key, micros) in ["rtt_min", "rtt_avg", "rtt_max", "rtt_mdev"].into_iter().zip(times) {
            object.seconds(key, nanoseconds(Duration::from_micros(micros)), 6);
        }
    }
    object.end();
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}
