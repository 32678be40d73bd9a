//! Files that are wrong in every way, with the line that is told, and files that survive being written.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::lab::preset;

const HOME: &str = "\
[switch.lan]
[switch.net]
[host.a]
interface.eth0 = { on = 'lan', addresses = ['192.168.1.10/24'] }
gateway = '192.168.1.1'
[host.r]
interface.in = { on = 'lan', addresses = ['192.168.1.1/24'] }
interface.out = { on = 'net', addresses = ['203.0.113.1/24'], loss = '2%', delay = '30ms', reorder = '0.5%', rate = '10mbit' }
nat = { outside = 'out', kind = 'symmetric', udp-timeout = '1500ms', hairpin = 'external' }
";

/// The line and the reason.
fn wrong(text: &str) -> (usize, String) {
    let error = read(text).expect_err(text);
    (error.line, error.why)
}

#[test]
fn everything_that_a_file_says_is_understood() {
    let topology = read(HOME).unwrap();
    let router = topology.host("r").unwrap();
    let nat = router.nat.as_ref().unwrap();
    assert!(router.forwards && nat.outside == "out");
    assert_eq!(nat.behaviour.mapping, Dependence::AddressAndPortDependent);
    assert_eq!(nat.behaviour.hairpinning, Hairpinning::External);
    assert_eq!(nat.behaviour.udp_timeout, Duration::from_millis(1500));
    let bad = router.interface("out").unwrap().impairment;
    assert_eq!((bad.loss, bad.reorder, bad.rate), (0.02, 0.005, Some(10_000_000)));
    assert_eq!(read(&write(&topology)).unwrap(), topology);
}

#[test]
fn things_stay_in_the_order_of_the_file() {
    let text = "[switch.z]\n[cable.a]\n[host.y]\ninterface.z = { on = 'z' }\ninterface.b = { on = 'a' }\n\
                [host.c]\ninterface.e = { on = 'a' }\n";
    let topology = read(text).unwrap();
    let names: Vec<&str> = topology.segments.iter().map(|segment| segment.name.as_str()).collect();
    assert_eq!(names, ["z", "a"]);
    let hosts: Vec<&str> = topology.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(hosts, ["y", "c"]);
    let interfaces: Vec<&str> = topology.host("y").unwrap().interfaces.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(interfaces, ["z", "b"]);
}

#[test]
fn a_wrong_file_is_told_with_its_line() {
    let replaced = |from: &str, to: &str| {
        assert!(HOME.contains(from), "{from}");
        wrong(&HOME.replacen(from, to, 1))
    };
    let cases = [
        (wrong("[host.a\n"), 1, "unclosed"),
        (wrong("x = 1\n"), 1, "unknown field `x`"),
        (wrong(""), 1, "no host"),
        (replaced("on = 'lan'", "on = 'lna'"), 4, "there are: lan, net"),
        (replaced("192.168.1.10/24", "192.168.1.10"), 4, "no address with its prefix"),
        (replaced("192.168.1.10/24", "127.0.0.1/8"), 4, "no address for an interface"),
        (replaced("192.168.1.10/24", "192.168.1.1/24"), 5, "its own gateway"),
        (replaced("gateway = '192.168.1.1'", "gateway = '10.0.0.1'"), 5, "cannot reach the gateway"),
        (replaced("gateway = '192.168.1.1'", "gateway = 'fd00::1'"), 5, "no IPv4 address"),
        (replaced("gateway = '192.168.1.1'", "gatway = '192.168.1.1'"), 5, "unknown field `gatway`"),
        (replaced("gateway = '192.168.1.1'", "routes = ['10.0.0.0/8']"), 5, "no route"),
        (replaced("loss = '2%'", "loss = '2'"), 8, "write it with its sign"),
        (replaced("loss = '2%'", "loss = 2"), 8, "invalid type"),
        (replaced("rate = '10mbit'", "rate = '10'"), 8, "10mbit"),
        (replaced("kind = 'symmetric'", "kind = 'conic'"), 9, "none of full-cone"),
        (replaced("hairpin = 'external'", "hairpin = 'yes'"), 9, "none of off, external, internal"),
        (replaced("outside = 'out'", "outside = 'wan'"), 9, "no interface \"wan\""),
        (replaced("[host.r]", "[host.lan]"), 6, "two of the name lan"),
        (replaced("[host.r]", "[host.Router]"), 6, "no name"),
        (replaced("[host.r]", "[host.\"\\u001b[2J\"]"), 6, "no name"),
        (replaced("[host.r]", "[host.a-name-too-long]"), 6, "no name"),
        (replaced("interface.in ", "interface.lo "), 7, "no name for an interface"),
        (replaced("interface.in ", "interface.'a/b' "), 7, "no name for an interface"),
        (replaced("[switch.lan]", "[cable.lan]\n[cable.c]"), 2, "joins two interfaces, not 0"),
    ];
    for ((line, why), expected, part) in cases {
        assert!(why.contains(part), "{why:?} has no {part:?}");
        assert_eq!(line, expected, "{why}");
    }
    let twice = HOME.replace("192.168.1.1/24", "192.168.1.10/24").replace("gateway = '192.168.1.1'", "");
    assert!(wrong(&twice).1.contains("both have 192.168.1.10 on lan"));
    assert!(wrong(&" ".repeat(LARGEST + 1)).1.contains("larger than"));
    let many: String = (0..65).map(|number| format!("[host.h{number}]\n")).collect();
    assert!(wrong(&many).1.contains("at most 64"));
}

#[test]
fn a_mapping_that_depends_on_the_other_side_has_random_ports_unless_told() {
    let of = |more: &str| {
        let text = HOME.replace("kind = 'symmetric'", more);
        read(&text).unwrap().host("r").unwrap().nat.as_ref().unwrap().behaviour.ports
    };
    assert_eq!(of("mapping = 'address-dependent'"), Ports::Random);
    assert_eq!(of("mapping = 'endpoint-independent'"), Ports::Preserved);
    assert_eq!(of("mapping = 'address-dependent', ports = 'preserved'"), Ports::Preserved);
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(text in "\\PC{0,200}", at in 0..600_usize, byte in any::<char>()) {
        let _ = read(&text);
        for preset in &preset::ALL {
            let mut spoilt: Vec<char> = preset.text.chars().collect();
            let at = at % spoilt.len();
            spoilt[at] = byte;
            let _ = read(&spoilt.into_iter().collect::<String>());
        }
    }

    #[test]
    fn what_is_read_from_a_spoilt_file_can_be_written_and_read_again(at in 0..2000_usize, byte in "[ -~]") {
        for preset in &preset::ALL {
            let mut spoilt: Vec<char> = preset.text.chars().collect();
            let at = at % spoilt.len();
            spoilt[at] = byte.chars().next().unwrap();
            if let Ok(topology) = read(&spoilt.into_iter().collect::<String>()) {
                prop_assert_eq!(read(&write(&topology)).unwrap(), topology);
            }
        }
    }
}
