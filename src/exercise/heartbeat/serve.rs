//! The server of `heartbeat`: waits for others to speak first, then speaks to each at its own pace.

use std::time::{Duration, Instant};

use super::drive::{Until, drive};
use crate::engine::heartbeat::{Pace, Peers};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::service::announce;
use crate::exercise::{Error, Service, Transcript};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Between two heartbeats of ours
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::duration)]
    interval: Duration,
    /// An end is lost after so long without a sign of life
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = quantity::duration)]
    timeout: Duration,
}

/// Keeps an eye on everybody who speaks; how many there were. With `once` it ends when the first one is lost.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let Options { interval, timeout } = service.options()?;
    let socket = Datagrams::bind(service)?;
    announce("heartbeat", socket.address()?, service, transcript);
    let mut peers = Peers::new(Pace { interval, timeout }, if service.once { 1 } else { service.max_clients });
    let until = Until { lost: service.once, ..Until::default() };
    match drive(&socket, &mut peers, Instant::now(), until, transcript) {
        // That is what it waited for.
        Ok(()) | Err(Error::Silent { .. }) => {}
        Err(error) => return Err(error),
    }
    if peers.refused() > 0 {
        let most = if service.once { 1 } else { service.max_clients };
        transcript.note(&format!("{} datagrams of others were not heard: {most} at a time", peers.refused()));
    }
    Ok(peers.met())
}
