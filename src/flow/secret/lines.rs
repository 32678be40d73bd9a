//! What clients of the protocols of lines say (FTP, SMTP, POP, IMAP), and both sides' descriptions in SIP, in whatever segments: the beginning of a line tells
//! what of it is secret, and what both sides said tells whether a line is the answer to a question (RFC 4422: SASL).

use std::ops::Range;

use crate::wire::{Protocol, imap, line, pop, secret, smtp};

/// Bytes of an unfinished line that are remembered: command, names, mechanism lie in them.
const BEGINNING: usize = 512;
/// Bytes of its end: the announcement of a literal lies in them.
const END: usize = 24;

/// Where in its lines a client is.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    /// What the unfinished line begins with.
    begun: Vec<u8>,
    /// What it ends with so far.
    end: Vec<u8>,
    /// The rest of the unfinished line is secret.
    covers: bool,
    literal: Option<Literal>,
    /// Lines that are no commands answer the server's questions.
    answers: bool,
    /// Lines belong to a letter.
    letter: bool,
    /// What the unfinished line begins with is not known.
    lost: bool,
}

/// Bytes that are no lines, within one.
#[derive(Clone, Copy, Debug)]
struct Literal {
    left: u64,
    secret: bool,
    /// The client waits for the server to want it.
    waits: bool,
}

impl Lines {
    pub(super) fn is_expecting(&self) -> bool {
        self.covers || self.answers || self.literal.is_some_and(|literal| literal.secret)
    }

    /// Reads on; so many bytes are missing before and behind.
    pub(super) fn client(
        &mut self,
        protocol: Protocol,
        data: &[u8],
        [before, behind]: [u64; 2],
        give: &mut dyn FnMut(Range<usize>),
    ) {
        self.skip(before);
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            at += match &mut self.literal {
                Some(literal) => {
                    let used = usize::try_from(literal.left).unwrap_or(usize::MAX).min(rest.len());
                    literal.left -= used as u64;
                    if literal.secret {
                        give(at..at + used);
                    }
                    self.literal = Some(*literal).filter(|literal| literal.left > 0);
                    used
                }
                None => {
                    let line = line::first(rest);
                    if let Some(from) = self.line(protocol, line) {
                        give(at + from..at + line::bare(line).len());
                    }
                    line.len()
                }
            };
        }
        self.skip(behind);
    }

    fn skip(&mut self, missing: u64) {
        if missing == 0 {
            return;
        }
        match self.literal.as_mut().map(|literal| (literal.left.checked_sub(missing), literal)) {
            Some((Some(left @ 1..), literal)) => literal.left = left,
            _ => {
                self.literal = None;
                self.begun.clear();
                self.end.clear();
                self.lost = !self.letter;
            }
        }
    }

    /// A line, or the next piece of one: from which byte on it is secret.
    fn line(&mut self, protocol: Protocol, piece: &[u8]) -> Option<usize> {
        let (text, ended) = (line::bare(piece), piece.ends_with(b"\n"));
        if self.letter {
            // Enough to tell a single dot.
            self.begun.extend(text.iter().take(2usize.saturating_sub(self.begun.len())));
            if ended {
                self.letter = self.begun != b".";
                self.begun.clear();
            }
            return None;
        }
        if std::mem::take(&mut self.lost) {
            // What may be the rest of a password.
            let is_text = text.iter().take(32).all(|byte| !byte.is_ascii_control() || *byte == b'\t');
            let may = protocol != Protocol::Smtp || !text.contains(&b' ');
            self.covers |= is_text && may && !secret::is_command(protocol, text);
        }
        let before = self.begun.len();
        let from = if self.covers {
            Some(0)
        } else {
            let room = BEGINNING - before.min(BEGINNING);
            self.begun.extend(text.iter().take(room));
            let is_answer = self.answers && !secret::is_command(protocol, &self.begun);
            let from = if is_answer { Some(0) } else { secret::from(protocol, &self.begun) };
            from.map(|from| from.saturating_sub(before))
        };
        self.covers = from.is_some();
        if protocol == Protocol::Imap && (!ended || !self.end.is_empty()) {
            self.end.extend(text.get(text.len().saturating_sub(END)..).unwrap_or(text));
            self.end.drain(..self.end.len().saturating_sub(END));
        }
        if ended {
            let (whole, end) = (std::mem::take(&mut self.begun), std::mem::take(&mut self.end));
            let [whole, end] =
                [(&whole, text), (&end, text)].map(|(known, text)| if known.is_empty() { text } else { known });
            self.ended(protocol, whole, end);
        }
        from.filter(|from| *from < text.len())
    }

    /// A line has ended: `whole` is what is remembered of it, `last` what it ends with.
    fn ended(&mut self, protocol: Protocol, whole: &[u8], last: &[u8]) {
        let covered = std::mem::take(&mut self.covers);
        let (word, rest) = line::word(whole.trim_ascii_start());
        let is = |command: &str| line::is_one_of(word, &[command]);
        match protocol {
            Protocol::Smtp if is("DATA") => (self.letter, self.answers) = (true, false),
            Protocol::Smtp if is("BDAT") => {
                let left = std::str::from_utf8(line::word(rest).0).ok().and_then(|digits| digits.parse().ok());
                self.literal = left.filter(|left| *left > 0).map(|left| Literal { left, secret: false, waits: false });
            }
            Protocol::Smtp => self.answers = smtp::asks_in(whole) || self.answers && !smtp::is_command(word),
            Protocol::Pop => self.answers = is("AUTH") && !rest.is_empty() || self.answers && !pop::is_command(word),
            Protocol::Imap => {
                let asks = imap::asks_in(whole).is_some_and(|(command, _)| line::is_one_of(command, &["AUTHENTICATE"]));
                self.answers = asks || self.answers && !imap::is_command(whole);
                if let Some(left) = imap::literal(last) {
                    self.literal = Some(Literal { left: left as u64, secret: covered, waits: !last.ends_with(b"+}") });
                    // Behind it the line goes on.
                    self.covers = covered;
                }
            }
            _ => {}
        }
    }

    /// What the server says to it.
    pub(super) fn server(&mut self, protocol: Protocol, data: &[u8]) {
        match protocol {
            Protocol::Smtp => {
                if let Some(reply) = line::each(data).filter_map(line::reply).last() {
                    self.answers = reply.code == 334;
                    // Who asks for a password reads no letter: where that ends was lost.
                    self.letter &= reply.code < 400 && !self.answers;
                }
            }
            Protocol::Pop => {
                if let Some((word, _)) = pop::indicator(line::first(data)) {
                    self.answers = word == b"+";
                }
            }
            Protocol::Imap if (self.answers || self.literal.is_some()) && line::each(data).any(imap::ends_answer) => {
                self.answers = false;
                if self.literal.is_some_and(|literal| literal.waits) {
                    (self.literal, self.covers) = (None, false);
                }
            }
            _ => {}
        }
    }

    /// What the server said before that comes late: a question stands.
    pub(super) fn server_late(&mut self, protocol: Protocol, data: &[u8]) {
        let mut then = self.clone();
        then.server(protocol, data);
        self.answers |= then.answers;
    }

    /// What comes late may answer the questions that the server has asked by now.
    pub(super) fn is_also_asked(&mut self, now: &Self) {
        self.answers |= now.answers;
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.begun.len()
    }
}
