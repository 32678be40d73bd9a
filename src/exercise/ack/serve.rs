//! The server of `ack`.

use super::codec::{OK, PIECE};
use crate::exercise::connection::Connection;
use crate::exercise::service::Door;
use crate::exercise::text::bytes_literal;
use crate::exercise::{Error, Service, Transcript};

/// Serves many clients at a time, each until it closes.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let door = Door::open("ack", service, transcript)?;
    transcript.line("...waiting for connections ...")?;
    door.each(|client| attend(client, transcript))
}

fn attend(mut client: Connection<'_>, transcript: &Transcript) -> Result<(), Error> {
    loop {
        let piece = client.receive(PIECE)?;
        if piece.is_empty() {
            return Ok(());
        }
        transcript.line(&format!(" >>  {}", bytes_literal(&piece)))?;
        client.send(OK)?;
    }
}
