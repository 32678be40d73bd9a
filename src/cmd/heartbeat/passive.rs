//! Heartbeats in captures, and in what passes an interface.

use std::io::{BufWriter, IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;

use super::Args;
use crate::cmd::output::stdout;
use crate::cmd::progress::Progress;
use crate::cmd::{Exit, args as terminal, capture};
use crate::filter::Filter;
use crate::flow::heartbeat::{Beat, Detector, Questions, Seen};
use crate::flow::{FlowTable, Known, Transport};
use crate::io::interrupt::Interrupt;
use crate::io::{pcap, privilege};
use crate::pipeline::{self, Filtered, Next, Sink};
use crate::view::heartbeat::found::{self, Look};
use crate::view::style::Palette;
use crate::wire::Packet;

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;
/// Timeouts that programs use.
const TIMEOUTS: [i64; 9] =
    [500 * MS, SECOND, 2 * SECOND, 3 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, 60 * SECOND, 120 * SECOND];
/// How long NATs remember: 30 s is what many do, RFC 4787 §4.3 wants 2 min at least and 5 min rather; for TCP RFC 5382 §5
/// wants 2 h 4 min, and many have less.
const BINDINGS: [i64; 4] = [30 * SECOND, 60 * SECOND, 120 * SECOND, 300 * SECOND];
const TCP_BINDINGS: [i64; 2] = [300 * SECOND, 7_440 * SECOND];

struct Find {
    detector: Detector,
    begun: Option<i64>,
}

impl Sink for Find {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        if let Some(time) = packet.frame.time {
            self.begun.get_or_insert(time.0);
        }
        if let Some(seen) = Seen::of(packet, known) {
            self.detector.add(&seen);
        }
        Ok(Next::GoOn)
    }
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    if args.listen.is_some() || args.private || args.dry_run || args.until_lost || args.count.is_some() {
        anyhow::bail!(
            "--listen, --private, --dry-run, --until-lost and --count are for two ends: name one as HOST:PORT"
        );
    }
    let nanoseconds =
        |times: &[Duration]| times.iter().map(|time| time.as_nanos() as i64).collect::<std::collections::BTreeSet<_>>();
    let or = |chosen: &[Duration], usual: &[i64]| {
        if chosen.is_empty() { usual.to_vec() } else { nanoseconds(chosen).into_iter().collect() }
    };
    let all: Vec<i64> = [&BINDINGS[..], &TCP_BINDINGS[1..]].concat();
    let questions = Questions { timeouts: or(&args.timeout, &TIMEOUTS), bindings: or(&args.binding, &all) };
    let filter = args.display_filter.as_deref().map(Filter::parse).transpose()?;
    let mut find = Find { detector: Detector::new(questions), begun: None };
    let mut sink = Filtered::new(filter, &mut find);
    let (failure, last_words) = if args.interface.is_empty() {
        let mut source = args.selection.before(args.input.open()?)?;
        let mut source = Progress::new(&mut source);
        let summary = pipeline::run(&mut source, &mut FlowTable::new(), &mut sink)?;
        source.clear();
        (summary.failure, None)
    } else {
        let (failure, words) = watch(args, &mut sink)?;
        (failure, Some(words))
    };
    let begun = find.begun.unwrap_or_default();
    let (mut beats, forgotten) = find.detector.finish();
    if args.binding.is_empty() {
        for beat in &mut beats {
            let usual: &[i64] = if beat.transport == Transport::Tcp { &TCP_BINDINGS } else { &BINDINGS };
            beat.bindings.retain(|binding| usual.contains(&binding.after));
        }
    }
    show(args, &beats, begun)?;
    if forgotten > 0 {
        terminal::talk(&format!("netlab: {forgotten} conversations without a beat left early to bound the memory"));
    }
    if let Some(words) = last_words {
        terminal::talk(&words);
    }
    match failure {
        Some(failure) => Err(failure.into()),
        None if beats.is_empty() => {
            terminal::talk("netlab: nothing here comes at a beat");
            Ok(Exit::No)
        }
        None => Ok(Exit::Done),
    }
}

fn show(args: &Args, beats: &[Beat], begun: i64) -> anyhow::Result<()> {
    let mut out = BufWriter::new(stdout()?);
    let terminal = std::io::stdout().is_terminal();
    let look = Look {
        palette: Palette::new(args.color.on_stdout()),
        width: if terminal { terminal::width() } else { terminal::width().max(80) },
        ascii: args.ascii,
        timeouts_asked: !args.timeout.is_empty(),
        bindings_asked: !args.binding.is_empty(),
        begun,
    };
    for (number, beat) in beats.iter().enumerate() {
        if args.json {
            let mut line = Vec::new();
            found::object(beat, begun, &mut line);
            out.write_all(&line)?;
            continue;
        }
        if number > 0 {
            writeln!(out)?;
        }
        look.write(beat, &mut out)?;
    }
    out.flush()?;
    if !beats.is_empty() && !args.json && terminal {
        terminal::talk(found::legend(args.ascii));
    }
    Ok(())
}

/// Runs until Ctrl-C, or for as long as was asked.
fn watch(args: &Args, sink: &mut dyn Sink) -> anyhow::Result<(Option<crate::frame::Error>, String)> {
    let interfaces = args.interface.clone();
    let options = pcap::Options { interfaces, selection: args.selection.to_bpf(), ..pcap::Options::default() };
    let opened = pcap::open(&options)?;
    privilege::give_up().context("cannot give up privileges")?;
    let stop = pcap::Stop::new().context("cannot make a pipe")?;
    let _interrupt = Interrupt::install(|| stop.descriptor()).context("cannot listen for Ctrl-C")?;
    opened.notes().iter().for_each(|note| terminal::talk(&format!("netlab: {note}")));
    let mut live = opened.start(stop, args.duration)?;
    terminal::talk("READY: looking for heartbeats; Ctrl-C tells what was found");
    let summary = pipeline::run(&mut live, &mut FlowTable::new(), &mut args.selection.behind_kernel(sink))?;
    live.finish();
    let counts = capture::summary(summary.frames, summary.frames, &live);
    Ok((summary.failure, counts))
}
