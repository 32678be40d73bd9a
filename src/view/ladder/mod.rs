//! Sequence charts: who sent what to whom, in the order of time, each host a column (a ladder, where they are two).
//!
//! One way for all of them: packets become [`Message`]s ([`packet`]), their hosts columns ([`layout`]), and these are
//! drawn as text, as SVG or as Mermaid. `netlab ladder`, `capture --ladder` and `netlab demo` differ in what they put in.
//! Guarantee: no row is wider than was asked for, whatever a program or a peer said, and the same packets always give
//! the same bytes.

mod canvas;
mod ends;
mod layout;
mod live;
mod mermaid;
mod packet;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod ways;

use std::io::{self, Write};
use std::net::IpAddr;

pub use live::Live;
pub use ways::{Between, Ground};

use super::messages;
use super::style::{Palette, Role};
use super::words::{ENGLISH, Words, filled};
use crate::flow::message::{Carried, Gathering};
use crate::flow::names::Names;
use crate::flow::state::State;
use crate::frame::Timestamp;
use crate::wire::Packet;
use ends::Name;
use layout::{Cast, Layout};
use ways::Ways;

/// Rows beyond these are counted, not kept.
const MOST_ROWS: usize = 10_000;
/// Columns of a chart that is no text: where there are more hosts, the least active ones share the last.
const MOST_DRAWN: usize = 16;
/// Charts are at least this wide.
pub const NARROWEST: usize = 60;

/// A program that has a column of its own, whatever ports it uses: a demonstration knows who is who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What it is called. Must be safe for a terminal.
    pub name: String,
    pub address: IpAddr,
    /// The ports that are its own; none: all those of its address that no other program has.
    pub ports: Vec<u16>,
    /// Further addresses that are its own.
    pub also: Vec<IpAddr>,
    /// Where it is, of the places of a [`Ground`]; none: that is not known.
    pub places: Vec<u32>,
}

/// A row and when it was.
struct Moment {
    /// Where it stands: packets stay in the order of the capture, even where a clock was set back.
    order: Timestamp,
    time: Timestamp,
    row: Row,
}

/// What happened at one moment.
#[derive(Clone, Debug)]
enum Row {
    Packet(Box<Message>),
    /// By the program with this place among the programs.
    Printed {
        by: usize,
        text: String,
    },
}

/// A packet, ready to be drawn. All its text is safe for a terminal.
#[derive(Clone, Debug)]
struct Message {
    /// Places of sender and receiver in the cast; `None`: more hosts than a cast has.
    ends: [Option<usize>; 2],
    ports: Option<[u16; 2]>,
    number: u64,
    protocol: &'static str,
    /// Flags and numbers, or the message's name.
    header: String,
    /// What it means.
    words: String,
    /// Where in that its data is told.
    said: std::ops::Range<usize>,
    /// What its data may be a part of.
    carried: Option<Carried>,
    role: Role,
    /// Of client and server, behind it.
    states: Option<[State; 2]>,
    /// Sender and receiver as the packet has them, and where it was captured.
    names: [Name; 2],
    place: u32,
    /// What was made of its addresses on the way.
    via: Vec<Via>,
    /// Whom a packet to a group reached, where that is known: places in the cast.
    heard: Vec<usize>,
}

/// An end of a packet that a NAT has rewritten.
#[derive(Clone, Debug)]
struct Via {
    /// The NAT's place in the cast.
    at: Option<usize>,
    /// It was the source: the packet goes out.
    outward: bool,
    /// The end before it and behind it.
    before: String,
    behind: String,
}

impl Via {
    /// Left and right of the NAT's line, and what stands on it: the packet goes to the right, or to the left.
    fn sides(&self, to_right: bool) -> (&str, char, &str) {
        if to_right { (&self.before, '⇒', &self.behind) } else { (&self.behind, '⇐', &self.before) }
    }

    fn text(&self, to_right: bool) -> String {
        let (left, sign, right) = self.sides(to_right);
        format!("{left} {sign} {right}")
    }
}

/// Gathers packets and printed lines, then draws them.
pub struct Ladder {
    moments: Vec<Moment>,
    left_out: u64,
    cast: Cast,
    reader: packet::Reader,
    /// The latest time of a packet so far.
    now: Timestamp,
    /// The places where packets are captured, where they are several.
    ways: Option<Ways>,
    /// The packet that was watched last, and whether it is a copy of one before.
    watched: Option<(u64, bool)>,
    /// How often packets were seen in how many places, once they are joined.
    joined: Option<(u64, usize)>,
    /// Where messages lie, until the chart is drawn.
    gathering: Option<Gathering>,
}

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of the terminal; fewer than [`NARROWEST`] are taken for so many.
    pub width: usize,
    pub palette: Palette,
    /// Nothing but ASCII.
    pub ascii: bool,
    /// Show the states of both ends, where the chart is of one TCP conversation.
    pub states: bool,
}

impl Default for Ladder {
    fn default() -> Self {
        Self::new(&ENGLISH)
    }
}

impl Ladder {
    pub fn new(words: &'static Words) -> Self {
        Self {
            moments: Vec::new(),
            left_out: 0,
            cast: Cast::default(),
            reader: packet::Reader::new(words),
            now: Timestamp(i64::MIN),
            ways: None,
            watched: None,
            joined: None,
            gathering: Some(Gathering::default()),
        }
    }

    /// The chart of these programs and what they say to each other and to others; columns in their order.
    pub fn of(programs: Vec<Program>, words: &'static Words) -> Self {
        Self { cast: Cast::with(programs), ..Self::new(words) }
    }

    /// The same of what is captured in several places: a packet that passed more than one is a row, with what became of
    /// its addresses on the way. Each place needs a table of conversations of its own; the frames' numbers are of all.
    #[must_use]
    pub fn on(mut self, ground: Ground) -> Self {
        (self.cast.apart, self.reader.apart) = (true, true);
        // Conversations have a number in each place, and what is seen twice is said once.
        self.gathering = None;
        self.ways = Some(Ways::new(ground));
        self
    }

    /// Takes in a packet that a filter may take away before it gets here: what became of others, it tells all the same.
    pub fn watch(&mut self, packet: &Packet<'_>) {
        if let Some(ways) = &mut self.ways {
            self.watched = Some((packet.frame.number, ways.is_copy(packet)));
        }
    }

    /// Whether a packet has its row already, from another place of the same segment.
    fn has_row(&mut self, packet: &Packet<'_>) -> bool {
        if self.watched.is_none_or(|(number, _)| number != packet.frame.number) {
            self.watch(packet);
        }
        self.watched.is_some_and(|(_, copy)| copy)
    }

    /// Makes one row of what is one packet.
    fn join(&mut self) {
        if let Some(ways) = self.ways.take() {
            self.joined = Some(ways.counts());
            self.moments = ways.join(std::mem::take(&mut self.moments), &mut self.cast);
        }
    }

    /// Adds a line that a program printed: `by` is its place among the programs. `text` must be safe for a terminal.
    pub fn printed(&mut self, by: usize, time: Timestamp, text: String) {
        self.add(time, time, Row::Printed { by, text });
    }

    fn is_full(&self) -> bool {
        self.moments.len() >= MOST_ROWS
    }

    fn add(&mut self, order: Timestamp, time: Timestamp, row: Row) {
        if self.is_full() {
            self.left_out += 1;
        } else {
            self.moments.push(Moment { order, time, row });
        }
    }

    /// Shows hosts by their names: those that were told at last.
    pub fn name(&mut self, names: &Names) {
        self.cast.name_all(names);
    }

    /// How many packets it tells of.
    pub fn packets(&self) -> u64 {
        self.reader.tally.packets
    }

    /// Draws everything in the order of time.
    pub fn draw(&mut self, out: &mut impl Write, look: Look) -> io::Result<()> {
        self.sort();
        let layout = Layout::new(&self.cast, text::most_columns(look), self.reader.words);
        let mut page = text::Page::new(look, &layout);
        let mut bytes = Vec::new();
        page.heading(&layout, &mut bytes);
        for Moment { time, row, .. } in &self.moments {
            page.row(*time, row, &layout, &mut bytes);
        }
        for note in self.notes(&layout) {
            page.note(&note, &mut bytes);
        }
        out.write_all(&bytes)
    }

    /// The chart as a picture of its own: no scripts, nothing to load, readable on light and on dark.
    pub fn draw_svg(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.sort();
        let layout = Layout::new(&self.cast, MOST_DRAWN, self.reader.words);
        out.write_all(svg::draw(&self.moments, &layout, &self.notes(&layout)).as_bytes())
    }

    /// The chart in Mermaid's language of sequence diagrams.
    pub fn draw_mermaid(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.sort();
        let layout = Layout::new(&self.cast, MOST_DRAWN, self.reader.words);
        out.write_all(mermaid::draw(&self.moments, &layout, &self.notes(&layout)).as_bytes())
    }

    /// Says a message that spans several segments once, and of those behind the first that they go on with it.
    fn join_segments(&mut self) {
        let (Some(gathering), words) = (self.gathering.take(), self.reader.words) else { return };
        let spans = gathering.finish();
        for moment in &mut self.moments {
            let Row::Packet(message) = &mut moment.row else { continue };
            let carried = message.carried.filter(|_| !message.said.is_empty());
            let Some(part) = carried.map(|carried| spans.of(&carried)) else { continue };
            if let Some((last, size)) = messages::whole(&part, words) {
                message.words.push_str(&format!("  {}", filled(words.goes_on, &[&last])));
                message.words.insert_str(message.said.end, &size.map_or_else(String::new, |size| format!(", {size}")));
            }
            let amount = |bytes| format!("… {}", words.count(&words.more_bytes, bytes));
            if let Some(text) = messages::goes_on(&part, amount, &message.words[message.said.clone()], words) {
                message.words.replace_range(message.said.clone(), &text);
            }
        }
    }

    fn sort(&mut self) {
        self.join_segments();
        self.join();
        // Stable: what has one time stays in the order in which it came.
        self.moments.sort_by_key(|moment| moment.order);
    }

    /// What the chart does not show, in sentences.
    fn notes(&self, layout: &Layout) -> Vec<String> {
        let words = self.reader.words;
        let named = self.cast.named(layout);
        let mut notes: Vec<String> =
            named.iter().map(|[address, name]| filled(words.named, &[address, name])).collect();
        if !layout.others.is_empty() {
            let count = layout.others.len().to_string();
            notes.push(words.others_are.replacen("{}", &count, 1).replacen("{}", &layout.others.join(", "), 1));
        }
        for (count, template) in [(self.reader.nameless, words.nameless), (self.left_out, words.more_rows)] {
            if count > 0 {
                notes.push(template.replace("{}", &count.to_string()));
            }
        }
        notes
    }

    /// The figures, in two lines.
    pub fn summary(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some((seen, places)) = self.joined {
            let rows = self.moments.iter().filter(|moment| matches!(moment.row, Row::Packet(_))).count();
            let packets = if rows == 1 { "packet" } else { "packets" };
            return writeln!(out, "{rows} {packets}, seen {seen} times in {places} places");
        }
        self.reader.tally.write(out)
    }
}
