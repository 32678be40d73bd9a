//! Faults that the kernel counts while it drops.

use crate::lab::{Lab, THERE};

/// A second cable between `here` and the router, by which the answers come back.
const SECOND_WAY: &str = "ip link add eth1 netns here type veth peer name r3 netns router
    ip -n here addr add 10.0.3.1/24 dev eth1; ip -n here link set eth1 up
    ip -n router addr add 10.0.3.254/24 dev r3; ip -n router link set r3 up
    ip -n router route add 10.0.1.1 via 10.0.3.1";

#[test]
fn the_reverse_path_filter() {
    let Some(mut lab) = Lab::new() else { return };
    lab.serve("there", "0.0.0.0", 8000);
    lab.sh("here", SECOND_WAY);
    lab.healthy("here", &[THERE, "--port", "8000"]);
    lab.sh("here", "echo 1 > /proc/sys/net/ipv4/conf/eth1/rp_filter");
    let found = lab.finds_only("here", &[THERE, "--port", "8000"], "rp-filter");
    let mend = found["mend"].as_str().unwrap();
    assert_eq!(mend, "sudo sysctl -w net.ipv4.conf.eth1.rp_filter=2");
    // On the machine that drops, while somebody sends to it.
    lab.python(
        "there",
        "import socket as s, time\nd = s.socket(s.AF_INET, s.SOCK_DGRAM)\nd.sendto(b'x', ('10.0.1.1', 9)); print('ready')\n\
         while 1: d.sendto(b'x', ('10.0.1.1', 9)); time.sleep(0.01)",
    );
    lab.finds_only("here", &["--duration", "500ms"], "rp-filter");
    lab.sh("here", "echo 2 > /proc/sys/net/ipv4/conf/eth1/rp_filter");
    lab.healthy("here", &[THERE, "--port", "8000"]);
}
