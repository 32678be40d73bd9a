//! Messages of logs (RFC 5424, RFC 3164 as older programs write them).

use super::application::{Look, Tone};
use super::secret::write_addresses;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk};

pub const PORTS: &[u16] = &[514];

const RFC: &str = "RFC 5424 §6";
const OLD: &str = "RFC 3164 §4.1";
/// Letters of `Nov 22 01:20:04`.
const OLD_TIME: usize = 15;

pub(super) fn look(look: &Look<'_>) -> bool {
    priority(look.data).is_some()
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    let length = walk.rest().len();
    walk.text(Protocol::Syslog, length).err().unwrap_or(Stop::End)
}

/// The number in angle brackets, and what stands behind them.
fn priority(data: &[u8]) -> Option<(u8, &[u8])> {
    let inside = data.strip_prefix(b"<")?;
    let end = inside.iter().take(4).position(|byte| *byte == b'>')?;
    let digits = inside.get(..end)?;
    let number = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?.parse::<u8>().ok()?;
    (number < 192).then_some((number, inside.get(end + 1..)?))
}

fn message<'a>(at: &At<'a>) -> Option<&'a [u8]> {
    priority(at.bytes()).map(|(_, message)| message)
}

/// A word of RFC 5424's head: version, time, host, program, process, message type.
fn word<'a>(at: &At<'a>, which: usize) -> Option<&'a [u8]> {
    let message = message(at)?;
    message.starts_with(b"1 ").then(|| message.split(|byte| *byte == b' ').nth(which))?
}

/// Time and host as RFC 3164 has them.
fn old<'a>(at: &At<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let (time, rest) = message(at)?.split_at_checked(OLD_TIME)?;
    let [month, .., b':', _, _, b':', _, _] = time else { return None };
    let host = rest.strip_prefix(b" ")?.split(|byte| *byte == b' ').next()?;
    month.is_ascii_uppercase().then_some((time, host))
}

fn facilities(number: u64) -> Option<&'static str> {
    const NAMES: [&str; 24] = [
        "kernel", "user", "mail", "daemon", "auth", "syslog", "printer", "news", "uucp", "cron", "authpriv", "ftp",
        "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
        "local7",
    ];
    NAMES.get(usize::try_from(number).ok()?).copied()
}

fn levels(number: u64) -> Option<&'static str> {
    const NAMES: [&str; 8] = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];
    NAMES.get(usize::try_from(number).ok()?).copied()
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let Some((number, message)) = priority(at.bytes()) else { return Tone::Plain };
    let (facility, level) = (facilities((number >> 3).into()), levels((number & 7).into()));
    out.extend_from_slice(format!("{} {}: ", facility.unwrap_or_default(), level.unwrap_or_default()).as_bytes());
    write_addresses(message.trim_ascii(), out);
    if number & 7 < 4 { Tone::Trouble } else { Tone::Plain }
}

pub static FIELDS: &[Field] = &[
    Field::one("syslog.facility", "Facility", Kind::Dec, |at| Some(Value::Uint((priority(at.bytes())?.0 >> 3).into())))
        .words(facilities)
        .about("What kind of program speaks", RFC),
    Field::one("syslog.level", "Severity", Kind::Dec, |at| Some(Value::Uint((priority(at.bytes())?.0 & 7).into())))
        .words(levels)
        .about("0: nothing works any more; 7: for who looks for mistakes", RFC),
    Field::one("syslog.msg", "Message", Kind::Text, |at| message(at).map(Value::Text))
        .about("All behind the number", RFC),
    Field::one("syslog.version", "Version", Kind::Text, |at| word(at, 0).map(Value::Text)).about("1: RFC 5424", RFC),
    Field::one("syslog.timestamp_rfc3164", "Time", Kind::Text, |at| Some(Value::Text(old(at)?.0)))
        .about("By the sender's clock, without a year", OLD),
    Field::one("syslog.hostname", "Host", Kind::Text, |at| word(at, 2).or_else(|| Some(old(at)?.1)).map(Value::Text))
        .about("Who speaks, by its own name", RFC),
    Field::one("syslog.appname", "Program", Kind::Text, |at| word(at, 3).map(Value::Text)).about("Its name", RFC),
    Field::one("syslog.procid", "Process", Kind::Text, |at| {
        word(at, 4).filter(|_| word(at, 0).is_some()).map(Value::Text)
    })
    .about("Its number", RFC),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_facility_and_severity() {
        assert_eq!(priority(b"<133>x"), Some((133, &b"x"[..])));
        assert_eq!(priority(b"<191>"), Some((191, &b""[..])));
        for wrong in [&b"<192>x"[..], b"<>x", b"<1333>x", b"<13", b"13>", b"<+1>", b"<-1>", b""] {
            assert_eq!(priority(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_covered() {
        use crate::wire::sample::{covered, ethernet, ipv4, udp};
        let packet = ethernet(0x0800, &ipv4(17, &udp(514, b"<13>get http://ana:tajna@host/")));
        assert_eq!(covered(&packet, "syslog.msg"), ["get http://ana:***@host/"]);
    }
}
