//! The messages of rtnetlink(7) that a lab is made with: struct nlmsghdr is added by who sends them.
//!
//! Trap: an interface whose peer has the same number, in another namespace, notices its carrier up to a second late
//! (linkwatch takes it for one without a peer): so every interface of a lab has a number of its own.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::io::netlink::attributes::attribute;
use crate::lab::operation::{BRIDGE, End};
use crate::lab::topology::Network;

pub const RTM_NEWLINK: u16 = 16;
pub const RTM_NEWADDR: u16 = 20;
pub const RTM_NEWROUTE: u16 = 24;
pub const CREATE: u16 = 0x400 | 0x200; // NLM_F_CREATE, NLM_F_EXCL

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFF_UP: u32 = 1;

/// struct ifinfomsg: the interface's number, and flags to be switched on.
fn interface(index: u32, flags: u32) -> Vec<u8> {
    crate::io::netns::lan::interface(index, flags)
}

fn name(message: &mut Vec<u8>, name: &str) {
    attribute(message, IFLA_IFNAME, &[name.as_bytes(), b"\0"].concat());
}

/// A pair of veth interfaces with these numbers, the second in another namespace.
pub fn pair(ends: &[End; 2], indexes: [u32; 2], there: BorrowedFd<'_>) -> Vec<u8> {
    const VETH_INFO_PEER: u16 = 1;
    let [one, other] = ends;
    let one_end = |end: &End, index: u32| {
        let mut message = interface(index, 0);
        name(&mut message, &end.interface);
        if let Some(hardware) = end.hardware {
            attribute(&mut message, IFLA_ADDRESS, &hardware);
        }
        message
    };
    let mut peer = one_end(other, indexes[1]);
    attribute(&mut peer, IFLA_NET_NS_FD, &there.as_raw_fd().to_ne_bytes());
    let mut data = Vec::new();
    attribute(&mut data, VETH_INFO_PEER, &peer);
    let mut message = one_end(one, indexes[0]);
    of_kind(&mut message, b"veth\0", &data);
    message
}

fn of_kind(message: &mut Vec<u8>, kind: &[u8], data: &[u8]) {
    let mut information = Vec::new();
    attribute(&mut information, IFLA_INFO_KIND, kind);
    attribute(&mut information, IFLA_INFO_DATA, data);
    attribute(message, IFLA_LINKINFO, &information);
}

// linux/if_link.h, IFLA_BR_*.
const BR_SNOOPING: u16 = 23;
const BR_QUERY_USE_IFADDR: u16 = 24;
const BR_QUERIER: u16 = 25;
const BR_QUERY_RESPONSE_INTERVAL: u16 = 34;
const BR_IGMP_VERSION: u16 = 43;
const BR_MLD_VERSION: u16 = 44;

/// A bridge that speaks IGMPv3 and MLDv2, and will ask from its own address. It believes its own questions after one
/// response interval, which is a second here.
pub fn bridge(index: u32, snooping: bool) -> Vec<u8> {
    const SECOND: u64 = 100; // in clock_t, a hundredth
    let mut data = Vec::new();
    attribute(&mut data, BR_SNOOPING, &[u8::from(snooping)]);
    attribute(&mut data, BR_QUERY_USE_IFADDR, &[1]);
    attribute(&mut data, BR_QUERY_RESPONSE_INTERVAL, &SECOND.to_ne_bytes());
    attribute(&mut data, BR_IGMP_VERSION, &[3]);
    attribute(&mut data, BR_MLD_VERSION, &[2]);
    let mut message = interface(index, 0);
    name(&mut message, BRIDGE);
    of_kind(&mut message, b"bridge\0", &data);
    message
}

pub fn querier(index: u32) -> Vec<u8> {
    let mut data = Vec::new();
    attribute(&mut data, BR_QUERIER, &[1]);
    let mut message = interface(index, 0);
    of_kind(&mut message, b"bridge\0", &data);
    message
}

pub fn master(index: u32, bridge: u32) -> Vec<u8> {
    let mut message = interface(index, 0);
    attribute(&mut message, IFLA_MASTER, &bridge.to_ne_bytes());
    message
}

pub fn up(index: u32) -> Vec<u8> {
    interface(index, IFF_UP)
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { 2 } else { 10 }
}

fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    }
}

/// struct ifaddrmsg: family, prefix, flags, scope of the universe, interface; valid at once.
pub fn address(index: u32, network: Network) -> Vec<u8> {
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    const IFA_BROADCAST: u16 = 4;
    const IFA_F_NODAD: u8 = 2;
    let flags = if network.address.is_ipv6() { IFA_F_NODAD } else { 0 };
    let mut message = vec![family(network.address), network.prefix, flags, 0];
    message.extend(index.to_ne_bytes());
    attribute(&mut message, IFA_LOCAL, &bytes(network.address));
    attribute(&mut message, IFA_ADDRESS, &bytes(network.address));
    if let IpAddr::V4(four) = network.address
        && let Some(rest) = u32::MAX.checked_shr(network.prefix.into()).filter(|_| network.prefix < 31)
    {
        attribute(&mut message, IFA_BROADCAST, &(u32::from(four) | rest).to_be_bytes());
    }
    message
}

/// struct rtmsg: family, prefix, and the main table's numbers for a route to more than one hop.
pub fn route(to: Option<Network>, via: IpAddr) -> Vec<u8> {
    const RTA_DST: u16 = 1;
    const RTA_GATEWAY: u16 = 5;
    const RT_TABLE_MAIN: u8 = 254;
    const RTPROT_STATIC: u8 = 4;
    const RTN_UNICAST: u8 = 1;
    let prefix = to.map_or(0, |to| to.prefix);
    let mut message = vec![family(via), prefix, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, 0, RTN_UNICAST];
    message.extend(0_u32.to_ne_bytes()); // flags
    if let Some(to) = to {
        attribute(&mut message, RTA_DST, &bytes(to.address));
    }
    attribute(&mut message, RTA_GATEWAY, &bytes(via));
    message
}
