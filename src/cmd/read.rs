//! `netlab read FILE...`: packets from files, with the same output as a live capture.

use std::path::PathBuf;

use super::Exit;
use super::output::{Counted, Limited, Output};
use super::progress::Progress;
use crate::flow::FlowTable;
use crate::frame::Source;
use crate::io::file;
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
    output: Output,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let sink = Limited::new(Counted::new(args.output.sink()?), args.count);
    let mut sink = Filtered::new(args.output.filter()?, sink);
    let mut table = FlowTable::new();
    let mut sources = Vec::new();
    for path in args.files.iter().chain(&args.also) {
        sources.push(if path.as_os_str() == "-" { file::open_stdin()? } else { file::open(path)? });
    }
    let mut source: Box<dyn Source> = match (sources.len(), sources.pop()) {
        (1, Some(only)) => Box::new(only),
        (_, last) => Box::new(Merge::new(sources.into_iter().chain(last).collect())),
    };
    let mut source = Progress::new(source.as_mut());
    let summary = pipeline::run(&mut source, &mut table, &mut sink)?;
    source.clear();
    match summary.failure {
        Some(failure) => Err(failure.into()),
        None => Ok(Exit::Done),
    }
}
