//! Conversations as a table for a person, as plain lines and as JSON for programs.

mod table;

use super::escape;
use super::lines::program;
use super::object::Object;
use super::style::Role;
use crate::field::text;
use crate::flow::conversation::Tcp;
use crate::flow::gist::Gist;
use crate::flow::names::Names;
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

pub(super) fn endpoint(end: (Address, u16), out: &mut Vec<u8>) {
    called(end, None, out);
}

/// The same, by its name where it has one.
pub(super) fn called((address, port): (Address, u16), names: Option<&Names>, out: &mut Vec<u8>) {
    super::names::endpoint(names, address, port, out);
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
/// `TCP 0 CLIENT > SERVER packets C/S bytes C/S data C/S start EPOCH duration S states C/S rtt S/C again C/S END programs C > S application NAME SUMMARY`
pub fn line(summary: &Summary, gist: Option<&Gist>, names: Option<&Names>, out: &mut Vec<u8>) {
    out.extend_from_slice(summary.transport.name().as_bytes());
    out.push(b' ');
    text::decimal(summary.stream.into(), out);
    out.push(b' ');
    called(summary.client, names, out);
    out.extend_from_slice(if summary.guessed { b" ~ " } else { b" > " });
    called(summary.server, names, out);
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
    if let Some(gist) = gist {
        out.extend_from_slice(b" application ");
        escape::write(&about(gist), out);
    }
    out.push(b'\n');
}

/// An application and what it was about, `HTTP GET / → 200, 612 bytes`; unescaped.
fn about(gist: &Gist) -> Vec<u8> {
    let mut text = super::objects::short(gist.application.name()).into_bytes();
    text.push(b' ');
    gist.tell(&mut text);
    text.truncate(text.trim_ascii_end().len());
    text
}

/// One conversation as a JSON object on a line. Keys ending in `_client` and `_server` are that side's.
pub fn json(summary: &Summary, gist: Option<&Gist>, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.string("transport", summary.transport.name());
    object.number("stream", summary.stream.into());
    for (key, end) in [("client", summary.client), ("server", summary.server)] {
        let mut shown = Vec::new();
        endpoint(end, &mut shown);
        object.bytes(key, &shown);
    }
    object.truth("guessed", summary.guessed);
    object.seconds("start", summary.first.0, 9);
    object.seconds("duration", summary.duration(), 9);
    let [up, down] = summary.traffic;
    object.pair(["packets_client", "packets_server"], [up.packets, down.packets].map(Some));
    object.pair(["bytes_client", "bytes_server"], [up.bytes, down.bytes].map(Some));
    object.pair(["data_client", "data_server"], [up.data, down.data].map(Some));
    object.pair(["goodput_client", "goodput_server"], summary.goodput());
    if let Some(tcp) = &summary.tcp {
        connection(tcp, &mut object);
        object.string("ending", ending(summary.ending));
    }
    if let Some(gist) = gist {
        let mut text = Vec::new();
        gist.tell(&mut text);
        object.string("application", gist.application.name());
        object.bytes("summary", &text);
    }
    let keys =
        [["process_client", "pid_client", "certainty_client"], ["process_server", "pid_server", "certainty_server"]];
    for ([process, pid, certainty], end) in keys.into_iter().zip(summary.programs) {
        let Some(end) = end else { continue };
        if let Some(name) = end.name() {
            object.bytes(process, name);
        }
        if let Some(number) = end.pid() {
            object.number(pid, number.into());
        }
        object.string(certainty, end.certainty.name());
    }
    object.end();
}

/// The keys of a TCP connection.
fn connection(tcp: &Tcp, object: &mut Object<'_>) {
    for (key, state) in ["state_client", "state_server"].into_iter().zip(tcp.states) {
        object.string(key, state.name());
    }
    object.number("completeness", tcp.completeness.into());
    // The server's answer comes after the way to it and back, the client's after the way to him and back.
    for (key, rtt) in ["rtt_server", "rtt_client"].into_iter().zip(tcp.rtt) {
        if let Some(rtt) = rtt {
            object.seconds(key, rtt, 9);
        }
    }
    object.pair(["repeated_client", "repeated_server"], tcp.repeated.map(Some));
    object.pair(["window_client", "window_server"], tcp.window.map(|window| Some(window.into())));
    object.pair(["mss_client", "mss_server"], tcp.mss.map(|mss| mss.map(u64::from)));
    for (key, agreed) in [("window_scale", tcp.scale), ("sack", tcp.sack), ("timestamps", tcp.timestamps)] {
        object.truth(key, agreed);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Protocol;

    #[test]
    fn an_application_is_written_as_in_lines_without_a_blank_where_it_said_nothing() {
        assert_eq!(about(&Gist::made(Protocol::Coap, "GET /", "2.05 Content")), "CoAP GET / → 2.05 Content".as_bytes());
        assert_eq!(about(&Gist::made(Protocol::Pop, "", "")), b"POP3");
    }
}
