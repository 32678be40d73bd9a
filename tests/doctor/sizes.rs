//! Faults of what a packet is: too large for the way, or too short-lived.

use crate::lab::{Lab, THERE};

const AT: [&str; 3] = [THERE, "--port", "8000"];

#[test]
fn an_mtu_black_hole() {
    let Some(mut lab) = Lab::new() else { return };
    lab.serve("there", "0.0.0.0", 8000);
    // The end of the cable takes less than the router believes, and drops the rest without a word.
    lab.sh("there", "ip link set eth0 mtu 1400");
    let found = lab.finds_only("here", &AT, "mtu-black-hole");
    let mend = found["mend"].as_str().unwrap();
    assert!(mend.starts_with("sudo ip route replace 10.0.2.2 via 10.0.1.254 dev eth0 mtu 1"), "{found}");
    lab.finds_only("here", &[THERE], "mtu-black-hole");
    lab.sh("here", mend.strip_prefix("sudo ").unwrap());
    lab.healthy("here", &AT);
}

#[test]
fn a_smaller_mtu_that_a_router_tells_is_healthy() {
    let Some(mut lab) = Lab::new() else { return };
    lab.serve("there", "0.0.0.0", 8000);
    lab.sh("router", "ip link set r2 mtu 1400");
    let output = lab.doctor("here", &AT);
    assert!(String::from_utf8_lossy(&output.stdout).contains("the way takes 1400 bytes, and says so"), "{output:?}");
    // And once more, now that the kernel has learned it.
    lab.healthy("here", &AT);
}

#[test]
fn a_time_to_live_that_ends_at_the_router() {
    let Some(mut lab) = Lab::new() else { return };
    lab.serve("there", "0.0.0.0", 8000);
    lab.sh("here", "echo 1 > /proc/sys/net/ipv4/ip_default_ttl");
    let found = lab.finds_only("here", &AT, "time-to-live");
    assert_eq!(found["mend"], "sudo sysctl -w net.ipv4.ip_default_ttl=64");
    lab.sh("here", "echo 64 > /proc/sys/net/ipv4/ip_default_ttl");
    // A program of its own mind.
    lab.python(
        "here",
        "import socket as s, time\nd = s.create_connection(('10.0.2.2', 8000))\nd.setsockopt(s.IPPROTO_IP, s.IP_TTL, 1)\n\
         print('ready'); time.sleep(600)",
    );
    let found = lab.finds_only("here", &AT, "time-to-live");
    assert!(found["what"].as_str().unwrap().contains("the router 10.0.1.254"), "{found}");
    lab.healthy("router", &AT);
}

#[test]
fn routers_that_send_in_a_circle() {
    let Some(lab) = Lab::new() else { return };
    lab.sh("router", "ip route add 10.7.7.7 via 10.0.2.2");
    lab.sh("there", "echo 1 > /proc/sys/net/ipv4/ip_forward");
    let found = lab.finds_only("here", &["10.7.7.7", "--port", "8000"], "time-to-live");
    assert!(found["what"].as_str().unwrap().contains("in a circle"), "{found}");
}

#[test]
fn multicast_whose_receiver_is_beyond_a_router() {
    let Some(mut lab) = Lab::new() else { return };
    let sender = "import socket as s, sys, time\nd = s.socket(s.AF_INET, s.SOCK_DGRAM)\n\
        d.setsockopt(s.IPPROTO_IP, s.IP_MULTICAST_TTL, HOPS)\nd.connect(('239.1.2.HOPS', 5000)); print('ready'); time.sleep(600)";
    for hops in ["1", "8"] {
        lab.python("here", &sender.replace("HOPS", hops));
    }
    let beyond = |group| ["--receiver", THERE, "--port", "5000", "--udp", group];
    let found = lab.finds_only("here", &beyond("239.1.2.1"), "time-to-live");
    assert!(found["mend"].as_str().unwrap().contains("IP_MULTICAST_TTL"), "{found}");
    lab.healthy("here", &beyond("239.1.2.8"));
    // Nobody is beyond a router: one hop is enough.
    lab.healthy("here", &["239.1.2.1", "--receiver", "10.0.1.254", "--port", "5000", "--udp"]);
    lab.healthy("here", &["239.1.2.1", "--port", "5000", "--udp"]);
}
