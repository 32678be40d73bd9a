//! The client of `rebind` and `loop`: connects, and waits for the server to close.

use crate::exercise::connection::Connection;
use crate::exercise::{Error, Transcript, Visit};

/// Connects, says so, and stays until the server closes.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let mut server = Connection::open(visit)?;
    transcript.line("Connected")?;
    while !server.receive(1024)?.is_empty() {}
    transcript.line("The server has closed")?;
    // Nothing more is to come.
    let _ = server.close_after_peer()?;
    Ok(())
}
