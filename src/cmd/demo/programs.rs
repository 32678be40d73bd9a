//! The two programs of a demonstration, as processes of their own: started, listened to, and ended in any case.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::frame::Timestamp;

/// A line longer than this is shown in pieces.
const LONGEST_LINE: u64 = 4096;

/// What a program printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub time: Timestamp,
    pub text: String,
}

/// A running program. One that is dropped instead of finished ends with the PID namespace it runs in.
pub struct Program {
    pub role: &'static str,
    child: Child,
    printed: JoinHandle<Vec<Line>>,
    talk: Receiver<String>,
    talk_ended: JoinHandle<()>,
    heard: Vec<String>,
}

impl Program {
    /// Starts netlab itself with these arguments; it must be one that takes `--stamp`.
    pub fn start<S: AsRef<OsStr>>(role: &'static str, arguments: impl IntoIterator<Item = S>) -> anyhow::Result<Self> {
        let mut child = Command::new("/proc/self/exe")
            .arg0_netlab()
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the {role}"))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            bail!("the {role} has no output");
        };
        let (sender, talk) = channel();
        Ok(Self {
            role,
            child,
            printed: std::thread::spawn(move || lines_of(stdout)),
            talk_ended: std::thread::spawn(move || pass_on(stderr, &sender)),
            talk,
            heard: Vec::new(),
        })
    }

    /// Waits until the program says, on standard error, something that contains `sign`.
    pub fn wait_until_it_says(&mut self, sign: &str, patience: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            match self.talk.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = line.contains(sign);
                    self.heard.push(line);
                    if found {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("the {} did not get ready within {patience:?}", self.role),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the {} ended before it was ready: {}", self.role, self.heard.join(" "))
                }
            }
        }
    }

    /// Waits for the program's end. After `patience` it is killed, which is an error.
    pub fn finish(mut self, patience: Duration) -> anyhow::Result<Ended> {
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.child.try_wait().with_context(|| format!("cannot wait for the {}", self.role))? {
                break status;
            }
            if Instant::now() >= deadline {
                self.child.kill().and_then(|()| self.child.wait()).ok();
                bail!("the {} had not ended after {patience:?}", self.role);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        // A reader's thread ends with its pipe, and that with the program.
        let printed = self.printed.join().unwrap_or_default();
        let _ = self.talk_ended.join();
        self.heard.extend(self.talk.try_iter());
        Ok(Ended { role: self.role, status, printed, talk: self.heard })
    }
}

/// A program that has ended.
pub struct Ended {
    pub role: &'static str,
    pub status: ExitStatus,
    /// Its standard output, in order.
    pub printed: Vec<Line>,
    /// Its standard error, in order.
    pub talk: Vec<String>,
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

fn lines_of(output: impl Read) -> Vec<Line> {
    let mut lines = Vec::new();
    each_line(output, |line| {
        if let Some(line) = stamped(line) {
            lines.push(line);
        }
    });
    lines
}

fn pass_on(output: impl Read, to: &Sender<String>) {
    each_line(output, |line| _ = to.send(line.to_owned()));
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
fn stamped(line: &str) -> Option<Line> {
    let (stamp, text) = line.split_once(' ')?;
    let (seconds, nanoseconds) = stamp.split_once('.')?;
    let time = Timestamp::new(seconds.parse().ok()?, nanoseconds.parse().ok()?);
    // The program has escaped what it heard; should it not have, nothing reaches the terminal all the same.
    Some(Line { time, text: text.replace(char::is_control, "\u{fffd}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_time_off_a_line() {
        let line = stamped("1700000000.000000007 Client said:  Hi").unwrap();
        assert_eq!(line, Line { time: Timestamp(1_700_000_000_000_000_007), text: "Client said:  Hi".to_owned() });
        assert_eq!(stamped("Client said:  Hi"), None);
    }
}
