//! Asking rtnetlink (rtnetlink(7)): the route to an address, its neighbour, which interface belongs to which bridge.
//!
//! Numbers are in host byte order, addresses as on the wire. Messages are read through checked slices.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{self, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::engine::doctor::facts::{Neighbour, Route};
use crate::io::sockets::attributes::{Attributes, u16_at, u32_at};

const RTM_GETLINK: u16 = 18;
const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
const HEADER: usize = 16;

/// The route that a packet to `address` takes, over the interface `scope` where that is not 0; the error is the kernel's refusal (ENETUNREACH and others).
pub fn to(address: IpAddr, scope: u32) -> io::Result<Route> {
    const RTA_DST: u16 = 1;
    const RTA_OIF: u16 = 4;
    const RTA_GATEWAY: u16 = 5;
    const RTA_PREFSRC: u16 = 7;
    const RTA_METRICS: u16 = 8;
    const RTAX_MTU: u16 = 2;
    const RTA_VIA: u16 = 18;
    const RTN_LOCAL: u8 = 2;
    let bytes = octets(address);
    // struct rtmsg: family, lengths of destination and source, the rest unspecified.
    let mut body = vec![family(address), (bytes.len() * 8) as u8, 0, 0, 0, 0, 0, 0];
    body.extend_from_slice(&0u32.to_ne_bytes());
    attribute(&mut body, RTA_DST, &bytes);
    if scope != 0 {
        attribute(&mut body, RTA_OIF, &scope.to_ne_bytes());
    }
    let mut route = None;
    ask(RTM_GETROUTE, REQUEST, &body, &mut |message| {
        let (Some(kind), Some(rest)) = (message.get(7), message.get(12..)) else { return };
        let attributes = Attributes(rest);
        // RTA_VIA is a family and an address of it: an IPv4 route through an IPv6 router.
        let via = attributes.find(RTA_VIA).and_then(|via| ip(via.get(2..)?));
        route = Some(Route::Found {
            interface: attributes.find(RTA_OIF).and_then(|index| u32_at(index, 0)).unwrap_or(0),
            gateway: attributes.find(RTA_GATEWAY).and_then(ip).or(via),
            source: attributes.find(RTA_PREFSRC).and_then(ip),
            local: *kind == RTN_LOCAL,
            mtu: attributes
                .find(RTA_METRICS)
                .and_then(|all| Attributes(all).find(RTAX_MTU))
                .and_then(|mtu| u32_at(mtu, 0)),
        });
    })?;
    route.ok_or_else(|| Errno::ENETUNREACH.into())
}

/// What the kernel knows of a neighbour on an interface; `None` where it has never asked for it.
pub fn neighbour(interface: u32, address: IpAddr) -> io::Result<Option<Neighbour>> {
    const NDA_DST: u16 = 1;
    // struct ndmsg: family, padding, interface, state, flags, type.
    let mut body = vec![family(address), 0, 0, 0];
    body.extend_from_slice(&[0; 8]);
    let mut found = None;
    ask(RTM_GETNEIGH, REQUEST | DUMP, &body, &mut |message| {
        let attributes = Attributes(message.get(12..).unwrap_or_default());
        let same = u32_at(message, 4) == Some(interface) && attributes.find(NDA_DST).and_then(ip) == Some(address);
        if let (true, Some(state)) = (same, u16_at(message, 8)) {
            found = Some(Neighbour { address, state });
        }
    })?;
    Ok(found)
}

/// Other interfaces that see the frames of one, by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// The bridge or bond that it belongs to.
    pub master: Option<u32>,
    /// What it stands on (a VLAN's), or is tied to (a veth's other end, where that is in this namespace).
    pub parent: Option<u32>,
}

/// Those of all interfaces, by their index.
pub fn relations() -> io::Result<BTreeMap<u32, Relation>> {
    const IFLA_LINK: u16 = 5;
    const IFLA_MASTER: u16 = 10;
    const IFLA_LINK_NETNSID: u16 = 37;
    let mut relations = BTreeMap::new();
    // struct ifinfomsg.
    ask(RTM_GETLINK, REQUEST | DUMP, &[0; 16], &mut |message| {
        let attributes = Attributes(message.get(16..).unwrap_or_default());
        let number = |kind| attributes.find(kind).and_then(|index| u32_at(index, 0)).filter(|index| *index != 0);
        let elsewhere = attributes.find(IFLA_LINK_NETNSID).is_some();
        if let Some(index) = u32_at(message, 4) {
            let parent = number(IFLA_LINK).filter(|_| !elsewhere);
            relations.insert(index, Relation { master: number(IFLA_MASTER), parent });
        }
    })?;
    Ok(relations)
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(IpAddr::from(*bytes.first_chunk::<4>()?)),
        16 => Some(IpAddr::from(*bytes.first_chunk::<16>()?)),
        _ => None,
    }
}

/// struct rtattr: length and type, the value, padding.
fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend_from_slice(&u16::try_from(4 + value.len()).unwrap_or(u16::MAX).to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn open() -> nix::Result<OwnedFd> {
    let socket =
        socket::socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    // The kernel answers at once; should it not, nobody waits for ever.
    socket::setsockopt(&socket, socket::sockopt::ReceiveTimeout, &TimeVal::seconds(2))?;
    Ok(socket)
}

/// Asks one question and hands the bodies of the answers on.
fn ask(kind: u16, flags: u16, body: &[u8], take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let socket = open()?;
    let mut request = Vec::with_capacity(HEADER + body.len());
    request.extend_from_slice(&u32::try_from(HEADER + body.len()).unwrap_or(0).to_ne_bytes());
    request.extend_from_slice(&kind.to_ne_bytes());
    request.extend_from_slice(&flags.to_ne_bytes());
    request.extend_from_slice(&[0; 8]);
    request.extend_from_slice(body);
    socket::send(socket.as_raw_fd(), &request, MsgFlags::empty())?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = socket::recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut rest = buffer.get(..length).unwrap_or_default();
        while let Some((kind, message)) = next(&mut rest) {
            match kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => {
                    let number = u32_at(message, 0).map_or(0, |number| number.cast_signed().saturating_neg());
                    return if number == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(number)) };
                }
                _ => take(message),
            }
        }
        if flags & DUMP == 0 {
            return Ok(());
        }
    }
}

/// Takes one message off: its type and body.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let length = usize::try_from(u32_at(rest, 0)?).ok()?;
    let kind = u16_at(rest, 4)?;
    let body = rest.get(HEADER..length)?;
    *rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_an_address_of_this_machine() {
        for address in ["127.0.0.1", "::1"] {
            let route = to(address.parse().unwrap(), 0).unwrap();
            assert!(matches!(route, Route::Found { local: true, gateway: None, .. }), "{route:?}");
        }
        assert_eq!(neighbour(1, "127.0.0.1".parse().unwrap()).unwrap(), None);
        assert!(!relations().unwrap().is_empty(), "lo at least");
    }

    #[test]
    fn messages_end_where_their_length_says_or_where_the_bytes_end() {
        let mut message = 20u32.to_ne_bytes().to_vec();
        message.extend_from_slice(&26u16.to_ne_bytes());
        message.resize(20, 7);
        let mut rest = message.as_slice();
        assert_eq!(next(&mut rest), Some((26, &[7u8; 4][..])));
        assert_eq!(next(&mut rest), None);
        for cut in 0..20 {
            assert_eq!(next(&mut &message[..cut]), None);
        }
    }
}
