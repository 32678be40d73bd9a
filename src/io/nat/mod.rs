//! Sockets for what NATs are measured with: a STUN server, and the questions to one; for the third machine through which
//! two peers meet, and for those.

pub mod discover;
mod door;
pub mod punch;
pub mod rendezvous;
pub mod serve;

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::interrupt::Stop;

/// Waits until one of `readable` can be read, the time is over, or somebody asks to stop; whether it is that.
fn wait<'a>(
    readable: impl Iterator<Item = BorrowedFd<'a>>,
    stop: BorrowedFd<'a>,
    most: Option<Duration>,
) -> io::Result<bool> {
    let all = [stop].into_iter().chain(readable);
    let mut all: Vec<PollFd<'_>> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    // Rounded up, so that it is not too early by less than a millisecond again and again.
    let most = most.map(|most| most.as_micros().div_ceil(1000));
    let timeout = most.map_or(PollTimeout::NONE, |most| PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX));
    match poll(&mut all, timeout) {
        Ok(_) => Ok(all.first().and_then(PollFd::any) == Some(true)),
        Err(nix::errno::Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
