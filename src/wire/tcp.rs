//! The Transmission Control Protocol's header and options (RFC 9293). State over time is `flow`'s.

mod fields;
mod state;
#[cfg(test)]
mod tests;

use super::application::Over;
use super::dispatch::Next;
use super::{At, Protocol, Stop, Walk};
pub use fields::FIELDS;
pub use state::State;

/// Length of a header without options.
pub const HEADER: usize = 20;
/// Ports, both numbers and the byte that holds the header length.
const FIXED: usize = 13;
const UP_TO_WINDOW: usize = 16;

#[inline]
pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<HEADER>(Protocol::Tcp)?;
    let length = usize::from(header[12] >> 4) * 4;
    if length < HEADER {
        return Err(walk.malformed(Protocol::Tcp, FIXED, "the header length is less than 20 bytes"));
    }
    if walk.rest().len() < length {
        return Err(walk.cut(Protocol::Tcp, length));
    }
    walk.push(Protocol::Tcp, length)?;
    let [source, destination] = [[header[0], header[1]], [header[2], header[3]]].map(u16::from_be_bytes);
    Ok(Next::Application(Over::Tcp, [source, destination]))
}

/// The control bits (RFC 9293 §3.1, RFC 9768 for AE), as they lie in bytes 12 and 13.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    pub const FIN: u16 = 0x001;
    pub const SYN: u16 = 0x002;
    pub const RST: u16 = 0x004;
    pub const PSH: u16 = 0x008;
    pub const ACK: u16 = 0x010;
    pub const URG: u16 = 0x020;
    pub const ECE: u16 = 0x040;
    pub const CWR: u16 = 0x080;
    pub const AE: u16 = 0x100;

    /// Whether any of `bits` is set.
    #[inline]
    pub fn any(self, bits: u16) -> bool {
        self.0 & bits != 0
    }

    /// The three bits that accurate ECN takes for a counter (RFC 9768 §3.2).
    pub fn counter(self) -> u8 {
        (self.0 >> 6) as u8 & 7
    }

    /// The names of the bits that are set, in the order in which a person says them: `SYN,ACK`, `PSH,ACK`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [(u16, &str); 9] = [
            (Flags::SYN, "SYN"),
            (Flags::FIN, "FIN"),
            (Flags::RST, "RST"),
            (Flags::PSH, "PSH"),
            (Flags::URG, "URG"),
            (Flags::ECE, "ECE"),
            (Flags::CWR, "CWR"),
            (Flags::AE, "AE"),
            (Flags::ACK, "ACK"),
        ];
        NAMES.into_iter().filter(move |(bit, _)| self.any(*bit)).map(|(_, name)| name)
    }
}

/// A TCP header of which all up to the window was captured; numbers in host order.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    fixed: &'a [u8; UP_TO_WINDOW],
    /// The options' bytes, as far as they were captured.
    pub options: &'a [u8],
    /// Bytes of data by the length fields, captured or not; 0 where nobody knows.
    pub length: u32,
    /// Nobody knows how much data there is: only a fragment of the segment is here, or an ICMP error quotes it, or its
    /// header does not fit into it.
    pub unmeasured: bool,
}

impl<'a> Header<'a> {
    /// The header of a TCP layer; `None` where it is cut before the end of the window.
    #[inline]
    pub fn new(at: &At<'a>) -> Option<Self> {
        Self::read(at.header(), at.layer.end.saturating_sub(at.layer.start), at.layer.quoted || at.layer.fragment)
    }

    /// The header in `bytes`, of a segment of `whole` bytes by the length fields around it; `part`: it is not all of the
    /// segment that was sent.
    #[inline]
    pub(super) fn read(bytes: &'a [u8], whole: u32, part: bool) -> Option<Self> {
        let fixed = bytes.first_chunk::<UP_TO_WINDOW>()?;
        let options = bytes.get(HEADER..).unwrap_or_default();
        let header = u32::from(fixed[12] >> 4) * 4;
        let unmeasured = part || header > whole;
        let length = if unmeasured { 0 } else { whole - header };
        Some(Self { fixed, options, length, unmeasured })
    }

    /// Whether options are missing, because the capture did not keep them.
    #[inline]
    pub fn is_cut(&self) -> bool {
        HEADER + self.options.len() < usize::from(self.fixed[12] >> 4) * 4
    }

    #[inline]
    pub fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[0], self.fixed[1]])
    }

    #[inline]
    pub fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    #[inline]
    pub fn sequence(&self) -> u32 {
        u32::from_be_bytes([self.fixed[4], self.fixed[5], self.fixed[6], self.fixed[7]])
    }

    #[inline]
    pub fn acknowledgment(&self) -> u32 {
        u32::from_be_bytes([self.fixed[8], self.fixed[9], self.fixed[10], self.fixed[11]])
    }

    #[inline]
    pub fn flags(&self) -> Flags {
        Flags(u16::from_be_bytes([self.fixed[12] & 0x0f, self.fixed[13]]))
    }

    /// The window field, not scaled.
    #[inline]
    pub fn window(&self) -> u16 {
        u16::from_be_bytes([self.fixed[14], self.fixed[15]])
    }
}

/// One option as it stands in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt<'a> {
    pub kind: u8,
    /// What lies behind kind and length.
    pub data: &'a [u8],
}

pub const END_OF_OPTIONS: u8 = 0;
pub const NO_OPERATION: u8 = 1;
pub const MAXIMUM_SEGMENT_SIZE: u8 = 2;
pub const WINDOW_SCALE: u8 = 3;
pub const SACK_PERMITTED: u8 = 4;
pub const SACK: u8 = 5;
pub const TIMESTAMPS: u8 = 8;

/// The options up to their end, or to the first whose length does not fit.
#[inline]
pub fn options(bytes: &[u8]) -> impl Iterator<Item = Opt<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&kind, tail) = rest.split_first()?;
        let length = match kind {
            END_OF_OPTIONS => {
                rest = &[];
                return Some(Opt { kind, data: &[] });
            }
            NO_OPERATION => 1,
            _ => usize::from(*tail.first()?),
        };
        let data = if kind == NO_OPERATION { &[] } else { rest.get(2..length)? };
        rest = rest.get(length..)?;
        Some(Opt { kind, data })
    })
}

fn each_option<'a>(at: &At<'a>) -> impl Iterator<Item = Opt<'a>> {
    options(at.header().get(HEADER..).unwrap_or_default())
}

fn find(at: &At<'_>, kind: u8, length: usize) -> Option<u64> {
    let option = each_option(at).find(|option| option.kind == kind && option.data.len() == length)?;
    Some(option.data.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// The edges of the blocks of SACK options, left and right by turns; of a broken option, as far as whole numbers go.
pub fn sack_edges<'a>(at: &At<'a>) -> impl Iterator<Item = u32> {
    let edges = each_option(at).filter(|option| option.kind == SACK).flat_map(|option| option.data.chunks_exact(4));
    edges.filter_map(|edge| Some(u32::from_be_bytes(*edge.first_chunk()?)))
}

/// The two numbers of a timestamps option (RFC 7323 §3.2).
pub fn timestamps(at: &At<'_>) -> Option<(u32, u32)> {
    let both = find(at, TIMESTAMPS, 8)?;
    Some(((both >> 32) as u32, both as u32))
}

/// The name of an option's kind (IANA, TCP option kinds).
pub fn option_name(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "end of options",
        1 => "no operation",
        2 => "maximum segment size",
        3 => "window scale",
        4 => "SACK permitted",
        5 => "SACK",
        8 => "timestamps",
        19 => "MD5 signature",
        28 => "user timeout",
        29 => "authentication",
        30 => "multipath TCP",
        34 => "fast open cookie",
        69 => "encryption negotiation",
        172 | 174 => "accurate ECN",
        253 | 254 => "experiment",
        _ => return None,
    })
}

/// Wireshark's drawing of the control bits: twelve places, a letter where set, U+00B7 where not. `accurate`: three of
/// them are the counter of accurate ECN (RFC 9768 §3.2), drawn as a digit between dashes.
pub fn drawing(flags: Flags, accurate: bool) -> &'static [u8] {
    use std::sync::OnceLock;
    // Each of the 4096 values once, either way; made on first use.
    static DRAWN: [OnceLock<Vec<String>>; 2] = [OnceLock::new(), OnceLock::new()];
    let all = |accurate: bool| (0..4096).map(|flags| draw(Flags(flags), accurate)).collect();
    let drawn = if accurate { &DRAWN[1] } else { &DRAWN[0] }.get_or_init(|| all(accurate));
    drawn.get(usize::from(flags.0 & 0xfff)).map_or(&[], |text| text.as_bytes())
}

fn draw(flags: Flags, accurate: bool) -> String {
    let letter = |(place, letter): (usize, &&'static str)| if flags.any(0x800 >> place) { *letter } else { "·" };
    let mut drawn: Vec<String> = ["R", "R", "R", "A", "C", "E", "U", "A", "P", "R", "S", "F"]
        .iter()
        .enumerate()
        .map(letter)
        .map(String::from)
        .collect();
    if accurate && let [_, _, _, ace @ .., _, _, _, _, _, _] = drawn.as_mut_slice() {
        ace.clone_from_slice(&["-".into(), flags.counter().to_string(), "-".into()]);
    }
    drawn.concat()
}
