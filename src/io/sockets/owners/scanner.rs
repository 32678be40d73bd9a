//! A thread that looks who holds which socket, all of /proc at a time, and takes no more than a share of a core.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::super::processes::Holders;
use super::worked;

/// Who needs an answer for the line at hand waits no longer.
const PATIENCE: Duration = Duration::from_millis(50);
/// ... but for the very first look, which begins at the start.
const FIRST: Duration = Duration::from_millis(500);
/// A look that takes a millisecond is followed by this many of rest.
const REST: u32 = 4;
/// The shortest rest, and the longest after looks that found nothing of what was sought.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

/// What is sought. Each has a patience of its own: sockets of short connections are often gone.
#[derive(Clone, Copy, Debug)]
pub enum Sought {
    /// The socket of one conversation.
    Own,
    /// Sockets that listen.
    Listening,
}

/// The asking side, and what is known.
pub struct Scanner {
    ask: SyncSender<()>,
    found: Receiver<(Instant, Duration, Duration, Holders)>,
    /// What was found, and when that look began.
    known: Option<(Instant, Holders)>,
    /// One has been asked for.
    asked: bool,
    /// Until then the first look is waited for.
    first: Instant,
    /// When the last look ended, and what it cost.
    ended: Instant,
    cost: Duration,
    /// By what is sought.
    rest: [Duration; 2],
}

impl Scanner {
    /// Starts the thread, and the first look.
    pub fn start() -> std::io::Result<Self> {
        let (ask, asked) = sync_channel::<()>(1);
        let (answer, found) = sync_channel(1);
        thread::Builder::new().name("processes".to_owned()).spawn(move || {
            while asked.recv().is_ok() {
                let (begun, before) = (Instant::now(), worked());
                let holders = Holders::read_alone();
                if answer.send((begun, begun.elapsed(), worked().saturating_sub(before), holders)).is_err() {
                    return;
                }
            }
        })?;
        let asked = ask.try_send(()).is_ok();
        let (ended, cost) = (Instant::now(), Duration::ZERO);
        Ok(Self { ask, found, known: None, asked, first: ended + FIRST, ended, cost, rest: [SHORTEST; 2] })
    }

    /// What is known, without waiting.
    pub fn known(&mut self) -> Option<&Holders> {
        self.take(Duration::ZERO);
        self.known.as_ref().map(|(_, holders)| holders)
    }

    /// Whether the last look is older than that, or there was none.
    pub fn is_older(&self, age: Duration) -> bool {
        self.known.as_ref().is_none_or(|(begun, _)| begun.elapsed() > age)
    }

    /// Looks again, where it is not too soon, and waits a little for what comes out. Whether there is something new.
    pub fn look(&mut self, sought: Sought) -> bool {
        // What has come out meanwhile may be old: it is no answer to this.
        let fresh = self.take(self.first.saturating_duration_since(Instant::now()));
        if self.asked {
            // Whoever asked has waited already.
            return false;
        }
        let rest = self.rest[sought as usize].max(self.cost * REST);
        if self.ended.elapsed() < rest || self.ask.try_send(()).is_err() {
            return fresh;
        }
        self.asked = true;
        self.take(PATIENCE)
    }

    /// What was sought was not there: it may take longer until the next look. What was there makes it short again.
    pub fn found(&mut self, sought: Sought, there: bool) {
        let rest = &mut self.rest[sought as usize];
        *rest = if there { SHORTEST } else { (*rest * 2).min(LONGEST) };
    }

    fn take(&mut self, patience: Duration) -> bool {
        if !self.asked {
            return false;
        }
        match self.found.recv_timeout(patience) {
            Ok((begun, took, cost, holders)) => {
                (self.asked, self.ended, self.cost) = (false, begun + took, cost);
                self.known = Some((begun, holders));
                true
            }
            // Where the thread is no more, nothing will come, and nobody asks again.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }
}
