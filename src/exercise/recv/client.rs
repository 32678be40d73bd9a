//! The client `send`.

use super::codec::TEXTS;
use crate::exercise::connection::Connection;
use crate::exercise::{Answers, Error, Transcript, Visit};

/// Sends one text with the call that may take a part of it, and the next with the one that sends all; closes.
///
/// Texts given as arguments take the place of the course's; then there are 100 ms between two sends.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let given = match &visit.answers {
        Answers::Given(given) => given.iter().map(Vec::as_slice).collect(),
        Answers::Input => TEXTS.to_vec(),
    };
    if given.iter().any(|text| text.is_empty()) {
        return Err(Error::Answer("a send of no bytes puts nothing on the wire: give it a text".to_owned()));
    }

    let mut server = Connection::open(visit)?;
    for (number, text) in given.iter().enumerate() {
        if number == 0 {
            let took = server.send_once(text)?;
            transcript.line(&format!("send took {took} of {} bytes", text.len()))?;
        } else {
            visit.answers.pace();
            server.send(text)?;
            transcript.line(&format!("send-all took {} bytes", text.len()))?;
        }
    }
    let said = server.close()?;
    if said.bytes > 0 {
        transcript.note(&format!("the server said {} bytes, which this exercise does not ask for", said.bytes));
    }
    Ok(())
}
