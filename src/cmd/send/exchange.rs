//! Sends at a pace, watches the interface, shows what was sent and what came back, and says what that means.

use std::io::Write;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use super::answer::{Answer, Ours, Says, Seen, What};
use super::compose::Packets;
use super::way::Way;
use super::{Args, Exit, dry};
use crate::cmd::made::Covered;
use crate::cmd::{args as terminal, output};
use crate::flow::secret::Found;
use crate::flow::{FlowTable, Known};
use crate::frame::{Frame, Timestamp};
use crate::io::bpf::Selection;
use crate::io::interrupt::Interrupt;
use crate::io::link::{Link, channel::Channel};
use crate::io::netns::Leash;
use crate::io::raw::Raw;
use crate::io::{link, pcap, privilege};
use crate::pipeline::{self, Filtered, Next, Sink};
use crate::view::wrap;
use crate::wire::{Layers, Packet, Protocol, decode};

/// How long answers are waited for.
const USUAL_WAIT: Duration = Duration::from_secs(1);
/// What comes right after an answer belongs to it: a kernel that resets a handshake it does not know.
const GRACE: Duration = Duration::from_millis(150);
/// Different answers that are told; others are counted.
const MOST_ANSWERS: usize = 100;
/// A few packets; the ring need not be a capture's.
const RING: u32 = 4 << 20;

/// The way out, open.
pub enum Out {
    Frames(Channel),
    Packets(Raw),
}

impl Out {
    pub fn open(way: &Way) -> anyhow::Result<Self> {
        if way.layer_3 {
            return Ok(Self::Packets(Raw::open(way.to, &way.link.name)?));
        }
        Ok(Self::Frames(Channel::open(&way.link.name)?))
    }

    fn send(&mut self, bytes: &[u8], to: IpAddr, interface: u32) -> std::io::Result<()> {
        match self {
            Self::Frames(channel) => channel.send(bytes),
            Self::Packets(raw) => raw.send(bytes, to, interface),
        }
    }
}

pub fn run(args: &Args, packets: Packets, out: Out, way: &Way, leash: Option<&Leash>) -> anyhow::Result<Exit> {
    let whole = packets.whole(0)?;
    let length = u32::try_from(whole.bytes.len()).unwrap_or(u32::MAX);
    let mut layers = Layers::new();
    let frame = Frame { link: dry::link_type(way), data: &whole.bytes, length, ..Frame::empty() };
    let built = decode(frame, &mut layers);
    let ours = Ours::of(&built);
    say_taken(&packets);
    warn(ours.as_ref());
    say_unread(args, &built);
    let overlap = (args.made.overlap > 0).then(|| "its fragments overlap (RFC 5722)".to_owned());
    let fault = fault(&built).map(|field| format!("{field} is wrong")).or(overlap);

    // Membership goes to groups, tags may be stripped or not: there, all that passes is looked at.
    let membership = ours.as_ref().is_some_and(|ours| matches!(ours.what, What::Membership { .. }));
    let narrow = ours.as_ref().filter(|_| args.made.vlan.is_empty() && !membership);
    let hosts = narrow.map(|ours| vec![ours.source]).unwrap_or_default();
    let opened = pcap::open(&pcap::Options {
        interfaces: vec![way.link.name.clone()],
        selection: Selection { hosts, ..Selection::default() },
        buffer: RING,
        // Reports go to groups that nobody here has joined: a card lets none of them through by itself.
        promiscuous: membership,
        ..pcap::Options::default()
    })?;
    privilege::give_up().context("cannot give up privileges")?;
    if let Some(leash) = leash {
        leash.fasten()?;
    }
    let filter = args.output.filter()?;
    let lines = args.output.sink()?;
    let stop = pcap::Stop::new().context("cannot make a pipe")?;
    let interrupt = Interrupt::install(|| stop.descriptor()).context("cannot listen for Ctrl-C")?;
    let mut live = opened.start(stop, None)?;
    let handle = live.stop_handle()?;

    let (answered, answers) = channel();
    let many = way.broadcast || way.to.is_multicast();
    let secrets = packets.secrets;
    let job = Job { packets, out, to: way.to, link: way.link.clone(), most: args.pace.most(), many };
    // Whoever is asked may take its time, and then a moment until it is heard here.
    let response = ours.as_ref().and_then(Ours::response).and_then(|time| u64::try_from(time).ok());
    let usual = response.map_or(USUAL_WAIT, |time| Duration::from_nanos(time) + GRACE);
    let wait = args.pace.wait.unwrap_or(usual);
    let pace = (Duration::from_secs(1) / args.pace.rate, args.pace.duration, wait);
    let sender = std::thread::spawn(move || {
        let result = job.run(pace, &answers);
        handle.stop();
        result
    });
    let watch = Watch {
        ours: ours.clone(),
        lines: Filtered::new(filter, lines),
        secrets,
        shown: 0,
        sent: None,
        told: Told::default(),
        answered,
    };
    let mut watch = watch;
    let ran = pipeline::run(&mut live, &mut FlowTable::new(), &mut watch);
    live.finish();
    let Watch { told, answered, .. } = watch;
    // Whoever is still sending ends now.
    drop(answered);
    let sent = sender.join().map_err(|_| anyhow!("the packets could not be sent"))?;
    let summary = ran?;
    let sent = sent?;
    summary.failure.map_or(Ok(()), Err)?;
    let (tagged, interrupted) = (!args.made.vlan.is_empty(), interrupt.happened());
    let verdict = verdict(&told, ours.as_ref(), sent, wait, fault.as_deref(), tagged, interrupted);
    say(args, &verdict)?;
    Ok(match () {
        () if interrupted && told.answers.is_empty() => Exit::Interrupted,
        () if told.answers.iter().any(|(answer, ..)| answer.refuses()) => Exit::No,
        () if told.answers.is_empty() && ours.as_ref().is_some_and(Ours::asks) => Exit::No,
        () => Exit::Done,
    })
}

/// The thread that sends.
struct Job {
    packets: Packets,
    out: Out,
    to: IpAddr,
    link: Link,
    most: u64,
    /// Nobody knows how many will answer.
    many: bool,
}

impl Job {
    /// Sends, and waits for as many answers as packets; how many packets were sent.
    fn run(mut self, pace: (Duration, Option<Duration>, Duration), answers: &Receiver<()>) -> anyhow::Result<u64> {
        let (interval, duration, wait) = pace;
        let start = Instant::now();
        let (mut sent, mut heard) = (0, 0);
        while sent < self.most && duration.is_none_or(|duration| start.elapsed() < duration) {
            for frame in self.packets.frames(sent)? {
                self.out.send(&frame, self.to, self.link.index).map_err(|error| self.refused(error))?;
            }
            sent += 1;
            if sent < self.most
                && pause(start + interval * u32::try_from(sent).unwrap_or(u32::MAX), answers, &mut heard, u64::MAX)
            {
                return Ok(sent);
            }
        }
        let enough = if self.many { u64::MAX } else { sent };
        let until = Instant::now() + wait;
        pause(until, answers, &mut heard, enough);
        if heard >= enough {
            pause((Instant::now() + GRACE).min(until), answers, &mut heard, u64::MAX);
        }
        Ok(sent)
    }
}

impl Job {
    fn refused(&self, error: std::io::Error) -> anyhow::Error {
        let said = anyhow!("cannot send on {}: {error}", self.link.name);
        match self.link.mtu {
            Some(mtu) if error.raw_os_error() == Some(EMSGSIZE) => {
                // What fits beside an IP header, in whole units of fragments.
                let fits = mtu.saturating_sub(if self.to.is_ipv4() { 20 } else { 48 }) / 8 * 8;
                anyhow!("{said}\nthe link takes IP packets of {mtu} bytes: divide it with --fragment {fits}")
            }
            _ => said,
        }
    }
}

/// Message too long (errno(3)).
const EMSGSIZE: i32 = 90;

/// Counts answers until a moment, or until there are enough; whether nobody listens any more.
fn pause(until: Instant, answers: &Receiver<()>, heard: &mut u64, enough: u64) -> bool {
    while *heard < enough {
        match answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(()) => *heard += 1,
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => return true,
        }
    }
    false
}

/// What was seen, in sum.
#[derive(Default)]
struct Told {
    sent: u64,
    /// Each kind of answer: how often, and how long the first took, in nanoseconds.
    answers: Vec<(Answer, u64, Option<i64>)>,
    /// Answers beyond those.
    others: u64,
    /// The number of the first packet with which the kernel reset what it did not know.
    own_reset: Option<u64>,
}

/// Picks what belongs to the exchange and shows it.
struct Watch<S> {
    ours: Option<Ours>,
    lines: Filtered<S>,
    /// What is secret in what is sent.
    secrets: Found,
    shown: u64,
    /// When the last one of ours passed.
    sent: Option<Timestamp>,
    told: Told,
    answered: Sender<()>,
}

impl<S: Sink> Sink for Watch<S> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        let Some(seen) = self.ours.as_ref().and_then(|ours| ours.see(packet)) else { return Ok(Next::GoOn) };
        self.shown += 1;
        let secrets = if matches!(seen, Seen::Sent) { self.secrets } else { Found::default() };
        match seen {
            Seen::Sent => {
                self.told.sent += 1;
                self.sent = packet.frame.time;
            }
            Seen::OwnReset => {
                self.told.own_reset.get_or_insert(self.shown);
            }
            Seen::Answer(answer) => {
                let took = packet.frame.time.zip(self.sent).map(|(now, sent)| now.since(sent));
                let full = self.told.answers.len() >= MOST_ANSWERS;
                match self.told.answers.iter_mut().find(|(known, ..)| *known == answer) {
                    Some((_, count, _)) => *count += 1,
                    None if !full => self.told.answers.push((answer, 1, took)),
                    None => self.told.others += 1,
                }
                // The sender may have ended already.
                let _ = self.answered.send(());
            }
            Seen::Part => {}
        }
        let frame = Frame { number: self.shown, ..packet.frame };
        Covered { secrets, sink: &mut self.lines }.packet(&Packet { frame, ..*packet }, known)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.lines.flush()
    }
}

/// What the answers mean, or that there is none; one line each.
fn verdict(
    told: &Told,
    ours: Option<&Ours>,
    sent: u64,
    wait: Duration,
    fault: Option<&str>,
    tagged: bool,
    interrupted: bool,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (answer, count, took) in &told.answers {
        let mut line = answer.to_string();
        if answer.says == Says::Reset {
            line.push_str(if ours.is_some_and(Ours::opens) {
                ", so nothing listens on that port"
            } else {
                ", so it knows of no such connection"
            });
        }
        if let Some(took) = took.filter(|took| *took >= 0) {
            line.push_str(&format!(", after {:.3} ms", took as f64 / 1e6));
            if let Some(response) = ours.and_then(Ours::response) {
                let most = response as f64 / 1e6;
                line.push_str(&if took <= response {
                    format!(", within the {most:.0} ms that it has")
                } else {
                    format!(", later than the {most:.0} ms that it has")
                });
            }
        }
        if *count > 1 {
            line.push_str(&format!(", {count} times"));
        }
        lines.push(line);
    }
    if told.others > 0 {
        lines.push(format!("and {} more answers", told.others));
    }
    if let Some(number) = told.own_reset {
        lines.push(format!(
            "packet {number} is not netlab's: this machine's kernel knows nothing of a handshake made by hand, and resets it"
        ));
    }
    if told.sent == 0 && sent > 0 {
        lines.push(
            "what was sent did not pass the interface: a firewall of this machine may have dropped it".to_owned(),
        );
    }
    if lines.is_empty() && !interrupted {
        let waited = format!("silence: no answer within {:.1} s", wait.as_secs_f64());
        lines.push(match (fault, ours.map(|ours| ours.what)) {
            (Some(fault), _) => format!("{waited}; {fault}, and a host drops such a packet unseen"),
            (_, Some(What::Udp { .. })) => {
                format!("{waited}; a datagram need not be answered: a program took it, or a firewall dropped it")
            }
            (_, Some(What::Tcp { .. } | What::Icmp { .. })) if ours.is_some_and(Ours::asks) => {
                let tagged = if tagged { ", or nobody on that VLAN" } else { "" };
                format!("{waited}: a firewall drops it, or nobody is there{tagged}")
            }
            (_, Some(What::Arp { request: true })) => format!("{waited}: nobody on this network has the address"),
            (_, Some(What::Membership { query: true, .. })) => {
                let response = ours.and_then(Ours::response).unwrap_or(0);
                if wait.as_nanos() < u128::try_from(response).unwrap_or(0) {
                    format!(
                        "{waited}; members have {:.1} s to answer: --wait says how long to wait",
                        response as f64 / 1e9
                    )
                } else {
                    format!("{waited}: no member is there")
                }
            }
            _ => format!("{waited}, and none has to come"),
        });
    }
    lines
}

/// The data of a run is for people or for programs: only people read sentences between packets.
fn say(args: &Args, lines: &[String]) -> anyhow::Result<()> {
    let people = args.output.fields.is_empty() && !args.output.json;
    for line in lines {
        if people {
            let mut text = Vec::new();
            wrap::hanging(line, terminal::room(), 0, 2, &mut text);
            text.push(b'\n');
            output::stdout()?.write_all(&text)?;
        } else {
            terminal::talk(&format!("netlab: {line}"));
        }
    }
    Ok(())
}

/// What will not come back.
fn warn(ours: Option<&Ours>) {
    let Some(ours) = ours else { return };
    let own = link::links()
        .is_ok_and(|links| links.iter().any(|link| link.addresses.iter().any(|(address, _)| *address == ours.source)));
    if !own && !ours.source.is_unspecified() {
        terminal::talk(&format!("netlab: {} is no address of this machine: answers go there", ours.source));
    }
}

/// Tells which fields will not be as they were set.
pub fn say_taken(packets: &Packets) {
    for name in &packets.taken {
        terminal::talk(&format!("netlab: {name} is filled in by the kernel at layer 3 (raw(7)), whatever is set"));
    }
}

/// Tells which fields were set and are not to be found in the packet as it came out: a message of another type, a header
/// that another one hides.
pub fn say_unread(args: &Args, packet: &Packet<'_>) {
    for (name, _) in &args.made.set {
        let plain = name.split('#').next().unwrap_or_default();
        let read = packet.each().any(|at| {
            let mut fields = at.layer.protocol.fields().iter();
            fields.any(|field| field.name == plain && field.first(&at).is_some())
        });
        if !read && !plain.ends_with(".payload") && !plain.starts_with("data.") {
            terminal::talk(&format!("netlab: {name} is set, but who reads the packet finds no such field in it"));
        }
    }
}

/// The first checksum of the packet that is wrong, by its field's name.
fn fault(packet: &Packet<'_>) -> Option<String> {
    packet.each().find_map(|at| {
        let status = match at.layer.protocol {
            Protocol::Ipv4 => "ip.checksum",
            Protocol::Tcp => "tcp.checksum",
            Protocol::Udp => "udp.checksum",
            Protocol::Icmp => "icmp.checksum",
            Protocol::Icmpv6 => "icmpv6.checksum",
            Protocol::Igmp => "igmp.checksum",
            _ => return None,
        };
        let name = format!("{status}.status");
        let field = at.layer.protocol.fields().iter().find(|field| field.name == name)?;
        (field.first(&at)? == crate::wire::Value::Uint(0)).then(|| status.to_owned())
    })
}
