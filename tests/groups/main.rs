//! `netlab groups`, run as a program: on this machine beside /proc, and on a LAN of namespaces with a bridge that snoops,
//! beside `ip maddr`, /proc/net/igmp and `bridge mdb show` at each step of joining, expiry, query and leaving.

// Waiting for the kernel has an end.
#![allow(clippy::disallowed_methods)]

mod equal;
mod lab;
#[path = "../support/network.rs"]
mod network;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::process::{Command, Stdio};

use lab::{Joiner, Lab, until};
use netlab::io::membership;
use serde_json::Value;

fn netlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netlab"));
    command.arg("groups").args(arguments);
    command
}

fn objects(output: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// No test of its own: the program that [`Joiner`] starts. It reads what to join and leave, and says `done`.
#[test]
fn joins_as_told() {
    if std::env::var_os("NETLAB_JOINS").is_none() {
        return;
    }
    let mut out = std::io::stdout();
    let mut sockets = HashMap::new();
    let eth0 = membership::interface("eth0").unwrap();
    writeln!(out, "\ndone").unwrap();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let group: IpAddr = words[1].parse().unwrap();
        if words[0] == "join" {
            let any: IpAddr = if group.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            let socket = UdpSocket::bind((any, 0)).unwrap();
            membership::join(&socket, group, Some(&eth0), words.get(2).map(|source| source.parse().unwrap())).unwrap();
            sockets.insert(group, socket);
        } else {
            sockets.remove(&group).unwrap();
        }
        writeln!(out, "done").unwrap();
    }
}

#[test]
fn this_machine_s_groups_are_those_of_proc() {
    let loopback = membership::interface("127.0.0.1").unwrap();
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let group = IpAddr::from([239, 77, 3, 1]);
    membership::join(&socket, group, Some(&loopback), None).unwrap();
    let read = |name: &str| std::fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
    let ours = || objects(&netlab(&["--json", "--listen", "0s"]).output().unwrap().stdout);
    // Others may join and leave here all the time; each of our rows has to be there.
    equal::settled(|| equal::proc_net(&read("igmp"), &read("igmp6")), || equal::as_proc(&ours()));
    let own = ours();
    let is_ours =
        |object: &&Value| object["pid"] == std::process::id() && object["group"] == group.to_string().as_str();
    let found = own.iter().find(is_ours);
    let Some(found) = found else { return support::skip("this kernel refuses pidfd_getfd(2)") };
    assert_eq!((&found["kind"], &found["mode"]), (&"socket".into(), &"exclude".into()));
    assert_eq!(found["local"], socket.local_addr().unwrap().to_string());
    let text = netlab(&["--listen", "0s", "-i", &loopback.name]).env("COLUMNS", "80").output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.lines().any(|line| line.contains("239.77.3.1") && line.contains("fd ")), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

/// Whether this kernel tells of each join (Linux 6.14).
fn kernel_tells() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(14))
}

#[test]
fn a_watch_tells_of_a_group_that_was_left_at_once() {
    let loopback = membership::interface("127.0.0.1").unwrap();
    let watch = ["--watch", "--json", "--ready", "--interval", "2s", "--duration", "30s", "-i", &loopback.name];
    let mut child = netlab(&watch).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(talk.any(|line| line == "READY"));
    let join = |last: u8| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        membership::join(&socket, [239, 77, 4, last].into(), Some(&loopback), None).unwrap();
        socket
    };
    drop(join(1));
    let _lasting = join(2);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told: Vec<Value> = Vec::new();
    for line in lines {
        told.push(serde_json::from_str(&line.unwrap()).unwrap());
        if told.iter().any(|line| line["group"] == "239.77.4.2")
            && told.iter().any(|line| line["group"] == "239.77.4.1")
        {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let of = |group: &str| told.iter().find(|line| line["group"] == group).map(|line| line["event"].clone());
    assert_eq!(of("239.77.4.2"), Some("joined".into()), "{told:#?}");
    if !kernel_tells() {
        return support::skip("this kernel tells of no joins: what is left within a look is not seen");
    }
    // A look may have fallen between.
    let brief = of("239.77.4.1");
    assert!(brief == Some("brief".into()) || brief == Some("joined".into()), "{told:#?}");
}

/// Everything that can be compared, at one step.
#[track_caller]
fn compare(lab: &Lab) {
    for host in ["switch", "one", "two"] {
        equal::with_ip_maddr(lab, host);
        equal::with_proc(lab, host);
    }
    equal::with_bridge_mdb(lab);
}

/// The text for a person on the switch.
fn text(lab: &Lab, host: &str) -> String {
    lab.said(host, env!("CARGO_BIN_EXE_netlab"), &["groups", "--listen", "0s"])
}

#[test]
fn the_groups_are_those_of_ip_and_bridge_at_each_step_of_a_join_an_expiry_a_query_and_a_leave() {
    let Some(lab) = Lab::new() else { return };
    if lab.on("switch", "bridge", &["-V"]).output().is_ok_and(|output| !output.status.success()) {
        return support::skip("bridge(8) is not installed");
    }
    let watch = ["groups", "--watch", "--json", "--ready", "-i", "br0"];
    let mut watch = lab.on("switch", env!("CARGO_BIN_EXE_netlab"), &watch).spawn().unwrap();
    let mut ready = BufReader::new(watch.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(ready.any(|line| line == "READY"));
    compare(&lab);

    // Joined; nobody asks.
    let (mut one, mut two) = (Joiner::new(&lab, "one"), Joiner::new(&lab, "two"));
    one.tell("join 239.1.2.3");
    one.tell("join ff15::1:2:3");
    two.tell("join 232.1.2.3 10.9.0.7");
    let joined = [("p1", "239.1.2.3"), ("p1", "ff15::1:2:3"), ("p2", "232.1.2.3")];
    for (port, group) in joined {
        until("the bridge learns a group", || equal::has_entry(&lab, port, group));
    }
    compare(&lab);
    let sockets: Vec<Value> = lab.groups("two").into_iter().filter(|object| object["kind"] == "socket").collect();
    let [socket] = sockets.as_slice() else { panic!("{sockets:?}") };
    assert_eq!((&socket["group"], &socket["mode"]), (&"232.1.2.3".into(), &"include".into()));
    assert_eq!(socket["sources"], serde_json::json!(["10.9.0.7"]));
    assert_eq!(socket["pid"], two.pid());
    let shown = text(&lab, "switch");
    assert!(shown.contains("no querier: a snooping switch will forget this group after about 2.5 s"), "{shown}");

    // Forgotten, though the hosts are members still.
    for (port, group) in joined {
        until("the bridge forgets a group", || !equal::has_entry(&lab, port, group));
    }
    compare(&lab);
    assert!(text(&lab, "one").contains("239.1.2.3"));

    // Somebody asks: known again, for as long as it is asked for.
    lab.set_bridge(&["mcast_querier", "1"]);
    for (port, group) in joined {
        until("the bridge learns a group anew", || equal::has_entry(&lab, port, group));
    }
    compare(&lab);
    assert!(text(&lab, "switch").contains("IPv4 querier: this bridge, as 10.9.0.1"));

    // Left.
    one.tell("leave 239.1.2.3");
    until("the bridge forgets what was left", || !equal::has_entry(&lab, "p1", "239.1.2.3"));
    compare(&lab);

    // An older querier: all speak its version.
    lab.set_bridge(&["mcast_igmp_version", "2"]);
    let version =
        || lab.groups("one").iter().find(|one| one["interface"] == "eth0").map(|one| one["igmp_version"].clone());
    until("a host speaks version 2", || version() == Some(2.into()));
    compare(&lab);
    assert!(text(&lab, "one").contains("eth0: speaks IGMPv2, as a querier of version 2 was heard"));

    // A host falls silent without leaving: what it says goes nowhere any more.
    lab.said("switch", "bridge", &["link", "set", "dev", "p1", "state", "0"]);
    until("the bridge forgets the silent host", || !equal::has_entry(&lab, "p1", "ff15::1:2:3"));
    equal::with_bridge_mdb(&lab);
    drop(two);

    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut told: Vec<Value> = Vec::new();
    // Oldest first: what is waited for has been said, or will be.
    for (kind, event, key, value) in [
        ("lan", "joined", "group", "239.1.2.3"),
        ("mdb", "joined", "group", "239.1.2.3"),
        ("mdb", "left", "group", "239.1.2.3"),
        ("lan", "elected", "querier", "10.9.0.1"),
        ("lan", "left", "group", "239.1.2.3"),
        ("lan", "speaks", "querier", "10.9.0.1"),
        ("lan", "expired", "group", "ff15::1:2:3"),
    ] {
        let is_it = |line: &Value| line["kind"] == kind && line["event"] == event && line[key] == value;
        while !told.iter().any(is_it) {
            let line = lines.next().unwrap_or_else(|| panic!("no {kind} {event} {value} in {told:#?}")).unwrap();
            told.push(serde_json::from_str(&line).unwrap());
        }
    }
    let join = told.iter().find(|line| line["kind"] == "lan" && line["group"] == "239.1.2.3").unwrap();
    assert_eq!((&join["host"], &join["version"], &join["mode"]), (&"10.9.0.2".into(), &3.into(), &"exclude".into()));
    // A reader that goes away ends it, as Ctrl-C does.
    drop(lines);
    lab.set_bridge(&["mcast_igmp_version", "3"]);
    let ended = watch.wait().unwrap();
    assert!(ended.success(), "{ended}");
}
