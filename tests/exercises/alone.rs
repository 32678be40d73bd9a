//! A host of a test's own: a network namespace with loopback alone, where ports are free and nobody else's connections
//! are in the way. Needs unshare, nsenter and ip, and a kernel that lets users make namespaces.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::programs::Server;
use crate::support;

/// It is gone with this, and so is all that runs on it.
pub struct Host {
    anchor: Child,
    _input: ChildStdin,
}

/// Says when it is ready, and lives until its input ends.
const SETUP: &str = "ip link set lo up && echo ready && exec cat > /dev/null";

impl Host {
    /// `None`, having said why, where this kernel has no such namespace for us.
    pub fn new() -> Option<Self> {
        let child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "sh", "-c", SETUP])
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
        BufReader::new(anchor.stdout.take().expect("its output")).read_line(&mut said).expect("a line");
        if said != "ready\n" {
            let mut why = String::new();
            anchor.stderr.take().expect("its talk").read_to_string(&mut why).expect("its talk");
            support::skip(&format!("no network of its own: {}", why.lines().next().unwrap_or_default()));
            let _ = anchor.wait();
            return None;
        }
        let input = anchor.stdin.take().expect("its input");
        Some(Self { anchor, _input: input })
    }

    /// A command line on this host.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.anchor.id().to_string(), "--user", "--preserve-credentials", "--net", program]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn netlab(&self, arguments: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_netlab"), arguments)
    }

    /// Starts a server of ours on its own port and waits until it listens; its exit code and what it said where it does
    /// not.
    pub fn serve(&self, arguments: &[&str]) -> Result<Server, (Option<i32>, String)> {
        let mut child = self.netlab(&["serve"]).args(arguments).spawn().expect("netlab serve");
        let mut talk = BufReader::new(child.stderr.take().expect("its talk"));
        let mut said = String::new();
        talk.read_line(&mut said).expect("a line");
        let address = said.split_whitespace().find_map(|word| word.trim_end_matches(';').parse().ok());
        match address.filter(|_| said.contains(" listens on ")) {
            Some(address) => Ok(Server { child, address, talk }),
            None => {
                talk.read_to_string(&mut said).expect("the rest");
                Err((child.wait().expect("its end").code(), said))
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.anchor.kill();
        let _ = self.anchor.wait();
    }
}
