//! What was sent, how exactly, and what was not, in words and numbers.

use std::io::Write;
use std::time::Duration;

use super::Args;
use super::frames::Survey;
use super::prepare::{self, Refusal, ip};
use crate::cmd::{args as terminal, output};
use crate::io::link::timed::{Done, Gaps};
use crate::view::wrap;

/// Why, how many, and the numbers of the first.
pub type Refused = (Refusal, u64, Vec<u64>);

/// The end of a replay.
#[derive(Debug)]
pub struct Report {
    interface: String,
    mtu: Option<u32>,
    refused: Vec<Refused>,
    unfinished: u64,
    frames: u64,
    bytes: u64,
    took: Duration,
    gaps: Gaps,
}

impl Report {
    pub fn new(exit: &prepare::Exit, survey: &Survey) -> Self {
        Self {
            interface: exit.link.name.clone(),
            mtu: exit.link.mtu,
            refused: survey.refused.clone(),
            unfinished: survey.unfinished,
            frames: 0,
            bytes: 0,
            took: Duration::ZERO,
            gaps: Gaps::default(),
        }
    }

    pub fn done(&mut self, done: Done) {
        (self.frames, self.bytes, self.took, self.gaps) = (done.frames, done.bytes, done.took, done.gaps);
        self.refused.extend(done.refused.into_iter().map(|(errno, count)| (Refusal::Kernel(errno), count, Vec::new())));
    }

    fn lines(&self, filled_in: bool) -> Vec<String> {
        let mut lines = vec![self.sent()];
        if let Some([half, most_of_them, all]) = self.gaps.spread() {
            lines.push(format!(
                "gaps between packets: off by {} at the median, {} at 99 %, {} at most",
                duration(half),
                duration(most_of_them),
                duration(all)
            ));
        }
        lines.extend(refusals(&self.refused, &self.interface, self.mtu));
        lines.extend(unfinished(self.unfinished, filled_in).filter(|_| self.frames > 0));
        lines
    }

    fn sent(&self) -> String {
        let (frames, bytes) = (counted(self.frames, "packet"), counted(self.bytes, "byte"));
        let mut line = format!("sent {frames}, {bytes} on {}", self.interface);
        let seconds = self.took.as_secs_f64();
        if self.frames > 1 && seconds > 0.0 {
            let took = duration(u64::try_from(self.took.as_nanos()).unwrap_or(u64::MAX));
            let (frames, bytes) = (self.frames as f64 / seconds, self.bytes as f64 / seconds);
            line.push_str(&format!(" in {took}: {}, {}", packets(frames), bits(bytes * 8.0)));
        }
        line
    }
}

/// One line for each reason.
pub fn refusals(refused: &[Refused], interface: &str, mtu: Option<u32>) -> Vec<String> {
    let line = |(why, count, numbers): &Refused| {
        let mut line = format!("not sent: {}", counted(*count, "packet"));
        if !numbers.is_empty() {
            let more = if *count > numbers.len() as u64 { ", ..." } else { "" };
            let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
            line.push_str(&format!(" ({}{more})", numbers.join(", ")));
        }
        let one = *count == 1;
        line.push_str(&match why {
            Refusal::TooLong => match mtu {
                Some(mtu) => format!(", too long for {interface}, whose MTU is {mtu}"),
                None => format!(", too long for {interface}"),
            },
            Refusal::Cut => ", of which the capture did not keep all bytes".to_owned(),
            Refusal::NoHeader(link) => format!(", captured as {link}: no Ethernet header can be made for {}", it(one)),
            Refusal::NotIp => {
                format!(", which {} no IP: {interface} takes nothing else", if one { "is" } else { "are" })
            }
            Refusal::NoNeighbour(address) => format!(
                " to {}: nobody on {interface} answers for that address; --map another, or say --dst-mac",
                ip(*address)
            ),
            Refusal::Kernel(errno) => {
                format!(", refused by the kernel: {}", std::io::Error::from_raw_os_error(*errno))
            }
        });
        line
    };
    refused.iter().map(line).collect()
}

fn it(one: bool) -> &'static str {
    if one { "it" } else { "them" }
}

/// What a receiver will think of checksums that nobody has filled in.
pub fn unfinished(count: u64, filled_in: bool) -> Option<String> {
    let packets = counted(count, "packet");
    match (count, filled_in) {
        (0, _) => None,
        (_, true) => Some(format!("{packets} had no checksum yet, and got one")),
        (_, false) => Some(format!(
            "{packets} had no checksum yet when captured, and a host drops {}: --fill-checksums fills them in",
            it(count == 1)
        )),
    }
}

/// Prints it: to people with the packets, beside data for programs apart from it.
pub fn say(args: &Args, report: &Report) -> anyhow::Result<()> {
    let people = args.output.fields.is_empty() && !args.output.json;
    for line in report.lines(args.changes.fill_checksums) {
        if people {
            let mut out = Vec::new();
            wrap::hanging(&line, terminal::width(), 0, 2, &mut out);
            out.push(b'\n');
            output::stdout()?.write_all(&out)?;
        } else {
            terminal::talk(&format!("netlab: {line}"));
        }
    }
    Ok(())
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn duration(nanoseconds: u64) -> String {
    match nanoseconds {
        ..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{:.1} µs", nanoseconds as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", nanoseconds as f64 / 1e6),
        _ => format!("{:.3} s", nanoseconds as f64 / 1e9),
    }
}

/// Bits a second, with the unit's prefix.
fn bits(rate: f64) -> String {
    match rate {
        ..1e3 => format!("{rate:.0} bit/s"),
        ..1e6 => format!("{:.1} kbit/s", rate / 1e3),
        ..1e9 => format!("{:.1} Mbit/s", rate / 1e6),
        _ => format!("{:.2} Gbit/s", rate / 1e9),
    }
}

/// Packets a second: as many digits as tell something.
fn packets(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1} packets/s") } else { format!("{rate:.0} packets/s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::LinkType;

    #[test]
    fn refusals_tell_why_how_many_and_which() {
        let refused = vec![
            (Refusal::TooLong, 7, vec![1, 2, 3, 4, 5]),
            (Refusal::Cut, 1, vec![9]),
            (Refusal::NoHeader(LinkType::LINUX_SLL), 2, vec![10, 11]),
        ];
        assert_eq!(
            refusals(&refused, "eth0", Some(1500)),
            [
                "not sent: 7 packets (1, 2, 3, 4, 5, ...), too long for eth0, whose MTU is 1500",
                "not sent: 1 packet (9), of which the capture did not keep all bytes",
                "not sent: 2 packets (10, 11), captured as LINUX_SLL (113): no Ethernet header can be made for them",
            ]
        );
    }

    #[test]
    fn figures_have_units_of_their_size() {
        assert_eq!(
            (duration(999), duration(1_500), duration(2_345_000)),
            ("999 ns".into(), "1.5 µs".into(), "2.3 ms".into())
        );
        assert_eq!(duration(1_500_000_000), "1.500 s");
        assert_eq!((packets(12.0), packets(1234.6)), ("12.0 packets/s".to_owned(), "1235 packets/s".to_owned()));
        assert_eq!((bits(2.5e6), bits(1.0)), ("2.5 Mbit/s".to_owned(), "1 bit/s".to_owned()));
    }
}
