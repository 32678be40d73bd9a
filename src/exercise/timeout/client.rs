//! The client of `timeout`.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::exercise::connection::{Connection, readable};
use crate::exercise::text::sized_literal;
use crate::exercise::{Error, Transcript, Visit};

/// Bytes that each receive takes at most.
const PIECE: usize = 1024;

/// Receives three times, each time with another way to wait, and tells what came of it.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    visit.answers.none("timeout")?;
    let server = Connection::open(visit)?;
    let peer = server.peer();
    let stream = server.stream();
    let patience = visit.timeout.max(Duration::from_millis(1));
    let failed = |source| Error::talking("receive from", peer, source);

    // 1: the kernel ends the wait (SO_RCVTIMEO).
    stream.set_read_timeout(Some(patience)).map_err(failed)?;
    tell("blocking, with a timeout", stream, transcript, |waited| {
        format!("timed out after {} ms (EAGAIN)", waited.as_millis())
    })
    .map_err(|error| error.because(failed))?;

    // 2: there is no wait.
    stream.set_nonblocking(true).map_err(failed)?;
    tell("non-blocking", stream, transcript, |_| "would block (EAGAIN)".to_owned())
        .map_err(|error| error.because(failed))?;

    // 3: the wait is apart from the receive, and may be for many sockets.
    let begin = Instant::now();
    if readable(stream, None, Some(patience))? {
        tell("poll", stream, transcript, |_| "said to be readable, and is not".to_owned())
            .map_err(|error| error.because(failed))?;
    } else {
        let waited = begin.elapsed().as_millis();
        transcript.line(&format!("poll: nothing to receive after {waited} ms (poll returned 0)"))?;
    }
    Ok(())
}

/// What goes wrong in a receive, or in telling of it.
enum Failure {
    Receive(io::Error),
    Tell(Error),
}

impl Failure {
    fn because(self, failed: impl Fn(io::Error) -> Error) -> Error {
        match self {
            Self::Receive(source) => failed(source),
            Self::Tell(error) => error,
        }
    }
}

/// Receives once and prints what came, or why nothing did.
fn tell(
    way: &str,
    mut stream: &TcpStream,
    transcript: &Transcript,
    nothing: impl Fn(Duration) -> String,
) -> Result<(), Failure> {
    let begin = Instant::now();
    let mut piece = [0; PIECE];
    let came = match stream.read(&mut piece) {
        Ok(0) => "the server has closed (0 bytes)".to_owned(),
        Ok(length) => sized_literal(piece.get(..length).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => nothing(begin.elapsed()),
        Err(error) => return Err(Failure::Receive(error)),
    };
    transcript.line(&format!("{way}: {came}")).map_err(Failure::Tell)
}
