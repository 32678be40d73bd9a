//! Every exercise's demonstration: what it shows, and that its packets have the story of the recorded ones.
//!
//! All exercises that have a recording are gone over, whether they are named here or not. A row in [`LESSONS`] says what
//! has to be seen; a row in [`OF_THE_MOMENT`] says what of a story may differ, and why.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use netlab::exercise::{ALL, Exercise};
use netlab::frame::Source;
use netlab::io::file;
use netlab::view::words::ENGLISH;
use netlab::wire::tcp::{Flags, Header};
use netlab::wire::{self, Address, Layers, Protocol};

use super::{NETLAB, demo, missing, text};

/// What a demonstration has to show, each sign behind the one before it.
static LESSONS: &[(&str, &[&str])] = &[
    (
        "listen",
        &[
            "== Nobody listens",
            ENGLISH.refused,
            "== Somebody listens",
            "Server is listening...",
            ENGLISH.opening_done,
            "data: 0 bytes from the client, 0 from the server",
        ],
    ),
    (
        "recv",
        &[
            "send took 19 of 19 bytes",
            "b\"Hey man, what's up?Are you there?\" ▐",
            "b\"Hey man, what's up?\" ▐",
            "(14 bytes more came than the one receive took)",
        ],
    ),
    ("sync", &["Server said:  Hello and welcome", "Client said:  Good morning ▐", "len 9  \"Thank you\""]),
    ("hello", &["Hello 127.0.0.2", "Hello 127.0.0.3", "(served 2 clients)"]),
    ("http-get", &["GET / HTTP/1.0", "HTTP/1.1 200 OK", "Body: 11 bytes"]),
    ("delimiter", &["Message: Hello ▐", "Message: How are you? ▐", "\"#How \"", "Message: How are you? ▐"]),
    ("length", &["Message of 5 bytes: Hello ▐", "Message of 7 bytes: 100% #1 ▐", "announced 4294967295 bytes"]),
    ("typed", &["text: 42", "integer: 42", "float: 0.1", "boolean: true", "JSON:", "unknown type", "integer: -1"]),
    ("reassembly", &["Message of 30 bytes in 5 pieces", "len 30", "Message of 30 bytes in 5 pieces"]),
    (
        "partial-send",
        &[
            "of 20000 bytes",
            "send would block: no room",
            ENGLISH.window_zero,
            ENGLISH.window_reopened,
            "received 40000 bytes",
        ],
    ),
    ("timeout", &["timed out after", "would block", "poll: nothing", "poll: 16 bytes b'Sorry, I am late'"]),
    (
        "address-in-use",
        &[
            "bind, SO_REUSEADDR not set: done",
            "bind, SO_REUSEADDR set: failed",
            "bind, SO_REUSEADDR not set: failed",
            "by a connection in TIME-WAIT",
            ENGLISH.refused,
            "bind, SO_REUSEADDR set: done",
            "bind, SO_REUSEADDR set: done",
            "TIME-WAIT is on its side",
            "bind, SO_REUSEADDR not set: done",
        ],
    ),
    ("calc", &["Result is: 476"]),
    ("guess", &["Wrong! I guessed ", "Nice! I guessed that number"]),
    ("rps", &["You selected ", "I select "]),
    (
        "sum",
        &[
            "== one send, one receive",
            "received b'2' ▐",
            "received b'4' ▐",
            "received b'#' ▐",
            "▌ 6 ",
            "== two sends, one receive",
            "⌨ 2",
            "⌨ 4",
            "len 1  \"2\"",
            "len 1  \"4\"",
            "received b'24' ▐",
            "received b'#' ▐",
            "len 2",
            "\"24\"  sum: 24 is wrong: 2 + 4 = 6, but the server received \"24\"",
            "▌ 24 ",
            "(what was sent makes 6: two sends may have arrived as one)",
            "== --fixed",
            "len 2  \"2\\n\"",
            "len 2  \"4\\n\"",
            "received b'2\\n4\\n' ▐",
            "len 1  \"6\"",
            "▌ 6 ",
        ],
    ),
    ("echo", &["Connected by ('127.0.0.1', ", "Received b'Hello, world'"]),
    (
        "echo16",
        &["len 20  \"This is the message.\"", "received b'This is the mess' ▐", "received b'age.' ▐", "no data from"],
    ),
    ("ack", &["...waiting for connections ...", " >>  b'Echo\\n' ▐", "Answer:  ok"]),
    ("upper", &["FROM SERVER: HELLO"]),
    (
        "upper-udp",
        &["UDP len 5 \"hello\"", "FROM SERVER:HELLO", "== the whole buffer", "UDP len 1024", "FROM SERVER:HELLO"],
    ),
    ("hits", &["Total 1", "Connected, and silent", "Total 2", "(served 2 clients) ▐"]),
    (
        "http-hello",
        &[
            "== one client after another",
            "GET / HTTP/1.0",
            "closing: client is done sending",
            "Hello world ▐",
            "== one thread and a selector",
            "GET / HTTP/1.0",
            "Hello world ▐",
            "closing: client is done sending",
        ],
    ),
    (
        "echo-many",
        &[
            "⌨ last come",
            "Received b'last come'",
            "Received b'first served'",
            "Received b'and me?'",
            "(served 3 clients)",
        ],
    ),
    (
        "rebind",
        &[
            "== the listening socket is made anew",
            ENGLISH.refused,
            "The server has closed",
            "== one listening socket is kept",
            "Connection received",
            "Connection received",
            "The server has closed",
        ],
    ),
    ("loop", &["Connection received", "Connection received", "The server has closed", "(served 2 clients)"]),
    (
        "chat",
        &[
            "⌨ Hello Peter, what's up?",
            "len 24  \"Hello Peter, what's up?\\n\"",
            "\"Sally: Hello Peter, what's up?\\n\"",
            "\"Sally: Hello Peter, what's up?\\n\"",
            "\"Sally: Hello Peter, what's up?\\n\"",
            "(User Peter has left room) ▐",
            "== a name that is taken",
            "\"error: not this name: somebody here has it\\n\"",
            "▌ (127.0.0.1:8005 did not take",
        ],
    ),
    (
        "bingo",
        &[
            "has numbers 19 28 30 40 46 ▐",
            "has numbers 5 28 30 33 40 ▐",
            "s … ┊",
            "hits: 5, BINGO",
            "players: 2, BINGO: 1 ▐",
            "s … ┊",
            "players: 2, BINGO: 0 ▐",
        ],
    ),
    (
        "udp-server",
        &[
            "len 11 \"Hello world\"",
            "(b'Hello world', ('127.0.0.1', ",
            "len 40",
            "(b'0123456789abcdef', ('127.0.0.1', ",
            "truncated: 16 of 40 bytes",
            "ICMP port unreachable",
        ],
    ),
    ("udp-messages", &["received message: b'Hello, World!'", "received message: b'Hi from Ben'"]),
    ("udp-reply", &["\"Hello\"", "\"Hello from me also\"", "\"Hello again\"", "\"Woow..we speak on the edge\""]),
    ("udp-peers", &["→8005 len 17", "→8006 len 17", "--same-port", "peer 1 127.0.0.1:8005", "127.0.0.2:8006 peer 2"]),
    ("udp-loss", &["7 came late, overtaken by 3", "17 came again", "dropped 3: 6, 8, 24", "lost 2 (8.7 %): 6, 8"]),
    ("heartbeat", &["alive: 127.0.0.1:8005", "late: 127.0.0.1:8005", "lost: 127.0.0.1:8005"]),
    ("multicast", &["no IGMP report", "Hey all!", "joins 239.1.2.3", "Hey all!", "leaves 239.1.2.3"]),
    (
        "multicast-lan",
        &[
            "IGMP to 224.0.0.22 v3 report  joins 239.1.2.3",
            "to 239.1.2.3 len 3 \"One\"",
            "│────────────────●───────────────▶│                │                 │",
            "▌ One",
            "to 239.1.2.3 len 3 \"Two\"",
            "│────────────────●────────────────●───────────────▶│                 │",
            "v3 report  leaves 239.1.2.3",
            "asks: who is in 239.1.2.3?",
            "to 239.1.2.3 len 5 \"Three\"",
            "│────────────────────────────────▶│                │                 │",
            "to 224.0.0.1 len 8",
            "│────────────────●────────────────●────────────────●────────────────▶│",
        ],
    ),
    (
        "nat",
        &[
            "192.168.1.10:4000 ⇒ 203.0.113.1:4000",
            "192.168.1.11:4000 ⇒ 203.0.113.1:",
            "filtered: inside had not sent there",
            "192.168.1.11:4000 ⇐ 203.0.113.1:",
            "Still open?",
        ],
    ),
    (
        "rendezvous",
        &[
            "== two port-restricted NATs",
            "192.168.1.10:5000 ⇒ 203.0.113.1:5000",
            "filtered: inside had not sent there",
            "203.0.113.2:5000 ⇒ 10.9.2.10:5000",
            "--- lesson: direct",
            "== a symmetric NAT",
            "filtered: inside had not sent there",
            "the relay carries",
            "--- lesson: by the relay only ---",
        ],
    ),
    (
        "heartbeat-nat",
        &[
            "== a silence",
            "[1] 203.0.113.1:",
            "binding gone, last used 1.",
            "[2] 203.0.113.1:",
            "== the same with a heartbeat",
            "\"beat\"",
            "In time",
        ],
    ),
    ("names", &["SOCK_STREAM  tcp  ('127.0.0.1', 80)", "no packets", "www.example.net, http", "→53"]),
    ("buffers", &["window up to", "4 KiB", "receiver's buffer is full", "window up to 4096 bytes"]),
];

/// What of the story of a demonstration is the same each time, where not all of it is, and why.
static OF_THE_MOMENT: &[(&str, Retelling, &str)] = &[
    ("listen", closes_in_any_order, "both sides close at once"),
    (
        "sync",
        wherever,
        "recorded between two hosts, as other tests and pages have it; both sides close once `Thank you` is there",
    ),
    ("upper", closes_in_any_order, "both sides close once the answer is there"),
    ("recv", pieces_joined, "two sends without a pause: the kernel makes one segment of them, or two"),
    ("partial-send", windows, "the kernel cuts as its buffers have room; that the window closes and opens stays"),
    ("buffers", windows, "the kernel cuts as its buffers have room"),
    (
        "heartbeat",
        first_words_and_icmp,
        "how many beats there are before the kill, and the order of two programs' beats",
    ),
    ("multicast", said_again_or_not, "a host sends each IGMP report again, after a random time"),
    ("multicast-lan", of_udp, "IGMP reports come again, after random times; each place sees them in its own order"),
    ("nat", of_udp, "the NAT chooses a port"),
    ("heartbeat-nat", of_udp, "the NAT chooses ports; how many heartbeats fit into a pause"),
    ("rendezvous", words, "ids, nonces and proofs are random; whose punch arrives first is chance"),
    ("names", questions, "how often a resolver asks again, and the number that each question opens with"),
];

/// Tells what is the same each time: of a capture, as far as it goes beyond its conversations.
type Retelling = fn(&Path, Vec<Conversation>) -> Vec<String>;

/// A segment or datagram that says something.
struct Turn {
    from_server: bool,
    /// SYN, FIN, RST; of ICMP and IGMP what the packet is.
    what: Vec<String>,
    data: Vec<u8>,
}

/// What two ends said to each other.
struct Conversation {
    protocol: Protocol,
    /// Who spoke first, and to whom.
    ends: [(Option<IpAddr>, u16); 2],
    turns: Vec<Turn>,
    /// The sequence numbers up to which the first side, and the other, have been told.
    told: [Option<u32>; 2],
}

/// The conversations of a capture, in the order in which they began.
///
/// Bare acknowledgments and PSH are left out, and a FIN is a turn of its own: whether one travels alone is the kernel's
/// choice of the moment. So is what is sent again because the machine was busy elsewhere.
fn conversations(capture: &Path) -> Vec<Conversation> {
    let mut source = file::open(capture).expect("a recording");
    let mut layers = Layers::new();
    let mut seen: Vec<Conversation> = Vec::new();
    while source.advance().expect("a whole file").is_some() {
        let packet = wire::decode(source.frame(), &mut layers);
        // ICMP first: it quotes what it answers.
        let kinds = [Protocol::Icmp, Protocol::Igmp, Protocol::Tcp, Protocol::Udp];
        let Some(index) = kinds.iter().find_map(|kind| packet.layers.iter().position(|layer| layer.protocol == *kind))
        else {
            continue;
        };
        let at = packet.at(index).expect("a layer");
        let protocol = at.layer.protocol;
        let addresses = packet.addresses(index).expect("addresses");
        let [source, destination] = [addresses.0, addresses.1].map(|address| match address {
            Address::V4(bytes) => IpAddr::from(bytes),
            Address::V6(bytes) => IpAddr::from(bytes),
        });
        let bytes = at.bytes();
        let port = |place: usize| u16::from_be_bytes([bytes[place], bytes[place + 1]]);
        let (mut turns, mut reaches) = (Vec::new(), None);
        let (mut from, mut to) = ((None, 0), (None, 0));
        let turn = |what: Vec<String>, data: &[u8]| Turn { from_server: false, what, data: data.to_vec() };
        match protocol {
            Protocol::Icmp => turns.push(turn(vec![format!("type {} code {}", bytes[0], bytes[1])], &[])),
            Protocol::Igmp => turns.push(turn(vec![format!("to {destination}: {}", bytes.escape_ascii())], &[])),
            _ => (from, to) = ((Some(source), port(0)), (Some(destination), port(2))),
        }
        if protocol == Protocol::Udp {
            turns.push(turn(Vec::new(), at.content()));
        } else if protocol == Protocol::Tcp {
            let header = Header::new(&at).expect("a whole header");
            let (flags, sequence) = (header.flags(), header.sequence());
            let space = at.content().len() as u32 + u32::from(flags.any(Flags::FIN));
            if space > 0 && !flags.any(Flags::SYN | Flags::RST) {
                reaches = Some(sequence.wrapping_add(space));
            }
            if flags.any(Flags::SYN | Flags::RST) {
                let names = flags.names().filter(|name| ["SYN", "RST"].contains(name));
                turns.push(turn(names.map(str::to_owned).collect(), &[]));
            }
            if !at.content().is_empty() {
                turns.push(turn(Vec::new(), at.content()));
            }
            if flags.any(Flags::FIN) {
                turns.push(turn(vec!["FIN".to_owned()], &[]));
            }
        }
        let known =
            seen.iter().position(|one| one.protocol == protocol && [[from, to], [to, from]].contains(&one.ends));
        let place = known.unwrap_or_else(|| {
            seen.push(Conversation { protocol, ends: [from, to], turns: Vec::new(), told: [None; 2] });
            seen.len() - 1
        });
        let one = &mut seen[place];
        if let Some(reaches) = reaches {
            let told = &mut one.told[usize::from(one.ends[0] != from)];
            if told.is_some_and(|told| reaches.wrapping_sub(told).cast_signed() <= 0) {
                continue;
            }
            *told = Some(reaches);
        }
        turns.iter_mut().for_each(|turn| turn.from_server = one.ends[0] != from);
        one.turns.append(&mut turns);
    }
    seen
}

/// The story in lines. Ports that the system chose are `*`.
fn told(conversations: &[Conversation]) -> Vec<String> {
    let end = |(address, port): (Option<IpAddr>, u16)| match (address, port) {
        (None, _) => String::new(),
        (Some(address), 32_768..) => format!(" {address}:*"),
        (Some(address), port) => format!(" {address}:{port}"),
    };
    let mut lines = Vec::new();
    for one in conversations {
        lines.push(format!("{:?}{}{}", one.protocol, end(one.ends[0]), end(one.ends[1])));
        for turn in &one.turns {
            let who = if turn.from_server { "server" } else { "client" };
            let what = turn.what.join(" ");
            lines.push(if what.is_empty() { format!("{who} {:?}", text(&turn.data)) } else { format!("{who} {what}") });
        }
    }
    lines
}

/// All of it.
fn as_it_is(_: &Path, conversations: Vec<Conversation>) -> Vec<String> {
    told(&conversations)
}

/// Whatever the addresses of the two ends, and whoever closes first.
fn wherever(capture: &Path, mut conversations: Vec<Conversation>) -> Vec<String> {
    conversations.iter_mut().for_each(|one| one.ends = [(None, 0); 2]);
    closes_in_any_order(capture, conversations)
}

/// Two closes that follow each other may come in either order.
fn closes_in_any_order(_: &Path, conversations: Vec<Conversation>) -> Vec<String> {
    let mut lines = told(&conversations);
    for at in 1..lines.len() {
        if lines[at - 1] == "server FIN" && lines[at] == "client FIN" {
            lines.swap(at - 1, at);
        }
    }
    lines
}

/// Data of one side that follow each other are one piece.
fn pieces_joined(_: &Path, mut conversations: Vec<Conversation>) -> Vec<String> {
    for one in &mut conversations {
        one.turns.dedup_by(|next, turn| {
            let more = turn.from_server == next.from_server && turn.what.is_empty() && next.what.is_empty();
            if more {
                turn.data.append(&mut next.data);
            }
            more
        });
    }
    told(&conversations)
}

/// What follows the same is left out.
fn said_again_or_not(_: &Path, conversations: Vec<Conversation>) -> Vec<String> {
    let mut lines = told(&conversations);
    lines.dedup();
    lines
}

/// What each side said first, and whether the host spoke for a program that is no more.
fn first_words_and_icmp(_: &Path, mut conversations: Vec<Conversation>) -> Vec<String> {
    for one in &mut conversations {
        let mut heard = BTreeSet::new();
        one.turns.retain(|turn| heard.insert(turn.from_server));
        one.turns.sort_by_key(|turn| turn.from_server);
    }
    conversations.sort_by_key(|one| one.protocol == Protocol::Icmp);
    told(&conversations)
}

/// Who said what to whom over UDP in a lab, each once, whatever port the NAT at 203.0.113.1 chose.
fn of_udp(_: &Path, conversations: Vec<Conversation>) -> Vec<String> {
    const NAT: &str = "203.0.113.1:";
    let mut said = BTreeSet::new();
    for one in conversations.iter().filter(|one| one.protocol == Protocol::Udp) {
        let ends = one.ends.map(|(address, port)| {
            let address = address.map(|address| address.to_string()).unwrap_or_default();
            if address == NAT.trim_end_matches(':') || port >= 32_768 { address } else { format!("{address}:{port}") }
        });
        for turn in &one.turns {
            let data = text(&turn.data);
            let data = data.split_once(NAT).map_or(data.as_str(), |(before, _)| before);
            let [from, to] = if turn.from_server { [&ends[1], &ends[0]] } else { [&ends[0], &ends[1]] };
            said.insert(format!("{from} → {to} {data}"));
        }
    }
    said.into_iter().collect()
}

/// What kinds of messages there were, but for beats: which of the two sends them is chance.
fn words(_: &Path, conversations: Vec<Conversation>) -> Vec<String> {
    let turns = conversations.iter().filter(|one| one.protocol == Protocol::Udp).flat_map(|one| &one.turns);
    let word = |turn: &Turn| text(&turn.data).split(' ').next().unwrap_or_default().to_owned();
    let words: BTreeSet<String> = turns.map(word).filter(|word| !word.starts_with("beat")).collect();
    words.into_iter().collect()
}

/// The questions of DNS, each once.
fn questions(_: &Path, conversations: Vec<Conversation>) -> Vec<String> {
    let turns = conversations.iter().filter(|one| one.protocol == Protocol::Udp).flat_map(|one| &one.turns);
    let asked: BTreeSet<String> = turns.map(|turn| turn.data[2..].escape_ascii().to_string()).collect();
    asked.into_iter().collect()
}

/// How much each TCP conversation carried, and whether the server's window was large, was closed, and opened again.
fn windows(capture: &Path, _: Vec<Conversation>) -> Vec<String> {
    const FIELDS: &str = "tcp.stream,tcp.srcport,tcp.len,tcp.window_size,tcp.seq,tcp.flags.reset";
    let read = std::process::Command::new(NETLAB).args(["read", "-e", FIELDS]).arg(capture).output().expect("netlab");
    assert!(read.status.success(), "{read:?}");
    let mut streams: Vec<(u64, bool, bool, bool)> = Vec::new();
    for line in text(&read.stdout).lines() {
        let row: Vec<u64> = line.split('\t').map(|field| field.parse().unwrap_or_default()).collect();
        let stream = usize::try_from(row[0]).expect("a number");
        streams.resize(streams.len().max(stream + 1), (0, false, false, false));
        let (bytes, large, closed, opened) = &mut streams[stream];
        if row[1] != 8005 {
            *bytes = (*bytes).max(if row[2] > 0 { row[4] + row[2] - 1 } else { 0 });
            continue;
        }
        *large |= row[3] > 32_768;
        *closed |= row[3] == 0;
        *opened |= *closed && row[3] > 0;
    }
    streams.iter().map(|stream| format!("{stream:?}")).collect()
}

fn recording_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("captures/{name}.pcapng"))
}

/// The story of a capture, as far as it is the same each time that this exercise is shown.
pub fn story(name: &str, capture: &Path) -> Vec<String> {
    let retelling = OF_THE_MOMENT.iter().find(|(of, ..)| *of == name).map_or(as_it_is as Retelling, |row| row.1);
    retelling(capture, conversations(capture))
}

/// What a recorded demonstration tells, for tests of the commands.
pub fn recorded(name: &str) -> Vec<String> {
    story(name, &recording_of(name))
}

/// What is wrong with a demonstration, if anything.
fn fault(exercise: &Exercise) -> Option<String> {
    let name = exercise.name();
    let written: PathBuf = [env!("CARGO_TARGET_TMPDIR"), &format!("demo-{name}.pcapng")].iter().collect();
    let output = demo(&[name, "-w", written.to_str().expect("a plain path")])?;
    let shown = text(&output.stdout);
    if output.status.code() != Some(0) {
        return Some(format!("{name} ended with {}: {}\n{shown}", output.status, text(&output.stderr)));
    }
    let signs = LESSONS.iter().find(|(of, _)| *of == name).map(|(_, signs)| *signs).unwrap_or_default();
    if let Some(sign) = missing(&shown, signs) {
        return Some(format!("{name}: {sign:?} is not, or not in its place, in\n{shown}"));
    }
    let (fresh, recorded) = (story(name, &written), recorded(name));
    if recorded.is_empty() {
        return Some(format!("{name}: the recording tells nothing"));
    }
    (fresh != recorded).then(|| format!("{name}: the fresh story\n{fresh:#?}\nis not the recorded one\n{recorded:#?}"))
}

#[test]
fn every_demonstration_shows_its_lesson_with_the_packets_of_the_recorded_one() {
    // Three at a time: most of a demonstration is waiting.
    let waiting = Mutex::new(ALL.iter().filter(|exercise| !exercise.recorded.is_empty()));
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("a list").next();
                    let Some(exercise) = next else { return };
                    let found = fault(exercise);
                    faults.lock().expect("a list").extend(found);
                }
            });
        }
    });
    let faults = faults.into_inner().expect("a list");
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn every_recording_has_its_lesson_and_every_row_its_exercise() {
    for exercise in ALL.iter().filter(|exercise| !exercise.recorded.is_empty()) {
        let name = exercise.name();
        assert!(LESSONS.iter().any(|(of, _)| *of == name), "{name} has no row in LESSONS: what has to be seen?");
        assert_eq!(std::fs::read(recording_of(name)).ok().as_deref(), Some(exercise.recorded), "{name}");
    }
    let rows = LESSONS.iter().map(|row| row.0).chain(OF_THE_MOMENT.iter().map(|row| row.0));
    let strangers: Vec<&str> = rows.filter(|name| netlab::exercise::find(name).is_none()).collect();
    assert!(strangers.is_empty(), "nobody knows {strangers:?}");
    assert!(OF_THE_MOMENT.iter().all(|(_, _, why)| !why.is_empty()));
}

/// How bytes are cut is no part of these stories; what they are about is.
#[test]
fn the_recordings_of_windows_have_one_that_closes_and_opens() {
    assert_eq!(recorded("partial-send"), ["(40000, false, true, true)"]);
    assert_eq!(recorded("buffers"), ["(16384, true, false, false)", "(16384, false, true, true)"]);
}

#[test]
fn the_recordings_of_udp_have_what_they_are_about() {
    assert_eq!(recorded("names").len(), 2, "A and AAAA");
    assert!(
        recorded("heartbeat").last().is_some_and(|line| line == "client type 3 code 3"),
        "{:#?}",
        recorded("heartbeat")
    );
    assert!(recorded("udp-server").contains(&"client type 3 code 3".to_owned()));
    let multicast = recorded("multicast").join("\n");
    assert_eq!(multicast.matches("Hey all!").count(), 2, "{multicast}");
    assert_eq!(multicast.matches("\\xef\\x01\\x02\\x03").count(), 2, "239.1.2.3 is joined and left\n{multicast}");
    assert!(!multicast.contains("\\xe0\\x00\\x00\\x01"), "224.0.0.1 is never reported\n{multicast}");
}
