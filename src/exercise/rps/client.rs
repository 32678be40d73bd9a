//! The client of `rps`.

use super::codec::{Object, Winner, outcome};
use crate::exercise::connection::Connection;
use crate::exercise::framing::{LONGEST_ANSWER, Lines};
use crate::exercise::text::quoted;
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};

/// Plays one round with a person, one for each selection that is given otherwise.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    if let Answers::Given(given) = &visit.answers
        && let Some(wrong) = given.iter().find(|line| Object::selected(line).is_none())
    {
        return Err(not_in_the_menu(wrong));
    }
    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    let mut lines = Lines::new(LONGEST_ANSWER);

    for line in ["Choose object:", "1 = Paper", "2 = Stone", "3 = Scissors", ""] {
        transcript.line(line)?;
    }
    loop {
        let Some(line) = visit.answers.ask("Your selection: ", transcript)? else { return Ok(()) };
        let person = visit.answers.can_ask_again();
        let Some(object) = Object::selected(&line) else {
            let error = not_in_the_menu(&line);
            if person {
                transcript.note(&error.to_string());
                continue;
            }
            return Err(error);
        };
        transcript.line(&format!("You selected {}", object.name()))?;
        server.send_line(line.trim_ascii())?;
        let Some(answer) = server.line(&mut lines)? else {
            return Err(Error::ClosedEarly { peer, before: "without an answer" });
        };
        let answer = text_of(&answer);
        let Some((pick, winner)) = outcome(&answer) else {
            let broke =
                format!("answered {}: not its pick and who won, as in \"Stone you\"", quoted(answer.as_bytes()));
            return Err(Error::Protocol { peer, broke });
        };
        transcript.line(&format!("I select {}", pick.name()))?;
        transcript.line(match winner {
            Winner::I => "I won",
            Winner::You => "You won",
            Winner::Draw => "Draw",
        })?;
        if person {
            return server.close().map(drop);
        }
        if visit.answers.is_spent() || server.has_closed()? {
            return Ok(());
        }
    }
}

fn not_in_the_menu(line: &[u8]) -> Error {
    Error::Answer(format!("{} is not 1, 2 or 3", quoted(line)))
}
