//! Ctrl-C and its like, turned into a request to stop. The handler only sets a flag and writes one byte.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// Whether somebody asked this process to stop.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on SIGINT, SIGTERM and SIGHUP write to each descriptor `wake` makes; a second signal ends the process
    /// at once with 130, for when what is to be finished does not finish.
    ///
    /// SIGHUP stays ignored where it was when the process started (`nohup`). SIGINT does not: shells ignore it for what
    /// they start in the background, and scripts send it to end a capture.
    pub fn install(mut wake: impl FnMut() -> io::Result<OwnedFd>) -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if signal == SIGHUP && ignored(signal) {
                continue;
            }
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
            low_level::pipe::register(signal, wake()?)?;
        }
        Ok(Self(asked))
    }

    /// Asks in the name of whoever would have: all that looks at it ends.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn happened(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What ends waiting on sockets early: Ctrl-C, also as a descriptor to be polled.
pub struct Stop {
    interrupt: Interrupt,
    pipe: OwnedFd,
}

impl Stop {
    pub fn install() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let interrupt = Interrupt::install(|| Ok(writer.try_clone()?.into()))?;
        Ok(Self { interrupt, pipe: reader.into() })
    }

    pub fn happened(&self) -> bool {
        self.interrupt.happened()
    }

    /// Readable from the moment that somebody asks.
    pub fn pipe(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// Read from /proc/self/status (`SigIgn`), as asking sigaction(2) would need unsafe code.
fn ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
