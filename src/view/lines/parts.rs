//! The pieces of a line's last column, and how they are made to fit: what matters least goes first.

use unicode_width::UnicodeWidthStr;

use crate::field::text;
use crate::view::style::{Palette, Role};

/// How long a piece stays when room is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Windows, options, how the packet was carried.
    Detail,
    /// Sequence numbers and lengths.
    Number,
    /// Which message it answers.
    Answer,
    /// Whose it is.
    Program,
    /// The flags of a segment.
    Flags,
    /// Message types, application text.
    Matter,
    /// Plain words.
    Words,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    start: usize,
    end: usize,
    keep: Keep,
    role: Role,
    /// Columns that it may take, no gap counted; `None`: it is left out.
    most: Option<usize>,
}

/// Columns below which a piece that matters is left out rather than cut.
const LEAST: usize = 8;

/// The pieces of one line, their storage reused for the next.
#[derive(Debug)]
pub struct Parts {
    palette: Palette,
    /// Whether a line must fit a terminal. Where not, pieces are joined as they come: most of what is read goes into
    /// pipes and files, and speed matters there.
    fitted: bool,
    text: Vec<u8>,
    parts: Vec<Part>,
    /// Room for a piece of which it is not known yet how it is to look.
    spare: Vec<u8>,
}

impl Parts {
    pub fn new(palette: Palette, fitted: bool) -> Self {
        Self { palette, fitted, text: Vec::with_capacity(512), parts: Vec::new(), spare: Vec::new() }
    }

    pub fn is_fitted(&self) -> bool {
        self.fitted
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.parts.clear();
    }

    /// Adds a piece; `write` must write escaped text, and a piece of nothing is left out.
    #[inline]
    pub fn add(&mut self, keep: Keep, role: Role, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.text.len();
        if !self.fitted {
            text::put(*b"  ", gap(keep, before == 0), &mut self.text);
            self.palette.begin(role, &mut self.text);
        }
        let start = self.text.len();
        write(&mut self.text);
        let end = self.text.len();
        if end == start {
            self.text.truncate(before);
        } else if self.fitted {
            self.parts.push(Part { start, end, keep, role, most: Some(usize::MAX) });
        } else {
            self.palette.end(role, &mut self.text);
        }
    }

    /// As [`add`](Self::add), of a piece that itself tells its role; `None`: there is no such piece.
    #[inline]
    pub fn add_told<T>(&mut self, keep: Keep, write: impl FnOnce(&mut Vec<u8>) -> Option<(T, Role)>) -> Option<T> {
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        let told = write(&mut spare);
        if let Some((_, role)) = &told {
            self.add(keep, *role, |out| out.extend_from_slice(&spare));
        }
        self.spare = spare;
        told.map(|(told, _)| told)
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Writes the pieces with a space between them, two before words; where they are to fit, what matters least is left
    /// out until the rest fits `room` columns. What an application says is cut where enough of it stays, and so is the
    /// last piece, if it must be.
    #[inline]
    pub fn write(&mut self, room: usize, out: &mut Vec<u8>) {
        if !self.fitted {
            out.extend_from_slice(&self.text);
            return;
        }
        self.fit(room);
        let mut left = room;
        let mut first = true;
        for part in &self.parts {
            let Some(most) = part.most else { continue };
            let gap = gap(part.keep, first);
            if left <= gap {
                break;
            }
            left -= gap;
            text::put(*b"  ", gap, out);
            first = false;
            self.palette.begin(part.role, out);
            left -= cut(&self.text[part.start..part.end], left.min(most), out);
            self.palette.end(part.role, out);
        }
    }

    /// The pieces that are no words, and the words, without whose it is; only where pieces are kept apart (`fitted`).
    pub fn split(&self) -> [String; 2] {
        let side = |words: bool, gap: &[u8]| {
            let pieces = self.parts.iter().filter(|part| part.keep != Keep::Program);
            let pieces = pieces.filter(|part| matches!(part.keep, Keep::Words | Keep::Answer) == words);
            let pieces: Vec<&[u8]> = pieces.map(|part| &self.text[part.start..part.end]).collect();
            String::from_utf8_lossy(&pieces.join(gap)).into_owned()
        };
        [side(false, b" "), side(true, b"  ")]
    }

    fn fit(&mut self, room: usize) {
        let mut needs = 0;
        for (place, part) in self.parts.iter().enumerate() {
            needs += width(&self.text[part.start..part.end]) + gap(part.keep, place == 0);
        }
        let mut left = self.parts.len();
        while needs > room && left > 1 {
            // Of those that matter least, the last; words are never left out, and one piece stays to be cut.
            let left_in = self.parts.iter_mut().enumerate().filter(|(_, part)| part.most.is_some());
            let least = left_in.min_by_key(|(place, part)| (part.keep, usize::MAX - place)).map(|(_, part)| part);
            let Some(part) = least.filter(|part| part.keep < Keep::Words) else { return };
            let columns = width(&self.text[part.start..part.end]);
            let shorter = columns.saturating_sub(needs - room);
            if part.keep == Keep::Matter && shorter >= LEAST {
                part.most = Some(shorter);
                return;
            }
            part.most = None;
            left -= 1;
            needs = needs.saturating_sub(columns + gap(part.keep, false));
        }
    }
}

fn gap(keep: Keep, first: bool) -> usize {
    match (first, keep) {
        (true, _) => 0,
        (false, Keep::Words | Keep::Program | Keep::Answer) => 2,
        (false, _) => 1,
    }
}

/// Columns that escaped text takes up.
pub fn width(text: &[u8]) -> usize {
    if text.is_ascii() { text.len() } else { std::str::from_utf8(text).map_or(text.len(), UnicodeWidthStr::width) }
}

/// Writes at most `room` columns of `text`, with an ellipsis where it is cut; tells how many columns it took.
fn cut(text: &[u8], room: usize, out: &mut Vec<u8>) -> usize {
    let whole = width(text);
    if whole <= room {
        out.extend_from_slice(text);
        return whole;
    }
    let Some(room) = room.checked_sub(1) else { return 0 };
    let mut taken = 0;
    for c in std::str::from_utf8(text).unwrap_or_default().chars() {
        let columns = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if taken + columns > room {
            break;
        }
        taken += columns;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.extend_from_slice("…".as_bytes());
    taken + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(room: Option<usize>) -> String {
        let mut parts = Parts::new(Palette::new(false), room.is_some());
        parts.add(Keep::Flags, Role::Plain, |out| out.extend_from_slice(b"SYN"));
        parts.add(Keep::Number, Role::Plain, |out| out.extend_from_slice(b"seq 0"));
        parts.add(Keep::Detail, Role::Plain, |out| out.extend_from_slice(b"win 100"));
        parts.add(Keep::Words, Role::Plain, |out| out.extend_from_slice("otvaranje: klijent pita".as_bytes()));
        let mut out = Vec::new();
        parts.write(room.unwrap_or(0), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_matters_least_is_left_out_first() {
        assert_eq!(line(None), "SYN seq 0 win 100  otvaranje: klijent pita");
        assert_eq!(line(Some(42)), "SYN seq 0 win 100  otvaranje: klijent pita");
        assert_eq!(line(Some(41)), "SYN seq 0  otvaranje: klijent pita");
        assert_eq!(line(Some(30)), "SYN  otvaranje: klijent pita");
        assert_eq!(line(Some(25)), "otvaranje: klijent pita");
    }

    #[test]
    fn what_an_application_says_is_cut_rather_than_left_out() {
        let mut parts = Parts::new(Palette::new(false), true);
        parts.add(Keep::Flags, Role::Plain, |out| out.extend_from_slice(b"PSH,ACK"));
        parts.add(Keep::Number, Role::Plain, |out| out.extend_from_slice(b"seq 0"));
        parts.add(Keep::Matter, Role::Plain, |out| out.extend_from_slice(b"GET /long HTTP/1.1"));
        let mut out = Vec::new();
        parts.write(12, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "GET /long H…");
    }

    #[test]
    fn what_an_application_says_is_cut_into_the_room_that_words_leave() {
        let line = |room| {
            let mut parts = Parts::new(Palette::new(false), true);
            parts.add(Keep::Flags, Role::Plain, |out| out.extend_from_slice(b"FIN,PSH,ACK"));
            parts.add(Keep::Number, Role::Plain, |out| out.extend_from_slice(b"seq 0"));
            parts.add(Keep::Matter, Role::Plain, |out| out.extend_from_slice("GET /šećer HTTP/1.1".as_bytes()));
            parts.add(Keep::Answer, Role::Plain, |out| out.extend_from_slice(b"answer to #4"));
            parts.add(Keep::Words, Role::Plain, |out| out.extend_from_slice(b"overtaken: arrives late"));
            let mut out = Vec::new();
            parts.write(room, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(line(44), "GET /šećer HTTP/1.1  overtaken: arrives late");
        assert_eq!(line(43), "GET /šećer HTTP/1…  overtaken: arrives late");
        assert_eq!(line(33), "GET /še…  overtaken: arrives late");
        assert_eq!(line(32), "overtaken: arrives late");
    }

    #[test]
    fn never_takes_more_columns_than_it_is_given() {
        for room in 0..60 {
            assert!(width(line(Some(room)).as_bytes()) <= room, "{room}: {:?}", line(Some(room)));
        }
        assert_eq!(line(Some(10)), "otvaranje…");
    }
}
