//! `netlab nat punch`: meet another peer through a third machine, and speak to it directly, whatever NATs are between.

use std::hash::{BuildHasher, RandomState};
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::place::resolve;
use super::predict;
use crate::cmd::output::{Color, stdout};
use crate::cmd::{Exit, args};
use crate::engine::nat_behaviour::predict::Side;
use crate::engine::punch::{Ending, Event, Plan, Punch, Reach, Report, Transport};
use crate::engine::rendezvous::message::Session;
use crate::engine::rendezvous::server::PORT;
use crate::exercise::rendezvous::word::Shared;
use crate::io::interrupt::Stop;
use crate::io::nat::punch::{Lines, Sockets, Until, drive};
use crate::quantity;
use crate::view::punch::{self as view, Look};
use crate::view::style::Palette;

/// RFC 8445 §11 sends no keepalive more often than this without knowing better.
const EVERY: Duration = Duration::from_secs(15);
const LEAST_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The other peer does the same, with the same NAME and word; the third machine runs netlab serve rendezvous.\n\
    Exit status: 0 the other one was reached (also by the relay only: --no-relay), 1 it was not, 2 could not try.",
    after_long_help = "Both peers register at the rendezvous and are told each other's addresses: the outside one, from which the \
    rendezvous hears it, and the inside one, which it has itself. Then each sends to all of them every 100 ms, from the very \
    socket that registered. What goes out opens the own NAT's filter for what comes in; what comes from an address that \
    nobody told is answered there. A way counts once an own message was answered on it; then beats keep it alive, \
    below the lifetime of the NAT's mappings, and show when an address has changed (rebinding). With --tcp both connect at the \
    same time, from the port that registered (simultaneous open), again and again.\n\n\
    The shared word proves all messages (HMAC-SHA256); it hides none of them: they are text, to be read in a capture.\n\n\
    Lines of standard input go to the other peer where it is a pipe or a file, and with --talk from the keyboard; its lines \
    are shown behind '<'. Over UDP a line may be lost.\n\n\
    Keys of --json, one object a line: time (seconds since the start), event (waiting, met, heard, reached, not-reached, \
    relayed, moved, other-moved, lost, left, said, verdict); verdict: path (direct, relay, none), transport, address, origin \
    (outside, inside, seen), after_s, outside, seen (this peer, by the other one), other_outside, inside, tried (address, \
    origin, sent, heard, answered, refused), why (sentences), dropped_strange, dropped_repeated.\n\n\
    Exit status: 0 the other one was reached (also by the relay only: --no-relay), 1 it was not, 2 could not try.\n\n  \
    netlab serve rendezvous --any --word tea                             # on the third machine\n  \
    netlab nat punch lesson --via rendezvous.example.org --word tea --talk  # on both peers"
)]
pub struct Args {
    /// The name under which the two meet: letters, digits, '.', '_' and '-'
    #[arg(value_name = "NAME")]
    session: Session,
    /// The rendezvous: name or address, and its port if it is not 7000
    #[arg(long, value_name = "HOST[:PORT]")]
    via: String,
    #[command(flatten)]
    shared: Shared,
    /// TCP, by simultaneous open
    #[arg(long)]
    tcp: bool,
    /// The own port; 0: any that is free
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Time between two beats [default: half the lifetime, at most 15s]
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    every: Option<Duration>,
    /// How long a silent mapping of the NAT lives
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    lifetime: Option<Duration>,
    /// What `netlab nat discover --json` printed here: the lifetime, and what the verdict can go by
    #[arg(long, value_name = "FILE")]
    from_discover: Option<PathBuf>,
    /// How long to try before the relay is taken
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = quantity::duration)]
    patience: Duration,
    /// Give up instead of having the rendezvous relay
    #[arg(long)]
    no_relay: bool,
    /// End when the way is proved, and all of standard input sent
    #[arg(long)]
    once: bool,
    /// End after this time
    #[arg(long = "for", value_name = "TIME", value_parser = quantity::duration)]
    length: Option<Duration>,
    /// Send what is typed to the other peer, line by line
    #[arg(long)]
    talk: bool,
    /// IPv4 only
    #[arg(short = '4', conflicts_with = "six")]
    four: bool,
    /// IPv6 only
    #[arg(short = '6')]
    six: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

impl Args {
    /// Time between two beats, from what is known of the mapping's lifetime.
    fn every(&self, measured: Option<Duration>) -> anyhow::Result<Duration> {
        let lifetime = self.lifetime.or(measured);
        let every = match (self.every, lifetime) {
            (Some(every), _) => every,
            // Half of it: one beat may be lost.
            (None, Some(lifetime)) => (lifetime / 2).min(EVERY),
            (None, None) => EVERY,
        };
        if every < LEAST_EVERY {
            bail!("a beat every {} ms is too often: at least 100ms", every.as_millis());
        }
        if let Some(lifetime) = lifetime.filter(|lifetime| every >= *lifetime) {
            args::talk(&format!(
                "netlab: beats every {} s do not keep a mapping that lives {} s",
                every.as_secs_f64(),
                lifetime.as_secs_f64()
            ));
        }
        Ok(every)
    }
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let word = args.shared.word()?;
    let (own, measured) = match &args.from_discover {
        Some(path) => predict::known(path).with_context(|| format!("cannot use {}", path.display()))?,
        None => (Side::default(), None),
    };
    let every = args.every(measured)?;
    let family = if args.six { Some(true) } else { args.four.then_some(false) };
    let server = resolve(&args.via, PORT, family)?;
    let transport = if args.tcp { Transport::Tcp } else { Transport::Udp };
    let stop = Stop::install().context("cannot listen for Ctrl-C")?;
    let mut sockets = Sockets::open(transport, server, args.port).with_context(|| match transport {
        Transport::Udp => format!("cannot send to {server} from port {}", args.port),
        Transport::Tcp => format!("cannot connect to the rendezvous at {server} (netlab serve rendezvous)"),
    })?;
    let begun = Instant::now();
    let plan = Plan {
        transport,
        session: args.session,
        server,
        inside: vec![sockets.local()],
        word,
        every,
        patience: args.patience,
        relay: !args.no_relay,
        once: args.once,
        // Ids and nonces come from here: nobody who does not see them is to guess them.
        seed: RandomState::new().hash_one(std::process::id()),
    };
    announce(args, server, sockets.local());
    let input = std::io::stdin();
    let lines = (args.talk || !input.is_terminal()).then(Lines::new);
    let mut machine = Punch::new(plan, begun.elapsed());
    let look = Look { palette: Palette::new(args.color.on_stdout()), width: args::room() };
    let mut out = stdout()?;
    let mut tell = |event: &Event, now: Duration| {
        let mut text = Vec::new();
        match args.json {
            true => view::event_object(event, now, &mut text),
            false => look.event(event, now, args.patience, &mut text),
        }
        out.write_all(&text)?;
        out.flush()
    };
    let until = Until { stop: &stop, end: args.length, lines };
    let stopped = drive(&mut sockets, &mut machine, until, begun, &mut tell)?;
    let report = machine.report();
    let mut text = Vec::new();
    match args.json {
        true => view::verdict_object(&report, &own, begun.elapsed(), &mut text),
        false => look.verdict(args.session.as_str(), &report, &own, &mut text),
    }
    out.write_all(&text)?;
    Ok(exit(&report, stopped))
}

fn announce(args: &Args, server: SocketAddr, local: SocketAddr) {
    let by = if args.tcp { "TCP" } else { "UDP" };
    let name = args.session;
    args::talk(&format!("netlab: to meet '{name}' at {server}, by {by} from {local}; Ctrl-C ends it"));
}

fn exit(report: &Report, stopped: bool) -> Exit {
    match (report.reach, report.ended) {
        (Reach::Direct { .. } | Reach::Relay, _) => Exit::Done,
        (Reach::None, Some(Ending::Silent)) => Exit::CouldNot,
        (Reach::None, _) if stopped && report.other_outside.is_none() => Exit::Interrupted,
        (Reach::None, _) => Exit::No,
    }
}
