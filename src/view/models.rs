//! Server models beside each other under load: a table, a plot, and what the numbers teach.
//!
//! Trap: what is said in words is worked out from the numbers of this run; nothing is said that they do not show.

use std::io::{self, Write};
use std::time::Duration;

use super::style::{Palette, Role};
use super::table::{Align, Table};

mod lessons;
mod svg;

pub use svg::svg;

/// One model under the load of so many clients.
#[derive(Clone, Debug)]
pub struct Row {
    pub model: &'static str,
    pub clients: usize,
    pub result: Result<Figures, String>,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Answers a second.
    pub rate: f64,
    pub p50: Option<Duration>,
    pub p99: Option<Duration>,
    /// Of the processor, for each answer.
    pub work: Duration,
    /// Anonymous memory of the server at its most, in bytes.
    pub memory: u64,
    /// Threads of the server at their most.
    pub threads: u64,
    /// Context switches of the server for each answer.
    pub switches: f64,
    /// Clients that had an answer at all.
    pub served: usize,
    /// Requests that were refused or reset.
    pub failed: u64,
}

/// Writes the table, then the lessons.
pub fn write(rows: &[Row], width: usize, palette: Palette, out: &mut dyn Write) -> io::Result<()> {
    let columns = [
        ("clients", Align::Right),
        ("model", Align::Left),
        ("answers\na second", Align::Right),
        ("p50", Align::Right),
        ("p99", Align::Right),
        ("CPU\neach", Align::Right),
        ("MiB", Align::Right),
        ("threads", Align::Right),
        ("switches\neach", Align::Right),
    ];
    let mut table = Table::new(&columns, width, palette);
    let mut last = None;
    for row in rows {
        let clients = if last == Some(row.clients) { String::new() } else { row.clients.to_string() };
        last = Some(row.clients);
        let cells = match &row.result {
            Ok(figures) => figures.cells(row.clients),
            // Why not is said below.
            Err(_) => vec![("-".to_owned(), Role::Faint); 7],
        };
        let cells = cells.iter().map(|(cell, role)| (cell.as_str(), *role));
        table.row([(clients.as_str(), Role::Plain), (row.model, Role::Plain)].into_iter().chain(cells));
    }
    table.write(out)?;
    let lessons = lessons::of(rows);
    if lessons.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    super::markdown::render(&mut &mut *out, &lessons.join("\n\n"), width, palette)
}

impl Figures {
    fn cells(&self, clients: usize) -> Vec<(String, Role)> {
        let shown = |latency: Option<Duration>| latency.map_or_else(|| "-".to_owned(), short);
        let served = if self.served == clients && self.failed == 0 { Role::Data } else { Role::Trouble };
        vec![
            (format!("{:.0}", self.rate), served),
            (shown(self.p50), Role::Plain),
            (shown(self.p99), Role::Plain),
            (short(self.work), Role::Plain),
            (format!("{:.1}", self.memory as f64 / f64::from(1 << 20)), Role::Plain),
            (self.threads.to_string(), Role::Plain),
            (format!("{:.2}", self.switches), Role::Plain),
        ]
    }
}

/// One JSON object for each row; `null` where nothing was measured.
pub fn json(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    let micros = |latency: Option<Duration>| latency.map_or("null".to_owned(), |time| time.as_micros().to_string());
    for Row { model, clients, result } in rows {
        write!(out, "{{\"model\":\"{model}\",\"clients\":{clients}")?;
        match result {
            Ok(figures) => writeln!(
                out,
                ",\"requests_per_second\":{:.1},\"p50_us\":{},\"p99_us\":{},\"cpu_us\":{:.2},\"memory\":{},\"threads\":{},\
                 \"switches\":{:.3},\"clients_served\":{},\"failed\":{}}}",
                figures.rate,
                micros(figures.p50),
                micros(figures.p99),
                figures.work.as_secs_f64() * 1e6,
                figures.memory,
                figures.threads,
                figures.switches,
                figures.served,
                figures.failed,
            )?,
            Err(why) => {
                let mut quoted = Vec::new();
                super::json::string(why.as_bytes(), &mut quoted);
                out.write_all(b",\"not_measured\":")?;
                out.write_all(&quoted)?;
                out.write_all(b"}\n")?;
            }
        }
    }
    Ok(())
}

/// A time in the unit that fits it: `85 µs`, `1.2 ms`, `2.1 s`.
fn short(time: Duration) -> String {
    match time.as_micros() {
        0..1000 => format!("{} µs", time.as_micros()),
        1000..100_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        100_000..1_000_000 => format!("{} ms", time.as_millis()),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}

#[cfg(test)]
mod tests;
