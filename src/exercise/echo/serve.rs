//! The server of `echo`.

use super::codec::PIECE;
use crate::exercise::connection::Connection;
use crate::exercise::service::Door;
use crate::exercise::text::address_tuple;
use crate::exercise::{Error, Service, Transcript};

/// Serves one client, then ends.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    Door::open("echo", service, transcript)?.one(|client| attend(client, transcript))
}

fn attend(mut client: Connection<'_>, transcript: &Transcript) -> Result<(), Error> {
    transcript.line(&format!("Connected by {}", address_tuple(client.peer())))?;
    loop {
        let piece = client.receive(PIECE)?;
        if piece.is_empty() {
            return Ok(());
        }
        client.send(&piece)?;
    }
}
