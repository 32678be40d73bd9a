//! Which bytes of an application's message are secret: passwords and what stands for them. Readers of fields give what
//! is there, which filters compare; whoever shows it covers these places.
//!
//! Of the protocols of lines, and in heads, what a line says is told by what it begins with, so that a line may come in
//! pieces: who follows a conversation puts them together.

use std::ops::Range;

use super::field::write_covered;
use super::{At, Protocol, ftp, http, imap, mqtt, pop, resp, sip, smtp, snmp};

/// Hands on the secret bytes of a layer, in their order; none where secrets are shown.
pub fn of<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    if super::application::secrets_are_shown() {
        return;
    }
    match at.layer.protocol {
        Protocol::Ftp => ftp::secrets(at, give),
        Protocol::Smtp => smtp::secrets(at, give),
        Protocol::Pop => pop::secrets(at, give),
        Protocol::Imap => imap::secrets(at, give),
        Protocol::Resp => resp::secrets(at, give),
        Protocol::Mqtt => mqtt::secrets(at, give),
        Protocol::Http | Protocol::Ssdp => http::secrets(at, give),
        Protocol::Snmp => snmp::secrets(at, give),
        Protocol::Sip => sip::secrets(at, give),
        _ => {}
    }
}

/// Places in their order, those that touch as one.
pub fn in_order(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.retain(|place| !place.is_empty());
    places.sort_unstable_by_key(|place| place.start);
    places.dedup_by(|next, last| {
        let touches = next.start <= last.end;
        if touches {
            last.end = last.end.max(next.end);
        }
        touches
    });
    places
}

/// Where a piece lies in what it is a piece of.
pub fn within(whole: &[u8], piece: &[u8]) -> Option<Range<usize>> {
    let start = (piece.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(piece.len())?;
    (end <= whole.len()).then_some(start..end)
}

/// Covers the secrets of a layer's message where that is told.
pub(super) struct Cover<'a> {
    message: &'a [u8],
    places: Vec<Range<usize>>,
}

impl<'a> Cover<'a> {
    pub(super) fn new(at: &At<'a>) -> Self {
        let (message, mut places) = (at.header(), Vec::new());
        of(at, &mut |secret| places.extend(within(message, secret)));
        Self { message, places: in_order(places) }
    }

    /// Appends a piece of the message, the secrets in it as `***`.
    pub(super) fn write(&self, piece: &[u8], out: &mut Vec<u8>) {
        let begins = within(self.message, piece).map_or(0, |own| own.start);
        write_covered(piece, begins, &self.places, out);
    }
}

/// Whether a layer's protocol has secrets at all.
pub fn has_any(protocol: Protocol) -> bool {
    use Protocol::{Ftp, Http, Imap, Mqtt, Pop, Resp, Sip, Smtp, Snmp, Ssdp, Telnet};
    matches!(protocol, Ftp | Http | Imap | Mqtt | Pop | Resp | Sip | Smtp | Snmp | Ssdp | Telnet)
}

/// From which byte on a client's line, without its end and perhaps not whole, is secret; of the protocols of lines.
pub fn from(protocol: Protocol, line: &[u8]) -> Option<usize> {
    match protocol {
        Protocol::Ftp => ftp::secret_from(line),
        Protocol::Smtp => smtp::secret_from(line),
        Protocol::Pop => pop::secret_from(line),
        Protocol::Imap => imap::secret_from(line),
        Protocol::Resp => resp::secret_from(line),
        _ => None,
    }
}

/// Whether a client's line is a command of its protocol, whatever was said before.
pub fn is_command(protocol: Protocol, line: &[u8]) -> bool {
    let word = super::line::word(line.trim_ascii_start()).0;
    match protocol {
        Protocol::Ftp => ftp::is_command(word),
        Protocol::Smtp => smtp::is_command(word),
        Protocol::Pop => pop::is_command(word),
        Protocol::Imap => imap::is_command(line),
        Protocol::Resp => resp::is_command(line),
        _ => false,
    }
}

/// The passwords in `//name:password@host` and `sip:name:password@host` (RFC 3986 §3.2.1, RFC 3261 §19.1.1), as places.
pub fn in_addresses(text: &[u8], give: &mut dyn FnMut(Range<usize>)) {
    // Behind the sign before, and whether a password stood before that.
    let (mut from, mut goes_on) = (0, false);
    for sign in memchr::memchr_iter(b'@', text) {
        let before = text.get(from..sign).unwrap_or_default();
        let begins = before.iter().rposition(|byte| is_outside(*byte)).map(|place| from + place + 1);
        let found = match begins {
            // A sign in the password itself.
            None if goes_on => Some(from - 1),
            _ => password(text, begins.unwrap_or(from), sign),
        };
        if let Some(start) = found {
            give(start..sign);
        }
        (from, goes_on) = (sign + 1, found.is_some());
    }
}

/// What cannot stand in name and password.
fn is_outside(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'<' | b'>' | b'?' | b'#')
}

/// Where the password begins between `from` and the sign behind it.
fn password(text: &[u8], from: usize, sign: usize) -> Option<usize> {
    let both = text.get(from..sign)?;
    let is = |scheme: &[u8]| both.get(..scheme.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(scheme));
    let scheme = match () {
        () if is(b"sip:") => 4,
        () if is(b"sips:") => 5,
        () if text.get(..from)?.ends_with(b"//") => 0,
        () => return None,
    };
    let colon = memchr::memchr(b':', both.get(scheme..)?)?;
    Some(from + scheme + colon + 1)
}

/// Appends a text, the passwords in its addresses as `***` unless they are asked for.
pub fn write_addresses(text: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    if !super::application::secrets_are_shown() {
        in_addresses(text, &mut |place| {
            let before = text.get(from..place.start).unwrap_or_default();
            out.extend_from_slice(before);
            // A second piece is a sign and what is before the next.
            if from == 0 || !before.is_empty() {
                out.extend_from_slice(b"***");
            }
            from = place.end;
        });
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_covered() {
        let covered = |text: &str| {
            let mut out = Vec::new();
            write_addresses(text.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(covered("GET http://ana:tajna@host/a?b HTTP/1.1"), "GET http://ana:***@host/a?b HTTP/1.1");
        assert_eq!(covered("http://a:b@c@d/ http://e:f@g"), "http://a:***@d/ http://e:***@g");
        assert_eq!(
            covered("From: <sip:ana:tajna@lab>;tag=1, sips:b:c@d"),
            "From: <sip:ana:***@lab>;tag=1, sips:b:***@d"
        );
        for open in ["mail: ana@lab 12:30@home", "http://ana@host:80/", "http://host:80/a@b", "sip:ana@lab:5060", "@@"]
        {
            assert_eq!(covered(open), open);
        }
    }
}
