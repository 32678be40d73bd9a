//! The grid: a header drawn as its RFC draws it, 32 bits a row, name and value in each cell.
//!
//! Which cells a layer has is [`cells`]' business; here they are only drawn. Cells that reach over several rows
//! (addresses) are one area; cells of one bit have their names written downwards, as RFC 9293 does.

pub mod cells;
pub mod parts;

use unicode_width::UnicodeWidthStr;

use super::style::{Palette, Role};
use super::words::{Words, filled};
use super::wrap;

/// Bits a row.
const ROW: usize = 32;
/// Columns in front of each row: the number of its first byte.
const MARGIN: usize = 5;
/// Rows that are drawn; what is behind them is counted.
const MOST_ROWS: usize = 48;
/// A cell longer than this many bits is drawn shorter.
const LONGEST: usize = 160;

/// A part of a header: consecutive bits with a name and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// First bit, counted from the header's first.
    pub at: usize,
    /// Bits.
    pub length: usize,
    /// Names, the best first: the first that fits is drawn. Escaped.
    pub names: Vec<String>,
    /// Values, the best first: the first that fits is drawn. Escaped.
    pub values: Vec<String>,
}

/// How a grid is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub palette: Palette,
    /// Columns there are; the grid takes 70 or 102.
    pub width: usize,
    /// `+-+-+` instead of box-drawing characters.
    pub ascii: bool,
    /// Of the layer, for its colour.
    pub index: usize,
    pub words: &'static Words,
}

/// Appends the drawing of `cells`, which are in order and do not overlap.
pub fn write(cells: &[Cell], options: Options, out: &mut Vec<u8>) {
    let columns = if options.width > MARGIN + ROW * 3 { 3 } else { 2 };
    let (cells, rows, left) = folded(cells);
    let drawing = Drawing { cells: &cells, rows: &rows, columns, options };
    drawing.ruler(out);
    for row in 0..rows.len() {
        drawing.border(row, out);
        drawing.row(row, out);
    }
    if !rows.is_empty() {
        drawing.border(rows.len(), out);
    }
    if left > 0 {
        let told = filled(options.words.field("{} more bytes are not drawn"), &[&left.to_string()]);
        let line = format!("{:MARGIN$}{told}\n", "");
        out.extend_from_slice(line.as_bytes());
    }
}

/// Long cells made shorter by whole rows; the number of the first byte of each row; bytes that are left out at the end.
fn folded(cells: &[Cell]) -> (Vec<Cell>, Vec<usize>, usize) {
    let (mut shorter, mut rows, mut removed) = (Vec::with_capacity(cells.len()), Vec::new(), 0);
    for cell in cells {
        let mut cell = cell.clone();
        let fold = if cell.length > LONGEST { (cell.length - LONGEST / 2) / ROW * ROW } else { 0 };
        cell.at -= removed;
        cell.length -= fold;
        let end = cell.at + cell.length;
        // Rows up to the first of this cell count without what is folded in it, the others with it.
        while rows.len() * ROW < end {
            let folded = if rows.len() * ROW > cell.at { removed + fold } else { removed };
            rows.push((rows.len() * ROW + folded) / 8);
        }
        removed += fold;
        shorter.push(cell);
    }
    let end = shorter.last().map_or(0, |cell| cell.at + cell.length);
    let left = if rows.len() > MOST_ROWS { (end - MOST_ROWS * ROW) / 8 } else { 0 };
    rows.truncate(MOST_ROWS);
    shorter.retain(|cell| cell.at < MOST_ROWS * ROW);
    (shorter, rows, left)
}

struct Drawing<'c> {
    cells: &'c [Cell],
    rows: &'c [usize],
    /// Columns a bit.
    columns: usize,
    options: Options,
}

/// What is written in a cell: the lines of its name, then its value.
struct Text {
    name: Vec<String>,
    value: String,
}

impl Drawing<'_> {
    /// The cell that a bit of a row belongs to; `None` outside the header.
    fn cell(&self, row: usize, bit: usize) -> Option<usize> {
        if row >= self.rows.len() || bit >= ROW {
            return None;
        }
        let place = row * ROW + bit;
        let found = self.cells.partition_point(|cell| cell.at <= place).checked_sub(1)?;
        let cell = self.cells.get(found)?;
        (place < cell.at + cell.length).then_some(found)
    }

    /// The row before row 0 and behind the last are outside.
    fn above(&self, row: usize, bit: usize) -> Option<usize> {
        row.checked_sub(1).and_then(|row| self.cell(row, bit))
    }

    /// Whether a line is drawn between bit `bit - 1` and `bit` of a row.
    fn wall(&self, row: Option<usize>, bit: usize) -> bool {
        let Some(row) = row else { return false };
        let left = bit.checked_sub(1).and_then(|bit| self.cell(row, bit));
        left != self.cell(row, bit)
    }

    fn ruler(&self, out: &mut Vec<u8>) {
        let palette = self.options.palette;
        for units in [false, true] {
            let mut line = " ".repeat(MARGIN);
            for bit in 0..ROW {
                let digit = if units { bit % 10 } else { bit / 10 };
                line.push(' ');
                line.push(if units || bit % 10 == 0 { char::from(b'0' + digit as u8) } else { ' ' });
                line.extend(std::iter::repeat_n(' ', self.columns - 2));
            }
            colored(palette, Role::Faint, line.trim_end(), out);
            out.push(b'\n');
        }
    }

    /// The line above a row.
    fn border(&self, row: usize, out: &mut Vec<u8>) {
        let mut line = String::new();
        for bit in 0..=ROW {
            let flat = |bit: usize| self.above(row, bit) != self.cell(row, bit);
            let left = bit.checked_sub(1).is_some_and(flat);
            let right = bit < ROW && flat(bit);
            let (up, down) = (self.wall(row.checked_sub(1), bit), self.wall(Some(row), bit));
            line.push(self.junction(up, down, left, right));
            if bit < ROW {
                let fill = match (right, self.options.ascii) {
                    (false, _) => ' ',
                    (true, true) => '-',
                    (true, false) => '─',
                };
                line.extend(std::iter::repeat_n(fill, self.columns - 1));
            }
        }
        out.extend(std::iter::repeat_n(b' ', MARGIN));
        colored(self.options.palette, Role::Faint, line.trim_end(), out);
        out.push(b'\n');
    }

    fn junction(&self, up: bool, down: bool, left: bool, right: bool) -> char {
        if self.options.ascii {
            return if up || down || left || right { '+' } else { ' ' };
        }
        match (up, down, left, right) {
            (false, false, false, false) => ' ',
            (false, false, _, _) => '─',
            (_, _, false, false) => '│',
            (false, true, false, true) => '┌',
            (false, true, true, false) => '┐',
            (true, false, false, true) => '└',
            (true, false, true, false) => '┘',
            (true, true, false, true) => '├',
            (true, true, true, false) => '┤',
            (false, true, true, true) => '┬',
            (true, false, true, true) => '┴',
            (true, true, true, true) => '┼',
        }
    }

    /// The runs of equal cells in a row: (cell, first bit, bits).
    fn runs(&self, row: usize) -> Vec<(Option<usize>, usize, usize)> {
        let mut runs: Vec<(Option<usize>, usize, usize)> = Vec::new();
        for bit in 0..ROW {
            let cell = self.cell(row, bit);
            match runs.last_mut() {
                Some(last) if last.0 == cell => last.2 += 1,
                _ => runs.push((cell, bit, 1)),
            }
        }
        runs
    }

    /// The row in which a cell's text stands: the middle one of those where it is widest.
    fn home(&self, index: usize) -> Option<usize> {
        let cell = self.cells.get(index)?;
        let last = ((cell.at + cell.length - 1) / ROW).min(self.rows.len().checked_sub(1)?);
        let bits = |row: usize| (cell.at + cell.length).min((row + 1) * ROW) - cell.at.max(row * ROW);
        let rows = cell.at / ROW..=last;
        let widest = rows.clone().map(bits).max()?;
        let wide: Vec<usize> = rows.filter(|row| bits(*row) == widest).collect();
        wide.get((wide.len() - 1) / 2).copied()
    }

    fn row(&self, row: usize, out: &mut Vec<u8>) {
        let runs: Vec<(usize, Option<Text>, bool)> = self
            .runs(row)
            .into_iter()
            .map(|(cell, _, bits)| {
                let inner = bits * self.columns - 1;
                let text = cell.filter(|cell| self.home(*cell) == Some(row)).and_then(|cell| self.text(cell, inner));
                (inner, text, cell.is_some())
            })
            .collect();
        let names = runs.iter().filter_map(|(_, text, _)| text.as_ref()).map(|text| text.name.len()).max();
        let height = names.map_or(1, |names| names + 1);
        let style = self.options.palette.layer(self.options.index);
        for line in 0..height {
            let number = if line == 0 { self.rows.get(row).map(usize::to_string) } else { None };
            let margin = format!("{:>width$} ", number.unwrap_or_default(), width = MARGIN - 1);
            let mut written = Vec::new();
            colored(self.options.palette, Role::Faint, &margin, &mut written);
            let mut inside = false;
            for (inner, text, exists) in &runs {
                if !exists {
                    break;
                }
                inside = true;
                self.wall_mark(&mut written);
                let content = text.as_ref().map_or("", |text| text.line(line, height));
                let role = if line + 1 == height && height > 1 { Some(style) } else { None };
                centered(content, *inner, role, &mut written);
            }
            if inside {
                self.wall_mark(&mut written);
            }
            out.extend_from_slice(&written);
            out.push(b'\n');
        }
    }

    fn wall_mark(&self, out: &mut Vec<u8>) {
        colored(self.options.palette, Role::Faint, if self.options.ascii { "|" } else { "│" }, out);
    }

    fn text(&self, index: usize, inner: usize) -> Option<Text> {
        let cell = self.cells.get(index)?;
        let fits = |texts: &[String]| texts.iter().find(|text| text.width() <= inner).cloned();
        let value = fits(&cell.values).or_else(|| cell.values.last().map(|value| shortened(value, inner)));
        let name = match inner {
            ..=2 => cell.names.last().map(|name| name.chars().map(String::from).collect()),
            _ => cell.names.iter().find_map(|name| wrapped(name, inner)),
        };
        let name = name.or_else(|| cell.names.last().map(|name| vec![shortened(name, inner)]));
        Some(Text { name: name.unwrap_or_default(), value: value.unwrap_or_default() })
    }
}

impl Text {
    /// The text of one of `height` lines: the name in the middle above, the value in the last.
    fn line(&self, line: usize, height: usize) -> &str {
        if line + 1 == height {
            return &self.value;
        }
        let first = (height - 1 - self.name.len()) / 2;
        line.checked_sub(first).and_then(|line| self.name.get(line)).map_or("", String::as_str)
    }
}

/// The words of `name` in lines of at most `inner` columns and at most three lines.
fn wrapped(name: &str, inner: usize) -> Option<Vec<String>> {
    let lines = wrap::rows(name, inner);
    (lines.len() <= 3 && lines.iter().all(|line| line.width() <= inner)).then_some(lines)
}

/// As much of `text` as there is room for.
fn shortened(text: &str, inner: usize) -> String {
    if text.width() <= inner {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if short.width() + 2 > inner {
            break;
        }
        short.push(c);
    }
    if inner > 0 { short + "…" } else { short }
}

fn centered(text: &str, inner: usize, style: Option<anstyle::Style>, out: &mut Vec<u8>) {
    let missing = inner.saturating_sub(text.width());
    out.extend(std::iter::repeat_n(b' ', missing / 2));
    match style {
        Some(style) => out.extend_from_slice(format!("{style}{text}{style:#}").as_bytes()),
        None => out.extend_from_slice(text.as_bytes()),
    }
    out.extend(std::iter::repeat_n(b' ', missing - missing / 2));
}

fn colored(palette: Palette, role: Role, text: &str, out: &mut Vec<u8>) {
    palette.begin(role, out);
    out.extend_from_slice(text.as_bytes());
    palette.end(role, out);
}
