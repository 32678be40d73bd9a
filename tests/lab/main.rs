//! `netlab lab`, run as a program: labs that are built, used, and gone without a trace; NATs that do what was asked for.
// Real programs are waited for by the clock.
#![allow(clippy::disallowed_methods)]

#[path = "../support/lab.rs"]
mod lab;
mod nats;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use lab::{Lab, User, unused_name};
use support::skip;

/// Whether an ordinary user may run the binary here: it can be in a directory of root's.
fn ordinary_may() -> bool {
    let runs = User::Ordinary.netlab(&["--version"]).output().is_ok_and(|output| output.status.success());
    if !runs {
        skip("an ordinary user cannot run the program where it lies");
    }
    runs
}

/// Waits for what must come soon; whether it came.
fn soon(mut what: impl FnMut() -> bool) -> bool {
    let last = Instant::now() + Duration::from_secs(10);
    while Instant::now() < last {
        if what() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// Whether a process is in the network namespace with this number.
fn anybody_in(namespace: u64) -> bool {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| std::fs::metadata(entry.path().join("ns/net")).ok()).any(|known| known.ino() == namespace)
}

/// The number of a host's network namespace.
fn namespace(lab: &Lab, host: &str) -> u64 {
    let said = lab.said(host, "readlink", &["/proc/thread-self/ns/net"]);
    let number: String = said.chars().filter(char::is_ascii_digit).collect();
    number.parse().unwrap_or_else(|_| panic!("{said}"))
}

fn comes_up_and_leaves_nothing(user: User, preset: &str, from: &str, to: &str) {
    let began = Instant::now();
    let Some(lab) = Lab::up(user, &[preset]) else { return };
    println!("{preset} was up after {:.2} s", began.elapsed().as_secs_f64());
    let whole = lab.lab("check", &[]);
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stdout));
    let pinged = lab.netlab(from, &["ping", to, "-c", "1"]).output().unwrap();
    assert!(pinged.status.success(), "{from} to {to}: {}", String::from_utf8_lossy(&pinged.stderr));
    let network = namespace(&lab, from);

    assert!(lab.lab("down", &[]).status.success());
    assert_eq!(lab.processes(), [0; 0], "processes are left");
    assert!(!anybody_in(network), "somebody is still on {from}");
    let left = lab.lab("check", &[]);
    assert!(left.status.success(), "{}", String::from_utf8_lossy(&left.stdout));
    assert_eq!(lab.lab("down", &[]).status.code(), Some(1), "there is nothing to take down any more");
}

#[test]
fn every_preset_comes_up_and_leaves_nothing() {
    for (preset, from, to) in
        [("home", "a1", "srv"), ("two-nats", "b1", "203.0.113.50"), ("cgnat", "a1", "srv"), ("switch", "h1", "h4")]
    {
        comes_up_and_leaves_nothing(User::Own, preset, from, to);
    }
}

#[test]
fn an_ordinary_user_needs_nobody() {
    if ordinary_may() {
        comes_up_and_leaves_nothing(User::Ordinary, "two-nats", "a2", "srv");
    }
}

#[test]
fn two_users_have_a_lab_of_the_same_name_each() {
    if !ordinary_may() {
        return;
    }
    let Some(own) = Lab::up(User::Own, &["home"]) else { return };
    let up = User::Ordinary.netlab(&["lab", "up", "home", "--name", &own.name]).output().unwrap();
    let same_user = !nix::unistd::geteuid().is_root();
    let why = String::from_utf8_lossy(&up.stderr);
    if same_user {
        assert_eq!(up.status.code(), Some(2), "the name is taken");
        assert!(why.contains("a lab is up already"), "{why}");
        return;
    }
    assert!(up.status.success(), "{why}");
    let down = User::Ordinary.netlab(&["lab", "down", "--name", &own.name]).status().unwrap();
    assert!(down.success());
    assert!(own.lab("check", &[]).status.success(), "the other's end is none of mine");
}

#[test]
fn the_end_of_any_process_of_a_lab_is_the_end_of_all() {
    for place in [0, 1] {
        let Some(lab) = Lab::up(User::Own, &["home"]) else { return };
        let mut sleeper = lab.on("a1", "sleep", &["1000"]).spawn().unwrap();
        let keepers: Vec<u32> = lab.processes().into_iter().filter(|pid| *pid != sleeper.id()).collect();
        let inside = |pid: &&u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap().contains("__inside");
        let two: Vec<u32> = keepers.iter().filter(inside).copied().collect();
        assert_eq!(two.len(), 2, "a keeper and a supervisor: {keepers:?}");
        kill(Pid::from_raw(two[place].cast_signed()), Signal::SIGKILL).unwrap();
        let ended = sleeper.wait().unwrap();
        assert!(!ended.success(), "a program in the lab ends with it: {ended}");
        assert!(soon(|| lab.processes().is_empty()), "{:?} are left", lab.processes());
        let check = lab.lab("check", &[]);
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
        assert_eq!(lab.lab("down", &[]).status.code(), Some(1));
    }
}

#[test]
fn a_program_has_its_exit_code_its_input_and_its_directory() {
    let Some(lab) = Lab::up(User::Own, &["home"]) else { return };
    assert_eq!(lab.on("a1", "sh", &["-c", "exit 7"]).status().unwrap().code(), Some(7));
    assert_eq!(lab.on("a1", "sh", &["-c", "kill -9 $$"]).status().unwrap().code(), Some(137));
    let missing = lab.on("a1", "no-such-program", &[]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2), "{}", String::from_utf8_lossy(&missing.stderr));
    let nobody = lab.on("a9", "true", &[]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("there are: a1, a2, nat-a"), "hosts are named");
    let here = std::env::current_dir().unwrap();
    assert_eq!(Path::new(lab.said("a1", "pwd", &[]).trim()), here);
    assert_eq!(lab.said("a2", "sh", &["-c", "echo $NETLAB_HOST"]).trim(), "a2");
    let mut cat = lab.on("a1", "cat", &[]);
    let mut cat = cat.stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut cat.stdin.take().unwrap(), b"over there").unwrap();
    assert_eq!(cat.wait_with_output().unwrap().stdout, b"over there");
}

#[test]
fn a_bad_line_delays_and_loses() {
    let Some(lab) = Lab::up(User::Own, &["switch", "--delay", "40ms"]) else { return };
    let answered = lab.netlab("h1", &["ping", "10.0.5.2", "-c", "1", "--json"]).output().unwrap();
    let text = String::from_utf8_lossy(&answered.stdout).into_owned();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    // Four lines are on the way there and back: out of the one, into the other, twice. ARP may have gone before.
    let rtt = lines.filter_map(|line| line["rtt"].as_f64()).next().unwrap_or_else(|| panic!("{text}"));
    assert!((0.160..1.0).contains(&rtt), "{text}");
    drop(lab);
    let Some(lab) = Lab::up(User::Own, &["home", "--loss", "100%"]) else { return };
    assert!(!lab.netlab("a1", &["ping", "srv", "-c", "1", "-W", "300ms"]).output().unwrap().status.success());
    assert!(lab.netlab("a1", &["ping", "192.168.1.1", "-c", "1"]).output().unwrap().status.success());
}

#[test]
fn a_capture_sees_each_packet_on_every_segment_as_it_is_there() {
    let Some(lab) = Lab::up(User::Own, &["home"]) else { return };
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.pcapng", lab.name));
    let arguments = ["lab", "capture", "--name", &lab.name, "-f", "icmp", "-c", "4", "--ready", "-w"];
    let mut capture = User::Own.netlab(&arguments);
    let mut capture = capture.arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut talk = BufReader::new(capture.stderr.take().unwrap());
    let mut said = String::new();
    while !said.ends_with("READY\n") {
        assert!(talk.read_line(&mut said).unwrap() > 0, "{said}");
    }
    lab.said("a1", env!("CARGO_BIN_EXE_netlab"), &["ping", "203.0.113.10", "-c", "1"]);
    let output = capture.wait_with_output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let on = |segment: &str, what: &str| {
        assert_eq!(lines.lines().filter(|line| line.starts_with(segment) && line.contains(what)).count(), 1, "{lines}");
    };
    on("lan-a ", "192.168.1.10 → 203.0.113.10");
    on("internet ", "203.0.113.1 → 203.0.113.10");
    on("internet ", "203.0.113.10 → 203.0.113.1 ");
    on("lan-a ", "203.0.113.10 → 192.168.1.10");
    assert_eq!(lines.matches(" 0.000000 ").count(), 1, "times are since the first packet of all: {lines}");
    let bytes = std::fs::read(&file).unwrap();
    for name in ["lan-a", "internet"] {
        assert!(bytes.windows(name.len()).any(|part| part == name.as_bytes()), "{name} is in the file");
    }
    let read = User::Own.netlab(&["read", file.to_str().unwrap()]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&read.stdout).lines().count(), 4);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn where_the_kernel_refuses_it_says_what_to_type() {
    // A user namespace of the test's own, in which no more of them are allowed, and no capability is left.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all \
                  \"$0\" lab up home --name \"$1\"";
    let mut command = Command::new("unshare");
    command.args(["-Ur", "sh", "-c", script, env!("CARGO_BIN_EXE_netlab"), &unused_name()]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("unshare") || said.contains("setpriv") {
        return skip(&format!("no kernel that refuses: {said}"));
    }
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("to allow it:") && said.contains("max_user_namespaces"), "{said}");
}

#[test]
fn a_wrong_file_is_told_with_its_line() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.toml", unused_name()));
    std::fs::write(&file, "[switch.lan]\n[host.a]\ninterface.eth0 = { on = \"\\u001b[31mlna\" }\n").unwrap();
    let output = User::Own.netlab(&["lab", "up", file.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("line 3: there is no switch") && said.contains("there are: lan"), "{said}");
    assert!(!said.contains('\x1b'), "{said:?}");
    std::fs::remove_file(&file).unwrap();
    let endless = User::Own.netlab(&["lab", "show", "/dev/zero"]).output().unwrap();
    assert_eq!(endless.status.code(), Some(2), "{}", String::from_utf8_lossy(&endless.stderr));
}
