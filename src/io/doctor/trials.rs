//! What is tried to see whether it is allowed, and undone at once: binding a port, opening a packet socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt};

use crate::engine::doctor::facts::{Bind, Capture, Transport};
use crate::io::{link, sys};

fn number(result: nix::Result<()>) -> i32 {
    result.err().map_or(0, |errno: Errno| errno as i32)
}

/// bind(2) to a port of every IPv4 address, without SO_REUSEADDR and with it. Nobody is listened to.
pub fn bound(port: u16, transport: Transport) -> Bind {
    let kind = if transport == Transport::Tcp { SockType::Stream } else { SockType::Datagram };
    let attempt = |reuse: bool| {
        let trial = socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None)?;
        setsockopt(&trial, sockopt::ReuseAddr, &reuse)?;
        bind(trial.as_raw_fd(), &SockaddrStorage::from(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))))
    };
    Bind { plain: number(attempt(false)), reusing: number(attempt(true)) }
}

/// A packet socket, as a capture opens it, and this thread's capabilities.
pub fn capture() -> Capture {
    let trial = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None);
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    Capture { socket: number(trial.map(|_| ())), capabilities: effective(&status), program: link::program() }
}

/// The TTL of a process's socket, and the one for multicast, asked by a copy of its descriptor (pidfd_getfd(2)).
pub fn times_to_live(pid: i32, descriptor: i32, six: bool) -> [Option<u8>; 2] {
    let copy = sys::process(pid).and_then(|process| sys::descriptor_of(&process, descriptor));
    let Ok(copy) = copy else { return [None; 2] };
    let copy = socket2::Socket::from(copy);
    let small = |value: std::io::Result<u32>| value.ok().and_then(|value| u8::try_from(value).ok());
    if six {
        [small(copy.unicast_hops_v6()), small(copy.multicast_hops_v6())]
    } else {
        [small(copy.ttl_v4()), small(copy.multicast_ttl_v4())]
    }
}

/// `CapEff:` of proc_pid_status(5).
fn effective(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_that_somebody_has_cannot_be_bound() {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(bound(port, Transport::Tcp), Bind { plain: 98, reusing: 98 });
        drop(listener);
        assert_eq!(bound(port, Transport::Tcp), Bind { plain: 0, reusing: 0 });
    }

    #[test]
    fn times_to_live_are_those_of_the_socket() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_ttl(7).unwrap();
        let own = std::process::id().cast_signed();
        let asked = times_to_live(own, socket.as_raw_fd(), false);
        assert!(asked == [Some(7), Some(1)] || asked == [None; 2], "{asked:?}");
    }

    #[test]
    fn capabilities_are_read_from_the_status() {
        assert_eq!(effective("Name:\tx\nCapEff:\t0000000000002400\nCapBnd:\t0\n"), 0x2400);
        assert_eq!(effective(""), 0);
        let capture = capture();
        assert_eq!(capture.socket == 0, capture.capabilities >> 13 & 1 == 1, "{capture:?}");
    }
}
