//! The server of `listen`.

use crate::exercise::connection::{Connection, listen};
use crate::exercise::service::Door;
use crate::exercise::{Error, Service, Transcript};

/// Accepts one connection, says nothing, closes it.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let listener = listen(service)?;
    transcript.line("Server is listening...")?;
    Door::over(listener, "listen", service, transcript)?.one(|client| attend(client, transcript))
}

fn attend(client: Connection<'_>, transcript: &Transcript) -> Result<(), Error> {
    let peer = client.peer();
    match client.close() {
        Ok(said) if said.bytes > 0 => {
            transcript.about(peer, &format!("{peer} sent {} bytes, and nobody received them", said.bytes));
            Ok(())
        }
        // There was a connection, which is all that was waited for.
        Ok(_) | Err(Error::Reset { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
