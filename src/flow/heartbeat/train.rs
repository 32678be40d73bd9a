//! Packets of one direction that look alike: gathered until a beat is found in them, then followed.

use super::fit;
use super::track::{Sighting, Track, Verdict};

/// What the packets of a train have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alike {
    /// Nothing: all small packets of the direction.
    All,
    /// The first bytes of what they carry; 0 where it has fewer.
    Begin([u8; 4]),
    /// The bytes that they carry.
    Length(u16),
    /// They are TCP keep-alives (RFC 9293 §3.8.4).
    KeepAlive,
}

/// Beats with other periods before the one that is followed.
const BEFORE: usize = 4;
/// The longest that is waited for the next look, in packets.
const LONGEST_WAIT: u64 = 512;

#[derive(Clone, Debug)]
pub struct Train {
    pub alike: Alike,
    pub packets: u64,
    gathered: Vec<Sighting>,
    track: Option<Track>,
    before: Vec<Track>,
    /// All packets of the beat that is followed, as long as they are few enough to be judged again together; empty behind
    /// that. The period that was found in the first of them, and how many those were.
    trial: Vec<Sighting>,
    judged: (i64, usize),
    /// When to look for a beat again, by the number of packets, and how long was waited for it.
    look: u64,
    wait: u64,
}

impl Train {
    pub fn new(alike: Alike) -> Self {
        Self {
            alike,
            packets: 0,
            gathered: Vec::new(),
            track: None,
            before: Vec::new(),
            trial: Vec::new(),
            judged: (0, 0),
            look: 8,
            wait: 8,
        }
    }

    pub fn has_beat(&self) -> bool {
        self.track.is_some() || !self.before.is_empty()
    }

    /// When the last packet came.
    pub fn last(&self) -> Option<i64> {
        let last = self.track.as_ref().map_or(self.gathered.last(), Track::ahead);
        last.map(|last| last.time)
    }

    /// The other end says something: the first of it behind a packet answers that.
    pub fn answer(&mut self, time: i64) {
        let last = self.track.as_mut().map_or(self.gathered.last_mut(), Track::ahead_mut);
        for last in [last, self.trial.last_mut()].into_iter().flatten() {
            last.answered.get_or_insert(time.saturating_sub(last.time));
        }
    }

    pub fn push(&mut self, sighting: Sighting) {
        self.packets += 1;
        match &mut self.track {
            Some(track) => {
                let verdict = track.push(sighting);
                if !self.trial.is_empty() {
                    self.trial.push(sighting);
                }
                let seen = self.trial.len();
                let ended = matches!(verdict, Verdict::Ended(..));
                if (ended || seen >= 16 && seen.is_power_of_two()) && self.is_begun_again() {
                    return;
                }
                if seen >= fit::MOST {
                    self.trial = Vec::new();
                }
                if let Verdict::Ended(period, since) = verdict {
                    self.end_track();
                    self.begin(period, since);
                }
            }
            None => {
                if self.gathered.len() == fit::MOST {
                    self.gathered.remove(0);
                }
                self.gathered.push(sighting);
                if self.packets >= self.look {
                    self.look();
                }
            }
        }
    }

    /// Looks for a beat in what is gathered. Where there is none it waits longer before the next look.
    fn look(&mut self) {
        let times: Vec<i64> = self.gathered.iter().map(|sighting| sighting.time).collect();
        match fit::period(&times) {
            Some(period) => {
                let gathered = std::mem::take(&mut self.gathered);
                self.begin(Some(period), gathered);
            }
            None => {
                self.wait = (self.wait * 2).min(LONGEST_WAIT);
                self.look = self.packets + self.wait;
            }
        }
    }

    /// Judges all packets of a young beat together, now that there are more. Where many are lost at its beginning, two
    /// periods may explain the first few packets better than one does. The shorter period is taken where it explains more
    /// of those few; where it does not, the beat has become quicker.
    fn is_begun_again(&mut self) -> bool {
        let (judged, first) = self.judged;
        let times: Vec<i64> = self.trial.iter().map(|sighting| sighting.time).collect();
        let (Some(period), Some(first)) = (fit::period(&times), times.get(..first)) else { return false };
        let shorter = period.saturating_mul(6) < judged.saturating_mul(5);
        if !shorter || fit::unexplained(first, period) >= fit::unexplained(first, judged) {
            return false;
        }
        let all = std::mem::take(&mut self.trial);
        self.track = None;
        self.begin(Some(period), all);
        true
    }

    fn begin(&mut self, period: Option<i64>, since: Vec<Sighting>) {
        (self.wait, self.look) = (8, self.packets + 8);
        let Some(period) = period else {
            self.gathered = since;
            return;
        };
        self.judged = (period, since.len());
        self.trial = if since.len() < fit::MOST { since.clone() } else { Vec::new() };
        let mut since = since.into_iter();
        let Some(first) = since.next() else { return };
        let mut track = Track::new(period, first);
        let mut rest = Vec::new();
        for sighting in since.by_ref() {
            if let Verdict::Ended(_, back) = track.push(sighting) {
                rest = back;
                break;
            }
        }
        self.track = Some(track);
        if !rest.is_empty() {
            self.end_track();
            rest.extend(since);
            self.gathered = rest;
        }
    }

    fn end_track(&mut self) {
        self.trial = Vec::new();
        if let Some(mut track) = self.track.take() {
            track.finish();
            if track.is_steady() && self.before.len() < BEFORE {
                self.before.push(track);
            }
        }
    }

    /// The beats that were found, in order; and what was gathered since.
    pub fn finish(&mut self) -> (Vec<Track>, Vec<Sighting>) {
        if self.track.is_none() && self.gathered.len() >= fit::FEWEST {
            self.look();
        }
        self.is_begun_again();
        self.end_track();
        (std::mem::take(&mut self.before), std::mem::take(&mut self.gathered))
    }
}
