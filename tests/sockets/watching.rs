//! `netlab sockets --watch`, run as a program: many short connections, notices that are lost, how it ends.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, ChildStdout, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::alone::alone;
use crate::netlab;

struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn begin(options: &[&str]) -> Self {
        let mut command = netlab(&["--watch", "--json", "--ready", "--duration", "60s"]);
        let mut child = command.args(options).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "READY\n");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line of its output.
    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().expect("the watch goes on").unwrap()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that the client closes at once, the server when it sees that; the client's end.
fn short(listener: &TcpListener) -> String {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, peer) = listener.accept().unwrap();
    drop(client);
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    peer.to_string()
}

#[test]
fn tells_both_ends_of_each_of_thousands_of_short_connections() {
    alone("watching::tells_both_ends_of_each_of_thousands_of_short_connections", || {
        let listener = TcpListener::bind("127.0.0.1:8005").unwrap();
        let mut watch = Watch::begin(&["-t"]);
        // One after the other as fast as they go: more than a thousand a second.
        let made: BTreeSet<String> = (0..3000).map(|_| short(&listener)).collect();
        let (mut waits, mut gone) = (made.clone(), made);
        while !(waits.is_empty() && gone.is_empty()) {
            let change = watch.next();
            let text = |key: &str| change[key].as_str().unwrap_or_default();
            match text("event") {
                "lost" => panic!("{} and {} are not told", waits.len(), gone.len()),
                "brief" | "closed" => drop(gone.remove(text("remote"))),
                _ if text("state") == "TIME-WAIT" => drop(waits.remove(text("local"))),
                _ => {}
            }
        }
    });
}

#[test]
fn says_that_notices_were_lost_and_goes_on_with_what_is_there() {
    alone("watching::says_that_notices_were_lost_and_goes_on_with_what_is_there", || {
        let mut watch = Watch::begin(&[]);
        // More comes and goes while it cannot look than the kernel keeps for it, and than it would keep itself.
        watch.signal(Signal::SIGSTOP);
        for _ in 0..120_000 {
            UdpSocket::bind("127.0.0.1:0").unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:8006").unwrap();
        watch.signal(Signal::SIGCONT);
        let (mut lost, mut opened) = (false, false);
        while !(lost && opened) {
            let change = watch.next();
            lost |= change["event"] == "lost";
            opened |= change["event"] == "opened" && change["local"] == "127.0.0.1:8006";
        }
        drop(listener);
        while watch.next()["local"] != "127.0.0.1:8006" {}
    });
}

#[test]
fn ends_well_on_ctrl_c_and_when_nobody_reads() {
    let mut interrupted = Watch::begin(&[]);
    interrupted.signal(Signal::SIGINT);
    assert_eq!(interrupted.child.wait().unwrap().code(), Some(0));

    let mut watch = Watch::begin(&["--interval", "20ms"]);
    // Closes the reading end.
    watch.lines = {
        let mut other = netlab(&["--help"]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(other.stdout.take().unwrap()).lines();
        other.wait().unwrap();
        lines
    };
    let code = loop {
        // Something to tell.
        UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Some(status) = watch.child.try_wait().unwrap() {
            break status.code();
        }
        std::thread::yield_now();
    };
    assert_eq!(code, Some(0));
}
