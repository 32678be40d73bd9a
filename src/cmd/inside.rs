//! `netlab __inside COMMAND`: the hidden, single-threaded command that enters a private network before anything else.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, bail};

use super::{Exit, demo, handshake, heartbeat, lab, multicast, ping, replay, send};
use crate::io::netns::{self, Leash, Side, peer};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Inside,
}

/// The commands that work in a private network.
#[derive(Debug, clap::Subcommand)]
enum Inside {
    Demo(demo::Args),
    Handshake(Box<handshake::Args>),
    Lab(lab::Inside),
    Heartbeat(Box<heartbeat::Args>),
    Multicast(multicast::Args),
    Ping(Box<ping::Args>),
    Replay(Box<replay::Args>),
    Send(Box<send::Args>),
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    match args.command {
        Inside::Demo(args) => demo::run_inside(args),
        Inside::Handshake(args) => handshake::run_inside(*args),
        Inside::Lab(args) => lab::run_inside(&args),
        Inside::Heartbeat(args) => heartbeat::run_inside(*args),
        Inside::Multicast(args) => multicast::run_inside(args),
        Inside::Ping(args) => ping::run_inside(*args),
        Inside::Replay(args) => replay::run_inside(*args),
        Inside::Send(args) => send::run_inside(*args),
    }
}

/// Becomes `netlab __inside` with these arguments; returns only where that fails.
pub fn become_inside<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> anyhow::Result<Exit> {
    // The same program even where its file has been replaced meanwhile.
    let error = Command::new("/proc/self/exe").arg0("netlab").arg("__inside").args(arguments).exec();
    Err(error).context("cannot start netlab anew (is /proc mounted?)")
}

/// Becomes `netlab __inside` with the words of this command line once more, behind the name of the program.
pub fn repeat_inside() -> anyhow::Result<Exit> {
    become_inside(std::env::args_os().skip(1))
}

/// Enters a private network with a peer in it (`io::netns::peer`) and does the work there. The process outside comes back
/// with the exit code of the one inside.
pub fn with_peer(work: impl FnOnce(&Leash) -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    with_peer_speaking(Vec::new(), work)
}

/// The same with a peer that says something to these groups every second.
pub fn with_peer_speaking(
    groups: Vec<SocketAddr>,
    work: impl FnOnce(&Leash) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    with_peer_serving(peer::speaking(groups), work)
}

/// The same with a peer that does something of the caller's.
pub fn with_peer_serving(
    service: impl FnOnce() -> std::io::Result<()>,
    work: impl FnOnce(&Leash) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    match netns::enter() {
        Ok(Side::Outside(code)) => Ok(Exit::of_code(code)),
        Ok(Side::Inside(leash)) => {
            peer::join_with(service).context("there is no private network")?;
            work(&leash)
        }
        Err(error @ netns::Error::Refused(refusal)) => {
            bail!("there is no private network: {error}; to allow it:\n    {}", refusal.remedy())
        }
        Err(error) => Err(error).context("there is no private network"),
    }
}
