//! What all programs of the ask-and-answer exercises have in common: nobody stops or slows a server, whatever is sent,
//! and a client tells what its server did instead of answering.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::programs::*;

/// An exercise, options of its server, what a client sends, and how the answer to it begins.
type Row = (&'static str, &'static [&'static str], &'static [u8], &'static [u8]);

const SERVERS: &[Row] = &[
    ("calc", &[], b"125\n351\n", b"476\n"),
    ("guess", &[], b"9\n", b"Wrong! I guessed "),
    ("rps", &[], b"4\n", b"error: \"4\" is not 1, 2 or 3\n"),
    ("sum", &[], b"5#", b"5"),
    ("sum", &["--fixed"], b"2\n4\n#", b"6"),
    ("echo16", &[], b"Hi", b"Hi"),
    ("ack", &[], b"Hi", b"ok"),
    ("upper", &[], "grüße\n".as_bytes(), "GRÜSSE\n".as_bytes()),
];

fn heard(mut client: TcpStream, question: &[u8], answer: &[u8]) {
    client.write_all(question).expect("sent");
    let mut piece = vec![0; answer.len()];
    client.read_exact(&mut piece).expect("an answer");
    assert_eq!(text(&piece), text(answer));
}

#[test]
fn garbage_silent_half_open_slow_and_rude_clients_neither_stop_nor_slow_the_others() {
    for (exercise, options, question, answer) in SERVERS {
        let server = Server::start(exercise, options);
        let silent = server.connect();
        let mut slow = server.connect();
        slow.write_all(&question[..1]).expect("a part of it");
        let mut half_open = server.connect();
        half_open.write_all(question).expect("sent");
        half_open.shutdown(Shutdown::Write).expect("closed in one direction");
        let mut garbage = server.connect();
        let bytes: Vec<u8> = (0..4096u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        garbage.write_all(&bytes).expect("sent");
        let rude = server.connect();
        socket2::SockRef::from(&rude).set_linger(Some(Duration::ZERO)).expect("linger");
        drop(rude);
        heard(server.connect(), question, answer);
        let mut late = Vec::new();
        half_open.read_to_end(&mut late).expect("answered all the same");
        assert!(late.starts_with(answer), "{exercise}: {:?}", text(&late));
        server.interrupt();
        let (code, _, talk) = server.finish();
        assert_eq!(code, Some(0), "{exercise}: {talk}");
        drop((silent, slow, garbage));
    }
}

#[test]
fn a_line_without_end_is_refused_and_the_memory_stays_small() {
    for exercise in ["calc", "guess", "rps", "upper", "sum"] {
        let fixed: &[&str] = if exercise == "sum" { &["--fixed"] } else { &[] };
        let server = Server::start(exercise, &[&["--once", "--max-line", "1KiB"], fixed].concat());
        let mut endless = server.connect();
        // The server may be gone before all is written.
        let _ = endless.write_all(&[b'1'; 100_000]);
        let (code, _, talk) = server.finish();
        assert_eq!(code, Some(1), "{exercise}: {talk}");
        assert!(talk.contains("a line of more than 1024 bytes; --max-line"), "{exercise}: {talk}");
    }
}

#[test]
fn an_answer_is_found_behind_names_and_over_ipv6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return crate::support::skip("this machine has no ::1");
    }
    for (exercise, options, question, answer) in SERVERS {
        let server = Server::start(exercise, &[options, &["--host", "::1", "--once"][..]].concat());
        assert!(server.address.is_ipv6());
        heard(server.connect(), question, answer);
    }
}

/// A client's exercise, and its arguments.
const CLIENTS: &[(&str, &[&str])] = &[
    ("calc", &["125", "351"]),
    ("guess", &["4"]),
    ("rps", &["3"]),
    ("sum", &["2", "4"]),
    ("sum", &["--fixed", "2", "4"]),
    ("echo", &[]),
    ("echo16", &[]),
    ("ack", &[]),
    ("upper", &["hello"]),
];

/// Receives until something has come that ends in one of these: then the client waits for an answer.
fn hear_out(client: &mut TcpStream) {
    let mut heard = Vec::new();
    let ends = ["125\n351\n", "4\n", "3\n", "#", "world", "age.", "Echo\n", "hello\n"];
    while !ends.iter().any(|end| heard.ends_with(end.as_bytes())) || heard.ends_with(b"2\n4\n") {
        heard.extend(receive(client));
    }
}

#[test]
fn clients_tell_a_server_that_closes_resets_or_babbles_instead_of_answering() {
    type Misdeed = fn(TcpStream);
    let misdeeds: [(Misdeed, &[&str]); 3] = [
        (|mut client| hear_out(&mut client), &["closed the connection"]),
        (
            |mut client| {
                hear_out(&mut client);
                socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("linger");
            },
            &["reset the connection (RST)"],
        ),
        (
            |mut client| {
                hear_out(&mut client);
                // The client may be gone before all is written.
                let _ = client.write_all(&vec![b'x'; 2 << 20]);
            },
            &["sent a line of more than 1048576 bytes", "reset the connection"],
        ),
    ];
    for (exercise, arguments) in CLIENTS {
        for (misdeed, told) in misdeeds {
            let (output, _server) = client_against(exercise, misdeed, arguments, b"");
            // Those that receive pieces take the beginning of a babble for their answer.
            if told.len() > 1 && ["echo", "echo16", "ack"].contains(exercise) {
                assert_eq!(output.status.code(), Some(0), "{exercise}: {output:?}");
                continue;
            }
            assert_eq!(output.status.code(), Some(1), "{exercise}: {output:?}");
            let talk = text(&output.stderr);
            assert!(told.iter().any(|told| talk.contains(told)), "{exercise}: {talk}");
        }
    }
}

#[test]
fn clients_give_a_silent_server_up_after_the_timeout() {
    for (exercise, arguments) in CLIENTS {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port().to_string();
        let words = ["client", exercise, "--port", &port, "--timeout", "50ms"];
        let output = netlab(&words).args(*arguments).output().expect("netlab");
        assert_eq!(output.status.code(), Some(1), "{exercise}: {output:?}");
        assert!(text(&output.stderr).contains("has sent nothing for 50ms"), "{exercise}: {output:?}");
    }
}
