//! Which interface belongs to which bridge, and which stands on which (RTM_GETLINK of rtnetlink(7)).

use std::collections::BTreeMap;
use std::io;

use crate::io::netlink::Netlink;
use crate::io::netlink::attributes::{Attributes, u32_at};

const RTM_GETLINK: u16 = 18;

/// Other interfaces that see the frames of one, by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// The bridge or bond that it belongs to.
    pub master: Option<u32>,
    /// What it stands on (a VLAN's), or is tied to (a veth's other end, where that is in this namespace).
    pub parent: Option<u32>,
}

/// Those of all interfaces, by their index.
pub fn all() -> io::Result<BTreeMap<u32, Relation>> {
    const IFLA_LINK: u16 = 5;
    const IFLA_MASTER: u16 = 10;
    const IFLA_LINK_NETNSID: u16 = 37;
    // struct ifinfomsg.
    let links = Netlink::routes()?.list(RTM_GETLINK, &[0; 16])?;
    let relation = |link: &Vec<u8>| {
        let attributes = Attributes(link.get(16..)?);
        let number = |kind| attributes.find(kind).and_then(|index| u32_at(index, 0)).filter(|index| *index != 0);
        let elsewhere = attributes.find(IFLA_LINK_NETNSID).is_some();
        let parent = number(IFLA_LINK).filter(|_| !elsewhere);
        Some((u32_at(link, 4)?, Relation { master: number(IFLA_MASTER), parent }))
    };
    Ok(links.iter().filter_map(relation).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_has_its_relations() {
        assert!(!all().unwrap().is_empty(), "lo at least");
    }
}
