//! `netlab sockets`, run as a program: against sockets of this test's own, and beside ss(8).

mod alone;
mod beside;
mod crowd;
#[path = "../support/network.rs"]
mod network;
mod places;
#[path = "../support/mod.rs"]
mod support;
mod watching;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};

use serde_json::Value;

fn netlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netlab"));
    command.arg("sockets").args(arguments);
    command
}

/// The objects of `--json` for one port.
fn objects(port: u16, more: &[&str]) -> Vec<Value> {
    let port = port.to_string();
    let output = netlab(&["--json", "--port", &port]).args(more).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A listener with one connection accepted of two, and the ends that keep them open.
fn listener() -> (u16, TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut ends: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    ends.push(listener.accept().unwrap().0);
    (port, listener, ends)
}

#[test]
fn a_listener_tells_its_backlog_and_its_program() {
    let (port, _listener, _ends) = listener();
    let shown = objects(port, &["--listening"]);
    let [shown] = shown.as_slice() else { panic!("{shown:?}") };
    assert_eq!(shown["state"], "LISTEN");
    assert_eq!(shown["local"], format!("127.0.0.1:{port}"));
    assert_eq!((&shown["backlog"], &shown["backlog_max"]), (&1.into(), &128.into()));
    assert_eq!(shown["pid"], std::process::id());
    let plain = netlab(&["--port", &port.to_string(), "--state", "listen"]).output().unwrap();
    let line = String::from_utf8(plain.stdout).unwrap();
    assert!(line.contains(&format!("1 of 128  127.0.0.1:{port}  0.0.0.0:*")), "{line}");
    assert_eq!(line.lines().count(), 1, "no header where a program reads: {line}");
}

#[test]
fn the_options_narrow_the_list_and_nothing_found_is_no() {
    let (port, _listener, ends) = listener();
    let us = std::process::id().to_string();
    assert_eq!(objects(port, &["--state", "ESTABLISHED", "--pid", &us]).len(), 3, "the unaccepted end has no program");
    assert_eq!(objects(port, &["--state", "established"]).len(), 4);
    assert_eq!(objects(port, &["--pid", "1"]).len(), 0);
    assert_eq!(objects(port, &["--process", "no-such-program"]).len(), 0);
    assert_eq!(objects(port, &["--udp"]).len(), 0);
    let none = netlab(&["--port", &port.to_string(), "--udp"]).output().unwrap();
    assert_eq!(none.status.code(), Some(1));
    let wrong = netlab(&["--state", "asleep"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    drop(ends);
}

#[test]
fn details_are_those_of_the_connection() {
    let (port, _listener, mut ends) = listener();
    ends[0].write_all(b"twelve bytes").unwrap();
    ends[2].read_exact(&mut [0; 12]).unwrap();
    let local = ends[0].local_addr().unwrap().to_string();
    let shown = objects(port, &["--verbose"]);
    let ours = shown.iter().find(|socket| socket["local"] == local.as_str()).unwrap();
    // The acknowledgment may still be under way, the bytes are sent.
    assert_eq!(ours["bytes_sent"], 12);
    assert!(ours["rtt"].as_f64().unwrap() > 0.0 && ours["cwnd"].as_u64().unwrap() > 0, "{ours}");
    assert!(ours["receive_buffer"].as_u64().unwrap() > 0, "{ours}");
}

#[test]
fn the_rows_are_those_of_ss() {
    let (port, _listener, ends) = listener();
    let udp = UdpSocket::bind("[::1]:0").unwrap();
    let unread = UdpSocket::bind("[::1]:0").unwrap();
    udp.connect(unread.local_addr().unwrap()).unwrap();
    udp.send(b"unread").unwrap();
    for port in [port, unread.local_addr().unwrap().port()] {
        let filter = format!("( sport = :{port} or dport = :{port} )");
        let Ok(output) = Command::new("ss").args(["-H", "-tuanpeO", &filter]).output() else {
            return support::skip("ss is not installed");
        };
        let word = |state: &str| match state {
            "ESTAB" => "ESTABLISHED".to_owned(),
            "UNCONN" => "UNCONNECTED".to_owned(),
            other => other.to_owned(),
        };
        let text = String::from_utf8(output.stdout).unwrap();
        let mut theirs: Vec<[String; 7]> = text
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let inode = words.iter().find_map(|word| word.strip_prefix("ino:")).unwrap();
                [words[0], &word(words[1]), words[2], words[3], words[4], words[5], inode].map(str::to_owned)
            })
            .collect();
        let mut ours: Vec<[String; 7]> = objects(port, &[])
            .iter()
            .map(|socket| {
                let text = |key: &str| match &socket[key] {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                ["protocol", "state", "recv_q", "send_q", "local", "remote", "inode"].map(text)
            })
            .collect();
        theirs.sort();
        ours.sort();
        assert_eq!(ours, theirs);
        assert!(!ours.is_empty());
    }
    drop(ends);
}

#[test]
fn the_name_of_a_program_cannot_act_on_the_terminal() {
    // Nothing but the kernel's name of this thread group changes.
    let named = std::fs::write(format!("/proc/{}/comm", std::process::id()), "evil\x1b[2J\u{9b}");
    if let Err(error) = named {
        return support::skip(&format!("the name of this process cannot be changed: {error}"));
    }
    let (port, _listener, _ends) = listener();
    for more in [&["--verbose"][..], &["--json"], &["--color", "always"]] {
        let output = netlab(&["--listening", "--port", &port.to_string()]).args(more).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("evil"), "{text}");
        assert!(!text.contains("\x1b[2J") && !text.contains('\u{9b}'), "{text:?}");
    }
}

#[test]
fn a_watch_tells_of_a_connection_that_lived_shorter_than_a_look() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let watch = ["--watch", "--json", "--ready", "--interval", "300ms", "--duration", "30s", "--port"];
    let mut child = netlab(&watch).arg(port.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut ready).unwrap();
    assert_eq!(ready, "READY\n");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Where the machine opens and closes more than the kernel can tell of, the watch says so: then once more.
    let told = std::iter::repeat_with(|| brief_connection(&listener, &mut lines)).find_map(|told| told).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(told, 2, "each end is told once");
}

/// Opens and closes a connection, the client first; counts how often its ends are told: the server's to be gone, the
/// client's in TIME-WAIT. `None` where the watch says that it lost some.
fn brief_connection(
    listener: &TcpListener,
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
) -> Option<usize> {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let (near, far) = (client.local_addr().unwrap().to_string(), listener.local_addr().unwrap().to_string());
    drop(client);
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    drop(server);
    let (mut gone, mut waits) = (0, 0);
    for line in lines {
        let change: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |key: &str| change[key].as_str().unwrap_or_default();
        match text("event") {
            "lost" => return None,
            "brief" | "closed" if text("local") == far && text("remote") == near => gone += 1,
            _ if text("local") == near && text("state") == "TIME-WAIT" => waits += 1,
            _ => {}
        }
        if gone > 0 && waits > 0 {
            break;
        }
    }
    Some(gone + waits)
}
