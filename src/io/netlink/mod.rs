//! Asking the kernel through netlink(7): its routing tables and interfaces (rtnetlink(7)), its sockets (sock_diag(7)).
//!
//! Messages are in host byte order and read through checked slices: a newer kernel has longer ones. Trap: a list that
//! changed while it was told is marked (NLM_F_DUMP_INTR) and may lack entries or have some twice; [`Netlink::list`] asks
//! for it again.

pub mod attributes;

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    self, AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, setsockopt, sockopt,
};

use attributes::{u16_at, u32_at};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
const HEADER: usize = 16;
/// How often a list that changed meanwhile is asked for.
const ATTEMPTS: usize = 5;

/// What is wanted of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The one answer to a question.
    One,
    /// All that there is of a kind.
    All,
    /// That it does something, with these flags of NLM_F_*.
    Done(u16),
}

/// A socket to the kernel, of the network namespace of the thread that opened it.
pub struct Netlink {
    socket: OwnedFd,
    buffer: Vec<u8>,
    asked: u32,
}

impl Netlink {
    /// To rtnetlink.
    pub fn routes() -> nix::Result<Self> {
        let netlink = Self::open(SockProtocol::NetlinkRoute, 64 << 10)?;
        netlink.bind(0)?;
        Ok(netlink)
    }

    /// To the list of sockets. Also hears of what happens in these groups (a bit each: SKNLGRP_* of linux/sock_diag.h,
    /// less one).
    pub fn sockets(groups: u32) -> nix::Result<Self> {
        let netlink = Self::open(SockProtocol::NetlinkSockDiag, 256 << 10)?;
        // As much as the kernel gives: a burst of notices must not be lost.
        if setsockopt(&netlink.socket, sockopt::RcvBufForce, &(8 << 20)).is_err() {
            let _ = setsockopt(&netlink.socket, sockopt::RcvBuf, &(4 << 20));
        }
        netlink.bind(groups)?;
        Ok(netlink)
    }

    fn open(protocol: SockProtocol, room: usize) -> nix::Result<Self> {
        let socket = socket::socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        Ok(Self { socket, buffer: vec![0; room], asked: 0 })
    }

    fn bind(&self, groups: u32) -> nix::Result<()> {
        socket::bind(self.socket.as_raw_fd(), &NetlinkAddr::new(0, groups))
    }

    /// The descriptor to wait for notices with.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.socket
    }

    /// Sends a request of this type and hands the bodies of the answers on. Whether nothing changed meanwhile; the error is
    /// the kernel's.
    pub fn ask(&mut self, kind: u16, wanted: Wanted, body: &[u8], take: &mut dyn FnMut(&[u8])) -> nix::Result<bool> {
        self.asked += 1;
        let flags = NLM_F_REQUEST
            | match wanted {
                Wanted::One => 0,
                Wanted::All => NLM_F_DUMP,
                Wanted::Done(flags) => NLM_F_ACK | flags,
            };
        let length = u32::try_from(HEADER + body.len()).map_err(|_| Errno::EMSGSIZE)?;
        let mut request = Vec::with_capacity(HEADER + body.len());
        request.extend_from_slice(&length.to_ne_bytes());
        request.extend_from_slice(&kind.to_ne_bytes());
        request.extend_from_slice(&flags.to_ne_bytes());
        request.extend_from_slice(&self.asked.to_ne_bytes());
        request.extend_from_slice(&0u32.to_ne_bytes());
        request.extend_from_slice(body);
        socket::sendto(self.socket.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut whole = true;
        loop {
            let bytes = match socket::recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                received => received?,
            };
            let mut rest = self.buffer.get(..bytes).unwrap_or_default();
            while let Some(message) = next_message(&mut rest) {
                // An answer to an earlier question, or a notice.
                if message.sequence != self.asked {
                    continue;
                }
                whole &= message.flags & NLM_F_DUMP_INTR == 0;
                match message.kind {
                    NLMSG_DONE => return Ok(whole),
                    NLMSG_ERROR => {
                        return match u32_at(message.body, 0).ok_or(Errno::EBADMSG)?.cast_signed() {
                            0 => Ok(whole),
                            number => Err(Errno::from_raw(number.saturating_neg())),
                        };
                    }
                    _ => take(message.body),
                }
                if wanted == Wanted::One {
                    return Ok(whole);
                }
            }
        }
    }

    /// The bodies of all messages that answer a request of this type (RTM_GET*).
    pub fn list(&mut self, kind: u16, body: &[u8]) -> nix::Result<Vec<Vec<u8>>> {
        let mut attempt = 1;
        loop {
            let mut bodies = Vec::new();
            let whole = self.ask(kind, Wanted::All, body, &mut |body| bodies.push(body.to_vec()))?;
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

    /// Takes notices, their types and bodies: EINTR and EAGAIN are as recv(2) has them with these flags, ENOBUFS says that
    /// the kernel had more to tell than there was room for.
    pub fn notices(&mut self, flags: MsgFlags, take: &mut dyn FnMut(u16, &[u8])) -> nix::Result<()> {
        let bytes = socket::recv(self.socket.as_raw_fd(), &mut self.buffer, flags)?;
        let mut rest = self.buffer.get(..bytes).unwrap_or_default();
        while let Some(message) = next_message(&mut rest) {
            take(message.kind, message.body);
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

/// Takes one message off (struct nlmsghdr).
fn next_message<'a>(rest: &mut &'a [u8]) -> Option<Message<'a>> {
    let length = usize::try_from(u32_at(rest, 0)?).ok()?;
    let body = rest.get(HEADER..length)?;
    let message = Message { kind: u16_at(rest, 4)?, flags: u16_at(rest, 6)?, sequence: u32_at(rest, 8)?, body };
    *rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_end_where_their_length_says_or_where_the_bytes_end() {
        let mut message = 20u32.to_ne_bytes().to_vec();
        message.extend_from_slice(&26u16.to_ne_bytes());
        message.resize(20, 7);
        let mut rest = message.as_slice();
        let taken = next_message(&mut rest).unwrap();
        assert_eq!((taken.kind, taken.body), (26, &[7u8; 4][..]));
        assert_eq!(next_message(&mut rest), None);
        for cut in 0..20 {
            assert_eq!(next_message(&mut &message[..cut]), None);
        }
    }

    #[test]
    fn a_list_a_question_and_a_refusal_follow_each_other() {
        const RTM_GETLINK: u16 = 18;
        let mut netlink = Netlink::routes().unwrap();
        assert!(!netlink.list(RTM_GETLINK, &[0; 16]).unwrap().is_empty(), "lo at least");
        let (mut lo, mut none) = ([0; 16], [0; 16]);
        lo[4..8].copy_from_slice(&1u32.to_ne_bytes());
        none[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
        let mut answers = 0;
        assert_eq!(netlink.ask(RTM_GETLINK, Wanted::One, &lo, &mut |_| answers += 1), Ok(true));
        assert!(netlink.ask(RTM_GETLINK, Wanted::One, &none, &mut |_| answers += 1).is_err());
        assert_eq!(answers, 1);
    }
}
