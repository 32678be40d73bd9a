//! `netlab groups`: who joined which multicast group: on this machine, its bridges, and its LANs.

mod json;
mod machine;
mod show;

use std::io::Write;

use super::Exit;
use super::output::{Color, stdout};
use crate::io::sockets;
use crate::view::style::Palette;
use machine::Machine;

#[derive(Debug, clap::Args)]
#[command(after_long_help = KEYS)]
pub struct Args {
    /// Only of this interface or bridge (repeatable)
    #[arg(short, long, value_name = "IF")]
    interface: Vec<String>,
    /// Also the addresses of the link layer that stand for a group
    #[arg(short, long)]
    verbose: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Of this network namespace: a name of `ip netns`, or a process's number
    #[arg(long, value_name = "NAME|PID")]
    netns: Option<String>,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

const KEYS: &str = "Objects of --json, by their key kind: \
    interface (interface, index, igmp_version, igmp_why, mld_version, mld_why; why is newest, presumed, forced or older \
    querier); \
    membership (interface, index, family, group, users, version, reporter, timer: seconds to the next report, sources: \
    source, including, excluding); \
    link (interface, index, address, users, static); \
    socket, one for each group of each socket (interface, index, group, mode: include or exclude, sources, protocol, \
    local, inode, uid, user, pid, process, fd, holders); \
    bridge (bridge, index, snooping, querier, igmp_version, mld_version, membership_interval, query_interval, \
    querier_ipv4 and querier_ipv6 with _port and _left); \
    mdb, one for each group of each port (bridge, port, group, source, vlan, permanent, blocked, mode, sources: source, \
    left; left: seconds until it is forgotten); router_port (bridge, port).";

pub fn run(args: Args) -> anyhow::Result<Exit> {
    match &args.netns {
        Some(name) => sockets::inside(name, || look(&args))?,
        None => look(&args),
    }
}

fn look(args: &Args) -> anyhow::Result<Exit> {
    let machine = Machine::read(&args.interface)?;
    let mut out = Vec::new();
    if args.json {
        json::machine(&machine, &mut out);
    } else {
        let look = show::Look { palette: Palette::new(args.color.on_stdout()), verbose: args.verbose };
        show::machine(&machine, look, &mut out)?;
    }
    stdout()?.write_all(&out)?;
    if !args.json {
        for words in show::last_words(&machine) {
            eprintln!("{words}");
        }
    }
    Ok(if machine.is_empty() { Exit::No } else { Exit::Done })
}
