//! The `calc` exercise against the other side as students write it.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::programs::*;
use crate::terminal::Terminal;

const COURSE: &str = "import socket\n\
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
    server.bind(('127.0.0.1', 0))\n\
    server.listen(1)\n\
    print(server.getsockname()[1], flush=True)\n\
    client, address = server.accept()\n\
    a = client.recv(1024).decode()\n\
    print(repr(a), flush=True)\n\
    b = client.recv(1024).decode()\n\
    print(repr(b), flush=True)\n\
    client.send(str(int(a) + int(b)).encode())\n\
    client.close()\n";

mod server {
    use super::*;

    #[test]
    fn adds_for_the_client_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        let server = Server::start("calc", &["--once"]);
        // Neither number has a newline; the second one comes when the first has been taken as a line, which only the
        // clock of the server says. So both are in one send, and only the last newline is missing.
        let program = "import socket\n\
             client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
             client.connect(('127.0.0.1', PORT))\n\
             client.send('125\\n351'.encode())\n\
             print('Result is:', client.recv(1024).decode(), end='')\n\
             client.close()\n";
        assert_eq!(python(program, &server), "Result is: 476\n");
        assert_eq!(server.finish(), (Some(0), String::new(), String::new()));
    }

    #[test]
    fn adds_numbers_of_any_size_and_decimals_and_stays_after_an_error() {
        let server = Server::start("calc", &["--once"]);
        let mut client = server.connect();
        let mut answer = |question: &str| {
            client.write_all(question.as_bytes()).expect("sent");
            text(&receive(&mut client))
        };
        assert_eq!(answer("99999999999999999999999999\n1\n"), "100000000000000000000000000\n");
        assert_eq!(answer("0.1\r\n0.2\r\n"), "0.3\n");
        assert_eq!(answer("-1.5\n0.25\n"), "-1.25\n");
        assert_eq!(answer("abc\n1\n"), "error: \"abc\" is not a number\n");
        assert_eq!(answer("1\n\n"), "error: \"\" is not a number\n");
        assert_eq!(answer("1,5\n1\n"), "error: \"1,5\" is not a number\n");
        assert_eq!(answer("1\n2\n"), "3\n");
        drop(client);
        assert_eq!(server.finish().0, Some(0));
    }

    #[test]
    fn takes_numbers_split_anywhere_and_pairs_that_come_together() {
        let server = Server::start("calc", &["--once"]);
        let mut client = server.connect();
        client.set_nodelay(true).expect("each byte by itself");
        for byte in b"12" {
            client.write_all(&[*byte]).expect("sent");
        }
        client.write_all(b"5\n35").expect("sent");
        client.write_all(b"1\n1\n1\n2\n").expect("sent");
        let mut heard = String::new();
        while heard.len() < "476\n2\n".len() {
            heard += &text(&receive(&mut client));
        }
        assert_eq!(heard, "476\n2\n");
        client.write_all(b"2\n").expect("sent");
        assert_eq!(receive(&mut client), b"4\n");
    }

    #[test]
    fn adds_for_nc() {
        if !has("nc") {
            return;
        }
        let server = Server::start("calc", &["--once"]);
        assert_eq!(tool(&["nc", "-N"], &server, b"125\n351\n"), "476\n");
    }
}

mod client {
    use super::*;

    #[test]
    fn talks_with_the_server_that_a_student_wrote_in_python_as_a_person_types() {
        if !has_python() {
            return;
        }
        let mut student = Student::start(COURSE);
        let mut client = netlab(&["client", "calc", "--port", &student.port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("netlab client");
        let mut typed = client.stdin.take().expect("its input");
        typed.write_all(b"125\n").expect("typed");
        assert_eq!(student.line(), "'125\\n'\n");
        typed.write_all(b"351\n").expect("typed");
        assert_eq!(student.line(), "'351\\n'\n");
        drop(typed);
        let output = client.wait_with_output().expect("its end");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Result is: 476\n"));
        student.finish();
    }

    #[test]
    // The time it takes is the subject.
    #[allow(clippy::disallowed_methods)]
    fn leaves_time_between_two_numbers_that_are_arguments() {
        let began = Instant::now();
        let (output, server) = client_against(
            "calc",
            |mut client| {
                let mut heard = Vec::new();
                while !heard.ends_with(b"351\n") {
                    heard.extend(receive(&mut client));
                }
                assert_eq!(text(&heard), "125\n351\n");
                client.write_all(b"476").expect("sent, without a newline");
            },
            &["125", "351"],
            b"",
        );
        server.join().expect("the server's part");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Result is: 476\n"), "{output:?}");
        assert!(began.elapsed() >= Duration::from_millis(100));
    }

    #[test]
    fn an_error_is_told_and_ends_it_unless_a_person_can_be_asked_again() {
        let server = Server::start("calc", &["--once"]);
        let port = server.address.port().to_string();
        let output = netlab(&["client", "calc", "--port", &port, "abc", "1"]).output().expect("netlab");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
        assert!(text(&output.stderr).contains("answered error: \"abc\" is not a number"), "{output:?}");
    }

    #[test]
    fn asks_at_a_terminal_for_two_numbers_and_again_after_an_error() {
        if !has_python() {
            return;
        }
        let server = Server::start("calc", &["--once"]);
        let mut terminal = Terminal::start("calc", server.address);
        terminal.until("Enter number 1: ");
        terminal.type_in("abc\n");
        terminal.until("Enter number 2: ");
        terminal.type_in("1\n");
        assert_eq!(terminal.until("number 1: "), "1\nerror: \"abc\" is not a number\nEnter number 1: ");
        terminal.type_in("125\n");
        assert_eq!(terminal.until(": "), "125\nEnter number 2: ");
        terminal.type_in("351\n");
        assert_eq!(terminal.finish(), (0, "351\nResult is: 476\n".to_owned()));
    }

    #[test]
    fn ctrl_d_ends_it_cleanly_and_ctrl_c_ends_it_too() {
        if !has_python() {
            return;
        }
        let server = Server::start("calc", &[]);
        for (key, code) in [("\x04", 0), ("\x03", -2)] {
            let mut terminal = Terminal::start("calc", server.address);
            terminal.until("Enter number 1: ");
            terminal.type_in(key);
            assert_eq!(terminal.finish().0, code, "{key:?}");
        }
    }

    #[test]
    fn one_number_alone_is_refused_before_it_connects() {
        let output = netlab(&["client", "calc", "--port", "1", "125"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("two numbers"), "{output:?}");
    }
}
