//! The bytes of `http-hello` and `hits`: one request, whatever it asks for, and one answer (RFC 9112, the least of it).
//!
//! A request ends at its first empty line (`\r\n` or `\n`), and for bare programs that send none, after 200 ms of
//! silence or where they close their direction. Nothing of it is kept, so nonsense takes no memory.
//!
//! A client that says `Connection: close` speaks HTTP/1.1, and is told the same and the body's length (RFC 9112 §9.6);
//! all others get the course's bare answer, whose body ends where the server closes. Trap: wrk counts each body without
//! length as an error, and connects twice for it.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Protocol, Turn, Wrong};
use crate::exercise::connection::{Connection, readable};
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};
use crate::quantity;

/// What an answer begins with.
const STATUS: &str = "HTTP/1.1 200 OK\r\n";

/// What a client says that wants to hear the same. In lower case; the space may be missing.
const CLOSE: &[u8] = b"\nconnection: close";

/// What a client says whose request goes on behind its empty line.
const BODY: [&[u8]; 2] = [b"\ncontent-length:", b"\ntransfer-encoding:"];

/// Finds the end of a request in pieces of any size.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    seen: usize,
    longest: usize,
    line: Line,
    close: Said,
    body: [Said; 2],
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

/// How much of certain words was said, at any time; all of them stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Said(usize);

impl Said {
    /// Takes the next byte; `words` begin with the newline before them and are in lower case.
    fn hear(&mut self, byte: u8, words: &[u8]) {
        self.0 = match words.get(self.0) {
            None => self.0,
            Some(next) if byte.to_ascii_lowercase() == *next => self.0 + 1,
            // `Connection:close`
            Some(b' ') if words.get(self.0 + 1).is_some_and(|next| byte.to_ascii_lowercase() == *next) => self.0 + 2,
            _ => usize::from(byte == b'\n'),
        };
    }

    fn whole(self, words: &[u8]) -> bool {
        self.0 == words.len()
    }
}

impl Request {
    /// A request of at most `longest` bytes.
    pub fn new(longest: usize) -> Self {
        let said = Said::default();
        Self { seen: 0, longest, line: Line::None, close: said, body: [said; 2] }
    }

    /// Takes a piece; at the end of the request how many bytes follow it, which are of no interest.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<usize>, Wrong> {
        for (at, byte) in bytes.iter().enumerate() {
            self.close.hear(*byte, CLOSE);
            for (said, words) in self.body.iter_mut().zip(BODY) {
                said.hear(*byte, words);
            }
            self.line = match (self.line, byte) {
                (Line::Start | Line::Return, b'\n') => return Ok(Some(bytes.len() - at - 1)),
                (Line::Start, b'\r') => Line::Return,
                (Line::Inside, b'\n') => Line::Start,
                (Line::None, b'\r' | b'\n') => Line::None,
                _ => Line::Inside,
            };
        }
        self.seen = self.seen.saturating_add(bytes.len());
        if self.seen > self.longest { Err(Wrong::TooLong(self.longest)) } else { Ok(None) }
    }

    /// Whether the client said `Connection: close`.
    pub fn says_close(&self) -> bool {
        self.close.whole(CLOSE)
    }

    /// Whether the client said that more follows.
    fn says_body(&self) -> bool {
        self.body.iter().zip(BODY).any(|(said, words)| said.whole(words))
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
    /// Writes the body of the answer to one request.
    fn write(&self, body: &mut Vec<u8>);

    /// As [`Protocol::settle`].
    fn settle(&self, _transcript: &Transcript) -> Result<(), Error> {
        Ok(())
    }
}

impl<A: Answer> OneAnswer<A> {
    fn answer(&self, request: &Request, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(32);
        self.answer.write(&mut body);
        out.reserve(128);
        out.extend_from_slice(STATUS.as_bytes());
        if request.says_close() {
            // Writing to memory cannot fail.
            let _ = write!(out, "Connection: close\r\nContent-Length: {}\r\n", body.len());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body);
    }
}

impl<A: Answer> Protocol for OneAnswer<A> {
    type Session = Request;
    const PIECE: usize = 4096;

    fn open(&self, _peer: SocketAddr, _transcript: &Transcript) -> Result<Request, Error> {
        Ok(Request::new(self.longest))
    }

    fn heard(&self, request: &mut Request, bytes: &[u8], out: &mut Vec<u8>) -> Result<Turn, Wrong> {
        let Some(behind) = request.feed(bytes)? else { return Ok(Turn::Waiting) };
        self.answer(request, out);
        // A full piece: more may be there that was not received, and a close would reset the connection.
        let all = behind == 0 && bytes.len() < Self::PIECE;
        Ok(if all && request.says_close() && !request.says_body() { Turn::Final } else { Turn::Over })
    }

    fn quiet(&self, request: &mut Request, out: &mut Vec<u8>) -> Result<Turn, Wrong> {
        self.answer(request, out);
        Ok(Turn::Over)
    }

    fn ended(&self, request: &mut Request, out: &mut Vec<u8>) -> Result<(), Wrong> {
        if !request.has_begun() {
            return Err(Wrong::ClosedEarly("without having asked anything"));
        }
        self.answer(request, out);
        Ok(())
    }

    fn settle(&self, transcript: &Transcript) -> Result<(), Error> {
        self.answer.settle(transcript)
    }
}

/// Bytes of an answer that the client takes; ours has a few dozen.
const LARGEST_ANSWER: usize = 64 << 10;

// What the client takes. No doc comment: clap would show it as the help.
#[derive(Clone, Copy, Debug, clap::Args)]
struct AskOptions {
    /// Ask nothing: connect, stay for so long, and close
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    silent: Option<Duration>,
}

/// Adds what the client of both exercises can be told.
pub fn ask_options(command: clap::Command) -> clap::Command {
    <AskOptions as clap::Args>::augment_args(command)
}

/// The client of both exercises: asks for `/`, hears all until the server closes, prints the body.
pub fn ask(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    if matches!(&visit.answers, Answers::Given(given) if !given.is_empty()) {
        return Err(Error::Answer("this client asks for / and needs no answers".to_owned()));
    }
    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    let AskOptions { silent } = visit.options()?;
    if let Some(silent) = silent {
        transcript.line("Connected, and silent")?;
        readable(server.stream(), None, Some(silent))?;
        return Ok(());
    }
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
        Request::new(1000).feed(bytes).unwrap().is_some()
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

    struct Hi;

    impl Answer for Hi {
        fn write(&self, body: &mut Vec<u8>) {
            body.extend_from_slice(b"Hi");
        }
    }

    #[test]
    fn a_client_that_says_close_and_goes_on_is_heard_out() {
        for asked in [
            "POST / HTTP/1.1\r\nContent-Length: 9\r\nConnection: close\r\n\r\n",
            "POST / HTTP/1.1\r\nConnection: close\r\ntransfer-encoding:chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: close\r\n\r\nG",
        ] {
            let mut request = Request::new(100);
            let turn = OneAnswer::new(100, Hi).heard(&mut request, asked.as_bytes(), &mut Vec::new());
            assert_eq!(turn, Ok(Turn::Over), "{asked}");
        }
    }

    #[test]
    fn a_client_that_says_close_is_told_the_same_and_the_length() {
        for (said, head) in [
            ("Connection: close", "Connection: close\r\nContent-Length: 2\r\n"),
            ("connection:CLOSE", "Connection: close\r\nContent-Length: 2\r\n"),
            ("Connection: keep-alive", ""),
            ("X-Connection: close", ""),
        ] {
            let (protocol, mut request, mut out) = (OneAnswer::new(100, Hi), Request::new(100), Vec::new());
            let asked = format!("GET / HTTP/1.1\r\n{said}\r\n\r\n");
            let turn = if head.is_empty() { Turn::Over } else { Turn::Final };
            assert_eq!(protocol.heard(&mut request, asked.as_bytes(), &mut out), Ok(turn));
            assert_eq!(String::from_utf8(out).unwrap(), format!("HTTP/1.1 200 OK\r\n{head}\r\nHi"), "{said}");
        }
    }

    #[test]
    fn a_request_without_end_is_refused() {
        let mut request = Request::new(10);
        assert_eq!(request.feed(b"0123456789"), Ok(None));
        assert_eq!(request.feed(b"0"), Err(Wrong::TooLong(10)));
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_ends_at_the_same_place(
            bytes in "([a\r\n]|\nConnection: close){0,30}",
            cuts in proptest::collection::vec(1usize..6, 1..40),
        ) {
            let whole = complete(bytes.as_bytes());
            let (mut request, mut rest, mut ended) = (Request::new(1000), bytes.as_bytes(), false);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() || ended {
                    break;
                }
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                ended = request.feed(piece).unwrap().is_some();
                rest = behind;
            }
            prop_assert_eq!(ended, whole);
            let mut at_once = Request::new(1000);
            at_once.feed(bytes.as_bytes()).unwrap();
            prop_assert_eq!(request.says_close(), at_once.says_close());
        }
    }
}
