//! The server of `sync`.

use super::codec::{GREETING, PIECE, THANKS};
use crate::exercise::connection::Connection;
use crate::exercise::service::serve_each;
use crate::exercise::{Error, Service, Transcript, text_of};

/// Serves client after client; how many heard `Thank you`.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    serve_each("sync", service, transcript, |client| attend(client, transcript))
}

fn attend(mut client: Connection<'_>, transcript: &Transcript) -> Result<(), Error> {
    let peer = client.peer();
    client.send(GREETING)?;
    let text = client.receive(PIECE)?;
    if text.is_empty() {
        return Err(Error::ClosedEarly { peer, before: "without having said anything" });
    }
    transcript.heard("Client said:  ", &text_of(&text))?;
    client.send(THANKS)?;
    let late = client.close()?;
    if late.bytes > 0 {
        transcript.note(&format!(
            "{peer} sent {} bytes more than the one receive took: TCP keeps no message boundaries",
            late.bytes
        ));
    }
    Ok(())
}
