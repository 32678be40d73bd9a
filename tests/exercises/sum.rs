//! The `sum` exercise against the other side as students write it, with its flaw and without.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use crate::programs::*;
use crate::terminal::Terminal;

/// What the course's client does, told when to send the next number.
const CLIENT: &str = "import socket, sys\n\
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
    client.connect((sys.argv[1], int(sys.argv[2])))\n\
    while True:\n\
    \x20   number = input()\n\
    \x20   if number == '':\n\
    \x20       break\n\
    \x20   client.send(number.encode())\n\
    client.send('#'.encode())\n\
    print(client.recv(1024).decode())\n\
    client.close()\n";

/// The course's server: one receive, one number.
const SERVER: &str = "import socket\n\
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
    server.bind(('127.0.0.1', 0))\n\
    server.listen(1)\n\
    print(server.getsockname()[1], flush=True)\n\
    client, address = server.accept()\n\
    total = 0\n\
    while True:\n\
    \x20   data = client.recv(1024).decode()\n\
    \x20   print(data, flush=True)\n\
    \x20   if data == '#':\n\
    \x20       break\n\
    \x20   total += int(data)\n\
    client.send(str(total).encode())\n\
    client.close()\n";

fn sum_of(pieces: &[&[u8]], options: &[&str]) -> String {
    let mut server = Server::start("sum", &[&["--once", "--pieces"], options].concat());
    let mut client = server.connect();
    for piece in pieces {
        client.write_all(piece).expect("sent");
        assert_eq!(server.lines(1), format!("received b'{}'\n", text(piece).replace('\n', "\\n")));
    }
    let mut sum = String::new();
    client.read_to_string(&mut sum).expect("the sum, and a close");
    drop(client);
    assert_eq!(server.finish().0, Some(0));
    sum
}

#[test]
fn numbers_that_are_received_one_by_one_are_summed() {
    assert_eq!(sum_of(&[b"2", b"4", b"#"], &[]), "6");
    assert_eq!(sum_of(&[b"99999999999999999999", b"-1", b"1#"], &[]), "99999999999999999999");
    assert_eq!(sum_of(&[b"#"], &[]), "0");
}

#[test]
fn the_flaw_is_real_two_sends_in_one_piece_make_a_wrong_sum() {
    assert_eq!(sum_of(&[b"24", b"#"], &[]), "24");
    // Two sends, in two segments, which wait in the kernel together while the server is busy.
    let server = Server::start("sum", &["--once", "--busy", "500ms"]);
    let mut client = server.connect();
    client.set_nodelay(true).expect("segments of their own");
    for piece in [b"2", b"4", b"#"] {
        client.write_all(piece).expect("sent");
    }
    assert_eq!(receive(&mut client), b"24");
}

#[test]
fn with_newlines_it_cannot_go_wrong() {
    for pieces in [&[&b"2\n4\n#"[..]][..], &[b"2\n", b"4\n", b"#"], &[b"2", b"\n4", b"\n#"], &[b"2\n4", b"#"]] {
        assert_eq!(sum_of(pieces, &["--fixed"]), "6", "{pieces:?}");
    }
    let server = Server::start("sum", &["--once", "--fixed"]);
    let mut client = server.connect();
    client.write_all(b"1").expect("sent");
    // The second half of a number comes so late that another exercise would take the first half for a message.
    client.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    assert!(client.read(&mut [0]).is_err(), "an answer before the end");
    client.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    client.write_all(b"2\n4\n#").expect("sent");
    assert_eq!(receive(&mut client), b"16");
}

#[test]
fn the_client_that_a_student_wrote_in_python_is_right_when_typed_and_wrong_when_piped_to_a_busy_server() {
    if !has_python() {
        return;
    }
    let python = |server: &Server| {
        let address = server.address;
        std::process::Command::new("python3")
            .args(["-c", CLIENT, &address.ip().to_string(), &address.port().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3")
    };
    let mut server = Server::start("sum", &["--once", "--pieces"]);
    let mut client = python(&server);
    let mut typed = client.stdin.take().expect("its input");
    for number in ["2", "4"] {
        typed.write_all(format!("{number}\n").as_bytes()).expect("typed");
        assert_eq!(server.lines(1), format!("received b'{number}'\n"));
    }
    typed.write_all(b"\n").expect("typed");
    assert_eq!(text(&client.wait_with_output().expect("its end").stdout), "6\n");

    let server = Server::start("sum", &["--once", "--busy", "1s"]);
    let mut client = python(&server);
    client.stdin.take().expect("its input").write_all(b"2\n4\n\n").expect("typed");
    assert_eq!(text(&client.wait_with_output().expect("its end").stdout), "24\n");
}

#[test]
fn the_client_talks_with_the_server_that_a_student_wrote_in_python() {
    if !has_python() {
        return;
    }
    let mut student = Student::start(SERVER);
    let mut client = netlab(&["client", "sum", "--port", &student.port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("netlab client");
    let mut typed = client.stdin.take().expect("its input");
    for number in ["2", "4"] {
        typed.write_all(format!("{number}\n").as_bytes()).expect("typed");
        assert_eq!(student.line(), format!("{number}\n"));
    }
    typed.write_all(b"\n").expect("typed");
    let output = client.wait_with_output().expect("its end");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "6\n"));
    assert_eq!(student.finish(), "#\n");
}

#[test]
fn the_client_sends_bare_digits_or_lines_and_tells_a_wrong_sum() {
    fn heard(client: &mut TcpStream) -> String {
        let mut heard = String::new();
        while !heard.ends_with('#') {
            heard += &text(&receive(client));
        }
        heard
    }
    for (options, wire) in [(&["2", "-40"][..], "2-40#"), (&["--fixed", "2", "-40"], "2\n-40\n#")] {
        let (output, server) = client_against(
            "sum",
            move |mut client| {
                assert_eq!(heard(&mut client), wire);
                client.write_all(b"-3").expect("sent");
                client.write_all(b"8").expect("sent in two pieces");
            },
            options,
            b"",
        );
        server.join().expect("the server's part");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "-38\n"), "{output:?}");
        assert_eq!(text(&output.stderr), "");
    }
    let wrong = |mut client: TcpStream| {
        heard(&mut client);
        client.write_all(b"24").expect("sent");
    };
    let (output, _) = client_against("sum", wrong, &["2", "4"], b"");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "24\n"));
    assert!(text(&output.stderr).contains("makes 6: two sends"), "{output:?}");
}

#[test]
fn what_is_no_whole_number_is_told_on_both_sides() {
    let output = netlab(&["client", "sum", "--port", "1", "2", "4.5"]).output().expect("netlab");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("\"4.5\" is not a whole number"), "{output:?}");

    let server = Server::start("sum", &["--once"]);
    let mut client = server.connect();
    client.write_all(b"two").expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer, and a close");
    assert_eq!(answer, "error: b'two' is not a whole number");
    drop(client);
    let (code, _, talk) = server.finish();
    assert_eq!(code, Some(1));
    assert!(talk.contains("sent b'two', which is not a whole number"), "{talk}");
}

#[test]
fn asks_at_a_terminal_until_an_empty_line() {
    if !has_python() {
        return;
    }
    let mut server = Server::start("sum", &["--once", "--pieces"]);
    let mut terminal = Terminal::start("sum", server.address);
    assert_eq!(terminal.until(": "), "Enter number: ");
    terminal.type_in("2\n");
    assert_eq!(terminal.until(": "), "2\nEnter number: ");
    server.lines(1);
    terminal.type_in("4\n");
    terminal.until(": ");
    server.lines(1);
    terminal.type_in("\n");
    assert_eq!(terminal.finish(), (0, "\n6\n".to_owned()));
}
