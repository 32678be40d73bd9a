//! What Wireshark says of built packets: no fault in those made right, and the fault that was made on purpose.

use std::process::Command;

use crate::wire::build::membership::{Says, igmp, mld};
use crate::wire::build::*;
use Protocol::{
    Arp, DestinationOptions, Ethernet, Fragment, HopByHop, Icmp, Icmpv6, Igmp, Ipv4, Ipv6, Routing, ServiceTag, Tcp,
    Udp, Vlan,
};

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
    frames.extend([
        recipe(&[Ethernet, ServiceTag, Vlan, Ipv4, Udp], &[("ieee8021ad.id", "3"), ("vlan.id", "7")]),
        recipe(&[Ethernet, Ipv6, Routing, Udp], &[]),
        recipe(&[Ethernet, Ipv6, Fragment, Udp], &[("ipv6.fraghdr.ident", "7")]),
        recipe(&[Ethernet, Ipv4, Ipv4, Udp], &[("ip.src#2", "10.1.0.1"), ("ip.dst#2", "10.1.0.2")]),
    ]);
    for kind in 133..=137 {
        let mut message = Recipe::new(&[Ipv6, Icmpv6]).unwrap();
        message.push_discovery(kind).unwrap();
        message.fill("ipv6.dst", "fe80::2").unwrap();
        frames.push(framed(message, "02:00:00:00:00:02"));
    }
    let mut divided = Recipe::new(&[Ethernet, Ipv4, Udp]).unwrap();
    for (name, value) in [("ip.src", "10.0.0.1"), ("ip.dst", "10.0.0.2"), ("ip.id", "77"), ("udp.dstport", "4000")] {
        divided.fill(name, value).unwrap();
    }
    divided.payload(vec![b'x'; 100]);
    frames.extend(fragments::divide(&divided.build().unwrap(), 40, 0, 7).unwrap());
    // Of TCP, tshark tells each SYN and RST as a thing worth knowing: an ordinary segment has nothing of that kind.
    frames.push(recipe(&[Ethernet, Ipv4, Tcp], &[("tcp.flags", "ACK"), ("tcp.seq_raw", "1"), ("tcp.ack_raw", "1")]));
    frames.push(recipe(&[Ethernet, Ipv6, Tcp], &[("tcp.flags", "ACK"), ("tcp.ack_raw", "1"), ("tcp.payload", "6869")]));
    let Some(said) = ask("right", &frames, &["frame.protocols", "_ws.expert.message", "_ws.malformed"]) else { return };
    assert_eq!(said.len(), frames.len(), "{said:?}");
    for (line, frame) in said.iter().zip(&frames) {
        let faults = line.split_once('|').unwrap().1.replace("No response seen to ICMP request", "");
        let faults = faults.replace("No response seen to ICMPv6 request", "");
        // The type is one for experiments, which nobody decodes (RFC 3692).
        let faults = faults.replace("Undecoded IPv6 routing header field", "");
        assert_eq!(faults.trim_matches(['|', ',']), "", "{line}: {frame:02x?}");
    }
}

/// An Ethernet frame of such a message.
fn framed(mut packet: Recipe, to: &str) -> Vec<u8> {
    let mut frame = Recipe::new(&[Ethernet]).unwrap();
    frame.fill("eth.src", "02:00:00:00:00:01").unwrap();
    frame.fill("eth.dst", to).unwrap();
    let _ = packet.fill("ip.src", "10.0.0.1");
    let _ = packet.fill("ipv6.src", "fe80::1");
    packet.wrap(frame);
    packet.build().unwrap().bytes
}

#[test]
fn tshark_finds_no_fault_in_membership_messages_and_reads_what_they_say() {
    let (four, six) = ("239.1.2.3".parse().unwrap(), "ff15::1:2:3".parse().unwrap());
    let (of_four, of_six) = (["10.0.0.9".parse().unwrap()], ["fd00::9".parse().unwrap()]);
    let query = Says::Query(std::time::Duration::from_millis(1500));
    let igmp = |says, version, named: usize| {
        framed(igmp(says, version, four, &of_four[..named]).unwrap(), "01:00:5e:01:02:03")
    };
    let mld =
        |says, version, named: usize| framed(mld(says, version, six, &of_six[..named]).unwrap(), "33:33:00:02:00:03");
    // Type, version, time in tenths, group, record, destination; the last of a list is the message's own.
    let four = [
        (igmp(Says::Join, 1, 0), "0x12|1||239.1.2.3||239.1.2.3|1"),
        (igmp(Says::Join, 2, 0), "0x16|2|0|239.1.2.3||239.1.2.3|1"),
        (igmp(Says::Leave, 2, 0), "0x17|2|0|239.1.2.3||224.0.0.2|1"),
        (igmp(query, 2, 0), "0x11|2|15|239.1.2.3||239.1.2.3|1"),
        (igmp(Says::Join, 3, 0), "0x22|3||239.1.2.3|4|224.0.0.22|1"),
        (igmp(Says::Join, 3, 1), "0x22|3||239.1.2.3|5|224.0.0.22|1"),
        (igmp(Says::Leave, 3, 0), "0x22|3||239.1.2.3|3|224.0.0.22|1"),
        (igmp(Says::Leave, 3, 1), "0x22|3||239.1.2.3|6|224.0.0.22|1"),
        (igmp(query, 3, 1), "0x11|3|15|239.1.2.3||239.1.2.3|1"),
    ];
    let six = [
        (mld(Says::Join, 1, 0), "131|0|ff15::1:2:3|||ff15::1:2:3|1"),
        (mld(Says::Leave, 1, 0), "132|0|ff15::1:2:3|||ff02::2|1"),
        (mld(query, 1, 0), "130|1500|ff15::1:2:3|||ff15::1:2:3|1"),
        (mld(Says::Join, 2, 0), "143|||ff15::1:2:3|4|ff02::16|1"),
        (mld(Says::Join, 2, 1), "143|||ff15::1:2:3|5|ff02::16|1"),
        (mld(Says::Leave, 2, 0), "143|||ff15::1:2:3|3|ff02::16|1"),
        (mld(Says::Leave, 2, 1), "143|||ff15::1:2:3|6|ff02::16|1"),
        (mld(query, 2, 1), "130||ff15::1:2:3|||ff15::1:2:3|1"),
    ];
    let faults = ["_ws.expert.message", "_ws.malformed"];
    let of_igmp = ["igmp.type", "igmp.version", "igmp.max_resp", "igmp.maddr", "igmp.record_type", "ip.dst", "ip.ttl"];
    let of_mld = [
        "icmpv6.type",
        "icmpv6.mld.maximum_response_delay",
        "icmpv6.mld.multicast_address",
        "icmpv6.mldr.mar.multicast_address",
        "icmpv6.mldr.mar.record_type",
        "ipv6.dst",
        "ipv6.hlim",
    ];
    let checks = [["igmp.checksum.status", "ip.opt.ra"], ["icmpv6.checksum.status", "ipv6.opt.router_alert"]];
    for (name, rows, fields, check) in [("igmp", &four[..], of_igmp, checks[0]), ("mld", &six[..], of_mld, checks[1])] {
        let frames: Vec<Vec<u8>> = rows.iter().map(|(frame, _)| frame.clone()).collect();
        let Some(said) = ask(name, &frames, &[&fields[..], &check[..], &faults[..]].concat()) else { return };
        assert_eq!(said.len(), rows.len(), "{said:?}");
        for (line, (frame, expected)) in said.iter().zip(rows) {
            // Version 1 of IGMP has no router alert.
            let alert = if expected.starts_with("0x12") { "" } else { "0" };
            assert_eq!(line, &format!("{expected}|1|{alert}||"), "{frame:02x?}");
        }
    }
}

/// The layers, what is set in them, and what tshark says of it.
type Fault = (&'static [Protocol], &'static [(&'static str, &'static str)], &'static str);

#[test]
fn tshark_names_the_fault_that_was_made() {
    let rows: [Fault; 14] = [
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
        (&[Ethernet, Ipv4, Igmp], &[("igmp.checksum", "1")], "igmp.checksum.status=0"),
        (&[Ethernet, Ipv6, Udp], &[("ipv6.plen", "1000")], "exceeds"),
    ];
    let statuses = ["ip", "tcp", "udp", "icmp", "icmpv6", "igmp"].map(|protocol| format!("{protocol}.checksum.status"));
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

#[test]
fn tshark_names_fragments_that_overlap() {
    for six in [false, true] {
        let mut whole = Recipe::new(&[Ethernet, if six { Ipv6 } else { Ipv4 }, Udp]).unwrap();
        for (name, value) in [("ip.dst", "10.0.0.2"), ("ipv6.dst", "fd00::2"), ("udp.dstport", "4000")] {
            let _ = whole.fill(name, value);
        }
        whole.payload(vec![b'x'; 100]);
        let frames = fragments::divide(&whole.build().unwrap(), 40, 8, 7).unwrap();
        let name = if six { "overlap-six" } else { "overlap-four" };
        let field = if six { "ipv6.fragment.overlap" } else { "ip.fragment.overlap" };
        let Some(said) = ask(name, &frames, &[field]) else { return };
        assert!(said.iter().any(|line| line.contains(['1', 'T'])), "{said:?}");
    }
}
