//! What was looked at, in the order of the way: said also where nothing is wrong.

use super::facts::{Facts, Path, Route, Sizes, Socket, State};
use super::firewall::Firewall;

/// A thing that was looked at, and what was seen. Escape both before a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub what: String,
    pub seen: String,
}

fn step(what: impl Into<String>, seen: impl Into<String>) -> Step {
    Step { what: what.into(), seen: seen.into() }
}

/// The way from here to there, or what this machine has.
pub fn steps(facts: &Facts) -> Vec<Step> {
    let mut steps = Vec::new();
    if facts.question.target.is_none() && facts.question.port.is_none() {
        for (what, up) in [("up", true), ("down", false)] {
            let names: Vec<&str> =
                facts.interfaces.iter().filter(|one| one.up == up).map(|one| one.name.as_str()).collect();
            if !names.is_empty() {
                steps.push(step(format!("interfaces {what}"), names.join(", ")));
            }
        }
        let listeners = facts.sockets.iter().filter(|socket| socket.state == State::Listens).count();
        steps.push(step("listeners", listeners.to_string()));
    }
    if let (Some(port), true) = (facts.question.port, facts.is_about_us()) {
        let listeners: Vec<String> =
            facts.on_port(State::Listens).map(|socket| format!("{} on {}", socket.holder(), socket.local)).collect();
        let seen = if listeners.is_empty() { "nobody".to_owned() } else { listeners.join(", ") };
        steps.push(step(format!("{} port {port}", facts.transport().name()), seen));
    }
    for path in &facts.paths {
        way(facts, path, &mut steps);
    }
    steps
}

/// What could not be looked at, and why: nothing found does not mean that nothing is there.
pub fn unseen(facts: &Facts) -> Vec<String> {
    let mut unseen = Vec::new();
    if let Firewall::Unreadable(why) = &facts.firewall {
        unseen.push(format!("the rules of this machine's firewall ({why})"));
    }
    let hidden = |socket: &&Socket| socket.state == State::Listens && socket.holders.is_empty();
    if facts.on_port(State::Listens).any(|socket| hidden(&socket)) {
        unseen.push("which program has the port (sudo shows those of other users)".to_owned());
    }
    unseen
}

fn way(facts: &Facts, path: &Path, steps: &mut Vec<Step>) {
    let address = path.address;
    let seen = match &path.route {
        Route::Found { local: true, .. } => "an address of this machine".to_owned(),
        Route::Found { interface, gateway, source, .. } => {
            let mut seen = facts.name_of(*interface);
            if let Some(gateway) = gateway {
                seen.push_str(&format!(", through the router {gateway}"));
            }
            if let Some(source) = source {
                seen.push_str(&format!(", from {source}"));
            }
            seen
        }
        Route::Refused(_) => "none".to_owned(),
    };
    steps.push(step(format!("route to {address}"), seen));
    if let Some(echo) = &path.echo {
        steps.push(step("echo request", echo.words()));
    }
    if let Some(sizes) = path.sizes {
        let seen = match sizes {
            Sizes { told: Some(mtu), .. } => format!("the way takes {mtu} bytes, and says so"),
            Sizes { lost: None, passed, .. } => format!("{passed} bytes pass undivided"),
            Sizes { lost: Some(lost), passed, .. } => format!("{passed} bytes pass undivided, {lost} do not"),
        };
        steps.push(step("largest packet", seen));
    }
    if let (Some(knock), Some(port)) = (&path.knock, facts.question.port) {
        steps.push(step(format!("{} port {port}", facts.transport().name()), knock.words()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::sample;

    #[test]
    fn the_way_is_told_from_here_to_there() {
        let seen: Vec<String> = steps(&sample::client()).into_iter().map(|step| step.seen).collect();
        assert_eq!(
            seen,
            [
                "eth0, through the router 10.0.1.254, from 10.0.1.1",
                "answered after 0.3 ms",
                "1500 bytes pass undivided",
                "answered after 0.4 ms"
            ]
        );
        let seen: Vec<String> = steps(&sample::server()).into_iter().map(|step| step.seen).collect();
        assert_eq!(seen, ["server 4711 on 0.0.0.0:80"]);
        let seen: Vec<String> = steps(&sample::machine()).into_iter().map(|step| step.seen).collect();
        assert_eq!(seen, ["lo, eth0", "0"]);
    }

    #[test]
    fn what_was_not_looked_at_is_said() {
        let mut facts = sample::server();
        assert_eq!(unseen(&facts), Vec::<String>::new());
        facts.firewall = Firewall::Unreadable("sudo only".to_owned());
        facts.sockets[0].holders.clear();
        assert_eq!(unseen(&facts).len(), 2);
    }
}
