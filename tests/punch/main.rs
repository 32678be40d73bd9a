//! `netlab nat punch`, run as a program: on loopback, and behind the NATs of labs, whose pairs it crosses just where `netlab
//! nat predict` says so.

#[path = "../support/lab.rs"]
mod lab;
mod nats;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

const NETLAB: &str = env!("CARGO_BIN_EXE_netlab");
const WORD: &str = "open sesame";

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a rendezvous; where it listens.
#[track_caller]
fn rendezvous(mut command: Command) -> (Running, String) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    let place = said.split("listens on ").nth(1).and_then(|rest| rest.split(';').next());
    let place = place.unwrap_or_else(|| panic!("it does not serve: {said}")).to_owned();
    (Running(child), place)
}

fn here(host: &str) -> (Running, String) {
    let mut command = Command::new(NETLAB);
    command.args(["serve", "rendezvous", "--host", host, "--port", "0", "--word", WORD]);
    rendezvous(command)
}

fn punch(via: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(NETLAB);
    command.args(["nat", "punch", "lesson", "--via", via]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The last line, which is the verdict, of what `--json` printed.
#[track_caller]
fn verdict(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let verdict: Value = serde_json::from_str(last).unwrap();
    assert_eq!(verdict["event"], "verdict", "{text}");
    verdict
}

/// Two at the same time; what each printed.
fn both([a, b]: [Command; 2]) -> [Output; 2] {
    let [a, b] = [a, b].map(|mut command| command.spawn().unwrap());
    [a, b].map(|child| child.wait_with_output().unwrap())
}

/// Reads objects until one of this event comes.
#[track_caller]
fn until(said: &mut BufReader<ChildStdout>, event: &str) -> Value {
    let mut line = String::new();
    let mut all = String::new();
    loop {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "no {event} in\n{all}");
        let object: Value = serde_json::from_str(&line).unwrap();
        if object["event"] == event {
            return object;
        }
        all.push_str(&line);
    }
}

#[test]
fn two_on_one_machine_reach_each_other_by_udp_and_tcp_by_ipv4_and_ipv6() {
    for host in ["127.0.0.1", "::1"] {
        if std::net::TcpListener::bind((host, 0)).is_err() {
            support::skip("no IPv6 here");
            continue;
        }
        let (_server, via) = here(host);
        for more in [&[][..], &["--tcp"]] {
            let more = [&["--once", "--for", "60s", "--json", "--word", WORD], more].concat();
            for output in both([punch(&via, &more), punch(&via, &more)]) {
                let verdict = verdict(&output);
                assert_eq!((&verdict["path"], output.status.code()), (&"direct".into(), Some(0)), "{verdict:#}");
                assert_eq!(verdict["outside"], verdict["inside"][0]);
            }
        }
    }
}

#[test]
fn carries_lines_and_escapes_what_comes() {
    let (_server, via) = here("127.0.0.1");
    let mut listens = punch(&via, &["--word", WORD]).spawn().unwrap();
    let mut says = punch(&via, &["--word", WORD, "--once"]).stdin(Stdio::piped()).spawn().unwrap();
    says.stdin.take().unwrap().write_all(b"one\n\x1b[2Jtwo\r\nthree without an end").unwrap();
    assert!(says.wait().unwrap().success());
    let mut said = BufReader::new(listens.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("three") {
        assert!(said.read_line(&mut text).unwrap() > 0, "{text}");
    }
    let lines: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once("  < ")?.1)).collect();
    assert_eq!(lines, ["one", "\\x1b[2Jtwo", "three without an end"]);
    // The other one has left; the way was proved, and Ctrl-C ends it well.
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(listens.id() as i32), nix::sys::signal::SIGINT).unwrap();
    said.read_to_string(&mut text).unwrap();
    assert!(text.contains("--- lesson: direct, "), "{text}");
    assert!(listens.wait().unwrap().success());
}

#[test]
fn says_why_it_cannot_be() {
    let (_server, via) = here("127.0.0.1");
    // Two who stay, and a third one.
    let [mut a, mut b] = [0, 1].map(|_| punch(&via, &["--word", WORD, "--json"]).spawn().unwrap());
    for child in [&mut a, &mut b] {
        until(&mut BufReader::new(child.stdout.take().unwrap()), "reached");
    }
    let taken = punch(&via, &["--word", WORD]).output().unwrap();
    for child in [&mut a, &mut b] {
        let _ = (child.kill(), child.wait());
    }
    assert_eq!(taken.status.code(), Some(1));
    let text = String::from_utf8(taken.stdout).unwrap();
    assert!(text.contains("Two others meet under this name"), "{text}");

    let other_word = punch(&via, &["--word", "sesame"]).output().unwrap();
    assert_eq!(other_word.status.code(), Some(2));
    let text = String::from_utf8(other_word.stdout).unwrap();
    assert!(text.contains("the shared words differ"), "{text}");

    let alone = punch(&via, &["--word", WORD, "--for", "300ms", "--json"]).output().unwrap();
    assert_eq!((verdict(&alone)["path"].as_str(), alone.status.code()), (Some("none"), Some(1)));

    for wrong in [&[][..], &["--word", ""], &["--word", WORD, "--every", "1ms"], &["--word-file", "/nonexistent"]] {
        assert_eq!(punch(&via, wrong).output().unwrap().status.code(), Some(2), "{wrong:?}");
    }
}
