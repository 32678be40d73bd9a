//! A progress bar on standard error, for work of over a second that a person looks on at.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::frame::{Error, Source, Timestamp, said_by};

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// Frames between two looks at the clock.
const STEP: u32 = 1 << 14;
const BAR: usize = 30;

/// A source that shows how far it has come.
pub struct Progress<'a, S: ?Sized> {
    inner: &'a mut S,
    /// Somebody sees standard error, and standard output does not scroll it away.
    watched: bool,
    begun: Instant,
    frames: u32,
    shown: bool,
}

impl<'a, S: Source + ?Sized> Progress<'a, S> {
    pub fn new(inner: &'a mut S) -> Self {
        let watched = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
        Self { inner, watched, begun: Instant::now(), frames: 0, shown: false }
    }

    #[cold]
    fn show(&mut self) {
        self.frames = 0;
        let Some((done, all)) = self.inner.progress().filter(|(_, all)| *all > 0) else { return };
        if self.begun.elapsed() < PATIENCE {
            return;
        }
        let share = done.min(all) as f64 / all as f64;
        let full = (share * BAR as f64) as usize;
        eprint!("\r[{}{}] {:3.0} %", "=".repeat(full), " ".repeat(BAR - full), share * 100.0);
        let _ = std::io::stderr().flush();
        self.shown = true;
    }

    /// Takes the bar away.
    pub fn clear(&mut self) {
        if self.shown {
            eprint!("\r{:width$}\r", "", width = BAR + 9);
            self.shown = false;
        }
    }
}

impl<S: Source + ?Sized> Source for Progress<'_, S> {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        if self.watched {
            self.frames += 1;
            if self.frames >= STEP {
                self.show();
            }
        }
        self.inner.advance()
    }

    said_by!(inner);
}
