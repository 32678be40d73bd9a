//! Conversations of `captures/`, played to the course's programs and by them.

use std::io::BufReader;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::network::{NETLAB, wait_for};

fn netlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(NETLAB);
    command.args(arguments).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    command.env("NETLAB_LANG", "en").env_remove("COLUMNS");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> String {
    format!("{}--- {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A program that waits for others; it ends with the test.
struct Waiting {
    child: Child,
    /// It goes on being read, so that it can go on speaking.
    _talk: BufReader<std::process::ChildStderr>,
    port: String,
}

impl Waiting {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut talk = BufReader::new(child.stderr.take().unwrap());
        let said = wait_for("127.0.0.1:", &mut talk);
        let port = said.rsplit("127.0.0.1:").next().unwrap();
        let port = port.chars().take_while(char::is_ascii_digit).collect();
        Self { child, _talk: talk, port }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(exercise: &str) -> Waiting {
    Waiting::start(netlab(&["serve", exercise, "--port", "0"]))
}

#[track_caller]
fn plays(capture: &str, to: &str, more: &[&str]) -> (i32, String) {
    let file = format!("captures/{capture}");
    let output = netlab(&[&["replay", &file, "--to", to], more].concat()).output().unwrap();
    (output.status.code().unwrap_or(-1), text(&output))
}

#[test]
fn the_courses_servers_answer_as_they_did_when_they_were_captured() {
    for exercise in ["ack", "echo", "echo16", "upper", "calc", "length", "delimiter", "sum", "echo-many", "upper-udp"] {
        let server = serve(exercise);
        let (code, said) = plays(&format!("{exercise}.pcapng"), &server.address(), &[]);
        assert!(code == 0 && said.contains("as in the capture"), "{exercise}: {code} {said}");
    }
}

#[test]
fn another_answer_is_told_at_its_place_and_may_be_ignored() {
    // The capture's client came from 127.0.0.2, and the server says so.
    let server = serve("hello");
    let (code, said) = plays("hello.pcapng", &server.address(), &["-v"]);
    assert_eq!(code, 1, "{said}");
    let expected =
        ["byte 14 of the server on (packet 4)", "\"Hello 127.0.0.2\"", "\"Hello 127.0.0.1\"", "48 65 6c 6c 6f"];
    for sign in expected {
        assert!(said.contains(sign), "{sign:?} is not in {said}");
    }
    let (code, said) = plays("hello.pcapng", &server.address(), &["--ignore", r"127\.0\.0\.\d+"]);
    assert_eq!(code, 0, "{said}");
    // A server that says what it hears in capitals.
    let (code, said) = plays("echo.pcapng", &serve("upper").address(), &[]);
    assert!(code == 1 && said.contains("expected") && said.contains("got"), "{said}");
}

#[test]
fn nobody_there_is_an_error_and_not_an_answer() {
    // A port that was free a moment ago, and is bound so that nobody else takes it.
    let held = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (code, said) = plays("echo.pcapng", &address, &[]);
    assert!(code == 2 && said.contains("cannot connect"), "{said}");
    drop(held);
    let (code, said) = plays("middle.pcap", "127.0.0.1:9", &[]);
    assert!(code == 2 && said.contains("before the capture began"), "{said}");
    let (code, said) = plays("snaplen.pcap", "127.0.0.1:9", &[]);
    assert!(code == 2 && said.contains("missing"), "{said}");
    let (code, said) = plays("echo.pcapng", "127.0.0.1:9", &["--stream", "77"]);
    assert!(code == 2 && said.contains("there is no conversation 77"), "{said}");
}

#[test]
fn the_courses_clients_are_served_from_a_capture() {
    let server = Waiting::start(netlab(&["replay", "captures/hello.pcapng", "--as-server", "0"]));
    let client = netlab(&["client", "hello", "--port", &server.port]).output().unwrap();
    assert!(client.status.success(), "{}", text(&client));
    let mut server = server;
    assert!(server.child.wait().unwrap().success(), "the client said what it had said");
}
