//! FTP's control connection (RFC 959, RFC 2428): which command a file or listing belongs to, and over which connection
//! it goes.

use std::collections::VecDeque;

use super::Bytes;
use super::lines::Lines;
use super::output::Output;
use super::transfer::Whose;
use crate::wire::{ftp, line};

/// Commands that wait for their reply.
const MOST_WAITING: usize = 256;

enum Command {
    /// For a file or a listing, with the number of its transfer.
    Transfer(u32),
    AuthTls,
    Other,
}

#[derive(Default)]
pub(super) struct Ftp {
    client: Lines,
    server: Lines,
    waiting: VecDeque<Command>,
    /// The code of a reply of which more lines are to come.
    inside: Option<u16>,
    /// The transfer for which a connection was announced, and no command given yet.
    announced: Option<u32>,
    /// Where in the file the next transfer is to begin (REST).
    from: u64,
    over: bool,
}

impl Ftp {
    /// Whether what follows is encrypted.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn bytes(&mut self, from_client: bool, bytes: Bytes<'_>, out: &mut Output<'_>) {
        let mut rest = bytes;
        while !rest.data.is_empty() && !self.over {
            let lines = if from_client { &mut self.client } else { &mut self.server };
            let (used, line) = lines.read(&rest);
            match line {
                Some(line) if from_client => self.command(line::bare(&line.text), &rest, out),
                Some(line) => self.reply(line::bare(&line.text), out),
                None => {}
            }
            rest = rest.split(used).1;
        }
    }

    pub(super) fn gap(&mut self, from_client: bool) {
        if from_client {
            self.client.begin_anew();
        } else {
            self.server.begin_anew();
            self.inside = None;
        }
        // Which reply is to which command is not known any more.
        self.waiting.clear();
    }

    fn command(&mut self, text: &[u8], at: &Bytes<'_>, out: &mut Output<'_>) {
        // Telnet's signals may stand before a command (ABOR).
        let text = text.iter().position(|byte| *byte < 0x80).and_then(|start| text.get(start..)).unwrap_or_default();
        let (word, argument) = line::word(text);
        if word.is_empty() {
            return;
        }
        if let Some(end) = ftp::active(word, argument) {
            let control = out.conversation;
            self.announced = Some(out.transfers.announce(control, Whose::Client, end));
        }
        let command = if ftp::transfers(word) {
            let number = out.begin(at, true).number;
            let control = out.conversation;
            // A port may be used again and again without being named anew.
            let transfer = self.announced.take().unwrap_or_else(|| out.transfers.without_end(control));
            let from = std::mem::take(&mut self.from);
            out.transfers.command(transfer, word, argument, from, number, at);
            Command::Transfer(transfer)
        } else if line::is_one_of(word, &["AUTH"]) {
            Command::AuthTls
        } else {
            if line::is_one_of(word, &["REST"]) {
                self.from = std::str::from_utf8(argument).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
            }
            Command::Other
        };
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(command);
    }

    fn reply(&mut self, text: &[u8], out: &mut Output<'_>) {
        let Some(reply) = line::reply(text) else { return };
        match self.inside {
            Some(code) if code != reply.code || reply.more => return,
            Some(_) => self.inside = None,
            None if reply.more => {
                self.inside = Some(reply.code);
                return;
            }
            None => {}
        }
        if let Some(end) = ftp::passive(reply.code, reply.text) {
            let control = out.conversation;
            self.announced = Some(out.transfers.announce(control, Whose::Server, end));
        }
        if reply.code < 200 {
            if let Some(Command::Transfer(transfer)) = self.waiting.front() {
                out.transfers.opened(*transfer, reply.text);
            }
            return;
        }
        match self.waiting.pop_front() {
            Some(Command::Transfer(transfer)) => out.replied(transfer, text, reply.code),
            Some(Command::AuthTls) => self.over = reply.code == 234,
            Some(Command::Other) | None => {}
        }
    }
}
