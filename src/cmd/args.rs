//! What several commands share: the terminal that they fill, its size and talk that fits it; the options of --watch.

use std::io::IsTerminal;
use std::time::Duration;

use crate::quantity;
use crate::view::wrap;

/// Options of a command with --watch.
#[derive(Debug, clap::Args)]
pub struct Watching {
    /// Time between two looks with --watch; what the kernel tells by itself is told at once
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = quantity::duration, requires = "watch")]
    pub interval: Duration,
    /// Stop watching after this time, as in 10m
    #[arg(long, value_name = "TIME", value_parser = quantity::duration, requires = "watch")]
    pub duration: Option<Duration>,
    /// Say READY on standard error once every change is told
    #[arg(long, requires = "watch")]
    pub ready: bool,
}

/// Rows of the terminal; 24 where there is none.
pub fn height() -> usize {
    terminal_size::terminal_size().map_or(24, |(_, height)| usize::from(height.0))
}

/// Columns: as `COLUMNS` says, else of the terminal; 80 where there is none.
pub fn width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    if let Some(columns) = told.filter(|columns| *columns > 0) {
        return columns;
    }
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0))
}

/// Columns that a line on standard output may take: those of the terminal; without one it is not divided.
pub fn room() -> usize {
    if std::io::stdout().is_terminal() { width() } else { usize::MAX }
}

/// Says something on standard error: where that is a terminal, in lines that fit. `text` is harmless already.
pub fn talk(text: &str) {
    let mut out = Vec::new();
    let room = if std::io::stderr().is_terminal() { width() } else { usize::MAX };
    wrap::hanging(text, room, 0, 2, &mut out);
    eprintln!("{}", String::from_utf8_lossy(&out));
}
