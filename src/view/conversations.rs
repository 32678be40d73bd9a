//! Conversations as a table for a person, as plain lines and as JSON for programs.

mod table;

use super::lines::program;
use super::style::Role;
use super::{escape, json};
use crate::field::text;
use crate::flow::conversation::Tcp;
use crate::flow::{Ending, Summary, Why};
use crate::wire::Address;

pub use table::{Room, table};

/// How a conversation ended, as plain lines and JSON say it.
fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Open => "open",
        Ending::Closed { by_client: true } => "closed by client",
        Ending::Closed { by_client: false } => "closed by server",
        Ending::HalfClosed { by_client: true } => "half closed by client",
        Ending::HalfClosed { by_client: false } => "half closed by server",
        Ending::Refused => "refused",
        Ending::ClosedTogether => "closed by both at once",
        Ending::Reset { by_client, why } => {
            let [client, server] = reset(why);
            if by_client { client } else { server }
        }
        Ending::Unanswered => "unanswered",
        Ending::Endless => "-",
    }
}

/// The same of a reset by the client, and of one by the server.
fn reset(why: Why) -> [&'static str; 2] {
    match why {
        Why::Aborted | Why::Again => ["reset by client", "reset by server"],
        Why::Unread => ["reset by client, perhaps with data unread", "reset by server, perhaps with data unread"],
        Why::GaveUp => ["reset by client before it was open", "reset by server before it was open"],
        Why::AfterClose => ["reset by client after its close", "reset by server after its close"],
        Why::Unknown => ["reset by client, which did not know it", "reset by server, which did not know it"],
        Why::Unanswered => ["reset by client, which got no answer", "reset by server, which got no answer"],
    }
}

fn role(ending: Ending) -> Role {
    match ending {
        Ending::Open | Ending::Endless => Role::Plain,
        Ending::Closed { .. } | Ending::ClosedTogether | Ending::HalfClosed { .. } => Role::Closing,
        Ending::Refused | Ending::Reset { .. } | Ending::Unanswered => Role::Trouble,
    }
}

pub(super) fn endpoint((address, port): (Address, u16), out: &mut Vec<u8>) {
    match address {
        Address::V4(address) => text::ipv4(address, out),
        Address::V6(address) => {
            out.push(b'[');
            text::ipv6(address, out);
            out.push(b']');
        }
    }
    out.push(b':');
    text::decimal(port.into(), out);
}

fn pair(numbers: [u64; 2], out: &mut Vec<u8>) {
    text::decimal(numbers[0], out);
    out.push(b'/');
    text::decimal(numbers[1], out);
}

/// The programs at both ends, `nc[1234] > ~nginx[99]`; nothing where none is known.
fn programs(summary: &Summary) -> String {
    let mut text = Vec::new();
    let [client, server] = summary.programs;
    if summary.programs.iter().flatten().any(|end| end.name().is_some()) {
        program(client, &mut text);
        text.extend_from_slice(if client.is_some() { b" > " } else { b"> " });
        program(server, &mut text);
    }
    String::from_utf8(text).unwrap_or_default().trim_end().to_owned()
}

/// One conversation as a plain line: words and numbers separated by one space, pairs as client/server.
///
/// `TCP 0 CLIENT > SERVER packets C/S bytes C/S data C/S start EPOCH duration S states C/S rtt S/C again C/S END programs C > S`
pub fn line(summary: &Summary, out: &mut Vec<u8>) {
    out.extend_from_slice(summary.transport.name().as_bytes());
    out.push(b' ');
    text::decimal(summary.stream.into(), out);
    out.push(b' ');
    endpoint(summary.client, out);
    out.extend_from_slice(if summary.guessed { b" ~ " } else { b" > " });
    endpoint(summary.server, out);
    let [up, down] = summary.traffic;
    for (name, numbers) in [
        (" packets ", [up.packets, down.packets]),
        (" bytes ", [up.bytes, down.bytes]),
        (" data ", [up.data, down.data]),
    ] {
        out.extend_from_slice(name.as_bytes());
        pair(numbers, out);
    }
    out.extend_from_slice(b" start ");
    text::seconds(summary.first.0, 6, out);
    out.extend_from_slice(b" duration ");
    text::seconds(summary.duration(), 6, out);
    if let Some(tcp) = &summary.tcp {
        let [client, server] = tcp.states;
        for part in [" states ", client.name(), "/", server.name(), " rtt "] {
            out.extend_from_slice(part.as_bytes());
        }
        for (place, rtt) in tcp.rtt.into_iter().enumerate() {
            if place > 0 {
                out.push(b'/');
            }
            match rtt {
                Some(rtt) => text::seconds(rtt, 6, out),
                None => out.push(b'-'),
            }
        }
        out.extend_from_slice(b" again ");
        pair(tcp.repeated, out);
        out.push(b' ');
        out.extend_from_slice(ending(summary.ending).as_bytes());
    }
    let known = programs(summary);
    if !known.is_empty() {
        out.extend_from_slice(b" programs ");
        out.extend_from_slice(known.as_bytes());
    }
    out.push(b'\n');
}

/// One conversation as a JSON object on a line. Keys ending in `_client` and `_server` are that side's.
pub fn json(summary: &Summary, out: &mut Vec<u8>) {
    let mut object = Object { out, first: true };
    object.string("transport", summary.transport.name().as_bytes());
    object.number("stream", summary.stream.into());
    for (key, end) in [("client", summary.client), ("server", summary.server)] {
        let mut shown = Vec::new();
        endpoint(end, &mut shown);
        object.string(key, &shown);
    }
    object.word("guessed", if summary.guessed { "true" } else { "false" });
    object.seconds("start", summary.first.0);
    object.seconds("duration", summary.duration());
    let [up, down] = summary.traffic;
    object.pair("packets", [up.packets, down.packets].map(Some));
    object.pair("bytes", [up.bytes, down.bytes].map(Some));
    object.pair("data", [up.data, down.data].map(Some));
    object.pair("goodput", summary.goodput());
    if let Some(tcp) = &summary.tcp {
        object.tcp(tcp);
        object.string("ending", ending(summary.ending).as_bytes());
    }
    for (side, end) in ["_client", "_server"].into_iter().zip(summary.programs) {
        let Some(end) = end else { continue };
        if let Some(name) = end.name() {
            object.key("process", side);
            json::string(name, object.out);
        }
        if let Some(pid) = end.pid() {
            object.key("pid", side);
            text::decimal(pid.into(), object.out);
        }
        object.key("certainty", side);
        json::string(end.certainty.name().as_bytes(), object.out);
    }
    object.out.extend_from_slice(b"}\n");
}

/// A JSON object being written; keys are plain ASCII, values are escaped by whoever hands them over.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Object<'_> {
    fn key(&mut self, key: &str, side: &str) {
        self.out.extend_from_slice(if std::mem::take(&mut self.first) { b"{\"" } else { b",\"" });
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(side.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn string(&mut self, key: &str, value: &[u8]) {
        self.key(key, "");
        self.out.push(b'"');
        self.out.extend_from_slice(value);
        self.out.push(b'"');
    }

    fn word(&mut self, key: &str, value: &str) {
        self.key(key, "");
        self.out.extend_from_slice(value.as_bytes());
    }

    fn number(&mut self, key: &str, value: u64) {
        self.key(key, "");
        text::decimal(value, self.out);
    }

    fn seconds(&mut self, key: &str, value: i64) {
        self.key(key, "");
        text::seconds(value, 9, self.out);
    }

    /// Two numbers, absent where they are not known.
    fn pair(&mut self, key: &str, values: [Option<u64>; 2]) {
        for (side, value) in ["_client", "_server"].into_iter().zip(values) {
            if let Some(value) = value {
                self.key(key, side);
                text::decimal(value, self.out);
            }
        }
    }

    fn tcp(&mut self, tcp: &Tcp) {
        for (side, state) in ["_client", "_server"].into_iter().zip(tcp.states) {
            self.key("state", side);
            self.out.push(b'"');
            self.out.extend_from_slice(state.name().as_bytes());
            self.out.push(b'"');
        }
        self.number("completeness", tcp.completeness.into());
        // The server's answer comes after the way to it and back, the client's after the way to him and back.
        for (side, rtt) in ["_server", "_client"].into_iter().zip(tcp.rtt) {
            if let Some(rtt) = rtt {
                self.key("rtt", side);
                text::seconds(rtt, 9, self.out);
            }
        }
        self.pair("repeated", tcp.repeated.map(Some));
        self.pair("window", tcp.window.map(|window| Some(window.into())));
        self.pair("mss", tcp.mss.map(|mss| mss.map(u64::from)));
        for (key, agreed) in [("window_scale", tcp.scale), ("sack", tcp.sack), ("timestamps", tcp.timestamps)] {
            self.word(key, if agreed { "true" } else { "false" });
        }
    }
}

/// A line of talk about conversations that are not in the table, or nothing; `room`: there would be room for all.
pub fn rest(shown: usize, known: usize, room: bool, forgotten: u64) -> String {
    let mut text = String::new();
    if shown < known {
        let why = if room { "; --all shows the rest" } else { ", as many as fit here" };
        text.push_str(&format!("{shown} of {known} conversations{why}"));
    }
    if forgotten > 0 {
        let gap = if text.is_empty() { "" } else { "; " };
        text.push_str(&format!("{gap}{forgotten} idle ones were forgotten to bound the memory (--max-flows)"));
    }
    escape::text(&text)
}
