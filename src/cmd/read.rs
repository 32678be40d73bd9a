//! `netlab read FILE...`: packets from files, with the same output as a live capture.

use std::io::IsTerminal;

use anyhow::Context;

use super::Exit;
use super::decoding::Decoding;
use super::input::Input;
use super::naming::Naming;
use super::output::{Counted, Limited, Output};
use super::progress::Progress;
use super::save::{Failed, Interfaces, Save, Saved, Unseen};
use super::selection::Selection;
use crate::flow::FlowTable;
use crate::io::privilege;
use crate::pipeline::{self, Beside, Filtered, Mark, Sink};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Stop after this many packets
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    decoding: Decoding,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    save: Save,
}

/// Up to so many packets are written by the thread that decodes them.
const FEW: u64 = 10_000;

pub fn run(args: Args) -> anyhow::Result<Exit> {
    args.decoding.apply()?;
    args.input.required()?;
    args.selection.check()?;
    let filter = args.output.filter()?;
    let picky = filter.is_some() || !args.selection.takes_all();
    let mut table = FlowTable::new();
    let mut source = args.input.open()?;
    let interfaces = Interfaces::default();
    let owner = privilege::owner().map(|owner| (owner.uid.as_raw(), owner.gid.as_raw()));
    args.save.refuse_input(args.input.paths())?;
    let mut saving = args.save.open(owner, interfaces.clone())?;
    let to_stdout = args.save.to_stdout();
    let view: Box<dyn Sink + Send> = if to_stdout { Box::new(Unseen) } else { args.output.sink()? };
    // A person reads slower than one core writes, and a few packets are not worth a thread.
    let many = args.count.is_none_or(|count| count > FEW) && !std::io::stdout().is_terminal();
    // Names grow while packets are shown: one thread knows them.
    let apart = many && !args.naming.is_wanted();
    let ahead = many && args.save.write.is_none() && args.input.is_at_hand();
    let mark = Mark::default();
    let (mut beside, view): (_, Box<dyn Sink>) = match apart {
        // Where packets are read ahead, batches are handed on as they are.
        true if ahead => (Some(view), Box::new(mark.clone())),
        true => (None, Box::new(Beside::new(view).context("cannot start a thread")?)),
        false => (None, view),
    };
    let sink = Counted::new(Limited::new(Saved::new(saving.as_mut(), view), args.count));
    let mut sink = args.selection.before(Filtered::new(filter, sink))?;
    let mut named = args.naming.before(&mut sink, false);
    let run = if ahead {
        let mut source = Progress::new(source.as_mut());
        let beside = beside.as_mut().map(|view| (view as &mut (dyn Sink + Send), &mark));
        let run = pipeline::run_ahead(&mut source, &mut table, &mut named, beside);
        source.clear();
        run
    } else {
        let mut source = interfaces.followed(source.as_mut());
        let mut source = Progress::new(&mut source);
        let run = pipeline::run(&mut source, &mut table, &mut named);
        source.clear();
        run
    };
    let names = named.into_names();
    let nothing = sink.inner().inner().packets == 0;
    drop(sink);
    let saved = saving.map_or(Ok(()), |saving| saving.finish(&[]));
    let summary = match run {
        Err(error) if Failed::ended(&error) => pipeline::Summary::default(),
        run => run.context("cannot write to standard output")?,
    };
    saved?;
    if !nothing && !to_stdout {
        args.output.conversations(&table, names.as_ref());
    }
    match summary.failure {
        Some(failure) => Err(failure.into()),
        // The answer to "is there such a packet?" is no.
        None => Ok(if picky && nothing { Exit::No } else { Exit::Done }),
    }
}
