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
    /// When to look for a beat again, by the number of packets, and how long was waited for it.
    look: u64,
    wait: u64,
}

impl Train {
    pub fn new(alike: Alike) -> Self {
        Self { alike, packets: 0, gathered: Vec::new(), track: None, before: Vec::new(), look: 8, wait: 8 }
    }

    pub fn has_beat(&self) -> bool {
        self.track.is_some() || !self.before.is_empty()
    }

    /// When the last packet came.
    pub fn last(&mut self) -> Option<&mut Sighting> {
        match &mut self.track {
            Some(track) => track.last_mut(),
            None => self.gathered.last_mut(),
        }
    }

    pub fn push(&mut self, sighting: Sighting) {
        self.packets += 1;
        match &mut self.track {
            Some(track) => {
                if let Verdict::Ended(period, since) = track.push(sighting) {
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

    fn begin(&mut self, period: Option<i64>, since: Vec<Sighting>) {
        (self.wait, self.look) = (8, self.packets + 8);
        let Some(period) = period else {
            self.gathered = since;
            return;
        };
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
        self.end_track();
        (std::mem::take(&mut self.before), std::mem::take(&mut self.gathered))
    }
}
