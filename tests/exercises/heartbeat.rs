//! `heartbeat` against bare sockets that answer, only beat, move, or fall silent.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::programs::*;

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    socket
}

/// The next datagram that opens with `word`.
fn heard(socket: &UdpSocket, word: &str) -> (String, std::net::SocketAddr) {
    let mut buffer = [0; 1024];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).expect("a datagram");
        let said = text(&buffer[..length]);
        if said.starts_with(word) {
            return (said, from);
        }
    }
}

/// The first `count` lines of a server that are no round trips and say nothing that `beside` says.
///
/// Its beats are far quicker than a loaded machine may be: what it then tells besides is true and no failure.
fn told(server: &mut Server, count: usize, beside: fn(&str) -> bool) -> Vec<String> {
    let mut told = Vec::new();
    while told.len() < count {
        let line = server.lines(1);
        if !line.starts_with("heartbeat ") && !beside(&line) {
            told.push(line.trim_end().to_owned());
        }
    }
    told
}

/// A peer that has to wait for the processor is late, and then alive again.
fn was_late(line: &str) -> bool {
    line.starts_with("late: ") || line.starts_with("alive: ") && line.contains(", after ")
}

#[test]
fn the_server_beats_answers_and_tells_the_round_trip() {
    let mut server = Server::start("heartbeat", &["--interval", "20ms"]);
    let peer = socket();
    peer.send_to(b"heartbeat 41\n", server.address).expect("sent");
    assert_eq!(heard(&peer, "ack").0, "ack 41\n");
    for number in 1..4 {
        assert_eq!(heard(&peer, "heartbeat").0, format!("heartbeat {number}\n"));
        peer.send_to(format!("ack {number}\n").as_bytes(), server.address).expect("sent");
    }
    let own = peer.local_addr().expect("an address");
    assert_eq!(server.lines(1), format!("alive: {own}\n"));
    let mut next = 1;
    while next < 4 {
        let line = server.lines(1);
        let line = line.trim_end();
        // An answer that comes behind the next beat is told all the same, once it is there.
        if was_late(line) || line.starts_with("heartbeat ") && line.ends_with(": round trip -") {
            continue;
        }
        assert!(line.starts_with(&format!("heartbeat {next}: round trip ")), "{line:?}");
        assert!(line.contains(" ms, jitter ") && line.ends_with(" ms"), "{line:?}");
        next += 1;
    }
    server.interrupt();
    let (code, _, talk) = server.finish();
    assert!(code == Some(0) && talk.contains("served 1 client\n"), "{talk:?}");
}

#[test]
fn any_datagram_is_a_sign_of_life_and_silence_is_late_then_lost() {
    let mut server = Server::start("heartbeat", &["--once", "--interval", "50ms", "--timeout", "150ms"]);
    let peer = socket();
    peer.send_to(b"\xff\x00 I am here", server.address).expect("sent");
    let own = peer.local_addr().expect("an address");
    let told = told(&mut server, 3, |_| false);
    assert_eq!(told[0], format!("alive: {own}"));
    assert!(told[1].starts_with(&format!("late: {own}, nothing heard for 0.")), "{told:?}");
    assert!(told[2].starts_with(&format!("lost: {own}, nothing heard for 0.")), "{told:?}");
    assert_eq!(server.finish().0, Some(0));
}

#[test]
fn a_peer_that_goes_on_counting_from_another_port_has_moved() {
    let mut server = Server::start("heartbeat", &["--interval", "50ms"]);
    let (before, after) = (socket(), socket());
    for number in 1..3 {
        before.send_to(format!("heartbeat {number}").as_bytes(), server.address).expect("sent");
        heard(&before, "ack");
    }
    after.send_to(b"heartbeat 3", server.address).expect("sent");
    assert_eq!(heard(&after, "ack").0, "ack 3\n");
    let [from, to] = [&before, &after].map(|socket| socket.local_addr().expect("an address"));
    assert_eq!(told(&mut server, 2, was_late), [format!("alive: {from}"), format!("moved: {from} is now {to}")]);
    assert!(heard(&after, "heartbeat").0.starts_with("heartbeat "), "it beats to the old address");
}

/// Datagrams of one processor to another socket of the machine keep their order; those of two need not, under load.
fn stay_on_this_processor() {
    let own = nix::unistd::Pid::from_raw(0);
    let may = nix::sched::sched_getaffinity(own).expect("the processors");
    let one = (0..nix::sched::CpuSet::count()).find(|cpu| may.is_set(*cpu).is_ok_and(|set| set)).expect("a processor");
    let mut set = nix::sched::CpuSet::new();
    set.set(one).expect("a processor");
    nix::sched::sched_setaffinity(own, &set).expect("one of its own");
}

#[test]
fn many_are_told_apart_and_past_the_limit_not_heard() {
    let mut server = Server::start("heartbeat", &["--max-clients", "2", "--interval", "20ms"]);
    stay_on_this_processor();
    let peers = [socket(), socket(), socket()];
    for peer in &peers[..2] {
        peer.send_to(b"x", server.address).expect("sent");
        heard(peer, "heartbeat 1");
    }
    peers[2].send_to(b"x", server.address).expect("sent");
    assert_eq!(told(&mut server, 2, was_late).len(), 2);
    // Datagrams are taken in their order: with this answer the third one's is behind it.
    peers[0].send_to(b"heartbeat 5", server.address).expect("sent");
    heard(&peers[0], "ack 5");
    server.interrupt();
    let talk = server.finish().2;
    assert!(talk.contains("1 datagrams of others were not heard") && talk.contains("served 2 clients"), "{talk:?}");
}

#[test]
fn the_client_beats_first_and_says_when_the_server_is_lost() {
    let peer = socket();
    let port = peer.local_addr().expect("an address").port().to_string();
    let mut child = netlab(&["client", "heartbeat", "--port", &port, "--interval", "50ms", "--timeout", "1s"])
        .args(["--until-lost"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("netlab client");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let (said, from) = heard(&peer, "heartbeat");
    assert_eq!(said, "heartbeat 1\n");
    peer.send_to(b"ack 1\n", from).expect("sent");
    let mut line = || lines.next().expect("a line").expect("a line");
    let mut first = line();
    // The answer may come behind the next beat.
    while first.ends_with(": round trip -") {
        first = line();
    }
    assert_eq!(first, format!("alive: 127.0.0.1:{port}"));
    assert!(line().starts_with("heartbeat 1: round trip "));
    drop(peer);
    let rest: Vec<String> = lines.map(|line| line.expect("a line")).collect();
    assert!(rest.iter().any(|line| line == "heartbeat 2: round trip -"), "{rest:?}");
    let [late, lost] = &rest.iter().filter(|line| !line.starts_with("heartbeat")).collect::<Vec<_>>()[..] else {
        panic!("not late and lost: {rest:?}")
    };
    assert!(late.starts_with("late: ") && lost.starts_with("lost: "), "{rest:?}");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("sent, 1 answered; signs of life heard: 1"), "{output:?}");
}

#[test]
fn ours_speak_with_each_other_and_with_a_server_that_a_student_wrote_in_python() {
    let server = Server::start("heartbeat", &[]);
    let client = |port: u16, count: &str| {
        let port = port.to_string();
        netlab(&["client", "heartbeat", "--port", &port, "--interval", "300ms", "--count", count])
            .stdin(Stdio::null())
            .output()
            .expect("netlab client")
    };
    let output = client(server.address.port(), "3");
    assert_eq!((output.status.code(), text(&output.stdout).lines().count()), (Some(0), 4), "{output:?}");
    if !has_python() {
        return;
    }
    let student = Student::start(
        "import socket\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         s.bind(('127.0.0.1', 0))\n\
         print(s.getsockname()[1], flush=True)\n\
         for i in range(2):\n\
         \x20   data, address = s.recvfrom(1024)\n\
         \x20   s.sendto(b'I am alive', address)\n",
    );
    let output = client(student.port, "2");
    let printed = text(&output.stdout);
    assert_eq!(
        printed,
        format!("alive: 127.0.0.1:{}\nheartbeat 1: round trip -\nheartbeat 2: round trip -\n", student.port),
        "{output:?}"
    );
    student.finish();
}

#[test]
fn ctrl_c_ends_the_client_and_it_says_what_it_counted() {
    let peer = socket();
    let port = peer.local_addr().expect("an address").port().to_string();
    let child = Command::new(env!("CARGO_BIN_EXE_netlab"))
        .args(["client", "heartbeat", "--port", &port])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("netlab client");
    heard(&peer, "heartbeat 1");
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("SIGINT");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("heartbeats: 1 sent, 0 answered"), "{output:?}");
}
