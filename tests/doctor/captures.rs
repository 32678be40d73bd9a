//! Faults of who captures, or sends to a group.

use crate::lab::{HERE, Lab, THERE};
use crate::support;

#[test]
fn a_capture_on_the_wrong_interface() {
    let Some(lab) = Lab::new() else { return };
    let found = lab.finds_only("router", &[THERE, "-i", "r1"], "capture-interface");
    assert_eq!(found["mend"], "sudo netlab capture -i r2 --host 10.0.2.2");
    let found = lab.finds_only("here", &[HERE, "-i", "eth0"], "capture-interface");
    assert_eq!(found["mend"], "sudo netlab capture -i lo --host 10.0.1.1");
    lab.healthy("router", &[THERE, "-i", "any"]);
    assert_eq!(lab.doctor("here", &["-i", "no-such"]).status.code(), Some(2));
}

#[test]
fn offloads_of_the_interface_that_is_captured_on() {
    let Some(lab) = Lab::new() else { return };
    if let Err(why) = lab.try_sh("here", "ethtool -K eth0 tx off gso off gro off tso off") {
        return support::skip(&format!("ethtool: {why}"));
    }
    lab.healthy("here", &[THERE, "-i", "eth0"]);
    lab.sh("here", "ethtool -K eth0 gro on");
    let found = lab.finds_only("here", &[THERE, "-i", "eth0"], "offloads");
    assert_eq!(found["mend"], "sudo ethtool -K eth0 gro off");
    lab.healthy("here", &[THERE]);
}

#[test]
fn a_user_who_may_not_capture() {
    let Some(lab) = Lab::new() else { return };
    let without = "setpriv --bounding-set=-net_raw --inh-caps=-net_raw";
    if let Err(why) = lab.try_sh("here", &format!("{without} true")) {
        return support::skip(&format!("setpriv: {why}"));
    }
    let line =
        format!("{without} {} doctor --capture --json --duration 50ms || test $? = 1", env!("CARGO_BIN_EXE_netlab"));
    let output = lab.on("here", "sh", &["-c", &line]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let found: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [found] = found.as_slice() else { panic!("{text}") };
    assert_eq!(found["fault"], "capability");
    assert!(found["mend"].as_str().unwrap().starts_with("sudo setcap cap_net_raw+ep /"), "{found}");
    assert!(found["proof"][1]["value"].as_str().unwrap().ends_with("bit 13 is not set"), "{found}");
    lab.healthy("here", &["--capture"]);
}

#[test]
fn an_interface_without_multicast() {
    let Some(lab) = Lab::new() else { return };
    lab.healthy("here", &["239.1.2.3", "--port", "5000", "--udp"]);
    lab.sh("here", "ip link set dev eth0 multicast off");
    let found = lab.finds_only("here", &["239.1.2.3", "--port", "5000", "--udp"], "no-multicast");
    lab.sh("here", found["mend"].as_str().unwrap().strip_prefix("sudo ").unwrap());
    lab.healthy("here", &["239.1.2.3"]);
}
