//! A real terminal for tests of what draws on it: a pseudo-terminal, and what its screen shows (vt100). For clients that
//! only ask and print, `terminal.rs` is enough.
//!
//! ```text
//! let Some(mut screen) = Screen::start(&["client", "sync", "--port", &port]) else { return };
//! screen.shows(&["Server said:  Hello and welcome", "msg: "]);
//! screen.keys("Hi\r");          // \x03 is Ctrl-C, \x04 Ctrl-D, \x1b[D an arrow
//! assert_eq!(screen.ends(), Some(0));
//! ```

// A wait for a screen must itself end.
#![allow(clippy::disallowed_methods)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};

use crate::support;

const ROWS: u16 = 24;
const COLUMNS: u16 = 60;
/// Far longer than anything takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// netlab in a terminal of its own, 24 rows of 60 columns.
pub struct Screen {
    child: Child,
    keyboard: File,
    /// Keeps the terminal there when the program has ended, so that its settings can be seen.
    line: std::os::fd::OwnedFd,
    shown: vt100::Parser,
}

impl Screen {
    /// Starts netlab as the terminal's foreground program; `None`, having said why, where that is not possible.
    pub fn start(arguments: &[&str]) -> Option<Self> {
        let size = Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(&size, None).expect("a pseudo-terminal");
        let side = || Stdio::from(pair.slave.try_clone().expect("its other side"));
        // Ctrl-C is a signal only for the foreground of a controlling terminal: setsid(1) makes it that.
        // Whoever starts the tests in the background may have had it ignored, which programs inherit.
        let child = Command::new("setsid")
            .args(["--ctty", "--wait", "env", "--default-signal=INT", env!("CARGO_BIN_EXE_netlab")])
            .args(arguments)
            .env("TERM", "xterm")
            .env("NETLAB_LANG", "en")
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn();
        let Ok(child) = child else {
            support::skip("setsid (util-linux) is not installed");
            return None;
        };
        let [rows, columns] = [ROWS, COLUMNS].map(|size| std::num::NonZero::new(size).expect("a size"));
        let shown = vt100::Parser::new(rows, columns, 1000);
        Some(Self { child, keyboard: pair.master.into(), line: pair.slave, shown })
    }

    /// Presses keys.
    pub fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("keys");
    }

    /// What stands on the screen: its rows without the spaces at their ends, down to the last one that is not empty.
    pub fn rows(&self) -> Vec<String> {
        let screen = self.shown.screen();
        let mut rows: Vec<String> = screen.rows(0, COLUMNS).map(|row| row.trim_end().to_owned()).collect();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }

    /// Waits until the screen shows exactly these rows (the spaces at their ends do not count).
    #[track_caller]
    pub fn shows(&mut self, rows: &[&str]) {
        let expected: Vec<&str> = rows.iter().map(|row| row.trim_end()).collect();
        self.until(&format!("{expected:#?}"), |screen| screen.rows() == expected);
    }

    /// Waits until the screen is as it should be; `wanted` says how, where it never becomes so.
    #[track_caller]
    pub fn until(&mut self, wanted: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "the screen shows {:#?}, not {wanted}", self.rows());
            self.watch(Duration::from_millis(100));
        }
    }

    /// The column of the cursor, from 0.
    pub fn column(&self) -> u16 {
        self.shown.screen().cursor_position().1
    }

    /// Whether the terminal is as a shell expects it: echo, and lines.
    pub fn is_given_back(&self) -> bool {
        let flags = tcgetattr(&self.line).expect("its settings").local_flags;
        flags.contains(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG)
    }

    /// Waits for the program's end: its exit code, 128 and the signal's number where a signal ended it.
    pub fn ends(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.watch(Duration::from_millis(20));
            if let Some(status) = self.child.try_wait().expect("its state") {
                while self.watch(Duration::ZERO) {}
                return status.code().or_else(|| status.signal().map(|signal| 128 + signal));
            }
            assert!(Instant::now() < deadline, "it does not end; the screen shows {:#?}", self.rows());
        }
    }

    /// Shows what the program has written; whether it was something.
    fn watch(&mut self, patience: Duration) -> bool {
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        let mut waits = [PollFd::new(self.keyboard.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waits, timeout).unwrap_or(0) == 0 {
            return false;
        }
        let mut piece = [0; 4096];
        // An error: nobody has the other side open any more.
        let Ok(length @ 1..) = self.keyboard.read(&mut piece) else { return false };
        self.shown.process(&piece[..length]);
        true
    }
}

impl Drop for Screen {
    /// A test that fails leaves no program behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
