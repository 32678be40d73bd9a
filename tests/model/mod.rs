//! A small TCP: two ends, a network that does what a plan says, and a place between where packets are captured.
//!
//! Virtual time in nanoseconds. Times are chosen so that the analysis, which knows only times, can tell causes apart:
//! a round trip is shorter than the 20 ms within which a fast retransmission is known, a timer is longer than any round
//! trip, and what is late comes before anybody has asked for it again.

pub mod end;
pub mod frames;
pub mod tap;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use end::{ACK, End, FIN, Packet, SYN, Timer};
use tap::{Expected, Tap};

pub const MICROSECOND: i64 = 1_000;
pub const MILLISECOND: i64 = 1_000_000;
/// Between two packets that one end sends in one go.
const SPACING: i64 = 10 * MICROSECOND;

/// How an end asks whether a closed window has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probing {
    /// With the next byte, as the RFC says.
    NextByte,
    /// With an old number and no data, as Linux does.
    OldNumber,
}

/// What both ends are like.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub isn: [u32; 2],
    pub mss: u64,
    /// Of the receive buffers.
    pub capacity: [u64; 2],
    /// Of the window scale option; `None`: not offered.
    pub shift: Option<u8>,
    pub probing: Probing,
    /// A retransmission after a timeout takes as much as a segment holds.
    pub coalesces: bool,
    pub fin_with_data: bool,
}

/// What becomes of one packet on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    /// Lost before the place of capture, or behind it.
    LostBefore,
    LostBehind,
    /// Arrives, and the capture misses it.
    Missed,
    /// Doubled before the place of capture, or behind it.
    TwiceBefore,
    TwiceBehind,
    /// Overtaken before the place of capture, or behind it.
    LateBefore,
    LateBehind,
}

/// What the programs do, one after the other: each begins when everything is quiet.
#[derive(Clone, Debug)]
pub enum Turn {
    Write {
        side: usize,
        bytes: usize,
    },
    Both {
        bytes: [usize; 2],
    },
    /// `side` writes, and the other does not read for so long.
    Slow {
        side: usize,
        bytes: usize,
        stall: i64,
    },
    KeepAlive {
        side: usize,
        with_byte: bool,
    },
}

/// Who closes first; where `together`, both at once; where `at_once`, the other side as soon as it learns of it.
#[derive(Clone, Copy, Debug)]
pub struct Close {
    pub first: usize,
    pub together: bool,
    pub at_once: bool,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub ends: Ends,
    /// From the client to the place of capture, and from there to the server.
    pub delays: [i64; 2],
    /// Of the packets of each side in the order in which they are sent; then all arrive.
    pub fates: [Vec<Fate>; 2],
    pub turns: Vec<Turn>,
    pub close: Close,
}

/// A packet as it was captured, and what it must be called.
pub struct Captured {
    pub time: i64,
    pub packet: Packet,
    pub expected: Expected,
}

/// What came of a plan.
pub struct Exchange {
    pub captured: Vec<Captured>,
    /// What each side wrote.
    pub written: [Vec<u8>; 2],
    /// Of those bytes: the ones that passed the place of capture and were captured.
    pub seen: [Vec<bool>; 2],
}

enum Happening {
    Passes(Packet),
    Arrives(Packet),
    /// Counts only where it is still the timer of that side.
    Fires(usize, (i64, Timer)),
    Reads(usize),
}

struct Event(Reverse<(i64, u64)>, Happening);

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

struct Network<'a> {
    plan: &'a Plan,
    ends: [End; 2],
    fates: [std::slice::Iter<'a, Fate>; 2],
    /// When each side's last packet left.
    left: [i64; 2],
    events: BinaryHeap<Event>,
    count: u64,
    now: i64,
    tap: Tap,
    captured: Vec<Captured>,
}

/// Plays a plan to its end.
pub fn play(plan: &Plan) -> Exchange {
    let mut network = Network {
        plan,
        ends: [0, 1].map(|side| End::new(side, plan.ends)),
        fates: [plan.fates[0].iter(), plan.fates[1].iter()],
        left: [0; 2],
        events: BinaryHeap::new(),
        count: 0,
        now: 0,
        tap: Tap::default(),
        captured: Vec::new(),
    };
    let syn = network.ends[0].open(0);
    network.send(syn);
    network.watch(0);
    network.until_quiet();
    for turn in &plan.turns {
        network.now += 500 * MILLISECOND;
        network.begin(turn);
        network.until_quiet();
    }
    network.close(plan.close);
    let Network { ends: [client, server], tap, captured, .. } = network;
    assert!(client.is_done() && server.is_done(), "the model is stuck");
    let seen = [0, 1].map(|side| {
        let length = [&client, &server][side].written.len();
        (0..length).map(|at| tap.has_seen(side, at as u64 + 1)).collect()
    });
    Exchange { captured, written: [client.written, server.written], seen }
}

impl Network<'_> {
    fn begin(&mut self, turn: &Turn) {
        let (bytes, stall) = match *turn {
            Turn::Write { side: 0, bytes } => ([bytes, 0], None),
            Turn::Write { bytes, .. } => ([0, bytes], None),
            Turn::Both { bytes } => (bytes, None),
            Turn::Slow { side, bytes, stall } => (if side == 0 { [bytes, 0] } else { [0, bytes] }, Some((side, stall))),
            Turn::KeepAlive { side, with_byte } => {
                let packet = self.ends[side].keep_alive(with_byte);
                return self.send(packet);
            }
        };
        if let Some((side, stall)) = stall {
            self.ends[1 - side].stall(true);
            self.at(self.now + stall, Happening::Reads(1 - side));
        }
        for side in [0, 1] {
            let end = &mut self.ends[side];
            let from = end.written.len() as u64;
            // No two places of a stream look alike for long.
            end.written
                .extend((from..from + bytes[side] as u64).map(|at| ((at * 37 + at / 7) as u8) ^ (side as u8 * 0x55)));
            self.transmit(side);
        }
    }

    fn close(&mut self, close: Close) {
        let second = 1 - close.first;
        self.now += 500 * MILLISECOND;
        self.ends[second].finishes_after = close.at_once;
        self.ends[close.first].finished = true;
        self.ends[second].finished |= close.together;
        self.transmit(close.first);
        self.transmit(second);
        self.until_quiet();
        self.now += 500 * MILLISECOND;
        self.ends[second].finished = true;
        self.transmit(second);
        self.until_quiet();
    }

    fn transmit(&mut self, side: usize) {
        let packets = self.ends[side].transmit(self.now);
        packets.into_iter().for_each(|packet| self.send(packet));
        self.watch(side);
    }

    fn at(&mut self, time: i64, happening: Happening) {
        self.count += 1;
        self.events.push(Event(Reverse((time, self.count)), happening));
    }

    /// Sees to it that the timer of a side will fire.
    fn watch(&mut self, side: usize) {
        if let Some(timer) = self.ends[side].timer {
            self.at(timer.0, Happening::Fires(side, timer));
        }
    }

    fn until_quiet(&mut self) {
        while let Some(Event(Reverse((time, _)), happening)) = self.events.pop() {
            match happening {
                Happening::Fires(side, timer) if self.ends[side].timer != Some(timer) => continue,
                _ => self.now = time,
            }
            match happening {
                Happening::Passes(packet) => {
                    let expected = self.tap.passes(&packet, self.captured.len() as u64 + 1, time);
                    self.captured.push(Captured { time, packet, expected });
                }
                Happening::Arrives(packet) => {
                    let side = 1 - packet.from;
                    let answers = self.ends[side].receive(&packet, self.now);
                    answers.into_iter().for_each(|answer| self.send(answer));
                    self.watch(side);
                }
                Happening::Fires(side, (_, timer)) => {
                    let packet = self.ends[side].fire(self.now, timer);
                    self.send(packet);
                    self.watch(side);
                }
                Happening::Reads(side) => {
                    let news = self.ends[side].stall(false);
                    news.into_iter().for_each(|packet| self.send(packet));
                }
            }
        }
    }

    /// Puts a packet on its way, as its fate will have it.
    fn send(&mut self, packet: Packet) {
        let from = packet.from;
        let fate = self.fates[from].next().copied().unwrap_or(Fate::Arrives);
        let bare = packet.data.is_empty();
        let fate = match fate {
            // Of a bare acknowledgment as many must pass as arrive: the sender counts them, and so does the capture.
            Fate::Missed | Fate::TwiceBehind | Fate::LateBefore | Fate::LateBehind if bare => Fate::Arrives,
            Fate::Missed if packet.has(SYN | FIN) => Fate::Arrives,
            // The round trip is measured from the SYN to this.
            Fate::LostBefore if packet.at == 1 && bare && packet.has(ACK) => Fate::LostBehind,
            fate => fate,
        };
        let [before, behind] = if from == 0 { self.plan.delays } else { [self.plan.delays[1], self.plan.delays[0]] };
        self.left[from] = self.now.max(self.left[from] + SPACING);
        let late = |fate_is| if fate == fate_is { behind } else { 0 };
        let passes = self.left[from] + before + late(Fate::LateBefore);
        let arrives = passes + behind + late(Fate::LateBehind);
        if fate == Fate::LostBefore {
            return;
        }
        let copies = 1 + i64::from(fate == Fate::TwiceBefore);
        for copy in 0..copies {
            let (passes, arrives) = (passes + copy * SPACING / 2, arrives + copy * SPACING / 2);
            if fate != Fate::Missed {
                self.at(passes, Happening::Passes(packet.clone()));
            }
            if fate != Fate::LostBehind {
                self.at(arrives, Happening::Arrives(packet.clone()));
            }
        }
        if fate == Fate::TwiceBehind {
            self.at(arrives + SPACING / 2, Happening::Arrives(packet));
        }
    }
}
