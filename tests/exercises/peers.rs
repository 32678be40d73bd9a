//! `udp-peers` against bare sockets and Python: each side hears on one port and speaks from another, or from the same.

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::programs::*;

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    socket
}

fn port(socket: &UdpSocket) -> String {
    socket.local_addr().expect("an address").port().to_string()
}

fn heard(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut buffer = [0; 2048];
    let (length, from) = socket.recv_from(&mut buffer).expect("a datagram");
    (text(&buffer[..length]), from)
}

/// Peer 2, which hears on `own` and speaks to `other`.
fn second(own: &str, other: &str, more: &[&str]) -> Child {
    netlab(&["client", "udp-peers", "--listen", own, "--port", other])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("netlab client")
}

/// A port that was free a moment ago.
fn free() -> String {
    port(&socket())
}

#[test]
fn peer_1_prints_what_anybody_sends_and_ends_on_interrupt() {
    let mut server = Server::start("udp-peers", &[]);
    for line in ["Hello", "Grüße", ""] {
        socket().send_to(line.as_bytes(), server.address).expect("sent");
    }
    assert_eq!(server.lines(3), "Hello\nGrüße\n\n");
    server.interrupt();
    let (code, _, talk) = server.finish();
    assert!(code == Some(0) && talk.contains("served 1 client"), "{talk:?}");
}

#[test]
fn peer_2_speaks_from_another_port_than_it_hears_on_or_from_the_same() {
    for same in [false, true] {
        let (peer, own) = (socket(), free());
        let more: &[&str] = if same { &["--same-port", "one", "two"] } else { &["one", "two"] };
        let child = second(&own, &port(&peer), more);
        let (first, from) = heard(&peer);
        assert_eq!((first.as_str(), heard(&peer).0.as_str()), ("one", "two"));
        assert_eq!(from.port().to_string() == own, same, "it spoke from {from} and hears on {own}");
        // After its last line it still hears, for a while.
        peer.send_to(b"and you?", ("127.0.0.1", own.parse().expect("a port"))).expect("sent");
        let output = child.wait_with_output().expect("its end");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "and you?\n"), "{output:?}");
    }
}

#[test]
fn the_end_of_a_pipe_ends_it_cleanly_and_a_line_that_would_be_cut_is_not_sent() {
    let (peer, own) = (socket(), free());
    let mut child = second(&own, &port(&peer), &["--linger", "50ms"]);
    let mut input = child.stdin.take().expect("its input");
    input.write_all(format!("{}\nshort\n", "x".repeat(1025)).as_bytes()).expect("typed");
    drop(input);
    assert_eq!(heard(&peer).0, "short");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("more than 1024 bytes"), "{output:?}");
}

#[test]
fn speaks_with_the_peer_that_a_student_wrote_in_python() {
    if !has_python() {
        return;
    }
    let own = free();
    let student = Student::start(&format!(
        "import socket\n\
         hears = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         hears.bind(('127.0.0.1', 0))\n\
         print(hears.getsockname()[1], flush=True)\n\
         print(hears.recv(1024).decode())\n\
         speaks = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         speaks.sendto('Hello from Python'.encode(), ('127.0.0.1', {own}))\n"
    ));
    let child = second(&own, &student.port.to_string(), &["Hello from netlab"]);
    let output = child.wait_with_output().expect("its end");
    assert_eq!(text(&output.stdout), "Hello from Python\n", "{output:?}");
    assert_eq!(student.finish(), "Hello from netlab\n");
}
