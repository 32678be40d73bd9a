//! The files of /proc/net that tell of groups: igmp, igmp6, dev_mcast, mcfilter, mcfilter6 (proc_pid_net(5)).
//!
//! Traps: igmp has its groups as numbers in the machine's byte order, so 239.1.2.3 is `030201EF` on most, while mcfilter
//! has them in network order, `0xef010203`; igmp6 has no `0x` and no colons. Timers are in hundredths of a second. The
//! two filters leave an interface out where the group that it joined last has no sources, whatever the others have
//! (`igmp_mcf_get_first` in Linux's net/ipv4/igmp.c): sockets tell of theirs better. A line that cannot be read is left
//! out.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{Interface, LinkAddress, Membership, Source, Version, Why};

type Interfaces = BTreeMap<u32, Interface>;

fn entry<'a>(all: &'a mut Interfaces, index: u32, name: &str) -> &'a mut Interface {
    all.entry(index).or_insert_with(|| Interface { index, name: name.to_owned(), ..Interface::default() })
}

/// Hundredths of a second (USER_HZ), as the kernel tells times.
fn ticks(number: u64) -> Duration {
    Duration::from_millis(number.saturating_mul(10))
}

/// igmp: an interface's line has its index, its name, a colon, the number of its groups and the version; each of its
/// groups has a line below, which begins with blanks.
pub fn igmp(text: &str, all: &mut Interfaces) {
    let mut current = None;
    for line in text.lines().skip(1) {
        if line.starts_with(|c: char| c.is_ascii_whitespace()) {
            let membership = current.and_then(|index| all.get_mut(&index)).zip(ipv4_group(line));
            if let Some((interface, membership)) = membership {
                interface.groups.push(membership);
            }
        } else if let Some((index, name, version)) = igmp_interface(line) {
            entry(all, index, name).igmp = Some(version);
            current = Some(index);
        } else {
            current = None;
        }
    }
}

fn igmp_interface(line: &str) -> Option<(u32, &str, Version)> {
    let (index, rest) = line.split_once('\t')?;
    let (name, rest) = rest.split_once(':')?;
    let number = rest.split_whitespace().nth(1)?.strip_prefix('V')?.parse().ok()?;
    let why = if number < 3 { Why::OlderQuerier } else { Why::Newest };
    Some((index.trim().parse().ok()?, name.trim_end(), Version { number, why }))
}

/// Group, users, whether a timer runs and its time, whether this machine reported last.
fn ipv4_group(line: &str) -> Option<Membership> {
    let mut words = line.split_whitespace();
    let group = u32::from_str_radix(words.next()?, 16).ok()?;
    let users = words.next()?.parse().ok()?;
    let (running, left) = words.next()?.split_once(':')?;
    let left = u64::from_str_radix(left, 16).ok()?;
    Some(Membership {
        group: Ipv4Addr::from(group.to_ne_bytes()).into(),
        users,
        timer: (running != "0").then_some(ticks(left)),
        reporter: words.next() != Some("0"),
        sources: Vec::new(),
    })
}

/// Bits of the fifth column (include/net/if_inet6.h).
const TIMER_RUNNING: u32 = 1;
const LAST_REPORTER: u32 = 2;

/// igmp6: a line a group: index, name, group, users, flags, time.
pub fn igmp6(text: &str, all: &mut Interfaces) {
    for line in text.lines() {
        if let Some((index, name, membership)) = ipv6_group(line) {
            let interface = entry(all, index, name);
            interface.mld = Some(Version { number: 2, why: Why::Presumed });
            interface.groups.push(membership);
        }
    }
}

fn ipv6_group(line: &str) -> Option<(u32, &str, Membership)> {
    let mut words = line.split_whitespace();
    let index = words.next()?.parse().ok()?;
    let name = words.next()?;
    let group = ipv6(words.next()?)?;
    let users = words.next()?.parse().ok()?;
    let flags = u32::from_str_radix(words.next()?, 16).ok()?;
    let left: i64 = words.next()?.parse().ok()?;
    let membership = Membership {
        group,
        users,
        timer: (flags & TIMER_RUNNING != 0).then_some(ticks(u64::try_from(left).unwrap_or(0))),
        reporter: flags & LAST_REPORTER != 0,
        sources: Vec::new(),
    };
    Some((index, name, membership))
}

fn ipv6(digits: &str) -> Option<IpAddr> {
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32)?;
    Some(Ipv6Addr::from(number).into())
}

/// dev_mcast: index, name, users, users from outside the kernel, address.
pub fn link(text: &str, all: &mut Interfaces) {
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let read = (|| {
            let index = words.next()?.parse().ok()?;
            let name = words.next()?;
            let users = words.next()?.parse().ok()?;
            let fixed = words.next()? != "0";
            Some((index, name, LinkAddress { address: bytes(words.next()?)?, users, fixed }))
        })();
        if let Some((index, name, address)) = read {
            entry(all, index, name).link.push(address);
        }
    }
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|p| p.len() == 2)?, 16).ok()).collect()
}

/// mcfilter and mcfilter6, below a header: index, the first six letters of the name, group, source, how many include it,
/// how many exclude it.
pub fn filters(text: &str, all: &mut Interfaces) {
    for line in text.lines().skip(1) {
        let mut words = line.split_whitespace();
        let read = (|| {
            let index: u32 = words.next()?.parse().ok()?;
            let (_, group, address) = (words.next()?, filtered(words.next()?)?, filtered(words.next()?)?);
            let (including, excluding) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some((index, group, Source { address, including, excluding }))
        })();
        let Some((index, group, source)) = read else { continue };
        let groups = all.get_mut(&index).map(|interface| &mut interface.groups);
        if let Some(membership) = groups.into_iter().flatten().find(|membership| membership.group == group) {
            membership.sources.push(source);
        }
    }
}

fn filtered(word: &str) -> Option<IpAddr> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok().map(|number| Ipv4Addr::from(number).into()),
        None => ipv6(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IGMP: &str = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
        1\tlo        :     1      V3\n\t\t\t\tLOALL     1 0:00000000\t\t0\n\
        2\tverylongname0:     2      V2\n\t\t\t\tSSM     2 1:0000014F\t\t1\n\t\t\t\tLOALL     1 0:00000000\t\t0\n";
    const FILTER: &str = "Idx Device        MCA        SRC    INC    EXC\n\
        \x20 2 verylo 0xe8010203 0x0a090007      1      0\nnonsense\n  9 x 0xe8010203 0x0a090007 1 0\n";

    /// The kernel's text of a little-endian or a big-endian machine, as this one is.
    fn igmp_text() -> String {
        let word = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
        IGMP.replace("LOALL", &word([224, 0, 0, 1])).replace("SSM", &word([232, 1, 2, 3]))
    }

    #[test]
    fn reads_groups_versions_timers_and_sources_of_ipv4() {
        let mut all = Interfaces::new();
        igmp(&igmp_text(), &mut all);
        filters(FILTER, &mut all);
        assert_eq!(all.len(), 2);
        assert_eq!(all[&1].igmp, Some(Version { number: 3, why: Why::Newest }));
        let [joined, hosts] = all[&2].groups.as_slice() else { panic!("{all:?}") };
        assert_eq!((all[&2].name.as_str(), all[&2].igmp.unwrap().why), ("verylongname0", Why::OlderQuerier));
        assert_eq!(joined.group, IpAddr::from([232, 1, 2, 3]));
        assert_eq!((joined.users, joined.timer, joined.reporter), (2, Some(Duration::from_millis(3350)), true));
        assert_eq!(joined.sources, [Source { address: [10, 9, 0, 7].into(), including: 1, excluding: 0 }]);
        assert_eq!((hosts.group, hosts.timer, hosts.reporter), ([224, 0, 0, 1].into(), None, false));
    }

    #[test]
    fn reads_groups_and_sources_of_ipv6() {
        let mut all = Interfaces::new();
        igmp6(
            "1    lo              ff020000000000000000000000000001     1 0000000C 0\n\
             2    eth0            ff0500000000000000000000000000fe     3 00000007 17\n2 eth0 ff05 1 0 0\n",
            &mut all,
        );
        filters(
            "Idx Device                Multicast Address                   Source Address    INC    EXC\n\
             \x20 2   eth0 ff0500000000000000000000000000fe fd000000000000000000000000000009      0      2\n",
            &mut all,
        );
        let [joined] = all[&2].groups.as_slice() else { panic!("{all:?}") };
        assert_eq!(joined.group, "ff05::fe".parse::<IpAddr>().unwrap());
        assert_eq!((joined.users, joined.timer, joined.reporter), (3, Some(Duration::from_millis(170)), true));
        let source = Source { address: "fd00::9".parse().unwrap(), including: 0, excluding: 2 };
        assert_eq!((joined.sources.as_slice(), all[&1].groups[0].timer), ([source].as_slice(), None));
    }

    #[test]
    fn reads_addresses_of_the_link_layer() {
        let mut all = Interfaces::new();
        link("2    br0             2     0     01005e010203\n2 br0 1 1 0180c2\n3 p0 1 0 0g\n3 p0 1 0 012\n", &mut all);
        let ip = LinkAddress { address: vec![1, 0, 0x5e, 1, 2, 3], users: 2, fixed: false };
        assert_eq!(all[&2].link, [ip, LinkAddress { address: vec![1, 0x80, 0xc2], users: 1, fixed: true }]);
        assert_eq!(all.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_fail(text: String, cut in 0..200usize) {
            let mut all = Interfaces::new();
            let known: String = igmp_text().chars().take(cut).collect();
            for text in [text, known] {
                igmp(&text, &mut all);
                igmp6(&text, &mut all);
                link(&text, &mut all);
                filters(&text, &mut all);
            }
        }
    }
}
