//! `netlab doctor`: why can I not reach it, or not see it.

use std::io::Write;
use std::time::Duration;

use super::output::{Color, stdout};
use super::{Exit, args};
use crate::engine::doctor::facts::{Facts, Question, Transport};
use crate::engine::doctor::{diagnose, steps};
use crate::io::{doctor, sockets};
use crate::quantity;
use crate::view;
use crate::view::doctor::Look;
use crate::view::escape;
use crate::view::style::Palette;

#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Without a target it examines this machine; with --port alone, why others do not reach the \
    server on that port; with a target, the way there: name, route, interface, neighbour, answers. Each finding has its \
    proof, and the command that mends it. It changes nothing. Some proofs (firewall rules, other users' programs) take \
    root: sudo netlab doctor.\n\n\
    Exit status: 0 nothing wrong found, 1 something found, 2 could not look.\n\n\
    Keys of --json, one object for each finding: fault (a word), what, proof (a list of from and value), mend."
)]
pub struct Args {
    /// A name or an address that is to be reached; without it, this machine is examined
    target: Option<String>,
    /// The port in question
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Over UDP (without it TCP, and with --port alone whichever there is)
    #[arg(short, long, requires = "port", conflicts_with = "tcp")]
    udp: bool,
    /// Over TCP
    #[arg(short, long, requires = "port")]
    tcp: bool,
    /// The program that should have the port, or that sends to the group: its name begins so
    #[arg(long, value_name = "NAME")]
    process: Option<String>,
    /// Where the target is a multicast group: who should receive what goes to it
    #[arg(long, value_name = "HOST", requires = "target")]
    receiver: Option<String>,
    /// A capture on this interface does not show it: is it the right one, may this user, what makes it look odd
    #[arg(short, long, value_name = "NAME")]
    interface: Option<String>,
    /// A capture is wanted: may this user
    #[arg(long)]
    capture: bool,
    /// Without a target: how long to watch whether the kernel counts what it drops
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::duration)]
    duration: Duration,
    /// One JSON object for each finding
    #[arg(long)]
    json: bool,
    /// In this network namespace: a name of `ip netns`, or a process's number
    #[arg(long, value_name = "NAME|PID")]
    netns: Option<String>,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

impl Args {
    fn question(&self) -> Question {
        let transport = match (self.tcp, self.udp) {
            (true, _) => Some(Transport::Tcp),
            (_, true) => Some(Transport::Udp),
            _ => None,
        };
        Question {
            target: self.target.clone(),
            port: self.port,
            transport,
            interface: self.interface.clone(),
            capture: self.capture,
            process: self.process.clone(),
            receiver: self.receiver.clone(),
        }
    }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let waiting = |what: &str| eprintln!("waiting for {}", escape::text(what));
    let look = || doctor::examine(args.question(), args.duration, &mut { waiting });
    let facts = match &args.netns {
        Some(name) => sockets::inside(name, look)?,
        None => look(),
    }?;
    tell(&args, &facts)
}

fn tell(args: &Args, facts: &Facts) -> anyhow::Result<Exit> {
    let found = diagnose(facts);
    let look = Look { palette: Palette::new(args.color.on_stdout()), width: args::room() };
    let mut out = Vec::new();
    if args.json {
        found.iter().for_each(|finding| view::doctor::json(finding, &mut out));
    } else {
        view::doctor::steps(&steps::steps(facts), look, &mut out);
        found.iter().for_each(|finding| view::doctor::finding(finding, look, &mut out));
        if found.is_empty() {
            view::doctor::healthy(look, &mut out);
        }
    }
    stdout()?.write_all(&out)?;
    for unseen in steps::unseen(facts) {
        args::talk(&format!("not seen: {}", escape::text(&unseen)));
    }
    Ok(if found.is_empty() { Exit::Done } else { Exit::No })
}
