//! Goes through a script: says what is its own, waits for the rest, and notes what is not as it was.
//!
//! Guarantee: whatever comes, it ends: every wait has its time, and no more is kept than was expected and a little.

use std::collections::VecDeque;
use std::time::Duration;

use super::expected::{Expected, Ignored, Match};
use super::script::{Heard, Script, Step};

/// How patient it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// So long without a byte that is due, and it is missing.
    pub wait: Duration,
    /// So long without a byte, and a turn that is not as expected is taken for ended.
    pub settle: Duration,
    pub pauses: Pauses,
}

/// Which of our own pauses are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pauses {
    /// Those between two things that we say: they decide what arrives together.
    Between,
    /// All, so many times as fast.
    All(f64),
    None,
}

impl Options {
    pub const SETTLE: Duration = Duration::from_millis(100);
}

/// What happened on the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The next bytes, or one datagram.
    Bytes(&'a [u8]),
    /// The other side has no more to say.
    Closed,
    /// The other side broke it off; no datagram arrives any more.
    Broken,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Send all of this, then ask again.
    Send(Vec<u8>),
    /// Say that we have no more to say, then ask again.
    Close,
    /// Break the connection off: it is over.
    Break,
    /// Wait for input, until this moment at the latest.
    Wait(Duration),
    /// It is over.
    Done,
}

/// In what way something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Other bytes.
    Other,
    /// So many bytes of a turn did not come in time.
    Silent { missing: usize },
    /// They did not come because the other side closed.
    ClosedEarly { missing: usize },
    /// Nor because it broke the connection off.
    Broken,
    /// More than the capture has.
    Extra,
    /// It did not close where it had closed.
    StaysOpen,
    /// It broke off where it had closed.
    BreaksNotCloses,
    /// It closed, or stayed, where it had broken off.
    DoesNotBreak,
}

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub why: Why,
    /// The frame of the capture that has the first byte that differs; 0 where there is none.
    pub frame: u64,
    /// Place of that byte in all that the other side said in the capture.
    pub offset: u64,
    /// Bytes around the place: as they were, and as they came; and where the place is in each.
    pub expected: Vec<u8>,
    pub got: Vec<u8>,
    pub at: (usize, usize),
    /// Something was left away before and behind them, in each.
    pub cut: [(bool, bool); 2],
}

/// Differences that are kept; others are counted.
const MOST_DIFFERENCES: usize = 100;
/// Bytes that are kept before and behind the first that differs.
const BEFORE: usize = 16;
const BEHIND: usize = 112;
/// More than is expected, which may still come before it is over.
const MOST_EXTRA: usize = 1 << 20;

/// The machine.
pub struct Player {
    script: Script,
    ignored: Ignored,
    options: Options,
    /// The step that is next, and since when.
    at: usize,
    since: Duration,
    /// When anything came last.
    last: Duration,
    /// What came and belongs to no step yet: of a stream the first one only.
    heard: VecDeque<Vec<u8>>,
    held: usize,
    closed: bool,
    broken: bool,
    over: bool,
    differences: Vec<Difference>,
    others: u64,
    /// Turns that were as expected, and bytes that came in all.
    right: usize,
    received: u64,
}

impl Player {
    /// Begins at `now`.
    pub fn new(script: Script, ignored: Ignored, options: Options, now: Duration) -> Self {
        Self {
            script,
            ignored,
            options,
            at: 0,
            since: now,
            last: now,
            heard: VecDeque::new(),
            held: 0,
            closed: false,
            broken: false,
            over: false,
            differences: Vec::new(),
            others: 0,
            right: 0,
            received: 0,
        }
    }

    /// What differs: the first ones, and how many more.
    pub fn differences(&self) -> (&[Difference], u64) {
        (&self.differences, self.others)
    }

    /// Turns of the other side that were as expected, and the bytes that came.
    pub fn heard(&self) -> (usize, u64) {
        (self.right, self.received)
    }

    /// Whether it is over, whatever is still to be sent.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// How long nothing may happen at all.
    pub fn patience(&self) -> Duration {
        self.options.wait
    }

    /// Nothing more is to be read.
    pub fn hears_no_more(&self) -> bool {
        self.closed || self.broken
    }

    pub fn handle(&mut self, now: Duration, input: Input<'_>) {
        if self.over {
            return;
        }
        self.last = now;
        match input {
            Input::Bytes(bytes) => {
                self.received += bytes.len() as u64;
                self.held += bytes.len() + 1;
                match self.heard.back_mut() {
                    Some(held) if !self.script.datagrams() => held.extend_from_slice(bytes),
                    _ => self.heard.push_back(bytes.to_vec()),
                }
                if self.held > Script::MOST.min(self.script.heard() as usize * 2 + MOST_EXTRA) {
                    self.extra();
                    self.over = true;
                }
            }
            Input::Closed => self.closed = true,
            Input::Broken => self.broken = true,
        }
    }

    /// What is to be done now. Asked again after it is done, after every input, and when a wait has passed.
    pub fn poll(&mut self, now: Duration) -> Do {
        loop {
            if self.over {
                return Do::Done;
            }
            let Some(step) = self.script.steps().get(self.at) else { return self.end(now) };
            let done = match step {
                Step::Say { after, .. } => {
                    let pause = match self.options.pauses {
                        Pauses::All(times) => after.div_f64(times.max(1e-6)),
                        Pauses::Between if self.said_before() => *after,
                        Pauses::Between | Pauses::None => Duration::ZERO,
                    };
                    let due = self.since.saturating_add(pause);
                    if now < due && !self.broken {
                        return Do::Wait(due);
                    }
                    return self.say(now);
                }
                Step::Hear(heard) => match self.hear(heard, now) {
                    Hearing::Wait(until) => return Do::Wait(until),
                    Hearing::Done(taken, difference) => Some((taken, difference)),
                },
                Step::Close => {
                    self.next(now);
                    return Do::Close;
                }
                Step::Break => {
                    self.over = true;
                    return Do::Break;
                }
                Step::TheyClose | Step::TheyBreak => None,
            };
            match done {
                Some((taken, difference)) => {
                    self.take(taken);
                    match difference {
                        Some(difference) => {
                            // Who is gone says nothing more.
                            self.over |= self.hears_no_more();
                            self.note(difference);
                        }
                        None => self.right += 1,
                    }
                    self.next(now);
                }
                None => {
                    if let Some(until) = self.their_end(now) {
                        return Do::Wait(until);
                    }
                }
            }
        }
    }

    /// The step before this one was ours, too.
    fn said_before(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|before| self.script.steps().get(before));
        matches!(before, Some(Step::Say { .. }))
    }

    fn next(&mut self, now: Duration) {
        self.at += 1;
        self.since = now;
    }

    fn say(&mut self, now: Duration) -> Do {
        if self.broken {
            self.note(self.bare(Why::Broken));
            self.over = true;
            return Do::Done;
        }
        let data = match self.script.steps().get(self.at) {
            Some(Step::Say { data, .. }) => data.clone(),
            _ => Vec::new(),
        };
        self.next(now);
        Do::Send(data)
    }

    /// The moment from which silence counts: something came, or it became the other side's turn.
    fn quiet_since(&self) -> Duration {
        self.since.max(self.last)
    }

    fn hear(&self, heard: &Heard, now: Duration) -> Hearing {
        let got = self.heard.front().map_or(&[][..], Vec::as_slice);
        let gone = self.hears_no_more();
        let datagrams = self.script.datagrams();
        let came = datagrams && !self.heard.is_empty();
        let quiet = self.quiet_since();
        let (given_up, settled) = (quiet + self.options.wait, quiet + self.options.settle);
        let over = gone || now >= given_up || came;
        if datagrams && !came && !over {
            return Hearing::Wait(given_up);
        }
        let found = Expected::new(&heard.data, &self.ignored).against(got, over);
        let why = |missing: usize| match (self.broken, self.closed) {
            (true, _) => Why::Broken,
            (_, true) => Why::ClosedEarly { missing },
            _ => Why::Silent { missing },
        };
        match found {
            Match::Whole(taken) | Match::Perhaps(taken) if came => {
                let longer = (taken < got.len()).then(|| difference(Why::Other, heard, heard.data.len(), got, taken));
                Hearing::Done(got.len(), longer)
            }
            Match::Whole(taken) => Hearing::Done(taken, None),
            Match::Perhaps(taken) if over || now >= settled => Hearing::Done(taken, None),
            Match::Perhaps(_) => Hearing::Wait(settled),
            Match::Short if came => Hearing::Done(
                got.len(),
                Some(difference(Why::Other, heard, got.len().min(heard.data.len()), got, got.len())),
            ),
            Match::Short if over => {
                let missing = heard.data.len().saturating_sub(got.len());
                let place = got.len().min(heard.data.len());
                Hearing::Done(got.len(), Some(difference(why(missing), heard, place, got, got.len())))
            }
            Match::Short => Hearing::Wait(given_up),
            // What follows belongs to the turn that differs already, if it comes soon.
            Match::Differs(here, there) if over || now >= settled && got.len() >= heard.data.len() => {
                Hearing::Done(got.len(), Some(difference(Why::Other, heard, here, got, there)))
            }
            Match::Differs(..) if got.len() >= heard.data.len() => Hearing::Wait(settled),
            Match::Differs(..) => Hearing::Wait(given_up),
        }
    }

    /// Takes bytes off what came, or one datagram.
    fn take(&mut self, taken: usize) {
        let whole = match self.heard.front_mut() {
            Some(front) if !self.script.datagrams() && taken < front.len() => {
                front.drain(..taken);
                self.held = self.held.saturating_sub(taken);
                false
            }
            front => front.is_some(),
        };
        if whole && let Some(front) = self.heard.pop_front() {
            self.held = self.held.saturating_sub(front.len() + 1);
        }
    }

    /// The other side is to end now; the moment until which that is waited for.
    fn their_end(&mut self, now: Duration) -> Option<Duration> {
        if !self.heard.is_empty() {
            self.extra();
        }
        let breaks = matches!(self.script.steps().get(self.at), Some(Step::TheyBreak));
        let given_up = self.quiet_since() + self.options.wait;
        let difference = match (self.closed, self.broken) {
            (_, true) if breaks => None,
            (_, true) => Some(Why::BreaksNotCloses),
            // What was closed may still be broken off; not for long.
            (true, false) if breaks && now < given_up => return Some(given_up),
            (_, false) if breaks && now >= given_up => Some(Why::DoesNotBreak),
            (true, false) => None,
            (false, false) if now < given_up => return Some(given_up),
            (false, false) => Some(Why::StaysOpen),
        };
        if let Some(why) = difference {
            self.note(self.bare(why));
        }
        self.next(now);
        None
    }

    /// Behind the last step: what comes now is too much.
    fn end(&mut self, now: Duration) -> Do {
        let settled = self.quiet_since() + self.options.settle;
        if !self.hears_no_more() && now < settled {
            return Do::Wait(settled);
        }
        if !self.heard.is_empty() {
            self.extra();
        }
        self.over = true;
        Do::Done
    }

    /// All that came and nobody expected.
    fn extra(&mut self) {
        let mut all = Vec::new();
        for part in self.heard.drain(..) {
            all.extend_from_slice(part.get(..BEHIND).unwrap_or(&part));
            if all.len() > BEHIND {
                break;
            }
        }
        self.heard.clear();
        self.held = 0;
        let (got, end) = excerpt(&all, 0);
        self.note(Difference { got, cut: [(false, false), end.1], ..self.bare(Why::Extra) });
    }

    /// A difference that no byte shows, at this place.
    fn bare(&self, why: Why) -> Difference {
        let before = self.script.steps().get(..self.at).unwrap_or_default();
        let offset = before.iter().rev().find_map(|step| match step {
            Step::Hear(heard) => Some(heard.offset + heard.data.len() as u64),
            _ => None,
        });
        let cut = [(false, false); 2];
        let (expected, got) = (Vec::new(), Vec::new());
        Difference { why, frame: 0, offset: offset.unwrap_or(0), expected, got, at: (0, 0), cut }
    }

    fn note(&mut self, difference: Difference) {
        if self.differences.len() < MOST_DIFFERENCES {
            self.differences.push(difference);
        } else {
            self.others += 1;
        }
    }
}

/// What became of a turn of the other side.
enum Hearing {
    Wait(Duration),
    /// It took so many bytes, and perhaps was not as expected.
    Done(usize, Option<Difference>),
}

fn difference(why: Why, heard: &Heard, here: usize, got: &[u8], there: usize) -> Difference {
    let (expected, (at, cut)) = excerpt(&heard.data, here);
    let (got, (got_at, got_cut)) = excerpt(got, there);
    Difference {
        why,
        frame: heard.frame(here.min(heard.data.len().saturating_sub(1))),
        offset: heard.offset + here as u64,
        expected,
        got,
        at: (at, got_at),
        cut: [cut, got_cut],
    }
}

/// Bytes around a place; where it is in them, and whether some were left away before and behind.
fn excerpt(data: &[u8], place: usize) -> (Vec<u8>, (usize, (bool, bool))) {
    let start = place.saturating_sub(BEFORE);
    let end = place.saturating_add(BEHIND).min(data.len());
    let bytes = data.get(start..end).unwrap_or_default().to_vec();
    (bytes, (place - start, (start > 0, end < data.len())))
}
