//! What Wireshark says of built packets: no fault in those made right, and the fault that was made on purpose.

use std::process::Command;

use crate::wire::build::membership::{Says, igmp};
use crate::wire::build::*;
use Protocol::{Arp, DestinationOptions, Ethernet, HopByHop, Icmp, Icmpv6, Ipv4, Ipv6, Tcp, Udp, Vlan};

/// A capture file of Ethernet frames (pcap-savefile(5)).
fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, 1] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames {
        let length = frame.len() as u32;
        for word in [0, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// For each frame: the values of these fields, joined by `|`. `None` where tshark is not installed.
fn ask(name: &str, frames: &[Vec<u8>], fields: &[&str]) -> Option<Vec<String>> {
    let path = std::env::temp_dir().join(format!("netlab-build-{name}-{}.pcap", std::process::id()));
    std::fs::write(&path, capture(frames)).unwrap();
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(&path).args(["-T", "fields", "-E", "separator=|"]);
    for checked in ["ip", "tcp", "udp"] {
        command.args(["-o", &format!("{checked}.check_checksum:TRUE")]);
    }
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output();
    std::fs::remove_file(&path).unwrap();
    match output {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()),
        Err(_) => {
            crate::support::skip("tshark is not installed");
            None
        }
    }
}

fn recipe(stack: &[Protocol], set: &[(&str, &str)]) -> Vec<u8> {
    let mut recipe = Recipe::new(stack).unwrap();
    let ends = [
        ("eth.src", "02:00:00:00:00:01"),
        ("eth.dst", "02:00:00:00:00:02"),
        ("ip.src", "10.0.0.1"),
        ("ip.dst", "10.0.0.2"),
        ("ipv6.src", "fd00::1"),
        ("ipv6.dst", "fd00::2"),
        ("tcp.srcport", "40000"),
        ("tcp.dstport", "4000"),
        ("udp.srcport", "40000"),
        ("udp.dstport", "4000"),
        ("arp.src.hw_mac", "02:00:00:00:00:01"),
    ];
    for (name, value) in ends {
        let _ = recipe.fill(name, value);
    }
    if matches!(stack.last(), Some(Udp | Icmp | Icmpv6)) {
        recipe.payload(b"hello, wire".to_vec());
    }
    for (name, value) in set {
        recipe.set(name, value).unwrap_or_else(|error| panic!("{error}"));
    }
    recipe.build().unwrap().bytes
}

#[test]
fn tshark_finds_no_fault_in_packets_that_are_right() {
    let mut frames = vec![
        recipe(&[Ethernet, Ipv4, Udp], &[]),
        recipe(&[Ethernet, Vlan, Ipv4, Udp], &[("vlan.id", "7")]),
        recipe(&[Ethernet, Ipv6, Udp], &[]),
        recipe(&[Ethernet, Ipv4, Icmp], &[("icmp.ident", "7"), ("icmp.seq", "1")]),
        recipe(&[Ethernet, Ipv6, Icmpv6], &[("icmpv6.echo.identifier", "7")]),
        recipe(&[Ethernet, Ipv6, HopByHop, DestinationOptions, Udp], &[]),
        recipe(&[Ethernet, Arp], &[("arp.src.proto_ipv4", "10.0.0.1"), ("arp.dst.proto_ipv4", "10.0.0.2")]),
    ];
    for (says, version) in [(Says::Join, 1), (Says::Join, 2), (Says::Join, 3), (Says::Leave, 2), (Says::Query, 3)] {
        let mut frame = Recipe::new(&[Ethernet]).unwrap();
        frame.fill("eth.dst", "01:00:5e:01:02:03").unwrap();
        let mut packet = igmp(
            says,
            version,
            "239.1.2.3".parse().unwrap(),
            &["10.0.0.9".parse().unwrap()][..usize::from(version == 3)],
        )
        .unwrap();
        packet.wrap(frame);
        frames.push(packet.build().unwrap().bytes);
    }
    // Of TCP, tshark tells each SYN and RST as a thing worth knowing: an ordinary segment has nothing of that kind.
    frames.push(recipe(&[Ethernet, Ipv4, Tcp], &[("tcp.flags", "ACK"), ("tcp.seq_raw", "1"), ("tcp.ack_raw", "1")]));
    frames.push(recipe(&[Ethernet, Ipv6, Tcp], &[("tcp.flags", "ACK"), ("tcp.ack_raw", "1"), ("tcp.payload", "6869")]));
    let Some(said) = ask("right", &frames, &["frame.protocols", "_ws.expert.message", "_ws.malformed"]) else { return };
    assert_eq!(said.len(), frames.len(), "{said:?}");
    for (line, frame) in said.iter().zip(&frames) {
        let faults = line.split_once('|').unwrap().1.replace("No response seen to ICMP request", "");
        let faults = faults.replace("No response seen to ICMPv6 request", "");
        assert_eq!(faults.trim_matches(['|', ',']), "", "{line}: {frame:02x?}");
    }
}

/// The layers, what is set in them, and what tshark says of it.
type Fault = (&'static [Protocol], &'static [(&'static str, &'static str)], &'static str);

#[test]
fn tshark_names_the_fault_that_was_made() {
    let rows: [Fault; 12] = [
        (&[Ethernet, Ipv4, Tcp], &[("tcp.checksum", "0xdead"), ("tcp.flags", "ACK")], "tcp.checksum.status=0"),
        (&[Ethernet, Ipv6, Tcp], &[("tcp.checksum", "0xdead"), ("tcp.flags", "ACK")], "tcp.checksum.status=0"),
        (&[Ethernet, Ipv4, Udp], &[("udp.checksum", "1")], "udp.checksum.status=0"),
        (&[Ethernet, Ipv4, Udp], &[("udp.checksum", "0")], "udp.checksum.status=3"),
        (&[Ethernet, Ipv4, Icmp], &[("icmp.checksum", "1")], "icmp.checksum.status=0"),
        (&[Ethernet, Ipv6, Icmpv6], &[("icmpv6.checksum", "1")], "icmpv6.checksum.status=0"),
        (&[Ethernet, Ipv4, Udp], &[("ip.checksum", "0xdead")], "ip.checksum.status=0"),
        (&[Ethernet, Ipv4, Udp], &[("ip.len", "1000")], "exceeds"),
        (&[Ethernet, Ipv4, Udp], &[("ip.hdr_len", "16")], "Bogus IP header length"),
        (&[Ethernet, Ipv4, Udp], &[("udp.length", "4")], "Bad length value 4"),
        (&[Ethernet, Ipv4, Tcp], &[("tcp.hdr_len", "16")], "Bogus TCP header length"),
        (&[Ethernet, Ipv4, Udp], &[("ip.version", "5")], "ogus"),
    ];
    let statuses = ["ip", "tcp", "udp", "icmp", "icmpv6"].map(|protocol| format!("{protocol}.checksum.status"));
    let mut fields: Vec<&str> = statuses.iter().map(String::as_str).collect();
    fields.extend(["_ws.expert.message", "_ws.col.Info"]);
    let frames: Vec<_> = rows.iter().map(|(stack, set, _)| recipe(stack, set)).collect();
    let Some(said) = ask("wrong", &frames, &fields) else { return };
    assert_eq!(said.len(), rows.len(), "{said:?}");
    for ((_, set, fault), line) in rows.iter().zip(&said) {
        let values: Vec<&str> = line.split('|').collect();
        let named = match fault.split_once('=') {
            Some((field, value)) => {
                let at = fields.iter().position(|known| known == &field).unwrap();
                values[at].split(',').next() == Some(value)
            }
            None => line.contains(fault),
        };
        assert!(named, "{set:?}: {fault} is not in {line}");
    }
}
