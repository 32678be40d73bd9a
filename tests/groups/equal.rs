//! netlab's list beside those of `ip maddr`, `bridge mdb show` and /proc, at the same moment.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use crate::lab::Lab;

/// Interface, address, users.
type Joined = BTreeSet<(String, String, u64)>;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Compares where nothing changed while it was looked: theirs is asked before and after ours.
#[track_caller]
pub fn settled<T: PartialEq + std::fmt::Debug>(theirs: impl Fn() -> T, ours: impl Fn() -> T) {
    for _ in 0..100 {
        let (before, own) = (theirs(), ours());
        if before == theirs() {
            assert_eq!(own, before, "left: netlab, right: the other");
            return;
        }
    }
    panic!("it changed all the time");
}

fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

/// The addresses that netlab tells of, of all families.
fn joined(objects: &[Value], kinds: &[(&str, &str)]) -> Joined {
    let of = |(kind, key): &(&str, &str)| {
        let (kind, key) = ((*kind).to_owned(), (*key).to_owned());
        let objects = objects.iter().filter(move |object| object["kind"] == kind.as_str());
        let row = move |object: &Value| {
            (text(&object["interface"]), text(&object[key.as_str()]), object["users"].as_u64().unwrap())
        };
        objects.map(row).collect::<Vec<_>>()
    };
    kinds.iter().flat_map(of).collect()
}

/// `ip maddr`, all families; it tells users where there is more than one.
#[track_caller]
pub fn with_ip_maddr(lab: &Lab, host: &str) {
    let theirs = || {
        let told = lab.json(host, "ip", &["-j", "maddr", "show"]);
        let interfaces = told.as_array().unwrap().iter();
        let rows = interfaces.flat_map(|interface| {
            interface["maddr"].as_array().unwrap().iter().map(|address| {
                let of = if address["link"].is_null() { &address["address"] } else { &address["link"] };
                (text(&interface["ifname"]), text(of), address["users"].as_u64().unwrap_or(1))
            })
        });
        rows.collect::<Joined>()
    };
    settled(theirs, || joined(&lab.groups(host), &[("membership", "group"), ("link", "address")]));
}

/// The groups of /proc/net/igmp and igmp6, and the version that each interface speaks.
pub fn proc_net(igmp: &str, igmp6: &str) -> (Joined, BTreeMap<String, u64>) {
    let (mut joined, mut versions, mut name) = (Joined::new(), BTreeMap::new(), String::new());
    for line in igmp.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if line.starts_with('\t') {
            let group = Ipv4Addr::from(u32::from_str_radix(words[0], 16).unwrap().to_ne_bytes());
            joined.insert((name.clone(), group.to_string(), words[1].parse().unwrap()));
        } else {
            name = words[1].trim_end_matches(':').to_owned();
            versions.insert(name.clone(), words.last().unwrap().trim_start_matches('V').parse().unwrap());
        }
    }
    for line in igmp6.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let group = Ipv6Addr::from(u128::from_str_radix(words[2], 16).unwrap());
        joined.insert((words[1].to_owned(), group.to_string(), words[3].parse().unwrap()));
    }
    (joined, versions)
}

/// The same of netlab's objects.
pub fn as_proc(objects: &[Value]) -> (Joined, BTreeMap<String, u64>) {
    let versions = of_kind(objects, "interface").filter(|object| !object["igmp_version"].is_null());
    let versions = versions.map(|object| (text(&object["interface"]), object["igmp_version"].as_u64().unwrap()));
    (joined(objects, &[("membership", "group")]), versions.collect())
}

#[track_caller]
pub fn with_proc(lab: &Lab, host: &str) {
    let read = |name: &str| lab.said(host, "cat", &[&format!("/proc/net/{name}")]);
    settled(|| proc_net(&read("igmp"), &read("igmp6")), || as_proc(&lab.groups(host)));
}

/// Port, group, source, kept for ever, mode, sources.
type Entry = (String, String, Option<String>, bool, Option<String>, BTreeSet<String>);

fn optional(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The entries of `bridge mdb show` with what is left of their timers, and the ports of routers.
type Table = (BTreeMap<Entry, f64>, BTreeSet<String>);

fn theirs(lab: &Lab) -> Table {
    let told = lab.json("switch", "bridge", &["-j", "-d", "-s", "mdb", "show"]);
    let seconds = |value: &Value| value.as_str().map_or(0.0, |text| text.trim().parse::<f64>().unwrap());
    let entry = |one: &Value| {
        let sources = one["source_list"].as_array().map_or(&[][..], Vec::as_slice).iter();
        let sources = sources.map(|source| text(&source["address"])).collect();
        let group =
            one["grp"].as_str().unwrap().parse::<IpAddr>().map_or_else(|_| text(&one["grp"]), |ip| ip.to_string());
        let permanent = one["state"] == "permanent";
        let mode = optional(&one["filter_mode"]);
        ((text(&one["port"]), group, optional(&one["src"]), permanent, mode, sources), seconds(&one["timer"]))
    };
    let part = &told.as_array().unwrap()[0];
    let entries = part["mdb"].as_array().map_or(&[][..], Vec::as_slice).iter().map(entry).collect();
    let routers = part["router"].as_object().into_iter().flat_map(|bridges| bridges.values());
    let ports = routers.flat_map(|ports| ports.as_array().unwrap()).map(|port| text(&port["port"])).collect();
    (entries, ports)
}

fn ours(lab: &Lab) -> Table {
    let objects = lab.groups("switch");
    let entry = |one: &Value| {
        let sources = one["sources"].as_array().map_or(&[][..], Vec::as_slice).iter();
        let sources = sources.map(|source| text(&source["source"])).collect();
        let mode = optional(&one["mode"]);
        let permanent = one["permanent"].as_bool().unwrap();
        let key = (text(&one["port"]), text(&one["group"]), optional(&one["source"]), permanent, mode, sources);
        (key, one["left"].as_f64().unwrap_or(0.0))
    };
    let routers = of_kind(&objects, "router_port").map(|one| text(&one["port"])).collect();
    (of_kind(&objects, "mdb").map(entry).collect(), routers)
}

/// The bridge's table: the same entries, and timers between those told before and after.
#[track_caller]
pub fn with_bridge_mdb(lab: &Lab) {
    /// The programs' start and what they round off, in seconds.
    const SLACK: f64 = 0.3;
    let keys = |table: &Table| (table.0.keys().cloned().collect::<Vec<_>>(), table.1.clone());
    for _ in 0..100 {
        let (before, own, after) = (theirs(lab), ours(lab), theirs(lab));
        if keys(&before) != keys(&after) {
            continue;
        }
        assert_eq!(keys(&own), keys(&before), "left: netlab, right: bridge mdb show");
        for (key, left) in &own.0 {
            let (a, b) = (before.0[key], after.0[key]);
            assert!(
                a.min(b) - SLACK <= *left && *left <= a.max(b) + SLACK,
                "{key:?}: {left}, and they say {a} and {b}"
            );
        }
        return;
    }
    panic!("the bridge's table changed all the time");
}

/// Whether the bridge has an entry for this group at this port.
pub fn has_entry(lab: &Lab, port: &str, group: &str) -> bool {
    theirs(lab).0.keys().any(|entry| (entry.0.as_str(), entry.1.as_str()) == (port, group))
}
