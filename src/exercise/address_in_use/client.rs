//! The client of `address-in-use`.

use crate::exercise::connection::Connection;
use crate::exercise::{Error, Transcript, Visit, text_of};

/// What the server says to each client.
pub const GOODBYE: &[u8] = b"Goodbye";

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Close as soon as the server has said something, and do not wait for its close
    #[arg(long)]
    close_first: bool,
}

/// Hears the server out, and closes: first, or after it.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    visit.answers.none("address-in-use")?;
    let options: Options = visit.options()?;
    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    let said = server.receive(GOODBYE.len())?;
    if said.is_empty() {
        return Err(Error::ClosedEarly { peer, before: "without having said anything" });
    }
    transcript.heard("Server said: ", &text_of(&said))?;
    if !options.close_first {
        server.each_piece(|_| Ok(()))?;
    }
    let _ = server.close()?;
    Ok(())
}
