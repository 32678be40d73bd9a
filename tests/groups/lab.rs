//! A LAN of two hosts on a bridge that snoops, each of the three a network namespace; gone when the test ends.
//!
//! `switch` (10.9.0.1 on br0, ports p1 and p2) with `one` (10.9.0.2 on eth0) and `two` (10.9.0.3 on eth0). The bridge's
//! timers are short: it asks every second, and forgets after 2.5. It begins without asking. Needs unshare, nsenter and ip,
//! and a kernel that lets users make namespaces.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support;

const SETUP: &str = "
    set -e
    mount -t tmpfs none /run
    for host in switch one two; do
        ip netns add $host
        ip -n $host link set lo up
    done
    ip -n switch link add br0 type bridge mcast_snooping 1 mcast_querier 0 mcast_query_use_ifaddr 1 \
        mcast_igmp_version 3 mcast_mld_version 2 mcast_query_interval 100 mcast_query_response_interval 50 \
        mcast_startup_query_interval 100 mcast_membership_interval 250 mcast_querier_interval 300 \
        mcast_last_member_interval 20
    ip -n switch link set br0 up
    ip -n switch addr add 10.9.0.1/24 dev br0
    number=1
    for host in one two; do
        ip link add p$number netns switch type veth peer name eth0 netns $host
        ip -n switch link set p$number master br0 up
        ip -n $host link set eth0 up
        number=$((number + 1))
        ip -n $host addr add 10.9.0.$number/24 dev eth0
    done
    echo ready
    cat > /dev/null";

pub struct Lab {
    anchor: Child,
    _input: ChildStdin,
}

impl Lab {
    /// `None`, having said why, where this kernel has no such namespaces for us.
    pub fn new() -> Option<Self> {
        let child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "--mount", "--kill-child", "--fork", "sh", "-c", SETUP])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut anchor = match child {
            Ok(child) => child,
            Err(error) => {
                support::skip(&format!("unshare: {error}"));
                return None;
            }
        };
        let mut said = String::new();
        BufReader::new(anchor.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said != "ready\n" {
            let mut why = String::new();
            anchor.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            support::skip(&format!("no LAN of two hosts: {}", why.lines().next().unwrap_or_default()));
            let _ = anchor.wait();
            return None;
        }
        let input = anchor.stdin.take().unwrap();
        Some(Self { anchor, _input: input })
    }

    /// A program on one of the hosts.
    pub fn on(&self, host: &str, program: &str, arguments: &[&str]) -> Command {
        let pid = self.anchor.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let inside = children.split_whitespace().next().expect("the shell that unshare has forked");
        let mut command = Command::new("nsenter");
        command.args(["--target", inside, "--user", "--preserve-credentials", "--net", "--mount"]);
        command.args(["nsenter", &format!("--net=/run/netns/{host}"), program]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What a program says on a host, where it must succeed.
    #[track_caller]
    pub fn said(&self, host: &str, program: &str, arguments: &[&str]) -> String {
        let output = self.on(host, program, arguments).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The objects of `netlab groups --json` on a host.
    #[track_caller]
    pub fn groups(&self, host: &str) -> Vec<Value> {
        let text = self.said(host, env!("CARGO_BIN_EXE_netlab"), &["groups", "--json", "--listen", "0s"]);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What a program of iproute2 says with -j.
    #[track_caller]
    pub fn json(&self, host: &str, program: &str, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.said(host, program, arguments)).unwrap()
    }

    /// Changes the bridge.
    #[track_caller]
    pub fn set_bridge(&self, options: &[&str]) {
        self.said("switch", "ip", &[&["link", "set", "br0", "type", "bridge"], options].concat());
    }
}

/// A program that joins and leaves as it is told: this test again, see `joins_as_told`.
pub struct Joiner {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Joiner {
    pub fn new(lab: &Lab, host: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let arguments = ["--exact", "joins_as_told", "--nocapture"];
        let mut command = lab.on(host, program.to_str().unwrap(), &arguments);
        let mut child = command.env("NETLAB_JOINS", "1").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut joiner = Self { child, output };
        joiner.wait();
        joiner
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `join GROUP`, `join GROUP SOURCE` or `leave GROUP`.
    #[track_caller]
    pub fn tell(&mut self, what: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{what}").unwrap();
        self.wait();
    }

    #[track_caller]
    fn wait(&mut self) {
        let mut line = String::new();
        while !line.ends_with("done\n") {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the joiner has ended");
        }
    }
}

impl Drop for Joiner {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Looks until it is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "not within 30 s: {what}");
    }
}
