//! The exercises `upper` and `upper-udp` against the other side as students write it: Python, Java, nc, telnet.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::process::Stdio;
use std::time::Duration;

use crate::programs::*;
use crate::terminal::Terminal;

/// What a Java client prints that talks with a server and is typed a line.
fn java_client(program: &str, server: &Server, typed: &str) -> String {
    let (host, port) = (server.address.ip().to_string(), server.address.port().to_string());
    let mut child = java(program).args([host, port]).spawn().expect("java");
    child.stdin.take().expect("its input").write_all(format!("{typed}\n").as_bytes()).expect("typed");
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

/// What our client prints when it talks with a Java server.
fn client_of_java(exercise: &str, answer: &str) -> String {
    let mut child = java("UpperServers").arg(exercise).spawn().expect("java");
    let mut port = String::new();
    BufReader::new(child.stdout.as_mut().expect("its output")).read_line(&mut port).expect("its port");
    let output = netlab(&["client", exercise, "--port", port.trim(), answer]).output().expect("netlab");
    assert!(child.wait().expect("its end").success());
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{output:?}");
    text(&output.stdout)
}

mod tcp {
    use super::*;

    #[test]
    fn serves_the_client_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        let server = Server::start("upper", &["--once"]);
        let program = "import socket\n\
             client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
             client.connect(('127.0.0.1', PORT))\n\
             client.send('grüße, 你好'.encode())\n\
             print('FROM SERVER:', client.recv(1024).decode(), end='')\n\
             print(client.recv(1024))\n\
             client.close()\n";
        assert_eq!(python(program, &server), "FROM SERVER: GRÜSSE, 你好\nb''\n");
        assert_eq!(server.finish(), (Some(0), String::new(), String::new()));
    }

    #[test]
    fn serves_the_client_that_a_student_wrote_in_java() {
        if !has_java() {
            return;
        }
        let server = Server::start("upper", &[]);
        // writeBytes sends each character by itself, as one byte: ISO 8859-1.
        for (typed, heard) in [("hello", "HELLO"), ("grüße", "GRÜSSE")] {
            assert_eq!(java_client("UpperClient", &server, typed), format!("FROM SERVER: {heard}\n"));
        }
        server.interrupt();
        assert!(server.finish().2.contains("served 2 clients"));
    }

    #[test]
    fn serves_nc_and_telnet() {
        let server = Server::start("upper", &[]);
        if has("nc") {
            assert_eq!(tool(&["nc"], &server, b"hello\n"), "HELLO\n");
            assert_eq!(tool(&["nc"], &server, b"no line end"), "NO LINE END\n");
        }
        if has("telnet") {
            let shown = tool(&["telnet"], &server, b"hello\n");
            assert!(shown.contains("HELLO"), "{shown:?}");
        }
    }

    #[test]
    fn a_line_may_come_in_any_pieces_and_what_follows_it_is_dropped_without_a_reset() {
        let server = Server::start("upper", &["--once"]);
        let mut client = server.connect();
        client.set_nodelay(true).expect("each byte by itself");
        for byte in "grüße\r\nmore".as_bytes() {
            client.write_all(&[*byte]).expect("sent");
        }
        client.shutdown(std::net::Shutdown::Write).expect("closed");
        let mut heard = String::new();
        client.read_to_string(&mut heard).expect("an answer and no reset");
        assert_eq!(heard, "GRÜSSE\n");
        assert_eq!(server.finish().0, Some(0));
    }

    #[test]
    fn the_client_talks_with_servers_that_close_at_once_or_leave_the_newline_away() {
        for answer in ["HELLO\n", "HELLO\r\n", "HELLO"] {
            let (output, server) = client_against(
                "upper",
                move |mut client| {
                    assert_eq!(receive(&mut client), b"hello\n");
                    client.write_all(answer.as_bytes()).expect("sent");
                },
                &[],
                b"hello\n",
            );
            server.join().expect("the server's part");
            assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "FROM SERVER: HELLO\n"));
        }
    }

    #[test]
    fn the_client_talks_with_the_server_that_a_student_wrote_in_java() {
        if has_java() {
            assert_eq!(client_of_java("upper", "hello there"), "FROM SERVER: HELLO THERE\n");
        }
    }

    #[test]
    fn asks_at_a_terminal_which_an_answer_cannot_command() {
        if !has_python() {
            return;
        }
        let server = Server::start("upper", &["--once"]);
        let mut terminal = Terminal::start("upper", server.address);
        terminal.until("Input lowercase sentence: ");
        terminal.type_in("hello\n");
        assert_eq!(terminal.finish(), (0, "hello\nFROM SERVER: HELLO\n".to_owned()));

        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut terminal = Terminal::start("upper", listener.local_addr().expect("its address"));
        terminal.until("Input lowercase sentence: ");
        terminal.type_in("hello\n");
        let mut client = listener.accept().expect("a client").0;
        assert_eq!(receive(&mut client), b"hello\n");
        client.write_all(b"\x1b[2JHELLO\n").expect("sent");
        drop(client);
        let screen = terminal.finish().1;
        assert!(screen.contains("[2JHELLO") && !screen.contains('\x1b'), "{screen:?}");
    }
}

mod udp {
    use super::*;

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        socket
    }

    /// What a server answers to a datagram.
    fn answer(server: &Server, datagram: &[u8]) -> Vec<u8> {
        answer_to(&socket(), server, datagram)
    }

    fn answer_to(socket: &UdpSocket, server: &Server, datagram: &[u8]) -> Vec<u8> {
        socket.send_to(datagram, server.address).expect("sent");
        let mut buffer = [0; 65_536];
        let (length, from) = socket.recv_from(&mut buffer).expect("an answer");
        assert_eq!(from, server.address);
        buffer[..length].to_vec()
    }

    #[test]
    fn answers_datagram_after_datagram_until_interrupted() {
        let (server, client) = (Server::start("upper-udp", &[]), socket());
        assert_eq!(answer_to(&client, &server, b"hello"), b"HELLO");
        assert_eq!(answer_to(&client, &server, "grüße".as_bytes()), "GRÜSSE".as_bytes());
        assert_eq!(answer_to(&client, &server, b"gr\xfc\xdfe"), "GRÜSSE".as_bytes());
        assert_eq!(answer_to(&client, &server, b""), b"");
        let padded = [b"hello".as_slice(), &[0; 1019]].concat();
        assert_eq!(answer_to(&client, &server, &padded), [b"HELLO".as_slice(), &[0; 1019]].concat());
        server.interrupt();
        let (code, printed, talk) = server.finish();
        assert_eq!((code, printed.as_str()), (Some(0), ""));
        assert!(talk.contains("served 1 client\n"), "{talk}");
    }

    #[test]
    fn a_datagram_longer_than_the_buffer_is_cut_and_told() {
        let server = Server::start("upper-udp", &["--once"]);
        assert_eq!(answer(&server, "ä".repeat(1000).as_bytes()), "Ä".repeat(512).as_bytes());
        let (code, _, talk) = server.finish();
        assert_eq!(code, Some(0));
        assert!(talk.contains("truncated: 1024 of 2000 bytes"), "{talk}");
    }

    #[test]
    fn a_sender_that_is_gone_ends_nothing() {
        let server = Server::start("upper-udp", &[]);
        for _ in 0..3 {
            UdpSocket::bind("127.0.0.1:0").expect("a port").send_to(b"gone", server.address).expect("sent");
        }
        assert_eq!(answer(&server, b"still there"), b"STILL THERE");
        server.interrupt();
        assert_eq!(server.finish().0, Some(0));
    }

    #[test]
    fn serves_the_client_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        let server = Server::start("upper-udp", &["--once"]);
        let program = "import socket\n\
             client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
             client.sendto('hello'.encode(), ('127.0.0.1', PORT))\n\
             data, address = client.recvfrom(1024)\n\
             print('FROM SERVER:' + data.decode(), address[1] == PORT)\n";
        assert_eq!(python(program, &server), "FROM SERVER:HELLO True\n");
    }

    #[test]
    fn serves_the_client_that_a_student_wrote_in_java_which_sends_its_whole_buffer() {
        if !has_java() {
            return;
        }
        let server = Server::start("upper-udp", &["--once"]);
        let printed = java_client("UpperUdpClient", &server, "hello grüße");
        // It prints the padding as well, as students' programs do.
        assert_eq!(printed.trim_end_matches(['\n', '\0']), "1024 bytes\nFROM SERVER:HELLO GRÜSSE");
        assert_eq!(server.finish(), (Some(0), String::new(), String::new()));
    }

    #[test]
    fn the_client_talks_with_the_server_that_a_student_wrote_in_java() {
        if has_java() {
            assert_eq!(client_of_java("upper-udp", "hello there"), "FROM SERVER:HELLO THERE\n");
        }
    }

    #[test]
    fn the_client_sends_its_text_or_its_whole_buffer_and_prints_no_padding() {
        for (options, sent) in [(&[][..], b"hello".to_vec()), (&["--pad"], [b"hello".as_slice(), &[0; 1019]].concat())]
        {
            let socket = socket();
            let port = socket.local_addr().expect("its address").port().to_string();
            let client = netlab(&["client", "upper-udp", "--port", &port, "hello"])
                .args(options)
                .stdout(Stdio::piped())
                .spawn()
                .expect("netlab client");
            let mut buffer = [0; 2048];
            let (length, from) = socket.recv_from(&mut buffer).expect("a datagram");
            assert_eq!(&buffer[..length], sent);
            socket.send_to(b"HELLO\0\0\0", from).expect("sent");
            let output = client.wait_with_output().expect("its end");
            assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "FROM SERVER:HELLO\n"));
        }
    }

    #[test]
    fn the_client_tells_a_closed_port_silence_and_a_text_too_long() {
        let port = {
            let gone = UdpSocket::bind("127.0.0.1:0").expect("a port");
            gone.local_addr().expect("its address").port().to_string()
        };
        let output = netlab(&["client", "upper-udp", "--port", &port, "hello"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("port unreachable"), "{output:?}");

        let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = silent.local_addr().expect("its address").port().to_string();
        let words = ["client", "upper-udp", "--port", &port, "--timeout", "50ms"];
        let output = netlab(&words).arg("hello").output().expect("netlab");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("has sent nothing for 50ms"), "{output:?}");

        let output = netlab(&words).arg("x".repeat(1025)).output().expect("netlab");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("1025 bytes: a datagram of upper-udp has at most 1024"), "{output:?}");
    }

    #[test]
    fn asks_at_a_terminal() {
        if !has_python() {
            return;
        }
        let server = Server::start("upper-udp", &["--once"]);
        let mut terminal = Terminal::start("upper-udp", server.address);
        terminal.until("Input lowercase sentence: ");
        terminal.type_in("hello\n");
        assert_eq!(terminal.finish(), (0, "hello\nFROM SERVER:HELLO\n".to_owned()));
    }

    #[test]
    fn serves_nc() {
        if !has("nc") {
            return;
        }
        let server = Server::start("upper-udp", &[]);
        assert_eq!(tool(&["nc", "-u", "-w", "1"], &server, b"hello"), "HELLO");
    }
}
