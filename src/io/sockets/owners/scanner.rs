//! A thread that looks who holds which socket, all of /proc at a time, and takes no more than a small share of a core.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::super::processes::Holders;

/// Who needs an answer for the line at hand waits no longer.
const PATIENCE: Duration = Duration::from_millis(25);
/// A look that takes a millisecond is followed by this many of rest.
const REST: u32 = 20;
/// The shortest rest, and the longest after looks that found nothing new.
const SHORTEST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// The asking side, and what is known.
pub struct Scanner {
    ask: SyncSender<()>,
    found: Receiver<(Instant, Duration, Holders)>,
    /// What was found, and when that look began.
    known: Option<(Instant, Holders)>,
    /// One has been asked for.
    asked: bool,
    next: Instant,
    rest: Duration,
}

impl Scanner {
    pub fn start() -> std::io::Result<Self> {
        let (ask, asked) = sync_channel::<()>(1);
        let (answer, found) = sync_channel(1);
        thread::Builder::new().name("processes".to_owned()).spawn(move || {
            while asked.recv().is_ok() {
                let begun = Instant::now();
                let holders = Holders::read();
                if answer.send((begun, begun.elapsed(), holders)).is_err() {
                    return;
                }
            }
        })?;
        let now = Instant::now();
        Ok(Self { ask, found, known: None, asked: false, next: now, rest: SHORTEST })
    }

    /// What is known, without waiting.
    pub fn known(&mut self) -> Option<&Holders> {
        self.take(Duration::ZERO);
        self.known.as_ref().map(|(_, holders)| holders)
    }

    /// When the look began that is known.
    pub fn looked(&self) -> Option<Instant> {
        self.known.as_ref().map(|(begun, _)| *begun)
    }

    /// Looks again, where it is not too soon, and waits a little for what comes out. Whether there is something new.
    pub fn look(&mut self) -> bool {
        if self.asked {
            // Whoever asked has waited already.
            return self.take(Duration::ZERO);
        }
        if Instant::now() < self.next || self.ask.try_send(()).is_err() {
            return false;
        }
        self.asked = true;
        self.take(PATIENCE)
    }

    /// What was sought was not there: it may take longer until the next look. What was there makes it short again.
    pub fn found(&mut self, there: bool) {
        self.rest = if there { SHORTEST } else { (self.rest * 2).min(LONGEST) };
    }

    fn take(&mut self, patience: Duration) -> bool {
        if !self.asked {
            return false;
        }
        match self.found.recv_timeout(patience) {
            Ok((begun, took, holders)) => {
                self.asked = false;
                self.next = begun + took + self.rest.max(took * REST);
                self.known = Some((begun, holders));
                true
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                // The thread is no more; nothing will come.
                self.next = Instant::now() + Duration::from_secs(3600);
                self.asked = false;
                false
            }
        }
    }
}
