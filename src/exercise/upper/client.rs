//! The client of `upper`.

use crate::exercise::connection::Connection;
use crate::exercise::framing::{LONGEST_ANSWER, Lines};
use crate::exercise::{Error, Transcript, Visit, text_of};

/// Sends a line and prints the server's. An end of input before it ends the client without error.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    visit.answers.at_most(1, "upper sends one line: put its words in quotes")?;
    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    let Some(line) = visit.answers.ask("Input lowercase sentence: ", transcript)? else { return Ok(()) };
    server.send_line(&line)?;
    let Some(answer) = server.line(&mut Lines::new(LONGEST_ANSWER))? else {
        return Err(Error::ClosedEarly { peer, before: "without an answer" });
    };
    transcript.heard("FROM SERVER: ", &text_of(&answer))?;
    server.close().map(drop)
}
