//! The command line: one line a command. What a command's options are stands with the command in `cmd`.

use clap::{Parser, Subcommand};

use crate::cmd;

/// Shows what socket programs really put on the wire.
///
/// This is not ipspace's netlab (netlab.tools), a different program of the same name.
#[derive(Debug, Parser)]
#[command(name = "netlab", version, propagate_version = true, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show packets as they pass, and save them
    Capture(cmd::capture::Args),
    /// Show the packets of capture files
    Read(cmd::read::Args),
    /// Figures over whole captures: rates, sizes, protocols, endpoints, trouble
    Stats(cmd::stats::Args),
    /// Hold two captures of the same traffic against each other: what is missing, and the delay
    Compare(cmd::compare::Args),
    /// List who talks with whom, in files or live
    Conversations(cmd::conversations::Args),
    /// Explain a packet: headers drawn as their RFCs draw them, every field in words, checksums worked out
    Explain(cmd::explain::Args),
    /// Show what the two sides of a conversation said, with the marks of segments
    Follow(cmd::follow::Args),
    /// List the files and messages that HTTP, FTP, TFTP and mail carry, and save them
    Objects(cmd::objects::Args),
    /// Draw who sent what to whom as a sequence chart: text, SVG or Mermaid
    Ladder(cmd::ladder::Args),
    /// List the exercises of the course, or show the page of one
    Exercises(cmd::exercises::Args),
    /// Run the server of an exercise
    Serve(cmd::serve::Args),
    /// Run the client of an exercise
    Client(cmd::client::Args),
    /// Run both programs of an exercise, and show their packets beside what they print; without root
    Demo(cmd::demo::Args),
    /// Is a host there, how far, and which way: by echo requests, SYNs or datagrams
    Ping(Box<cmd::ping::Args>),
    /// Is the other end alive: hold a heartbeat with it, and tell loss there and back, round trips and jitter
    Heartbeat(Box<cmd::heartbeat::Args>),
    /// Measure: how fast TCP is with buffers of any size, how models of servers compare under load
    Bench(cmd::bench::Args),
    /// List this machine's sockets with their processes, or watch them open and close
    Sockets(cmd::sockets::Args),
    /// Show who joined which multicast groups: interfaces, sockets, bridges, and the hosts of the LAN; who queries
    Groups(cmd::groups::Args),
    /// List what there is to capture on, with what makes captures look odd
    Interfaces(cmd::interfaces::Args),
    /// Find out why something cannot be reached, or not be seen: each fault with its proof and what mends it
    Doctor(cmd::doctor::Args),
    /// Put a packet made by hand on the wire, every field as you like, and say what comes back
    Send(Box<cmd::send::Args>),
    /// Make a TCP connection by hand, packet by packet, and see what a host does with one that does not fit
    Handshake(Box<cmd::handshake::Args>),
    /// Send datagrams to multicast groups, or join groups and hear them, with the IGMP or MLD that this causes
    Multicast(cmd::multicast::Args),
    /// Build a virtual LAN without root: hosts, switches, NATs, bad lines; run programs in it
    Lab(cmd::lab::Args),
    /// Measure what a NAT does, serve those who measure, say who will reach whom, or work it out from captures
    Nat(cmd::nat::Args),
    /// Send what a capture holds once more: its frames at their own pace, or one side of a conversation to a live program
    Replay(Box<cmd::replay::Args>),
    /// List the fields that -e, --json and -Y know, and what they mean
    Fields(cmd::fields::Args),
    #[command(name = "__inside", hide = true)]
    Inside(cmd::inside::Args),
    /// Print the completions of a shell
    Completions(cmd::completions::Args),
}

impl Command {
    /// Runs the command that was chosen.
    pub fn run(self) -> anyhow::Result<cmd::Exit> {
        match self {
            Self::Capture(args) => cmd::capture::run(args),
            Self::Read(args) => cmd::read::run(args),
            Self::Stats(args) => cmd::stats::run(args),
            Self::Compare(args) => cmd::compare::run(args),
            Self::Conversations(args) => cmd::conversations::run(args),
            Self::Explain(args) => cmd::explain::run(args),
            Self::Follow(args) => cmd::follow::run(args),
            Self::Objects(args) => cmd::objects::run(args),
            Self::Ladder(args) => cmd::ladder::run(args),
            Self::Exercises(args) => cmd::exercises::run(args),
            Self::Serve(args) => cmd::serve::run(args),
            Self::Client(args) => cmd::client::run(args),
            Self::Demo(args) => cmd::demo::run(args),
            Self::Ping(args) => cmd::ping::run(*args),
            Self::Heartbeat(args) => cmd::heartbeat::run(*args),
            Self::Bench(args) => cmd::bench::run(args),
            Self::Sockets(args) => cmd::sockets::run(args),
            Self::Groups(args) => cmd::groups::run(args),
            Self::Interfaces(args) => cmd::interfaces::run(args),
            Self::Doctor(args) => cmd::doctor::run(args),
            Self::Send(args) => cmd::send::run(*args),
            Self::Handshake(args) => cmd::handshake::run(*args),
            Self::Multicast(args) => cmd::multicast::run(args),
            Self::Lab(args) => cmd::lab::run(args),
            Self::Nat(args) => cmd::nat::run(args),
            Self::Replay(args) => cmd::replay::run(*args),
            Self::Fields(args) => cmd::fields::run(args),
            Self::Inside(args) => cmd::inside::run(args),
            Self::Completions(args) => cmd::completions::run(args),
        }
    }
}
