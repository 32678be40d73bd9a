//! The head of a letter or of a part: fields, one or more lines each, up to an empty line (RFC 5322 §2.2).

use super::{Trouble, words};

/// Fields of a head at most, and bytes of it.
const MOST_FIELDS: usize = 500;
const LONGEST: usize = 256 << 10;

/// A head as it stands.
#[derive(Debug, Default)]
pub struct Head<'a> {
    pub fields: Vec<HeaderField<'a>>,
    left_out: usize,
    has_no_end: bool,
    has_other_lines: bool,
}

/// A field of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderField<'a> {
    pub name: &'a [u8],
    /// As it stands, line ends inside it too; without blanks around it.
    pub value: &'a [u8],
}

impl HeaderField<'_> {
    /// The value with its encoded words decoded (RFC 2047), in one line. `None`: there are none in it.
    pub fn decoded(&self) -> Option<String> {
        words::decoded(self.value)
    }
}

impl<'a> Head<'a> {
    /// The first field of this name, whatever its case.
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        let found = self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(found.value)
    }

    pub(super) fn troubles(&self) -> Vec<Trouble> {
        let fields = (self.left_out > 0).then_some(Trouble::Fields(self.left_out));
        let end = self.has_no_end.then_some(Trouble::HeadNotEnded);
        let other = self.has_other_lines.then_some(Trouble::NoField);
        [fields, end, other].into_iter().flatten().collect()
    }
}

/// Cuts a letter or a part into its head and its body. A line that is neither a field nor the rest of one begins the
/// body, as it does for most that read letters.
pub fn split(bytes: &[u8]) -> (Head<'_>, &[u8]) {
    let mut head = Head::default();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let line = line(rest);
        if line.is_empty() {
            // An empty part has no head, and none that lacks its end.
            head.has_no_end = !head.fields.is_empty();
            return (head, &[]);
        }
        if matches!(line, b"\r\n" | b"\n") {
            return (head, rest.get(line.len()..).unwrap_or_default());
        }
        let Some(colon) = name(line).filter(|_| at < LONGEST) else {
            head.has_other_lines = true;
            return (head, rest);
        };
        let mut length = line.len();
        loop {
            let more = self::line(rest.get(length..).unwrap_or_default());
            if !more.starts_with(b" ") && !more.starts_with(b"\t") || more.trim_ascii().is_empty() {
                break;
            }
            length += more.len();
        }
        if head.fields.len() < MOST_FIELDS {
            let name = rest.get(..colon).unwrap_or_default().trim_ascii();
            let value = rest.get(colon + 1..length).unwrap_or_default().trim_ascii();
            head.fields.push(HeaderField { name, value });
        } else {
            head.left_out += 1;
        }
        at += length;
    }
}

/// The first line with its end.
fn line(bytes: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
    bytes.get(..end).unwrap_or(bytes)
}

/// Where the colon stands behind the name of a field: printable characters without blanks.
fn name(line: &[u8]) -> Option<usize> {
    let colon = memchr::memchr(b':', line)?;
    let name = line.get(..colon)?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(colon)
}
