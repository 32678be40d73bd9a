//! `netlab handshake`: a TCP connection made by hand, from SYN to the last ACK, and what a host does with what is wrong.
//!
//! The order is the point: find the place, open what needs the privilege, give the privilege up, and only then talk with
//! anybody. The address is one that the kernel does not own, so that it resets nothing.

mod dry;
mod place;
mod talk;

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use super::output::Output;
use super::send::compose::hexadecimal;
use super::send::target::{Family, Target};
use super::{Exit, inside};
use crate::engine::handshake::{Close, Ends, Machine, Plan, Station, Trial};
use crate::io::netns::{Leash, peer};
use crate::io::privilege;
use crate::quantity;
use place::{Opened, Place};

/// The most data: what fits into the window that most hosts open with.
const MOST_DATA: u64 = 65_535;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The kernel would reset a connection that it knows nothing of. So the packets come from an address that it does not own: \
on a LAN one that nobody answers for (ARP, neighbour discovery); to a listener of this machine, that of a host on a cable \
laid for it. Both are gone when this program is, however it ends.

  netlab handshake --private --step                     without root: a peer in a private network, key by key
  netlab handshake 10.0.5.2 7 --private --data hello    SYN, SYN,ACK, ACK, data, FIN, ACK, FIN, ACK
  netlab handshake 10.0.5.2 81 --private                a closed port
  netlab handshake 10.0.5.2 7 --private --half-open     the peer repeats its SYN,ACK
  netlab handshake 10.0.5.2 7 --private --wrong-ack --old-seq --syn-again --rst-aside
  sudo netlab handshake 127.0.0.1 8005 --data hello     a server of this machine
  sudo netlab handshake 192.168.1.7 80 --abort          a host of the LAN
  netlab handshake 127.0.0.1 80 --dry-run               the packets explained; without root

With --private the peer has the addresses 10.0.5.2 and fd00:5::2, sends back what comes to port 7, and its other ports \
are closed.

Exit status: 0 opened and closed, or aborted as asked; 1 refused, reset, unreachable or silence; 2 could not.")]
pub struct Args {
    /// A name or an address; with --private, without it, the peer
    #[arg(value_name = "HOST", required_unless_present = "private")]
    host: Option<String>,
    /// The port; with --private, without it, 7
    #[arg(value_name = "PORT", required_unless_present = "private", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Wait for a key before each packet, and say which state each end is in
    #[arg(long)]
    step: bool,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    wrong: Wrong,
    #[command(flatten)]
    how: How,
    /// Send nothing: explain the packets that would be sent, and show their bytes (or as -v, -x, -e, --json say); needs no root
    #[arg(long)]
    dry_run: bool,
    /// In a private network, with a peer in it; needs no root
    #[arg(long)]
    private: bool,
    #[command(flatten)]
    output: Output,
    /// Interface to send on; by default the one of the route
    #[arg(short, long, value_name = "IF")]
    interface: Option<String>,
    /// The address to send from: one that no host has
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
}

/// What is carried.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The data")]
struct Data {
    /// Send this text once the connection is there
    #[arg(long = "data", visible_alias = "text", group = "payload", value_name = "TEXT")]
    text: Option<String>,
    /// Send these bytes, as hexadecimal digits
    #[arg(long = "bytes", group = "payload", value_name = "DIGITS")]
    digits: Option<String>,
    /// Send the content of this file, at most 65535 bytes
    #[arg(long, group = "payload", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What is not as it should be.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What does the peer do")]
struct Wrong {
    /// End by RST instead of FIN
    #[arg(long)]
    abort: bool,
    /// Never acknowledge the SYN,ACK, and watch the peer repeat it
    #[arg(long, conflicts_with_all = ["abort", "wrong_ack", "old_seq", "future_ack", "old_ack", "syn_again", "rst_aside"])]
    half_open: bool,
    /// With --half-open: watch for so long
    #[arg(long, value_name = "TIME", default_value = "8s", value_parser = quantity::duration, requires = "half_open")]
    watch: Duration,
    /// Send data within the SYN
    #[arg(long, requires = "payload")]
    data_in_syn: bool,
    /// As the third step, first an ACK of what was never sent
    #[arg(long)]
    wrong_ack: bool,
    /// Once connected: data with a sequence number of long ago
    #[arg(long)]
    old_seq: bool,
    /// Once connected: an ACK of data that the peer has not sent yet
    #[arg(long)]
    future_ack: bool,
    /// Once connected: an ACK of long ago
    #[arg(long)]
    old_ack: bool,
    /// Once connected: a SYN
    #[arg(long)]
    syn_again: bool,
    /// Once connected: a RST in the window, but not at the next number
    #[arg(long)]
    rst_aside: bool,
}

/// Times and numbers.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How")]
struct How {
    /// Wait so long for an answer to the data, and for the peer's FIN
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = quantity::duration)]
    wait: Duration,
    /// Send so often what is not acknowledged: after 1 s, 2 s, 4 s ...
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10))]
    attempts: u32,
    /// The first sequence number, instead of one by chance
    #[arg(long, value_name = "N")]
    seq: Option<u32>,
    /// The port to send from, instead of one by chance
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    source_port: Option<u16>,
    /// Use IPv4 where a name has both
    #[arg(short = '4', conflicts_with = "six")]
    four: bool,
    /// Use IPv6 where a name has both
    #[arg(short = '6')]
    six: bool,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    if args.private {
        return inside::repeat_inside();
    }
    handshake(&args, None)
}

/// In the process that [`run`] became, which has a single thread.
pub fn run_inside(args: Args) -> anyhow::Result<Exit> {
    inside::with_peer(|leash| handshake(&args, Some(leash)))
}

fn handshake(args: &Args, leash: Option<&Leash>) -> anyhow::Result<Exit> {
    let family = match (args.how.four, args.how.six) {
        (true, _) => Family::Four,
        (_, true) => Family::Six,
        _ => Family::Any,
    };
    let usual = if args.how.six { "fd00:5::2" } else { "10.0.5.2" };
    let host = args.host.as_deref().unwrap_or(usual);
    let target = Target::parse(host, family)?;
    if let Some(port) = target.port {
        bail!("write the port by itself: {} {port}", target.address);
    }
    let port = args.port.unwrap_or(peer::ECHO);
    let place = Place::find(args, target.address, target.zone.as_deref())?;
    let random = RandomState::new().hash_one(std::process::id());
    let plan = args.plan(random as u32, place.size())?;
    // Ports that no registered service has (RFC 6335 §6).
    let ephemeral = args.how.source_port.unwrap_or(49_152 + (random >> 48) as u16 % 16_384);
    let mut ends = Ends {
        here: SocketAddr::new(place.source()?, ephemeral),
        there: SocketAddr::new(target.address, port),
        own: place.own,
        hop: place.known_hop()?.unwrap_or_default(),
    };
    if args.dry_run {
        return dry::print(args, plan, ends, &place);
    }
    let channel = match place.open()? {
        Opened::Ready { channel, source, hop } => {
            ends.here.set_ip(source);
            ends.hop = hop;
            channel
        }
        Opened::Silent { name, address } => {
            let how = if address.is_ipv4() { "ARP" } else { "neighbour discovery" };
            println!("silence: nobody on {name} has the address {address}, says {how}; no SYN was sent");
            return Ok(Exit::No);
        }
    };
    privilege::give_up().context("cannot give up privileges")?;
    if let Some(leash) = leash {
        leash.fasten()?;
    }
    talk::run(args, channel, Station::new(ends, Machine::new(plan)))
}

impl Args {
    fn plan(&self, random: u32, size: u16) -> anyhow::Result<Plan> {
        let wrong = &self.wrong;
        let trials = [
            (wrong.old_seq, Trial::OldSequence),
            (wrong.future_ack, Trial::FutureAck),
            (wrong.old_ack, Trial::OldAck),
            (wrong.syn_again, Trial::SynAgain),
            (wrong.rst_aside, Trial::ResetAside),
        ];
        Ok(Plan {
            start: self.how.seq.unwrap_or(random),
            data: self.data.read()?,
            size,
            close: if wrong.abort { Close::Reset } else { Close::Fin },
            data_in_syn: wrong.data_in_syn,
            half_open: wrong.half_open.then_some(wrong.watch),
            wrong_ack: wrong.wrong_ack,
            trials: trials.into_iter().filter(|(wanted, _)| *wanted).map(|(_, trial)| trial).collect(),
            wait: self.how.wait,
            attempts: self.how.attempts,
        })
    }
}

impl Data {
    fn read(&self) -> anyhow::Result<Vec<u8>> {
        let bytes = match (&self.text, &self.digits, &self.file) {
            (Some(text), ..) => text.clone().into_bytes(),
            (_, Some(digits), _) => hexadecimal(digits).context("--bytes")?,
            (_, _, Some(path)) => {
                // One byte more than fits tells that it does not fit.
                let mut bytes = Vec::new();
                let file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
                let read = std::io::Read::read_to_end(&mut std::io::Read::take(file, MOST_DATA + 1), &mut bytes);
                read.with_context(|| format!("cannot read {}", path.display()))?;
                bytes
            }
            _ => Vec::new(),
        };
        if bytes.len() as u64 > MOST_DATA {
            bail!("that is too much data: at most {MOST_DATA} bytes");
        }
        Ok(bytes)
    }
}
