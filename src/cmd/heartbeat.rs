//! `netlab heartbeat`: is the other end alive. Between two ends that netlab holds, or as a capture shows it.

mod active;
mod passive;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Exit;
use super::input::Input;
use super::output::Color;
use super::selection::Selection;
use crate::quantity;

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("files", |argument| argument.value_name("HOST:PORT | FILE").help(
        "The other end: a name or an address, and a port; or capture files in which to look for heartbeats"
    )),
    after_help = "Exit status: 0 the other end was alive at the end (in captures: a beat was found), 1 it was not, 2 could not.",
    after_long_help = "BETWEEN TWO ENDS\n\nTwo ends over UDP send each other `heartbeat N` and answer it by `ack N`. Behind the number stand \
    tokens by which they know each other, a serial number, the time of sending, and what they have heard of each other, \
    so that loss there (from here to the other end) and loss back are told apart. Jitter is that of RFC 3550 §6.4.1, \
    by the sender's own clock, for each direction. An end that speaks from another address (its NAT has forgotten \
    it) is followed once the new address has shown that it hears; what does not carry an end's token is ignored \
    and counted. Whoever listens sends an address nothing but one answer a datagram, and none longer, until it has shown that it \
    hears. The other end is late after one and a half intervals of silence, and lost after --timeout.\n\n\
    `netlab serve heartbeat` and `client heartbeat`, which say no more than the number, can be spoken to as well: then \
    what arrives there is not known.\n\n\
    A line for each heartbeat: its number, time, round trip, what is lost so far and the jitter; → is there, ← is back.\n\n\
    IN CAPTURES\n\nSmall packets (at most 512 bytes of data; TCP keep-alives) that come at a beat are found by themselves, between \
    10 ms and as long as the capture lasts, with at least four of them; the fewer there are, the more exactly they have to \
    come. Each beat has its period, jitter (RFC 3550 §6.4.1, with the period as the sender's clock), missed beats, the \
    other end's answers, and a line of time. What-if: how often a --timeout would have raised an alarm, though the other \
    end spoke again (silence of that direction, whatever it says); how often a NAT would have forgotten the conversation \
    (--binding; silence of both directions). Without them usual times are tried: timeouts of 0.5 s to 2 min; bindings of 30 s, \
    1, 2 and 5 min for UDP, 5 min and 2 h 4 min for TCP (RFC 4787 §4.3, RFC 5382 §5), and those are told that matter.\n\n\
    JSON\n\nBetween two ends, one object a line: event (alive, late, lost, beat, answered, unanswered, moved, restarted, \
    missing_there, missing_back, again, disordered, unreachable, unsent, summary), time (seconds since the start), peer; \
    alive, late, lost: silence (seconds); beat: number; answered: number, rtt (seconds), lost_there, lost_back, \
    jitter_there, jitter_back (seconds); unanswered: number; moved: from; missing_there, missing_back: count; unreachable, \
    unsent: what; summary: life, sent (datagrams), heartbeats, answered, rtt_min, rtt_avg, rtt_max, late, lost, moved, \
    restarted, and for there and back each: heard, lost, again, disordered, jitter.\n\
    In captures, one object a beat: transport, source, destination, alike (what its packets have in common: all, begin, \
    length, keep-alive), begin, length, period, period_min, period_max, jitter, beats, missed, late, besides, first_packet, \
    last_packet, start, end, silent_at_end, gap_count, gaps (packet, start, silence, missed; the first 64), answered, answer_min, \
    answer_avg, answer_max, moved_to, moved_packet, moved_after, timeouts (after, false_alarms, packet: the first), bindings \
    (after, lost, packet), time_line (# all came, = some, _ none). Times are seconds.\n\n  \
    netlab heartbeat --listen 8005\n  \
    netlab heartbeat 10.0.5.2:8005 --interval 500ms --timeout 2s\n  \
    netlab heartbeat --private\n  \
    netlab heartbeat captures/heartbeat.pcapng --timeout 1s"
)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Wait for others at this port (or ADDRESS:PORT); 0: one that the system chooses
    #[arg(long, value_name = "PORT", value_parser = listening, conflicts_with_all = ["files", "private", "dry_run", "until_lost"])]
    listen: Option<(Option<IpAddr>, u16)>,
    /// Between two heartbeats of ours; at least 10ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// An end is lost after so long without a sign of life [default: 3s]; in captures: would it have been? (repeatable)
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    timeout: Vec<Duration>,
    /// In captures: would a NAT that forgets after so long have lost the conversation? (repeatable)
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    binding: Vec<Duration>,
    /// Look for heartbeats in what passes here, until Ctrl-C or for --duration (repeatable); any is all of them
    #[arg(short, long, value_name = "IF", conflicts_with_all = ["files", "listen", "private", "dry_run"])]
    interface: Vec<String>,
    #[command(flatten)]
    selection: Selection,
    /// In captures: only the packets that this display filter wants (Wireshark's language)
    #[arg(short = 'Y', long = "where", value_name = "FILTER")]
    display_filter: Option<String>,
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
    /// One JSON object for each beat and event, and one for each end's sums; in captures one for each beat found
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
    if args.is_passive() { passive::run(&args) } else { active::run(args) }
}

/// In the process that [`run`] became, which has a single thread.
pub fn run_inside(args: Args) -> anyhow::Result<Exit> {
    active::run_inside(args)
}

impl Args {
    /// Whether captures are named: files that are there, or what does not look like HOST:PORT.
    fn is_passive(&self) -> bool {
        let mut paths = self.input.paths();
        match (paths.next(), paths.next()) {
            (None, _) => !self.interface.is_empty(),
            (Some(_), Some(_)) => true,
            (Some(only), None) => {
                let text = only.to_string_lossy();
                let port = text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                text == "-" || only.exists() || !port
            }
        }
    }

    /// HOST:PORT, where one is named.
    fn target(&self) -> Option<String> {
        self.input.paths().next().map(|path| path.to_string_lossy().into_owned())
    }
}
