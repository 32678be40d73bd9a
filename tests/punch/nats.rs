//! Behind the NATs of labs, as an ordinary user; the whole matrix is the engine's own test.

use std::process::Stdio;

use serde_json::json;

use super::lab::{Lab, User};
use super::*;

const SERVER: &str = "203.0.113.10";

fn lab(by: &str, a: &str, b: &str) -> Option<(Lab, Running)> {
    let (a, b) = (format!("nat-a={a}"), format!("nat-b={b}"));
    started(&["two-nats", "--by", by, "--nat", &a, "--nat", &b])
}

fn started(arguments: &[&str]) -> Option<(Lab, Running)> {
    let lab = Lab::up(User::Ordinary, arguments)?;
    let (server, _) = rendezvous(lab.netlab("srv", &["serve", "rendezvous", "--any", "--word", WORD]));
    Some((lab, server))
}

fn peer(lab: &Lab, host: &str, more: &[&str]) -> Command {
    named_peer(lab, host, "lesson", more)
}

fn named_peer(lab: &Lab, host: &str, name: &str, more: &[&str]) -> Command {
    let arguments = ["nat", "punch", name, "--via", SERVER, "--word", WORD, "--json"];
    let mut command = lab.netlab(host, &[&arguments, more].concat());
    command.stdin(Stdio::null());
    command
}

/// What `netlab nat predict` says of two kinds of NAT.
fn predicted(a: &str, b: &str) -> bool {
    let folder = std::env::temp_dir().join(format!("netlab-punch-{}-{a}-{b}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let side = |name: &str, kind: &str| {
        let (near, far) = ("endpoint-independent", "address-and-port-dependent");
        let (mapping, filtering) = match kind {
            "full-cone" => (near, near),
            "address-restricted" => (near, "address-dependent"),
            "port-restricted" => (near, far),
            _ => (far, far),
        };
        let path = folder.join(name);
        let report = json!({"mapping": mapping, "filtering": filtering, "hairpin": null, "external": null});
        std::fs::write(&path, report.to_string()).unwrap();
        path
    };
    let output = Command::new(NETLAB).args(["nat", "predict", "--json"]).arg(side("a", a)).arg(side("b", b)).output();
    std::fs::remove_dir_all(&folder).unwrap();
    let told: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    told["works"].as_bool().unwrap()
}

/// Each pair, by all of the transports, does what was predicted; a pair that cannot is relayed.
fn pair(by: &str, a: &str, b: &str, transports: &[&[&str]]) {
    let Some((lab, _server)) = lab(by, a, b) else { return };
    let path = if predicted(a, b) { "direct" } else { "relay" };
    for transport in transports {
        let more = [&["--once", "--patience", "1s", "--for", "30s"], *transport].concat();
        let outputs = both([peer(&lab, "a1", &more), peer(&lab, "b1", &more)]);
        for (side, output) in outputs.iter().enumerate() {
            let verdict = verdict(output);
            assert_eq!(verdict["path"], path, "{a} and {b} by {by}, side {side}: {verdict:#}");
            assert_eq!(output.status.code(), Some(0));
            let from = ["203.0.113.1:", "203.0.113.2:"];
            assert!(verdict["outside"].as_str().unwrap().starts_with(from[side]), "{verdict:#}");
            if path == "relay" {
                assert!(verdict["why"][0].as_str().unwrap().starts_with("Nothing came"), "{verdict:#}");
                continue;
            }
            assert!(verdict["address"].as_str().unwrap().starts_with(from[1 - side]), "{verdict:#}");
            // A symmetric NAT's peer is found where its packets come from.
            let origin = if [a, b][1 - side] == "symmetric" { "seen" } else { "outside" };
            assert_eq!(verdict["origin"], origin, "{verdict:#}");
        }
    }
}

const UDP: &[&str] = &[];
/// Simultaneous open.
const TCP: &[&str] = &["--tcp"];

#[test]
fn crosses_the_nats_of_nft_as_predicted() {
    pair("nft", "port-restricted", "port-restricted", &[UDP, TCP]);
    pair("nft", "full-cone", "symmetric", &[UDP]);
    pair("nft", "port-restricted", "symmetric", &[UDP]);
}

#[test]
fn crosses_the_nats_of_netlab_as_predicted() {
    pair("netlab", "address-restricted", "symmetric", &[UDP, TCP]);
    pair("netlab", "symmetric", "symmetric", &[UDP]);
}

#[test]
fn talks_by_the_relay_or_not_at_all() {
    let Some((lab, _server)) = lab("netlab", "port-restricted", "symmetric") else { return };
    let mut listens = peer(&lab, "b1", &["--patience", "500ms"]).spawn().unwrap();
    let mut says = peer(&lab, "a1", &["--patience", "500ms", "--once"]).stdin(Stdio::piped()).spawn().unwrap();
    says.stdin.take().unwrap().write_all(b"hello\n").unwrap();
    let mut said = BufReader::new(listens.stdout.take().unwrap());
    assert_eq!(until(&mut said, "said")["line"], "hello");
    let output = says.wait_with_output().unwrap();
    assert_eq!((verdict(&output)["path"].as_str(), output.status.code()), (Some("relay"), Some(0)));
    let _ = (listens.kill(), listens.wait());

    // Under another name: who was killed is not forgotten yet.
    let peers = ["a1", "b1"].map(|host| named_peer(&lab, host, "other", &["--patience", "500ms", "--no-relay"]));
    for output in both(peers) {
        assert_eq!((verdict(&output)["path"].as_str(), output.status.code()), (Some("none"), Some(1)));
    }
}

#[test]
fn sees_that_the_other_one_comes_from_another_port() {
    let lab = started(&["two-nats", "--by", "netlab", "--nat", "nat-a=symmetric", "--udp-timeout", "nat-a=1s"]);
    let Some((lab, _server)) = lab else { return };
    let mut sees = peer(&lab, "x", &["--every", "1m"]).spawn().unwrap();
    let mut moves = peer(&lab, "a1", &["--every", "1500ms"]).spawn().unwrap();
    let (mut at_x, mut at_a) =
        (BufReader::new(sees.stdout.take().unwrap()), BufReader::new(moves.stdout.take().unwrap()));
    let reached = until(&mut at_x, "reached");
    let moved = until(&mut at_x, "other-moved");
    assert_eq!(moved["from"], reached["address"]);
    assert_ne!(moved["to"], moved["from"]);
    assert_eq!(until(&mut at_a, "moved")["says"], "other");
    for child in [&mut sees, &mut moves] {
        let _ = (child.kill(), child.wait());
    }
}
