//! Listening to LANs for IGMP and MLD: live on this machine's interfaces, or in files.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::super::output::stdout;
use super::super::progress::Progress;
use super::super::{Exit, args};
use super::Args;
use crate::flow::multicast::message::{Heard, read};
use crate::flow::multicast::{Event, Lans, Message, Place};
use crate::frame::{Error, Frame, Interface, LinkType, Source, Timestamp};
use crate::io::bpf::Selection;
use crate::io::groups::bridge;
use crate::io::groups::notices::{Notice, Notices};
use crate::io::interrupt::Interrupt;
use crate::io::pcap::{self, Opened, StopHandle};
use crate::io::{clock, link};
use crate::view::multicast;
use crate::wire::{Layers, decode};

/// IGMP, and IPv6 with the hop-by-hop options that MLD comes behind; with one VLAN tag or two. (`vlan` moves what
/// stands to its right, so the plain form comes first.)
pub const FILTER: &str = "igmp or (ip6 and ip6[6] = 0) or (vlan and (igmp or (ip6 and ip6[6] = 0) or \
                      (vlan and (igmp or (ip6 and ip6[6] = 0)))))";
/// Room in the kernel for each interface: reports are few.
const BUFFER: u32 = 1 << 20;
/// Larger than any report.
const SNAP_LENGTH: u32 = 65_535;
/// Messages that wait to be taken into account.
const QUEUE: usize = 4096;

/// Interfaces that are listened to, nobody reading yet.
pub struct Ears {
    /// A capture each: one interface that vanishes must not end the others.
    opened: Vec<Opened>,
    pub names: Vec<String>,
}

impl Ears {
    /// Those of the Ethernet interfaces that are up and do multicast; only those that are wanted, where some are. An
    /// error where there are some and none can be listened to.
    ///
    /// All that they hear is taken: a card lets no report of other hosts through by itself, as those go to groups that
    /// nobody here joined (224.0.0.22).
    pub fn open(wanted: &[String]) -> Result<Self, Error> {
        // A port is listened to where it is named: all that it hears is heard on the bridge.
        let ports = bridge::ports().unwrap_or_default();
        let wants = |name: &String| if wanted.is_empty() { !ports.contains(name) } else { wanted.contains(name) };
        let on = link::links()?.into_iter().filter(|link| link.up && link.multicast && !link.loopback);
        let ethernet = on.filter(|link| link.link == Some(LinkType::ETHERNET)).map(|link| link.name);
        let (mut ears, mut failure) = (Self { opened: Vec::new(), names: Vec::new() }, None);
        for name in ethernet.filter(wants) {
            let options = pcap::Options {
                interfaces: vec![name.clone()],
                selection: Selection { expression: Some(FILTER.to_owned()), ..Selection::default() },
                buffer: BUFFER,
                promiscuous: true,
                snap_length: SNAP_LENGTH,
            };
            match pcap::open(&options) {
                Ok(opened) => {
                    ears.opened.push(opened);
                    ears.names.push(name);
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.filter(|_| ears.is_empty()).map_or(Ok(ears), Err)
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// What the one that watches is told.
pub enum News {
    Heard(Message),
    /// Something happened on this machine: it is worth a look.
    Noticed(Vec<Notice>),
    /// The capture ended by itself.
    Deaf(Error),
    /// Ctrl-C, or its like.
    Stop,
}

/// Everything that may happen, in one queue.
pub struct Waiting {
    pub news: Receiver<News>,
    ears: Vec<(StopHandle, JoinHandle<()>)>,
}

impl Waiting {
    /// Begins to listen. Ctrl-C is told from now on.
    pub fn begin(ears: Option<Ears>, notices: Option<Notices>) -> anyhow::Result<Self> {
        let (to, news) = sync_channel(QUEUE);
        let (mut asked, ring) = io::pipe().context("cannot make a pipe")?;
        Interrupt::install(|| Ok(ring.try_clone()?.into())).context("cannot listen for Ctrl-C")?;
        let told = to.clone();
        thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
            // What is read does not matter, nor does an error: both mean that it is time to end.
            let _ = io::Read::read(&mut asked, &mut [0]);
            let _ = told.send(News::Stop);
            // Open as long as somebody may write.
            drop(ring);
        })?;
        if let Some(notices) = notices {
            let to = to.clone();
            thread::Builder::new().name("notices".to_owned()).spawn(move || notice(notices, &to))?;
        }
        let mut listening = Vec::new();
        for (interface, opened) in (0..).zip(ears.map(|ears| ears.opened).unwrap_or_default()) {
            let stop = pcap::Stop::new().context("cannot make a pipe")?;
            let mut live = opened.start(stop, None)?;
            let (handle, to) = (live.stop_handle().context("cannot make a pipe")?, to.clone());
            let thread = thread::Builder::new().name("lan".to_owned());
            listening.push((handle, thread.spawn(move || hear(&mut live, interface, &to))?));
        }
        Ok(Self { news, ears: listening })
    }

    /// Ends the capture.
    pub fn end(self) {
        let Self { news, ears } = self;
        drop(news);
        ears.iter().for_each(|(stop, _)| stop.stop());
        for (_, thread) in ears {
            let _ = thread.join();
        }
    }
}

/// Hands the kernel's notices of this machine's groups on, to the end.
fn notice(mut notices: Notices, to: &SyncSender<News>) {
    // What is lost is found by looking now and then.
    while let Ok(noticed) = notices.wait() {
        if to.send(News::Noticed(noticed)).is_err() {
            return;
        }
    }
}

/// Hands every message of an interface on, until its capture or the one that listens ends.
fn hear(live: &mut dyn Source, interface: u32, to: &SyncSender<News>) {
    let mut layers = Layers::new();
    loop {
        match live.advance() {
            Ok(Some(_)) => {
                let frame = Frame { interface, ..live.frame() };
                if let Heard::Message(message) = read(&decode(frame, &mut layers))
                    && to.send(News::Heard(message)).is_err()
                {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                let _ = to.send(News::Deaf(error));
                return;
            }
        }
    }
}

/// Why a LAN is not heard, or no longer, in a sentence.
pub fn deaf(error: &Error) -> String {
    format!("not listening to the LAN: {error}")
}

/// All LANs of these interfaces, quiet ones too.
pub fn watched(names: &[String]) -> Lans {
    let (mut lans, mut nothing) = (Lans::new(), Vec::new());
    lans.advance(clock::now(), &mut nothing);
    for interface in 0..u32::try_from(names.len()).unwrap_or(u32::MAX) {
        lans.watch(Place { interface, ..Place::default() });
    }
    lans
}

/// The name of a place by those of the capture's interfaces.
pub fn name(names: &[String], place: Place) -> Option<String> {
    names.get(place.interface as usize).cloned()
}

/// Listens for a while and shows what was heard. Whether anything was.
pub fn listen(args: &Args, ears: Ears) -> anyhow::Result<bool> {
    let names = ears.names.clone();
    let mut lans = watched(&names);
    let waiting = Waiting::begin(Some(ears), None)?;
    if !args.json {
        eprintln!("listening to the LAN for {}; Ctrl-C ends", multicast::span(nanoseconds(args.listen)));
    }
    let (end, mut events) = (Instant::now() + args.listen, Vec::new());
    loop {
        match waiting.news.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(News::Heard(message)) => lans.hear(&message, &mut events),
            Ok(News::Deaf(error)) => args::talk(&deaf(&error)),
            Ok(News::Noticed(_)) => {}
            Ok(News::Stop) | Err(_) => break,
        }
        events.clear();
        if Instant::now() >= end {
            break;
        }
    }
    waiting.end();
    lans.finish(clock::now(), &mut events);
    let name = |place| name(&names, place);
    let look = args.look(&name);
    let mut out = Vec::new();
    if args.json {
        multicast::objects(&lans, &look, &mut out);
    } else {
        out.push(b'\n');
        multicast::lans(&lans, &look, &mut out)?;
    }
    stdout()?.write_all(&out)?;
    Ok(lans.each().next().is_some())
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// `netlab groups FILE...`: the LANs as they were at the end; with --watch also how they came to be so.
pub fn replay(args: &Args) -> anyhow::Result<Exit> {
    let mut source = args.input.open()?;
    let mut source = Progress::new(source.as_mut());
    let (mut lans, mut events, mut layers) = (Lans::new(), Vec::new(), Layers::new());
    let (mut last, mut ignored, mut heard) = (None, 0u64, false);
    let mut out = Vec::new();
    let failure = loop {
        match source.advance() {
            Ok(Some(time)) => {
                lans.advance(time, &mut events);
                last = last.max(Some(time));
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        match read(&decode(source.frame(), &mut layers)) {
            Heard::Message(message) if wants(args, source.interfaces(), message.place) => {
                heard = true;
                lans.hear(&message, &mut events);
            }
            Heard::Ignored(_) => ignored += 1,
            _ => {}
        }
        if !events.is_empty() {
            tell(args, source.interfaces(), lans.heard().0, &events, &mut out)?;
            events.clear();
        }
    };
    source.clear();
    if let Some(last) = last {
        lans.finish(last, &mut events);
    }
    tell(args, source.interfaces(), lans.heard().0, &events, &mut out)?;
    let name = |place| file_name(source.interfaces(), place);
    let look = args.look(&name);
    match (args.json, args.watch) {
        (true, true) => {}
        (true, false) => multicast::objects(&lans, &look, &mut out),
        (false, watch) => {
            if watch && heard {
                out.push(b'\n');
            }
            multicast::lans(&lans, &look, &mut out)?;
        }
    }
    stdout()?.write_all(&out)?;
    if ignored > 0 {
        eprintln!("{ignored} messages had no effect: a bad checksum, or from beyond the LAN");
    }
    if !heard {
        eprintln!("no message of IGMP or MLD");
    }
    failure.map_or(Ok(()), Err)?;
    Ok(if heard { Exit::Done } else { Exit::No })
}

fn wants(args: &Args, interfaces: &[Interface], place: Place) -> bool {
    args.interface.is_empty() || file_name(interfaces, place).is_some_and(|name| args.interface.contains(&name))
}

fn file_name(interfaces: &[Interface], place: Place) -> Option<String> {
    match place.index {
        0 => interfaces.get(place.interface as usize)?.name.clone(),
        index => Some(format!("interface {index}")),
    }
}

/// What happened, for --watch.
fn tell(
    args: &Args,
    interfaces: &[Interface],
    from: Timestamp,
    events: &[Event],
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    if !args.watch {
        return Ok(());
    }
    let name = |place| file_name(interfaces, place);
    let look = multicast::Look { from: Some(from), ..args.look(&name) };
    for event in events {
        multicast::event(event, &look, 0, args.json, out);
    }
    if out.len() > 1 << 16 {
        stdout()?.write_all(out)?;
        out.clear();
    }
    Ok(())
}
