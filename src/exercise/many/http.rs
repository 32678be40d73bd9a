//! The bytes of `http-hello` and `hits`: one request, whatever it asks for, and one answer (RFC 9112, the least of it).
//!
//! A request ends at its first empty line (`\r\n` or `\n`), and for bare programs that send none, after 200 ms of
//! silence or where they close their direction. Nothing of it is kept, so nonsense takes no memory.

use std::net::SocketAddr;

use super::{Protocol, Turn, Wrong};
use crate::exercise::connection::Connection;
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};

/// What stands before the body of each answer. No length: the body ends where the server closes.
pub const HEAD: &str = "HTTP/1.1 200 OK\r\n\r\n";

/// Finds the end of a request in pieces of any size.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    seen: usize,
    longest: usize,
    line: Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// No line has begun; empty ones before a request are passed over (RFC 9112 §2.2).
    None,
    /// Within a line.
    Inside,
    /// At the start of a further line.
    Start,
    /// Behind a `\r` at the start of a further line.
    Return,
}

impl Request {
    /// A request of at most `longest` bytes.
    pub fn new(longest: usize) -> Self {
        Self { seen: 0, longest, line: Line::None }
    }

    /// Takes a piece; true at the end of the request. What follows it is of no interest.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<bool, Wrong> {
        for byte in bytes {
            self.line = match (self.line, byte) {
                (Line::Start | Line::Return, b'\n') => return Ok(true),
                (Line::Start, b'\r') => Line::Return,
                (Line::Inside, b'\n') => Line::Start,
                (Line::None, b'\r' | b'\n') => Line::None,
                _ => Line::Inside,
            };
        }
        self.seen = self.seen.saturating_add(bytes.len());
        if self.seen > self.longest { Err(Wrong::TooLong(self.longest)) } else { Ok(false) }
    }

    /// Whether anything was asked at all.
    pub fn has_begun(&self) -> bool {
        self.seen > 0
    }
}

/// One request, one answer, and the end: the protocol of both exercises.
#[derive(Debug)]
pub struct OneAnswer<A> {
    longest: usize,
    answer: A,
}

impl<A: Answer> OneAnswer<A> {
    /// Requests of at most `longest` bytes, each answered by `answer`.
    pub fn new(longest: usize, answer: A) -> Self {
        Self { longest, answer }
    }
}

/// What is answered.
pub trait Answer: Send + Sync + 'static {
    /// Writes the answer to one request.
    fn write(&self, out: &mut Vec<u8>);

    /// As [`Protocol::settle`].
    fn settle(&self, _transcript: &Transcript) -> Result<(), Error> {
        Ok(())
    }
}

impl<A: Answer> Protocol for OneAnswer<A> {
    type Session = Request;
    const PIECE: usize = 4096;

    fn open(&self, _peer: SocketAddr, _transcript: &Transcript) -> Result<Request, Error> {
        Ok(Request::new(self.longest))
    }

    fn heard(&self, request: &mut Request, bytes: &[u8], out: &mut Vec<u8>) -> Result<Turn, Wrong> {
        if !request.feed(bytes)? {
            return Ok(Turn::Waiting);
        }
        self.answer.write(out);
        Ok(Turn::Over)
    }

    fn quiet(&self, _request: &mut Request, out: &mut Vec<u8>) -> Result<Turn, Wrong> {
        self.answer.write(out);
        Ok(Turn::Over)
    }

    fn ended(&self, request: &mut Request, out: &mut Vec<u8>) -> Result<(), Wrong> {
        if !request.has_begun() {
            return Err(Wrong::ClosedEarly("without having asked anything"));
        }
        self.answer.write(out);
        Ok(())
    }

    fn settle(&self, transcript: &Transcript) -> Result<(), Error> {
        self.answer.settle(transcript)
    }
}

/// Bytes of an answer that the client takes; ours has a few dozen.
const LARGEST_ANSWER: usize = 64 << 10;

/// The client of both exercises: asks for `/`, hears all until the server closes, prints the body.
pub fn ask(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    if matches!(&visit.answers, Answers::Given(given) if !given.is_empty()) {
        return Err(Error::Answer("this client asks for / and needs no answers".to_owned()));
    }
    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    server.send(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut heard = Vec::new();
    loop {
        let piece = server.receive(4096)?;
        if piece.is_empty() {
            break;
        }
        heard.extend_from_slice(&piece);
        if heard.len() > LARGEST_ANSWER {
            return Err(Error::Protocol { peer, broke: format!("answered more than {LARGEST_ANSWER} bytes") });
        }
    }
    match body(&heard) {
        Some(body) => transcript.heard("", &text_of(body))?,
        None if heard.is_empty() => return Err(Error::ClosedEarly { peer, before: "without an answer" }),
        None => return Err(Error::Protocol { peer, broke: "sent no empty line before it closed".to_owned() }),
    }
    let _ = server.close_after_peer()?;
    Ok(())
}

/// What follows the empty line, which bare programs write as `\n\n`.
fn body(answer: &[u8]) -> Option<&[u8]> {
    let after = |end: &[u8]| Some(memchr::memmem::find(answer, end)? + end.len());
    let from = [after(b"\r\n\r\n"), after(b"\n\n")].into_iter().flatten().min()?;
    answer.get(from..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn complete(bytes: &[u8]) -> bool {
        Request::new(100).feed(bytes).unwrap()
    }

    #[test]
    fn a_request_ends_at_its_empty_line() {
        assert!(complete(b"GET / HTTP/1.0\r\n\r\n"));
        assert!(complete(b"GET / HTTP/1.0\n\n"));
        assert!(complete(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody"));
        assert!(complete(b"\r\n\r\nGET /\r\n\r\n"), "empty lines before a request are none of it");
        for open in [&b"GET / HTTP/1.0\r\n"[..], b"\r\n\r\n", b"GET /\n\r", b"GET /\n\rx\n", b"GET /\r\r"] {
            assert!(!complete(open), "{open:?}");
        }
    }

    #[test]
    fn a_request_without_end_is_refused() {
        let mut request = Request::new(10);
        assert_eq!(request.feed(b"0123456789"), Ok(false));
        assert_eq!(request.feed(b"0"), Err(Wrong::TooLong(10)));
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_ends_at_the_same_place(
            bytes in "[a\r\n]{0,30}",
            cuts in proptest::collection::vec(1usize..6, 1..40),
        ) {
            let whole = complete(bytes.as_bytes());
            let (mut request, mut rest, mut ended) = (Request::new(100), bytes.as_bytes(), false);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() || ended {
                    break;
                }
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                ended = request.feed(piece).unwrap();
                rest = behind;
            }
            prop_assert_eq!(ended, whole);
        }
    }
}
