//! `netlab nat correlate INSIDE OUTSIDE`: the translation table of a NAT, from files or from two interfaces of it.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::super::output::{Color, stdout};
use super::super::progress::Progress;
use super::super::selection::Selection;
use super::super::{Exit, args, capture};
use crate::flow::correlation::{Correlation, Side};
use crate::flow::{FlowTable, Known};
use crate::io::interrupt::Interrupt;
use crate::io::{file, pcap, privilege};
use crate::pipeline::{self, Next, Sink};
use crate::quantity;
use crate::view::correlation::{self, Look};
use crate::view::style::Palette;
use crate::wire::Packet;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Both names are files, or both interfaces of this machine (as root; until Ctrl-C or for \
    --duration). Times are the inside's, from the first binding on; the two clocks need not agree. A packet is found \
    again by its data and the numbers that translators leave alone; one that rewrites those cannot be followed.\n\n\
    Keys of --json, by `kind`: binding (protocol, inside, outside, remote, packets_out, packets_in, first_inside and \
    first_outside: numbers of its first packet, made, last and last_out: seconds since 1970, idle: the longest time \
    without a packet, lost, replaced_after, expired_within), not let in (protocol, from, to, packets, first_outside, \
    why), hairpin (protocol, from, to, at, seen_from), summary (pairs, outside_clock_ahead, delay_out and delay_in: \
    means, stayed_inside, lost, own_outside, elsewhere, missed, regrouped, not_compared, forgotten).\n\n\
    Exit status 1: no packet was seen on both sides.")]
pub struct Args {
    /// The capture, or the interface, on the inside
    #[arg(value_name = "INSIDE")]
    inside: String,
    /// The capture, or the interface, on the outside
    #[arg(value_name = "OUTSIDE")]
    outside: String,
    #[command(flatten)]
    selection: Selection,
    /// Live: stop after this time, as in 10m
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    duration: Option<Duration>,
    /// Live: say READY on standard error once both sides are captured
    #[arg(long)]
    ready: bool,
    /// Rows of each table
    #[arg(long, value_name = "N", default_value_t = 50)]
    top: usize,
    /// Objects of JSON, one a line; all of them
    #[arg(long)]
    json: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

/// Hands packets on to the side where they were captured.
struct Sorted<'a, F> {
    correlation: &'a mut Correlation,
    side: F,
}

impl<F: Fn(&Packet<'_>) -> Side> Sink for Sorted<'_, F> {
    fn packet(&mut self, packet: &Packet<'_>, _: &Known<'_>) -> std::io::Result<Next> {
        self.correlation.add((self.side)(packet), packet);
        Ok(Next::GoOn)
    }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let mut seen = Correlation::default();
    let is_file = |name: &str| Path::new(name).exists();
    match (is_file(&args.inside), is_file(&args.outside)) {
        (false, false) => live(&args, &mut seen)?,
        _ => {
            for (name, side) in [(&args.inside, Side::Inside), (&args.outside, Side::Outside)] {
                let mut source = args.selection.before(file::open(Path::new(name))?)?;
                let mut source = Progress::new(&mut source);
                let mut sink = Sorted { correlation: &mut seen, side: |_: &Packet<'_>| side };
                let summary = pipeline::run(&mut source, &mut FlowTable::new(), &mut sink)?;
                source.clear();
                summary.failure.map_or(Ok(()), Err)?;
            }
        }
    }
    let report = seen.report();
    let mut out = Vec::new();
    if args.json {
        correlation::json(&report, &mut out);
    } else {
        let look = Look { palette: Palette::new(args.color.on_stdout()), width: args::width(), top: args.top };
        correlation::write(&report, look, &mut out)?;
    }
    stdout()?.write_all(&out)?;
    Ok(if report.pairs > 0 { Exit::Done } else { Exit::No })
}

/// Captures on both interfaces at once.
fn live(args: &Args, correlation: &mut Correlation) -> anyhow::Result<()> {
    let interfaces = vec![args.inside.clone(), args.outside.clone()];
    anyhow::ensure!(args.inside != args.outside, "the inside and the outside must be two interfaces, or two files");
    let options = pcap::Options { interfaces, selection: args.selection.to_bpf(), ..pcap::Options::default() };
    let opened = pcap::open(&options)?;
    opened.notes().iter().for_each(|note| args::talk(&format!("netlab: {note}")));
    privilege::give_up().context("cannot give up privileges")?;
    let stop = pcap::Stop::new().context("cannot make a pipe")?;
    let _interrupt = Interrupt::install(|| stop.descriptor()).context("cannot listen for Ctrl-C")?;
    let mut live = opened.start(stop, args.duration)?;
    if args.ready {
        eprintln!("READY");
    }
    let side = |packet: &Packet<'_>| if packet.frame.interface == 0 { Side::Inside } else { Side::Outside };
    let sink = Sorted { correlation, side };
    let summary = pipeline::run(&mut live, &mut FlowTable::new(), &mut args.selection.behind_kernel(sink))?;
    live.finish();
    args::talk(&capture::summary(summary.frames, summary.frames, &live));
    summary.failure.map_or(Ok(()), |failure| Err(failure.into()))
}
