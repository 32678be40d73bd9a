//! Multicast goes by an interface whose MULTICAST flag is off (netdevice(7), IFF_MULTICAST): no routes, no memberships.

use std::net::IpAddr;

use crate::engine::doctor::facts::{Facts, Interface, Route};
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    let sent_by = |one: &Interface| {
        facts.paths.iter().find_map(|path| match path.route {
            Route::Found { interface, .. } if path.address.is_multicast() && interface == one.index => {
                Some((path.address, format!("ip route get {}", path.address), format!("dev {}", one.name)))
            }
            _ => None,
        })
    };
    let joined_on = |one: &Interface| {
        // Every host is in 224.0.0.1 and ff02::1, wanted or not.
        let wanted = |group: IpAddr| group != IpAddr::from([224, 0, 0, 1]) && group.is_ipv4();
        let group = facts.joined.iter().find(|(group, index)| *index == one.index && wanted(*group))?.0;
        let of_interest = facts.question.target.is_none() || facts.paths.iter().any(|path| path.address == group);
        of_interest.then(|| (group, "/proc/net/igmp".to_owned(), format!("{group} is joined on {}", one.name)))
    };
    let mut found = Vec::new();
    for one in facts.interfaces.iter().filter(|one| one.up && !one.multicast && !one.loopback) {
        let Some((group, from, value)) = sent_by(one).or_else(|| joined_on(one)) else { continue };
        let finding = Finding::new(
            Fault::NoMulticast,
            format!("the interface {}, by which the group {group} goes, has multicast switched off", one.name),
            format!("sudo ip link set dev {} multicast on", one.name),
        );
        let flags = format!("flags of {} (SIOCGIFFLAGS)", one.name);
        found.push(finding.proved(flags, "IFF_MULTICAST is not set").proved(from, value));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::{diagnose, sample};

    #[test]
    fn the_interface_of_the_group_needs_the_flag() {
        let mut facts = sample::client();
        facts.paths = vec![sample::path("239.1.2.3")];
        (facts.paths[0].knock, facts.paths[0].echo) = (None, None);
        assert_eq!(diagnose(&facts), []);
        facts.interfaces[1].multicast = false;
        let found = sample::only(&facts);
        assert_eq!((found.fault, found.mend.as_str()), (Fault::NoMulticast, "sudo ip link set dev eth0 multicast on"));
    }

    #[test]
    fn a_membership_on_it_is_in_vain() {
        let mut facts = sample::machine();
        facts.interfaces[1].multicast = false;
        facts.joined = vec![(sample::ip("224.0.0.1"), 2)];
        assert_eq!(diagnose(&facts), [], "nobody has asked for that one");
        facts.joined.push((sample::ip("239.1.2.3"), 2));
        assert_eq!(sample::only(&facts).fault, Fault::NoMulticast);
    }
}
