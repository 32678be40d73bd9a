//! One direction of a stream: what was handed out, what waits behind a hole, what the other side has acknowledged.

use std::collections::{BTreeMap, VecDeque};

use super::{Chunk, Differs, Item, Late, Missing, Segment, Take, Why};
use crate::frame::Timestamp;
use crate::wire::tcp::Flags;

/// Positions are sequence numbers that do not wrap; the first known one lies here, so that there is room before it.
const ORIGIN: u64 = 1 << 40;
/// How far before the first captured byte a later frame may move the beginning: a window's worth.
const EARLIER: u64 = 1 << 20;
/// Nothing is acknowledged further ahead than this: 2^30, the largest window (RFC 7323 §2.3).
const LARGEST_WINDOW: u64 = 1 << 30;
/// Pieces that wait behind holes.
const MOST_PIECES: usize = 4096;
/// Bytes handed out that are remembered to compare copies with; less where the limit is small.
const HISTORY: usize = 1 << 20;
/// Holes that are remembered to tell late bytes from repeated ones.
const MOST_HOLES: usize = 64;
/// What a piece costs besides its bytes.
const PIECE: usize = 96;

/// Part of a segment: its bytes, or how many of its bytes the capture cut off.
#[derive(Clone, Debug)]
struct Piece {
    data: Vec<u8>,
    cut: u64,
    frame: u64,
    time: Option<Timestamp>,
    pushed: bool,
}

impl Piece {
    fn length(&self) -> u64 {
        self.data.len() as u64 + self.cut
    }

    fn cost(&self) -> usize {
        self.data.len() + PIECE
    }
}

pub(super) struct Half {
    from_client: bool,
    /// The sequence number at [`ORIGIN`], once a segment or an acknowledgment has told where the stream is.
    origin: Option<u32>,
    /// The SYN was seen: it says where the stream begins.
    opened: bool,
    /// Acknowledged by the other side before this one was seen.
    acknowledged_before: Option<u32>,
    /// Position of the stream's first byte, of the next byte to hand out, and behind the last byte acknowledged.
    begin: u64,
    next: u64,
    acknowledged: u64,
    /// Up to here bytes were told as missing before their place was passed.
    told: u64,
    fin: Option<u64>,
    /// What waits behind a hole, by position; pieces do not overlap.
    waiting: BTreeMap<u64, Piece>,
    waiting_cost: usize,
    /// The last of what was handed out.
    past: VecDeque<(u64, Piece)>,
    past_cost: usize,
    /// Holes that were passed: from, to.
    holes: VecDeque<(u64, u64)>,
}

impl Half {
    pub(super) fn new(from_client: bool) -> Self {
        Self {
            from_client,
            origin: None,
            opened: false,
            acknowledged_before: None,
            begin: ORIGIN,
            next: ORIGIN,
            acknowledged: ORIGIN,
            told: ORIGIN,
            fin: None,
            waiting: BTreeMap::new(),
            waiting_cost: 0,
            past: VecDeque::new(),
            past_cost: 0,
            holes: VecDeque::new(),
        }
    }

    pub(super) fn kept(&self) -> usize {
        self.waiting_cost + self.past_cost
    }

    /// The position of a sequence number: the one nearest to what comes next.
    fn position(&self, origin: u32, sequence: u32) -> u64 {
        let next = origin.wrapping_add(self.next.wrapping_sub(ORIGIN) as u32);
        self.next.saturating_add_signed(i64::from(sequence.wrapping_sub(next) as i32))
    }

    fn offset(&self, position: u64) -> u64 {
        position.saturating_sub(self.begin)
    }

    /// The offset of a sequence number, and whether it lies behind the FIN.
    pub(super) fn place(&self, sequence: u32) -> Option<(i64, bool)> {
        let position = self.position(self.origin?, sequence);
        Some((position.wrapping_sub(self.begin) as i64, self.fin.is_some_and(|fin| position > fin)))
    }

    /// Nothing of this stream has been handed out or told.
    fn is_untouched(&self) -> bool {
        self.next == self.begin && self.told <= self.begin
    }

    /// The other side has everything before this number.
    pub(super) fn acknowledge(&mut self, number: u32, with_data: bool, take: &mut Take<'_>) {
        let Some(origin) = self.origin else {
            self.acknowledged_before = Some(number);
            return;
        };
        let position = self.position(origin, number);
        if position > self.next.saturating_add(LARGEST_WINDOW) {
            return;
        }
        self.acknowledged = self.acknowledged.max(position);
        self.settle(take);
        if with_data {
            // What the other side says now may answer these bytes: they are told before it, and still taken if they
            // come, because captures do swap frames.
            self.tell(self.known_end(), Why::NotCaptured, take);
        }
    }

    /// Behind the last byte that must have been sent: acknowledged, without the number that the FIN takes.
    fn known_end(&self) -> u64 {
        match self.fin {
            Some(fin) => self.acknowledged.min(fin),
            // One number more may be that of a FIN that was not captured.
            None if self.acknowledged == self.next + 1 => self.next,
            None => self.acknowledged,
        }
    }

    /// Passes holes whose end the other side has acknowledged.
    fn settle(&mut self, take: &mut Take<'_>) {
        while self.waiting.first_key_value().is_some_and(|(start, _)| *start <= self.acknowledged) {
            self.give_up(Why::NotCaptured, take);
        }
    }

    pub(super) fn segment(&mut self, segment: &Segment<'_>, take: &mut Take<'_>) {
        let syn = segment.flags.any(Flags::SYN);
        let sequence = segment.sequence.wrapping_add(u32::from(syn));
        let origin = *self.origin.get_or_insert_with(|| {
            let Some(before) = self.acknowledged_before.filter(|_| !syn) else { return sequence };
            // What was sent before the capture began and had not arrived: missing bytes, or a keep-alive's old one.
            let ahead = sequence.wrapping_sub(before);
            let keeps_alive = ahead == u32::MAX && segment.length <= 1;
            if u64::from(ahead) <= EARLIER || keeps_alive { before } else { sequence }
        });
        let start = self.position(origin, sequence);
        let length = u64::from(segment.length);
        if start < self.next && !self.opened && self.is_untouched() {
            let keeps_alive = length == 1 && start + 1 == self.next;
            if self.next - start <= EARLIER && (syn || (length > 0 && !keeps_alive)) {
                (self.begin, self.next, self.told) = (start, start, start);
            }
        }
        self.opened |= syn;
        if segment.flags.any(Flags::FIN) {
            self.fin.get_or_insert(start.saturating_add(length));
        }
        match length {
            // It stands behind bytes that the other side has and we have not.
            0 => self.tell(self.known_end().min(start), Why::NotCaptured, take),
            // The last byte again, true or invented: a keep-alive (RFC 9293 §3.8.4).
            1 if start + 1 == self.next => {}
            _ => self.data(start, segment, take),
        }
    }

    fn data(&mut self, start: u64, segment: &Segment<'_>, take: &mut Take<'_>) {
        let end = start.saturating_add(u64::from(segment.length));
        let data = segment.data.get(..segment.length as usize).unwrap_or(segment.data);
        if start < self.next {
            self.compare_with_past(start, data, segment.frame, take);
            self.tell_late(start, end.min(self.next), segment.frame, take);
        }
        let mut at = start.max(self.next);
        while at < end {
            // The piece that covers `at`, or else the next one behind it.
            let covering = self
                .waiting
                .range(..=at)
                .next_back()
                .map(|(from, piece)| (*from, piece))
                .filter(|(from, piece)| from.saturating_add(piece.length()) > at);
            if let Some((from, piece)) = covering {
                let piece_end = from.saturating_add(piece.length());
                let mine = data.get((at - start) as usize..).unwrap_or_default();
                let first = piece.data.get((at - from) as usize..).unwrap_or_default();
                compare(self.from_client, self.offset(at), (first, piece.frame), (mine, segment.frame), take);
                at = piece_end;
                continue;
            }
            let until = self.waiting.range(at..end).next().map_or(end, |(from, _)| *from);
            let mine = data.get((at - start) as usize..data.len().min((until - start) as usize)).unwrap_or_default();
            let piece = Piece {
                data: mine.to_vec(),
                cut: until - at - mine.len() as u64,
                frame: segment.frame,
                time: segment.time,
                pushed: segment.flags.any(Flags::PSH) && until == end,
            };
            if at == self.next {
                self.hand_out(piece, take);
            } else {
                self.waiting_cost += piece.cost();
                self.waiting.insert(at, piece);
            }
            at = until;
        }
        self.go_on(take);
        self.settle(take);
    }

    /// Hands out what waits without a hole before it.
    fn go_on(&mut self, take: &mut Take<'_>) {
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() <= self.next) {
            let piece = entry.remove();
            self.waiting_cost -= piece.cost();
            self.hand_out(piece, take);
        }
    }

    fn hand_out(&mut self, piece: Piece, take: &mut Take<'_>) {
        let from_client = self.from_client;
        let start = self.next;
        let offset = self.offset(start);
        if !piece.data.is_empty() {
            let late = start < self.told;
            let pushed = piece.pushed && piece.cut == 0;
            let Piece { ref data, frame, time, .. } = piece;
            take(Item::Bytes(Chunk { from_client, offset, data, frame, time, pushed, late }));
        }
        if piece.cut > 0 {
            let offset = offset + piece.data.len() as u64;
            let why = Why::Cut { frame: piece.frame };
            take(Item::Missing(Missing { from_client, offset, length: piece.cut, why }));
        }
        self.next = self.next.saturating_add(piece.length());
        self.past_cost += piece.cost();
        self.past.push_back((start, piece));
    }

    /// Forgets what was handed out longest ago.
    pub(super) fn forget(&mut self, history: usize) {
        while self.past_cost > history.min(HISTORY)
            && let Some((_, piece)) = self.past.pop_front()
        {
            self.past_cost -= piece.cost();
        }
    }

    /// Tells the bytes up to `end` as missing, once, without passing their place.
    fn tell(&mut self, end: u64, why: Why, take: &mut Take<'_>) {
        let from = self.next.max(self.told);
        if end > from {
            let (from_client, offset) = (self.from_client, self.offset(from));
            take(Item::Missing(Missing { from_client, offset, length: end - from, why }));
            self.told = end;
        }
    }

    /// Passes the first hole and hands out what lies behind it; `false` where nothing waits.
    pub(super) fn give_up(&mut self, why: Why, take: &mut Take<'_>) -> bool {
        let Some((&start, _)) = self.waiting.first_key_value() else { return false };
        self.tell(start, why, take);
        if self.holes.len() >= MOST_HOLES {
            self.holes.pop_front();
        }
        self.holes.push_back((self.next, start));
        self.next = start;
        self.go_on(take);
        true
    }

    /// As `give_up`, where too many pieces wait.
    pub(super) fn gives_up_for_number(&mut self, take: &mut Take<'_>) -> bool {
        self.waiting.len() > MOST_PIECES && self.give_up(Why::Limit, take)
    }

    pub(super) fn finish(&mut self, take: &mut Take<'_>) {
        while self.give_up(Why::Ended, take) {}
        let end = match self.fin {
            Some(fin) => fin,
            None => self.known_end(),
        };
        self.tell(end, Why::NotCaptured, take);
    }

    /// Holds a segment that begins before `next` against what was handed out.
    fn compare_with_past(&self, start: u64, data: &[u8], frame: u64, take: &mut Take<'_>) {
        let end = start.saturating_add(data.len() as u64).min(self.next);
        let first = self.past.partition_point(|(from, piece)| from.saturating_add(piece.length()) <= start);
        for (from, piece) in self.past.iter().skip(first).take_while(|(from, _)| *from < end) {
            let at = start.max(*from);
            let kept = piece.data.get((at - from) as usize..).unwrap_or_default();
            let mine = data.get((at - start) as usize..).unwrap_or_default();
            compare(self.from_client, self.offset(at), (kept, piece.frame), (mine, frame), take);
        }
    }

    /// Tells bytes between `start` and `end` that fall into a hole that was passed, or before the beginning.
    fn tell_late(&self, start: u64, end: u64, frame: u64, take: &mut Take<'_>) {
        let from_client = self.from_client;
        let mut late = |from: u64, to: u64| {
            let (from, to) = (from.max(start), to.min(end));
            if from < to {
                let offset = from.wrapping_sub(self.begin) as i64;
                take(Item::Late(Late { from_client, offset, length: to - from, frame }));
            }
        };
        late(0, self.begin);
        for (from, to) in &self.holes {
            late(*from, *to);
        }
    }
}

/// Tells where two copies of the same bytes differ; each copy with its frame.
fn compare(from_client: bool, offset: u64, kept: (&[u8], u64), other: (&[u8], u64), take: &mut Take<'_>) {
    let ((kept, first), (other, frame)) = (kept, other);
    let pairs = || kept.iter().zip(other).enumerate().filter(|(_, (a, b))| a != b).map(|(place, _)| place);
    let both = kept.len().min(other.len());
    // Nearly always equal: one comparison of slices.
    if kept.get(..both) == other.get(..both) {
        return;
    }
    let (Some(from), Some(to)) = (pairs().next(), pairs().next_back()) else { return };
    let kept = kept.get(from..=to).unwrap_or_default();
    let other = other.get(from..=to).unwrap_or_default();
    take(Item::Differs(Differs { from_client, offset: offset + from as u64, kept, other, first, frame }));
}
