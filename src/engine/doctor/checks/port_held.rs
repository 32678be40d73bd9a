//! The port belongs to a program that is not the server: another one listens, or holds it without listening.
//!
//! Trap: a port may have several sockets of one program (one a process, SO_REUSEPORT); only different programs are a fault.

use crate::engine::doctor::facts::{Facts, Socket, State};
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    let Some(port) = facts.question.port.filter(|_| facts.is_about_us()) else { return Vec::new() };
    let listeners: Vec<&Socket> = facts.on_port(State::Listens).collect();
    let finding =
        if listeners.is_empty() { without_listening(facts, port) } else { by_another(facts, port, &listeners) };
    finding.into_iter().collect()
}

fn by_another(facts: &Facts, port: u16, listeners: &[&Socket]) -> Option<Finding> {
    if let Some(wanted) = &facts.question.process {
        let is_wanted = |socket: &&&Socket| socket.holders.iter().any(|(name, _)| name.starts_with(wanted.as_str()));
        // Who may not be seen may be the one.
        if listeners.iter().any(|socket| is_wanted(&socket) || socket.holders.is_empty()) {
            return None;
        }
        let first = listeners.first()?;
        let what = format!("port {port} is held by {}, not by {wanted}", first.holder());
        return Some(listeners.iter().fold(Finding::new(Fault::PortHeld, what, end(first, port)), listens));
    }
    // Two programs on one port: who is reached depends on the address, or on chance (SO_REUSEPORT).
    let name = |socket: &Socket| socket.holders.first().map(|(name, _)| name.clone());
    let first = listeners.iter().find(|socket| !socket.holders.is_empty())?;
    let other = listeners.iter().find(|socket| {
        let overlaps = socket.takes(first.local.ip()) || first.takes(socket.local.ip());
        !socket.holders.is_empty() && name(socket) != name(first) && overlaps
    })?;
    let what = format!(
        "port {port} has two programs, {} and {}: the narrower address wins, of equal ones chance decides",
        first.holder(),
        other.holder()
    );
    Some([*first, *other].iter().fold(Finding::new(Fault::PortHeld, what, end(other, port)), listens))
}

fn listens(finding: Finding, socket: &&Socket) -> Finding {
    finding.proved("NETLINK_SOCK_DIAG", format!("{} listens on {}", socket.holder(), socket.local))
}

fn end(socket: &Socket, port: u16) -> String {
    match socket.holders.first() {
        Some((_, pid)) => format!("kill {pid}, or take another port"),
        None => format!("sudo netlab sockets --port {port} names the program: end it, or take another port"),
    }
}

/// Nobody listens, and nobody else can: the port is bound by a socket that does something else.
fn without_listening(facts: &Facts, port: u16) -> Option<Finding> {
    let in_use = facts.bind.is_none_or(|bind| bind.plain == 98);
    let bound = facts.on_port(State::Bound).next().map(|socket| (socket, "is bound to it and does not listen"));
    // The kernel gives ports of net.ipv4.ip_local_port_range to connections.
    let own_end = || facts.on_port(State::Connected).next().map(|socket| (socket, "has a connection from it"));
    let (socket, does) = bound.or_else(own_end).filter(|_| in_use)?;
    let what = format!("port {port} is held by {}, which {does}", socket.holder());
    let value = match socket.state {
        State::Bound => format!("{} is bound to {}, state CLOSED", socket.holder(), socket.local),
        _ => format!("{} from {} to {}", socket.holder(), socket.local, socket.remote),
    };
    let finding = Finding::new(Fault::PortHeld, what, end(socket, port)).proved("NETLINK_SOCK_DIAG", value);
    Some(match facts.bind {
        Some(_) => finding.proved(format!("bind(2) to port {port}"), "EADDRINUSE"),
        None => finding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::facts::Bind;
    use crate::engine::doctor::{diagnose, sample};

    fn of(program: &str, state: State, local: &str) -> Socket {
        Socket { holders: vec![(program.to_owned(), 7)], ..sample::socket(state, local) }
    }

    #[test]
    fn another_program_than_the_wanted_one_is_named() {
        let mut facts = sample::server();
        facts.question.process = Some("server".to_owned());
        assert_eq!(diagnose(&facts), []);
        facts.sockets = vec![of("other", State::Listens, "0.0.0.0:80")];
        let found = sample::only(&facts);
        assert_eq!((found.fault, found.what.as_str()), (Fault::PortHeld, "port 80 is held by other 7, not by server"));
        assert!(found.mend.starts_with("kill 7"), "{found:?}");
        facts.sockets[0].holders.clear();
        assert_eq!(diagnose(&facts), [], "it may be the one");
    }

    #[test]
    fn two_programs_on_one_port_are_a_fault_and_two_processes_of_one_are_not() {
        let mut facts = sample::server();
        facts.sockets.push(of("server", State::Listens, "127.0.0.1:80"));
        assert_eq!(diagnose(&facts), []);
        facts.sockets.push(of("other", State::Listens, "127.0.0.1:80"));
        assert_eq!(sample::only(&facts).fault, Fault::PortHeld);
    }

    #[test]
    fn a_socket_that_does_not_listen_keeps_the_port_from_the_server() {
        let mut facts = sample::server();
        facts.bind = Some(Bind { plain: 98, reusing: 98 });
        facts.sockets = vec![of("other", State::Bound, "0.0.0.0:80")];
        assert!(sample::only(&facts).what.contains("does not listen"));
        facts.sockets = vec![of("other", State::Connected, "10.0.1.1:80")];
        assert!(sample::only(&facts).what.contains("has a connection from it"));
    }
}
