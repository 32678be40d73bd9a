//! What both sides of Redis say, in whatever segments: strings with their lengths, or lines as a person types them, and
//! as the server shows them to who monitors it.

use std::ops::Range;

use crate::wire::resp::Words;
use crate::wire::{Protocol, line, secret};

/// Bytes of an unfinished line or word that are remembered.
const BEGINNING: usize = 512;

/// Letters of the longest word that tells whether those behind it are secret, and more.
const SECRET_WORD: usize = 32;

/// Where in its commands, or in its answers, a side is.
#[derive(Clone, Debug, Default)]
pub(super) struct Commands {
    words: Words,
    /// Words of the command or the answer that are to come; 0: nobody knows.
    wanted: u64,
    /// What the unfinished line or word begins with.
    begun: Vec<u8>,
    /// Bytes of a string that are to come.
    string: u64,
    /// The string is secret.
    covers: bool,
    /// Behind a gap: what is said is not known until the next command begins.
    lost: bool,
    /// A line is unfinished there.
    within: bool,
}

impl Commands {
    /// Whether a command is not whole yet.
    pub(super) fn is_expecting(&self) -> bool {
        self.string > 0 || self.wanted > 0 || self.lost || !self.begun.is_empty() || self.words != Words::default()
    }

    /// Reads on; so many bytes are missing before and behind.
    pub(super) fn read(
        &mut self,
        from_client: bool,
        data: &[u8],
        [before, behind]: [u64; 2],
        give: &mut dyn FnMut(Range<usize>),
    ) {
        self.skip(before);
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            if self.string > 0 {
                let used = usize::try_from(self.string).unwrap_or(usize::MAX).min(rest.len());
                let piece = rest.get(..used).unwrap_or_default();
                self.covers |= self.begun.is_empty() && self.words.is_secret(piece);
                if self.covers {
                    give(at..at + used);
                }
                self.remember(piece);
                self.string -= used as u64;
                if self.string == 0 {
                    self.word();
                    self.begun.clear();
                    self.covers = false;
                }
                at += used;
                continue;
            }
            let line = line::first(rest);
            let is_new = if from_client { secret::is_command(Protocol::Resp, line) } else { may_begin(line) };
            if self.lost && (self.within || !is_new) {
                give(at..at + line::bare(line).len());
                self.within = !line.ends_with(b"\n");
                at += line.len();
                continue;
            }
            self.lost = false;
            let (text, before) = (line::bare(line), self.begun.len());
            self.remember(text);
            let number = || std::str::from_utf8(self.begun.get(1..)?).ok()?.parse::<u64>().ok();
            let ended = line.ends_with(b"\n");
            match self.begun.first().copied() {
                Some(b'*') if ended => (self.words, self.wanted) = (Words::default(), number().unwrap_or(0)),
                Some(b'$') if ended => {
                    self.string = number().unwrap_or(0);
                    if self.string == 0 {
                        self.begun.clear();
                        self.word();
                    }
                }
                Some(b'-' | b':') if ended => self.word(),
                None | Some(b'*' | b'$' | b'-' | b':') => {}
                Some(first) => {
                    let sign = usize::from(first == b'+');
                    let word = self.begun.get(sign..).unwrap_or_default();
                    let is_secret = sign > 0 && self.words.is_secret(word);
                    let from = if is_secret { Some(0) } else { secret::from(Protocol::Resp, word) };
                    let from = from.map(|from| (from + sign).saturating_sub(before));
                    if let Some(from) = from.filter(|from| *from < text.len()) {
                        give(at + from..at + text.len());
                    }
                    if sign > 0 && ended {
                        self.begun.remove(0);
                        self.word();
                    }
                }
            }
            if ended {
                self.begun.clear();
            }
            at += line.len();
        }
        self.skip(behind);
    }

    fn skip(&mut self, missing: u64) {
        match self.string.checked_sub(missing).filter(|left| *left > 0) {
            _ if missing == 0 => {}
            Some(left) => {
                self.string = left;
                if self.begun.len() < SECRET_WORD {
                    // Nobody knows what word it is: what is behind it may be secret, and so may it.
                    (self.covers, self.begun) = (true, b"AUTH".to_vec());
                }
            }
            None => *self = Self { lost: true, within: true, ..Self::default() },
        }
    }

    /// A word is whole: what is remembered of it.
    fn word(&mut self) {
        self.words.take(&self.begun);
        if self.wanted == 1 {
            self.words = Words::default();
        }
        self.wanted = self.wanted.saturating_sub(1);
    }

    fn remember(&mut self, piece: &[u8]) {
        let room = BEGINNING - self.begun.len().min(BEGINNING);
        self.begun.extend(piece.iter().take(room));
    }
}

/// Whether a line may begin a value that a server says.
fn may_begin(line: &[u8]) -> bool {
    matches!(line, [b'+' | b'-' | b':' | b'$' | b'*', ..])
}
