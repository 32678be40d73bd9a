//! A network of a test's own: hosts, each a network namespace, and the cables and bridges between them; gone with all
//! that runs there when it is dropped, and also where the test panics or is killed.
//!
//! Needs unshare, nsenter and ip, and a kernel that lets users make namespaces; root is not needed.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support::skip;

pub const NETLAB: &str = env!("CARGO_BIN_EXE_netlab");

/// /run is the namespace's own, for `ip netns`. Whoever uses a network lives as long as its test, and its input as long
/// as that: when it ends, what still runs on the hosts is ended.
const BEGIN: &str = "set -e
mount -t tmpfs none /run
";
const END: &str = "echo ready
cat > /dev/null
for host in $hosts; do ip netns pids $host | xargs -r kill -9; done 2> /dev/null
";

/// How a network is to be. What is said first is done first; loopback is up on every host.
#[must_use]
pub struct Plan {
    script: String,
}

/// Hosts without any cable yet.
pub fn hosts(names: &[&str]) -> Plan {
    let mut script = format!("hosts='{}'\n{BEGIN}", names.join(" "));
    for host in names {
        script.push_str(&format!("ip netns add {host}\nip -n {host} link set lo up\n"));
    }
    Plan { script }
}

/// One host with nothing but loopback: every port is free there, and nobody else's connections are in the way.
pub fn alone() -> Option<Network> {
    hosts(&["alone"]).start()
}

pub const HERE: &str = "10.0.1.1";
pub const THERE: &str = "10.0.2.2";

/// `here` (10.0.1.1, fd00:1::1 on eth0) - `router` (10.0.1.254 on r1, 10.0.2.254 on r2) - `there` (10.0.2.2, fd00:2::2
/// on eth0). Offloads are off: they are a fault to who captures.
pub fn here_router_there() -> Plan {
    let mut plan = hosts(&["here", "router", "there"]);
    for host in ["here", "router", "there"] {
        plan = plan.sh(host, "for name in all default; do echo 0 > /proc/sys/net/ipv4/conf/$name/rp_filter; done");
    }
    plan.cable(["here", "eth0"], ["router", "r1"])
        .cable(["there", "eth0"], ["router", "r2"])
        .without_offloads("here", "eth0")
        .without_offloads("there", "eth0")
        .without_offloads("router", "r1")
        .without_offloads("router", "r2")
        .up("here", "eth0", &["10.0.1.1/24", "fd00:1::1/64"])
        .up("there", "eth0", &["10.0.2.2/24", "fd00:2::2/64"])
        .up("router", "r1", &["10.0.1.254/24", "fd00:1::254/64"])
        .up("router", "r2", &["10.0.2.254/24", "fd00:2::254/64"])
        .sh("router", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        .try_sh("router", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        .sh("here", "ip route add default via 10.0.1.254")
        .sh("there", "ip route add default via 10.0.2.254")
        .try_sh("here", "ip route add default via fd00:1::254")
        .try_sh("there", "ip route add default via fd00:2::254")
}

/// `switch` (10.9.0.1, fd00:9::1 on br0; ports p1, p2, ...) and hosts on its ports: 10.9.0.2, fd00:9::2, and so on, on eth0.
/// The bridge snoops; its timers are short: it asks every second, and forgets after 2.5. It begins without asking.
pub fn snooping_switch(names: &[&str]) -> Plan {
    const SNOOPING: &str = "mcast_snooping 1 mcast_querier 0 mcast_query_use_ifaddr 1 \
        mcast_igmp_version 3 mcast_mld_version 2 mcast_query_interval 100 mcast_query_response_interval 50 \
        mcast_startup_query_interval 100 mcast_membership_interval 250 mcast_querier_interval 300 \
        mcast_last_member_interval 20";
    let mut plan = hosts(&[&["switch"], names].concat());
    let ports: Vec<String> = (1..=names.len()).map(|number| format!("p{number}")).collect();
    for (port, host) in ports.iter().zip(names) {
        plan = plan.cable(["switch", port], [host, "eth0"]);
    }
    let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
    plan = plan.bridge("switch", "br0", SNOOPING, &ports).up("switch", "br0", &["10.9.0.1/24", "fd00:9::1/64"]);
    for (number, host) in (2..).zip(names) {
        plan = plan.up(host, "eth0", &[&format!("10.9.0.{number}/24"), &format!("fd00:9::{number}/64")]);
    }
    plan
}

impl Plan {
    /// A veth cable between two interfaces, each `[host, name]`. They are down until [`Plan::up`].
    pub fn cable(mut self, one: [&str; 2], other: [&str; 2]) -> Self {
        let ([host, name], [peer, its]) = (one, other);
        self.script.push_str(&format!("ip link add {name} netns {host} type veth peer name {its} netns {peer}\n"));
        self
    }

    /// A bridge with the options of `ip link ... type bridge`, which is up; `ports` are interfaces of its host, and come up.
    pub fn bridge(mut self, host: &str, name: &str, options: &str, ports: &[&str]) -> Self {
        self.script.push_str(&format!("ip -n {host} link add {name} type bridge {options}\n"));
        self.script.push_str(&format!("ip -n {host} link set {name} up\n"));
        for port in ports {
            self.script.push_str(&format!("ip -n {host} link set {port} master {name} up\n"));
        }
        self
    }

    /// Gives an interface its addresses and sets it up. Those of IPv6 can be used at once, and are left out where the
    /// kernel has no IPv6.
    pub fn up(mut self, host: &str, name: &str, addresses: &[&str]) -> Self {
        for address in addresses {
            let more = if address.contains(':') { "nodad 2> /dev/null || true" } else { "" };
            self.script.push_str(&format!("ip -n {host} addr add {address} dev {name} {more}\n"));
        }
        self.script.push_str(&format!("ip -n {host} link set {name} up\n"));
        self
    }

    /// No checksum is left to a card, no packet is larger than the cable takes.
    pub fn without_offloads(self, host: &str, name: &str) -> Self {
        self.try_sh(host, &format!("ethtool -K {name} tx off gso off gro off tso off"))
    }

    /// A line of shell on a host, which must succeed.
    pub fn sh(mut self, host: &str, line: &str) -> Self {
        assert!(!line.contains('\''), "{line}: it is put between quotes");
        self.script.push_str(&format!("ip netns exec {host} sh -ec '{line}'\n"));
        self
    }

    /// A line of shell on a host, for what not every kernel or machine has.
    pub fn try_sh(mut self, host: &str, line: &str) -> Self {
        assert!(!line.contains('\''), "{line}: it is put between quotes");
        self.script.push_str(&format!("ip netns exec {host} sh -ec '{line}' > /dev/null 2>&1 || true\n"));
        self
    }

    /// Makes it. `None`, having said why, where this kernel has no such namespaces for us.
    pub fn start(self) -> Option<Network> {
        let script = self.script + END;
        let child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "--mount", "--kill-child", "--fork", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut anchor = match child {
            Ok(child) => child,
            Err(error) => {
                skip(&format!("unshare: {error}"));
                return None;
            }
        };
        let mut said = String::new();
        BufReader::new(anchor.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said != "ready\n" {
            let mut why = String::new();
            anchor.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            skip(&format!("no network of its own: {}", why.lines().next().unwrap_or_default()));
            let _ = anchor.wait();
            return None;
        }
        let pid = anchor.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let inside = children.split_whitespace().next().expect("the shell that unshare has forked").to_owned();
        let input = anchor.stdin.take();
        Some(Network { anchor, input, inside, programs: Vec::new() })
    }
}

pub struct Network {
    anchor: Child,
    input: Option<ChildStdin>,
    /// The process that is in the namespaces.
    inside: String,
    programs: Vec<Child>,
}

impl Network {
    /// A program on one of the hosts, in the directory of the test. Its output is to be read.
    pub fn on(&self, host: &str, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.inside, "--user", "--preserve-credentials", "--net", "--mount", "--wd"]);
        command.args(["nsenter", &format!("--net=/run/netns/{host}"), program]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn netlab(&self, host: &str, arguments: &[&str]) -> Command {
        self.on(host, NETLAB, arguments)
    }

    /// What a program says on a host, where it must succeed.
    #[track_caller]
    pub fn said(&self, host: &str, program: &str, arguments: &[&str]) -> String {
        let output = self.on(host, program, arguments).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a shell's line on a host, which must succeed.
    #[track_caller]
    pub fn sh(&self, host: &str, line: &str) {
        self.said(host, "sh", &["-ec", line]);
    }

    /// Whether a shell's line succeeds there: for what not every machine has.
    pub fn try_sh(&self, host: &str, line: &str) -> Result<(), String> {
        let output = self.on(host, "sh", &["-ec", line]).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// Starts a program of Python and waits until it has said `ready`; what it says after that is to be read.
    #[track_caller]
    pub fn student(&self, host: &str, program: &str) -> (Child, BufReader<ChildStdout>) {
        let mut child = self.on(host, "python3", &["-uc", program]).spawn().expect("python3");
        let mut said = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut said).unwrap();
        if said != "ready\n" {
            let mut why = String::new();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("{program}: {said:?} {why}");
        }
        (child, output)
    }

    /// Starts a program of Python, which says `ready` and lives as long as the network; its process.
    #[track_caller]
    pub fn python(&mut self, host: &str, program: &str) -> u32 {
        let (child, _) = self.student(host, program);
        self.programs.push(child);
        self.programs.last().unwrap().id()
    }

    /// Starts a server that takes every connection and keeps it.
    pub fn serve(&mut self, host: &str, address: &str, port: u16) {
        let family = if address.contains(':') { "AF_INET6" } else { "AF_INET" };
        self.python(
            host,
            &format!(
                "import socket as s\nl = s.socket(s.{family}); l.setsockopt(s.SOL_SOCKET, s.SO_REUSEADDR, 1)\n\
                 l.bind(('{address}', {port})); l.listen(); print('ready')\nkept = []\nwhile 1: kept.append(l.accept())"
            ),
        );
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.input.take());
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
        let _ = self.anchor.wait();
    }
}

/// Reads up to a line that has this in it: a program that is ready says so. All that was said until then.
#[track_caller]
pub fn wait_for(sign: &str, output: &mut impl BufRead) -> String {
    let mut said = String::new();
    loop {
        let start = said.len();
        assert!(output.read_line(&mut said).unwrap() > 0, "it has ended without {sign:?}: {said}");
        if said[start..].contains(sign) {
            return said;
        }
    }
}
