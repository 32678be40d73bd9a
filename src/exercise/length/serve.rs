//! The server of `length`, and what `typed` shares with it.

use super::codec::{Messages, TooLong};
use crate::exercise::connection::Connection;
use crate::exercise::pieces::size;
use crate::exercise::service::serve_each;
use crate::exercise::{Error, Service, Transcript, text_of};

#[derive(Debug, clap::Args)]
pub struct Limit {
    /// The longest message that a client may announce; one that announces more is put out
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    pub max_message: usize,
}

/// Prints the messages of client after client.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let limit: Limit = service.options()?;
    serve_each("length", service, transcript, |client| {
        each_message(client, &limit, transcript, |message| {
            transcript.heard(&format!("Message of {} bytes: ", message.len()), &text_of(message))
        })
    })
}

/// Gives each whole message of a client to `take`, until it closes.
pub fn each_message(
    mut client: Connection<'_>,
    limit: &Limit,
    transcript: &Transcript,
    mut take: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let peer = client.peer();
    let mut messages = Messages::new(limit.max_message);
    let end = client.each_piece(|piece| {
        transcript.received(piece.len())?;
        messages.feed(piece);
        loop {
            match messages.next_message() {
                Ok(Some(message)) => take(&message)?,
                Ok(None) => return Ok(()),
                Err(TooLong(announced)) => {
                    let longest = limit.max_message;
                    let broke = format!("announced {announced} bytes, and --max-message allows {longest}");
                    return Err(Error::Protocol { peer, broke });
                }
            }
        }
    });
    // What the client still sends is dropped, so that it is closed and not reset.
    let closed = client.close();
    end?;
    let _ = closed?;
    if !messages.rest().is_empty() {
        transcript.about(peer, &format!("{peer} closed in a message: {} bytes of it came", messages.rest().len()));
    }
    Ok(())
}
