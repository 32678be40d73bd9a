//! The Transmission Control Protocol's header and options (RFC 9293). State over time is `flow`'s.

use super::checksum::{self, Status};
use super::dispatch::Next;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

/// Length of a header without options.
pub const HEADER: usize = 20;

#[inline]
pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<HEADER>(Protocol::Tcp)?;
    let length = usize::from(header[12] >> 4) * 4;
    if length < HEADER {
        return Err(walk.malformed(Protocol::Tcp, HEADER, "the header length is less than 20 bytes"));
    }
    if walk.rest().len() < length {
        return Err(walk.cut(Protocol::Tcp, length));
    }
    walk.push(Protocol::Tcp, length)?;
    Ok(Next::Payload)
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

/// A TCP header that is wholly there; numbers in host order.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    fixed: &'a [u8; HEADER],
    /// The options' bytes.
    pub options: &'a [u8],
    /// Bytes of data by the length fields, captured or not.
    pub length: u32,
}

impl<'a> Header<'a> {
    /// The header of a TCP layer; `None` where it is cut short.
    #[inline]
    pub fn new(at: &At<'a>) -> Option<Self> {
        let (fixed, options) = at.header().split_first_chunk::<HEADER>()?;
        // Where the capture cut the options off, the header is longer than what there is of it.
        let header = at.layer.header.max(u32::from(fixed[12] >> 4) * 4);
        let length = at.layer.end.saturating_sub(at.layer.start + header);
        Some(Self { fixed, options, length })
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

/// The blocks of SACK options as (left edge, right edge).
pub fn sack_blocks<'a>(at: &At<'a>) -> impl Iterator<Item = (u32, u32)> {
    let blocks = each_option(at).filter(|option| option.kind == SACK).flat_map(|option| option.data.chunks_exact(8));
    blocks.filter_map(|block| {
        let (left, right) = (block.first_chunk::<4>()?, block.last_chunk::<4>()?);
        Some((u32::from_be_bytes(*left), u32::from_be_bytes(*right)))
    })
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

/// Wireshark's drawing of the control bits: twelve places, a letter where set, U+00B7 where not.
fn drawing(flags: u16) -> &'static [u8] {
    use std::sync::OnceLock;
    // Each of the 4096 values once; the table is a few dozen kilobytes and made on first use.
    static DRAWN: OnceLock<Vec<String>> = OnceLock::new();
    let drawn = DRAWN.get_or_init(|| {
        let letters = ["R", "R", "R", "N", "C", "E", "U", "A", "P", "R", "S", "F"];
        let draw = |flags: u16| {
            let place = |(place, letter): (usize, &&'static str)| {
                if flags & (0x800 >> place) != 0 { *letter } else { "·" }
            };
            letters.iter().enumerate().map(place).collect()
        };
        (0..4096).map(draw).collect()
    });
    drawn.get(usize::from(flags & 0xfff)).map_or(&[], |text| text.as_bytes())
}

const RFC: &str = "RFC 9293 §3.1";
const MSS: &str = "RFC 9293 §3.7.1";
const SCALE: &str = "RFC 7323 §2";
const STAMPS: &str = "RFC 7323 §3";
const SELECTIVE: &str = "RFC 2018 §3";

pub static FIELDS: &[Field] = &[
    Field::dec("tcp.srcport", "Source port", 0, 16).about("Port of the program that sends", RFC),
    Field::dec("tcp.dstport", "Destination port", 16, 16).about("Port of the program that it is for", RFC),
    Field::many("tcp.port", "Port", Kind::Dec, |at, each| at.both(Kind::Dec, [0, 16], 16, each))
        .combined()
        .about("Source and destination port: either", RFC),
    Field::dec("tcp.seq_raw", "Sequence number", 32, 32)
        .about("Number of the first byte of data, as it stands in the header; of SYN, the number before it", RFC),
    Field::dec("tcp.ack_raw", "Acknowledgment number", 64, 32)
        .about("The byte the sender expects next, as it stands in the header", RFC),
    Field::one("tcp.hdr_len", "Header length", Kind::Dec, |at| Some(Value::Uint(u64::from(at.u8(12)? >> 4) * 4)))
        .at(96, 4)
        .about("Bytes of the header, options included (the field, data offset, counts 32-bit words)", RFC),
    Field::one("tcp.flags", "Flags", Kind::Hex(4), |at| Some(Value::Uint((at.u16(12)? & 0xfff).into())))
        .about("The control bits", RFC),
    Field::dec("tcp.flags.res", "Reserved", 100, 3).about("Must be zero", RFC),
    Field::flag("tcp.flags.ae", "AE", 103).about("Accurate ECN", "RFC 9768 §3.1"),
    Field::flag("tcp.flags.cwr", "CWR", 104).about("Sender has reduced its congestion window", "RFC 3168 §6.1"),
    Field::flag("tcp.flags.ece", "ECE", 105).about("Congestion was experienced on the way", "RFC 3168 §6.1"),
    Field::flag("tcp.flags.urg", "URG", 106).about("The urgent pointer is valid", RFC),
    Field::flag("tcp.flags.ack", "ACK", 107).about("The acknowledgment number is valid", RFC),
    Field::flag("tcp.flags.push", "PSH", 108).about("Hand the data to the program at once", RFC),
    Field::flag("tcp.flags.reset", "RST", 109).about("Breaks the connection off", RFC),
    Field::flag("tcp.flags.syn", "SYN", 110).about("Opens: synchronises sequence numbers", RFC),
    Field::flag("tcp.flags.fin", "FIN", 111).about("The sender has no more data", RFC),
    Field::one("tcp.flags.str", "Flags drawn", Kind::Text, |at| Some(Value::Text(drawing(at.u16(12)?))))
        .computed()
        .about("The control bits as letters", RFC),
    Field::dec("tcp.window_size_value", "Window", 112, 16).about("Room in the receiver's buffer, not scaled", RFC),
    Field::hex("tcp.checksum", "Checksum", 128, 16).about("Over pseudo-header, header and data", RFC),
    Field::one("tcp.checksum.status", "Checksum status", Kind::Dec, |at| {
        Some(Value::Uint(checksum::tcp(at).map_or(Status::Unverified, |check| check.status()) as u64))
    })
    .words(checksum::status_words)
    .computed()
    .about("0 bad, 1 good, 2 unverified", RFC),
    Field::one("netlab.checksum.verdict", "Checksum verdict", Kind::Text, |at| {
        Some(Value::Text(checksum::tcp(at)?.verdict().text().as_bytes()))
    })
    .computed()
    .about("good, bad, not filled in yet, cannot tell", RFC),
    Field::dec("tcp.urgent_pointer", "Urgent pointer", 144, 16).about("End of the urgent data, where URG is set", RFC),
    Field::one("tcp.len", "Data length", Kind::Dec, |at| {
        let header = u32::from(at.u8(12)? >> 4) * 4;
        Some(Value::Uint((at.layer.end - at.layer.start).checked_sub(header)?.into()))
    })
    .computed()
    .about("Bytes of data in this segment", RFC),
    Field::one("tcp.payload", "Data", Kind::Bytes, |at| {
        Some(at.content()).filter(|data| !data.is_empty()).map(Value::Bytes)
    })
    .combined()
    .about("Captured bytes of data in this segment", RFC),
    Field::many("tcp.option_kind", "Option", Kind::Dec, |at, each| {
        for option in each_option(at) {
            if !each(Value::Uint(option.kind.into())) {
                return;
            }
        }
    })
    .words(option_name)
    .about("Kind of an option", "IANA TCP option kinds"),
    Field::one("tcp.options.mss_val", "Maximum segment size", Kind::Dec, |at| {
        find(at, MAXIMUM_SEGMENT_SIZE, 2).map(Value::Uint)
    })
    .about("Largest segment the sender takes, in bytes of data", MSS),
    Field::one("tcp.options.wscale.shift", "Window scale", Kind::Dec, |at| find(at, WINDOW_SCALE, 1).map(Value::Uint))
        .about("Its windows are to be multiplied by 2 to this power", SCALE),
    Field::one("tcp.options.sack_perm", "SACK permitted", Kind::Bool, |at| {
        each_option(at).any(|option| option.kind == SACK_PERMITTED).then_some(Value::Bool(true))
    })
    .about("The sender understands selective acknowledgments", "RFC 2018 §2"),
    Field::one("tcp.options.sack.count", "SACK blocks", Kind::Dec, |at| {
        each_option(at).find(|option| option.kind == SACK).map(|option| Value::Uint(option.data.len() as u64 / 8))
    })
    .computed()
    .about("How many blocks are acknowledged beyond a gap", SELECTIVE),
    Field::many("tcp.options.sack_le", "SACK left edge", Kind::Dec, |at, each| {
        for (left, _) in sack_blocks(at) {
            if !each(Value::Uint(left.into())) {
                return;
            }
        }
    })
    .about("First sequence number of a block that was received beyond a gap", SELECTIVE),
    Field::many("tcp.options.sack_re", "SACK right edge", Kind::Dec, |at, each| {
        for (_, right) in sack_blocks(at) {
            if !each(Value::Uint(right.into())) {
                return;
            }
        }
    })
    .about("Sequence number behind a block that was received beyond a gap", SELECTIVE),
    Field::one("tcp.options.timestamp.tsval", "Timestamp", Kind::Dec, |at| {
        timestamps(at).map(|(value, _)| Value::Uint(value.into()))
    })
    .about("The sender's clock, in units of its own", STAMPS),
    Field::one("tcp.options.timestamp.tsecr", "Timestamp echoed", Kind::Dec, |at| {
        timestamps(at).map(|(_, echo)| Value::Uint(echo.into()))
    })
    .about("The last timestamp seen from the other side", STAMPS),
    Field::one("tcp.options.user_to_val", "User timeout", Kind::Dec, |at| {
        find(at, 28, 2).map(|both| Value::Uint(both & 0x7fff))
    })
    .about("How long unacknowledged data may wait, in seconds or minutes", "RFC 5482 §3"),
    Field::one("tcp.options.tfo.cookie", "Fast open cookie", Kind::Bytes, |at| {
        each_option(at).find(|option| option.kind == 34).map(|option| Value::Bytes(option.data))
    })
    .about("Lets data travel in the SYN; empty: asks for a cookie", "RFC 7413 §2"),
    Field::one("tcp.options.md5.digest", "MD5 digest", Kind::Bytes, |at| {
        each_option(at).find(|option| option.kind == 19).map(|option| Value::Bytes(option.data))
    })
    .about("Signature over the segment", "RFC 2385 §2"),
    Field::one("tcp.options.mptcp.subtype", "Multipath TCP subtype", Kind::Dec, |at| {
        let option = each_option(at).find(|option| option.kind == 30)?;
        option.data.first().map(|byte| Value::Uint((byte >> 4).into()))
    })
    .about("What the multipath option says", "RFC 8684 §3"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_at_the_first_that_does_not_fit() {
        let found: Vec<_> = options(&[1, 2, 4, 5, 0xb4, 8, 10, 0, 0]).map(|option| option.kind).collect();
        assert_eq!(found, [NO_OPERATION, MAXIMUM_SEGMENT_SIZE]);
        assert_eq!(options(&[8, 0, 0, 0]).count(), 0, "a length of zero would never end");
        assert_eq!(options(&[8, 1, 0, 0]).count(), 0, "a length that does not cover itself");
    }

    #[test]
    fn draws_flags_as_wireshark_does() {
        assert_eq!(drawing(0x012), "·······A··S·".as_bytes());
        assert_eq!(drawing(0xfff), "RRRNCEUAPRSF".as_bytes());
    }
}
