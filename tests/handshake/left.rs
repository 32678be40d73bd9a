//! A handshake with this machine, over a cable; and that nothing is left of any, however it ends.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::network::{NETLAB, Network, hosts};
use super::{ECHO, Stepping, ends, handshake, lan, support};

/// One host with a server on loopback and one on all its addresses.
fn alone() -> Option<Network> {
    let mut network =
        hosts(&["here"]).sh("here", "ip addr add 10.9.9.9/32 dev lo; ip addr add fd09::9/128 dev lo nodad").start()?;
    network.python("here", ECHO);
    network.python(
        "here",
        &ECHO.replace("'::', 7", "'127.0.0.1', 8").replace(", family=s.AF_INET6, dualstack_ipv6=True", ""),
    );
    Some(network)
}

/// All that a handshake could leave behind on a host.
fn left(network: &Network) -> String {
    let lines =
        "ip -br link; ip -br addr; ip route; ip -6 route; ip rule; ip neigh; nft list ruleset 2> /dev/null || true";
    network.said("here", "sh", &["-c", lines])
}

/// Waits until all is as before.
#[track_caller]
fn nothing_more_than(network: &Network, before: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let now = left(network);
        if now == before {
            return;
        }
        assert!(Instant::now() < until, "before:\n{before}\nnow:\n{now}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_listener_of_this_machine_is_reached_over_a_cable_that_goes_with_us() {
    let Some(network) = alone() else { return };
    let before = left(&network);
    for target in ["127.0.0.1 7", "127.0.0.1 8", "10.9.9.9 7", "fd09::9 7"] {
        let signs = ["SYN seq 0", "SYN,ACK", "\"hello\"", "\"hello\"", "closed in four steps", "5 bytes came"];
        let told = ends(&network, &format!("{target} --data hello"), 0, &signs);
        assert!(!told.contains("RST") && told.contains("over a cable to this machine"), "{told}");
        nothing_more_than(&network, &before);
    }
    ends(&network, "127.0.0.1 81", 1, &["SYN", "RST,ACK", "refused"]);
    nothing_more_than(&network, &before);
}

/// Stops in the middle of a connection, and kills it.
#[track_caller]
fn killed(network: &Network, words: &str) {
    let mut step = Stepping::start(handshake(network, words));
    step.press("SYN");
    step.press("ACK: the third step");
    step.waits("FIN");
    step.child.kill().unwrap();
    step.child.wait().unwrap();
}

#[test]
fn a_kill_in_the_middle_leaves_nothing() {
    let Some(network) = alone() else { return };
    let before = left(&network);
    killed(&network, "127.0.0.1 7");
    nothing_more_than(&network, &before);
    let Some(network) = lan() else { return };
    let before = left(&network);
    killed(&network, "10.0.5.2 7");
    nothing_more_than(&network, &before);
}

#[test]
fn a_private_network_ends_with_a_kill() {
    let mut command = Command::new(NETLAB);
    command.args(["handshake", "--private"]).env("NETLAB_LANG", "en").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut probe = Command::new(NETLAB);
    let probe = probe.args(["handshake", "--private", "--step"]).stdin(Stdio::null()).output().unwrap();
    let talk = super::text(&probe.stderr);
    if talk.contains("there is no private network") {
        return support::skip(talk.lines().next().unwrap_or_default());
    }
    let mut step = Stepping::start(command);
    step.press("SYN");
    step.waits("ACK: the third step");
    let children = || {
        let pid = step.child.id();
        let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        list.split_whitespace().map(str::to_owned).collect::<Vec<String>>()
    };
    let inside = children();
    assert_eq!(inside.len(), 1);
    step.child.kill().unwrap();
    step.child.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while inside.iter().any(|pid| std::path::Path::new(&format!("/proc/{pid}/exe")).read_link().is_ok()) {
        assert!(Instant::now() < until, "PID 1 of the private network still runs");
        std::thread::sleep(Duration::from_millis(10));
    }
}
