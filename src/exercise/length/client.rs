//! The client of `length`.

use super::codec::{HEADER, encode};
use crate::exercise::pieces::{Pieces, send_messages};
use crate::exercise::{Error, Transcript, Visit};

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pieces: Pieces,
    /// Announce this length instead of the true one, to see what a server does
    #[arg(long, value_name = "N")]
    announce: Option<u32>,
}

/// Sends messages until the end of input.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let options: Options = visit.options()?;
    send_messages(visit, transcript, options.pieces, |message| {
        let mut bytes = encode(message)?;
        if let Some((header, announce)) = bytes.first_chunk_mut::<HEADER>().zip(options.announce) {
            *header = announce.to_be_bytes();
        }
        Ok(bytes)
    })
}
