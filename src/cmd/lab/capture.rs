//! `netlab lab capture`: every segment of the lab in one view and one file, told apart by the interfaces' names.
//!
//! A packet passes several segments, changed by NATs or not: each has a table of conversations of its own, so that what
//! passes the next one is no retransmission.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use unicode_width::UnicodeWidthStr;

use super::place::{self, Place};
use super::{Named, found, told};
use crate::cmd::output::{self, Color, Language};
use crate::cmd::save::{Interfaces, Save, Saving};
use crate::cmd::{Exit, args, capture, ladder as charts};
use crate::filter::Filter;
use crate::flow::FlowTable;
use crate::frame::{Error, Frame, Source};
use crate::io::bpf::Selection;
use crate::io::interrupt::Interrupt;
use crate::io::lab::Lab;
use crate::io::{pcap, privilege};
use crate::lab::Topology;
use crate::pipeline::{Next, Sink};
use crate::quantity;
use crate::view::style::Palette;
use crate::view::{ladder, lines};
use crate::wire::{self, Layers};

/// Room in the kernel for packets not yet read, for each interface: a lab is small, but has many.
const RING: u32 = 8 << 20;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without HOST:IF every segment is seen once: a switch by all that passes it, a cable at one end. With the two sides of a NAT
the same packet is seen before and after it:

  netlab lab capture nat-a:lan nat-a:wan --port 9000
  netlab lab capture -w lab.pcapng          then: netlab read lab.pcapng, or Wireshark")]
pub struct Args {
    /// Where to capture, as a1:eth0, or a switch's name; by default every segment
    #[arg(value_name = "HOST:IF")]
    places: Vec<String>,
    #[command(flatten)]
    named: Named,
    /// Capture filter (BPF, as tcpdump has it)
    #[arg(short = 'f', long = "filter", value_name = "BPF")]
    expression: Option<String>,
    /// Show only the packets that this display filter wants (Wireshark's language)
    #[arg(short = 'Y', long = "where", value_name = "FILTER")]
    display_filter: Option<String>,
    /// Only this port (repeatable)
    #[arg(long, value_name = "N")]
    port: Vec<u16>,
    /// Stop after this many packets
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop after this time, as in 10s
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    duration: Option<Duration>,
    /// Draw a sequence chart as the packets come
    #[arg(long)]
    ladder: bool,
    /// Draw the chart with ASCII only
    #[arg(long)]
    ascii: bool,
    #[command(flatten)]
    save: Save,
    /// Say READY on standard error once every packet from then on is captured
    #[arg(long)]
    ready: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    #[command(flatten)]
    language: Language,
}

impl Args {
    /// The same, drawn as a chart.
    pub fn drawn(self) -> Self {
        Self { ladder: true, ..self }
    }
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let filter = args.display_filter.as_deref().map(Filter::parse).transpose()?;
    let lab = found(&args.named)?;
    let places = place::places(&lab.topology, &args.places)?;
    let opened = open(&lab, &places, args)?;
    let interfaces: Vec<_> = opened.interfaces().cloned().collect();
    let mut saving = args.save.open(privilege::heir(), Interfaces::new(&interfaces))?;
    let view = View::new(args, &lab.topology, &places)?;
    let stop = pcap::Stop::new().context("cannot make a pipe")?;
    let interrupt = Interrupt::install(|| stop.descriptor()).context("cannot listen for Ctrl-C")?;
    let mut live = opened.start(stop, args.duration)?;
    let all: Vec<&str> = places.iter().map(|place| place.name.as_str()).collect();
    args::talk(&format!("netlab: capturing on {}; Ctrl-C ends", all.join(", ")));
    if args.ready {
        eprintln!("READY");
    }
    let mut run = Run { shown: 0, view, saving: saving.as_mut(), filter, count: args.count };
    let result = run.go(&mut live, places.len());
    let shown = run.shown;
    live.finish();
    run.view.finish(args)?;
    let saved = saving.map_or(Ok(()), |saving| saving.finish(&live.counts_by_interface()));
    args::talk(&capture::summary(shown, shown, &live));
    result?;
    saved?;
    Ok(if interrupt.happened() && shown == 0 { Exit::Interrupted } else { Exit::Done })
}

/// Opens each place in its network; the thread stays in the last one.
fn open(lab: &Lab, places: &[Place], args: &Args) -> anyhow::Result<pcap::Opened> {
    lab.enter_user().map_err(told)?;
    let selection = Selection { expression: args.expression.clone(), ports: args.port.clone(), ..Selection::default() };
    place::open(places, &pcap::Options { selection, buffer: RING, ..pcap::Options::default() }, |node| {
        lab.enter_network(node)
    })
}

/// Lines with the place before each, or a chart.
enum View {
    Lines {
        lines: Box<lines::Lines<std::io::Sink>>,
        names: Vec<String>,
        width: usize,
        palette: Palette,
    },
    /// Rows as packets come, and the chart in which each packet is one arrow: that can only be drawn once it is known
    /// what became of it.
    Chart {
        live: Option<Box<dyn Sink>>,
        whole: Option<Box<ladder::Ladder>>,
    },
    Nothing,
}

impl View {
    fn new(args: &Args, topology: &Topology, places: &[Place]) -> anyhow::Result<Self> {
        let names: Vec<String> = places.iter().map(|place| place.name.clone()).collect();
        if args.save.to_stdout() {
            return Ok(Self::Nothing);
        }
        let words = args.language.words();
        if args.ladder {
            let columns = place::columns(topology);
            let ground = ladder::Ground { only_active: true, ..place::ground(topology, places, &columns) };
            let whole = (!ground.nats.is_empty()).then(|| {
                let programs = place::programs(topology, places, &columns);
                Box::new(ladder::Ladder::of(programs, words).on(ground))
            });
            // Nobody waits for a pipe; a person does.
            let live = whole.is_none() || std::io::IsTerminal::is_terminal(&std::io::stdout());
            let look = charts::look(args.ascii, args.color);
            let rows = || Ok::<_, anyhow::Error>(ladder::Live::new(output::stdout()?, look, words));
            let live = if live { Some(Box::new(rows()?) as Box<dyn Sink>) } else { None };
            return Ok(Self::Chart { live, whole });
        }
        let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let palette = Palette::new(args.color.on_stdout());
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
        let columns = terminal.then(|| args::width().saturating_sub(width + 1));
        let options = lines::Options { time: lines::Time::Relative, palette, width: columns, words };
        Ok(Self::Lines { lines: Box::new(lines::Lines::new(std::io::sink(), options)), names, width, palette })
    }

    fn packet(&mut self, packet: &wire::Packet<'_>, known: &crate::flow::Known<'_>) -> std::io::Result<Next> {
        match self {
            Self::Nothing => Ok(Next::GoOn),
            Self::Chart { live, whole } => {
                if let Some(whole) = whole {
                    whole.packet(packet, known)?;
                }
                live.as_mut().map_or(Ok(Next::GoOn), |live| live.packet(packet, known))
            }
            Self::Lines { lines, names, width, palette } => {
                let next = lines.packet(packet, known)?;
                let name = names.get(packet.frame.interface as usize).map_or("?", String::as_str);
                let style = palette.style(crate::view::style::Role::Faint);
                let mut out = std::io::stdout().lock();
                write!(out, "{style}{name:<width$}{style:#} ", width = *width)?;
                out.write_all(&lines.take())?;
                Ok(next)
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Chart { live: Some(live), .. } => live.flush(),
            _ => std::io::stdout().flush(),
        }
    }

    /// Draws the chart of all there was.
    fn finish(&mut self, args: &Args) -> anyhow::Result<()> {
        let Self::Chart { live, whole: Some(whole) } = self else { return Ok(()) };
        if whole.packets() == 0 {
            return Ok(());
        }
        let mut out = output::stdout()?;
        if live.is_some() {
            writeln!(out)?;
        }
        whole.draw(&mut out, charts::look(args.ascii, args.color))?;
        out.flush()?;
        Ok(())
    }
}

struct Run<'a> {
    shown: u64,
    view: View,
    saving: Option<&'a mut Saving>,
    filter: Option<Filter>,
    count: Option<u64>,
}

impl Run<'_> {
    fn go(&mut self, live: &mut pcap::Live, places: usize) -> anyhow::Result<()> {
        let mut tables: Vec<FlowTable> = (0..places).map(|_| FlowTable::new()).collect();
        let mut layers = Layers::new();
        let mut number = 0;
        while self.count.is_none_or(|count| self.shown < count) {
            if !live.ready() {
                self.view.flush()?;
                if self.saving.as_mut().is_some_and(|saving| saving.flush() == Next::Stop) {
                    break;
                }
            }
            match live.advance() {
                Ok(Some(_)) => number += 1,
                Ok(None) => break,
                // The lab went down.
                Err(Error::Ended { .. }) => break,
                Err(error) => return Err(error.into()),
            }
            let frame = Frame { number, ..live.frame() };
            if let (1, Some(time)) = (number, frame.time) {
                tables.iter_mut().for_each(|table| table.count_from(time));
            }
            let packet = wire::decode(frame, &mut layers);
            let Some(table) = tables.get_mut(frame.interface as usize) else { continue };
            let known = table.ingest(&packet);
            if let View::Chart { whole: Some(whole), .. } = &mut self.view {
                whole.watch(&packet);
            }
            if self.filter.as_ref().is_some_and(|filter| !filter.matches(&packet, known.facts)) {
                continue;
            }
            self.shown += 1;
            let saved = self.saving.as_mut().map_or(Next::GoOn, |saving| saving.frame(&packet.frame));
            if self.view.packet(&packet, &known)? == Next::Stop || saved == Next::Stop {
                break;
            }
        }
        self.view.flush()?;
        Ok(())
    }
}
