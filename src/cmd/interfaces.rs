//! `netlab interfaces`: what there is to capture on, and what makes a capture on it differ from the wire.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use super::output::Color;
use super::{Exit, args};
use crate::frame::LinkType;
use crate::io::link::{self, Link, Offload, Passed};
use crate::quantity;
use crate::view::style::{Palette, Role};
use crate::view::table::{Align, Table};
use crate::view::{escape, wrap};

/// With --json, one object a line: index, name, link_type (a name of pcap-linktype, or null), link_type_number,
/// hardware_address, addresses (with prefix lengths), mtu, up, running, loopback, multicast, offloads,
/// received_per_second, sent_per_second.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "netlab capture without -i captures on all of them at once (`any`).")]
pub struct Args {
    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
    /// How long to count packets for the packets a second
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::duration)]
    interval: Duration,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let (before, start) = (link::passed()?, Instant::now());
    thread::sleep(args.interval);
    let after = link::passed()?;
    let rates = rates(&before, &after, start.elapsed());
    let links = link::links()?;
    let rows = links.iter().map(|link| (link, rates.get(&link.name).copied().unwrap_or_default()));
    let mut out = std::io::stdout().lock();
    if args.json {
        for (link, rate) in rows {
            writeln!(out, "{}", object(link, rate))?;
        }
    } else {
        table(rows, Palette::new(args.color.on_stdout())).write(&mut out)?;
        legend(&links, &mut out)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Packets a second, received and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rate {
    received: f64,
    sent: f64,
}

fn rates(before: &HashMap<String, Passed>, after: &HashMap<String, Passed>, time: Duration) -> HashMap<String, Rate> {
    let seconds = time.as_secs_f64().max(1e-9);
    let rate = |earlier: u64, later: u64| later.saturating_sub(earlier) as f64 / seconds;
    let known = after.iter().filter_map(|(name, later)| {
        let earlier = before.get(name)?;
        let rate = Rate { received: rate(earlier.received, later.received), sent: rate(earlier.sent, later.sent) };
        Some((name.clone(), rate))
    });
    known.collect()
}

fn table<'a>(rows: impl Iterator<Item = (&'a Link, Rate)>, palette: Palette) -> Table {
    let columns = [
        ("name", Align::Left),
        ("link type", Align::Left),
        ("state", Align::Left),
        ("MTU", Align::Right),
        ("in/s", Align::Right),
        ("out/s", Align::Right),
        ("addresses", Align::Left),
    ];
    let mut table = Table::new(&columns, args::width(), palette);
    for (link, rate) in rows {
        let state = state(link);
        let addresses: Vec<String> = link.addresses.iter().map(|(ip, prefix)| format!("{ip}/{prefix}")).collect();
        table.row([
            (link.name.as_str(), if link.up { Role::Heading } else { Role::Faint }),
            (kind(link).as_str(), Role::Plain),
            (state.as_str(), if link.up { Role::Opening } else { Role::Faint }),
            (link.mtu.map_or_else(|| "?".to_owned(), |mtu| mtu.to_string()).as_str(), Role::Plain),
            (figure(rate.received).as_str(), Role::Plain),
            (figure(rate.sent).as_str(), Role::Plain),
            (addresses.join("\n").as_str(), Role::Plain),
        ]);
    }
    table
}

fn kind(link: &Link) -> String {
    let number = |link: LinkType| link.name().map_or_else(|| link.to_string(), str::to_owned);
    link.link.map_or_else(|| "?".to_owned(), number)
}

fn state(link: &Link) -> String {
    let mut state = match (link.up, link.running) {
        (false, _) => "down",
        (true, false) => "up, no carrier",
        (true, true) => "up",
    }
    .to_owned();
    if link.multicast {
        state.push_str(", multicast");
    }
    if link.loopback {
        state.push_str(", loopback");
    }
    state
}

/// A rate of packets in few characters.
fn figure(rate: f64) -> String {
    match rate {
        rate if rate >= 9_999.5 => format!("{:.0}k", rate / 1000.0),
        rate if rate >= 9.95 || rate == 0.0 => format!("{rate:.0}"),
        rate => format!("{rate:.1}"),
    }
}

/// Which offloads are on, where, and what they do to a capture.
fn legend(links: &[Link], out: &mut impl Write) -> std::io::Result<()> {
    for what in Offload::ALL {
        let on: Vec<String> =
            links.iter().filter(|link| link.offloads.contains(&what)).map(|link| escape::text(&link.name)).collect();
        if !on.is_empty() {
            let text = format!("{:<11}  {}; on {}", what.name(), what.meaning(), on.join(" "));
            let mut line = Vec::new();
            wrap::hanging(&text, args::room(), 0, 13, &mut line);
            line.push(b'\n');
            out.write_all(&line)?;
        }
    }
    Ok(())
}

fn object(link: &Link, rate: Rate) -> String {
    let mut text = format!("{{\"index\":{},\"name\":{}", link.index, quoted(&link.name));
    let kind = link.link.and_then(|link| link.name()).map_or_else(|| "null".to_owned(), quoted);
    let number = link.link.map_or_else(|| "null".to_owned(), |link| link.0.to_string());
    let hardware = link.hardware.as_deref().map_or_else(|| "null".to_owned(), quoted);
    let mtu = link.mtu.map_or_else(|| "null".to_owned(), |mtu| mtu.to_string());
    let addresses = link.addresses.iter().map(|(ip, prefix)| quoted(&format!("{ip}/{prefix}")));
    let offloads = link.offloads.iter().map(|offload| quoted(offload.name()));
    let list = |items: Vec<String>| format!("[{}]", items.join(","));
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        ",\"link_type\":{kind},\"link_type_number\":{number},\"hardware_address\":{hardware},\"addresses\":{},\
         \"mtu\":{mtu},\"up\":{},\"running\":{},\"loopback\":{},\"multicast\":{},\"offloads\":{},\
         \"received_per_second\":{:.1},\"sent_per_second\":{:.1}}}",
        list(addresses.collect()),
        link.up,
        link.running,
        link.loopback,
        link.multicast,
        list(offloads.collect()),
        rate.received,
        rate.sent
    );
    text
}

/// A JSON string (RFC 8259, section 7), in ASCII.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ (b'"' | b'\\')) => out.extend(['\\', char::from(byte)]),
            Ok(byte @ 0x20..=0x7e) => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn veth() -> Link {
        Link {
            name: "v\"0".into(),
            index: 3,
            link: Some(LinkType::ETHERNET),
            hardware: Some("02:00:00:00:00:01".into()),
            addresses: vec![("10.0.0.1".parse().unwrap(), 24), ("fe80::1".parse().unwrap(), 64)],
            mtu: Some(1500),
            up: true,
            running: false,
            loopback: false,
            multicast: true,
            offloads: vec![Offload::Gro, Offload::Tso, Offload::Gso],
        }
    }

    #[test]
    fn an_interface_is_one_json_object_on_one_line() {
        let text = object(&veth(), Rate { received: 12.34, sent: 0.0 });
        assert!(text.starts_with(r#"{"index":3,"name":"v\"0","link_type":"ETHERNET","link_type_number":1,"#), "{text}");
        assert!(text.contains(r#""addresses":["10.0.0.1/24","fe80::1/64"],"mtu":1500,"up":true,"running":false"#));
        assert!(text.ends_with(r#""received_per_second":12.3,"sent_per_second":0.0}"#), "{text}");
        assert!(!text.contains('\n'));
    }

    #[test]
    fn rates_are_counted_over_the_time_that_passed() {
        let at = |received, sent| HashMap::from([("lo".to_owned(), Passed { received, sent })]);
        let rates = rates(&at(10, 5), &at(30, 5), Duration::from_secs(2));
        assert_eq!(rates["lo"], Rate { received: 10.0, sent: 0.0 });
        assert_eq!([0.0, 0.25, 9.96, 9999.4, 123_456.0].map(figure), ["0", "0.2", "10", "9999", "123k"]);
    }

    #[test]
    fn offloads_are_told_with_their_interfaces() {
        let mut out = Vec::new();
        legend(&[veth(), Link { name: "eth0".into(), ..veth() }], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().any(|line| line.starts_with("tso ") && line.ends_with("on v\"0 eth0")), "{text}");
    }

    #[test]
    fn state_tells_a_missing_carrier() {
        assert_eq!(state(&veth()), "up, no carrier, multicast");
    }
}
