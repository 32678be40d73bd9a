//! The fields of the TCP header and its options.

use super::{
    Header, MAXIMUM_SEGMENT_SIZE, SACK, SACK_PERMITTED, WINDOW_SCALE, each_option, find, option_name, timestamps,
};
use crate::wire::checksum;
use crate::wire::{Field, Kind, Value};

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
    Field::one("tcp.seq_raw", "Sequence number", Kind::Dec, |at| {
        // Of a segment that an ICMP error quotes, `tcp.seq` itself is not relative.
        (!at.layer.quoted).then(|| at.u32(4)).flatten().map(|number| Value::Uint(number.into()))
    })
    .at(32, 32)
    .about("Number of the first byte of data, as it stands in the header; of SYN, the number before it", RFC),
    Field::dec("tcp.ack_raw", "Acknowledgment number", 64, 32)
        .about("The byte the sender expects next, as it stands in the header", RFC),
    Field::one("tcp.hdr_len", "Header length", Kind::Dec, |at| Some(Value::Uint(u64::from(at.u8(12)? >> 4) * 4)))
        .at(96, 4)
        .counts(4, 0)
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
    Field::dec("tcp.window_size_value", "Window", 112, 16).about("Room in the receiver's buffer, not scaled", RFC),
    Field::hex("tcp.checksum", "Checksum", 128, 16).about("Over pseudo-header, header and data", RFC),
    Field::one("tcp.checksum.status", "Checksum status", Kind::Dec, |at| checksum::tcp(at).map(checksum::status))
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
        let header = Header::new(at).filter(|header| !header.unmeasured)?;
        Some(Value::Uint(header.length.into()))
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
