//! Letters that are fetched over POP3 (RFC 1939): RETR and TOP.

use std::collections::VecDeque;

use super::body::{Budget, End};
use super::dotted::Dotted;
use super::lines::Lines;
use super::output::{Draft, Output};
use super::{Body, Bytes, Envelope, What};
use crate::wire::{Protocol, line, pop};

/// Commands that wait for their answer.
const MOST_WAITING: usize = 1024;

enum Command {
    /// A letter is asked for; the command.
    Letter(Vec<u8>),
    /// The answer has several lines.
    List,
    StartTls,
    Other,
}

#[derive(Default)]
enum State {
    #[default]
    Answers,
    /// A letter, and the command that asked for it.
    Letter(Dotted, Vec<u8>),
    /// Lines that are no letter.
    List(Dotted),
}

#[derive(Default)]
pub(super) struct Pop {
    client: Lines,
    server: Lines,
    waiting: VecDeque<Command>,
    state: State,
    draft: Option<Draft>,
    /// The server asked for more: the client's next line is no command.
    asked: bool,
    over: bool,
}

impl Pop {
    /// Whether what follows is encrypted.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn bytes(&mut self, from_client: bool, bytes: Bytes<'_>, out: &mut Output<'_>) {
        let mut rest = bytes;
        while !rest.data.is_empty() && !self.over {
            let used = if from_client {
                let (used, line) = self.client.read(&rest);
                if let Some(line) = line {
                    self.command(line::bare(&line.text), out);
                }
                used
            } else {
                self.answered(&rest, out)
            };
            rest = rest.split(used).1;
        }
    }

    fn command(&mut self, text: &[u8], out: &mut Output<'_>) {
        if std::mem::take(&mut self.asked) {
            return;
        }
        let has_gap = self.draft.as_ref().is_some_and(|draft| !draft.body.gaps.is_empty());
        if has_gap && self.waiting.is_empty() {
            // Who asks for the next thing has got the last: its end lies in the gap.
            self.letter_is_over(End::Whole, out);
        }
        let (word, argument) = line::word(text);
        let is = |names: &[&str]| line::is_one_of(word, names);
        let command = if is(&["RETR", "TOP"]) {
            Command::Letter(text.to_vec())
        } else if is(&["CAPA"]) || is(&["LIST", "UIDL"]) && argument.trim_ascii().is_empty() {
            Command::List
        } else if is(&["STLS"]) {
            Command::StartTls
        } else {
            Command::Other
        };
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(command);
        }
    }

    /// The next bytes of the server; how many were used.
    fn answered(&mut self, rest: &Bytes<'_>, out: &mut Output<'_>) -> usize {
        match &mut self.state {
            State::Answers => {
                let (used, line) = self.server.read(rest);
                if let Some(line) = line {
                    self.answer(&line.text);
                }
                used
            }
            State::List(dotted) => {
                let (used, ended) = dotted.read(rest.data, &mut Body::default(), &mut Budget::new(0, 0));
                if ended {
                    self.state = State::Answers;
                }
                used
            }
            State::Letter(dotted, _) => {
                let draft = self.draft.get_or_insert_with(|| out.begin(rest, false));
                let (used, ended) = dotted.read(rest.data, &mut draft.body, out.budget);
                draft.place.extend(&rest.split(used).0);
                if ended {
                    self.letter_is_over(End::Whole, out);
                }
                used
            }
        }
    }

    fn answer(&mut self, text: &[u8]) {
        let Some((indicator, _)) = pop::indicator(text) else { return };
        if indicator == b"+" {
            self.asked = true;
            return;
        }
        let done = indicator == b"+OK";
        match self.waiting.pop_front() {
            Some(Command::Letter(command)) if done => self.state = State::Letter(Dotted::default(), command),
            Some(Command::List) if done => self.state = State::List(Dotted::default()),
            Some(Command::StartTls) => self.over = done,
            // The greeting is to no command: it comes before there is one.
            _ => {}
        }
    }

    fn letter_is_over(&mut self, end: End, out: &mut Output<'_>) {
        let State::Letter(_, command) = std::mem::take(&mut self.state) else { return };
        if let Some(mut draft) = self.draft.take() {
            draft.body.end = end;
            out.message(Protocol::Pop, draft, What::Mail(Envelope { command, ..Envelope::default() }));
        }
    }

    pub(super) fn gap(&mut self, from_client: bool, length: u64, out: &mut Output<'_>) {
        if from_client {
            self.client.begin_anew();
            return;
        }
        match &mut self.state {
            State::Answers => self.server.begin_anew(),
            State::List(_) => self.state = State::Answers,
            State::Letter(dotted, _) => {
                dotted.gap();
                if let Some(draft) = &mut self.draft {
                    draft.body.gap(length, out.budget);
                }
                if !self.waiting.is_empty() {
                    self.letter_is_over(End::Whole, out);
                }
            }
        }
    }

    pub(super) fn finish(&mut self, out: &mut Output<'_>) {
        self.letter_is_over(End::Cut { missing: None }, out);
    }
}
