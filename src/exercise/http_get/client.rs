//! The client `http-get`.

use super::codec::{Answer, LONGEST, request};
use crate::exercise::connection::Connection;
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};

/// Asks for `/`, or for the path that was given; prints status, headers and how long the body is.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let path = match &mut visit.answers {
        Answers::Given(given) if given.len() > 1 => {
            return Err(Error::Answer("http-get asks for one path".to_owned()));
        }
        Answers::Given(given) => given.pop_front(),
        Answers::Input => None,
    };
    let request = request(path.as_deref().unwrap_or(b"/")).map_err(|why| Error::Answer(why.to_owned()))?;

    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    let broke = |broke: &str| Error::Protocol { peer, broke: broke.to_owned() };
    server.send(&request)?;
    let mut answer = Answer::default();
    let end = server.each_piece(|piece| {
        answer.feed(piece).map_err(|_| broke(&format!("sent a head of more than {LONGEST} bytes")))
    });
    if answer.is_whole() {
        for line in answer.lines() {
            transcript.heard("", &text_of(line))?;
        }
        transcript.line("")?;
    }
    match &end {
        // The body's end is unknown, and so is its size; what came is told.
        Err(Error::Silent { .. }) if answer.is_whole() => {
            transcript.line(&format!("Body: {} bytes, and the server does not close", answer.body))?;
        }
        Ok(()) if answer.is_whole() => transcript.line(&format!("Body: {} bytes", answer.body))?,
        _ => {}
    }
    end?;
    let _ = server.close_after_peer()?;
    match (answer.is_whole(), answer.is_http()) {
        (true, true) => Ok(()),
        (true, false) => Err(broke("answered with a first line that is not HTTP's")),
        (false, _) => Err(broke("closed before the empty line that ends an HTTP head")),
    }
}
