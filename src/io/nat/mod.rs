//! Sockets for what NATs are measured with: a STUN server, and the questions to one.

pub mod discover;
pub mod serve;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::interrupt::Interrupt;

/// What ends it early: Ctrl-C.
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
}

/// Waits until one of `readable` can be read, the time is over, or somebody asks to stop.
fn wait<'a>(readable: impl Iterator<Item = BorrowedFd<'a>>, stop: &'a Stop, most: Option<Duration>) -> io::Result<()> {
    let all = readable.chain([stop.pipe.as_fd()]);
    let mut all: Vec<PollFd<'_>> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    // Rounded up, so that it is not too early by less than a millisecond again and again.
    let most = most.map(|most| most.as_micros().div_ceil(1000));
    let timeout = most.map_or(PollTimeout::NONE, |most| PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX));
    match poll(&mut all, timeout) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
