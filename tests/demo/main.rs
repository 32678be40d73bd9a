//! `netlab demo`: the story it tells, the file it writes, what it says where namespaces are refused, what it leaves.
// A wait for a process to vanish must itself end.
#![allow(clippy::disallowed_methods)]

mod labs;
mod stories;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/lab.rs"]
mod user;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use netlab::flow::FlowTable;
use netlab::io::file;
use netlab::pipeline;
use netlab::view::ladder::{Ladder, Look};
use netlab::view::style::Palette;
use netlab::view::words::ENGLISH;
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

/// The first of `signs` that does not stand behind the one before it.
fn missing<'a, S: AsRef<str>>(told: &str, signs: &'a [S]) -> Option<&'a str> {
    let mut rest = told;
    for sign in signs {
        let sign = sign.as_ref();
        let Some(at) = rest.find(sign) else { return Some(sign) };
        rest = &rest[at + sign.len()..];
    }
    None
}

#[track_caller]
fn in_order(told: &str, signs: &[impl AsRef<str>]) {
    if let Some(sign) = missing(told, signs) {
        panic!("{sign:?} is not, or not in its place, in\n{told}");
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

#[test]
fn the_file_it_writes_may_be_a_pcap_as_well() {
    let written: PathBuf = [env!("CARGO_TARGET_TMPDIR"), "demo-sync.pcap"].iter().collect();
    let Some(output) = demo(&["sync", "-w", written.to_str().expect("a plain path")]) else { return };
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let story = stories::story("sync", &written);
    assert_eq!(story, stories::recorded("sync"));
    assert_eq!(story.len(), 8, "two ends: two SYN, three texts, two FIN");
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
    in_order(&refused, &["│─ 1 SYN seq 0", ENGLISH.opening_asks, "│◀", "RST·ACK", ENGLISH.refused, "1 breaks off"]);
    let reset = story_of("reset.pcap");
    in_order(&reset, &[ENGLISH.opening_done, "RST", "broken off by", "1 breaks off"]);
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
