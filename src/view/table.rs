//! Tables of a few dozen rows for a person; comfy-table is wrapped here and nowhere else.
//!
//! Every cell is escaped: comfy-table would hand control characters on. It holds the whole table in memory, so lists
//! that grow print their rows themselves. Whether there is colour is decided by the caller, not by looking at a terminal.

use std::io::{self, Write};

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, ContentLineStyle, LineStyle, Table as Inner, TableStyle,
};

use super::escape;
use super::style::{Palette, Role};

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A line under the header, none between rows: many rows on a screen.
const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none());

/// A table being filled.
pub struct Table {
    inner: Inner,
    aligns: Vec<Align>,
    palette: Palette,
    /// What stands beneath each row, and how many lines the row has.
    beneath: Vec<(Option<String>, usize)>,
}

/// Lines before the first row: the header, and the line under it.
const ABOVE: usize = 2;

impl Table {
    /// A table of these columns, at most `width` characters wide; cells wrap where it would be wider.
    pub fn new(columns: &[(&str, Align)], width: usize, palette: Palette) -> Self {
        let mut inner = Inner::new();
        inner.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
        inner.set_width(u16::try_from(width).unwrap_or(u16::MAX)).force_no_tty();
        if palette.is_colored() {
            inner.enforce_styling();
        }
        let mut table =
            Self { inner, aligns: columns.iter().map(|(_, align)| *align).collect(), palette, beneath: Vec::new() };
        let header: Vec<Cell> =
            columns.iter().enumerate().map(|(at, (name, _))| table.cell(at, name, Role::Heading)).collect();
        table.inner.set_header(header);
        table.inner.column_iter_mut().for_each(|column| {
            column.set_padding((0, 1));
        });
        table
    }

    /// Blank columns between two cells, at least one.
    pub fn gap(mut self, gap: usize) -> Self {
        let right = u16::try_from(gap.saturating_sub(1)).unwrap_or(u16::MAX);
        self.inner.column_iter_mut().for_each(|column| {
            column.set_padding((0, right));
        });
        self
    }

    /// Adds a row: the text of each cell, and what it is.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = (&'a str, Role)>) {
        let mut height = 1;
        let cells: Vec<Cell> = cells
            .into_iter()
            .enumerate()
            .map(|(at, (text, role))| {
                height = height.max(text.split('\n').count());
                self.cell(at, text, role)
            })
            .collect();
        self.inner.add_row(cells);
        self.beneath.push((None, height));
    }

    /// A line beneath the last row, over all columns; the caller sees to its width.
    ///
    /// It is left out where the table is so narrow that cells had to be broken.
    pub fn beneath(&mut self, text: &str, role: Role) {
        if let Some((beneath, _)) = self.beneath.last_mut() {
            let style = self.palette.style(role);
            *beneath = Some(format!("{style}{}{style:#}", escape::text(text)));
        }
    }

    /// Writes the table, with a line end after it.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let lines: Vec<String> = self.inner.lines().collect();
        let as_given = lines.len() == ABOVE + self.beneath.iter().map(|(_, height)| height).sum::<usize>();
        let mut lines = lines.iter().map(|line| line.trim_end());
        if as_given {
            lines.by_ref().take(ABOVE).try_for_each(|line| writeln!(out, "{line}"))?;
            for (beneath, height) in &self.beneath {
                lines.by_ref().take(*height).try_for_each(|line| writeln!(out, "{line}"))?;
                beneath.iter().try_for_each(|text| writeln!(out, "{text}"))?;
            }
        }
        lines.try_for_each(|line| writeln!(out, "{line}"))
    }

    /// Line ends in `text` stay line ends of the cell; all else that acts on a terminal is escaped.
    fn cell(&self, column: usize, text: &str, role: Role) -> Cell {
        let shown: Vec<String> = text.split('\n').map(escape::text).collect();
        let cell = Cell::new(shown.join("\n")).set_alignment(match self.aligns.get(column) {
            Some(Align::Right) => CellAlignment::Right,
            _ => CellAlignment::Left,
        });
        if !self.palette.is_colored() {
            return cell;
        }
        match role {
            Role::Plain => cell,
            Role::Opening => cell.fg(Color::DarkGreen),
            Role::Data => cell.fg(Color::DarkCyan),
            Role::Closing => cell.fg(Color::DarkYellow),
            Role::Trouble => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
            Role::Faint => cell.add_attribute(Attribute::Dim),
            Role::Heading => cell.add_attribute(Attribute::Bold),
            Role::Client => cell.fg(Color::DarkCyan),
            Role::Server => cell.fg(Color::DarkYellow),
        }
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn text(width: usize, colored: bool, rows: &[[&str; 2]]) -> String {
        let columns = [("name", Align::Left), ("n", Align::Right)];
        let mut table = Table::new(&columns, width, Palette::new(colored));
        for row in rows {
            table.row(row.iter().map(|cell| (*cell, Role::Data)));
        }
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_cell_cannot_act_on_the_terminal() {
        let shown = text(60, false, &[["evil\x1b[2J\u{202e}\r", "1\n2"]]);
        assert!(shown.contains(r"evil\x1b[2J\u{202e}\r"), "{shown}");
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown}");
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        let long = "word ".repeat(40);
        let shown = text(40, false, &[[&long, "12345"], ["short", "7"]]);
        assert!(shown.lines().all(|line| line.width() <= 40), "{shown}");
        assert!(shown.lines().any(|line| line.ends_with("7")), "numbers stand to the right:\n{shown}");
    }

    #[test]
    fn a_line_beneath_a_row_goes_over_all_columns() {
        let drawn = |width| {
            let mut table = Table::new(&[("name", Align::Left), ("n", Align::Right)], width, Palette::new(false));
            table.row([("a\nb", Role::Data), ("1", Role::Data)]);
            table.beneath("  wider than\x1b[2J both", Role::Data);
            table.row([("word word", Role::Data), ("2", Role::Data)]);
            let mut out = Vec::new();
            table.write(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let wide = drawn(40);
        let lines: Vec<&str> = wide.lines().skip(ABOVE).collect();
        assert_eq!(lines, ["a          1", "b", r"  wider than\x1b[2J both", "word word  2"]);
        assert!(!drawn(9).contains("wider"), "{}", drawn(9));
    }

    #[test]
    fn colour_is_there_only_where_it_was_asked_for() {
        let row = [["a", "1"]];
        assert!(text(40, true, &row).contains("\x1b["));
        assert!(!text(40, false, &row).contains('\x1b'));
    }
}
