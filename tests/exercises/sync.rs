//! The `sync` exercise against the other side as students write it: bare sockets, and Python in the style of the course.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::programs::*;
use crate::support;

/// A client that behaves; leaves its socket when the server has closed.
fn visit(server: &Server, text: &[u8]) {
    let mut client = server.connect();
    assert_eq!(receive(&mut client), b"Hello and welcome");
    client.write_all(text).expect("sent");
    assert_eq!(receive(&mut client), b"Thank you");
    assert_eq!(receive(&mut client), b"", "the server did not close");
}

mod server {
    use super::*;

    #[test]
    fn speaks_first_prints_what_it_hears_thanks_and_closes() {
        let server = Server::start("sync", &["--once"]);
        visit(&server, b"Hi there");
        assert_eq!(server.finish(), (Some(0), "Client said:  Hi there\n".into(), String::new()));
    }

    #[test]
    fn serves_the_client_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        let server = Server::start("sync", &["--once"]);
        let program = format!(
            "import socket\n\
             client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
             client.connect(('127.0.0.1', {}))\n\
             print('Server said: ', client.recv(256).decode())\n\
             client.send('Grüße, 你好'.encode())\n\
             print('Server said: ', client.recv(256).decode())\n\
             client.close()\n",
            server.address.port()
        );
        let python = Command::new("python3").args(["-X", "utf8", "-c", &program]).output().expect("python3");
        assert_eq!(text(&python.stdout), "Server said:  Hello and welcome\nServer said:  Thank you\n", "{python:?}");
        assert_eq!(server.finish().1, "Client said:  Grüße, 你好\n");
    }

    #[test]
    fn serves_one_client_after_another_until_interrupted_and_says_how_many() {
        let server = Server::start("sync", &[]);
        visit(&server, b"one");
        visit(&server, b"two");
        server.interrupt();
        let (code, printed, talk) = server.finish();
        assert_eq!((code, printed.as_str()), (Some(0), "Client said:  one\nClient said:  two\n"));
        assert!(talk.contains("served 2 clients"), "{talk:?}");
    }

    #[test]
    fn a_silent_client_holds_up_nobody_and_is_closed_on_interrupt() {
        let server = Server::start("sync", &[]);
        let mut silent = server.connect();
        assert_eq!(receive(&mut silent), b"Hello and welcome");
        visit(&server, b"meanwhile");
        server.interrupt();
        assert_eq!(receive(&mut silent), b"", "closed without FIN");
        assert!(server.finish().2.contains("served 1 client\n"));
    }

    #[test]
    fn past_the_limit_of_clients_the_next_one_waits_for_a_place() {
        let server = Server::start("sync", &["--max-clients", "1"]);
        let mut first = server.connect();
        assert_eq!(receive(&mut first), b"Hello and welcome");
        let mut second = server.connect();
        second.write_all(b"second").expect("sent");
        first.write_all(b"first").expect("sent");
        assert_eq!(receive(&mut first), b"Thank you");
        drop(first);
        // Its text was there before its greeting, so greeting and thanks may come as one piece.
        let mut heard = Vec::new();
        second.read_to_end(&mut heard).expect("all of it");
        assert_eq!(text(&heard), "Hello and welcomeThank you");
        drop(second);
        server.interrupt();
        assert_eq!(server.finish().1, "Client said:  first\nClient said:  second\n");
    }

    #[test]
    fn puts_a_silent_client_out_after_the_idle_time() {
        let server = Server::start("sync", &["--once", "--idle", "50ms"]);
        let mut silent = server.connect();
        assert_eq!(receive(&mut silent), b"Hello and welcome");
        assert_eq!(receive(&mut silent), b"");
        let (code, printed, talk) = server.finish();
        assert_eq!((code, printed.as_str()), (Some(1), ""));
        assert!(talk.contains("has sent nothing for 50ms"), "{talk:?}");
    }

    #[test]
    fn takes_the_first_piece_of_a_split_text_and_says_what_was_left() {
        let server = Server::start("sync", &["--once"]);
        let mut client = server.connect();
        assert_eq!(receive(&mut client), b"Hello and welcome");
        client.write_all(b"first").expect("sent");
        assert_eq!(receive(&mut client), b"Thank you");
        client.write_all(b" and second").expect("late, and still no reset");
        client.shutdown(Shutdown::Write).expect("closed");
        assert_eq!(receive(&mut client), b"", "the rest was answered by RST or by more");
        let (code, printed, talk) = server.finish();
        assert_eq!((code, printed.as_str()), (Some(0), "Client said:  first\n"));
        assert!(talk.contains("11 bytes more"), "{talk:?}");
    }

    #[test]
    fn hears_a_text_that_came_before_its_greeting_was_read() {
        let server = Server::start("sync", &["--once"]);
        let mut client = server.connect();
        client.write_all(b"impatient").expect("sent");
        let mut all = Vec::new();
        client.read_to_end(&mut all).expect("all of it");
        assert_eq!(text(&all), "Hello and welcomeThank you");
        assert_eq!(server.finish().1, "Client said:  impatient\n");
    }

    #[test]
    fn takes_256_bytes_of_a_long_text_and_loses_no_answer() {
        let server = Server::start("sync", &["--once"]);
        visit(&server, &[b'x'; 1000]);
        let (_, printed, talk) = server.finish();
        assert_eq!(printed, format!("Client said:  {}\n", "x".repeat(256)));
        assert!(talk.contains("744 bytes more"), "{talk:?}");
    }

    #[test]
    fn takes_what_is_not_utf8_as_iso_8859_1() {
        let server = Server::start("sync", &["--once"]);
        visit(&server, b"Gr\xfc\xdfe");
        assert_eq!(server.finish().1, "Client said:  Grüße\n");
    }

    #[test]
    fn clients_that_reset_or_leave_do_not_end_it() {
        let server = Server::start("sync", &[]);
        let rude = server.connect();
        socket2::SockRef::from(&rude).set_linger(Some(Duration::ZERO)).expect("linger");
        drop(rude);
        drop(server.connect());
        visit(&server, b"still there");
        server.interrupt();
        let (code, printed, talk) = server.finish();
        assert_eq!((code, printed.as_str()), (Some(0), "Client said:  still there\n"));
        assert!(talk.contains("served 1 client\n"), "{talk:?}");
    }

    #[test]
    fn works_over_ipv6() {
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
            return support::skip("this machine has no ::1");
        }
        let server = Server::start("sync", &["--once", "--host", "::1"]);
        assert!(server.address.is_ipv6());
        visit(&server, b"six");
        assert_eq!(server.finish().1, "Client said:  six\n");
    }

    #[test]
    fn says_that_its_port_is_in_use() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = taken.local_addr().expect("its address").port().to_string();
        let output = netlab(&["serve", "sync", "--port", &port]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(&format!("port {port} on 127.0.0.1 is in use")), "{output:?}");
    }
}

mod client {
    use super::*;

    /// The course's server, on bare sockets.
    fn course(mut client: TcpStream) {
        client.write_all(b"Hello and welcome").expect("sent");
        assert_eq!(receive(&mut client), b"Hi there");
        client.write_all(b"Thank you").expect("sent");
    }

    const HEARD: &str = "Server said:  Hello and welcome\nServer said:  Thank you\n";

    #[test]
    fn plays_its_part_from_arguments_and_from_a_pipe() {
        let inputs: [(&[&str], &[u8]); 3] = [(&["Hi there"], b""), (&[], b"Hi there\nmore\n"), (&[], b"Hi there")];
        for (arguments, input) in inputs {
            let (output, server) = client_against("sync", course, arguments, input);
            server.join().expect("the server's part");
            assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), HEARD), "{output:?}");
            assert_eq!(text(&output.stderr), "");
        }
    }

    #[test]
    fn talks_with_the_server_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        let program = "import socket\n\
             server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
             server.bind(('127.0.0.1', 0))\n\
             server.listen(1)\n\
             print(server.getsockname()[1], flush=True)\n\
             client, address = server.accept()\n\
             client.send('Hello and welcome'.encode())\n\
             print('Client said: ', client.recv(256).decode())\n\
             client.send('Thank you'.encode())\n\
             client.close()\n\
             server.close()\n";
        let mut python = Command::new("python3")
            .args(["-X", "utf8", "-c", program])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut printed = BufReader::new(python.stdout.take().expect("its output"));
        let mut port = String::new();
        printed.read_line(&mut port).expect("its port");
        let output = netlab(&["client", "sync", "--port", port.trim(), "Grüße"]).output().expect("netlab");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), HEARD), "{output:?}");
        let mut rest = String::new();
        printed.read_to_string(&mut rest).expect("the rest");
        assert_eq!(rest, "Client said:  Grüße\n");
        assert!(python.wait().expect("its end").success());
    }

    #[test]
    fn ends_cleanly_at_the_end_of_input() {
        let greets_and_waits = |mut client: TcpStream| {
            client.write_all(b"Hello and welcome").expect("sent");
            assert_eq!(receive(&mut client), b"", "something was sent");
        };
        let (output, server) = client_against("sync", greets_and_waits, &[], b"");
        server.join().expect("the server's part");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout), "Server said:  Hello and welcome\n");
    }

    #[test]
    fn a_server_that_says_everything_at_once_leaves_no_answer() {
        let hasty = |mut client: TcpStream| {
            client.write_all(b"Hello and welcomeThank you").expect("sent");
            assert_eq!(receive(&mut client), b"Hi");
        };
        let (output, server) = client_against("sync", hasty, &["Hi"], b"");
        server.join().expect("the server's part");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stdout), "Server said:  Hello and welcomeThank you\n");
        assert!(text(&output.stderr).contains("closed the connection without an answer"), "{output:?}");
    }

    #[test]
    fn a_server_that_resets_is_told_as_a_reset() {
        let rude = |mut client: TcpStream| {
            client.write_all(b"Hello and welcome").expect("sent");
            assert_eq!(receive(&mut client), b"Hi");
            socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("linger");
        };
        let (output, server) = client_against("sync", rude, &["Hi"], b"");
        server.join().expect("the server's part");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("reset the connection (RST)"), "{output:?}");
    }

    #[test]
    fn a_server_that_says_nothing_is_given_up_after_the_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port().to_string();
        let output = netlab(&["client", "sync", "--port", &port, "--timeout", "50ms", "Hi"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("has sent nothing for 50ms"), "{output:?}");
    }

    #[test]
    fn nobody_listening_is_one_clear_line() {
        // Bound and not listening: nobody else can take the port, and a SYN to it is refused.
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
        let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("its address");
        let output = netlab(&["client", "sync", "--port", &address.port().to_string(), "Hi"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stderr).lines().count(), 1);
        assert!(text(&output.stderr).contains(&format!("{address} refused the connection")), "{output:?}");
    }

    #[test]
    fn refuses_what_cannot_be_sent_before_it_connects() {
        for (answers, why) in [(&[""] as &[&str], "empty text"), (&["Hi", "there"], "in quotes")] {
            let output = netlab(&["client", "sync", "--port", "1"]).args(answers).output().expect("netlab");
            assert_eq!(output.status.code(), Some(2));
            assert!(text(&output.stderr).contains(why), "{output:?}");
        }
    }

    #[test]
    fn a_name_that_cannot_be_known_is_told() {
        let name = "x".repeat(70);
        let output = netlab(&["client", "sync", "--host", &name, "Hi"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("is not known"), "{output:?}");
    }
}

/// Our client at a terminal, against the course's server.
mod typing {
    use super::*;
    use crate::screen::Screen;

    /// A terminal that asks for the message, and the server's side of its connection.
    fn asked() -> Option<(Screen, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port().to_string();
        let mut terminal = Screen::start(&["client", "sync", "--port", &port])?;
        let (mut server, _) = listener.accept().expect("a client");
        server.write_all(b"Hello and welcome").expect("sent");
        terminal.shows(&["Server said:  Hello and welcome", "msg: "]);
        Some((terminal, server))
    }

    #[test]
    fn asks_with_the_prompt_of_the_course_and_prints_the_answer() {
        let Some((mut terminal, mut server)) = asked() else { return };
        terminal.keys("Good mornink\x7fg\r");
        assert_eq!(receive(&mut server), b"Good morning");
        server.write_all(b"Thank you").expect("sent");
        drop(server);
        assert_eq!(terminal.ends(), Some(0));
        assert_eq!(
            terminal.rows(),
            ["Server said:  Hello and welcome", "msg: Good morning", "Server said:  Thank you"]
        );
    }

    #[test]
    fn an_empty_line_is_asked_for_again() {
        let Some((mut terminal, _server)) = asked() else { return };
        terminal.keys("\r");
        terminal
            .until("the question again", |terminal| terminal.rows().iter().filter(|row| *row == "msg:").count() == 2);
    }

    #[test]
    fn ctrl_d_ends_it_cleanly_and_ctrl_c_ends_it_at_once() {
        for (keys, code) in [("\x04", 0), ("half a li\x03", 130)] {
            let Some((mut terminal, mut server)) = asked() else { return };
            terminal.keys(keys);
            assert_eq!(terminal.ends(), Some(code));
            assert_eq!(receive(&mut server), b"", "closed with a FIN");
            assert!(terminal.is_given_back());
        }
    }
}
