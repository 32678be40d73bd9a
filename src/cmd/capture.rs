//! `netlab capture`: packets from the wire, as they pass.
//!
//! The order is the point: open the interfaces (which needs the privilege), open the ways to the table of sockets, make the file, give the
//! privilege up but for what it takes to see whose a socket is, then start the first thread and say READY.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::Duration;

use anyhow::Context;

use super::decoding::Decoding;
use super::naming::{Named, Naming};
use super::output::{Counted, Limited, Output};
use super::programs::{self, Looking};
use super::save::{Failed, Interfaces, Save, Saved, Saving, Unseen};
use super::selection::{OfPort, Selection};
use super::{Exit, args};
use crate::flow::FlowTable;
use crate::flow::datagram::Wanted;
use crate::flow::names::Names;
use crate::frame::{Error, Interface, Source, said_by};
use crate::io::interrupt::Interrupt;
use crate::io::pcap::{self, Live};
use crate::io::privilege;
use crate::pipeline::{self, Filtered, Next, Sink};
use crate::process::Programs;
use crate::quantity;
use crate::view::{escape, ladder};
use crate::wire::{Layers, decode};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Interface to capture on (repeatable; `netlab interfaces` lists them); by default all of them, as `any`
    #[arg(short, long, value_name = "IF")]
    interface: Vec<String>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    decoding: Decoding,
    #[command(flatten)]
    looking: Looking,
    /// Stop after this many packets
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop after this time, as in 10s
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    duration: Option<Duration>,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    output: Output,
    /// Draw a sequence chart as the packets come: who sends what to whom
    #[arg(long, conflicts_with_all = ["fields", "json", "verbose", "hex", "time", "quiet"])]
    ladder: bool,
    /// Draw the chart with ASCII only
    #[arg(long, requires = "ladder")]
    ascii: bool,
    /// Show no packets, only the summary
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    save: Save,
    /// Say READY on standard error once every packet from then on is captured
    #[arg(long)]
    ready: bool,
    /// Room in the kernel for packets not yet read, for each interface
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = quantity::size)]
    buffer: u64,
    /// Capture also what is not meant for this machine; needs -i
    #[arg(long, requires = "interface")]
    promiscuous: bool,
    /// Keep only this many bytes of each packet
    #[arg(long, value_name = "BYTES", default_value_t = 262_144, value_parser = clap::value_parser!(u32).range(1..=262_144))]
    snaplen: u32,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    args.decoding.apply()?;
    let filter = args.output.filter()?;
    let opened = pcap::open(&pcap::Options {
        interfaces: args.interface.clone(),
        selection: args.selection.to_bpf(),
        buffer: u32::try_from(args.buffer).unwrap_or(u32::MAX),
        promiscuous: args.promiscuous,
        snap_length: args.snaplen,
    })?;
    let mut talk = Talk { quiet: args.quiet };
    let programs = args.looking.open(|note| talk.say(note));
    let interfaces: Vec<Interface> = opened.interfaces().cloned().collect();
    let owner = privilege::heir();
    let mut saving = args.save.open(owner, Interfaces::new(&interfaces))?;
    // Nobody sees what goes to /dev/null.
    let unseen = args.quiet || args.save.to_stdout() || goes_nowhere();
    let view: Box<dyn Sink + Send> = match (unseen, args.ladder) {
        (true, _) => Box::new(Unseen),
        (false, true) => {
            let look = super::ladder::look(args.ascii, args.output.color);
            Box::new(ladder::Live::new(super::output::stdout()?, look, args.output.language.words()))
        }
        (false, false) => args.output.sink()?,
    };

    // Which rights are left is said also where little else is.
    programs.give_up_the_rest(|note| args::talk(&format!("netlab: {note}")))?;
    let noted = args.save.write.as_deref().is_none_or(programs::can_be_noted_in);
    if programs.are_sought() && !noted {
        talk.say("a .pcap file cannot hold which program a packet belongs to: a name that ends in .pcapng can");
    }
    let stop = pcap::Stop::new().context("cannot make a pipe")?;
    let interrupt = Interrupt::install(|| stop.descriptor()).context("cannot listen for Ctrl-C")?;
    opened.notes().iter().for_each(|note| talk.say(note));
    // Nobody is told, and nothing is chosen by it: no need to look.
    let idle = unseen && filter.is_none() && args.selection.programs.takes_all();
    let only_saved = idle && (!noted || !programs.are_sought() || saving.is_none());
    let mut owners = if only_saved { None } else { programs.start()? };
    let mut live = opened.start(stop, args.duration)?;
    talk.say(&listening(&interfaces));
    if args.ready {
        eprintln!("READY");
    }

    let mut table = FlowTable::new();
    let run = match saving.as_mut().filter(|_| only_saved) {
        Some(saving) => save_only(&mut live, saving, args.selection.fragments(), args.count),
        None => {
            let sink = Counted::new(Limited::new(Saved::new(saving.as_mut(), view), args.count));
            let programs = owners.as_mut().map(|owners| owners as &mut dyn Programs);
            let sink = Filtered::new(filter, args.selection.behind_kernel(sink));
            show(&mut live, &mut table, programs, args.naming.before(sink, true))
        }
    };
    live.finish();
    let saved = saving.map_or(Ok(()), |saving| saving.finish(&live.counts_by_interface()));
    talk.end();
    if !unseen && !args.ladder && run.shown > 0 {
        args.output.conversations(&table, run.names.as_ref());
    }
    args::talk(&summary(run.shown, run.seen, &live));
    run.failure.map_or(Ok(()), Err)?;
    saved?;
    Ok(if interrupt.happened() && run.shown == 0 { Exit::Interrupted } else { Exit::Done })
}

/// What became of the packets.
struct Run {
    /// Packets that passed every filter, and were shown or saved.
    shown: u64,
    /// Packets that the capture handed over.
    seen: u64,
    failure: Option<anyhow::Error>,
    names: Option<Names>,
}

/// Every packet decoded; those that the filter wants saved and shown.
fn show<S: Sink>(
    live: &mut Live,
    table: &mut FlowTable,
    programs: Option<&mut dyn Programs>,
    mut sink: Named<Filtered<OfPort<Counted<S>>>>,
) -> Run {
    let mut seen = Seen { live, seen: 0 };
    let failure = match pipeline::run_asking(&mut seen, table, programs, &mut sink) {
        Ok(summary) => summary.failure.map(anyhow::Error::from),
        Err(error) if Failed::ended(&error) => None,
        Err(error) => Some(anyhow::Error::from(error).context("cannot write to standard output")),
    };
    let shown = sink.inner().inner().inner().packets;
    Run { shown, seen: seen.seen, failure, names: sink.into_names() }
}

/// Every packet to the file and nowhere else: no need to decode it, but where fragments are to be told apart.
fn save_only(live: &mut Live, saving: &mut Saving, mut fragments: Option<Wanted>, count: Option<u64>) -> Run {
    let (mut seen, mut saved) = (0, 0);
    let mut failure = None;
    while count.is_none_or(|count| saved < count) {
        if !live.ready() && saving.flush() == Next::Stop {
            break;
        }
        match live.advance() {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => {
                failure = Some(error.into());
                break;
            }
        }
        seen += 1;
        let frame = live.frame();
        if fragments.as_mut().is_some_and(|fragments| !fragments.wants(&decode(frame, &mut Layers::new()), true)) {
            continue;
        }
        saved += 1;
        if saving.frame(&frame) == Next::Stop {
            break;
        }
    }
    Run { shown: saved, seen, failure, names: None }
}

/// Counts what the capture hands over, also where the run ends in an error.
struct Seen<'a> {
    live: &'a mut Live,
    seen: u64,
}

impl Source for Seen<'_> {
    fn advance(&mut self) -> Result<Option<crate::frame::Timestamp>, Error> {
        let moved = self.live.advance();
        self.seen += u64::from(matches!(moved, Ok(Some(_))));
        moved
    }

    said_by!(live);
}

/// What is said on standard error beside the summary.
struct Talk {
    quiet: bool,
}

impl Talk {
    fn say(&mut self, what: &str) {
        if !self.quiet {
            args::talk(&format!("netlab: {what}"));
        }
    }

    /// The terminal has shown `^C` at the beginning of a line: the summary gets one of its own.
    fn end(&self) {
        let _ = std::io::stdout().flush();
        if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            eprintln!();
        }
    }
}

fn listening(interfaces: &[Interface]) -> String {
    let each = interfaces.iter().map(|interface| {
        let name = interface.name.as_deref().unwrap_or("?");
        let link = interface.link.name().map_or_else(|| interface.link.to_string(), str::to_owned);
        format!("{} ({link})", escape::text(name))
    });
    format!("capturing on {}; Ctrl-C ends", each.collect::<Vec<_>>().join(", "))
}

/// What to say at the end: packets, and what was lost.
pub(super) fn summary(shown: u64, seen: u64, live: &Live) -> String {
    let counts = live.counts();
    let figure = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let mut text = format!("{seen} packet{} seen", if seen == 1 { "" } else { "s" });
    if shown != seen {
        text.push_str(&format!(", {shown} of them shown"));
    }
    text.push_str(&format!(
        "; {} received by the filter, {} dropped by the kernel, {} dropped by the interface",
        figure(counts.received),
        figure(counts.dropped_kernel),
        figure(counts.dropped_interface)
    ));
    text
}

/// Whether standard output is /dev/null.
fn goes_nowhere() -> bool {
    let Ok(descriptor) = std::io::stdout().as_fd().try_clone_to_owned() else { return false };
    let (Ok(out), Ok(null)) = (File::from(descriptor).metadata(), std::fs::metadata("/dev/null")) else { return false };
    out.file_type().is_char_device() && out.rdev() == null.rdev()
}
