//! A virtual LAN drawn as a tree: the segment that is outside of all first, on it its hosts, behind them what is there.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::escape;
use super::style::{Palette, Role};
use super::wrap;
use crate::engine::nat::{Behaviour, Hairpinning, NAMED};
use crate::lab::Topology;
use crate::lab::topology::{By, Host, Interface, Kind, Nat, Segment, duration_text};

/// Draws all of it in `width` columns, the title first.
pub fn draw(topology: &Topology, width: usize, palette: Palette, out: &mut dyn Write) -> io::Result<()> {
    let mut drawing = Drawing { topology, width, palette, drawn: Vec::new(), lines: Vec::new() };
    for row in wrap::rows(&escape::text(&topology.title), width) {
        drawing.lines.push(row);
    }
    while let Some(segment) = drawing.next_root() {
        drawing.lines.push(String::new());
        drawing.segment(segment, "", "", "");
    }
    for line in &drawing.lines {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

struct Drawing<'a> {
    topology: &'a Topology,
    width: usize,
    palette: Palette,
    /// Names of segments and hosts that were drawn already.
    drawn: Vec<&'a str>,
    lines: Vec<String>,
}

impl<'a> Drawing<'a> {
    /// The segment to begin with: one that no NAT is outside of, before all others.
    fn next_root(&self) -> Option<&'a Segment> {
        let topology = self.topology;
        let behind = |segment: &Segment| {
            topology
                .on(&segment.name)
                .any(|(host, interface)| host.nat.as_ref().is_some_and(|nat| nat.outside != interface.name))
        };
        let left = || topology.segments.iter().filter(|segment| !self.drawn.contains(&segment.name.as_str()));
        left()
            .filter(|segment| !behind(segment))
            .max_by_key(|one| topology.on(&one.name).count())
            .or_else(|| left().next())
    }

    /// `first` is before the segment's own line, `rest` before those of what is on it; `from`: the host that led here.
    fn segment(&mut self, segment: &'a Segment, from: &str, first: &str, rest: &str) {
        self.drawn.push(&segment.name);
        let kind = match &segment.kind {
            Kind::Cable => "cable".to_owned(),
            Kind::Switch { snooping, querier, address } => {
                let mut words = vec!["switch".to_owned()];
                words.extend(snooping.then(|| "listens to IGMP (snooping)".to_owned()));
                words.extend(querier.then(|| match address {
                    Some(network) => format!("asks as {}", network.address),
                    None => "asks (querier)".to_owned(),
                }));
                words.join(", ")
            }
        };
        self.row(first, rest, &segment.name, Role::Heading, &kind);
        let on: Vec<(&Host, &Interface)> =
            self.topology.on(&segment.name).filter(|(host, _)| host.name != from).collect();
        for (place, (host, interface)) in on.iter().enumerate() {
            let last = place + 1 == on.len();
            let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            self.host(host, interface, &format!("{rest}{branch}"), &format!("{rest}{below}"));
        }
    }

    fn host(&mut self, host: &'a Host, here: &'a Interface, first: &str, rest: &str) {
        let again = self.drawn.contains(&host.name.as_str());
        self.drawn.push(&host.name);
        let role = if host.forwards { Role::Server } else { Role::Client };
        self.row(first, rest, &host.name, role, &interface(here));
        if again {
            return;
        }
        let others: Vec<&Interface> = host.interfaces.iter().filter(|one| one.name != here.name).collect();
        let gap = if others.is_empty() { "   " } else { "│  " };
        if let Some(nat) = &host.nat {
            self.words(&format!("{rest}{gap}"), &nat_words(nat));
        } else if host.forwards {
            self.words(&format!("{rest}{gap}"), "router");
        }
        for (place, other) in others.iter().enumerate() {
            let last = place + 1 == others.len();
            let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let (first, below) = (format!("{rest}{branch}"), format!("{rest}{below}"));
            self.row(&first, &below, "", Role::Plain, &interface(other));
            let segment = self.topology.segments.iter().find(|segment| segment.name == other.on);
            match segment {
                Some(segment) if !self.drawn.contains(&segment.name.as_str()) => {
                    self.segment(segment, &host.name, &format!("{below}└─ "), &format!("{below}   "));
                }
                _ => self.words(&below, &format!("on {}", other.on)),
            }
        }
    }

    /// A name with words behind it, which go on below it.
    fn row(&mut self, first: &str, rest: &str, name: &str, role: Role, words: &str) {
        let gap = if name.is_empty() { "" } else { "  " };
        let begun = first.width() + name.width() + gap.len();
        let room = self.width.saturating_sub(begun).max(20);
        for (place, row) in wrap::rows(words, room).iter().enumerate() {
            if place == 0 {
                let style = self.palette.style(role);
                self.lines.push(format!("{first}{style}{name}{style:#}{gap}{row}"));
            } else {
                let blank = " ".repeat(begun.saturating_sub(rest.width()));
                self.lines.push(format!("{rest}{blank}{row}"));
            }
        }
    }

    fn words(&mut self, before: &str, words: &str) {
        let room = self.width.saturating_sub(before.width()).max(20);
        self.lines.extend(wrap::rows(words, room).iter().map(|row| format!("{before}{row}")));
    }
}

fn interface(interface: &Interface) -> String {
    let addresses = interface.addresses.iter().map(ToString::to_string);
    let mut words: Vec<String> = std::iter::once(interface.name.clone()).chain(addresses).collect();
    if !interface.impairment.is_none() {
        words.push(format!("({})", interface.impairment));
    }
    words.join(" ")
}

/// What a NAT does, in the words of RFC 4787.
pub fn nat_words(nat: &Nat) -> String {
    let Behaviour { mapping, filtering, hairpinning, ports, udp_timeout, .. } = nat.behaviour;
    let known = NAMED.iter().find(|(_, one, other)| (*one, *other) == (mapping, filtering));
    let name = known.map_or_else(String::new, |(name, ..)| format!(" {name}:"));
    let by = if nat.by == Some(By::Netlab) { " by netlab" } else { "" };
    let hairpin = match hairpinning {
        Hairpinning::Off => "no hairpinning".to_owned(),
        other => format!("hairpinning {}", other.name()),
    };
    format!(
        "NAT{by}{name} mapping {}, filtering {}, ports {}, {hairpin}, UDP {}",
        mapping.name(),
        filtering.name(),
        ports.name(),
        duration_text(udp_timeout)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{file, preset};

    fn drawn(topology: &Topology, width: usize) -> String {
        let mut out = Vec::new();
        draw(topology, width, Palette::new(false), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_preset_fits_the_terminal_and_names_all_that_is_in_it() {
        for preset in &preset::ALL {
            let topology = file::read(preset.text).unwrap();
            for width in [80, 120] {
                let text = drawn(&topology, width);
                assert!(text.lines().all(|line| line.width() <= width), "{}:\n{text}", preset.name);
                for name in topology.nodes() {
                    let lines = text.lines().filter(|line| {
                        line.trim_start_matches(['│', '├', '└', '─', ' ']).starts_with(&format!("{name}  "))
                    });
                    assert_eq!(lines.count(), 1, "{name} stands once:\n{text}");
                }
            }
        }
    }

    #[test]
    fn a_ring_of_routers_ends() {
        let ring = "[switch.s1]\n[switch.s2]\n[host.r1]\ninterface.a = { on = 's1' }\ninterface.b = { on = 's2' }\n\
                    forward = true\n[host.r2]\ninterface.a = { on = 's1' }\ninterface.b = { on = 's2' }\nforward = true\n";
        let text = drawn(&file::read(ring).unwrap(), 80);
        assert!(text.lines().count() < 20, "{text}");
    }
}
