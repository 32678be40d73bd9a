//! Which process holds a port that is wanted.
//!
//! Guarantee: only names what it saw; processes of other users, whose descriptors the kernel hides, are not named.

use std::net::{IpAddr, SocketAddr};

use super::sockets::processes::{Holder, Holders};
use super::sockets::{self, Endpoint, Protocol, Socket, State};

/// The process that listens on `address` (TCP), or is bound to it (UDP); `None` where there is none to be seen.
pub fn of(address: SocketAddr, udp: bool) -> Option<Holder> {
    let protocol = if udp { Protocol::Udp } else { Protocol::Tcp };
    let sockets = sockets::list(&[protocol], false).ok()?;
    let holders = Holders::read();
    let holds = |socket: &&Socket| (udp || socket.state == State::LISTEN) && stands_in_the_way(&socket.local, address);
    sockets.iter().filter(holds).find_map(|socket| holders.of(socket.inode).first().cloned())
}

/// How many TCP connections in TIME-WAIT keep `address` from being bound without SO_REUSEADDR (RFC 9293 §3.3.2); 0 where a
/// program listens, whether its process may be seen or not: that is the nearer reason.
pub fn waiting(address: SocketAddr) -> usize {
    let sockets = sockets::list(&[Protocol::Tcp], false).unwrap_or_default();
    let stands = |state: State| {
        sockets.iter().filter(move |socket| socket.state == state && stands_in_the_way(&socket.local, address)).count()
    };
    if stands(State::LISTEN) > 0 { 0 } else { stands(State::TIME_WAIT) }
}

/// Whether a socket at `held` keeps another from `wanted`: the same port, and the same address or any.
fn stands_in_the_way(held: &Endpoint, wanted: SocketAddr) -> bool {
    let Endpoint::Address(held) = held else { return false };
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
        let held = |text: &str| Endpoint::Address(text.parse().unwrap());
        let wanted = |text: &str| text.parse().unwrap();
        assert!(stands_in_the_way(&held("0.0.0.0:80"), wanted("127.0.0.1:80")));
        assert!(stands_in_the_way(&held("[::ffff:127.0.0.1]:80"), wanted("127.0.0.1:80")));
        assert!(!stands_in_the_way(&held("127.0.0.2:80"), wanted("127.0.0.1:80")));
        assert!(!stands_in_the_way(&held("127.0.0.1:81"), wanted("127.0.0.1:80")));
    }
}
