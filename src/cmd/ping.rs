//! `netlab ping`: is a host there, how far is it, and which way; by echo requests, SYNs or datagrams.

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::explain::{Protocols, protocols};
use super::output::{Color, stdout};
use super::{Exit, args, inside, made};
use crate::engine::ping::packet::Recipe;
use crate::engine::ping::{Course, Event, Pace, Ping, Plan, Protocol, Route, Target};
use crate::io::interrupt::Stop;
use crate::io::{ping, privilege};
use crate::quantity;
use crate::view::ping::{Look, object, summary_object};
use crate::view::style::Palette;

/// What ping(8) of iputils lets users have; there is no flood, and no less for root.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(2);
/// The other host of --private, by IPv4 and by IPv6 (`io::netns::peer`).
const PEER: [&str; 2] = ["10.0.5.2", "fd00:5::2"];
/// Between two probes of --route, so that no router thinks itself flooded.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Runs until Ctrl-C, one probe a second; the figures at the end are those of ping(8) from iputils, mdev the \
    standard deviation.\nExit status: 0 the target answered, 1 it did not, 2 could not send.",
    after_long_help = "Runs until Ctrl-C, one probe a second, at most one every 2 ms. Each line is a probe or what came \
    back: number of the probe, time since the first, who to whom, what it was; then the round trip by the kernel's clock, \
    and the time to live that was left, from which the routers on the way are guessed (most systems begin with 32, 64, 128 \
    or 255; with --tcp the kernel does not tell it). Errors of routers are told with their sender. The figures at the end are computed as ping(8) of iputils \
    does, mdev is the standard deviation.\n\n\
    With --tcp the kernel opens a connection and closes it again; a refusal (RST) is an answer too. It is given up \
    after 950 ms at the latest, before the kernel repeats the SYN. With --udp a datagram is an answer, and so is the \
    target's 'port unreachable'.\n\n\
    Echo requests go through a ping socket where net.ipv4.ping_group_range lets this user have one, else they take \
    CAP_NET_RAW. --tcp, --udp, both with --route, --dry-run and --private need no privilege.\n\n\
    Exit status: 0 the target answered, 1 it did not, 2 could not send.\n\n\
    Keys of --json, one object a line: event (sent, answer, error, silence, hop, summary), time (seconds since the \
    first probe), number, protocol; sent: to, length; answer and error: from, what, ttl, hops_guessed, rtt (seconds), \
    length, same (data), type and code (ICMP), duplicate, late; silence: waited; hop: ttl, reached, probes (a list of \
    answers); summary: to, transmitted, received, duplicates, errors, rtt_min, rtt_avg, rtt_max, rtt_mdev.\n\n  \
    netlab ping 10.0.5.2 -c 4\n  \
    netlab ping example.org --tcp 443\n  \
    netlab ping example.org --tcp 443 --route\n  \
    netlab ping --private --size 1400\n  \
    netlab ping 10.0.5.2 --ttl 1 --dry-run"
)]
pub struct Args {
    /// A name or an address; with --private, without it, the peer
    #[arg(value_name = "HOST", required_unless_present = "private")]
    host: Option<String>,
    /// End after so many probes
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "route")]
    count: Option<u64>,
    /// Between two probes; at least 2ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval, conflicts_with = "route")]
    interval: Duration,
    /// How long an answer is waited for, until it is said that there is none
    #[arg(short = 'W', long, value_name = "TIME", default_value = "1s", value_parser = wait)]
    wait: Duration,
    /// End after this time
    #[arg(long, value_name = "TIME", value_parser = quantity::duration, conflicts_with = "route")]
    duration: Option<Duration>,
    /// Bytes of data in an echo request or datagram
    #[arg(short, long, value_name = "BYTES", default_value_t = 56, value_parser = clap::value_parser!(u16).range(0..=65_487),
        conflicts_with = "tcp")]
    size: u16,
    /// Time to live, or hop limit, instead of the system's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    ttl: Option<u8>,
    /// By opening a TCP connection to this port
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "udp")]
    tcp: Option<u16>,
    /// By a UDP datagram to this port
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    udp: Option<u16>,
    /// Hop by hop: which routers are on the way
    #[arg(long, conflicts_with = "ttl")]
    route: bool,
    /// With --route: how many hops at most
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..), requires = "route")]
    hops: u8,
    /// With --route: probes to each hop
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=10), requires = "route")]
    probes: u8,
    /// IPv4 only
    #[arg(short = '4', conflicts_with = "six")]
    four: bool,
    /// IPv6 only
    #[arg(short = '6')]
    six: bool,
    /// Leave by this interface
    #[arg(short, long, value_name = "IF")]
    interface: Option<String>,
    /// Send nothing: explain the packet that would be sent, and show its bytes
    #[arg(long, conflicts_with = "private")]
    dry_run: bool,
    /// With --dry-run: explain only the layers of these protocols (repeat, or separate by commas): ip, icmp, tcp, ...
    #[arg(long = "layer", value_name = "PROTOCOL", value_delimiter = ',', value_parser = protocols, requires = "dry_run")]
    layers: Vec<Protocols>,
    /// In a private network with one other host, 10.0.5.2 and fd00:5::2; without root, and nothing reaches this machine's
    #[arg(long)]
    private: bool,
    /// One JSON object for each probe, answer, error and silence, and one for the figures
    #[arg(long)]
    json: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = quantity::duration(text)?;
    if interval < SHORTEST_INTERVAL { Err("at least 2ms: flooding is not offered".to_owned()) } else { Ok(interval) }
}

fn wait(text: &str) -> Result<Duration, String> {
    let wait = quantity::duration(text)?;
    if wait > Duration::from_secs(60) { Err("at most 60s".to_owned()) } else { Ok(wait) }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    if args.private {
        return inside::repeat_inside();
    }
    ping(&args, || Ok(()))
}

/// In the process that [`run`] became, which has a single thread.
pub fn run_inside(args: Args) -> anyhow::Result<Exit> {
    inside::with_peer(|leash| ping(&args, || Ok(leash.fasten()?)))
}

/// `unprivileged` is called once privileges are given up.
fn ping(args: &Args, unprivileged: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    let target = args.target()?;
    if args.dry_run {
        return dry_run(args, target);
    }
    let options = ping::Options { target, length: args.length(), ttl: args.ttl, interface: args.interface.clone() };
    let mut wire = ping::Wire::open(options)?;
    privilege::give_up().context("cannot give up privileges")?;
    unprivileged()?;
    let look = Look {
        target,
        host: args.host().to_owned(),
        source: wire.source(),
        identifier: wire.identifier(),
        length: args.length(),
        palette: Palette::new(args.color.on_stdout()),
        room: args::room(),
        route: args.route,
    };
    let stop = Stop::install().context("cannot listen for Ctrl-C")?;
    let mut out = stdout()?;
    let begun = Instant::now();
    if args.route {
        let plan = Plan { first: 1, last: args.hops, probes: args.probes, pause: PAUSE, wait: args.patience() };
        let mut route = Route::new(plan, target, Duration::ZERO);
        drive(&mut wire, &mut route, &stop, begun, &look, args.json, &mut out)?;
        return Ok(if route.has_arrived() { Exit::Done } else { Exit::No });
    }
    let pace = Pace { interval: args.interval, wait: args.patience(), count: args.count, duration: args.duration };
    let mut course = Ping::new(pace, target, Duration::ZERO);
    drive(&mut wire, &mut course, &stop, begun, &look, args.json, &mut out)?;
    let (statistics, time, mut text) = (course.statistics(), begun.elapsed(), Vec::new());
    if args.json {
        summary_object(&look, statistics, time, &mut text);
    } else {
        look.summary(statistics, time, &mut text);
    }
    out.write_all(&text)?;
    Ok(if statistics.received > 0 { Exit::Done } else { Exit::No })
}

fn drive<C: Course>(
    wire: &mut ping::Wire,
    course: &mut C,
    stop: &Stop,
    begun: Instant,
    look: &Look,
    json: bool,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let mut text = Vec::new();
    ping::drive(wire, course, stop, begun, &mut |event: &Event, now| {
        text.clear();
        if json {
            object(look, event, now, &mut text)
        } else {
            look.event(event, now, &mut text)
        }
        out.write_all(&text)
    })
}

impl Args {
    fn host(&self) -> &str {
        let peer = if self.six { PEER[1] } else { PEER[0] };
        self.host.as_deref().unwrap_or(peer)
    }

    fn length(&self) -> usize {
        if self.tcp.is_some() { 0 } else { self.size.into() }
    }

    fn patience(&self) -> Duration {
        if self.tcp.is_some() { self.wait.min(ping::LONGEST_SYN) } else { self.wait }
    }

    fn target(&self) -> anyhow::Result<Target> {
        let family = match (self.four, self.six) {
            (true, _) => Some(false),
            (_, true) => Some(true),
            _ => None,
        };
        let host = self.host();
        let found = ping::resolve(host, family).map_err(|error| anyhow::anyhow!("cannot find {host}: {error}"))?;
        let mut address: SocketAddr = *found.first().context("no address")?;
        if address.ip().is_multicast() {
            bail!("{} is a multicast group: no one host answers for it", address.ip());
        }
        let (protocol, port) = match (self.tcp, self.udp) {
            (Some(port), _) => (Protocol::Tcp, port),
            (_, Some(port)) => (Protocol::Udp, port),
            _ => (Protocol::Echo, 0),
        };
        address.set_port(port);
        Ok(Target { address, protocol })
    }
}

/// The packet as `explain` shows it, and its bytes.
fn dry_run(args: &Args, target: Target) -> anyhow::Result<Exit> {
    let address = target.address;
    let source = ping::source_of(address).with_context(|| format!("cannot reach {}", address.ip()))?;
    let first = args.route.then_some(1);
    let ttl = match args.ttl.or(first) {
        Some(ttl) => ttl,
        None => ping::usual_ttl(address).context("cannot ask for the usual time to live")?,
    };
    // What the kernel or the process's number decides is only known once it is sent.
    let other = if target.protocol == Protocol::Echo { 1 } else { address.port() };
    let recipe = Recipe {
        protocol: target.protocol,
        source,
        destination: address.ip(),
        ttl,
        own: 40_000,
        other,
        length: args.length(),
    };
    let bytes = recipe.build()?;
    let only: Vec<_> = match args.layers.is_empty() {
        true => made::without_frame(),
        false => args.layers.iter().flat_map(|layer| layer.0.clone()).collect(),
    };
    made::explain_packet(bytes, args.color, &only)?;
    let chosen = match target.protocol {
        Protocol::Echo => "identifier 40000 stands for the one that is chosen when it is sent",
        Protocol::Tcp => "port 40000 and start number 0 stand for those that the kernel chooses, and it adds options",
        Protocol::Udp => "port 40000 stands for the one that the kernel chooses",
    };
    args::talk(&format!("nothing was sent; {chosen}"));
    Ok(Exit::Done)
}
