//! Ctrl-C as something that can be waited for beside a socket.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::Error;
use super::connection::readable;
use crate::io::interrupt::Interrupt;

/// Becomes readable when the program is asked to end (SIGINT, SIGTERM, SIGHUP), and stays so for every thread that waits.
#[derive(Debug)]
pub struct Stop {
    asked: UnixStream,
    ring: UnixStream,
}

impl Stop {
    /// Asked by nobody but [`Stop::ask`].
    pub fn new() -> io::Result<Self> {
        let (asked, ring) = UnixStream::pair()?;
        Ok(Self { asked, ring })
    }

    /// Asked by Ctrl-C and its like as well; a second one ends the program at once.
    pub fn on_interrupt() -> io::Result<Self> {
        let stop = Self::new()?;
        Interrupt::install(|| Ok(stop.ring.try_clone()?.into()))?;
        Ok(stop)
    }

    /// A further descriptor of it, which does not block, for those who wait with a runtime of their own.
    pub fn duplicate(&self) -> io::Result<UnixStream> {
        let asked = self.asked.try_clone()?;
        asked.set_nonblocking(true)?;
        Ok(asked)
    }

    /// Does nothing for so long; `Stopped` when asked to end meanwhile.
    pub fn pause(&self, time: Duration) -> Result<(), Error> {
        if readable(self, None, Some(time))? { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Asks for the end from within, as Ctrl-C does from without.
    pub fn ask(&self) {
        // One byte fits the buffer, or the buffer is full of earlier asking.
        let _ = (&self.ring).write(&[0]);
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.asked.as_fd()
    }
}
