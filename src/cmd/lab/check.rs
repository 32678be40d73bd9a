//! `netlab lab check`: whether the lab that is up is whole; and where none is up, whether anything is left of one.

use std::net::IpAddr;

use super::{Named, others, told};
use crate::cmd::Exit;
use crate::io::lab::{Lab, left_behind};
use crate::io::link::{self, Link};
use crate::lab::topology::By;
use crate::lab::{Topology, operation};
use crate::view::escape;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Of a lab that is down nothing can be left but processes: its networks, interfaces and rules live in namespaces that only
these keep, and it makes no file.")]
pub struct Args {
    #[command(flatten)]
    named: Named,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    match Lab::find(&args.named.name).map_err(told)? {
        Some(lab) => whole(&lab),
        None => Ok(nothing_left(&args.named)),
    }
}

fn nothing_left(named: &Named) -> Exit {
    let left = left_behind();
    // The processes of other labs, that are up, are not left behind.
    if left.is_empty() || !crate::io::lab::running().is_empty() {
        println!("no lab is up{}, and nothing is left of one", others(named));
        return Exit::Done;
    }
    println!("no lab is up, but these processes are left of one:");
    for (pid, line) in left {
        println!("  {pid}  {}", escape::text(&line));
    }
    Exit::No
}

fn whole(lab: &Lab) -> anyhow::Result<Exit> {
    let mut faults = Vec::new();
    lab.enter_user().map_err(told)?;
    for (node, _) in &lab.nodes {
        lab.enter_network(node).map_err(told)?;
        let links = link::links()?;
        faults.extend(missing(&lab.topology, node, &links).into_iter().map(|fault| format!("{node}: {fault}")));
    }
    if faults.is_empty() {
        let interfaces: usize = lab.topology.hosts.iter().map(|host| host.interfaces.len()).sum();
        println!("the lab is whole: {} networks, {interfaces} interfaces of hosts", lab.nodes.len());
        return Ok(Exit::Done);
    }
    faults.iter().for_each(|fault| println!("{}", escape::text(fault)));
    Ok(Exit::No)
}

/// What a node should have and has not.
fn missing(topology: &Topology, node: &str, links: &[Link]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut look = |name: &str, addresses: &[IpAddr]| {
        let Some(link) = links.iter().find(|link| link.name == name) else {
            faults.push(format!("there is no interface {name}"));
            return;
        };
        if !link.up || !link.running {
            faults.push(format!("{name} is down"));
        }
        for address in addresses.iter().filter(|address| !link.addresses.iter().any(|(has, _)| has == *address)) {
            faults.push(format!("{name} has not the address {address}"));
        }
    };
    if let Some(host) = topology.host(node) {
        // Where netlab is the NAT, the addresses are its own and not the kernel's.
        let kernel = host.nat.as_ref().is_none_or(|nat| nat.by != Some(By::Netlab));
        for interface in &host.interfaces {
            let addresses = interface.addresses.iter().filter(|_| kernel).map(|network| network.address);
            look(&interface.name, &addresses.collect::<Vec<_>>());
        }
    } else if topology.segments.iter().any(|segment| segment.name == node) {
        look(operation::BRIDGE, &[]);
    }
    faults
}
