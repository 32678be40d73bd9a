//! `netlab heartbeat`, run as a program: between hosts of private networks, and over captures.

#[path = "../support/network.rs"]
mod network;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use network::{Network, THERE, here_router_there};

const NETLAB: &str = env!("CARGO_BIN_EXE_netlab");

fn netlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(NETLAB);
    command.arg("heartbeat").args(arguments).env_remove("COLUMNS").env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(!text.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An end that runs, and what it says as JSON.
struct End {
    child: Child,
    output: BufReader<ChildStdout>,
    /// Where it waits for others.
    port: u16,
}

impl End {
    /// One that listens at a port of the system's choice.
    fn listening(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("waiting on UDP") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it does not listen");
        }
        let port = line.split(' ').find_map(|word| word.rsplit_once(':')?.1.parse().ok()).expect("its port");
        // What it says later must not block it.
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output, port }
    }

    fn speaking(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output, port: 0 }
    }

    /// The next object of this event.
    #[track_caller]
    fn next(&mut self, event: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "it has ended without {event}");
            let object: Value = serde_json::from_str(&line).unwrap();
            if object["event"] == event {
                return object;
            }
        }
    }

    /// Stops it as Ctrl-C does; the sums of its last end.
    #[track_caller]
    fn summary(&mut self) -> Value {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT);
        self.next("summary")
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listening(more: &[&str]) -> End {
    End::listening(netlab(&[&["--listen", "127.0.0.1:0", "--json", "--interval", "50ms"], more].concat()))
}

/// The two hosts, and an end that listens on the far one.
fn far(more: &[&str]) -> Option<(Network, End)> {
    let network = here_router_there().start()?;
    // A cable that has just been laid loses what is sent at first.
    let found = (0..20).any(|_| {
        network.netlab("here", &["ping", THERE, "-c", "1"]).output().is_ok_and(|output| output.status.success())
    });
    assert!(found, "{THERE} never answers");
    let arguments = [&["heartbeat", "--listen", "8005", "--json", "--interval", "50ms"], more].concat();
    let end = End::listening(network.netlab("there", &arguments));
    Some((network, end))
}

fn speaking(network: &Network, more: &[&str]) -> End {
    let to = format!("{THERE}:8005");
    let arguments = [&["heartbeat", &to, "--json", "--interval", "50ms"], more].concat();
    End::speaking(network.netlab("here", &arguments))
}

#[test]
fn a_private_network_has_an_end_that_listens() {
    let output = netlab(&["--private", "--json", "--interval", "50ms", "-c", "4"]).output().unwrap();
    if output.status.code() == Some(2) {
        return support::skip(&String::from_utf8_lossy(&output.stderr));
    }
    let found = objects(&output);
    let summary = found.last().unwrap();
    assert_eq!((output.status.code(), &summary["peer"]), (Some(0), &"10.0.5.2:8005".into()), "{found:#?}");
    assert_eq!(
        (&summary["heartbeats"], &summary["lost_there"], &summary["lost_back"]),
        (&4.into(), &0.into(), &0.into())
    );
}

#[test]
fn two_ends_see_each_other_and_one_that_is_killed_is_lost() {
    let mut there = listening(&[]);
    let to = format!("127.0.0.1:{}", there.port);
    let mut here = End::speaking(netlab(&[&to, "--json", "--interval", "50ms", "--timeout", "400ms", "--until-lost"]));
    assert_eq!(here.next("alive")["peer"], to.as_str());
    there.next("alive");
    // Both ways: each answers the other's.
    here.next("beat");
    let answered = there.next("answered");
    assert!(answered["rtt"].as_f64().unwrap() < 0.4, "{answered}");
    there.child.kill().unwrap();
    let late = here.next("late");
    let lost = here.next("lost");
    let silence = |object: &Value| object["silence"].as_f64().unwrap();
    assert!(silence(&late) >= 0.075 && silence(&lost) >= 0.4, "{late} {lost}");
    let summary = here.next("summary");
    assert_eq!((&summary["life"], &summary["lost"]), (&"lost".into(), &1.into()));
    assert_eq!(here.child.wait().unwrap().code(), Some(1));
}

#[test]
fn loss_is_counted_in_the_direction_in_which_it_happens() {
    for (port, lossy) in [("dport", "there"), ("sport", "back")] {
        let Some((network, mut there)) = far(&[]) else { return };
        let rule = format!(
            "nft add table ip t; nft add chain ip t c '{{ type filter hook forward priority 0; }}'; \
             nft add rule ip t c udp {port} 8005 numgen inc mod 10 9 counter drop"
        );
        if let Err(why) = network.try_sh("router", &rule) {
            return support::skip(&format!("no nft: {}", why.lines().next().unwrap_or_default()));
        }
        // 40 heartbeats and about as many answers: eight of them at least are dropped.
        let mut here = speaking(&network, &["-c", "40", "--timeout", "2s"]);
        let summary = here.next("summary");
        let said = network.said("router", "nft", &["list", "chain", "ip", "t", "c"]);
        let dropped: u64 = said.split("packets ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let lost = |way: &str| summary[format!("lost_{way}")].as_u64().unwrap();
        let other = if lossy == "there" { "back" } else { "there" };
        assert_eq!(lost(other), 0, "{lossy}: {summary}");
        // The last may be the one that is dropped.
        assert!(dropped >= 6 && (dropped - 1..=dropped).contains(&lost(lossy)), "{dropped} were dropped: {summary}");
        let theirs = there.summary();
        // There is back, seen from the other end.
        let lost = |way: &str| theirs[format!("lost_{way}")].as_u64().unwrap();
        assert_eq!(lost(lossy), 0, "{theirs}");
        assert!((dropped - 1..=dropped + 1).contains(&lost(other)), "{theirs}");
    }
}

/// Passes datagrams on between one end and another, as a NAT does: with a port of its own.
struct Nat {
    inside: UdpSocket,
    to: SocketAddr,
}

impl Nat {
    fn new(to: SocketAddr) -> Self {
        Self { inside: UdpSocket::bind("127.0.0.1:0").unwrap(), to }
    }

    /// Passes on by a new port, this many datagrams from the inside; the port.
    fn pass(&self, datagrams: usize) -> SocketAddr {
        let outside = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut buffer = [0; 2048];
        outside.set_read_timeout(Some(std::time::Duration::from_millis(10))).unwrap();
        for _ in 0..datagrams {
            let (length, from) = self.inside.recv_from(&mut buffer).unwrap();
            outside.send_to(&buffer[..length], self.to).unwrap();
            while let Ok((length, _)) = outside.recv_from(&mut buffer) {
                self.inside.send_to(&buffer[..length], from).unwrap();
            }
        }
        outside.local_addr().unwrap()
    }
}

#[test]
fn a_nat_that_forgets_and_gives_another_port_is_seen() {
    let mut there = listening(&["--timeout", "3s"]);
    let nat = Nat::new(SocketAddr::from(([127, 0, 0, 1], there.port)));
    let to = nat.inside.local_addr().unwrap().to_string();
    let here = End::speaking(netlab(&[&to, "--json", "--interval", "50ms"]));
    let before = nat.pass(10);
    let after = nat.pass(20);
    let moved = there.next("moved");
    assert_eq!((&moved["from"], &moved["peer"]), (&before.to_string().into(), &after.to_string().into()));
    let summary = there.summary();
    assert_eq!((&summary["moved"], &summary["restarted"]), (&1.into(), &0.into()), "{summary}");
    drop(here);
}

#[test]
fn an_end_that_is_started_anew_is_another_one_and_the_old_one_is_lost() {
    let mut there = listening(&["--timeout", "300ms"]);
    let to = format!("127.0.0.1:{}", there.port);
    let arguments = [to.as_str(), "--json", "--interval", "50ms", "-c", "3"];
    let first = netlab(&arguments).output().unwrap();
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let before = there.next("alive")["peer"].clone();
    let second = netlab(&arguments).output().unwrap();
    assert_eq!(second.status.code(), Some(0), "{second:?}");
    assert_ne!(there.next("alive")["peer"], before, "another port");
    assert_eq!(there.next("lost")["peer"], before);
}

#[test]
fn garbage_is_not_answered_and_counted() {
    let end = listening(&[]);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = ("127.0.0.1", end.port);
    for bytes in [&b""[..], b"heartbeat 1\n", b"\xff\x00\x1b[2J", &[b' '; 224], &[7; 1400]] {
        stranger.send_to(bytes, to).unwrap();
    }
    // An end that is welcome, behind them in the queue.
    let output = netlab(&[&format!("127.0.0.1:{}", end.port), "-c", "2", "--interval", "20ms"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv(&mut [0; 10]).is_err(), "nobody answers it");
    let mut end = end;
    let summary = end.summary();
    assert_eq!(summary["lost_back"], 0, "{summary}");
}

#[test]
fn the_exercise_is_spoken_to_by_its_own_words() {
    let mut server = Command::new(NETLAB)
        .args(["serve", "heartbeat", "--port", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(server.stderr.take().unwrap()).read_line(&mut said).unwrap();
    let address =
        said.split(' ').find_map(|word| word.trim_end_matches(';').parse::<SocketAddr>().ok()).expect("where");
    let output =
        netlab(&[&format!("127.0.0.1:{}", address.port()), "--json", "-c", "3", "--interval", "50ms"]).output();
    server.kill().unwrap();
    server.wait().unwrap();
    let output = output.unwrap();
    let summary = objects(&output).pop().unwrap();
    assert_eq!((output.status.code(), &summary["answered"]), (Some(0), &3.into()), "{summary}");
    assert!(summary.get("lost_there").is_none(), "what it heard nobody says: {summary}");
}

#[test]
fn nobody_there_is_exit_code_1_and_wrong_words_2() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = closed.local_addr().unwrap().to_string();
    let output = netlab(&[&to, "-c", "2", "--interval", "20ms", "--timeout", "50ms"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("nothing heard"), "{output:?}");
    for wrong in [
        &["no-such-file.pcap"][..],
        &["224.0.0.1:9"],
        &["127.0.0.1:9", "--interval", "1ms"],
        &["127.0.0.1:9", "--binding", "30s"],
        &["captures/udp.pcap", "--listen", "9"],
        &["captures/udp.pcap", "--count", "9"],
        &[],
    ] {
        let output = netlab(wrong).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {output:?}");
    }
}

/// A capture of netlab's two ends, over a router that drops each tenth datagram to the one that listens.
const LOSS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/heartbeat-loss.pcapng");

#[test]
fn a_capture_shows_its_beats_as_json_and_fits_every_width() {
    let output = netlab(&[LOSS, "--json", "--timeout", "300ms", "--binding", "1s"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for beat in objects(&output) {
        assert_eq!(beat["timeouts"].as_array().map(Vec::len), Some(1), "{beat}");
        assert_eq!(beat["bindings"][0]["lost"], 0, "{beat}");
        let came = beat["time_line"].as_str().unwrap().matches('#').count() as u64;
        assert_eq!(Some(came), beat["beats"].as_u64(), "{beat}");
    }
    for columns in ["80", "120"] {
        for more in [&[][..], &["--ascii"]] {
            let arguments = [&[LOSS, "--timeout", "300ms"], more].concat();
            let output = netlab(&arguments).env("COLUMNS", columns).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let wide = text.lines().find(|line| line.chars().count() > columns.parse().unwrap());
            assert_eq!(wide, None, "{columns} columns");
            assert!(more.is_empty() || text.is_ascii(), "{text}");
        }
    }
}

#[test]
fn what_comes_at_no_beat_is_exit_code_1_and_filters_choose() {
    let udp = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/udp.pcap");
    assert_eq!(netlab(&[udp]).output().unwrap().status.code(), Some(1));
    let all = objects(&netlab(&[LOSS, "--json"]).output().unwrap()).len();
    let some = objects(&netlab(&[LOSS, "--json", "-Y", "udp.dstport == 8005"]).output().unwrap()).len();
    assert!(all > 0 && some <= all, "{all} {some}");
    assert_eq!(netlab(&[LOSS, "--port", "9"]).output().unwrap().status.code(), Some(1));
}
