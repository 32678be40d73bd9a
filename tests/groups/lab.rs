//! A LAN of two hosts on a bridge that snoops, each of the three a network namespace; gone when the test ends.
//!
//! `switch` (10.9.0.1 on br0, ports p1 and p2) with `one` (10.9.0.2 on eth0) and `two` (10.9.0.3 on eth0). The bridge's
//! timers are short: it asks every second, and forgets after 2.5. It begins without asking.

use std::io::{BufReader, Write};
use std::ops::Deref;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::network::{self, Network, wait_for};

pub struct Lab(Network);

impl Deref for Lab {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.0
    }
}

impl Lab {
    /// `None`, having said why, where this kernel has no such namespaces for us.
    pub fn new() -> Option<Self> {
        network::snooping_switch(&["one", "two"]).start().map(Self)
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
        wait_for("done\n", &mut self.output);
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
