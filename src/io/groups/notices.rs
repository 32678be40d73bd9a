//! The kernel's word when an interface joins or leaves a group (RTNLGRP_IPV4_MCADDR and RTNLGRP_IPV6_MCADDR, Linux 6.14)
//! and when a bridge learns or forgets one (RTNLGRP_MDB). Older kernels say less: then only looking again tells.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;

use crate::io::netlink::Netlink;
use crate::io::netlink::attributes::{Attributes, u32_at};

const RTNLGRP_MDB: u32 = 26;
const RTNLGRP_IPV4_MCADDR: u32 = 37;
const RTNLGRP_IPV6_MCADDR: u32 = 38;
const RTM_NEWMULTICAST: u16 = 56;
const RTM_DELMULTICAST: u16 = 57;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An interface, by index, joined the group.
    Joined(u32, IpAddr),
    Left(u32, IpAddr),
    /// Something else changed, at a bridge.
    Other,
}

/// An ear for them, in the network namespace of the thread that opened it.
pub struct Notices(Netlink);

impl Notices {
    pub fn open() -> io::Result<Self> {
        let mut netlink = Netlink::routes()?;
        for group in [RTNLGRP_MDB, RTNLGRP_IPV4_MCADDR, RTNLGRP_IPV6_MCADDR] {
            // A kernel that has no such group tells of the others.
            let _ = netlink.hear(group);
        }
        Ok(Self(netlink))
    }

    /// Waits for the next. None at all where some were lost: all the more reason to look.
    pub fn wait(&mut self) -> io::Result<Vec<Notice>> {
        let mut notices = Vec::new();
        let mut take = |kind, body: &[u8]| notices.push(notice(kind, body).unwrap_or(Notice::Other));
        match self.0.notices(MsgFlags::empty(), &mut take) {
            Ok(()) | Err(Errno::EINTR | Errno::ENOBUFS) => Ok(notices),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// struct ifaddrmsg (family, prefix, flags, scope, index) and the group.
fn notice(kind: u16, body: &[u8]) -> Option<Notice> {
    const IFA_MULTICAST: u16 = 7;
    let group = Attributes(body.get(8..)?).find(IFA_MULTICAST)?;
    let group = match group.len() {
        4 => IpAddr::from(Ipv4Addr::from(*group.first_chunk::<4>()?)),
        _ => IpAddr::from(Ipv6Addr::from(*group.first_chunk::<16>()?)),
    };
    match kind {
        RTM_NEWMULTICAST => Some(Notice::Joined(u32_at(body, 4)?, group)),
        RTM_DELMULTICAST => Some(Notice::Left(u32_at(body, 4)?, group)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_tells_interface_and_group() {
        let mut body = vec![2, 0x20, 0x80, 0];
        body.extend(4u32.to_ne_bytes());
        for (kind, value) in [(6u16, &[0u8; 16][..]), (7, &[239, 9, 9, 9])] {
            body.extend((4 + value.len() as u16).to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(value);
        }
        let group = IpAddr::from([239, 9, 9, 9]);
        assert_eq!(notice(RTM_NEWMULTICAST, &body), Some(Notice::Joined(4, group)));
        assert_eq!(notice(RTM_DELMULTICAST, &body), Some(Notice::Left(4, group)));
        for end in 0..body.len() {
            assert_eq!(notice(RTM_NEWMULTICAST, &body[..end]), None, "{end} bytes");
        }
    }
}
