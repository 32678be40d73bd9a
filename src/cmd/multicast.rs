//! `netlab multicast`: datagrams to groups, sent and heard, with what joining and leaving make this machine say.
//!
//! The order is the point: find the interface, open what may need a privilege (ports below 1024, the capture of IGMP and
//! MLD), give privileges up, and only then join, start threads and read what strangers send.

mod caused;
mod dry;
mod ear;
mod receive;
mod send;

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};
use clap::{ArgMatches, FromArgMatches};

use super::output::Color;
use super::send::target::{Family, Target};
use super::{Exit, args, groups, inside};
use crate::engine::multicast::report;
use crate::io::clock;
use crate::view::datagrams::Look;
use crate::view::style::Palette;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Send datagrams to a group, one a second, until Ctrl-C
    Send(Box<send::Args>),
    /// Join groups and show each datagram; say what IGMP or MLD that causes, or why none
    Receive(Box<receive::Args>),
    /// Tell who joins and leaves, on this machine and its LANs; the same as `netlab groups --watch`
    Watch(Box<Watch>),
}

/// The arguments of `groups`, with --watch.
#[derive(Debug)]
struct Watch(groups::Args);

impl clap::Args for Watch {
    fn augment_args(command: clap::Command) -> clap::Command {
        let mut command = groups::Args::augment_args(command).mut_arg("watch", |watch| watch.hide(true));
        // What wants --watch has it.
        for name in ["interval", "duration", "ready"] {
            command = command.mut_arg(name, |argument| argument.requires(clap::builder::Resettable::Reset));
        }
        command
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Watch {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        groups::Args::from_arg_matches(matches).map(|args| Self(args.watching()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// How it is shown.
#[derive(Debug, clap::Args)]
struct Showing {
    /// One JSON object a line; their keys are listed by --help
    #[arg(long)]
    json: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

impl Showing {
    fn palette(&self) -> Palette {
        Palette::new(self.color.on_stdout())
    }

    /// Lines, whose times are told from now on.
    fn look(&self) -> Look {
        let width = std::io::stdout().is_terminal().then(args::width);
        Look { palette: self.palette(), width, from: clock::now() }
    }
}

/// A group and its port, and the interface behind % where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    address: SocketAddr,
    zone: Option<String>,
}

impl Group {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let Target { address, port, zone } = Target::parse(text, Family::Any)?;
        if let Some(objection) = report::objection(address) {
            bail!("{objection}");
        }
        let wrote = if address.is_ipv6() { format!("[{text}]:9000") } else { format!("{text}:9000") };
        let port = port.with_context(|| format!("to which port? write it as {wrote}"))?;
        anyhow::ensure!(port != 0, "port 0 is nobody's: they are 1 to 65535");
        Ok(Self { address: SocketAddr::new(address, port), zone })
    }

    fn ip(&self) -> IpAddr {
        self.address.ip()
    }
}

/// An address without the number of its interface.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let private = match &args.what {
        What::Send(args) => args.private,
        What::Receive(args) => args.private,
        What::Watch(_) => false,
    };
    if private {
        return inside::repeat_inside();
    }
    match args.what {
        What::Send(args) => send::run(&args, None),
        What::Receive(args) => receive::run(&args, None),
        What::Watch(args) => groups::run(args.0),
    }
}

/// In the process that [`run`] became, which has a single thread.
pub fn run_inside(args: Args) -> anyhow::Result<Exit> {
    match args.what {
        What::Send(args) => inside::with_peer(|leash| send::run(&args, Some(leash))),
        What::Receive(args) => {
            let groups = args.groups()?.iter().map(|group| group.address).collect();
            inside::with_peer_speaking(groups, |leash| receive::run(&args, Some(leash)))
        }
        What::Watch(_) => bail!("a private network has nobody to watch"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_a_port_and_is_no_host() {
        let told = |text: &str| Group::parse(text).map_err(|error| error.to_string());
        assert_eq!(told("239.1.2.3:5000").unwrap().address, ([239, 1, 2, 3], 5000).into());
        assert_eq!(told("[ff02::5%lo]:5000").unwrap().zone.as_deref(), Some("lo"));
        for (wrong, why) in [
            ("10.0.0.1:5000", "10.0.0.1 is no group"),
            ("[fe80::1]:5000", "fe80::1 is no group: groups are those that begin with ff"),
            ("239.1.2.3", "to which port? write it as 239.1.2.3:9000"),
            ("ff15::1:5000", "write it as [ff15::1:5000]:9000"),
            ("239.1.2.3:0", "port 0 is nobody's"),
            ("239.1.2.3:65536", "is no port"),
        ] {
            let said = told(wrong).unwrap_err();
            assert!(said.contains(why), "{wrong}: {said}");
        }
    }
}
