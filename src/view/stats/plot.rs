//! Packets and bytes a second over the time of a capture, as bars of text and as SVG.
//!
//! A bar is the mean over a whole number of the intervals that were counted, so no byte is in two of them.

use std::io::{self, Write};

use super::super::style::Role;
use super::{Options, seconds, span};
use crate::field::text;
use crate::flow::stats::{Statistics, Sum};

/// Rows of a plot.
const HEIGHT: usize = 6;

type Read = fn(&Sum) -> u64;

/// What is plotted, and how it is read from a sum.
const PLOTS: [(&str, Read); 2] = [("bytes", |sum| sum.bytes), ("packets", |sum| sum.packets)];

/// `number` in so many nanoseconds, as so many a second: rounded, one decimal below ten.
pub fn a_second(number: u64, nanoseconds: i64) -> String {
    let rate = number as f64 * 1e9 / nanoseconds.max(1) as f64;
    if rate < 9.95 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

/// Bars for a terminal, the highest as high as the plot.
pub fn write(statistics: &Statistics, options: Options, out: &mut impl Write) -> io::Result<()> {
    let (bars, each) = columns(statistics, options.width.saturating_sub(2).max(1));
    if bars.len() < 2 {
        return Ok(());
    }
    let (steps, style) = (HEIGHT as u64 * 8, options.palette.style(Role::Data));
    for (what, value) in PLOTS {
        let most = bars.iter().map(value).max().unwrap_or(0).max(1);
        writeln!(out, "\n{what} a second: at most {} ({most} in {} s)", a_second(most, each), interval(each))?;
        for row in (0..HEIGHT as u64).rev() {
            let mut line = String::new();
            for bar in &bars {
                let eighths = u128::from(value(bar)) * u128::from(steps);
                let high = u64::try_from(eighths.div_ceil(most.into())).unwrap_or(steps);
                let full = high.saturating_sub(row * 8).min(8);
                line.push(match (options.ascii, full) {
                    (_, 0) => ' ',
                    (true, _) => '#',
                    (false, eighths) => char::from_u32(0x2580 + eighths as u32).unwrap_or('#'),
                });
            }
            writeln!(out, "{style}{}{style:#}", line.trim_end())?;
        }
        let end = format!("{} s", seconds(span(statistics)));
        writeln!(out, "0 s{end:>rest$}", rest = bars.len().saturating_sub(3))?;
    }
    Ok(())
}

/// Both plots as a drawing of 800 by 480 in one self-contained file.
pub fn svg(statistics: &Statistics, out: &mut impl Write) -> io::Result<()> {
    const WIDTH: usize = 800;
    const HIGH: u64 = 190;
    let (bars, each) = columns(statistics, WIDTH / 4);
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} 480\" font-family=\"monospace\" font-size=\"12\">"
    )?;
    writeln!(out, "<rect width=\"{WIDTH}\" height=\"480\" fill=\"white\"/>")?;
    let end = seconds(span(statistics));
    for ((what, value), top) in PLOTS.into_iter().zip([0, 240]) {
        let most = bars.iter().map(value).max().unwrap_or(0).max(1);
        for (place, number) in bars.iter().map(value).enumerate().filter(|(_, number)| *number > 0) {
            let height = (u128::from(number) * u128::from(HIGH)).div_ceil(most.into());
            let (x, y) = (place * 4, u128::from(top + HIGH + 20) - height);
            writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"3\" height=\"{height}\" fill=\"#1f77b4\"/>")?;
        }
        let (rate, interval, low) = (a_second(most, each), interval(each), top + 228);
        writeln!(
            out,
            "<text x=\"2\" y=\"{}\">{what} a second: at most {rate} ({most} in {interval} s)</text>",
            top + 14
        )?;
        writeln!(out, "<text x=\"2\" y=\"{low}\">0 s</text>")?;
        writeln!(out, "<text x=\"{}\" y=\"{low}\" text-anchor=\"end\">{end} s</text>", WIDTH - 2)?;
    }
    writeln!(out, "</svg>")
}

/// The intervals joined to at most `count` columns, and the nanoseconds of one.
fn columns(statistics: &Statistics, count: usize) -> (Vec<Sum>, i64) {
    let together = statistics.intervals.len().div_ceil(count.max(1)).max(1);
    let columns = statistics.intervals.chunks(together).map(|parts| {
        parts.iter().fold(Sum::default(), |sum, part| Sum {
            packets: sum.packets + part.packets,
            bytes: sum.bytes + part.bytes,
        })
    });
    let each = statistics.interval.saturating_mul(i64::try_from(together).unwrap_or(i64::MAX));
    (columns.collect(), each)
}

/// Seconds without the zeros that say nothing.
fn interval(nanoseconds: i64) -> String {
    let mut out = Vec::new();
    text::seconds(nanoseconds, 3, &mut out);
    let text = String::from_utf8(out).unwrap_or_default();
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_every_byte_and_are_equally_long() {
        let intervals = (0..1000).map(|n| Sum { packets: 1, bytes: n }).collect();
        let statistics = Statistics { intervals, interval: 4_000_000, ..Statistics::default() };
        let (columns, each) = columns(&statistics, 78);
        assert_eq!((columns.len(), each), (77, 52_000_000), "13 intervals each");
        assert_eq!(columns.iter().map(|sum| sum.bytes).sum::<u64>(), (0..1000).sum::<u64>());
        assert!(columns[..76].iter().all(|sum| sum.packets == 13));
    }

    #[test]
    fn rates_are_of_a_second() {
        assert_eq!(a_second(155_202, 500_000_000), "310404");
        assert_eq!(a_second(3, 2_000_000_000), "1.5");
        assert!(a_second(u64::MAX, 0).len() > 20, "no rate is too high, none divides by zero");
        assert_eq!(interval(52_000_000), "0.052");
        assert_eq!(interval(20_000_000_000), "20");
    }

    #[test]
    fn both_plots_are_drawn_in_both_ways() {
        let intervals = vec![Sum { packets: 4, bytes: 4000 }, Sum { packets: 1, bytes: 4000 }, Sum::default()];
        let statistics = Statistics { intervals, interval: 1_000_000_000, ..Statistics::default() };
        let options = Options { palette: super::super::Palette::new(false), width: 80, ascii: true };
        let mut out = Vec::new();
        write(&statistics, options, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("bytes a second: at most 4000 (4000 in 1 s)\n##\n"), "{text}");
        assert!(text.contains("packets a second: at most 4.0 (4 in 1 s)\n#\n"), "{text}");
        let mut out = Vec::new();
        svg(&statistics, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().matches("a second: at most").count(), 2);
    }
}
