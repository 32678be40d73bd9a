//! `udp-server`, `udp-messages` and `udp-reply` against bare sockets, Python in the style of the course, and nc.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::programs::*;
use crate::support;

/// A bare socket, as students have it; a receive that hears nothing fails after 10 s.
fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    socket
}

fn heard(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut buffer = [0; 1024];
    let (length, from) = socket.recv_from(&mut buffer).expect("a datagram");
    (text(&buffer[..length]), from)
}

fn python(program: &str) -> Output {
    Command::new("python3").args(["-X", "utf8", "-c", program]).output().expect("python3")
}

/// Runs our client of an exercise against `port`.
fn client(exercise: &str, port: u16, arguments: &[&str]) -> Output {
    netlab(&["client", exercise, "--port", &port.to_string(), "--timeout", "10s"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("netlab client")
}

mod udp_server {
    use super::*;

    #[test]
    fn prints_what_recvfrom_returned_and_ends() {
        let server = Server::start("udp-server", &[]);
        let client = socket();
        client.send_to(b"Hello world", server.address).expect("sent");
        let port = client.local_addr().expect("an address").port();
        let (code, printed, _) = server.finish();
        assert_eq!((code, printed), (Some(0), format!("(b'Hello world', ('127.0.0.1', {port}))\n")));
    }

    #[test]
    fn says_what_its_buffer_of_16_bytes_cut_off() {
        let server = Server::start("udp-client", &["--once"]);
        socket().send_to(&[b'x'; 40], server.address).expect("sent");
        let printed = server.finish().1;
        assert!(printed.starts_with("(b'xxxxxxxxxxxxxxxx', ('127.0.0.1', "), "{printed:?}");
        assert!(printed.ends_with("))\ntruncated: 16 of 40 bytes\n"), "{printed:?}");
    }

    #[test]
    fn takes_16_bytes_whole_and_an_empty_datagram_as_one() {
        for (sent, shown) in [(&b"0123456789abcdef"[..], "(b'0123456789abcdef', ("), (b"", "(b'', (")] {
            let server = Server::start("udp-server", &[]);
            socket().send_to(sent, server.address).expect("sent");
            let printed = server.finish().1;
            assert!(printed.starts_with(shown) && printed.lines().count() == 1, "{printed:?}");
        }
    }

    #[test]
    fn hears_the_client_that_a_student_wrote_in_python_and_nc() {
        if has_python() {
            let server = Server::start("udp-server", &[]);
            let program = format!(
                "import socket\n\
                 client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                 client.sendto('Grüße'.encode(), ('127.0.0.1', {}))\n",
                server.address.port()
            );
            assert!(python(&program).status.success());
            assert!(server.finish().1.starts_with(r"(b'Gr\xc3\xbc\xc3\x9fe', ('127.0.0.1', "));
        }
        let server = Server::start("udp-server", &[]);
        let command = format!("printf Hello | nc -u -q0 127.0.0.1 {}", server.address.port());
        match Command::new("sh").args(["-c", &command]).status() {
            Ok(status) if status.success() => assert!(server.finish().1.starts_with("(b'Hello', ")),
            _ => support::skip("nc is not installed"),
        }
    }

    #[test]
    fn works_over_ipv6() {
        let Ok(client) = UdpSocket::bind("[::1]:0") else { return support::skip("this machine has no ::1") };
        let server = Server::start("udp-server", &["--host", "::1"]);
        client.send_to(b"six", server.address).expect("sent");
        let port = client.local_addr().expect("an address").port();
        assert_eq!(server.finish().1, format!("(b'six', ('::1', {port}, 0, 0))\n"));
    }

    #[test]
    fn ends_without_a_datagram_on_interrupt_and_says_who_holds_its_port() {
        let server = Server::start("udp-server", &[]);
        let port = server.address.port().to_string();
        let second = netlab(&["serve", "udp-server", "--port", &port]).output().expect("netlab");
        assert_eq!(second.status.code(), Some(2));
        assert!(text(&second.stderr).contains("is in use by \"netlab\""), "{second:?}");
        server.interrupt();
        assert_eq!((server.finish().0), Some(0));
    }

    #[test]
    fn the_client_sends_the_text_of_the_course_or_another_one() {
        let server = socket();
        let port = server.local_addr().expect("an address").port();
        for (arguments, expected) in [(&[][..], "Hello world"), (&["Grüße, 你好"], "Grüße, 你好"), (&[""], "")]
        {
            let output = client("udp-client", port, arguments);
            assert_eq!(
                (output.status.code(), text(&output.stdout), text(&output.stderr)),
                (Some(0), String::new(), String::new())
            );
            assert_eq!(heard(&server).0, expected);
        }
        assert_eq!(client("udp-client", port, &["two", "texts"]).status.code(), Some(2));
    }

    #[test]
    fn the_client_says_that_nobody_has_the_port() {
        let port = socket().local_addr().expect("an address").port();
        let output = client("udp-client", port, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("port unreachable"), "{output:?}");
    }
}

/// Whatever nc sends, over IPv4 and IPv6.
#[test]
fn every_server_over_udp_hears_nc() {
    if !has("nc") {
        return;
    }
    for host in ["127.0.0.1", "::1"] {
        if UdpSocket::bind((host, 0)).is_err() {
            return support::skip(&format!("this machine has no {host}"));
        }
        for (exercise, options, shown) in [
            ("udp-messages", &[][..], "received message: b'1 Hi'\n"),
            ("udp-reply", &[], "1 Hi\n"),
            ("udp-peers", &[], "1 Hi\n"),
            ("udp-loss", &["--quiet", "50ms"], "from "),
            ("heartbeat", &[], "alive: "),
        ] {
            let mut server = Server::start(exercise, &[&["--host", host], options].concat());
            tool(&["nc", "-u", "-q0"], &server, b"1 Hi");
            let printed = server.lines(1);
            assert!(printed.starts_with(shown), "{exercise} on {host}: {printed:?}");
        }
    }
}

mod udp_messages {
    use super::*;

    #[test]
    fn prints_the_messages_of_everybody_until_interrupted() {
        let mut server = Server::start("udp-messages", &[]);
        let sockets = [socket(), socket()];
        // One after another from different sockets: on loopback a datagram is in the queue when send returns.
        for (socket, text) in sockets.iter().zip(["Hello, World!", "it's me"]) {
            socket.send_to(text.as_bytes(), server.address).expect("sent");
        }
        sockets[0].send_to(b"", server.address).expect("sent");
        sockets[1].send_to(&[b'x'; 1025], server.address).expect("sent");
        let printed = server.lines(5);
        server.interrupt();
        let (code, _, talk) = server.finish();
        let expected = format!(
            "received message: b'Hello, World!'\nreceived message: b\"it's me\"\nreceived message: b''\n\
             received message: b'{}'\ntruncated: 1024 of 1025 bytes\n",
            "x".repeat(1024)
        );
        assert_eq!((code, printed), (Some(0), expected));
        assert!(talk.contains("served 2 clients"), "{talk:?}");
    }

    #[test]
    fn hears_the_client_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        let server = Server::start("udp-messages", &["--once"]);
        let program = format!(
            "import socket\n\
             sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
             sock.sendto(b'Hello, World!', ('127.0.0.1', {}))\n",
            server.address.port()
        );
        assert!(python(&program).status.success());
        assert_eq!(server.finish().1, "received message: b'Hello, World!'\n");
    }

    #[test]
    fn the_client_talks_to_the_server_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        let program = "import socket\n\
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
            sock.bind(('127.0.0.1', 0))\n\
            print(sock.getsockname()[1], flush=True)\n\
            data, addr = sock.recvfrom(1024)\n\
            print('received message: %s' % data)\n";
        let student = Student::start(program);
        assert_eq!(client("udp-messages", student.port, &[]).status.code(), Some(0));
        assert_eq!(student.finish(), "received message: b'Hello, World!'\n");
    }
}

mod udp_reply {
    use super::*;

    /// The client of the course: two questions and their answers, each checked.
    fn converse(client: &UdpSocket, server: SocketAddr) {
        assert_eq!(heard(client), ("Hello from me also".into(), server));
        client.send_to(b"Hello again", server).expect("sent");
        assert_eq!(heard(client), ("Woow..we speak on the edge".into(), server));
    }

    #[test]
    fn answers_twice_through_the_port_that_is_open() {
        let server = Server::start("udp-reply", &["--once"]);
        let client = socket();
        client.send_to(b"Hello", server.address).expect("sent");
        converse(&client, server.address);
        let (code, printed, _) = server.finish();
        assert_eq!((code, printed.as_str()), (Some(0), "Hello\nHello again\n"));
    }

    #[test]
    fn a_client_that_falls_silent_holds_up_nobody() {
        let mut server = Server::start("udp-reply", &[]);
        let silent = socket();
        silent.send_to(b"Hello", server.address).expect("sent");
        assert_eq!(heard(&silent).0, "Hello from me also");
        for _ in 0..3 {
            let client = socket();
            client.send_to(b"Hello", server.address).expect("sent");
            converse(&client, server.address);
        }
        // The silent one is still in its conversation.
        silent.send_to(b"late", server.address).expect("sent");
        assert_eq!(heard(&silent).0, "Woow..we speak on the edge");
        assert_eq!(server.lines(8).lines().filter(|line| *line == "Hello again").count(), 3);
        server.interrupt();
        assert_eq!(server.finish().0, Some(0));
    }

    #[test]
    fn many_who_begin_at_once_are_all_answered() {
        let server = Server::start("udp-reply", &[]);
        let clients: Vec<UdpSocket> = (0..20).map(|_| socket()).collect();
        for client in &clients {
            client.send_to(b"Hello", server.address).expect("sent");
        }
        for client in &clients {
            converse(client, server.address);
        }
        server.interrupt();
        assert_eq!(server.finish().1.lines().filter(|line| *line == "Hello again").count(), 20);
    }

    #[test]
    fn says_who_fell_silent_and_that_its_port_is_in_use() {
        let server = Server::start("udp-reply", &["--once", "--idle", "50ms"]);
        let second = netlab(&["serve", "udp-reply", "--port", &server.address.port().to_string()]).output();
        assert_eq!(second.expect("netlab").status.code(), Some(2));
        socket().send_to(b"Hello", server.address).expect("sent");
        let (code, printed, talk) = server.finish();
        assert_eq!((code, printed.as_str()), (Some(1), "Hello\n"));
        assert!(talk.contains("sent nothing for 50ms") || talk.contains("port unreachable"), "{talk:?}");
    }

    #[test]
    fn speaks_with_the_client_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        let server = Server::start("udp-reply", &["--once"]);
        let program = format!(
            "import socket\n\
             s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
             s.sendto(b'Hello', ('127.0.0.1', {}))\n\
             data, address = s.recvfrom(1024)\n\
             print(data.decode())\n\
             s.sendto(b'Hello again', address)\n\
             print(s.recvfrom(1024)[0].decode())\n",
            server.address.port()
        );
        let printed = text(&python(&program).stdout);
        assert_eq!(printed, "Hello from me also\nWoow..we speak on the edge\n");
        assert_eq!(server.finish().1, "Hello\nHello again\n");
    }

    #[test]
    fn speaks_with_the_server_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        let student = Student::start(
            "import socket\n\
             s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
             s.bind(('127.0.0.1', 0))\n\
             print(s.getsockname()[1], flush=True)\n\
             data, address = s.recvfrom(100)\n\
             print(data.decode())\n\
             s.connect(address)\n\
             s.send(b'Hello from me also')\n\
             print(s.recv(100).decode())\n\
             s.send(b'Woow..we speak on the edge')\n",
        );
        let output = client("udp-reply", student.port, &[]);
        assert_eq!(text(&output.stdout), "Hello from me also\nWoow..we speak on the edge\n", "{output:?}");
        assert_eq!(student.finish(), "Hello\nHello again\n");
    }
}
