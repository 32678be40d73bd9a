//! Work that is left to the card makes a capture differ from the wire (ethtool(8)): a fault only to who captures there.

use crate::engine::doctor::facts::Facts;
use crate::engine::doctor::finding::{Fault, Finding};

/// Our word, ethtool's word, and what it does.
const ODD: [(&str, &str, &str); 5] = [
    ("gro", "gro", "received segments appear put together"),
    ("lro", "lro", "received segments appear put together"),
    ("gso", "gso", "sent segments appear undivided"),
    ("tso", "tso", "sent segments appear undivided"),
    ("tx-checksum", "tx", "checksums of sent packets are not filled in yet"),
];

pub fn find(facts: &Facts) -> Vec<Finding> {
    let asked = facts.question.interface.as_ref();
    let one = asked.and_then(|name| facts.interfaces.iter().find(|one| one.name == *name));
    // Loopback has no wire that a capture could differ from.
    let Some(one) = one.filter(|one| !one.loopback) else { return Vec::new() };
    let on: Vec<_> = ODD.iter().filter(|(word, _, _)| one.offloads.contains(word)).collect();
    if on.is_empty() {
        return Vec::new();
    }
    let mut effects: Vec<&str> = on.iter().map(|(_, _, effect)| *effect).collect();
    effects.dedup();
    let words: Vec<&str> = on.iter().map(|(word, _, _)| *word).collect();
    let off: Vec<String> = on.iter().map(|(_, word, _)| format!("{word} off")).collect();
    let finding = Finding::new(
        Fault::Offloads,
        format!("a capture on {} shows other packets than its wire: {}", one.name, effects.join("; ")),
        format!("sudo ethtool -K {} {}", one.name, off.join(" ")),
    );
    vec![finding.proved(format!("offloads of {} (SIOCETHTOOL)", one.name), format!("{} on", words.join(", ")))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::{diagnose, sample};

    #[test]
    fn they_matter_to_who_captures_there_only() {
        let mut facts = sample::machine();
        facts.interfaces[1].offloads = vec!["gro", "tso", "tx-checksum", "rx-vlan"];
        assert_eq!(diagnose(&facts), []);
        facts.question.interface = Some("eth0".to_owned());
        let found = sample::only(&facts);
        assert_eq!(found.fault, Fault::Offloads);
        assert_eq!(found.mend, "sudo ethtool -K eth0 gro off tso off tx off");
        facts.interfaces[1].offloads = vec!["rx-vlan"];
        assert_eq!(diagnose(&facts), []);
    }
}
