//! The client of `guess`.

use super::codec::{ERROR, is_right};
use crate::exercise::connection::Connection;
use crate::exercise::framing::{LONGEST_ANSWER, Lines};
use crate::exercise::{Error, Transcript, Visit, text_of};

/// Guesses until a guess was right, the input ends, or the server closes.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    let mut lines = Lines::new(LONGEST_ANSWER);
    loop {
        let Some(number) = visit.answers.ask("Enter number: ", transcript)? else { return Ok(()) };
        server.send_line(&number)?;
        let Some(answer) = server.line(&mut lines)? else {
            return Err(Error::ClosedEarly { peer, before: "without an answer" });
        };
        let answer = text_of(&answer);
        if answer.starts_with(ERROR) && !visit.answers.can_ask_again() {
            return Err(Error::Protocol { peer, broke: format!("answered {answer}") });
        }
        transcript.heard("", &answer)?;
        if is_right(&answer) {
            return server.close().map(drop);
        }
        if visit.answers.is_spent() || server.has_closed()? {
            return Ok(());
        }
    }
}
