//! Small packets pass and large ones vanish without an ICMP error, so path MTU discovery never learns of it (RFC 2923
//! §2.1): connections open, and hang with the first full segment.

use crate::engine::doctor::facts::{Facts, Path, Route};
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    facts.paths.iter().filter_map(|path| told(facts, path)).take(1).collect()
}

fn told(facts: &Facts, path: &Path) -> Option<Finding> {
    let sizes = path.sizes.filter(|sizes| sizes.told.is_none())?;
    let (lost, Route::Found { interface, gateway, .. }) = (sizes.lost?, &path.route) else { return None };
    let (address, name) = (path.address, facts.name_of(*interface));
    let via = gateway.map(|gateway| format!("via {gateway} ")).unwrap_or_default();
    let finding = Finding::new(
        Fault::MtuBlackHole,
        format!("packets to {address} of more than {} bytes are lost on the way, and nobody says so", sizes.passed),
        format!("sudo ip route replace {address} {via}dev {name} mtu {}", sizes.passed),
    );
    let asked = format!("echo requests to {address} with Don't Fragment");
    Some(finding.proved(
        asked,
        format!("{} bytes: answered; {lost} bytes: neither an answer nor ICMP \"fragmentation needed\"", sizes.passed),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::facts::Sizes;
    use crate::engine::doctor::{diagnose, sample};

    #[test]
    fn large_packets_that_vanish_are_a_fault_though_the_connection_opens() {
        let mut facts = sample::client();
        facts.paths[0].sizes = Some(Sizes { passed: 1400, lost: Some(1401), told: None });
        let found = sample::only(&facts);
        assert_eq!(found.fault, Fault::MtuBlackHole);
        assert_eq!(found.mend, "sudo ip route replace 10.0.2.2 via 10.0.1.254 dev eth0 mtu 1400");
        facts.paths[0].sizes = Some(Sizes { passed: 1400, lost: Some(1500), told: Some(1400) });
        assert_eq!(diagnose(&facts), [], "a router told: discovery works");
    }
}
