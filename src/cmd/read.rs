//! `netlab read FILE...`: packets from files, with the same output as a live capture.

use std::path::PathBuf;

use super::Exit;
use super::output::{Counted, Limited, Output};
use super::progress::Progress;
use super::save::{Interfaces, Save, Saved, Unseen};
use super::selection::Selection;
use crate::flow::FlowTable;
use crate::frame::Source;
use crate::io::{file, privilege};
use crate::pipeline::{self, Filtered, Merge};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Capture files (pcap, pcapng, gzip of either), merged by time; - is standard input
    #[arg(value_name = "FILE", required_unless_present = "also")]
    files: Vec<PathBuf>,
    /// A capture file, as tcpdump and tshark want it
    #[arg(short = 'r', id = "also", value_name = "FILE", hide = true)]
    also: Vec<PathBuf>,
    /// Stop after this many packets
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    save: Save,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    args.selection.check()?;
    let filter = args.output.filter()?;
    let mut table = FlowTable::new();
    let mut sources = Vec::new();
    for path in args.files.iter().chain(&args.also) {
        sources.push(if path.as_os_str() == "-" { file::open_stdin()? } else { file::open(path)? });
    }
    let interfaces = Interfaces::default();
    let owner = privilege::owner().map(|owner| (owner.uid.as_raw(), owner.gid.as_raw()));
    args.save.refuse_input(args.files.iter().chain(&args.also))?;
    let mut saving = args.save.open(owner, interfaces.clone())?;
    let view = if args.save.to_stdout() { Box::new(Unseen) } else { args.output.sink()? };
    let sink = Counted::new(Limited::new(Saved::new(saving.as_mut(), view), args.count));
    let mut sink = args.selection.before(Filtered::new(filter, sink))?;
    let mut source: Box<dyn Source> = match (sources.len(), sources.pop()) {
        (1, Some(only)) => Box::new(only),
        (_, last) => Box::new(Merge::new(sources.into_iter().chain(last).collect())),
    };
    let mut source = interfaces.followed(source.as_mut());
    let mut source = Progress::new(&mut source);
    let run = pipeline::run(&mut source, &mut table, &mut sink);
    source.clear();
    drop(sink);
    let saved = saving.map_or(Ok(()), |saving| saving.finish(&[]));
    let summary = run?;
    saved?;
    match summary.failure {
        Some(failure) => Err(failure.into()),
        None => Ok(Exit::Done),
    }
}
