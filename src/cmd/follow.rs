//! `netlab follow FILE`: what the two sides of one conversation said, put together from its segments or datagrams.

mod ending;
mod raw;

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;

use clap::ValueEnum;
use ending::Ending;
use raw::Raw;

use super::decoding::Decoding;
use super::naming::Naming;
use super::output::{Color, stdout};
use super::progress::Progress;
use super::{Exit, selection};
use crate::flow::analysis::Analysis;
use crate::flow::key::{Direction, Key};
use crate::flow::secret::Places;
use crate::flow::stream::{Assembler, Item, Segment, is_fragment};
use crate::flow::{Event, FlowTable, Known};
use crate::frame::Source;
use crate::io::file;
use crate::pipeline::{self, Next, Sink};
use crate::quantity;
use crate::view::follow::{Follow, Form};
use crate::view::names;
use crate::view::style::Palette;
use crate::wire::tcp::Flags;
use crate::wire::{self, Address, At, Layers, Packet, Protocol};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
In the text every line is said by the side that stands before it (in a terminal: by its colour). ┊ stands where a \
segment ends and the same side goes on in another one: two sends may share a segment, one send may need several. \
What cannot be shown is escaped; a line feed is shown as \\n and breaks the line. What stands in [brackets] at the \
margin nobody said.")]
pub struct Args {
    /// Capture file (pcap, pcapng, gzip of either); - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The conversation with this number (tcp.stream, or with --udp udp.stream); else the first that matches
    #[arg(long, value_name = "N", conflicts_with_all = ["port", "host"])]
    stream: Option<u32>,
    /// Port of either end
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Address of either end
    #[arg(long, value_name = "A", value_parser = selection::addresses)]
    host: Option<selection::Addresses>,
    /// Datagrams of UDP, each a turn of its own, instead of a TCP connection
    #[arg(long)]
    udp: bool,
    /// Show the bytes in hexadecimal; each segment begins a row
    #[arg(long, conflicts_with_all = ["raw", "boundaries"])]
    hex: bool,
    /// Write nothing but the bytes of one side, as they are: passwords too
    #[arg(long, value_enum, value_name = "SIDE", conflicts_with = "boundaries")]
    raw: Option<Side>,
    /// Let --raw write to a terminal
    #[arg(long, requires = "raw")]
    force: bool,
    /// List the segments instead: frame, side, flags, which bytes of the stream, and what is acknowledged
    #[arg(long)]
    boundaries: bool,
    #[command(flatten)]
    naming: Naming,
    /// Memory for bytes that wait for others to come before them
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = quantity::size)]
    max_stream: u64,
    #[command(flatten)]
    decoding: Decoding,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    Client,
    Server,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    args.decoding.apply()?;
    if args.raw.is_some() && !args.force && std::io::stdout().is_terminal() {
        anyhow::bail!("--raw writes bytes that may act on a terminal: send them to a file (> FILE), or add --force");
    }
    let form = match (args.hex, args.boundaries) {
        (true, _) => Form::Hex,
        (_, true) => Form::Boundaries,
        _ => Form::Text,
    };
    let out: Box<dyn Write> = match args.raw {
        Some(_) => Box::new(std::io::sink()),
        None => Box::new(stdout()?),
    };
    let mut follower = Follower {
        choice: Choice { stream: args.stream, port: args.port, hosts: args.host.map(|host| host.0) },
        protocol: if args.udp { Protocol::Udp } else { Protocol::Tcp },
        chosen: None,
        newest: None,
        others: Vec::new(),
        others_count: 0,
        assembler: Assembler::new(usize::try_from(args.max_stream).unwrap_or(usize::MAX)),
        view: Follow::new(out, form, Palette::new(args.color.on_stdout())),
        raw: args.raw.map(|side| Raw::new(side, stdout())).transpose()?,
        ending: Ending::default(),
    };
    let mut source: Box<dyn Source> = match args.file.as_os_str() == "-" {
        true => Box::new(file::open_stdin()?),
        false => Box::new(file::open(&args.file)?),
    };
    let mut source = Progress::new(source.as_mut());
    let mut named = args.naming.before(&mut follower, false);
    let summary = pipeline::run(&mut source, &mut FlowTable::remembering(CONVERSATIONS), &mut named)?;
    drop(named);
    source.clear();
    let found = follower.finish(summary.failure.is_some())?;
    match summary.failure {
        Some(failure) => Err(failure.into()),
        None => Ok(if found { Exit::Done } else { Exit::No }),
    }
}

/// Which conversation is asked for.
struct Choice {
    stream: Option<u32>,
    port: Option<u16>,
    hosts: Option<Vec<IpAddr>>,
}

impl Choice {
    fn takes(&self, stream: u32, ends: [SocketAddr; 2]) -> bool {
        self.stream.is_none_or(|wanted| wanted == stream)
            && self.port.is_none_or(|port| ends.iter().any(|end| end.port() == port))
            && self.hosts.as_ref().is_none_or(|hosts| ends.iter().any(|end| hosts.contains(&end.ip())))
    }
}

/// The conversation that is followed.
struct Chosen {
    stream: u32,
    key: Key,
    /// Which way the client's packets go.
    client: Direction,
    /// The ports are in use by another conversation now.
    over: bool,
}

/// A sink that picks one conversation and shows it.
struct Follower {
    choice: Choice,
    protocol: Protocol,
    chosen: Option<Chosen>,
    /// The highest number of a conversation so far: they begin in the order of their numbers.
    newest: Option<u32>,
    /// Other conversations that match: the first few, and how many.
    others: Vec<u32>,
    others_count: u32,
    assembler: Assembler,
    view: Follow<Box<dyn Write>>,
    raw: Option<Raw>,
    ending: Ending,
}

/// Conversations that are told apart: one that leaves the table and comes back has a new number.
const CONVERSATIONS: usize = 1 << 20;
/// How many of the others are named.
const MOST_NAMED: usize = 5;

impl Sink for Follower {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        for event in known.events {
            if let Event::Datagram(whole) = event
                && self.chosen.is_some()
            {
                let mut layers = Layers::new();
                self.whole(&wire::decode(whole.frame(&packet.frame), &mut layers));
            }
        }
        let stream = match self.protocol {
            Protocol::Udp => known.facts.udp_stream,
            _ => known.facts.tcp.map(|facts| facts.stream),
        };
        // The layer that the facts speak of; what an ICMP error quotes was not said again.
        let at = packet.find(self.protocol).filter(|at| !at.layer.quoted);
        if let (Some(stream), Some(at)) = (stream, at)
            && let Some((key, direction)) = Key::new(&at)
        {
            if self.newest.is_none_or(|newest| stream > newest) {
                self.newest = Some(stream);
                self.begins(stream, key, direction, &at, known);
            }
            if let Some(chosen) = self.chosen.as_mut().filter(|chosen| chosen.key == key) {
                chosen.over = chosen.stream != stream;
                if !chosen.over && !is_fragment(packet, at.index) {
                    let analysis = known.facts.tcp.map(|facts| facts.analysis).unwrap_or_default();
                    self.takes(&at, direction, &analysis, Places::of(packet, known.facts).ranges());
                }
            }
        }
        self.view.drain()?;
        self.raw.as_mut().map_or(Ok(()), Raw::drain)?;
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.view.flush()?;
        self.raw.as_mut().map_or(Ok(()), Raw::flush)
    }
}

impl Follower {
    /// A conversation begins: takes it if it is the first that matches.
    fn begins(&mut self, stream: u32, key: Key, direction: Direction, at: &At<'_>, known: &Known<'_>) {
        let Some(ends) = ends(at) else { return };
        if !self.choice.takes(stream, ends) {
            return;
        }
        if self.chosen.is_some() {
            self.others_count += 1;
            if self.others.len() < MOST_NAMED {
                self.others.push(stream);
            }
            return;
        }
        let from_client = known.facts.tcp.filter(|_| self.protocol == Protocol::Tcp).is_none_or(|tcp| tcp.from_client);
        let client = if from_client { direction } else { direction.reverse() };
        self.chosen = Some(Chosen { stream, key, client, over: false });
        let called = |end: SocketAddr| {
            let mut text = Vec::new();
            names::endpoint(known.names, end.ip().into(), end.port(), &mut text);
            String::from_utf8(text).unwrap_or_default()
        };
        let [source, destination] = ends.map(called);
        let both = if from_client { [source, destination] } else { [destination, source] };
        let opened = wire::tcp::Header::new(at).is_some_and(|header| header.flags().any(Flags::SYN));
        let (name, remark) = match self.protocol {
            Protocol::Udp => ("UDP", None),
            _ if opened => ("TCP", None),
            _ => ("TCP", Some("opened before the capture began: the lower port is taken for the server's")),
        };
        self.view.heading(&format!("{name} stream {stream}"), [&both[0], &both[1]], remark);
    }

    /// A packet that was put together from fragments.
    fn whole(&mut self, packet: &Packet<'_>) {
        if let Some(at) = packet.find(self.protocol).filter(|at| !at.layer.quoted)
            && let Some((key, direction)) = Key::new(&at)
            && self.chosen.as_ref().is_some_and(|chosen| chosen.key == key && !chosen.over)
        {
            // The secrets of a stream were told by its segments; a datagram is whole only now.
            let secrets = match self.protocol {
                Protocol::Udp => Places::of_datagram(packet),
                _ => Places::default(),
            };
            self.takes(&at, direction, &Analysis::default(), secrets.ranges());
        }
    }

    /// A segment or datagram of the conversation.
    fn takes(&mut self, at: &At<'_>, direction: Direction, analysis: &Analysis, secrets: &[Range<usize>]) {
        let from_client = self.chosen.as_ref().is_some_and(|chosen| chosen.client == direction);
        let (view, raw) = (&mut self.view, &mut self.raw);
        if self.protocol == Protocol::Udp {
            let data = at.content();
            let length = at.layer.end.saturating_sub(at.layer.start + at.layer.header);
            let missing = u64::from(length).saturating_sub(data.len() as u64);
            self.ending.datagrams += 1;
            let first = (at.layer.start + at.layer.header) as usize;
            for place in secrets {
                let [from, to] = [place.start, place.end].map(|place| place.saturating_sub(first) as u64);
                view.cover_datagram(from_client, from..to);
            }
            view.datagram(from_client, at.packet.frame.number, data, missing);
            if let Some(raw) = raw {
                raw.bytes(from_client, data);
                raw.missing(from_client, missing);
            }
            return;
        }
        let Some(segment) = Segment::new(at, from_client) else { return };
        self.ending.segment(&segment);
        if !secrets.is_empty() {
            // Of a conversation that began before the capture, this may be the first segment.
            let first = self.assembler.place(&segment).offset.unwrap_or_default();
            let data = (at.layer.start + at.layer.header) as usize;
            for place in secrets {
                let [from, to] = [place.start, place.end].map(|place| first + place.saturating_sub(data) as i64);
                view.cover(from_client, from.max(0) as u64..to.max(0) as u64);
            }
        }
        self.assembler.segment(&segment, &mut |item| hand_on(view, raw, item));
        let place = self.assembler.place(&segment);
        if let Some(raw) = raw.as_mut().filter(|_| segment.flags.any(Flags::RST)) {
            raw.reset(from_client, place.offset, segment.data);
        }
        view.segment(&segment, place, analysis);
    }

    /// Shows what is left and how it ended; `false` where there was no such conversation.
    fn finish(mut self, cut_short: bool) -> anyhow::Result<bool> {
        let name = if self.protocol == Protocol::Udp { "UDP" } else { "TCP" };
        let Some(chosen) = &self.chosen else {
            let has = match self.newest {
                None => format!("there is no conversation of {name} in it"),
                Some(0) => format!("it has one conversation of {name}, number 0"),
                Some(newest) => format!("it has {} conversations of {name}, from 0", u64::from(newest) + 1),
            };
            eprintln!("netlab: no conversation matches: {has}");
            return Ok(false);
        };
        let stream = chosen.stream;
        let (view, raw) = (&mut self.view, &mut self.raw);
        self.assembler.finish(&mut |item| hand_on(view, raw, item));
        let ending = match self.protocol {
            Protocol::Udp => self.ending.datagram_count(),
            _ => self.ending.sentence(cut_short),
        };
        self.view.close(&ending);
        self.view.flush()?;
        if let Some(mut raw) = self.raw {
            raw.flush()?;
            raw.say_what_is_missing();
        }
        if self.others_count > 0 {
            let named: Vec<_> = self.others.iter().map(|stream| format!("--stream {stream}")).collect();
            let more = if self.others_count as usize > named.len() { ", ..." } else { "" };
            let (count, named) = (self.others_count, named.join(", "));
            let match_ = if count == 1 { "other matches" } else { "others match" };
            eprintln!("netlab: this is stream {stream}, the first that matches; {count} {match_}: {named}{more}");
        }
        Ok(true)
    }
}

fn hand_on(view: &mut Follow<Box<dyn Write>>, raw: &mut Option<Raw>, item: Item<'_>) {
    view.item(&item);
    match (raw, item) {
        (Some(raw), Item::Bytes(chunk)) => raw.bytes(chunk.from_client, chunk.data),
        (Some(raw), Item::Missing(missing)) => raw.missing(missing.from_client, missing.length),
        _ => {}
    }
}

/// Source and destination.
pub(super) fn ends(at: &At<'_>) -> Option<[SocketAddr; 2]> {
    let (source, destination) = at.packet.addresses(at.index)?;
    let address = |address| match address {
        Address::V4(bytes) => IpAddr::V4(Ipv4Addr::from(bytes)),
        Address::V6(bytes) => IpAddr::V6(Ipv6Addr::from(bytes)),
    };
    Some([SocketAddr::new(address(source), at.u16(0)?), SocketAddr::new(address(destination), at.u16(2)?)])
}
