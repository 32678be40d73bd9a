//! A router of netlab's own: frames taken from its interfaces and put on them (packet(7)), as [`crate::lab::router`] says.
//! The kernel has no address there, and so has nothing to say.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};

use super::line::{AT_ONCE, LARGEST, put_out};
use crate::io::sys;
use crate::lab::router::{Router, Setup};

pub struct Translating {
    ports: Vec<OwnedFd>,
    router: Router,
    began: Instant,
}

impl Translating {
    /// In the router's network.
    pub fn open(setup: Setup) -> io::Result<Self> {
        let open = |name: &str| sys::packet_socket(if_nametoindex(name)?);
        let ports = setup.ports.iter().map(|port| open(&port.interface)).collect::<Result<_, _>>()?;
        Ok(Self { ports, router: Router::new(setup), began: Instant::now() })
    }

    /// Translates for ever; an error where an interface is gone.
    pub fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; LARGEST];
        loop {
            for port in 0..self.ports.len() {
                self.take_in(port, &mut buffer)?;
            }
            let mut fds: Vec<PollFd<'_>> =
                self.ports.iter().map(|port| PollFd::new(port.as_fd(), PollFlags::POLLIN)).collect();
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn take_in(&mut self, port: usize, buffer: &mut [u8]) -> io::Result<()> {
        for _ in 0..AT_ONCE {
            match recv(self.ports[port].as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    let frame = buffer.get(..length).unwrap_or_default();
                    for (to, frame) in self.router.take(self.began.elapsed(), port, frame) {
                        put_out(&self.ports[to], &frame)?;
                    }
                }
                Err(Errno::EAGAIN) => break,
                // An interface that is switched off may come up again.
                Err(Errno::EINTR | Errno::ENETDOWN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}
