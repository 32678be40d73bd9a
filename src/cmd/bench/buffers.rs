//! `netlab bench buffers`: how fast TCP carries data over loopback, against each of the four sizes.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use crate::cmd::Exit;
use crate::exercise::buffers::measure::{Figures, Sizes, transfer};
use crate::quantity;
use crate::view::curves::{self, Panel, Picture};
use crate::view::style::{Palette, Role};
use crate::view::table::{Align, Table};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each row is one transfer over loopback, of which one size is chosen and the others are the usual ones: 64 KiB a send and \
a receive, buffers that grow by themselves. WINDOW is the largest that the receiver offered on the wire.

  netlab bench buffers
  netlab bench buffers --svg buffers.svg")]
pub struct Args {
    /// How long each transfer takes
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = quantity::duration)]
    duration: Duration,
    /// Draw the curves into this file (SVG)
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// One of the four sizes, and the values it is given.
struct Series {
    name: &'static str,
    values: &'static [usize],
    set: fn(&mut Sizes, usize),
}

const K: usize = 1024;
const M: usize = 1024 * K;

const SERIES: [Series; 4] = [
    Series { name: "send size", values: &[1, 16, 256, 4 * K, 64 * K, M], set: |sizes, value| sizes.send = value },
    Series { name: "receive size", values: &[1, 16, 256, 4 * K, 64 * K, M], set: |sizes, value| sizes.receive = value },
    Series {
        name: "SO_SNDBUF",
        values: &[2 * K, 8 * K, 32 * K, 128 * K, 512 * K, 4 * M],
        set: |sizes, value| sizes.send_buffer = Some(value),
    },
    Series {
        name: "SO_RCVBUF",
        values: &[2 * K, 8 * K, 32 * K, 128 * K, 512 * K, 4 * M],
        set: |sizes, value| sizes.receive_buffer = Some(value),
    },
];

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let mut measured: Vec<Vec<(usize, Figures)>> = Vec::new();
    for series in &SERIES {
        let of_one = series.values.iter().map(|value| {
            let mut sizes = Sizes::default();
            (series.set)(&mut sizes, *value);
            Ok((*value, transfer(sizes, args.duration)?))
        });
        measured.push(of_one.collect::<Result<_, crate::exercise::Error>>()?);
    }
    write_table(&measured, &mut std::io::stdout().lock())?;
    if let Some(path) = &args.svg {
        fs::write(path, draw(&measured)).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("netlab: the curves are in {}", path.display());
    }
    Ok(Exit::Done)
}

fn write_table(measured: &[Vec<(usize, Figures)>], out: &mut impl Write) -> anyhow::Result<()> {
    let columns = [
        ("size of", Align::Left),
        ("bytes", Align::Right),
        ("speed", Align::Right),
        ("a receive", Align::Right),
        ("window", Align::Right),
        ("waits for window", Align::Right),
    ];
    let mut table = Table::new(&columns, crate::cmd::args::width(), Palette::new(false));
    for (series, rows) in SERIES.iter().zip(measured) {
        for (value, figures) in rows {
            // The kernel counts in its own ticks, of some milliseconds.
            let waited = figures.limited_by_window.as_secs_f64() / figures.time.as_secs_f64().max(1e-9);
            let cells = [
                series.name.to_owned(),
                curves::bytes(*value as f64),
                rate(speed(figures)),
                (figures.bytes / figures.receives.max(1)).to_string(),
                figures.window.to_string(),
                format!("{:.0} %", 100.0 * waited.min(1.0)),
            ];
            table.row(cells.iter().map(|cell| (cell.as_str(), Role::Plain)));
        }
    }
    table.write(out)?;
    Ok(())
}

fn draw(measured: &[Vec<(usize, Figures)>]) -> String {
    let panels = SERIES.iter().zip(measured).map(|(series, rows)| Panel {
        title: series.name,
        points: rows.iter().map(|(value, figures)| (*value as f64, speed(figures).max(1.0))).collect(),
    });
    Picture {
        title: "How fast TCP carries data over loopback, against four sizes",
        measure: "bytes a second, over bytes",
        words: rate,
        panels: panels.collect(),
    }
    .svg()
}

/// Bytes a second.
fn speed(figures: &Figures) -> f64 {
    figures.bytes as f64 / figures.time.as_secs_f64().max(1e-9)
}

fn rate(bytes: f64) -> String {
    match bytes {
        rate if rate >= 1e9 => format!("{:.1} GB/s", rate / 1e9),
        rate if rate >= 1e6 => format!("{:.1} MB/s", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.1} kB/s", rate / 1e3),
        rate => format!("{rate:.0} B/s"),
    }
}
