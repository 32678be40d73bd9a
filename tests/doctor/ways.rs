//! Faults of the way: interfaces, routes, neighbours.

use crate::lab::{Lab, THERE};

#[test]
fn no_route() {
    let Some(mut lab) = Lab::new() else { return };
    lab.serve("there", "0.0.0.0", 8000);
    lab.sh("here", "ip route del default");
    let found = lab.finds_only("here", &[THERE, "--port", "8000"], "no-route");
    assert_eq!(found["proof"][0]["value"], "ENETUNREACH: network is unreachable");
    lab.finds_only("here", &[THERE], "no-route");
    lab.sh("here", "ip route add default via 10.0.1.254");
    for kind in ["unreachable", "prohibit", "blackhole"] {
        lab.sh("here", &format!("ip route add {kind} {THERE}"));
        lab.finds_only("here", &[THERE, "--port", "8000"], "no-route");
        lab.sh("here", &format!("ip route del {kind} {THERE}"));
    }
    lab.healthy("here", &[THERE, "--port", "8000"]);
}

#[test]
fn a_router_without_a_route() {
    let Some(lab) = Lab::new() else { return };
    let found = lab.finds_only("here", &["10.9.9.9", "--port", "8000"], "no-route");
    assert!(found["what"].as_str().unwrap().contains("router 10.0.1.254"), "{found}");
}

#[test]
fn an_interface_is_down() {
    let Some(mut lab) = Lab::new() else { return };
    lab.serve("there", "0.0.0.0", 8000);
    lab.sh("here", "ip link set eth0 down");
    let found = lab.finds_only("here", &[THERE, "--port", "8000"], "interface-down");
    assert_eq!(found["mend"], "sudo ip link set dev eth0 up");
    lab.finds_only("here", &[], "interface-down");
    lab.sh("there", "ip link set eth0 down");
    lab.finds_only("there", &["--port", "8000"], "interface-down");
}

#[test]
fn the_other_end_of_the_cable_is_down() {
    let Some(lab) = Lab::new() else { return };
    lab.sh("router", "ip link set r1 down");
    let found = lab.finds_only("here", &[THERE, "--port", "8000"], "interface-down");
    assert!(found["what"].as_str().unwrap().contains("no carrier"), "{found}");
}

#[test]
fn nobody_has_the_address() {
    let Some(lab) = Lab::new() else { return };
    let found = lab.finds_only("here", &["10.0.1.77", "--port", "8000"], "no-answer");
    assert!(found["what"].as_str().unwrap().contains("ARP is not answered"), "{found}");
}

#[test]
fn a_name_without_an_address() {
    let Some(lab) = Lab::new() else { return };
    lab.finds_only("here", &["no such name", "--port", "8000"], "unknown-name");
}
