//! What `netlab ping` sent and what came back, in the columns of capture's lines: number of the probe, time, who to
//! whom, protocol, what it was, what it means.
//!
//! Everything here is a number, an address or a word of ours: nothing of a packet's text reaches the terminal.

mod json;

use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use super::style::{Palette, Role};
use super::wrap;
use crate::engine::ping::statistics::percent;
use crate::engine::ping::{Answer, Event, Probe, Protocol, Statistics, Target, What};
use crate::wire::{icmp, icmpv6};

pub use json::{object, summary_object};

/// What does not change from line to line.
#[derive(Clone, Debug)]
pub struct Look {
    pub target: Target,
    /// As it was typed.
    pub host: String,
    /// The address that probes leave with.
    pub source: IpAddr,
    /// The identifier of echo requests.
    pub identifier: Option<u16>,
    /// Bytes of data in a probe.
    pub length: usize,
    pub palette: Palette,
    /// Columns of the terminal; more than any line has where there is none.
    pub room: usize,
    /// Hop by hop: the probes themselves are not shown.
    pub route: bool,
}

/// The columns before the words of a line.
struct Columns {
    number: usize,
    time: usize,
    decimals: usize,
    ends: usize,
    protocol: usize,
}

impl Columns {
    /// As capture's lines have them.
    const WIDE: Self = Self { number: 5, time: 10, decimals: 6, ends: 32, protocol: 6 };
    /// A terminal with fewer columns gets narrower ones, so that the words have room.
    const NARROW: usize = 100;
    /// Lines behind the first are set in by so much.
    const INDENT: usize = 6;
}

impl Look {
    /// The name of the protocol as packets have it.
    pub fn protocol(&self) -> &'static str {
        match self.target.protocol {
            Protocol::Echo if self.target.address.is_ipv6() => "ICMPv6",
            Protocol::Echo => "ICMP",
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        }
    }

    /// The target as its packets name it, with its port where it has one.
    pub fn target(&self) -> String {
        match self.target.protocol {
            Protocol::Echo => self.target.address.ip().to_string(),
            _ => self.target.address.to_string(),
        }
    }

    fn columns(&self) -> Columns {
        if self.room >= Columns::NARROW {
            return Columns::WIDE;
        }
        let both = self.ends().chars().count();
        Columns { number: 4, time: 7, decimals: 3, ends: both, protocol: self.protocol().len() }
    }

    /// Who asks whom.
    fn ends(&self) -> String {
        format!("{} → {}", self.source, self.target())
    }

    fn line(&self, place: u64, now: Duration, from: &str, name: &str, out: &mut Vec<u8>) {
        let faint = self.palette.style(Role::Faint);
        let Columns { number, time, decimals, ends, protocol } = self.columns();
        let blanks = ends.saturating_sub(from.chars().count());
        let now = now.as_secs_f64();
        // A vector takes all that is written to it.
        let _ = write!(
            out,
            "{faint}{place:number$} {now:time$.decimals$}{faint:#} {from}{:blanks$} {name:<protocol$} ",
            ""
        );
    }

    /// A line for each event, divided between words where it is longer than the terminal is wide.
    pub fn event(&self, event: &Event, now: Duration, out: &mut Vec<u8>) {
        let mut line = Vec::new();
        self.undivided(event, now, &mut line);
        if let Some(line) = line.strip_suffix(b"\n") {
            wrap::hanging(&String::from_utf8_lossy(line), self.room, 0, Columns::INDENT, out);
            out.push(b'\n');
        }
    }

    fn undivided(&self, event: &Event, now: Duration, out: &mut Vec<u8>) {
        match event {
            Event::Sent(_) if self.route => {}
            Event::Sent(probe) => self.sent(*probe, now, out),
            Event::Answered { number, answer, round_trip, late, again } => {
                self.came(*number, now, answer, out);
                let _ = write!(out, "  {}", milliseconds(*round_trip));
                self.lived(answer, out);
                if *again {
                    self.aside(Role::Trouble, "again: a duplicate", out);
                }
                if *late {
                    self.aside(Role::Trouble, "late: it had been given up", out);
                }
                out.push(b'\n');
            }
            Event::Failed { number, answer, round_trip } => {
                self.came(*number, now, answer, out);
                if matches!(answer.what, What::Icmp { .. }) {
                    let _ = write!(out, "  {}", milliseconds(*round_trip));
                }
                out.push(b'\n');
            }
            Event::Unanswered { number, waited } => {
                self.line(*number, now, &self.target(), self.protocol(), out);
                let trouble = self.palette.style(Role::Trouble);
                let _ = writeln!(out, "{trouble}no answer{trouble:#} within {}", span(*waited));
            }
            Event::Hop { ttl, probes } => self.hop(*ttl, probes, out),
        }
    }

    fn aside(&self, role: Role, text: &str, out: &mut Vec<u8>) {
        let style = self.palette.style(role);
        let _ = write!(out, "  {style}{text}{style:#}");
    }

    fn sent(&self, probe: Probe, now: Duration, out: &mut Vec<u8>) {
        self.line(probe.number, now, &self.ends(), self.protocol(), out);
        let length = self.length;
        let _ = match self.target.protocol {
            Protocol::Echo => {
                let (id, seq) = (self.identifier.unwrap_or(0), probe.number as u16);
                write!(out, "echo request id {id} seq {seq} len {length}")
            }
            Protocol::Tcp => write!(out, "SYN"),
            Protocol::Udp => write!(out, "len {length}"),
        };
        out.push(b'\n');
    }

    /// Who answered what, up to the round trip.
    fn came(&self, number: u64, now: Duration, answer: &Answer, out: &mut Vec<u8>) {
        let own = self.target.address.ip();
        let from = match answer.from {
            Some(from) if from == own && !matches!(answer.what, What::Icmp { .. }) => self.target(),
            Some(from) => from.to_string(),
            None => self.source.to_string(),
        };
        let error = matches!(answer.what, What::Icmp { .. });
        let protocol = match (error, self.target.address.is_ipv6()) {
            (false, _) => self.protocol(),
            (true, false) => "ICMP",
            (true, true) => "ICMPv6",
        };
        let ends = match answer.what {
            What::Local(_) => from,
            _ => format!("{from} → {}", self.source),
        };
        self.line(number, now, &ends, protocol, out);
        let reached = answer.reached(&self.target);
        let style = self.palette.style(if reached { Role::Plain } else { Role::Trouble });
        let _ = write!(out, "{style}{}{style:#}", self.words(number, answer));
    }

    fn words(&self, number: u64, answer: &Answer) -> String {
        let seq = number as u16;
        match answer.what {
            What::Echo { length, same } => {
                let note = match (same, length == self.length) {
                    (true, _) => "",
                    (false, false) => "  other data than was sent: cut, or grown",
                    (false, true) => "  other data than was sent",
                };
                format!("echo reply seq {seq} len {length}{note}")
            }
            What::Open => "SYN,ACK  open: somebody listens".to_owned(),
            What::Reset => "RST,ACK  refused: nobody listens there".to_owned(),
            What::Datagram { length } => format!("len {length}  an answer"),
            What::Icmp { kind, code, info } => error(self.target.address.is_ipv6(), kind, code, info),
            What::Local(errno) => format!("not sent: {}", system(errno)),
        }
    }

    /// The time to live that it came with, and what that tells.
    fn lived(&self, answer: &Answer, out: &mut Vec<u8>) {
        let Some(ttl) = answer.ttl else { return };
        let _ = write!(out, "  TTL {ttl}");
        if let Some((hops @ 1.., began)) = answer.hops() {
            let routers = if hops == 1 { "router" } else { "routers" };
            let _ = write!(out, ": {hops} {routers} on the way, if it began at {began}");
        }
    }

    /// ` 2  10.0.2.2  0.045 ms  0.031 ms  *`, each sender named where it differs from the one before.
    fn hop(&self, ttl: u8, probes: &[Option<(Answer, Duration)>], out: &mut Vec<u8>) {
        let faint = self.palette.style(Role::Faint);
        let _ = write!(out, "{faint}{ttl:5}{faint:#}");
        let (mut before, mut noted) = (None, Vec::new());
        for probe in probes {
            let Some((answer, round_trip)) = probe else {
                out.extend_from_slice(b"  *");
                continue;
            };
            if let What::Local(errno) = answer.what {
                let _ = write!(out, "  not sent: {}", system(errno));
                continue;
            }
            if before != Some(answer.from) {
                before = Some(answer.from);
                let from = answer.from.map_or_else(|| "?".to_owned(), |from| from.to_string());
                let _ = write!(out, "  {from}");
            }
            let _ = write!(out, "  {}", milliseconds(*round_trip));
            let note = match answer.what {
                What::Icmp { kind, code, .. } if kind == exceeded(self.target.address.is_ipv6()) && code == 0 => {
                    continue;
                }
                What::Echo { .. } => "echo reply".to_owned(),
                _ => self.words(0, answer),
            };
            if !noted.contains(&note) {
                noted.push(note);
            }
        }
        for note in noted {
            let reached = probes.iter().flatten().any(|(answer, _)| answer.reached(&self.target));
            self.aside(if reached { Role::Faint } else { Role::Trouble }, &note, out);
        }
        out.push(b'\n');
    }

    /// The closing figures, as ping(8) of iputils writes them.
    pub fn summary(&self, statistics: &Statistics, time: Duration, out: &mut Vec<u8>) {
        let heading = self.palette.style(Role::Heading);
        let _ = writeln!(out, "\n{heading}--- {} ping statistics ---{heading:#}", super::escape::text(&self.host));
        let _ = write!(out, "{} packets transmitted, {} received", statistics.transmitted, statistics.received);
        if statistics.duplicates > 0 {
            let _ = write!(out, ", +{} duplicates", statistics.duplicates);
        }
        if statistics.errors > 0 {
            let _ = write!(out, ", +{} errors", statistics.errors);
        }
        if let Some(loss) = statistics.loss() {
            let time = (time + Duration::from_micros(500)).as_millis();
            let _ = write!(out, ", {}% packet loss, time {time}ms", percent(loss));
        }
        out.push(b'\n');
        if let Some(found) = statistics.round_trips() {
            let [least, average, most, deviation] = [found.least, found.average, found.most, found.deviation]
                .map(|time| format!("{}.{:03}", time / 1000, time % 1000));
            let _ = writeln!(out, "rtt min/avg/max/mdev = {least}/{average}/{most}/{deviation} ms");
        }
    }
}

/// The type of 'time exceeded'.
fn exceeded(six: bool) -> u8 {
    if six { icmpv6::TIME_EXCEEDED } else { icmp::TIME_EXCEEDED }
}

/// An ICMP error in the words of its RFC, and in plain ones.
pub(super) fn error(six: bool, kind: u8, code: u8, info: u32) -> String {
    let meaning = if six { icmpv6::meaning(kind, code) } else { icmp::meaning(kind, code) };
    let name = meaning.map_or_else(|| format!("type {kind} code {code}"), str::to_owned);
    let plain = match (six, kind, code) {
        (false, 3, 3) | (true, 1, 4) => "nobody has the port",
        (false, 3, 1 | 7) | (true, 1, 3) => "host does not answer",
        (false, 3, 0 | 6) | (true, 1, 0) => "no route from there",
        (false, 3, 9 | 10 | 13) | (true, 1, 1 | 5) => "a firewall forbids it",
        (false, 11, 0) | (true, 3, 0) => "it came this far and no further",
        (false, 3, 4) | (true, 2, _) => return format!("{name}  the next link takes {info} bytes"),
        _ => return name,
    };
    format!("{name}  {plain}")
}

/// An errno in the system's words.
pub(super) fn system(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

pub(super) fn milliseconds(time: Duration) -> String {
    let micros = time.as_micros();
    format!("{}.{:03} ms", micros / 1000, micros % 1000)
}

/// A time that somebody chose.
pub(super) fn span(time: Duration) -> String {
    match time.as_millis() {
        whole if whole % 1000 == 0 => format!("{} s", whole / 1000),
        part => format!("{part} ms"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn look(protocol: Protocol, port: u16) -> Look {
        Look {
            target: Target { address: SocketAddr::from(([10, 0, 2, 2], port)), protocol },
            host: "there\u{1b}[2J".to_owned(),
            source: [10, 0, 1, 1].into(),
            identifier: Some(4711),
            length: 56,
            palette: Palette::new(false),
            room: usize::MAX,
            route: false,
        }
    }

    fn lines(look: &Look, events: &[Event]) -> String {
        let mut out = Vec::new();
        events.iter().for_each(|event| look.event(event, Duration::from_micros(1_000_412), &mut out));
        String::from_utf8(out).unwrap()
    }

    fn answer(what: What, from: [u8; 4], ttl: Option<u8>) -> Answer {
        Answer { what, from: Some(from.into()), ttl }
    }

    #[test]
    fn a_probe_and_its_answer_stand_in_captures_columns() {
        let reply = answer(What::Echo { length: 56, same: true }, [10, 0, 2, 2], Some(63));
        let events = [
            Event::Sent(Probe { number: 2, ttl: None }),
            Event::Answered {
                number: 2,
                answer: reply,
                round_trip: Duration::from_micros(412),
                late: false,
                again: false,
            },
            Event::Unanswered { number: 3, waited: Duration::from_secs(1) },
        ];
        assert_eq!(
            lines(&look(Protocol::Echo, 0), &events),
            "    2   1.000412 10.0.1.1 → 10.0.2.2              ICMP   echo request id 4711 seq 2 len 56\n    \
             2   1.000412 10.0.2.2 → 10.0.1.1              ICMP   echo reply seq 2 len 56  0.412 ms  TTL 63: 1 router on the way, if it began at 64\n    \
             3   1.000412 10.0.2.2                         ICMP   no answer within 1 s\n"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_narrow_columns_and_whole_words() {
        let reply = answer(What::Echo { length: 56, same: true }, [10, 0, 2, 2], Some(63));
        let round_trip = Duration::from_micros(412);
        let events = [
            Event::Sent(Probe { number: 2, ttl: None }),
            Event::Answered { number: 2, answer: reply, round_trip, late: false, again: false },
        ];
        assert_eq!(
            lines(&Look { room: 80, ..look(Protocol::Echo, 0) }, &events),
            "   2   1.000 10.0.1.1 → 10.0.2.2 ICMP echo request id 4711 seq 2 len 56\n   \
             2   1.000 10.0.2.2 → 10.0.1.1 ICMP echo reply seq 2 len 56  0.412 ms  TTL 63:\n      \
             1 router on the way, if it began at 64\n"
        );
    }

    #[test]
    fn an_error_is_told_by_whoever_sent_it() {
        let exceeded = answer(What::Icmp { kind: 11, code: 0, info: 0 }, [10, 0, 1, 254], None);
        let local = Answer { what: What::Local(101), from: None, ttl: None };
        let failed = |answer| Event::Failed { number: 1, answer, round_trip: Duration::from_micros(99) };
        assert_eq!(
            lines(&look(Protocol::Tcp, 80), &[failed(exceeded), failed(local)]),
            "    1   1.000412 10.0.1.254 → 10.0.1.1            ICMP   time to live exceeded in transit  it came this far and no further  0.099 ms\n    \
             1   1.000412 10.0.1.1                         TCP    not sent: Network is unreachable\n"
        );
    }

    #[test]
    fn hops_name_each_sender_once_and_silence_by_a_star() {
        let hop = |router, micros| {
            Some((
                answer(What::Icmp { kind: 11, code: 0, info: 0 }, [10, 0, router, 254], None),
                Duration::from_micros(micros),
            ))
        };
        let reset = Some((answer(What::Reset, [10, 0, 2, 2], None), Duration::from_micros(40)));
        let events = [
            Event::Hop { ttl: 1, probes: vec![hop(1, 45), None, hop(1, 31)] },
            Event::Hop { ttl: 2, probes: vec![hop(1, 45), hop(3, 46), None] },
            Event::Hop { ttl: 3, probes: vec![reset; 2] },
        ];
        assert_eq!(
            lines(&look(Protocol::Tcp, 80), &events),
            "    1  10.0.1.254  0.045 ms  *  0.031 ms\n    \
             2  10.0.1.254  0.045 ms  10.0.3.254  0.046 ms  *\n    \
             3  10.0.2.2  0.040 ms  0.040 ms  RST,ACK  refused: nobody listens there\n"
        );
    }

    #[test]
    fn the_summary_is_that_of_iputils_and_safe() {
        let mut statistics = Statistics::default();
        (statistics.transmitted, statistics.errors) = (3, 1);
        statistics.answered(45, false);
        statistics.answered(75, false);
        let mut out = Vec::new();
        look(Protocol::Echo, 0).summary(&statistics, Duration::from_micros(2_003_600), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(
            text.ends_with(
                "3 packets transmitted, 2 received, +1 errors, 33.3333% packet loss, time 2004ms\n\
                 rtt min/avg/max/mdev = 0.045/0.060/0.075/0.015 ms\n"
            ),
            "{text}"
        );
    }
}
