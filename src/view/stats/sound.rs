//! Streams of RTP: what was lost of them, and how unevenly they arrived.

use std::io::{self, Write};

use super::{Options, address, heading, nanoseconds};
use crate::flow::rtp::{Key, MOST, Stream, Streams};
use crate::view::style::Role;
use crate::view::table::{Align, Table};
use crate::wire::{Address, rtp};

/// Streams that are shown.
const TOP: usize = 20;

fn end((ip, port): (Address, u16)) -> String {
    match ip {
        Address::V4(_) => format!("{}:{port}", address(ip)),
        Address::V6(_) => format!("[{}]:{port}", address(ip)),
    }
}

fn milliseconds(time: u64) -> String {
    let micro = time.saturating_add(500) / 1000;
    format!("{}.{:03} ms", micro / 1000, micro % 1000)
}

/// Writes nothing where there is no such stream.
pub(super) fn write(streams: &Streams, options: Options, out: &mut impl Write) -> io::Result<()> {
    let all = streams.sorted();
    if all.is_empty() {
        return Ok(());
    }
    heading("sound and pictures (RTP)", options, out)?;
    let columns = [
        ("from → to", Align::Left),
        ("what, by whom", Align::Left),
        ("packets", Align::Right),
        ("lost", Align::Right),
        ("jitter", Align::Right),
        ("at most", Align::Right),
    ];
    let mut table = Table::new(&columns, options.width, options.palette);
    for (key, stream) in all.iter().take(TOP) {
        let Key { source, destination, ssrc } = *key;
        let kind =
            rtp::payload_name(stream.payload_type).map_or(format!("type {}", stream.payload_type), str::to_owned);
        let lost = stream.lost();
        let (mean, most) = match stream.jitter() {
            Some((mean, most)) => (milliseconds(mean), milliseconds(most)),
            None => ("?".to_owned(), "?".to_owned()),
        };
        let role = if lost > 0 { Role::Trouble } else { Role::Plain };
        table.row([
            (format!("{} → {}", end(source), end(destination)).as_str(), Role::Plain),
            (format!("{kind} {ssrc:08x}").as_str(), Role::Plain),
            (stream.packets.to_string().as_str(), Role::Plain),
            (lost.to_string().as_str(), role),
            (mean.as_str(), Role::Plain),
            (most.as_str(), Role::Plain),
        ]);
    }
    table.write(out)?;
    if let Some(more) = all.len().checked_sub(TOP).filter(|more| *more > 0) {
        writeln!(out, "and {more} more streams")?;
    }
    if streams.others > 0 {
        writeln!(out, "only the first {MOST} streams are told apart: others had {} packets", streams.others)?;
    }
    Ok(())
}

/// The key and value of one object; nothing where there is no such stream.
pub(super) fn json(streams: &Streams, out: &mut impl Write) -> io::Result<()> {
    let all = streams.sorted();
    if all.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = all.iter().map(|(key, stream)| one(key, stream)).collect();
    write!(out, ",\"rtp\":[{}]", told.join(","))?;
    if streams.others > 0 {
        write!(out, ",\"rtp_others\":{}", streams.others)?;
    }
    Ok(())
}

fn one(key: &Key, stream: &Stream) -> String {
    let Key { source, destination, ssrc } = *key;
    let jitter = stream.jitter().map(|(mean, most)| {
        let [mean, most] = [mean, most].map(|time| nanoseconds(i64::try_from(time).unwrap_or(i64::MAX)));
        format!(",\"jitter_mean\":{mean},\"jitter_max\":{most}")
    });
    format!(
        "{{\"source\":\"{}\",\"destination\":\"{}\",\"ssrc\":{ssrc},\"payload_type\":{},\"packets\":{},\"lost\":{}{}}}",
        end(source),
        end(destination),
        stream.payload_type,
        stream.packets,
        stream.lost(),
        jitter.unwrap_or_default()
    )
}
