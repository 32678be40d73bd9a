//! A socket's error queue (ip(7), IP_RECVERR): which ICMP error came, and from whom. Needs no privilege.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::SystemTime;

use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};

use crate::engine::doctor::facts::Icmp;

/// An error that stood in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub icmp: Icmp,
    /// Who sent it.
    pub from: Option<IpAddr>,
}

/// Asks the kernel to queue the errors of this socket.
pub fn keep(socket: &impl AsFd, six: bool) {
    // Without it errors come by their number alone.
    let _ = if six {
        setsockopt(socket, sockopt::Ipv6RecvErr, &true)
    } else {
        setsockopt(socket, sockopt::Ipv4RecvErr, &true)
    };
}

/// An ICMP error as the queue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    pub kind: u8,
    pub code: u8,
    /// The MTU, where it tells one.
    pub info: u32,
    /// Who sent it.
    pub from: Option<IpAddr>,
    /// When it came, by the kernel's clock, where the socket has SO_TIMESTAMPNS.
    pub stamp: Option<SystemTime>,
    /// The beginning of what was sent, behind the headers that the kernel has understood.
    pub payload: Vec<u8>,
}

/// Takes the first ICMP error off the queue; others that stand before it are dropped.
pub fn take(socket: &impl AsFd) -> Option<Entry> {
    let (six, reported) = next(socket)?;
    let Reported { kind, code, info, from, .. } = reported;
    Some(Entry { icmp: Icmp::of(six, kind, code, info), from })
}

/// The same, with all that is known of it.
pub fn report(socket: &impl AsFd) -> Option<Reported> {
    next(socket).map(|(_, reported)| reported)
}

/// The next ICMP error, and whether it is one of IPv6.
fn next(socket: &impl AsFd) -> Option<(bool, Reported)> {
    let mut payload = [0; 64];
    for _ in 0..16 {
        let mut pieces = [IoSliceMut::new(&mut payload)];
        let mut room = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6, libc::timespec, i32);
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message =
            recvmsg::<SockaddrStorage>(socket.as_fd().as_raw_fd(), &mut pieces, Some(&mut room), flags).ok()?;
        let length = message.bytes;
        let (mut found, mut stamp) = (None, None);
        for control in message.cmsgs().ok()? {
            match control {
                ControlMessageOwned::Ipv4RecvErr(error, from) => {
                    let from = from.map(|from| IpAddr::V4(Ipv4Addr::from(from.sin_addr.s_addr.to_ne_bytes())));
                    found = Some((error, from));
                }
                ControlMessageOwned::Ipv6RecvErr(error, from) => {
                    found = Some((error, from.map(|from| IpAddr::V6(Ipv6Addr::from(from.sin6_addr.s6_addr)))));
                }
                ControlMessageOwned::ScmTimestampns(time) => stamp = SystemTime::UNIX_EPOCH.checked_add(time.into()),
                _ => {}
            }
        }
        let Some((error, from)) = found else { continue };
        // Else the kernel itself refused (SO_EE_ORIGIN_LOCAL).
        if matches!(error.ee_origin, ICMP | ICMP6) {
            let from = from.filter(|from| !from.is_unspecified());
            let payload = payload.get(..length).unwrap_or_default().to_vec();
            let (kind, code, info) = (error.ee_type, error.ee_code, error.ee_info);
            return Some((error.ee_origin == ICMP6, Reported { kind, code, info, from, stamp, payload }));
        }
    }
    None
}

// SO_EE_ORIGIN_ICMP and SO_EE_ORIGIN_ICMP6 (linux/errqueue.h).
const ICMP: u8 = 2;
const ICMP6: u8 = 3;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    #[test]
    fn a_closed_udp_port_is_told_with_its_sender() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let closed = UdpSocket::bind(any).unwrap().local_addr().unwrap();
            let socket = UdpSocket::bind(any).unwrap();
            keep(&socket, closed.is_ipv6());
            socket.connect(closed).unwrap();
            socket.send(b"x").unwrap();
            let mut wait = [PollFd::new(socket.as_fd(), PollFlags::empty())];
            assert_eq!(poll(&mut wait, PollTimeout::from(5000u16)), Ok(1));
            assert_eq!(take(&socket), Some(Entry { icmp: Icmp::Port, from: Some(closed.ip()) }));
            assert_eq!(take(&socket), None);
        }
    }
}
