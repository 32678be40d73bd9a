//! A beat that has been found, followed packet by packet: beats, missed ones, gaps, jitter, answers, and a line of time.

use super::fit::{self, PAUSE};
use crate::jitter::Jitter;

/// A packet that may be a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Nanoseconds, as the frame has them.
    pub time: i64,
    /// Number of the packet.
    pub packet: u64,
    /// How long after it the other end said something, if it did before the next one.
    pub answered: Option<i64>,
    /// It came as an answer itself: closely behind something from the other end.
    pub prompted: bool,
}

/// Beats that were missed one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The packet that ended it.
    pub packet: u64,
    /// When the last beat before it was; how long it lasted.
    pub from: i64,
    pub silence: i64,
    pub missed: u64,
}

/// The gaps that are kept, one by one; all are counted.
const GAPS: usize = 64;
/// The most cells of a line of time; where there are more beats, a cell stands for more of them.
const CELLS: usize = 512;
/// Packets that are looked at together before they count, so that what is no longer this beat does not count to it.
const AHEAD: usize = 16;

/// Beats that came, and that could have come, in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub came: u32,
    pub due: u32,
}

/// Answers to beats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub count: u64,
    pub least: i64,
    pub most: i64,
    pub sum: i64,
}

impl Answers {
    fn add(&mut self, after: i64) {
        self.least = if self.count == 0 { after } else { self.least.min(after) };
        self.most = self.most.max(after);
        self.sum = self.sum.saturating_add(after);
        self.count += 1;
    }

    pub fn average(&self) -> i64 {
        self.sum / i64::try_from(self.count.max(1)).unwrap_or(i64::MAX)
    }
}

/// What became of a packet that was handed in.
#[derive(Debug)]
pub enum Verdict {
    GoesOn,
    /// The beat has ended, or changed its period to this one; what came since is handed back.
    Ended(Option<i64>, Vec<Sighting>),
}

/// One beat. Its first packet is its first beat.
#[derive(Clone, Debug)]
pub struct Track {
    /// The period as it is followed now.
    period: i64,
    pub first: Sighting,
    pub last: Sighting,
    pub beats: u64,
    pub missed: u64,
    /// Beats that came late, behind the gap that they left.
    pub late: u64,
    /// Packets of the same kind that were no beat.
    pub besides: u64,
    /// Beats that came as answers themselves.
    pub prompted: u64,
    /// Gaps within a fifth of a whole number of periods; all gaps.
    steady: u64,
    gaps_seen: u64,
    /// Of gaps of a single period: how many, their sum, the shortest and the longest.
    singles: u64,
    sum: i64,
    pub shortest: i64,
    pub longest: i64,
    pub jitter: Jitter,
    pub gaps: Vec<Gap>,
    pub gap_count: u64,
    pub answers: Answers,
    cells: Vec<Cell>,
    /// Beats due that a cell stands for.
    each: u64,
    slot: u64,
    /// Missed beats of the last gap that may still come late.
    open: u64,
    ahead: Vec<Sighting>,
}

impl Track {
    pub fn new(period: i64, first: Sighting) -> Self {
        let mut track = Self {
            period: period.max(1),
            first,
            last: first,
            beats: 1,
            missed: 0,
            late: 0,
            besides: 0,
            prompted: u64::from(first.prompted),
            steady: 0,
            gaps_seen: 0,
            singles: 0,
            sum: 0,
            shortest: i64::MAX,
            longest: 0,
            jitter: Jitter::default(),
            gaps: Vec::new(),
            gap_count: 0,
            answers: Answers::default(),
            cells: Vec::new(),
            each: 1,
            slot: 0,
            open: 0,
            ahead: Vec::new(),
        };
        track.mark(0);
        track
    }

    /// The mean of the gaps of a single period, nanoseconds.
    pub fn period(&self) -> i64 {
        if self.singles == 0 { self.period } else { self.sum / i64::try_from(self.singles).unwrap_or(i64::MAX) }
    }

    /// The line of time: cells in order, each for as many beats.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Whether it held what its beginning promised: two packets of three came at the beat.
    pub fn is_steady(&self) -> bool {
        self.beats >= fit::FEWEST as u64 && self.steady * 3 >= (self.gaps_seen + self.besides) * 2
    }

    /// The packet that was handed in last.
    pub fn ahead(&self) -> Option<&Sighting> {
        self.ahead.last()
    }

    /// Changes it.
    pub fn ahead_mut(&mut self) -> Option<&mut Sighting> {
        self.ahead.last_mut()
    }

    /// Takes in the next packet.
    pub fn push(&mut self, sighting: Sighting) -> Verdict {
        self.ahead.push(sighting);
        if self.ahead.len() < AHEAD {
            return Verdict::GoesOn;
        }
        if self.single_ahead() * 2 <= AHEAD {
            let times: Vec<i64> = self.ahead.iter().map(|ahead| ahead.time).collect();
            let now = fit::period(&times);
            let explains_less = |now: i64| fit::unexplained(&times, now) > fit::unexplained(&times, self.period);
            let changed = now.filter(|now| now * 5 > self.period * 6 || now * 6 < self.period * 5);
            // Where many are lost in a row, most beats come two periods after the one before, but not all.
            let changed = changed.filter(|now| !explains_less(*now));
            if changed.is_some() || self.single_ahead() == 0 && now.is_none() {
                // What came before the change is still this beat's.
                while let Some(next) = self.ahead.first().copied() {
                    let gap = next.time.saturating_sub(self.last.time);
                    if gap.abs_diff(self.period) > self.period.unsigned_abs() / 5 {
                        break;
                    }
                    self.ahead.remove(0);
                    self.count(next);
                }
                return Verdict::Ended(changed, std::mem::take(&mut self.ahead));
            }
        }
        let next = self.ahead.remove(0);
        self.count(next);
        Verdict::GoesOn
    }

    /// Gaps of a single period among what is looked at ahead.
    fn single_ahead(&self) -> usize {
        let mut last = self.last.time;
        let mut single = 0;
        for ahead in &self.ahead {
            let gap = ahead.time.saturating_sub(last);
            let near = gap.abs_diff(self.period) < self.period.unsigned_abs() / 3;
            single += usize::from(near);
            if near || gap > self.period {
                last = ahead.time;
            }
        }
        single
    }

    /// Counts what is still ahead: nothing more comes.
    pub fn finish(&mut self) {
        for next in std::mem::take(&mut self.ahead) {
            self.count(next);
        }
    }

    fn count(&mut self, next: Sighting) {
        let gap = next.time.saturating_sub(self.last.time);
        if gap < self.period / 2 {
            if self.open > 0 {
                self.open -= 1;
                self.missed = self.missed.saturating_sub(1);
                self.late += 1;
                self.beats += 1;
                if let Some(cell) = self.cells.iter_mut().rev().find(|cell| cell.came < cell.due) {
                    cell.came += 1;
                }
                self.last.packet = next.packet;
            } else {
                self.besides += 1;
            }
            return;
        }
        let count = (gap.saturating_add(self.period / 2) / self.period).max(1);
        let missed = u64::try_from(count - 1).unwrap_or(0);
        let off = gap.saturating_sub(count.saturating_mul(self.period));
        if count <= PAUSE {
            let steady = off.unsigned_abs() <= self.period.unsigned_abs() / 5;
            self.gaps_seen += 1;
            self.steady += u64::from(steady);
            // A longer gap that is no whole number of periods is no beat that came late.
            if steady || count == 1 {
                self.jitter.add(off);
            }
        }
        if count == 1 {
            self.singles += 1;
            self.sum = self.sum.saturating_add(gap);
            (self.shortest, self.longest) = (self.shortest.min(gap), self.longest.max(gap));
            // Clocks drift: the beat is followed, at a sixteenth of what it is off.
            self.period = (self.period + off / 16).max(1);
        } else {
            self.gap_count += 1;
            if self.gaps.len() < GAPS {
                self.gaps.push(Gap { packet: next.packet, from: self.last.time, silence: gap, missed });
            }
        }
        self.answer();
        self.missed = self.missed.saturating_add(missed);
        self.open = missed;
        self.beats += 1;
        self.prompted += u64::from(next.prompted);
        self.slot = self.slot.saturating_add(missed + 1);
        self.mark(self.slot);
        self.last = next;
    }

    /// Counts the answer to the last beat: one that came after more than half a period was to something else.
    fn answer(&mut self) {
        if let Some(after) = self.last.answered.take().filter(|after| *after <= self.period / 2) {
            self.answers.add(after);
        }
    }

    /// The answers, that to the last beat too.
    pub fn answers(&self) -> Answers {
        let mut answers = self.answers;
        if let Some(after) = self.last.answered.filter(|after| *after <= self.period / 2) {
            answers.add(after);
        }
        answers
    }

    /// Marks a beat in the line of time, which is made coarser where it would grow too long.
    fn mark(&mut self, slot: u64) {
        while slot / self.each >= CELLS as u64 {
            self.each = self.each.saturating_mul(2);
            let sum = |pair: &[Cell]| {
                pair.iter()
                    .fold(Cell::default(), |sum, cell| Cell { came: sum.came + cell.came, due: sum.due + cell.due })
            };
            self.cells = self.cells.chunks(2).map(sum).collect();
        }
        let place = usize::try_from(slot / self.each).unwrap_or(0);
        let whole = u32::try_from(self.each).unwrap_or(u32::MAX);
        // Cells that are passed are whole; how much of the last one is due is known at each beat.
        if self.cells.len() <= place {
            if let Some(cell) = self.cells.last_mut() {
                cell.due = whole;
            }
            self.cells.resize(place + 1, Cell { came: 0, due: whole });
        }
        if let Some(cell) = self.cells.last_mut() {
            cell.came = cell.came.saturating_add(1);
            cell.due = u32::try_from(slot % self.each + 1).unwrap_or(u32::MAX);
        }
    }
}
