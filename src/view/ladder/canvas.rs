//! One row of a chart as cells, so that whatever is written over whatever else, it is never wider than it may be.

use unicode_width::UnicodeWidthChar;

use crate::view::style::{Palette, Role};

/// Columns that `text` takes, character by character.
pub fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The text in at most `room` columns; where it is longer, its end becomes the `ellipsis`.
pub fn fit(text: &str, room: usize, ellipsis: &str) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(columns(ellipsis)) else { return String::new() };
    let mut fitted = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        fitted.push(c);
    }
    fitted.push_str(ellipsis);
    fitted
}

#[derive(Clone, Debug)]
struct Cell {
    /// `None`: the second half of the wide character before it.
    sign: Option<char>,
    /// Marks that combine with it.
    marks: Vec<char>,
    role: Role,
}

impl Cell {
    fn new(sign: Option<char>, role: Role) -> Self {
        Self { sign, marks: Vec::new(), role }
    }
}

/// A row of `width` columns, blank at first.
pub struct Canvas {
    cells: Vec<Cell>,
}

impl Canvas {
    pub fn new(width: usize) -> Self {
        Self { cells: vec![Cell::new(Some(' '), Role::Plain); width] }
    }

    /// Writes `text` from column `at` on; what would stand outside is left out.
    pub fn put(&mut self, at: usize, text: &str, role: Role) {
        let mut place = at;
        for c in text.chars() {
            let width = c.width().unwrap_or(0);
            if width == 0 {
                if place > at
                    && let Some(cell) = self.cells.get_mut(place - 1)
                {
                    cell.marks.push(c);
                }
                continue;
            }
            if place + width > self.cells.len() {
                return;
            }
            self.clear(place, width);
            for (offset, cell) in self.cells.iter_mut().skip(place).take(width).enumerate() {
                *cell = Cell::new((offset == 0).then_some(c), role);
            }
            place += width;
        }
    }

    /// Makes room: of a wide character that loses a half, a blank stays.
    fn clear(&mut self, at: usize, count: usize) {
        for edge in [at, at + count] {
            if self.cells.get(edge).is_some_and(|cell| cell.sign.is_none()) {
                for cell in self.cells.iter_mut().skip(edge.saturating_sub(1)).take(2) {
                    *cell = Cell::new(Some(' '), Role::Plain);
                }
            }
        }
    }

    /// Writes `sign`, which is one column wide, `count` times.
    pub fn fill(&mut self, at: usize, count: usize, sign: char, role: Role) {
        self.clear(at, count);
        for cell in self.cells.iter_mut().skip(at).take(count) {
            *cell = Cell::new(Some(sign), role);
        }
    }

    /// Whether nothing stands in these columns.
    pub fn is_blank(&self, at: usize, count: usize) -> bool {
        self.cells.iter().skip(at).take(count).all(|cell| cell.sign == Some(' '))
    }

    /// Appends the row with its colours and a line end; blanks at its end are left out.
    pub fn write(&self, palette: Palette, out: &mut Vec<u8>) {
        let end = self.cells.iter().rposition(|cell| cell.sign != Some(' ')).map_or(0, |last| last + 1);
        let mut role = Role::Plain;
        for cell in self.cells.iter().take(end) {
            if cell.role != role {
                palette.end(role, out);
                palette.begin(cell.role, out);
                role = cell.role;
            }
            for c in cell.sign.iter().chain(&cell.marks) {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        palette.end(role, out);
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(canvas: &Canvas, colored: bool) -> String {
        let mut out = Vec::new();
        canvas.write(Palette::new(colored), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_written_later_stands_over_what_was_there() {
        let mut canvas = Canvas::new(12);
        canvas.fill(2, 8, '─', Role::Plain);
        canvas.put(4, "你e\u{301}", Role::Data);
        canvas.put(10, "你好", Role::Plain);
        assert_eq!(row(&canvas, false), "  ──你e\u{301}───你\n");
        assert!(row(&canvas, true).contains("──\x1b[36m你e\u{301}\x1b[0m──"));
        canvas.fill(5, 1, '│', Role::Plain);
        assert_eq!(row(&canvas, false), "  ── │e\u{301}───你\n");
    }

    #[test]
    fn fits_text_into_columns() {
        assert_eq!(fit("Grüße", 5, "…"), "Grüße");
        assert_eq!(fit("Grüße", 4, "…"), "Grü…");
        assert_eq!(fit("你好吗", 5, "..."), "你...");
        assert_eq!(fit("Grüße", 2, "..."), "");
    }
}
