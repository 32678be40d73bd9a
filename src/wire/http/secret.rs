//! The secrets of a head, wherever the end of a segment cuts it: who asks (RFC 9110 §11.6), cookies (RFC 6265), and
//! passwords in addresses.
//!
//! Trap: a value may go on in the next line, which begins with a blank (RFC 9112 §5.2).

use std::ops::Range;

use super::super::{At, secret};
use super::{begins, method};

/// Letters of the longest name that matters, and of blanks around it.
const NAME: usize = 32;

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
            Some(b's') if is("set-cookie") => Self::FirstPair,
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
    body: Option<u64>,
}

impl Inside {
    /// Reads on; hands on the secret places of `data`. Where the head ends in them: the first byte behind it.
    fn read(&mut self, data: &[u8], give: &mut dyn FnMut(Range<usize>)) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            let end = memchr::memchr(b'\n', rest);
            let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let next = at + end.map_or(rest.len(), |end| end + 1);
            let is_empty = matches!((self.length, self.begun, line), (0, _, b"" | b"\r") | (1, [b'\r', ..], b""));
            if is_empty && !self.in_value && end.is_some() {
                return Some(next);
            }
            self.line(line, at, end.is_some(), give);
            if end.is_some() {
                (self.in_value, self.named, self.length) = (false, false, 0);
            }
            at = next;
        }
        None
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
                Some(first) if ended && !b"apcs \t".contains(&first.to_ascii_lowercase()) => {
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
            Kind::Length => {
                for digit in piece.iter().filter(|byte| byte.is_ascii_digit()) {
                    let length = self.body.unwrap_or(0).saturating_mul(10);
                    self.body = Some(length.saturating_add(u64::from(digit - b'0')));
                }
            }
            Kind::Pairs | Kind::FirstPair => {
                let mut at = at;
                for (place, pair) in piece.split(|byte| *byte == b';').enumerate() {
                    if place > 0 {
                        self.named = false;
                        if self.kind == Kind::FirstPair {
                            self.kind = Kind::Nothing;
                            return;
                        }
                    }
                    // A value without a name is a secret too.
                    let sign = memchr::memchr(b'=', pair).filter(|_| !self.named).map_or(0, |sign| sign + 1);
                    self.named |= sign > 0;
                    trimmed(pair.get(sign..).unwrap_or_default(), at + sign, give);
                    at += pair.len() + 1;
                }
            }
        }
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
    secret::in_addresses(head, &mut |place| give(head.get(place).unwrap_or_default()));
}

/// Heads and bodies of one side, over its segments: where in them the next segment begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Following {
    /// Nobody knows: nothing is to be remembered.
    #[default]
    Nowhere,
    Head {
        inside: Inside,
        is_request: bool,
    },
    /// So many bytes of a request's body are to come; the next request may follow in the same segment.
    Body(u64),
}

impl Following {
    /// A head begins here; a request has a body as long as it says.
    pub fn head(data: &[u8]) -> Self {
        // The start line is no header line, and may not be whole.
        let inside = Inside { in_value: true, ..Inside::default() };
        Self::Head { inside, is_request: method(data).is_some() }
    }

    /// Whether what is to come is to be looked at.
    pub fn follows(&self) -> bool {
        *self != Self::Nowhere
    }

    /// Reads what one side says next; hands on its secret places. A message may begin there.
    pub fn read(&mut self, data: &[u8], give: &mut dyn FnMut(Range<usize>)) {
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            let used = match self {
                Self::Nowhere => {
                    if !begins(rest, true) {
                        return;
                    }
                    *self = Self::head(rest);
                    0
                }
                Self::Head { inside, is_request } => {
                    let end = inside.read(rest, &mut |place| give(at + place.start..at + place.end));
                    let used = end.unwrap_or(rest.len());
                    let head = rest.get(..used).unwrap_or_default();
                    secret::in_addresses(head, &mut |place| give(at + place.start..at + place.end));
                    if end.is_some() {
                        *self = match inside.body.filter(|length| *length > 0 && *is_request) {
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
        if let Self::Body(left) = self {
            match left.checked_sub(missing).filter(|left| *left > 0) {
                Some(rest) => *left = rest,
                None => *self = Self::Nowhere,
            }
        }
    }
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
