//! The client of `hello`.

use super::codec::LONGEST;
use crate::exercise::connection::Connection;
use crate::exercise::{Error, Transcript, Visit, text_of};

/// Receives until the server closes, and prints what it said.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    visit.answers.none("hello")?;
    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    let mut said = Vec::new();
    let end = server.each_piece(|piece| {
        said.extend_from_slice(piece);
        if said.len() <= LONGEST {
            return Ok(());
        }
        Err(Error::Protocol { peer, broke: format!("says more than {LONGEST} bytes, and no end") })
    });
    // A server that forgot to close has said something all the same.
    if !said.is_empty() && said.len() <= LONGEST {
        transcript.heard("", &text_of(&said))?;
    }
    end?;
    if said.is_empty() {
        return Err(Error::ClosedEarly { peer, before: "without having said anything" });
    }
    let _ = server.close_after_peer()?;
    Ok(())
}
