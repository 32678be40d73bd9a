//! One end of the model: what it has sent, what it has got, and why it sends again (RFC 9293, RFC 5681, RFC 6298).
//!
//! Positions count from the SYN, which is 0; the first byte of data is 1; the FIN stands behind the last.

use std::collections::VecDeque;

use super::{Ends, MILLISECOND, Probing};

pub const FIN: u16 = 1;
pub const SYN: u16 = 2;
pub const PSH: u16 = 8;
pub const ACK: u16 = 16;

/// Each further retransmission of data waits twice as long; those of a SYN do not.
const TIMEOUT: i64 = 250 * MILLISECOND;
/// The client's comes first: the capture measures the round trip from the last SYN.
const SYN_TIMEOUT: [i64; 2] = [1000 * MILLISECOND, 60_000 * MILLISECOND];
/// The first question whether a closed window has opened.
const PERSIST: i64 = 300 * MILLISECOND;

/// Why a segment was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Data, SYN or FIN for the first time.
    New,
    /// Again: no acknowledgment in time, or the other side asked again for its SYN's answer.
    Timeout,
    /// Again: three duplicate acknowledgments.
    Fast,
    /// One byte, or a number already acknowledged, into a closed window.
    Probe,
    KeepAlive,
    /// An answer without data, or the news that the window is open.
    Acknowledgment,
}

#[derive(Clone, Debug)]
pub struct Packet {
    /// Who sends: 0 the client, 1 the server.
    pub from: usize,
    pub cause: Cause,
    pub flags: u16,
    pub at: u64,
    pub data: Vec<u8>,
    pub ack: Option<u64>,
    /// In bytes, and the shift of the window scale option that both ends have sent.
    pub window: u64,
    pub scale: u8,
}

impl Packet {
    pub fn has(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    /// What its window is shifted by in the header: a SYN's is not.
    pub fn shift(&self) -> u8 {
        if self.has(SYN) { 0 } else { self.scale }
    }

    /// Behind its last byte, SYN or FIN.
    pub fn end(&self) -> u64 {
        self.at + self.data.len() as u64 + u64::from(self.has(SYN | FIN))
    }
}

/// What a timer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    Retransmit,
    Persist,
}

pub struct End {
    side: usize,
    ends: Ends,
    /// All that the program has written; `finished`: and will ever write.
    pub written: Vec<u8>,
    pub finished: bool,
    /// Finishes as soon as the other side has.
    pub finishes_after: bool,
    /// First position not acknowledged, first not sent, and where the other side's window ends.
    una: u64,
    next: u64,
    edge: u64,
    /// Segments not acknowledged, as they were sent: from, to.
    sent: VecDeque<(u64, u64)>,
    duplicates: u32,
    /// No second fast retransmission before this is acknowledged.
    recover: u64,
    /// Of the timer that counts; others have been overtaken.
    pub timer: Option<(i64, Timer)>,
    backoff: u32,
    /// Bytes received, by position; the first position missing; up to where the program has read.
    received: Vec<bool>,
    expected: u64,
    read: u64,
    stalled: bool,
    fin: Option<u64>,
}

impl End {
    pub fn new(side: usize, ends: Ends) -> Self {
        Self {
            side,
            ends,
            written: Vec::new(),
            finished: false,
            finishes_after: false,
            una: 0,
            next: 0,
            edge: 0,
            sent: VecDeque::new(),
            duplicates: 0,
            recover: 0,
            timer: None,
            backoff: 0,
            received: Vec::new(),
            expected: 0,
            read: 1,
            stalled: false,
            fin: None,
        }
    }

    fn capacity(&self) -> u64 {
        self.ends.capacity[self.side]
    }

    fn window(&self) -> u64 {
        self.capacity() - self.expected.saturating_sub(self.read)
    }

    fn packet(&self, cause: Cause, flags: u16, from: u64, to: u64) -> Packet {
        let data = (from..to).filter_map(|at| self.written.get(at.checked_sub(1)? as usize)).copied();
        let ack = (self.expected > 0).then_some(self.expected);
        let flags = flags | if ack.is_some() { ACK } else { 0 };
        Packet {
            from: self.side,
            cause,
            flags,
            at: from,
            data: data.collect(),
            ack,
            window: self.window(),
            scale: self.ends.shift.unwrap_or(0),
        }
    }

    /// The positions from `from` to `to` once more, whatever they hold.
    fn again(&self, cause: Cause, (from, to): (u64, u64)) -> Packet {
        let mut flags = 0;
        if from == 0 {
            flags |= SYN;
        }
        if self.finished && to == self.written.len() as u64 + 2 {
            flags |= FIN;
        }
        self.packet(cause, flags, from, to)
    }

    pub fn open(&mut self, now: i64) -> Packet {
        let packet = self.packet(Cause::New, SYN, 0, 1);
        self.next = 1;
        self.sent.push_back((0, 1));
        self.rearm(now);
        packet
    }

    pub fn acknowledgment(&self) -> Packet {
        self.packet(Cause::Acknowledgment, 0, self.next, self.next)
    }

    pub fn keep_alive(&self, with_byte: bool) -> Packet {
        let mut packet = self.packet(Cause::KeepAlive, 0, self.next - 1, self.next - 1);
        if with_byte {
            // The last byte again; where there is none yet, any.
            packet.data.push(self.written.last().copied().unwrap_or_default());
        }
        packet
    }

    /// Everything the window lets out.
    pub fn transmit(&mut self, now: i64) -> Vec<Packet> {
        let mut out = Vec::new();
        if self.una == 0 || self.expected == 0 {
            return out;
        }
        let last = self.written.len() as u64 + 1;
        while self.next < last.min(self.edge) {
            let to = last.min(self.edge).min(self.next + self.ends.mss);
            let mut flags = if to == last { PSH } else { 0 };
            let fin = self.finished && self.ends.fin_with_data && to == last;
            if fin {
                flags |= FIN;
            }
            out.push(self.packet(Cause::New, flags, self.next, to));
            let to = to + u64::from(fin);
            self.sent.push_back((self.next, to));
            self.next = to;
        }
        if self.finished && self.next == last {
            out.push(self.packet(Cause::New, FIN, last, last));
            self.sent.push_back((last, last + 1));
            self.next = last + 1;
        }
        if !out.is_empty() || self.timer.is_none() && self.next < last {
            self.rearm(now);
        }
        out
    }

    /// Begins to wait again for whatever there is to wait for.
    fn rearm(&mut self, now: i64) {
        let first = if self.una == 0 { SYN_TIMEOUT[self.side] } else { TIMEOUT << self.backoff };
        self.timer = if !self.sent.is_empty() {
            Some((now + first, Timer::Retransmit))
        } else if self.next < self.written.len() as u64 + 1 && self.una > 0 {
            Some((now + (PERSIST << self.backoff), Timer::Persist))
        } else {
            None
        };
    }

    /// The timer has run out.
    pub fn fire(&mut self, now: i64, timer: Timer) -> Packet {
        let packet = match timer {
            Timer::Retransmit => {
                let (from, mut to) = self.sent[0];
                if self.ends.coalesces && from > 0 {
                    let more = self.sent.iter().map(|(_, to)| *to).take_while(|to| *to <= from + self.ends.mss);
                    to = more.max().unwrap_or(to).max(to);
                }
                self.duplicates = 0;
                self.again(Cause::Timeout, (from, to))
            }
            Timer::Persist => match self.ends.probing {
                Probing::NextByte => self.packet(Cause::Probe, 0, self.next, self.next + 1),
                Probing::OldNumber => self.packet(Cause::Probe, 0, self.next - 1, self.next - 1),
            },
        };
        self.backoff = (self.backoff + 1).min(4);
        self.rearm(now);
        packet
    }

    /// The program stops reading, or reads all there is: the news of an open window, where there is news.
    pub fn stall(&mut self, stalled: bool) -> Option<Packet> {
        self.stalled = stalled;
        let before = self.window();
        if !stalled {
            self.read = self.read.max(self.expected);
        }
        (self.window() > before).then(|| self.acknowledgment())
    }

    pub fn receive(&mut self, packet: &Packet, now: i64) -> Vec<Packet> {
        let mut out = Vec::new();
        let expected = self.expected;
        if packet.has(SYN) {
            if self.expected == 0 {
                self.expected = 1;
                if self.next == 0 {
                    let mut answer = self.open(now);
                    answer.cause = Cause::New;
                    self.edge = packet.window + 1;
                    return vec![answer];
                }
            } else if self.una == 0 {
                self.rearm(now);
                return vec![self.again(Cause::Timeout, (0, 1))];
            }
        }
        if self.expected == 0 {
            return out;
        }
        if let Some(ack) = packet.ack {
            out.extend(self.acknowledged(packet, ack, now));
        }
        self.store(packet);
        let answers = !packet.data.is_empty() || packet.has(SYN | FIN) || packet.at < expected;
        let advanced = self.expected > expected;
        let fresh = self.transmit(now);
        if answers && (fresh.is_empty() || !advanced) {
            let answer = self.acknowledgment();
            // What it wants said was true before it sent anything new.
            let at = fresh.first().map_or(answer.at, |first| first.at);
            out.insert(0, Packet { at, ..answer });
        }
        out.extend(fresh);
        out
    }

    fn acknowledged(&mut self, packet: &Packet, ack: u64, now: i64) -> Option<Packet> {
        let edge = ack + packet.window;
        let moved = edge > self.edge;
        self.edge = self.edge.max(edge);
        if ack > self.una {
            self.una = ack;
            // The receiver has taken the byte of a probe.
            self.next = self.next.max(ack);
            self.duplicates = 0;
            self.backoff = 0;
            while self.sent.front().is_some_and(|(_, to)| *to <= ack) {
                self.sent.pop_front();
            }
            if let Some((from, _)) = self.sent.front_mut() {
                *from = ack.max(*from);
            }
            self.rearm(now);
        } else if moved {
            self.rearm(now);
        } else if ack == self.una && packet.data.is_empty() && !packet.has(SYN | FIN) && !self.sent.is_empty() {
            self.duplicates += 1;
            if self.duplicates == 3 && self.una >= self.recover && self.una > 0 {
                self.recover = self.next;
                self.rearm(now);
                return self.sent.front().map(|range| self.again(Cause::Fast, *range));
            }
        }
        None
    }

    fn store(&mut self, packet: &Packet) {
        let room = self.read + self.capacity();
        for at in packet.at..packet.at + packet.data.len() as u64 {
            if at >= self.expected && at < room {
                let index = at as usize;
                self.received.resize(self.received.len().max(index + 1), false);
                self.received[index] = true;
            }
        }
        if packet.has(FIN) {
            self.fin = Some(packet.end() - 1);
        }
        while self.received.get(self.expected as usize) == Some(&true) {
            self.expected += 1;
        }
        if !self.stalled {
            self.read = self.read.max(self.expected);
        }
        if self.fin == Some(self.expected) {
            self.expected += 1;
            self.read += 1;
            self.finished |= self.finishes_after;
        }
    }

    /// All that was sent has been acknowledged, and nothing waits to be sent.
    pub fn is_done(&self) -> bool {
        self.sent.is_empty() && self.next > self.written.len() as u64 && self.una == self.next
    }
}
