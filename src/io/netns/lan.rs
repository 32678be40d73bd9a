//! A cable in a private network: two Ethernet interfaces joined by it (veth(4)), for what loopback does not do
//! (multicast membership). Both ends are in one namespace, so programs on both of them are one host's to the kernel.
//!
//! Made through rtnetlink (rtnetlink(7)): messages are struct nlmsghdr, a struct of the family, and attributes, all in
//! native byte order and padded to four bytes.

use std::fs;
use std::io;

use nix::net::if_::if_nametoindex;

use super::{Error, failed, netlink};
use crate::io::netlink::attributes::attribute;

/// The two ends of the cable and their addresses, 10.0.5.0/24.
pub const ENDS: [(&str, [u8; 4]); 2] = [("lan0", [10, 0, 5, 1]), ("lan1", [10, 0, 5, 2])];
const PREFIX: u8 = 24;

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const CREATE: u16 = 0x400 | 0x200; // NLM_F_CREATE, NLM_F_EXCL
const IFF_UP: u32 = 1;

/// Lays the cable. Ports below 1024 are free for every program here, as there is nobody to be protected.
///
/// IPv6 is off on it: its own talk when an interface comes up would be all that is seen at first.
pub fn lay() -> Result<(), Error> {
    setting("ipv4/ip_unprivileged_port_start", "0")?;
    // A host without IPv6 has nothing to turn off.
    let _ = setting("ipv6/conf/default/disable_ipv6", "1");
    netlink(RTM_NEWLINK, CREATE, &pair()).map_err(failed("make a pair of interfaces"))?;
    // What one end sends comes in at the other one with an address of this host: not what a host expects.
    setting("ipv4/conf/all/rp_filter", "0")?;
    for (name, address) in ENDS {
        setting(&format!("ipv4/conf/{name}/accept_local"), "1")?;
        setting(&format!("ipv4/conf/{name}/rp_filter"), "0")?;
        let operation = "set up an interface";
        let index = if_nametoindex(name).map_err(failed(operation))?;
        let mut message = vec![2, PREFIX, 0, 0]; // AF_INET, prefix, no flags, scope of the universe
        message.extend(index.to_ne_bytes());
        const IFA_ADDRESS: u16 = 1;
        const IFA_LOCAL: u16 = 2;
        attribute(&mut message, IFA_LOCAL, &address);
        attribute(&mut message, IFA_ADDRESS, &address);
        netlink(RTM_NEWADDR, CREATE, &message).map_err(failed(operation))?;
        netlink(RTM_NEWLINK, 0, &interface(index, IFF_UP)).map_err(failed(operation))?;
    }
    Ok(())
}

pub(super) fn setting(name: &str, value: &str) -> Result<(), Error> {
    fs::write(format!("/proc/sys/net/{name}"), value)
        .map_err(|source| Error::Failed { operation: "set up the private network", source: named(name, &source) })
}

fn named(name: &str, source: &io::Error) -> io::Error {
    io::Error::new(source.kind(), format!("net/{name}: {source}"))
}

/// struct ifinfomsg: the interface, and these flags on.
pub(in crate::io) fn interface(index: u32, flags: u32) -> Vec<u8> {
    let mut message = vec![0; 4]; // family and type: unspecified
    message.extend(index.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(flags.to_ne_bytes()); // which of them to change
    message
}

/// The message that asks for a pair of veth interfaces.
fn pair() -> Vec<u8> {
    const IFLA_IFNAME: u16 = 3;
    const IFLA_LINKINFO: u16 = 18;
    const IFLA_INFO_KIND: u16 = 1;
    const IFLA_INFO_DATA: u16 = 2;
    const VETH_INFO_PEER: u16 = 1;
    let [(near, _), (far, _)] = ENDS;
    let mut peer = interface(0, 0);
    attribute(&mut peer, IFLA_IFNAME, &[far.as_bytes(), b"\0"].concat());
    let mut data = Vec::new();
    attribute(&mut data, VETH_INFO_PEER, &peer);
    let mut kind = Vec::new();
    attribute(&mut kind, IFLA_INFO_KIND, b"veth\0");
    attribute(&mut kind, IFLA_INFO_DATA, &data);
    let mut message = interface(0, 0);
    attribute(&mut message, IFLA_IFNAME, &[near.as_bytes(), b"\0"].concat());
    attribute(&mut message, IFLA_LINKINFO, &kind);
    message
}
