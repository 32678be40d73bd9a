//! A NAT that gives the port of a closed connection to the next client while the server still keeps it in TIME-WAIT.

use serde_json::Value;

use crate::lab::{Lab, THERE};
use crate::support;

/// Every connection to the server leaves the router from one port, which it forgets a second after the connection.
const ONE_PORT: &str = "echo 1 > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait
    for state in close last_ack fin_wait close_wait; do
        echo 1 > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_$state
    done
    nft add table ip lab
    nft 'add chain ip lab out { type nat hook postrouting priority 100; }'
    nft add rule ip lab out ip daddr 10.0.2.2 tcp dport 8000 snat to 10.0.2.254:5000";

/// The server closes first, and so has the TIME-WAIT.
const SERVER: &str = "import socket as s
l = s.socket(); l.setsockopt(s.SOL_SOCKET, s.SO_REUSEADDR, 1); l.bind(('0.0.0.0', 8000)); l.listen(); print('ready')
while 1: c = l.accept()[0]; c.shutdown(s.SHUT_WR); c.recv(1); c.close()";

/// Connects from an address of its own, waits for the end, closes.
const CLIENT: &str = "import socket as s; c = s.socket(); c.bind(('ADDRESS', 0)); c.settimeout(9)
c.connect(('10.0.2.2', 8000)); c.recv(1); c.close()";

#[test]
fn a_new_connection_meets_the_time_wait_of_an_old_one() {
    let Some(mut lab) = Lab::new() else { return };
    if let Err(why) = lab.try_sh("router", ONE_PORT) {
        return support::skip(&format!("no NAT of one port: {why}"));
    }
    lab.python("there", SERVER);
    lab.healthy("here", &[THERE, "--port", "8000"]);
    // Timestamps of an address begin anywhere (RFC 7323 §5.4), those of the doctor's connection at the machine's start:
    // with each address it is even odds that its timestamps are the older ones.
    for last in 11..31 {
        lab.sh("here", &format!("ip addr add 10.0.1.{last}/24 dev eth0; echo 1 > /proc/sys/net/ipv4/tcp_timestamps"));
        lab.sh("router", "until ! grep -q dport=8000 /proc/net/nf_conntrack; do sleep 0.1; done");
        lab.sh("here", &format!("python3 -c \"{}\"", CLIENT.replace("ADDRESS", &format!("10.0.1.{last}"))));
        lab.sh("router", "until ! grep -q dport=8000 /proc/net/nf_conntrack; do sleep 0.1; done");
        lab.sh("here", "echo 2 > /proc/sys/net/ipv4/tcp_timestamps");
        let found = lab.finds("here", &[THERE, "--port", "8000"]);
        let faults: Vec<&Value> = found.iter().map(|finding| &finding["fault"]).collect();
        if !faults.is_empty() {
            assert_eq!(faults, ["reused-port"], "{found:#?}");
            return;
        }
    }
    panic!("twenty clients in a row had the luck of newer timestamps");
}
