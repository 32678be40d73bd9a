//! Two programs and the wire between them: a sequence chart with what each program printed in its own column, in the
//! order of time. The client's line of life is on the left, the server's on the right.
//!
//! Guarantee: every row takes exactly the width that was asked for, whatever a program or a peer said.

mod packet;

use std::io::{self, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::style::{Palette, Role};
use crate::frame::Timestamp;

/// Rows beyond these are counted, not kept.
const MOST_ROWS: usize = 10_000;
/// Columns of the time, with the blank behind it.
const TIME: usize = 10;
const NARROWEST: usize = 60;

/// Which of the two programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// What happened at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Row {
    Packet { from: Side, number: u64, header: String, words: String, role: Role },
    Printed { by: Side, text: String },
}

/// Gathers packets and printed lines, then draws them.
pub struct Story {
    rows: Vec<(Timestamp, Row)>,
    left_out: u64,
    /// Address and port of client and server.
    ends: [Option<String>; 2],
    /// The last acknowledgment by client and by server, relative.
    acknowledged: [u32; 2],
    /// The sequence number behind the FIN of client and of server, relative.
    closing: [Option<u32>; 2],
    tally: Tally,
}

/// What the summary counts.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    packets: u64,
    opening: u64,
    data: u64,
    receipts: u64,
    closing: u64,
    trouble: u64,
    bytes: [u64; 2],
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub width: usize,
    pub palette: Palette,
}

impl Default for Story {
    fn default() -> Self {
        Self::new()
    }
}

impl Story {
    pub fn new() -> Self {
        Self {
            rows: Vec::new(),
            left_out: 0,
            ends: [None, None],
            acknowledged: [0; 2],
            closing: [None; 2],
            tally: Tally::default(),
        }
    }

    /// Adds a line that a program printed. `text` must be safe for a terminal.
    pub fn printed(&mut self, by: Side, time: Timestamp, text: String) {
        self.add(time, Row::Printed { by, text });
    }

    fn add(&mut self, time: Timestamp, row: Row) {
        if self.rows.len() < MOST_ROWS {
            self.rows.push((time, row));
        } else {
            self.left_out += 1;
        }
    }

    /// How many packets it tells of.
    pub fn packets(&self) -> u64 {
        self.tally.packets
    }

    /// Draws everything in the order of time; `client` and `server` are what the programs are called.
    pub fn draw(&mut self, out: &mut impl Write, client: &str, server: &str, look: Look) -> io::Result<()> {
        // Stable: what has one time stays in the order in which it came.
        self.rows.sort_by_key(|(time, _)| *time);
        let mut chart = Chart { out, width: look.width.max(NARROWEST), palette: look.palette };
        let [left, right] = self.ends.clone().map(Option::unwrap_or_default);
        chart.heading(&format!("{client} {left}"), &format!("{right} {server}"))?;
        let start = self.rows.first().map(|(time, _)| *time).unwrap_or_default();
        for (time, row) in &self.rows {
            let since = milliseconds(time.since(start));
            match row {
                Row::Packet { from, number, header, words, role } => {
                    chart.packet(&since, *from, &format!("{number} {header}"), words, *role)?;
                }
                Row::Printed { by, text } => chart.printed(&since, *by, text)?,
            }
        }
        if self.left_out > 0 {
            writeln!(chart.out, "... and {} more", self.left_out)?;
        }
        Ok(())
    }

    /// The figures, in two lines.
    pub fn summary(&self, out: &mut impl Write) -> io::Result<()> {
        let tally = &self.tally;
        let took = match (tally.first, tally.last) {
            (Some(first), Some(last)) => last.since(first),
            _ => 0,
        };
        let mut parts = Vec::new();
        for (count, what) in [
            (tally.opening, "open"),
            (tally.data, "carry data"),
            (tally.receipts, "only acknowledge"),
            (tally.closing, "close"),
            (tally.trouble, "break off"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        writeln!(out, "{} packets in {} ms: {}", tally.packets, milliseconds(took).trim_start(), parts.join(", "))?;
        let [to_server, to_client] = tally.bytes;
        writeln!(out, "data: {to_server} bytes from the client, {to_client} from the server")
    }
}

/// Milliseconds with three decimals, right-aligned in the time's column.
fn milliseconds(nanoseconds: i64) -> String {
    let micros = nanoseconds / 1000;
    let text = format!("{}.{:03}", micros / 1000, micros % 1000);
    // Long times lose their decimals, so that the column stays in its place.
    let text = if text.len() >= TIME { format!("{}", micros / 1000) } else { text };
    let text = if text.len() >= TIME { "> 11 days".to_owned() } else { text };
    format!("{text:>width$}", width = TIME - 1)
}

struct Chart<'a, W: Write> {
    out: &'a mut W,
    width: usize,
    palette: Palette,
}

impl<W: Write> Chart<'_, W> {
    /// Columns between the two lines of life.
    fn inner(&self) -> usize {
        self.width - TIME - 2
    }

    fn heading(&mut self, left: &str, right: &str) -> io::Result<()> {
        let room = self.width - TIME;
        let (left, right) = (fit(left.trim(), room / 2 - 1), fit(right.trim(), room / 2 - 1));
        let gap = room - left.width() - right.width();
        let bold = self.palette.style(Role::Heading);
        writeln!(self.out, "{:>at$} {bold}{left}{:gap$}{right}{bold:#}", "ms", "", at = TIME - 1)
    }

    fn packet(&mut self, since: &str, from: Side, header: &str, words: &str, role: Role) -> io::Result<()> {
        let inner = self.inner();
        let (faint, colour) = (self.palette.style(Role::Faint), self.palette.style(role));
        // An arrow as long as the way: its head, a stroke at least, and a blank on each side of the label.
        let gap = if words.is_empty() { "" } else { "  " };
        let label = fit(&format!("{header}{gap}{words}"), inner - 6);
        let strokes = "─".repeat(inner - label.width() - 4);
        let arrow = match from {
            Side::Client => format!("─ {label} {strokes}▶"),
            Side::Server => format!("◀{strokes} {label} ─"),
        };
        writeln!(self.out, "{faint}{since}{faint:#} │{colour}{arrow}{colour:#}│")
    }

    fn printed(&mut self, since: &str, by: Side, text: &str) -> io::Result<()> {
        let (faint, bold) = (self.palette.style(Role::Faint), self.palette.style(Role::Heading));
        let inner = self.inner();
        let text = fit(text, inner - 2);
        let gap = inner - 1 - text.width();
        match by {
            Side::Client => writeln!(self.out, "{faint}{since}{faint:#} {bold}▌ {text}{bold:#}{:gap$}│", ""),
            Side::Server => writeln!(self.out, "{faint}{since}{faint:#} │{:gap$}{bold}{text} ▐{bold:#}", ""),
        }
    }
}

/// The text in at most `room` columns; where it is longer, its end becomes `…`.
fn fit(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut fitted = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width + 1 > room {
            break;
        }
        used += width;
        fitted.push(c);
    }
    fitted.push('…');
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(width: usize) -> Vec<String> {
        let mut story = Story::new();
        story.ends = [Some("127.0.0.1:40000".into()), Some("127.0.0.1:8005".into())];
        let packet = |from, number, header: &str, words: &str| Row::Packet {
            from,
            number,
            header: header.into(),
            words: words.into(),
            role: Role::Data,
        };
        story.add(Timestamp(2_000_000), packet(Side::Server, 2, "PSH·ACK", "\"Grüße, 你好\""));
        story.add(Timestamp(1_000_000), packet(Side::Client, 1, "SYN", &"long ".repeat(40)));
        story.printed(Side::Server, Timestamp(2_500_000), "你好".repeat(40));
        story.printed(Side::Client, Timestamp(2_100_000), "Server said:  Grüße".into());
        let mut out = Vec::new();
        story.draw(&mut out, "client", "server", Look { width, palette: Palette::new(false) }).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_row_has_the_width_that_was_asked_for() {
        for width in [60, 80, 81, 120] {
            for row in told(width) {
                let columns = row.width();
                // A wide character that does not fit leaves one column of the text's room unused.
                assert!(columns == width, "{columns} columns, not {width}: {row}");
            }
        }
    }

    #[test]
    fn tells_in_the_order_of_time_from_the_first_row_on() {
        let times: Vec<_> = told(80).iter().skip(1).map(|row| row[..TIME].trim().to_owned()).collect();
        assert_eq!(times, ["0.000", "1.000", "1.100", "1.500"]);
    }

    #[test]
    fn arrows_point_to_the_receiver_and_lines_stand_at_their_program() {
        let rows = told(80);
        assert!(rows[1].contains("│─ 1 SYN") && rows[1].ends_with("▶│"), "{}", rows[1]);
        assert!(rows[2].contains("│◀") && rows[2].ends_with("─│"), "{}", rows[2]);
        assert!(rows[3].contains(" ▌ Server said:  Grüße ") && rows[3].ends_with('│'), "{}", rows[3]);
        assert!(rows[4].ends_with('▐'), "{}", rows[4]);
    }
}
