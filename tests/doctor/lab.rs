//! Two hosts and a router between them, each a network namespace joined by veth cables; gone when the test ends.
//!
//! `here` (10.0.1.1, fd00:1::1 on eth0) - `router` (10.0.1.254 on r1, 10.0.2.254 on r2) - `there` (10.0.2.2, fd00:2::2
//! on eth0). Needs unshare, nsenter and ip, and a kernel that lets users make namespaces.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use serde_json::Value;

use crate::support;

pub const HERE: &str = "10.0.1.1";
pub const THERE: &str = "10.0.2.2";

/// /run is the namespace's own, for `ip netns`. Offloads are off: they are a fault to who captures.
const SETUP: &str = "
    set -e
    mount -t tmpfs none /run
    for host in here router there; do
        ip netns add $host
        ip -n $host link set lo up
        for name in all default; do
            ip netns exec $host sh -c \"echo 0 > /proc/sys/net/ipv4/conf/$name/rp_filter\"
        done
    done
    ip link add eth0 netns here type veth peer name r1 netns router
    ip link add eth0 netns there type veth peer name r2 netns router
    while read host name four six; do
        ip netns exec $host ethtool -K $name tx off gso off gro off tso off > /dev/null 2>&1 || true
        ip -n $host addr add $four dev $name
        ip -n $host addr add $six dev $name nodad 2> /dev/null || true
        ip -n $host link set $name up
    done << END
here eth0 10.0.1.1/24 fd00:1::1/64
there eth0 10.0.2.2/24 fd00:2::2/64
router r1 10.0.1.254/24 fd00:1::254/64
router r2 10.0.2.254/24 fd00:2::254/64
END
    ip netns exec router sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
    ip netns exec router sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding' 2> /dev/null || true
    ip -n here route add default via 10.0.1.254
    ip -n there route add default via 10.0.2.254
    ip -n here route add default via fd00:1::254 2> /dev/null || true
    ip -n there route add default via fd00:2::254 2> /dev/null || true
    echo ready
    cat > /dev/null";

pub struct Lab {
    anchor: Child,
    _input: ChildStdin,
    programs: Vec<Child>,
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
            support::skip(&format!("no network of two hosts: {}", why.lines().next().unwrap_or_default()));
            let _ = anchor.wait();
            return None;
        }
        let input = anchor.stdin.take().unwrap();
        Some(Self { anchor, _input: input, programs: Vec::new() })
    }

    /// A command line on one of the hosts.
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

    /// Runs a shell's line on a host, which must succeed.
    #[track_caller]
    pub fn sh(&self, host: &str, line: &str) {
        let output = self.on(host, "sh", &["-ec", line]).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Whether a shell's line succeeds there: for what not every machine has.
    pub fn try_sh(&self, host: &str, line: &str) -> Result<(), String> {
        let output = self.on(host, "sh", &["-ec", line]).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// Starts a program of Python, which says `ready` and lives as long as the lab.
    pub fn python(&mut self, host: &str, program: &str) -> u32 {
        let mut child = self.on(host, "python3", &["-uc", program]).spawn().expect("python3");
        let mut said = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut said).unwrap();
        if said != "ready\n" {
            let mut why = String::new();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("{program}: {said:?} {why}");
        }
        let pid = child.id();
        self.programs.push(child);
        pid
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

    pub fn doctor(&self, host: &str, arguments: &[&str]) -> Output {
        // Counters rise at once, or the test says for how long to look.
        let brief: &[&str] = if arguments.contains(&"--duration") { &[] } else { &["--duration", "50ms"] };
        let mut command = self.on(host, env!("CARGO_BIN_EXE_netlab"), &[&["doctor"], brief, arguments].concat());
        command.output().unwrap()
    }

    /// What the doctor on a host finds.
    #[track_caller]
    pub fn finds(&self, host: &str, arguments: &[&str]) -> Vec<Value> {
        let output = self.doctor(host, &[arguments, &["--json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(i32::from(!found.is_empty())), "{text}{said}");
        found
    }

    /// That it finds nothing.
    #[track_caller]
    pub fn healthy(&self, host: &str, arguments: &[&str]) {
        let found = self.finds(host, arguments);
        assert!(found.is_empty(), "{arguments:?} on {host}: {found:#?}");
    }

    /// That it finds this fault and no other; the finding.
    #[track_caller]
    pub fn finds_only(&self, host: &str, arguments: &[&str], fault: &str) -> Value {
        let mut found = self.finds(host, arguments);
        let names: Vec<&str> = found.iter().filter_map(|one| one["fault"].as_str()).collect();
        assert_eq!(names, [fault], "{arguments:?} on {host}: {found:#?}");
        let finding = found.remove(0);
        let proofs = finding["proof"].as_array().unwrap();
        assert!(!proofs.is_empty() && finding["mend"].as_str().is_some_and(|mend| !mend.is_empty()), "{finding:#}");
        finding
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
        let _ = self.anchor.kill();
        let _ = self.anchor.wait();
    }
}
