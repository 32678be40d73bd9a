//! `netlab ping`, run as a program: in a private network, and between two hosts with a router in between.

#[path = "../support/network.rs"]
mod network;
mod route;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use network::{NETLAB, Network, THERE};

/// `netlab ping` on this machine.
fn ping(arguments: &[&str]) -> Output {
    Command::new(NETLAB).arg("ping").args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// `netlab ping --json` on a host of the lab: its objects, and its exit code.
#[track_caller]
fn on(lab: &Network, host: &str, arguments: &[&str]) -> (Vec<Value>, i32) {
    let output = lab.on(host, NETLAB, &[&["ping", "--json"], arguments].concat()).output().unwrap();
    (objects(&output), output.status.code().unwrap())
}

#[track_caller]
fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!text.is_empty(), "{said}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Those of one event.
fn of<'a>(objects: &'a [Value], event: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["event"] == event).collect()
}

/// The two hosts, once they have found each other; their routers tell of every error.
fn lab() -> Option<Network> {
    let lab = network::here_router_there().start()?;
    for host in ["router", "there"] {
        let told = "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit";
        if let Err(why) = lab.try_sh(host, told) {
            support::skip(&format!("routers here hold errors back: {}", why.lines().next().unwrap_or_default()));
            return None;
        }
    }
    for target in [THERE, "fd00:2::2"] {
        // A cable that has just been laid loses what is sent at first.
        let found = (0..20).any(|_| on(&lab, "here", &[target, "-c", "1", "--wait", "1s"]).1 == 0);
        assert!(found, "{target} never answers");
    }
    Some(lab)
}

/// Quick: three probes, and not long to wait for those that are lost.
const QUICK: [&str; 6] = ["-c", "3", "--interval", "20ms", "--wait", "500ms"];

#[test]
fn a_private_network_has_a_peer_that_answers_each_way() {
    for more in [&[][..], &["-6"], &["--tcp", "80"], &["-6", "--tcp", "80"], &["--udp", "9"], &["-6", "--udp", "9"]] {
        let output = ping(&[&["--private", "--json"], &QUICK[..], more].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(2) {
            return support::skip(&said);
        }
        let found = objects(&output);
        let answers = of(&found, "answer");
        assert_eq!((answers.len(), output.status.code()), (3, Some(0)), "{more:?}: {found:#?}{said}");
        let peer = if more.contains(&"-6") { "fd00:5::2" } else { "10.0.5.2" };
        assert!(answers.iter().all(|answer| answer["from"] == peer), "{found:#?}");
        let what = if more.contains(&"--tcp") {
            "RST,ACK"
        } else if more.contains(&"--udp") {
            "port unreachable"
        } else {
            "echo reply"
        };
        assert!(answers.iter().all(|answer| answer["what"] == what), "{found:#?}");
        let summary = found.last().unwrap();
        assert_eq!((&summary["transmitted"], &summary["received"]), (&3.into(), &3.into()));
    }
}

#[test]
fn what_answers_behind_a_router_is_a_hop_away() {
    let Some(lab) = lab() else { return };
    for target in [THERE, "fd00:2::2"] {
        let (found, code) = on(&lab, "here", &[&[target], &QUICK[..]].concat());
        let answers = of(&found, "answer");
        assert_eq!((answers.len(), code), (3, 0), "{found:#?}");
        assert!(answers.iter().all(|answer| answer["ttl"] == 63 && answer["hops_guessed"] == 1), "{found:#?}");
        assert!(answers.iter().all(|answer| answer["same"] == true && answer["length"] == 56), "{found:#?}");
        // The largest that is cut into pieces and put together again on both ways.
        let (found, code) = on(&lab, "here", &[&[target, "--size", "8000"], &QUICK[..]].concat());
        assert_eq!((of(&found, "answer").len(), code), (3, 0), "{found:#?}");
    }
}

#[test]
fn a_router_says_where_the_time_to_live_ended() {
    let Some(lab) = lab() else { return };
    for (target, router, words) in [
        (THERE, "10.0.1.254", "time to live exceeded in transit"),
        ("fd00:2::2", "fd00:1::254", "hop limit exceeded in transit"),
    ] {
        for way in [&[][..], &["--tcp", "80"], &["--udp", "9"]] {
            let (found, code) = on(&lab, "here", &[&[target, "--ttl", "1"], &QUICK[..], way].concat());
            let errors = of(&found, "error");
            assert_eq!((errors.len(), code), (3, 1), "{way:?} {found:#?}");
            assert!(errors.iter().all(|error| error["from"] == router && error["what"] == words), "{found:#?}");
            assert_eq!(found.last().unwrap()["errors"], 3);
        }
    }
}

#[test]
fn routes_that_lead_nowhere_are_told_apart() {
    let Some(lab) = lab() else { return };
    for kind in ["blackhole", "unreachable", "prohibit"] {
        lab.sh("router", &format!("ip route replace {kind} 10.7.7.7"));
        let (found, code) = on(&lab, "here", &[&["10.7.7.7"], &QUICK[..]].concat());
        assert_eq!((of(&found, "answer").len(), code), (0, 1), "{found:#?}");
        let (silence, errors) = (of(&found, "silence"), of(&found, "error"));
        match kind {
            "blackhole" => assert_eq!((silence.len(), errors.len()), (3, 0), "{found:#?}"),
            _ => {
                // Routers tell no more than so many a second (RFC 1812 §4.3.2.8): the first at least.
                let words = if kind == "prohibit" { "administratively prohibited" } else { "host unreachable" };
                assert!(!errors.is_empty() && errors.iter().all(|error| error["what"] == words), "{found:#?}");
                assert!(errors.iter().all(|error| error["from"] == "10.0.1.254"), "{found:#?}");
            }
        }
    }
    // No route from here: nothing is sent at all.
    lab.sh("here", "ip route del default");
    let output = lab.on("here", NETLAB, &["ping", "10.7.7.7"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("Network is unreachable"), "{output:?}");
}

#[test]
fn open_and_closed_ports_both_answer() {
    let Some(mut lab) = lab() else { return };
    lab.serve("there", "0.0.0.0", 8000);
    for (port, what) in [("8000", "SYN,ACK"), ("8001", "RST,ACK")] {
        let (found, code) = on(&lab, "here", &[&[THERE, "--tcp", port], &QUICK[..]].concat());
        let answers = of(&found, "answer");
        assert_eq!((answers.len(), code), (3, 0), "{found:#?}");
        assert!(answers.iter().all(|answer| answer["what"] == what && answer["from"] == THERE), "{found:#?}");
    }
    lab.python(
        "there",
        "import socket as s\nd = s.socket(s.AF_INET, s.SOCK_DGRAM); d.bind(('0.0.0.0', 8000)); print('ready')\n\
         while 1:\n b, a = d.recvfrom(2000); d.sendto(b'1', a); d.sendto(b'22', a)",
    );
    let (found, code) = on(&lab, "here", &[&[THERE, "--udp", "8000"], &QUICK[..]].concat());
    let summary = found.last().unwrap();
    assert_eq!((code, &summary["received"]), (0, &3.into()), "{found:#?}");
    let answers = of(&found, "answer");
    assert!(answers.iter().any(|answer| answer["duplicate"] == true && answer["length"] == 2), "{found:#?}");
    assert!(answers.iter().all(|answer| answer["ttl"] == 63), "{found:#?}");
}

#[test]
fn a_ping_socket_does_as_well_as_a_raw_one() {
    let Some(lab) = lab() else { return };
    let without = |arguments: &[&str]| {
        let drop = ["--bounding-set=-net_raw", "--inh-caps=-all", NETLAB, "ping"];
        lab.on("here", "setpriv", &[&drop[..], arguments].concat()).output().unwrap()
    };
    // Neither: what to type is said, and what works all the same.
    let output = without(&[THERE]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("sudo sysctl -w net.ipv4.ping_group_range=") && said.contains("sudo setcap"), "{said}");
    let output = without(&[&["--json", THERE, "--udp", "9"], &QUICK[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let allow = "echo 0 0 > /proc/sys/net/ipv4/ping_group_range";
    if let Err(why) = lab.try_sh("here", allow) {
        return support::skip(&format!("no ping sockets: {why}"));
    }
    for target in [THERE, "fd00:2::2"] {
        let output = without(&[&["--json", target], &QUICK[..]].concat());
        let found = objects(&output);
        assert_eq!((of(&found, "answer").len(), output.status.code()), (3, Some(0)), "{found:#?}");
        let output = without(&[&["--json", target, "--ttl", "1"], &QUICK[..]].concat());
        let found = objects(&output);
        assert_eq!((of(&found, "error").len(), output.status.code()), (3, Some(1)), "{found:#?}");
        let hops = objects(&without(&["--json", target, "--route"]));
        assert_eq!((of(&hops, "hop").len(), &hops.last().unwrap()["reached"]), (2, &Value::Bool(true)), "{hops:#?}");
    }
}

#[test]
fn forged_answers_are_nobodys() {
    let Some(mut lab) = lab() else { return };
    // Echo replies of other programs, cut ones, and errors with cut or foreign quotes, as fast as they go.
    lab.python(
        "there",
        "import socket as s, threading, os\nd = s.socket(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP)\n\
         def sum(b):\n b += b'\\0' * (len(b) % 2); n = __builtins__.sum(b[0::2]) * 256 + __builtins__.sum(b[1::2])\n \
         n = (n & 65535) + (n >> 16); n = (n & 65535) + (n >> 16); return (~n) & 65535\n\
         def fix(b):\n return b[:2] + sum(b[:2] + b'\\0\\0' + b[4:]).to_bytes(2, 'big') + b[4:]\n\
         quote = bytes([69, 0, 0, 84, 0, 0, 64, 0, 64, 1, 0, 0, 10, 0, 1, 1, 10, 0, 2, 2])\n\
         bad = [b'\\0\\0\\0\\0', b'\\0\\0\\0\\0\\xff\\xff\\0\\1' + os.urandom(56), b'\\0' * 7, b'\\0\\7\\0\\0' + b'\\0' * 9,\n  \
         b'\\3\\1\\0\\0\\0\\0\\0\\0' + quote, b'\\3\\1\\0\\0\\0\\0\\0\\0' + quote + b'\\x08\\0\\0',\n  \
         b'\\x0b\\0\\0\\0\\0\\0\\0\\0' + quote + b'\\x08\\0\\0\\0\\xff\\xff\\0\\1', b'\\3\\4\\0\\0\\0\\0\\0\\0']\n\
         def run():\n while 1:\n  for b in bad: d.sendto(fix(b), ('10.0.1.1', 0))\n\
         threading.Thread(target=run, daemon=True).start(); print('ready'); threading.Event().wait()",
    );
    let (found, code) = on(&lab, "here", &[THERE, "-c", "10", "--interval", "50ms"]);
    let summary = found.last().unwrap();
    assert_eq!((code, &summary["errors"], &summary["duplicates"]), (0, &0.into(), &0.into()), "{found:#?}");
    let answers = of(&found, "answer");
    assert!(!answers.is_empty() && answers.iter().all(|answer| answer["same"] == true), "{found:#?}");
}

#[test]
fn duplicates_are_counted() {
    // Two hosts have the same addresses, and a switch that remembers nobody sends to both what is for them.
    let mut plan = network::hosts(&["here", "switch", "there", "twin"]);
    for (host, port) in [("here", "p1"), ("there", "p2"), ("twin", "p3")] {
        plan = plan.cable([host, "eth0"], ["switch", port]);
    }
    for host in ["there", "twin"] {
        plan = plan.sh(host, "ip link set eth0 address 02:00:00:00:00:09").up(host, "eth0", &["10.0.0.9/24"]);
    }
    let plan = plan.up("here", "eth0", &["10.0.0.1/24"]);
    let Some(lab) = plan.bridge("switch", "br0", "ageing_time 0", &["p1", "p2", "p3"]).start() else { return };
    let twice = |found: &[Value]| of(found, "answer").len() > of(found, "sent").len();
    let found = (0..20).any(|_| twice(&on(&lab, "here", &["10.0.0.9", "-c", "2", "--wait", "1s"]).0));
    assert!(found, "the two never answer both");
    let (found, code) = on(&lab, "here", &[&["10.0.0.9"], &QUICK[..]].concat());
    let summary = found.last().unwrap();
    assert_eq!((code, &summary["received"]), (0, &3.into()), "{found:#?}");
    // That of the last one may come when all is over.
    assert!(summary["duplicates"].as_u64().unwrap() >= 2, "{found:#?}");
}

#[test]
fn ctrl_c_ends_it_with_the_figures() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = port.local_addr().unwrap().port().to_string();
    let mut child = Command::new(NETLAB)
        .args(["ping", "127.0.0.1", "--interval", "10ms", "--tcp", &number])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let (mut line, mut text) = (String::new(), String::new());
    while !line.contains("SYN,ACK") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "it ended by itself");
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    out.read_to_string(&mut text).unwrap();
    assert!(text.contains("--- 127.0.0.1 ping statistics ---") && text.contains("rtt min/avg/max/mdev = "), "{text}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn nobody_there_is_exit_code_1_and_a_wrong_word_2() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port().to_string();
    // It is taken, and nobody answers.
    let output = ping(&["127.0.0.1", "--udp", &port, "-c", "1", "--wait", "50ms"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("no answer within 50 ms"), "{output:?}");
    for wrong in [&["no such name"][..], &["127.0.0.1", "--interval", "1ms"], &["224.0.0.1"], &["::1", "-4"], &[]] {
        assert_eq!(ping(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn figures_are_those_of_iputils() {
    let version = Command::new("ping").arg("-V").output();
    if !version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("iputils")) {
        return support::skip("no ping from iputils");
    }
    let mut held = 0;
    for _ in 0..5 {
        let output = Command::new("ping").args(["-n", "-c", "20", "-i", "0.01", "127.0.0.1"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let times = || text.lines().filter_map(|line| line.split("time=").nth(1)?.strip_suffix(" ms"));
        if times().next().is_none() {
            return support::skip(&format!("ping: {}", String::from_utf8_lossy(&output.stderr)));
        }
        // From a millisecond on it prints less than it counts.
        if times().any(|time| !time.starts_with("0.")) {
            continue;
        }
        let mut statistics = netlab::engine::ping::Statistics::default();
        times().for_each(|time| statistics.answered(time.trim_start_matches("0.").parse().unwrap(), false));
        let found = statistics.round_trips().unwrap();
        let [least, average, most, deviation] =
            [found.least, found.average, found.most, found.deviation].map(|time| format!("0.{time:03}"));
        let ours = format!("rtt min/avg/max/mdev = {least}/{average}/{most}/{deviation} ms");
        assert!(text.contains(&ours), "{ours}\n{text}");
        held += 1;
    }
    if held == 0 {
        support::skip("this machine takes more than a millisecond to answer itself");
    }
}
