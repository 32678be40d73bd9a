//! Multicast groups joined by a socket, and the interfaces on which that is done (RFC 1112, RFC 3678, RFC 2553).

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;

use super::sys;

/// An interface of this machine, as it is needed to join on it and to send through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub index: u32,
    /// Its first IPv4 address, by which IPv4 chooses where multicast goes (IP_MULTICAST_IF).
    pub ipv4: Option<Ipv4Addr>,
}

/// The interface of that name, or the one that has that address; `None` where this machine has none.
pub fn interface(name_or_address: &str) -> Option<Interface> {
    let addresses = || getifaddrs().into_iter().flatten();
    let name = match name_or_address.parse::<IpAddr>() {
        Ok(wanted) => addresses().find(|entry| address_of(entry) == Some(wanted))?.interface_name,
        Err(_) => name_or_address.to_owned(),
    };
    let index = if_nametoindex(name.as_str()).ok()?;
    let ipv4 = addresses().filter(|entry| entry.interface_name == name).find_map(|entry| match address_of(&entry) {
        Some(IpAddr::V4(address)) => Some(address),
        _ => None,
    });
    Some(Interface { name, index, ipv4 })
}

fn address_of(entry: &nix::ifaddrs::InterfaceAddress) -> Option<IpAddr> {
    let address = entry.address?;
    let four = address.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
    four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip())))
}

/// Joins `group` on an interface (`None`: the one that the route to the group leads to), for any source or for one
/// only. The membership lasts as long as the socket.
pub fn join(
    socket: &impl AsFd,
    group: IpAddr,
    interface: Option<&Interface>,
    source: Option<IpAddr>,
) -> io::Result<()> {
    sys::join_group(socket.as_fd(), interface.map_or(0, |interface| interface.index), group, source)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn finds_the_loopback_interface_by_name_and_by_address() {
        let by_address = interface("127.0.0.1").unwrap();
        assert_eq!(by_address.ipv4, Some(Ipv4Addr::LOCALHOST));
        assert_eq!(interface(&by_address.name), Some(by_address));
        assert_eq!(interface("192.0.2.1"), None);
        assert_eq!(interface("no-such-interface-here"), None);
    }

    #[test]
    fn joins_for_any_source_and_for_one_and_not_twice() {
        let lo = interface("127.0.0.1").unwrap();
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let group = IpAddr::from([239, 1, 2, 3]);
        join(&socket, group, Some(&lo), None).unwrap();
        let twice = join(&socket, group, Some(&lo), None).unwrap_err();
        assert_eq!(twice.kind(), io::ErrorKind::AddrInUse);
        let source = IpAddr::from([192, 0, 2, 1]);
        join(&socket, [232, 1, 2, 3].into(), Some(&lo), Some(source)).unwrap();
        assert!(join(&socket, [10, 0, 0, 1].into(), Some(&lo), None).is_err(), "10.0.0.1 is no group");
    }
}
