//! The chart as rows of text.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use super::canvas::{Canvas, columns, fit};
use super::layout::{Clock, Layout, changed, milliseconds, pause, pause_rows};
use super::{Look, Message, NARROWEST, Row, Via};
use crate::frame::Timestamp;
use crate::view::explain;
use crate::view::style::{Palette, Role};

/// Columns of the time, with the blank behind it.
pub const TIME: usize = 10;
/// Columns of a state's name, `SYN-RECEIVED`, with a blank.
const STATE: usize = 13;
/// Columns from one line of life to the next, at least.
const STEP: usize = 14;

/// Rows that a line takes at most which a program printed.
const MOST_PRINTED: usize = 4;

/// How many columns a chart has room for.
pub fn most_columns(look: Look) -> usize {
    (look.width.max(NARROWEST) - TIME - 1) / STEP + 1
}

/// The characters that charts are drawn with.
struct Signs {
    line: char,
    pause: char,
    stroke: char,
    trouble: char,
    to_right: char,
    to_left: char,
    itself: &'static str,
    /// On the line of a host that a packet to a group reached.
    heard: char,
    printed: [char; 2],
    ellipsis: &'static str,
    nothing: char,
}

const UNICODE: Signs = Signs {
    line: '│',
    pause: '┊',
    stroke: '─',
    trouble: '╌',
    to_right: '▶',
    to_left: '◀',
    itself: "↺",
    heard: '●',
    printed: ['▌', '▐'],
    ellipsis: "…",
    nothing: '…',
};

const ASCII: Signs = Signs {
    line: '|',
    pause: ':',
    stroke: '-',
    trouble: '~',
    to_right: '>',
    to_left: '<',
    itself: "@",
    heard: 'o',
    printed: ['#', '#'],
    ellipsis: "...",
    nothing: '.',
};

/// Draws rows one by one.
pub struct Page {
    width: usize,
    palette: Palette,
    ascii: bool,
    signs: &'static Signs,
    /// The screen columns of the lines of life, from left to right.
    lines: Vec<usize>,
    states: bool,
    shown: [&'static str; 2],
    clock: Clock,
}

impl Page {
    pub fn new(look: Look, layout: &Layout) -> Self {
        let width = look.width.max(NARROWEST);
        let states = look.states && layout.conversation;
        let margin = if states { STATE } else { 0 };
        let (left, right) = (TIME + margin, width - 1 - margin);
        let gaps = layout.headings.len().saturating_sub(1).max(1);
        let lines = (0..layout.headings.len()).map(|column| left + (right - left) * column / gaps).collect();
        let signs = if look.ascii { &ASCII } else { &UNICODE };
        let (palette, ascii, clock) = (look.palette, look.ascii, Clock::default());
        Self { width, palette, ascii, signs, lines, states, shown: [""; 2], clock }
    }

    /// What has been drawn before stands above: its times and states go on.
    pub fn following(mut self, before: &Self) -> Self {
        (self.clock, self.shown) = (before.clock, before.shown);
        self
    }

    fn safe(&self, text: &str) -> String {
        if !self.ascii {
            return text.to_owned();
        }
        String::from_utf8(explain::ascii(text.as_bytes())).unwrap_or_default()
    }

    fn fit(&self, text: &str, room: usize) -> String {
        fit(text, room, self.signs.ellipsis)
    }

    fn line(&self, column: usize) -> usize {
        self.lines.get(column).copied().unwrap_or(TIME)
    }

    /// A row with the lines of life and nothing else.
    fn canvas(&self, sign: char) -> Canvas {
        let mut canvas = Canvas::new(self.width);
        for line in &self.lines {
            canvas.fill(*line, 1, sign, Role::Plain);
        }
        canvas
    }

    /// Names above the lines, in as many rows as they need.
    pub fn heading(&self, layout: &Layout, out: &mut Vec<u8>) {
        let mut rows = vec![Canvas::new(self.width)];
        let mut placed: Vec<usize> = Vec::new();
        for (column, heading) in layout.headings.iter().enumerate() {
            let text = self.fit(&self.safe(heading), self.width - TIME);
            let (wide, line) = (columns(&text), self.line(column));
            let at = line.saturating_sub(wide / 2).clamp(TIME, (self.width - wide).max(TIME));
            let free = |row: &Canvas| row.is_blank(at.saturating_sub(1), wide + 2);
            let row = rows.iter().position(free).unwrap_or(rows.len());
            if row == rows.len() {
                let mut fresh = Canvas::new(self.width);
                placed.iter().for_each(|line| fresh.fill(*line, 1, self.signs.line, Role::Plain));
                rows.push(fresh);
            }
            if let Some(canvas) = rows.get_mut(row) {
                if at > TIME {
                    canvas.put(at - 1, " ", Role::Plain);
                }
                canvas.put(at, &format!("{text} "), Role::Heading);
            }
            for below in rows.iter_mut().skip(row + 1).filter(|below| below.is_blank(line, 1)) {
                below.fill(line, 1, self.signs.line, Role::Plain);
            }
            placed.push(line);
        }
        if let Some(first) = rows.first_mut() {
            first.put(TIME - 3, "ms", Role::Plain);
        }
        rows.iter().for_each(|row| row.write(self.palette, out));
    }

    /// A row of the chart, with the pause before it.
    pub fn row(&mut self, time: Timestamp, row: &Row, layout: &Layout, out: &mut Vec<u8>) {
        let (since, gap) = self.clock.tick(time);
        self.pause(gap, out);
        let mut canvas = self.canvas(self.signs.line);
        canvas.put(0, &format!("{:>wide$}", milliseconds(since), wide = TIME - 1), Role::Faint);
        if self.states {
            let [client, server] = changed(row, &mut self.shown);
            let role = |state: &str| if state == "CLOSED" { Role::Faint } else { Role::Plain };
            if let Some(state) = client {
                canvas.put(TIME, &format!("{state:>wide$}", wide = STATE - 1), role(state));
            }
            if let Some(state) = server {
                canvas.put(self.width + 1 - STATE, state, role(state));
            }
        }
        match row {
            Row::Packet(message) => self.message(canvas, message, layout, out),
            Row::Printed { by, text } => self.printed(canvas, layout.column(Some(*by)), text, out),
        }
    }

    /// Nothing happened for a while: a row, and one more for each power of ten.
    fn pause(&self, gap: i64, out: &mut Vec<u8>) {
        let Some(words) = pause(gap) else { return };
        let rows = pause_rows(gap);
        for row in 0..rows {
            let mut canvas = self.canvas(self.signs.pause);
            if row == rows / 2 {
                let whole = format!("{0} {words} {0}", self.signs.nothing);
                let text = if columns(&whole) <= TIME { whole } else { words.clone() };
                canvas.put(TIME - 1 - columns(&text).min(TIME - 1), &text, Role::Faint);
            }
            canvas.write(self.palette, out);
        }
    }

    fn message(&self, canvas: Canvas, message: &Message, layout: &Layout, out: &mut Vec<u8>) {
        let [from, to] = layout.ends(message).map(|column| self.line(column));
        if !message.heard.is_empty() {
            return self.spread(canvas, message, layout, out);
        }
        let drawn = self.arrow(canvas, message, layout, out);
        let rest = message.via.get(drawn..).unwrap_or_default();
        self.rewritings(rest, to >= from, message.role, layout, out);
    }

    /// An arrow with its label; how many of the rewritings it had room for.
    fn arrow(&self, mut canvas: Canvas, message: &Message, layout: &Layout, out: &mut Vec<u8>) -> usize {
        let [from, to] = layout.ends(message).map(|column| self.line(column));
        let (header, words) = (self.safe(&layout.header(message)), self.safe(&message.words));
        let whole = joined(&header, &words);
        let role = message.role;
        if from == to {
            let right = from + columns(&whole) + 4 < self.width || from * 2 < self.width;
            let room = if right { self.width - from - 4 } else { from - TIME - 3 };
            // What it means stands below where both have no room.
            let apart = columns(&whole) > room && columns(&header) <= room;
            let parts = if apart { [header, words] } else { [whole, String::new()] };
            for (row, part) in parts.iter().filter(|part| !part.is_empty()).enumerate() {
                let (text, sign) = (self.fit(part, room), if row == 0 { self.signs.itself } else { " " });
                let (at, shown) = match right {
                    true => (from + 1, format!("{sign} {text} ")),
                    false => (from - columns(&text) - 3, format!(" {text} {sign}")),
                };
                canvas.put(at, &shown, role);
                canvas.write(self.palette, out);
                canvas = self.canvas(self.signs.line);
            }
            return 0;
        }
        let (left, right) = (from.min(to), from.max(to));
        // Its head, a stroke at least, and a blank on each side of the label.
        let room = (right - left - 1).saturating_sub(5);
        let number = self.safe(&layout.number(message));
        let number = if columns(&number) <= room { number } else { message.number.to_string() };
        let (label, rest) = if columns(&whole) <= room {
            (whole, Vec::new())
        } else if columns(&header) <= room {
            (header, vec![words])
        } else {
            let rest = header.strip_prefix(&number).unwrap_or(&header).trim_start().to_owned();
            let one = joined(&rest, &words);
            let rest = if columns(&one) <= self.room() { vec![one] } else { vec![rest, words] };
            (self.fit(&number, room), rest)
        };
        let stroke = if role == Role::Trouble { self.signs.trouble } else { self.signs.stroke };
        canvas.fill(left + 1, right - left - 1, stroke, role);
        let label = if label.is_empty() { label } else { format!(" {label} ") };
        // Between the label and the head there may be room.
        let free = if to == right {
            canvas.fill(right - 1, 1, self.signs.to_right, role);
            canvas.put(left + 2, &label, role);
            left + 3 + columns(&label)..right - 1
        } else {
            canvas.fill(left + 1, 1, self.signs.to_left, role);
            canvas.put(right - 1 - columns(&label), &label, role);
            left + 2..(right - 2).saturating_sub(columns(&label))
        };
        let mut drawn = 0;
        if let [via] = message.via.as_slice() {
            let (at, text) = self.placed(via, to == right, layout);
            if free.start <= at && at + columns(&text) <= free.end {
                canvas.put(at, &text, Role::Heading);
                drawn = 1;
            }
        }
        canvas.write(self.palette, out);
        for text in rest.iter().filter(|text| !text.is_empty()) {
            self.below(text, [left, right], to == right, role, out);
        }
        drawn
    }

    /// What a NAT made of an end, with a blank on each side, and where it stands: the sign on the NAT's line.
    fn placed(&self, via: &Via, to_right: bool, layout: &Layout) -> (usize, String) {
        let text = self.fit(&self.safe(&via.text(to_right)), self.width - TIME - 2);
        let before = columns(&self.safe(via.sides(to_right).0)) + 1;
        let line = self.line(layout.column(via.at));
        let at = line.saturating_sub(before).clamp(TIME + 1, self.width - 1 - columns(&text));
        (at - 1, format!(" {text} "))
    }

    /// The same in rows of their own: those that do not touch share one.
    fn rewritings(&self, all: &[Via], to_right: bool, role: Role, layout: &Layout, out: &mut Vec<u8>) {
        let role = if role == Role::Trouble { role } else { Role::Heading };
        let mut rows: Vec<(Canvas, Vec<Range<usize>>)> = Vec::new();
        for via in all {
            let (at, text) = self.placed(via, to_right, layout);
            let span = at..at + columns(&text);
            let free = |(_, taken): &(Canvas, Vec<Range<usize>>)| {
                taken.iter().all(|other| other.end <= span.start || span.end <= other.start)
            };
            let place = rows.iter().position(free).unwrap_or(rows.len());
            if place == rows.len() {
                rows.push((self.canvas(self.signs.line), Vec::new()));
            }
            if let Some((canvas, taken)) = rows.get_mut(place) {
                canvas.put(at, &text, role);
                taken.push(span);
            }
        }
        rows.iter().for_each(|(canvas, _)| canvas.write(self.palette, out));
    }

    /// A packet to a group: what it is, and below it whom it reached.
    fn spread(&self, mut canvas: Canvas, message: &Message, layout: &Layout, out: &mut Vec<u8>) {
        let from = self.line(layout.ends(message)[0]);
        let text = joined(&self.safe(&layout.header(message)), &self.safe(&message.words));
        let text = self.fit(&text, self.room());
        let (first, last) = (self.line(0), self.lines.last().copied().unwrap_or(self.width));
        let wide = columns(&text);
        let at = (from + 2).clamp(first + 2, last.saturating_sub(wide + 1).max(first + 2));
        canvas.put(at - 1, &format!(" {text} "), message.role);
        canvas.write(self.palette, out);
        let mut canvas = self.canvas(self.signs.line);
        let heard: Vec<usize> = message.heard.iter().map(|place| self.line(layout.column(Some(*place)))).collect();
        let left = heard.iter().copied().min().unwrap_or(from).min(from);
        let right = heard.iter().copied().max().unwrap_or(from).max(from);
        canvas.fill(left + 1, (right - left).saturating_sub(1), self.signs.stroke, message.role);
        for line in heard.iter().filter(|line| (left + 1..right).contains(*line)) {
            canvas.fill(*line, 1, self.signs.heard, message.role);
        }
        canvas.fill(from, 1, self.signs.line, Role::Plain);
        if right > from {
            canvas.fill(right - 1, 1, self.signs.to_right, message.role);
        }
        if left < from {
            canvas.fill(left + 1, 1, self.signs.to_left, message.role);
        }
        canvas.write(self.palette, out);
    }

    /// Columns between the first line of life and the last, with a blank at each.
    fn room(&self) -> usize {
        match (self.lines.first(), self.lines.last()) {
            (Some(first), Some(last)) => (last - first).saturating_sub(3),
            _ => 0,
        }
    }

    /// What had no room on its arrow: below it, at its tail where that is possible.
    fn below(&self, text: &str, [left, right]: [usize; 2], to_right: bool, role: Role, out: &mut Vec<u8>) {
        let mut canvas = self.canvas(self.signs.line);
        let text = self.fit(text, self.room());
        let wide = columns(&text);
        let (first, last) = (self.line(0), self.lines.last().copied().unwrap_or(self.width));
        let at = if to_right { left + 2 } else { right.saturating_sub(wide + 1) };
        let at = at.clamp(first + 2, last.saturating_sub(wide + 1).max(first + 2));
        // A line of life that the text runs over is interrupted, with a blank before and behind.
        let (begin, end) = (at - 1, (at + wide + 1).min(self.width));
        for line in self.lines.iter().filter(|line| (begin..end).contains(*line) && **line > first && **line < last) {
            canvas.fill(*line, 1, ' ', Role::Plain);
        }
        canvas.put(at, &text, role);
        canvas.write(self.palette, out);
    }

    /// What a program printed, at its line of life, in as many rows as it needs up to [`MOST_PRINTED`].
    fn printed(&self, mut canvas: Canvas, column: usize, text: &str, out: &mut Vec<u8>) {
        let line = self.line(column);
        let on_the_left = line * 2 < self.width + TIME;
        let [left, right] = self.signs.printed;
        // A blank on each side, and one before the next line of life.
        let room = if on_the_left { self.width - line - 1 } else { line - TIME }.saturating_sub(3);
        let text = self.safe(text);
        let mut rest = text.as_str();
        for row in 1..=MOST_PRINTED {
            let (head, tail) = if row == MOST_PRINTED { (rest, "") } else { broken(rest, room) };
            let head = self.fit(head, room);
            canvas.fill(line, 1, if on_the_left { left } else { right }, Role::Heading);
            let at = if on_the_left { line + 2 } else { line - 1 - columns(&head) };
            canvas.put(at, &head, Role::Heading);
            canvas.write(self.palette, out);
            if tail.is_empty() {
                return;
            }
            rest = tail;
            canvas = self.canvas(self.signs.line);
        }
    }

    /// A sentence below the chart, in as many lines as it needs.
    pub fn note(&self, text: &str, out: &mut Vec<u8>) {
        let mut line = String::new();
        for word in self.safe(text).split(' ') {
            if !line.is_empty() && columns(&line) + 1 + columns(word) > self.width {
                out.extend_from_slice(line.as_bytes());
                out.push(b'\n');
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&self.fit(word, self.width));
        }
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

/// The text up to where it is broken so that it fits into `room` columns, and what goes below: at the last blank that
/// leaves half a row, or where the room ends.
fn broken(text: &str, room: usize) -> (&str, &str) {
    if columns(text) <= room {
        return (text, "");
    }
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used > room
    });
    let end = end.map_or(text.len(), |(end, _)| end);
    // The blank may be the one character that has no room any more.
    let blank = text.get(..=end).unwrap_or(&text[..end]).rfind(' ').filter(|blank| *blank * 2 >= end);
    let (head, tail) = text.split_at(blank.unwrap_or(end));
    (head, tail.trim_start())
}

/// Header and words with two blanks between them.
fn joined(header: &str, words: &str) -> String {
    match (header.is_empty(), words.is_empty()) {
        (false, false) => format!("{header}  {words}"),
        _ => format!("{header}{words}"),
    }
}
