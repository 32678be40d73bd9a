//! The terminal that several commands fill: its size, and talk that fits it.

use std::io::IsTerminal;

use crate::view::wrap;

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
