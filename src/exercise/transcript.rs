//! What an exercise's program prints, line by line, on standard output; and its talk, on standard error.

use std::io::{self, IsTerminal, Write};
use std::time::SystemTime;

use super::Error;

/// Prints for an exercise's program. Stateless, so that the threads of a server may share it: a line is never torn.
#[derive(Clone, Copy, Debug)]
pub struct Transcript {
    /// Makes control characters visible; `None` where the output is not for a person's terminal.
    escape: Option<fn(&str) -> String>,
    /// Each line opens with the time it was printed at.
    stamped: bool,
}

impl Transcript {
    /// `escape` is used where standard output is a terminal, and on every stamped line, so that a line stays one line.
    ///
    /// `stamped` puts the time (seconds since 1970, nine decimals, a space) before each line: between the receiving
    /// and the sending of the bytes it tells of, which the time of reading a pipe is not.
    pub fn new(escape: fn(&str) -> String, stamped: bool) -> Self {
        let escape = (stamped || io::stdout().is_terminal()).then_some(escape);
        Self { escape, stamped }
    }

    /// Prints a line: the words of the course, then what the peer sent.
    pub fn line(&self, words: &str, heard: &str) -> Result<(), Error> {
        let heard = self.escape.map_or_else(|| heard.to_owned(), |escape| escape(heard));
        let stamp = if self.stamped { stamp() } else { String::new() };
        // One write, under one lock.
        io::stdout().lock().write_all(format!("{stamp}{words}{heard}\n").as_bytes()).map_err(Error::Output)
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
        let _ = writeln!(io::stderr().lock(), "netlab: {words}");
    }
}

fn stamp() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09} ", since.as_secs(), since.subsec_nanos())
}
