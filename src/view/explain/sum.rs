//! A checksum worked out: the words that are added, carries added back, the complement, held against the field.
//!
//! The arithmetic is this file's own, word by word as RFC 1071 describes it; the verdict is `wire::checksum`'s, and a
//! test holds the two against each other.

use super::Options;
use crate::view::grid::Cell;
use crate::view::style::Role;
use crate::view::tree;
use crate::view::words::{Words, filled};
use crate::wire::checksum::{self, Check, Ends, PseudoHeader, Verdict, Why};
use crate::wire::{At, Kind, Protocol, Value, numbers};

/// Words a line.
const LINE: usize = 8;
/// Bytes of data that are listed; of more only the sum is told.
const MOST_DATA: usize = 32;
/// Why a checksum is not filled in.
const OFFLOADED: &str = "    {} is the folded sum of the pseudo-header alone: the sender's kernel\n    \
     leaves the rest to the network card, and the packet was captured before\n    \
     the card saw it (on loopback there is no card, and nobody needs the sum).\n    \
     This is normal: nothing is wrong.";
/// Where names begin.
const NAMES: usize = 4 + LINE * 5;

/// What a checksum covers, and where its field lies.
struct Covered {
    check: Check,
    title: &'static str,
    pseudo: Option<PseudoHeader>,
    /// First byte of the field, counted from the header's first.
    field: usize,
    /// Bytes of the layer that are summed: header alone, or header and content.
    bytes: usize,
    source: &'static str,
}

fn covered(at: &At<'_>) -> Option<Covered> {
    let all = at.bytes().len();
    let pseudo = |protocol| checksum::pseudo_header(at, protocol);
    Some(match at.layer.protocol {
        Protocol::Ipv4 => Covered {
            check: checksum::ipv4(at)?,
            title: "Header checksum",
            pseudo: None,
            field: 10,
            bytes: at.header().len(),
            source: "RFC 791 §3.1, RFC 1071",
        },
        Protocol::Tcp => Covered {
            check: checksum::tcp(at)?,
            title: "TCP checksum",
            pseudo: pseudo(numbers::TCP),
            field: 16,
            bytes: all,
            source: "RFC 9293 §3.1, RFC 1071",
        },
        Protocol::Udp => Covered {
            check: checksum::udp(at)?,
            title: "UDP checksum",
            pseudo: pseudo(numbers::UDP),
            field: 6,
            bytes: all,
            source: "RFC 768, RFC 1071",
        },
        Protocol::Icmpv6 => Covered {
            check: checksum::icmpv6(at)?,
            title: "ICMPv6 checksum",
            pseudo: pseudo(numbers::ICMPV6),
            field: 2,
            bytes: all,
            source: "RFC 4443 §2.3, RFC 1071",
        },
        Protocol::Icmp => Covered {
            check: checksum::icmp(at)?,
            title: "ICMP checksum",
            pseudo: None,
            field: 2,
            bytes: all,
            source: "RFC 792, RFC 1071",
        },
        Protocol::Igmp => Covered {
            check: checksum::igmp(at)?,
            title: "IGMP checksum",
            pseudo: None,
            field: 2,
            bytes: all,
            source: "RFC 3376 §4.1.2, RFC 1071",
        },
        _ => return None,
    })
}

/// Appends the checksum of a layer, if it has one.
///
/// Where its data have a password in them (`secret`), their words are not listed.
pub fn write(at: &At<'_>, cells: &[Cell], secret: bool, options: &Options, out: &mut Vec<u8>) {
    let Some(covered) = covered(at) else { return };
    let mut sheet = Sheet { options, secret, out };
    sheet.line(
        Role::Heading,
        &filled(options.words.field("\n  {}, worked out ({})"), &[options.words.field(covered.title), covered.source]),
    );
    match covered.check.verdict() {
        Verdict::CannotTell(why) => {
            let why = match why {
                Why::Cut => "the capture did not keep all bytes that it is over",
                Why::Fragment => "it is over the whole datagram, and this is one fragment of it",
                Why::Quoted => "an ICMP error quotes only the beginning of the packet",
                Why::Length => "the lengths disagree, so nobody knows what it is over",
            };
            sheet.line(Role::Plain, &filled(sheet.say("    cannot tell: {}"), &[sheet.say(why)]));
        }
        Verdict::Absent => {
            let why = sheet.say("    not used: zero says that the sender worked none out, as UDP over IPv4 may");
            sheet.line(Role::Plain, why);
        }
        verdict => sheet.sum(at, cells, &covered, verdict),
    }
}

struct Sheet<'o> {
    options: &'o Options,
    secret: bool,
    out: &'o mut Vec<u8>,
}

impl Sheet<'_> {
    /// In the language that was chosen.
    fn say(&self, english: &'static str) -> &'static str {
        self.options.words.field(english)
    }

    fn line(&mut self, role: Role, text: &str) {
        self.options.palette.begin(role, self.out);
        self.out.extend_from_slice(text.as_bytes());
        self.options.palette.end(role, self.out);
        self.out.push(b'\n');
    }

    fn sum(&mut self, at: &At<'_>, cells: &[Cell], covered: &Covered, verdict: Verdict) {
        let mut sums = Vec::new();
        let pseudo = covered.pseudo.as_ref().map(|pseudo| {
            let sum = self.pseudo(pseudo);
            sums.push(sum);
            sum
        });
        let bytes = at.bytes().get(..covered.bytes).unwrap_or_default();
        // ICMPv6's message and IGMP's have no other content than what is drawn as headers.
        let header = at.header().len().min(bytes.len());
        sums.push(self.header(bytes.get(..header).unwrap_or_default(), cells, covered.field));
        let data = bytes.get(header..).unwrap_or_default();
        if !data.is_empty() {
            sums.push(self.data(data, covered.field, header, at.layer.protocol));
        }
        self.result(&sums, covered, pseudo, verdict);
    }

    fn pseudo(&mut self, pseudo: &PseudoHeader) -> u64 {
        self.line(Role::Faint, self.say("    Pseudo-header"));
        let mut sum = 0;
        let length = pseudo.length.to_be_bytes();
        let protocol = numbers::protocol(pseudo.protocol.into()).unwrap_or("?");
        let (number, all) = (pseudo.protocol.to_string(), pseudo.length.to_string());
        let words = self.options.words;
        let all = filled(words.field("Length of header and data: {}"), &[&all]);
        let mut add = |bytes: &[u8], name: String| {
            sum += total(bytes);
            self.words(bytes, &name);
        };
        match pseudo.ends {
            Ends::V4(source, destination) => {
                for (name, address) in [("Source", source), ("Destination", destination)] {
                    add(
                        &address,
                        format!("{} {}", words.field(name), tree::readable(Value::Ipv4(address), Kind::Ipv4)),
                    );
                }
                add(&[0, pseudo.protocol], filled(words.field("Zero, protocol {} ({})"), &[&number, protocol]));
                add(length.get(2..).unwrap_or_default(), all);
            }
            Ends::V6(source, destination) => {
                for (name, address) in [("Source", source), ("Destination", destination)] {
                    add(
                        &address,
                        format!("{} {}", words.field(name), tree::readable(Value::Ipv6(address), Kind::Ipv6)),
                    );
                }
                add(&length, all);
                add(
                    &[0, 0, 0, pseudo.protocol],
                    filled(words.field("Zero, next header {} ({})"), &[&number, protocol]),
                );
            }
        }
        self.subtotal(sum);
        sum
    }

    fn header(&mut self, bytes: &[u8], cells: &[Cell], field: usize) -> u64 {
        self.line(Role::Faint, self.say("    Header"));
        let mut sum = 0;
        let words: Vec<(&[u8], String)> = bytes
            .chunks(2)
            .enumerate()
            .map(|(place, word)| {
                let is_field = place * 2 == field;
                (
                    if is_field { &[0u8, 0] as &[u8] } else { word },
                    names(cells, place * 16, is_field, self.options.words),
                )
            })
            .collect();
        // Neighbours of the same name share a line.
        for line in words.chunk_by(|(_, a), (_, b)| a == b).flat_map(|run| run.chunks(LINE)) {
            let joined: Vec<u8> = line.iter().flat_map(|(word, _)| word.iter().copied()).collect();
            sum += total(&joined);
            self.words(&joined, line.first().map_or("", |(_, name)| name));
        }
        self.subtotal(sum);
        sum
    }

    /// The content; where the field lies in it (never, as headers are) it would count as zero.
    fn data(&mut self, bytes: &[u8], field: usize, header: usize, protocol: Protocol) -> u64 {
        debug_assert!(field < header);
        let what = if matches!(protocol, Protocol::Tcp | Protocol::Udp) { "Data" } else { "Rest of the message" };
        let padded = if bytes.len() % 2 == 1 { self.say(", a zero byte added to make words") } else { "" };
        let (what, words) = (self.say(what), self.options.words);
        let count = words.count(&words.bytes, bytes.len() as u64);
        self.line(Role::Faint, &format!("    {what}, {count}{padded}"));
        let listed = bytes.get(..MOST_DATA).unwrap_or(bytes);
        if self.secret {
            self.line(Role::Faint, self.say("    not listed: a password is in them (--show-secrets)"));
            let sum = total(bytes);
            self.subtotal(sum);
            return sum;
        }
        for line in listed.chunks(LINE * 2) {
            self.words(line, "");
        }
        if bytes.len() > listed.len() {
            let left = (bytes.len() - listed.len()).div_ceil(2);
            let more = if left == 1 { "    and 1 more word" } else { "    and {} more words" };
            self.line(Role::Faint, &filled(self.say(more), &[&left.to_string()]));
        }
        let sum = total(bytes);
        self.subtotal(sum);
        sum
    }

    /// A line of at most eight words and what they are.
    fn words(&mut self, bytes: &[u8], name: &str) {
        let mut line = String::from("    ");
        for word in bytes.chunks(2) {
            let [high, low] = [word.first(), word.get(1)].map(|byte| byte.copied().unwrap_or_default());
            line.push_str(&format!("{high:02x}{low:02x} "));
        }
        let short = bytes.len() <= 4;
        let column = if short { 15 } else { NAMES };
        while line.len() < column {
            line.push(' ');
        }
        let room = self.options.width.max(60).saturating_sub(line.len() + 1);
        let name: String = if name.chars().count() > room {
            name.chars().take(room.saturating_sub(1)).chain(std::iter::once('~')).collect()
        } else {
            name.to_owned()
        };
        self.line(Role::Plain, format!("{line} {name}").trim_end());
    }

    fn subtotal(&mut self, sum: u64) {
        self.line(Role::Heading, &format!("    = {sum:#x}"));
    }

    fn result(&mut self, sums: &[u64], covered: &Covered, pseudo: Option<u64>, verdict: Verdict) {
        let sum: u64 = sums.iter().sum();
        self.line(Role::Faint, self.say("    Sum"));
        if sums.len() > 1 {
            let parts: Vec<String> = sums.iter().map(|sum| format!("{sum:#x}")).collect();
            self.line(Role::Plain, &format!("    {} = {sum:#x}", parts.join(" + ")));
        }
        let mut folded = sum;
        while folded > 0xffff {
            let (carry, rest) = (folded >> 16, folded & 0xffff);
            let added = format!("{carry:#x} + {rest:#06x} = {:#x}", carry + rest);
            self.line(Role::Plain, &filled(self.say("    carry added back: {}"), &[&added]));
            folded = carry + rest;
        }
        let complement = 0xffff - folded;
        let taken = format!("0xffff - {folded:#06x} = {complement:#06x}");
        self.line(Role::Plain, &filled(self.say("    complement: {}"), &[&taken]));
        if complement == 0 && covered.title == "UDP checksum" {
            self.line(Role::Plain, self.say("    zero is sent as 0xffff, because zero would say that there is none"));
        }
        let stored = format!("{:#06x}", covered.check.stored);
        match verdict {
            Verdict::Good => self.line(Role::Opening, &filled(self.say("    good: the field holds {}"), &[&stored])),
            Verdict::Bad(expected) => {
                self.line(
                    Role::Trouble,
                    &filled(
                        self.say("    bad: the field holds {}, it should be {}"),
                        &[&stored, &format!("{expected:#06x}")],
                    ),
                );
            }
            Verdict::NotFilledIn => {
                let begun = pseudo.map_or_else(String::new, |sum| format!("{:#06x}", fold(sum)));
                self.line(Role::Closing, &filled(self.say("    not filled in yet: the field holds {}"), &[&stored]));
                let why = filled(self.say(OFFLOADED), &[&begun]);
                self.line(Role::Plain, &why);
            }
            Verdict::Absent | Verdict::CannotTell(_) => {}
        }
    }
}

/// The sum of 16-bit words, an odd last byte followed by zero.
fn total(bytes: &[u8]) -> u64 {
    bytes
        .chunks(2)
        .map(|word| {
            let [high, low] = [word.first(), word.get(1)].map(|byte| byte.copied().unwrap_or_default());
            u64::from(u16::from_be_bytes([high, low]))
        })
        .sum()
}

fn fold(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum
}

/// The fields that share the word which begins at bit `at`.
fn names(cells: &[Cell], at: usize, is_field: bool, words: &Words) -> String {
    let inside = cells.iter().filter(|cell| cell.at < at + 16 && at < cell.at + cell.length);
    let names: Vec<String> = inside
        .map(|cell| match cell.names.first().map(String::as_str) {
            // Options begin with their kind: its value says more.
            Some("Kind") => cell.values.first(),
            // Not the dot that a narrow cell has for want of a name.
            _ if cell.length < 16 => cell.names.iter().rfind(|name| name.chars().any(char::is_alphanumeric)),
            _ => cell.names.first(),
        })
        .filter_map(|name| name.map(|name| words.text(name)))
        .collect();
    let names = names.join(", ");
    if is_field { filled(words.field("{}, counted as zero"), &[&names]) } else { names }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_the_example_of_rfc_1071() {
        // §3: 0001 + f203 + f4f5 + f6f7 = 2ddf0, folded ddf2.
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(total(&bytes), 0x2ddf0);
        assert_eq!(fold(total(&bytes)), 0xddf2);
        assert_eq!(total(&[0xab]), 0xab00, "an odd byte is the high half of its word");
    }
}
