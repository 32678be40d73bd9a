//! The client of `echo-many`: one conversation of any length.

use std::io::{self, IsTerminal};

use crate::exercise::connection::Connection;
use crate::exercise::text::bytes_literal;
use crate::exercise::{Answers, Error, Transcript, Visit};

/// What is said where nothing is given, as the course's `echo` does.
const HELLO: &[u8] = b"Hello, world";

/// Bytes that one receive takes at most.
const PIECE: usize = 1024;

/// Sends text after text, and waits for all of each to come back, in as many pieces as it may.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let mut server = Connection::open(visit)?;
    let person = matches!(visit.answers, Answers::Input) && io::stdin().is_terminal();
    let mut said = 0;
    while let Some(text) = visit.answers.ask("message: ", transcript)? {
        if text.is_empty() {
            transcript.note("an empty text puts nothing on the wire: nothing would come back");
            continue;
        }
        say(&mut server, &text, transcript)?;
        said += 1;
    }
    if said == 0 && !person {
        say(&mut server, HELLO, transcript)?;
    }
    // Whatever came beyond the echo is not ours to judge.
    let _ = server.close()?;
    Ok(())
}

fn say(server: &mut Connection<'_>, text: &[u8], transcript: &Transcript) -> Result<(), Error> {
    server.send(text)?;
    let mut back = 0;
    while back < text.len() {
        let piece = server.receive(PIECE)?;
        if piece.is_empty() {
            return Err(Error::ClosedEarly { peer: server.peer(), before: "before all came back" });
        }
        transcript.line(&format!("Received {}", bytes_literal(&piece)))?;
        back += piece.len();
    }
    Ok(())
}
