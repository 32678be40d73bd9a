//! An interface that is needed is switched off, or has no carrier.
//!
//! The kernel takes the routes of an interface that goes down away and leaves its addresses, so no route is the
//! consequence. Trap: an interface without a carrier (a bridge with no port, an empty socket) is no fault unless the way
//! to the target leads over it.

use std::net::IpAddr;

use crate::engine::doctor::facts::{Facts, Interface, Path, Route};
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    let needed = |one: &&Interface| {
        let asked = facts.question.interface.as_deref() == Some(one.name.as_str());
        asked || if facts.question.target.is_some() { stands_in_the_way(facts, one) } else { serves(one) }
    };
    let down = facts.interfaces.iter().filter(|one| !one.up).filter(needed).map(down);
    down.chain(facts.failing().into_iter().filter_map(|path| without_carrier(facts, path))).collect()
}

/// Others could reach this machine by it; loopback is needed by its own programs.
fn serves(one: &Interface) -> bool {
    one.loopback || one.reachable().next().is_some()
}

/// Whether a way that has no route would have one were this interface up.
fn stands_in_the_way(facts: &Facts, one: &Interface) -> bool {
    let no_route = |path: &&Path| matches!(path.route, Route::Refused(_));
    facts.failing().into_iter().filter(no_route).any(|path| {
        let same_family = |(own, _): (IpAddr, u8)| own.is_ipv4() == path.address.is_ipv4();
        let another = facts.interfaces.iter().any(|other| other.up && other.reachable().any(same_family));
        one.covers(path.address) || !another && one.reachable().any(same_family)
    })
}

fn down(one: &Interface) -> Finding {
    let addresses: Vec<String> = one.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect();
    let with = if addresses.is_empty() { String::new() } else { format!("; its addresses: {}", addresses.join(", ")) };
    Finding::new(
        Fault::InterfaceDown,
        format!("the interface {} is down", one.name),
        format!("sudo ip link set dev {} up", one.name),
    )
    .proved(format!("flags of {} (SIOCGIFFLAGS)", one.name), format!("IFF_UP is not set{with}"))
}

fn without_carrier(facts: &Facts, path: &Path) -> Option<Finding> {
    let Route::Found { interface, local: false, .. } = path.route else { return None };
    let one = facts.interface(interface).filter(|one| one.up && !one.running)?;
    let finding = Finding::new(
        Fault::InterfaceDown,
        format!("the interface {} is up but has no carrier: its cable or the other end of it is down", one.name),
        format!("bring up what {} is connected to; `ip -d link show dev {}` tells what that is", one.name, one.name),
    );
    Some(finding.proved(format!("flags of {} (SIOCGIFFLAGS)", one.name), "IFF_UP is set, IFF_RUNNING is not"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::facts::Answer;
    use crate::engine::doctor::sample;

    #[test]
    fn an_interface_with_an_address_that_is_down_is_found() {
        let mut facts = sample::server();
        facts.interfaces[1].up = false;
        let found = sample::only(&facts);
        assert_eq!((found.fault, found.mend.as_str()), (Fault::InterfaceDown, "sudo ip link set dev eth0 up"));
        facts.interfaces[1].addresses.clear();
        assert_eq!(find(&facts), [], "nobody has a use for it");
    }

    #[test]
    fn it_is_the_root_of_no_route() {
        let mut facts = sample::client();
        facts.interfaces[1].up = false;
        facts.paths[0].route = Route::Refused(101);
        facts.paths[0].knock = Some(Answer::Refused(101));
        facts.paths[0].echo = Some(Answer::Refused(101));
        assert_eq!(sample::only(&facts).fault, Fault::InterfaceDown);
        // Another one is up and has no route either: the one that is down need not be the reason.
        facts.interfaces.push(sample::interface(3, "eth1", &[("10.9.0.1", 24)]));
        assert_eq!(sample::only(&facts).fault, Fault::NoRoute);
    }

    #[test]
    fn a_missing_carrier_matters_on_the_way_only() {
        let mut facts = sample::client();
        facts.interfaces[1].running = false;
        assert_eq!(find(&facts), []);
        facts.paths[0].knock = Some(Answer::Silence(2000));
        facts.paths[0].echo = Some(Answer::Silence(2000));
        let found = sample::only(&facts);
        assert_eq!(found.fault, Fault::InterfaceDown);
        assert!(found.what.contains("no carrier"), "{found:?}");
    }
}
