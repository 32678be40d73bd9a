//! A new connection comes from an address and port whose old connection the server still keeps in TIME-WAIT: behind a NAT
//! that gives a port to another client too soon. The server answers with an old ACK instead of a SYN+ACK (RFC 9293 §3.6.1,
//! RFC 6191), the client resets, and the connection comes a second late, or never.
//!
//! Seen on the server by the counters of TIME-WAIT's refusals (PAWS, RFC 7323 §5), on the client by its own RST and by
//! the second SYN that it took.

use crate::engine::doctor::facts::{Answer, Facts, State};
use crate::engine::doctor::finding::{Fault, Finding};

/// The first SYN is sent again after a second (RFC 6298 §2.1).
const SECOND_SYN: f64 = 950.0;

pub fn find(facts: &Facts) -> Vec<Finding> {
    let finding = if facts.question.target.is_none() { on_the_server(facts) } else { on_the_client(facts) };
    finding.into_iter().collect()
}

fn finding(what: String) -> Finding {
    Finding::new(
        Fault::ReusedPort,
        what,
        "on the router that translates addresses, give it more ports, and keep those of closed connections longer than the \
         server's TIME-WAIT: sudo sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=120",
    )
}

fn on_the_server(facts: &Facts) -> Option<Finding> {
    // Linux before 6.14 counts TIME-WAIT's refusals with those of open connections.
    const NAMES: [&str; 3] = ["TcpExt.PAWSTimewait", "TcpExt.PAWSEstab", "TcpExt.TCPACKSkippedTimeWait"];
    let (name, (before, after)) = NAMES.into_iter().find_map(|name| Some((name, facts.rose(name)?)))?;
    let own = name != "TcpExt.PAWSEstab" || !facts.after.contains_key("TcpExt.PAWSTimewait");
    let waiting = facts.on_port(State::TimeWait).count();
    if !own || facts.question.port.is_some() && waiting == 0 {
        return None;
    }
    let finding = finding(
        "new connections come from ports whose old connections are still in TIME-WAIT here, and are turned away"
            .to_owned(),
    )
    .proved(format!("/proc/net/netstat, {name}"), format!("{before}, then {after}"));
    Some(match facts.question.port {
        Some(port) => finding.proved("NETLINK_SOCK_DIAG", format!("{waiting} connections of port {port} in TIME-WAIT")),
        None => finding,
    })
}

fn on_the_client(facts: &Facts) -> Option<Finding> {
    const RESETS: &str = "Tcp.OutRsts";
    let (before, after) = facts.rose(RESETS)?;
    let late = facts.paths.iter().find_map(|path| match path.knock {
        Some(Answer::Came(time)) if time >= SECOND_SYN => Some((path.address, time)),
        _ => None,
    });
    let (address, time) = late?;
    Some(
        finding(format!(
            "{address} answered the first SYN with an ACK of an old connection: it still has one from this address and \
             port in TIME-WAIT"
        ))
        .proved(format!("connection to {address}"), format!("came with the second SYN, after {time:.0} ms"))
        .proved(format!("/proc/net/snmp, {RESETS}"), format!("{before}, then {after}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::{diagnose, sample};

    fn counted(facts: &mut Facts, name: &str, before: u64, after: u64) {
        facts.before.insert(name.to_owned(), before);
        facts.after.insert(name.to_owned(), after);
    }

    #[test]
    fn the_server_counts_what_time_wait_refuses() {
        let mut facts = sample::server();
        facts.sockets.push(sample::socket(State::TimeWait, "10.0.1.1:80"));
        counted(&mut facts, "TcpExt.PAWSTimewait", 4, 4);
        assert_eq!(diagnose(&facts), []);
        counted(&mut facts, "TcpExt.PAWSTimewait", 4, 6);
        let found = sample::only(&facts);
        assert_eq!((found.fault, found.proofs.len()), (Fault::ReusedPort, 2));
        facts.sockets.pop();
        assert_eq!(diagnose(&facts), [], "not of this port");
    }

    #[test]
    fn the_client_resets_and_connects_with_its_second_syn() {
        let mut facts = sample::client();
        counted(&mut facts, "Tcp.OutRsts", 1, 2);
        assert_eq!(diagnose(&facts), []);
        facts.paths[0].knock = Some(Answer::Came(1024.0));
        assert_eq!(sample::only(&facts).fault, Fault::ReusedPort);
        counted(&mut facts, "Tcp.OutRsts", 2, 2);
        assert_eq!(diagnose(&facts), [], "a SYN was lost, which happens");
    }
}
