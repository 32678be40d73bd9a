//! The Internet Protocol version 4 (RFC 791), with options; fragments end decoding, but the first shows its header.

use super::checksum;
use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Value, Walk, numbers};

/// Length of a header without options.
pub const HEADER: usize = 20;
/// The bit of word 3 that says more fragments follow.
pub const MORE_FRAGMENTS: u16 = 0x2000;
/// The bits of word 3 that hold the fragment offset, in units of 8 bytes.
pub const OFFSET: u16 = 0x1fff;

#[inline]
pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    match walk.rest().first().map(|byte| byte >> 4) {
        Some(4) | None => {}
        // The version decides, whatever numbered the packet as IPv4.
        Some(6) => return super::ipv6::decode(walk),
        Some(_) => return Err(walk.malformed(Protocol::Ipv4, 1, "the version is not 4")),
    }
    let header = walk.peek::<HEADER>(Protocol::Ipv4)?;
    let length = usize::from(header[0] & 15) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let fragment = u16::from_be_bytes([header[6], header[7]]);
    let protocol = header[9];
    if length < HEADER {
        return Err(walk.malformed(Protocol::Ipv4, 1, "the header length is less than 20 bytes"));
    }
    // Zero is what a card's segmentation leaves to itself: the super-packet is as long as what was captured.
    if total != 0 {
        if total < length {
            return Err(walk.malformed(Protocol::Ipv4, 4, "the total length is less than the header"));
        }
        walk.bound(total);
    }
    if walk.rest().len() < length {
        return Err(walk.cut(Protocol::Ipv4, length));
    }
    walk.fragment = false;
    walk.push(Protocol::Ipv4, length)?;
    walk.fragment = fragment & MORE_FRAGMENTS != 0;
    if fragment & OFFSET != 0 {
        walk.payload();
        return Err(Stop::Fragment);
    }
    Ok(Next::Protocol(protocol))
}

fn service(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "default",
        8 => "class selector 1",
        10 => "assured forwarding 11",
        46 => "expedited forwarding",
        48 => "network control",
        56 => "reserved (class selector 7)",
        _ => return None,
    })
}

fn congestion(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "not capable",
        1 => "capable, ECT(1)",
        2 => "capable, ECT(0)",
        _ => "congestion experienced",
    })
}

pub(super) const SERVICE: super::Words = service;
pub(super) const CONGESTION: super::Words = congestion;

/// The name of an option's number (IANA, IP option numbers).
fn option(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "end of options",
        1 => "no operation",
        7 => "record route",
        68 => "timestamp",
        130 => "security",
        131 => "loose source route",
        136 => "stream identifier",
        137 => "strict source route",
        148 => "router alert",
        _ => return None,
    })
}

const RFC: &str = "RFC 791 §3.1";

pub static FIELDS: &[Field] = &[
    Field::dec("ip.version", "Version", 0, 4).about("4", RFC),
    Field::one("ip.hdr_len", "Header length", Kind::Dec, |at| {
        at.u8(0).filter(|byte| byte >> 4 == 4).map(|byte| Value::Uint(u64::from(byte & 15) * 4))
    })
    .at(4, 4)
    .about("Bytes of the header, options included (the field counts 32-bit words)", RFC),
    Field::dec("ip.dsfield.dscp", "Differentiated services", 8, 6)
        .words(service)
        .about("How routers should treat the packet", "RFC 2474 §3"),
    Field::dec("ip.dsfield.ecn", "Congestion notification", 14, 2)
        .words(congestion)
        .about("Whether routers may mark instead of drop, and whether one did", "RFC 3168 §5"),
    Field::one("ip.len", "Total length", Kind::Dec, |at| match at.u16(2)? {
        0 => Some(Value::Uint(u64::from(at.layer.end - at.layer.start))),
        length => Some(Value::Uint(length.into())),
    })
    .at(16, 16)
    .about("Bytes of header and content; 0 on a super-packet, whose captured length is meant", RFC),
    Field::hex("ip.id", "Identification", 32, 16).about("Same in all fragments of one datagram", "RFC 6864 §4"),
    Field::flag("ip.flags.rb", "Reserved bit", 48).about("Must be zero", RFC),
    Field::flag("ip.flags.df", "Don't fragment", 49).about("Routers must not cut this packet", RFC),
    Field::flag("ip.flags.mf", "More fragments", 50).about("This is not the last fragment", RFC),
    Field::dec("ip.frag_offset", "Fragment offset", 51, 13)
        .about("Where in the datagram this fragment begins, in units of 8 bytes", RFC),
    Field::one("netlab.ip.frag_offset", "Fragment offset in bytes", Kind::Dec, |at| {
        Some(u64::from(at.u16(6)? & OFFSET) * 8).filter(|offset| *offset > 0).map(Value::Uint)
    })
    .computed()
    .about("The same, counted in bytes; absent where it is 0", RFC),
    Field::dec("ip.ttl", "Time to live", 64, 8).about("Routers it may still pass", RFC),
    Field::dec("ip.proto", "Protocol", 72, 8).words(numbers::protocol).about("What the content is", "RFC 790, IANA"),
    Field::hex("ip.checksum", "Header checksum", 80, 16).about("Over the header alone", RFC),
    Field::one("ip.checksum.status", "Checksum status", Kind::Dec, |at| checksum::ipv4(at).map(checksum::status))
        .words(checksum::status_words)
        .computed()
        .about("0 bad, 1 good, 2 unverified", RFC),
    Field::fixed("ip.src", "Source", Kind::Ipv4, 96, 32).about("Address of the sender", RFC),
    Field::fixed("ip.dst", "Destination", Kind::Ipv4, 128, 32).about("Address of the receiver", RFC),
    Field::many("ip.addr", "Address", Kind::Ipv4, |at, each| at.both(Kind::Ipv4, [96, 128], 32, each))
        .combined()
        .about("Source and destination: either", RFC),
    Field::many("ip.opt.type", "Option", Kind::Dec, |at, each| {
        let mut rest = at.header().get(HEADER..).unwrap_or_default();
        while let Some((&number, tail)) = rest.split_first() {
            if !each(Value::Uint(number.into())) || number == 0 {
                return;
            }
            let length = if number == 1 { 1 } else { tail.first().map_or(0, |length| usize::from(*length)) };
            match rest.get(length..) {
                Some(next) if length > 0 => rest = next,
                _ => return,
            }
        }
    })
    .words(option)
    .about("Number of an option", "IANA IP option numbers"),
];
