//! Nothing is wrong, and nothing is found.

use crate::lab::{HERE, Lab, THERE};

#[test]
fn a_healthy_network_has_no_finding() {
    let Some(mut lab) = Lab::new() else { return };
    lab.serve("there", "0.0.0.0", 8000);
    lab.serve("here", "127.0.0.1", 8001);
    for host in ["here", "router", "there"] {
        lab.healthy(host, &[]);
        lab.healthy(host, &[THERE]);
        lab.healthy(host, &[THERE, "--port", "8000"]);
        lab.healthy(host, &[HERE]);
    }
    lab.healthy("there", &["--port", "8000"]);
    lab.healthy("here", &["127.0.0.1", "--port", "8001"]);
}

#[test]
fn a_healthy_network_has_no_finding_over_udp_and_ipv6() {
    let Some(mut lab) = Lab::new() else { return };
    lab.python(
        "there",
        "import socket as s\nl = s.socket(s.AF_INET, s.SOCK_DGRAM)\nl.bind(('0.0.0.0', 8000)); print('ready')\nwhile 1: l.recv(9)",
    );
    lab.healthy("here", &[THERE, "--port", "8000", "--udp"]);
    lab.healthy("there", &["--port", "8000"]);
    if let Err(why) = lab.try_sh("here", "ip -6 route get fd00:2::2") {
        return crate::support::skip(&format!("no IPv6: {why}"));
    }
    lab.serve("there", "::", 8001);
    lab.healthy("here", &["fd00:2::2", "--port", "8001"]);
    lab.healthy("here", &[THERE, "--port", "8001"]);
    lab.healthy("there", &["--port", "8001"]);
    // An address of one link, with the link's name.
    lab.sh("router", "ip -6 addr add fe80::77/64 dev r1 nodad");
    lab.healthy("here", &["fe80::77%eth0"]);
    assert_eq!(lab.doctor("here", &["fe80::77%eth9"]).status.code(), Some(2));
}

#[test]
fn the_way_is_told_and_the_exit_status_is_a_promise() {
    let Some(mut lab) = Lab::new() else { return };
    lab.serve("there", "0.0.0.0", 8000);
    let output = lab.doctor("here", &[THERE, "--port", "8000"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("eth0, through the router 10.0.1.254, from 10.0.1.1"), "{text}");
    assert!(text.ends_with("nothing wrong found\n"), "{text}");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    assert_eq!(lab.doctor("here", &["--port", "0"]).status.code(), Some(2));
    assert_eq!(lab.doctor("here", &["--netns", "no-such"]).status.code(), Some(2));
    let there = lab.doctor("here", &["--netns", "there", "--port", "8000"]);
    assert!(String::from_utf8_lossy(&there.stdout).contains("0.0.0.0:8000"), "{there:?}");
}

#[test]
fn a_user_without_any_capability_sees_the_way_and_is_told_what_was_not_seen() {
    let Some(mut lab) = Lab::new() else { return };
    lab.serve("there", "0.0.0.0", 8000);
    let without = "setpriv --bounding-set=-all --inh-caps=-all";
    if let Err(why) = lab.try_sh("here", &format!("{without} true")) {
        return crate::support::skip(&format!("setpriv: {why}"));
    }
    let netlab = env!("CARGO_BIN_EXE_netlab");
    for (port, status) in [("8000", 0), ("8001", 1)] {
        let line = format!("exec {without} {netlab} doctor {THERE} --port {port}");
        let output = lab.on("here", "sh", &["-c", &line]).output().unwrap();
        let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{text}{said}");
        assert!(text.contains("echo request       answered after"), "by a datagram that is refused: {text}");
        assert!(said.contains("not seen: the rules of this machine's firewall"), "{said}");
    }
    if lab.try_sh("here", "nft add table inet lab").is_err() {
        return crate::support::skip("no nft");
    }
    lab.sh("here", "nft 'add chain inet lab output { type filter hook output priority 0; policy drop; }'");
    let line = format!("exec {without} {netlab} doctor {THERE} --port 8000 --json");
    let output = lab.on("here", "sh", &["-c", &line]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("{\"fault\":\"firewall\"") && text.lines().count() == 1, "sending is refused: {text}");
}
