//! The server is there, but in the other address family: IPv6 only (IPV6_V6ONLY, ipv6(7)), or IPv4 only where clients
//! try IPv6 first (RFC 6724).

use std::net::IpAddr;

use crate::engine::doctor::facts::{Facts, Path, Route, Socket, State};
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    if facts.question.port.is_none() {
        return Vec::new();
    }
    let finding = if facts.question.target.is_none() { of_a_server(facts) } else { of_a_target(facts) };
    finding.into_iter().collect()
}

fn family(six: bool) -> &'static str {
    if six { "IPv6" } else { "IPv4" }
}

/// Others have addresses of this machine that no listener takes.
fn of_a_server(facts: &Facts) -> Option<Finding> {
    let listeners: Vec<&Socket> = facts.on_port(State::Listens).filter(|socket| !socket.is_loopback()).collect();
    let first = listeners.first()?;
    let up = facts.interfaces.iter().filter(|one| one.up);
    let own: Vec<IpAddr> = up.flat_map(|one| one.reachable().map(|(address, _)| address)).collect();
    let unserved = |six: bool| {
        let mut of_family = own.iter().filter(|address| address.is_ipv6() == six).peekable();
        of_family.peek().is_some() && of_family.all(|address| !listeners.iter().any(|socket| socket.takes(*address)))
    };
    // A server for IPv4 alone is what most networks expect; it is a fault where this machine has IPv6 alone.
    let missing = if unserved(false) {
        false
    } else if unserved(true) && !own.iter().any(IpAddr::is_ipv4) {
        true
    } else {
        return None;
    };
    // An address of the same family that nobody took is not a matter of families.
    if listeners.iter().any(|socket| socket.local.is_ipv6() == missing) {
        return None;
    }
    let unreached = own.iter().find(|address| address.is_ipv6() == missing)?;
    let finding = Finding::new(
        Fault::AddressFamily,
        format!("{} takes {} only; who tries {unreached} is refused", first.holder(), family(!missing)),
        mend(missing),
    );
    Some(listeners.iter().fold(finding, |finding, socket| finding.proved("NETLINK_SOCK_DIAG", listens(socket))))
}

fn listens(socket: &Socket) -> String {
    let only = if socket.v6only { " with IPV6_V6ONLY" } else { "" };
    format!("{} listens on {}{only}", socket.holder(), socket.local)
}

fn mend(missing_six: bool) -> String {
    if missing_six {
        "start the server so that it binds to :: (which takes IPv4, too, while net.ipv6.bindv6only is 0)".to_owned()
    } else {
        "start the server with IPV6_V6ONLY off, or on 0.0.0.0 as well (sudo sysctl -w net.ipv6.bindv6only=0 if that is \
         where it comes from)"
            .to_owned()
    }
}

/// An address of the target that is tried first fails, and one of the other family works.
fn of_a_target(facts: &Facts) -> Option<Finding> {
    let tried = |path: &&Path| matches!(path.route, Route::Found { .. }) && path.knock.is_some() && !path.works();
    let first = facts.paths.iter().take_while(|path| !path.works()).find(tried)?;
    let six = first.address.is_ipv6();
    let target = facts.question.target.as_deref().unwrap_or_default();
    if let Some(other) = facts.paths.iter().find(|path| path.works() && path.address.is_ipv6() != six) {
        let finding = Finding::new(
            Fault::AddressFamily,
            format!(
                "{target} is {} first, and there nobody answers; by {} at {} it works",
                first.address,
                family(!six),
                other.address
            ),
            format!("let the client take {}, or: {}", other.address, mend(six)),
        );
        let words = |path: &Path| path.knock.as_ref().map(|answer| answer.words()).unwrap_or_default();
        return Some(
            finding
                .proved(format!("probe of {}", first.address), words(first))
                .proved(format!("probe of {}", other.address), words(other)),
        );
    }
    // The target is this machine: its listeners tell.
    let mut others = facts.on_port(State::Listens).filter(|_| facts.is_own(first.address)).peekable();
    let socket = *others.peek()?;
    if others.any(|socket| socket.takes(first.address) || socket.local.is_ipv6() == six) {
        return None;
    }
    let finding = Finding::new(
        Fault::AddressFamily,
        format!("{} takes {} only; {} is not for it", socket.holder(), family(!six), first.address),
        mend(six),
    );
    Some(finding.proved("NETLINK_SOCK_DIAG", listens(socket)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::facts::Answer;
    use crate::engine::doctor::sample;

    #[test]
    fn a_server_for_ipv6_alone_is_not_reached_by_ipv4() {
        let mut facts = sample::server();
        facts.sockets = vec![Socket { v6only: true, ..sample::socket(State::Listens, "[::]:80") }];
        let found = sample::only(&facts);
        assert_eq!(found.fault, Fault::AddressFamily);
        assert!(found.what.contains("IPv6 only") && found.what.contains("10.0.1.1"), "{found:?}");
        facts.sockets[0].v6only = false;
        assert_eq!(crate::engine::doctor::diagnose(&facts), []);
    }

    #[test]
    fn a_server_for_ipv4_alone_is_a_fault_where_there_is_no_ipv4() {
        let mut facts = sample::server();
        facts.interfaces[1].addresses.push((sample::ip("2001:db8::1"), 64));
        assert_eq!(crate::engine::doctor::diagnose(&facts), []);
        facts.interfaces[1].addresses.retain(|(address, _)| address.is_ipv6());
        assert_eq!(sample::only(&facts).fault, Fault::AddressFamily);
    }

    #[test]
    fn an_address_that_is_tried_first_and_fails_is_named_beside_the_one_that_works() {
        let mut facts = sample::client();
        let six = Path { knock: Some(Answer::Reset), ..sample::path("2001:db8::2") };
        facts.paths.insert(0, six);
        let found = sample::only(&facts);
        assert_eq!((found.fault, found.proofs.len()), (Fault::AddressFamily, 2));
        facts.paths.swap(0, 1);
        assert_eq!(crate::engine::doctor::diagnose(&facts), [], "the first one works");
    }

    #[test]
    fn an_own_address_of_the_other_family_is_explained_by_the_listener() {
        let mut facts = sample::client();
        facts.paths = vec![Path { knock: Some(Answer::Reset), ..sample::path("fe80::1") }];
        facts.sockets = vec![sample::socket(State::Listens, "0.0.0.0:80")];
        assert_eq!(sample::only(&facts).fault, Fault::AddressFamily);
    }
}
