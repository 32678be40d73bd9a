//! Which bytes of an application's message are secret: passwords and what stands for them. Readers of fields give what
//! is there, which filters compare; whoever shows it covers these places.
//!
//! Of the protocols of lines, and in heads, what a line says is told by what it begins with, so that a line may come in
//! pieces: who follows a conversation puts them together.

use std::ops::Range;

use super::field::write_covered;
use super::line::{self, Side};
use super::{At, Protocol, ftp, http, http2, imap, mqtt, pop, resp, sip, smtp, snmp, telnet};

/// Hands on the secret bytes of a layer, in their order; none where secrets are shown.
pub fn of<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    if super::application::secrets_are_shown() {
        return;
    }
    if at.layer.quoted {
        of_quoted(at, give);
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
        Protocol::Http2 => http2::secrets(at, give),
        Protocol::Syslog => {
            let text = at.header();
            in_addresses(text, &mut |place| give(text.get(place).unwrap_or_default()));
        }
        _ => {}
    }
}

/// What an error quotes of a client: nobody knows what was said before, and any line that is no command may answer a
/// question for a password.
#[cold]
fn of_quoted<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    let (protocol, text) = (at.layer.protocol, at.header());
    let ports = match protocol {
        Protocol::Ftp => ftp::PORTS,
        Protocol::Smtp => smtp::PORTS,
        Protocol::Pop => pop::PORTS,
        Protocol::Imap => imap::PORTS,
        Protocol::Telnet => telnet::PORTS,
        // Perhaps the rest of a head.
        Protocol::Data if [http::PORTS, sip::PORTS].iter().any(|ports| Side::of_layer(at, ports) != Side::Unknown) => {
            let mut head = http::Following::head(&[], false);
            head.skip(1);
            return head.read(text, &mut |place| give(text.get(place).unwrap_or_default()));
        }
        _ => return,
    };
    match Side::of_layer(at, ports) {
        Side::Server => {}
        _ if protocol == Protocol::Telnet => telnet::texts(text).for_each(give),
        _ => line::each(text).map(line::bare).filter(|line| !is_command(protocol, line)).for_each(give),
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
    use Protocol::{Ftp, Http, Http2, Imap, Mqtt, Pop, Resp, Sip, Smtp, Snmp, Ssdp, Syslog, Telnet};
    matches!(protocol, Ftp | Http | Http2 | Imap | Mqtt | Pop | Resp | Sip | Smtp | Snmp | Ssdp | Syslog | Telnet)
}

/// From which byte on a client's line, without its end and perhaps not whole, is secret; of the protocols of lines, and of
/// the descriptions of SIP.
pub fn from(protocol: Protocol, line: &[u8]) -> Option<usize> {
    match protocol {
        Protocol::Ftp => ftp::secret_from(line),
        Protocol::Smtp => smtp::secret_from(line),
        Protocol::Pop => pop::secret_from(line),
        Protocol::Imap => imap::secret_from(line),
        Protocol::Resp => resp::secret_from(line),
        Protocol::Sip => sip::secret_from(line),
        _ => None,
    }
}

/// Whether a client's line is a command of its protocol, whatever was said before.
pub fn is_command(protocol: Protocol, line: &[u8]) -> bool {
    let word = line::word(line.trim_ascii_start()).0;
    match protocol {
        Protocol::Ftp => ftp::is_command(word),
        Protocol::Smtp => smtp::is_command(word),
        Protocol::Pop => pop::is_command(word),
        Protocol::Imap => imap::is_command(line),
        Protocol::Resp => resp::is_command(line),
        _ => false,
    }
}

/// What the beginning of a message tells that says its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    /// It is too short to tell.
    Cut,
    /// It is none.
    None,
    /// Bytes of its head, and behind it; some of these may be secret.
    Message { head: usize, content: u64, is_secret: bool },
}

/// What a head tells, in protocols whose messages say their length.
pub fn framed(protocol: Protocol, head: &[u8]) -> Framed {
    match protocol {
        Protocol::Mqtt => mqtt::framed(head),
        Protocol::Http2 => http2::framed(head),
        _ => Framed::None,
    }
}

/// The passwords in `//name:password@host` and `sip:name:password@host`, as places.
pub fn in_addresses(text: &[u8], give: &mut dyn FnMut(Range<usize>)) {
    let mut done = 0;
    while let Some(rest) = text.get(done..)
        && let Some(sign) = memchr::memchr(b'@', rest)
    {
        let before = rest.get(..sign).unwrap_or_default();
        let start = done + before.iter().rposition(|byte| is_outside(*byte)).map_or(0, |place| place + 1);
        let behind = text.get(done + sign..).unwrap_or_default();
        let end = done + sign + behind.iter().position(|byte| is_outside(*byte)).unwrap_or(behind.len());
        let mut address = Address::default();
        if start == CONNECT.len() && text.starts_with(CONNECT) {
            address = Address::Name { is_new: true, has_sign: false };
        }
        let word = text.get(start..end).unwrap_or_default();
        address.read(word, &mut |place, is_sure| {
            if is_sure {
                give(start + place.start..start + place.end);
            }
        });
        done = end;
    }
}

/// What a proxy is asked for has no scheme (RFC 9110 §9.3.6).
const CONNECT: &[u8] = b"CONNECT ";

/// Letters in front of the colon of an address: what has more, none among them, is not looked at.
const LONGEST_NAME: usize = 1024;

/// What cannot stand in an address.
fn is_outside(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'<' | b'>' | b'?' | b'#')
}

/// Where in an address a text ends (RFC 3986 §3.2.1, RFC 3261 §19.1.1), so that it may come in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// So many letters of `sip:` or `sips:`.
    Scheme(u8),
    /// Something else.
    Other,
    Slash,
    /// Behind `//` or the scheme; whether nothing was there yet, and whether a sign was: a name may have one.
    Name {
        is_new: bool,
        has_sign: bool,
    },
    /// Behind the colon; whether all are digits, as of a port, and whether a sign was there before and behind it.
    Password {
        is_port: bool,
        has_sign: bool,
        is_whole: bool,
    },
    /// In the word `CONNECT`.
    Method,
}

impl Default for Address {
    fn default() -> Self {
        Self::Scheme(0)
    }
}

impl Address {
    /// At the beginning of a head.
    pub(super) fn of_head(head: &[u8]) -> Self {
        if head.starts_with(CONNECT) { Self::Method } else { Self::default() }
    }

    /// Reads the next piece of a text. What may be a password if its sign is still to come counts as one.
    pub(super) fn follow(&mut self, text: &[u8], give: &mut dyn FnMut(Range<usize>)) {
        // The word that is unfinished; most bytes are of whole ones, and of these only those with a sign are looked at.
        let mut end = 0;
        if *self == Self::Method {
            end = memchr::memchr(b' ', text).map_or(text.len(), |blank| blank + 1);
        }
        if *self != Self::default() {
            let rest = text.get(end..).unwrap_or_default();
            end += rest.iter().position(|byte| is_outside(*byte)).unwrap_or(rest.len());
        }
        let is_cut = end == text.len();
        self.read(text.get(..end).unwrap_or_default(), &mut |place, is_sure| {
            if is_sure || is_cut {
                give(place);
            }
        });
        if is_cut {
            return;
        }
        // Blanks part most words; what else does is found as the last is read.
        let last = memchr::memrchr2(b' ', b'\n', text).map_or(end, |place| place + 1).max(end);
        in_addresses(text.get(end..last).unwrap_or_default(), &mut |place| give(end + place.start..end + place.end));
        *self = Self::default();
        let word = text.get(last..).unwrap_or_default();
        if memchr::memchr(b':', word).is_none() && word.len() > LONGEST_NAME {
            *self = Self::Other;
            return;
        }
        self.read(word, &mut |place, _| give(last + place.start..last + place.end));
    }

    /// Reads on; hands on what is a password, and, not as sure, what may be one if its sign is still to come.
    fn read(&mut self, text: &[u8], give: &mut dyn FnMut(Range<usize>, bool)) {
        let mut start = 0;
        for (at, byte) in text.iter().copied().enumerate() {
            *self = match *self {
                Self::Method => {
                    if byte == b' ' {
                        Self::Name { is_new: true, has_sign: false }
                    } else {
                        Self::Method
                    }
                }
                _ if is_outside(byte) => Self::Scheme(0),
                Self::Scheme(letters) => Self::scheme(letters, byte),
                Self::Other => Self::elsewhere(byte),
                Self::Slash if byte == b'/' => Self::Name { is_new: true, has_sign: false },
                Self::Slash => Self::scheme(0, byte),
                Self::Name { is_new, has_sign } => match byte {
                    b'/' if !is_new => Self::Slash,
                    b'/' => Self::Name { is_new, has_sign },
                    // An address of numbers with colons.
                    b'[' if is_new || has_sign => Self::Other,
                    b':' => {
                        start = at + 1;
                        Self::Password { is_port: true, has_sign, is_whole: false }
                    }
                    _ => Self::Name { is_new: false, has_sign: has_sign || byte == b'@' },
                },
                Self::Password { is_port, has_sign, is_whole } => match byte {
                    b'@' => {
                        give(start..at, true);
                        // A sign in the password itself: another comes.
                        start = at;
                        Self::Password { is_port: false, has_sign, is_whole: true }
                    }
                    b'/' if is_whole || is_port => Self::Slash,
                    b',' | b';' if has_sign => Self::Scheme(0),
                    _ => Self::Password { is_port: is_port && byte.is_ascii_digit(), has_sign, is_whole },
                },
            };
        }
        if matches!(self, Self::Password { is_whole: false, .. }) && start < text.len() {
            give(start..text.len(), false);
        }
    }

    fn scheme(letters: u8, byte: u8) -> Self {
        match (letters, byte.to_ascii_lowercase()) {
            (0, b's') | (1, b'i') | (2, b'p') | (3, b's') => Self::Scheme(letters + 1),
            (3 | 4, b':') => Self::Name { is_new: true, has_sign: false },
            (_, other) => Self::elsewhere(other),
        }
    }

    fn elsewhere(byte: u8) -> Self {
        match byte {
            b'/' => Self::Slash,
            _ if byte.is_ascii_alphanumeric() => Self::Other,
            _ => Self::Scheme(0),
        }
    }
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
        // Signs in the name, slashes in the password, and a proxy that is asked without a scheme.
        assert_eq!(covered("GET http://ana@lab.example:tajna@host/"), "GET http://ana@lab.example:***@host/");
        assert_eq!(covered("GET http://ana:a/tajna@host/"), "GET http://ana:***@host/");
        assert_eq!(covered("CONNECT ana:tajna@host:443 HTTP/1.1"), "CONNECT ana:***@host:443 HTTP/1.1");
        assert_eq!(covered("To:sip:ana:tajna@lab"), "To:sip:ana:***@lab");
        for open in
            ["http://ana@host:80/a@b", "http://[::1]:80/@a", "CONNECT host:443 HTTP/1.1", "sip:a@b:5060;c,sip:d@e"]
        {
            assert_eq!(covered(open), open);
        }
        for open in ["mail: ana@lab 12:30@home", "http://ana@host:80/", "http://host:80/a@b", "sip:ana@lab:5060", "@@"]
        {
            assert_eq!(covered(open), open);
        }
    }

    #[test]
    fn a_password_in_an_address_is_covered_wherever_it_is_cut() {
        for (text, open) in
            [("GET http://ana:tajna@host/ b:c@d", 15), ("<sips:ana:tajna@host>", 10), ("CONNECT ana:tajna@h:1", 12)]
        {
            for cut in 0..=text.len() {
                let (mut address, mut shown) = (Address::of_head(text.as_bytes()), text.as_bytes().to_vec());
                let (first, second) = text.as_bytes().split_at(cut);
                address.follow(first, &mut |place| shown[place].fill(b'*'));
                address.follow(second, &mut |place| shown[cut..][place].fill(b'*'));
                let shown = String::from_utf8(shown).unwrap();
                assert_eq!(shown[open..open + 5], *"*****", "{cut}: {shown}");
                assert!(shown.matches('*').count() < 7, "{cut}: {shown}");
            }
        }
    }
}
