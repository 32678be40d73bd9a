//! The client of `calc`.

use super::codec::ERROR;
use crate::exercise::connection::Connection;
use crate::exercise::framing::{LONGEST_ANSWER, Lines};
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};

/// Asks for two numbers and prints the server's sum: once for a person, for every two that are given otherwise.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    if let Answers::Given(given) = &visit.answers
        && given.len() % 2 != 0
    {
        return Err(Error::Answer("calc adds two numbers: netlab client calc 125 351".to_owned()));
    }

    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    let mut lines = Lines::new(LONGEST_ANSWER);
    loop {
        let Some(first) = visit.answers.ask("Enter number 1: ", transcript)? else { return Ok(()) };
        server.send_line(&first)?;
        let Some(second) = visit.answers.ask("Enter number 2: ", transcript)? else { return Ok(()) };
        visit.answers.pace();
        server.send_line(&second)?;
        let Some(answer) = server.line(&mut lines)? else {
            return Err(Error::ClosedEarly { peer, before: "without an answer" });
        };
        let person = visit.answers.can_ask_again();
        match text_of(&answer) {
            // The connection stays: a person may try again.
            refusal if refusal.starts_with(ERROR) && person => transcript.heard("", &refusal)?,
            refusal if refusal.starts_with(ERROR) => {
                return Err(Error::Protocol { peer, broke: format!("answered {refusal}") });
            }
            sum => {
                transcript.heard("Result is: ", &sum)?;
                if person {
                    return server.close().map(drop);
                }
            }
        }
        if visit.answers.is_spent() || server.has_closed()? {
            return Ok(());
        }
    }
}
