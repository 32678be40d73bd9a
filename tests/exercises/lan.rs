//! The exercises over UDP and multicast between two hosts: network namespaces joined by a veth cable, with the kernel's
//! own IGMP on it.

use std::io::{BufRead, BufReader, Write};
use std::ops::Deref;
use std::process::Stdio;

use crate::network::{self, Network, wait_for};
use crate::programs::*;
use crate::support;

/// Two hosts: `a` has 10.0.5.1 on lan0, `b` has 10.0.5.2 on lan1. They are gone with it.
struct Lan(Network);

impl Deref for Lan {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.0
    }
}

impl Lan {
    /// `None`, having said why, where this kernel has no such namespaces for us.
    fn new() -> Option<Self> {
        let without_ipv6 = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6";
        network::hosts(&["a", "b"])
            .cable(["a", "lan0"], ["b", "lan1"])
            .try_sh("a", without_ipv6)
            .try_sh("b", without_ipv6)
            .up("a", "lan0", &["10.0.5.1/24"])
            .up("b", "lan1", &["10.0.5.2/24"])
            .start()
            .map(Self)
    }

    /// Starts a server of ours and waits until it listens.
    fn serve(&self, host: &str, arguments: &[&str]) -> Server {
        Server::spawn(self.netlab(host, &[&["serve"], arguments].concat())).expect("a server that listens")
    }

    /// What a capture on host b's end of the cable sees while `during` runs: a line a packet, destination and more.
    fn seen(&self, during: impl FnOnce()) -> Vec<String> {
        self.seen_as("ip.dst,ip.ttl,igmp.type,igmp.maddr,udp.dstport,udp.payload", during)
    }

    /// The same with other fields; the last one has to be udp.payload.
    fn seen_as(&self, fields: &str, during: impl FnOnce()) -> Vec<String> {
        let mut capture =
            self.netlab("b", &["capture", "--ready", "-i", "lan1", "-e", fields]).spawn().expect("netlab capture");
        let mut talk = BufReader::new(capture.stderr.take().expect("its talk"));
        wait_for("READY", &mut talk);
        let mut printed = BufReader::new(capture.stdout.take().expect("its output"));
        during();
        // The last packet is one of ours: what was sent before it has been seen with it.
        let marker = format!("{:02x}", b'!').repeat(7);
        let send =
            "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'!' * 7, ('10.0.5.2', 9))\n";
        assert!(self.on("a", "python3", &["-c", send]).status().expect("python3").success());
        let mut seen = Vec::new();
        loop {
            let mut line = String::new();
            assert!(printed.read_line(&mut line).expect("a line") > 0, "the capture ended: {seen:?}");
            if line.replace(':', "").contains(&marker) {
                break;
            }
            seen.push(line.trim_end().to_owned());
        }
        let _ = capture.kill();
        let _ = capture.wait();
        seen
    }
}

/// The course's sender, through the interface that has this address.
fn python_sender(group: &str, port: u16) -> String {
    format!(
        "import socket\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)\n\
         s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('10.0.5.1'))\n\
         s.sendto(b'Hey all!', ('{group}', {port}))\n"
    )
}

/// Our receiver on b and the course's sender on a; what host b's end of the cable saw.
fn received(lan: &Lan, group: &str, port: u16) -> Vec<String> {
    lan.seen(|| {
        let port_text = port.to_string();
        let server =
            lan.serve("b", &["multicast", "--once", "--interface", "lan1", "--group", group, "--port", &port_text]);
        let sent = lan.on("a", "python3", &["-c", &python_sender(group, port)]).output().expect("python3");
        assert!(sent.status.success(), "{sent:?}");
        let (code, printed, talk) = server.finish();
        assert_eq!((code, printed.as_str()), (Some(0), "Hey all!\n"), "{talk}");
    })
}

#[test]
fn igmp_reports_the_join_of_239_and_never_that_of_224_0_0_1() {
    if !has_python() {
        return;
    }
    let Some(lan) = Lan::new() else { return };
    // The last report of an earlier membership may come late: a host each.
    let silent = received(&lan, "224.0.0.1", 10_010);
    assert!(silent.iter().any(|line| line.starts_with("224.0.0.1\t1\t\t\t10010\t")), "{silent:?}");
    assert!(!silent.iter().any(|line| line.starts_with("224.0.0.22")), "{silent:?}");
    let reported = received(&lan, "239.1.2.3", 10_010);
    assert!(reported.iter().any(|line| line.starts_with("239.1.2.3\t1\t\t\t10010\t")), "{reported:?}");
    assert!(
        reported.iter().any(|line| line.starts_with("224.0.0.22\t1\t0x22\t239.1.2.3")
            || line.starts_with("224.0.0.22\t1\t34\t239.1.2.3")),
        "{reported:?}"
    );
}

#[test]
fn the_receiver_that_a_student_wrote_hears_our_sender_on_port_1001() {
    if !has_python() {
        return;
    }
    let Some(lan) = Lan::new() else { return };
    let (mut student, mut printed) = lan.student(
        "b",
        "import socket\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP)\n\
         s.bind(('', 1001))\n\
         s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('224.0.0.1') + socket.inet_aton('10.0.5.2'))\n\
         print('ready', flush=True)\n\
         print(s.recv(1024).decode(), flush=True)\n",
    );
    let sent = lan.netlab("a", &["client", "multicast", "--interface", "lan0"]).output().expect("netlab client");
    assert_eq!((sent.status.code(), text(&sent.stderr)), (Some(0), String::new()));
    let mut line = String::new();
    printed.read_line(&mut line).expect("a line");
    assert_eq!(line, "Hey all!\n");
    assert!(student.wait().expect("its end").success());
}

#[test]
fn mld_reports_the_join_of_an_ipv6_group() {
    let Some(lan) = Lan::new() else { return };
    for (host, name) in [("a", "lan0"), ("b", "lan1")] {
        let address = format!("fd05::{host}/64");
        // The first report goes out at once, not at any time within a second (RFC 3810 §9.11).
        let setup = format!(
            "cd /proc/sys/net/ipv6/conf && echo 0 > all/disable_ipv6 && ip -6 address add {address} dev {name} nodad \
             && echo 1 > {name}/mldv2_unsolicited_report_interval"
        );
        if !lan.on(host, "sh", &["-c", &setup]).status().expect("sh").success() {
            return support::skip("this kernel has no IPv6 here");
        }
    }
    let group = ["multicast", "--group", "ff15::8005", "--port", "10010", "--interface"];
    let seen = lan.seen_as("ipv6.dst,ipv6.hlim,icmpv6.mldr.mar.multicast_address,udp.dstport,udp.payload", || {
        let server = lan.serve("b", &[&group[..], &["lan1", "--once"]].concat());
        let client = [&["client"], &group[..], &["lan0"]].concat();
        let sent = lan.netlab("a", &client).output().expect("netlab client");
        assert_eq!((sent.status.code(), text(&sent.stderr)), (Some(0), String::new()));
        let (_, printed, talk) = server.finish();
        assert_eq!(printed, "Hey all!\n");
        assert!(talk.contains("MLD reports ff15::8005 to ff02::16"), "{talk}");
    });
    assert!(seen.iter().any(|line| line.starts_with("ff15::8005\t1\t\t10010\t")), "{seen:?}");
    assert!(seen.iter().any(|line| line.starts_with("ff02::16\t1\t") && line.contains("ff15::8005")), "{seen:?}");
}

#[test]
fn a_source_specific_receiver_hears_only_its_source() {
    let Some(lan) = Lan::new() else { return };
    let arguments =
        |source| ["multicast", "--interface", "lan1", "--group", "232.1.2.3", "--port", "10010", "--source", source];
    let mut right = lan.serve("b", &arguments("10.0.5.1"));
    let wrong = lan.serve("b", &arguments("10.0.5.9"));
    for text in ["one", "two"] {
        let client =
            ["client", "multicast", "--interface", "10.0.5.1", "--group", "232.1.2.3", "--port", "10010", text];
        assert_eq!(lan.netlab("a", &client).status().expect("netlab client").code(), Some(0));
    }
    assert_eq!(right.lines(2), "one\ntwo\n");
    wrong.interrupt();
    assert_eq!(wrong.finish().1, "", "it heard another source");
}

#[test]
fn the_senders_own_host_hears_it_unless_told_otherwise() {
    let Some(lan) = Lan::new() else { return };
    let group = ["--interface", "lan0", "--group", "239.1.2.4", "--port", "10010"];
    let server = lan.serve("a", &[&["multicast", "--once"], &group[..]].concat());
    for more in [&["--no-loop", "not for us"][..], &["for us"]] {
        let client = [&["client", "multicast"], &group[..], more].concat();
        assert_eq!(lan.netlab("a", &client).status().expect("netlab client").code(), Some(0));
    }
    assert_eq!(server.finish().1, "for us\n");
}

#[test]
fn datagrams_replies_and_heartbeats_cross_the_cable() {
    if !has_python() {
        return;
    }
    let Some(lan) = Lan::new() else { return };
    let server = lan.serve("b", &["udp-server", "--host", "10.0.5.2"]);
    let send = "import socket\n\
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
        s.bind(('10.0.5.1', 5000))\n\
        s.sendto(b'x' * 40, ('10.0.5.2', 8005))\n";
    assert!(lan.on("a", "python3", &["-c", send]).status().expect("python3").success());
    assert_eq!(server.finish().1, "(b'xxxxxxxxxxxxxxxx', ('10.0.5.1', 5000))\ntruncated: 16 of 40 bytes\n");

    let server = lan.serve("b", &["udp-reply", "--any", "--once"]);
    let client = lan.netlab("a", &["client", "udp-reply", "--host", "10.0.5.2"]).output().expect("netlab client");
    assert_eq!(text(&client.stdout), "Hello from me also\nWoow..we speak on the edge\n", "{client:?}");
    assert_eq!(server.finish().1, "Hello\nHello again\n");

    let mut server = lan.serve("b", &["heartbeat", "--host", "10.0.5.2"]);
    let client = ["client", "heartbeat", "--host", "10.0.5.2", "--interval", "100ms", "--count", "2"];
    let client = lan.netlab("a", &client).output().expect("netlab client");
    assert!(text(&client.stdout).starts_with("alive: 10.0.5.2:8005\nheartbeat 1: round trip "), "{client:?}");
    assert!(server.lines(1).starts_with("alive: 10.0.5.1:"));
}

#[test]
fn loss_that_was_made_on_one_host_is_reported_on_the_other() {
    let Some(lan) = Lan::new() else { return };
    let server = lan.serve("b", &["udp-loss", "--host", "10.0.5.2", "--once", "--quiet", "300ms", "--expect", "100"]);
    let client = ["client", "udp-loss", "--host", "10.0.5.2", "--interval", "1ms", "--drop", "10%", "--seed", "1"];
    let sent = lan.netlab("a", &client).output().expect("netlab client");
    let dropped = text(&sent.stdout).lines().nth(1).expect("what was dropped").split(": ").nth(1).map(str::to_owned);
    let printed = server.finish().1;
    let lost = printed.lines().find(|line| line.starts_with("lost ")).expect("a report").split(": ").nth(1);
    assert_eq!(lost.map(str::to_owned), dropped, "{printed}");
}

#[test]
fn peers_speak_with_each_other_across_the_cable() {
    let Some(lan) = Lan::new() else { return };
    let peer = |host, arguments: &[&str]| {
        let mut child = lan.netlab(host, arguments).stdin(Stdio::piped()).spawn().expect("a peer");
        let mut talk = BufReader::new(child.stderr.take().expect("its talk"));
        let mut line = String::new();
        talk.read_line(&mut line).expect("a line");
        let input = child.stdin.take().expect("its input");
        (child, input)
    };
    let (mut one, mut to_one) = peer("a", &["serve", "udp-peers", "--host", "10.0.5.1", "--to", "10.0.5.2", "--once"]);
    let (two, mut to_two) = peer("b", &["client", "udp-peers", "--host", "10.0.5.1"]);
    to_two.write_all(b"Hello from two\n").expect("typed");
    let mut heard = String::new();
    let mut printed = BufReader::new(one.stdout.take().expect("its output"));
    printed.read_line(&mut heard).expect("a line");
    assert_eq!(heard, "Hello from two\n");
    to_one.write_all(b"Hello from one\n").expect("typed");
    drop((to_one, to_two));
    assert_eq!(text(&two.wait_with_output().expect("its end").stdout), "Hello from one\n");
    assert_eq!(one.wait().expect("its end").code(), Some(0));
}
