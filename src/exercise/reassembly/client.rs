//! The client of `reassembly`.

use super::codec::Joined;
use crate::exercise::connection::Connection;
use crate::exercise::pieces::size;
use crate::exercise::text::sized_literal;
use crate::exercise::{Error, Transcript, Visit, text_of};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// What each receive takes at most
    #[arg(long, value_name = "SIZE", default_value = "1024", value_parser = size)]
    receive: usize,
    /// How much of the message is kept; of a longer one the rest is counted
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    max_message: usize,
}

/// The most that one receive is given room for.
const LARGEST: usize = 1 << 20;

/// Receives until the server closes, shows each piece, then the message.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    visit.answers.none("reassembly")?;
    let options: Options = visit.options()?;
    let mut server = Connection::open(visit)?;
    let mut joined = Joined::new(options.max_message);
    loop {
        let piece = server.receive(options.receive.min(LARGEST))?;
        let number = joined.pieces + 1;
        transcript.line(&format!("recv {number}: {}", sized_literal(&piece)))?;
        if piece.is_empty() {
            break;
        }
        joined.feed(&piece);
    }
    let _ = server.close_after_peer()?;
    if joined.length > joined.kept.len() as u64 {
        transcript.note(&format!("of {} bytes the first {} are kept", joined.length, joined.kept.len()));
    }
    let heading = format!("Message of {} bytes in {} pieces: ", joined.length, joined.pieces);
    transcript.heard(&heading, &text_of(&joined.kept))
}
