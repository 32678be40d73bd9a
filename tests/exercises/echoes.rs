//! The exercises `echo`, `echo16` and `ack` against the other side as students write it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use crate::programs::*;

/// A client of the course that sends a text once and receives once.
fn once(text: &str, most: usize) -> String {
    format!(
        "import socket\n\
         with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:\n\
         \x20   client.connect(('127.0.0.1', PORT))\n\
         \x20   print(client.getsockname()[1])\n\
         \x20   client.sendall(b'{text}')\n\
         \x20   data = client.recv({most})\n\
         print('Received', repr(data))\n"
    )
}

/// Port and the rest of what such a client printed.
fn port_and_rest(printed: &str) -> (&str, &str) {
    printed.split_once('\n').expect("a port")
}

/// A server of the course that answers the first piece with `answer` and waits for the client's close.
fn course(answer: &'static [u8], said: &'static [u8]) -> impl FnOnce(TcpStream) + Send + 'static {
    move |mut client| {
        assert_eq!(receive(&mut client), said);
        client.write_all(answer).expect("sent");
        assert_eq!(receive(&mut client), b"", "more was sent");
    }
}

mod echo {
    use super::*;

    #[test]
    fn returns_what_the_client_of_the_course_sent_then_ends() {
        if !has_python() {
            return;
        }
        let server = Server::start("echo", &[]);
        let printed = python(&once("Hello, world", 1024), &server);
        let (port, rest) = port_and_rest(&printed);
        assert_eq!(rest, "Received b'Hello, world'\n");
        let (code, printed, talk) = server.finish();
        assert_eq!((code, printed), (Some(0), format!("Connected by ('127.0.0.1', {port})\n")));
        assert!(talk.contains("served 1 client"), "{talk}");
    }

    #[test]
    fn returns_every_byte_in_any_pieces_until_the_client_closes() {
        let server = Server::start("echo", &[]);
        let mut client = server.connect();
        let sent: Vec<u8> = (0..100_000u32).map(|at| at as u8).collect();
        let mut writer = client.try_clone().expect("a second handle");
        let bytes = sent.clone();
        let writing = std::thread::spawn(move || {
            for piece in bytes.chunks(777) {
                writer.write_all(piece).expect("sent");
            }
            writer.shutdown(Shutdown::Write).expect("closed");
        });
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).expect("all of it, and a close");
        writing.join().expect("written");
        assert!(heard == sent, "{} of {} bytes came back, or others", heard.len(), sent.len());
        assert_eq!(server.finish().0, Some(0));
    }

    #[test]
    fn echoes_for_nc() {
        if !has("nc") {
            return;
        }
        let server = Server::start("echo", &[]);
        assert_eq!(tool(&["nc", "-N"], &server, b"no newline"), "no newline");
        assert_eq!(server.finish().0, Some(0));
    }

    #[test]
    fn a_client_that_resets_or_is_silent_is_told() {
        let server = Server::start("echo", &[]);
        let rude = server.connect();
        socket2::SockRef::from(&rude).set_linger(Some(Duration::ZERO)).expect("linger");
        drop(rude);
        let (code, _, talk) = server.finish();
        assert_eq!(code, Some(1));
        assert!(talk.contains("reset the connection (RST)"), "{talk}");

        let server = Server::start("echo", &["--idle", "50ms"]);
        let silent = server.connect();
        let (code, _, talk) = server.finish();
        assert_eq!(code, Some(1));
        assert!(talk.contains("has sent nothing for 50ms"), "{talk}");
        drop(silent);
    }

    #[test]
    fn the_client_prints_what_came_back_as_python_does() {
        let (output, server) = client_against("echo", course(b"Hello, world", b"Hello, world"), &[], b"");
        server.join().expect("the server's part");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Received b'Hello, world'\n"));
        let (output, server) = client_against("echo", course(b"it's\n", b"it's\n"), &["it's\n"], b"");
        server.join().expect("the server's part");
        assert_eq!(text(&output.stdout), "Received b\"it's\\n\"\n");
    }

    #[test]
    fn the_client_talks_with_the_server_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        let mut student = Student::start(
            "import socket\n\
             server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
             server.bind(('127.0.0.1', 0))\n\
             server.listen(1)\n\
             print(server.getsockname()[1], flush=True)\n\
             conn, addr = server.accept()\n\
             print('Connected by', addr[0], flush=True)\n\
             while 1:\n\
             \x20   data = conn.recv(1024)\n\
             \x20   if not data: break\n\
             \x20   conn.sendall(data)\n\
             conn.close()\n",
        );
        let output = netlab(&["client", "echo", "--port", &student.port.to_string()]).output().expect("netlab");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Received b'Hello, world'\n"));
        assert_eq!(student.line(), "Connected by 127.0.0.1\n");
        student.finish();
    }

    #[test]
    fn the_client_refuses_a_text_that_nobody_would_hear_of() {
        let output = netlab(&["client", "echo", "--port", "1", ""]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("empty text"), "{output:?}");
    }
}

mod echo16 {
    use super::*;

    #[test]
    fn takes_sixteen_bytes_at_a_time_and_prints_each_piece() {
        if !has_python() {
            return;
        }
        let mut server = Server::start("echo16", &[]);
        let program = "import socket\n\
             client = socket.create_connection(('127.0.0.1', PORT))\n\
             message = b'This is the message.'\n\
             client.sendall(message)\n\
             received = 0\n\
             while received < len(message):\n\
             \x20   data = client.recv(16)\n\
             \x20   received += len(data)\n\
             print(client.getsockname()[1], received)\n\
             client.close()\n";
        let ports: Vec<String> = (0..2)
            .map(|_| {
                let printed = python(program, &server);
                printed.strip_suffix(" 20\n").unwrap_or_else(|| panic!("{printed:?}")).to_owned()
            })
            .collect();
        let visit = |port: &String| {
            format!(
                "connection from ('127.0.0.1', {port})\n\
                 received b'This is the mess'\nsending data back to the client\n\
                 received b'age.'\nsending data back to the client\n\
                 no data from ('127.0.0.1', {port})\nwaiting for a connection\n"
            )
        };
        let expected = format!("waiting for a connection\n{}{}", visit(&ports[0]), visit(&ports[1]));
        assert_eq!(server.lines(expected.lines().count()), expected);
        server.interrupt();
        assert!(server.finish().2.contains("served 2 clients"));
    }

    #[test]
    fn pieces_that_come_together_are_cut_at_sixteen_bytes_all_the_same() {
        let server = Server::start("echo16", &["--once"]);
        let mut client = server.connect();
        client.write_all(&[b'x'; 40]).expect("sent");
        client.shutdown(Shutdown::Write).expect("closed");
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).expect("all of it");
        assert_eq!(heard, [b'x'; 40]);
        let printed = server.finish().1;
        let lengths: Vec<usize> =
            printed.lines().filter_map(|line| line.strip_prefix("received ")).map(|piece| piece.len() - 3).collect();
        assert_eq!(lengths, [16, 16, 8]);
    }

    #[test]
    fn the_client_loops_until_all_came_back_in_whatever_pieces() {
        let mut pieces = String::new();
        let (output, server) = client_against(
            "echo16",
            |mut client| {
                assert_eq!(receive(&mut client), b"This is the message.");
                client.set_nodelay(true).expect("each piece by itself");
                for piece in [&b"Th"[..], b"is is the messag", b"e."] {
                    client.write_all(piece).expect("sent");
                }
                assert_eq!(receive(&mut client), b"", "more was sent");
            },
            &[],
            b"",
        );
        server.join().expect("the server's part");
        let printed = text(&output.stdout);
        assert!(printed.starts_with("sending b'This is the message.'\nreceived b'Th"), "{printed}");
        assert!(printed.ends_with("'\nclosing socket\n"), "{printed}");
        for line in printed.lines() {
            if let Some(piece) = line.strip_prefix("received b'") {
                assert!(piece.len() <= 17, "more than 16 bytes: {line}");
                pieces += piece.trim_end_matches('\'');
            }
        }
        assert_eq!((output.status.code(), pieces.as_str()), (Some(0), "This is the message."));
    }

    #[test]
    fn a_server_that_closes_before_all_came_back_is_told() {
        let (output, _) = client_against(
            "echo16",
            |mut client| {
                receive(&mut client);
                client.write_all(b"This").expect("sent");
            },
            &[],
            b"",
        );
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("closed the connection before all had come back"), "{output:?}");
    }
}

mod ack {
    use super::*;

    #[test]
    fn answers_ok_to_each_piece_and_prints_it() {
        if !has_python() {
            return;
        }
        let mut server = Server::start("ack", &[]);
        let printed = python(&once("Echo\\n", 1024), &server);
        assert_eq!(port_and_rest(&printed).1, "Received b'ok'\n");
        assert_eq!(server.lines(2), "...waiting for connections ...\n >>  b'Echo\\n'\n");
        let mut client = server.connect();
        for piece in ["one", "two"] {
            client.write_all(piece.as_bytes()).expect("sent");
            assert_eq!(receive(&mut client), b"ok");
            assert_eq!(server.lines(1), format!(" >>  b'{piece}'\n"));
        }
        drop(client);
        server.interrupt();
        assert_eq!(server.finish().0, Some(0));
    }

    #[test]
    fn answers_telnet_which_a_person_types_into() {
        if !has("telnet") {
            return;
        }
        let mut server = Server::start("ack", &["--once"]);
        let mut telnet = std::process::Command::new("telnet")
            .args([server.address.ip().to_string(), server.address.port().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("telnet");
        let mut typed = telnet.stdin.take().expect("its input");
        typed.write_all(b"Echo\n").expect("typed");
        // The answer is on its way before telnet sees the end of its input.
        let printed = server.lines(2);
        assert!(printed.starts_with("...waiting for connections ...\n >>  b'Echo\\"), "{printed:?}");
        let (mut screen, mut shown) = (telnet.stdout.take().expect("its output"), Vec::new());
        while !shown.ends_with(b"ok") {
            let mut byte = [0];
            screen.read_exact(&mut byte).unwrap_or_else(|_| panic!("it ended after {:?}", text(&shown)));
            shown.push(byte[0]);
        }
        drop(typed);
        telnet.wait().expect("its end");
        assert_eq!(server.finish().0, Some(0));
    }

    #[test]
    fn the_client_says_echo_and_prints_the_answer() {
        let (output, server) = client_against("ack", course(b"ok", b"Echo\n"), &[], b"");
        server.join().expect("the server's part");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Answer:  ok\n"));
    }
}
