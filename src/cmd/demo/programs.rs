//! The programs of a demonstration, as processes of their own: started, listened to, and ended in any case.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::frame::Timestamp;
use crate::io::privilege;

/// A line longer than this is shown in pieces.
const LONGEST_LINE: u64 = 4096;
/// More lines than this of one program are not kept.
const MOST_LINES: usize = 2000;

/// What a program printed, said on standard error, or was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub time: Timestamp,
    pub from: Origin,
    /// Without control characters.
    pub text: String,
}

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Printed,
    Said,
    Typed,
}

/// A running program. One that is dropped instead of finished ends with the PID namespace it runs in.
pub struct Program {
    pub name: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    arriving: Receiver<Line>,
    readers: [JoinHandle<()>; 2],
    heard: Vec<Line>,
}

impl Program {
    /// Starts netlab itself with these arguments; it must be one that takes `--stamp`.
    ///
    /// `fed`: lines will be typed to it; else its input has ended.
    pub fn start<S: AsRef<OsStr>>(
        name: &'static str,
        arguments: impl IntoIterator<Item = S>,
        fed: bool,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(itself());
        command.arg0_netlab().args(arguments).stdin(if fed { Stdio::piped() } else { Stdio::null() });
        if let Some(owner) = privilege::owner() {
            // Root's rights over a lab are not for what runs in it.
            std::os::unix::process::CommandExt::uid(&mut command, owner.uid.as_raw());
            std::os::unix::process::CommandExt::gid(&mut command, owner.gid.as_raw());
        }
        let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = started.with_context(|| format!("cannot start the {name}"))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            bail!("the {name} has no output");
        };
        let (sender, arriving) = channel();
        let input = child.stdin.take();
        let readers = [pass_on(stdout, Origin::Printed, sender.clone()), pass_on(stderr, Origin::Said, sender)];
        Ok(Self { name, child, input, arriving, readers, heard: Vec::new() })
    }

    /// Waits until the program prints or says something that contains `sign`, which it may have done already.
    pub fn wait_until_it_says(&mut self, sign: &str, patience: Duration) -> anyhow::Result<()> {
        if self.heard.iter().any(|line| line.text.contains(sign)) {
            return Ok(());
        }
        let deadline = Instant::now() + patience;
        loop {
            match self.arriving.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = line.text.contains(sign);
                    self.keep(line);
                    if found {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("the {} did not say {sign:?} within {patience:?}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the {} ended before it said {sign:?}: {}", self.name, self.talk())
                }
            }
        }
    }

    /// Types a line to it.
    pub fn say(&mut self, line: &str) -> anyhow::Result<()> {
        let Some(input) = &mut self.input else { bail!("the {} has no input any more", self.name) };
        self.heard.push(Line { time: now(), from: Origin::Typed, text: line.to_owned() });
        let written = input.write_all(format!("{line}\n").as_bytes()).and_then(|()| input.flush());
        written.with_context(|| format!("cannot type to the {}", self.name))
    }

    /// Ends its input.
    pub fn hush(&mut self) {
        self.input = None;
    }

    /// Sends it a signal. One that has ended meanwhile needs none.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), signal);
    }

    /// Waits for the program's end. After `patience` it is killed, which is an error.
    pub fn finish(mut self, patience: Duration) -> anyhow::Result<Ended> {
        self.hush();
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.child.try_wait().with_context(|| format!("cannot wait for the {}", self.name))? {
                break status;
            }
            if Instant::now() >= deadline {
                self.child.kill().and_then(|()| self.child.wait()).ok();
                bail!("the {} had not ended after {patience:?}: {}", self.name, self.talk());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        // A reader's thread ends with its pipe, and that with the program.
        for reader in std::mem::replace(&mut self.readers, [std::thread::spawn(|| ()), std::thread::spawn(|| ())]) {
            let _ = reader.join();
        }
        while let Ok(line) = self.arriving.try_recv() {
            self.keep(line);
        }
        Ok(Ended { name: self.name, status, lines: self.heard })
    }

    fn keep(&mut self, line: Line) {
        if self.heard.len() < MOST_LINES {
            self.heard.push(line);
        }
    }

    /// What it has said on standard error.
    fn talk(&self) -> String {
        said(&self.heard)
    }
}

fn said(lines: &[Line]) -> String {
    let said: Vec<&str> =
        lines.iter().filter(|line| line.from == Origin::Said).map(|line| line.text.as_str()).collect();
    said.join(" ")
}

/// A program that has ended.
pub struct Ended {
    pub name: &'static str,
    pub status: ExitStatus,
    /// In the order in which they came, which need not be that of their times.
    pub lines: Vec<Line>,
}

impl Ended {
    /// What it has said on standard error.
    pub fn talk(&self) -> String {
        said(&self.lines)
    }
}

trait Arg0 {
    fn arg0_netlab(&mut self) -> &mut Self;
}

impl Arg0 for Command {
    /// So that `ps` shows what a person would have typed.
    fn arg0_netlab(&mut self) -> &mut Self {
        std::os::unix::process::CommandExt::arg0(self, "netlab")
    }
}

/// This program's file, by its own name where it still stands there: what the kernel calls the process is the last part
/// of what was started, and `exe` would tell nobody who has a port.
fn itself() -> PathBuf {
    std::env::current_exe().ok().filter(|path| path.exists()).unwrap_or_else(|| "/proc/self/exe".into())
}

/// The time by the clock that stamps packets.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(since.as_secs().cast_signed(), since.subsec_nanos().into())
}

fn pass_on(output: impl Read + Send + 'static, from: Origin, to: Sender<Line>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        each_line(output, |text| {
            let (time, text) = stamped(text).unwrap_or_else(|| (now(), text));
            // The program has escaped what it heard; should it not have, nothing reaches the terminal all the same.
            let text = text.strip_prefix("netlab: ").unwrap_or(text).replace(char::is_control, "\u{fffd}");
            let _ = to.send(Line { time, from, text });
        });
    })
}

fn each_line(output: impl Read, mut each: impl FnMut(&str)) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => each(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r'])),
        }
    }
}

/// Takes a line apart that opens with `SECONDS.NANOSECONDS `, as `--stamp` makes them.
fn stamped(line: &str) -> Option<(Timestamp, &str)> {
    let (stamp, text) = line.split_once(' ')?;
    let (seconds, nanoseconds) = stamp.split_once('.')?;
    Some((Timestamp::new(seconds.parse().ok()?, nanoseconds.parse().ok()?), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_time_off_a_line() {
        let line = stamped("1700000000.000000007 Client said:  Hi");
        assert_eq!(line, Some((Timestamp(1_700_000_000_000_000_007), "Client said:  Hi")));
        assert_eq!(stamped("Client said:  Hi"), None);
    }
}
