//! The Network Time Protocol (RFC 5905): four times in one datagram; and the heads of messages by which a server is asked
//! about itself and told what to do: control (mode 6, RFC 9327) and private (mode 7, of ntpd).
//!
//! Trap: a time counts from 1900 in 32 bits of seconds; one that has its first bit clear is of after February 2036.

use super::application::{Look, Tone};
use super::exchange::{Among, Exchange, Part};
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[123];

const RFC: &str = "RFC 5905 §7.3";
const CONTROL_SOURCE: &str = "RFC 9327 §2";
const PRIVATE_SOURCE: &str = "ntpd's ntp_request.h";
const HEADER: usize = 48;
/// From 1900 to 1970, in seconds.
const EPOCH: i64 = 2_208_988_800;

const CONTROL: u8 = 6;
const PRIVATE: u8 = 7;
const CONTROL_HEADER: usize = 12;
const PRIVATE_HEADER: usize = 8;

pub(super) fn look(look: &Look<'_>) -> bool {
    let first = look.data.first().copied().unwrap_or_default();
    let fits = match first & 7 {
        0 => false,
        CONTROL => {
            let count = look.data.get(10..CONTROL_HEADER).and_then(|count| count.first_chunk());
            count.is_some_and(|count| CONTROL_HEADER + usize::from(u16::from_be_bytes(*count)) <= look.length)
        }
        PRIVATE => look.length >= PRIVATE_HEADER,
        _ => look.length >= HEADER,
    };
    fits && (1..=4).contains(&(first >> 3 & 7))
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    walk.message(Protocol::Ntp)
}

/// Nanoseconds since 1970 of the time at a place; `None` where it is not set.
fn time(at: &At<'_>, place: usize) -> Option<i64> {
    let (seconds, fraction) = (at.u32(place)?, at.u32(place + 4)?);
    if seconds == 0 && fraction == 0 {
        return None;
    }
    let era = if seconds >> 31 == 0 { 1 << 32 } else { 0 };
    let nanoseconds = (u64::from(fraction) * 1_000_000_000) >> 32;
    Some((i64::from(seconds) + era - EPOCH) * 1_000_000_000 + nanoseconds as i64)
}

fn mode(at: &At<'_>) -> u8 {
    at.u8(0).unwrap_or_default() & 7
}

fn tells_time(at: &At<'_>) -> bool {
    mode(at) < CONTROL
}

fn value<'a>(at: &At<'a>, place: usize) -> Option<Value<'a>> {
    time(at, place).filter(|_| tells_time(at)).map(Value::Nanoseconds)
}

fn is_control(at: &At<'_>) -> bool {
    mode(at) == CONTROL
}

fn is_private(at: &At<'_>) -> bool {
    mode(at) == PRIVATE
}

fn modes(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "symmetric active",
        2 => "symmetric passive",
        3 => "client",
        4 => "server",
        5 => "broadcast",
        6 => "control",
        7 => "private",
        _ => return None,
    })
}

/// What a control message is about (RFC 9327 §2).
fn opcodes(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "read status",
        2 => "read variables",
        3 => "write variables",
        4 => "read variables of the clock",
        5 => "write variables of the clock",
        6 => "set where traps go",
        7 => "trap",
        8 => "configuration",
        9 => "save the configuration",
        10 => "read who asked lately",
        11 => "read a list",
        12 => "a number for once",
        31 => "unset where traps go",
        _ => return None,
    })
}

/// What a private message is about, as ntpd calls it (include/ntp_request.h).
fn requests(number: u64) -> Option<&'static str> {
    #[rustfmt::skip]
    const NAMES: [&str; 46] = [
        "PEER_LIST", "PEER_LIST_SUM", "PEER_INFO", "PEER_STATS", "SYS_INFO", "SYS_STATS", "IO_STATS", "MEM_STATS",
        "LOOP_INFO", "TIMER_STATS", "CONFIG", "UNCONFIG", "SET_SYS_FLAG", "CLR_SYS_FLAG", "MONITOR", "NOMONITOR",
        "GET_RESTRICT", "RESADDFLAGS", "RESSUBFLAGS", "UNRESTRICT", "MON_GETLIST", "RESET_STATS", "RESET_PEER",
        "REREAD_KEYS", "DO_DIRTY_HACK", "DONT_DIRTY_HACK", "TRUSTKEY", "UNTRUSTKEY", "AUTHINFO", "TRAPS", "ADD_TRAP",
        "CLR_TRAP", "REQUEST_KEY", "CONTROL_KEY", "GET_CTLSTATS", "GET_LEAPINFO", "GET_CLOCKINFO", "SET_CLKFUDGE",
        "GET_KERNEL", "GET_CLKBUGINFO", "", "SET_PRECISION", "MON_GETLIST_1", "HOSTNAME_ASSOCID", "IF_STATS",
        "IF_RELOAD",
    ];
    NAMES.get(usize::try_from(number).ok()?).copied().filter(|name| !name.is_empty())
}

/// How a private request went.
fn errors(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "none",
        1 => "another implementation",
        2 => "no such request",
        3 => "wrong format",
        4 => "no data",
        7 => "not allowed",
        _ => return None,
    })
}

fn leaps(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "no warning",
        1 => "the day's last minute has 61 seconds",
        2 => "the day's last minute has 59 seconds",
        3 => "not synchronized",
        _ => return None,
    })
}

/// A server tells in its answer the time that the client gave as its own.
pub(super) fn exchange(at: &At<'_>) -> Option<Exchange> {
    let (part, place) = match at.u8(0)? & 7 {
        3 => (Part::Question, 40),
        4 => (Part::Answer { last: true }, 24),
        _ => return None,
    };
    let tag = u64::from(at.u32(place)?) << 32 | u64::from(at.u32(place + 4)?);
    (tag != 0).then_some(Exchange { part, among: Among::Conversation, tag })
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let Some(first) = at.u8(0) else { return Tone::Plain };
    let mode = modes((first & 7).into()).unwrap_or("message");
    out.extend_from_slice(format!("{mode}, version {}", first >> 3 & 7).as_bytes());
    if !tells_time(at) {
        return tell_about(at, first, out);
    }
    let stratum = at.u8(1).unwrap_or_default();
    if matches!(first & 7, 2 | 4 | 5) {
        out.extend_from_slice(format!(", stratum {stratum}").as_bytes());
    }
    if let (4, Some(received), Some(sent)) = (first & 7, time(at, 32), time(at, 40)) {
        let took = sent.saturating_sub(received);
        out.extend_from_slice(
            format!(", answers after {}.{:06} s", took / 1_000_000_000, took.rem_euclid(1_000_000_000) / 1000)
                .as_bytes(),
        );
    }
    if first & 7 == 4 && first >> 6 == 3 {
        out.extend_from_slice(b", its clock is not synchronized");
        return Tone::Trouble;
    }
    Tone::Plain
}

/// What is asked of a server or answered by it, in a control or private message.
fn tell_about(at: &At<'_>, first: u8, out: &mut Vec<u8>) -> Tone {
    let (is_control, second) = (first & 7 == CONTROL, at.u8(1).unwrap_or_default());
    let flags = if is_control { second } else { first };
    let code = if is_control { second & 31 } else { at.u8(3).unwrap_or_default() };
    let name = if is_control { opcodes(code.into()) } else { requests(code.into()) };
    out.extend_from_slice(if flags & 0x80 == 0 { b", asks: " } else { b", answers: " });
    out.extend_from_slice(name.map_or_else(|| format!("request {code}"), str::to_owned).as_bytes());
    let (failed, items) = match (is_control, at.u16(4), at.u16(6)) {
        (true, ..) => (flags & 0x40 != 0, at.u16(10).map(|count| format!(", {count} bytes"))),
        (false, Some(items), Some(size)) => {
            (items >> 12 != 0, Some(format!(", {} × {} bytes", items & 0xfff, size & 0xfff)))
        }
        _ => (false, None),
    };
    let items = items.filter(|items| flags & 0x80 != 0 && !items.starts_with(", 0 "));
    out.extend_from_slice(items.unwrap_or_default().as_bytes());
    // An error stands where other answers have more to come in the next datagram.
    if failed && flags & 0x80 != 0 {
        out.extend_from_slice(b", refused");
        return Tone::Trouble;
    }
    if flags & if is_control { 0x20 } else { 0x40 } != 0 {
        out.extend_from_slice(b", more follows");
    }
    Tone::Plain
}

pub static FIELDS: &[Field] = &[
    Field::hex("ntp.flags", "Flags", 0, 8).combined().about("Leap indicator, version and mode", RFC),
    Field::dec("ntp.flags.li", "Leap indicator", 0, 2)
        .only(|at| !is_private(at))
        .words(leaps)
        .about("Whether a second is to be put in", RFC),
    Field::dec("ntp.priv.flags.r", "Response", 0, 1).only(is_private).about("Private: 1 answers", PRIVATE_SOURCE),
    Field::dec("ntp.priv.flags.more", "More", 1, 1)
        .only(is_private)
        .about("Private: the answer goes on in the next datagram", PRIVATE_SOURCE),
    Field::dec("ntp.flags.vn", "Version", 2, 3).about("Today 4", RFC),
    Field::dec("ntp.flags.mode", "Mode", 5, 3).words(modes).about("Who speaks: client, server, ...", RFC),
    Field::hex("ntp.ctrl.flags2", "Flags 2", 8, 8)
        .only(is_control)
        .combined()
        .about("Control: response, error, more, and what it is about", CONTROL_SOURCE),
    Field::dec("ntp.ctrl.flags2.r", "Response", 8, 1).only(is_control).about("Control: 1 answers", CONTROL_SOURCE),
    Field::dec("ntp.ctrl.flags2.error", "Error", 9, 1)
        .only(is_control)
        .about("Control: it was refused", CONTROL_SOURCE),
    Field::dec("ntp.ctrl.flags2.more", "More", 10, 1)
        .only(is_control)
        .about("Control: the answer goes on in the next datagram", CONTROL_SOURCE),
    Field::dec("ntp.ctrl.flags2.opcode", "Opcode", 11, 5)
        .only(is_control)
        .words(opcodes)
        .about("Control: what is asked for", CONTROL_SOURCE),
    Field::dec("ntp.ctrl.sequence", "Sequence", 16, 16)
        .only(is_control)
        .about("Control: number that a request and its answers have in common", CONTROL_SOURCE),
    Field::hex("ntp.ctrl.status", "Status", 32, 16)
        .only(is_control)
        .about("Control: how the server, or who it asks, is; or why it refused", CONTROL_SOURCE),
    Field::dec("ntp.ctrl.associd", "Association", 48, 16)
        .only(is_control)
        .about("Control: whom of those that the server asks it is about; 0 the server", CONTROL_SOURCE),
    Field::dec("ntp.ctrl.offset", "Offset", 64, 16)
        .only(is_control)
        .about("Control: where in the whole answer these data belong", CONTROL_SOURCE),
    Field::dec("ntp.ctrl.count", "Count", 80, 16).only(is_control).about("Control: bytes of data", CONTROL_SOURCE),
    Field::dec("ntp.priv.auth_seq", "Authentication and sequence", 8, 8)
        .only(is_private)
        .combined()
        .about("Private: both in a byte", PRIVATE_SOURCE),
    Field::dec("ntp.priv.auth", "Authenticated", 8, 1)
        .only(is_private)
        .about("Private: a checksum with a key is at its end", PRIVATE_SOURCE),
    Field::dec("ntp.priv.seq", "Sequence", 9, 7)
        .only(is_private)
        .about("Private: which of the datagrams of an answer", PRIVATE_SOURCE),
    Field::dec("ntp.priv.impl", "Implementation", 16, 8)
        .only(is_private)
        .about("Private: whose numbers of requests these are; 3: ntpd's", PRIVATE_SOURCE),
    Field::dec("ntp.priv.reqcode", "Request", 24, 8)
        .only(is_private)
        .words(requests)
        .about("Private: what is asked for", PRIVATE_SOURCE),
    Field::hex("ntp.priv.err", "Error", 32, 4)
        .only(is_private)
        .words(errors)
        .about("Private: how it went", PRIVATE_SOURCE),
    Field::dec("ntp.priv.numitems", "Items", 36, 12).only(is_private).about("Private: how many follow", PRIVATE_SOURCE),
    Field::dec("ntp.priv.itemsize", "Size", 52, 12).only(is_private).about("Private: bytes of an item", PRIVATE_SOURCE),
    Field::dec("ntp.stratum", "Stratum", 8, 8)
        .only(tells_time)
        .about("How far from a clock: 1 has one, 16 knows no time", RFC),
    Field::dec("ntp.ppoll", "Poll", 16, 8)
        .only(tells_time)
        .about("Longest time between messages, as a power of two of seconds", RFC),
    Field::dec("ntp.precision", "Precision", 24, 8)
        .only(tells_time)
        .about("Of its clock, as a power of two of seconds, less 256", RFC),
    Field::dec("ntp.rootdelay", "Root delay", 32, 32)
        .only(tells_time)
        .about("To the clock and back, in 65536ths of a second", RFC),
    Field::dec("ntp.rootdispersion", "Root dispersion", 64, 32)
        .only(tells_time)
        .about("How wrong it may be, in 65536ths of a second", RFC),
    Field::fixed("ntp.refid", "Reference", Kind::Bytes, 96, 32)
        .only(tells_time)
        .about("The clock's name, or the address of whom it asks", RFC),
    Field::one("ntp.reftime", "Last set", Kind::Seconds, |at| value(at, 16))
        .at(128, 64)
        .about("When its clock was last set; since 1970", RFC),
    Field::one("ntp.org", "Origin", Kind::Seconds, |at| value(at, 24))
        .at(192, 64)
        .about("When the client asked, by its clock; since 1970", RFC),
    Field::one("ntp.rec", "Received", Kind::Seconds, |at| value(at, 32))
        .at(256, 64)
        .about("When the server got it, by its clock; since 1970", RFC),
    Field::one("ntp.xmt", "Transmitted", Kind::Seconds, |at| value(at, 40))
        .at(320, 64)
        .about("When this message was sent; since 1970", RFC),
];

#[cfg(test)]
mod tests {
    use crate::frame::{Frame, LinkType};
    use crate::wire::Protocol::{Data, Ipv4, Ntp, Udp};
    use crate::wire::application::{Tone, tell};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, layers, udp};
    use crate::wire::{Layers, decode};

    fn carried(message: &str) -> Vec<u8> {
        ethernet(0x0800, &ipv4(17, &udp(123, &hex(message))))
    }

    fn line(data: &[u8]) -> (String, Tone) {
        let mut found = Layers::new();
        let frame = Frame { link: LinkType::ETHERNET, data, length: data.len() as u32, ..Frame::empty() };
        let (packet, mut out) = (decode(frame, &mut found), Vec::new());
        let tone = tell(&packet.at(3).unwrap(), &mut out).unwrap();
        (String::from_utf8(out).unwrap(), tone)
    }

    #[test]
    fn a_time_after_february_2036_counts_from_there() {
        let mut message = hex("24 03 00 e7 00000000 00000000 7f7f0101");
        message.extend([0; 16]);
        message.extend(hex("83aa7e80 80000000  00000001 00000000"));
        let frame = ethernet(0x0800, &ipv4(17, &udp(123, &message)));
        assert_eq!(layers(LinkType::ETHERNET, &frame).0[1..], [Ipv4, Udp, Ntp]);
        fields(&frame, &[("ntp.flags.mode", "4"), ("ntp.stratum", "3"), ("ntp.org", "absent")]);
        fields(&frame, &[("ntp.rec", "500000000"), ("ntp.xmt", "2085978497000000000")]);
    }

    #[test]
    fn control_messages_say_what_is_asked_of_a_server() {
        let refused = carried("d6 c2 0007 0615 0003 0000 0004  61626364");
        fields(
            &refused,
            &[("ntp.flags", "214"), ("ntp.flags.li", "3"), ("ntp.flags.vn", "2"), ("ntp.flags.mode", "6")],
        );
        let told = [("ntp.ctrl.flags2.error", "1"), ("ntp.ctrl.flags2.opcode", "2"), ("ntp.ctrl.sequence", "7")];
        fields(&refused, &told);
        fields(&refused, &[("ntp.ctrl.status", "1557"), ("ntp.ctrl.associd", "3"), ("ntp.ctrl.count", "4")]);
        for absent in ["ntp.stratum", "ntp.ppoll", "ntp.priv.reqcode", "ntp.priv.flags.r", "ntp.refid"] {
            fields(&refused, &[(absent, "absent")]);
        }
        assert_eq!(
            line(&refused),
            ("control, version 2, answers: read variables, 4 bytes, refused".into(), Tone::Trouble)
        );
        let asked = carried("16 01 0001 0000 0000 0000 0000");
        assert_eq!(line(&asked).0, "control, version 2, asks: read status");
        let more = carried("16 bd 0001 0000 0000 0000 0000");
        assert_eq!(line(&more).0, "control, version 2, answers: request 29, more follows");
        assert_eq!(
            layers(LinkType::ETHERNET, &carried("16 02 0001 0000 0000 0000 0001")).0[3],
            Data,
            "less than it says"
        );
    }

    #[test]
    fn private_messages_name_their_request() {
        let answer = carried(&format!("d7 8e 03 2a 0005 0048 {}", "00".repeat(360)));
        fields(
            &answer,
            &[("ntp.flags", "215"), ("ntp.flags.li", "absent"), ("ntp.flags.vn", "2"), ("ntp.flags.mode", "7")],
        );
        fields(&answer, &[("ntp.priv.flags.r", "1"), ("ntp.priv.flags.more", "1"), ("ntp.priv.seq", "14")]);
        fields(&answer, &[("ntp.priv.reqcode", "42"), ("ntp.priv.numitems", "5"), ("ntp.priv.itemsize", "72")]);
        fields(&answer, &[("ntp.xmt", "absent"), ("ntp.stratum", "absent"), ("ntp.ctrl.count", "absent")]);
        assert_eq!(line(&answer).0, "private, version 2, answers: MON_GETLIST_1, 5 × 72 bytes, more follows");
        assert_eq!(line(&carried("17 00 03 2a 0000 0000")).0, "private, version 2, asks: MON_GETLIST_1");
        assert_eq!(
            line(&carried("97 00 03 28 7000 0000")),
            ("private, version 2, answers: request 40, refused".into(), Tone::Trouble)
        );
        assert_eq!(layers(LinkType::ETHERNET, &carried("17 00 03 2a 0000 00")).0[3], Data);
    }

    #[test]
    fn what_is_no_message_stays_data() {
        decodes(&ethernet(0x0800, &ipv4(17, &udp(123, &[0x24; 20]))), &[Ipv4, Udp, Data]);
        decodes(&ethernet(0x0800, &ipv4(17, &udp(123, &[0; 48]))), &[Ipv4, Udp, Data]);
    }
}
