//! The client `connect`.

use crate::exercise::connection::Connection;
use crate::exercise::{Error, Transcript, Visit};

/// Connects and closes. Prints nothing: that it could connect is the answer.
pub fn run(visit: &mut Visit, _: &Transcript) -> Result<(), Error> {
    visit.answers.none("connect")?;
    match Connection::open(visit).and_then(Connection::close) {
        // The server may say something, or break off: the connection was there.
        Ok(_) | Err(Error::Reset { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
