//! More connections wait to be accepted than the listener allows (listen(2)): the kernel drops further SYNs and last
//! ACKs, and clients see silence (tcp(7), tcp_abort_on_overflow).

use crate::engine::doctor::facts::{Facts, Socket, State, Transport};
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    let wanted = |socket: &&Socket| match facts.question.port {
        Some(port) => socket.local.port() == port && facts.is_about_us(),
        None => facts.question.target.is_none(),
    };
    // sk_acceptq_is_full(): as many as the backlog may wait, and one more.
    let full = |socket: &&Socket| socket.transport == Transport::Tcp && socket.queue.0 > socket.queue.1;
    let listeners = facts.sockets.iter().filter(|socket| socket.state == State::Listens);
    listeners.filter(wanted).filter(full).map(|socket| told(facts, socket)).collect()
}

fn told(facts: &Facts, socket: &Socket) -> Finding {
    let (waiting, allowed) = socket.queue;
    const SOMAXCONN: &str = "net.core.somaxconn";
    let most = facts.settings.get(SOMAXCONN).filter(|most| **most == allowed.to_string());
    let mend = match most {
        Some(_) => {
            format!("sudo sysctl -w {SOMAXCONN}=4096, then start the server anew; it must call accept() in time")
        }
        None => "let the server call accept() in time, and listen() with a larger number".to_owned(),
    };
    let mut finding = Finding::new(
        Fault::BacklogFull,
        format!("{} does not accept its connections: the backlog of {} is full", socket.holder(), socket.local),
        mend,
    )
    .proved("NETLINK_SOCK_DIAG", format!("{waiting} connections wait on {}, {allowed} may", socket.local));
    const OVERFLOWS: &str = "TcpExt.ListenOverflows";
    if let Some((before, after)) = facts.rose(OVERFLOWS) {
        finding = finding.proved(format!("/proc/net/netstat, {OVERFLOWS}"), format!("{before}, then {after}"));
    } else if let Some(overflows) = facts.after.get(OVERFLOWS) {
        finding = finding.proved(format!("/proc/net/netstat, {OVERFLOWS}"), overflows.to_string());
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::facts::Answer;
    use crate::engine::doctor::sample;

    #[test]
    fn a_full_queue_is_proved_by_its_lengths_and_the_counter() {
        let mut facts = sample::server();
        facts.sockets[0].queue = (128, 128);
        assert_eq!(crate::engine::doctor::diagnose(&facts), [], "one more may wait");
        facts.sockets[0].queue = (129, 128);
        facts.before.insert("TcpExt.ListenOverflows".to_owned(), 7);
        facts.after.insert("TcpExt.ListenOverflows".to_owned(), 9);
        let found = sample::only(&facts);
        assert_eq!(found.fault, Fault::BacklogFull);
        assert_eq!(found.proofs[1].value, "7, then 9");
        facts.settings.insert("net.core.somaxconn".to_owned(), "128".to_owned());
        assert!(sample::only(&facts).mend.starts_with("sudo sysctl -w net.core.somaxconn="));
    }

    #[test]
    fn it_is_the_root_of_silence() {
        let mut facts = sample::client();
        facts.paths = vec![sample::path("10.0.1.1")];
        facts.paths[0].knock = Some(Answer::Silence(2000));
        facts.sockets = vec![Socket { queue: (2, 1), ..sample::socket(State::Listens, "0.0.0.0:80") }];
        assert_eq!(sample::only(&facts).fault, Fault::BacklogFull);
    }
}
