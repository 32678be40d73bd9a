//! Letters over SMTP (RFC 5321; RFC 3030 for BDAT): envelope and text, from commands and replies that may be pipelined.
//!
//! Whether the client's next bytes are a command or a letter, the server's replies tell: they come in the order of the
//! commands. Where none was captured, a letter is expected behind DATA. STARTTLS ends the reading.

use std::collections::VecDeque;

use super::body::End;
use super::dotted::Dotted;
use super::lines::{Line, Lines};
use super::output::{Draft, Output};
use super::{Bytes, Envelope, What};
use crate::wire::{Protocol, line, smtp};

/// Commands that wait for their reply, and recipients of a letter.
const MOST_WAITING: usize = 1024;
const MOST_RECIPIENTS: usize = 1000;

/// What a reply is to.
enum Command {
    Recipient,
    Data,
    /// A letter that was sent whole.
    Letter(Box<(Draft, Envelope)>),
    /// A piece of one, by BDAT.
    Piece,
    Auth,
    StartTls,
    Other,
}

#[derive(Default)]
enum State {
    #[default]
    Commands,
    /// Behind DATA: the reply tells what comes.
    Asked,
    Letter(Dotted),
    /// So many bytes of a piece of a letter are to come; it is the last one.
    Piece {
        left: u64,
        last: bool,
    },
}

#[derive(Default)]
pub(super) struct Smtp {
    client: Lines,
    server: Lines,
    state: State,
    /// Commands without a reply, the oldest first.
    waiting: VecDeque<Command>,
    envelope: Envelope,
    /// Of recipients that the server has not spoken of: their places in the envelope.
    unsure: VecDeque<usize>,
    refused: Vec<usize>,
    draft: Option<Draft>,
    /// A reply that came while a letter was read: its end may lie in a gap, or follow.
    early: Option<Vec<u8>>,
    /// The next line need not be a command: something is missing before it.
    after_gap: bool,
    /// The next line of the client answers AUTH's question.
    credential: bool,
    /// What follows is encrypted.
    over: bool,
}

impl Smtp {
    /// Whether what follows is encrypted, or is no SMTP.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn bytes(&mut self, from_client: bool, bytes: Bytes<'_>, out: &mut Output<'_>) {
        let mut rest = bytes;
        while !rest.data.is_empty() && !self.over {
            let used = if !from_client {
                match self.server.read(&rest) {
                    (used, Some(line)) => {
                        self.reply(&line.text, out);
                        used
                    }
                    (used, None) => used,
                }
            } else {
                self.said(&rest, out)
            };
            rest = rest.split(used).1;
        }
    }

    /// The next bytes of the client; how many were used.
    fn said(&mut self, rest: &Bytes<'_>, out: &mut Output<'_>) -> usize {
        match &mut self.state {
            State::Commands => match self.client.read(rest) {
                (used, Some(line)) => {
                    self.command(&line, out);
                    used
                }
                (used, None) => used,
            },
            State::Asked => {
                // No reply was captured.
                self.state = State::Letter(Dotted::default());
                0
            }
            State::Letter(dotted) => {
                let mut dotted = std::mem::take(dotted);
                let draft = self.draft.get_or_insert_with(|| out.begin(rest, true));
                let (used, ended) = dotted.read(rest.data, &mut draft.body, out.budget);
                draft.place.extend(&rest.split(used).0);
                self.state = if ended { State::Commands } else { State::Letter(dotted) };
                if ended {
                    self.letter_is_whole(out);
                }
                used
            }
            State::Piece { left, last } => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.data.len());
                *left -= used as u64;
                let (done, last) = (*left == 0, *last);
                let now = rest.split(used).0;
                let draft = self.draft.get_or_insert_with(|| out.begin(&now, true));
                draft.place.extend(&now);
                draft.body.push(now.data, out.budget);
                if done {
                    self.piece_is_whole(last, out);
                }
                used
            }
        }
    }

    fn piece_is_whole(&mut self, last: bool, out: &mut Output<'_>) {
        self.state = State::Commands;
        if last {
            self.letter_is_whole(out);
        } else {
            self.wait(Command::Piece, out);
        }
    }

    /// The letter's end was seen: what the server says to it is still to come.
    fn letter_is_whole(&mut self, out: &mut Output<'_>) {
        if let Some(draft) = self.draft.take() {
            let envelope = self.take_envelope();
            if let Some(reply) = self.early.take() {
                return self.post((draft, envelope), reply, End::Whole, out);
            }
            self.wait(Command::Letter(Box::new((draft, envelope))), out);
        }
    }

    fn take_envelope(&mut self) -> Envelope {
        let mut envelope = std::mem::take(&mut self.envelope);
        let refused = std::mem::take(&mut self.refused);
        let mut place = 0;
        envelope.to.retain(|_| {
            place += 1;
            !refused.contains(&(place - 1))
        });
        self.unsure.clear();
        envelope
    }

    /// What was said of a letter so far does not count.
    fn begin_anew(&mut self) {
        self.take_envelope();
        self.draft = None;
    }

    fn wait(&mut self, command: Command, out: &mut Output<'_>) {
        if self.waiting.len() >= MOST_WAITING
            && let Some(Command::Letter(letter)) = self.waiting.pop_front()
        {
            self.post(*letter, Vec::new(), End::Whole, out);
        }
        self.waiting.push_back(command);
    }

    fn command(&mut self, line: &Line, out: &mut Output<'_>) {
        let text = line::bare(&line.text);
        if std::mem::take(&mut self.credential) {
            self.push(Command::Auth);
            return;
        }
        let (word, argument) = line::word(text);
        if std::mem::take(&mut self.after_gap) && !smtp::is_command(word) {
            return;
        }
        let is = |name: &str| line::is_one_of(word, &[name]);
        if is("MAIL") {
            self.begin_anew();
            self.envelope.from = smtp::path(argument).to_vec();
            self.push(Command::Other);
        } else if is("RCPT") {
            if self.envelope.to.len() < MOST_RECIPIENTS {
                self.unsure.push_back(self.envelope.to.len());
                self.envelope.to.push(smtp::path(argument).to_vec());
                self.push(Command::Recipient);
            } else {
                self.push(Command::Other);
            }
        } else if is("DATA") {
            self.push(Command::Data);
            self.state = State::Asked;
        } else if is("BDAT") {
            let (size, rest) = line::word(argument);
            let size = std::str::from_utf8(size).ok().and_then(|size| size.parse().ok());
            let last = line::is_one_of(rest.trim_ascii(), &["LAST"]);
            match size {
                Some(0) => self.piece_is_whole(last, out),
                Some(left) => self.state = State::Piece { left, last },
                None => self.push(Command::Other),
            }
        } else if is("AUTH") {
            self.push(Command::Auth);
        } else if is("STARTTLS") {
            self.push(Command::StartTls);
        } else if is("RSET") || is("HELO") || is("EHLO") {
            self.begin_anew();
            self.push(Command::Other);
        } else if word.iter().any(u8::is_ascii_control) {
            // Encrypted, and the reply that told so was not captured.
            self.over = true;
        } else if !word.is_empty() {
            self.push(Command::Other);
        }
    }

    fn push(&mut self, command: Command) {
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(command);
        }
    }

    fn reply(&mut self, text: &[u8], out: &mut Output<'_>) {
        let Some(reply) = line::reply(text).filter(|reply| !reply.more) else { return };
        if matches!(self.state, State::Letter(_)) && self.waiting.is_empty() {
            if self.draft.as_ref().is_none_or(|draft| draft.body.gaps.is_empty()) {
                self.early = Some(line::bare(text).to_vec());
                return;
            }
            // Its end lies in the gap.
            self.state = State::Commands;
            self.letter_is_whole(out);
        }
        // The greeting is to no command.
        if reply.code == 220 && !matches!(self.waiting.front(), Some(Command::StartTls)) {
            return;
        }
        let done = (200..300).contains(&reply.code);
        match self.waiting.pop_front() {
            Some(Command::Recipient) => {
                if let Some(place) = self.unsure.pop_front()
                    && !done
                {
                    self.refused.push(place);
                }
            }
            Some(Command::Data) if matches!(self.state, State::Asked) => {
                self.state = if reply.code == 354 { State::Letter(Dotted::default()) } else { State::Commands };
            }
            Some(Command::Auth) => self.credential = reply.code == 334,
            Some(Command::StartTls) => self.over = done,
            Some(Command::Letter(letter)) => self.post(*letter, line::bare(text).to_vec(), End::Whole, out),
            Some(Command::Data | Command::Piece | Command::Other) | None => {}
        }
    }

    /// Hands out a letter.
    fn post(&mut self, letter: (Draft, Envelope), reply: Vec<u8>, end: End, out: &mut Output<'_>) {
        let (mut draft, envelope) = letter;
        draft.body.end = end;
        out.message(Protocol::Smtp, draft, What::Mail(Envelope { reply, ..envelope }));
    }

    pub(super) fn gap(&mut self, from_client: bool, length: u64, out: &mut Output<'_>) {
        if !from_client {
            self.server.begin_anew();
            // Which replies are missing is not known.
            self.settle(out);
            return;
        }
        let mut lost = |draft: &mut Option<Draft>, length| {
            if let Some(draft) = draft {
                draft.body.gap(length, out.budget);
            }
        };
        match &mut self.state {
            State::Commands => {
                self.client.begin_anew();
                self.after_gap = true;
            }
            State::Asked => self.state = State::Letter(Dotted::default()),
            State::Letter(dotted) => {
                dotted.gap();
                lost(&mut self.draft, length);
                if self.early.is_some() {
                    self.state = State::Commands;
                    self.after_gap = true;
                    self.letter_is_whole(out);
                }
            }
            State::Piece { left, last } if *left >= length => {
                *left -= length;
                let (done, last) = (*left == 0, *last);
                lost(&mut self.draft, length);
                if done {
                    self.piece_is_whole(last, out);
                }
            }
            State::Piece { left, last } => {
                let (left, last) = (*left, *last);
                lost(&mut self.draft, left);
                self.piece_is_whole(last, out);
                self.after_gap = true;
            }
        }
    }

    /// Letters that wait for a reply are handed out without one.
    fn settle(&mut self, out: &mut Output<'_>) {
        for command in std::mem::take(&mut self.waiting) {
            if let Command::Letter(letter) = command {
                self.post(*letter, Vec::new(), End::Whole, out);
            }
        }
    }

    pub(super) fn finish(&mut self, out: &mut Output<'_>) {
        self.settle(out);
        if let Some(draft) = self.draft.take() {
            let missing = if let State::Piece { left, .. } = self.state { Some(left) } else { None };
            let envelope = self.take_envelope();
            self.post((draft, envelope), Vec::new(), End::Cut { missing }, out);
        }
    }
}
