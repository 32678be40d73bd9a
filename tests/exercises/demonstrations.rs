//! The demonstrations of the exercises over UDP: each shows its lesson, and its packets have the story of the recorded
//! ones.

use std::path::PathBuf;

use crate::programs::*;
use crate::support;

/// A packet of a story: who to whom, what of ICMP and IGMP, and the data. Ports that the system chose are `*`.
type Told = Vec<String>;

/// The story of a capture, packet by packet.
fn story(capture: &str) -> Vec<Told> {
    const FIELDS: &str =
        "ip.src,ip.dst,icmp.type,igmp.type,igmp.maddr,igmp.record_type,udp.srcport,udp.dstport,udp.payload";
    let output = netlab(&["read", capture, "-e", FIELDS]).output().expect("netlab read");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let chosen = |field: &str| field.parse().is_ok_and(|port: u32| (32_768..65_536).contains(&port));
    let row = |line: &str| line.split('\t').map(|field| if chosen(field) { "*" } else { field }.to_owned()).collect();
    text(&output.stdout).lines().map(row).collect()
}

/// What a fresh demonstration shows, and its story beside the recorded one; `None`, having said why, where this kernel
/// has no private network for us.
fn demonstrated(name: &str) -> Option<(String, [Vec<Told>; 2])> {
    let written: PathBuf = [env!("CARGO_TARGET_TMPDIR"), &format!("demo-{name}.pcapng")].iter().collect();
    let written = written.to_str().expect("a plain path");
    let output = netlab(&["demo", name, "--lang", "en", "-w", written]).output().expect("netlab demo");
    let talk = text(&output.stderr);
    if talk.contains("recorded exchange") {
        support::skip(talk.lines().next().unwrap_or_default());
        return None;
    }
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let recorded = format!("{}/captures/{name}.pcapng", env!("CARGO_MANIFEST_DIR"));
    Some((text(&output.stdout), [story(written), story(&recorded)]))
}

/// Where each of `signs` stands, each behind the one before it.
#[track_caller]
fn in_order(told: &str, signs: &[&str]) {
    let mut rest = told;
    for sign in signs {
        let at = rest.find(sign).unwrap_or_else(|| panic!("{sign:?} is not, or not in its place, in\n{told}"));
        rest = &rest[at + sign.len()..];
    }
}

#[test]
fn udp_server_shows_the_datagram_that_is_cut_and_the_port_that_nobody_has() {
    let Some((shown, [fresh, recorded])) = demonstrated("udp-server") else { return };
    assert_eq!(fresh, recorded);
    assert_eq!(fresh.len(), 4, "three datagrams and an ICMP message");
    in_order(
        &shown,
        &[
            "len 11 \"Hello world\"",
            "(b'Hello world', ('127.0.0.1', ",
            "len 40",
            "(b'0123456789abcdef', ('127.0.0.1', ",
        ],
    );
    in_order(&shown, &["truncated: 16 of 40 bytes", "ICMP port unreachable"]);
}

#[test]
fn udp_messages_shows_two_senders_at_one_socket() {
    let Some((shown, [fresh, recorded])) = demonstrated("udp-messages") else { return };
    assert_eq!(fresh, recorded);
    in_order(&shown, &["received message: b'Hello, World!'", "received message: b'Hi from Ben'"]);
}

#[test]
fn udp_reply_shows_four_datagrams_between_two_ports() {
    let Some((shown, [fresh, recorded])) = demonstrated("udp-reply") else { return };
    assert_eq!(fresh, recorded);
    assert_eq!(fresh.len(), 4);
    in_order(&shown, &["\"Hello\"", "\"Hello from me also\"", "\"Hello again\"", "\"Woow..we speak on the edge\""]);
}

#[test]
fn udp_loss_shows_what_was_dropped_doubled_and_overtaken() {
    let Some((shown, [fresh, recorded])) = demonstrated("udp-loss") else { return };
    assert_eq!(fresh, recorded);
    in_order(&shown, &["7 came late, overtaken by 3", "17 came again", "dropped 3: 6, 8, 24", "lost 2 (8.7 %): 6, 8"]);
}

#[test]
fn udp_peers_shows_two_ports_a_peer_and_then_one() {
    let Some((shown, [fresh, recorded])) = demonstrated("udp-peers") else { return };
    assert_eq!(fresh, recorded);
    in_order(
        &shown,
        &["→8005 len 17", "→8006 len 17", "--same-port", "peer 1 127.0.0.1:8005", "127.0.0.2:8006 peer 2"],
    );
}

#[test]
fn multicast_shows_the_report_of_239_and_none_of_224_0_0_1() {
    let Some((shown, stories)) = demonstrated("multicast") else { return };
    // Each report is sent again within a second, or is part of the next one.
    let [fresh, recorded] = stories.map(|mut story| {
        story.dedup();
        story
    });
    assert_eq!(fresh, recorded);
    let groups: Vec<&str> = fresh.iter().map(|packet| packet[1].as_str()).collect();
    assert_eq!(groups, ["224.0.0.1", "224.0.0.22", "239.1.2.3", "224.0.0.22"]);
    in_order(&shown, &["no IGMP report", "Hey all!", "joins 239.1.2.3", "Hey all!", "leaves 239.1.2.3"]);
}

#[test]
fn names_shows_that_only_what_no_file_has_is_asked_for() {
    let Some((shown, stories)) = demonstrated("names") else { return };
    in_order(&shown, &["SOCK_STREAM  tcp  ('127.0.0.1', 80)", "0 packets", "www.example.net, http", "→53"]);
    // How often it asks again is up to the resolver, and so is the number that each question opens with.
    let [fresh, recorded] = stories.map(|story| {
        let questions = story.iter().filter(|packet| packet[2].is_empty());
        let mut questions: Vec<String> = questions.map(|packet| packet[8].replace(':', "")[4..].to_owned()).collect();
        questions.sort();
        questions.dedup();
        questions
    });
    assert_eq!(fresh, recorded);
    assert_eq!(fresh.len(), 2, "A and AAAA");
}

#[test]
fn buffers_shows_a_window_that_closes_where_the_receive_buffer_is_small() {
    let name = "buffers";
    let Some((shown, _)) = demonstrated(name) else { return };
    in_order(&shown, &["window up to", "4 KiB", "receiver's buffer is full", "window up to 4096 bytes"]);
    // Which segments there are is a matter of moments; how much is carried, and the windows, are not.
    let story = |capture: &str| {
        let fields = "tcp.stream,tcp.srcport,tcp.len,tcp.window_size,tcp.seq";
        let output = netlab(&["read", capture, "-e", fields]).output().expect("netlab read");
        let mut story = [(0, false, false); 2];
        for line in text(&output.stdout).lines() {
            let row: Vec<u64> = line.split('\t').map(|field| field.parse().unwrap_or_default()).collect();
            let (bytes, large, closed) = &mut story[row[0] as usize];
            if row[2] > 0 {
                *bytes = row[4] + row[2] - 1;
            }
            *large |= row[1] == 8005 && row[3] > 8_192;
            *closed |= row[1] == 8005 && row[3] == 0;
        }
        story
    };
    let written = format!("{}/demo-{name}.pcapng", env!("CARGO_TARGET_TMPDIR"));
    let recorded = format!("{}/captures/{name}.pcapng", env!("CARGO_MANIFEST_DIR"));
    let fresh = story(&written);
    assert_eq!(fresh, [(16_384, true, false), (16_384, false, true)]);
    assert_eq!(fresh, story(&recorded));
}

#[test]
fn heartbeat_shows_a_killed_peer_as_late_then_lost() {
    let Some((shown, stories)) = demonstrated("heartbeat") else { return };
    in_order(&shown, &["alive: 127.0.0.1:8005", "late: 127.0.0.1:8005", "lost: 127.0.0.1:8005"]);
    // How many beats there are, and in which order those of two programs come, is a matter of moments: the story is what
    // each end said first, and that its last words are of ICMP.
    let [fresh, recorded] = stories.map(|story| {
        let ends = |from_server: bool| {
            let said: Vec<String> = story
                .iter()
                .filter(|packet| (packet[6] == "8005" || packet[2] == "3") == from_server)
                .map(|packet| if packet[2] == "3" { "unreachable".to_owned() } else { packet[8].clone() })
                .collect();
            (said.first().cloned(), said.last().map(|last| last == "unreachable"))
        };
        (ends(false), ends(true))
    });
    assert_eq!(fresh, recorded);
    assert_eq!(fresh.1.1, Some(true), "the server's host was not heard after the kill");
}
