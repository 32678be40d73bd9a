//! `netlab send` against real kernels: in a private network, with a peer that answers as the RFCs say.
//!
//! Needs no root; where this kernel refuses user namespaces, each test says so.

#[path = "../support/mod.rs"]
mod support;

use std::process::{Command, Output, Stdio};

const NETLAB: &str = env!("CARGO_BIN_EXE_netlab");

fn netlab(arguments: &[&str]) -> Output {
    let mut command = Command::new(NETLAB);
    command.env("NETLAB_LANG", "en").arg("send").args(arguments).stdin(Stdio::null());
    command.output().expect("netlab starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sends in a private network: the code and what was printed; `None`, having said why, where there is none.
fn sent(arguments: &str) -> Option<(i32, String)> {
    let words: Vec<&str> = arguments.split(' ').chain(["--private"]).collect();
    let output = netlab(&words);
    let talk = text(&output.stderr);
    if talk.contains("there is no private network") {
        support::skip(talk.lines().next().unwrap_or_default());
        return None;
    }
    let code = output.status.code().unwrap_or(-1);
    Some((code, format!("{}--- {talk}", text(&output.stdout))))
}

/// Asserts the exit code and that each sign stands behind the one before it.
#[track_caller]
fn answers(arguments: &str, code: i32, signs: &[&str]) {
    let Some((ended, told)) = sent(arguments) else { return };
    assert_eq!(ended, code, "{arguments}:\n{told}");
    let mut rest = told.as_str();
    for sign in signs {
        let Some(at) = rest.find(sign) else { panic!("{sign:?} is not, or not in its place, in\n{told}") };
        rest = &rest[at + sign.len()..];
    }
}

#[test]
fn a_closed_port_answers_with_a_reset() {
    answers(
        "tcp 10.0.5.2:81",
        1,
        &["SYN seq 0", "RST,ACK seq 1 ack 1", "refused: 10.0.5.2 answers RST", "nothing listens"],
    );
    answers("tcp [fd00:5::2]:81", 1, &["SYN seq 0", "RST,ACK", "refused: fd00:5::2"]);
}

#[test]
fn an_open_port_agrees_and_the_own_kernel_resets_what_it_does_not_know() {
    let signs = [
        "SYN seq 0",
        "mss 1220",
        "SYN,ACK seq 0 ack 1",
        "10.0.5.1",
        "RST seq 1",
        "open: 10.0.5.2",
        "packet 3 is not netlab's",
    ];
    answers("tcp 10.0.5.2:7 --set tcp.options.mss_val=1220", 0, &signs);
}

#[test]
fn a_segment_of_no_connection_is_reset() {
    answers("tcp 10.0.5.2:7 --set tcp.flags=FIN,ACK", 1, &["FIN", "RST", "refused", "no such connection"]);
    // RFC 9293 §3.5.2: an acknowledgment that belongs to nothing gets a reset even from a listener.
    answers("tcp 10.0.5.2:7 --set tcp.flags=SYN,ACK --set tcp.ack_raw=5", 1, &["SYN,ACK", "RST", "refused"]);
}

#[test]
fn a_datagram_to_a_closed_port_is_unreachable_and_to_an_open_one_comes_back() {
    answers(
        "udp 10.0.5.2:9 --text x",
        1,
        &["port unreachable", "unreachable: 10.0.5.2 says port unreachable (ICMP type 3, code 3)"],
    );
    answers("udp [fd00:5::2]:9", 1, &["unreachable: fd00:5::2 says port unreachable (ICMPv6 type 1, code 4)"]);
    answers(
        "udp 10.0.5.2:7 --text hello",
        0,
        &["len 5 \"hello\"", "10.0.5.2:7", "len 5 \"hello\"", "a datagram of 5 bytes"],
    );
}

#[test]
fn echo_requests_are_answered_one_by_one() {
    let signs =
        ["seq 1", "echo reply", "seq 2", "echo reply", "seq 3", "echo reply", "answered: 10.0.5.2 replies", "3 times"];
    answers("icmp 10.0.5.2 --count 3 --rate 200", 0, &signs);
    answers("icmp fd00:5::2 --ext hop-by-hop --ext destination", 0, &["echo reply", "answered: fd00:5::2"]);
    answers("icmp ::1", 0, &["echo reply", "answered: ::1"]);
}

#[test]
fn fragments_are_put_together_and_delivered_to_a_socket() {
    let text = "b".repeat(100);
    let signs = ["first fragment", "offset 40", "datagram whole", "a datagram of 100 bytes"];
    answers(&format!("udp 10.0.5.2:7 --text {text} --fragment 40"), 0, &signs);
    answers(&format!("udp [fd00:5::2]:7 --text {text} --fragment 40"), 0, &signs);
    // Linux drops the whole datagram where fragments overlap.
    let signs = ["first fragment", "offset 32", "silence", "its fragments overlap"];
    answers(&format!("udp 10.0.5.2:7 --text {text} --fragment 40 --overlap 8 --wait 200ms"), 0, &signs);
}

#[test]
fn what_a_host_drops_is_met_with_silence() {
    answers(
        "icmp 10.0.5.2 --set icmp.checksum=1 --wait 200ms",
        1,
        &["checksum bad", "silence", "icmp.checksum is wrong"],
    );
    answers("tcp 10.0.5.2:7 --set tcp.checksum=0xdead --wait 200ms", 1, &["silence", "tcp.checksum is wrong"]);
    answers("udp 10.0.5.2:7 --vlan 5 --text x --wait 200ms", 0, &["vlan 5", "silence"]);
}

#[test]
fn a_protocol_that_nobody_speaks_is_unreachable() {
    answers(
        "raw 10.0.5.2 --bytes 0102",
        1,
        &["protocol unreachable", "unreachable: 10.0.5.2 says protocol unreachable"],
    );
}

#[test]
fn a_neighbour_is_asked_and_answers_or_not() {
    answers("arp 10.0.5.2", 0, &["who has 10.0.5.2?", "10.0.5.2 is at", "answered: 10.0.5.2 is at"]);
    answers(
        "arp 10.0.5.9 --wait 200ms",
        1,
        &["who has 10.0.5.9?", "silence", "nobody on this network has the address"],
    );
    answers("icmp 10.0.5.9", 1, &["silence: nobody on lan0 has the address 10.0.5.9, says ARP"]);
}

#[test]
fn neighbour_discovery_is_made_by_its_fields() {
    let asked = "icmp fd00:5::2 --set icmpv6.nd.ns.target_address=fd00:5::2";
    answers(asked, 0, &["fd00:5::2", "answered: fd00:5::2 replies (type 136)"]);
    let advertised = "icmp fd00:5::2 --set icmpv6.nd.na.target_address=fd00:5::9 --set icmpv6.nd.na.flag.o=1 --dry-run";
    answers(
        &format!("{advertised} -e icmpv6.type,ipv6.hlim,icmpv6.nd.na.target_address,icmpv6.checksum.status"),
        0,
        &["136\t255\tfd00:5::9\t1"],
    );
}

#[test]
fn what_the_kernel_fills_in_at_layer_3_is_not_what_was_set() {
    let signs = ["SYN", "RST,ACK", "refused: 127.0.0.1", "ip.len is filled in by the kernel"];
    answers("tcp 127.0.0.1:81 --set ip.len=33 --set ip.checksum=1", 1, &signs);
}

#[test]
fn membership_is_told_in_each_version() {
    answers("igmp join 239.1.2.3 -i lan0 --wait 50ms", 0, &["v3 report", "joins 239.1.2.3"]);
    answers("igmp join 239.1.2.3 -i lan0 --version 2 --wait 50ms", 0, &["v2 report"]);
    answers("igmp leave 239.1.2.3 -i lan0 --version 2 --wait 50ms", 0, &["leave"]);
}

#[test]
fn a_member_reports_itself_to_who_asks() {
    let signs = ["v3 query", "239.0.0.7", "10.0.5.2", "v3 report", "answered: 10.0.5.2 reports 239.0.0.7 (IGMPv3)"];
    answers("igmp query 239.0.0.7 -i lan0 --set igmp.max_resp=1", 0, &signs);
    // To a querier of version 2 it answers in version 2 (RFC 9776 §7.2.1).
    answers("igmp query 239.0.0.7 -i lan0 --version 2 --set igmp.max_resp=1", 0, &["v2 query", "v2 report"]);
    answers(
        "igmp query 239.0.0.8 -i lan0 --set igmp.max_resp=1 --wait 300ms",
        1,
        &["v3 query", "silence", "no member"],
    );
    let of_all = ["v3 query", "asks: who is in which group?", "10.0.5.2 reports 239.0.0.7", "the 300 ms that it has"];
    let query = "igmp query -i lan0 --max-response 300ms";
    answers(query, 0, &of_all);
    // A host that chooses the last moment is late by what its clock is coarse: it will not choose it each time.
    let within = || sent(query).is_none_or(|(_, told)| told.contains("within the 300 ms"));
    assert!((0..3).any(|_| within()), "later than it may, three times");
}

#[test]
fn programs_on_loopback_get_what_is_sent_there() {
    // The kernel answers for a socket that is not there: the packet came as far as any.
    answers("tcp 127.0.0.1:81", 1, &["SYN", "RST,ACK", "refused: 127.0.0.1"]);
    answers("udp 127.0.0.1:81 --text x", 1, &["unreachable: 127.0.0.1 says port unreachable"]);
}

#[test]
fn a_captured_packet_is_edited_and_sent() {
    let edited = "--from captures/udp.pcap --packet 1 --set ip.dst=10.0.5.2 --set ip.src=10.0.5.1 --set udp.dstport=7";
    answers(edited, 0, &["10.0.5.1:40005", "Hello world", "10.0.5.2:7", "a datagram of 11 bytes"]);
}

#[test]
fn a_captured_packet_of_a_protocol_that_cannot_be_built_keeps_its_number() {
    answers("--from captures/gre.pcap --packet 1 --dry-run -e ip.proto,gre.proto", 0, &["47\t0x0800"]);
}

#[test]
fn what_the_conversation_before_a_captured_packet_tells_to_be_secret_is_covered() {
    // A letter of a password, typed where Telnet asked for it; here it goes elsewhere.
    let letter = "--from captures/login.pcap --packet 35 --set ip.dst=10.0.5.2 --set tcp.dstport=9";
    for (form, covered) in [("--dry-run -x", "|**"), ("--dry-run", "|**"), ("--wait 100ms", "***")] {
        let Some((_, told)) = sent(&format!("{letter} {form}")) else { return };
        assert!(told.contains(covered) && !told.contains("|74") && !told.contains("\"t\""), "{form}: {told}");
    }
    answers(&format!("{letter} --dry-run -x --show-secrets"), 0, &["|74"]);
    answers(&format!("{letter} --dry-run -x --text hello"), 0, &["|68 65 6c 6c 6f"]);
}

#[test]
fn what_could_harm_others_wants_a_yes() {
    answers("udp 10.0.5.255:7 --text x", 2, &["10.0.5.255 is a broadcast address", "say --yes"]);
    answers("udp 10.0.5.255:7 --text x --yes --wait 200ms", 0, &["→ 10.0.5.255:7", "answered: 10.0.5.2"]);
    answers("udp 10.0.5.2:7 --count 1001", 2, &["1001 packets, more than 1000", "say --yes"]);
    answers("udp 10.0.5.2:7 --duration 60s --rate 100", 2, &["6000 packets, more than 1000"]);
}

#[test]
fn it_ends_after_its_count_and_its_duration() {
    answers("udp 10.0.5.2:7 --count 20 --rate 1000 -e udp.length", 0, &["8\n8\n8\n", "20 times"]);
    answers("udp 10.0.5.2:7 --duration 100ms --rate 50", 0, &["len 0", "answered: 10.0.5.2"]);
}

#[test]
fn mistakes_are_named_with_what_would_do() {
    answers("tcp 10.0.5.2:7 --set ip.ttt=3", 2, &["no field is named \"ip.ttt\"", "ip.ttl"]);
    answers("tcp 10.0.5.2:7 --set ip.ttl=300", 2, &["ip.ttl=300: it takes 0 to 255"]);
    answers("tcp 10.0.5.2", 2, &["to which port?"]);
    answers("igmp join 10.0.0.1", 2, &["10.0.0.1 is no group"]);
    answers("udp 10.0.5.2:7 --fragment 12", 2, &["multiples of 8 bytes"]);
    let long = format!("udp 10.0.5.2:7 --text {}", "z".repeat(2000));
    answers(&long, 2, &["the link takes IP packets of 1500 bytes: divide it with --fragment 1480"]);
    answers(
        "icmp 10.0.5.2 --set icmp.mtu=9 --set icmp.code=4",
        0,
        &["icmp.mtu is set, but who reads the packet finds no such field"],
    );
    answers("--from captures/udp.pcap --packet 99", 2, &["there is no packet 99"]);
}
