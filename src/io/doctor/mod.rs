//! Gathers the facts that `engine::doctor` examines: asks the kernel, and sends the probes.
//!
//! Everything is asked in the network namespace of the calling thread. Guarantee: it ends within a few seconds whatever
//! does not answer; nothing on this machine is changed. What the user may not read stays unknown.

mod counters;
mod firewall;
mod probe;
mod relations;
mod sizes;
mod trials;

use std::net::IpAddr;
use std::sync::mpsc;
use std::time::Duration;

use super::sockets::processes::Holders;
use super::sockets::{self, Endpoint, Protocol};
use super::{groups, link, pcap, resolver, route};
use crate::engine::doctor::facts::{self, Answer, Facts, Path, Question, Route, State, Transport};
use crate::engine::doctor::firewall::Firewall;

/// Addresses of a target that are examined; a name may have any number.
const MOST_ADDRESSES: usize = 4;
/// How long the resolver is waited for.
const RESOLVING: Duration = Duration::from_secs(5);

/// Addresses that nobody has (RFC 5737, RFC 3849): nothing is sent to them, their route is the way to everybody else.
const SOMEWHERE: [IpAddr; 2] = [
    IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Interfaces(#[from] crate::frame::Error),
    #[error(transparent)]
    Sockets(#[from] sockets::Error),
    #[error("there is no interface {0} here; `netlab interfaces` shows those there are")]
    NoSuchInterface(String),
}

/// Asks all there is to ask. Where there is no target to be probed, counters are watched for `time`. `waiting` is told
/// what is waited for, where that takes more than a second.
pub fn examine(question: Question, time: Duration, waiting: &mut dyn FnMut(&str)) -> Result<Facts, Error> {
    let before = interfaces()?;
    if let Some(name) = &question.interface
        && name != pcap::ANY
        && !before.iter().any(|one| one.name == *name)
    {
        return Err(Error::NoSuchInterface(name.clone()));
    }
    let mut facts = Facts { question, interfaces: before, ..Facts::default() };
    facts.settings = counters::settings(facts.interfaces.iter().map(|one| one.name.as_str()));
    let (target, scope) = match facts.question.target.as_deref().map(scoped) {
        Some((target, scope)) => (Some(target), scope?),
        None => (None, 0),
    };
    let addresses = match &target {
        None => Vec::new(),
        Some(target) => match resolve(target, waiting) {
            Ok(addresses) => addresses,
            Err(error) => {
                facts.unknown_name = Some(error);
                Vec::new()
            }
        },
    };
    let rules =
        if facts.question.target.is_some() || facts.question.port.is_some() { Some(firewall::read()) } else { None };
    facts.before = counters::read();
    if facts.question.target.is_some() {
        facts.paths = paths(&facts.question, &addresses, scope, &facts.interfaces, waiting);
    } else {
        if time > Duration::from_secs(1) {
            waiting(&format!("counters that rise, for {} s", time.as_secs()));
        }
        std::thread::sleep(time);
    }
    facts.after = counters::read();
    facts.firewall = match rules {
        None => Firewall::Unasked,
        Some(Err(why)) => Firewall::Unreadable(why),
        Some(Ok(before)) => Firewall::Rules { after: firewall::read().unwrap_or_else(|_| before.clone()), before },
    };
    // After the probes: they may be what fills a queue, and a carrier may have gone while they waited.
    facts.interfaces = interfaces()?;
    facts.sockets = sockets_of(&facts.question, &addresses)?;
    if let Some(receiver) = &facts.question.receiver
        && let Some(address) = resolve(receiver, waiting).unwrap_or_default().first()
    {
        facts.receiver = route::to(*address, 0).ok().map(|way| (*address, found(way)));
    }
    let members = groups::interfaces().unwrap_or_default();
    let joined = members.iter().flat_map(|one| one.groups.iter().map(|membership| (membership.group, one.index)));
    facts.joined = joined.collect();
    facts.ways_out = SOMEWHERE
        .iter()
        .filter_map(|far| route::to(*far, 0).ok())
        .filter(|way| !way.local)
        .map(|way| way.interface)
        .collect();
    if facts.question.capture || facts.question.interface.is_some() {
        facts.capture = Some(trials::capture());
    }
    if let Some(port) = facts.question.port
        && facts.is_about_us()
        && facts.on_port(State::Listens).next().is_none()
    {
        facts.bind = Some(trials::bound(port, facts.transport()));
    }
    Ok(facts)
}

fn interfaces() -> Result<Vec<facts::Interface>, Error> {
    let relations = relations::all().unwrap_or_default();
    let links = link::links()?;
    let interface = |link: link::Link| facts::Interface {
        index: link.index,
        master: relations.get(&link.index).and_then(|relation| relation.master),
        parent: relations.get(&link.index).and_then(|relation| relation.parent),
        name: link.name,
        addresses: link.addresses,
        mtu: link.mtu,
        up: link.up,
        running: link.running,
        loopback: link.loopback,
        multicast: link.multicast,
        offloads: link.offloads.iter().map(|offload| offload.name()).collect(),
    };
    Ok(links.into_iter().map(interface).collect())
}

/// An address of one link with its interface, `fe80::1%eth0` (RFC 4007 §11): without it, and the interface's index.
fn scoped(target: &str) -> (String, Result<u32, Error>) {
    match target.split_once('%') {
        Some((address, name)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
            let index = nix::net::if_::if_nametoindex(name).map_err(|_| Error::NoSuchInterface(name.to_owned()));
            (address.to_owned(), index.or_else(|error| name.parse().map_err(|_| error)))
        }
        _ => (target.to_owned(), Ok(0)),
    }
}

/// The addresses of a name, in the order in which programs try them.
fn resolve(target: &str, waiting: &mut dyn FnMut(&str)) -> Result<Vec<IpAddr>, String> {
    if let Ok(address) = target.parse() {
        return Ok(vec![address]);
    }
    let (sender, answers) = mpsc::channel();
    let name = target.to_owned();
    // The resolver cannot be told to stop: whoever waits for it can.
    std::thread::spawn(move || {
        let _ = sender.send(resolver::every(&name, None));
    });
    let answer = answers.recv_timeout(Duration::from_secs(1)).or_else(|_| {
        waiting(&format!("the resolver's answer for {target}"));
        answers.recv_timeout(RESOLVING.saturating_sub(Duration::from_secs(1)))
    });
    let answer = answer.map_err(|_| format!("no answer in {} s", RESOLVING.as_secs()))??;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for one in answer {
        let address = one.address.ip();
        if !addresses.contains(&address) && addresses.len() < MOST_ADDRESSES {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn found(way: route::Way) -> Route {
    let route::Way { interface, gateway, source, local, mtu } = way;
    Route::Found { interface, gateway, source, local, mtu }
}

fn paths(
    question: &Question,
    addresses: &[IpAddr],
    scope: u32,
    interfaces: &[facts::Interface],
    waiting: &mut dyn FnMut(&str),
) -> Vec<Path> {
    let mut probes = probe::Probes::on(scope);
    let mut paths: Vec<Path> = Vec::new();
    for address in addresses {
        let route = match route::to(*address, scope) {
            Ok(way) => found(way),
            Err(error) => Route::Refused(error.raw_os_error().unwrap_or(0)),
        };
        let group = address.is_multicast();
        paths.push(Path {
            address: *address,
            route,
            neighbour: None,
            knock: None,
            repeated: 0,
            echo: None,
            sizes: None,
        });
        // Whoever is in a group need not answer, and should not be woken.
        if group {
            continue;
        }
        if let Some(port) = question.port {
            probes.knock(*address, port, question.transport());
        }
        probes.echo(*address);
    }
    for probe::Outcome { address, what, answer, repeated } in probes.run(waiting) {
        let Some(path) = paths.iter_mut().find(|path| path.address == address) else { continue };
        match what {
            probe::What::Knock => (path.knock, path.repeated) = (Some(answer), repeated),
            probe::What::Echo => path.echo = Some(answer),
        }
    }
    let mut measured = false;
    for path in &mut paths {
        let Route::Found { interface, gateway, mtu, local: false, .. } = &path.route else { continue };
        let next = gateway.unwrap_or(path.address);
        let neighbour = route::neighbour(*interface, next).ok().flatten();
        path.neighbour = neighbour.map(|it| facts::Neighbour { address: next, state: it.state });
        let link = interfaces.iter().find(|one| one.index == *interface).and_then(|one| one.mtu);
        // One way is enough: the addresses of a name lead to one place.
        if let (Some(Answer::Came(time)), Some(largest), false) = (&path.echo, mtu.or(link), measured) {
            measured = true;
            let answered = Duration::from_secs_f64(time.clamp(0.0, 10_000.0) / 1000.0);
            path.sizes = sizes::probe(path.address, scope, largest, answered, waiting);
        }
    }
    paths
}

/// The sockets of this port, of the named program, or with the target at their other end; where there is neither a port
/// nor a target, all that listen.
fn sockets_of(question: &Question, addresses: &[IpAddr]) -> Result<Vec<facts::Socket>, Error> {
    let all = sockets::list(&[Protocol::Tcp, Protocol::Udp], false)?;
    let holders = Holders::read();
    let wanted = |socket: &&sockets::Socket| {
        let of_target = match socket.remote {
            Endpoint::Address(remote) => addresses.contains(&remote.ip().to_canonical()),
            _ => false,
        };
        // Who sends to a group need not be connected to it.
        let sends = question.receiver.is_some()
            && socket.protocol == Protocol::Udp
            && question.process.as_ref().is_some_and(|name| {
                holders.of(socket.inode).iter().any(|holder| holder.process.starts_with(name.as_str()))
            });
        let of_question = match question.port {
            Some(port) => socket.local_port() == port,
            None => question.target.is_none() && socket.is_listening(),
        };
        of_question || of_target || sends
    };
    let mut found = Vec::new();
    for socket in all.iter().filter(wanted) {
        let Some(mut one) = listener(socket, &holders) else { continue };
        if let (Some(holder), true) = (holders.of(socket.inode).first(), question.target.is_some()) {
            let [ttl, multicast] = trials::times_to_live(holder.pid, holder.descriptor, one.local.is_ipv6());
            (one.ttl, one.multicast_ttl) = (ttl, multicast);
        }
        found.push(one);
    }
    Ok(found)
}

/// TCP_BOUND_INACTIVE of include/net/tcp_states.h.
const BOUND_INACTIVE: u8 = 13;

fn listener(socket: &sockets::Socket, holders: &Holders) -> Option<facts::Socket> {
    let (Endpoint::Address(local), Endpoint::Address(remote)) = (&socket.local, &socket.remote) else { return None };
    let tcp = socket.protocol == Protocol::Tcp;
    let state = match socket.state {
        sockets::State::TIME_WAIT => State::TimeWait,
        sockets::State(BOUND_INACTIVE) => State::Bound,
        sockets::State::CLOSED if tcp => State::Bound,
        _ if socket.is_listening() => State::Listens,
        _ => State::Connected,
    };
    Some(facts::Socket {
        transport: if tcp { Transport::Tcp } else { Transport::Udp },
        state,
        local: *local,
        remote: *remote,
        v6only: socket.v6only.unwrap_or(false),
        queue: (socket.receive_queue, socket.send_queue),
        left: socket.timer.map(|timer| timer.left),
        holders: holders.of(socket.inode).iter().map(|holder| (holder.process.to_string(), holder.pid)).collect(),
        ttl: None,
        multicast_ttl: None,
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_of_this_process_is_found_and_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let question = Question { target: Some("127.0.0.1".to_owned()), port: Some(port), ..Question::default() };
        let facts = examine(question, Duration::ZERO, &mut |_| ()).unwrap();
        let heard: Vec<i32> =
            facts.on_port(State::Listens).flat_map(|socket| socket.holders.iter().map(|(_, pid)| *pid)).collect();
        assert_eq!(heard, [std::process::id().cast_signed()]);
        let [path] = facts.paths.as_slice() else { panic!("{:?}", facts.paths) };
        assert!(matches!(path.knock, Some(Answer::Came(_))), "{path:?}");
        assert!(matches!(path.route, Route::Found { local: true, .. }), "{path:?}");
        drop(listener);
        let question = Question { target: Some("127.0.0.1".to_owned()), port: Some(port), ..Question::default() };
        let facts = examine(question, Duration::ZERO, &mut |_| ()).unwrap();
        assert_eq!(facts.paths[0].knock, Some(Answer::Reset));
    }

    #[test]
    fn an_address_is_not_asked_of_the_resolver() {
        assert_eq!(resolve("::1", &mut |_| ()), Ok(vec!["::1".parse().unwrap()]));
        assert!(resolve("no such name", &mut |_| ()).is_err());
        assert!(matches!(scoped("fe80::1%no-such-link"), (_, Err(Error::NoSuchInterface(_)))));
        let Ok(lo) = nix::net::if_::if_nametoindex("lo") else { return crate::support::skip("no lo") };
        assert!(matches!(scoped("fe80::1%lo"), (address, Ok(index)) if address == "fe80::1" && index == lo));
        assert!(matches!(scoped("100%name"), (name, Ok(0)) if name == "100%name"));
    }
}
