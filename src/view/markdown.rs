//! Markdown pages in a terminal: headings, paragraphs, lists, tables, code. What our own pages use, no more.
//!
//! Guarantee: nothing is lost: a construct that is not known is printed as it stands.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::style::{Palette, Role};
use super::wrap;

/// Writes `page`, prose and the cells of tables wrapped to `width` columns. Code keeps its shape, but for what stands
/// behind commands to explain them, which is moved where there is room.
pub fn render(out: &mut impl Write, page: &str, width: usize, palette: Palette) -> io::Result<()> {
    let mut view = View { out, width: width.max(20), palette, stressed: false };
    let mut paragraph = Paragraph::default();
    let mut table: Vec<Vec<&str>> = Vec::new();
    let mut code: Option<Vec<&str>> = None;
    for line in page.lines() {
        if !line.starts_with('|') || code.is_some() {
            view.table(&mut table)?;
        }
        if line.starts_with("```") {
            view.paragraph(&mut paragraph)?;
            match code.take() {
                Some(lines) => view.code(&lines)?,
                None => code = Some(Vec::new()),
            }
        } else if let Some(lines) = &mut code {
            lines.push(line);
        } else if let Some(heading) = line.strip_prefix('#') {
            view.paragraph(&mut paragraph)?;
            view.heading(heading.trim_start_matches('#').trim())?;
        } else if line.starts_with('|') {
            view.paragraph(&mut paragraph)?;
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            if !cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| c == '-' || c == ':')) {
                table.push(cells);
            }
        } else if line.trim().is_empty() {
            view.paragraph(&mut paragraph)?;
            view.line("")?;
        } else if let Some(item) = line.strip_prefix("- ") {
            view.paragraph(&mut paragraph)?;
            paragraph = Paragraph { words: item.to_owned(), item: true };
        } else {
            paragraph.extend(line.trim());
        }
    }
    view.table(&mut table)?;
    view.paragraph(&mut paragraph)?;
    view.code(&code.unwrap_or_default())
}

/// Prose being gathered.
#[derive(Default)]
struct Paragraph {
    words: String,
    item: bool,
}

impl Paragraph {
    fn extend(&mut self, line: &str) {
        if !self.words.is_empty() {
            self.words.push(' ');
        }
        self.words.push_str(line);
    }
}

struct View<'a, W: Write> {
    out: &'a mut W,
    width: usize,
    palette: Palette,
    /// Emphasis has begun and not ended; never beyond its paragraph.
    stressed: bool,
}

impl<W: Write> View<'_, W> {
    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        let bold = self.palette.style(Role::Heading);
        writeln!(self.out, "{bold}{text}{bold:#}")
    }

    fn code(&mut self, lines: &[&str]) -> io::Result<()> {
        let colour = self.palette.style(Role::Data);
        let room = self.width.saturating_sub(4);
        if !lines.iter().any(|line| line.width() > room && explained(line).is_some()) {
            return lines.iter().try_for_each(|text| writeln!(self.out, "    {colour}{text}{colour:#}"));
        }
        // Two blanks behind the longest command, or a row of their own.
        let commands = lines.iter().filter_map(|line| explained(line)).map(|(command, _)| command.width());
        let beside = Some(commands.max().unwrap_or(0) + 2).filter(|column| column + LEAST <= room);
        for line in lines {
            let Some((command, words)) = explained(line) else {
                writeln!(self.out, "    {colour}{line}{colour:#}")?;
                continue;
            };
            let column = beside.unwrap_or(4);
            let mut rows = wrapped(words, room.saturating_sub(column)).into_iter();
            let first = if beside.is_some() { rows.next() } else { None };
            let gap = column.saturating_sub(command.width());
            let first = first.map(|row| format!("{:gap$}{row}", "")).unwrap_or_default();
            writeln!(self.out, "    {colour}{command}{first}{colour:#}")?;
            rows.try_for_each(|row| writeln!(self.out, "    {:column$}{colour}{row}{colour:#}", ""))?;
        }
        Ok(())
    }

    fn paragraph(&mut self, paragraph: &mut Paragraph) -> io::Result<()> {
        let Paragraph { words, item } = std::mem::take(paragraph);
        let (first, rest) = if item { ("- ", "  ") } else { ("", "") };
        for (number, row) in wrapped(&words, self.width.saturating_sub(first.len())).iter().enumerate() {
            self.inline(&format!("{}{row}", if number == 0 { first } else { rest }))?;
        }
        self.stressed = false;
        Ok(())
    }

    fn table(&mut self, rows: &mut Vec<Vec<&str>>) -> io::Result<()> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..columns)
            .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| shown_width(cell)).max().unwrap_or(0))
            .collect();
        // The widest gives way first.
        while widths.iter().map(|width| width + 2).sum::<usize>() > self.width {
            let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > LEAST / 2) else { break };
            *widest -= 1;
        }
        for row in rows.drain(..) {
            let cells: Vec<Vec<String>> = row.iter().zip(&widths).map(|(cell, width)| wrapped(cell, *width)).collect();
            for at in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
                let mut line = String::new();
                for (cell, width) in cells.iter().zip(&widths) {
                    let part = cell.get(at).map_or("", String::as_str);
                    line.push_str("  ");
                    line.push_str(part);
                    line.extend(std::iter::repeat_n(' ', width.saturating_sub(shown_width(part))));
                }
                self.inline(line.trim_end())?;
            }
            self.stressed = false;
        }
        Ok(())
    }

    /// A line of prose: `code` in colour and *emphasis* in bold, where there is colour.
    fn inline(&mut self, text: &str) -> io::Result<()> {
        for (kind, part) in spans(text) {
            let style = self.palette.style(match kind {
                Span::Mark => continue,
                Span::Plain if self.stressed => Role::Heading,
                Span::Plain => Role::Plain,
                Span::Begin | Span::End => {
                    self.stressed = kind == Span::Begin;
                    continue;
                }
                Span::Code => Role::Data,
            });
            write!(self.out, "{style}{part}{style:#}")?;
        }
        self.line("")
    }
}

/// Columns that an explanation beside a command has at least.
const LEAST: usize = 24;

/// A command and what explains it, where two blanks or more stand between them.
fn explained(line: &str) -> Option<(&str, &str)> {
    let (command, words) = line.split_once("  ")?;
    (!command.trim().is_empty() && !words.trim().is_empty()).then(|| (command, words.trim_start()))
}

/// The words in rows of at most `room` columns, marks not counted.
fn wrapped(words: &str, room: usize) -> Vec<String> {
    wrap::rows_by(pieces(words), room, shown_width)
}

/// What a part of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Plain,
    Code,
    /// A backtick that stands around code.
    Mark,
    /// Asterisks, one or two, before what is stressed.
    Begin,
    /// The same behind it.
    End,
}

/// The parts of a line, none of them left out. Asterisks stress where a word begins or ends; a backtick that is alone
/// is a backtick.
fn spans(text: &str) -> Vec<(Span, &str)> {
    let balanced = text.matches('`').count().is_multiple_of(2);
    let mut spans = Vec::new();
    let (mut begun, mut in_code) = (0, false);
    let mut rest = text.char_indices().peekable();
    let mut before = None;
    let mut split = |from: usize, to: usize, kind| {
        if from < to {
            spans.push((kind, &text[from..to]));
        }
    };
    while let Some((at, c)) = rest.next() {
        let word = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace() && !c.is_ascii_punctuation());
        if c == '`' && balanced {
            split(begun, at, if in_code { Span::Code } else { Span::Plain });
            split(at, at + 1, Span::Mark);
            (begun, in_code) = (at + 1, !in_code);
        } else if c == '*' && !in_code {
            let two = rest.next_if(|(_, c)| *c == '*').is_some();
            let end = at + 1 + usize::from(two);
            let kind = match (word(before), word(rest.peek().map(|(_, c)| *c))) {
                (false, true) => Some(Span::Begin),
                (true, false) => Some(Span::End),
                _ => None,
            };
            if let Some(kind) = kind {
                split(begun, at, Span::Plain);
                split(at, end, kind);
                begun = end;
            }
        }
        before = Some(c);
    }
    split(begun, text.len(), if in_code { Span::Code } else { Span::Plain });
    spans
}

/// Words, with a `code span` kept whole.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.split(move |c: char| {
        in_code ^= c == '`';
        c == ' ' && !in_code
    })
    .filter(|word| !word.is_empty())
}

/// Columns that the text takes, its marks not counted.
fn shown_width(text: &str) -> usize {
    let shown = spans(text).into_iter().filter(|(kind, _)| matches!(kind, Span::Plain | Span::Code));
    shown.map(|(_, part)| part.width()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(page: &str, width: usize) -> String {
        let mut out = Vec::new();
        render(&mut out, page, width, Palette::new(false)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn wraps_prose_and_lists_and_keeps_code() {
        let page =
            "# Heading\n\nsome words that\nrun on\n\n- an item of two lines\n- next\n\n```\nlet x =    1;\n```\n";
        let expected = "Heading\n\nsome words that run\non\n\n- an item of two\n  lines\n- next\n\n    let x =    1;\n";
        assert_eq!(rendered(page, 20), expected);
    }

    #[test]
    fn lines_a_table_up() {
        assert_eq!(rendered("| a | b |\n|---|---|\n| long | `x` |\n", 80), "  a     b\n  long  x\n");
    }

    #[test]
    fn wraps_the_widest_cells_of_a_table_that_has_no_room() {
        let page = "| turn | what it is that is said |\n|---|---|\n| 1 | a rather long text, indeed |\n| 2 | b |\n";
        let expected =
            "  turn  what it is\n        that is said\n  1     a rather long\n        text, indeed\n  2     b\n";
        assert_eq!(rendered(page, 22), expected);
    }

    #[test]
    fn moves_what_explains_commands_where_there_is_room() {
        let page = "```\nnetlab demo sync                 without root\nnetlab serve sync --port 8006    our server, for your client\n```\n";
        let wide: String =
            page.lines().filter(|line| !line.contains('`')).map(|line| format!("    {line}\n")).collect();
        assert_eq!(rendered(page, 80), wide);
        let expected = "    netlab demo sync               without root\n    netlab serve sync --port 8006  our server, for your\n                                   client\n";
        assert_eq!(rendered(page, 59), expected);
        let expected = "    netlab demo sync\n        without root\n    netlab serve sync --port 8006\n        our server, for your client\n";
        assert_eq!(rendered(page, 40), expected);
    }

    #[test]
    fn a_transcript_that_has_room_keeps_its_blanks() {
        assert_eq!(rendered("```\nServer said:  Hello\n```\n", 30), "    Server said:  Hello\n");
    }

    #[test]
    fn does_not_break_a_code_span() {
        assert_eq!(rendered("aaaa `bbbb cccc dddd eeee` f\n", 20), "aaaa\nbbbb cccc dddd eeee\nf\n");
    }

    #[test]
    fn what_is_stressed_is_bold_and_has_no_asterisks() {
        let page = "The **whole of it** and *that*, (*also*) `a * b`, 2*3 * 4 and SELECT *\n";
        assert_eq!(rendered(page, 80), "The whole of it and that, (also) a * b, 2*3 * 4 and SELECT *\n");
        let mut out = Vec::new();
        render(&mut out, "aaaaaaaaaaaaaaa *bbb cccc* d\n\nThis *is open\n\nnot this\n", 20, Palette::new(true))
            .unwrap();
        let expected =
            "aaaaaaaaaaaaaaa \x1b[1mbbb\x1b[0m\n\x1b[1mcccc\x1b[0m d\n\nThis \x1b[1mis open\x1b[0m\n\nnot this\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_backtick_that_is_alone_stays() {
        assert_eq!(rendered("it`s *so*\n", 80), "it`s so\n");
    }

    #[test]
    fn colours_only_where_asked() {
        let mut out = Vec::new();
        render(&mut out, "# H\na `b`\n", 80, Palette::new(true)).unwrap();
        assert_eq!(out, b"\x1b[1mH\x1b[0m\na \x1b[36mb\x1b[0m\n");
    }
}
