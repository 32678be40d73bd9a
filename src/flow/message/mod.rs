//! Messages of applications that span segments: HTTP requests and responses, letters, files, put together from both
//! streams of a TCP connection or from datagrams.
//!
//! A [`Collector`] is fed every packet once, in order; [`Collector::finish`] gives all messages, numbered from 1 in the
//! order of the packets that hold their first bytes. Which application speaks, the table of
//! [`wire::application`](crate::wire::application) decides. Guarantee: no more than [`Limits`] allow is kept, and what
//! was left out for that is counted. Trap: bytes that were never captured are told as a [`Gap`] and never closed up:
//! they are zeros in [`Body::data`].

mod body;
mod collect;
mod content;
mod dotted;
mod ftp;
mod http;
mod imap;
mod lines;
mod output;
mod pop;
mod smtp;
mod spans;
#[cfg(test)]
mod tests;
mod tftp;
mod transfer;

use std::io::Write;

use super::Transport;
use crate::frame::Timestamp;
use crate::wire::secret::write_addresses;
use crate::wire::{Address, Protocol, http as head};
pub use body::{Body, End, Gap};
pub use collect::{Collector, Found, LeftOut};
pub use content::{Content, Trouble};
pub use spans::{Carried, Gathering, Part, Spans};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of heads and bodies, all together.
    pub kept: u64,
    /// Bytes of one body; what comes behind them is counted only.
    pub body: u64,
    /// Bytes that wait for others to come before them, all connections together.
    pub waiting: usize,
    /// Connections that are read at a time; those that were silent for longest end early.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { kept: 256 << 20, body: 256 << 20, waiting: 64 << 20, connections: 1 << 13 }
    }
}

impl Limits {
    /// Heads and envelopes, but no bodies.
    pub fn heads() -> Self {
        Self { body: 0, ..Self::default() }
    }

    /// What a chart of packets can show.
    fn spans() -> Self {
        Self { kept: 16 << 20, body: 0, waiting: 16 << 20, connections: 1 << 10 }
    }
}

/// Whose message it is. Ends are address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversation {
    pub transport: Transport,
    /// Its number among those of its transport (`tcp.stream`, `udp.stream`).
    pub stream: u32,
    pub client: (Address, u16),
    pub server: (Address, u16),
}

/// Where a message stands in the capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The frame that holds its first byte.
    pub first: u64,
    /// The latest frame that holds a byte of it.
    pub last: u64,
    /// Packets that it lies in.
    pub packets: u32,
    /// When they came.
    pub time: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Of its first byte in what its sender says, from 0.
    pub offset: u64,
    /// Behind its last byte that was seen, likewise.
    pub end: u64,
    /// The frame that brought the bytes that were taken last.
    newest: u64,
}

/// Bytes that come next from one side, all from one packet.
#[derive(Clone, Copy, Debug)]
struct Bytes<'a> {
    data: &'a [u8],
    /// Of the first byte, from the stream's first.
    offset: u64,
    frame: u64,
    time: Option<Timestamp>,
}

impl<'a> Bytes<'a> {
    /// The first `length` bytes (all where there are fewer) and the others.
    fn split(self, length: usize) -> (Self, Self) {
        let (first, rest) = self.data.split_at_checked(length).unwrap_or((self.data, &[]));
        let offset = self.offset.saturating_add(first.len() as u64);
        (Self { data: first, ..self }, Self { data: rest, offset, ..self })
    }
}

impl Place {
    fn of(bytes: &Bytes<'_>) -> Self {
        let Bytes { offset, frame, time, .. } = *bytes;
        Self { first: frame, last: frame, packets: 1, time, until: time, offset, end: offset, newest: frame }
    }

    fn extend(&mut self, bytes: &Bytes<'_>) {
        self.end = self.end.max(bytes.offset.saturating_add(bytes.data.len() as u64));
        if bytes.frame != self.newest {
            self.newest = bytes.frame;
            self.packets = self.packets.saturating_add(1);
            if bytes.frame > self.last {
                (self.last, self.until) = (bytes.frame, bytes.time);
            }
        }
    }
}

/// A message of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// From 1, in the order of the packets that hold the first bytes.
    pub number: u32,
    /// One of HTTP, SMTP, POP, IMAP, FTP and TFTP.
    pub application: Protocol,
    pub conversation: Conversation,
    /// Who sends it: the client of the conversation.
    pub from_client: bool,
    pub place: Place,
    pub what: What,
    pub body: Body,
}

/// What kind of message it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// HTTP's (RFC 9112 §3).
    Request {
        /// The start line and the header lines as they stand, with the empty line.
        head: Vec<u8>,
        /// The number of the message that answers it.
        answer: Option<u32>,
    },
    /// HTTP's (RFC 9112 §4).
    Response { head: Vec<u8>, code: u16, asked: Option<Asked> },
    /// A letter (RFC 5322): SMTP's, with its envelope; POP's and IMAP's, with the command that fetched it.
    Mail(Envelope),
    /// A file or a listing: FTP's and TFTP's.
    File(File),
}

/// The request that a response answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The number of its message.
    pub number: u32,
    pub method: Vec<u8>,
    pub target: Vec<u8>,
    pub host: Vec<u8>,
}

/// What was said of a letter outside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Of `MAIL FROM:<...>`, without the brackets; empty: the letter is an answer of the machinery, or no SMTP.
    pub from: Vec<u8>,
    /// Of every `RCPT TO:<...>` that was not refused.
    pub to: Vec<Vec<u8>>,
    /// What the server said to the letter.
    pub reply: Vec<u8>,
    /// The command that fetched or left it: POP's and IMAP's.
    pub command: Vec<u8>,
}

/// What was said of a file outside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// As the command names it; empty: a listing of where the client is.
    pub name: Vec<u8>,
    /// RETR, STOR, LIST, ...; TFTP's read and write.
    pub command: Vec<u8>,
    /// What the server said at the end.
    pub reply: Vec<u8>,
    /// The conversation (`tcp.stream`) in which the command was given, where that is another one.
    pub control: Option<u32>,
    /// Its size, as one of both sides announced it.
    pub announced: Option<u64>,
    /// What was sent begins so many bytes behind the file's first (REST).
    pub from: u64,
}

impl Message {
    /// The head of HTTP: start line, header lines, empty line. Empty of others.
    pub fn head(&self) -> &[u8] {
        match &self.what {
            What::Request { head, .. } | What::Response { head, .. } => head,
            What::Mail(_) | What::File(_) => &[],
        }
    }

    /// The head without its start line: what a reader of MIME takes for the head of an entity.
    pub fn header_lines(&self) -> &[u8] {
        let head = self.head();
        let start = memchr::memchr(b'\n', head).map_or(head.len(), |end| end + 1);
        head.get(start..).unwrap_or_default()
    }

    /// The value of the first header with this name: of HTTP's head, or of the letter's own.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        match &self.what {
            What::Mail(_) => content::letter_header(&self.body.data, name),
            _ => head::header(self.head(), name),
        }
    }

    /// The media type as the header says it, parameters included.
    pub fn content_type(&self) -> Option<&[u8]> {
        self.header("content-type")
    }

    /// Whether [`content`](Self::content) is a whole letter (RFC 5322), its head inside.
    pub fn is_mail(&self) -> bool {
        matches!(self.what, What::Mail(_))
    }

    /// The body with its codings undone, at most so many bytes of it.
    ///
    /// HTTP: chunks joined, gzip and deflate decoded. A letter: whole, its doubled dots single.
    pub fn content(&self, most: usize) -> Content<'_> {
        content::of(self.head(), &self.body, most)
    }

    /// What it is, in one line of unescaped text.
    pub fn tell(&self, out: &mut Vec<u8>) {
        let start = || head::line(self.head()).0;
        match &self.what {
            What::Request { .. } => {
                let line = start();
                let version = line.windows(6).rposition(|window| window == b" HTTP/").unwrap_or(line.len());
                write_addresses(line.get(..version).unwrap_or(line), out);
            }
            What::Response { asked, .. } => {
                let line = start();
                out.extend_from_slice(memchr::memchr(b' ', line).and_then(|at| line.get(at + 1..)).unwrap_or(line));
                if let Some(asked) = asked {
                    join(out, b" to ", &[&asked.method, b" "]);
                    write_addresses(&asked.target, out);
                }
            }
            What::Mail(envelope) => {
                join(out, b"mail", &[]);
                if !envelope.from.is_empty() {
                    join(out, b" from ", &[&envelope.from]);
                }
                for (place, to) in envelope.to.iter().enumerate() {
                    join(out, if place == 0 { b" to " } else { b", " }, &[to]);
                }
                if !envelope.command.is_empty() {
                    join(out, b" by ", &[&envelope.command]);
                }
            }
            What::File(file) => {
                out.extend_from_slice(&file.command);
                if !file.name.is_empty() {
                    join(out, b" ", &[&file.name]);
                }
            }
        }
        if self.body.length > 0 {
            let plural = if self.body.length == 1 { "" } else { "s" };
            // Writing to a vector cannot fail.
            let _ = write!(out, ", {} byte{plural}", self.body.length);
        }
        if self.body.end != End::Whole || !self.body.gaps.is_empty() {
            out.extend_from_slice(b", incomplete");
        }
    }
}

fn join(out: &mut Vec<u8>, before: &[u8], parts: &[&[u8]]) {
    out.extend_from_slice(before);
    parts.iter().for_each(|part| out.extend_from_slice(part));
}
