//! A cable from this machine's network into an empty one (veth(4)), so that a program can be a host beside this machine and
//! talk with its listeners: on loopback the kernel would take every address for its own.
//!
//! Guarantee: the empty network lives as long as the process that laid the cable, and with it go its interface here, the
//! route over it and the neighbour's entry, also after a kill -9. Nothing else of this machine is changed.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns, unshare};

use super::lan::{interface, setting};
use super::{Error, failed, netlink};
use crate::io::netlink::attributes::attribute;

/// What the far end's interface is called; it has no address.
pub const FAR: &str = "lan0";
/// The link addresses: here and far. Locally administered; nobody else is on the cable.
pub const HARDWARE: [[u8; 6]; 2] = [[2, 0, 0, 0, 5, 1], [2, 0, 0, 0, 5, 2]];

const RTM_NEWLINK: u16 = 16;
const RTM_NEWROUTE: u16 = 24;
const RTM_NEWNEIGH: u16 = 28;
const CREATE: u16 = 0x400 | 0x200; // NLM_F_CREATE, NLM_F_EXCL
const IFF_UP: u32 = 1;

/// Lays the cable, and moves this thread into the empty network. `address`: the far host's, to which this machine gets
/// a route; `loopback`: its packets to 127.0.0.0/8 are taken.
///
/// Needs CAP_SYS_ADMIN and CAP_NET_ADMIN. The name of the interface here is returned.
pub fn lay(address: IpAddr, loopback: bool) -> Result<String, Error> {
    let own = |operation| move |source: io::Error| Error::Failed { operation, source };
    let here = network().map_err(own("look at this network namespace"))?;
    unshare(CloneFlags::CLONE_NEWNET).map_err(failed("make a network namespace"))?;
    let far = network().map_err(own("look at the new network namespace"))?;
    let near = format!("netlab{}", std::process::id());
    enter(&here)?;
    netlink(RTM_NEWLINK, CREATE, &pair(&near, &far)).map_err(failed("lay a cable"))?;
    let operation = "set up the cable's end here";
    // The kernel's own talk and its waits are not wanted on it; a host without IPv6 has nothing to set.
    for name in ["accept_dad", "router_solicitations", "accept_ra"] {
        let _ = setting(&format!("ipv6/conf/{near}/{name}"), "0");
    }
    if loopback {
        setting(&format!("ipv4/conf/{near}/route_localnet"), "1")?;
    }
    let index = if_nametoindex(near.as_str()).map_err(failed(operation))?;
    netlink(RTM_NEWLINK, 0, &interface(index, IFF_UP)).map_err(failed(operation))?;
    netlink(RTM_NEWROUTE, CREATE, &route(index, address)).map_err(failed("make a route over the cable"))?;
    netlink(RTM_NEWNEIGH, CREATE, &neighbour(index, address)).map_err(failed("make a neighbour on the cable"))?;
    enter(&far)?;
    let _ = setting(&format!("ipv6/conf/{FAR}/disable_ipv6"), "1");
    let index = if_nametoindex(FAR).map_err(failed(operation))?;
    netlink(RTM_NEWLINK, 0, &interface(index, IFF_UP)).map_err(failed(operation))?;
    super::peer::carries(FAR);
    enter(&here)?;
    super::peer::carries(&near);
    enter(&far)?;
    Ok(near)
}

/// The network namespace of this thread.
fn network() -> io::Result<OwnedFd> {
    Ok(File::open("/proc/thread-self/ns/net")?.into())
}

fn enter(namespace: &OwnedFd) -> Result<(), Error> {
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(failed("change the network namespace"))
}

/// The message that asks for a pair of veth interfaces: `near` here, the other one in `far`.
fn pair(near: &str, far: &OwnedFd) -> Vec<u8> {
    const IFLA_ADDRESS: u16 = 1;
    const IFLA_IFNAME: u16 = 3;
    const IFLA_LINKINFO: u16 = 18;
    const IFLA_NET_NS_FD: u16 = 28;
    const IFLA_INFO_KIND: u16 = 1;
    const IFLA_INFO_DATA: u16 = 2;
    const VETH_INFO_PEER: u16 = 1;
    let [hardware, far_hardware] = HARDWARE;
    let mut other = interface(0, 0);
    attribute(&mut other, IFLA_IFNAME, &[FAR.as_bytes(), b"\0"].concat());
    attribute(&mut other, IFLA_ADDRESS, &far_hardware);
    attribute(&mut other, IFLA_NET_NS_FD, &far.as_raw_fd().to_ne_bytes());
    let mut data = Vec::new();
    attribute(&mut data, VETH_INFO_PEER, &other);
    let mut kind = Vec::new();
    attribute(&mut kind, IFLA_INFO_KIND, b"veth\0");
    attribute(&mut kind, IFLA_INFO_DATA, &data);
    let mut message = interface(0, 0);
    attribute(&mut message, IFLA_IFNAME, &[near.as_bytes(), b"\0"].concat());
    attribute(&mut message, IFLA_ADDRESS, &hardware);
    attribute(&mut message, IFLA_LINKINFO, &kind);
    message
}

fn bytes(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(four) => (2, four.octets().to_vec()),
        IpAddr::V6(six) => (10, six.octets().to_vec()),
    }
}

/// struct rtmsg: a host route to `address`, on the link.
fn route(index: u32, address: IpAddr) -> Vec<u8> {
    const RTA_DST: u16 = 1;
    const RTA_OIF: u16 = 4;
    const RT_TABLE_MAIN: u8 = 254;
    const RTPROT_STATIC: u8 = 4;
    const RT_SCOPE_LINK: u8 = 253;
    const RTN_UNICAST: u8 = 1;
    let (family, address) = bytes(address);
    let bits = u8::try_from(address.len() * 8).unwrap_or(0);
    // IPv6 knows no scope of a route.
    let scope = if family == 2 { RT_SCOPE_LINK } else { 0 };
    let mut message = vec![family, bits, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST, 0, 0, 0, 0];
    attribute(&mut message, RTA_DST, &address);
    attribute(&mut message, RTA_OIF, &index.to_ne_bytes());
    message
}

/// struct ndmsg: the far host's link address, for good.
fn neighbour(index: u32, address: IpAddr) -> Vec<u8> {
    const NDA_DST: u16 = 1;
    const NDA_LLADDR: u16 = 2;
    const NUD_PERMANENT: u16 = 0x80;
    let (family, address) = bytes(address);
    let mut message = vec![family, 0, 0, 0];
    message.extend(index.to_ne_bytes());
    message.extend(NUD_PERMANENT.to_ne_bytes());
    message.extend([0, 0]);
    attribute(&mut message, NDA_DST, &address);
    attribute(&mut message, NDA_LLADDR, &HARDWARE[1]);
    message
}
