//! Asking the kernel's routing tables for whole lists (rtnetlink(7), netlink(7)).
//!
//! Messages are in host byte order and read through checked slices: a newer kernel has longer ones. Trap: a list that
//! changed while it was told is marked (NLM_F_DUMP_INTR) and may lack entries or have some twice; it is asked for again.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType};

use super::sockets::attributes::{u16_at, u32_at};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLM_F_DUMP_INTR: u16 = 0x10;
const HEADER: usize = 16;
/// How often a list that changed meanwhile is asked for.
const ATTEMPTS: usize = 5;

/// A socket to rtnetlink, of the network namespace of the thread that opened it.
pub struct Route {
    socket: OwnedFd,
    buffer: Vec<u8>,
    asked: u32,
}

impl Route {
    pub fn open() -> io::Result<Self> {
        let route = SockProtocol::NetlinkRoute;
        let socket = socket::socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, route)?;
        socket::bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Self { socket, buffer: vec![0; 64 << 10], asked: 0 })
    }

    /// The bodies of all messages that answer a request of this type (RTM_GET*).
    pub fn dump(&mut self, kind: u16, body: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let mut attempt = 1;
        loop {
            let (whole, bodies) = self.once(kind, body)?;
            if whole || attempt == ATTEMPTS {
                return Ok(bodies);
            }
            attempt += 1;
        }
    }

    /// From now on hears of what happens in this group (RTNLGRP_*). An error where the kernel has no such group.
    pub fn hear(&mut self, group: u32) -> io::Result<()> {
        super::sys::hear_netlink(self.socket.as_fd(), group)
    }

    /// Waits for notices: types and bodies. Nothing where the kernel had more to tell than there was room for.
    pub fn notices(&mut self) -> io::Result<Vec<(u16, Vec<u8>)>> {
        let bytes = match socket::recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
            Err(Errno::EINTR | Errno::ENOBUFS) => 0,
            received => received?,
        };
        let mut rest = self.buffer.get(..bytes).unwrap_or_default();
        let next = || next_message(&mut rest).map(|message| (message.kind, message.body.to_vec()));
        Ok(std::iter::from_fn(next).collect())
    }

    /// Whether nothing changed meanwhile, and the bodies.
    fn once(&mut self, kind: u16, body: &[u8]) -> io::Result<(bool, Vec<Vec<u8>>)> {
        self.asked += 1;
        let mut request = Vec::with_capacity(HEADER + body.len());
        request.extend(u32::try_from(HEADER + body.len()).unwrap_or(0).to_ne_bytes());
        request.extend(kind.to_ne_bytes());
        request.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
        request.extend(self.asked.to_ne_bytes());
        request.extend(0u32.to_ne_bytes());
        request.extend(body);
        socket::sendto(self.socket.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let (mut whole, mut bodies) = (true, Vec::new());
        loop {
            let bytes = match socket::recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                received => received?,
            };
            let mut rest = self.buffer.get(..bytes).unwrap_or_default();
            while let Some(message) = next_message(&mut rest) {
                if message.sequence != self.asked {
                    continue;
                }
                whole &= message.flags & NLM_F_DUMP_INTR == 0;
                match message.kind {
                    NLMSG_DONE => return Ok((whole, bodies)),
                    NLMSG_ERROR => {
                        let errno = u32_at(message.body, 0).map_or(0, |number| number.cast_signed().saturating_neg());
                        return Err(io::Error::from_raw_os_error(errno));
                    }
                    _ => bodies.push(message.body.to_vec()),
                }
            }
        }
    }
}

struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

/// Takes one message off.
fn next_message<'a>(rest: &mut &'a [u8]) -> Option<Message<'a>> {
    let length = usize::try_from(u32_at(rest, 0)?).ok()?;
    let body = rest.get(HEADER..length)?;
    let message = Message { kind: u16_at(rest, 4)?, flags: u16_at(rest, 6)?, sequence: u32_at(rest, 8)?, body };
    *rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some(message)
}
