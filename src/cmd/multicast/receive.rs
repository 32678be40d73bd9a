//! `netlab multicast receive`: joins groups, shows each datagram, and says what joining and leaving caused.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver as Queue, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::caused::Membership;
use super::ear::{Ears, Said};
use super::{Exit, Group, Showing, dry, plain};
use crate::cmd::args::talk;
use crate::cmd::output::{Language, stdout};
use crate::engine::multicast::report::Said as Expected;
use crate::engine::multicast::{Receiver, SILENT};
use crate::io::interrupt::Interrupt;
use crate::io::link::{self, Link};
use crate::io::multicast::{self, Datagram, Listener};
use crate::io::netns::Leash;
use crate::io::{clock, groups, privilege};
use crate::quantity;
use crate::view::datagrams::{Look, Shown, counted, counted_object, heard_object, message_object};
use crate::view::object::Object;
use crate::wire::build::membership::{self, Says};

/// A report that is not there by then has not been sent: hosts wait up to a second (RFC 9776 §8.10).
const REPORTED: Duration = Duration::from_millis(1_500);
/// Memberships at the same time: each has a socket, and most users may have 1024 files open.
const MOST_MEMBERSHIPS: usize = 500;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each datagram is shown with its sender, what is left of its time to live, and the interface that it came by. Senders of \
`netlab multicast send` number theirs: what is missing, doubled or late is said, and counted at the end. So are the \
messages of IGMP and MLD that joining and leaving cause, as they pass; to see those takes CAP_NET_RAW, without it the \
kernel's state is told.

  netlab multicast receive 239.1.2.3:5000 -i eth0
  netlab multicast receive 232.1.2.3:5000 --source 192.0.2.7       only what that host sends (source-specific)
  netlab multicast receive 239.1.2.3:5000 239.1.2.4:5000 [ff15::1]:5000 --count 10
  netlab multicast receive 239.1.2.3:5000 --private                the peer 10.0.5.2 sends to it; without root

Exit status: 0 something was heard, 1 nothing, 2 could not, 130 interrupted before anything was heard.
Keys of --json: event (join, datagram, message, leave, sender, summary); join and leave: group, interface, expected, \
version and to, or why; datagram: time, number, from, to, ttl, interface, length, text, run, sequence, order (first, next, \
ahead with missing, late with by, doubled, old, uncounted); message: time, interface, from, to, protocol, what, says; \
sender: from, to, run, expected, received, lost, doubled, late, old; summary: datagrams, plain, uncounted, forgotten.")]
pub struct Args {
    /// Groups with their ports, as 239.1.2.3:5000 or [ff15::1]:5000
    #[arg(value_name = "GROUP:PORT", required = true)]
    groups: Vec<String>,
    /// Hear only what this host sends (repeatable); for the groups of its family
    #[arg(long, value_name = "ADDRESS")]
    source: Vec<IpAddr>,
    /// The interface to join on (repeatable); by default the one of the route
    #[arg(short, long, value_name = "IF")]
    interface: Vec<String>,
    /// End after so many datagrams
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this time
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    duration: Option<Duration>,
    /// Say READY on standard error once all groups are joined
    #[arg(long)]
    ready: bool,
    /// Join nothing: explain the report that joining would cause, and show its bytes
    #[arg(long, conflicts_with = "private")]
    dry_run: bool,
    /// In a private network with a peer that sends to the groups every second; without root
    #[arg(long)]
    pub private: bool,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    language: Language,
}

/// What may happen.
pub enum News {
    Heard(SocketAddr, String, Datagram),
    Said(Box<Said>),
    /// A capture ended by itself; why.
    Deaf(String),
    /// The sockets cannot be heard any more; why.
    Failed(io::Error),
    Stop,
}

impl Args {
    pub fn groups(&self) -> anyhow::Result<Vec<Group>> {
        let groups = self.groups.iter().map(|text| Group::parse(text)).collect::<anyhow::Result<Vec<_>>>()?;
        for source in &self.source {
            ensure!(!source.is_multicast(), "--source {source}: a group sends nothing, hosts do");
            let family = groups.iter().any(|group| group.ip().is_ipv4() == source.is_ipv4());
            ensure!(family, "--source {source}: no group is of its family");
        }
        Ok(groups)
    }

    /// The sources of a group's family.
    fn sources(&self, group: IpAddr) -> Vec<IpAddr> {
        self.source.iter().copied().filter(|source| source.is_ipv4() == group.is_ipv4()).collect()
    }

    /// A socket for each group on each interface, bound and not joined.
    fn listeners(&self) -> anyhow::Result<Vec<Listener>> {
        let mut listeners: Vec<Listener> = Vec::new();
        for group in self.groups()? {
            let named: Vec<Option<&str>> = match (&group.zone, self.interface.as_slice()) {
                (Some(zone), _) => vec![Some(zone)],
                (None, []) => vec![None],
                (None, named) => named.iter().map(|name| Some(name.as_str())).collect(),
            };
            for name in named {
                let interface = multicast::leading_to(group.ip(), name)?;
                let known = |one: &Listener| one.group == group.address && one.interface.index == interface.index;
                if listeners.iter().any(known) {
                    continue;
                }
                ensure!(listeners.len() < MOST_MEMBERSHIPS, "more than {MOST_MEMBERSHIPS} groups at once are too many");
                listeners.push(Listener::bind(group.address, interface)?);
            }
        }
        Ok(listeners)
    }
}

pub fn run(args: &Args, leash: Option<&Leash>) -> anyhow::Result<Exit> {
    if args.dry_run {
        return dry_run(args);
    }
    let listeners = args.listeners()?;
    let ears = Ears::open(listeners.iter().map(|one| one.interface.name.as_str()));
    privilege::give_up().context("cannot give up privileges")?;
    if let Some(leash) = leash {
        leash.fasten()?;
    }
    let (to, news) = channel();
    interrupted(&to)?;
    let listening = match ears {
        Ok(ears) => Some(ears.start(args.language.words(), &to)?),
        Err(error) => {
            talk(&format!("netlab: messages of IGMP and MLD are not shown: {}", error.to_string().replace('\n', " ")));
            None
        }
    };
    let mut show = Show {
        look: args.showing.look(),
        json: args.showing.json,
        links: link::links()?,
        seen: listening.is_some(),
        memberships: Vec::new(),
        receiver: Receiver::default(),
        begun: Instant::now(),
        shown: 0,
        datagrams: 0,
        most: args.count.unwrap_or(u64::MAX),
    };
    let mut joined = Vec::new();
    for listener in &listeners {
        let sources = args.sources(listener.group.ip());
        let membership = Membership::before(listener, &sources);
        listener.join(&sources)?;
        show.joined(&membership)?;
        joined.push(membership);
    }
    show.memberships = joined;
    // The sockets are heard, and closed, by a thread of their own.
    let (asked, leave) = io::pipe().context("cannot make a pipe")?;
    let hearing =
        std::thread::Builder::new().name("sockets".to_owned()).spawn(move || hear(&listeners, &asked, &to))?;
    if args.ready {
        eprintln!("READY");
    }
    let end = args.duration.map(|duration| Instant::now() + duration);
    let stopped = watch(&news, end, &mut show);

    // To close the sockets is to leave.
    let interfaces = groups::interfaces().unwrap_or_default();
    show.memberships.iter_mut().for_each(|one| one.before_leaving(&interfaces));
    drop(leave);
    let heard = hearing.join();
    let stopped = stopped?;
    if heard.is_err() {
        bail!("the sockets could not be heard");
    }
    show.left(&news)?;
    if let Some(listening) = listening {
        listening.end();
    }
    show.summary()?;
    Ok(match (show.datagrams, stopped) {
        (1.., _) => Exit::Done,
        (0, true) => Exit::Interrupted,
        (0, false) => Exit::No,
    })
}

/// Tells of Ctrl-C from now on.
fn interrupted(to: &Sender<News>) -> anyhow::Result<()> {
    let (mut asked, ring) = io::pipe().context("cannot make a pipe")?;
    Interrupt::install(|| Ok(ring.try_clone()?.into())).context("cannot listen for Ctrl-C")?;
    let to = to.clone();
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        // What is read does not matter, nor does an error: both mean that it is time to end.
        let _ = io::Read::read(&mut asked, &mut [0]);
        let _ = to.send(News::Stop);
        // Open as long as somebody may write.
        drop(ring);
    })?;
    Ok(())
}

/// Hands on all that the sockets hear, until the other end of `asked` is closed; then closes them.
fn hear(listeners: &[Listener], asked: &io::PipeReader, to: &Sender<News>) {
    let heard = multicast::hear(listeners, asked, &mut |listener, datagram| {
        to.send(News::Heard(listener.group, listener.interface.name.clone(), datagram)).is_ok()
    });
    if let Err(error) = heard {
        let _ = to.send(News::Failed(error));
    }
}

/// Shows what happens, until the end; whether Ctrl-C was it.
fn watch(news: &Queue<News>, end: Option<Instant>, show: &mut Show) -> anyhow::Result<bool> {
    let mut reported = Some(Instant::now() + REPORTED);
    while show.datagrams < show.most {
        let now = Instant::now();
        if end.is_some_and(|end| now >= end) {
            return Ok(false);
        }
        if reported.is_some_and(|by| now >= by) {
            show.not_reported()?;
            reported = None;
        }
        let until = [end, reported].into_iter().flatten().min();
        let next = match until {
            Some(until) => news.recv_timeout(until.saturating_duration_since(now)),
            None => news.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok(News::Stop) => return Ok(true),
            Ok(one) => show.take(one)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("nobody listens any more"),
        }
    }
    Ok(false)
}

/// All that is shown, and what it takes to.
struct Show {
    look: Look,
    json: bool,
    links: Vec<Link>,
    /// Messages are seen as they pass.
    seen: bool,
    memberships: Vec<Membership>,
    receiver: Receiver,
    begun: Instant,
    shown: u64,
    datagrams: u64,
    most: u64,
}

impl Show {
    fn take(&mut self, news: News) -> anyhow::Result<()> {
        let mut out = Vec::new();
        match news {
            News::Heard(group, interface, datagram) => {
                if self.datagrams < self.most {
                    self.datagram(group, &interface, &datagram, &mut out);
                }
            }
            News::Said(said) => self.said(&said, &mut out),
            News::Deaf(why) => talk(&format!("netlab: messages of IGMP and MLD are not shown any more: {why}")),
            News::Failed(error) => return Err(error).context("cannot hear the groups"),
            News::Stop => {}
        }
        Ok(stdout()?.write_all(&out)?)
    }

    fn datagram(&mut self, group: SocketAddr, interface: &str, datagram: &Datagram, out: &mut Vec<u8>) {
        let link = self.links.iter().find(|link| Some(link.index) == datagram.interface);
        let from = plain(datagram.from);
        self.shown += 1;
        self.datagrams += 1;
        let shown = Shown {
            number: self.shown,
            time: datagram.time.unwrap_or_else(clock::now),
            from,
            to: plain(group),
            ttl: datagram.ttl,
            interface: Some(link.map_or(interface, |link| &link.name)),
            bytes: &datagram.bytes,
        };
        let heard = self.receiver.hear(self.begun.elapsed(), from, plain(group), &datagram.bytes);
        match self.json {
            true => heard_object(&shown, &heard, out),
            false => self.look.heard(&shown, &heard, out),
        }
    }

    fn said(&mut self, said: &Said, out: &mut Vec<u8>) {
        let links = &self.links;
        // All take it in, so no `any`, which stops at the first.
        let concerned = self.memberships.iter_mut().filter_map(|one| one.hear(said, links).then_some(())).count();
        if concerned == 0 {
            return;
        }
        self.shown += 1;
        match self.json {
            true => message_object(said.time, &said.interface, said.ends, &said.described, out),
            false => self.look.message((self.shown, said.time), said.ends, &said.described, out),
        }
    }

    fn joined(&mut self, membership: &Membership) -> anyhow::Result<()> {
        if self.json {
            return self.expected("join", membership, membership.joining);
        }
        // What is sent is seen on its way.
        if self.seen && matches!(membership.joining, Expected::Message { .. }) {
            return Ok(());
        }
        self.note(&membership.in_words("joined", membership.joining))
    }

    /// Reports that had to be seen by now, and were not.
    fn not_reported(&mut self) -> anyhow::Result<()> {
        let missing = |one: &&Membership| matches!(one.joining, Expected::Message { .. }) && one.seen.joins == 0;
        let notes: Vec<String> = self.memberships.iter().filter(missing).map(Membership::place).collect();
        for place in notes.iter().filter(|_| self.seen && !self.json) {
            self.note(&format!("{place}: joined, but no report was seen within {:.1} s", REPORTED.as_secs_f64()))?;
        }
        Ok(())
    }

    /// Waits for the messages of leaving, and says what was said, or why nothing.
    fn left(&mut self, news: &Queue<News>) -> anyhow::Result<()> {
        let end = Instant::now() + REPORTED;
        while self.seen && self.memberships.iter().any(Membership::waits_for_leave) {
            match news.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(News::Failed(_)) => {}
                Ok(one) => self.take(one)?,
                Err(_) => break,
            }
        }
        let memberships = std::mem::take(&mut self.memberships);
        for membership in &memberships {
            let Some(leaving) = membership.leaving else { continue };
            if self.json {
                self.expected("leave", membership, leaving)?;
            } else if membership.waits_for_leave() && self.seen {
                self.note(&format!("{}: left, but no message was seen that says so", membership.place()))?;
            } else if !self.seen || matches!(leaving, Expected::Nothing(_)) {
                self.note(&membership.in_words("left", leaving))?;
            }
        }
        self.memberships = memberships;
        Ok(())
    }

    fn expected(&self, event: &str, membership: &Membership, expected: Expected) -> anyhow::Result<()> {
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        object.string("event", event);
        object.string("group", &membership.group.to_string());
        object.string("interface", &membership.interface);
        object.string("protocol", membership.protocol());
        match expected {
            Expected::Message { version, to } => {
                object.truth("expected", true);
                object.number("version", version.into());
                object.string("to", &to.to_string());
            }
            Expected::Nothing(why) => {
                object.truth("expected", false);
                object.string("why", &why.to_string());
            }
        }
        object.end();
        Ok(stdout()?.write_all(&out)?)
    }

    fn summary(&self) -> anyhow::Result<()> {
        let mut out = Vec::new();
        let receiver = &self.receiver;
        if self.json {
            receiver.senders().iter().for_each(|sender| counted_object(sender, &mut out));
            let mut object = Object::new(&mut out);
            object.string("event", "summary");
            object.number("datagrams", self.datagrams);
            object.number("plain", receiver.plain());
            object.number("uncounted", receiver.uncounted());
            object.number("forgotten", receiver.forgotten());
            object.end();
            return Ok(stdout()?.write_all(&out)?);
        }
        let datagrams = if self.datagrams == 1 { "datagram" } else { "datagrams" };
        self.look.note(&format!("{} {datagrams}", self.datagrams), &mut out);
        for sender in receiver.senders() {
            self.look.note(&counted(sender), &mut out);
        }
        if receiver.plain() > 0 && receiver.plain() < self.datagrams {
            self.look.note(&format!("{} of other programs, which do not number theirs", receiver.plain()), &mut out);
        }
        if receiver.uncounted() > 0 {
            self.look.note(&format!("{} of senders for which there was no room", receiver.uncounted()), &mut out);
        }
        if receiver.forgotten() > 0 {
            let silent = SILENT.as_secs();
            let text = format!("{} senders, silent for {silent} s, made room and are not listed", receiver.forgotten());
            self.look.note(&text, &mut out);
        }
        for counted in self.memberships.iter().filter_map(Membership::counted) {
            self.look.note(&counted, &mut out);
        }
        Ok(stdout()?.write_all(&out)?)
    }

    fn note(&self, text: &str) -> anyhow::Result<()> {
        let mut out = Vec::new();
        self.look.note(text, &mut out);
        Ok(stdout()?.write_all(&out)?)
    }
}

/// The report of each group that would be sent.
fn dry_run(args: &Args) -> anyhow::Result<Exit> {
    let (links, interfaces) = (link::links()?, groups::interfaces()?);
    for group in args.groups()? {
        let named = args.interface.first().map(String::as_str).or(group.zone.as_deref());
        let interface = multicast::leading_to(group.ip(), named)?;
        let membership = Membership::planned(group.ip(), &interface, &args.sources(group.ip()), &interfaces);
        let Expected::Message { version, .. } = membership.joining else {
            println!("{}", membership.in_words("would be joined", membership.joining));
            continue;
        };
        let link = links.iter().find(|link| link.index == interface.index);
        let own = || link.into_iter().flat_map(|link| link.addresses.iter().map(|(address, _)| *address));
        let recipe = match group.ip() {
            IpAddr::V4(four) => {
                let sources: Vec<_> = four_of(&args.source).collect();
                let mut recipe = membership::igmp(Says::Join, version, four, &sources)?;
                if let Some(address) = four_of(&own().collect::<Vec<_>>()).next() {
                    recipe.fill("ip.src", &address.to_string())?;
                }
                recipe
            }
            IpAddr::V6(six) => {
                let sources: Vec<_> = six_of(&args.source).collect();
                let mut recipe = membership::mld(Says::Join, version, six, &sources)?;
                let own: Vec<_> = own().collect();
                if let Some(address) = six_of(&own).find(std::net::Ipv6Addr::is_unicast_link_local) {
                    recipe.fill("ipv6.src", &address.to_string())?;
                }
                recipe
            }
        };
        dry::explain(&args.showing, &recipe)?;
        eprintln!("nothing was joined; {} would report {} so", interface.name, group.ip());
    }
    Ok(Exit::Done)
}

fn four_of(addresses: &[IpAddr]) -> impl Iterator<Item = std::net::Ipv4Addr> {
    addresses.iter().filter_map(|address| if let IpAddr::V4(four) = address { Some(*four) } else { None })
}

fn six_of(addresses: &[IpAddr]) -> impl Iterator<Item = std::net::Ipv6Addr> {
    addresses.iter().filter_map(|address| if let IpAddr::V6(six) = address { Some(*six) } else { None })
}
