//! Frames put onto an interface many at a time (packet(7), sendmmsg(2)).
//!
//! The socket hears nothing: its protocol is 0. Trap: what goes around the queueing discipline goes around captures on
//! this interface too, so it is done only where nobody is to watch.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, bind, sendmmsg, socket};

use super::refused;
use crate::frame::Error;
use crate::io::sys;

/// Most frames of one system call.
pub const MOST: usize = 128;

/// An interface, open for sending frames in bursts.
pub struct Burst(OwnedFd);

/// What system calls of many frames need; it stays on the thread that sends.
pub struct Headers(MultiHeaders<LinkAddr>);

impl Default for Headers {
    fn default() -> Self {
        Self(MultiHeaders::preallocate(MOST, None))
    }
}

impl Burst {
    /// Needs CAP_NET_RAW. `unseen`: straight to the driver, which is faster; no capture on this interface sees it.
    pub fn open(name: &str, unseen: bool) -> Result<Self, Error> {
        const SOL_PACKET: i32 = 263;
        const PACKET_QDISC_BYPASS: i32 = 20;
        let failed = |errno: Errno| refused("send on", name, errno.into());
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).map_err(failed)?;
        let mut links = getifaddrs().map_err(failed)?.filter(|one| one.interface_name == name);
        let link = links.find_map(|one| one.address?.as_link_addr().copied());
        let link = link.ok_or_else(|| refused("send on", name, io::ErrorKind::NotFound.into()))?;
        bind(socket.as_raw_fd(), &link).map_err(failed)?;
        if unseen {
            // An old kernel does without.
            let _ = sys::set_number(&socket, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
        }
        Ok(Self(socket))
    }

    /// Hands over frames, their link headers included, at most [`MOST`]; how many the kernel took. The error is that of
    /// the first.
    pub fn send<'f>(&self, headers: &'f mut Headers, frames: &'f [[IoSlice<'f>; 1]]) -> io::Result<usize> {
        const NOBODY: [Option<LinkAddr>; MOST] = [None; MOST];
        let took = sendmmsg(self.0.as_raw_fd(), &mut headers.0, frames, NOBODY, [], MsgFlags::empty());
        Ok(took.map(Iterator::count)?)
    }
}
