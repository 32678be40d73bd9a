//! Frames sent at the moments that a capture tells, or as fast as they go, and how exactly that was done.
//!
//! The schedule is absolute: what came late once does not shift all that follows. A wait is a sleep and, at its end, a
//! short turn on the spot, because the kernel wakes a sleeper tens of microseconds late.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::burst::{Burst, Headers, MOST};
use crate::io::interrupt::Interrupt;
use crate::io::raw::Raw;

/// Frames in memory, one behind the other, and when each is due.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    length: u32,
    /// Nanoseconds since the first frame of all.
    due: u64,
}

impl Frames {
    pub fn push(&mut self, frame: &[u8], due: u64) {
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        self.places.push(Place { start: self.bytes.len(), length, due });
        self.bytes.extend_from_slice(frame);
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Memory that they take.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.places.len() * size_of::<Place>()
    }

    fn bytes(&self, place: Place) -> &[u8] {
        self.bytes.get(place.start..place.start + place.length as usize).unwrap_or_default()
    }
}

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as the capture.
    Times(f64),
    /// So many frames a second, whatever the capture says.
    Rate(u32),
    Top,
}

/// The way out, open.
pub enum Out {
    Frames(Burst),
    /// IP packets, whose link the kernel adds: by family, on one interface.
    Packets {
        four: Raw,
        six: Raw,
        interface: u32,
    },
}

/// When to end.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub frames: u64,
    pub duration: Option<Duration>,
}

/// What has been done.
#[derive(Clone, Debug, Default)]
pub struct Done {
    pub frames: u64,
    pub bytes: u64,
    /// From the first frame until the kernel had taken the last.
    pub took: Duration,
    pub gaps: Gaps,
    /// Refused by the kernel, frames by errno.
    pub refused: Vec<(i32, u64)>,
}

/// By how much gaps between frames were longer or shorter than the capture's.
#[derive(Clone, Debug, Default)]
pub struct Gaps {
    /// Nanoseconds; where there are too many, every second one, every fourth, ...
    errors: Vec<u64>,
    every: u64,
    seen: u64,
    most: u64,
}

impl Gaps {
    const MOST: usize = 1 << 20;

    fn add(&mut self, error: u64) {
        self.most = self.most.max(error);
        let every = self.every.max(1);
        if self.seen.is_multiple_of(every) {
            if self.errors.len() >= Self::MOST {
                let mut keep = false;
                self.errors.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.every = every * 2;
            }
            self.errors.push(error);
        }
        self.seen += 1;
    }

    /// The error in nanoseconds that half of them, 99 of 100, and all do not exceed; `None` where there is no gap.
    pub fn spread(&self) -> Option<[u64; 3]> {
        let mut sorted = self.errors.clone();
        sorted.sort_unstable();
        let at = |share: usize| sorted.get((sorted.len() * share / 100).min(sorted.len().saturating_sub(1))).copied();
        Some([at(50)?, at(99)?, self.most])
    }
}

/// Sends, and keeps the time.
pub struct Timed {
    out: Out,
    headers: Headers,
    speed: Speed,
    bounds: Bounds,
    interrupt: Interrupt,
    start: Option<Instant>,
    /// When the last went, and when it was due.
    last: Option<(Instant, u64)>,
    /// When the kernel had taken the last.
    ended: Option<Instant>,
    /// Added to every due time: what earlier rounds took.
    shift: u64,
    done: Done,
}

/// Nearer than this to its end, a wait turns on the spot.
const SPIN: Duration = Duration::from_micros(70);
/// How long one sleep is at most: the time until a Ctrl-C is noticed.
const NAP: Duration = Duration::from_millis(50);
/// How long an interface may take nothing at all.
const PATIENCE: Duration = Duration::from_secs(3);

impl Timed {
    pub fn new(out: Out, speed: Speed, bounds: Bounds, interrupt: Interrupt) -> Self {
        // What else this thread waits for may be as late as ever.
        let _ = nix::sys::prctl::set_timerslack(1);
        Self {
            out,
            headers: Headers::default(),
            speed,
            bounds,
            interrupt,
            start: None,
            last: None,
            ended: None,
            shift: 0,
            done: Done::default(),
        }
    }

    /// The next frames are due so many nanoseconds later than they say: another round begins.
    pub fn shift(&mut self, by: u64) {
        self.shift = self.shift.saturating_add(by);
    }

    /// What has been done so far.
    pub fn done(mut self) -> Done {
        if let (Some(start), Some(ended)) = (self.start, self.ended) {
            self.done.took = ended.duration_since(start);
        }
        self.done
    }

    /// Sends frames; `false`: enough has been sent, or somebody asked for an end.
    pub fn send(&mut self, frames: &Frames) -> io::Result<bool> {
        let mut slices: Vec<[IoSlice<'_>; 1]> = Vec::with_capacity(MOST);
        let mut next = 0;
        while next < frames.len() {
            if self.done.frames >= self.bounds.frames || self.interrupt.happened() {
                return Ok(false);
            }
            let now = Instant::now();
            let start = *self.start.get_or_insert(now);
            let place = frames.places.get(next).copied();
            let due = place.map_or(0, |place| self.due(place, self.done.frames));
            let moment = start + Duration::from_nanos(due);
            let late = self.bounds.duration.is_some_and(|duration| now.max(moment) - start >= duration);
            if late || !self.wait(moment) {
                return Ok(false);
            }
            let now = if self.speed == Speed::Top { now } else { Instant::now() };
            let room = usize::try_from(self.bounds.frames - self.done.frames).unwrap_or(MOST).min(MOST);
            let ready = frames.places.iter().skip(next).take(room).enumerate().take_while(|(ahead, place)| {
                *ahead == 0 || start + Duration::from_nanos(self.due(**place, self.done.frames + *ahead as u64)) <= now
            });
            let ready = if self.speed == Speed::Top { room.min(frames.len() - next) } else { ready.count() };
            let batch = frames.places.get(next..next + ready).unwrap_or_default();
            self.note(now, batch);
            slices.clear();
            slices.extend(batch.iter().map(|place| [IoSlice::new(frames.bytes(*place))]));
            self.hand_over(&slices)?;
            self.ended = Some(Instant::now());
            next += ready;
        }
        Ok(true)
    }

    fn due(&self, place: Place, number: u64) -> u64 {
        match self.speed {
            Speed::Times(times) => (self.shift.saturating_add(place.due) as f64 / times) as u64,
            Speed::Rate(rate) => (number as u128 * 1_000_000_000 / u128::from(rate.max(1))) as u64,
            Speed::Top => 0,
        }
    }

    /// Notes by how much the gaps before these frames differ from what they should be.
    fn note(&mut self, now: Instant, batch: &[Place]) {
        if self.speed == Speed::Top {
            self.last = Some((now, 0));
            return;
        }
        for (ahead, place) in batch.iter().enumerate() {
            let due = self.due(*place, self.done.frames + ahead as u64);
            if let Some((last, last_due)) = self.last {
                let gap = u64::try_from(now.duration_since(last).as_nanos()).unwrap_or(u64::MAX);
                self.done.gaps.add(gap.abs_diff(due.saturating_sub(last_due)));
            }
            self.last = Some((now, due));
        }
    }

    /// Waits until a moment; `false` where somebody asked for an end.
    fn wait(&self, moment: Instant) -> bool {
        loop {
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            if left > SPIN {
                std::thread::sleep((left - SPIN).min(NAP));
                if self.interrupt.happened() {
                    return false;
                }
            } else {
                std::hint::spin_loop();
            }
        }
    }

    fn hand_over(&mut self, mut slices: &[[IoSlice<'_>; 1]]) -> io::Result<()> {
        let mut stuck: Option<Instant> = None;
        while let Some([first]) = slices.first() {
            let took = match &self.out {
                Out::Frames(burst) => burst.send(&mut self.headers, slices),
                Out::Packets { four, six, interface } => packet(four, six, *interface, first),
            };
            let took = match took {
                Ok(took) => {
                    stuck = None;
                    let bytes: usize = slices.iter().take(took).map(|[slice]| slice.len()).sum();
                    self.done.frames += took as u64;
                    self.done.bytes += bytes as u64;
                    took
                }
                Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                    Some(Errno::EINTR) => 0,
                    // The queue is full: it empties.
                    Some(Errno::ENOBUFS | Errno::EAGAIN)
                        if stuck.get_or_insert_with(Instant::now).elapsed() < PATIENCE
                            && !self.interrupt.happened() =>
                    {
                        std::thread::sleep(Duration::from_micros(50));
                        0
                    }
                    Some(
                        errno @ (Errno::EMSGSIZE
                        | Errno::EINVAL
                        | Errno::EPERM
                        | Errno::EHOSTUNREACH
                        | Errno::ENETUNREACH),
                    ) => {
                        self.refuse(errno);
                        1
                    }
                    _ => return Err(error),
                },
            };
            slices = slices.get(took..).unwrap_or_default();
        }
        Ok(())
    }

    fn refuse(&mut self, errno: Errno) {
        let number = errno as i32;
        match self.done.refused.iter_mut().find(|(known, _)| *known == number) {
            Some((_, count)) => *count += 1,
            None => self.done.refused.push((number, 1)),
        }
    }
}

/// Hands one IP packet to the kernel.
fn packet(four: &Raw, six: &Raw, interface: u32, packet: &[u8]) -> io::Result<usize> {
    let to = match packet.first().map(|byte| byte >> 4) {
        Some(6) => packet.get(24..40).and_then(|bytes| Some(IpAddr::from(*bytes.first_chunk::<16>()?))),
        _ => packet.get(16..20).and_then(|bytes| Some(IpAddr::from(*bytes.first_chunk::<4>()?))),
    };
    let to = to.ok_or(io::ErrorKind::InvalidInput)?;
    let raw = if to.is_ipv4() { four } else { six };
    raw.send(packet, to, interface).map(|()| 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_gaps_are_kept_in_bounded_memory() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.spread(), None);
        for error in 0..3 << 20 {
            gaps.add(error);
        }
        let [half, most_of_them, all] = gaps.spread().unwrap();
        assert!(gaps.errors.len() <= Gaps::MOST);
        assert_eq!(all, (3 << 20) - 1);
        assert!(half.abs_diff(3 << 19) < 1 << 17 && most_of_them > half, "{half} {most_of_them}");
    }
}
