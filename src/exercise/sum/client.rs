//! The client of `sum`.

use super::codec::END;
use crate::exercise::connection::Connection;
use crate::exercise::decimal::Decimal;
use crate::exercise::framing::{LONGEST_ANSWER, Lines};
use crate::exercise::text::quoted;
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// End each number with a newline
    #[arg(long)]
    fixed: bool,
    /// Send numbers that are given as arguments without a pause, each in a segment of its own: they may run together
    #[arg(long)]
    rush: bool,
}

/// Sends numbers until an empty line or the end of input, and prints the server's sum.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let options: Options = visit.options()?;
    if let Answers::Given(given) = &visit.answers
        && let Some(wrong) = given.iter().find(|text| !text.is_empty() && number(text).is_none())
    {
        return Err(not_a_number(wrong));
    }

    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    if options.rush {
        // Without it the second number waits for the acknowledgment of the first, and shares a segment with the third.
        server
            .stream()
            .set_nodelay(true)
            .map_err(|source| Error::talking("prepare the connection with", peer, source))?;
    }
    let mut own = Decimal::ZERO;
    let mut sent = false;
    while let Some(text) = visit.answers.ask("Enter number: ", transcript)?.filter(|text| !text.is_empty()) {
        let Some(number) = number(&text) else {
            let error = not_a_number(&text);
            if visit.answers.can_ask_again() {
                transcript.note(&error.to_string());
                continue;
            }
            return Err(error);
        };
        if sent && !options.rush {
            visit.answers.pace();
        }
        let digits = text.trim_ascii();
        if options.fixed {
            server.send_line(digits)?
        } else {
            server.send(digits)?
        }
        own = own.plus(&number);
        sent = true;
    }
    if sent {
        visit.answers.pace();
    }
    server.send(END)?;

    let Some(answer) = server.line(&mut Lines::new(LONGEST_ANSWER))? else {
        return Err(Error::ClosedEarly { peer, before: "without the sum" });
    };
    let Some(sum) = self::number(&answer) else {
        return Err(Error::Protocol { peer, broke: format!("answered {}", quoted(&answer)) });
    };
    transcript.heard("", &text_of(&answer))?;
    let (sum, own) = (sum.to_string(), own.to_string());
    if sum != own {
        transcript.note(&format!("what was sent makes {own}: two sends may have arrived as one"));
    }
    server.close_after_peer().map(drop)
}

fn number(text: &[u8]) -> Option<Decimal> {
    std::str::from_utf8(text).ok().and_then(Decimal::read_whole)
}

fn not_a_number(text: &[u8]) -> Error {
    Error::Answer(format!("{} is not a whole number", quoted(text)))
}
