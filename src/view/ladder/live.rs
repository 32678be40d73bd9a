//! The chart while packets arrive: a row for each, the names anew whenever the columns change.

use std::io::{self, Write};

use super::layout::{Cast, Layout};
use super::packet::Reader;
use super::text::{self, Page};
use super::{Look, Row};
use crate::flow::Known;
use crate::frame::Timestamp;
use crate::pipeline::{Next, Sink};
use crate::view::words::Words;
use crate::wire::Packet;

/// Draws packets as they come. Nothing is kept of them but who they were from and for.
pub struct Live<W> {
    out: W,
    look: Look,
    cast: Cast,
    reader: Reader,
    now: Timestamp,
    /// Changes of the cast that the columns below know.
    changes: u64,
    /// The columns that the rows above have.
    drawn: Option<(Layout, Page)>,
    buffer: Vec<u8>,
}

/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

impl<W: Write> Live<W> {
    pub fn new(out: W, look: Look, words: &'static Words) -> Self {
        // One column is for all who come too late to get one.
        let (cast, reader) = (Cast::of(text::most_columns(look) - 1), Reader::new(words));
        Self { out, look, cast, reader, now: Timestamp(i64::MIN), changes: 0, drawn: None, buffer: Vec::new() }
    }

    /// Draws the names, if they are not those above.
    fn columns(&mut self) {
        if self.changes == self.cast.changes {
            return;
        }
        self.changes = self.cast.changes;
        let layout = Layout::in_order(&self.cast, self.reader.words);
        if let Some((drawn, _)) = &mut self.drawn
            && drawn.looks_like(&layout)
        {
            *drawn = layout;
            return;
        }
        let page = Page::new(self.look, &layout);
        let page = match &self.drawn {
            Some((_, before)) => page.following(before),
            None => page,
        };
        if self.drawn.is_some() {
            self.buffer.push(b'\n');
        }
        page.heading(&layout, &mut self.buffer);
        self.drawn = Some((layout, page));
    }
}

impl<W: Write> Sink for Live<W> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        if let Some(message) = self.reader.read(packet, known, &mut self.cast) {
            self.now = packet.frame.time.unwrap_or(self.now);
            self.columns();
            if let Some((layout, page)) = &mut self.drawn {
                page.row(self.now, &Row::Packet(Box::new(message)), layout, &mut self.buffer);
            }
        }
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        crate::view::write_out(&mut self.buffer, &mut self.out)?;
        self.out.flush()
    }
}
