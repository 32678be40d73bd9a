//! The sentences on the screen: long exchanges in short, wrapped, each with its packets.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::{Figures, Phase, Step, Telling};
use crate::view::messages;
use crate::view::style::{Palette, Role};
use crate::view::words::filled;
use crate::view::wrap;

/// Sentences that a story should have at most, unless all are wanted.
const MOST: usize = 40;
/// Everyday steps that are told one by one before the rest of their run is told in short.
const FIRST: usize = 6;
/// Steps between opening and closing that are told where even that is too long.
const DATA: usize = 24;
/// Columns before a sentence.
const INDENT: usize = 2;

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub width: usize,
    pub palette: Palette,
    /// Every step, however many.
    pub all: bool,
}

impl Telling {
    /// Writes the story. Where `found` says no, there is none.
    pub fn draw(&mut self, out: &mut impl Write, look: Look) -> io::Result<()> {
        self.join_segments();
        let telling = &self.words.telling;
        let palette = look.palette;
        let mut text = Vec::new();
        let heading = |title: &str, text: &mut Vec<u8>| {
            palette.begin(Role::Heading, text);
            wrap::hanging(title, look.width.clamp(40, 100), 0, INDENT, text);
            palette.end(Role::Heading, text);
            text.push(b'\n');
        };
        heading(self.title.as_deref().unwrap_or_default(), &mut text);
        let steps = if look.all || self.steps.len() <= MOST { self.steps.clone() } else { self.in_short() };
        let mut phase = None;
        for step in &steps {
            if phase != Some(step.phase) {
                phase = Some(step.phase);
                text.push(b'\n');
                heading(
                    match step.phase {
                        Phase::Opening => telling.opening,
                        Phase::Data => telling.data,
                        Phase::Closing => telling.closing,
                    },
                    &mut text,
                );
            }
            let reference = match step.packets {
                (first, last) if first == last => filled(telling.packet, &[&first.to_string()]),
                (first, last) => filled(telling.packets, &[&first.to_string(), &last.to_string()]),
            };
            sentence(&step.text, step.role, &reference, look, &mut text);
        }
        if self.left_out > 0 {
            sentence(&filled(telling.left_out, &[&self.left_out.to_string()]), Role::Faint, "", look, &mut text);
        }
        if let Some(last) = self.steps.last().filter(|_| !self.over) {
            let [client, server] = self.states.map(crate::flow::state::State::name);
            let reference = filled(telling.packet, &[&last.packets.1.to_string()]);
            text.push(b'\n');
            sentence(&filled(telling.unfinished, &[client, server]), Role::Faint, &reference, look, &mut text);
        }
        out.write_all(&text)
    }

    /// Runs of everyday steps in short; and where that is not enough, everything behind the first steps.
    fn in_short(&self) -> Vec<Step> {
        let mut short: Vec<Step> = Vec::new();
        for run in self.steps.chunk_by(|a, b| a.everyday && b.everyday && a.phase == b.phase) {
            let (told, rest) = run.split_at(run.len().min(FIRST));
            short.extend_from_slice(told);
            match rest {
                [] => {}
                [only] => short.push(only.clone()),
                rest => short.extend(self.summary(rest)),
            }
        }
        if short.len() <= MOST {
            return short;
        }
        let is_data = |step: &&Step| step.phase == Phase::Data;
        let kept: Vec<Step> = short.iter().filter(is_data).take(DATA).cloned().collect();
        let behind = kept.last().map_or(0, |step| step.packets.1);
        let rest: Vec<Step> =
            self.steps.iter().filter(is_data).filter(|step| step.packets.0 > behind).cloned().collect();
        let around = |phase: Phase| self.steps.iter().filter(move |step| step.phase == phase).take(MOST / 4).cloned();
        let (opening, closing) = (around(Phase::Opening), around(Phase::Closing));
        opening.chain(kept).chain(self.summary(&rest)).chain(closing).collect()
    }

    fn summary(&self, steps: &[Step]) -> Option<Step> {
        let (first, last) = (steps.first()?, steps.last()?);
        let mut figures = Figures::default();
        for step in steps {
            let [client, server] = step.figures.bytes;
            figures.bytes[0] += client;
            figures.bytes[1] += server;
            figures.segments += step.figures.segments;
            figures.receipts += step.figures.receipts;
            figures.again += step.figures.again;
        }
        let [client, server] = figures.bytes;
        let values = [client, server, figures.segments, figures.receipts].map(|number| number.to_string());
        let mut text = filled(self.words.telling.in_short, &values.each_ref().map(String::as_str));
        let mut role = Role::Plain;
        if figures.again > 0 {
            text.push_str(&filled(self.words.telling.in_short_again, &[&figures.again.to_string()]));
            role = Role::Trouble;
        }
        let packets = (first.packets.0, last.packets.1);
        Some(Step { phase: first.phase, packets, text, role, everyday: false, figures, carried: None })
    }
}

impl Telling {
    /// Says a message that spans several segments once, and of those behind the first that they go on with it.
    fn join_segments(&mut self) {
        let (Some(gathering), words) = (self.gathering.take(), self.words) else { return };
        let spans = gathering.finish();
        for step in &mut self.steps {
            let Some((carried, quote)) = step.carried.take() else { continue };
            let part = spans.of(&carried);
            if let Some((last, size)) = messages::whole(&part, words) {
                let size = size.map_or_else(String::new, |size| format!(", {size}"));
                let until = filled(words.telling.goes_on, &[&last, &size]);
                // Behind the sentence, which ends with the quote and a full stop.
                let place = step
                    .text
                    .get(quote.end..)
                    .and_then(|rest| rest.find(' '))
                    .map_or(step.text.len(), |at| quote.end + at);
                step.text.insert_str(place, &until);
            }
            let said = step.text.get(quote.clone()).unwrap_or_default().trim_start_matches(": ").to_owned();
            if let Some(text) = messages::goes_on(&part, |_| "…".to_owned(), &said, words) {
                step.text.replace_range(quote, &format!(": {text}"));
            }
        }
    }
}

/// A sentence in lines of at most the width, its packets behind it.
fn sentence(text: &str, role: Role, reference: &str, look: Look, out: &mut Vec<u8>) {
    let width = look.width.clamp(40, 100);
    let words = text.split(' ').map(|word| (word, role));
    let reference = if reference.is_empty() { None } else { Some((reference, Role::Faint)) };
    let mut column = 0;
    let mut pieces: Vec<(String, Role)> = Vec::new();
    for (word, role) in words.chain(reference) {
        // A word longer than a line (text from the wire) is cut into pieces.
        let mut piece = String::new();
        for c in word.chars() {
            if piece.width() + unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) > width - INDENT {
                pieces.push((std::mem::take(&mut piece), role));
            }
            piece.push(c);
        }
        pieces.push((piece, role));
    }
    for (word, role) in pieces {
        if column == 0 || column + 1 + word.width() > width {
            if column > 0 {
                out.push(b'\n');
            }
            out.extend(std::iter::repeat_n(b' ', INDENT));
            column = INDENT;
        } else {
            out.push(b' ');
            column += 1;
        }
        let shown = if matches!(role, Role::Data) { Role::Plain } else { role };
        look.palette.begin(shown, out);
        out.extend_from_slice(word.as_bytes());
        look.palette.end(shown, out);
        column += word.width();
    }
    out.push(b'\n');
}
