//! A connection whose lines are shown while a person types: the clients of `chat` and `bingo`.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::{Happened, Typing};
use crate::exercise::connection::Connection;
use crate::exercise::framing::{LONGEST_ANSWER, Lines, QUIET, TooLong};
use crate::exercise::{Error, Transcript, Visit};

/// How long the server has for its last words once we have said our own.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes that one receive takes at most.
const PIECE: usize = 16 * 1024;

/// Lines of a server and lines of a person.
#[derive(Debug)]
pub struct Exchange<'a> {
    server: Connection<'static>,
    lines: Lines,
    pub typing: Typing<'a>,
    /// How long the connection took to open: twice that is a turn on the network.
    opened_in: Duration,
    has_closed: bool,
}

/// What [`Exchange::next`] waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A line of the server, not decoded.
    Server(Vec<u8>),
    /// The server has closed.
    Closed,
    /// The line that was asked for.
    Person(Vec<u8>),
    /// No more answers are to come.
    End,
    /// Ctrl-C.
    Interrupted,
    /// Nothing within the time given.
    Quiet,
}

impl<'a> Exchange<'a> {
    pub fn open(visit: &mut Visit, transcript: &'a Transcript) -> Result<Self, Error> {
        let started = Instant::now();
        let server = Connection::open(visit)?;
        let opened_in = started.elapsed();
        let typing = Typing::new(&mut visit.answers, transcript)?;
        Ok(Self { server, lines: Lines::new(LONGEST_ANSWER), typing, opened_in, has_closed: false })
    }

    pub fn peer(&self) -> std::net::SocketAddr {
        self.server.peer()
    }

    /// How long to wait for an answer that comes at once, or not at all.
    pub fn moment(&self) -> Duration {
        QUIET + 2 * self.opened_in
    }

    /// Waits for the next line of either side, or for the end of `patience` (`None`: for ever).
    ///
    /// What the server sends without a line's end is a line after [`QUIET`]: a student's server often sends none.
    pub fn next(&mut self, patience: Option<Duration>) -> Result<Said, Error> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        let mut heard_at = Instant::now();
        loop {
            if let Some(line) = self.lines.next_line().map_err(|TooLong(most)| self.too_long(most))? {
                return Ok(Said::Server(line));
            }
            if self.has_closed {
                return Ok(self.lines.rest().map_or(Said::Closed, Said::Server));
            }
            let now = Instant::now();
            if self.lines.is_pending() && now >= heard_at + QUIET {
                return Ok(self.lines.rest().map_or(Said::Quiet, Said::Server));
            }
            let quiet = self.lines.is_pending().then(|| heard_at + QUIET);
            let until = quiet.into_iter().chain(deadline).min();
            let left = until.map(|until| until.saturating_duration_since(now));
            match self.typing.wait(Some(self.server.stream()), left)? {
                Happened::Readable => {
                    heard_at = Instant::now();
                    let piece = self.server.receive(PIECE)?;
                    self.has_closed = piece.is_empty();
                    self.lines.feed(&piece);
                }
                Happened::Line(line) => return Ok(Said::Person(line)),
                Happened::End => return Ok(Said::End),
                Happened::Interrupted => return Ok(Said::Interrupted),
                Happened::Quiet if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    return Ok(Said::Quiet);
                }
                Happened::Quiet => {}
            }
        }
    }

    pub fn send_line(&mut self, line: &[u8]) -> Result<(), Error> {
        self.server.send_line(line)
    }

    /// Says that nothing more comes from here; hands what the server still says to `hear`, until it closes too.
    pub fn leave(mut self, mut hear: impl FnMut(&Typing<'_>, &[u8]) -> Result<(), Error>) -> Result<(), Error> {
        // It may have closed already, even with a reset: leaving is what we wanted.
        if self.server.stream().shutdown(Shutdown::Write).is_err() {
            return Ok(());
        }
        let deadline = Instant::now() + FAREWELL + 2 * self.opened_in;
        loop {
            match self.next(Some(deadline.saturating_duration_since(Instant::now()))) {
                Ok(Said::Server(line)) => hear(&self.typing, &line)?,
                Ok(Said::Person(_) | Said::End) => {}
                Ok(Said::Closed | Said::Quiet | Said::Interrupted) | Err(Error::Reset { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn too_long(&self, longest: usize) -> Error {
        Error::Protocol { peer: self.server.peer(), broke: format!("sent a line of more than {longest} bytes") }
    }
}
