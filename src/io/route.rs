//! The way of a packet as the kernel sees it: the route to an address, and the link address of a neighbour.

use std::io;
use std::net::IpAddr;

use super::netlink::Route as Tables;
use super::sockets::attributes::{Attributes, u16_at, u32_at};
use crate::engine::doctor::facts::Route;

/// The way to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The interface that it leaves by.
    pub interface: u32,
    /// The router that it goes to first; `None` where the address is on the link.
    pub gateway: Option<IpAddr>,
    /// The address that this machine would send from.
    pub source: Option<IpAddr>,
    /// It ends on this machine.
    pub local: bool,
}

/// The route to an address, on the interface `scope` where that is not 0; the error is the kernel's refusal.
pub fn to(address: IpAddr, scope: u32) -> io::Result<Way> {
    match super::doctor::routes::to(address, scope)? {
        Route::Found { interface, gateway, source, local, .. } => Ok(Way { interface, gateway, source, local }),
        Route::Refused(errno) => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// The link address that the kernel's neighbour table has for an address on an interface, where that is one to send to.
pub fn link_address(interface: u32, address: IpAddr) -> io::Result<Option<[u8; 6]>> {
    const RTM_GETNEIGH: u16 = 30;
    const NDA_DST: u16 = 1;
    const NDA_LLADDR: u16 = 2;
    // linux/neighbour.h: reachable, stale, delay, probe, permanent.
    const USABLE: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
    let wanted = match address {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    };
    // struct ndmsg: family, padding, interface, state, flags, type.
    let mut body = vec![0; 12];
    if let Some(family) = body.first_mut() {
        *family = if address.is_ipv4() { nix::libc::AF_INET as u8 } else { nix::libc::AF_INET6 as u8 };
    }
    let entries = Tables::open()?.dump(RTM_GETNEIGH, &body)?;
    Ok(entries.iter().find_map(|message| {
        let attributes = Attributes(message.get(12..)?);
        let usable = u16_at(message, 8)? & USABLE != 0 && u32_at(message, 4)? == interface;
        let same = usable && attributes.find(NDA_DST)? == wanted.as_slice();
        same.then(|| attributes.find(NDA_LLADDR)?.try_into().ok()).flatten()
    }))
}
