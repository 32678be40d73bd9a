//! What a client sends: given as arguments, typed at a terminal, or read from a pipe.

use std::collections::VecDeque;
use std::io::{self, BufRead, IsTerminal, Read};
use std::time::Duration;

use super::{Error, Transcript};

/// Between two sends of answers that were given as arguments.
pub const PACE: Duration = Duration::from_millis(100);

/// The longest line that is read from standard input, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Where a client's answers to its prompts come from.
#[derive(Debug)]
pub enum Answers {
    /// One answer an argument, bytes as the shell gave them.
    Given(VecDeque<Vec<u8>>),
    /// Lines of standard input; prompts are shown only where that is a terminal.
    Input,
}

impl Answers {
    /// The arguments where there are some, standard input otherwise.
    pub fn new(arguments: Vec<Vec<u8>>) -> Self {
        if arguments.is_empty() { Self::Input } else { Self::Given(arguments.into()) }
    }

    /// Refuses more arguments than the client has questions, before anything is sent. `instead` says what to type.
    pub fn at_most(&self, most: usize, instead: &str) -> Result<(), Error> {
        match self {
            Self::Given(given) if given.len() > most => Err(Error::Answer(instead.to_owned())),
            _ => Ok(()),
        }
    }

    /// What a client sends that asks for nothing: the one argument, or without it what the course's client says.
    pub fn text_or(&mut self, usual: &[u8]) -> Result<Vec<u8>, Error> {
        self.at_most(1, "it sends one text: put its words in quotes")?;
        let text = match self {
            Self::Given(given) => given.pop_front().unwrap_or_default(),
            Self::Input => usual.to_vec(),
        };
        // Neither side would ever hear of it.
        if text.is_empty() { Err(Error::Answer("an empty text puts nothing on the wire".to_owned())) } else { Ok(text) }
    }

    /// Asks for a line; `None` at the end of input. Without its line end, not decoded.
    pub fn ask(&mut self, prompt: &str, transcript: &Transcript) -> Result<Option<Vec<u8>>, Error> {
        let given = match self {
            Self::Given(given) => given,
            Self::Input => {
                let person = io::stdin().is_terminal();
                if person {
                    transcript.prompt(prompt)?;
                }
                let line = read_line(&mut io::stdin().lock())?;
                if person && line.is_none() {
                    transcript.prompt("\n")?; // Ctrl-D leaves the cursor behind the prompt.
                }
                return Ok(line);
            }
        };
        Ok(given.pop_front())
    }

    /// For a client that asks for nothing: arguments given all the same are refused, not ignored.
    pub fn none(&self, client: &str) -> Result<(), Error> {
        self.at_most(0, &format!("{client} asks for nothing: leave the arguments away"))
    }

    /// Waits before a further send whose answer came as an argument: a peer that reads with one receive, and without
    /// framing, takes two quick sends as one. A person is slow enough.
    pub fn pace(&self) {
        if matches!(self, Self::Given(_)) {
            std::thread::sleep(PACE);
        }
    }

    /// Whether all arguments have been used: nothing more will be asked.
    pub fn is_spent(&self) -> bool {
        matches!(self, Self::Given(given) if given.is_empty())
    }

    /// Whether a person can be asked once more.
    pub fn can_ask_again(&self) -> bool {
        matches!(self, Self::Input) && io::stdin().is_terminal()
    }
}

fn read_line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, Error> {
    let mut line = Vec::new();
    input.take(LONGEST).read_until(b'\n', &mut line).map_err(Error::Input)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if line.len() as u64 == LONGEST {
        return Err(Error::Answer(format!("the line is longer than {LONGEST} bytes")));
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_line_without_its_end_and_tells_the_end_of_input() {
        let mut input: &[u8] = b"one\r\n\ntwo";
        assert_eq!(read_line(&mut input).unwrap().unwrap(), b"one");
        assert_eq!(read_line(&mut input).unwrap().unwrap(), b"");
        assert_eq!(read_line(&mut input).unwrap().unwrap(), b"two");
        assert_eq!(read_line(&mut input).unwrap(), None);
    }

    #[test]
    fn refuses_a_line_without_end() {
        let endless = vec![b'x'; 1 << 20];
        assert!(matches!(read_line(&mut endless.as_slice()), Err(Error::Answer(_))));
    }
}
