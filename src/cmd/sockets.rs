//! `netlab sockets`: the sockets of this machine, who holds them, and how they change.

mod choice;
mod details;
mod names;
mod object;
mod show;
mod watching;

use std::io::{IsTerminal, Write};

use super::output::{Color, stdout};
use super::{Exit, args};
use crate::io::sockets::processes::Holders;
use crate::io::sockets::{self, Protocol, Socket};
use crate::view::style::Palette;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Keys of --json: protocol, type, state (RFC 9293's words; UNCONNECTED for datagrams that \
    come from anybody), recv_q, send_q, of listeners backlog and backlog_max, local, remote, interface, v6only, uid, \
    user, inode; pid, process and fd of the first holder, holders (all of them); timer, timer_left (seconds), \
    timer_times. With -v also: rtt, rtt_variation, rtt_least, rto (seconds), cwnd, ssthresh, mss, pmtu, congestion, \
    unacked, lost, retransmitted, pacing_rate and delivery_rate (bytes a second), window, bytes_sent, bytes_acked, \
    bytes_received, bytes_retransmitted, segments_sent, segments_received, receive_buffer, send_buffer, drops, reuse_address, reuse_port, keep_alive, \
    broadcast, joined. --watch adds time, event (opened, moved, closed, brief, lost) and before.")]
pub struct Args {
    #[command(flatten)]
    choice: choice::Choice,
    /// More of each: TCP's round trip, windows and counters; buffers; options; multicast groups
    #[arg(short, long)]
    verbose: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Tell what changes, until Ctrl-C: opened, another state, closed
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    pace: args::Watching,
    /// Of this network namespace: a name of `ip netns`, or a process's number
    #[arg(long, value_name = "NAME|PID")]
    netns: Option<String>,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    match &args.netns {
        Some(name) => sockets::inside(name, || look(&args))?,
        None => look(&args),
    }
}

fn look(args: &Args) -> anyhow::Result<Exit> {
    if args.watch { watching::run(args) } else { once(args) }
}

fn once(args: &Args) -> anyhow::Result<Exit> {
    let mut found = sockets::list(&args.choice.protocols(), args.verbose)?;
    let holders = Holders::read();
    found.retain(|socket| args.choice.takes(socket, holders.of(socket.inode)));
    found.sort_by(|a, b| order(a).cmp(&order(b)));
    if args.verbose {
        sockets::ask_options(&mut found, &holders);
    }
    let mut names = names::Names::default();
    let palette = Palette::new(args.color.on_stdout());
    let mut out = Vec::new();
    if args.json {
        for socket in &found {
            object::json(socket, holders.of(socket.inode), &mut names, &mut out);
        }
    } else {
        let room = std::io::stdout().is_terminal().then(args::width);
        let look = show::Look { palette, room, verbose: args.verbose };
        show::lines(&found, &holders, &mut names, look, &mut out);
    }
    stdout()?.write_all(&out)?;
    if !args.json {
        args::talk(&show::last_words(&found, &holders));
    }
    Ok(if found.is_empty() { Exit::No } else { Exit::Done })
}

fn order(socket: &Socket) -> (Protocol, u16, &sockets::Endpoint, &sockets::Endpoint, u32) {
    (socket.protocol, socket.local_port(), &socket.local, &socket.remote, socket.inode)
}
