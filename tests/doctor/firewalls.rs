//! A rule drops or refuses it: here, there, on the way; with a counter and without, by nft and by iptables.

use serde_json::Value;

use crate::lab::{Lab, THERE};
use crate::support;

/// A lab with a server there, and nft.
fn lab() -> Option<Lab> {
    let mut lab = Lab::new()?;
    if let Err(why) = lab.try_sh("here", "nft list ruleset") {
        support::skip(&format!("nft: {why}"));
        return None;
    }
    lab.serve("there", "0.0.0.0", 8000);
    Some(lab)
}

/// Types what the doctor says, without sudo: here is root.
fn mend(lab: &Lab, host: &str, finding: &Value) {
    let command = finding["mend"].as_str().unwrap();
    lab.sh(host, command.strip_prefix("sudo ").expect(command));
}

const AT: [&str; 3] = [THERE, "--port", "8000"];

fn chain(hook: &str, policy: &str) -> String {
    format!(
        "nft add table inet lab; nft 'add chain inet lab {hook} {{ type filter hook {hook} priority 0; policy {policy}; }}'"
    )
}

#[test]
fn a_rule_here_drops_what_goes_out() {
    let Some(lab) = lab() else { return };
    lab.sh("here", &chain("output", "accept"));
    for verdict in ["counter drop", "drop", "reject", "reject with tcp reset"] {
        lab.sh("here", &format!("nft add rule inet lab output tcp dport 8000 {verdict}"));
        let found = lab.finds_only("here", &AT, "firewall");
        let proof = found["proof"][0]["value"].as_str().unwrap();
        assert!(!verdict.contains("counter") || proof.contains("its counter was 0 before the probes"), "{found}");
        mend(&lab, "here", &found);
        lab.healthy("here", &AT);
        lab.sh("here", "nft flush chain inet lab output");
    }
}

#[test]
fn a_rule_here_drops_what_comes_back() {
    let Some(lab) = lab() else { return };
    lab.sh("here", &chain("input", "drop"));
    let found = lab.finds_only("here", &AT, "firewall");
    assert!(found["what"].as_str().unwrap().contains("policy of this machine's chain inet lab input"), "{found}");
    mend(&lab, "here", &found);
    lab.healthy("here", &AT);
}

#[test]
fn a_rule_of_the_server_s_machine_is_found_there() {
    let Some(lab) = lab() else { return };
    lab.sh("there", &chain("input", "drop"));
    lab.sh("there", "nft add rule inet lab input ct state established,related accept");
    lab.sh(
        "there",
        "nft add rule inet lab input iifname lo accept; nft add rule inet lab input ip protocol icmp accept",
    );
    lab.finds_only("there", &["--port", "8000"], "firewall");
    lab.healthy("there", &AT);
    // From here there is silence, and an echo.
    let far = lab.finds_only("here", &AT, "no-answer");
    assert!(far["what"].as_str().unwrap().contains("TCP port 8000 is dropped"), "{far}");
    let found = lab.finds_only("there", &["--port", "8000"], "firewall");
    mend(&lab, "there", &found);
    lab.healthy("there", &["--port", "8000"]);
    lab.healthy("here", &AT);
}

#[test]
fn a_rule_that_concerns_others_is_no_finding() {
    let Some(lab) = lab() else { return };
    lab.sh("there", &chain("input", "accept"));
    for rule in ["tcp dport 8001 drop", "udp dport 8000 counter drop", "ip saddr 10.9.9.9 tcp dport 8000 drop"] {
        lab.sh("there", &format!("nft add rule inet lab input {rule}"));
    }
    lab.healthy("there", &["--port", "8000"]);
    lab.healthy("here", &AT);
}

#[test]
fn a_router_that_forbids_it_is_named() {
    let Some(lab) = lab() else { return };
    lab.sh("router", &chain("forward", "accept"));
    lab.sh("router", "nft add rule inet lab forward tcp dport 8000 reject with icmpx admin-prohibited");
    let found = lab.finds_only("here", &AT, "firewall");
    assert!(found["what"].as_str().unwrap().contains("10.0.1.254"), "{found}");
    assert_eq!(found["proof"][0]["value"], "ICMP administratively prohibited from 10.0.1.254");
}

#[test]
fn rules_of_iptables_are_seen_as_nft_s() {
    let Some(lab) = lab() else { return };
    if let Err(why) = lab.try_sh("there", "iptables-nft -w -A INPUT -p tcp --dport 8000 -j DROP") {
        return support::skip(&format!("iptables-nft: {why}"));
    }
    let found = lab.finds_only("there", &AT, "firewall");
    assert_eq!(found["mend"], "sudo iptables -I INPUT -p tcp --dport 8000 -j ACCEPT");
    lab.sh("there", "iptables-nft -w -I INPUT -p tcp --dport 8000 -j ACCEPT");
    lab.healthy("there", &AT);
    lab.healthy("here", &AT);
}
