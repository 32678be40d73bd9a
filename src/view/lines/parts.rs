//! The pieces of a line's last column, and how they are made to fit: what matters least goes first.

use unicode_width::UnicodeWidthStr;

use crate::view::style::{Palette, Role};

/// How long a piece stays when room is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Windows, options, how the packet was carried.
    Detail,
    /// Sequence numbers and lengths.
    Number,
    /// Flags, message types, application text.
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
    dropped: bool,
}

/// The pieces of one line, their storage reused for the next.
#[derive(Debug, Default)]
pub struct Parts {
    text: Vec<u8>,
    parts: Vec<Part>,
}

impl Parts {
    pub fn clear(&mut self) {
        self.text.clear();
        self.parts.clear();
    }

    /// Adds a piece; `write` must write escaped text, and a piece of nothing is left out.
    #[inline]
    pub fn add(&mut self, keep: Keep, role: Role, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len();
        write(&mut self.text);
        let end = self.text.len();
        if end > start {
            self.parts.push(Part { start, end, keep, role, dropped: false });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Writes the pieces with a space between them, two before words; where `room` columns are given, what matters least
    /// is left out until the rest fits, and the last piece is cut if it must be.
    #[inline]
    pub fn write(&mut self, room: Option<usize>, palette: Palette, out: &mut Vec<u8>) {
        let mut left = match room {
            None => usize::MAX,
            Some(room) => {
                self.fit(room);
                room
            }
        };
        let mut first = true;
        for part in self.parts.iter().filter(|part| !part.dropped) {
            let gap = gap(part.keep, first);
            if left <= gap {
                break;
            }
            left -= gap;
            out.extend_from_slice(&b"  "[..gap]);
            first = false;
            palette.begin(part.role, out);
            let text = &self.text[part.start..part.end];
            if room.is_none() {
                out.extend_from_slice(text);
            } else {
                left -= cut(text, left, out);
            }
            palette.end(part.role, out);
        }
    }

    fn fit(&mut self, room: usize) {
        let mut needs = 0;
        for (place, part) in self.parts.iter().enumerate() {
            needs += width(&self.text[part.start..part.end]) + gap(part.keep, place == 0);
        }
        while needs > room {
            let least = self.parts.iter_mut().filter(|part| !part.dropped).rev().min_by_key(|part| part.keep);
            let Some(part) = least else { return };
            // One piece of the matter stays, cut: a line that says nothing helps nobody.
            if part.keep >= Keep::Matter && self.parts.iter().filter(|part| !part.dropped).count() == 1 {
                return;
            }
            let least = self.parts.iter_mut().filter(|part| !part.dropped).rev().min_by_key(|part| part.keep);
            let Some(part) = least else { return };
            // Words are worth more whole than matter is; but text of the application is cut rather than left out.
            if part.keep == Keep::Words {
                return;
            }
            part.dropped = true;
            needs -= (width(&self.text[part.start..part.end]) + gap(part.keep, false)).min(needs);
        }
    }
}

fn gap(keep: Keep, first: bool) -> usize {
    match (first, keep) {
        (true, _) => 0,
        (false, Keep::Words) => 2,
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
        let mut parts = Parts::default();
        parts.add(Keep::Matter, Role::Plain, |out| out.extend_from_slice(b"SYN"));
        parts.add(Keep::Number, Role::Plain, |out| out.extend_from_slice(b"seq 0"));
        parts.add(Keep::Detail, Role::Plain, |out| out.extend_from_slice(b"win 100"));
        parts.add(Keep::Words, Role::Plain, |out| out.extend_from_slice("otvaranje: klijent pita".as_bytes()));
        let mut out = Vec::new();
        parts.write(room, Palette::new(false), &mut out);
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
    fn never_takes_more_columns_than_it_is_given() {
        for room in 0..60 {
            assert!(width(line(Some(room)).as_bytes()) <= room, "{room}: {:?}", line(Some(room)));
        }
        assert_eq!(line(Some(10)), "otvaranje…");
    }
}
