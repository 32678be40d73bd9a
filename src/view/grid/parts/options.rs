//! Options of type, length, value: TCP's, IPv4's, those of IPv6's extension headers and of neighbour discovery.

use super::{Cell, MOST, Part, cell, hex, ipv4_text, ipv6_text, number};
use crate::view::tree;
use crate::wire::{At, Kind, Value, ipv6, tcp};

/// An option as it lies in a header.
struct Raw<'a> {
    start: usize,
    length: usize,
    kind: u8,
    /// Behind kind and length.
    data: &'a [u8],
}

impl Raw<'_> {
    /// Its kind and, where it has one, its length.
    fn head(&self, name: &str) -> Vec<Cell> {
        let mut kind = cell(self.start, 1, "Kind", format!("{} ({name})", self.kind));
        kind.values.push(format!("{} {name}", self.kind));
        kind.values.push(self.kind.to_string());
        let mut cells = vec![kind];
        if self.length > 1 {
            cells.push(cell(self.start + 1, 1, "Length", (self.length).to_string()));
        }
        cells
    }

    fn part(
        &self,
        title: &str,
        value: String,
        meaning: impl Into<String>,
        source: &'static str,
        cells: Vec<Cell>,
    ) -> Part {
        let (start, length) = (self.start, self.length);
        Part { start, length, title: title.to_owned(), value, meaning: meaning.into(), source, cells }
    }

    /// One whose value is a single cell.
    fn simple(
        &self,
        short: &str,
        title: &str,
        value: String,
        meaning: impl Into<String>,
        source: &'static str,
    ) -> Part {
        let mut cells = self.head(short);
        if !self.data.is_empty() {
            cells.push(cell(self.start + self.length - self.data.len(), self.data.len(), "Value", value.clone()));
        }
        self.part(title, value, meaning, source, cells)
    }
}

/// Walks over options until one does not fit. `alone`: kinds that are a single byte; `total`: bytes of an option, from
/// its length byte.
fn walk<'a>(bytes: &'a [u8], start: usize, alone: fn(u8) -> bool, total: fn(usize) -> usize) -> Vec<Raw<'a>> {
    let mut options = Vec::new();
    let mut at = start;
    while let Some(&kind) = bytes.get(at)
        && options.len() < MOST
    {
        let length = match bytes.get(at + 1) {
            _ if alone(kind) => 1,
            Some(length) => total((*length).into()),
            None => break,
        };
        let Some(option) = bytes.get(at..at + length).filter(|option| !option.is_empty()) else { break };
        let data = option.get(2..).unwrap_or_default();
        options.push(Raw { start: at, length, kind, data });
        at += length;
    }
    options
}

/// Behind the end of the list there is only padding.
fn until_end(options: Vec<Raw<'_>>) -> impl Iterator<Item = Raw<'_>> {
    let end = options.iter().position(|option| option.kind == 0).map_or(options.len(), |end| end + 1);
    options.into_iter().take(end)
}

/// The options of a TCP header.
pub fn tcp(at: &At<'_>) -> Vec<Part> {
    let options = walk(at.header(), tcp::HEADER, |kind| kind < 2, |length| if length < 2 { 0 } else { length });
    until_end(options).map(|option| tcp_option(&option)).collect()
}

fn tcp_option(raw: &Raw<'_>) -> Part {
    const RFC: &str = "RFC 9293 §3.1";
    let value = number(raw.data);
    match (raw.kind, raw.data.len()) {
        (tcp::END_OF_OPTIONS, _) => {
            raw.simple("End", "end of options", String::new(), "What follows is padding to the header's length.", RFC)
        }
        (tcp::NO_OPERATION, _) => {
            raw.simple("NOP", "no operation", String::new(), "Padding: moves the next option to a better place.", RFC)
        }
        (tcp::MAXIMUM_SEGMENT_SIZE, 2) => raw.simple(
            "MSS",
            "maximum segment size",
            value.to_string(),
            "Send me at most this many bytes of data in a segment.",
            "RFC 9293 §3.7.1",
        ),
        (tcp::WINDOW_SCALE, 1) => raw.simple(
            "WScale",
            "window scale",
            value.to_string(),
            match value {
                0..=14 => format!("My windows count units of {} bytes, from the next segment on.", 1u32 << value),
                _ => "More than 14 is not allowed, and taken as 14.".to_owned(),
            },
            "RFC 7323 §2.2",
        ),
        (tcp::SACK_PERMITTED, 0) => raw.simple(
            "SACK ok",
            "SACK permitted",
            String::new(),
            "I understand selective acknowledgments: say what arrived behind a gap.",
            "RFC 2018 §2",
        ),
        (tcp::SACK, bytes) if bytes % 8 == 0 => sack(raw),
        (tcp::TIMESTAMPS, 8) => timestamps(raw),
        (28, 2) => raw.simple(
            "UTO",
            "user timeout",
            (value & 0x7fff).to_string(),
            if value & 0x8000 != 0 {
                "Minutes that data may wait unacknowledged."
            } else {
                "Seconds that data may wait unacknowledged."
            },
            "RFC 5482 §3",
        ),
        (19, 16) => raw.simple("MD5", "MD5 signature", hex(raw.data), "Signature over the segment.", "RFC 2385 §3"),
        (34, 0) => {
            raw.simple("TFO", "fast open", String::new(), "Give me a cookie for a fast open.", "RFC 7413 §4.1.1")
        }
        (34, _) => raw.simple(
            "TFO",
            "fast open",
            hex(raw.data),
            "The cookie that lets data travel in the SYN.",
            "RFC 7413 §4.1.1",
        ),
        (30, _) => {
            raw.simple("MPTCP", "multipath TCP", hex(raw.data), "One of several paths of a connection.", "RFC 8684 §3")
        }
        (kind, _) => {
            let title = tcp::option_name(kind.into()).unwrap_or("unknown option");
            raw.simple("?", title, hex(raw.data), "Shown as it stands.", "IANA TCP option kinds")
        }
    }
}

fn sack(raw: &Raw<'_>) -> Part {
    let mut cells = raw.head("SACK");
    let mut blocks = Vec::new();
    for (place, block) in raw.data.chunks_exact(8).enumerate() {
        let start = raw.start + 2 + place * 8;
        let (left, right) = (number(block.get(..4).unwrap_or_default()), number(block.get(4..).unwrap_or_default()));
        cells.push(cell(start, 4, "Left edge", left.to_string()));
        cells.push(cell(start + 4, 4, "Right edge", right.to_string()));
        blocks.push(format!("{left}-{right}"));
    }
    let meaning = "These bytes have arrived behind a gap; no need to send them again.";
    raw.part("SACK", blocks.join(", "), meaning, "RFC 2018 §3", cells)
}

fn timestamps(raw: &Raw<'_>) -> Part {
    let (value, echo) = (number(raw.data.get(..4).unwrap_or_default()), number(raw.data.get(4..).unwrap_or_default()));
    let mut cells = raw.head("Timestamps");
    cells.push(cell(raw.start + 2, 4, "TSval, my clock", value.to_string()));
    cells.push(cell(raw.start + 6, 4, "TSecr, your clock echoed", echo.to_string()));
    let meaning = if echo == 0 {
        "My clock, in units of my own; nothing to echo yet."
    } else {
        "My clock, in units of my own, and the last of yours that I saw: measures the round trip."
    };
    raw.part("timestamps", format!("{value}, echo {echo}"), meaning, "RFC 7323 §3.2", cells)
}

/// The options of an IPv4 header.
pub fn ipv4(at: &At<'_>) -> Vec<Part> {
    let options = walk(at.header(), 20, |kind| kind < 2, |length| if length < 2 { 0 } else { length });
    until_end(options).map(|option| ipv4_option(&option)).collect()
}

fn ipv4_option(raw: &Raw<'_>) -> Part {
    const RFC: &str = "RFC 791 §3.1";
    match (raw.kind, raw.data.len()) {
        (0, _) => {
            raw.simple("End", "end of options", String::new(), "What follows is padding to the header's length.", RFC)
        }
        (1, _) => raw.simple("NOP", "no operation", String::new(), "Padding.", RFC),
        (148, 2) => raw.simple(
            "Alert",
            "router alert",
            number(raw.data).to_string(),
            "Every router on the way should look into this packet.",
            "RFC 2113 §2.1",
        ),
        (7 | 131 | 137, 1..) => route(raw),
        (68, _) => raw.simple("Time", "timestamp", hex(raw.data), "Routers write down when the packet passed.", RFC),
        _ => raw.simple("?", "unknown option", hex(raw.data), "Shown as it stands.", "IANA IP option numbers"),
    }
}

fn route(raw: &Raw<'_>) -> Part {
    let (title, meaning) = match raw.kind {
        7 => ("record route", "Routers write their addresses here."),
        131 => ("loose source route", "The packet is to visit these on its way."),
        _ => ("strict source route", "The packet is to go exactly this way."),
    };
    let mut cells = raw.head("Route");
    let mut stations = Vec::new();
    if let Some((pointer, addresses)) = raw.data.split_first() {
        cells.push(cell(raw.start + 2, 1, "Pointer", pointer.to_string()));
        for (place, address) in addresses.chunks_exact(4).enumerate() {
            let text = address.try_into().map_or_else(|_| hex(address), ipv4_text);
            cells.push(cell(raw.start + 3 + place * 4, 4, "Address", text.clone()));
            stations.push(text);
        }
    }
    raw.part(title, stations.join(", "), meaning, "RFC 791 §3.1", cells)
}

/// The options of a hop-by-hop or destination options header.
pub fn ipv6(at: &At<'_>) -> Vec<Part> {
    let options = walk(at.header(), 2, |kind| kind == 0, |length| length + 2);
    options.iter().map(ipv6_option).collect()
}

fn ipv6_option(raw: &Raw<'_>) -> Part {
    let value = number(raw.data);
    match (raw.kind, raw.data.len()) {
        (0, _) => raw.simple("Pad1", "one byte of padding", String::new(), "Padding.", "RFC 8200 §4.2"),
        (1, _) => raw.simple("PadN", "padding", hex(raw.data), "Padding.", "RFC 8200 §4.2"),
        (5, 2) => {
            let meaning = match value {
                0 => "Every router on the way should look into this packet: it is about multicast listeners.",
                _ => "Every router on the way should look into this packet.",
            };
            raw.simple("Alert", "router alert", value.to_string(), meaning, "RFC 2711 §2.1")
        }
        (0xc2, 4) => raw.simple(
            "Jumbo",
            "jumbo payload",
            value.to_string(),
            "Bytes behind the IPv6 header, too many for its own length field.",
            "RFC 2675 §2",
        ),
        _ => {
            let action = match raw.kind >> 6 {
                0 => "Shown as it stands; who does not know it skips it.",
                1 => "Shown as it stands; who does not know it discards the packet.",
                _ => "Shown as it stands; who does not know it discards the packet and says so.",
            };
            let title = ipv6::option(raw.kind.into()).unwrap_or("unknown option");
            raw.simple("?", title, hex(raw.data), action, "RFC 8200 §4.2")
        }
    }
}

/// The options of neighbour discovery.
pub fn ndp(at: &At<'_>) -> Vec<Part> {
    let Some(kind) = at.index.checked_sub(1).and_then(|before| at.packet.at(before)?.u8(0)) else { return Vec::new() };
    let start = crate::wire::ndp::fixed(kind);
    walk(at.header(), start, |_| false, |length| length * 8).iter().map(ndp_option).collect()
}

fn ndp_option(raw: &Raw<'_>) -> Part {
    const RFC: &str = "RFC 4861 §4.6";
    let (kind, data) = (raw.kind, raw.data);
    let mut part = match (kind, data) {
        (1 | 2, data) if data.len() == 6 => {
            let address = data.try_into().map_or_else(|_| hex(data), |mac| tree::readable(Value::Mac(mac), Kind::Mac));
            let (short, title) = if kind == 1 {
                ("Source", "source link-layer address")
            } else {
                ("Target", "target link-layer address")
            };
            raw.simple(short, title, address, "MAC address, so that nobody needs to ask for it.", "RFC 4861 §4.6.1")
        }
        (3, data) if data.len() == 30 => prefix(raw),
        (5, data) if data.len() == 6 => {
            let mut cells = raw.head("MTU");
            let mtu = number(data.get(2..).unwrap_or_default()).to_string();
            cells.push(cell(raw.start + 4, 4, "MTU", mtu.clone()));
            raw.part("MTU", mtu, "Largest packet that fits this link, in bytes.", "RFC 4861 §4.6.4", cells)
        }
        (14, _) => raw.simple("Nonce", "nonce", hex(data), "Ties the answer to the question.", "RFC 3971 §5.3.2"),
        _ => raw.simple("?", "option", hex(data), "Shown as it stands.", RFC),
    };
    // The field counts units of 8 bytes.
    if let Some(length) = part.cells.get_mut(1) {
        length.values = vec![format!("{} ({} bytes)", raw.length / 8, raw.length), (raw.length / 8).to_string()];
    }
    part
}

fn prefix(raw: &Raw<'_>) -> Part {
    let data = raw.data;
    let byte = |at: usize| data.get(at).copied().unwrap_or_default();
    let seconds = |at: usize| match number(data.get(at..at + 4).unwrap_or_default()) {
        0xffff_ffff => "for ever".to_owned(),
        seconds => format!("{seconds} s"),
    };
    let address = data.get(14..30).and_then(|bytes| bytes.try_into().ok()).map_or_else(String::new, ipv6_text);
    let mut cells = raw.head("Prefix");
    cells.push(cell(raw.start + 2, 1, "Prefix length", byte(0).to_string()));
    cells.push(cell(raw.start + 3, 1, "Flags", format!("{:#04x}", byte(1))));
    cells.push(cell(raw.start + 4, 4, "Valid lifetime", seconds(2)));
    cells.push(cell(raw.start + 8, 4, "Preferred lifetime", seconds(6)));
    cells.push(cell(raw.start + 16, 16, "Prefix", address.clone()));
    let on_link = if byte(1) & 0x80 != 0 { "Addresses with this prefix are on this link" } else { "A prefix" };
    let own = if byte(1) & 0x40 != 0 { "; hosts may make their own from it." } else { "." };
    raw.part(
        "prefix information",
        format!("{address}/{}", byte(0)),
        format!("{on_link}{own}"),
        "RFC 4861 §4.6.2",
        cells,
    )
}
