//! The time to live is used up by the routers on the way (RFC 791 §3.2, RFC 1812 §5.3.1): this machine or its program
//! begins with too little (multicast with 1 unless it is told otherwise, RFC 1112 §6.1), or routers send in a circle.

use std::net::IpAddr;

use crate::engine::doctor::facts::{Answer, Facts, Icmp, Path, Route, Socket, State};
use crate::engine::doctor::finding::{Fault, Finding};

/// The ways of the Internet are shorter, twice over: what begins with as much and ends on the way went in a circle.
const PLENTY: u64 = 60;

pub fn find(facts: &Facts) -> Vec<Finding> {
    let on_the_way = facts.failing().into_iter().find_map(|path| used_up(facts, path));
    let finding = on_the_way.or_else(|| of_a_program(facts)).or_else(|| of_a_sender(facts));
    finding.into_iter().collect()
}

fn used_up(facts: &Facts, path: &Path) -> Option<Finding> {
    let answers = [&path.knock, &path.echo].into_iter().flatten();
    let (router, answer) = answers.into_iter().find_map(|answer| match answer {
        Answer::Icmp(Icmp::TimeExceeded, from) => Some((*from, answer)),
        _ => None,
    })?;
    let address = path.address;
    let router = router.map_or_else(|| "a router".to_owned(), |router| router.to_string());
    let name = match (&path.route, address.is_ipv6()) {
        (Route::Found { interface, .. }, true) => format!("net.ipv6.conf.{}.hop_limit", facts.name_of(*interface)),
        _ => "net.ipv4.ip_default_ttl".to_owned(),
    };
    let begins = facts.number(&name).unwrap_or(64);
    let finding = if begins < PLENTY {
        Finding::new(
            Fault::TimeToLive,
            format!("packets of this machine begin with a time to live of {begins}: it is used up at {router}"),
            format!("sudo sysctl -w {name}=64"),
        )
    } else {
        Finding::new(
            Fault::TimeToLive,
            format!("packets to {address} go in a circle until their time to live of {begins} is used up, at {router}"),
            format!("mend the routes of {router}: on it, `ip route get {address}` must not lead back"),
        )
    };
    Some(
        finding.proved(format!("probe of {address}"), answer.words()).proved("/proc/sys", format!("{name} = {begins}")),
    )
}

/// A socket that is connected to the target, beyond a router.
fn of_a_program(facts: &Facts) -> Option<Finding> {
    let short = |socket: &&Socket, path: &&Path| {
        socket.state == State::Connected && socket.ttl == Some(1) && socket.remote.ip().to_canonical() == path.address
    };
    let beyond = facts.paths.iter().filter_map(|path| match path.route {
        Route::Found { gateway: Some(gateway), local: false, .. } if !path.address.is_multicast() => {
            Some((path, gateway))
        }
        _ => None,
    });
    let (socket, path, router) = beyond.into_iter().find_map(|(path, gateway)| {
        facts.sockets.iter().find(|socket| short(socket, &path)).map(|socket| (socket, path, gateway))
    })?;
    let option = if path.address.is_ipv4() { "IP_TTL" } else { "IPV6_UNICAST_HOPS" };
    Some(ends_at(router, path.address, socket, option, 1))
}

fn ends_at(router: IpAddr, receiver: IpAddr, socket: &Socket, option: &str, ttl: u8) -> Finding {
    Finding::new(
        Fault::TimeToLive,
        format!(
            "{} sends with a time to live of {ttl}, which ends at the router {router}, before {receiver}",
            socket.holder()
        ),
        format!("let {} set {option} to 64 (or to one more than the routers on the way)", socket.holder()),
    )
    .proved(
        format!("getsockopt({option}) of {}, {} to {}", socket.holder(), socket.local, socket.remote),
        ttl.to_string(),
    )
    .proved(format!("ip route get {receiver}"), format!("via {router}"))
}

/// A program that sends to the group, whose receiver is beyond a router.
fn of_a_sender(facts: &Facts) -> Option<Finding> {
    let (receiver, Route::Found { gateway: Some(router), local: false, .. }) = facts.receiver.as_ref()? else {
        return None;
    };
    let groups = || facts.paths.iter().map(|path| path.address).filter(IpAddr::is_multicast);
    let wanted = facts.question.process.as_deref();
    let sends = |socket: &&Socket| {
        let of_process = wanted.is_some_and(|name| socket.holders.iter().any(|(holder, _)| holder.starts_with(name)));
        // TTL 0 does not even leave the machine.
        socket.multicast_ttl.is_some_and(|ttl| ttl <= 1)
            && (of_process || groups().any(|group| socket.remote.ip() == group))
    };
    groups().next()?;
    let socket = facts.sockets.iter().find(sends)?;
    let option = if receiver.is_ipv4() { "IP_MULTICAST_TTL" } else { "IPV6_MULTICAST_HOPS" };
    Some(ends_at(*router, *receiver, socket, option, socket.multicast_ttl.unwrap_or(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::{diagnose, sample};

    #[test]
    fn a_small_default_is_told_and_a_large_one_means_a_circle() {
        let mut facts = sample::client();
        let exceeded = Some(Answer::Icmp(Icmp::TimeExceeded, Some(sample::ip("10.0.1.254"))));
        (facts.paths[0].knock, facts.paths[0].echo) = (exceeded.clone(), exceeded);
        facts.settings.insert("net.ipv4.ip_default_ttl".to_owned(), "1".to_owned());
        let found = sample::only(&facts);
        assert_eq!(
            (found.fault, found.mend.as_str()),
            (Fault::TimeToLive, "sudo sysctl -w net.ipv4.ip_default_ttl=64")
        );
        facts.settings.insert("net.ipv4.ip_default_ttl".to_owned(), "64".to_owned());
        assert!(sample::only(&facts).what.contains("in a circle"));
    }

    #[test]
    fn a_program_s_own_value_counts_beyond_a_router_only() {
        let mut facts = sample::client();
        let mut socket = sample::socket(State::Connected, "10.0.1.1:4000");
        socket.remote = "10.0.2.2:80".parse().unwrap();
        socket.ttl = Some(64);
        facts.sockets.push(socket);
        assert_eq!(diagnose(&facts), []);
        facts.sockets[0].ttl = Some(1);
        let found = sample::only(&facts);
        assert!(found.what.starts_with("server 4711 sends with a time to live of 1"), "{found:?}");
        let Route::Found { gateway, .. } = &mut facts.paths[0].route else { panic!() };
        *gateway = None;
        assert_eq!(diagnose(&facts), []);
    }

    #[test]
    fn multicast_with_1_does_not_pass_the_router_to_its_receiver() {
        let mut facts = sample::client();
        facts.receiver = Some((sample::ip("10.0.2.2"), facts.paths[0].route.clone()));
        facts.paths = vec![sample::path("239.1.2.3")];
        (facts.paths[0].knock, facts.paths[0].echo, facts.paths[0].sizes) = (None, None, None);
        let mut socket = sample::socket(State::Connected, "10.0.1.1:4000");
        socket.remote = "239.1.2.3:80".parse().unwrap();
        socket.multicast_ttl = Some(8);
        facts.sockets.push(socket);
        assert_eq!(diagnose(&facts), []);
        facts.sockets[0].multicast_ttl = Some(1);
        assert!(sample::only(&facts).mend.contains("IP_MULTICAST_TTL"));
        // A socket that is not connected, of the program that was named.
        facts.sockets[0].remote = "0.0.0.0:0".parse().unwrap();
        assert_eq!(diagnose(&facts), []);
        facts.question.process = Some("serv".to_owned());
        assert_eq!(sample::only(&facts).fault, Fault::TimeToLive);
    }
}
