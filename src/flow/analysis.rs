//! What a TCP segment is in its conversation: new data, a retransmission, out of order, a duplicate acknowledgment ...
//!
//! Names and rules are those of the Wireshark User's Guide, section "TCP Analysis"; every mark is a field
//! `tcp.analysis.*`. The tool stands in the middle: what it has not seen may have been lost before it or behind it.

use smallvec::SmallVec;

use crate::frame::Timestamp;
use crate::wire::tcp::Flags;

/// A segment as the analysis needs it: raw numbers, the window in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub frame: u64,
    pub time: Timestamp,
    pub flags: Flags,
    pub sequence: u32,
    pub acknowledgment: u32,
    /// Bytes of data.
    pub length: u32,
    /// The window as far as its scale is known, and as the header says it.
    pub window: u32,
    pub said: u16,
    /// Whether the scale of the sender's windows is known (or known not to be used).
    pub scaled: bool,
    /// Blocks of its SACK option, (left, right).
    pub sack: &'a [(u32, u32)],
}

/// Marks that a segment can bear; several at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(pub u32);

impl Marks {
    pub const RETRANSMISSION: u32 = 1;
    pub const FAST_RETRANSMISSION: u32 = 1 << 1;
    pub const SPURIOUS_RETRANSMISSION: u32 = 1 << 2;
    pub const OUT_OF_ORDER: u32 = 1 << 3;
    pub const LOST_SEGMENT: u32 = 1 << 4;
    pub const ACK_LOST_SEGMENT: u32 = 1 << 5;
    pub const DUPLICATE_ACK: u32 = 1 << 6;
    pub const ZERO_WINDOW: u32 = 1 << 7;
    pub const ZERO_WINDOW_PROBE: u32 = 1 << 8;
    pub const ZERO_WINDOW_PROBE_ACK: u32 = 1 << 9;
    pub const WINDOW_UPDATE: u32 = 1 << 10;
    pub const WINDOW_FULL: u32 = 1 << 11;
    pub const KEEP_ALIVE: u32 = 1 << 12;
    pub const KEEP_ALIVE_ACK: u32 = 1 << 13;
    pub const REUSED_PORTS: u32 = 1 << 14;
    /// All of Wireshark's.
    pub const FLAGS: u32 = (1 << 15) - 1;
    // What follows is not Wireshark's: for words, no fields. Each comes with one of the above.
    /// A window update behind a closed window.
    pub const WINDOW_REOPENED: u32 = 1 << 15;
    /// A keep-alive that asks whether a closed window has opened: Linux probes so, with an old number and no data.
    pub const EMPTY_PROBE: u32 = 1 << 16;
    /// The window is still closed, says the answer to such a probe.
    pub const STILL_CLOSED: u32 = 1 << 17;
    /// A window update that offers more than before, and not only because windows are scaled from now on.
    pub const WINDOW_GREW: u32 = 1 << 18;
    /// A SYN that comes again, now with an acknowledgment: both sides open at once.
    pub const CROSSING: u32 = 1 << 19;

    /// Data that the other side already had, or was meant to have.
    pub const REPEATED: u32 = Self::RETRANSMISSION | Self::FAST_RETRANSMISSION | Self::SPURIOUS_RETRANSMISSION;

    /// Whether any of `marks` is set.
    #[inline]
    pub fn any(self, marks: u32) -> bool {
        self.0 & marks != 0
    }
}

/// What the analysis found out about one segment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Analysis {
    pub marks: Marks,
    /// How many duplicates of an acknowledgment there have been, and the frame of the first of its kind.
    pub duplicate: Option<(u32, u64)>,
    /// The frame whose data this acknowledges.
    pub acks_frame: Option<u64>,
    /// Nanoseconds since that frame.
    pub ack_rtt: Option<i64>,
    /// Nanoseconds from SYN to the last step of the handshake.
    pub initial_rtt: Option<i64>,
    /// Bytes sent and not yet acknowledged, this segment's included.
    pub bytes_in_flight: Option<u32>,
    /// Bytes sent since the last segment with PSH, this segment's included.
    pub push_bytes: Option<u32>,
    /// Nanoseconds from the oldest segment that awaits its acknowledgment to this retransmission.
    pub rto: Option<i64>,
    /// Nanoseconds since the same bytes were sent first; `None` where not all of them were seen before. Only of what
    /// is marked as sent again or out of order.
    pub seen_before: Option<i64>,
    /// Bytes, (left, right), that the sender has received a second time, by its SACK option (RFC 2883).
    pub twice: Option<(u32, u32)>,
}

impl Analysis {
    /// Whether all of its data have been here before, or had been acknowledged.
    #[inline]
    pub fn repeats(&self) -> bool {
        self.marks.any(Marks::REPEATED)
            && (self.seen_before.is_some() || self.marks.any(Marks::SPURIOUS_RETRANSMISSION))
    }

    /// Whether there is anything but numbers that belong to the whole conversation.
    pub fn says_something(&self) -> bool {
        self.marks.0 != 0 || self.acks_frame.is_some() || self.bytes_in_flight.is_some()
    }
}

/// A segment that awaits its acknowledgment.
#[derive(Clone, Copy, Debug)]
struct Sent {
    frame: u64,
    time: Timestamp,
    sequence: u32,
    next: u32,
}

/// At most this many segments of one side are remembered until they are acknowledged; the oldest leave.
const UNACKNOWLEDGED: usize = 4096;
/// What is sent again is looked up in at most this many earlier segments.
const PIECES: usize = 64;
/// A fast retransmission comes within this time of the acknowledgment that asked for it: 20 ms.
const FAST: i64 = 20_000_000;
/// What comes later than this after the newest data is a retransmission, where no round trip is known: 3 ms.
const ORDERED: i64 = 3_000_000;

/// What one side has sent.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Behind the highest sequence number sent, and when that was sent.
    next: Option<u32>,
    next_time: Timestamp,
    /// Behind the highest sequence number up to which nothing is missing.
    contiguous: Option<u32>,
    /// Its last acknowledgment number and when it was sent.
    acknowledged: Option<u32>,
    acknowledged_time: Timestamp,
    /// The frame that first said so, and how many have only repeated it.
    acknowledged_frame: u64,
    duplicates: u32,
    window: u32,
    /// As the header said it: whether a window has changed is judged by this, so that behind a SYN, whose own window is
    /// never scaled, nearly every window is another.
    said: u16,
    scaled: bool,
    /// The window was that of a SYN, which is never scaled.
    from_syn: bool,
    last: Marks,
    /// A hole in what was seen makes counting bytes in flight senseless until the other side acknowledges.
    uncountable: bool,
    push_bytes: u32,
    pushed: bool,
    unacknowledged: SmallVec<[Sent; 1]>,
    /// Bytes that its last acknowledgment said it has beyond a gap.
    sacked: u32,
}

/// Whether `a` lies before `b` on the circle of sequence numbers (RFC 9293 §3.4).
#[inline]
pub fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// Takes in the next segment of `sender` and says in `found`, empty until then, what it is.
///
/// Always inlined, with what it calls: what nobody asks for is not worked out.
#[inline(always)]
pub fn analyse(
    sender: &mut Side,
    receiver: &mut Side,
    segment: &Segment<'_>,
    initial_rtt: Option<i64>,
    found: &mut Analysis,
) {
    let marked = segment.flags.any(Flags::SYN | Flags::FIN | Flags::RST);
    let phantom = u32::from(segment.flags.any(Flags::SYN | Flags::FIN));
    let next = segment.sequence.wrapping_add(segment.length).wrapping_add(phantom);

    if !sender.answers(receiver, segment, marked, found) {
        sender.duplicate(segment, marked, found);
    }
    let acks = segment.flags.any(Flags::ACK);
    if sender.acknowledged != Some(segment.acknowledgment) {
        sender.acknowledged_frame = segment.frame;
        sender.duplicates = 0;
    }
    if acks && receiver.contiguous.is_some_and(|contiguous| before(contiguous, segment.acknowledgment)) {
        found.marks.0 |= Marks::ACK_LOST_SEGMENT;
        // Said once: up to here nothing surprises any more.
        receiver.contiguous =
            receiver.next.map(|next| if before(next, segment.acknowledgment) { segment.acknowledgment } else { next });
    }
    if segment.length > 0 || phantom > 0 {
        sender.repeats(receiver, segment, next, initial_rtt, found);
        sender.remember(segment, next);
    }
    sender.advance(segment, next, found.marks);
    // A reset says no number without the flag.
    if acks || !segment.flags.any(Flags::RST) {
        sender.acknowledged = Some(segment.acknowledgment);
        sender.acknowledged_time = segment.time;
    }
    (sender.window, sender.said) = (segment.window, segment.said);
    sender.scaled = segment.scaled;
    sender.from_syn = segment.flags.any(Flags::SYN);
    sender.last = found.marks;
    // A block below the acknowledgment reports a duplicate (RFC 2883), not data beyond a gap.
    found.twice = segment.sack.first().copied().filter(|(left, _)| before(*left, segment.acknowledgment));
    let beyond = segment.sack.iter().filter(|(left, _)| before(segment.acknowledgment, *left));
    sender.sacked = beyond.fold(0, |sum, (left, right)| sum.wrapping_add(right.wrapping_sub(*left)));
    if acks {
        receiver.acknowledge(segment, found);
    }
    if segment.length > 0 {
        sender.count(receiver, segment, found);
    }
}

impl Side {
    /// Marks what depends on the newest data and the window; whether it is an answer that ends the search.
    #[inline(always)]
    fn answers(&mut self, receiver: &mut Side, segment: &Segment<'_>, marked: bool, found: &mut Analysis) -> bool {
        let marks = &mut found.marks.0;
        let (sequence, length) = (segment.sequence, segment.length);
        let at_next = self.next == Some(sequence);
        if length == 1 && at_next && receiver.acknowledged.is_some() && receiver.window == 0 {
            *marks |= Marks::ZERO_WINDOW_PROBE;
            return true;
        }
        if segment.window == 0 && !marked {
            *marks |= Marks::ZERO_WINDOW;
        }
        if !segment.flags.any(Flags::RST) && self.next.is_some_and(|next| before(next, sequence)) {
            *marks |= Marks::LOST_SEGMENT;
            self.uncountable = true;
        }
        if marked {
            return false;
        }
        if length <= 1 && self.next == Some(sequence.wrapping_add(1)) {
            let closed = receiver.acknowledged.is_some() && receiver.window == 0;
            *marks |= Marks::KEEP_ALIVE | if closed { Marks::EMPTY_PROBE } else { 0 };
        }
        let same_ack = self.acknowledged == Some(segment.acknowledgment);
        if length == 0 && segment.window != 0 && segment.said != self.said && at_next && same_ack {
            *marks |= Marks::WINDOW_UPDATE
                | if self.window == 0 { Marks::WINDOW_REOPENED } else { 0 }
                | if segment.window > self.window && !self.from_syn { Marks::WINDOW_GREW } else { 0 };
        }
        let edge = receiver.acknowledged.map(|acknowledged| acknowledged.wrapping_add(receiver.window));
        if length > 0 && receiver.scaled && edge == Some(sequence.wrapping_add(length)) {
            *marks |= Marks::WINDOW_FULL;
        }
        if length > 0 || !at_next || segment.said != self.said {
            return false;
        }
        if segment.window == 0 && same_ack && receiver.last.any(Marks::EMPTY_PROBE) {
            *marks |= Marks::STILL_CLOSED;
        }
        if segment.window != 0 && same_ack && receiver.last.any(Marks::KEEP_ALIVE) {
            *marks |= Marks::KEEP_ALIVE_ACK;
            return true;
        }
        let takes_probe =
            self.acknowledged.map(|acknowledged| acknowledged.wrapping_add(1)) == Some(segment.acknowledgment);
        if segment.window == 0 && (same_ack || takes_probe) && receiver.last.any(Marks::ZERO_WINDOW_PROBE) {
            *marks |= Marks::ZERO_WINDOW_PROBE_ACK;
            if takes_probe {
                receiver.next = Some(segment.acknowledgment);
                receiver.contiguous = receiver.next;
            }
            return true;
        }
        false
    }

    /// Marks an acknowledgment that only repeats the one before.
    #[inline(always)]
    fn duplicate(&mut self, segment: &Segment<'_>, marked: bool, found: &mut Analysis) {
        if segment.length == 0
            && !marked
            && segment.window != 0
            && segment.said == self.said
            && self.next == Some(segment.sequence)
            && self.acknowledged == Some(segment.acknowledgment)
        {
            self.duplicates += 1;
            found.marks.0 |= Marks::DUPLICATE_ACK;
            found.duplicate = Some((self.duplicates, self.acknowledged_frame));
        }
    }

    /// Marks data that does not advance the sequence number: retransmissions of three kinds, or out of order.
    #[inline(always)]
    fn repeats(
        &self,
        receiver: &Side,
        segment: &Segment<'_>,
        next: u32,
        initial_rtt: Option<i64>,
        found: &mut Analysis,
    ) {
        let end = segment.sequence.wrapping_add(segment.length);
        if found.marks.any(Marks::KEEP_ALIVE) {
            return;
        }
        if segment.length > 0 && receiver.acknowledged.is_some_and(|acknowledged| !before(acknowledged, end)) {
            found.marks.0 |= Marks::SPURIOUS_RETRANSMISSION;
            return;
        }
        let Some(newest) = self.next.filter(|newest| before(segment.sequence, *newest)) else { return };
        // New data behind a byte that was probably a probe of a closed window is not a retransmission.
        let behind_probe = segment.length > 1 && newest.wrapping_sub(1) == segment.sequence;
        if behind_probe {
            return;
        }
        found.seen_before = self.seen_before(receiver, segment, next);
        let since_ack = segment.time.since(receiver.acknowledged_time);
        if receiver.duplicates >= 2 && since_ack < FAST && receiver.acknowledged == Some(segment.sequence) {
            found.marks.0 |= Marks::FAST_RETRANSMISSION;
            return;
        }
        let since_newest = segment.time.since(self.next_time);
        if since_newest < initial_rtt.unwrap_or(ORDERED) && newest != next {
            found.marks.0 |= Marks::OUT_OF_ORDER;
            return;
        }
        found.marks.0 |= Marks::RETRANSMISSION;
        let rto = self.unacknowledged.first().map_or(since_newest, |sent| segment.time.since(sent.time));
        found.rto = Some(rto).filter(|rto| *rto != 0);
    }

    /// How long ago the first of these bytes were sent first, where all of them have been seen.
    #[cold]
    fn seen_before(&self, receiver: &Side, segment: &Segment<'_>, next: u32) -> Option<i64> {
        // What has been acknowledged is not remembered.
        let acknowledged = receiver.acknowledged.filter(|acknowledged| before(segment.sequence, *acknowledged));
        let mut covered = acknowledged.unwrap_or(segment.sequence);
        let mut first: Option<Timestamp> = None;
        for _ in 0..PIECES {
            if !before(covered, next) {
                break;
            }
            let from = covered;
            let sent =
                self.unacknowledged.iter().find(|sent| !before(from, sent.sequence) && before(from, sent.next))?;
            first = Some(first.map_or(sent.time, |first| first.min(sent.time)));
            covered = sent.next;
        }
        first.map(|first| segment.time.since(first))
    }

    /// Keeps a segment until it is acknowledged.
    fn remember(&mut self, segment: &Segment<'_>, next: u32) {
        if self.unacknowledged.len() >= UNACKNOWLEDGED {
            self.unacknowledged.remove(0);
        }
        let Segment { frame, time, sequence, .. } = *segment;
        self.unacknowledged.push(Sent { frame, time, sequence, next });
    }

    /// Moves the highest numbers on. The byte of a window probe is not data yet.
    #[inline(always)]
    fn advance(&mut self, segment: &Segment<'_>, next: u32, marks: Marks) {
        if marks.any(Marks::ZERO_WINDOW_PROBE) {
            return;
        }
        if marks.any(Marks::LOST_SEGMENT)
            && self.next.zip(self.contiguous).is_some_and(|(end, known)| before(end, known))
        {
            // A new hole behind what was acknowledged unseen.
            self.contiguous = self.next;
        }
        if self.next.is_none_or(|newest| before(newest, next)) {
            self.next = Some(next);
            self.next_time = segment.time;
        }
        if self.contiguous.is_none_or(|contiguous| contiguous == segment.sequence) {
            self.contiguous = self.next;
        }
    }

    /// The other side acknowledges: forgets what it has, and says which frame that was.
    #[inline(always)]
    fn acknowledge(&mut self, segment: &Segment<'_>, found: &mut Analysis) {
        let acknowledgment = segment.acknowledgment;
        self.uncountable = false;
        if self.unacknowledged.is_empty() {
            return;
        }
        let mut last = None;
        self.unacknowledged.retain(|sent| {
            if sent.next == acknowledgment && last.is_none() {
                last = Some((sent.frame, sent.time));
            }
            if before(sent.sequence, acknowledgment) && before(acknowledgment, sent.next) {
                sent.sequence = acknowledgment;
            }
            before(acknowledgment, sent.next)
        });
        if let Some((frame, time)) = last {
            found.acks_frame = Some(frame);
            found.ack_rtt = Some(segment.time.since(time)).filter(|rtt| *rtt != 0);
        }
    }

    /// Counts bytes in flight and since the last PSH, both of segments whose flight is known (Wireshark counts so too).
    #[inline(always)]
    fn count(&mut self, receiver: &Side, segment: &Segment<'_>, found: &mut Analysis) {
        if !self.uncountable
            && let [first, rest @ ..] = self.unacknowledged.as_slice()
        {
            let (mut low, mut high) = (first.sequence, first.next);
            for sent in rest {
                low = if before(sent.sequence, low) { sent.sequence } else { low };
                high = if before(high, sent.next) { sent.next } else { high };
            }
            let phantom = u32::from(segment.flags.any(Flags::SYN | Flags::FIN));
            let flying = high.wrapping_sub(low).wrapping_sub(phantom).wrapping_sub(receiver.sacked);
            found.bytes_in_flight = (1..2_000_000_000).contains(&flying).then_some(flying);
        }
        if found.bytes_in_flight.is_some() {
            self.push_bytes = if self.pushed { segment.length } else { self.push_bytes.saturating_add(segment.length) };
            self.pushed = segment.flags.any(Flags::PSH);
            found.push_bytes = Some(self.push_bytes);
        }
    }
}
