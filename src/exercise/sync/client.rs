//! The client of `sync`.

use super::codec::{PIECE, objection};
use crate::exercise::connection::Connection;
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};

/// Hears the server, says a text, hears its thanks. An end of input before the text ends it without error.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    if let Answers::Given(given) = &visit.answers {
        if given.len() > 1 {
            return Err(Error::Answer("sync sends one text: put its words in quotes".to_owned()));
        }
        if let Some(why) = given.front().and_then(|text| objection(text)) {
            return Err(Error::Answer(why.to_owned()));
        }
    }

    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    let greeting = server.receive(PIECE)?;
    if greeting.is_empty() {
        return Err(Error::ClosedEarly { peer, before: "before its greeting" });
    }
    transcript.heard("Server said:  ", &text_of(&greeting))?;

    let Some(text) = ask(visit, transcript)? else { return Ok(()) };
    if text.len() > PIECE {
        transcript.note(&format!("{} bytes: the server's one receive takes {PIECE} of them", text.len()));
    }
    server.send(&text)?;

    let thanks = server.receive(PIECE)?;
    if thanks.is_empty() {
        return Err(Error::ClosedEarly { peer, before: "without an answer" });
    }
    transcript.heard("Server said:  ", &text_of(&thanks))?;
    let late = server.close_after_peer()?;
    if late.bytes > 0 {
        transcript.note(&format!(
            "{} bytes more came than the one receive took: TCP keeps no message boundaries",
            late.bytes
        ));
    }
    Ok(())
}

fn ask(visit: &mut Visit, transcript: &Transcript) -> Result<Option<Vec<u8>>, Error> {
    loop {
        let Some(text) = visit.answers.ask("msg: ", transcript)? else { return Ok(None) };
        match objection(&text) {
            None => return Ok(Some(text)),
            Some(why) if visit.answers.can_ask_again() => transcript.note(why),
            Some(why) => return Err(Error::Answer(why.to_owned())),
        }
    }
}
