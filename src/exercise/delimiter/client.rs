//! The client of `delimiter`.

use super::codec::encode;
use crate::exercise::pieces::{Pieces, send_messages};
use crate::exercise::{Error, Transcript, Visit};

/// Sends messages until the end of input.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let pieces: Pieces = visit.options()?;
    send_messages(visit, transcript, pieces, encode)
}
