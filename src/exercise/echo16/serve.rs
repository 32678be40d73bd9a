//! The server of `echo16`.

use super::codec::PIECE;
use crate::exercise::connection::Connection;
use crate::exercise::service::Door;
use crate::exercise::text::{address_tuple, bytes_literal};
use crate::exercise::{Error, Service, Transcript};

const WAITING: &str = "waiting for a connection";

/// Serves many clients at a time; one after another they print what the course's server prints.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let door = Door::open("echo16", service, transcript)?;
    transcript.line(WAITING)?;
    door.each(|client| {
        let outcome = attend(client, transcript);
        if !service.once && !matches!(outcome, Err(Error::Stopped)) {
            transcript.line(WAITING)?;
        }
        outcome
    })
}

fn attend(mut client: Connection<'_>, transcript: &Transcript) -> Result<(), Error> {
    let peer = address_tuple(client.peer());
    transcript.line(&format!("connection from {peer}"))?;
    loop {
        let piece = client.receive(PIECE)?;
        if piece.is_empty() {
            return transcript.line(&format!("no data from {peer}"));
        }
        transcript.line(&format!("received {}", bytes_literal(&piece)))?;
        transcript.line("sending data back to the client")?;
        client.send(&piece)?;
    }
}
