//! `netlab ping --route`: from router to router, by all three protocols.

use serde_json::Value;

use crate::network::{NETLAB, THERE};
use crate::{lab, of, on};

const WAYS: [&[&str]; 3] = [&[], &["--tcp", "80"], &["--udp", "33434"]];

/// Who is named at each hop.
fn named(found: &[Value]) -> Vec<Vec<&str>> {
    of(found, "hop")
        .into_iter()
        .map(|hop| {
            let probes = hop["probes"].as_array().unwrap();
            let mut names: Vec<&str> = probes.iter().map(|probe| probe["from"].as_str().unwrap_or("*")).collect();
            names.dedup();
            names
        })
        .collect()
}

#[test]
fn names_the_router_and_then_the_target() {
    let Some(lab) = lab() else { return };
    for (target, router) in [(THERE, "10.0.1.254"), ("fd00:2::2", "fd00:1::254")] {
        for way in WAYS {
            let (found, code) = on(&lab, "here", &[&[target, "--route"], way].concat());
            assert_eq!(named(&found), [[router], [target]], "{way:?}: {found:#?}");
            assert_eq!((code, of(&found, "sent").len()), (0, 6), "{way:?}: {found:#?}");
        }
    }
    let output = lab.on("here", NETLAB, &["ping", THERE, "--route"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("    1  10.0.1.254  0") && lines[0].ends_with(" ms"), "{text}");
    assert!(lines[1].starts_with("    2  10.0.2.2  0") && lines[1].ends_with("echo reply"), "{text}");
}

#[test]
fn silence_is_a_star_and_ends_at_the_last_hop() {
    let Some(lab) = lab() else { return };
    lab.sh("router", "ip route add blackhole 10.7.7.7");
    for way in WAYS {
        let limits = ["10.7.7.7", "--route", "--hops", "2", "--probes", "2", "--wait", "200ms"];
        let (found, code) = on(&lab, "here", &[&limits[..], way].concat());
        // The route decides before the time to live does.
        assert_eq!(named(&found), [["*"], ["*"]], "{found:#?}");
        assert_eq!((code, of(&found, "sent").len()), (1, 4), "{found:#?}");
    }
}

#[test]
fn an_error_of_a_router_ends_the_way() {
    let Some(lab) = lab() else { return };
    lab.sh("router", "ip route add prohibit 10.7.7.7");
    for way in WAYS {
        // Linux tells a sender of five such errors at once, then of one a second.
        let (found, code) = on(&lab, "here", &[&["10.7.7.7", "--route", "--probes", "1"], way].concat());
        assert_eq!((named(&found).len(), code), (1, 1), "{way:?}: {found:#?}");
        assert_eq!(of(&found, "hop")[0]["probes"][0]["what"], "administratively prohibited", "{found:#?}");
    }
}
