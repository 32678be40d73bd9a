//! `netlab nat correlate` finds the translation table that the kernel's connection tracking had.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

fn correlate(inside: &str, outside: &str) -> (Option<i32>, Vec<Value>) {
    let output = Command::new(env!("CARGO_BIN_EXE_netlab"))
        .args(["nat", "correlate", "--json"])
        .args([capture(inside), capture(outside)])
        .output()
        .expect("netlab starts");
    let lines = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    (output.status.code(), lines.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect())
}

/// A row: protocol, inside, outside and remote endpoint.
type Row = [String; 4];

/// The entries that conntrack tells of as new: the original tuple, and where the answers go.
fn tracked(text: &str) -> Vec<Row> {
    let new = text.lines().filter(|line| line.contains("[NEW]"));
    new.map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let protocol = words.iter().find(|word| ["tcp", "udp", "icmp"].contains(word)).expect("a protocol");
        let all = |key: &str| -> Vec<&str> { words.iter().filter_map(|word| word.strip_prefix(key)).collect() };
        let (sources, destinations) = (all("src="), all("dst="));
        // An echo has an identifier instead of ports: the asking side's.
        let (from, to) =
            if *protocol == "icmp" { (all("id="), vec!["0", "0"]) } else { (all("sport="), all("dport=")) };
        let outside = if *protocol == "icmp" { from[1] } else { to[1] };
        [
            (*protocol).to_owned(),
            format!("{}:{}", sources[0], from[0]),
            format!("{}:{outside}", destinations[1]),
            format!("{}:{}", destinations[0], to[0]),
        ]
    })
    .collect()
}

#[test]
fn the_table_is_that_of_the_connection_tracking() {
    let (code, objects) = correlate("nat-inside.pcap", "nat-outside.pcap");
    assert_eq!(code, Some(0));
    let text = |object: &Value, key: &str| object[key].as_str().unwrap_or_default().to_owned();
    let bindings = objects.iter().filter(|object| object["kind"] == "binding");
    let found: Vec<Row> =
        bindings.map(|binding| ["protocol", "inside", "outside", "remote"].map(|key| text(binding, key))).collect();
    let truth = tracked(&std::fs::read_to_string(capture("nat-conntrack.txt")).expect("what conntrack said"));
    assert_eq!(found.len(), truth.len(), "{found:#?}");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), truth.into_iter().collect::<BTreeSet<_>>());
}

#[test]
fn what_was_not_let_in_has_its_reason() {
    let (_, objects) = correlate("nat-inside.pcap", "nat-outside.pcap");
    let refused: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "not let in").collect();
    let why: Vec<&str> = refused.iter().filter_map(|refusal| refusal["why"].as_str()).collect();
    assert!(
        matches!(why.as_slice(), [stranger, late] if stranger.starts_with("filtered") && late.starts_with("binding gone")),
        "{why:?}"
    );
}

#[test]
fn two_captures_with_nothing_in_common_are_no() {
    let (code, objects) = correlate("sync.pcapng", "udp.pcap");
    assert_eq!((code, objects.len()), (Some(1), 1));
}
