//! A capture runs on an interface that the packets in question do not pass.

use crate::engine::doctor::facts::{Facts, Route};
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    let (Some(name), Some(target)) = (&facts.question.interface, &facts.question.target) else { return Vec::new() };
    let Some(asked) = facts.interfaces.iter().find(|one| one.name == *name) else { return Vec::new() };
    let loopback = facts.interfaces.iter().find(|one| one.loopback).map(|one| one.index);
    let ways = facts.paths.iter().filter_map(|path| match path.route {
        // What stays on this machine passes lo, whatever address it is for.
        Route::Found { local: true, .. } => Some((path, loopback?)),
        Route::Found { interface, .. } => Some((path, interface)),
        Route::Refused(_) => None,
    });
    let ways: Vec<_> = ways.collect();
    // A frame passes a bridge and its port, a VLAN and what it stands on, and each of them sees it.
    let passes = |index: u32| {
        index == asked.index
            || asked.master == Some(index)
            || facts.interface(index).is_some_and(|one| [one.master, one.parent].contains(&Some(asked.index)))
    };
    let Some((path, way)) = ways.first().filter(|_| !ways.iter().any(|(_, way)| passes(*way))) else {
        return Vec::new();
    };
    let passed = facts.name_of(*way);
    let finding = Finding::new(
        Fault::CaptureInterface,
        format!("packets to {target} pass {passed}, not {name}: a capture on {name} does not show them"),
        format!("sudo netlab capture -i {passed} --host {}", path.address),
    );
    let kind = if matches!(path.route, Route::Found { local: true, .. }) { ", an address of this machine" } else { "" };
    vec![finding.proved(format!("ip route get {}", path.address), format!("dev {passed}{kind}"))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::{diagnose, sample};

    fn captured_on(name: &str) -> Facts {
        let mut facts = sample::client();
        facts.interfaces.push(sample::interface(3, "eth1", &[("10.0.3.1", 24)]));
        facts.question.interface = Some(name.to_owned());
        facts
    }

    #[test]
    fn the_route_tells_which_interface_is_the_right_one() {
        assert_eq!(diagnose(&captured_on("eth0")), []);
        assert_eq!(diagnose(&captured_on("any")), []);
        let found = sample::only(&captured_on("eth1"));
        assert_eq!((found.fault, found.proofs[0].value.as_str()), (Fault::CaptureInterface, "dev eth0"));
        assert_eq!(found.mend, "sudo netlab capture -i eth0 --host 10.0.2.2");
    }

    #[test]
    fn a_port_of_the_bridge_and_the_parent_of_the_vlan_that_packets_pass_are_right() {
        let mut facts = captured_on("eth1");
        facts.interfaces[2].master = Some(2);
        assert_eq!(diagnose(&facts), []);
        facts.interfaces[2].master = None;
        facts.interfaces[1].parent = Some(3);
        assert_eq!(diagnose(&facts), [], "eth0 is a VLAN of eth1");
    }

    #[test]
    fn what_stays_on_this_machine_passes_loopback() {
        let mut facts = captured_on("eth0");
        facts.paths[0].route = Route::Found { interface: 2, gateway: None, source: None, local: true, mtu: None };
        assert!(sample::only(&facts).mend.contains("-i lo "));
    }
}
