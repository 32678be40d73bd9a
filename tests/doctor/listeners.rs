//! Faults of the server's own machine: who listens, where, and whether connections are accepted.

use crate::lab::{HERE, Lab, THERE};
use crate::support;

#[test]
fn nothing_listens() {
    let Some(lab) = Lab::new() else { return };
    lab.finds_only("there", &["--port", "8000"], "nothing-listens");
    lab.finds_only("there", &[THERE, "--port", "8000"], "nothing-listens");
    let far = lab.finds_only("here", &[THERE, "--port", "8000"], "nothing-listens");
    assert_eq!(far["proof"][0]["value"], "RST");
    if lab.try_sh("here", "ip -6 route get fd00:2::2").is_ok() {
        lab.finds_only("here", &["fd00:2::2", "--port", "8000"], "nothing-listens");
    }
    let far = lab.finds_only("here", &[THERE, "--port", "8000", "--udp"], "nothing-listens");
    assert_eq!(far["proof"][0]["value"], "ICMP port unreachable from 10.0.2.2");
}

#[test]
fn listens_on_loopback_only() {
    let Some(mut lab) = Lab::new() else { return };
    lab.serve("there", "127.0.0.1", 8000);
    let found = lab.finds_only("there", &["--port", "8000"], "loopback-only");
    assert!(found["proof"][0]["value"].as_str().unwrap().ends_with("listens on 127.0.0.1:8000"), "{found}");
    lab.finds_only("there", &[THERE, "--port", "8000"], "loopback-only");
    lab.healthy("there", &["127.0.0.1", "--port", "8000"]);
}

#[test]
fn listens_in_the_other_address_family() {
    let Some(mut lab) = Lab::new() else { return };
    if let Err(why) = lab.try_sh("there", "ip -6 route get fd00:1::1") {
        return support::skip(&format!("no IPv6: {why}"));
    }
    lab.python(
        "there",
        "import socket as s\nl = s.socket(s.AF_INET6); l.setsockopt(s.IPPROTO_IPV6, s.IPV6_V6ONLY, 1)\n\
         l.bind(('::', 8000)); l.listen(); print('ready')\nwhile 1: l.accept()",
    );
    let found = lab.finds_only("there", &["--port", "8000"], "address-family");
    assert!(found["what"].as_str().unwrap().contains("IPv6 only"), "{found}");
    lab.finds_only("there", &[THERE, "--port", "8000"], "address-family");
    lab.healthy("here", &["fd00:2::2", "--port", "8000"]);
    // A name with both addresses, as programs try them: the first one is refused.
    lab.sh("here", "mount --bind /dev/null /etc/resolv.conf");
    lab.serve("there", "0.0.0.0", 8001);
    lab.sh(
        "here",
        "printf 'fd00:2::2 both.lab\\n10.0.2.2 both.lab\\n' > /run/hosts; mount --bind /run/hosts /etc/hosts",
    );
    let found = lab.finds_only("here", &["both.lab", "--port", "8001"], "address-family");
    assert_eq!(found["proof"].as_array().unwrap().len(), 2, "{found}");
    lab.healthy("here", &["both.lab", "--port", "8000"]);
}

#[test]
fn a_full_backlog() {
    let Some(mut lab) = Lab::new() else { return };
    // Two connections wait where one may, and one more.
    lab.python(
        "there",
        "import socket as s\nl = s.socket(); l.bind(('0.0.0.0', 8000)); l.listen(1)\n\
         ends = [s.create_connection(('127.0.0.1', 8000)) for _ in range(2)]\nprint('ready')\n\
         import time; time.sleep(600)",
    );
    let found = lab.finds_only("there", &["--port", "8000"], "backlog-full");
    assert_eq!(found["proof"][0]["value"], "2 connections wait on 0.0.0.0:8000, 1 may");
    lab.finds_only("there", &[], "backlog-full");
    let found = lab.finds_only("there", &[THERE, "--port", "8000"], "backlog-full");
    let counted = found["proof"][1]["value"].as_str().unwrap();
    assert!(counted.contains(", then "), "the probe's own SYN was counted: {found}");
    // From elsewhere there is no more to be seen than silence.
    lab.finds_only("here", &[THERE, "--port", "8000"], "no-answer");
    lab.healthy("here", &[HERE]);
}
