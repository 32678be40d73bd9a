//! `netlab ladder FILE`: the packets of a capture as a sequence chart.

use std::cell::RefCell;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::decoding::Decoding;
use super::naming::Naming;
use super::output::{Color, Language, stdout};
use super::progress::Progress;
use super::selection::Selection;
use super::{Exit, args};
use crate::filter::Filter;
use crate::flow::key::Key;
use crate::flow::{FlowTable, Known};
use crate::frame::{Error, Frame, Interface, LinkType, Source, Timestamp};
use crate::io::file;
use crate::pipeline::{self, Filtered, Merge, Next, Sink};
use crate::view::ladder::{Between, Ground, Ladder, Look};
use crate::view::style::Palette;
use crate::wire::{Packet, Protocol};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Of one TCP conversation the chart shows the states of both ends (RFC 9293) where they change: what was seen is taken to
arrive. Of anything else each host and each group has a column, the most active first; who has no room shares the last.
Times are milliseconds since the first row; sequence numbers are relative, as Wireshark shows them.

  netlab ladder captures/sync.pcapng --stream 0
  netlab ladder captures/igmp-v3.pcap
  netlab ladder captures/demo-nat-inside.pcapng --outside captures/demo-nat-outside.pcapng
  netlab ladder captures/sync.pcapng --svg sync.svg")]
pub struct Args {
    /// Capture file (pcap, pcapng, gzip of either); - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What was captured on the outside of a NAT at the same time, FILE being its inside: a packet on both sides is one
    /// arrow, with what the NAT made of its addresses
    #[arg(long, value_name = "FILE", conflicts_with = "stream")]
    outside: Option<PathBuf>,
    /// Only the conversation with this number (tcp.stream, or with --udp udp.stream), and ICMP errors about it
    #[arg(long, value_name = "N")]
    stream: Option<u32>,
    /// --stream counts UDP conversations
    #[arg(long, requires = "stream")]
    udp: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    decoding: Decoding,
    /// Only the packets that this display filter wants (Wireshark's language)
    #[arg(short = 'Y', long = "where", value_name = "FILTER")]
    display_filter: Option<String>,
    /// Draw with ASCII only
    #[arg(long)]
    ascii: bool,
    /// Write the chart as a picture (SVG) to this file; - is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ascii", "mermaid"])]
    svg: Option<PathBuf>,
    /// Print the chart in Mermaid's language of sequence diagrams
    #[arg(long, conflicts_with = "ascii")]
    mermaid: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    #[command(flatten)]
    language: Language,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    args.decoding.apply()?;
    let filter = args.display_filter.as_deref().map(Filter::parse).transpose()?;
    let mut ladder = Ladder::new(args.language.words());
    if args.outside.is_some() {
        let nats = vec![Between { inside: vec![INSIDE], outside: vec![OUTSIDE], plain: false }];
        ladder = ladder.on(Ground { nats, clocks_differ: true, ..Ground::default() });
    }
    let ladder = RefCell::new(ladder);
    let conversation = Conversation { stream: args.stream, udp: args.udp, key: None, inner: Drawn(&ladder) };
    let chosen = args.selection.before(Filtered::new(filter, conversation))?;
    let watched = Watched { ladder: &ladder, inner: chosen };
    let mut sink = args.naming.before(watched, false);
    let open = |path: &Path| -> anyhow::Result<Box<dyn Source>> {
        Ok(match path.as_os_str() == "-" {
            true => Box::new(file::open_stdin()?),
            false => Box::new(file::open(path)?),
        })
    };
    let mut source = open(&args.file)?;
    if let Some(outside) = &args.outside {
        anyhow::ensure!(*outside != args.file, "the inside and the outside are two files");
        source = Box::new(Merge::new([source, open(outside)?].map(Side::new).into()));
    }
    let mut source = Progress::new(source.as_mut());
    let summary = match args.outside {
        Some(_) => pipeline::run_apart(&mut source, &mut sink)?,
        None => pipeline::run(&mut source, &mut FlowTable::new(), &mut sink)?,
    };
    source.clear();
    let names = sink.into_names();
    let mut ladder = ladder.into_inner();
    names.iter().for_each(|names| ladder.name(names));
    let found = ladder.packets() > 0;
    if found {
        draw(&mut ladder, &args)?;
    }
    match summary.failure {
        Some(failure) => Err(failure.into()),
        None if found => Ok(Exit::Done),
        None => {
            eprintln!("netlab: no packet matches");
            Ok(Exit::No)
        }
    }
}

fn draw(ladder: &mut Ladder, args: &Args) -> anyhow::Result<()> {
    let mut out = stdout()?;
    match &args.svg {
        Some(path) if path.as_os_str() == "-" => ladder.draw_svg(&mut out)?,
        Some(path) => {
            let mut picture = Vec::new();
            ladder.draw_svg(&mut picture)?;
            write(path, &picture, &args.file)?;
        }
        None if args.mermaid => ladder.draw_mermaid(&mut out)?,
        None => ladder.draw(&mut out, look(args.ascii, args.color))?,
    }
    Ok(())
}

/// Shows the chart every packet before any is chosen: what a NAT did does not depend on the choice.
struct Watched<'l, S> {
    ladder: &'l RefCell<Ladder>,
    inner: S,
}

impl<S: Sink> Sink for Watched<'_, S> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        self.ladder.borrow_mut().watch(packet);
        self.inner.packet(packet, known)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Gives the chart the packets that were chosen.
struct Drawn<'l>(&'l RefCell<Ladder>);

impl Sink for Drawn<'_> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        self.0.borrow_mut().packet(packet, known)
    }
}

/// The places of a chart that is of two captures.
const INSIDE: u32 = 0;
const OUTSIDE: u32 = 1;

/// A capture of one side of a NAT: whatever its interfaces were, it is one place.
struct Side {
    source: Box<dyn Source>,
    place: [Interface; 1],
}

impl Side {
    fn new(source: Box<dyn Source>) -> Self {
        Self { source, place: [Interface { name: None, link: LinkType::NULL, snap_length: 0 }] }
    }
}

impl Source for Side {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        self.source.advance()
    }

    fn frame(&self) -> Frame<'_> {
        Frame { interface: 0, ..self.source.frame() }
    }

    fn interfaces(&self) -> &[Interface] {
        &self.place
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.source.progress()
    }
}

/// How a chart looks on standard output.
pub fn look(ascii: bool, color: Color) -> Look {
    Look { width: args::width(), palette: Palette::new(color.on_stdout()), ascii, states: true }
}

fn write(path: &Path, bytes: &[u8], input: &Path) -> anyhow::Result<()> {
    let same = |left: &Path, right: &Path| Some(left.canonicalize().ok()? == right.canonicalize().ok()?);
    if same(path, input) == Some(true) {
        anyhow::bail!("{} is to be read and written at once: give --svg another name", path.display());
    }
    let written = std::fs::File::create(path).and_then(|mut file| file.write_all(bytes));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Passes on the packets of one conversation; all of them where none is chosen.
struct Conversation<S> {
    stream: Option<u32>,
    udp: bool,
    /// Its ends, once a packet of it was seen.
    key: Option<Key>,
    inner: S,
}

impl<S: Sink> Sink for Conversation<S> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        let stream = match self.udp {
            true => known.facts.udp_stream,
            false => known.facts.tcp.map(|facts| facts.stream),
        };
        let Some(wanted) = self.stream else { return self.inner.packet(packet, known) };
        let protocol = if self.udp { Protocol::Udp } else { Protocol::Tcp };
        if stream == Some(wanted) {
            self.key = packet.find(protocol).and_then(|at| Some(Key::new(&at)?.0)).or(self.key);
        } else if stream.is_some() || self.key.is_none() || self.key != quoted(packet, protocol) {
            return Ok(Next::GoOn);
        }
        self.inner.packet(packet, known)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Whose packet an ICMP error quotes that quotes no more than the ports, too little for a stream's number (RFC 792).
fn quoted(packet: &Packet<'_>, protocol: Protocol) -> Option<Key> {
    let at = packet.each().find(|at| at.layer.quoted && at.layer.protocol == protocol)?;
    Some(Key::new(&at)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, LinkType};
    use crate::wire::{Layers, decode};

    fn ipv4(protocol: u8, from: u8, to: u8, content: &[u8]) -> Vec<u8> {
        let head = [0x45, 0, 0, 20 + content.len() as u8, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, from, 10, 0, 0, to];
        [&head[..], content].concat()
    }

    struct Count(usize);

    impl Sink for Count {
        fn packet(&mut self, _: &Packet<'_>, _: &Known<'_>) -> std::io::Result<Next> {
            self.0 += 1;
            Ok(Next::GoOn)
        }
    }

    #[test]
    fn a_conversation_keeps_the_errors_that_quote_no_more_than_its_ports() {
        let syn =
            |port: u8| ipv4(6, 1, 2, &[&[4, port, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0], &[0; 4][..]].concat());
        // Time exceeded, from the router: the IP header and eight bytes (RFC 792).
        let error = |port: u8| ipv4(1, 9, 1, &[&[11, 0, 0, 0, 0, 0, 0, 0], &syn(port)[..28]].concat());
        let mut sink = Conversation { stream: Some(1), udp: false, key: None, inner: Count(0) };
        let mut table = FlowTable::new();
        for data in [syn(1), syn(2), error(1), error(2)] {
            let mut layers = Layers::new();
            let frame = Frame { link: LinkType::RAW, length: data.len() as u32, data: &data, ..Frame::empty() };
            let packet = decode(frame, &mut layers);
            let known = table.ingest(&packet);
            sink.packet(&packet, &known).unwrap();
        }
        assert_eq!(sink.inner.0, 2, "its SYN and the error about it");
    }
}
