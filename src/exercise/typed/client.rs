//! The client of `typed`.

use super::codec::content_of;
use crate::exercise::length::codec::encode;
use crate::exercise::pieces::{Pieces, send_messages};
use crate::exercise::{Error, Transcript, Visit};

/// Sends values until the end of input.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let pieces: Pieces = visit.options()?;
    send_messages(visit, transcript, pieces, |typed| encode(&content_of(typed)?))
}
