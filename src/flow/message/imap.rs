//! Letters over IMAP (RFC 3501): literals of FETCH and of APPEND.
//!
//! A letter that stands in quotation marks, and pieces of letters (`BODY[1]`), are no messages here.

use super::body::End;
use super::lines::Lines;
use super::output::{Draft, Output};
use super::{Bytes, Envelope, What};
use crate::wire::{Protocol, imap, line};

/// One side: lines, and literals between them.
#[derive(Default)]
struct Side {
    lines: Lines,
    /// Bytes of the literal that are to come.
    left: u64,
    /// What it is, where it is a letter: the command.
    letter: Option<Vec<u8>>,
    draft: Option<Draft>,
    /// The next line goes on with the one before the literal.
    goes_on: bool,
    /// The beginning of that line: which letter is spoken of.
    about: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Imap {
    client: Side,
    server: Side,
    /// The client waits for the server's `+` before it sends its literal.
    holds: bool,
    /// Of the command behind whose OK all is encrypted or compressed.
    ending: Option<Vec<u8>>,
    over: bool,
}

impl Imap {
    /// Whether what follows is encrypted or compressed.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn bytes(&mut self, from_client: bool, bytes: Bytes<'_>, out: &mut Output<'_>) {
        let mut rest = bytes;
        while !rest.data.is_empty() && !self.over {
            let side = if from_client { &mut self.client } else { &mut self.server };
            if side.left > 0 {
                if from_client {
                    self.holds = false;
                }
                let used = side.literal(&rest, from_client, out);
                rest = rest.split(used).1;
                continue;
            }
            let (used, line) = side.lines.read(&rest);
            if let Some(line) = line {
                if from_client { self.command(&line.text) } else { self.answer(&line.text) }
            }
            rest = rest.split(used).1;
        }
    }

    fn command(&mut self, text: &[u8]) {
        let literal = imap::literal(text);
        let side = &mut self.client;
        if !std::mem::replace(&mut side.goes_on, literal.is_some()) {
            let (tag, rest) = line::word(line::bare(text));
            let (word, rest) = line::word(rest);
            let is = |name: &str| line::is_one_of(word, &[name]);
            if is("STARTTLS") || is("COMPRESS") {
                self.ending = Some(tag.to_vec());
            }
            side.about = if is("APPEND") { [b"APPEND ", line::word(rest).0].concat() } else { Vec::new() };
        }
        if let Some(length) = literal {
            side.left = length as u64;
            side.letter = (!side.about.is_empty()).then(|| side.about.clone());
            self.holds = !line::bare(text).ends_with(b"+}");
        }
    }

    fn answer(&mut self, text: &[u8]) {
        let literal = imap::literal(text);
        let side = &mut self.server;
        let bare = line::bare(text);
        if !std::mem::replace(&mut side.goes_on, literal.is_some()) {
            let (tag, rest) = line::word(bare);
            let (number, rest) = line::word(rest);
            let is_fetched = tag == b"*" && line::is_one_of(line::word(rest).0, &["FETCH"]);
            side.about = if is_fetched { [b"FETCH ", number].concat() } else { Vec::new() };
            if tag != b"*" && tag != b"+" {
                if self.ending.as_deref() == Some(tag) {
                    self.over = line::is_one_of(number, &["OK"]);
                    self.ending = None;
                }
                if self.holds {
                    // Refused: the literal does not come.
                    self.holds = false;
                    (self.client.left, self.client.letter, self.client.goes_on) = (0, None, false);
                }
            } else if tag == b"+" {
                self.holds = false;
            }
        }
        if let Some(length) = literal {
            side.left = length as u64;
            let item = bare.get(..memchr::memrchr(b'{', bare).unwrap_or(bare.len())).unwrap_or_default().trim_ascii();
            let item = item.rsplit(|byte| matches!(byte, b' ' | b'(')).next().unwrap_or_default();
            let whole = line::is_one_of(item, &["BODY[]", "BODY[]<0>", "RFC822"]);
            side.letter = (whole && !side.about.is_empty()).then(|| side.about.clone());
        }
    }

    pub(super) fn gap(&mut self, from_client: bool, length: u64, out: &mut Output<'_>) {
        let side = if from_client { &mut self.client } else { &mut self.server };
        let inside = length.min(side.left);
        if let Some(draft) = &mut side.draft {
            draft.body.gap(inside, out.budget);
        }
        side.left -= inside;
        if inside > 0 && side.left == 0 {
            side.letter_is_over(End::Whole, out);
        }
        if inside < length {
            side.lines.begin_anew();
            side.goes_on = false;
        }
    }

    pub(super) fn finish(&mut self, out: &mut Output<'_>) {
        for side in [&mut self.client, &mut self.server] {
            let missing = Some(side.left);
            side.letter_is_over(End::Cut { missing }, out);
        }
    }
}

impl Side {
    fn literal(&mut self, rest: &Bytes<'_>, from_client: bool, out: &mut Output<'_>) -> usize {
        let used = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.data.len());
        self.left -= used as u64;
        if self.letter.is_some() {
            let now = rest.split(used).0;
            let draft = self.draft.get_or_insert_with(|| out.begin(&now, from_client));
            draft.place.extend(&now);
            draft.body.push(now.data, out.budget);
        }
        if self.left == 0 {
            self.letter_is_over(End::Whole, out);
        }
        used
    }

    fn letter_is_over(&mut self, end: End, out: &mut Output<'_>) {
        let command = self.letter.take().unwrap_or_default();
        if let Some(mut draft) = self.draft.take() {
            draft.body.end = end;
            out.message(Protocol::Imap, draft, What::Mail(Envelope { command, ..Envelope::default() }));
        }
    }
}
