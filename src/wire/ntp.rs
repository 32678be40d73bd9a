//! The Network Time Protocol (RFC 5905): four times in one datagram. Control messages (modes 6 and 7) are not read.
//!
//! Trap: a time counts from 1900 in 32 bits of seconds; one that has its first bit clear is of after February 2036.

use super::application::{Look, Tone};
use super::exchange::{Among, Exchange, Part};
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[123];

const RFC: &str = "RFC 5905 §7.3";
const HEADER: usize = 48;
/// From 1900 to 1970, in seconds.
const EPOCH: i64 = 2_208_988_800;

pub(super) fn look(look: &Look<'_>) -> bool {
    let first = look.data.first().copied().unwrap_or_default();
    look.length >= HEADER && (1..=4).contains(&(first >> 3 & 7)) && (1..=5).contains(&(first & 7))
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

fn value<'a>(at: &At<'a>, place: usize) -> Option<Value<'a>> {
    time(at, place).map(Value::Nanoseconds)
}

fn modes(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "symmetric active",
        2 => "symmetric passive",
        3 => "client",
        4 => "server",
        5 => "broadcast",
        6 => "control",
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

pub static FIELDS: &[Field] = &[
    Field::hex("ntp.flags", "Flags", 0, 8).combined().about("Leap indicator, version and mode", RFC),
    Field::dec("ntp.flags.li", "Leap indicator", 0, 2).words(leaps).about("Whether a second is to be put in", RFC),
    Field::dec("ntp.flags.vn", "Version", 2, 3).about("Today 4", RFC),
    Field::dec("ntp.flags.mode", "Mode", 5, 3).words(modes).about("Who speaks: client, server, ...", RFC),
    Field::dec("ntp.stratum", "Stratum", 8, 8).about("How far from a clock: 1 has one, 16 knows no time", RFC),
    Field::dec("ntp.ppoll", "Poll", 16, 8).about("Longest time between messages, as a power of two of seconds", RFC),
    Field::dec("ntp.precision", "Precision", 24, 8).about("Of its clock, as a power of two of seconds, less 256", RFC),
    Field::dec("ntp.rootdelay", "Root delay", 32, 32).about("To the clock and back, in 65536ths of a second", RFC),
    Field::dec("ntp.rootdispersion", "Root dispersion", 64, 32)
        .about("How wrong it may be, in 65536ths of a second", RFC),
    Field::fixed("ntp.refid", "Reference", Kind::Bytes, 96, 32)
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
    use crate::frame::LinkType;
    use crate::wire::Protocol::{Data, Ipv4, Ntp, Udp};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, layers, udp};

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
    fn what_is_no_message_stays_data() {
        decodes(&ethernet(0x0800, &ipv4(17, &udp(123, &[0x24; 20]))), &[Ipv4, Udp, Data]);
        decodes(&ethernet(0x0800, &ipv4(17, &udp(123, &[0; 48]))), &[Ipv4, Udp, Data]);
    }
}
