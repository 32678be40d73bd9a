//! What an exercise's program prints, line by line, on standard output; and its talk, on standard error.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::SystemTime;

use super::Error;

/// How the talk of a program, on standard error, is written.
#[derive(Clone, Copy, Debug, Default)]
pub enum Log {
    /// Sentences for a person.
    #[default]
    Text,
    /// One JSON object a line, for a program: time, event, peer, text. The function quotes a string.
    Json(fn(&str) -> String),
}

/// Prints for an exercise's program. Stateless, so that the threads of a server may share it: a line is never torn.
#[derive(Clone, Copy, Debug)]
pub struct Transcript {
    escape: fn(&str) -> String,
    /// What is heard is escaped: the output is for a person's terminal, or must keep to its line.
    escaped: bool,
    /// Each line opens with the time it was printed at.
    stamped: bool,
    log: Log,
}

impl Transcript {
    /// `escape` makes control characters visible. It is used where standard output is a terminal, and on every stamped
    /// line, so that a line stays one line; on standard error always.
    ///
    /// `stamped` puts the time (seconds since 1970, nine decimals, a space) before each line: between the receiving
    /// and the sending of the bytes it tells of, which the time of reading a pipe is not.
    pub fn new(escape: fn(&str) -> String, stamped: bool, log: Log) -> Self {
        Self { escape, escaped: stamped || io::stdout().is_terminal(), stamped, log }
    }

    /// Prints a line of the program's own words.
    pub fn line(&self, words: &str) -> Result<(), Error> {
        self.heard(words, "")
    }

    /// Prints a line: the words of the course, then what the peer sent.
    pub fn heard(&self, words: &str, heard: &str) -> Result<(), Error> {
        // One write, under one lock.
        io::stdout().lock().write_all((self.formed(words, heard) + "\n").as_bytes()).map_err(Error::Output)
    }

    /// The line that [`Transcript::heard`] prints, without its end.
    pub fn formed(&self, words: &str, heard: &str) -> String {
        let heard = if self.escaped { (self.escape)(heard) } else { heard.to_owned() };
        let stamp = if self.stamped { stamp() + " " } else { String::new() };
        format!("{stamp}{words}{heard}")
    }

    /// Prints words over those that it printed before, on one line that goes on; with stamps, each on a line of its own.
    pub fn running(&self, words: &str) -> Result<(), Error> {
        if self.stamped {
            return self.line(words);
        }
        let mut out = io::stdout().lock();
        out.write_all(format!("\r{words}").as_bytes()).and_then(|()| out.flush()).map_err(Error::Output)
    }

    /// Ends the line of [`Transcript::running`].
    pub fn running_end(&self) -> Result<(), Error> {
        if self.stamped { Ok(()) } else { self.line("") }
    }

    /// Prints how much one receive returned, where a message may be more or less than that.
    pub fn received(&self, bytes: usize) -> Result<(), Error> {
        self.line(&format!("received {bytes} {}", if bytes == 1 { "byte" } else { "bytes" }))
    }

    /// Asks a person at a terminal, who types on the same line.
    pub fn prompt(&self, words: &str) -> Result<(), Error> {
        // Where standard output goes to a file the question must still reach the person.
        let ask = |out: &mut dyn Write| out.write_all(words.as_bytes()).and_then(|()| out.flush());
        if io::stdout().is_terminal() { ask(&mut io::stdout().lock()) } else { ask(&mut io::stderr().lock()) }
            .map_err(Error::Output)
    }

    /// Says something about the program on standard error. A standard error that is closed is no reason to stop.
    pub fn note(&self, words: &str) {
        match self.log {
            Log::Text => _ = writeln!(io::stderr().lock(), "{}", self.noted(words)),
            Log::Json(_) => self.log("note", None, words),
        }
    }

    /// What [`Transcript::note`] says to a person, without its end.
    pub fn noted(&self, words: &str) -> String {
        // What a peer sent may stand in it; the line ends are ours.
        let lines: Vec<String> = words.lines().map(self.escape).collect();
        let stamp = if self.stamped { stamp() + " " } else { String::new() };
        format!("{stamp}netlab: {}", lines.join("\n"))
    }

    /// Says what went wrong with a peer, or what is worth knowing about it. `words` name the peer.
    pub fn about(&self, peer: SocketAddr, words: &str) {
        match self.log {
            Log::Text => self.note(words),
            Log::Json(_) => self.log("note", Some(peer), words),
        }
    }

    /// Writes an event into the log for programs (`listening`, `connected`, `served`, ...); nothing for a person.
    pub fn log(&self, event: &str, peer: Option<SocketAddr>, text: &str) {
        let Log::Json(quoted) = self.log else { return };
        let mut line = format!("{{\"time\":\"{}\",\"event\":{}", stamp(), quoted(event));
        if let Some(peer) = peer {
            line += &format!(",\"peer\":{}", quoted(&peer.to_string()));
        }
        if !text.is_empty() {
            line += &format!(",\"text\":{}", quoted(text));
        }
        line += "}\n";
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

fn stamp() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}
