//! Letters and other bodies of several parts (RFC 5322, RFC 2045, RFC 2046): heads, the tree of parts, and what each
//! part is once its transfer encoding is undone.
//!
//! Pure functions over a whole message, which stays where it is: parts lend from it. Guarantee: depth, parts, fields
//! and bytes of a head are bounded, what is left out is counted, and nothing but the letter itself is needed to read
//! it: one that is cut in the middle has the parts that are there.

pub mod coding;
pub mod head;
#[cfg(test)]
mod tests;
mod words;

use std::borrow::Cow;

use head::Head;
use memchr::memmem::Finder;

/// Parts of a letter at most, containers included, and how deep they may lie in each other.
pub const MOST_PARTS: usize = 1000;
pub const DEEPEST: usize = 16;

/// A letter: its parts, each container before what is in it. There is always one.
#[derive(Debug)]
pub struct Letter<'a> {
    pub parts: Vec<Part<'a>>,
}

/// What is wrong with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("the head has no end: what follows was cut off")]
    HeadNotEnded,
    #[error("a line of the head is no field: taken for the beginning of the body")]
    NoField,
    #[error("{0} more fields of the head are left out")]
    Fields(usize),
    #[error("its Content-Type says nothing that is understood: taken for plain text")]
    UnclearType,
    #[error("no boundary is named: nobody knows where its parts begin")]
    NoBoundary,
    #[error("its boundary is nowhere in it: it has no parts")]
    NeverBegun,
    #[error("its closing boundary is missing: the letter is cut off, or its parts are")]
    NotClosed,
    #[error("a container must not be encoded itself (RFC 2045 §6.4): not opened")]
    EncodedContainer,
    #[error("deeper than {DEEPEST} levels: not opened")]
    TooDeep,
    #[error("{0} more parts are left out")]
    TooManyParts(usize),
}

/// A part of a letter; the first is the letter itself.
#[derive(Debug)]
pub struct Part<'a> {
    /// As IMAP counts them (RFC 3501 §6.4.5): `2.1` is the first part of the second. `None`: the letter itself, or the
    /// one that another carries, where it has parts of its own.
    pub number: Option<String>,
    /// 0 for the letter itself.
    pub depth: usize,
    /// The container that it lies in, and whether it is the last there.
    pub parent: Option<usize>,
    pub is_last: bool,
    pub head: Head<'a>,
    pub kind: Kind,
    pub encoding: Encoding,
    /// As they are named, unescaped: the set of characters, and the file that somebody made the part of.
    pub charset: Option<String>,
    pub name: Option<String>,
    /// It is meant to be kept rather than read (RFC 2183).
    pub is_attachment: bool,
    /// As it stands in the letter, encoded.
    pub body: &'a [u8],
    pub content: Content<'a>,
    pub troubles: Vec<Trouble>,
}

/// Type and subtype in lower case, unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub kind: String,
    pub subtype: String,
    /// The head says so; otherwise it is what is meant where nothing is said.
    pub is_said: bool,
}

impl Kind {
    fn assumed(kind: &str, subtype: &str) -> Self {
        Self { kind: kind.to_owned(), subtype: subtype.to_owned(), is_said: false }
    }

    pub fn is_text(&self) -> bool {
        self.kind == "text"
    }
}

/// How the body is made fit for lines of seven bits (RFC 2045 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit, 8bit, binary or nothing: the body is what it is. With the word.
    None(Option<String>),
    QuotedPrintable,
    Base64,
    /// One that nobody here knows.
    Unknown(String),
}

impl Encoding {
    /// Its name as heads say it, unescaped.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::None(said) => said.as_deref(),
            Self::QuotedPrintable => Some("quoted-printable"),
            Self::Base64 => Some("base64"),
            Self::Unknown(name) => Some(name),
        }
    }
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// Text, a picture, a file.
    Leaf,
    /// Parts, and what stands before the first and behind the last for whoever knows no MIME.
    Parts { count: usize, before: &'a [u8], behind: &'a [u8] },
    /// Another letter.
    Letter,
}

impl<'a> Part<'a> {
    /// The body with its transfer encoding undone, and where that could not be done.
    pub fn decoded(&self) -> (Cow<'a, [u8]>, Option<coding::Broken>) {
        match self.encoding {
            Encoding::Base64 => coding::base64(self.body),
            Encoding::QuotedPrintable => coding::quoted_printable(self.body),
            Encoding::None(_) | Encoding::Unknown(_) => (Cow::Borrowed(self.body), None),
        }
    }

    /// `decoded` bytes as text: UTF-8 where their set of characters is known, otherwise as they are (`false`).
    pub fn text<'d>(&self, decoded: &'d [u8]) -> (Cow<'d, [u8]>, bool) {
        match self.charset.as_deref() {
            None => (Cow::Borrowed(decoded), true),
            Some(name) if ["utf-8", "us-ascii", "utf8"].iter().any(|known| name.eq_ignore_ascii_case(known)) => {
                (Cow::Borrowed(decoded), true)
            }
            Some(name) => match words::in_charset(name, decoded) {
                Some(text) => (Cow::Owned(text.into_bytes()), true),
                None => (Cow::Borrowed(decoded), false),
            },
        }
    }

    pub fn is_leaf(&self) -> bool {
        self.content == Content::Leaf
    }
}

/// A part that is still to be read, and where it belongs.
struct Found<'a> {
    parent: Option<usize>,
    depth: usize,
    is_last: bool,
    /// What the numbers of the parts beside it begin with.
    prefix: String,
    /// Which of these parts it is, from 1. `None`: a letter.
    place: Option<usize>,
    head: Head<'a>,
    body: &'a [u8],
    assumed: Kind,
}

/// Reads a letter: its head, an empty line, its body.
pub fn letter(bytes: &[u8]) -> Letter<'_> {
    let (head, body) = head::split(bytes);
    read(head, body, Kind::assumed("text", "plain"))
}

/// Reads a body whose head came apart from it, as HTTP's do.
///
/// Of that head only the fields are kept that speak of the body (`Content-`): others are no letter's.
pub fn body<'a>(head: &'a [u8], body: &'a [u8]) -> Letter<'a> {
    let (mut head, _) = head::split(head);
    head.fields.retain(|field| field.name.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"content-")));
    read(head, body, Kind::assumed("application", "octet-stream"))
}

fn read<'a>(head: Head<'a>, body: &'a [u8], assumed: Kind) -> Letter<'a> {
    let whole =
        Found { parent: None, depth: 0, is_last: true, prefix: String::new(), place: None, head, body, assumed };
    let mut parts: Vec<Part<'a>> = Vec::new();
    // What was found is read from its end, so that what lies in a part comes right behind it.
    let mut found = vec![whole];
    while let Some(next) = found.pop() {
        let room = MOST_PARTS.saturating_sub(parts.len() + 1 + found.len());
        let (part, mut inside) = open(next, parts.len(), room);
        parts.push(part);
        inside.reverse();
        found.append(&mut inside);
    }
    Letter { parts }
}

/// A part, which will stand at `index`, and those that lie in it, at most `room`.
fn open<'a>(found: Found<'a>, index: usize, room: usize) -> (Part<'a>, Vec<Found<'a>>) {
    let Found { parent, depth, is_last, prefix, place, head, body, assumed } = found;
    let mut troubles = head.troubles();
    // A part may be nothing but a head.
    troubles.retain(|trouble| depth == 0 || *trouble != Trouble::HeadNotEnded);
    let said = head.value("Content-Type").map(words::parameters);
    if matches!(said, Some(None)) {
        troubles.push(Trouble::UnclearType);
    }
    let said = said.flatten();
    let parameter = |name: &str| said.as_ref().and_then(|said| said.value(name)).map(str::to_owned);
    let kind = match &said {
        Some(said) => Kind { kind: said.kind.clone(), subtype: said.subtype.clone(), is_said: true },
        None => assumed,
    };
    let disposition = head.value("Content-Disposition").and_then(words::parameters);
    let file = disposition.as_ref().and_then(|said| said.value("filename")).map(str::to_owned);
    let encoding = encoding(&head);
    let carries = kind.kind == "message" && matches!(kind.subtype.as_str(), "rfc822" | "global");
    let has_parts = kind.kind == "multipart";
    let number = format!("{prefix}{}", place.unwrap_or(1));
    let (mut inside, mut content) = (Vec::new(), Content::Leaf);
    if carries || has_parts {
        let refused = match () {
            () if !matches!(encoding, Encoding::None(_)) => Some(Trouble::EncodedContainer),
            () if depth >= DEEPEST => Some(Trouble::TooDeep),
            () if room == 0 => Some(Trouble::TooManyParts(1)),
            () if has_parts && parameter("boundary").is_none_or(|name| name.is_empty()) => Some(Trouble::NoBoundary),
            () => None,
        };
        let within = |place, prefix: String, bytes, assumed| {
            let (head, body) = head::split(bytes);
            Found { parent: Some(index), depth: depth + 1, is_last: false, prefix, place, head, body, assumed }
        };
        if let Some(refused) = refused {
            troubles.push(refused);
        } else if carries {
            content = Content::Letter;
            inside.push(within(None, format!("{number}."), body, Kind::assumed("text", "plain")));
        } else if let Some(divided) = divide(body, &parameter("boundary").unwrap_or_default(), room) {
            // Those of a letter are numbered as if they were beside it.
            let prefix = if place.is_some() { format!("{number}.") } else { prefix };
            let assumed = || match kind.subtype.as_str() {
                "digest" => Kind::assumed("message", "rfc822"),
                _ => Kind::assumed("text", "plain"),
            };
            let parts = divided.parts.iter().zip(1..);
            inside = parts.map(|(bytes, place)| within(Some(place), prefix.clone(), bytes, assumed())).collect();
            troubles.extend((!divided.is_closed).then_some(Trouble::NotClosed));
            troubles.extend((divided.left_out > 0).then_some(Trouble::TooManyParts(divided.left_out)));
            let count = inside.len() + divided.left_out;
            content = Content::Parts { count, before: divided.before, behind: divided.behind };
        } else {
            troubles.push(Trouble::NeverBegun);
        }
        if let Some(last) = inside.last_mut() {
            last.is_last = true;
        }
    }
    let is_only_around = place.is_none() && matches!(content, Content::Parts { .. });
    let part = Part {
        number: (!is_only_around).then_some(number),
        depth,
        parent,
        is_last,
        charset: parameter("charset"),
        name: file.or_else(|| parameter("name")).map(|name| words::decoded(name.as_bytes()).unwrap_or(name)),
        is_attachment: disposition.is_some_and(|said| said.kind == "attachment"),
        head,
        kind,
        encoding,
        body,
        content,
        troubles,
    };
    (part, inside)
}

fn encoding(head: &Head<'_>) -> Encoding {
    let Some(said) = head.value("Content-Transfer-Encoding") else { return Encoding::None(None) };
    // A comment may stand behind it.
    let word = said.trim_ascii().split(|byte| matches!(byte, b' ' | b'\t' | b'(' | b';' | b'\r' | b'\n')).next();
    let word = String::from_utf8_lossy(word.unwrap_or_default()).to_ascii_lowercase();
    match word.as_str() {
        "base64" => Encoding::Base64,
        "quoted-printable" => Encoding::QuotedPrintable,
        "" | "7bit" | "8bit" | "binary" => Encoding::None(Some(word)),
        _ => Encoding::Unknown(word),
    }
}

/// A body cut at its boundary.
struct Divided<'a> {
    parts: Vec<&'a [u8]>,
    before: &'a [u8],
    behind: &'a [u8],
    is_closed: bool,
    left_out: usize,
}

/// Cuts a body at the lines that are two dashes and the boundary (RFC 2046 §5.1.1); the line end before such a line
/// belongs to it. `None`: there is no such line.
fn divide<'a>(body: &'a [u8], boundary: &str, most: usize) -> Option<Divided<'a>> {
    let line = format!("--{boundary}");
    let mut divided = Divided { parts: Vec::new(), before: &[], behind: &[], is_closed: false, left_out: 0 };
    // Where the part begins that is being read.
    let mut begun: Option<usize> = None;
    for at in Finder::new(line.as_bytes()).find_iter(body) {
        let Some((end, closes)) = delimiter(body, at, line.len()) else { continue };
        let bytes = body.get(begun.unwrap_or_default()..at.max(begun.unwrap_or_default())).unwrap_or_default();
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        match begun {
            None => divided.before = bytes,
            Some(_) if divided.parts.len() < most => divided.parts.push(bytes),
            Some(_) => divided.left_out += 1,
        }
        begun = Some(end);
        if closes {
            divided.is_closed = true;
            divided.behind = body.get(end..).unwrap_or_default();
            break;
        }
    }
    let begun = begun?;
    if !divided.is_closed {
        let rest = body.get(begun..).unwrap_or_default();
        match divided.parts.len() < most {
            // Cut right behind a boundary: nothing has begun.
            _ if rest.is_empty() => {}
            true => divided.parts.push(rest),
            false => divided.left_out += 1,
        }
    }
    Some(divided)
}

/// Whether a line of its own begins at `at` with the `length` bytes of a boundary and has nothing else but two dashes:
/// where the next line begins, and whether the dashes are there.
fn delimiter(body: &[u8], at: usize, length: usize) -> Option<(usize, bool)> {
    let begins_line = at == 0 || body.get(at - 1) == Some(&b'\n');
    let rest = body.get(at + length..).filter(|_| begins_line)?;
    let line_end = memchr::memchr(b'\n', rest);
    let line = rest.get(..line_end.unwrap_or(rest.len()))?;
    let (line, closes) = line.strip_prefix(b"--").map_or((line, false), |line| (line, true));
    let is_blank = line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
    is_blank.then(|| (line_end.map_or(body.len(), |end| at + length + end + 1), closes))
}
