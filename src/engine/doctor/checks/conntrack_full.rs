//! The table of tracked connections is full: the kernel drops packets of new ones (nf_conntrack_max), or forgets old
//! ones for them.

use crate::engine::doctor::facts::Facts;
use crate::engine::doctor::finding::{Fault, Finding};

const COUNT: &str = "net.netfilter.nf_conntrack_count";
const MAX: &str = "net.netfilter.nf_conntrack_max";

pub fn find(facts: &Facts) -> Vec<Finding> {
    let (Some(count), Some(max)) = (facts.number(COUNT), facts.number(MAX)) else { return Vec::new() };
    let full = max > 0 && count >= max;
    // `drop` also counts what is refused for other reasons; beside a table that is nearly full the reason is plain.
    let nearly = max > 0 && count.saturating_mul(10) >= max.saturating_mul(9);
    let lost = ["drop", "early_drop"].map(|name| format!("nf_conntrack.{name}"));
    let rising = lost.iter().any(|name| facts.rose(name).is_some());
    if !(full || nearly && rising) {
        return Vec::new();
    }
    let mut finding = Finding::new(
        Fault::ConntrackFull,
        "the table of tracked connections is full: packets of new connections are dropped",
        format!("sudo sysctl -w {MAX}={}", max.saturating_mul(2)),
    )
    .proved("/proc/sys/net/netfilter", format!("nf_conntrack_count {count}, nf_conntrack_max {max}"));
    for name in &lost {
        let Some(after) = facts.after.get(name) else { continue };
        let value = match facts.rose(name) {
            Some((before, after)) => format!("{before}, then {after}"),
            None => after.to_string(),
        };
        finding = finding.proved(format!("/proc/net/stat/nf_conntrack, {}", name.replace("nf_conntrack.", "")), value);
    }
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::facts::Answer;
    use crate::engine::doctor::{diagnose, sample};

    fn table(count: u64, max: u64) -> Facts {
        let mut facts = sample::machine();
        facts.settings.insert(COUNT.to_owned(), count.to_string());
        facts.settings.insert(MAX.to_owned(), max.to_string());
        facts
    }

    #[test]
    fn a_full_table_is_told_with_its_counters() {
        assert_eq!(diagnose(&table(200_000, 262_144)), []);
        assert_eq!(diagnose(&table(0, 0)), [], "no limit");
        let mut facts = table(262_144, 262_144);
        facts.before.insert("nf_conntrack.drop".to_owned(), 10);
        facts.after.insert("nf_conntrack.drop".to_owned(), 12);
        let found = sample::only(&facts);
        assert_eq!((found.fault, found.proofs[1].value.as_str()), (Fault::ConntrackFull, "10, then 12"));
        assert_eq!(found.mend, "sudo sysctl -w net.netfilter.nf_conntrack_max=524288");
    }

    #[test]
    fn a_counter_that_rises_counts_beside_a_table_that_has_just_got_room() {
        let mut facts = table(262_100, 262_144);
        assert_eq!(diagnose(&facts), []);
        facts.before.insert("nf_conntrack.early_drop".to_owned(), 0);
        facts.after.insert("nf_conntrack.early_drop".to_owned(), 1);
        assert_eq!(sample::only(&facts).fault, Fault::ConntrackFull);
    }

    #[test]
    fn it_is_the_root_of_silence() {
        let mut facts = sample::client();
        facts.paths[0].knock = Some(Answer::Silence(2300));
        facts.paths[0].echo = Some(Answer::Silence(2300));
        facts.settings = table(262_144, 262_144).settings;
        assert_eq!(sample::only(&facts).fault, Fault::ConntrackFull);
    }
}
