//! Figures over a capture: rates over time, protocols as a tree, endpoints, ports and what went wrong.

mod plot;
mod sound;

use std::io::{self, Write};

pub use plot::svg;

use super::style::{Palette, Role};
use super::table::{Align, Table};
use crate::field::text;
use crate::flow::stats::{Key, Path, SIZES, Statistics, Sum, Tally, Trouble};
use crate::wire::Address;

/// Entries that each table shows.
const TOP: usize = 10;

/// How the figures are to look.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub palette: Palette,
    /// Columns.
    pub width: usize,
    /// Bars of `#` instead of blocks.
    pub ascii: bool,
}

/// Writes all figures for a person.
pub fn write(statistics: &Statistics, options: Options, out: &mut impl Write) -> io::Result<()> {
    let duration = seconds(span(statistics));
    let Sum { packets, bytes } = statistics.total;
    write!(out, "{packets} packets, {bytes} bytes, {duration} s")?;
    let each = span(statistics);
    if each > 0 {
        let (packets, bytes) = (plot::a_second(packets, each), plot::a_second(bytes, each));
        write!(out, "; {packets} packets and {bytes} bytes a second")?;
    }
    writeln!(out)?;
    plot::write(statistics, options, out)?;
    heading("sizes", options, out)?;
    let mut table = figures(&["bytes of a frame"], options);
    for (class, sum) in statistics.sizes.iter().enumerate().filter(|(_, sum)| sum.packets > 0) {
        let low = class.checked_sub(1).and_then(|before| SIZES.get(before)).map_or(0, |low| low + 1);
        let name = SIZES.get(class).map_or_else(|| format!("{low} and more"), |high| format!("{low} to {high}"));
        row(&mut table, &[&name], *sum, statistics.total);
    }
    table.write(out)?;
    heading("protocols", options, out)?;
    let mut table = figures(&["protocol"], options);
    for (path, sum) in hierarchy(statistics) {
        let name = path.last().map_or("?", |protocol| protocol.name());
        row(
            &mut table,
            &[&format!("{:indent$}{name}", "", indent = 2 * path.len().saturating_sub(1))],
            sum,
            statistics.total,
        );
    }
    table.write(out)?;
    others(&statistics.protocols, "ways down the protocols", out)?;
    heading("endpoints", options, out)?;
    let mut table = figures(&["address"], options);
    for (address, sum) in statistics.endpoints.sorted().into_iter().take(TOP) {
        row(&mut table, &[&self::address(address)], sum, statistics.total);
    }
    table.write(out)?;
    more(&statistics.endpoints, "addresses", out)?;
    heading("ports", options, out)?;
    let mut table = figures(&["port"], options);
    for ((protocol, port), sum) in statistics.ports.sorted().into_iter().take(TOP) {
        row(&mut table, &[&format!("{} {port}", protocol.name())], sum, statistics.total);
    }
    table.write(out)?;
    more(&statistics.ports, "ports", out)?;
    sound::write(&statistics.sound, options, out)?;
    heading("trouble", options, out)?;
    if statistics.trouble.is_empty() {
        return writeln!(out, "none found");
    }
    let mut table = Table::new(&[("packets", Align::Right), ("what", Align::Left)], options.width, options.palette);
    let mut found = statistics.trouble.sorted();
    found.sort_by_key(|(trouble, sum)| (u64::MAX - sum.packets, *trouble));
    for (trouble, sum) in found {
        table.row([(sum.packets.to_string().as_str(), Role::Plain), (words(trouble), Role::Trouble)]);
    }
    table.write(out)
}

/// Writes all figures as one JSON object; intervals without packets are left out.
pub fn json(statistics: &Statistics, out: &mut impl Write) -> io::Result<()> {
    let sum = |Sum { packets, bytes }: Sum| format!("{{\"packets\":{packets},\"bytes\":{bytes}}}");
    let list = |entries: Vec<String>| entries.join(",");
    let Sum { packets, bytes } = statistics.total;
    write!(out, "{{\"packets\":{packets},\"bytes\":{bytes},\"duration\":{}", nanoseconds(span(statistics)))?;
    write!(out, ",\"interval\":{},\"intervals\":[", nanoseconds(statistics.interval))?;
    let intervals = statistics.intervals.iter().enumerate().filter(|(_, part)| part.packets > 0);
    let intervals = intervals.map(|(place, Sum { packets, bytes })| {
        let from = statistics.interval.saturating_mul(i64::try_from(place).unwrap_or(i64::MAX));
        format!("{{\"from\":{},\"packets\":{packets},\"bytes\":{bytes}}}", nanoseconds(from))
    });
    write!(out, "{}]", list(intervals.collect()))?;
    let protocols = hierarchy(statistics).into_iter().map(|(path, part)| {
        let names: Vec<&str> = path.iter().map(|protocol| protocol.name()).collect();
        format!("\"{}\":{}", names.join(":"), sum(part))
    });
    write!(out, ",\"protocols\":{{{}}}", list(protocols.collect()))?;
    let endpoints =
        statistics.endpoints.sorted().into_iter().map(|(end, part)| format!("\"{}\":{}", address(end), sum(part)));
    write!(out, ",\"endpoints\":{{{}}}", list(endpoints.collect()))?;
    let ports = statistics.ports.sorted().into_iter();
    let ports = ports.map(|((protocol, port), part)| format!("\"{}.port {port}\":{}", protocol.name(), sum(part)));
    write!(out, ",\"ports\":{{{}}}", list(ports.collect()))?;
    // Only where a table was full: what it did not tell apart.
    for (key, others) in [
        ("protocols_others", statistics.protocols.others),
        ("endpoints_others", statistics.endpoints.others),
        ("ports_others", statistics.ports.others),
    ] {
        if others.packets > 0 {
            write!(out, ",\"{key}\":{}", sum(others))?;
        }
    }
    sound::json(&statistics.sound, out)?;
    let trouble =
        statistics.trouble.sorted().into_iter().map(|(what, part)| format!("\"{}\":{}", words(what), part.packets));
    writeln!(out, ",\"trouble\":{{{}}}}}", list(trouble.collect()))
}

/// Every protocol under the one that carries it, with what it and all within it add up to; in the order of the tree.
fn hierarchy(statistics: &Statistics) -> Vec<(Path, Sum)> {
    let mut nodes: Vec<(Path, Sum)> = Vec::new();
    for (path, sum) in statistics.protocols.sorted() {
        for depth in 1..=path.len() {
            let prefix = path[..depth].to_vec();
            match nodes.iter_mut().find(|(known, _)| *known == prefix) {
                Some((_, total)) => {
                    total.packets += sum.packets;
                    total.bytes += sum.bytes;
                }
                None => nodes.push((prefix, sum)),
            }
        }
    }
    nodes.sort_by(|(a, _), (b, _)| a.cmp(b));
    nodes
}

fn span(statistics: &Statistics) -> i64 {
    statistics.first.zip(statistics.last).map_or(0, |(first, last)| last.since(first))
}

fn seconds(time: i64) -> String {
    let mut out = Vec::new();
    text::seconds(time, 3, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn nanoseconds(time: i64) -> String {
    let mut out = Vec::new();
    text::seconds(time, 9, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn address(address: Address) -> String {
    std::net::IpAddr::from(address).to_string()
}

fn heading(title: &str, options: Options, out: &mut impl Write) -> io::Result<()> {
    let style = options.palette.style(Role::Heading);
    writeln!(out, "\n{style}{title}{style:#}")
}

/// What a table does not show: entries below its first rows, and what was not counted by entry at all.
fn more<K: Key>(tally: &Tally<K>, what: &str, out: &mut impl Write) -> io::Result<()> {
    if let Some(more) = tally.len().checked_sub(TOP).filter(|more| *more > 0) {
        writeln!(out, "and {more} more {what}")?;
    }
    others(tally, what, out)
}

/// Says that a tally was full, and what came after that.
fn others<K: Key>(tally: &Tally<K>, what: &str, out: &mut impl Write) -> io::Result<()> {
    let Sum { packets, bytes } = tally.others;
    if packets == 0 {
        return Ok(());
    }
    let kept = tally.len();
    writeln!(out, "only the first {kept} {what} are told apart: others had {packets} packets, {bytes} bytes")
}

fn figures(names: &[&str], options: Options) -> Table {
    let mut columns: Vec<(&str, Align)> = names.iter().map(|name| (*name, Align::Left)).collect();
    columns.extend([("packets", Align::Right), ("bytes", Align::Right), ("of bytes", Align::Right)]);
    Table::new(&columns, options.width, options.palette)
}

fn row(table: &mut Table, names: &[&str], sum: Sum, total: Sum) {
    let share = 100.0 * sum.bytes as f64 / total.bytes.max(1) as f64;
    let (packets, bytes, share) = (sum.packets.to_string(), sum.bytes.to_string(), format!("{share:.1} %"));
    let names = names.iter().map(|name| (*name, Role::Plain));
    table.row(names.chain([&packets, &bytes, &share].map(|cell| (cell.as_str(), Role::Plain))));
}

fn words(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Retransmission => "sent again",
        Trouble::OutOfOrder => "out of order",
        Trouble::LostSegment => "something before it was not seen",
        Trouble::AckLostSegment => "acknowledges what was not seen",
        Trouble::DuplicateAck => "duplicate acknowledgment",
        Trouble::ZeroWindow => "receiver's buffer full",
        Trouble::WindowFull => "sender has filled the receiver's buffer",
        Trouble::Reset => "connection broken off",
        Trouble::Refused => "connection refused",
        Trouble::Unreachable => "unreachable",
        Trouble::BadChecksum => "bad checksum",
        Trouble::Malformed => "malformed",
        Trouble::Cut => "cut short",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stats::ENTRIES;

    #[test]
    fn a_full_table_says_what_it_did_not_tell_apart() {
        let mut statistics = Statistics::default();
        let told = |statistics: &Statistics| {
            let mut out = Vec::new();
            more(&statistics.endpoints, "addresses", &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(told(&statistics), "");
        for address in 0..ENTRIES as u32 + 3 {
            statistics.endpoints.add(Address::V4(address.to_be_bytes()), 60);
        }
        let wanted = "and 65526 more addresses\n\
            only the first 65536 addresses are told apart: others had 3 packets, 180 bytes\n";
        assert_eq!(told(&statistics), wanted);
        let mut out = Vec::new();
        json(&statistics, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("\"endpoints_others\":{\"packets\":3,\"bytes\":180}"), "{}", out.len());
        assert!(!out.contains("ports_others"));
    }

    #[test]
    fn a_carrier_counts_what_it_carries() {
        let mut statistics = Statistics::default();
        let frame = crate::frame::Frame { data: &[0; 60], length: 60, ..crate::frame::Frame::empty() };
        let packet = crate::wire::Packet { frame, layers: &[], stop: crate::wire::Stop::End };
        let mut flows = crate::flow::FlowTable::new();
        statistics.add(&packet, &flows.ingest(&packet));
        assert_eq!(statistics.total, Sum { packets: 1, bytes: 60 });
        assert!(hierarchy(&statistics).is_empty());
    }
}
