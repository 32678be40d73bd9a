//! A topology as the operations that build it, in their order, and those that undo it. Each is shown as the command of
//! ip(8) and its like that does the same, so that a lab can be read, and typed, by anybody.

use std::fmt;
use std::net::IpAddr;

use super::impairment::Impairment;
use super::nft::{self, Sides};
use super::router::{Port, Setup};
use super::topology::{By, Host, Interface, Kind, MOST, Nat, Network, Topology};

/// The bridge of a switch.
pub const BRIDGE: &str = "br0";
/// The namespace in which netlab's own links begin and end.
pub const BACKSTAGE: &str = "netlab-links";

/// An interface in a network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub node: String,
    pub interface: String,
    /// The hardware address, where it is told.
    pub hardware: Option<[u8; 6]>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// A network namespace, with `lo` up.
    Node {
        node: String,
    },
    /// It goes, and all that is in it.
    Remove {
        node: String,
    },
    /// A setting of the network, by its path below /proc/sys/net.
    Set {
        node: String,
        name: String,
        value: String,
    },
    /// A pair of veth interfaces.
    Cable {
        ends: [End; 2],
    },
    /// No checksum is left to a card and no packet is larger than the cable takes: a capture shows what is true.
    Plain {
        node: String,
        interface: String,
    },
    Bridge {
        node: String,
        snooping: bool,
    },
    /// An interface becomes a port of the bridge.
    Port {
        node: String,
        interface: String,
    },
    Address {
        node: String,
        interface: String,
        network: Network,
    },
    Up {
        node: String,
        interface: String,
    },
    Route {
        node: String,
        to: Option<Network>,
        via: IpAddr,
    },
    /// The bridge asks who wants what.
    Querier {
        node: String,
    },
    Rules {
        node: String,
        text: String,
    },
    /// netlab carries frames between two interfaces of [`BACKSTAGE`], as a bad line does.
    Link {
        ends: [String; 2],
        impairment: Impairment,
    },
    /// netlab is the NAT.
    Translate {
        node: String,
        setup: Setup,
    },
}

/// What builds a lab.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub operations: Vec<Operation>,
}

/// A NAT that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} cannot be such a NAT: {why}")]
pub struct Impossible {
    pub host: String,
    pub why: String,
}

/// The operations of a topology; `nft`: whether there is nft(8) to load rules with.
pub fn plan(topology: &Topology, nft: bool) -> Result<Plan, Impossible> {
    let mut steps = Vec::new();
    let six = topology.has_ipv6();
    for node in topology.nodes() {
        steps.push(Operation::Node { node: node.to_owned() });
        settings(&mut steps, node, six);
    }
    let bad = |host: &Host| host.interfaces.iter().any(|interface| !interface.impairment.is_none());
    if topology.hosts.iter().any(bad) {
        steps.push(Operation::Node { node: BACKSTAGE.to_owned() });
        settings(&mut steps, BACKSTAGE, false);
    }
    for segment in &topology.segments {
        if let Kind::Switch { snooping, .. } = segment.kind {
            // What a bridge does with IGMP it decides when it is made.
            steps.push(Operation::Bridge { node: segment.name.clone(), snooping });
        }
    }
    cables(&mut steps, topology);
    for segment in &topology.segments {
        if let Kind::Switch { querier, address, .. } = segment.kind {
            let (node, interface) = (segment.name.clone(), BRIDGE.to_owned());
            if let Some(network) = address {
                steps.push(Operation::Address { node: node.clone(), interface: interface.clone(), network });
            }
            steps.push(Operation::Up { node: node.clone(), interface });
            if querier {
                steps.push(Operation::Querier { node });
            }
        }
    }
    for host in &topology.hosts {
        configure(&mut steps, topology, host, nft)?;
    }
    Ok(Plan { operations: steps })
}

impl Plan {
    /// What undoes it, in its order: with a namespace goes all that is in it.
    pub fn undo(&self) -> Vec<Operation> {
        let undo = |step: &Operation| match step {
            Operation::Node { node } => Some(Operation::Remove { node: node.clone() }),
            _ => None,
        };
        self.operations.iter().rev().filter_map(undo).collect()
    }
}

fn settings(steps: &mut Vec<Operation>, node: &str, six: bool) {
    let mut set = |name: &str, value: &str| {
        steps.push(Operation::Set { node: node.to_owned(), name: name.to_owned(), value: value.to_owned() });
    };
    // Interfaces that are made later take over what is said for `default`.
    for scope in ["all", "default"] {
        set(&format!("ipv4/conf/{scope}/rp_filter"), "0");
        if six {
            set(&format!("ipv6/conf/{scope}/accept_dad"), "0");
            set(&format!("ipv6/conf/{scope}/router_solicitations"), "0");
        } else {
            set(&format!("ipv6/conf/{scope}/disable_ipv6"), "1");
        }
    }
    // Nobody here is to be protected from programs on low ports.
    set("ipv4/ip_unprivileged_port_start", "0");
}

/// The cables between interfaces, with a bad line in them where that is asked for.
fn cables(steps: &mut Vec<Operation>, topology: &Topology) {
    let mut lines = 0_usize;
    for (place, segment) in topology.segments.iter().enumerate() {
        let ends: Vec<(&Host, End, Impairment)> = topology
            .on(&segment.name)
            .map(|(host, interface)| (host, end(topology, host, &interface.name), interface.impairment))
            .collect();
        if let Kind::Cable = segment.kind {
            let [(_, one, bad), (_, other, worse)] = ends.as_slice() else { continue };
            let both = if bad.is_none() { *worse } else { *bad };
            cable(steps, &mut lines, one.clone(), other.clone(), both);
            continue;
        }
        for (at, (host, end, impairment)) in ends.iter().enumerate() {
            let node = segment.name.clone();
            let of_host = ends.iter().filter(|(other, ..)| other.name == host.name).count();
            // A port is called by what is at its other end.
            let port = if of_host > 1 { format!("{}.{at}", host.name) } else { host.name.clone() };
            let hardware = Some([0x02, 0, 1, 0, number(place + 1), number(at + 1)]);
            let its = End { node: node.clone(), interface: port.clone(), hardware };
            cable(steps, &mut lines, end.clone(), its, *impairment);
            steps.push(Operation::Port { node: node.clone(), interface: port.clone() });
            steps.push(Operation::Up { node, interface: port });
        }
    }
}

fn cable(steps: &mut Vec<Operation>, lines: &mut usize, one: End, other: End, impairment: Impairment) {
    let mut lay = |ends: [End; 2]| {
        steps.push(Operation::Cable { ends: ends.clone() });
        steps.extend(ends.map(|end| Operation::Plain { node: end.node, interface: end.interface }));
    };
    if impairment.is_none() {
        return lay([one, other]);
    }
    *lines += 1;
    let near = End { node: BACKSTAGE.to_owned(), interface: format!("link{lines}a"), hardware: None };
    let far = End { node: BACKSTAGE.to_owned(), interface: format!("link{lines}b"), hardware: None };
    let between = [near.interface.clone(), far.interface.clone()];
    lay([one, near]);
    lay([far, other]);
    for interface in between.clone() {
        steps.push(Operation::Up { node: BACKSTAGE.to_owned(), interface });
    }
    steps.push(Operation::Link { ends: between, impairment });
}

/// A host's end of a cable; its hardware address tells host and interface: 02:00:00:00:HOST:INTERFACE, from 1.
fn end(topology: &Topology, host: &Host, interface: &str) -> End {
    let place = topology.hosts.iter().position(|one| one.name == host.name).unwrap_or(MOST);
    let at = host.interfaces.iter().position(|one| one.name == interface).unwrap_or(0);
    let hardware = Some([0x02, 0, 0, 0, number(place + 1), number(at + 1)]);
    End { node: host.name.clone(), interface: interface.to_owned(), hardware }
}

fn number(place: usize) -> u8 {
    u8::try_from(place).unwrap_or(u8::MAX)
}

fn configure(steps: &mut Vec<Operation>, topology: &Topology, host: &Host, nft: bool) -> Result<(), Impossible> {
    let node = host.name.clone();
    let translator = host.nat.as_ref().map(|nat| by(host, nat, nft)).transpose()?;
    let kernel = translator != Some(By::Netlab);
    for interface in &host.interfaces {
        let name = interface.name.clone();
        for network in interface.addresses.iter().filter(|_| kernel) {
            steps.push(Operation::Address { node: node.clone(), interface: name.clone(), network: *network });
        }
        steps.push(Operation::Up { node: node.clone(), interface: name });
    }
    if host.forwards && kernel {
        let mut set = |name: &str| {
            steps.push(Operation::Set { node: node.clone(), name: name.to_owned(), value: "1".to_owned() });
        };
        set("ipv4/ip_forward");
        let any_six = host.interfaces.iter().flat_map(|one| &one.addresses).any(|one| one.address.is_ipv6());
        if any_six {
            set("ipv6/conf/all/forwarding");
        }
    }
    if kernel {
        for via in &host.gateways {
            steps.push(Operation::Route { node: node.clone(), to: None, via: *via });
        }
        for route in &host.routes {
            steps.push(Operation::Route { node: node.clone(), to: Some(route.to), via: route.via });
        }
    }
    match (&host.nat, translator) {
        (Some(nat), Some(By::Nft)) => {
            let Some(sides) = sides(host, nat) else { return Ok(()) };
            steps.push(Operation::Rules { node: node.clone(), text: nft::rules(&sides, &nat.behaviour) });
            let seconds = nat.behaviour.udp_timeout.as_secs().to_string();
            for timer in ["udp_timeout", "udp_timeout_stream"] {
                let name = format!("netfilter/nf_conntrack_{timer}");
                steps.push(Operation::Set { node: node.clone(), name, value: seconds.clone() });
            }
        }
        (Some(nat), Some(By::Netlab)) => {
            let setup = router(topology, host, nat);
            steps.push(Operation::Translate { node, setup });
        }
        _ => {}
    }
    Ok(())
}

/// What the router of netlab's own is to be.
fn router(topology: &Topology, host: &Host, nat: &Nat) -> Setup {
    let port = |interface: &Interface| Port {
        interface: interface.name.clone(),
        hardware: end(topology, host, &interface.name).hardware.unwrap_or_default(),
        networks: interface.addresses.clone(),
    };
    Setup {
        ports: host.interfaces.iter().map(port).collect(),
        outside: host.interfaces.iter().position(|interface| interface.name == nat.outside).unwrap_or_default(),
        gateway: host.gateways.iter().find_map(|via| match via {
            IpAddr::V4(four) => Some(*four),
            IpAddr::V6(_) => None,
        }),
        behaviour: nat.behaviour,
        seed: 1,
    }
}

fn inside<'a>(host: &'a Host, nat: &'a Nat) -> impl Iterator<Item = &'a Interface> {
    host.interfaces.iter().filter(|interface| interface.name != nat.outside)
}

/// Who is to be this NAT.
fn by(host: &Host, nat: &Nat, nft: bool) -> Result<By, Impossible> {
    let outside = host.interface(&nat.outside);
    let addresses = outside.map_or(0, |one| one.addresses.iter().filter(|network| network.address.is_ipv4()).count());
    let cannot = nft::cannot(&nat.behaviour, addresses)
        .or_else(|| (!nft).then_some("nft is not installed (Debian: apt install nftables)"));
    match (nat.by, cannot) {
        (Some(By::Netlab), _) | (None, Some(_)) => Ok(By::Netlab),
        (_, None) => Ok(By::Nft),
        (Some(By::Nft), Some(why)) => Err(Impossible { host: host.name.clone(), why: why.to_owned() }),
    }
}

fn sides<'a>(host: &'a Host, nat: &'a Nat) -> Option<Sides<'a>> {
    let of = |interface: &'a Interface| interface.addresses.iter().filter(|network| network.address.is_ipv4());
    let external = of(host.interface(&nat.outside)?).find_map(|network| match network.address {
        IpAddr::V4(four) => Some(four),
        IpAddr::V6(_) => None,
    })?;
    Some(Sides {
        outside: &nat.outside,
        external,
        inside: inside(host, nat).map(|interface| interface.name.as_str()).collect(),
        networks: inside(host, nat).flat_map(of).copied().collect(),
    })
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { node } => write!(f, "ip netns add {node}; ip -n {node} link set lo up"),
            Self::Remove { node } => write!(f, "ip netns del {node}"),
            Self::Set { node, name, value } => {
                write!(f, "ip netns exec {node} sysctl -qw net.{}={value}", name.replace('/', "."))
            }
            Self::Cable { ends: [one, other] } => {
                write!(f, "ip link add {} netns {}{}", one.interface, one.node, hardware(one))?;
                write!(f, " type veth peer name {} netns {}{}", other.interface, other.node, hardware(other))
            }
            Self::Plain { node, interface } => {
                write!(f, "ip netns exec {node} ethtool -K {interface} tx off tso off gso off gro off")
            }
            Self::Bridge { node, snooping } => write!(
                f,
                "ip -n {node} link add {BRIDGE} type bridge mcast_snooping {} mcast_igmp_version 3 mcast_mld_version 2 \
                 mcast_query_use_ifaddr 1 mcast_query_response_interval 100",
                u8::from(*snooping)
            ),
            Self::Port { node, interface } => write!(f, "ip -n {node} link set {interface} master {BRIDGE}"),
            Self::Address { node, interface, network } => {
                let flag = if network.address.is_ipv6() { " nodad" } else { "" };
                write!(f, "ip -n {node} addr add {network} dev {interface}{flag}")
            }
            Self::Up { node, interface } => write!(f, "ip -n {node} link set {interface} up"),
            Self::Route { node, to: None, via } => write!(f, "ip -n {node} route add default via {via}"),
            Self::Route { node, to: Some(to), via } => write!(f, "ip -n {node} route add {to} via {via}"),
            Self::Querier { node } => write!(f, "ip -n {node} link set {BRIDGE} type bridge mcast_querier 1"),
            Self::Rules { node, text } => write!(f, "ip netns exec {node} nft -f - <<'END'\n{text}END"),
            Self::Link { ends: [one, other], impairment } => {
                write!(f, "# in {BACKSTAGE}, netlab carries frames between {one} and {other}: {impairment}")
            }
            Self::Translate { node, setup } => {
                let outside = setup.ports.get(setup.outside).map_or("", |port| port.interface.as_str());
                write!(f, "# in {node}, netlab itself answers ARP and translates what passes {outside}")
            }
        }
    }
}

fn hardware(end: &End) -> String {
    let text = |bytes: &[u8; 6]| bytes.map(|byte| format!("{byte:02x}")).join(":");
    end.hardware.as_ref().map_or_else(String::new, |bytes| format!(" address {}", text(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{file, preset};

    fn planned(text: &str) -> Vec<String> {
        plan(&file::read(text).unwrap(), true).unwrap().operations.iter().map(ToString::to_string).collect()
    }

    const CABLE: &str = "[cable.c]\n[host.a]\ninterface.eth0 = { on = 'c', addresses = ['10.0.0.1/24'] }\n\
                         [host.b]\ninterface.eth0 = { on = 'c', addresses = ['10.0.0.2/24']";

    #[test]
    fn two_hosts_on_a_cable_are_these_operations() {
        let steps = planned(&format!("{CABLE} }}\n"));
        let rest: Vec<&String> = steps.iter().filter(|step| !step.contains("sysctl")).collect();
        assert_eq!(
            rest,
            [
                "ip netns add a; ip -n a link set lo up",
                "ip netns add b; ip -n b link set lo up",
                "ip link add eth0 netns a address 02:00:00:00:01:01 type veth peer name eth0 netns b address 02:00:00:00:02:01",
                "ip netns exec a ethtool -K eth0 tx off tso off gso off gro off",
                "ip netns exec b ethtool -K eth0 tx off tso off gso off gro off",
                "ip -n a addr add 10.0.0.1/24 dev eth0",
                "ip -n a link set eth0 up",
                "ip -n b addr add 10.0.0.2/24 dev eth0",
                "ip -n b link set eth0 up",
            ]
        );
    }

    #[test]
    fn a_bad_line_is_two_cables_with_netlab_between_them() {
        let steps = planned(&format!("{CABLE}, loss = '2%' }}\n"));
        assert!(steps.iter().any(|step| step.contains("peer name link1a netns netlab-links")), "{steps:#?}");
        assert!(steps.iter().any(|step| step.starts_with("ip link add link1b netns netlab-links")), "{steps:#?}");
        assert!(steps.last().is_some_and(|step| !step.contains("link1")), "the line is there before the addresses");
        assert!(steps.iter().any(|step| step.contains("between link1a and link1b: loss 2%")), "{steps:#?}");
    }

    #[test]
    fn undoing_removes_every_namespace_that_was_made() {
        for preset in &preset::ALL {
            let plan = plan(&file::read(preset.text).unwrap(), true).unwrap();
            let made = plan.operations.iter().filter(|step| matches!(step, Operation::Node { .. })).count();
            let undo = plan.undo();
            assert_eq!(undo.len(), made);
            assert!(undo.iter().all(|step| matches!(step, Operation::Remove { .. })));
        }
    }

    #[test]
    fn a_host_that_is_twice_on_a_switch_has_two_ports_there() {
        let steps = planned(
            "[switch.s]\n[host.a]\ninterface.eth0 = { on = 's' }\ninterface.eth1 = { on = 's' }\n[host.b]\n\
             interface.eth0 = { on = 's' }\n",
        );
        for port in ["a.0 netns s", "a.1 netns s", "b netns s"] {
            assert!(steps.iter().any(|step| step.contains(&format!("peer name {port}"))), "{port}: {steps:#?}");
        }
    }

    #[test]
    fn without_nft_netlab_is_the_nat_itself_unless_told_otherwise() {
        let mut home = file::read(preset::of_name("home").unwrap().text).unwrap();
        let translates = |plan: &Plan| plan.operations.iter().any(|step| matches!(step, Operation::Translate { .. }));
        assert!(translates(&plan(&home, false).unwrap()) && !translates(&plan(&home, true).unwrap()));
        for host in &mut home.hosts {
            host.nat.iter_mut().for_each(|nat| nat.by = Some(By::Nft));
        }
        assert!(plan(&home, false).unwrap_err().to_string().contains("nftables"));
    }

    #[test]
    fn what_rules_cannot_do_netlab_does() {
        let mut home = file::read(preset::of_name("home").unwrap().text).unwrap();
        for host in &mut home.hosts {
            host.nat.iter_mut().for_each(|nat| nat.behaviour.ports = crate::engine::nat::Ports::Parity);
        }
        let steps = plan(&home, true).unwrap().operations;
        assert!(steps.iter().any(|step| step.to_string().contains("translates what passes wan")), "{steps:#?}");
        assert!(!steps.iter().any(|step| step.to_string().starts_with("ip -n nat-a addr add")), "{steps:#?}");
    }
}
