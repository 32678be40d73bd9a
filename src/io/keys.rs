//! Single keys of the terminal, without Enter; where standard input is none, its bytes.
//!
//! Signals stay the terminal's (Ctrl-C interrupts). What was set is set back when this is dropped; after a kill -9 the
//! shell does that (bash and zsh keep the modes of their own).

use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `q`, or Ctrl-D.
    Quit,
    Other,
    /// Standard input has ended: there will be no more keys.
    End,
}

/// Standard input, read key by key.
pub struct Keys {
    before: Option<Termios>,
    ended: bool,
}

impl Keys {
    pub fn open() -> io::Result<Self> {
        let before = io::stdin().is_terminal().then(|| tcgetattr(io::stdin())).transpose()?;
        if let Some(before) = &before {
            let mut keys = before.clone();
            keys.local_flags &= !(LocalFlags::ICANON | LocalFlags::ECHO);
            tcsetattr(io::stdin(), SetArg::TCSADRAIN, &keys)?;
        }
        Ok(Self { before, ended: false })
    }

    /// A key that was pressed; never waits.
    pub fn pressed(&mut self) -> io::Result<Option<Key>> {
        if self.ended {
            return Ok(Some(Key::End));
        }
        let stdin = io::stdin();
        let mut ready = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::ZERO)? == 0 {
            return Ok(None);
        }
        // Of a terminal all that waits: an arrow key is several bytes. Of a file or pipe each byte is a key.
        let mut bytes = [0; 64];
        let most = if self.before.is_some() { bytes.len() } else { 1 };
        let mut unbuffered = std::fs::File::from(stdin.as_fd().try_clone_to_owned()?);
        let length = unbuffered.read(bytes.get_mut(..most).unwrap_or_default())?;
        Ok(Some(match bytes.first() {
            _ if length == 0 => {
                self.ended = true;
                Key::End
            }
            Some(b'q' | b'Q' | 4) => Key::Quit,
            _ => Key::Other,
        }))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, before);
        }
    }
}
