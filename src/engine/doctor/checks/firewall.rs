//! A packet filter drops or refuses it: of this machine by its rules and their counters, of another one by the ICMP error
//! it answers with (RFC 1812 §5.3.9).

use std::net::IpAddr;

use crate::engine::doctor::facts::{Answer, Facts, Icmp, Path, Route, State, Transport};
use crate::engine::doctor::finding::{Fault, Finding};
use crate::engine::doctor::firewall::walk::{self, Drop};
use crate::engine::doctor::firewall::{Carried, Firewall, Packet};

pub fn find(facts: &Facts) -> Vec<Finding> {
    let finding = if facts.question.target.is_none() {
        on_the_server(facts)
    } else {
        facts.failing().into_iter().find_map(|path| on_the_way(facts, path))
    };
    finding.into_iter().collect()
}

/// What comes to the port from elsewhere is dropped, whichever interface to elsewhere it comes by.
fn on_the_server(facts: &Facts) -> Option<Finding> {
    let Firewall::Rules { after, .. } = &facts.firewall else { return None };
    let port = facts.question.port?;
    facts.on_port(State::Listens).next()?;
    let up = facts.interfaces.iter().filter(|one| one.up && !one.loopback);
    let ways = up.flat_map(|one| one.reachable().map(move |(address, _)| (one, address)));
    // Bridges of containers have rules of their own: what counts is the way by which the others come, where there is one.
    let outward = |index: u32| facts.ways_out.is_empty() || facts.ways_out.contains(&index);
    let ways = ways.filter(|(one, _)| outward(one.index));
    let ways = ways.filter(|(_, address)| facts.on_port(State::Listens).any(|socket| socket.takes(*address)));
    let drops: Vec<Option<(Drop<'_>, Packet)>> = ways
        .map(|(one, address)| {
            let packet = Packet {
                hook: "input",
                carried: facts.transport().into(),
                six: address.is_ipv6(),
                source: None,
                destination: Some(address),
                source_port: None,
                destination_port: Some(port),
                input: Some(one.name.clone()),
                output: None,
                reply: false,
            };
            walk::dropped(after, &packet).filter(|drop| drop.certain).map(|drop| (drop, packet))
        })
        .collect();
    if drops.iter().any(Option::is_none) {
        return None;
    }
    let (drop, packet) = drops.into_iter().flatten().next()?;
    let transport = facts.transport().name();
    Some(told(facts, format!("what comes to {transport} port {port}"), drop, &packet))
}

fn on_the_way(facts: &Facts, path: &Path) -> Option<Finding> {
    let answers = [&path.knock, &path.echo].into_iter().flatten();
    let unheard = |answer: &Answer| {
        // Whoever connects and is answered by an ICMP error has met a rule: TCP itself would reset.
        matches!(
            answer,
            Answer::Silence(_) | Answer::Reset | Answer::Refused(1) | Answer::Icmp(Icmp::Prohibited | Icmp::Port, _)
        )
    };
    if !answers.clone().any(unheard) {
        return None;
    }
    by_own_rules(facts, path)
        .or_else(|| answers.clone().find(|answer| **answer == Answer::Refused(1)).map(|_| refused_here(facts, path)))
        .or_else(|| refused_there(facts, path))
}

/// The packets of the probes, on their way out and back.
fn packets(facts: &Facts, path: &Path) -> Vec<Packet> {
    let Route::Found { interface, source, local, .. } = &path.route else { return Vec::new() };
    let loopback = || facts.interfaces.iter().find(|one| one.loopback).map(|one| one.name.clone());
    let name = if *local { loopback() } else { facts.interface(*interface).map(|one| one.name.clone()) };
    let carried = match (&path.knock, facts.question.port) {
        (Some(_), Some(port)) => (Carried::from(facts.transport()), Some(port)),
        _ => (Carried::Echo, None),
    };
    let request = Packet {
        hook: "output",
        carried: carried.0,
        six: path.address.is_ipv6(),
        source: *source,
        destination: Some(path.address),
        source_port: None,
        destination_port: carried.1,
        input: None,
        output: name.clone(),
        reply: false,
    };
    let arriving = Packet { hook: "input", input: name.clone(), output: None, ..request.clone() };
    let answer = Packet {
        source: Some(path.address),
        destination: *source,
        source_port: carried.1,
        destination_port: None,
        reply: true,
        ..arriving.clone()
    };
    if *local { vec![request, arriving, answer] } else { vec![request, answer] }
}

fn by_own_rules(facts: &Facts, path: &Path) -> Option<Finding> {
    let Firewall::Rules { before, after } = &facts.firewall else { return None };
    let what = || match facts.question.port {
        Some(port) => {
            format!("what goes to {} port {port} of {}, or comes back,", facts.transport().name(), path.address)
        }
        None => format!("what goes to {}, or comes back,", path.address),
    };
    let packets = packets(facts, path);
    for packet in &packets {
        if let Some(drop) = walk::dropped(after, packet)
            && (drop.certain || counted(facts, drop).is_some_and(|(before, after)| after > before))
        {
            return Some(told(facts, what(), drop, packet));
        }
    }
    // What the walk does not understand may still have counted the probes.
    let drops =
        |statement: &serde_json::Value| ["drop", "reject", "xt"].iter().any(|verdict| statement.get(verdict).is_some());
    for chain in &after.chains {
        for rule in chain.rules.iter().filter(|rule| rule.statements.iter().any(drops)) {
            let accepts = rule.statements.iter().any(|statement| statement.get("accept").is_some());
            let Some((earlier, same)) = before.same(chain, rule) else { continue };
            let rose = after.packets(chain, rule) > before.packets(earlier, same);
            let concerned = packets.iter().find(|packet| {
                packet.is_of(&chain.family) && walk::concerns(after, chain, rule, packet) != Some(false)
            });
            if let (true, false, Some(packet)) = (rose, accepts, concerned) {
                return Some(told(facts, what(), Drop { chain, rule: Some(rule), certain: false }, packet));
            }
        }
    }
    None
}

/// What the rule's counter said before the probes, and after.
fn counted(facts: &Facts, drop: Drop<'_>) -> Option<(u64, u64)> {
    let Firewall::Rules { before, after } = &facts.firewall else { return None };
    let rule = drop.rule?;
    let (chain, earlier) = before.same(drop.chain, rule)?;
    Some((before.packets(chain, earlier)?, after.packets(drop.chain, rule)?))
}

fn told(facts: &Facts, what: String, drop: Drop<'_>, packet: &Packet) -> Finding {
    let chain = drop.chain.words();
    let (by, place) = match drop.rule {
        Some(rule) => (
            format!("a rule of this machine's chain {chain}: {}", brief(&rule.words())),
            format!("position {}", rule.handle),
        ),
        None => (format!("the policy of this machine's chain {chain}"), String::new()),
    };
    let allowing = allowing(packet);
    let mend = if drop.chain.is_of_iptables() {
        let program = if drop.chain.family == "ip6" { "ip6tables" } else { "iptables" };
        format!("sudo {program} -I {} {}", drop.chain.name, allowing_by_iptables(packet))
    } else if drop.rule.is_some() {
        format!("sudo nft insert rule {chain} {place} {allowing}")
    } else {
        format!("sudo nft add rule {chain} {allowing}")
    };
    let finding = Finding::new(Fault::Firewall, format!("{what} is dropped by {by}"), mend);
    let from = "nft -j list ruleset";
    match (drop.rule, counted(facts, drop)) {
        (Some(rule), Some((before, after))) if after > before => finding.proved(
            from,
            format!("chain {chain}, handle {}: its counter was {before} before the probes, {after} after", rule.handle),
        ),
        (Some(rule), Some((_, after))) => {
            finding.proved(from, format!("chain {chain}, handle {}: {after} packets", rule.handle))
        }
        (Some(rule), None) => finding.proved(from, format!("chain {chain}, handle {}, without a counter", rule.handle)),
        (None, _) => finding.proved(from, format!("chain {chain}: policy drop, and no rule accepts it")),
    }
}

/// A rule may name thousands of addresses: its beginning is enough to know it by.
fn brief(words: &str) -> String {
    const LONGEST: usize = 160;
    match words.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", words.get(..at).unwrap_or_default()),
        None => words.to_owned(),
    }
}

/// A rule that lets the packet pass, as nft(8) takes it.
fn allowing(packet: &Packet) -> String {
    if packet.reply {
        return "ct state established accept".to_owned();
    }
    let to = match (packet.hook, packet.destination) {
        ("output", Some(address)) => format!("{} daddr {address} ", if packet.six { "ip6" } else { "ip" }),
        _ => String::new(),
    };
    let port = packet.destination_port.unwrap_or_default();
    match packet.carried {
        Carried::Tcp => format!("{to}tcp dport {port} accept"),
        Carried::Udp => format!("{to}udp dport {port} accept"),
        Carried::Echo if packet.six => format!("{to}icmpv6 type echo-request accept"),
        Carried::Echo => format!("{to}icmp type echo-request accept"),
    }
}

/// The same for iptables(8).
fn allowing_by_iptables(packet: &Packet) -> String {
    if packet.reply {
        return "-m conntrack --ctstate ESTABLISHED -j ACCEPT".to_owned();
    }
    let to = match (packet.hook, packet.destination) {
        ("output", Some(address)) => format!("-d {address} "),
        _ => String::new(),
    };
    let port = packet.destination_port.unwrap_or_default();
    match packet.carried {
        Carried::Tcp => format!("{to}-p tcp --dport {port} -j ACCEPT"),
        Carried::Udp => format!("{to}-p udp --dport {port} -j ACCEPT"),
        Carried::Echo if packet.six => format!("{to}-p icmpv6 -j ACCEPT"),
        Carried::Echo => format!("{to}-p icmp -j ACCEPT"),
    }
}

/// The kernel says that sending is not permitted, and the rules cannot be read.
fn refused_here(facts: &Facts, path: &Path) -> Finding {
    let why = match &facts.firewall {
        Firewall::Unreadable(why) => format!(" ({why})"),
        _ => String::new(),
    };
    Finding::new(
        Fault::Firewall,
        format!("a rule of this machine's firewall drops what goes to {}{why}", path.address),
        format!("sudo netlab doctor {} names the rule", path.address),
    )
    .proved(format!("send(2) to {}", path.address), "EPERM: operation not permitted")
}

/// An ICMP error that only a rule sends.
fn refused_there(facts: &Facts, path: &Path) -> Option<Finding> {
    let tcp = facts.transport() == Transport::Tcp;
    let (from, answer): (Option<IpAddr>, &Answer) =
        [&path.knock, &path.echo].into_iter().flatten().find_map(|answer| match answer {
            Answer::Icmp(Icmp::Prohibited, from) => Some((*from, answer)),
            Answer::Icmp(Icmp::Port, from) if tcp && path.knock.as_ref() == Some(answer) => Some((*from, answer)),
            _ => None,
        })?;
    let whose = from.map_or_else(|| "a router".to_owned(), |from| from.to_string());
    let port = facts.question.port.map(|port| format!(" --port {port}")).unwrap_or_default();
    let finding = Finding::new(
        Fault::Firewall,
        format!("a firewall of {whose} refuses what goes to {}", path.address),
        format!("on {whose}: sudo netlab doctor{port}, and allow it there"),
    );
    Some(finding.proved(format!("probe of {}", path.address), answer.words()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::firewall::Ruleset;
    use crate::engine::doctor::{diagnose, sample};

    /// One chain at a hook, with one rule that counted so many packets.
    fn rules(hook: &str, packets: u64, matches: &str) -> Ruleset {
        let printed = format!(
            r#"{{"nftables":[
            {{"chain":{{"family":"inet","table":"t","name":"{hook}","type":"filter","hook":"{hook}","prio":0,"policy":"accept"}}}},
            {{"rule":{{"family":"inet","table":"t","chain":"{hook}","handle":7,"expr":[
                {matches}{{"counter":{{"packets":{packets},"bytes":0}}}},{{"drop":null}}]}}}}]}}"#
        );
        Ruleset::parse(&printed).unwrap()
    }

    const PORT: &str = r#"{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":80}},"#;
    const MARK: &str = r#"{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":7}},"#;

    #[test]
    fn a_rule_that_drops_what_comes_to_the_server_is_named() {
        let mut facts = sample::server();
        facts.firewall = Firewall::Rules { before: rules("input", 3, PORT), after: rules("input", 3, PORT) };
        let found = sample::only(&facts);
        assert_eq!(found.fault, Fault::Firewall);
        assert_eq!(found.mend, "sudo nft insert rule inet t input position 7 tcp dport 80 accept");
        assert_eq!(found.proofs[0].value, "chain inet t input, handle 7: 3 packets");
        facts.firewall = Firewall::Rules { before: rules("input", 3, MARK), after: rules("input", 3, MARK) };
        assert_eq!(diagnose(&facts), [], "nobody knows whom it concerns");
    }

    #[test]
    fn silence_and_a_counter_that_rose_name_a_rule_that_is_not_understood() {
        let mut facts = sample::client();
        let ruleset = |before, after| Firewall::Rules {
            before: rules("output", before, MARK),
            after: rules("output", after, MARK),
        };
        facts.firewall = ruleset(3, 5);
        assert_eq!(diagnose(&facts), [], "it works");
        facts.paths[0].knock = Some(Answer::Silence(2300));
        let found = sample::only(&facts);
        assert_eq!(found.fault, Fault::Firewall);
        assert!(found.proofs[0].value.ends_with("was 3 before the probes, 5 after"), "{found:?}");
        facts.firewall = ruleset(5, 5);
        assert_eq!(sample::only(&facts).fault, Fault::NoAnswer);
    }

    #[test]
    fn a_rule_of_many_words_is_cut() {
        assert_eq!(brief("tcp dport 80 drop"), "tcp dport 80 drop");
        assert_eq!(brief(&"ж".repeat(1000)).chars().count(), 161);
    }

    #[test]
    fn errors_that_only_a_rule_sends_name_who_sent_them() {
        let mut facts = sample::client();
        for icmp in [Icmp::Prohibited, Icmp::Port] {
            facts.paths[0].knock = Some(Answer::Icmp(icmp, Some(sample::ip("10.0.1.254"))));
            let found = sample::only(&facts);
            assert!(found.what.contains("a firewall of 10.0.1.254"), "{found:?}");
        }
        facts.question.transport = Some(Transport::Udp);
        facts.paths[0].knock = Some(Answer::Refused(1));
        facts.firewall = Firewall::Unreadable("it takes root".to_owned());
        assert_eq!(sample::only(&facts).fault, Fault::Firewall);
    }
}
