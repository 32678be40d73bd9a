//! A server of ours as a process of its own, watched while it runs.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::io::usage::{self, Running, Spent};

/// How often its memory and threads are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Of what it says on standard error, the most that is kept.
const TALK: u64 = 16 << 10;

pub struct Server {
    child: Child,
    address: SocketAddr,
    over: Arc<AtomicBool>,
    watch: Option<JoinHandle<Running>>,
    talk: Option<JoinHandle<String>>,
    before: Spent,
}

/// What it cost from its start to its end.
pub struct Cost {
    pub most: Running,
    pub spent: Spent,
    pub talk: String,
}

impl Server {
    /// Starts `netlab serve EXERCISE --model MODEL` on a free port of 127.0.0.1, and waits until it listens.
    pub fn start(exercise: &str, model: &str) -> anyhow::Result<Self> {
        let before = usage::children();
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command
            .args(["serve", exercise, "--model", model, "--port", "0", "--idle", "1h", "--max-clients", "100000"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        usage::end_with_us(&mut command);
        let mut child = command.spawn().context("cannot start a server")?;
        let mut heard = BufReader::new(child.stderr.take().context("the server has no standard error")?);
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            if heard.read_line(&mut line)? == 0 {
                child.wait()?;
                bail!("the server ended: {said}");
            }
            said += &line;
            let found = line.split_once(" listens on ").and_then(|(_, rest)| rest.split(';').next()?.parse().ok());
            if let Some(address) = found {
                break address;
            }
        };
        let talk = std::thread::spawn(move || {
            let mut kept = Vec::new();
            let _ = heard.by_ref().take(TALK).read_to_end(&mut kept);
            let _ = std::io::copy(&mut heard, &mut std::io::sink());
            String::from_utf8_lossy(&kept).into_owned()
        });
        let over = Arc::new(AtomicBool::new(false));
        let (pid, stop) = (child.id(), Arc::clone(&over));
        let watch = std::thread::spawn(move || {
            let mut most = Running::default();
            while !stop.load(Ordering::Acquire) {
                let Some(now) = usage::running(pid) else { break };
                most = Running { memory: most.memory.max(now.memory), threads: most.threads.max(now.threads) };
                std::thread::park_timeout(LOOK);
            }
            most
        });
        Ok(Self { child, address, over, watch: Some(watch), talk: Some(talk), before })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as Ctrl-C would.
    pub fn end(mut self) -> anyhow::Result<Cost> {
        self.over.store(true, Ordering::Release);
        let watch = self.watch.take().context("watched twice")?;
        watch.thread().unpark();
        let most = watch.join().map_err(|_| anyhow!("the server could not be watched"))?;
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).context("cannot end the server")?;
        self.child.wait().context("cannot wait for the server")?;
        let talk = self.talk.take().context("heard twice")?.join().unwrap_or_default();
        Ok(Cost { most, spent: usage::children() - self.before, talk })
    }
}

impl Drop for Server {
    /// Where something went wrong before its end.
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
