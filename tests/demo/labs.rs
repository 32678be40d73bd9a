//! The demonstrations with a lab of their own, as an ordinary user: what they show, and that nothing of them is left.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::user::{Lab, User};
use super::{NETLAB, children, ended, in_order, refused, support, text, until};

/// Runs it as an ordinary user; `None`, having said why, where this kernel has no lab for us.
fn demo(arguments: &[&str]) -> Option<Output> {
    let output = User::Ordinary.netlab(&["demo"]).args(arguments).env("NETLAB_LANG", "en").output().unwrap();
    let talk = text(&output.stderr);
    if talk.contains("recorded exchange") {
        support::skip(talk.lines().next().unwrap_or_default());
        return None;
    }
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {talk}{}", text(&output.stdout));
    Some(output)
}

#[test]
fn peers_behind_one_router_are_told_apart_by_the_port_that_it_chose() {
    let Some(output) = demo(&["nat"]) else { return };
    let told = text(&output.stdout);
    in_order(
        &told,
        &[
            "I am peer 2",
            "192.168.1.10:4000 ⇒ 203.0.113.1:4000",
            "[1] 203.0.113.1:4000: I am peer 2 ▐",
            "192.168.1.10:4000 ⇐ 203.0.113.1:4000",
            "192.168.1.11:4000 ⇒ 203.0.113.1:",
            "[2] 203.0.113.1:",
            "\"Let me in\"  filtered: inside had not sent there",
            "⌨ 2 Still open? ▐",
            "192.168.1.11:4000 ⇐ 203.0.113.1:",
            "▌ 203.0.113.10:9000: Still open?",
            "6 packets, seen 11 times in 2 places",
        ],
    );
    assert!(told.lines().all(|row| row.chars().count() <= 80), "wider than 80 columns:\n{told}");
}

#[test]
fn lines_say_where_each_packet_was_seen() {
    let Some(output) = demo(&["nat", "--lines"]) else { return };
    in_order(
        &text(&output.stdout),
        &[
            "lan         1",
            "192.168.1.10:4000 → 203.0.113.10:9000",
            "internet    2",
            "203.0.113.1:4000 → 203.0.113.10:9000",
            "peer 1 ▌ [1] 203.0.113.1:4000: I am peer 2",
        ],
    );
}

#[test]
fn where_namespaces_are_refused_the_recorded_packets_show_the_same() {
    let Some(output) = refused(&["demo", "nat"]) else { return };
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stderr).contains("captures/nat.pcapng"), "{output:?}");
    in_order(&text(&output.stdout), &["192.168.1.10:4000 ⇒ 203.0.113.1:4000", "filtered: inside had not sent there"]);
}

const ECHO: &str = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('203.0.113.10', 9000))
print('ready', flush=True)
while True: s.sendto(b'heard', s.recvfrom(99)[1])
";

#[test]
fn the_chart_of_a_lab_has_one_arrow_for_a_packet_that_two_segments_saw() {
    let Some(mut lab) = Lab::up(User::Own, &["home", "--nat", "symmetric"]) else { return };
    lab.start("srv", "python3", &["-uc", ECHO]);
    let mut command =
        lab.user.netlab(&["lab", "ladder", "--name", &lab.name, "-f", "udp port 9000", "-c", "4", "--ready"]);
    let mut chart = command.env("COLUMNS", "80").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut talk = BufReader::new(chart.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("READY") {
        assert_ne!(talk.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let arguments = ["client", "nat", "--host", "203.0.113.10", "--own-port", "4000", "--linger", "100ms", "hello"];
    assert_eq!(lab.said("a1", NETLAB, &arguments), "203.0.113.10:9000: heard\n");
    let drawn = text(&chart.wait_with_output().unwrap().stdout);
    in_order(&drawn, &["a1 192.168.1.10:4000", "\"hello\"", "192.168.1.10:4000 ⇒ 203.0.113.1:", "\"heard\"", " ⇐ "]);
    assert!(!drawn.contains("2 UDP") && !drawn.contains(" x "), "a row twice, or a column for nobody: {drawn}");
}

/// All below a process, with their own networks.
fn descendants(of: u32) -> Vec<i32> {
    let mut all = children(of);
    for child in all.clone() {
        all.extend(descendants(child.cast_unsigned()));
    }
    all
}

#[test]
fn killed_in_the_middle_a_lab_leaves_no_process_on_any_host() {
    if demo(&["nat"]).is_none() {
        return;
    }
    let mut command: Command = User::Ordinary.netlab(&["demo", "heartbeat-nat"]);
    let mut outside = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The inside, the server and the peer on their hosts: they wait for the NAT to forget.
    let all = until(|| Some(descendants(outside.id())).filter(|all| all.len() >= 3)).expect("programs on hosts");
    outside.kill().unwrap();
    outside.wait().unwrap();
    let gone = until(|| all.iter().all(|pid| ended(*pid)).then_some(()));
    for pid in all.iter().filter(|pid| !ended(**pid)) {
        // Whatever the answer, nothing of this test stays.
        let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
    assert!(gone.is_some(), "{all:?} outlive a kill -9 of the outside");
}
