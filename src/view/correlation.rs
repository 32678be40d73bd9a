//! The translation table of a NAT for a person, and as JSON.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::object::Object;
use super::style::{Palette, Role};
use super::table::{Align, Table};
use super::wrap;
use crate::field::text;
use crate::flow::correlation::{Binding, Changes, Ended, Report, Why};
use crate::flow::matching::Delays;
use crate::frame::Timestamp;

/// How a report is shown.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub palette: Palette,
    /// Columns of the terminal.
    pub width: usize,
    /// Rows of each table.
    pub top: usize,
}

/// Everything a report says.
pub fn write(report: &Report, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let start = report.bindings.iter().map(|binding| binding.made).min().unwrap_or_default();
    bindings(report, start, look, out)?;
    let mut text = Vec::new();
    let mut say = |words: &str| {
        wrap::hanging(words, look.width, 0, 2, &mut text);
        text.push(b'\n');
    };
    if report.pairs > 0 {
        text_of(report).iter().for_each(|words| say(words));
    }
    out.write_all(&text)?;
    refusals(report, start, look, out)?;
    let mut text = Vec::new();
    for hairpin in &report.hairpins {
        let words = format!(
            "hairpin: {} from {} to {} came back to {} from {}",
            hairpin.transport.protocol(),
            hairpin.from,
            hairpin.to,
            hairpin.at,
            hairpin.seen_from
        );
        wrap::hanging(&words, look.width, 0, 2, &mut text);
        text.push(b'\n');
    }
    for (count, what) in counts(report).into_iter().filter(|(count, _)| *count > 0) {
        wrap::hanging(&format!("{count} {what}"), look.width, 0, 2, &mut text);
        text.push(b'\n');
    }
    out.write_all(&text)
}

fn counts(report: &Report) -> [(u64, &'static str); 8] {
    let [inside, outside] = report.skipped;
    [
        (report.stayed_inside, "packets stayed inside: to the NAT itself, or within the LAN"),
        (report.lost, "packets of translated flows did not come out"),
        (report.own_outside, "packets outside are the NAT's own"),
        (report.elsewhere, "packets outside are between others"),
        (report.missed, "packets of known bindings were seen only behind the NAT: the capture before it lacks them"),
        (report.regrouped, "segments went through in other pieces: a kernel had put them together"),
        (
            inside + outside,
            "packets without ports of their own were not compared: other protocols, later fragments, ICMP errors",
        ),
        (report.forgotten, "packets were too many to remember"),
    ]
}

fn bindings(report: &Report, start: Timestamp, look: Look, out: &mut dyn Write) -> io::Result<()> {
    if report.bindings.is_empty() {
        return writeln!(out, "no packet was seen on both sides");
    }
    let heading = ["", "inside", "outside", "with", "out", "in", "made", "last", "idle", "ended"];
    let rows: Vec<[String; 10]> = report.bindings.iter().take(look.top).map(|binding| cells(binding, start)).collect();
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(String::len);
        cells.chain(heading.get(column).map(|name| name.len())).max().unwrap_or(0)
    };
    let needed: usize = (0..heading.len()).map(|column| widest(column) + 2).sum();
    // Where there is no room beside each other, the three endpoints stand below each other.
    let narrow = needed > look.width;
    let ends: &[&str] = if narrow { &["inside, outside, with"] } else { &["inside", "outside", "with"] };
    let numbers = ["out", "in", "made", "last", "idle"].map(|name| (name, Align::Right));
    let left = |name: &&'static str| (*name, Align::Left);
    let columns: Vec<(&str, Align)> =
        [""].iter().chain(ends).map(left).chain(numbers).chain([("ended", Align::Left)]).collect();
    let mut table = Table::new(&columns, look.width, look.palette).gap(if narrow { 1 } else { 2 });
    for (binding, [transport, inside, outside, remote, sent, came, made, last, idle, ended]) in
        report.bindings.iter().zip(&rows)
    {
        let below = format!("{inside}\n{outside}\n{remote}");
        let plain = |text: &'_ str| (text.to_owned(), Role::Plain);
        let mut row = vec![plain(transport)];
        if narrow {
            row.push(plain(&below));
        } else {
            row.extend([plain(inside), (outside.clone(), Role::Opening), plain(remote)]);
        }
        row.extend([sent, came, made, last, idle].map(|text| plain(text)));
        row.push((ended.clone(), if binding.ended == Ended::Open { Role::Plain } else { Role::Trouble }));
        table.row(row.iter().map(|(text, role)| (text.as_str(), *role)));
    }
    table.write(out)?;
    more(report.bindings.len(), look.top, "bindings", out)
}

/// A binding's cells.
fn cells(binding: &Binding, start: Timestamp) -> [String; 10] {
    let [sent, came] = binding.packets.map(|count| count.to_string());
    let last = binding.latest().unwrap_or(binding.made);
    [
        binding.transport.protocol().to_owned(),
        binding.inside.to_string(),
        outside(binding),
        binding.remote.to_string(),
        sent,
        came,
        seconds(binding.made.since(start)),
        seconds(last.since(start)),
        seconds(binding.idle),
        ended(binding.ended),
    ]
}

fn more(count: usize, top: usize, what: &str, out: &mut dyn Write) -> io::Result<()> {
    if count > top { writeln!(out, "and {} more {what}; --top shows more", count - top) } else { Ok(()) }
}

fn outside(binding: &Binding) -> String {
    if binding.is_untranslated() { "not translated".to_owned() } else { binding.outside.to_string() }
}

fn ended(ended: Ended) -> String {
    match ended {
        Ended::Open => "-".to_owned(),
        Ended::Replaced { after } => format!("replaced after {} s", seconds(after)),
        Ended::Expired { after } => format!("expired within {} s", seconds(after)),
    }
}

/// What was changed, and the delay.
fn text_of(report: &Report) -> Vec<String> {
    let translated: Vec<&Binding> = report.bindings.iter().filter(|binding| !binding.is_untranslated()).collect();
    let kept = translated.iter().filter(|binding| binding.inside.port() == binding.outside.port()).count();
    let ports = match (kept, translated.len()) {
        (_, 0) => "addresses and ports are not translated".to_owned(),
        (0, _) => "every port is another outside".to_owned(),
        (kept, all) if kept == all => "every port is the same outside".to_owned(),
        (kept, all) => format!("{kept} of {all} bindings kept their port"),
    };
    let mut lines = vec![ports, changed(report.changes, report.pairs)];
    for (way, delays) in [("out", report.path.there), ("in", report.path.back)] {
        if let Some(mean) = delays.mean() {
            lines.push(format!("delay {way} ({}): {}", delays.count, delay(delays, mean)));
        }
    }
    if let Some(both) = report.path.both {
        lines.push(format!("both ways: {} s, whatever the difference between the two clocks", decimals(both, 6)));
    }
    lines
}

fn delay(delays: Delays, mean: i64) -> String {
    let [least, mean, most] = [delays.least, mean, delays.most].map(|time| decimals(time, 6));
    format!("least {least} s, mean {mean} s, most {most} s")
}

fn changed(changes: Changes, pairs: u64) -> String {
    let mut text = String::from("time to live: ");
    let _ = match changes.ttl {
        Some((0, 0)) => write!(text, "not changed"),
        Some((least, most)) if least == most => write!(text, "less {least}"),
        Some((least, most)) => write!(text, "less {least} to {most}"),
        None => write!(text, "unknown"),
    };
    let (mut same, mut other) = (Vec::new(), String::new());
    for (count, what) in [
        (changes.identification, "identification"),
        (changes.tos, "type of service"),
        (changes.dont_fragment, "don't fragment"),
        (changes.options, "TCP options"),
    ] {
        if count == 0 {
            same.push(what);
        } else {
            let _ = write!(other, "; {what} changed in {count} of {pairs} packets");
        }
    }
    text.push_str(&other);
    if !same.is_empty() {
        let _ = write!(text, "; kept: {}", same.join(", "));
    }
    if changes.checksums_broken > 0 {
        let _ = write!(text, "; {} checksums were right before it and wrong behind it", changes.checksums_broken);
    }
    text
}

/// Why a packet was not let in.
pub(super) fn why(why: Why) -> String {
    match why {
        Why::NoBinding => "nobody inside had that port".to_owned(),
        Why::Filtered => "filtered: inside had not sent there".to_owned(),
        Why::Expired { after } => format!("binding gone, last used {} s before", seconds(after)),
        Why::Lost => "lost, though the binding was in use".to_owned(),
    }
}

fn refusals(report: &Report, start: Timestamp, look: Look, out: &mut dyn Write) -> io::Result<()> {
    if report.refusals.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nnot let in")?;
    let columns = [
        ("", Align::Left),
        ("from", Align::Left),
        ("to", Align::Left),
        ("packets", Align::Right),
        ("first", Align::Right),
        ("why", Align::Left),
    ];
    let mut table = Table::new(&columns, look.width, look.palette);
    for refusal in report.refusals.iter().take(look.top) {
        let row = [
            refusal.from.to_string(),
            refusal.to.to_string(),
            refusal.packets.to_string(),
            seconds(refusal.time.since(start)),
            why(refusal.why),
        ];
        let cells = row.iter().map(|cell| (cell.as_str(), Role::Plain));
        table.row(std::iter::once((refusal.transport.protocol(), Role::Plain)).chain(cells));
    }
    table.write(out)?;
    more(report.refusals.len(), look.top, "of these", out)
}

/// Seconds with milliseconds: when something was.
fn seconds(time: i64) -> String {
    decimals(time, 3)
}

fn decimals(time: i64, digits: u32) -> String {
    let mut out = Vec::new();
    text::seconds(time, digits, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// A JSON object for each binding, each kind of packets not let in and each hairpin; then one of what else was seen.
pub fn json(report: &Report, out: &mut Vec<u8>) {
    for binding in &report.bindings {
        let mut object = Object::new(out);
        object.string("kind", "binding");
        object.string("protocol", binding.transport.protocol());
        object.string("inside", &binding.inside.to_string());
        object.string("outside", &binding.outside.to_string());
        object.string("remote", &binding.remote.to_string());
        object.pair(["packets_out", "packets_in"], binding.packets.map(Some));
        object.pair(["first_inside", "first_outside"], binding.first.map(Some));
        object.seconds("made", binding.made.0, 9);
        object.seconds("last", binding.latest().unwrap_or(binding.made).0, 9);
        if let Some(last) = binding.last[0] {
            object.seconds("last_out", last.0, 9);
        }
        object.seconds("idle", binding.idle, 9);
        object.number("lost", binding.lost);
        match binding.ended {
            Ended::Open => {}
            Ended::Replaced { after } => object.seconds("replaced_after", after, 9),
            Ended::Expired { after } => object.seconds("expired_within", after, 9),
        }
        object.end();
    }
    for refusal in &report.refusals {
        let mut object = Object::new(out);
        object.string("kind", "not let in");
        object.string("protocol", refusal.transport.protocol());
        object.string("from", &refusal.from.to_string());
        object.string("to", &refusal.to.to_string());
        object.number("packets", refusal.packets);
        object.number("first_outside", refusal.number);
        object.string("why", &why(refusal.why));
        object.end();
    }
    for hairpin in &report.hairpins {
        let mut object = Object::new(out);
        object.string("kind", "hairpin");
        object.string("protocol", hairpin.transport.protocol());
        object.string("from", &hairpin.from.to_string());
        object.string("to", &hairpin.to.to_string());
        object.string("at", &hairpin.at.to_string());
        object.string("seen_from", &hairpin.seen_from.to_string());
        object.end();
    }
    let mut object = Object::new(out);
    object.string("kind", "summary");
    object.number("pairs", report.pairs);
    object.seconds("outside_clock_ahead", report.ahead, 9);
    for (key, delays) in [("delay_out", report.path.there), ("delay_in", report.path.back)] {
        if let Some(mean) = delays.mean() {
            object.seconds(key, mean, 9);
        }
    }
    let keys =
        ["stayed_inside", "lost", "own_outside", "elsewhere", "missed", "regrouped", "not_compared", "forgotten"];
    keys.into_iter().zip(counts(report)).for_each(|(key, (count, _))| object.number(key, count));
    object.end();
}
