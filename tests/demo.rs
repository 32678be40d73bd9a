//! `netlab demo`: the story it tells, the file it writes, what it says where namespaces are refused, what it leaves.
// A wait for a process to vanish must itself end.
#![allow(clippy::disallowed_methods)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use netlab::flow::FlowTable;
use netlab::frame::Source;
use netlab::io::file;
use netlab::pipeline;
use netlab::view::ladder::{Ladder, Look};
use netlab::view::style::Palette;
use netlab::view::words::ENGLISH;
use netlab::wire::tcp::{Flags, Header};
use netlab::wire::{self, Layers, Protocol};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const NETLAB: &str = env!("CARGO_BIN_EXE_netlab");

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a demonstration; `None`, having said why, where this kernel has no private network for us.
fn demo(arguments: &[&str]) -> Option<Output> {
    let output =
        Command::new(NETLAB).env("NETLAB_LANG", "en").arg("demo").args(arguments).output().expect("netlab demo");
    let talk = text(&output.stderr);
    if talk.contains("recorded exchange") {
        support::skip(talk.lines().next().unwrap_or_default());
        return None;
    }
    Some(output)
}

/// Where each of `signs` stands, each behind the one before it.
#[track_caller]
fn in_order(told: &str, signs: &[impl AsRef<str>]) {
    let mut rest = told;
    for sign in signs {
        let sign = sign.as_ref();
        let at = rest.find(sign).unwrap_or_else(|| panic!("{sign:?} is not, or not in its place, in\n{told}"));
        rest = &rest[at + sign.len()..];
    }
}

/// What every telling of the exchange has, in order.
fn story() -> Vec<String> {
    vec![
        format!("SYN seq 0  {}", ENGLISH.opening_asks),
        format!("SYN·ACK seq 0 ack 1  {}", ENGLISH.opening_accepts),
        format!("ACK ack 1  {}", ENGLISH.opening_done),
        "len 17  \"Hello and welcome\"".into(),
        "▌ Server said:  Hello and welcome".into(),
        "len 12  \"Good morning\"".into(),
        "Client said:  Good morning ▐".into(),
        "len 9  \"Thank you\"".into(),
        ENGLISH.server_closes.into(),
        ENGLISH.client_closes_too.into(),
        ENGLISH.closed.into(),
        "data: 12 bytes from the client, 26 from the server".into(),
    ]
}

#[test]
fn tells_handshake_turns_and_close_beside_what_the_programs_print() {
    let Some(output) = demo(&["sync"]) else { return };
    let told = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    in_order(&told, &story());
    // The client prints its thanks while the server closes: only the segment that carried it must come before.
    in_order(&told, &["len 9  \"Thank you\"", "▌ Server said:  Thank you"]);
    in_order(&told, &["\ncapture: ", " received, 0 dropped by the kernel\n"]);
    assert!(told.lines().all(|row| row.chars().count() <= 80), "wider than 80 columns:\n{told}");
    assert!(!told.contains('\x1b'), "colours in a pipe");
}

/// A segment or datagram that says something: from the server?, the flags that matter, the data.
type Turn = (bool, Vec<&'static str>, String);

/// Who sent what in each conversation, in the order in which they began; whatever ports the system gave the clients.
///
/// Bare acknowledgments and PSH are left out: whether one travels alone is the kernel's choice of the moment.
fn conversations(mut source: file::Capture) -> Vec<Vec<Turn>> {
    let mut layers = Layers::new();
    let mut seen: Vec<(Protocol, [u16; 2], Vec<Turn>)> = Vec::new();
    while source.advance().expect("a whole file").is_some() {
        let packet = wire::decode(source.frame(), &mut layers);
        let protocol = if packet.find(Protocol::Tcp).is_some() { Protocol::Tcp } else { Protocol::Udp };
        let Some(at) = packet.find(protocol) else { continue };
        let bytes = at.bytes();
        let [from, to] = [0, 2].map(|place| u16::from_be_bytes([bytes[place], bytes[place + 1]]));
        let mut flags = Vec::new();
        if protocol == Protocol::Tcp {
            let header = Header::new(&at).expect("a whole header");
            if header.length == 0 && !header.flags().any(Flags::SYN | Flags::FIN | Flags::RST) {
                continue;
            }
            flags.extend(header.flags().names().filter(|name| !["ACK", "PSH"].contains(name)));
        }
        let place = seen.iter().position(|(of, ports, _)| *of == protocol && [[from, to], [to, from]].contains(ports));
        // Who says something first is the client.
        let place = place.unwrap_or_else(|| {
            seen.push((protocol, [from, to], Vec::new()));
            seen.len() - 1
        });
        let (_, [client, _], turns) = &mut seen[place];
        turns.push((*client != from, flags, text(at.content())));
    }
    seen.into_iter().map(|(_, _, turns)| turns).collect()
}

/// Exercises, and how many conversations their demonstration has. A fresh one has the story of the recorded one.
const RECORDED: &[(&str, usize)] = &[
    ("listen", 2),
    ("recv", 2),
    ("sync", 1),
    ("hello", 2),
    ("http-get", 1),
    ("delimiter", 2),
    ("length", 2),
    ("typed", 1),
    ("reassembly", 2),
    ("timeout", 2),
    ("address-in-use", 4),
    ("calc", 2),
    ("guess", 1),
    ("rps", 1),
    ("sum", 3),
    ("echo", 1),
    ("echo16", 1),
    ("ack", 1),
    ("upper", 1),
    ("upper-udp", 2),
    ("chat", 5),
    ("bingo", 2),
];

/// What a demonstration has to show, in this order, beside its packets.
static LESSONS: &[(&str, &[&str])] = &[
    ("listen", &[ENGLISH.refused, "Server is listening...", ENGLISH.opening_done]),
    (
        "recv",
        &[
            "send took 19 of 19 bytes",
            "b\"Hey man, what's up?Are you there?\" ▐",
            "b\"Hey man, what's up?\" ▐",
            "(14 bytes more came than the one receive took)",
        ],
    ),
    ("hello", &["Hello 127.0.0.2", "Hello 127.0.0.3", "(served 2 clients)"]),
    ("http-get", &["HTTP/1.1 200 OK", "Body: 11 bytes"]),
    ("delimiter", &["Message: Hello ▐", "Message: How are you? ▐", "\"#How \"", "Message: How are you? ▐"]),
    ("length", &["Message of 5 bytes: Hello ▐", "Message of 7 bytes: 100% #1 ▐", "announced 4294967295 bytes"]),
    ("typed", &["text: 42", "integer: 42", "float: 0.1", "boolean: true", "JSON:", "unknown type", "integer: -1"]),
    ("reassembly", &["Message of 30 bytes in 5 pieces", "len 30", "Message of 30 bytes in 5 pieces"]),
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
];

/// The story of a recording, as far as it is the same each time.
fn story_told(name: &str, capture: &Path) -> Vec<Vec<Turn>> {
    let mut story = conversations(file::open(capture).expect("a recording"));
    // Both close at once: whose FIN is first is the moment's choice.
    let from_server = |(from_server, ..): &Turn| *from_server;
    match name {
        "listen" => story.iter_mut().for_each(|turns| turns.sort_by_key(from_server)),
        "upper" => story
            .iter_mut()
            .filter_map(|turns| turns.last_chunk_mut::<2>())
            .for_each(|ends| ends.sort_by_key(from_server)),
        _ => {}
    }
    story
}

fn recording_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("captures/{name}.pcapng"))
}

fn recorded(name: &str) -> Vec<Vec<Turn>> {
    story_told(name, &recording_of(name))
}

#[test]
fn a_fresh_demonstration_has_the_story_of_the_recorded_one() {
    for (name, count) in RECORDED {
        let written: PathBuf = [env!("CARGO_TARGET_TMPDIR"), &format!("demo-{name}.pcapng")].iter().collect();
        let Some(output) = demo(&[name, "-w", written.to_str().expect("a plain path")]) else { return };
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
        let recorded = recorded(name);
        assert_eq!(recorded.len(), *count, "{name}");
        assert_eq!(story_told(name, &written), recorded, "{name}");
        for (_, signs) in LESSONS.iter().filter(|(of, _)| of == name) {
            in_order(&text(&output.stdout), signs);
        }
    }
}

/// How the bytes are cut is the kernel's choice of the moment; that the window closes and opens again is not.
#[test]
fn partial_send_shows_the_closed_window_fresh_and_recorded() {
    let signs = [ENGLISH.opening_done, ENGLISH.window_zero, ENGLISH.window_reopened];
    in_order(&story_of("partial-send.pcapng"), &signs);
    let Some(output) = demo(&["partial-send"]) else { return };
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = text(&output.stdout);
    in_order(&told, &signs);
    in_order(
        &told,
        &["of 20000 bytes", "send would block: no room", "send-all took 20000 bytes", "received 40000 bytes"],
    );
}

#[test]
fn the_lesson_of_numbers_that_run_together_is_shown() {
    let Some(output) = demo(&["sum"]) else { return };
    in_order(
        &text(&output.stdout),
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
            "len 2  \"24\"",
            "▌ 24 ",
            "(what was sent makes 6: two sends may have arrived as one)",
            "== --fixed",
            "len 2  \"2\\n\"",
            "len 2  \"4\\n\"",
            "received b'2\\n4\\n' ▐",
            "len 1  \"6\"",
            "▌ 6 ",
        ],
    );
}

#[test]
fn the_lessons_of_pieces_and_of_padding_are_shown() {
    let Some(output) = demo(&["echo16"]) else { return };
    let signs =
        ["len 20  \"This is the message.\"", "received b'This is the mess' ▐", "received b'age.' ▐", "no data from"];
    in_order(&text(&output.stdout), &signs);
    let Some(output) = demo(&["upper-udp"]) else { return };
    let signs =
        ["UDP len 5 \"hello\"", "FROM SERVER:HELLO", "== the whole buffer", "UDP len 1024", "FROM SERVER:HELLO"];
    in_order(&text(&output.stdout), &signs);
}

#[test]
fn the_lessons_of_one_send_for_each_and_of_the_clock_are_shown() {
    let Some(output) = demo(&["chat"]) else { return };
    let told = text(&output.stdout);
    assert_eq!(told.matches("\"Sally: Hello Peter, what's up?\\n\"").count(), 3, "one to each\n{told}");
    in_order(
        &told,
        &[
            "⌨ Hello Peter, what's up?",
            "len 24  \"Hello Peter, what's up?\\n\"",
            "User Sally say Hello Peter, what's up? ▐",
            "(User Peter has left room) ▐",
            "== a name that is taken",
            "\"error: not this name: somebody here has it\\n\"",
            "▌ (127.0.0.1:8005 did not take",
        ],
    );
    let Some(output) = demo(&["bingo"]) else { return };
    in_order(
        &text(&output.stdout),
        &[
            "has numbers 19 28 30 40 46 ▐",
            "has numbers 5 28 30 33 40 ▐",
            "s … ┊",
            "hits: 5, BINGO",
            "players: 2, BINGO: 1 ▐",
            "s … ┊",
            "players: 2, BINGO: 0 ▐",
        ],
    );
}

#[test]
fn the_file_it_writes_may_be_a_pcap_as_well() {
    let written: PathBuf = [env!("CARGO_TARGET_TMPDIR"), "demo-sync.pcap"].iter().collect();
    let Some(output) = demo(&["sync", "-w", written.to_str().expect("a plain path")]) else { return };
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let turns = conversations(file::open(&written).expect("what was written"));
    assert_eq!(turns, recorded("sync"));
    assert_eq!(turns[0].len(), 7, "two SYN, three texts, two FIN");
}

#[test]
fn a_file_it_cannot_write_is_told_before_anything_is_run() {
    let Some(output) = demo(&["sync", "-w", "/nowhere/demo.pcap"]) else { return };
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""));
    assert!(text(&output.stderr).contains("/nowhere/demo.pcap"), "{output:?}");
}

/// The story of a capture of this repository, without colour, 80 columns wide.
fn story_of(capture: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(capture);
    let (mut story, mut told) = (Ladder::default(), Vec::new());
    let mut source = file::open(&path).expect("a capture");
    pipeline::run(&mut source, &mut FlowTable::new(), &mut story).expect("a story");
    let look = Look { width: 80, palette: Palette::new(false), ascii: false, states: false };
    story.draw(&mut told, look).and_then(|()| story.summary(&mut told)).expect("drawn");
    text(&told)
}

#[test]
fn a_refusal_and_a_reset_are_told_as_such() {
    let refused = story_of("refused.pcap");
    in_order(&refused, &["│─ 1 SYN seq 0", ENGLISH.opening_asks, "│◀", "RST·ACK", ENGLISH.refused, "1 break off"]);
    let reset = story_of("reset.pcap");
    in_order(&reset, &[ENGLISH.opening_done, "RST", "broken off by", "1 break off"]);
}

#[test]
fn a_close_in_four_steps_has_its_acknowledgment_told() {
    in_order(&story_of("sync.pcapng"), &[ENGLISH.server_closes, ENGLISH.close_arrived, ENGLISH.client_closes_too]);
}

/// Runs netlab where no user namespace may be made: in one whose own limit is 0, and without any capability there.
fn refused(arguments: &[&str]) -> Option<Output> {
    let script = "echo 0 > /proc/sys/user/max_user_namespaces &&
        exec setpriv --bounding-set -all --inh-caps -all --ambient-caps -all \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", script, NETLAB]).args(arguments);
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) => {
            support::skip(&format!("no unshare(1): {error}"));
            return None;
        }
    };
    if !text(&output.stderr).contains("netlab:") {
        support::skip(&format!("namespaces are refused here for another reason: {}", text(&output.stderr)));
        return None;
    }
    Some(output)
}

#[test]
fn where_namespaces_are_refused_it_says_why_and_tells_the_recorded_packets() {
    let Some(output) = refused(&["demo", "sync"]) else { return };
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let talk = text(&output.stderr);
    assert!(talk.contains("user.max_user_namespaces is 0"), "{talk}");
    assert!(talk.contains("sudo sysctl -w user.max_user_namespaces="), "{talk}");
    assert!(talk.contains("captures/sync.pcapng"), "{talk}");
    in_order(&text(&output.stdout), &story().into_iter().filter(|sign| !sign.contains("said:")).collect::<Vec<_>>());
}

#[test]
fn where_namespaces_are_refused_no_file_is_written() {
    let written: PathBuf = [env!("CARGO_TARGET_TMPDIR"), "refused.pcapng"].iter().collect();
    let path = written.to_str().expect("a plain path");
    let Some(output) = refused(&["demo", "sync", "-w", path]) else { return };
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("is not written"), "{output:?}");
    assert!(!written.exists());
}

/// Process ids below `parent`, one level.
fn children(parent: u32) -> Vec<i32> {
    processes().filter(|pid| stat(*pid).is_some_and(|(_, its)| its == parent)).collect()
}

fn processes() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").expect("/proc").flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// State and parent. The name before them stands in parentheses and may hold anything.
fn stat(pid: i32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// Whether a process is gone, or a zombie that its new parent has not looked at yet.
fn ended(pid: i32) -> bool {
    stat(pid).is_none_or(|(state, _)| state == "Z" || state == "X")
}

fn network_of(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

/// Looks again and again, without a pause, until `look` finds something; `None` after ten seconds.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::yield_now();
    }
}

#[test]
fn killed_in_the_middle_it_leaves_neither_process_nor_namespace() {
    if demo(&["sync"]).is_none() {
        return;
    }
    let ours = network_of(std::process::id().cast_signed());
    // The inside is held still while its programs run; where it was too quick for us, another try.
    for _ in 0..50 {
        let mut outside = Command::new(NETLAB)
            .args(["demo", "sync"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("netlab demo");
        let busy = until(|| {
            if outside.try_wait().expect("its state").is_some() {
                return Some(None);
            }
            let inside = children(outside.id()).first().copied()?;
            children(inside.cast_unsigned()).first().map(|_| Some(inside))
        });
        let inside = busy.expect("a program begins").filter(|pid| kill(Pid::from_raw(*pid), Signal::SIGSTOP).is_ok());
        let network = inside.and_then(network_of).filter(|network| Some(network) != ours.as_ref());
        outside.kill().expect("SIGKILL");
        outside.wait().expect("its end");
        let (Some(inside), Some(network)) = (inside, network) else { continue };

        let gone = until(|| ended(inside).then_some(())).is_some();
        // Whatever the answer, nothing of this test stays.
        let _ = kill(Pid::from_raw(inside), Signal::SIGKILL);
        assert!(gone, "PID 1 of the namespace, {inside}, outlives a kill -9 of the outside");
        let empty = until(|| processes().all(|pid| network_of(pid).as_ref() != Some(&network)).then_some(()));
        assert!(empty.is_some(), "processes remain in {}", network.display());
        return;
    }
    panic!("the inside could not be held still");
}
