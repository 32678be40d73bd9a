//! What `multicast` sends, and which groups there are (RFC 5771, RFC 4607, RFC 4291 §2.7).

use std::net::{IpAddr, Ipv4Addr};

/// What the sender says unless it is told something else.
pub const TEXT: &[u8] = b"Hey all!";

/// The group of all hosts on the own network.
pub const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

/// Bytes that the receiver's receives take at most.
pub const BUFFER: usize = 65_536;

/// Why the address is no group; `None` where it is one.
pub fn objection(address: IpAddr) -> Option<String> {
    let groups = if address.is_ipv4() { "224.0.0.0 to 239.255.255.255" } else { "those that begin with ff" };
    (!address.is_multicast()).then(|| format!("{address} is no multicast group: these are {groups}"))
}

/// What becomes known of a membership on the wire. Nothing of the groups that every host is in (RFC 3376 §6, RFC 3810 §6).
pub fn reported(group: IpAddr, source: Option<IpAddr>) -> String {
    match (group, source) {
        (IpAddr::V4(ALL_HOSTS), _) => format!("no IGMP report for {ALL_HOSTS}"),
        (IpAddr::V4(_), None) => format!("IGMP reports {group} to 224.0.0.22"),
        (IpAddr::V4(_), Some(source)) => format!("IGMP reports {group} from {source} alone to 224.0.0.22"),
        (IpAddr::V6(six), _) if is_all_nodes(six) => {
            format!("no MLD report for {group}")
        }
        (IpAddr::V6(_), None) => format!("MLD reports {group} to ff02::16"),
        (IpAddr::V6(_), Some(source)) => format!("MLD reports {group} from {source} alone to ff02::16"),
    }
}

/// ff02::1, and all groups that do not leave the host (RFC 3810 §6).
fn is_all_nodes(group: std::net::Ipv6Addr) -> bool {
    let [_, scope, ..] = group.octets();
    group == std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1) || scope & 0xf <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_told_from_the_address_of_a_host() {
        for group in ["224.0.0.1", "239.1.2.3", "232.1.1.1", "ff02::1", "ff15::1234"] {
            assert_eq!(objection(group.parse().unwrap()), None, "{group}");
        }
        for host in ["127.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "fe80::1"] {
            assert!(objection(host.parse().unwrap()).is_some(), "{host}");
        }
    }

    #[test]
    fn the_groups_of_all_hosts_are_never_reported() {
        for group in ["224.0.0.1", "ff02::1", "ff01::5"] {
            assert!(reported(group.parse().unwrap(), None).starts_with("no "), "{group}");
        }
        for group in ["224.0.0.251", "239.1.2.3", "ff02::2", "ff15::1"] {
            assert!(reported(group.parse().unwrap(), None).contains(" reports "), "{group}");
        }
    }
}
