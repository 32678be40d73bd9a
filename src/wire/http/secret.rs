//! The secrets of a head, wherever the end of a segment cuts it: who asks (RFC 9110 §11.6), cookies (RFC 6265), and
//! passwords in addresses.
//!
//! Trap: a value may go on in the next line, which begins with a blank (RFC 9112 §5.2). Behind a gap nobody knows which
//! value goes on, or whether it is a head still: what may be one is covered.

use std::ops::Range;

use super::super::At;
use super::super::secret::Address;
use super::{begins, method};

/// Letters of the longest name that matters, and of blanks around it.
const NAME: usize = 32;
/// Bytes of a head; what is read for longer behind a gap is none.
const LONGEST: u64 = 64 << 10;
/// Bytes that tell whether something is text.
const LOOKED_AT: usize = 32;

/// What of a header's value is secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Nothing,
    All,
    /// The values of its pairs.
    Pairs,
    /// That of its first pair: the others say for how long and for whom it is (RFC 6265 §4.1).
    FirstPair,
    /// The length of the body.
    Length,
    /// The body says itself how long it is.
    Coded,
}

impl Kind {
    fn of(name: &[u8]) -> Self {
        let name = name.trim_ascii();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.first().map(u8::to_ascii_lowercase) {
            Some(b'a') if is("authorization") => Self::All,
            Some(b'p') if is("proxy-authorization") => Self::All,
            Some(b'c') if is("cookie") => Self::Pairs,
            Some(b'c') if is("content-length") => Self::Length,
            Some(b'c') if is("cookie2") => Self::Pairs,
            Some(b's') if is("set-cookie") => Self::FirstPair,
            // A list of them (RFC 2965 §3.2.2).
            Some(b's') if is("set-cookie2") => Self::Pairs,
            Some(b't') if is("transfer-encoding") => Self::Coded,
            _ => Self::Nothing,
        }
    }
}

/// Where in a head a segment ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    /// What an unfinished line begins with, up to the colon.
    begun: [u8; NAME],
    length: usize,
    /// Of the header line that began last.
    kind: Kind,
    /// The name of the unfinished line is behind.
    in_value: bool,
    /// The sign of the unfinished pair is behind.
    named: bool,
    /// A mark of quotation is open in it.
    quoted: bool,
    body: Option<u64>,
    /// The end of the body is to be found in it.
    coded: bool,
    /// Nobody knows what comes first: it is behind a gap.
    dark: bool,
    /// Bytes since the last gap: where there are any, what is read may be no head.
    since_gap: Option<u64>,
}

impl Inside {
    /// Reads on; hands on the secret places of `data`. Where the head ends in them: the first byte behind it.
    fn read(&mut self, data: &[u8], give: &mut dyn FnMut(Range<usize>)) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            let end = memchr::memchr(b'\n', rest);
            let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let next = at + end.map_or(rest.len(), |end| end + 1);
            if self.is_over(rest, line, end.is_some()) {
                return Some(at);
            }
            let is_empty = matches!((self.length, self.begun, line), (0, _, b"" | b"\r") | (1, [b'\r', ..], b""));
            if is_empty && !self.in_value && end.is_some() {
                return Some(next);
            }
            self.line(line, at, end.is_some(), give);
            if end.is_some() {
                (self.in_value, self.named, self.quoted, self.length) = (false, false, false, 0);
            }
            if let Some(since) = &mut self.since_gap {
                *since += (next - at) as u64;
            }
            at = next;
        }
        None
    }

    /// Behind a gap: whether what comes cannot be of a head, or is of the next.
    fn is_over(&mut self, rest: &[u8], line: &[u8], ended: bool) -> bool {
        let Some(since) = self.since_gap else { return false };
        if std::mem::take(&mut self.dark) {
            let is_text = |byte: &u8| !byte.is_ascii_control() || matches!(byte, b'\t' | b'\r');
            return !line.iter().take(LOOKED_AT).all(is_text) || begins(rest, true);
        }
        let is_new = self.length == 0 && !self.in_value;
        let may = || match line {
            [] | [b' ' | b'\t' | b'\r', ..] => true,
            _ => memchr::memchr(b':', line).map_or(!ended, |colon| {
                line.iter().take(colon).all(|byte| byte.is_ascii_graphic() && !b"\"(),/;<=>?@[]{}".contains(byte))
            }),
        };
        since > LONGEST || is_new && (!may() || begins(rest, true))
    }

    /// So many bytes are missing: what comes may be the rest of any value.
    fn skip(&mut self, missing: u64) {
        let since = self.since_gap.unwrap_or(0).saturating_add(missing);
        *self = Self {
            kind: Kind::All,
            in_value: true,
            body: None,
            coded: self.coded,
            dark: true,
            since_gap: Some(since),
            ..Self::default()
        };
    }

    /// A line, or a piece of one, that begins at a place of the data.
    fn line(&mut self, line: &[u8], at: usize, ended: bool, give: &mut dyn FnMut(Range<usize>)) {
        if self.in_value {
            return self.value(line, at, give);
        }
        if self.length == 0 {
            match line.first() {
                // It goes on with the line before.
                Some(b' ' | b'\t') if self.kind != Kind::Nothing => {
                    self.in_value = true;
                    return self.value(line, at, give);
                }
                // Most lines: of a name that begins otherwise.
                Some(first) if ended && !b"apcst \t".contains(&first.to_ascii_lowercase()) => {
                    self.kind = Kind::Nothing;
                    return;
                }
                _ => {}
            }
        }
        self.kind = Kind::Nothing;
        let room = self.begun.get_mut(self.length..).unwrap_or_default();
        let colon = memchr::memchr(b':', line);
        let name = line.get(..colon.unwrap_or(line.len())).unwrap_or_default();
        let taken = name.len().min(room.len());
        room.iter_mut().zip(name).for_each(|(room, byte)| *room = *byte);
        self.length += taken;
        // A longer name is none of those that matter.
        self.in_value = colon.is_some() || taken < name.len();
        if let Some(colon) = colon {
            if taken == name.len() {
                self.kind = Kind::of(self.begun.get(..self.length).unwrap_or_default());
            }
            self.value(line.get(colon + 1..).unwrap_or_default(), at + colon + 1, give);
        }
    }

    /// A piece of a value.
    fn value(&mut self, piece: &[u8], at: usize, give: &mut dyn FnMut(Range<usize>)) {
        match self.kind {
            Kind::Nothing => {}
            Kind::All => trimmed(piece, at, give),
            Kind::Coded => self.coded = true,
            Kind::Length => {
                for digit in piece.iter().filter(|byte| byte.is_ascii_digit()) {
                    let length = self.body.unwrap_or(0).saturating_mul(10);
                    self.body = Some(length.saturating_add(u64::from(digit - b'0')));
                }
            }
            Kind::Pairs => {
                let mut at = at;
                for (place, pair) in piece.split(|byte| *byte == b';').enumerate() {
                    self.named &= place == 0;
                    self.pair(pair, at, give);
                    at += pair.len() + 1;
                }
            }
            Kind::FirstPair => {
                let end = piece.iter().position(|byte| {
                    self.quoted ^= *byte == b'"';
                    *byte == b';' && !self.quoted
                });
                self.pair(piece.get(..end.unwrap_or(piece.len())).unwrap_or_default(), at, give);
                if end.is_some() {
                    self.kind = Kind::Nothing;
                }
            }
        }
    }

    /// A pair, or a piece of one. A value without a name is a secret too.
    fn pair(&mut self, pair: &[u8], at: usize, give: &mut dyn FnMut(Range<usize>)) {
        let sign = memchr::memchr(b'=', pair).filter(|_| !self.named).map_or(0, |sign| sign + 1);
        self.named |= sign > 0;
        trimmed(pair.get(sign..).unwrap_or_default(), at + sign, give);
    }
}

/// A piece without the blanks around it, as a place.
fn trimmed(piece: &[u8], at: usize, give: &mut dyn FnMut(Range<usize>)) {
    let start = at + piece.len() - piece.trim_ascii_start().len();
    let length = piece.trim_ascii().len();
    if length > 0 {
        give(start..start + length);
    }
}

/// What of a whole head, or of its beginning, is secret.
pub(in crate::wire) fn secrets<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    let data = at.header();
    of_head(data, give);
}

/// The same of bytes that begin with a start line.
pub(in crate::wire) fn of_head<'a>(head: &'a [u8], give: &mut dyn FnMut(&'a [u8])) {
    let start = memchr::memchr(b'\n', head).map_or(head.len(), |end| end + 1);
    let lines = head.get(start..).unwrap_or_default();
    Inside::default().read(lines, &mut |place| give(lines.get(place).unwrap_or_default()));
    // Most have no sign. One that is cut may end in a password whose sign is cut off.
    if head.ends_with(b"\n") && memchr::memchr(b'@', head).is_none() {
        return;
    }
    Address::of_head(head).follow(head, &mut |place| give(head.get(place).unwrap_or_default()));
}

/// Heads and bodies of one side, over its segments: where in them the next segment begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Following {
    /// Nobody knows: nothing is to be remembered.
    #[default]
    Nowhere,
    /// In a body whose end is not known: a head may begin anywhere.
    Lost,
    Head {
        inside: Inside,
        address: Address,
        is_request: bool,
        /// Behind a response another may follow in the same segment.
        is_piped: bool,
    },
    /// So many bytes of a request's body are to come; the next request may follow in the same segment.
    Body(u64),
}

impl Following {
    /// A head begins here; a request has a body as long as it says. Behind a response, the next is only looked for where
    /// the client did not wait for it.
    pub fn head(data: &[u8], is_piped: bool) -> Self {
        // The start line is no header line, and may not be whole.
        let inside = Inside { in_value: true, ..Inside::default() };
        Self::Head { inside, address: Address::of_head(data), is_request: method(data).is_some(), is_piped }
    }

    /// Whether what is to come is to be looked at.
    pub fn follows(&self) -> bool {
        *self != Self::Nowhere
    }

    /// Whether a head goes on, or a body behind which the next begins.
    pub fn is_expecting(&self) -> bool {
        matches!(self, Self::Head { .. } | Self::Body(_))
    }

    /// Reads what one side says next; hands on its secret places. A message may begin there.
    pub fn read(&mut self, data: &[u8], give: &mut dyn FnMut(Range<usize>)) {
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            let used = match self {
                Self::Nowhere | Self::Lost => {
                    let Some(start) = next_head(rest) else { return };
                    *self = Self::head(rest.get(start..).unwrap_or_default(), *self == Self::Lost);
                    start
                }
                Self::Head { inside, address, is_request, is_piped } => {
                    let end = inside.read(rest, &mut |place| give(at + place.start..at + place.end));
                    let used = end.unwrap_or(rest.len());
                    let head = rest.get(..used).unwrap_or_default();
                    address.follow(head, &mut |place| give(at + place.start..at + place.end));
                    if end.is_some() {
                        let is_known = inside.since_gap.is_none() && !inside.coded && (*is_request || !*is_piped);
                        *self = match inside.body.filter(|length| *length > 0 && *is_request) {
                            _ if !is_known => Self::Lost,
                            Some(length) => Self::Body(length),
                            None => Self::Nowhere,
                        };
                    }
                    used
                }
                Self::Body(left) => {
                    let used = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= used as u64;
                    if *left == 0 {
                        *self = Self::Nowhere;
                    }
                    used
                }
            };
            at += used;
        }
    }

    /// So many bytes were not captured.
    pub fn skip(&mut self, missing: u64) {
        match self {
            Self::Head { inside, address, .. } if missing > 0 => {
                inside.skip(missing);
                *address = Address::default();
            }
            Self::Body(left) => match left.checked_sub(missing) {
                Some(1..) => *left -= missing,
                Some(0) => *self = Self::Nowhere,
                // The next head is hidden.
                None => *self = Self::Lost,
            },
            _ => {}
        }
    }
}

/// Where the next head begins: the line in which a version stands, or the last one, if it is cut and may be such a line.
fn next_head(data: &[u8]) -> Option<usize> {
    if begins(data, true) {
        return Some(0);
    }
    let line_of = |at: usize| memchr::memrchr(b'\n', data.get(..at).unwrap_or_default()).map_or(0, |end| end + 1);
    let is_version = |sign: &usize| {
        let from = |back: usize| sign.checked_sub(back).and_then(|start| data.get(start..)).unwrap_or_default();
        from(3).starts_with(b"HTTP/1.") || from(2).starts_with(b"SIP/2.0")
    };
    if let Some(sign) = memchr::memmem::find_iter(data, b"P/").find(is_version) {
        return Some(line_of(sign));
    }
    let last = line_of(data.len());
    let line = data.get(last..).unwrap_or_default();
    let is_cut = (1..=LOOKED_AT).contains(&line.len())
        && (line.iter().all(u8::is_ascii_uppercase) || b"HTTP/1.".starts_with(line) || b"SIP/2.0".starts_with(line));
    (is_cut || begins(line, true)).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "GET http://a:tajna@b/ HTTP/1.1\r\nHost: a\r\nAuthorization : Basic\r\n tajna\r\n\ttajna\r\nX: y\r\n\
Cookie: a=tajna; b=tajna;tajna\r\nPROXY-authorization:tajna\r\nContent-Length: 12\r\n\r\nCookie: open";

    #[test]
    fn a_head_is_read_alike_wherever_it_is_cut() {
        let covered = |cuts: &[usize]| {
            let (mut following, mut shown, mut from) = (Following::default(), Vec::new(), 0);
            for end in cuts.iter().copied().chain([HEAD.len()]) {
                let mut piece = HEAD.as_bytes()[from..end].to_vec();
                following.read(&HEAD.as_bytes()[from..end], &mut |place| piece[place].fill(b'*'));
                shown.extend(piece);
                from = end;
            }
            (String::from_utf8(shown).unwrap(), following)
        };
        let (whole, behind) = covered(&[]);
        assert_eq!((whole.contains("tajna"), behind), (false, Following::Nowhere), "{whole}");
        assert!(whole.contains("Cookie: a=*****; b=*****;*****\r\n") && whole.ends_with("open"), "{whole}");
        // Behind the start line: what is cut within it is read as far as it is there.
        for cut in HEAD.find("Host").unwrap()..HEAD.len() {
            let (shown, behind) = covered(&[cut]);
            assert!(!shown.contains("tajna") && behind == Following::Nowhere, "{cut}: {shown}");
            // A name that is not known yet may be covered.
            let differs = shown.bytes().zip(whole.bytes()).filter(|(a, b)| a != b).count();
            assert!(differs <= 1, "{cut}: {shown}");
            let (twice, _) = covered(&[cut, (cut + 3).min(HEAD.len())]);
            assert!(!twice.contains("ajn") && !twice.contains("tajna"), "{cut}: {twice}");
        }
    }

    #[test]
    fn a_body_is_passed_over_to_the_next_request() {
        let mut following = Following::default();
        let mut places = Vec::new();
        following.read(b"POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\nCookie: 1", &mut |place| places.push(place));
        assert_eq!((following, places.len()), (Following::Body(11), 0));
        following.skip(1);
        following.read(b"0123456789GET / HTTP/1.1\r\nCookie: a=tajna\r\n", &mut |place| places.push(place));
        assert!(following.follows());
        assert_eq!((places.len(), places[0].clone()), (1, 36..41));
        following.read(b"\r\nCookie: a", &mut |place| places.push(place));
        assert_eq!((following, places.len()), (Following::Nowhere, 1));
    }
}
