//! `netlab multicast` and `netlab send igmp|mld` on a LAN of namespaces with a bridge that snoops: who gets what, what
//! the bridge learns and forgets, what real kernels answer; and datagrams that are lost, doubled and late on purpose.

// Waiting for the kernel has an end.
#![allow(clippy::disallowed_methods)]

#[path = "../support/network.rs"]
mod network;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufReader, Read};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use network::{Network, wait_for};
use serde_json::Value;

/// A switch with the hosts `one` (10.9.0.2, fd00:9::2), `two` (3) and `three` (4), whose link-local addresses
/// can be used.
fn lan(querier: bool) -> Option<Network> {
    let lan = network::snooping_switch(&["one", "two", "three"]).start()?;
    if querier {
        lan.sh("switch", "ip link set br0 type bridge mcast_querier 1");
    }
    until("addresses can be used", || {
        ["switch", "one", "two", "three"].iter().all(|host| {
            let addresses = lan.said(host, "ip", &["-6", "addr", "show", "scope", "link"]);
            !addresses.is_empty() && !addresses.contains("tentative")
        })
    });
    Some(lan)
}

/// Looks until it is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(40);
    while !is_so() {
        assert!(Instant::now() < end, "not within 40 s: {what}");
    }
}

/// netlab, which must end with this code: what it says.
#[track_caller]
fn ends(mut command: Command, code: i32) -> String {
    let output = command.output().unwrap();
    let (out, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}--- {talk}");
    format!("{out}--- {talk}")
}

/// A `multicast receive --json` that has joined.
struct Receiving(Child);

impl Receiving {
    #[track_caller]
    fn new(lan: &Network, host: &str, arguments: &str) -> Self {
        let words: Vec<&str> =
            ["multicast", "receive", "--json", "--ready"].into_iter().chain(arguments.split(' ')).collect();
        let mut child = lan.netlab(host, &words).spawn().unwrap();
        wait_for("READY", &mut BufReader::new(child.stderr.as_mut().unwrap()));
        Self(child)
    }

    /// As Ctrl-C does.
    fn interrupt(&self) {
        let kill = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    /// Waits for its end: all it said.
    #[track_caller]
    fn end(mut self, code: i32) -> Vec<Value> {
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(self.0.wait().unwrap().code(), Some(code), "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn of<'a>(objects: &'a [Value], event: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["event"] == event)
}

/// Whether some message of this kind tells this.
fn said(objects: &[Value], what: &str, says: &str) -> bool {
    let has = |object: &Value, key: &str, sign: &str| object[key].as_str().is_some_and(|text| text.contains(sign));
    of(objects, "message").any(|message| has(message, "what", what) && has(message, "says", says))
}

fn send(lan: &Network, host: &str, group: &str, count: u32) {
    let count = count.to_string();
    let words = ["multicast", "send", group, "Hey all!", "-i", "eth0", "--interval", "10ms", "--count", &count];
    ends(lan.netlab(host, &words), 0);
}

/// Whether the bridge believes that a port wants the group.
fn learned(lan: &Network, port: &str, group: &str) -> bool {
    let mdb: Value = serde_json::from_str(&lan.said("switch", "bridge", &["-j", "mdb", "show"])).unwrap();
    let entries = mdb[0]["mdb"].as_array().cloned().unwrap_or_default();
    entries.iter().any(|entry| entry["port"] == port && entry["grp"] == group)
}

/// Packets that a port of the switch has sent.
fn passed(lan: &Network, port: &str) -> u64 {
    let links: Value = serde_json::from_str(&lan.said("switch", "ip", &["-j", "-s", "link", "show", port])).unwrap();
    links[0]["stats64"]["tx"]["packets"].as_u64().unwrap()
}

#[test]
fn what_is_sent_to_a_group_reaches_its_members_and_nobody_else() {
    let Some(lan) = lan(true) else { return };
    let groups = ["239.1.2.3", "ff15::1:2:3"];
    let receiving = Receiving::new(&lan, "one", "239.1.2.3:5000 [ff15::1:2:3]:5000 -i eth0 --count 40");
    for group in groups {
        until("the bridge learns a group", || learned(&lan, "p1", group));
    }
    // A bridge floods until it has waited for answers to its own first query: until then, also what nobody wants.
    for nobody in ["239.9.9.9:5001", "[ff15::9]:5001"] {
        until("the bridge passes on only what is wanted", || {
            let before = passed(&lan, "p2");
            send(&lan, "three", nobody, 30);
            passed(&lan, "p2") - before < 30
        });
    }
    let counting =
        ["capture", "-i", "p1", "-i", "p2", "-f", "udp dst port 5000", "--ready", "-e", "frame.interface_id"];
    let mut counting = lan.netlab("switch", &counting).spawn().unwrap();
    wait_for("READY", &mut BufReader::new(counting.stderr.as_mut().unwrap()));
    send(&lan, "three", "239.1.2.3:5000", 20);
    send(&lan, "three", "[ff15::1:2:3]:5000", 20);
    let heard = receiving.end(0);
    assert!(Command::new("kill").args(["-INT", &counting.id().to_string()]).status().unwrap().success());
    let mut ports = String::new();
    counting.stdout.take().unwrap().read_to_string(&mut ports).unwrap();
    counting.wait().unwrap();
    let count = |port: &str| ports.lines().filter(|line| *line == port).count();
    // By their places on the command line.
    assert_eq!((count("0"), count("1")), (40, 0), "{ports}");

    let senders: Vec<&Value> = of(&heard, "sender").collect();
    assert_eq!(senders.len(), 2, "{heard:#?}");
    for sender in senders {
        assert_eq!((&sender["expected"], &sender["received"], &sender["lost"]), (&20.into(), &20.into(), &0.into()));
    }
    let datagram = of(&heard, "datagram").next().unwrap();
    assert_eq!((&datagram["ttl"], &datagram["interface"]), (&1.into(), &"eth0".into()), "{datagram}");
    assert_eq!(datagram["text"], "Hey all!");
    assert!(
        said(&heard, "v3 report", "joins 239.1.2.3") && said(&heard, "v3 report", "leaves 239.1.2.3"),
        "{heard:#?}"
    );
    assert!(said(&heard, "v2 report", "joins ff15::1:2:3") && said(&heard, "v2 report", "leaves ff15::1:2:3"));
}

#[test]
fn a_member_answers_a_query_made_by_hand_in_its_version_and_in_time() {
    // Without another querier: the port of whoever asks is where reports go.
    let Some(lan) = lan(false) else { return };
    let member = Receiving::new(&lan, "two", "239.1.2.3:5000 [ff15::1:2:3]:5000 -i eth0");
    for (query, signs) in [
        ("igmp query 239.1.2.3", ["v3 query", "v3 report", "10.9.0.3 reports 239.1.2.3 (IGMPv3)"]),
        ("igmp query 239.1.2.3 --version 2", ["v2 query", "v2 report", "10.9.0.3 reports 239.1.2.3 (IGMPv2)"]),
        ("mld query ff15::1:2:3", ["v2 query", "v2 report", " reports ff15::1:2:3 (MLDv2)"]),
        ("mld query ff15::1:2:3 --version 1", ["v1 query", "v1 report", " reports ff15::1:2:3 (MLDv1)"]),
    ] {
        // Linux takes its time by chance, and a little more: one late answer in a hundred is no fault of ours.
        let (mut told, end) = (String::new(), Instant::now() + Duration::from_secs(40));
        while !told.contains("within the 1500 ms that it has") {
            assert!(Instant::now() < end, "{query}: {told}");
            let line = format!("send {query} -i eth0 --max-response 1500ms");
            let words: Vec<&str> = line.split(' ').collect();
            told = ends(lan.netlab("one", &words), 0);
        }
        for sign in signs {
            assert!(told.contains(sign), "{query}: no {sign:?} in\n{told}");
        }
    }
    member.interrupt();
    let told = member.end(130);
    assert!(said(&told, "v3 query", "239.1.2.3") && said(&told, "v3 report", "is in 239.1.2.3"), "{told:#?}");
    // The older querier is remembered, so it leaves in that one's words.
    assert!(said(&told, "v2 leave", "leaves 239.1.2.3") && said(&told, "v1 done", "leaves ff15::1:2:3"), "{told:#?}");
}

#[test]
fn joins_and_leaves_made_by_hand_change_what_the_bridge_knows() {
    let Some(lan) = lan(true) else { return };
    // It forgets nobody in time: what goes was left.
    lan.sh("switch", "ip link set br0 type bridge mcast_membership_interval 60000 mcast_query_interval 30000");
    let made = |what: &str, group: &str, version: u8| {
        let line = format!("send {what} {group} --version {version} -i eth0 --wait 50ms");
        let words: Vec<&str> = line.split(' ').collect();
        lan.netlab("one", &words)
    };
    for (protocol, group, version) in [
        ("igmp", "239.7.0.1", 1),
        ("igmp", "239.7.0.2", 2),
        ("igmp", "239.7.0.3", 3),
        ("mld", "ff15::7:1", 1),
        ("mld", "ff15::7:2", 2),
    ] {
        ends(made(&format!("{protocol} join"), group, version), 0);
        until(&format!("the bridge learns {group}"), || learned(&lan, "p1", group));
        let leave = made(&format!("{protocol} leave"), group, version);
        if group == "239.7.0.1" {
            let told = ends(leave, 2);
            assert!(told.contains("version 1 of IGMP has no leave"), "{told}");
            continue;
        }
        ends(leave, 0);
        until(&format!("the bridge forgets {group}"), || !learned(&lan, "p1", group));
    }
    assert!(learned(&lan, "p1", "239.7.0.1"), "a version 1 host cannot leave");
}

#[test]
fn a_source_specific_member_hears_its_source_alone() {
    let Some(lan) = lan(false) else { return };
    for (group, source) in [("232.1.2.3:5000", "10.9.0.3"), ("[ff35::1:2:3]:5000", "fd00:9::3")] {
        let receiving = Receiving::new(&lan, "one", &format!("{group} --source {source} -i eth0 --count 5"));
        send(&lan, "three", group, 10);
        send(&lan, "two", group, 5);
        let heard = receiving.end(0);
        let from = |object: &Value| object["from"].as_str().unwrap().trim_start_matches('[').starts_with(source);
        assert!(of(&heard, "datagram").count() == 5 && of(&heard, "datagram").all(from), "{heard:#?}");
        let joined = of(&heard, "join").next().unwrap();
        assert_eq!(joined["expected"], true, "{joined}");
    }
}

#[test]
fn why_nothing_is_reported_is_said() {
    let Some(lan) = lan(false) else { return };
    lan.sh("one", "echo 0 > /proc/sys/net/ipv4/igmp_link_local_mcast_reports");
    let quiet = "224.0.0.1:5000 224.0.0.251:5000 [ff02::1]:5000 [ff11::5]:5000";
    let told = Receiving::new(&lan, "one", &format!("{quiet} -i eth0 --duration 1600ms")).end(1);
    let why: Vec<&str> = of(&told, "join").map(|object| object["why"].as_str().unwrap_or("none")).collect();
    for (why, sign) in why.iter().zip(["every host is in", "igmp_link_local_mcast_reports is 0", "every host", "scope"])
    {
        assert!(why.contains(sign), "{why}");
    }
    assert_eq!(of(&told, "message").count(), 0, "{told:#?}");
    let text = lan.said(
        "one",
        "sh",
        &["-c", &format!("{} multicast receive 224.0.0.1:5000 --duration 10ms -i eth0 || true", network::NETLAB)],
    );
    assert!(text.contains("224.0.0.1 on eth0: joined, and no IGMP says so: every host is in this group"), "{text}");

    lan.sh("one", "echo 1 > /proc/sys/net/ipv4/igmp_link_local_mcast_reports");
    let told = Receiving::new(&lan, "one", "224.0.0.251:5000 -i eth0 --duration 300ms").end(1);
    assert!(said(&told, "v3 report", "joins 224.0.0.251"), "{told:#?}");
}

#[test]
fn a_membership_is_told_in_the_version_that_the_host_speaks() {
    let Some(lan) = lan(false) else { return };
    for (version, joins, leaves) in
        [(1, "v1 report", None), (2, "v2 report", Some("v2 leave")), (3, "v3 report", Some("v3 report"))]
    {
        lan.sh("one", &format!("echo {version} > /proc/sys/net/ipv4/conf/eth0/force_igmp_version"));
        let told = Receiving::new(&lan, "one", "239.1.2.3:5000 -i eth0 --duration 300ms").end(1);
        assert!(said(&told, joins, "joins 239.1.2.3"), "{version}: {told:#?}");
        let left = of(&told, "leave").next().unwrap();
        assert_eq!(left["expected"], leaves.is_some(), "{left}");
        match leaves {
            Some(leaves) => assert!(said(&told, leaves, "leaves 239.1.2.3"), "{version}: {told:#?}"),
            None => assert!(left["why"].as_str().unwrap().contains("version 1 has no leave"), "{left}"),
        }
    }
}

/// Who may not capture is told of the kernel's state, and how to see more.
#[test]
fn without_the_right_to_capture_the_kernel_s_state_is_told() {
    let Some(lan) = network::snooping_switch(&["one"]).start() else { return };
    let drop = ["--bounding-set=-net_raw", "--inh-caps=-net_raw", network::NETLAB, "multicast", "receive"];
    let words = [&drop[..], &["239.1.2.3:5000", "-i", "eth0", "--duration", "50ms"]].concat();
    let output = match lan.on("one", "setpriv", &words).output() {
        Ok(output) if !String::from_utf8_lossy(&output.stderr).contains("setpriv") => output,
        other => return support::skip(&format!("setpriv cannot take CAP_NET_RAW away: {other:?}")),
    };
    let (out, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("239.1.2.3 on eth0: joined; by the kernel's state, IGMPv3 tells it to 224.0.0.22"), "{out}");
    assert!(out.contains("239.1.2.3 on eth0: left; by the kernel's state"), "{out}");
    assert!(talk.contains("messages of IGMP and MLD are not shown") && talk.contains("setcap cap_net_raw"), "{talk}");
}

#[test]
fn what_is_lost_doubled_and_late_is_told_and_counted() {
    let Some(alone) = network::alone() else { return };
    let receiving = Receiving::new(&alone, "alone", "239.1.2.3:5000 -i lo --count 6");
    let program = "import socket as s\nu = s.socket(s.AF_INET, s.SOCK_DGRAM)\n\
                   u.setsockopt(0, s.IP_MULTICAST_IF, s.inet_aton('127.0.0.1'))\n\
                   say = lambda text: u.sendto(text, ('239.1.2.3', 5000))\n\
                   for n in (1, 2, 2, 5, 4): say(b'Hey all! [netlab 00000007 %d]' % n)\n\
                   say(b'\\x1b[2J')\nprint('ready')";
    let (mut child, _) = alone.student("alone", program);
    child.wait().unwrap();
    let heard = receiving.end(0);
    let orders: Vec<&str> = of(&heard, "datagram").map(|one| one["order"].as_str().unwrap_or("plain")).collect();
    assert_eq!(orders, ["first", "next", "doubled", "ahead", "late", "plain"]);
    let ahead = of(&heard, "datagram").nth(3).unwrap();
    assert_eq!((&ahead["missing"], &ahead["run"], &ahead["text"]), (&2.into(), &"00000007".into(), &"Hey all!".into()));
    let counted = of(&heard, "sender").next().unwrap();
    let counts = ["expected", "received", "lost", "doubled", "late", "old"].map(|key| counted[key].as_u64().unwrap());
    assert_eq!(counts, [5, 4, 1, 1, 1, 0]);
    assert_eq!(of(&heard, "summary").next().unwrap()["plain"], 1);
}

#[test]
fn mistakes_are_named_with_what_would_do() {
    let Some(alone) = network::alone() else { return };
    for (line, sign) in [
        ("multicast send 239.1.2.3:5000", "no route leads to 239.1.2.3: say by which interface, with -i"),
        ("multicast receive 239.1.2.3:5000", "no route leads to 239.1.2.3"),
        ("multicast send 10.0.0.1:5000", "10.0.0.1 is no group: groups are 224.0.0.0 to 239.255.255.255"),
        ("multicast receive [fe80::1]:5000", "fe80::1 is no group"),
        ("multicast send 239.1.2.3", "to which port? write it as 239.1.2.3:9000"),
        ("multicast send 239.1.2.3:0", "port 0 is nobody's"),
        ("multicast send 239.1.2.3:5000 --ttl 256", "256 is not in 0..=255"),
        ("multicast send 239.1.2.3:5000 --interval 1ms", "at least 10ms"),
        ("multicast send 239.1.2.3:5000 -i none0", "there is no interface none0"),
        ("multicast receive 239.1.2.3:5000 --source fd00::1 -i lo", "--source fd00::1: no group is of its family"),
        ("multicast receive 232.1.2.3:5000 --source 239.1.1.1 -i lo", "a group sends nothing"),
        ("send igmp join 10.0.0.1 -i lo", "10.0.0.1 is no group"),
        ("send igmp say 239.1.2.3 -i lo", "a message of IGMP is join, leave or query"),
        ("send mld query ff15::1 -i lo", "lo has no link-local address"),
        ("send mld join ff15::1 --version 3 -i lo", "MLD has the versions 1 and 2"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let told = ends(alone.netlab("alone", &words), 2);
        assert!(told.contains(sign), "{line}: {told}");
    }
}

#[test]
fn a_private_network_has_somebody_to_talk_to() {
    let private = |line: &str| {
        let mut command = Command::new(network::NETLAB);
        command.arg("multicast").args(line.split(' ')).arg("--private");
        command.output().unwrap()
    };
    let output = private("receive 239.1.2.3:5000 --count 2");
    let (out, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if talk.contains("there is no private network") {
        return support::skip(talk.lines().next().unwrap_or_default());
    }
    for sign in ["IGMP   v3 report  joins 239.1.2.3", "\"Hey all!\"  #", "ttl 1  lan0", "2 of 2 heard, 0 lost"] {
        assert!(out.contains(sign), "no {sign:?} in {out}--- {talk}");
    }
    let output = private("send 239.0.0.7:7 --count 2 --interval 50ms");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("10.0.5.2:7 → 10.0.5.1:") && out.contains("2 datagrams sent to 239.0.0.7:7 by lan0"), "{out}");
}

#[test]
fn watch_is_that_of_groups() {
    let watch = |words: &[&str]| {
        let mut command = Command::new(network::NETLAB);
        String::from_utf8(command.args(words).output().unwrap().stdout).unwrap()
    };
    let file = "captures/igmp-v3.pcap";
    let told = watch(&["multicast", "watch", file]);
    assert!(told.contains("10.0.5.1 joins 239.1.2.3"), "{told}");
    assert_eq!(told, watch(&["groups", "--watch", file]));
}
