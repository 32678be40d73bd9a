//! Packets are dropped because the route back to their sender leads over another interface (RFC 3704; rp_filter of the
//! kernel's ip-sysctl): the counter IPReversePathFilter tells.

use crate::engine::doctor::facts::{Facts, Interface, Route};
use crate::engine::doctor::finding::{Fault, Finding};

const COUNTER: &str = "TcpExt.IPReversePathFilter";
const STRICT: u64 = 1;

pub fn find(facts: &Facts) -> Vec<Finding> {
    let Some((before, after)) = facts.rose(COUNTER) else { return Vec::new() };
    // Somebody else's packets are no reason for what works.
    if facts.question.target.is_some() && facts.failing().is_empty() {
        return Vec::new();
    }
    let setting = |name: &str| facts.number(&format!("net.ipv4.conf.{name}.rp_filter")).unwrap_or(0);
    // The answers of what goes out there are expected there.
    let way_out = |one: &Interface| {
        let over = |route: &Route| matches!(route, Route::Found { interface, .. } if *interface == one.index);
        facts.paths.iter().any(|path| over(&path.route))
    };
    // The larger one of the two settings holds.
    let filters = |one: &&Interface| one.up && !one.loopback && setting("all").max(setting(&one.name)) == STRICT;
    let strict: Vec<&Interface> = facts.interfaces.iter().filter(filters).filter(|one| !way_out(one)).collect();
    let names: Vec<&str> = strict.iter().map(|one| one.name.as_str()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let values: Vec<String> = names.iter().map(|name| format!("net.ipv4.conf.{name}.rp_filter=2")).collect();
    let finding = Finding::new(
        Fault::ReversePath,
        format!(
            "packets that come in by {} are dropped (rp_filter): the route back to their senders leads elsewhere",
            names.join(" or ")
        ),
        format!("sudo sysctl -w {}", values.join(" ")),
    )
    .proved(format!("/proc/net/netstat, {COUNTER}"), format!("{before}, then {after}"));
    let told = |finding: Finding, name: &&str| {
        finding.proved(
            "/proc/sys/net/ipv4/conf",
            format!("all/rp_filter {}, {name}/rp_filter {}: strict", setting("all"), setting(name)),
        )
    };
    vec![names.iter().fold(finding, told)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::facts::Answer;
    use crate::engine::doctor::{diagnose, sample};

    fn two_ways() -> Facts {
        let mut facts = sample::client();
        facts.interfaces.push(sample::interface(3, "eth1", &[("10.0.3.1", 24)]));
        facts.before.insert(COUNTER.to_owned(), 3);
        facts.after.insert(COUNTER.to_owned(), 5);
        facts.settings.insert("net.ipv4.conf.all.rp_filter".to_owned(), "0".to_owned());
        facts.settings.insert("net.ipv4.conf.eth1.rp_filter".to_owned(), "1".to_owned());
        facts
    }

    #[test]
    fn the_counter_and_the_strict_interface_are_the_proof() {
        let mut facts = two_ways();
        assert_eq!(diagnose(&facts), [], "it works");
        (facts.paths[0].knock, facts.paths[0].echo) = (Some(Answer::Silence(2300)), Some(Answer::Silence(2300)));
        let found = sample::only(&facts);
        assert_eq!(found.mend, "sudo sysctl -w net.ipv4.conf.eth1.rp_filter=2");
        assert_eq!((found.fault, found.proofs[0].value.as_str()), (Fault::ReversePath, "3, then 5"));
        facts.settings.insert("net.ipv4.conf.all.rp_filter".to_owned(), "2".to_owned());
        assert_eq!(sample::only(&facts).fault, Fault::NoAnswer, "the larger value is loose");
    }

    #[test]
    fn it_is_seen_on_a_server_while_packets_come() {
        let mut facts = two_ways();
        (facts.question.target, facts.paths) = (None, Vec::new());
        facts.question.port = None;
        assert_eq!(sample::only(&facts).fault, Fault::ReversePath);
    }
}
