//! A shell in namespaces of its own, that tests drive: it waits for READY on standard error, never for time to pass.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::network::{self, NETLAB, Network};
use crate::support::skip;

/// A shell on a host of its own, and a directory for its files.
pub struct Shell {
    _host: Network,
    child: Child,
    stdin: Option<ChildStdin>,
    stderr: BufReader<std::process::ChildStderr>,
    pub said: String,
    pub directory: PathBuf,
}

/// What a shell left behind.
pub struct Left {
    pub out: String,
    pub talk: String,
}

impl Shell {
    /// Starts one with `lo` up, and runs `setup` in it. `None`, with the reason told, where this machine cannot.
    pub fn start(setup: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shell-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let host = network::alone()?;
        // Nothing here takes a minute: what hangs is ended, and fails.
        let mut command = host.on("alone", "timeout", &["-k", "5", "60", "bash", "-u"]);
        command.env("NETLAB", NETLAB).env("NETLAB_LANG", "en").env_remove("SUDO_UID").env_remove("SUDO_GID");
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let (stdin, stderr) = (child.stdin.take(), BufReader::new(child.stderr.take().unwrap()));
        let mut shell = Self { _host: host, child, stdin, stderr, said: String::new(), directory };
        shell.run(&format!("set -e; cd '{}'; {setup}\nset +e; echo BEGUN >&2", shell.directory.display()));
        if shell.wait_for("BEGUN") {
            shell.said.clear();
            return Some(shell);
        }
        skip(&format!("no private network here: {}", shell.said.trim()));
        None
    }

    pub fn run(&mut self, script: &str) {
        // A shell that has ended says so by what it has not done.
        let _ = writeln!(self.stdin.as_mut().unwrap(), "{script}");
    }

    /// Reads standard error up to a line; whether it came.
    pub fn wait_for(&mut self, line: &str) -> bool {
        loop {
            let start = self.said.len();
            if self.stderr.read_line(&mut self.said).unwrap() == 0 {
                return false;
            }
            if self.said[start..].trim_end() == line {
                return true;
            }
        }
    }

    /// Starts a capture in the background; on return it captures, and `$capture` is its process.
    pub fn capture(&mut self, arguments: &str) {
        self.run(&format!("$NETLAB capture --ready {arguments} & capture=$!"));
        assert!(self.wait_for("READY"), "the capture did not start: {}", self.said);
    }

    /// Runs the rest, and takes all that was said.
    pub fn end(mut self, script: &str) -> Left {
        self.run(script);
        drop(self.stdin.take());
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.stderr.read_to_string(&mut self.said).unwrap();
        self.child.wait().unwrap();
        Left { out, talk: std::mem::take(&mut self.said) }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
