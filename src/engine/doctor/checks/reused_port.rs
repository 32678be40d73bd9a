//! A new connection comes from an address and port whose old connection the server still keeps in TIME-WAIT: behind a NAT
//! that gives a port to another client too soon. The server answers with an old ACK instead of a SYN+ACK (RFC 9293 §3.6.1,
//! RFC 6191), the client resets, and the connection comes late, or never.
//!
//! Seen on the server by the counters of TIME-WAIT's refusals (PAWS, RFC 7323 §5), on the client by its own RST and by
//! the second SYN that it took.

use crate::engine::doctor::facts::{Answer, Facts, State};
use crate::engine::doctor::finding::{Fault, Finding};

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
    let waiting = facts.on_port(State::TimeWait).count();
    let own = match name {
        // The client's RST may have ended the TIME-WAIT meanwhile.
        "TcpExt.PAWSTimewait" => true,
        "TcpExt.PAWSEstab" => !facts.after.contains_key("TcpExt.PAWSTimewait") && waiting > 0,
        _ => waiting > 0 || facts.question.port.is_none(),
    };
    if !own {
        return None;
    }
    let finding = finding(
        "new connections come from ports whose old connections are still in TIME-WAIT here, and are turned away"
            .to_owned(),
    )
    .proved(format!("/proc/net/netstat, {name}"), format!("{before}, then {after}"));
    Some(match facts.question.port {
        Some(port) if waiting > 0 => {
            finding.proved("NETLINK_SOCK_DIAG", format!("{waiting} connections of port {port} in TIME-WAIT"))
        }
        _ => finding,
    })
}

fn on_the_client(facts: &Facts) -> Option<Finding> {
    const RESETS: &str = "Tcp.OutRsts";
    let (before, after) = facts.rose(RESETS)?;
    // A SYN that is answered by an old ACK is sent again at once (Linux), or after a second (RFC 6298 §2.1).
    let (address, time, repeated) = facts.paths.iter().find_map(|path| match path.knock {
        Some(Answer::Came(time)) if path.repeated > 0 => Some((path.address, time, path.repeated)),
        _ => None,
    })?;
    Some(
        finding(format!(
            "{address} answered the first SYN with an ACK of an old connection: it still has one from this address and \
             port in TIME-WAIT"
        ))
        .proved(
            format!("connection to {address}"),
            format!("came after {time:.0} ms; SYNs sent again: {repeated} (TCP_INFO)"),
        )
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
        // An older kernel's counter tells of open connections, too.
        let (before, after) = (facts.before.remove("TcpExt.PAWSTimewait"), facts.after.remove("TcpExt.PAWSTimewait"));
        assert_eq!((before, after), (Some(4), Some(6)));
        counted(&mut facts, "TcpExt.PAWSEstab", 4, 6);
        assert_eq!(sample::only(&facts).fault, Fault::ReusedPort);
        facts.sockets.pop();
        assert_eq!(diagnose(&facts), []);
    }

    #[test]
    fn the_client_resets_and_connects_with_its_second_syn() {
        let mut facts = sample::client();
        counted(&mut facts, "Tcp.OutRsts", 1, 2);
        assert_eq!(diagnose(&facts), []);
        facts.paths[0].repeated = 1;
        assert_eq!(sample::only(&facts).fault, Fault::ReusedPort);
        counted(&mut facts, "Tcp.OutRsts", 2, 2);
        assert_eq!(diagnose(&facts), [], "a SYN was lost, which happens");
    }
}
