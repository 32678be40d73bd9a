//! Messages on their way: a client that sends one after the other, at its own pace or cut into pieces that know nothing
//! of where a message ends.

use std::time::Duration;

use super::connection::Connection;
use super::{Answers, Error, Stop, Transcript, Visit};
use crate::quantity;

/// How a client cuts what it sends.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Pieces {
    /// Send so many bytes at a time, wherever messages end [default: each message with one send]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub pieces: Option<usize>,
    /// How long to wait between two pieces
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = quantity::duration)]
    pub pause: Duration,
}

/// A number of bytes that a piece, a buffer or a message can have.
pub fn size(text: &str) -> Result<usize, String> {
    match usize::try_from(quantity::size(text)?) {
        Ok(0) => Err("at least one byte, please".to_owned()),
        Ok(size) => Ok(size),
        Err(_) => Err("that is more than there can be".to_owned()),
    }
}

/// Sends `bytes` in pieces of `size`, and waits between two of them; `sent` is told of each.
pub fn send_in_pieces(
    connection: &mut Connection<'_>,
    bytes: &[u8],
    (size, pause): (usize, Duration),
    stop: Option<&Stop>,
    mut sent: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    for (number, piece) in bytes.chunks(size.max(1)).enumerate() {
        match stop {
            _ if number == 0 => {}
            Some(stop) => stop.pause(pause)?,
            None => std::thread::sleep(pause),
        }
        connection.send(piece)?;
        sent(piece)?;
    }
    Ok(())
}

/// Asks for messages, sends each as `encode` writes it, and closes at the end of input.
///
/// With [`Pieces`] the messages that came as arguments are one row of bytes, cut without regard to where they end.
pub fn send_messages(
    visit: &mut Visit,
    transcript: &Transcript,
    pieces: Pieces,
    encode: impl Fn(&[u8]) -> Result<Vec<u8>, String>,
) -> Result<(), Error> {
    // What cannot be sent is refused before there is a connection.
    let mut given = Vec::new();
    if let Answers::Given(answers) = &visit.answers {
        for answer in answers {
            given.push(encode(answer).map_err(Error::Answer)?);
        }
    }
    let mut server = Connection::open(visit)?;
    let sent = |bytes: &[u8]| transcript.line(&format!("sent {}", super::text::sized_literal(bytes)));

    if !given.is_empty() {
        if pieces.pieces.is_some() {
            given = vec![given.concat()];
        }
        for (number, message) in given.iter().enumerate() {
            if number > 0 {
                visit.answers.pace();
            }
            let size = pieces.pieces.unwrap_or(message.len());
            send_in_pieces(&mut server, message, (size, pieces.pause), None, sent)?;
        }
    } else {
        while let Some(answer) = visit.answers.ask("Enter message: ", transcript)? {
            match encode(&answer) {
                Ok(message) => {
                    let size = pieces.pieces.unwrap_or(message.len());
                    send_in_pieces(&mut server, &message, (size, pieces.pause), None, sent)?;
                }
                Err(why) if visit.answers.can_ask_again() => transcript.note(&why),
                Err(why) => return Err(Error::Answer(why)),
            }
        }
    }
    let heard = server.close()?;
    if heard.bytes > 0 {
        transcript.note(&format!("the server said {} bytes, which this exercise does not ask for", heard.bytes));
    }
    Ok(())
}
