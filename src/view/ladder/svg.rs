//! The chart as SVG 1.1: one file that needs nothing else, has no scripts, and follows the reader's light or dark.
//!
//! The colours stand in attributes for light backgrounds, so that programs without style sheets draw it too; a style
//! sheet turns them for dark ones. Every number is a whole one: the same packets give the same bytes everywhere.

use super::canvas::{columns, fit};
use super::layout::{Clock, Layout, changed, milliseconds, pause, pause_rows};
use super::{Message, Moment, Row};
use crate::view::style::Role;

/// Units of one character of the typeface (12 units high), a row, and the columns at the left and right.
const LETTER: usize = 8;
const ROW: usize = 34;
const TIME: usize = 90;
const STATE: usize = 110;
const MARGIN: usize = 20;
/// Between two lines of life.
const NEAREST: usize = 170;
const FARTHEST: usize = 760;
/// No label is longer than so many characters.
const MOST_TEXT: usize = 110;

const STYLE: &str = "\
  <style>
    text { white-space: pre }
    .label { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #16181d } .label { stroke: #16181d }
      text.plain, text.heading { fill: #e6e6e6 } text.faint { fill: #9aa0a6 } .life { stroke: #6b7078 }
      line.faint { stroke: #9aa0a6 } polygon.faint { fill: #9aa0a6 } line.plain { stroke: #e6e6e6 } polygon.plain { fill: #e6e6e6 }
      line.opening { stroke: #5fd38d } text.opening, polygon.opening { fill: #5fd38d }
      line.data { stroke: #5cc8e6 } text.data, polygon.data { fill: #5cc8e6 }
      line.closing { stroke: #e5c04b } text.closing, polygon.closing { fill: #e5c04b }
      line.trouble { stroke: #ff7a70 } text.trouble, polygon.trouble { fill: #ff7a70 }
    }
  </style>
";

/// The class of a role and its colour on white.
fn colour(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Plain => ("plain", "#1b1b1b"),
        Role::Heading => ("heading", "#1b1b1b"),
        Role::Faint => ("faint", "#5f6368"),
        Role::Opening => ("opening", "#0b6b34"),
        Role::Data => ("data", "#075f7a"),
        Role::Closing => ("closing", "#7a5a00"),
        Role::Client => ("data", "#075f7a"),
        Role::Server => ("closing", "#7a5a00"),
        Role::Trouble => ("trouble", "#b3140a"),
    }
}

/// The whole file.
pub fn draw(moments: &[Moment], layout: &Layout, notes: &[String]) -> String {
    let mut picture = Picture::new(moments, layout);
    let mut y = MARGIN + 2 * ROW / 3;
    let top = y + ROW / 4;
    let (mut clock, mut shown) = (Clock::default(), [""; 2]);
    for (column, heading) in layout.headings.iter().enumerate() {
        picture.text(picture.line(column), y, "middle", Role::Heading, heading);
    }
    picture.text(TIME - LETTER, y, "end", Role::Faint, "ms");
    for Moment { time, row, .. } in moments {
        let (since, gap) = clock.tick(*time);
        if let Some(words) = pause(gap) {
            let height = ROW / 2 * (pause_rows(gap) + 1);
            picture.text(TIME - LETTER, y + height / 2 + ROW / 3, "end", Role::Faint, &format!("… {words} …"));
            y += height;
        }
        y += ROW;
        picture.text(TIME - LETTER, y + 4, "end", Role::Faint, &milliseconds(since));
        let states = changed(row, &mut shown);
        if layout.conversation {
            let edges = [(picture.line(0) - LETTER, "end"), (picture.line(1) + LETTER, "start")];
            for (state, (x, anchor)) in states.into_iter().zip(edges) {
                if let Some(state) = state {
                    picture.text(x, y + 4, anchor, Role::Plain, state);
                }
            }
        }
        match row {
            Row::Packet(message) => {
                picture.message(message, y);
                let [from, to] = layout.ends(message);
                for via in &message.via {
                    y += ROW / 2;
                    let line = picture.line(layout.column(via.at));
                    picture.text(line, y + 1, "middle", Role::Heading, &via.text(to >= from));
                }
            }
            Row::Printed { by, text } => {
                let column = layout.column(Some(*by));
                let (x, anchor) = match column {
                    0 => (picture.line(0) + LETTER, "start"),
                    _ => (picture.line(column) - LETTER, "end"),
                };
                picture.text(x, y + 4, anchor, Role::Heading, &fit(text, MOST_TEXT, "…"));
            }
        }
    }
    let bottom = y + ROW / 2;
    for note in notes {
        y += ROW;
        picture.text(MARGIN, y + ROW / 2, "start", Role::Faint, &fit(note, 2 * MOST_TEXT, "…"));
    }
    picture.finish(top, bottom, y + ROW)
}

struct Picture<'l> {
    layout: &'l Layout,
    lines: Vec<usize>,
    /// How far right anything reaches.
    right: usize,
    body: String,
}

impl<'l> Picture<'l> {
    fn new(moments: &[Moment], layout: &'l Layout) -> Self {
        let margin = if layout.conversation { STATE } else { 0 };
        let count = layout.headings.len();
        // Two lines stand so far apart that every label fits between them.
        let widest = moments.iter().map(|moment| match &moment.row {
            Row::Packet(message) if count <= 2 => columns(&label(layout, message)) * LETTER + 4 * LETTER,
            _ => 0,
        });
        let headings = layout.headings.iter().map(|heading| (columns(heading) + 2) * LETTER);
        let step = widest.chain(headings).max().unwrap_or(0).clamp(NEAREST, FARTHEST);
        let first = layout.headings.first().map_or(0, |heading| columns(heading) * LETTER / 2);
        let left = TIME + margin.max(first) + LETTER;
        let lines: Vec<usize> = (0..count).map(|column| left + step * column).collect();
        let right = lines.last().copied().unwrap_or(left) + margin.max(first);
        Self { layout, lines, right, body: String::new() }
    }

    fn line(&self, column: usize) -> usize {
        self.lines.get(column).copied().unwrap_or(TIME)
    }

    fn text(&mut self, x: usize, y: usize, anchor: &str, role: Role, text: &str) {
        let wide = columns(text) * LETTER;
        let end = match anchor {
            "start" => x + wide,
            "middle" => x + wide / 2,
            _ => x,
        };
        self.right = self.right.max(end);
        let (class, fill) = colour(role);
        let weight = if role == Role::Heading { " font-weight=\"bold\"" } else { "" };
        let text = escaped(text);
        self.body.push_str(&format!(
            "  <text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" class=\"label {class}\" fill=\"{fill}\"{weight}>{text}</text>\n"
        ));
    }

    fn message(&mut self, message: &Message, y: usize) {
        let [from, to] = self.layout.ends(message).map(|column| self.line(column));
        let text = label(self.layout, message);
        let role = message.role;
        if !message.heard.is_empty() {
            return self.spread(message, &text, from, y);
        }
        if from == to {
            return self.text(from + LETTER, y + 4, "start", role, &format!("↺ {text}"));
        }
        self.arrow(from, to, y, role);
        let wide = columns(&text) * LETTER;
        let (x, anchor) = match to > from {
            true => (from + LETTER, "start"),
            // At the tail, where there is room to the left of it.
            false if from > wide + TIME => (from - LETTER, "end"),
            false => (to + 2 * LETTER, "start"),
        };
        self.text(x, y - 6, anchor, role, &text);
    }

    fn arrow(&mut self, from: usize, to: usize, y: usize, role: Role) {
        let (class, colour) = colour(role);
        let dashes = if role == Role::Trouble { " stroke-dasharray=\"6 3\"" } else { "" };
        let (neck, back) = if to > from { (to - 8, to - 9) } else { (to + 8, to + 9) };
        self.body.push_str(&format!(
            "  <line x1=\"{from}\" y1=\"{y}\" x2=\"{neck}\" y2=\"{y}\" class=\"{class}\" stroke=\"{colour}\"{dashes}/>\n  \
               <polygon points=\"{to},{y} {back},{} {back},{}\" class=\"{class}\" fill=\"{colour}\"/>\n",
            y - 4,
            y + 4
        ));
    }

    /// An arrow to each whom a packet to a group reached.
    fn spread(&mut self, message: &Message, text: &str, from: usize, y: usize) {
        for place in &message.heard {
            let to = self.line(self.layout.column(Some(*place)));
            if to != from {
                self.arrow(from, to, y, message.role);
            }
        }
        self.text(from + LETTER, y - 6, "start", message.role, text);
    }

    fn finish(self, top: usize, bottom: usize, height: usize) -> String {
        let width = self.right + MARGIN;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xml:space=\"preserve\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"12\">\n{STYLE}  \
             <rect class=\"paper\" width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        );
        for x in &self.lines {
            out.push_str(&format!(
                "  <line x1=\"{x}\" y1=\"{top}\" x2=\"{x}\" y2=\"{bottom}\" class=\"life\" stroke=\"#a0a4a8\"/>\n"
            ));
        }
        out.push_str(&self.body);
        out.push_str("</svg>\n");
        out
    }
}

fn label(layout: &Layout, message: &Message) -> String {
    let header = layout.header(message);
    let gap = if message.words.is_empty() { "" } else { "  " };
    fit(&format!("{header}{gap}{}", message.words), MOST_TEXT, "…")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Not allowed in XML at all.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
