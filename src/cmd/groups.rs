//! `netlab groups`: who joined which multicast group: on this machine, its bridges, and its LANs, as their IGMP and MLD
//! messages tell; live or from files.
//!
//! The order is the point: listen (which needs a privilege), look at the machine (which may need another), give up what
//! is not needed, and only then read what strangers send.

mod changes;
mod json;
pub(super) mod lan;
mod machine;
mod show;
mod watching;

use std::io::Write;
use std::time::Duration;

use anyhow::Context;

use super::input::Input;
use super::output::{Color, stdout};
use super::{Exit, args};
use crate::io::{membership, privilege, sockets};
use crate::quantity;
use crate::view::style::Palette;
use crate::view::{escape, multicast};
use lan::Ears;
use machine::Machine;

#[derive(Debug, clap::Args)]
#[command(after_long_help = KEYS)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Only of this interface or bridge (repeatable); a bridge's port is listened to only if it is named
    #[arg(short, long, value_name = "IF")]
    interface: Vec<String>,
    /// How long to listen to the LAN; 0s: not at all. To be sure that there is no querier takes 255s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = while_or_not)]
    listen: Duration,
    /// Tell what changes, until Ctrl-C: joined, left, expired, another querier; of files: what happened
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    pace: args::Watching,
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
    left; left: seconds until it is forgotten); router_port (bridge, port). \
    Of the LAN: querier, one for IGMP and one for MLD (interface, vlan, family, elected, address, version, tells, \
    measured_interval, expires_in; proxy and sure where none is elected; interval, robustness, response_interval, \
    forgets_after, heard_for, in seconds); host (interface, vlan, family, group, host, version, mode, sources, \
    others_silent, reported, expires_in). \
    --watch adds time and event: joined, left, changed of membership, socket, mdb and lan; of interface and bridge \
    changed; of membership also brief (joined and left between two looks); of lan also expired, addressed, elected, speaks, gone, asked (within), full.";

/// A time, or none.
fn while_or_not(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") { Ok(Duration::ZERO) } else { quantity::duration(text) }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    if !args.input.is_empty() {
        return lan::replay(&args);
    }
    if let Some(name) = &args.netns {
        sockets::enter(name)?;
    }
    for name in &args.interface {
        let known = membership::interface(name).is_some_and(|known| known.name == *name);
        anyhow::ensure!(known, "there is no interface {}; netlab interfaces lists them", escape::text(name));
    }
    if args.watch { watching::run(&args) } else { once(&args) }
}

impl Args {
    /// The same with --watch: `netlab multicast watch`.
    pub fn watching(mut self) -> Self {
        self.watch = true;
        self
    }

    fn palette(&self) -> Palette {
        Palette::new(self.color.on_stdout())
    }

    /// How LANs are shown whose interfaces have these names.
    fn look<'a>(&self, name: &'a dyn Fn(crate::flow::multicast::Place) -> Option<String>) -> multicast::Look<'a> {
        multicast::Look { palette: self.palette(), width: args::width(), from: None, name }
    }
}

fn once(args: &Args) -> anyhow::Result<Exit> {
    let ears = if args.listen.is_zero() { Ok(None) } else { Ears::open(&args.interface).map(Some) };
    let machine = Machine::read(&args.interface)?;
    let mut out = Vec::new();
    if args.json {
        json::machine(&machine, &mut out);
    } else {
        let look = show::Look { palette: args.palette(), verbose: args.verbose };
        show::machine(&machine, look, &mut out)?;
    }
    stdout()?.write_all(&out)?;
    let (mut heard, mut deaf) = (false, None);
    match ears {
        Ok(Some(ears)) if !ears.is_empty() => {
            privilege::give_up().context("cannot give up privileges")?;
            heard = lan::listen(args, ears)?;
        }
        Ok(_) => {}
        Err(error) => deaf = Some(error),
    }
    if !args.json {
        for words in show::last_words(&machine) {
            args::talk(&words);
        }
        if let Some(error) = deaf {
            args::talk(&lan::deaf(&error));
        }
    }
    Ok(if machine.is_empty() && !heard { Exit::No } else { Exit::Done })
}
