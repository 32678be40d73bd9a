//! A virtual LAN of `netlab lab` for a test, as its user has it: up when it is made, gone when it is dropped.
//!
//! Needs nothing but netlab, nft and a kernel that lets users make namespaces; root is not needed.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::skip;

const NETLAB: &str = env!("CARGO_BIN_EXE_netlab");
/// Nobody: an ordinary user.
const NOBODY: &str = "65534";

/// As who a test does things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Who runs the tests.
    Own,
    /// An ordinary user, also where root runs the tests.
    Ordinary,
}

impl User {
    fn is_root() -> bool {
        nix::unistd::geteuid().is_root()
    }

    /// A program, run by this user.
    pub fn command(self, program: &str) -> Command {
        if self == Self::Own || !Self::is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps=-all", program]);
        command
    }

    pub fn netlab(self, arguments: &[&str]) -> Command {
        let mut command = self.command(NETLAB);
        command.args(arguments).env("NO_COLOR", "1").env_remove("COLUMNS").stdin(Stdio::null());
        command
    }
}

/// A lab that is up.
pub struct Lab {
    pub name: String,
    pub user: User,
    programs: Vec<Child>,
}

/// A name that no other test takes.
pub fn unused_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Lab {
    /// `netlab lab up ARGUMENTS`. `None`, having said why, where this kernel has no such namespaces for us.
    #[track_caller]
    pub fn up(user: User, arguments: &[&str]) -> Option<Self> {
        let name = unused_name();
        let output = user.netlab(&["lab", "up", "--name", &name]).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            print!("{said}");
            return Some(Self { name, user, programs: Vec::new() });
        }
        let refused = ["to allow it:", "nft is not installed", "Permission denied"];
        assert!(refused.iter().any(|sign| said.contains(sign)), "lab up {arguments:?}: {said}");
        skip(&format!("no lab: {}", said.lines().next().unwrap_or_default()));
        None
    }

    /// `netlab lab ACTION --name NAME ARGUMENTS`, done by the lab's user.
    pub fn lab(&self, action: &str, arguments: &[&str]) -> Output {
        self.user.netlab(&["lab", action, "--name", &self.name]).args(arguments).output().unwrap()
    }

    /// A program on one of the hosts. Its output is to be read.
    pub fn on(&self, host: &str, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.user.netlab(&["lab", "run", "--name", &self.name, host, "--", program]);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
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

    /// Starts a program that says `ready` in a line, which it has said on return; what it says after that is to be read. It
    /// ends with the lab.
    #[track_caller]
    pub fn start(&mut self, host: &str, program: &str, arguments: &[&str]) -> BufReader<ChildStdout> {
        let mut child = self.on(host, program, arguments).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.to_lowercase().contains("ready") {
            said.clear();
            if output.read_line(&mut said).unwrap() == 0 {
                let mut why = String::new();
                child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
                panic!("{program} {arguments:?} on {host} ended: {why}");
            }
        }
        self.programs.push(child);
        output
    }

    /// Processes that belong to the lab: the keeper, the supervisor, and who runs a program in it.
    pub fn processes(&self) -> Vec<u32> {
        let name = self.name.as_bytes();
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let pid = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
        let ours = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|word| word == name)
        };
        all.filter_map(pid).filter(ours).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.lab("down", &[]);
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}
