//! One connection: `listen` and `connect`, `recv` and `send`, `hello`, `http-get`.
// That the server waits, and that it does not, is part of what is shown.
#![allow(clippy::disallowed_methods)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::programs::*;
use crate::support;

/// Everything until the peer closes.
fn all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("to the end, without a reset");
    text(&bytes)
}

mod listen {
    use super::*;

    #[test]
    fn accepts_one_connection_says_nothing_closes_and_ends_well() {
        for name in ["listen", "connect"] {
            let server = Server::start(name, &[]);
            assert_eq!(all(server.connect()), "");
            let (code, printed, talk) = server.finish();
            assert_eq!((code, printed.as_str()), (Some(0), "Server is listening...\n"), "{talk}");
        }
    }

    #[test]
    fn serves_python_and_nc() {
        let server = Server::start("listen", &[]);
        if python_client(&server, "print(client.recv(256))").is_some_and(|printed| printed == "b''\n") {
            assert_eq!(server.finish().0, Some(0));
        }
        let server = Server::start("listen", &[]);
        if let Some(printed) = nc(&server, b"Hello?\n") {
            assert_eq!(printed, "");
            assert_eq!(server.finish().0, Some(0));
        }
    }

    #[test]
    fn a_client_that_talks_is_closed_and_not_reset() {
        let server = Server::start("listen", &[]);
        let mut client = server.connect();
        client.write_all(b"Is there anybody?").expect("sent");
        assert_eq!(receive(&mut client), b"");
        drop(client);
        let (code, _, talk) = server.finish();
        assert_eq!(code, Some(0));
        assert!(talk.contains("sent 17 bytes, and nobody received them"), "{talk}");
    }

    #[test]
    fn a_client_that_resets_was_a_connection_too() {
        let server = Server::start("listen", &[]);
        reset(server.connect());
        assert_eq!(server.finish().0, Some(0));
    }

    #[test]
    fn a_client_that_does_not_close_holds_it_up_for_a_moment_only() {
        let server = Server::start("listen", &[]);
        let client = server.connect();
        assert_eq!(server.finish().0, Some(0));
        drop(client);
    }

    #[test]
    fn ends_on_interrupt_without_a_client() {
        let server = Server::start("listen", &[]);
        server.interrupt();
        let (code, _, talk) = server.finish();
        assert_eq!(code, Some(0));
        assert!(talk.contains("served 0 clients"), "{talk}");
    }

    #[test]
    fn connect_prints_nothing_where_somebody_listens() {
        for behaviour in [drop as fn(TcpStream), reset, |mut stream| stream.write_all(b"Hello").expect("sent")] {
            let (output, server) = client_against("connect", behaviour, &[], b"");
            server.join().expect("the server's part");
            assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), ""), "{output:?}");
            assert_eq!(text(&output.stderr), "");
        }
        let Some((output, printed)) = client_against_python("connect", "print(client.recv(256))", &[]) else { return };
        assert_eq!((output.status.code(), printed.as_str()), (Some(0), "b''\n"));
    }

    #[test]
    fn connect_tells_a_refusal_in_one_line() {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
        let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("its address");
        let output = netlab(&["client", "connect", "--port", &address.port().to_string()]).output().expect("netlab");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
        let talk = text(&output.stderr);
        assert!(talk.lines().count() == 1 && talk.contains(&format!("{address} refused the connection")), "{talk}");
    }

    #[test]
    fn connect_tells_an_address_of_its_own_that_is_none_and_a_name_that_nobody_knows() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port().to_string();
        // 192.0.2.0/24 is for documentation, and no address of any machine (RFC 5737).
        for (options, why) in [
            (["--from", "192.0.2.1"], "192.0.2.1 is not an address of this machine"),
            (["--host", "nobody.invalid"], "the name \"nobody.invalid\" is not known"),
        ] {
            let output = netlab(&["client", "connect", "--port", &port]).args(options).output().expect("netlab");
            assert_eq!(output.status.code(), Some(2), "{output:?}");
            assert!(text(&output.stderr).contains(why), "{output:?}");
        }
    }

    #[test]
    fn connect_refuses_arguments_before_it_connects() {
        let output = netlab(&["client", "connect", "--port", "1", "Hello"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("asks for nothing"), "{output:?}");
    }
}

mod recv {
    use super::*;

    /// What the server prints about a client on this port, up to the message.
    fn heading(port: u16) -> String {
        format!(
            "Listening for connection: \nConnection received from  ('127.0.0.1', {port})\nMessage from client: \n\n"
        )
    }

    #[test]
    fn prints_heading_and_bytes_as_the_course_does() {
        let server = Server::start("recv", &["--wait", "10ms"]);
        let mut client = server.connect();
        let port = client.local_addr().expect("its address").port();
        client.write_all(b"Hey man, what's up?Are you there?").expect("sent");
        client.shutdown(Shutdown::Write).expect("closed");
        assert_eq!(all(client), "");
        let (code, printed, _) = server.finish();
        assert_eq!((code, printed), (Some(0), heading(port) + "b\"Hey man, what's up?Are you there?\"\n"));
    }

    #[test]
    fn waits_two_seconds_between_heading_and_bytes() {
        let mut server = Server::start("send", &[]);
        let mut client = server.connect();
        client.write_all(b"Hi").expect("sent");
        let mut lines = BufReader::new(server.child.stdout.take().expect("its output")).lines();
        let mut line = || lines.next().expect("a line").expect("text");
        while line() != "Message from client: " {}
        let heading = Instant::now();
        assert_eq!((line().as_str(), line().as_str()), ("", "b'Hi'"));
        let waited = heading.elapsed();
        assert!((Duration::from_millis(1900)..Duration::from_secs(10)).contains(&waited), "{waited:?}");
    }

    #[test]
    fn what_comes_after_its_one_receive_is_told_and_not_reset() {
        let mut server = Server::start("recv", &["--wait", "500ms"]);
        let mut client = server.connect();
        client.write_all(b"first").expect("sent");
        let mut printed = BufReader::new(server.child.stdout.take().expect("its output"));
        let mut line = String::new();
        while !line.starts_with("Message") {
            line.clear();
            assert_ne!(printed.read_line(&mut line).expect("a line"), 0);
        }
        client.write_all(b", second").expect("sent");
        client.shutdown(Shutdown::Write).expect("closed");
        assert_eq!(all(client), "");
        let mut rest = String::new();
        printed.read_to_string(&mut rest).expect("the rest");
        assert_eq!(rest, "\nb'first'\n");
        let mut talk = String::new();
        server.talk.read_to_string(&mut talk).expect("its talk");
        assert!(talk.contains("8 bytes more came than the one receive took"), "{talk}");
    }

    #[test]
    fn a_busy_server_finds_two_sends_in_one_piece() {
        let server = Server::start("recv", &["--busy", "400ms", "--wait", "10ms"]);
        let port = server.address.port().to_string();
        let output = netlab(&["client", "send", "--port", &port]).output().expect("netlab");
        assert_eq!(text(&output.stdout), "send took 19 of 19 bytes\nsend-all took 14 bytes\n", "{output:?}");
        assert!(server.finish().1.ends_with("\nb\"Hey man, what's up?Are you there?\"\n"));
    }

    #[test]
    fn takes_1024_bytes_at_most() {
        let server = Server::start("recv", &["--wait", "10ms"]);
        let mut client = server.connect();
        client.write_all(&[b'x'; 3000]).expect("sent");
        client.shutdown(Shutdown::Write).expect("closed");
        assert_eq!(all(client), "");
        let (_, printed, talk) = server.finish();
        assert!(printed.ends_with(&format!("\nb'{}'\n", "x".repeat(1024))), "{printed}");
        assert!(talk.contains("1976 bytes more"), "{talk}");
    }

    #[test]
    fn serves_python_and_nc_and_a_client_that_says_nothing() {
        let server = Server::start("recv", &["--wait", "10ms"]);
        if python_client(&server, "client.send('Grüße'.encode())").is_some() {
            assert!(server.finish().1.ends_with("\n\nb'Gr\\xc3\\xbc\\xc3\\x9fe'\n"));
        }
        let server = Server::start("recv", &["--wait", "10ms"]);
        if nc(&server, b"Hello\n").is_some() {
            assert!(server.finish().1.ends_with("\n\nb'Hello\\n'\n"));
        }
        let server = Server::start("recv", &["--wait", "10ms"]);
        drop(server.connect());
        let (code, printed, _) = server.finish();
        assert!(code == Some(0) && printed.ends_with("\n\nb''\n"), "{printed}");
    }

    #[test]
    fn send_sends_both_texts_to_a_server_in_python() {
        let program = "time.sleep(0.1)\nprint(client.recv(1024))\nprint(client.recv(1024))";
        let Some((output, printed)) = client_against_python("send", program, &[]) else { return };
        assert_eq!(text(&output.stdout), "send took 19 of 19 bytes\nsend-all took 14 bytes\n", "{output:?}");
        assert_eq!(printed, "b\"Hey man, what's up?Are you there?\"\nb''\n");
    }

    #[test]
    fn send_keeps_texts_from_arguments_apart() {
        let one_by_one = |mut client: TcpStream| {
            assert_eq!([receive(&mut client), receive(&mut client)], [b"one".to_vec(), b"two".to_vec()]);
        };
        let (output, server) = client_against("send", one_by_one, &["one", "two"], b"");
        server.join().expect("the server's part");
        assert_eq!(text(&output.stdout), "send took 3 of 3 bytes\nsend-all took 3 bytes\n");
    }

    #[test]
    fn send_tells_a_reset() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port().to_string();
        let server = std::thread::spawn(move || {
            let mut client = listener.accept().expect("a client").0;
            receive(&mut client);
            reset(client);
        });
        let texts = ["a"; 30];
        let output = netlab(&["client", "send", "--port", &port]).args(texts).output().expect("netlab");
        server.join().expect("the server's part");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains("reset the connection (RST)"), "{output:?}");
    }
}

mod hello {
    use super::*;

    #[test]
    fn greets_client_after_client_with_its_own_address() {
        let server = Server::start("hello", &[]);
        let mut expected = String::new();
        for _ in 0..3 {
            let client = server.connect();
            let port = client.local_addr().expect("its address").port();
            assert_eq!(all(client), "Hello 127.0.0.1");
            expected += &format!("Received connection from ('127.0.0.1', {port})\n");
        }
        server.interrupt();
        let (code, printed, talk) = server.finish();
        assert_eq!((code, printed), (Some(0), expected));
        assert!(talk.contains("served 3 clients"), "{talk}");
    }

    #[test]
    fn serves_python_and_nc() {
        let server = Server::start("hello", &[]);
        if let Some(printed) = python_client(&server, "print(client.recv(1024).decode())") {
            assert_eq!(printed, "Hello 127.0.0.1\n");
        }
        if let Some(printed) = nc(&server, b"GET / HTTP/1.0\n\n") {
            assert_eq!(printed, "Hello 127.0.0.1", "what nobody reads must not cost the greeting");
        }
    }

    #[test]
    fn clients_that_stay_silent_or_reset_do_not_hold_up_others() {
        let server = Server::start("hello", &[]);
        let silent: Vec<_> = (0..5)
            .map(|_| {
                let mut client = server.connect();
                // Greeted, so no longer in the short backlog.
                assert_eq!(receive(&mut client), b"Hello 127.0.0.1");
                client
            })
            .collect();
        reset(server.connect());
        let begin = Instant::now();
        assert_eq!(all(server.connect()), "Hello 127.0.0.1");
        assert!(begin.elapsed() < Duration::from_secs(3), "waited a second for each of the silent ones");
        drop(silent);
    }

    #[test]
    fn listens_with_the_backlog_of_the_course() {
        let server = Server::start("hello", &[]);
        let port = format!("sport = :{}", server.address.port());
        let Ok(output) = Command::new("ss").args(["-Hltn", &port]).output() else {
            return support::skip("ss is not installed");
        };
        let listed = text(&output.stdout);
        assert_eq!(listed.split_whitespace().nth(2), Some("2"), "{listed}");
    }

    #[test]
    fn works_over_ipv6() {
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
            return support::skip("this machine has no ::1");
        }
        let server = Server::start("hello", &["--host", "::1"]);
        let client = server.connect();
        let port = client.local_addr().expect("its address").port();
        assert_eq!(all(client), "Hello ::1");
        server.interrupt();
        assert_eq!(server.finish().1, format!("Received connection from ('::1', {port}, 0, 0)\n"));
    }

    #[test]
    fn the_client_joins_a_greeting_that_comes_in_pieces() {
        let in_pieces = |mut client: TcpStream| {
            for piece in [&b"Hel"[..], b"lo 10.0", b".0.1"] {
                client.write_all(piece).expect("sent");
                client.flush().expect("sent");
                std::thread::yield_now();
            }
        };
        let (output, server) = client_against("hello", in_pieces, &[], b"");
        server.join().expect("the server's part");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Hello 10.0.0.1\n"), "{output:?}");
    }

    #[test]
    fn the_client_hears_a_server_in_python() {
        let program = "client.send(('Hello ' + address[0]).encode())";
        let Some((output, _)) = client_against_python("hello", program, &[]) else { return };
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Hello 127.0.0.1\n"), "{output:?}");
    }

    #[test]
    fn the_client_shows_what_a_server_said_that_forgot_to_close() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let forgets = move |mut client: TcpStream| {
            client.write_all(b"Hello you").expect("sent");
            let _ = wait.recv();
        };
        let (output, server) = client_against("hello", forgets, &["--timeout", "100ms"], b"");
        drop(done);
        server.join().expect("the server's part");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), "Hello you\n"), "{output:?}");
        assert!(text(&output.stderr).contains("has sent nothing for 100ms"), "{output:?}");
    }

    #[test]
    fn the_client_gives_up_a_server_that_never_ends() {
        let endless = |mut client: TcpStream| while client.write_all(&[b'x'; 8192]).is_ok() {};
        let (output, server) = client_against("hello", endless, &[], b"");
        server.join().expect("the server's part");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{output:?}");
        assert!(text(&output.stderr).contains("more than 65536 bytes"), "{output:?}");
    }
}

mod http_get {
    use super::*;

    /// Reads the request, as much as a server has to, and answers in these pieces.
    fn answering(pieces: &'static [&'static [u8]]) -> impl FnOnce(TcpStream) + Send + 'static {
        move |client| {
            let mut lines = BufReader::new(client.try_clone().expect("a second handle"));
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                assert_ne!(lines.read_line(&mut request).expect("a line"), 0, "{request:?}");
            }
            assert_eq!(request, "GET / HTTP/1.0\r\n\r\n");
            for piece in pieces {
                (&client).write_all(piece).expect("sent");
            }
        }
    }

    const SHOWN: &str = "HTTP/1.1 200 OK\nServer: bare\n\nBody: 11 bytes\n";

    #[test]
    fn prints_status_headers_and_the_size_of_the_body() {
        let answers: [&[&[u8]]; 3] = [
            &[b"HTTP/1.1 200 OK\r\nServer: bare\r\n\r\nHello world"],
            &[b"HTTP/1.1 200 OK\nServer: bare\n\nHello world"],
            &[b"HTTP/1.1 200 OK\r\nServer: bare\r", b"\n\r", b"\nHello ", b"wor", b"ld"],
        ];
        for answer in answers {
            let (output, server) = client_against("http-get", answering(answer), &[], b"");
            server.join().expect("the server's part");
            assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), SHOWN), "{output:?}");
        }
    }

    #[test]
    fn an_answer_without_headers_or_body_is_one() {
        let (output, server) = client_against("http-get", answering(&[b"HTTP/1.1 200 OK\r\n\r\n"]), &[], b"");
        server.join().expect("the server's part");
        assert_eq!(text(&output.stdout), "HTTP/1.1 200 OK\n\nBody: 0 bytes\n", "{output:?}");
    }

    #[test]
    fn talks_with_pythons_own_server() {
        if !has_python() {
            return;
        }
        let program = "import http.server\n\
             class Page(http.server.BaseHTTPRequestHandler):\n\
             \x20   def do_GET(self):\n\
             \x20       self.send_response(200)\n\
             \x20       self.end_headers()\n\
             \x20       self.wfile.write(b'Page ' + self.path.encode())\n\
             \x20   def log_message(self, *_): pass\n\
             server = http.server.HTTPServer(('127.0.0.1', 0), Page)\n\
             print(server.server_port, flush=True)\n\
             server.handle_request()\n";
        let mut python = Command::new("python3")
            .args(["-c", program])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("python3");
        let mut port = String::new();
        BufReader::new(python.stdout.take().expect("its output")).read_line(&mut port).expect("its port");
        let output =
            netlab(&["client", "http-get", "--port", port.trim(), "/index.html"]).output().expect("netlab client");
        python.wait().expect("its end");
        let printed = text(&output.stdout);
        assert!(printed.starts_with("HTTP/1.0 200 OK\nServer: BaseHTTP"), "{output:?}");
        assert!(printed.ends_with("\n\nBody: 16 bytes\n"), "{printed}");
    }

    #[test]
    fn what_is_no_http_is_said_to_be_none() {
        for (answer, why) in [
            (&[b"Hello\r\n\r\nworld" as &[u8]] as &[&[u8]], "not HTTP's"),
            (&[b"HTTP/1.1 200 OK\r\n"], "before the empty line"),
            (&[], "before the empty line"),
        ] {
            let (output, server) = client_against("http-get", answering(answer), &[], b"");
            server.join().expect("the server's part");
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(text(&output.stderr).contains(why), "{output:?}");
        }
    }

    #[test]
    fn a_head_without_end_is_given_up() {
        let endless = |mut client: TcpStream| while client.write_all(&[b'x'; 8192]).is_ok() {};
        let (output, server) = client_against("http-get", endless, &[], b"");
        server.join().expect("the server's part");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains("a head of more than"), "{output:?}");
    }

    #[test]
    fn refuses_what_is_no_path_and_names_its_server() {
        let output = netlab(&["client", "http-get", "--port", "1", "index.html"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("begins with a slash"), "{output:?}");
        let output = netlab(&["serve", "http-get"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("netlab serve http-hello"), "{output:?}");
    }
}
