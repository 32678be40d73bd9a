//! How two peers meet: a line for each thing that happens, at the end what was tried and why it came so; the same as JSON.
//!
//! What the other one says is escaped; all else are numbers, addresses and words of ours.

use std::net::SocketAddr;
use std::time::Duration;

use super::object::Object;
use super::style::{Palette, Role};
use super::{escape, wrap};
use crate::engine::nat_behaviour::predict::Side;
use crate::engine::punch::{Event, Origin, Reach, Report, Transport, Tried, Witness, why};

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub palette: Palette,
    /// Columns; longer lines go on in the next one.
    pub width: usize,
}

/// Columns of the time, and of the names at the end.
const TIME: usize = 9;
const NAMES: usize = 8;

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1000.0)
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Outside => "outside",
        Origin::Inside => "inside",
        Origin::Seen => "seen",
    }
}

fn witness(witness: Witness) -> &'static str {
    match witness {
        Witness::Rendezvous => "the rendezvous",
        Witness::Other => "the other one",
    }
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What happened, in words, and as what it is shown.
fn words(event: &Event, patience: Duration) -> (Role, String) {
    match event {
        Event::Waiting { outside } => {
            (Role::Plain, format!("the rendezvous sees you at {outside}; the other one is not there yet"))
        }
        Event::Met { outside, other_outside, other_inside } => {
            let inside = match other_inside.as_slice() {
                [] => String::new(),
                some => format!(", {} inside", list(some)),
            };
            let told = format!("the other one is there: {other_outside} outside{inside}; you are at {outside}");
            (Role::Opening, told)
        }
        Event::Heard { from, origin } => {
            let known = match origin {
                Origin::Outside => "as the rendezvous said",
                Origin::Inside => "its own address",
                Origin::Seen => "which nobody told",
            };
            (Role::Plain, format!("heard from {from}, {known}"))
        }
        Event::Reached { address, after, round_trip, .. } => {
            let times = format!("{} after meeting, {} there and back", seconds(*after), milliseconds(*round_trip));
            (Role::Opening, format!("reached {address}: {times}"))
        }
        Event::NotReached { relays } => {
            let then = if *relays { "; the rendezvous shall relay" } else { "" };
            (Role::Trouble, format!("not reached within {}{then}", seconds(patience)))
        }
        Event::Relayed { round_trip } => {
            (Role::Closing, format!("the relay carries: {} there and back", milliseconds(*round_trip)))
        }
        Event::Moved { witness: by, from, to } => {
            (Role::Closing, format!("rebinding: you were at {from} and are now at {to}, says {}", witness(*by)))
        }
        Event::OtherMoved { from, to } => {
            (Role::Closing, format!("rebinding: the other one was at {from} and is now at {to}; a punch proved it"))
        }
        Event::Lost { silence } => {
            (Role::Trouble, format!("lost: nothing came for {}, beats are not answered", seconds(*silence)))
        }
        Event::Left => (Role::Closing, "the other one has left the rendezvous".into()),
        Event::Said(line) => {
            let mut said = b"< ".to_vec();
            escape::write(line, &mut said);
            (Role::Data, String::from_utf8_lossy(&said).into_owned())
        }
    }
}

impl Look {
    pub fn event(&self, event: &Event, now: Duration, patience: Duration, out: &mut Vec<u8>) {
        let (role, text) = words(event, patience);
        self.palette.begin(Role::Faint, out);
        out.extend_from_slice(format!("{:>TIME$.3}", now.as_secs_f64()).as_bytes());
        self.palette.end(Role::Faint, out);
        out.extend_from_slice(b"  ");
        self.palette.begin(role, out);
        wrap::hanging(&text, self.width, TIME + 2, TIME + 2, out);
        self.palette.end(role, out);
        out.push(b'\n');
    }

    fn row(&self, name: &str, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{name:<NAMES$}").as_bytes());
        wrap::hanging(text, self.width, NAMES, NAMES, out);
        out.push(b'\n');
    }

    /// What there is to say when all is over.
    pub fn verdict(&self, session: &str, report: &Report, own: &Side, out: &mut Vec<u8>) {
        let reach = match (report.reach, report.took) {
            (Reach::Direct { .. }, Some(took)) => format!("direct, {} after meeting", seconds(took)),
            (Reach::Direct { .. }, None) => "direct".to_owned(),
            (Reach::Relay, _) => "by the relay only".to_owned(),
            (Reach::None, _) => "not reached".to_owned(),
        };
        self.palette.begin(Role::Heading, out);
        wrap::hanging(&format!("--- {session}: {reach} ---"), self.width, 0, 4, out);
        self.palette.end(Role::Heading, out);
        out.push(b'\n');
        let outside = report.outside.map(|outside| match report.inside.contains(&outside) {
            true => format!("{outside}, no NAT"),
            false => format!("{outside} outside, {} inside", list(&report.inside)),
        });
        if let Some(outside) = outside {
            self.row("you", &outside, out);
        }
        for (place, tried) in report.tried.iter().enumerate() {
            let name = if place == 0 { "tried" } else { "" };
            self.row(name, &one(tried, report.transport), out);
        }
        for (place, sentence) in why(report, own).iter().enumerate() {
            self.row(if place == 0 { "why" } else { "" }, sentence, out);
        }
        let dropped = report.dropped;
        if dropped.strange + dropped.repeated > 0 {
            let text = format!("{} of strangers, {} that came before or too late", dropped.strange, dropped.repeated);
            self.row("dropped", &text, out);
        }
    }
}

/// An address, and what came of it.
fn one(tried: &Tried, transport: Transport) -> String {
    let sent = match (transport, tried.sent) {
        (Transport::Udp, 1) => "1 punch".to_owned(),
        (Transport::Udp, n) => format!("{n} punches"),
        (Transport::Tcp, 1) => "1 connection tried".to_owned(),
        (Transport::Tcp, n) => format!("{n} connections tried"),
    };
    let refused = if tried.refused > 0 { format!(" ({} refused)", tried.refused) } else { String::new() };
    let came = match (tried.heard, tried.answered) {
        (0, _) => "nothing heard".to_owned(),
        (heard, 0) => format!("{heard} heard, none answered"),
        (heard, answered) => format!("{heard} heard, {answered} of them answers"),
    };
    format!("{:<21} {:<7}  {sent}{refused}, {came}", tried.address.to_string(), origin(tried.origin))
}

fn time(object: &mut Object<'_>, key: &str, time: Duration) {
    object.seconds(key, i64::try_from(time.as_nanos()).unwrap_or(i64::MAX), 6);
}

/// Writes an event as one JSON object.
pub fn event_object(event: &Event, now: Duration, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    time(&mut object, "time", now);
    let mut name = |name: &str| object.string("event", name);
    match event {
        Event::Waiting { outside } => {
            name("waiting");
            object.string("outside", &outside.to_string());
        }
        Event::Met { outside, other_outside, other_inside } => {
            name("met");
            object.string("outside", &outside.to_string());
            object.string("other_outside", &other_outside.to_string());
            object.strings("other_inside", other_inside.iter().map(ToString::to_string));
        }
        Event::Heard { from, origin: known } => {
            name("heard");
            object.string("address", &from.to_string());
            object.string("origin", origin(*known));
        }
        Event::Reached { address, origin: known, after, round_trip } => {
            name("reached");
            object.string("address", &address.to_string());
            object.string("origin", origin(*known));
            time(&mut object, "after_s", *after);
            time(&mut object, "round_trip_s", *round_trip);
        }
        Event::NotReached { relays } => {
            name("not-reached");
            object.truth("relays", *relays);
        }
        Event::Relayed { round_trip } => {
            name("relayed");
            time(&mut object, "round_trip_s", *round_trip);
        }
        Event::Moved { witness, from, to } => {
            name("moved");
            let by = if *witness == Witness::Rendezvous { "rendezvous" } else { "other" };
            object.string("says", by);
            object.string("from", &from.to_string());
            object.string("to", &to.to_string());
        }
        Event::OtherMoved { from, to } => {
            name("other-moved");
            object.string("from", &from.to_string());
            object.string("to", &to.to_string());
        }
        Event::Lost { silence } => {
            name("lost");
            time(&mut object, "silence_s", *silence);
        }
        Event::Left => name("left"),
        Event::Said(line) => {
            name("said");
            object.bytes("line", line);
        }
    }
    object.end();
}

/// Writes the verdict as one JSON object.
pub fn verdict_object(report: &Report, own: &Side, now: Duration, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    time(&mut object, "time", now);
    object.string("event", "verdict");
    object.string("path", report.reach.name());
    object.string("transport", if report.transport == Transport::Udp { "udp" } else { "tcp" });
    if let Reach::Direct { address, origin: known } = report.reach {
        object.string("address", &address.to_string());
        object.string("origin", origin(known));
    }
    if let Some(took) = report.took {
        time(&mut object, "after_s", took);
    }
    for (key, address) in [("outside", report.outside), ("seen", report.seen), ("other_outside", report.other_outside)]
    {
        if let Some(address) = address {
            object.string(key, &address.to_string());
        }
    }
    object.strings("inside", report.inside.iter().map(ToString::to_string));
    object.list("tried", &report.tried, |tried, object| {
        object.string("address", &tried.address.to_string());
        object.string("origin", origin(tried.origin));
        object.number("sent", tried.sent);
        object.number("heard", tried.heard);
        object.number("answered", tried.answered);
        object.number("refused", tried.refused);
    });
    object.strings("why", why(report, own));
    object.number("dropped_strange", report.dropped.strange);
    object.number("dropped_repeated", report.dropped.repeated);
    object.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::punch::Dropped;

    fn report() -> Report {
        let tried = |address: &str, origin, sent, heard, answered| Tried {
            address: address.parse().unwrap(),
            origin,
            sent,
            heard,
            answered,
            refused: 0,
        };
        Report {
            transport: Transport::Udp,
            server: "203.0.113.10:7000".parse().unwrap(),
            reach: Reach::Relay,
            ended: None,
            inside: vec!["192.168.1.10:40000".parse().unwrap()],
            outside: "203.0.113.1:40000".parse().ok(),
            seen: None,
            other_outside: "203.0.113.2:17070".parse().ok(),
            tried: vec![
                tried("203.0.113.2:17070", Origin::Outside, 50, 0, 0),
                tried("[2001:db8::1]:65535", Origin::Inside, 1, 3, 2),
            ],
            dropped: Dropped { strange: 1, repeated: 2 },
            took: None,
        }
    }

    #[test]
    fn all_of_it_fits_the_terminal() {
        for width in [80, 120] {
            let look = Look { palette: Palette::new(false), width };
            let address = "203.0.113.101:40001".parse().unwrap();
            let mut out = Vec::new();
            for event in [
                Event::Met { outside: address, other_outside: address, other_inside: vec![address; 4] },
                Event::Moved { witness: Witness::Rendezvous, from: address, to: address },
                Event::OtherMoved { from: address, to: address },
                Event::Heard { from: address, origin: Origin::Seen },
            ] {
                look.event(&event, Duration::from_millis(1234), Duration::from_secs(5), &mut out);
            }
            look.verdict("lesson", &report(), &Side::default(), &mut out);
            let text = String::from_utf8(out).unwrap();
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            assert!(text.starts_with("    1.234  the other one is there: 203.0.113.101:40001 outside"), "{text}");
            assert!(text.contains("--- lesson: by the relay only ---\n"), "{text}");
            assert!(text.contains("1 punch, 3 heard, 2 of them answers"), "{text}");
            assert!(text.contains("1 of strangers, 2 that came before"), "{text}");
        }
    }

    #[test]
    fn what_the_other_one_says_cannot_act_on_the_terminal() {
        let said = Event::Said(b"\x1b[2J\nhi\xff\xe2\x80\xae".to_vec());
        let mut out = Vec::new();
        let look = Look { palette: Palette::new(false), width: usize::MAX };
        look.event(&said, Duration::ZERO, Duration::ZERO, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "    0.000  < \\x1b[2J\\nhi\\xff\\u{202e}\n");
        let mut out = Vec::new();
        event_object(&said, Duration::ZERO, &mut out);
        let told: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&told["event"], told["line"].as_str().unwrap().chars().next()), (&"said".into(), Some('\u{1b}')));
    }

    #[test]
    fn the_verdict_is_json() {
        let mut out = Vec::new();
        verdict_object(&report(), &Side::default(), Duration::from_secs(7), &mut out);
        let told: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&told["path"], &told["event"]), (&"relay".into(), &"verdict".into()));
        assert_eq!(told["tried"][0]["sent"], 50);
        assert!(told["why"][0].as_str().unwrap().contains("gets in here from"), "{told}");
    }
}
