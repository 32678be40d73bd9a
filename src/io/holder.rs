//! Which process holds a port that is wanted (proc_pid_fd(5), /proc/net/tcp and its like).
//!
//! Guarantee: only names what it saw; processes of other users, whose descriptors the kernel hides, are not named.

use std::net::{IpAddr, SocketAddr};

use procfs::net::{self, TcpState};
use procfs::process::{FDTarget, all_processes};

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: i32,
    /// The kernel's name of it (at most 15 bytes); whatever the program chose, so escape it before a terminal.
    pub process: String,
}

/// The process that listens on `address` (TCP), or is bound to it (UDP); `None` where there is none to be seen.
pub fn of(address: SocketAddr, udp: bool) -> Option<Holder> {
    let inodes = if udp { bound(address) } else { listening(address) };
    let process = all_processes().ok()?.flatten().find(|process| {
        let Ok(descriptors) = process.fd() else { return false };
        descriptors
            .flatten()
            .any(|descriptor| matches!(descriptor.target, FDTarget::Socket(inode) if inodes.contains(&inode)))
    })?;
    Some(Holder { pid: process.pid, process: process.stat().ok()?.comm })
}

/// How many TCP connections in TIME-WAIT keep `address` from being bound without SO_REUSEADDR (RFC 9293 §3.3.2); 0 where a
/// program listens, whether its process may be seen or not: that is the nearer reason.
pub fn waiting(address: SocketAddr) -> usize {
    if !listening(address).is_empty() {
        return 0;
    }
    let entries = [net::tcp(), net::tcp6()].into_iter().flatten().flatten();
    entries.filter(|entry| entry.state == TcpState::TimeWait && stands_in_the_way(entry.local_address, address)).count()
}

fn listening(address: SocketAddr) -> Vec<u64> {
    let entries = [net::tcp(), net::tcp6()].into_iter().flatten().flatten();
    let ours =
        entries.filter(|entry| entry.state == TcpState::Listen && stands_in_the_way(entry.local_address, address));
    ours.map(|entry| entry.inode).collect()
}

fn bound(address: SocketAddr) -> Vec<u64> {
    let entries = [net::udp(), net::udp6()].into_iter().flatten().flatten();
    entries.filter(|entry| stands_in_the_way(entry.local_address, address)).map(|entry| entry.inode).collect()
}

/// Whether a socket at `held` keeps another from `wanted`: the same port, and the same address or any.
fn stands_in_the_way(held: SocketAddr, wanted: SocketAddr) -> bool {
    let [held_ip, wanted_ip]: [IpAddr; 2] = [held.ip().to_canonical(), wanted.ip().to_canonical()];
    held.port() == wanted.port() && (held_ip == wanted_ip || held_ip.is_unspecified() || wanted_ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn names_this_process_for_the_port_it_listens_on() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(of(address, false).map(|holder| holder.pid), Some(std::process::id().cast_signed()));
        assert_eq!(of(address, true), None);
    }

    #[test]
    fn names_this_process_for_the_udp_port_it_is_bound_to() {
        let socket = UdpSocket::bind("[::1]:0").unwrap();
        let address = socket.local_addr().unwrap();
        assert_eq!(of(address, true).map(|holder| holder.pid), Some(std::process::id().cast_signed()));
    }

    #[test]
    fn a_listener_is_the_nearer_reason_than_a_connection_that_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let (mut closed_first, _) = listener.accept().unwrap();
        closed_first.shutdown(Shutdown::Write).unwrap();
        drop(client);
        assert_eq!(closed_first.read(&mut [0]).unwrap(), 0, "both have closed");
        drop(closed_first);
        assert_eq!(waiting(address), 0);
        drop(listener);
        assert_eq!(waiting(address), 1);
    }

    #[test]
    fn any_address_stands_in_the_way_of_each() {
        let held = |text: &str| text.parse().unwrap();
        assert!(stands_in_the_way(held("0.0.0.0:80"), held("127.0.0.1:80")));
        assert!(stands_in_the_way(held("[::ffff:127.0.0.1]:80"), held("127.0.0.1:80")));
        assert!(!stands_in_the_way(held("127.0.0.2:80"), held("127.0.0.1:80")));
        assert!(!stands_in_the_way(held("127.0.0.1:81"), held("127.0.0.1:80")));
    }
}
