//! The client of `heartbeat`: speaks to one server from the first moment.

use std::time::{Duration, Instant};

use clap::Args;

use super::codec::summary;
use super::drive::{Until, drive};
use crate::engine::heartbeat::{Pace, Peers};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::{Answers, Error, Stop, Transcript, Visit};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Between two heartbeats of ours
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::duration)]
    interval: Duration,
    /// End after so many heartbeats [default: Ctrl-C ends it]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End when the server is lost, with exit code 1
    #[arg(long)]
    until_lost: bool,
}

pub fn options(command: clap::Command) -> clap::Command {
    Options::augment_args(command).mut_arg("timeout", |argument| {
        argument.default_value("3s").help("The server is lost after so long without a sign of life")
    })
}

/// Speaks and listens until it is stopped. Its one end is the server.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let Options { interval, count, until_lost } = visit.options()?;
    if matches!(visit.answers, Answers::Given(_)) {
        return Err(Error::Answer("heartbeat asks for nothing: its datagrams are `heartbeat N`".to_owned()));
    }
    let stop = Stop::on_interrupt().map_err(|source| Error::System {
        operation: "prepare",
        target: "for Ctrl-C".to_owned(),
        source,
    })?;
    let (socket, server) = Datagrams::towards(visit)?;
    let socket = socket.until(&stop);
    let start = Instant::now();
    let mut peers = Peers::towards(Pace { interval, timeout: visit.timeout }, server, Duration::ZERO);
    let ended = drive(&socket, &mut peers, start, Until { count, lost: until_lost }, transcript);
    if let Some(end) = peers.ends().first() {
        transcript.note(&summary(end.tally()));
    }
    ended
}
