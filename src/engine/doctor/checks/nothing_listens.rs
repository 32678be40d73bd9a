//! No program takes what comes to the port: of this machine by its list of sockets, of another one by its RST
//! (RFC 9293 §3.5.2) or its ICMP port unreachable (RFC 1122 §3.2.2.1).

use std::net::IpAddr;

use crate::engine::doctor::facts::{Answer, Facts, Icmp, Socket, State, Transport};
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    let Some(port) = facts.question.port else { return Vec::new() };
    if facts.is_about_us() { here(facts, port) } else { there(facts, port) }.into_iter().collect()
}

fn here(facts: &Facts, port: u16) -> Option<Finding> {
    if facts.paths.iter().any(|path| path.works()) {
        return None;
    }
    if facts.on_port(State::Listens).next().is_some() {
        return at_another_address(facts, port);
    }
    // Where nobody said which transport, both were looked at.
    let which = match facts.question.transport {
        Some(transport) => transport.name(),
        None if facts.question.target.is_none() => "TCP or UDP",
        None => Transport::Tcp.name(),
    };
    let finding = Finding::new(
        Fault::NothingListens,
        format!("nothing listens on {which} port {port} of this machine"),
        format!("start the server; for a try: netlab serve {} --port {port}", echo(facts.transport())),
    );
    Some(finding.proved("NETLINK_SOCK_DIAG", format!("no socket listens on {which} port {port}")))
}

/// Somebody listens, but not where it was asked for.
fn at_another_address(facts: &Facts, port: u16) -> Option<Finding> {
    let asked = facts.failing().into_iter().find(|path| facts.is_own(path.address))?.address;
    let listeners: Vec<&Socket> = facts.on_port(State::Listens).collect();
    let first = listeners.first()?;
    if listeners.iter().any(|socket| socket.takes(asked)) {
        return None;
    }
    let finding = Finding::new(
        Fault::NothingListens,
        format!(
            "nothing listens on {} port {port} of {asked}: {} does on {}",
            facts.transport().name(),
            first.holder(),
            first.local.ip()
        ),
        format!(
            "reach it as {}, or start it so that it binds to {}",
            first.local.ip(),
            if asked.is_ipv4() { "0.0.0.0" } else { "::" }
        ),
    );
    let listens = |finding: Finding, socket: &&Socket| {
        finding.proved("NETLINK_SOCK_DIAG", format!("{} listens on {}", socket.holder(), socket.local))
    };
    Some(listeners.iter().fold(finding, listens))
}

/// An exercise whose server anybody may talk to.
fn echo(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "echo",
        Transport::Udp => "udp-reply",
    }
}

fn there(facts: &Facts, port: u16) -> Option<Finding> {
    let refusal = facts.failing().into_iter().find_map(|path| match &path.knock {
        Some(answer @ Answer::Reset) => Some((path.address, answer)),
        Some(answer @ Answer::Icmp(Icmp::Port, from)) if from.is_none_or(|from| from == path.address) => {
            (facts.transport() == Transport::Udp).then_some((path.address, answer))
        }
        _ => None,
    });
    let (address, answer): (IpAddr, &Answer) = refusal?;
    let transport = facts.transport();
    let sent = if transport == Transport::Tcp { "SYN" } else { "datagram" };
    let finding = Finding::new(
        Fault::NothingListens,
        format!("nothing listens on {} port {port} of {address}, or not at that address", transport.name()),
        format!("on {address}: start the server; `netlab doctor --port {port}` there tells more"),
    );
    Some(finding.proved(format!("{sent} to {address} port {port}"), answer.words()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::sample;

    #[test]
    fn a_port_without_a_listener_is_told() {
        let mut facts = sample::server();
        facts.sockets.clear();
        let found = sample::only(&facts);
        assert_eq!(found.fault, Fault::NothingListens);
        assert!(found.what.contains("TCP or UDP port 80"), "{found:?}");
        facts.question.transport = Some(Transport::Udp);
        assert!(sample::only(&facts).what.contains(" UDP port 80"));
    }

    #[test]
    fn a_server_of_the_other_transport_does_not_count_where_one_was_asked_for() {
        let mut facts = sample::server();
        facts.question.transport = Some(Transport::Udp);
        assert_eq!(sample::only(&facts).fault, Fault::NothingListens);
    }

    #[test]
    fn a_server_at_another_address_of_this_machine_is_named() {
        let mut facts = sample::client();
        facts.interfaces.push(sample::interface(3, "eth1", &[("10.0.3.1", 24)]));
        facts.sockets = vec![sample::socket(State::Listens, "10.0.1.1:80")];
        facts.paths = vec![sample::path("10.0.3.1")];
        facts.paths[0].knock = Some(Answer::Reset);
        let found = sample::only(&facts);
        assert_eq!(found.what, "nothing listens on TCP port 80 of 10.0.3.1: server 4711 does on 10.0.1.1");
    }

    #[test]
    fn another_machine_says_so_by_a_reset_or_by_port_unreachable() {
        let mut facts = sample::client();
        facts.paths[0].knock = Some(Answer::Reset);
        let found = sample::only(&facts);
        assert_eq!((found.fault, found.proofs[0].value.as_str()), (Fault::NothingListens, "RST"));
        facts.question.transport = Some(Transport::Udp);
        facts.paths[0].knock = Some(Answer::Icmp(Icmp::Port, Some(sample::ip("10.0.2.2"))));
        assert_eq!(sample::only(&facts).fault, Fault::NothingListens);
    }
}
