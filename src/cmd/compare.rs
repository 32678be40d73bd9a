//! `netlab compare A B`: the same traffic captured at two points: what is in one and not in the other, and the delay.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Exit;
use super::output::{Language, stdout};
use super::progress::Progress;
use super::selection::Selection;
use crate::field::text;
use crate::flow::matching::{Matching, Sighting};
use crate::flow::{FlowTable, Known};
use crate::io::file;
use crate::pipeline::{self, Next, Sink};
use crate::view::escape;
use crate::view::lines::{self, Lines, Time};
use crate::view::style::Palette;
use crate::wire::Packet;

#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Frames show the same packet where all is equal that routers leave alone. The delay one way counts \
    the difference between the two clocks. Exit status 1: some packets are in one capture alone, or there were none."
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
    #[command(flatten)]
    language: Language,
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

/// Tells some packets as lines, by their numbers.
struct Named<'a> {
    wanted: &'a [Sighting],
    lines: Lines<std::io::Sink>,
    text: Vec<u8>,
}

impl Sink for Named<'_> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        // Both are in the order of the file.
        match self.wanted.split_first() {
            None => return Ok(Next::Stop),
            Some((next, later)) if next.number == packet.frame.number => {
                self.wanted = later;
                self.lines.packet(packet, known)?;
                self.text.extend_from_slice(b"  ");
                self.text.append(&mut self.lines.take());
            }
            _ => {}
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
    list(&args, &mut out, "A", &args.first, &only_first, only_first.len() as u64)?;
    let in_second = only_second.len() as u64 + matching.uncounted_second;
    list(&args, &mut out, "B", &args.second, only_second, in_second)?;
    for (count, what) in [
        (matching.skipped, "frames without an IP packet were not compared"),
        (matching.forgotten, "packets of A were too many to remember"),
    ] {
        if count > 0 {
            writeln!(out, "{count} {what}")?;
        }
    }
    out.flush()?;
    // Where nothing was compared, nothing is the same.
    let same = only_first.is_empty() && in_second == 0 && matching.pairs > 0;
    Ok(if same { Exit::Done } else { Exit::No })
}

/// One capture through one sink; a file that ends early is an error, for half an answer would be a wrong one.
fn pass(args: &Args, path: &Path, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let mut source = args.selection.before(file::open(path)?)?;
    let mut source = Progress::new(&mut source);
    let summary = pipeline::run(&mut source, &mut FlowTable::new(), sink)?;
    source.clear();
    summary.failure.map_or(Ok(()), |failure| Err(failure.into()))
}

/// How many there are, and the first of them as lines; those are read once more.
fn list(
    args: &Args,
    out: &mut impl Write,
    name: &str,
    path: &Path,
    found: &[Sighting],
    count: u64,
) -> anyhow::Result<()> {
    writeln!(out, "{count} only in {name} ({})", escape::text(&path.to_string_lossy()))?;
    let wanted = found.get(..args.top).unwrap_or(found);
    if wanted.is_empty() {
        return Ok(());
    }
    let options =
        lines::Options { time: Time::Epoch, palette: Palette::new(false), width: None, words: args.language.words() };
    let mut named = Named { wanted, lines: Lines::new(std::io::sink(), options), text: Vec::new() };
    pass(args, path, &mut named)?;
    out.write_all(&named.text)?;
    let left = count.saturating_sub(wanted.len() as u64);
    if left > 0 {
        writeln!(out, "  and {left} more")?;
    }
    Ok(())
}

fn seconds(time: i64) -> String {
    let mut out = Vec::new();
    text::seconds(time, 6, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
