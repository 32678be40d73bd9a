//! `netlab stats`: figures over a whole capture, with a plot.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Context;

use super::decoding::Decoding;
use super::input::Input;
use super::output::{Color, stdout};
use super::progress::Progress;
use super::selection::Selection;
use super::{Exit, args};
use crate::flow::stats::Statistics;
use crate::flow::{FlowTable, Known};
use crate::pipeline::{self, Next, Sink};
use crate::view::stats::{self, Options};
use crate::view::style::Palette;
use crate::wire::Packet;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    decoding: Decoding,
    /// One JSON object with all figures
    #[arg(long)]
    json: bool,
    /// Also draw packets and bytes a second into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Plain characters only
    #[arg(long)]
    ascii: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

struct Gather(Statistics);

impl Sink for Gather {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        self.0.add(packet, known);
        Ok(Next::GoOn)
    }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    args.decoding.apply()?;
    args.input.required()?;
    let mut source = args.selection.before(args.input.open()?)?;
    let mut source = Progress::new(&mut source);
    let mut gather = Gather(Statistics::default());
    let summary = pipeline::run(&mut source, &mut FlowTable::new(), &mut gather)?;
    source.clear();
    let Gather(statistics) = gather;
    if let Some(path) = &args.svg {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut file = BufWriter::new(file);
        stats::svg(&statistics, &mut file)
            .and_then(|()| file.flush())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut out = BufWriter::new(stdout()?);
    if args.json {
        stats::json(&statistics, &mut out)?;
    } else {
        let width = if std::io::stdout().is_terminal() { args::width() } else { args::width().max(80) };
        let options = Options { palette: Palette::new(args.color.on_stdout()), width, ascii: args.ascii };
        stats::write(&statistics, options, &mut out)?;
    }
    out.flush()?;
    match summary.failure {
        Some(failure) => Err(failure.into()),
        None => Ok(Exit::Done),
    }
}
