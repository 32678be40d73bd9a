//! A client at a real terminal: a pseudo-terminal that Python's pty module opens, makes the controlling one, and copies.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::programs::text;

/// Whoever starts the tests in the background may have had Ctrl-C ignored, which programs inherit: a terminal has not.
const SPAWN: &str = "import os, pty, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); \
    sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

pub struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    /// What was on the screen since the last time somebody looked.
    unseen: Vec<u8>,
}

impl Terminal {
    /// Starts `netlab client EXERCISE` at a terminal, for a server at that address.
    pub fn start(exercise: &str, server: SocketAddr) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", SPAWN, env!("CARGO_BIN_EXE_netlab"), "client", exercise])
            .args(["--host", &server.ip().to_string(), "--port", &server.port().to_string()])
            .env("TERM", "dumb")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let (keyboard, screen) = (child.stdin.take().expect("a keyboard"), child.stdout.take().expect("a screen"));
        Self { child, keyboard, screen, unseen: Vec::new() }
    }

    pub fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("typed");
    }

    /// What is on the screen up to and with `sign`, waited for. Line ends are newlines.
    pub fn until(&mut self, sign: &str) -> String {
        while !text(&self.unseen).ends_with(sign) {
            let mut byte = [0];
            self.screen.read_exact(&mut byte).unwrap_or_else(|_| panic!("it ended after {:?}", text(&self.unseen)));
            self.unseen.push(byte[0]);
        }
        text(&std::mem::take(&mut self.unseen)).replace("\r\n", "\n")
    }

    /// Exit code (negative: the signal that ended it) and the rest of the screen, once it has ended.
    pub fn finish(mut self) -> (i32, String) {
        self.screen.read_to_end(&mut self.unseen).expect("the rest");
        let code = self.child.wait().expect("its end").code().expect("a code");
        // sys.exit keeps the lowest eight bits.
        let code = if code > 192 { code - 256 } else { code };
        (code, text(&self.unseen).replace("\r\n", "\n"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
