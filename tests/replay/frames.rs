//! Frames put onto a cable, and what the other end of it captures.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use netlab::frame::Source;

use crate::network::{self, Network, wait_for};
use crate::support;

/// Two hosts with a cable, and nothing of IPv6 that talks by itself.
fn cable() -> Option<Network> {
    let quiet = "for name in all default eth0; do echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; done";
    network::hosts(&["left", "right"])
        .cable(["left", "eth0"], ["right", "eth0"])
        .try_sh("left", quiet)
        .try_sh("right", quiet)
        .sh("left", "ip link set eth0 arp off")
        .sh("right", "ip link set eth0 arp off promisc on")
        .up("right", "eth0", &[])
        .up("left", "eth0", &["10.0.9.1/24"])
        .start()
}

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

/// The frames of a file.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let mut source = netlab::io::file::open(path).unwrap();
    let mut frames = Vec::new();
    while source.advance().unwrap().is_some() {
        frames.push(source.frame().data.to_vec());
    }
    frames
}

/// Replays a file on `left` and gives what `right` captures: that many frames.
fn replayed(network: &Network, file: &Path, arguments: &[&str], count: usize) -> (Output, PathBuf) {
    let name = format!("replay-{}-{:?}.pcap", std::process::id(), std::thread::current().id());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let count = count.to_string();
    let arguments_of_capture =
        ["capture", "-i", "eth0", "--ready", "-c", &count, "--duration", "20s", "-w", out.to_str().unwrap()];
    let mut capturing = network.netlab("right", &arguments_of_capture).spawn().unwrap();
    let mut talk = std::io::BufReader::new(capturing.stderr.take().unwrap());
    wait_for("READY", &mut talk);
    let mut all = vec!["replay", file.to_str().unwrap(), "-i", "eth0", "--yes"];
    all.extend(arguments);
    let output = network.netlab("left", &all).output().unwrap();
    if output.status.success() {
        assert!(capturing.wait().unwrap().success());
    } else {
        let _ = capturing.kill();
        let _ = capturing.wait();
    }
    (output, out)
}

fn text(output: &Output) -> String {
    format!("{}--- {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const ETHERNET: [&str; 7] =
    ["udp.pcap", "fragments.pcap", "vlan.pcap", "igmp-v3.pcap", "arp.pcap", "port-unreachable.pcap", "mld-v2.pcap"];

#[test]
fn frames_arrive_as_they_were_captured_at_any_speed() {
    let Some(network) = cable() else { return };
    for (number, name) in ETHERNET.iter().enumerate() {
        let file = capture(name);
        let wanted = frames(&file);
        let speed = ["100x", "top"][number % 2];
        let (output, out) = replayed(&network, &file, &["--speed", speed, "--quiet"], wanted.len());
        assert!(output.status.success(), "{name}: {}", text(&output));
        let got = frames(&out);
        assert_eq!(got.len(), wanted.len(), "{name}: {}", text(&output));
        for (number, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
            assert_eq!(got, wanted, "{name}, packet {}", number + 1);
        }
        let said = text(&output);
        assert!(said.contains(&format!("sent {} packet", wanted.len())), "{said}");
    }
}

/// Whether tshark finds something in a file that this filter names; `None` where there is no tshark.
fn tshark(file: &Path, filter: &str) -> Option<String> {
    let checks = ["ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-Y", filter]);
    for check in checks {
        command.args(["-o", &format!("{check}:TRUE")]);
    }
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

const BAD: &str = "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || \
                   icmp.checksum.status == 0 || icmpv6.checksum.status == 0 || igmp.checksum.status == 0";

#[test]
fn what_is_mapped_arrives_mapped_and_no_checksum_is_wrong() {
    let Some(network) = cable() else { return };
    let rows: [(&str, &[&str], &str, &str); 4] = [
        (
            "port-unreachable.pcap",
            &["--map", "10.0.5.1=192.168.1.5", "--map", "10.0.5.2=172.16.0.9", "--map", "9876=99"],
            "ip.addr == 10.0.5.0/24 || udp.port == 9876",
            "ip.addr == 172.16.0.9",
        ),
        (
            "fragments.pcap",
            &["--map", "10.0.5.1=192.168.1.5", "--map", "10.0.5.2=172.16.0.9"],
            "ip.addr == 10.0.5.0/24",
            "ip.frag_offset > 0 && ip.addr == 192.168.1.5",
        ),
        ("vlan.pcap", &["--vlan", "77"], "vlan.id != 77", "vlan.id == 77"),
        (
            "ack.pcapng",
            &[
                "--map",
                "127.0.0.1=192.168.1.5",
                "--map",
                "9898=1234",
                "--fill-checksums",
                "--dst-mac",
                "02:00:00:00:00:09",
            ],
            "ip.addr == 127.0.0.1 || tcp.port == 9898",
            "tcp.port == 1234 && eth.dst == 02:00:00:00:00:09",
        ),
    ];
    for (name, arguments, never, always) in rows {
        let file = capture(name);
        let count = frames(&file).len();
        let arguments = [arguments, &["--speed", "top"]].concat();
        let (output, out) = replayed(&network, &file, &arguments, count);
        assert!(output.status.success(), "{name}: {}", text(&output));
        let Some(bad) = tshark(&out, BAD) else { return support::skip("no tshark") };
        assert_eq!(bad, "", "{name}: bad checksums");
        assert_eq!(tshark(&out, never).unwrap(), "", "{name}: not mapped");
        assert!(!tshark(&out, always).unwrap().is_empty(), "{name}: {always}");
    }
}

#[test]
fn gaps_are_kept_rounds_follow_and_the_end_is_told() {
    let Some(network) = cable() else { return };
    let file = capture("ping.pcap");
    let (output, out) = replayed(&network, &file, &["--speed", "4x", "--loop", "2", "--quiet"], 14);
    let said = text(&output);
    assert!(said.contains("sent 14 packets") && said.contains("gaps between packets: off by"), "{said}");
    let mut source = netlab::io::file::open(&out).unwrap();
    let mut times = Vec::new();
    while let Some(time) = source.advance().unwrap() {
        times.push(time);
    }
    let spread = times.last().unwrap().since(times[0]);
    // Twice 0.65 s, four times as fast; however busy the machine is, never faster than that.
    assert!(spread > 300_000_000, "{spread} ns");
}

#[test]
fn counts_rates_and_durations_end_it() {
    let Some(network) = cable() else { return };
    let file = capture("udp.pcap");
    let run = |arguments: &[&str]| {
        let all = [&["replay", file.to_str().unwrap(), "-i", "eth0", "--yes", "-q"], arguments].concat();
        text(&network.netlab("left", &all).output().unwrap())
    };
    let said = run(&["-c", "1"]);
    assert!(said.contains("sent 1 packet,"), "{said}");
    let said = run(&["--loop", "500", "--rate", "1000", "--duration", "50ms"]);
    let sent: u64 = said.split(' ').nth(1).unwrap().parse().unwrap();
    assert!((1..=60).contains(&sent), "{said}");
    let said = run(&["--loop", "3", "-c", "4", "--speed", "top"]);
    assert!(said.contains("sent 4 packets"), "{said}");
}

#[test]
fn what_cannot_be_sent_is_refused_with_its_number() {
    let Some(network) = cable() else { return };
    let run = |name: &str, arguments: &[&str]| {
        let file = capture(name);
        let all = [&["replay", file.to_str().unwrap(), "-i", "eth0", "-q", "--speed", "top"], arguments].concat();
        let output = network.netlab("left", &all).output().unwrap();
        (output.status.code(), text(&output).split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let (code, said) = run("tso.pcap", &["--yes"]);
    assert!(said.contains("too long for eth0, whose MTU is 1500"), "{code:?} {said}");
    let (_, said) = run("snaplen.pcap", &["--yes"]);
    assert!(said.contains("of which the capture did not keep all bytes"), "{said}");
    // No header can be made where nobody is known to have the address.
    let (code, said) = run("raw-ip.pcap", &["--yes"]);
    assert!(said.contains("to 10.0.9.2: nobody on eth0 answers") && said.contains("--dst-mac"), "{code:?} {said}");
    let (code, said) = run("raw-ip.pcap", &["--yes", "--dst-mac", "02:00:00:00:00:07"]);
    assert!(code == Some(0) && said.contains("sent"), "{code:?} {said}");
}

#[test]
fn what_others_may_mind_wants_a_yes() {
    let Some(network) = cable() else { return };
    let run = |arguments: &[&str]| {
        let file = capture("udp.pcap");
        let all = [&["replay", file.to_str().unwrap(), "-i", "eth0", "-q"], arguments].concat();
        let output = network.netlab("left", &all).output().unwrap();
        (output.status.code(), text(&output))
    };
    let (code, said) = run(&[]);
    assert!(code == Some(2) && said.contains("say --yes"), "{said}");
    let far = ["--map", "127.0.0.1=10.0.9.2", "--map", "10.0.5.1=10.0.9.1", "--map", "10.0.5.2=10.0.9.2"];
    let (code, said) = run(&far);
    assert!(code == Some(0), "{said}");
    let (code, said) = run(&[&far[..], &["--loop", "1000"]].concat());
    assert!(code == Some(2) && said.contains("more than 1000"), "{said}");
}

#[test]
fn a_private_network_answers_without_root() {
    let file = capture("ping.pcap");
    let arguments = ["replay", file.to_str().unwrap(), "--private", "--dst-mac", "10.0.5.2", "--speed", "20x", "--yes"];
    let maps = ["--map", "10.0.0.1=10.0.5.1", "--map", "10.0.0.2=10.0.5.2"];
    let output = Command::new(network::NETLAB).args(arguments).args(maps).output().unwrap();
    let said = text(&output);
    if said.contains("there is no private network") {
        return support::skip(&said);
    }
    assert!(output.status.success(), "{said}");
    // Each request is shown with the reply that was captured, and the peer's own.
    let replies = said.lines().filter(|line| line.contains("echo reply id 25888 seq 1")).count();
    assert_eq!(replies, 2, "{said}");
}
