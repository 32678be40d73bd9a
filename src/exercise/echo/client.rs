//! The client of `echo`.

use super::codec::{PIECE, TEXT};
use crate::exercise::connection::Connection;
use crate::exercise::text::bytes_literal;
use crate::exercise::{Error, Transcript, Visit};

/// Sends a text, receives once, closes.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let text = visit.answers.text_or(TEXT)?;
    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    server.send(&text)?;
    let piece = server.receive(PIECE)?;
    if piece.is_empty() {
        return Err(Error::ClosedEarly { peer, before: "without having sent anything back" });
    }
    transcript.line(&format!("Received {}", bytes_literal(&piece)))?;
    let late = server.close()?;
    if late.bytes > 0 {
        transcript.note(&format!("{} bytes more came than the one receive took", late.bytes));
    }
    Ok(())
}
