//! The fields that need the past: times between frames, streams, relative numbers.

mod messages;

use super::Facts;
use super::analysis::Marks;
use super::course::framing;
use super::tcp::Scale;
use crate::process::End;
use crate::wire::tcp::{Flags, drawing, sack_edges};
use crate::wire::{At, Bits, Counts, Field, Kind, Protocol, Value, Words};

/// Reads a field of flow.
#[derive(Clone, Copy)]
pub enum Read {
    /// From the facts alone.
    Facts(for<'a> fn(&'a Facts) -> Option<Value<'a>>),
    /// Any number of values from the facts alone, until the callback says `false`.
    Each(for<'a> fn(&'a Facts, &mut dyn FnMut(Value<'a>) -> bool)),
    /// From the facts, or else as it stands in a segment that an ICMP error quotes.
    FactsOrQuoted(for<'a> fn(&'a Facts) -> Option<Value<'a>>, fn(&At<'_>) -> Option<Value<'static>>),
    /// From a layer, with the help of the facts: any number of values, until the callback says `false`.
    Layer(fn(&At<'_>, &Facts, &mut dyn FnMut(Value<'static>) -> bool)),
}

impl Field<Read> {
    /// Hands every value to `each`, until that says `false`. `at` is the first layer of the field's protocol.
    #[inline]
    pub fn each<'a>(&self, at: &At<'_>, facts: &'a Facts, each: &mut dyn FnMut(Value<'a>) -> bool) {
        match self.read {
            Read::Facts(read) => {
                if let Some(value) = read(facts) {
                    each(value);
                }
            }
            Read::Each(read) => read(facts, each),
            Read::FactsOrQuoted(read, quoted) => {
                let quoted = || at.layer.quoted.then(|| quoted(at)).flatten();
                if let Some(value) = read(facts).or_else(quoted) {
                    each(value);
                }
            }
            Read::Layer(read) => read(at, facts, &mut |value| each(value)),
        }
    }
}

const COURSE: &str = "netlab exercises";

/// What a segment holds of the messages of an exercise that says where they end.
fn parts(at: &At<'_>, facts: &Facts, take: &mut dyn FnMut(&mut dyn Iterator<Item = framing::Part<'_>>)) {
    let Some(course) = facts.course.filter(|_| !at.layer.quoted) else { return };
    let mut parts = course.parts(at.content()).peekable();
    if parts.peek().is_some() {
        take(&mut parts);
    }
}

const GUIDE: &str = "Wireshark User's Guide, TCP Analysis";
const RFC: &str = "RFC 9293 §3.4";
const SELECTIVE: &str = "RFC 2018 §3";

/// A mark of the TCP analysis: present and true, or absent.
fn mark(facts: &Facts, mark: u32) -> Option<Value<'static>> {
    facts.tcp?.analysis.marks.any(mark).then_some(Value::Bool(true))
}

const fn field(
    name: &'static str,
    label: &'static str,
    kind: Kind,
    read: for<'a> fn(&'a Facts) -> Option<Value<'a>>,
) -> Field<Read> {
    declared(name, label, kind, Read::Facts(read))
}

/// Of both ends of a packet, the source first; what its `.src.` and `.dst.` say one by one.
const fn of_ends(
    name: &'static str,
    label: &'static str,
    kind: Kind,
    read: for<'a> fn(&'a Facts, &mut dyn FnMut(Value<'a>) -> bool),
) -> Field<Read> {
    declared(name, label, kind, Read::Each(read)).combined()
}

const SURE: &str =
    "exact: holds the socket of this conversation; by listener: listens on that port, and nobody else does; unknown";
const SOCKETS: &str = "sock_diag(7), proc_pid_fd(5)";

fn name(end: &End) -> Option<Value<'_>> {
    end.name().map(Value::Text)
}

fn pid(end: &End) -> Option<Value<'_>> {
    end.pid().map(|pid| Value::Uint(pid.into()))
}

fn certainty(end: &End) -> Option<Value<'_>> {
    Some(Value::Text(end.certainty.name().as_bytes()))
}

const fn layered(
    name: &'static str,
    label: &'static str,
    kind: Kind,
    read: fn(&At<'_>, &Facts, &mut dyn FnMut(Value<'static>) -> bool),
) -> Field<Read> {
    declared(name, label, kind, Read::Layer(read))
}

/// Every second edge of the SACK blocks, from the `first` on.
fn edges(at: &At<'_>, facts: &Facts, first: usize, each: &mut dyn FnMut(Value<'static>) -> bool) {
    let base = facts.tcp.and_then(|tcp| tcp.acknowledged).unwrap_or(0);
    sack_edges(at).skip(first).step_by(2).all(|edge| each(Value::Uint(edge.wrapping_sub(base).into())));
}

const fn declared(name: &'static str, label: &'static str, kind: Kind, read: Read) -> Field<Read> {
    let (bits, words): (Option<Bits>, Option<Words>) = (None, None);
    Field {
        name,
        label,
        kind,
        bits,
        counts: Counts::PLAIN,
        help: "",
        source: "",
        words,
        computed: true,
        combined: false,
        read,
    }
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
            field("netlab.process.src.name", "Sender's program", Kind::Text, |facts| name(facts.ends.source.as_ref()?))
                .about("The program that sent it, by the kernel's name of its process", SOCKETS),
            field("netlab.process.src.pid", "Sender's process", Kind::Dec, |facts| pid(facts.ends.source.as_ref()?))
                .about("Its number; none where several processes of that name hold the socket", SOCKETS),
            field("netlab.process.src.certainty", "Sender's program is", Kind::Text, |facts| {
                certainty(facts.ends.source.as_ref()?)
            })
            .about(SURE, SOCKETS),
            field("netlab.process.dst.name", "Receiver's program", Kind::Text, |facts| {
                name(facts.ends.destination.as_ref()?)
            })
            .about("The program that it goes to, by the kernel's name of its process", SOCKETS),
            field("netlab.process.dst.pid", "Receiver's process", Kind::Dec, |facts| {
                pid(facts.ends.destination.as_ref()?)
            })
            .about("Its number; none where several processes of that name hold the socket", SOCKETS),
            field("netlab.process.dst.certainty", "Receiver's program is", Kind::Text, |facts| {
                certainty(facts.ends.destination.as_ref()?)
            })
            .about(SURE, SOCKETS),
            of_ends("netlab.process.name", "Program", Kind::Text, |facts, each| {
                facts.ends.each().filter_map(name).all(each);
            })
            .about("The programs at the ends on this machine, the sender's first", SOCKETS),
            of_ends("netlab.process.pid", "Process", Kind::Dec, |facts, each| {
                facts.ends.each().filter_map(pid).all(each);
            })
            .about("The processes at the ends on this machine, the sender's first", SOCKETS),
            of_ends("netlab.process.certainty", "Program is", Kind::Text, |facts, each| {
                facts.ends.each().filter_map(certainty).all(each);
            })
            .about("How sure each end on this machine is, the sender's first", SOCKETS),
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
            declared(
                "tcp.seq",
                "Sequence number, relative",
                Kind::Dec,
                Read::FactsOrQuoted(
                    |facts| Some(Value::Uint(facts.tcp?.sequence.into())),
                    |at| at.u32(4).map(|number| Value::Uint(number.into())),
                ),
            )
            .about("Counted from the sender's initial sequence number", RFC),
            field("tcp.nxtseq", "Next sequence number, relative", Kind::Dec, |facts| {
                facts.tcp.filter(|tcp| !tcp.unmeasured).map(|tcp| Value::Uint(tcp.next.into()))
            })
            .about("The number behind this segment; SYN and FIN count one each", RFC),
            field("tcp.ack", "Acknowledgment number, relative", Kind::Dec, |facts| {
                Some(Value::Uint(facts.tcp?.acknowledgment.into()))
            })
            .about("Counted from the receiver's initial sequence number", RFC),
            field("tcp.window_size", "Window, scaled", Kind::Dec, |facts| Some(Value::Uint(facts.tcp?.window.into())))
                .about("Room in the sender's receive buffer, in bytes", "RFC 7323 §2.3"),
            field("tcp.window_size_scalefactor", "Window scale factor", Kind::Int, |facts| {
                Some(Value::Int(match facts.tcp?.scale? {
                    Scale::Unknown => -1,
                    Scale::Unused => -2,
                    Scale::Shift(shift) => 1 << shift,
                }))
            })
            .about("What the window is multiplied by; -1 unknown, -2 not used", "RFC 7323 §2"),
            field("tcp.analysis.flags", "Analysis flags", Kind::Bool, |facts| mark(facts, Marks::FLAGS))
                .about("Something about this segment is out of the ordinary", GUIDE),
            field("tcp.analysis.retransmission", "Retransmission", Kind::Bool, |facts| mark(facts, Marks::REPEATED))
                .about("Data that was sent before", GUIDE),
            field("tcp.analysis.fast_retransmission", "Fast retransmission", Kind::Bool, |facts| {
                mark(facts, Marks::FAST_RETRANSMISSION)
            })
            .about("Data sent again because duplicate acknowledgments asked for it", GUIDE),
            field("tcp.analysis.spurious_retransmission", "Spurious retransmission", Kind::Bool, |facts| {
                mark(facts, Marks::SPURIOUS_RETRANSMISSION)
            })
            .about("Data sent again that had been acknowledged", GUIDE),
            field("tcp.analysis.out_of_order", "Out of order", Kind::Bool, |facts| mark(facts, Marks::OUT_OF_ORDER))
                .about("Data that newer data overtook on the way", GUIDE),
            field("tcp.analysis.lost_segment", "Previous segment not captured", Kind::Bool, |facts| {
                mark(facts, Marks::LOST_SEGMENT)
            })
            .about("Data before this was not seen", GUIDE),
            field("tcp.analysis.ack_lost_segment", "Acknowledges unseen segment", Kind::Bool, |facts| {
                mark(facts, Marks::ACK_LOST_SEGMENT)
            })
            .about("Acknowledges data that was not seen", GUIDE),
            field("tcp.analysis.duplicate_ack", "Duplicate acknowledgment", Kind::Bool, |facts| {
                mark(facts, Marks::DUPLICATE_ACK)
            })
            .about("Says again what is expected next: something is missing", GUIDE),
            field("tcp.analysis.zero_window", "Zero window", Kind::Bool, |facts| mark(facts, Marks::ZERO_WINDOW))
                .about("The sender's receive buffer is full", GUIDE),
            field("tcp.analysis.zero_window_probe", "Zero window probe", Kind::Bool, |facts| {
                mark(facts, Marks::ZERO_WINDOW_PROBE)
            })
            .about("One byte to find out whether there is room again", GUIDE),
            field("tcp.analysis.zero_window_probe_ack", "Zero window probe's answer", Kind::Bool, |facts| {
                mark(facts, Marks::ZERO_WINDOW_PROBE_ACK)
            })
            .about("Still no room", GUIDE),
            field("tcp.analysis.window_update", "Window update", Kind::Bool, |facts| mark(facts, Marks::WINDOW_UPDATE))
                .about("Nothing new but the room in the buffer", GUIDE),
            field("tcp.analysis.window_full", "Window full", Kind::Bool, |facts| mark(facts, Marks::WINDOW_FULL))
                .about("Fills all the room that the receiver has offered", GUIDE),
            field("tcp.analysis.keep_alive", "Keep-alive", Kind::Bool, |facts| mark(facts, Marks::KEEP_ALIVE))
                .about("Asks whether the other side is still there", GUIDE),
            field("tcp.analysis.keep_alive_ack", "Keep-alive's answer", Kind::Bool, |facts| {
                mark(facts, Marks::KEEP_ALIVE_ACK)
            })
            .about("Still there", GUIDE),
            field("tcp.analysis.reused_ports", "Ports reused", Kind::Bool, |facts| mark(facts, Marks::REUSED_PORTS))
                .about("A new conversation between the same ports", GUIDE),
            field("tcp.analysis.duplicate_ack_num", "Duplicate number", Kind::Dec, |facts| {
                Some(Value::Uint(facts.tcp?.analysis.duplicate?.0.into()))
            })
            .about("How many duplicates of this acknowledgment there have been", GUIDE),
            field("tcp.analysis.duplicate_ack_frame", "Duplicate of frame", Kind::Dec, |facts| {
                Some(Value::Uint(facts.tcp?.analysis.duplicate?.1))
            })
            .about("The frame that said it first", GUIDE),
            field("tcp.analysis.acks_frame", "Acknowledges frame", Kind::Dec, |facts| {
                Some(Value::Uint(facts.tcp?.analysis.acks_frame?))
            })
            .about("The frame whose data this acknowledges", GUIDE),
            field("tcp.analysis.ack_rtt", "Round trip to acknowledgment", Kind::Seconds, |facts| {
                Some(Value::Nanoseconds(facts.tcp?.analysis.ack_rtt?))
            })
            .about("Seconds from that frame to this", GUIDE),
            field("tcp.analysis.initial_rtt", "Round trip of the handshake", Kind::Seconds, |facts| {
                Some(Value::Nanoseconds(facts.tcp?.analysis.initial_rtt?))
            })
            .about("Seconds from SYN to the end of the handshake", GUIDE),
            field("tcp.analysis.bytes_in_flight", "Bytes in flight", Kind::Dec, |facts| {
                Some(Value::Uint(facts.tcp?.analysis.bytes_in_flight?.into()))
            })
            .about("Bytes sent and not yet acknowledged", GUIDE),
            field("tcp.analysis.push_bytes_sent", "Bytes since PSH", Kind::Dec, |facts| {
                Some(Value::Uint(facts.tcp?.analysis.push_bytes?.into()))
            })
            .about("Bytes sent since the last segment with PSH", GUIDE),
            field("tcp.analysis.rto", "Retransmission delay", Kind::Seconds, |facts| {
                Some(Value::Nanoseconds(facts.tcp?.analysis.rto?))
            })
            .about("Seconds from the first transmission to this one", GUIDE),
            field("netlab.exercise", "Exercise", Kind::Text, |facts| {
                Some(Value::Text(facts.course?.exercise.name().as_bytes()))
            })
            .about("The exercise of the course that speaks so: port 8005, and what was said so far", COURSE),
            layered("netlab.message.count", "Whole messages", Kind::Dec, |at, facts, each| {
                parts(at, facts, &mut |parts| {
                    each(Value::Uint(parts.filter(framing::Part::is_whole).count() as u64));
                });
            })
            .about("Messages that lie in this segment from their first byte to their last", COURSE),
            layered("netlab.message.rest", "Rest of a message", Kind::Dec, |at, facts, each| {
                parts(at, facts, &mut |parts| {
                    let begun_before = |part: &framing::Part<'_>| part.before > 0 || part.header.0 > 0;
                    if let Some(part) = parts.next().filter(begun_before) {
                        each(Value::Uint(part.content.len() as u64));
                    }
                });
            })
            .about("Bytes of a message that began in an earlier segment", COURSE),
            layered("netlab.message.begun", "Unfinished message", Kind::Dec, |at, facts, each| {
                parts(at, facts, &mut |parts| {
                    if let Some(part) = parts.last().filter(|part| !part.ends) {
                        each(Value::Uint(u64::from(part.header.1) + part.content.len() as u64));
                    }
                });
            })
            .about("Bytes, those of its length included, of a message that the segment's end cuts", COURSE),
            layered("tcp.flags.str", "Flags drawn", Kind::Text, |at, facts, each| {
                if let Some(bits) = at.u16(12) {
                    each(Value::Text(drawing(Flags(bits & 0xfff), facts.tcp.is_some_and(|tcp| tcp.accurate))));
                }
            })
            .about("The control bits as letters", "RFC 9293 §3.1"),
            layered("tcp.flags.ace", "ACE", Kind::Dec, |at, facts, each| {
                if let Some(bits) = at.u16(12)
                    && facts.tcp.is_some_and(|tcp| tcp.accurate)
                {
                    each(Value::Uint(Flags(bits).counter().into()));
                }
            })
            .about(
                "Accurate ECN: packets that arrived marked, modulo 8, in place of AE, CWR and ECE",
                "RFC 9768 §3.2.2",
            ),
            layered("tcp.options.sack_le", "SACK left edge", Kind::Dec, |at, facts, each| edges(at, facts, 0, each))
                .about("First number, relative, of a block that was received beyond a gap", SELECTIVE),
            layered("tcp.options.sack_re", "SACK right edge", Kind::Dec, |at, facts, each| edges(at, facts, 1, each))
                .about("Number, relative, behind a block that was received beyond a gap", SELECTIVE),
        ],
    ),
    (
        Protocol::Udp,
        &[field("udp.stream", "Stream", Kind::Dec, |facts| Some(Value::Uint(facts.udp_stream?.into())))
            .about("Number of the conversation, from 0", "Wireshark")],
    ),
    (Protocol::Stun, messages::STUN),
    (Protocol::Ntp, messages::NTP),
    (Protocol::Snmp, messages::SNMP),
    (Protocol::Coap, messages::COAP),
    (Protocol::FtpData, messages::FTP_DATA),
    (Protocol::Tftp, messages::TFTP),
    (Protocol::Dns, messages::NAMES),
    (Protocol::Mdns, messages::NAMES),
    (Protocol::Llmnr, messages::NAMES),
    (Protocol::Http, messages::HTTP),
    (Protocol::Mqtt, messages::MQTT),
];
