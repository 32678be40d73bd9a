//! Two ends that netlab holds: one that speaks first, one that listens.

use std::hash::RandomState;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::Args;
use crate::cmd::output::stdout;
use crate::cmd::{Exit, args as terminal, inside, made};
use crate::engine::heartbeat::{Life, Pace, Session, Sessions};
use crate::io::heartbeat::{Told, Until, Wire, drive};
use crate::io::interrupt::Stop;
use crate::io::netns::peer;
use crate::io::{ping, privilege};
use crate::view::heartbeat::ends::{self, Look};
use crate::view::style::Palette;
use crate::wire::Protocol;
use crate::wire::build::Recipe;

/// Where the peer of --private listens.
const PORT: u16 = 8005;
/// Without --timeout.
const TIMEOUT: Duration = Duration::from_secs(3);

pub fn run(args: Args) -> anyhow::Result<Exit> {
    if args.target().is_none() && args.listen.is_none() && !args.private {
        bail!("with whom, or where? give HOST:PORT, --listen PORT, --private, a capture FILE, or -i and an interface");
    }
    if args.timeout.len() > 1 || !args.binding.is_empty() || args.display_filter.is_some() {
        bail!("--binding, -Y and more than one --timeout are for captures: name a FILE, or -i and an interface");
    }
    if args.private {
        return inside::repeat_inside();
    }
    hold(&args, || Ok(()))
}

pub fn run_inside(args: Args) -> anyhow::Result<Exit> {
    let (port, pace) = (args.peer()?.map_or(PORT, |peer| peer.port()), args.pace());
    let service = move || {
        let wire = Wire::listen(None, port)?;
        let stop = Stop::install()?;
        let mut sessions = Sessions::new(pace, RandomState::new(), 8);
        std::thread::spawn(move || {
            drive(&wire, &mut sessions, Until::default(), &stop, Instant::now(), &mut |_, _, _| Ok(()))
        });
        Ok(())
    };
    inside::with_peer_serving(service, |leash| hold(&args, || Ok(leash.fasten()?)))
}

impl Args {
    fn pace(&self) -> Pace {
        Pace { interval: self.interval, timeout: self.timeout() }
    }

    fn timeout(&self) -> Duration {
        self.timeout.first().copied().unwrap_or(TIMEOUT)
    }

    /// The address of the other end; `None` where none is named.
    fn peer(&self) -> anyhow::Result<Option<SocketAddr>> {
        let Some(target) = self.target() else { return Ok(None) };
        let wrong = || format!("{target}: whom to speak to is written as HOST:PORT, 10.0.5.2:8005 or [fd00:5::2]:8005");
        let (host, port) = target.rsplit_once(':').with_context(wrong)?;
        let port: u16 = port.parse().ok().filter(|port| *port > 0).with_context(wrong)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let family = match (self.four, self.six) {
            (true, _) => Some(false),
            (_, true) => Some(true),
            _ => None,
        };
        let found = ping::resolve(host, family).map_err(|error| anyhow::anyhow!("cannot find {host}: {error}"))?;
        let mut address = *found.first().context("no address")?;
        if address.ip().is_multicast() || address.ip() == IpAddr::V4(Ipv4Addr::BROADCAST) {
            bail!("{} is no one host: a heartbeat has two ends", address.ip());
        }
        address.set_port(port);
        Ok(Some(address))
    }
}

/// `unprivileged` is called once privileges are given up.
fn hold(args: &Args, unprivileged: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    let there = match (args.peer()?, &args.listen) {
        (None, None) => {
            let peer: IpAddr = if args.six { "fd00:5::2".parse()? } else { Ipv4Addr::from(peer::PEER.four).into() };
            Some(SocketAddr::new(peer, PORT))
        }
        (there, _) => there,
    };
    let secret = RandomState::new();
    let mut sessions = match there {
        Some(peer) => Sessions::towards(args.pace(), secret, peer, Duration::ZERO),
        None => Sessions::new(args.pace(), secret, args.max_peers.into()),
    };
    if let (true, Some(peer)) = (args.dry_run, there) {
        return dry_run(args, &mut sessions, peer);
    }
    let wire = match (there, args.listen) {
        (Some(peer), _) => Wire::towards(peer).with_context(|| format!("cannot make a socket for {peer}"))?,
        (None, Some((address, port))) => {
            let to =
                address.map_or_else(|| format!("port {port}"), |address| SocketAddr::new(address, port).to_string());
            Wire::listen(address, port).with_context(|| format!("cannot listen on UDP {to}"))?
        }
        (None, None) => bail!("name the other end as HOST:PORT, or listen with --listen PORT"),
    };
    privilege::give_up().context("cannot give up privileges")?;
    unprivileged()?;
    let stop = Stop::install().context("cannot listen for Ctrl-C")?;
    announce(args, there, wire.address()?);
    let until = Until { count: args.count, lost: args.until_lost, duration: args.duration };
    let look = Look {
        palette: Palette::new(args.color.on_stdout()),
        width: if std::io::IsTerminal::is_terminal(&std::io::stdout()) { terminal::width() } else { usize::MAX },
        many: there.is_none(),
        ascii: args.ascii,
    };
    let (begun, mut out) = (Instant::now(), stdout()?);
    drive(&wire, &mut sessions, until, &stop, begun, &mut |sessions, told, now| {
        let text = telling(args, look, there, sessions, &told, now);
        out.write_all(&text)
    })?;
    let alive = summary(args, look, &mut sessions, begun.elapsed(), &mut out)?;
    Ok(if alive { Exit::Done } else { Exit::No })
}

fn announce(args: &Args, there: Option<SocketAddr>, own: SocketAddr) {
    let each = |time: Duration| format!("{} s", time.as_secs_f64());
    let pace = format!("every {}, lost after {} of silence", each(args.interval), each(args.timeout()));
    terminal::talk(&match there {
        Some(peer) => format!("heartbeat from port {} to {peer}, {pace}; Ctrl-C ends it", own.port()),
        None => format!("heartbeat: waiting on UDP {own} for others, {pace}; Ctrl-C ends it"),
    });
}

fn telling(
    args: &Args,
    look: Look,
    there: Option<SocketAddr>,
    sessions: &Sessions,
    told: &Told<'_>,
    now: Duration,
) -> Vec<u8> {
    let mut out = Vec::new();
    match (told, args.json) {
        (Told::Event(event), json) => {
            let end = sessions.end(event.peer());
            if json { ends::object(event, end, now, &mut out) } else { look.event(event, end, now, &mut out) }
        }
        (Told::Unreachable(reported), json) => {
            // Only who speaks to one chosen end keeps these.
            let Some(peer) = there else { return out };
            let what = ends::icmp(peer, reported.kind, reported.code, reported.info);
            if json {
                ends::trouble_object("unreachable", peer, &what, now, &mut out);
            } else {
                let from = reported.from.map(|from| format!("{from}: ")).unwrap_or_default();
                look.trouble(peer, &format!("{from}{what}"), now, &mut out);
            }
        }
        (Told::Unsent(peer, error), json) => {
            let what = ends::system(error);
            if json {
                ends::trouble_object("unsent", *peer, &what, now, &mut out);
            } else {
                look.trouble(*peer, &format!("not sent: {what}"), now, &mut out);
            }
        }
    }
    out
}

/// The sums of each end; whether the other end is alive, or of several whether anybody was heard.
fn summary(
    args: &Args,
    look: Look,
    sessions: &mut Sessions,
    now: Duration,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let left = sessions.take_left();
    let all = || left.iter().chain(sessions.ends());
    for end in all() {
        let mut text = Vec::new();
        if args.json {
            ends::summary_object(end, now, &mut text);
        } else {
            text.push(b'\n');
            look.summary(end, &mut text);
        }
        out.write_all(&text)?;
    }
    let more = sessions.met().saturating_sub(all().count() as u64);
    if more > 0 {
        terminal::talk(&format!("netlab: of {more} ends that were there before the sums are not kept"));
    }
    if sessions.ignored() > 0 {
        terminal::talk(&format!("netlab: {} were ignored: no end's of this heartbeat", datagrams(sessions.ignored())));
    }
    if sessions.refused() > 0 {
        terminal::talk(&format!(
            "netlab: {} of others were not heard: {} at a time (--max-peers)",
            datagrams(sessions.refused()),
            args.max_peers
        ));
    }
    let heard = |end: &Session| end.tally().heard > 0;
    let alive = |end: &Session| matches!(end.life(), Life::Alive | Life::Late);
    let good = if args.listen.is_some() { all().any(heard) } else { all().any(alive) };
    Ok(good)
}

fn datagrams(count: u64) -> String {
    format!("{count} {}", if count == 1 { "datagram" } else { "datagrams" })
}

/// The first datagram as `explain` shows it, and its bytes.
fn dry_run(args: &Args, sessions: &mut Sessions, to: SocketAddr) -> anyhow::Result<Exit> {
    let source = ping::source_of(to).with_context(|| format!("cannot reach {}", to.ip()))?;
    let first = sessions.transmit(Duration::ZERO).context("nothing would be sent")?;
    let (network, prefix, ttl) =
        if to.is_ipv6() { (Protocol::Ipv6, "ipv6", "ipv6.hlim") } else { (Protocol::Ipv4, "ip", "ip.ttl") };
    let mut recipe = Recipe::new(&[network, Protocol::Udp])?;
    recipe.set(&format!("{prefix}.src"), &source.to_string())?;
    recipe.set(&format!("{prefix}.dst"), &to.ip().to_string())?;
    recipe.set(ttl, &ping::usual_ttl(to)?.to_string())?;
    recipe.set("udp.srcport", "40000")?;
    recipe.set("udp.dstport", &to.port().to_string())?;
    recipe.payload(first.bytes);
    made::explain_packet(recipe.build()?.bytes, args.color, &made::without_frame())?;
    terminal::talk(
        "nothing was sent; port 40000 stands for the one that the kernel chooses, and the token for another",
    );
    Ok(Exit::Done)
}
