//! The server of `delimiter`.

use super::codec::Messages;
use crate::exercise::connection::Connection;
use crate::exercise::service::serve_each;
use crate::exercise::{Error, Service, Transcript, text_of};

/// Prints the messages of client after client.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    serve_each("delimiter", service, transcript, |client| attend(client, service.max_line, transcript))
}

fn attend(mut client: Connection<'_>, longest: usize, transcript: &Transcript) -> Result<(), Error> {
    let peer = client.peer();
    let mut messages = Messages::new(longest);
    let end = client.each_piece(|piece| {
        transcript.received(piece.len())?;
        messages.feed(piece);
        loop {
            match messages.next_message() {
                Ok(Some(message)) => transcript.heard("Message: ", &text_of(&message))?,
                Ok(None) => return Ok(()),
                Err(_) => {
                    let broke =
                        format!("sent more than {longest} bytes without a #; --max-line allows longer messages");
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
        transcript.about(peer, &format!("{peer} closed in a message: {} bytes have no #", messages.rest().len()));
    }
    Ok(())
}
