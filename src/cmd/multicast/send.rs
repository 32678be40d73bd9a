//! `netlab multicast send`: a datagram to a group every second, and what comes back.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::{Exit, Group, Showing, dry, plain};
use crate::cmd::output::stdout;
use crate::engine::multicast::{Mark, mark};
use crate::frame::Timestamp;
use crate::io::interrupt::Interrupt;
use crate::io::membership::Interface;
use crate::io::multicast::{self, Datagram, Sender, Sending};
use crate::io::netns::Leash;
use crate::io::{clock, privilege};
use crate::quantity;
use crate::view::datagrams::{Look, Shown, sent_object};

/// Faster is no person's pace: `netlab send udp --rate` is.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
/// What comes back to the last datagram is waited for so long.
const LAST: Duration = Duration::from_millis(200);
/// The longest UDP payload over IPv4; over IPv6 it is longer.
const MOST: usize = 65_507;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each datagram is the text and a mark with the run and the number of the datagram, as in: Hey all! [netlab 5f3a9c1e 17]. \
`netlab multicast receive` knows by it what was lost, doubled or late; with --plain there is none.

  netlab multicast send 239.1.2.3:5000 \"Hey all!\"
  netlab multicast send 239.1.2.3:5000 --ttl 4 --interval 200ms -i eth0
  netlab multicast send [ff15::1]:5000 --count 3 -i eth0
  netlab multicast send 239.0.0.7:7 --private               to the peer, which sends back what comes to port 7

Exit status: 0 sent, 2 could not.
Keys of --json: event (sent, answer), time, number, from, to, ttl, interface, length, text, run, sequence.")]
pub struct Args {
    /// The group and its port, as 239.1.2.3:5000 or [ff15::1]:5000
    #[arg(value_name = "GROUP:PORT")]
    group: String,
    /// What to say
    #[arg(default_value = "Hey all!")]
    text: String,
    /// Time to live, or hop limit: how many networks it may cross; 1 stays on this one, 0 on this machine
    #[arg(long, value_name = "N", default_value_t = 1)]
    ttl: u8,
    /// Between two datagrams; at least 10ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// End after so many
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// The interface to send by; by default the one of the route
    #[arg(short, long, value_name = "IF")]
    interface: Option<String>,
    /// Let programs on this machine not hear it
    #[arg(long)]
    no_loop: bool,
    /// Send the text alone, without the mark
    #[arg(long)]
    plain: bool,
    /// Send nothing: explain the packet that would be sent, and show its bytes
    #[arg(long, conflicts_with = "private")]
    dry_run: bool,
    /// In a private network with a peer that is in the group 239.0.0.7; without root
    #[arg(long)]
    pub private: bool,
    #[command(flatten)]
    showing: Showing,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = quantity::duration(text)?;
    if interval < SHORTEST_INTERVAL {
        return Err("at least 10ms; for more, netlab send udp GROUP:PORT --rate N".to_owned());
    }
    Ok(interval)
}

pub fn run(args: &Args, leash: Option<&Leash>) -> anyhow::Result<Exit> {
    let group = Group::parse(&args.group)?;
    let room = if args.plain { 0 } else { mark::LONGEST };
    if args.text.len() + room > MOST {
        bail!("{} bytes of text do not fit one datagram: {} do", args.text.len(), MOST - room);
    }
    let interface = multicast::leading_to(group.ip(), args.interface.as_deref().or(group.zone.as_deref()))?;
    let sending = Sending { ttl: args.ttl, looped: !args.no_loop };
    let sender = Sender::open(group.address, &interface, sending)?;
    let run = RandomState::new().hash_one(std::process::id()) as u32;
    let bytes = |number| match args.plain {
        true => args.text.as_bytes().to_vec(),
        false => Mark { run, number }.encode(args.text.as_bytes()),
    };
    if args.dry_run {
        // A run has its number only when it is run, and its port is the kernel's choice.
        let payload = if args.plain { bytes(1) } else { Mark { run: 0, number: 1 }.encode(args.text.as_bytes()) };
        return dry::datagram(&args.showing, sender.source.ip(), group.address, args.ttl, payload, &interface.name);
    }
    privilege::give_up().context("cannot give up privileges")?;
    if let Some(leash) = leash {
        leash.fasten()?;
    }
    let (stop, wake) = io::pipe().context("cannot make a pipe")?;
    let interrupt = Interrupt::install(|| Ok(wake.try_clone()?.into())).context("cannot listen for Ctrl-C")?;
    let mut show = Show {
        look: args.showing.look(),
        json: args.showing.json,
        shown: 0,
        group: group.address,
        source: plain(sender.source),
        interface,
    };
    let mut next = Instant::now();
    let mut sent = 0u32;
    while args.count.is_none_or(|count| sent < count) && !interrupt.happened() {
        let payload = bytes(sent.wrapping_add(1));
        let time = clock::now();
        sender.send(&payload).map_err(|error| refused(group.address, &error))?;
        sent = sent.wrapping_add(1);
        show.sent(time, args.ttl, &payload)?;
        next += args.interval;
        let last = args.count == Some(sent);
        wait(&sender, &stop, &mut show, if last { Instant::now() + LAST } else { next })?;
    }
    if !args.showing.json {
        let datagrams = if sent == 1 { "datagram" } else { "datagrams" };
        let mark = if args.plain { String::new() } else { format!(", run {run:08x}") };
        show.note(&format!("{sent} {datagrams} sent to {} by {}{mark}", group.address, show.interface.name))?;
    }
    Ok(Exit::Done)
}

/// Shows what comes back until then, or until Ctrl-C.
fn wait(sender: &Sender, stop: &io::PipeReader, show: &mut Show, until: Instant) -> anyhow::Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // Rounded up: a millisecond less would be a busy wait.
        let milliseconds = left.as_micros().div_ceil(1000).min(60_000) as u16;
        let asked = sender.answers(milliseconds, stop, &mut |datagram| show.came(&datagram))?;
        if asked || Instant::now() >= until {
            return Ok(());
        }
    }
}

fn refused(group: SocketAddr, error: &io::Error) -> anyhow::Error {
    let why = match error.kind() {
        io::ErrorKind::PermissionDenied => ": a firewall of this machine forbids it, or the kernel",
        io::ErrorKind::NetworkUnreachable => ": say by which interface, with -i",
        _ => "",
    };
    anyhow::anyhow!("cannot send to {group}: {error}{why}")
}

/// What is shown.
struct Show {
    look: Look,
    json: bool,
    shown: u64,
    group: SocketAddr,
    source: SocketAddr,
    interface: Interface,
}

impl Show {
    fn sent(&mut self, time: Timestamp, ttl: u8, bytes: &[u8]) -> io::Result<()> {
        let interface = self.interface.name.clone();
        let shown = Shown {
            number: 0,
            time,
            from: self.source,
            to: self.group,
            ttl: Some(ttl),
            interface: Some(&interface),
            bytes,
        };
        self.line("sent", shown)
    }

    fn came(&mut self, datagram: &Datagram) -> io::Result<()> {
        let Datagram { time, from, ttl, to, bytes, .. } = datagram;
        let interface = self.interface.name.clone();
        let shown = Shown {
            number: 0,
            time: time.unwrap_or_else(clock::now),
            from: plain(*from),
            to: SocketAddr::new(to.unwrap_or(self.source.ip()), self.source.port()),
            ttl: *ttl,
            interface: Some(&interface),
            bytes,
        };
        self.line("answer", shown)
    }

    fn line(&mut self, event: &str, shown: Shown<'_>) -> io::Result<()> {
        self.shown += 1;
        let shown = Shown { number: self.shown, ..shown };
        let mut out = Vec::new();
        match self.json {
            true => sent_object(event, &shown, &mut out),
            false => self.look.sent(&shown, &mut out),
        }
        stdout().map_err(io::Error::other)?.write_all(&out)
    }

    fn note(&self, text: &str) -> anyhow::Result<()> {
        let mut out = Vec::new();
        self.look.note(text, &mut out);
        Ok(stdout()?.write_all(&out)?)
    }
}
