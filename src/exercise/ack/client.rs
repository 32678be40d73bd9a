//! The client of `ack`.

use super::codec::{PIECE, TEXT};
use crate::exercise::connection::Connection;
use crate::exercise::{Error, Transcript, Visit, text_of};

/// Sends a text, receives once, closes.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let text = visit.answers.text_or(TEXT)?;
    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    server.send(&text)?;
    let answer = server.receive(PIECE)?;
    if answer.is_empty() {
        return Err(Error::ClosedEarly { peer, before: "without an answer" });
    }
    transcript.heard("Answer:  ", &text_of(&answer))?;
    server.close().map(drop)
}
