//! Which reader takes what both streams of a connection say.

use super::super::Bytes;
use super::super::ftp::Ftp;
use super::super::http::Http;
use super::super::imap::Imap;
use super::super::output::{Output, Ways};
use super::super::pop::Pop;
use super::super::smtp::Smtp;
use super::super::transfer::Data;
use super::undecided::Undecided;
use crate::flow::stream::Item;
use crate::wire::Protocol;

/// What reads both streams of a connection.
pub(super) enum Reader {
    Undecided(Undecided),
    Http(Box<Http>),
    Smtp(Box<Smtp>),
    Pop(Box<Pop>),
    Imap(Box<Imap>),
    Ftp(Box<Ftp>),
    /// FTP's data.
    Data(Box<Data>),
    /// Nothing of it is read any more.
    Over,
}

impl Reader {
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Undecided(_) | Self::Data(_) => false,
            Self::Http(reader) => reader.is_over(),
            Self::Smtp(reader) => reader.is_over(),
            Self::Pop(reader) => reader.is_over(),
            Self::Imap(reader) => reader.is_over(),
            Self::Ftp(reader) => reader.is_over(),
            Self::Over => true,
        }
    }

    fn bytes(&mut self, from_client: bool, bytes: Bytes<'_>, out: &mut Output<'_>) {
        match self {
            Self::Undecided(undecided) => {
                let ends = (out.conversation.client.1, out.conversation.server.1);
                let ports = if from_client { [ends.0, ends.1] } else { [ends.1, ends.0] };
                if let Some(application) = undecided.look(from_client, &bytes, ports) {
                    let undecided = std::mem::take(undecided);
                    *self = Self::of(application, &undecided);
                    for (from_client, bytes) in undecided.heard() {
                        self.bytes(from_client, bytes, out);
                    }
                }
            }
            Self::Http(reader) => reader.bytes(from_client, bytes, out),
            Self::Smtp(reader) => reader.bytes(from_client, bytes, out),
            Self::Pop(reader) => reader.bytes(from_client, bytes, out),
            Self::Imap(reader) => reader.bytes(from_client, bytes, out),
            Self::Ftp(reader) => reader.bytes(from_client, bytes, out),
            Self::Data(reader) => reader.bytes(from_client, bytes, out),
            Self::Over => {}
        }
    }

    fn of(application: Protocol, undecided: &Undecided) -> Self {
        match application {
            Protocol::Http => {
                let mut reader = Http::default();
                for from_client in [true, false] {
                    if !undecided.has_all() {
                        reader.begins_within(from_client);
                    }
                }
                Self::Http(Box::new(reader))
            }
            Protocol::Smtp => Self::Smtp(Box::default()),
            Protocol::Pop => Self::Pop(Box::default()),
            Protocol::Imap => Self::Imap(Box::default()),
            Protocol::Ftp => Self::Ftp(Box::default()),
            _ => Self::Over,
        }
    }

    fn gap(&mut self, from_client: bool, length: u64, out: &mut Output<'_>) {
        match self {
            Self::Undecided(undecided) => undecided.gap(),
            Self::Http(reader) => reader.gap(from_client, length, out),
            Self::Smtp(reader) => reader.gap(from_client, length, out),
            Self::Pop(reader) => reader.gap(from_client, length, out),
            Self::Imap(reader) => reader.gap(from_client, length, out),
            Self::Ftp(reader) => reader.gap(from_client),
            Self::Data(reader) => reader.gap(from_client, length, out),
            Self::Over => {}
        }
    }

    fn finish(&mut self, closed: Ways<bool>, out: &mut Output<'_>) {
        match self {
            Self::Undecided(_) | Self::Ftp(_) | Self::Over => {}
            Self::Http(reader) => reader.finish(closed, out),
            Self::Smtp(reader) => reader.finish(out),
            Self::Pop(reader) => reader.finish(out),
            Self::Imap(reader) => reader.finish(out),
            Self::Data(reader) => reader.finish(closed, out),
        }
    }
}

/// What is heard of a connection behind reassembly.
pub(super) struct Heard {
    pub reader: Reader,
    /// Offset of the byte that comes next.
    next: Ways<u64>,
    /// Behind the last byte that is known to be missing.
    missing: Ways<u64>,
    /// Where the stream ends, once its FIN has told.
    pub end: Ways<Option<u64>>,
}

impl Heard {
    pub(super) fn new(reader: Reader) -> Self {
        Self { reader, next: Ways::default(), missing: Ways::default(), end: Ways::default() }
    }

    pub(super) fn item(&mut self, item: Item<'_>, out: &mut Output<'_>) {
        match item {
            Item::Bytes(chunk) => {
                let next = std::mem::replace(
                    self.next.at(chunk.from_client),
                    chunk.offset.saturating_add(chunk.data.len() as u64),
                );
                if chunk.offset > next {
                    self.reader.gap(chunk.from_client, chunk.offset - next, out);
                }
                let bytes = Bytes { data: chunk.data, offset: chunk.offset, frame: chunk.frame, time: chunk.time };
                self.reader.bytes(chunk.from_client, bytes, out);
            }
            // Bytes that are told as missing may still come: what counts is where the next ones stand.
            Item::Missing(missing) => {
                let end = self.missing.at(missing.from_client);
                *end = (*end).max(missing.offset.saturating_add(missing.length));
            }
            Item::Differs(_) | Item::Late(_) => {}
        }
    }

    /// Both streams were heard to their ends.
    pub(super) fn is_complete(&self) -> bool {
        [true, false].into_iter().all(|way| self.end.of(way) == Some(self.next.of(way)))
    }

    pub(super) fn finish(&mut self, out: &mut Output<'_>) {
        for from_client in [true, false] {
            let (next, missing) = (self.next.of(from_client), self.missing.of(from_client));
            if missing > next {
                self.reader.gap(from_client, missing - next, out);
            }
        }
        let closed = Ways { client: self.end.client.is_some(), server: self.end.server.is_some() };
        self.reader.finish(closed, out);
    }
}
