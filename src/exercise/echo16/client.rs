//! The client of `echo16`.

use super::codec::{Awaited, TEXT};
use crate::exercise::connection::Connection;
use crate::exercise::text::bytes_literal;
use crate::exercise::{Error, Transcript, Visit};

/// Sends a text, receives until all of it came back, closes.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let text = visit.answers.text_or(TEXT)?;
    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    transcript.line(&format!("sending {}", bytes_literal(&text)))?;
    server.send(&text)?;
    let mut awaited = Awaited::new(text.len());
    while let Some(most) = awaited.next() {
        let piece = server.receive(most)?;
        if piece.is_empty() {
            return Err(Error::ClosedEarly { peer, before: "before all had come back" });
        }
        transcript.line(&format!("received {}", bytes_literal(&piece)))?;
        awaited.feed(&piece);
    }
    transcript.line("closing socket")?;
    server.close().map(drop)
}
