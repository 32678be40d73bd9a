//! TCP conversations: relative sequence numbers, scaled windows, handshake and close.
//!
//! Numbers have Wireshark's meaning. A direction that was first seen in the middle counts from 1, as after a SYN.

mod events;
mod segment;
#[cfg(test)]
mod tests;

use super::analysis::{Analysis, Marks, Segment, Side, analyse, before};
use super::conversation::{self, Ending};
use super::event::{Event, Why};
use super::key::Direction;
use super::state::{self, State};
use super::table::{Table, Traffic};
use events::Crossing;
use segment::Numbers;

use crate::frame::Timestamp;
use crate::wire::tcp::Flags;

pub(super) use segment::Arrived;

/// What a conversation says about one segment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// Index of the conversation, from 0.
    pub stream: u32,
    /// Whether the sender is the side that opened, or is taken for it.
    pub from_client: bool,
    /// Relative to the sender's initial sequence number; as it stands where the segment is `unmeasured`.
    pub sequence: u32,
    /// The sequence number behind this segment, relative.
    pub next: u32,
    /// Relative to the receiver's initial sequence number; as it stands where the ACK bit is not set, or the segment is
    /// `unmeasured`.
    pub acknowledgment: u32,
    /// What selective acknowledgments are relative to, where that is known.
    pub acknowledged: Option<u32>,
    /// In bytes, scaled where the scale is known.
    pub window: u32,
    /// Of the sender's windows; `None` on a SYN, whose own window is never scaled (RFC 7323 §2.2).
    pub scale: Option<Scale>,
    /// Nobody knows how much data the segment has (see [`Header::unmeasured`]): it moves the conversation on in nothing.
    pub unmeasured: bool,
    /// Both sides have agreed on accurate ECN (RFC 9768), and this segment is behind the handshake's first two.
    pub accurate: bool,
    /// [`Completeness`] bits before this segment; a SYN that uses ports again counts itself.
    pub completeness: u8,
    /// More data than the receiver takes in one segment: put together by the kernel, never on the wire like this.
    pub oversized: bool,
    /// The first segment of its conversation.
    pub first: bool,
    /// Of client and server, behind this segment.
    pub states: [State; 2],
    pub analysis: Analysis,
}

/// What is known of window scaling for one direction (RFC 7323 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// The handshake was not seen.
    #[default]
    Unknown,
    /// One side did not offer it, so neither uses it.
    Unused,
    /// Windows count units of 2 to this power.
    Shift(u8),
}

/// Wireshark's bits of `tcp.completeness`.
pub struct Completeness;

impl Completeness {
    pub const SYN: u8 = 1;
    pub const SYN_ACK: u8 = 2;
    pub const ACK: u8 = 4;
    pub const DATA: u8 = 8;
    pub const FIN: u8 = 16;
    pub const RST: u8 = 32;
}

/// How far the two sides have come in agreeing on accurate ECN (RFC 9768 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ecn {
    #[default]
    Classic,
    /// The SYN had all three bits set.
    Offered,
    /// The answer said how the offer arrived.
    Accurate,
}

/// One side of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    /// Initial sequence number, or one less than the first that was seen.
    base: Option<u32>,
    scale: Scale,
    /// Largest segment it takes, as its SYN said.
    largest: Option<u16>,
    /// Sequence number behind the FIN, once it was sent.
    fin: Option<u32>,
    /// The other side has acknowledged that FIN.
    fin_acknowledged: bool,
    /// Its last segment had data; asked again, by data sent before or a keep-alive.
    spoke: bool,
    insisted: bool,
    state: State,
    /// The largest window it has offered, in bytes.
    window: u32,
    /// Bytes of data that it sent again.
    repeated: u64,
    /// Its SYN offered selective acknowledgments, timestamps.
    sack: bool,
    timestamps: bool,
}

/// A conversation, as far as it has gone.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// By [`Direction::sender`].
    ends: [End; 2],
    sides: [Side; 2],
    /// When the last SYN was sent, and how long after it the first segment without one came.
    opened: Option<Timestamp>,
    initial_rtt: Option<i64>,
    /// The side that opened, once that is known.
    client: Option<Direction>,
    completeness: u8,
    /// A packet of it has been seen.
    begun: bool,
    /// Between the same ports as a conversation before.
    again: bool,
    ecn: Ecn,
    /// Handshake steps seen, and when the last of them was.
    step: u8,
    stepped: Option<Timestamp>,
    /// From SYN to its answer, and from that to the client's acknowledgment, in nanoseconds.
    rtt: [Option<i64>; 2],
    /// Both have asked at once, and this side agreed first.
    crossing: Option<Crossing>,
    /// Who sent last.
    speaker: Option<Direction>,
    /// Who said first that he has no more, and whether the other said so without knowing.
    closer: Option<Direction>,
    closed_together: bool,
    broken: Option<Break>,
    closed: bool,
}

/// A reset that ended the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    Refused,
    Reset { by: Direction, why: Why },
}

/// Takes in a segment and says in `facts` what it means.
///
/// They are many: they are written to where they stay, not handed from call to call.
// Made a part of its caller, it takes a fifth more instructions.
#[inline(never)]
pub(super) fn segment(
    table: &mut Table<Connection>,
    segment: &Arrived,
    now: Timestamp,
    facts: &mut Option<Facts>,
    events: &mut Vec<Event>,
) {
    let told = facts.insert(Facts::default());
    if take_in(table, segment, now, told, &mut |event| events.push(event)).is_none() {
        *facts = None;
    }
}

/// Takes in a segment where nobody asks what it means.
pub(super) fn count(table: &mut Table<Connection>, segment: &Arrived, now: Timestamp) {
    let _ = take_in(table, segment, now, &mut Facts::default(), &mut |_| {});
}

/// Always inlined, with all that says what a segment means: where nobody asks for that, it is not worked out.
#[inline(always)]
fn take_in(
    table: &mut Table<Connection>,
    segment: &Arrived,
    now: Timestamp,
    facts: &mut Facts,
    tell: &mut impl FnMut(Event),
) -> Option<()> {
    let Arrived { direction, header, quoted, .. } = segment;
    let over = |connection: &Connection| !quoted && connection.is_over_for(header, *direction);
    let (conversation, reused) = table.at_sought(&segment.sought, now, over)?;
    conversation.state.again |= reused;
    if !quoted {
        conversation.count(*direction, now, Traffic::packet(segment.bytes, header.length));
    }
    facts.stream = conversation.index;
    conversation.state.segment(segment, facts, tell);
    // A header that does not fit into its packet is no segment.
    if reused && !header.unmeasured {
        facts.analysis.marks.0 |= Marks::REUSED_PORTS;
    }
    Some(())
}

impl Connection {
    /// Whether a SYN between the same ports begins another conversation.
    fn is_over_for(&self, header: &Numbers, direction: Direction) -> bool {
        let flags = header.flags;
        let [low, high] = &self.ends;
        let end = if direction == Direction::Up { low } else { high };
        flags.any(Flags::SYN) && !flags.any(Flags::ACK) && end.base.is_some_and(|base| base != header.sequence)
    }

    #[inline(always)]
    fn segment(&mut self, segment: &Arrived, facts: &mut Facts, tell: &mut impl FnMut(Event)) {
        let Arrived { direction, ref header, frame, time, .. } = *segment;
        let flags = header.flags;
        let (syn, ack) = (flags.any(Flags::SYN), flags.any(Flags::ACK));
        let [low, high] = &mut self.ends;
        let (sender, receiver) = if direction == Direction::Up { (low, high) } else { (high, low) };

        let sequence = header.sequence;
        let first = !self.begun;
        if header.unmeasured {
            self.begun = true;
            facts.from_client = self.client.is_none_or(|client| client == direction);
            (facts.sequence, facts.next) = (sequence, sequence);
            (facts.acknowledgment, facts.acknowledged) = (header.acknowledgment, receiver.base);
            (facts.window, facts.scale) = (header.window.into(), (!syn).then_some(sender.scale));
            facts.accurate = !syn && self.ecn == Ecn::Accurate;
            (facts.completeness, facts.states, facts.unmeasured) = (self.completeness, self.states(), true);
            return;
        }
        let base = match sender.base {
            Some(base) if !syn => base,
            _ => *sender.base.insert(if syn { sequence } else { sequence.wrapping_sub(1) }),
        };
        let receiver_base = match receiver.base {
            None if ack => Some(*receiver.base.insert(header.acknowledgment.wrapping_sub(1))),
            known => known,
        };
        let client = *self.client.get_or_insert_with(|| match (syn, ack) {
            (true, false) => direction,
            (true, true) => direction.reverse(),
            // Begun before the capture: the lower port is taken for the server's.
            _ if header.source_port >= header.destination_port => direction,
            _ => direction.reverse(),
        });

        if syn {
            sender.largest = header.options.largest;
            (sender.sack, sender.timestamps) = (header.options.sack, header.options.timestamps);
            // RFC 7323 §2.3: a shift above 14 is taken as 14.
            sender.scale = match header.options.shift {
                Some(shift) => Scale::Shift(shift.min(14)),
                None if header.cut => Scale::Unknown,
                None => Scale::Unused,
            };
            // Neither side scales unless both have offered to (RFC 7323 §2.2).
            if sender.scale == Scale::Unused || ack && receiver.scale == Scale::Unused {
                (sender.scale, receiver.scale) = (Scale::Unused, Scale::Unused);
            }
            self.ecn = self.ecn.after(flags);
        }
        let window = match sender.scale {
            Scale::Shift(shift) if !syn => u32::from(header.window) << shift,
            _ => u32::from(header.window),
        };
        // Beside a SYN, a FIN is not processed (RFC 9293 §3.10.7.4).
        let phantom = u32::from(flags.any(Flags::SYN | Flags::FIN));
        let relative = sequence.wrapping_sub(base);
        let [low, high] = &mut self.sides;
        let (sending, receiving) = if direction == Direction::Up { (low, high) } else { (high, low) };
        let segment = Segment {
            frame,
            time: time.unwrap_or_default(),
            flags,
            sequence,
            acknowledgment: header.acknowledgment,
            length: header.length,
            window,
            said: header.window,
            scaled: sender.scale != Scale::Unknown,
            sack: &header.options.blocks,
        };
        analyse(sending, receiving, &segment, self.initial_rtt, &mut facts.analysis);
        let analysis = &facts.analysis;
        sender.window = sender.window.max(window);
        // What Wireshark's rules take for late may have been seen before.
        if analysis.marks.any(Marks::REPEATED) || analysis.seen_before.is_some() {
            sender.repeated += u64::from(header.length);
        }
        let covers_fin = |fin: u32| ack && !before(header.acknowledgment, fin);
        let acknowledges = state::Acknowledges {
            fin: !receiver.fin_acknowledged && receiver.fin.is_some_and(covers_fin),
            second_syn: syn && ack && self.crossing == Some(Crossing::Agreed(direction.reverse())),
        };
        receiver.fin_acknowledged |= acknowledges.fin;
        state::advance(&mut sender.state, &mut receiver.state, flags, acknowledges);
        (facts.from_client, facts.first) = (client == direction, first);
        facts.sequence = relative;
        facts.next = relative.wrapping_add(header.length).wrapping_add(phantom);
        facts.acknowledgment = match receiver_base {
            Some(base) if ack => header.acknowledgment.wrapping_sub(base),
            _ => header.acknowledgment,
        };
        facts.acknowledged = receiver_base;
        (facts.window, facts.scale) = (window, (!syn).then_some(sender.scale));
        facts.accurate = !syn && self.ecn == Ecn::Accurate;
        let again = if syn && !ack && self.again { Completeness::SYN } else { 0 };
        facts.completeness = self.completeness | again;
        facts.oversized = receiver.largest.is_some_and(|largest| header.length > u32::from(largest));
        self.completeness |= seen(flags, header.length, self.begun);
        self.begun = true;
        self.step(header, direction, client, time, tell);
        if syn && ack && self.crossing.is_some() {
            facts.analysis.marks.0 |= Marks::CROSSING;
        }
        let [low, high] = &mut self.ends;
        let sender = if direction == Direction::Up { low } else { high };
        (sender.spoke, self.speaker) = (header.length > 0, Some(direction));
        sender.insisted = facts.analysis.marks.any(Marks::REPEATED | Marks::KEEP_ALIVE);
        facts.states = self.states();
        match (syn, ack) {
            (true, false) => self.opened = time,
            (false, _) if self.initial_rtt.is_none() => {
                self.initial_rtt = time.zip(self.opened).map(|(now, then)| now.since(then)).filter(|rtt| *rtt != 0);
            }
            _ => {}
        }
        if facts.analysis.says_something() {
            facts.analysis.initial_rtt = self.initial_rtt;
        }
    }

    /// The side that opened, and whether that is a guess.
    pub(super) fn client(&self) -> (Direction, bool) {
        (self.client.unwrap_or(Direction::Up), self.step == 0)
    }

    /// The states of client and server.
    fn states(&self) -> [State; 2] {
        let [low, high] = &self.ends;
        match self.client.unwrap_or(Direction::Up) {
            Direction::Up => [low.state, high.state],
            Direction::Down => [high.state, low.state],
        }
    }

    /// The whole conversation, seen from `client`.
    /// `data`: whether there were any.
    pub(super) fn summary(&self, client: Direction, data: bool) -> (conversation::Tcp, Ending) {
        let [low, high] = &self.ends;
        let (ours, theirs) = if client == Direction::Up { (low, high) } else { (high, low) };
        let tcp = conversation::Tcp {
            states: [ours.state, theirs.state],
            // Wireshark's bits leave out the packet that it meets first; that there were data is no less true of it.
            completeness: self.completeness | if data { Completeness::DATA } else { 0 },
            rtt: self.rtt,
            repeated: [ours.repeated, theirs.repeated],
            window: [ours.window, theirs.window],
            mss: [ours.largest, theirs.largest],
            scale: matches!((ours.scale, theirs.scale), (Scale::Shift(_), Scale::Shift(_))),
            sack: ours.sack && theirs.sack,
            timestamps: ours.timestamps && theirs.timestamps,
        };
        let by_client = self.closer == Some(client);
        let ending = match self.broken {
            Some(Break::Refused) => Ending::Refused,
            Some(Break::Reset { by, why }) => Ending::Reset { by_client: by == client, why },
            None if self.closed_together => Ending::ClosedTogether,
            None if ours.fin.is_some() && theirs.fin.is_some() => Ending::Closed { by_client },
            None if ours.fin.is_some() || theirs.fin.is_some() => Ending::HalfClosed { by_client },
            None if self.step == 1 && self.completeness & !Completeness::SYN == 0 => Ending::Unanswered,
            None => Ending::Open,
        };
        (tcp, ending)
    }
}

impl Ecn {
    /// What a SYN or its answer makes of it: only four answers mean that the other side understood.
    fn after(self, flags: Flags) -> Self {
        match (flags.any(Flags::ACK), flags.counter(), self) {
            (false, 7, _) => Self::Offered,
            (true, 2 | 3 | 4 | 6, Self::Offered | Self::Accurate) => Self::Accurate,
            _ => Self::Classic,
        }
    }
}

/// The completeness bits that one segment adds to a conversation that has `begun` before it.
///
/// As Wireshark counts: the first packet only where it is the SYN, a SYN only where it is the first packet; and where
/// neither ACK nor SYN is set, nothing but a reset.
fn seen(flags: Flags, length: u32, begun: bool) -> u8 {
    let data = if length > 0 { Completeness::DATA } else { 0 };
    let mut bits = match (flags.any(Flags::SYN), flags.any(Flags::ACK)) {
        (true, false) if begun => return 0,
        (true, false) => return Completeness::SYN | data,
        _ if !begun => return 0,
        (true, true) => Completeness::SYN_ACK,
        (false, true) if length == 0 => Completeness::ACK,
        (false, true) => data,
        (false, false) => 0,
    };
    if flags.any(Flags::FIN) && flags.any(Flags::ACK) {
        bits |= Completeness::FIN;
    }
    if flags.any(Flags::RST) {
        bits |= Completeness::RST;
    }
    bits
}
