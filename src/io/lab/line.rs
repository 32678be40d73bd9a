//! A bad line: frames taken from one interface and put on the other (packet(7)), as [`crate::lab::impairment`] says.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{MsgFlags, recv, send};
use nix::sys::time::TimeSpec;

use crate::io::sys;
use crate::lab::impairment::{Impairment, Line};

/// Frames taken at once from one side, so that the other has its turn.
pub(super) const AT_ONCE: usize = 64;
/// No frame of a lab is larger, as offloads are off.
pub(super) const LARGEST: usize = 1 << 16;

/// Both directions between two interfaces of this network namespace.
pub struct Carrier {
    ends: [OwnedFd; 2],
    /// From the first to the second, and back.
    lines: [Line; 2],
    began: Instant,
}

impl Carrier {
    /// From here on what comes in at either end is kept by the kernel.
    pub fn open(ends: &[String; 2], impairment: Impairment, seed: u64) -> io::Result<Self> {
        let open = |name: &String| sys::packet_socket(if_nametoindex(name.as_str())?);
        let [one, other] = ends;
        let lines = [Line::new(impairment, seed), Line::new(impairment, seed.wrapping_add(1 << 32))];
        Ok(Self { ends: [open(one)?, open(other)?], lines, began: Instant::now() })
    }

    /// Carries frames for ever; an error where an interface is gone.
    pub fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; LARGEST];
        loop {
            for from in [0, 1] {
                self.take_in(from, &mut buffer)?;
            }
            let now = self.now();
            for (from, to) in [(0, 1), (1, 0)] {
                while let Some(frame) = self.lines[from].take(now) {
                    put_out(&self.ends[to], &frame)?;
                }
            }
            self.wait()?;
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn take_in(&mut self, from: usize, buffer: &mut [u8]) -> io::Result<()> {
        for _ in 0..AT_ONCE {
            match recv(self.ends[from].as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    let now = self.now();
                    self.lines[from].put(now, buffer.get(..length).unwrap_or_default());
                }
                Err(Errno::EAGAIN) => break,
                // An interface that is switched off may come up again.
                Err(Errno::EINTR | Errno::ENETDOWN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<()> {
        let due = self.lines.iter().filter_map(Line::next).min();
        let pause = due.map(|due| TimeSpec::from(Duration::from_nanos(due.saturating_sub(self.now()))));
        let mut fds = [0, 1].map(|end| PollFd::new(self.ends[end].as_fd(), PollFlags::POLLIN));
        match ppoll(&mut fds, pause, None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

pub(super) fn put_out(end: &OwnedFd, frame: &[u8]) -> io::Result<()> {
    match send(end.as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT) {
        // A full queue drops, as any; so does a line that is down, and one that such a frame does not fit.
        Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::ENETDOWN | Errno::EINTR | Errno::EMSGSIZE) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
