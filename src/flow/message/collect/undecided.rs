//! The beginning of a connection, kept until its bytes tell which application speaks.

use super::super::Bytes;
use super::super::output::Ways;
use crate::frame::Timestamp;
use crate::wire::Protocol;
use crate::wire::application::{self, Over};

/// Bytes of both streams that are kept while nothing is decided: a first line of HTTP on a port of its own.
const PATIENCE: usize = 8 << 10;

/// A piece that was heard.
struct Piece {
    from_client: bool,
    data: Vec<u8>,
    offset: u64,
    frame: u64,
    time: Option<Timestamp>,
}

/// What was heard so far.
#[derive(Default)]
pub(super) struct Undecided {
    pieces: Vec<Piece>,
    /// What each side said, put together.
    said: Ways<Vec<u8>>,
    /// Bytes of the pieces.
    kept: usize,
    /// The beginning of the stream was captured.
    begun: Ways<bool>,
    /// Something was left out: from now on an application must begin with a packet.
    within: bool,
}

impl Undecided {
    /// The stream of one side begins here.
    pub(super) fn begins(&mut self, from_client: bool) {
        *self.begun.at(from_client) = true;
    }

    /// Whether all of both streams was heard, from their beginning.
    pub(super) fn has_all(&self) -> bool {
        !self.within
    }

    pub(super) fn gap(&mut self) {
        self.give_up();
    }

    fn give_up(&mut self) {
        self.within = true;
        self.kept = 0;
        self.pieces = Vec::new();
        self.said = Ways::default();
    }

    /// Hears more: which application it is, once that shows.
    pub(super) fn look(&mut self, from_client: bool, bytes: &Bytes<'_>, ports: [u16; 2]) -> Option<Protocol> {
        if !self.begun.of(from_client) || self.kept > PATIENCE {
            self.give_up();
        }
        if self.within {
            self.pieces.clear();
            self.said = Ways::default();
        }
        let Bytes { data, offset, frame, time } = *bytes;
        self.kept += data.len();
        self.said.at(from_client).extend_from_slice(data);
        self.pieces.push(Piece { from_client, data: data.to_vec(), offset, frame, time });
        let application = self.look_at(from_client, ports);
        if application.is_none() && self.within {
            self.give_up();
        }
        application
    }

    fn look_at(&mut self, from_client: bool, ports: [u16; 2]) -> Option<Protocol> {
        let said = self.said.at(from_client);
        let application = application::of(Over::Tcp, said, ports);
        // What begins with a letter may become a line that tells.
        if application.is_none() && !said.first().is_some_and(u8::is_ascii_alphabetic) {
            self.give_up();
        }
        application
    }

    /// What was heard, in its order.
    pub(super) fn heard(&self) -> impl Iterator<Item = (bool, Bytes<'_>)> {
        self.pieces.iter().map(|piece| {
            let Piece { from_client, data, offset, frame, time } = piece;
            (*from_client, Bytes { data, offset: *offset, frame: *frame, time: *time })
        })
    }
}
