//! The fields that need the past: times between frames, streams, relative numbers.

use super::Facts;
use super::tcp::Scale;
use crate::wire::{Bits, Field, Kind, Protocol, Value, Words};

/// Reads a field of flow.
pub type Read = fn(&Facts) -> Option<Value<'static>>;

const RFC: &str = "RFC 9293 §3.4";

const fn field(name: &'static str, label: &'static str, kind: Kind, read: Read) -> Field<Read> {
    let (bits, words): (Option<Bits>, Option<Words>) = (None, None);
    Field { name, label, kind, bits, help: "", source: "", words, computed: true, combined: false, read }
}

fn completeness(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "nothing before",
        7 | 39 => "complete, no data",
        15 => "open, with data",
        31 | 47 | 63 => "complete, with data",
        23 | 55 => "complete, no data, closed",
        _ => "incomplete",
    })
}

/// By the protocol of whose layer they are shown.
pub static FIELDS: &[(Protocol, &[Field<Read>])] = &[
    (
        Protocol::Frame,
        &[
            field("frame.time_relative", "Time since first frame", Kind::Seconds, |facts| {
                facts.time_relative.map(Value::Nanoseconds)
            })
            .about("Seconds since the first frame of the capture", "capture"),
            field("frame.time_delta", "Time since previous frame", Kind::Seconds, |facts| {
                facts.time_delta.map(Value::Nanoseconds)
            })
            .about("Seconds since the frame before", "capture"),
        ],
    ),
    (
        Protocol::Tcp,
        &[
            field("tcp.stream", "Stream", Kind::Dec, |facts| Some(Value::Uint(facts.tcp?.stream.into())))
                .about("Number of the conversation, from 0", "Wireshark"),
            field("tcp.completeness", "Completeness before", Kind::Dec, |facts| {
                Some(Value::Uint(facts.tcp?.completeness.into()))
            })
            .words(completeness)
            .about(
                "What the conversation had shown: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST",
                "Wireshark User's Guide, TCP conversation completeness",
            ),
            field("tcp.seq", "Sequence number, relative", Kind::Dec, |facts| {
                Some(Value::Uint(facts.tcp?.sequence.into()))
            })
            .about("Counted from the sender's initial sequence number", RFC),
            field("tcp.nxtseq", "Next sequence number, relative", Kind::Dec, |facts| {
                Some(Value::Uint(facts.tcp?.next.into()))
            })
            .about("The number behind this segment; SYN and FIN count one each", RFC),
            field("tcp.ack", "Acknowledgment number, relative", Kind::Dec, |facts| {
                Some(Value::Uint(facts.tcp?.acknowledgment.into()))
            })
            .about("Counted from the receiver's initial sequence number", RFC),
            field("tcp.window_size", "Window, scaled", Kind::Dec, |facts| Some(Value::Uint(facts.tcp?.window.into())))
                .about("Room in the sender's receive buffer, in bytes", "RFC 7323 §2.3"),
            field("tcp.window_size_scalefactor", "Window scale factor", Kind::Int, |facts| {
                Some(Value::Int(match facts.tcp?.scale {
                    Scale::Unknown => -1,
                    Scale::Unused => -2,
                    Scale::Shift(shift) => 1 << shift,
                }))
            })
            .about("What the window is multiplied by; -1 unknown, -2 not used", "RFC 7323 §2"),
        ],
    ),
    (
        Protocol::Udp,
        &[field("udp.stream", "Stream", Kind::Dec, |facts| Some(Value::Uint(facts.udp_stream?.into())))
            .about("Number of the conversation, from 0", "Wireshark")],
    ),
];
