//! The server listens on 127.0.0.1 or ::1: only programs of its own machine reach it (RFC 1122 §3.2.1.3).

use crate::engine::doctor::facts::{Facts, Socket, State};
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    let listeners: Vec<&Socket> = facts.on_port(State::Listens).collect();
    // Who asks for a loopback address gets what he asks for.
    let from_outside = match facts.question.target {
        None => true,
        Some(_) => facts.is_about_us() && facts.failing().iter().any(|path| !path.address.to_canonical().is_loopback()),
    };
    let (Some(first), true) = (listeners.first(), from_outside) else { return Vec::new() };
    if !listeners.iter().all(|socket| socket.is_loopback()) {
        return Vec::new();
    }
    let any = if first.local.is_ipv4() { "0.0.0.0" } else { "::" };
    let mut finding = Finding::new(
        Fault::LoopbackOnly,
        format!("{} listens on {} only: no other machine reaches it", first.holder(), first.local.ip()),
        format!("start it so that it binds to {any} instead of {}", first.local.ip()),
    );
    for socket in listeners {
        let proof = format!("{} listens on {}", socket.holder(), socket.local);
        finding = finding.proved("NETLINK_SOCK_DIAG", proof);
    }
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::facts::Answer;
    use crate::engine::doctor::sample;

    #[test]
    fn a_server_on_loopback_is_for_this_machine_only() {
        let mut facts = sample::server();
        facts.sockets =
            vec![sample::socket(State::Listens, "127.0.0.1:80"), sample::socket(State::Listens, "[::1]:80")];
        let found = sample::only(&facts);
        assert_eq!((found.fault, found.proofs.len()), (Fault::LoopbackOnly, 2));
        assert!(found.mend.contains("0.0.0.0"), "{found:?}");
        facts.sockets.push(sample::socket(State::Listens, "10.0.1.1:80"));
        assert_eq!(crate::engine::doctor::diagnose(&facts), []);
    }

    #[test]
    fn it_is_the_reason_where_an_own_address_refuses() {
        let mut facts = sample::client();
        facts.sockets = vec![sample::socket(State::Listens, "127.0.0.1:80")];
        facts.paths = vec![sample::path("10.0.1.1")];
        facts.paths[0].knock = Some(Answer::Reset);
        assert_eq!(sample::only(&facts).fault, Fault::LoopbackOnly);
        facts.paths = vec![sample::path("127.0.0.1")];
        assert_eq!(crate::engine::doctor::diagnose(&facts), []);
    }
}
