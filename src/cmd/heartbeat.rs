//! `netlab heartbeat`: is the other end alive. Between two ends that netlab holds, or as a capture shows it.

mod active;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Exit;
use super::output::Color;
use crate::quantity;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Runs until Ctrl-C. Exit status: 0 the other end was alive at the end, 1 it was not, 2 could not.",
    after_long_help = "Two ends over UDP send each other `heartbeat N` and answer it by `ack N`. Behind the number stand \
    tokens by which they know each other, a serial number, the time of sending, and what they have heard of each other, \
    so that loss there (from here to the other end) and loss back are told apart. Jitter is that of RFC 3550 §6.4.1, \
    by the sender's own clock, for each direction. An end that speaks from another address (its NAT has forgotten \
    it) is followed once the new address has shown that it hears; what does not carry an end's token is ignored \
    and counted. Whoever listens sends an address nothing but one answer a datagram, and none longer, until it has shown that it \
    hears. The other end is late after one and a half intervals of silence, and lost after --timeout.\n\n\
    `netlab serve heartbeat` and `client heartbeat`, which say no more than the number, can be spoken to as well: then \
    what arrives there is not known.\n\n\
    A line for each heartbeat: its number, time, round trip, what is lost so far and the jitter; → is there, ← is back.\n\n\
    Exit status: 0 the other end was alive at the end (with --listen: somebody was heard), 1 it was not, 2 could not.\n\n\
    Keys of --json, one object a line: event (alive, late, lost, beat, answered, unanswered, moved, restarted, \
    missing_there, missing_back, again, disordered, unreachable, unsent, summary), time (seconds since the start), peer; \
    alive, late, lost: silence (seconds); beat: number; answered: number, rtt (seconds), lost_there, lost_back, \
    jitter_there, jitter_back (seconds); unanswered: number; moved: from; missing_there, missing_back: count; unreachable, \
    unsent: what; summary: life, sent (datagrams), heartbeats, answered, rtt_min, rtt_avg, rtt_max, late, lost, moved, \
    restarted, and for there and back each: heard, lost, again, disordered, jitter.\n\n  \
    netlab heartbeat --listen 8005\n  \
    netlab heartbeat 10.0.5.2:8005 --interval 500ms --timeout 2s\n  \
    netlab heartbeat --private"
)]
pub struct Args {
    /// The other end: a name or an address, and a port; with --private, without it, the peer's port 8005
    #[arg(value_name = "HOST:PORT", required_unless_present_any = ["listen", "private"])]
    target: Option<String>,
    /// Wait for others at this port (or ADDRESS:PORT); 0: one that the system chooses
    #[arg(long, value_name = "PORT", value_parser = listening, conflicts_with_all = ["target", "private", "dry_run", "until_lost"])]
    listen: Option<(Option<IpAddr>, u16)>,
    /// Between two heartbeats of ours; at least 10ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// An end is lost after so long without a sign of life
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = quantity::duration)]
    timeout: Duration,
    /// End after so many heartbeats
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this time
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    duration: Option<Duration>,
    /// End when the other end is lost
    #[arg(long)]
    until_lost: bool,
    /// With --listen: how many ends at a time; further ones are counted and not heard
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096), requires = "listen")]
    max_peers: u16,
    /// IPv4 only
    #[arg(short = '4', conflicts_with = "six")]
    four: bool,
    /// IPv6 only
    #[arg(short = '6')]
    six: bool,
    /// Send nothing: explain the first datagram, and show its bytes
    #[arg(long, conflicts_with = "private")]
    dry_run: bool,
    /// In a private network with one other host that listens, 10.0.5.2; without root, and nothing reaches this machine's
    #[arg(long)]
    private: bool,
    /// One JSON object for each beat and event, and one for each end's sums
    #[arg(long)]
    json: bool,
    /// Plain characters only
    #[arg(long)]
    ascii: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = quantity::duration(text)?;
    if interval < Duration::from_millis(10) { Err("at least 10ms, please".to_owned()) } else { Ok(interval) }
}

fn listening(text: &str) -> Result<(Option<IpAddr>, u16), String> {
    if let Ok(port) = text.parse() {
        return Ok((None, port));
    }
    let address: SocketAddr = text.parse().map_err(|_| "a port (8005), or an address and a port (10.0.5.1:8005)")?;
    Ok((Some(address.ip()), address.port()))
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    active::run(args)
}

/// In the process that [`run`] became, which has a single thread.
pub fn run_inside(args: Args) -> anyhow::Result<Exit> {
    active::run_inside(args)
}
