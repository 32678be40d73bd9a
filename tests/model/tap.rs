//! The place of capture: what each packet that passes must be called.
//!
//! By the words of the Wireshark User's Guide, section "TCP Analysis", over positions in the streams and over what has
//! passed.

use netlab::flow::analysis::Marks;

use super::MILLISECOND;
use super::end::{FIN, Packet, SYN};

/// What the analysis must find in a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Bits of [`Marks`].
    pub marks: u32,
    /// The number of a duplicate acknowledgment, and the frame that said it first.
    pub duplicate: Option<(u32, u64)>,
}

/// One direction, as far as it has passed.
#[derive(Default)]
struct Lane {
    /// By position.
    seen: Vec<bool>,
    /// Behind the highest position that a packet spoke of.
    edge: Option<u64>,
    edge_time: i64,
    /// Up to here the other side may acknowledge without surprise.
    known: u64,
    ack: Option<u64>,
    ack_frame: u64,
    repeats: u32,
    /// When its last packet passed.
    time: i64,
    window: Option<u64>,
    said: Option<u64>,
    last: u32,
}

#[derive(Default)]
pub struct Tap {
    lanes: [Lane; 2],
    /// When the last SYN passed, and how long after it the first packet behind the handshake.
    opened: i64,
    round_trip: Option<i64>,
}

impl Tap {
    pub fn has_seen(&self, side: usize, at: u64) -> bool {
        self.lanes[side].has_seen(at)
    }

    pub fn passes(&mut self, packet: &Packet, frame: u64, now: i64) -> Expected {
        let [client, server] = &mut self.lanes;
        let (from, to) = if packet.from == 0 { (client, server) } else { (server, client) };
        let expected = from.name(to, packet, (now, self.round_trip.unwrap_or(3 * MILLISECOND)));
        from.note(to, packet, &expected, (frame, now));
        if packet.has(SYN) && packet.ack.is_none() {
            self.opened = now;
        } else if !packet.has(SYN) {
            self.round_trip.get_or_insert(now - self.opened);
        }
        expected
    }
}

impl Lane {
    fn has_seen(&self, at: u64) -> bool {
        self.seen.get(at as usize).is_some_and(|seen| *seen)
    }

    fn name(&self, other: &Lane, packet: &Packet, clock: (i64, i64)) -> Expected {
        let length = packet.data.len() as u64;
        let bare = length == 0;
        let marked = packet.has(SYN | FIN);
        let at_edge = self.edge == Some(packet.at);
        let same_ack = self.ack == packet.ack && !marked;
        // A SYN's window counts bytes, any other the units of the scale: the numbers in the headers are compared.
        let same_window = self.said == Some(packet.window >> packet.shift());
        let mut marks = 0;
        let mut duplicate = None;

        let asks = length == 1 && at_edge && other.window == Some(0);
        if asks {
            marks |= Marks::ZERO_WINDOW_PROBE;
        } else {
            if packet.window == 0 && !marked {
                marks |= Marks::ZERO_WINDOW;
            }
            if self.edge.is_some_and(|edge| edge < packet.at) {
                marks |= Marks::LOST_SEGMENT;
            }
            if length <= 1 && self.edge == Some(packet.at + 1) && !marked {
                marks |= Marks::KEEP_ALIVE;
            }
            if length > 0
                && !marked
                && other.ack.zip(other.window).is_some_and(|(ack, window)| ack + window == packet.at + length)
            {
                marks |= Marks::WINDOW_FULL;
            }
            if bare && at_edge && same_ack {
                marks |= match (packet.window, same_window) {
                    (0, true) if other.last & Marks::ZERO_WINDOW_PROBE != 0 => Marks::ZERO_WINDOW_PROBE_ACK,
                    (0, _) => 0,
                    (_, true) if other.last & Marks::KEEP_ALIVE != 0 => Marks::KEEP_ALIVE_ACK,
                    (_, true) => {
                        duplicate = Some((self.repeats + 1, self.ack_frame));
                        Marks::DUPLICATE_ACK
                    }
                    (_, false) if self.window == Some(0) => Marks::WINDOW_UPDATE | Marks::WINDOW_REOPENED,
                    (_, false) => Marks::WINDOW_UPDATE,
                };
            }
        }
        if packet.ack.is_some_and(|ack| other.edge.is_some() && other.known < ack) {
            marks |= Marks::ACK_LOST_SEGMENT;
        }
        if marks & Marks::KEEP_ALIVE == 0 && (length > 0 || marked) {
            marks |= self.name_again(other, packet, clock);
        }
        Expected { marks, duplicate }
    }

    /// What a segment is that may have been sent before.
    fn name_again(&self, other: &Lane, packet: &Packet, (now, round_trip): (i64, i64)) -> u32 {
        let length = packet.data.len() as u64;
        let Some(edge) = self.edge else { return 0 };
        if length > 0 && other.ack.is_some_and(|ack| packet.at + length <= ack) {
            return Marks::SPURIOUS_RETRANSMISSION;
        }
        if packet.at >= edge {
            // Nothing of it has passed before, nor anything newer.
            return 0;
        }
        if other.repeats >= 2 && other.ack == Some(packet.at) && now - other.time < 20 * MILLISECOND {
            // Asked for; even if it was a timer that ran out, nobody can tell.
            return Marks::FAST_RETRANSMISSION;
        }
        if length > 1 && packet.at + 1 == edge {
            // One byte alone may have been a probe, and what comes behind it begins with that byte.
            return 0;
        }
        // Newer data have passed: it was overtaken if that was just now, else it was lost.
        if packet.end() != edge && now - self.edge_time < round_trip {
            Marks::OUT_OF_ORDER
        } else {
            Marks::RETRANSMISSION
        }
    }

    fn note(&mut self, other: &mut Lane, packet: &Packet, expected: &Expected, (frame, now): (u64, i64)) {
        let asks = expected.marks & Marks::ZERO_WINDOW_PROBE != 0;
        for at in packet.at..packet.end() {
            let at = at as usize;
            self.seen.resize(self.seen.len().max(at + 1), false);
            self.seen[at] = true;
        }
        if expected.marks & Marks::LOST_SEGMENT != 0 {
            // A new hole: nothing behind it may be acknowledged without surprise.
            self.known = self.known.min(self.edge.unwrap_or(0));
        }
        if !asks && self.edge < Some(packet.end()) {
            (self.edge, self.edge_time) = (Some(packet.end()), now);
        }
        if packet.at == self.known && !asks {
            // What begins at the first hole is taken to fill all of them.
            self.known = self.edge.unwrap_or(self.known);
        }
        if packet.ack != self.ack {
            (self.repeats, self.ack_frame) = (0, frame);
        }
        if expected.duplicate.is_some() {
            self.repeats += 1;
        }
        self.ack = packet.ack;
        self.window = Some(packet.window);
        self.said = Some(packet.window >> packet.shift());
        (self.last, self.time) = (expected.marks, now);
        if expected.marks & Marks::ACK_LOST_SEGMENT != 0 {
            // Said once: what has been missed up to here is no surprise any more.
            other.known = other.edge.max(packet.ack).unwrap_or(other.known);
        }
    }
}
