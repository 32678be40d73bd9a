//! The client of `bingo`: sends five numbers, and shows the draws.

use std::collections::VecDeque;

use super::codec::{ERROR, NUMBERS, numbers};
use crate::exercise::typing::exchange::{Exchange, Said};
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};

/// What only this client can be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Draws to wait for when the numbers come from arguments or a pipe; at a terminal Ctrl-D ends it
    #[arg(long, value_name = "N", default_value_t = 1)]
    draws: u64,
}

/// Plays until the draws are over, or the person has had enough.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let options: Options = visit.options()?;
    let timeout = visit.timeout;
    if let Answers::Given(given) = &mut visit.answers {
        // `netlab client bingo 3 14 15 26 40` is what a hand types.
        if given.len() == NUMBERS && given.iter().all(|word| word.iter().all(u8::is_ascii_digit)) {
            let line: Vec<Vec<u8>> = given.drain(..).collect();
            *given = VecDeque::from([line.join(&b' ')]);
        }
        if let Some(why) = given.iter().find_map(|line| numbers(line).err()) {
            return Err(Error::Answer(why));
        }
    }
    let mut game = Exchange::open(visit, transcript)?;
    let (mut playing, mut draws, mut ended) = (false, 0, false);
    game.typing.ask("Enter numbers: ")?;
    loop {
        match game.next(ended.then_some(timeout))? {
            Said::Server(line) => {
                let line = text_of(&line).into_owned();
                game.typing.heard("", &line)?;
                match line.strip_prefix(ERROR) {
                    Some(why) if ended => {
                        return Err(Error::Protocol {
                            peer: game.peer(),
                            broke: format!("did not take the numbers: {why}"),
                        });
                    }
                    Some(_) => {}
                    None => draws += u64::from(playing),
                }
                if ended && draws >= options.draws {
                    return game.leave(|_, _| Ok(()));
                }
            }
            Said::Person(line) => {
                match numbers(&line) {
                    Ok(_) => {
                        game.send_line(&line)?;
                        (playing, draws) = (true, 0);
                    }
                    Err(why) if game.typing.can_ask_again() => game.typing.note(&why),
                    Err(why) => return Err(Error::Answer(why)),
                }
                game.typing.ask("Enter numbers: ")?;
            }
            Said::End if playing && !game.typing.is_person() && draws < options.draws => ended = true,
            Said::End | Said::Interrupted => return game.leave(|_, _| Ok(())),
            Said::Closed => return Err(Error::ClosedEarly { peer: game.peer(), before: "while we were playing" }),
            Said::Quiet if ended => return Err(Error::Silent { peer: game.peer(), after: timeout }),
            Said::Quiet => {}
        }
    }
}
