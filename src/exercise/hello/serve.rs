//! The server of `hello`.

use super::codec::{BACKLOG, greeting};
use crate::exercise::connection::{Connection, listen_with};
use crate::exercise::service::Door;
use crate::exercise::text::address_tuple;
use crate::exercise::{Error, Service, Transcript};

/// Greets client after client, until it is stopped.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let listener = listen_with(service, BACKLOG)?;
    Door::over(listener, "hello", service, transcript)?.each(|client| attend(client, transcript))
}

fn attend(mut client: Connection<'_>, transcript: &Transcript) -> Result<(), Error> {
    let peer = client.peer();
    transcript.line(&format!("Received connection from {}", address_tuple(peer)))?;
    client.send(&greeting(peer.ip()))?;
    let said = client.close()?;
    if said.bytes > 0 {
        transcript.about(peer, &format!("{peer} sent {} bytes, which this server does not read", said.bytes));
    }
    Ok(())
}
