//! Messages in a stream of bytes: those that end at a `#`, and those with their length before them (exercises
//! `delimiter`, `length`, `typed`).
//!
//! A segment holds parts of messages: the rest of one that began before, whole ones, the beginning of one that goes on.

use crate::wire::application::Tone;
use crate::wire::utf8;

/// What ends a message of `delimiter`.
pub const END: u8 = b'#';
/// Bytes of a length, big-endian.
const HEADER: usize = 4;
/// A greater length is refused by the exercise's server.
const LONGEST: u32 = 1 << 20;
/// How a value is told whose type nobody knows.
const UNKNOWN: &str = "unknown type";
/// Parts that are told.
const TOLD: usize = 4;
/// Bytes of a part that are quoted.
const QUOTED: usize = 48;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Delimiter,
    Length,
    /// As `Length`, and the first byte says what the others are.
    Typed,
}

/// How far the message has come that is not whole yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    header: [u8; HEADER],
    /// Bytes of the header.
    has: u8,
    /// Bytes of the content.
    read: u32,
}

impl Place {
    pub(super) fn skip(&mut self, content: usize) {
        self.read = self.read.saturating_add(content as u32);
    }
}

/// What a segment holds of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Bytes of the length that came before, and that are here.
    pub header: (u8, u8),
    /// The length, once all its bytes are there.
    pub length: Option<u32>,
    /// Bytes of the content that came before.
    pub before: u32,
    /// Those that are here.
    pub content: &'a [u8],
    /// The message ends here.
    pub ends: bool,
}

impl Part<'_> {
    /// All of the message is in this segment.
    pub fn is_whole(&self) -> bool {
        self.ends && self.before == 0 && self.header.0 == 0
    }

    /// Its length is more than a server takes.
    pub fn is_refused(&self) -> bool {
        self.length.is_some_and(|length| length > LONGEST)
    }

    /// Looks as nothing but a type byte and its value does.
    pub(super) fn is_typed(&self) -> bool {
        match self.content {
            [b'b', 0 | 1] => self.is_whole(),
            [b'i' | b'f', value @ ..] => {
                self.is_whole() && value.len() == 8 && value.iter().any(|byte| *byte < 8 || *byte >= 0x80)
            }
            _ => false,
        }
    }
}

/// Whether a conversation that begins so has lengths before its messages: of ordinary size, or the greatest of all.
pub(super) fn begins_with_length(data: &[u8]) -> bool {
    match data {
        [0xff, 0xff, 0xff, 0xff, ..] => true,
        [0, a, b, c, ..] => (1..=LONGEST).contains(&u32::from_be_bytes([0, *a, *b, *c])),
        _ => false,
    }
}

fn next<'a>(framing: Framing, place: &mut Place, data: &'a [u8]) -> Option<(Part<'a>, &'a [u8])> {
    if data.is_empty() {
        return None;
    }
    let before = place.read;
    if framing == Framing::Delimiter {
        let end = data.iter().position(|byte| *byte == END);
        let (content, rest) = data.split_at_checked(end.unwrap_or(data.len()))?;
        place.skip(content.len());
        if end.is_some() {
            *place = Place::default();
        }
        let part = Part { header: (0, 0), length: None, before, content, ends: end.is_some() };
        return Some((part, rest.get(1..).unwrap_or_default()));
    }
    let (missing, had) = (HEADER - usize::from(place.has), place.has);
    let (digits, rest) = data.split_at_checked(missing.min(data.len()))?;
    for (to, from) in place.header.iter_mut().skip(had.into()).zip(digits) {
        *to = *from;
    }
    place.has += digits.len() as u8;
    let header = (had, digits.len() as u8);
    if usize::from(place.has) < HEADER {
        return Some((Part { header, length: None, before, content: &[], ends: false }, rest));
    }
    let length = u32::from_be_bytes(place.header);
    let left = length.saturating_sub(before) as usize;
    let (content, rest) = rest.split_at_checked(left.min(rest.len()))?;
    place.skip(content.len());
    let ends = place.read == length;
    if ends {
        *place = Place::default();
    }
    Some((Part { header, length: Some(length), before, content, ends }, rest))
}

/// The parts of a segment's data, of a stream that stood at `place` before it. Behind a length that is refused, no more.
pub fn parts(framing: Framing, mut place: Place, data: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (part, behind) = next(framing, &mut place, rest)?;
        rest = if part.is_refused() { &[] } else { behind };
        Some(part)
    })
}

/// Where the stream stands behind the data; `None` behind a length that is refused.
pub(super) fn parts_end(framing: Framing, mut place: Place, data: &[u8]) -> Option<Place> {
    let mut rest = data;
    while let Some((part, behind)) = next(framing, &mut place, rest) {
        if part.is_refused() {
            return None;
        }
        rest = behind;
    }
    Some(place)
}

/// The parts in words: `message of 5 bytes "Hello"; first 2 bytes of a length`.
pub(super) fn tell(framing: Framing, place: Place, data: &[u8], out: &mut Vec<u8>) -> Tone {
    let mut tone = Tone::Plain;
    let all = || parts(framing, place, data);
    for (number, part) in all().enumerate() {
        if number > 0 {
            out.extend_from_slice(b"; ");
        }
        // What the segment's end cuts is told last, however many messages are before it.
        if number == TOLD {
            let (mut more, mut last) = (0usize, None);
            for part in all().skip(TOLD) {
                more += usize::from(part.ends);
                last = Some(part).filter(|part| !part.ends);
            }
            let plural = if more == 1 { "" } else { "s" };
            out.extend_from_slice(format!("{more} more message{plural}").as_bytes());
            if let Some(part) = last {
                out.extend_from_slice(b"; ");
                tell_part(framing, &part, true, out);
            }
            break;
        }
        if part.is_refused() {
            tone = Tone::Trouble;
        }
        tell_part(framing, &part, number > 0, out);
    }
    tone
}

fn bytes(count: usize) -> String {
    format!("{count} byte{}", if count == 1 { "" } else { "s" })
}

fn quote(content: &[u8], out: &mut Vec<u8>) {
    let shown = utf8::beginning(content, QUOTED);
    out.extend_from_slice(b" \"");
    out.extend_from_slice(shown);
    out.extend_from_slice(if shown.len() < content.len() { "…\"".as_bytes() } else { b"\"" });
}

/// `behind`: another part is before it.
fn tell_part(framing: Framing, part: &Part<'_>, behind: bool, out: &mut Vec<u8>) {
    let here = part.content.len();
    let mut say = |text: String| out.extend_from_slice(text.as_bytes());
    if framing == Framing::Delimiter {
        match (part.before, part.ends) {
            (0, true) => return say(format!("message of {}", bytes(here))),
            (0, false) => {
                return say(format!("first {} of {}", bytes(here), if behind { "the next" } else { "a message" }));
            }
            (before, true) if here == 0 => return say(format!("ends a message of {before}")),
            (before, true) => {
                let whole = before.saturating_add(here as u32);
                return say(format!("last {} of a message of {whole}", bytes(here)));
            }
            (_, false) => return say(format!("{here} more byte{} of it", if here == 1 { "" } else { "s" })),
        }
    }
    let (had, has) = part.header;
    let Some(length) = part.length else {
        return say(match had {
            0 => format!("first {} of {}", bytes(has.into()), if behind { "the next length" } else { "a length" }),
            _ => format!("{} more of the length", bytes(has.into())),
        });
    };
    if has > 0 && had > 0 {
        say("rest of the length: ".to_owned());
    }
    if part.is_refused() {
        return say(format!("says {}: more than 1 MiB is refused", bytes(length as usize)));
    }
    let whole = bytes(length as usize);
    let value = value(framing, part);
    match (has > 0, part.ends, here) {
        (true, true, _) if value.is_some() => say(whole),
        (true, true, _) => say(format!("message of {whole}")),
        (true, false, 0) => return say(format!("message of {whole}, none of them here")),
        (true, false, _) => say(format!("message of {whole}, first {here}")),
        (false, true, _) => say(format!("last {here} of {whole}")),
        (false, false, _) => say(format!("{here} more of {whole}")),
    }
    match value {
        Some(Ok(value)) => say(format!(": {value}")),
        Some(Err((name, text))) => {
            say(format!(": {name}"));
            if let Some(kind) = part.content.first().filter(|_| name == UNKNOWN) {
                say(format!(" 0x{kind:02x}"));
            }
            quote(text, out);
        }
        None if here > 0 => quote(part.content, out),
        None => {}
    }
}

/// The value of a whole message that says its type: in words, or the name of its type and its text.
fn value<'a>(framing: Framing, part: &Part<'a>) -> Option<Result<String, (&'static str, &'a [u8])>> {
    let (kind, value) =
        part.content.split_first().filter(|_| framing == Framing::Typed && part.before == 0 && part.ends)?;
    Some(match (kind, value) {
        (b't', text) => Err(("text", text)),
        (b'j', text) => Err(("JSON", text)),
        (b'b', [0]) => Ok("false".to_owned()),
        (b'b', [1]) => Ok("true".to_owned()),
        (b'i', value) => match value.try_into() {
            Ok(value) => Ok(format!("integer {}", i64::from_be_bytes(value))),
            Err(_) => Err(("an integer of a wrong length", value)),
        },
        (b'f', value) => match value.try_into() {
            Ok(value) => Ok(format!("float {:?}", f64::from_be_bytes(value))),
            Err(_) => Err(("a float of a wrong length", value)),
        },
        (b'b', value) => Err(("neither true nor false", value)),
        (_, value) => Err((UNKNOWN, value)),
    })
}
