//! What the kernel counts and how it is set: /proc/net/netstat, /proc/net/snmp, /proc/net/stat/nf_conntrack, /proc/sys/net.

use std::collections::BTreeMap;
use std::fs;

/// All counters of this network namespace, by group and name: `TcpExt.ListenOverflows`.
pub fn read() -> BTreeMap<String, u64> {
    let text = |name: &str| fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
    let mut counters = BTreeMap::new();
    for name in ["netstat", "snmp"] {
        pairs_of_lines(&text(name), &mut counters);
    }
    per_processor(&text("stat/nf_conntrack"), "nf_conntrack", &mut counters);
    counters
}

/// `Group: name name` and below it `Group: value value`.
fn pairs_of_lines(text: &str, counters: &mut BTreeMap<String, u64>) {
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let (Some((group, names)), Some((_, values))) = (names.split_once(':'), values.split_once(':')) else { return };
        for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
            if let Ok(value) = value.parse() {
                counters.insert(format!("{group}.{name}"), value);
            }
        }
    }
}

/// Names in the first line; a line of hexadecimal values for each processor.
fn per_processor(text: &str, group: &str, counters: &mut BTreeMap<String, u64>) {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    for line in lines {
        for (name, value) in names.iter().zip(line.split_whitespace()) {
            let Ok(value) = u64::from_str_radix(value, 16) else { continue };
            let sum = counters.entry(format!("{group}.{name}")).or_insert(0);
            *sum = sum.saturating_add(value);
        }
    }
}

/// Settings that matter, by their names with dots.
pub fn settings<'a>(interfaces: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let mut paths: Vec<String> = [
        "net/core/somaxconn",
        "net/ipv4/ip_default_ttl",
        "net/ipv4/ip_forward",
        "net/ipv4/tcp_timestamps",
        "net/ipv4/conf/all/rp_filter",
        "net/netfilter/nf_conntrack_count",
        "net/netfilter/nf_conntrack_max",
    ]
    .map(str::to_owned)
    .into();
    for name in interfaces {
        paths.push(format!("net/ipv4/conf/{name}/rp_filter"));
        paths.push(format!("net/ipv6/conf/{name}/hop_limit"));
    }
    let value = |path: String| {
        let text = fs::read_to_string(format!("/proc/sys/{path}")).ok()?;
        Some((path.replace('/', "."), text.trim().to_owned()))
    };
    paths.into_iter().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernel_s_three_kinds_of_tables() {
        let mut counters = BTreeMap::new();
        pairs_of_lines(
            "TcpExt: SyncookiesSent ListenDrops\nTcpExt: 3 4\nIpExt: InNoRoutes\nIpExt: -1\n",
            &mut counters,
        );
        per_processor("entries  drop early_drop\n0000000a 1 0\n0000000a 0000000f 0\n", "nf_conntrack", &mut counters);
        assert_eq!(counters["TcpExt.ListenDrops"], 4);
        assert_eq!(counters["nf_conntrack.drop"], 16);
        assert!(!counters.contains_key("IpExt.InNoRoutes"), "no number");
        pairs_of_lines("nonsense\n\n:\n", &mut counters);
    }

    /// Two processors of a router with a limit of 1,000 connections, before and after a hundred more were tried: the columns
    /// are those of Linux 6.18, the numbers are made up, as a private network cannot have a limit of its own.
    #[test]
    fn a_full_table_as_the_kernel_tells_of_it_is_diagnosed() {
        use crate::engine::doctor::{Facts, Fault, diagnose};
        const NAMES: &str = "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop \
            early_drop icmp_error  expect_new expect_create expect_delete search_restart";
        let answered = |drops: [u32; 2]| {
            let line = |drop| {
                format!(
                    "000003e8  00000000 00000000 00000000 00000003 00000000 00000000 00000000 00000000 \
                00000000 {drop:08x} 00000000 00000000  00000000 00000000 00000000 00000000\n"
                )
            };
            let mut counters = BTreeMap::new();
            per_processor(&format!("{NAMES}\n{}{}", line(drops[0]), line(drops[1])), "nf_conntrack", &mut counters);
            counters
        };
        let setting = |name: &str, value: &str| (format!("net.netfilter.nf_conntrack_{name}"), value.to_owned());
        let facts = Facts {
            before: answered([0x1f, 0x20]),
            after: answered([0x5a, 0x49]),
            settings: [setting("count", "1000"), setting("max", "1000")].into(),
            ..Facts::default()
        };
        let [found] = diagnose(&facts).try_into().unwrap();
        assert_eq!((found.fault, found.proofs[1].value.as_str()), (Fault::ConntrackFull, "63, then 163"));
    }

    #[test]
    fn this_machine_counts() {
        let counters = read();
        assert!(
            counters.contains_key("TcpExt.ListenOverflows") && counters.contains_key("Icmp.InMsgs"),
            "{counters:?}"
        );
        assert!(settings(["lo"].into_iter()).contains_key("net.ipv4.conf.lo.rp_filter"));
    }
}
