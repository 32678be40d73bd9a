//! The client of `chat`: says a name, then messages, and shows what the others say meanwhile.

use super::codec::{name, reason};
use crate::exercise::typing::exchange::{Exchange, Said};
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};

/// Enters the room, and leaves it when the input ends.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    if let Answers::Given(given) = &visit.answers
        && let Some(why) = given.front().and_then(|line| name(line).err())
    {
        return Err(Error::Answer(why.to_owned()));
    }
    let mut room = Exchange::open(visit, transcript)?;
    if !enter(&mut room)? {
        return room.leave(|_, _| Ok(()));
    }
    room.typing.ask("Enter message: ")?;
    loop {
        match room.next(None)? {
            Said::Server(line) => {
                let line = text_of(&line).into_owned();
                // The refusal of a name that took long to come: the server takes the next line as a name.
                match reason(&line) {
                    Some(why) if room.typing.can_ask_again() => {
                        room.typing
                            .note(&format!("the server did not take the name: {why}\nthe next line is sent as a name"));
                    }
                    Some(why) => return Err(refused(&room, why)),
                    None => room.typing.heard("", &line)?,
                }
            }
            Said::Person(text) => {
                // A person who only presses Enter has nothing to say.
                if !text.is_empty() {
                    room.send_line(&text)?;
                }
                room.typing.ask("Enter message: ")?;
            }
            Said::Closed => return Err(Error::ClosedEarly { peer: room.peer(), before: "while we were in the room" }),
            Said::End | Said::Interrupted => return room.leave(|typing, line| typing.heard("", &text_of(line))),
            Said::Quiet => {}
        }
    }
}

/// Asks for a name until one is taken; false where the input ends first.
fn enter(room: &mut Exchange<'_>) -> Result<bool, Error> {
    loop {
        room.typing.ask("Enter username: ")?;
        let line = loop {
            match room.next(None)? {
                Said::Person(line) => break line,
                // A greeting, of a server that is not ours.
                Said::Server(line) => room.typing.heard("", &text_of(&line))?,
                Said::Closed => return Err(Error::ClosedEarly { peer: room.peer(), before: "before it had our name" }),
                Said::End | Said::Interrupted => return Ok(false),
                Said::Quiet => {}
            }
        };
        let objection = match name(&line) {
            Ok(name) => {
                room.send_line(name.as_bytes())?;
                match answer(room)? {
                    Answer::Refused(why) if room.typing.can_ask_again() => why,
                    Answer::Refused(why) => return Err(refused(room, &why)),
                    Answer::Taken => return Ok(true),
                    Answer::Interrupted => return Ok(false),
                }
            }
            Err(why) if room.typing.can_ask_again() => why.to_owned(),
            Err(why) => return Err(Error::Answer(why.to_owned())),
        };
        room.typing.note(&objection);
    }
}

/// What became of a name.
enum Answer {
    Taken,
    Refused(String),
    Interrupted,
}

/// Waits a moment for the server's refusal. No answer is a yes: who enters is told nothing.
fn answer(room: &mut Exchange<'_>) -> Result<Answer, Error> {
    let moment = room.moment();
    match room.next(Some(moment))? {
        Said::Server(line) => {
            let line = text_of(&line).into_owned();
            if let Some(why) = reason(&line) {
                return Ok(Answer::Refused(why.to_owned()));
            }
            room.typing.heard("", &line)?;
            Ok(Answer::Taken)
        }
        Said::Closed => Err(Error::ClosedEarly { peer: room.peer(), before: "when it had our name" }),
        Said::Interrupted => Ok(Answer::Interrupted),
        // Nothing is asked for in this moment, so nothing is typed and no end is told.
        Said::Person(_) | Said::End | Said::Quiet => Ok(Answer::Taken),
    }
}

fn refused(room: &Exchange<'_>, why: &str) -> Error {
    Error::Protocol { peer: room.peer(), broke: format!("did not take the name: {why}") }
}
