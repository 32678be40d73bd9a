//! `rebind` and `loop` against bare sockets, nc and Python: who comes in between is refused, or queued.

// Who waits for whom is told by the clock.
#![allow(clippy::disallowed_methods)]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::programs::*;

/// Reads to the server's close; a server that had closed with bytes unread resets.
fn hear_the_close(mut client: &TcpStream) {
    assert_eq!(client.read(&mut [0]).expect("a close"), 0);
}

#[test]
fn rebind_refuses_who_comes_in_between_and_serves_the_next() {
    let mut server = Server::start("rebind", &["--pause", "500ms"]);
    let first = server.connect();
    assert_eq!(server.lines(1), "Connection received from 127.0.0.1\n");
    let between = TcpStream::connect(server.address).expect_err("nobody listens");
    assert_eq!(between.kind(), ErrorKind::ConnectionRefused);
    let port = server.address.port().to_string();
    let ours = netlab(&["client", "rebind", "--port", &port]).output().expect("netlab client");
    assert_eq!(ours.status.code(), Some(1), "{ours:?}");
    assert!(text(&ours.stderr).contains("refused"), "{ours:?}");
    hear_the_close(&first);
    // It listens again in a moment, in spite of the connection that is in TIME-WAIT with its port.
    let began = Instant::now();
    let later = loop {
        match TcpStream::connect(server.address) {
            Ok(later) => break later,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(10), "{error}"),
        }
    };
    assert_eq!(server.lines(1), "Connection received from 127.0.0.1\n");
    hear_the_close(&later);
    server.interrupt();
    let (code, _, talk) = server.finish();
    assert_eq!(code, Some(0), "{talk}");
    assert!(talk.ends_with("served 2 clients\n"), "{talk}");
}

#[test]
fn loop_queues_who_comes_in_between_whatever_it_sends() {
    for options in [&["--pause", "300ms"][..], &["--pause", "300ms", "--keep"]] {
        let exercise = if options.len() == 2 { "loop" } else { "rebind" };
        let mut server = Server::start(exercise, options);
        let began = Instant::now();
        let clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
        // Speaks, though nobody asked.
        (&clients[1]).write_all(b"\xff\0 nonsense").expect("sent");
        for client in &clients {
            let _ = (&*client).read(&mut [0]);
        }
        assert!(began.elapsed() >= Duration::from_millis(900), "{exercise}: one after the other");
        assert_eq!(server.lines(3), "Connection received from 127.0.0.1\n".repeat(3));
        server.interrupt();
        assert_eq!(server.finish().0, Some(0));
    }
}

#[test]
fn both_serve_what_students_have_and_end_at_once_when_asked() {
    for exercise in ["rebind", "loop"] {
        let mut server = Server::start(exercise, &["--pause", "100ms"]);
        if has_python() {
            let program = "import socket\n\
                           s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
                           s.connect(('127.0.0.1', PORT))\n\
                           print(s.recv(1024))\n\
                           s.close()\n";
            assert_eq!(python(program, &server), "b''\n");
            assert_eq!(server.lines(1), "Connection received from 127.0.0.1\n");
        }
        server.interrupt();
        server.finish();

        let mut server = Server::start(exercise, &["--pause", "60s"]);
        let client = server.connect();
        assert_eq!(server.lines(1), "Connection received from 127.0.0.1\n");
        server.interrupt();
        assert_eq!(server.finish().0, Some(0), "in the middle of a pause");
        hear_the_close(&client);
    }
}

#[test]
fn the_client_says_what_became_of_its_connection() {
    for exercise in ["rebind", "loop"] {
        let (output, server) = client_against(exercise, drop, &[], b"");
        server.join().expect("the server's part");
        assert_eq!(text(&output.stdout), "Connected\nThe server has closed\n", "{output:?}");
    }
}
