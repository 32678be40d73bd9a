//! A letter as the tree of its parts: the fields of each head, encoded words decoded beside them; text as text, base64
//! drawn for its first three bytes, quoted-printable with what its marks stand for.
//!
//! Guarantee: everything from the letter is escaped, and no more of a part is shown than a screen or two.

use super::encoding;
use super::escape;
use super::style::{Palette, Role};
use super::tree::plural;
use super::words::Words;
use super::wrap;
use crate::flow::mime::{Content, Encoding, Letter, Part};

/// Fields of a head, lines of a text and bytes of a field that are shown, unless all are asked for.
const FIELDS: usize = 40;
const LINES: usize = 24;
const LONGEST: usize = 600;
/// The same where all are asked for.
const ALL: usize = 1 << 20;
/// Marks of quoted-printable that are explained, and bytes of one.
const MARKS: usize = 8;
const MARK: usize = 24;
/// Bytes that are shown of what is no text.
const BEGINNING: usize = 16;
/// Columns of base64 drawn.
const DRAWING: usize = 54;
/// Columns of text at least, however deep it lies.
const NARROWEST: usize = 24;

/// How a letter is to look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub palette: Palette,
    pub width: usize,
    /// `+ - |` instead of box-drawing characters.
    pub ascii: bool,
    /// All lines of each text.
    pub all: bool,
    pub words: &'static Words,
}

/// Writes the tree of a letter.
pub fn write(letter: &Letter<'_>, look: &Look, out: &mut Vec<u8>) {
    let is_encoded = |part: &Part<'_>| part.is_leaf() && part.encoding == Encoding::Base64 && !part.body.is_empty();
    let drawn = letter.parts.iter().position(is_encoded);
    for (index, part) in letter.parts.iter().enumerate() {
        let is_drawn = look.all || drawn == Some(index);
        let mut page = Page { look, margins: margins(letter, index, look), is_drawn, out };
        page.part(part);
    }
}

/// What stands before the first line of a part, and before the others.
fn margins(letter: &Letter<'_>, index: usize, look: &Look) -> [String; 2] {
    let [through, branch, last] = if look.ascii { ["|  ", "|- ", "`- "] } else { ["│  ", "├─ ", "└─ "] };
    let Some(part) = letter.parts.get(index) else { return Default::default() };
    let has_parts = letter.parts.get(index + 1).is_some_and(|next| next.parent == Some(index));
    let mut above = Vec::new();
    let mut parent = part.parent;
    while let Some(container) = parent.and_then(|at| letter.parts.get(at)) {
        if container.depth > 0 {
            above.push(if container.is_last { "   " } else { through });
        }
        parent = container.parent;
    }
    let above: String = above.into_iter().rev().collect();
    let own = match (part.depth, part.is_last) {
        (0, _) => ["", ""],
        (_, true) => [last, "   "],
        (_, false) => [branch, through],
    };
    let below = if has_parts { through } else { "   " };
    [format!("{above}{}", own[0]), format!("{above}{}{below}", own[1])]
}

struct Page<'p> {
    look: &'p Look,
    margins: [String; 2],
    /// Its base64 is drawn: the first of a letter is enough to see how it is done.
    is_drawn: bool,
    out: &'p mut Vec<u8>,
}

impl Page<'_> {
    fn room(&self) -> usize {
        self.look.width.saturating_sub(self.margins[1].chars().count()).max(NARROWEST)
    }

    /// One line behind the margin, without blanks at its end.
    fn line(&mut self, role: Role, text: &str) {
        let text = text.trim_end();
        let margin = if text.is_empty() { self.margins[1].trim_end() } else { &self.margins[1] };
        self.look.palette.begin(Role::Faint, self.out);
        self.out.extend_from_slice(margin.as_bytes());
        self.look.palette.end(Role::Faint, self.out);
        self.look.palette.begin(role, self.out);
        self.out.extend_from_slice(text.as_bytes());
        self.look.palette.end(role, self.out);
        self.out.push(b'\n');
    }

    /// Words in as many lines as they need, those behind the first set in.
    fn words(&mut self, role: Role, text: &str, indent: usize) {
        let room = self.room();
        for (place, row) in rows(text, room.saturating_sub(indent)).into_iter().enumerate() {
            let blanks = if place == 0 { 0 } else { indent };
            self.line(role, &format!("{:blanks$}{row}", ""));
        }
    }

    fn part(&mut self, part: &Part<'_>) {
        let (decoded, broken) = part.decoded();
        self.title(part, decoded.len());
        self.head(part);
        for trouble in &part.troubles {
            self.words(Role::Trouble, &format!("[{trouble}]"), 1);
        }
        if let Some(broken) = broken {
            let name = part.encoding.name().unwrap_or_default();
            let said = format!("[{name} is broken at byte {} of the part: {}]", broken.at, broken.why);
            self.words(Role::Trouble, &said, 1);
        }
        match &part.content {
            Content::Leaf => self.leaf(part, &decoded),
            Content::Parts { before, behind, .. } => {
                for (bytes, place) in [(before, "before the first part"), (behind, "behind the last part")] {
                    if !bytes.trim_ascii().is_empty() {
                        let length = amount(bytes.len());
                        let said = format!("[{length} {place}, for whoever knows no MIME: {}]", quoted(bytes));
                        self.words(Role::Faint, &said, 1);
                    }
                }
            }
            Content::Letter => {}
        }
    }

    /// Number, type, and how much it is.
    fn title(&mut self, part: &Part<'_>, decoded: usize) {
        let number = part.number.as_deref().unwrap_or("letter");
        let kind = escape::text(&format!("{}/{}", part.kind.kind, part.kind.subtype));
        // What kind nothing would be is of no use: a request mostly has no body.
        let is_nothing = !part.kind.is_said && part.body.is_empty();
        let mut said = match part.kind.is_said {
            _ if is_nothing => "no body".to_owned(),
            true => kind,
            false => format!("{kind} (not said, meant by default)"),
        };
        if let Some(charset) = &part.charset {
            said.push_str(&format!(", {}", escape::text(charset)));
        }
        if let Some(encoding) = part.encoding.name() {
            said.push_str(&format!(", {}", escape::text(encoding)));
        }
        if let Encoding::Unknown(_) = part.encoding {
            said.push_str(" (nobody knows that)");
        }
        said.push_str(&match (&part.content, &part.encoding) {
            (Content::Parts { count, .. }, _) => {
                format!(": {count} {}, {}", plural(*count, "part"), amount(part.body.len()))
            }
            (_, Encoding::Base64 | Encoding::QuotedPrintable) => {
                format!(": {}, decoded {decoded}", amount(part.body.len()))
            }
            _ => format!(": {}", amount(part.body.len())),
        });
        if part.is_attachment {
            said.push_str(", attachment");
        }
        if let Some(name) = &part.name {
            said.push_str(&format!(" \"{}\"", escape::text(name)));
        }
        let palette = self.look.palette;
        let (faint, bold) = (palette.style(Role::Faint), palette.style(Role::Heading));
        let margin = &self.margins[0];
        let mut rows = rows(&said, self.room().saturating_sub(number.len() + 1)).into_iter();
        let first = rows.next().unwrap_or_default();
        let line = format!("{faint}{margin}{faint:#}{bold}{number} {first}{bold:#}\n");
        self.out.extend_from_slice(line.as_bytes());
        rows.for_each(|row| self.line(Role::Heading, &format!("{:1$}{row}", "", number.len() + 1)));
    }

    fn head(&mut self, part: &Part<'_>) {
        let shown = if self.look.all { ALL } else { FIELDS };
        for field in part.head.fields.iter().take(shown) {
            let name = shortened(field.name);
            let value = shortened(&unfolded(field.value));
            self.words(Role::Plain, &format!("{name}: {value}"), 4);
            if let Some(decoded) = field.decoded() {
                self.words(Role::Data, &format!("  that is: {}", shortened(decoded.as_bytes())), 6);
            }
        }
        let left = part.head.fields.len().saturating_sub(shown);
        if left > 0 {
            self.line(Role::Faint, &format!("[{left} more {}: --all shows them]", plural(left, "field")));
        }
        if !part.head.fields.is_empty() {
            self.line(Role::Plain, "");
        }
    }

    fn leaf(&mut self, part: &Part<'_>, decoded: &[u8]) {
        if decoded.is_empty() {
            return;
        }
        if part.encoding == Encoding::Base64 {
            self.drawn(decoded);
        }
        let (text, is_known) = part.text(decoded);
        if !is_known {
            let charset = escape::text(part.charset.as_deref().unwrap_or_default());
            self.words(Role::Trouble, &format!("[nobody here knows the characters {charset}: shown as bytes]"), 1);
        }
        if part.encoding == Encoding::QuotedPrintable {
            self.marks(part);
        }
        if part.kind.is_text() || reads_as_text(&text) {
            return self.text(&text);
        }
        let most = BEGINNING.min(self.room().saturating_sub(2) / 4);
        let beginning = decoded.get(..most).unwrap_or(decoded);
        let letter = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' };
        let letters: String = beginning.iter().map(letter).collect();
        self.line(Role::Data, &format!("{}  {letters}", digits(beginning)));
        let left = decoded.len() - beginning.len();
        if left > 0 {
            self.line(Role::Faint, &format!("[{left} more {}: --save DIR keeps all]", plural(left, "byte")));
        }
        self.line(Role::Plain, "");
    }

    /// The first three bytes as base64, bit by bit.
    fn drawn(&mut self, decoded: &[u8]) {
        let Look { palette, ascii, words, .. } = *self.look;
        let look = encoding::Look { palette, width: self.room(), ascii, words };
        let group = decoded.get(..3).unwrap_or(decoded);
        if self.is_drawn && self.room() >= DRAWING {
            let mut drawing = Vec::new();
            encoding::draw_base64(group, &look, &mut drawing);
            String::from_utf8_lossy(&drawing).lines().for_each(|line| self.line(Role::Plain, line));
        } else {
            self.line(Role::Plain, &format!("{} stands for {}", encoding::base64(group), digits(group)));
        }
        if decoded.len() > 3 {
            let left = (decoded.len() - 3).div_ceil(3);
            self.line(Role::Faint, &format!("[and {left} more {} of four characters]", plural(left, "group")));
        }
        self.line(Role::Plain, "");
    }

    /// The first marks of quoted-printable: as they stand, their bytes, and what these mean.
    fn marks(&mut self, part: &Part<'_>) {
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut rest = part.body;
        while let Some(at) = rest.iter().position(|byte| *byte == b'=')
            && seen.len() < MARKS
        {
            rest = rest.get(at..).unwrap_or_default();
            let length = rest.chunks_exact(3).take(MARK / 3).take_while(|mark| is_mark(mark)).count() * 3;
            let mark = rest.get(..length).unwrap_or_default();
            if !mark.is_empty() && !seen.contains(&mark) {
                seen.push(mark);
            }
            rest = rest.get(length.max(1)..).unwrap_or_default();
        }
        let width = seen.iter().map(|mark| mark.len()).max().unwrap_or_default();
        for mark in &seen {
            let bytes = crate::flow::mime::coding::quoted_printable(mark).0;
            let digits = digits(&bytes);
            let mut meant = Vec::new();
            escape::write(&part.text(&bytes).0, &mut meant);
            let (mark, meant) = (String::from_utf8_lossy(mark), String::from_utf8_lossy(&meant));
            self.line(Role::Plain, &format!("{mark:<width$}  {digits:<width$}  {meant}"));
        }
        if !seen.is_empty() {
            self.line(Role::Plain, "");
        }
    }

    fn text(&mut self, text: &[u8]) {
        let most = if self.look.all { ALL } else { LINES };
        let room = self.room();
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let mut lines = text.split(|byte| *byte == b'\n');
        let mut shown = 0;
        for line in lines.by_ref().take(most) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let most = if self.look.all { line.len() } else { LONGEST };
            let mut escaped = Vec::new();
            escape::write_cut(line, most, &mut escaped);
            for row in rows(&String::from_utf8_lossy(&escaped), room) {
                shown += 1;
                self.line(Role::Data, &row);
            }
            // Rows of a screen or two, however long the lines are.
            if !self.look.all && shown >= LINES * 2 {
                break;
            }
        }
        let left = lines.count();
        if left > 0 {
            self.line(Role::Faint, &format!("[{left} more {}: --all shows them]", plural(left, "line")));
        }
        self.line(Role::Plain, "");
    }
}

fn is_mark(bytes: &[u8]) -> bool {
    matches!(bytes, [b'=', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// `01 02 ce`.
fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn amount(bytes: usize) -> String {
    format!("{bytes} {}", plural(bytes, "byte"))
}

/// Rows of at most `room` columns, cut at blanks, and where there is none, anywhere.
fn rows(text: &str, room: usize) -> Vec<String> {
    let wide = |c: char| unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
    let mut rows = Vec::new();
    for row in wrap::rows(text, room) {
        let (mut part, mut columns) = (String::new(), 0);
        for c in row.chars() {
            if columns + wide(c) > room {
                rows.push(std::mem::take(&mut part));
                columns = 0;
            }
            columns += wide(c);
            part.push(c);
        }
        rows.push(part);
    }
    rows
}

/// A field in one line: where it was folded stands a blank (RFC 5322 §2.2.3).
fn unfolded(value: &[u8]) -> Vec<u8> {
    let lines = value.split(|byte| *byte == b'\n').map(|line| line.trim_ascii());
    lines.collect::<Vec<_>>().join(&b' ')
}

/// Escaped, and not too long.
fn shortened(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    escape::write_cut(bytes, LONGEST, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn quoted(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    escape::quote(bytes.trim_ascii(), 60, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether bytes whose type is not text can be read as one all the same: JSON, forms, XML. The end may be cut in a letter.
fn reads_as_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_some() => return false,
        Err(error) => {
            bytes.get(..error.valid_up_to()).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
        }
    };
    !text.is_empty() && !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}
