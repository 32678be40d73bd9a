//! It fails, and nothing else tells why: nobody has the address, packets are dropped out of sight, or the kernel has an
//! error of its own. Guarantee: what fails is never called healthy.

use crate::engine::doctor::facts::{Answer, Facts, Icmp, Path};
use crate::engine::doctor::finding::{Fault, Finding};

/// NUD_FAILED of linux/neighbour.h.
const FAILED: u16 = 0x20;
/// NUD_FAILED or NUD_INCOMPLETE: nobody has answered for the address.
const UNANSWERED: u16 = FAILED | 0x01;

pub fn find(facts: &Facts) -> Vec<Finding> {
    facts.failing().into_iter().map(|path| told(facts, path)).take(1).collect()
}

fn told(facts: &Facts, path: &Path) -> Finding {
    let address = path.address;
    if let Some(neighbour) = path.neighbour.as_ref().filter(|neighbour| neighbour.state & UNANSWERED != 0) {
        let asks = if neighbour.address.is_ipv4() { "ARP" } else { "neighbour discovery" };
        let finding = Finding::new(
            Fault::NoAnswer,
            format!("nobody has the address {}: {asks} is not answered", neighbour.address),
            format!("switch {0} on, or mend its address: on it, `ip address` must show {0}", neighbour.address),
        );
        let state = if neighbour.state & FAILED != 0 { "FAILED" } else { "INCOMPLETE" };
        return finding.proved(format!("ip neighbour show {}", neighbour.address), state);
    }
    let mut finding = match (&path.knock, &path.echo) {
        (Some(Answer::Silence(_)), Some(Answer::Came(_))) => {
            let (transport, port) = (facts.transport().name(), facts.question.port.unwrap_or_default());
            Finding::new(
                Fault::NoAnswer,
                format!(
                    "{address} is there, but what goes to its {transport} port {port} is dropped: by a firewall there or on \
                     the way, or by a server with a full backlog"
                ),
                format!("on {address}: sudo netlab doctor --port {port}"),
            )
        }
        (Some(answer), _) | (None, Some(answer)) if !is_silence(answer) => Finding::new(
            Fault::NoAnswer,
            format!("{address} cannot be reached: {}", answer.words()),
            format!("`ip route get {address}` and `ip neighbour` show how this machine would reach it"),
        ),
        _ => Finding::new(
            Fault::NoAnswer,
            format!("{address} does not answer: it is off, or everything to it or from it is dropped on the way"),
            format!("look from there: on {address}, sudo netlab doctor {}", source(path)),
        ),
    };
    for (name, answer) in [("connection to", &path.knock), ("echo request to", &path.echo)] {
        if let Some(answer) = answer {
            finding = finding.proved(format!("{name} {address}"), answer.words());
        }
    }
    finding
}

/// Nobody has said anything, or a router says that nobody is there.
fn is_silence(answer: &Answer) -> bool {
    matches!(answer, Answer::Silence(_) | Answer::Taken | Answer::Icmp(Icmp::Host, _))
}

/// The address that the target would answer to.
fn source(path: &Path) -> String {
    match path.route {
        crate::engine::doctor::facts::Route::Found { source: Some(source), .. } => source.to_string(),
        _ => "THIS-MACHINE".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::facts::Neighbour;
    use crate::engine::doctor::sample;

    #[test]
    fn an_address_that_nobody_has_is_told_by_the_neighbour_table() {
        let mut facts = sample::client();
        facts.paths[0].knock = Some(Answer::Refused(113));
        facts.paths[0].echo = Some(Answer::Silence(2000));
        facts.paths[0].neighbour = Some(Neighbour { address: sample::ip("10.0.1.254"), state: 0x20 });
        let found = sample::only(&facts);
        assert!(found.what.contains("nobody has the address 10.0.1.254: ARP"), "{found:?}");
    }

    #[test]
    fn a_host_that_answers_echoes_but_not_the_port_drops_it() {
        let mut facts = sample::client();
        facts.paths[0].knock = Some(Answer::Silence(2000));
        let found = sample::only(&facts);
        assert_eq!((found.fault, found.proofs.len()), (Fault::NoAnswer, 2));
        assert!(found.what.contains("TCP port 80 is dropped"), "{found:?}");
    }

    #[test]
    fn an_error_that_nothing_else_explains_is_told_as_it_is() {
        let mut facts = sample::client();
        (facts.paths[0].knock, facts.paths[0].echo) = (Some(Answer::Refused(22)), Some(Answer::Refused(22)));
        assert_eq!(
            sample::only(&facts).what,
            "10.0.2.2 cannot be reached: refused by this machine (EINVAL: invalid argument)"
        );
    }

    #[test]
    fn silence_of_a_target_without_a_port_is_told() {
        let mut facts = sample::client();
        facts.question.port = None;
        (facts.paths[0].knock, facts.paths[0].echo) = (None, Some(Answer::Silence(2000)));
        assert!(sample::only(&facts).what.starts_with("10.0.2.2 does not answer"));
    }
}
