//! Connections in TIME-WAIT keep the port from a server that does not set SO_REUSEADDR (RFC 9293 §3.3.2, socket(7)).
//!
//! Trap: SO_REUSEADDR helps only where the server that has ended had set it, too; the trial tells.

use crate::engine::doctor::facts::{Facts, Socket, State};
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    let (Some(port), Some(bind)) = (facts.question.port, facts.bind) else { return Vec::new() };
    let waiting: Vec<&Socket> = facts.on_port(State::TimeWait).collect();
    let others = [State::Listens, State::Bound, State::Connected];
    let held = others.into_iter().any(|state| facts.on_port(state).next().is_some());
    // EADDRINUSE.
    if waiting.is_empty() || held || bind.plain != 98 {
        return Vec::new();
    }
    let longest = waiting.iter().filter_map(|socket| socket.left).max().unwrap_or(60_000).div_ceil(1000);
    let count = waiting.len();
    let connections = if count == 1 { "1 connection".to_owned() } else { format!("{count} connections") };
    let mend = if bind.reusing == 0 {
        "let the server set SO_REUSEADDR before bind()".to_owned()
    } else {
        format!("wait {longest} s, and let the server set SO_REUSEADDR before bind() from now on")
    };
    let finding = Finding::new(
        Fault::TimeWait,
        format!(
            "nothing listens on port {port}, and {connections} in TIME-WAIT keep it from a server without SO_REUSEADDR"
        ),
        mend,
    );
    let with = if bind.reusing == 0 { "with it: done" } else { "with it: EADDRINUSE, too" };
    vec![
        finding
            .proved("NETLINK_SOCK_DIAG", format!("{connections} of port {port} in TIME-WAIT, {longest} s left"))
            .proved(format!("bind(2) to port {port}"), format!("without SO_REUSEADDR: EADDRINUSE; {with}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::facts::Bind;
    use crate::engine::doctor::sample;

    #[test]
    fn a_port_that_waits_is_told_with_its_time_left() {
        let mut facts = sample::server();
        facts.sockets = vec![Socket { left: Some(41_300), ..sample::socket(State::TimeWait, "10.0.1.1:80") }];
        facts.bind = Some(Bind { plain: 98, reusing: 0 });
        let found = sample::only(&facts);
        assert_eq!(found.fault, Fault::TimeWait);
        assert_eq!(found.proofs[0].value, "1 connection of port 80 in TIME-WAIT, 42 s left");
        facts.bind = Some(Bind { plain: 98, reusing: 98 });
        assert!(sample::only(&facts).mend.starts_with("wait 42 s"));
        facts.bind = Some(Bind { plain: 0, reusing: 0 });
        assert_eq!(sample::only(&facts).fault, Fault::NothingListens);
    }
}
