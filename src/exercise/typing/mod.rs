//! A conversation with a person while lines come from elsewhere: what `chat`, `bingo` and `udp-peers` are typed into.
//!
//! Guarantee: an incoming line never tears the line being typed. It takes that line's place, and the line is drawn anew
//! below it. All of it happens on one thread, in [`Typing::wait`], so nothing can come in between. (A line editor with a
//! thread of its own, like rustyline's, prints what comes from elsewhere without a lock against its own drawing: one's
//! own message, coming back just as the next prompt is drawn, would tear it.)
//!
//! How a client uses it:
//!
//! ```text
//! let mut typing = Typing::new(&mut visit.answers, transcript)?;
//! typing.ask("Enter message: ")?;                     // shows the prompt; one line answers it
//! loop {
//!     match typing.wait(Some(&socket), None)? {                               // None::<&Stop>: nothing else to wait for
//!         Happened::Line(text) => { ...send...; typing.ask("Enter message: ")? }
//!         Happened::Readable => typing.heard("", &text_of(&...receive...))?,   // not transcript.heard
//!         Happened::End | Happened::Interrupted => break,
//!         Happened::Quiet => {}                       // `patience` ran out
//!     }
//! }
//! ```
//!
//! Answers from arguments come [`PACE`](super::answers::PACE) apart, those from a pipe at once, both only when they are
//! asked for; without a terminal on both sides nothing is drawn. Whatever ends the client, dropping `Typing` gives the
//! terminal back as it was.

pub mod exchange;
mod line;

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};

use self::line::{Line, Pressed};
use super::answers::PACE;
use super::framing::Lines;
use super::{Answers, Error, Stop, Transcript};

/// The longest line that is taken from a pipe, in bytes.
const LONGEST: usize = 64 * 1024;
/// Lines that a person may be ahead of the prompts; more keys wait in the kernel.
const AHEAD: usize = 100;

/// What [`Typing::wait`] waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The line that was asked for, without its end; from a pipe not decoded.
    Line(Vec<u8>),
    /// Ctrl-D, or no answers are left. It is told once.
    End,
    /// Ctrl-C, or a signal that asks the program to end.
    Interrupted,
    /// The other source can be read, or has ended.
    Readable,
    /// Nothing within the time given.
    Quiet,
}

/// Where lines come from.
enum Source {
    Given(VecDeque<Vec<u8>>),
    /// A pipe, a file, or a terminal that cannot be drawn on: the kernel's own line editing.
    Plain {
        lines: Lines,
        /// Somebody reads the prompts.
        person: bool,
    },
    /// A terminal, and what it was set to before. No line's end: keys.
    Keys {
        line: Line,
        before: Box<Termios>,
    },
}

/// Lines being typed, or given, while others come.
pub struct Typing<'a> {
    source: Source,
    transcript: &'a Transcript,
    stop: Stop,
    /// The prompt of the question that is not answered yet.
    asked: Option<String>,
    /// Lines that came before they were asked for.
    ahead: VecDeque<Vec<u8>>,
    /// The source has no more.
    ended: bool,
    told_end: bool,
    /// When the last line was given out.
    last: Option<Instant>,
}

impl<'a> Typing<'a> {
    /// Takes over the answers; a terminal is drawn on from now on, and gives each key.
    pub fn new(answers: &mut Answers, transcript: &'a Transcript) -> Result<Self, Error> {
        let source = match answers {
            Answers::Given(given) => Source::Given(std::mem::take(given)),
            Answers::Input => {
                let person = io::stdin().is_terminal();
                let draws =
                    person && io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
                match if draws { take_keys().ok() } else { None } {
                    Some(before) => Source::Keys { line: Line::default(), before: Box::new(before) },
                    None => Source::Plain { lines: Lines::new(LONGEST), person },
                }
            }
        };
        let stop = Stop::on_interrupt().map_err(|source| Error::System {
            operation: "wait for signals in",
            target: "this program".to_owned(),
            source,
        });
        let mut typing = Self {
            source,
            transcript,
            stop: stop?,
            asked: None,
            ahead: VecDeque::new(),
            ended: false,
            told_end: false,
            last: None,
        };
        typing.ended = matches!(&typing.source, Source::Given(given) if given.is_empty());
        Ok(typing)
    }

    /// Asks for one line, which [`Typing::wait`] brings.
    pub fn ask(&mut self, prompt: &str) -> Result<(), Error> {
        self.asked = Some(prompt.to_owned());
        match &self.source {
            Source::Keys { .. } => self.draw(),
            Source::Plain { person: true, .. } if !self.ended => self.transcript.prompt(prompt),
            _ => Ok(()),
        }
    }

    /// Whether a person can be asked once more.
    pub fn can_ask_again(&self) -> bool {
        !self.ended && self.is_person()
    }

    /// Whether a person answers: not arguments, not a pipe.
    pub fn is_person(&self) -> bool {
        matches!(self.source, Source::Keys { .. } | Source::Plain { person: true, .. })
    }

    /// Prints a line: words of the program, then what the peer sent, which is escaped for a terminal.
    pub fn heard(&self, words: &str, heard: &str) -> Result<(), Error> {
        if !self.draws() {
            return self.transcript.heard(words, heard);
        }
        let row = self.asked.as_deref().map_or_else(String::new, |prompt| self.drawn(prompt));
        write(&format!("\r\x1b[K{}\n{row}", self.transcript.formed(words, heard)))
    }

    /// Says something about the program: as [`Transcript::note`], and tears nothing.
    pub fn note(&self, words: &str) {
        if self.draws() {
            let _ = write("\r\x1b[K");
        }
        self.transcript.note(words);
        let _ = self.draw();
    }

    /// Waits for the line that was asked for, for `other` to be readable, or for the end of `patience` (`None`: for ever).
    ///
    /// `other` goes first, so that what a peer said is shown before the next answer is given.
    pub fn wait<S: AsFd>(&mut self, other: Option<&S>, patience: Option<Duration>) -> Result<Happened, Error> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        loop {
            let now = Instant::now();
            let paced = self.paced(now);
            let waiting = self.asked.is_some() && (!self.ahead.is_empty() || self.ended && !self.told_end);
            let until = match (deadline, paced) {
                _ if waiting => Some(now),
                (Some(deadline), Some(paced)) => Some(deadline.min(paced)),
                (one, another) => one.or(another),
            };
            let [stopped, readable, typed] = self.poll(other, until)?;
            if stopped {
                self.leave_row("^C")?;
                return Ok(Happened::Interrupted);
            }
            if readable {
                return Ok(Happened::Readable);
            }
            if typed && self.take_in()? == Pressed::Interrupt {
                self.leave_row("^C")?;
                return Ok(Happened::Interrupted);
            }
            if self.asked.is_some() {
                if self.paced(Instant::now()).is_some_and(|paced| paced <= Instant::now())
                    && let Source::Given(given) = &mut self.source
                {
                    self.ahead.extend(given.pop_front());
                    self.ended = given.is_empty();
                }
                if let Some(line) = self.ahead.pop_front() {
                    if let (Some(prompt), true) = (self.asked.take(), self.draws()) {
                        // The whole line stands on the screen then, however long it is.
                        write(&format!("\r{prompt}{}\x1b[K\n", String::from_utf8_lossy(&line)))?;
                    }
                    self.last = Some(Instant::now());
                    return Ok(Happened::Line(line));
                }
                if self.ended && !self.told_end {
                    self.told_end = true;
                    self.leave_row("")?;
                    return Ok(Happened::End);
                }
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(Happened::Quiet);
            }
        }
    }

    fn draws(&self) -> bool {
        matches!(self.source, Source::Keys { .. })
    }

    /// When the next of the given answers may come; `None` where there is none, or none is asked for.
    fn paced(&self, now: Instant) -> Option<Instant> {
        match &self.source {
            Source::Given(given) if self.asked.is_some() && !given.is_empty() => {
                Some(self.last.map_or(now, |last| last + PACE))
            }
            _ => None,
        }
    }

    /// Polls once, until `until` at most: whether the program shall stop, `other` can be read, something was typed.
    fn poll<S: AsFd>(&self, other: Option<&S>, until: Option<Instant>) -> Result<[bool; 3], Error> {
        let stdin = io::stdin();
        let mut waits = vec![PollFd::new(self.stop.as_fd(), PollFlags::POLLIN)];
        waits.extend(other.map(|other| PollFd::new(other.as_fd(), PollFlags::POLLIN)));
        let typed_at = waits.len();
        // Keys are read ahead of the prompts, so that Ctrl-C is seen; lines of a pipe when they are asked for.
        let reads = match &self.source {
            Source::Given(_) => false,
            Source::Plain { .. } => self.asked.is_some() && self.ahead.is_empty(),
            Source::Keys { .. } => self.ahead.len() < AHEAD,
        };
        if reads && !self.ended {
            waits.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        let timeout = until.map_or(PollTimeout::NONE, |until| {
            // poll(2) rounds down; what is left of a millisecond must not be waited for by spinning.
            let left = until.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut waits, timeout) {
            Ok(_) => {}
            // SIGWINCH and SIGCONT among them.
            Err(Errno::EINTR) => return Ok([false; 3]),
            Err(errno) => return Err(Error::Input(errno.into())),
        }
        let ready = |at: usize| waits.get(at).and_then(PollFd::any) == Some(true);
        Ok([ready(0), other.is_some() && ready(1), ready(typed_at)])
    }

    /// Reads what was typed.
    fn take_in(&mut self) -> Result<Pressed, Error> {
        let mut piece = [0; 4096];
        let length = match nix::unistd::read(io::stdin(), &mut piece) {
            Ok(length) => length,
            Err(Errno::EINTR | Errno::EAGAIN) => return Ok(Pressed::Nothing),
            // The terminal was taken away.
            Err(Errno::EIO) => 0,
            Err(errno) => return Err(Error::Input(errno.into())),
        };
        let piece = piece.get(..length).unwrap_or_default();
        match &mut self.source {
            Source::Given(_) => {}
            Source::Plain { lines, .. } => {
                lines.feed(piece);
                while let Some(line) = lines
                    .next_line()
                    .map_err(|_| Error::Answer(format!("a line of the input is longer than {LONGEST} bytes")))?
                {
                    self.ahead.push_back(line);
                }
                if length == 0 {
                    self.ahead.extend(lines.rest());
                    self.ended = true;
                }
            }
            Source::Keys { .. } if length == 0 => self.ended = true,
            Source::Keys { .. } => return self.take_keys(piece),
        }
        Ok(Pressed::Nothing)
    }

    fn take_keys(&mut self, keys: &[u8]) -> Result<Pressed, Error> {
        for &key in keys {
            let Source::Keys { line, .. } = &mut self.source else { break };
            match line.press(key) {
                Pressed::Nothing => {}
                Pressed::Changed => self.draw()?,
                Pressed::Clear => {
                    write("\x1b[H\x1b[2J")?;
                    self.draw()?;
                }
                Pressed::Entered(text) => self.ahead.push_back(text.into_bytes()),
                Pressed::End => self.ended = true,
                Pressed::Interrupt => return Ok(Pressed::Interrupt),
                Pressed::Suspend => self.suspend()?,
            }
        }
        Ok(Pressed::Nothing)
    }

    /// Ctrl-Z: the shell gets its terminal; when we go on, it is ours again.
    fn suspend(&mut self) -> Result<(), Error> {
        write("\r\x1b[K")?;
        if let Source::Keys { before, .. } = &mut self.source {
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, before);
            let _ = raise(Signal::SIGTSTP);
            **before = take_keys().map_err(|errno| Error::Input(errno.into()))?;
        }
        self.draw()
    }

    fn drawn(&self, prompt: &str) -> String {
        match &self.source {
            // A line that was entered is about to be taken, and stands on the screen then.
            Source::Keys { line, .. } if self.ahead.is_empty() => line.drawn(prompt, columns()),
            _ => String::new(),
        }
    }

    fn draw(&self) -> Result<(), Error> {
        match &self.asked {
            Some(prompt) if self.draws() => write(&self.drawn(prompt)),
            _ => Ok(()),
        }
    }

    /// Leaves the row of the prompt for good: what is printed next stands below it.
    fn leave_row(&mut self, mark: &str) -> Result<(), Error> {
        let asked = self.asked.take().is_some();
        match self.source {
            Source::Keys { .. } if asked => write(&format!("{mark}\n")),
            Source::Plain { person: true, .. } if asked => self.transcript.prompt("\n"),
            _ => Ok(()),
        }
    }
}

impl Drop for Typing<'_> {
    fn drop(&mut self) {
        if self.asked.take().is_some() && self.draws() {
            let _ = write("\r\x1b[K");
        }
        if let Source::Keys { before, .. } = &self.source {
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, before);
        }
    }
}

impl std::fmt::Debug for Typing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Typing").field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// Sets the terminal to give every key as it is pressed, Ctrl-C too, and to echo none. What it was set to before.
fn take_keys() -> Result<Termios, Errno> {
    let before = tcgetattr(io::stdin())?;
    let mut keys = before.clone();
    keys.input_flags &= !(InputFlags::ICRNL | InputFlags::INLCR | InputFlags::ISTRIP | InputFlags::IXON);
    keys.local_flags &= !(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::IEXTEN | LocalFlags::ISIG);
    keys.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
    keys.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
    tcsetattr(io::stdin(), SetArg::TCSADRAIN, &keys)?;
    Ok(before)
}

fn columns() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0).max(1))
}

/// One write, so that no half of it can be seen.
fn write(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Output)
}
