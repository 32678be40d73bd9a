//! `netlab compare A B`: the same traffic captured at two points: what is in one and not in the other, and the delay.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Exit;
use super::output::stdout;
use super::progress::Progress;
use super::selection::Selection;
use crate::field::text;
use crate::flow::matching::{Matching, Sighting};
use crate::flow::{FlowTable, Known};
use crate::io::file;
use crate::pipeline::{self, Next, Sink};
use crate::view::escape;
use crate::wire::Packet;

#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Frames show the same packet where all is equal that routers leave alone. The delay one way counts \
    the difference between the two clocks. Exit status 1: some packets are in one capture alone."
)]
pub struct Args {
    /// The capture at the first point
    #[arg(value_name = "A")]
    first: PathBuf,
    /// The capture at the second point
    #[arg(value_name = "B")]
    second: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// A NAT lies between: compare without addresses and ports
    #[arg(long)]
    nat: bool,
    /// Also list every packet of both, with its delay
    #[arg(long)]
    pairs: bool,
    /// List at most this many packets of each kind
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
}

/// The sinks of the two passes.
struct First<'a>(&'a mut Matching);
struct Second<'a, W> {
    matching: &'a mut Matching,
    pairs: Option<W>,
}

impl Sink for First<'_> {
    fn packet(&mut self, packet: &Packet<'_>, _: &Known<'_>) -> std::io::Result<Next> {
        self.0.first(packet);
        Ok(Next::GoOn)
    }
}

impl<W: Write> Sink for Second<'_, W> {
    fn packet(&mut self, packet: &Packet<'_>, _: &Known<'_>) -> std::io::Result<Next> {
        let found = self.matching.second(packet);
        if let (Some(found), Some(out)) = (found, &mut self.pairs) {
            let delay = packet.frame.time.unwrap_or_default().since(found.time);
            writeln!(out, "A {} B {} delay {} s", found.number, packet.frame.number, seconds(delay))?;
        }
        Ok(Next::GoOn)
    }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let mut matching = if args.nat { Matching::ignoring_ends() } else { Matching::default() };
    let mut out = BufWriter::new(stdout()?);
    pass(&args, &args.first, &mut First(&mut matching))?;
    let pairs = args.pairs.then_some(&mut out);
    pass(&args, &args.second, &mut Second { matching: &mut matching, pairs })?;

    writeln!(out, "{} packets in both", matching.pairs)?;
    let path = matching.path();
    for (way, delays) in [("from A to B", path.there), ("from B to A", path.back)] {
        if let Some(mean) = delays.mean() {
            let (count, least, mean, most) = (delays.count, seconds(delays.least), seconds(mean), seconds(delays.most));
            writeln!(out, "delay {way} ({count}): least {least} s, mean {mean} s, most {most} s")?;
        }
    }
    if let Some(both) = path.both {
        writeln!(out, "both ways: {} s, whatever the difference between the two clocks", seconds(both))?;
    }
    let (only_first, only_second) = (matching.only_first(), &matching.only_second);
    list(&mut out, "A", &args.first, &only_first, only_first.len() as u64, args.top)?;
    let in_second = only_second.len() as u64 + matching.uncounted_second;
    list(&mut out, "B", &args.second, only_second, in_second, args.top)?;
    for (count, what) in [
        (matching.skipped, "frames without an IP packet were not compared"),
        (matching.forgotten, "packets of A were too many to remember"),
    ] {
        if count > 0 {
            writeln!(out, "{count} {what}")?;
        }
    }
    out.flush()?;
    Ok(if only_first.is_empty() && in_second == 0 { Exit::Done } else { Exit::No })
}

/// One capture through one sink; a file that ends early is an error, for half an answer would be a wrong one.
fn pass(args: &Args, path: &Path, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let mut source = args.selection.before(file::open(path)?)?;
    let mut source = Progress::new(&mut source);
    let summary = pipeline::run(&mut source, &mut FlowTable::new(), sink)?;
    source.clear();
    summary.failure.map_or(Ok(()), |failure| Err(failure.into()))
}

fn list(
    out: &mut impl Write,
    name: &str,
    path: &Path,
    found: &[Sighting],
    count: u64,
    top: usize,
) -> std::io::Result<()> {
    writeln!(out, "{count} only in {name} ({})", escape::text(&path.to_string_lossy()))?;
    for sighting in found.iter().take(top) {
        writeln!(out, "  packet {} at {}", sighting.number, seconds(sighting.time.0))?;
    }
    let listed = found.len().min(top) as u64;
    if listed < count && listed > 0 {
        writeln!(out, "  and {} more", count - listed)?;
    }
    Ok(())
}

fn seconds(time: i64) -> String {
    let mut out = Vec::new();
    text::seconds(time, 6, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
