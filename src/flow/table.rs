//! A bounded table of conversations, numbered from 0 in the order of their first packet.
//!
//! Conversations lie in one vector and are found through an index of four bytes each. Where the table is full, those
//! that have been idle longest leave (by the clock algorithm: a hand goes round and takes what was not used since it
//! last came by), and are counted.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::key::{Direction, Key};
use crate::frame::Timestamp;
use crate::process::{End, Ends};

/// What went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub packets: u64,
    /// Bytes of frames, as on the wire.
    pub bytes: u64,
    /// Bytes of application data, repeated ones included.
    pub data: u64,
}

impl Traffic {
    /// A packet of `bytes` on the wire that carries `data` bytes of the application.
    #[inline]
    pub(super) fn packet(bytes: u32, data: u32) -> Self {
        Self { packets: 1, bytes: bytes.into(), data: data.into() }
    }
}

/// A conversation: its ends, its times, its traffic, and the state of its transport.
#[derive(Clone, Debug)]
pub struct Conversation<S> {
    pub key: Key,
    /// Its number, from 0.
    pub index: u32,
    /// Of its earliest and latest packet; of what first named it, where only ICMP errors did.
    pub first: Timestamp,
    pub last: Timestamp,
    /// By [`Direction::sender`].
    pub traffic: [Traffic; 2],
    /// Which way its first packet went.
    pub opener: Direction,
    pub state: S,
    /// The programs at its ends, by [`Direction::sender`], where they were sought.
    pub programs: Option<Box<[Option<End>; 2]>>,
    /// Used since the hand came by.
    recent: bool,
    /// In the index: the one that its endpoints are in now.
    current: bool,
}

impl<S> Conversation<S> {
    /// Counts packets that went by.
    ///
    /// Files need not be in order of time (two clocks, a clock set back): the first is the earliest.
    #[inline]
    pub(super) fn count(&mut self, direction: Direction, now: Timestamp, more: Traffic) {
        let [up, down] = &mut self.traffic;
        if up.packets + down.packets == 0 {
            (self.opener, self.first, self.last) = (direction, now, now);
        } else {
            (self.first, self.last) = (self.first.min(now), self.last.max(now));
        }
        let traffic = if direction == Direction::Up { up } else { down };
        traffic.packets += more.packets;
        traffic.bytes += more.bytes;
        traffic.data += more.data;
    }

    /// Keeps the programs that a packet's ends are known to be: the surest that were told.
    #[cold]
    pub(super) fn belongs_to(&mut self, direction: Direction, ends: &Ends) {
        let [low, high] = &mut **self.programs.get_or_insert_default();
        let (from, to) = if direction == Direction::Up { (low, high) } else { (high, low) };
        for (known, told) in [(from, ends.source), (to, ends.destination)] {
            if told.is_some_and(|told| known.is_none_or(|known| told.certainty >= known.certainty)) {
                *known = told;
            }
        }
    }
}

/// Where a conversation lies. Its hash is kept beside that: a table that grows need not touch every conversation.
#[derive(Clone, Copy)]
struct Entry {
    hash: u32,
    place: u32,
}

impl Entry {
    #[inline]
    fn of(sought: &Sought) -> Self {
        Self { hash: sought.hash, place: sought.place }
    }

    /// A hash of 32 bits as the table wants it: the place comes from its lower bits, a tag of 7 bits from its upper ones.
    #[inline]
    fn spread(&self) -> u64 {
        u64::from(self.hash) << 32 | u64::from(self.hash)
    }
}

/// A conversation that is sought: its key, the key's hash, and where it lay when it was last looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought {
    key: Key,
    hash: u32,
    place: u32,
}

impl Sought {
    /// A place that no conversation has.
    const NOWHERE: u32 = u32::MAX;

    /// `hasher` is the table's, or a copy of it.
    #[inline(always)]
    pub fn new(key: Key, hasher: &RandomState) -> Self {
        Self { key, hash: hasher.hash_one(key) as u32, place: Self::NOWHERE }
    }
}

/// The conversations of one transport.
pub struct Table<S> {
    slots: Vec<Conversation<S>>,
    /// Places in `slots` of the conversations that endpoints are in now.
    current: HashTable<Entry>,
    hasher: RandomState,
    most: usize,
    hand: usize,
    next: u32,
    /// Those that had to leave, where somebody wants them.
    departed: Option<Vec<Conversation<S>>>,
    forgotten: u64,
}

impl<S: Default> Table<S> {
    /// A table of at most `most` conversations (at least one).
    pub fn new(most: usize) -> Self {
        Self {
            slots: Vec::new(),
            current: HashTable::new(),
            hasher: RandomState::default(),
            most: most.max(1),
            hand: 0,
            next: 0,
            departed: None,
            forgotten: 0,
        }
    }

    /// From now on, keeps conversations that leave until they are [taken](Self::take_departed).
    pub fn keep_departed(&mut self) {
        self.departed.get_or_insert_default();
    }

    /// Whether some have left since they were last taken.
    #[inline]
    pub fn has_departed(&self) -> bool {
        self.departed.as_ref().is_some_and(|departed| !departed.is_empty())
    }

    /// Those that have left since the last call.
    pub fn take_departed(&mut self) -> Vec<Conversation<S>> {
        self.departed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Those that are still here, in no order.
    pub fn present(&self) -> &[Conversation<S>] {
        &self.slots
    }

    /// How many had to leave to bound the memory.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What hashes its keys.
    pub(super) fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    /// Where a conversation lies, if it is here.
    #[inline]
    fn find(&self, sought: &Sought) -> Option<u32> {
        let same = |entry: &Entry| {
            entry.hash == sought.hash && self.slots.get(entry.place as usize).is_some_and(|slot| slot.key == sought.key)
        };
        self.current.find(Entry::of(sought).spread(), same).map(|entry| entry.place)
    }

    /// Looks for a conversation before it is needed. Those of several packets, one behind the other, wait for memory
    /// together; when the packets come, they are at hand.
    #[inline]
    pub(super) fn look(&self, sought: &mut Sought) {
        sought.place = self.find(sought).unwrap_or(Sought::NOWHERE);
    }

    /// The conversation that these endpoints are in, if there is one.
    pub(super) fn of(&mut self, key: Key) -> Option<&mut Conversation<S>> {
        let place = self.find(&Sought::new(key, &self.hasher))?;
        self.slots.get_mut(place as usize)
    }

    /// The conversation between these endpoints at `now`, a new one where there was none, or where the one there was is
    /// `over` (and then `true`).
    #[inline]
    pub fn at(
        &mut self,
        key: Key,
        now: Timestamp,
        over: impl FnOnce(&S) -> bool,
    ) -> Option<(&mut Conversation<S>, bool)> {
        self.at_sought(&Sought::new(key, &self.hasher), now, over)
    }

    /// As [`at`](Self::at), for one that may have been [looked](Self::look) for.
    #[inline]
    pub(super) fn at_sought(
        &mut self,
        sought: &Sought,
        now: Timestamp,
        over: impl FnOnce(&S) -> bool,
    ) -> Option<(&mut Conversation<S>, bool)> {
        // What was found may since have left, or have been followed by another one between the same endpoints.
        let still = |slot: &Conversation<S>| slot.current && slot.key == sought.key;
        let found = match self.slots.get(sought.place as usize) {
            Some(slot) if still(slot) => Some(sought.place),
            _ => self.find(sought),
        };
        if let Some(place) = found {
            let slot = self.slots.get_mut(place as usize)?;
            if !over(&slot.state) {
                slot.recent = true;
                return self.slots.get_mut(place as usize).map(|slot| (slot, false));
            }
            // The one that is over stays where it is, to be listed; the endpoints' current one is another.
            slot.recent = false;
            self.unlink(place);
            return self.begin(sought, now).map(|slot| (slot, true));
        }
        self.begin(sought, now).map(|slot| (slot, false))
    }

    fn begin(&mut self, sought: &Sought, now: Timestamp) -> Option<&mut Conversation<S>> {
        let index = self.next;
        self.next = self.next.wrapping_add(1);
        let traffic = [Traffic::default(); 2];
        let (opener, state, programs) = (Direction::Up, S::default(), None);
        let (key, first, last, recent, current) = (sought.key, now, now, true, true);
        let slot = Conversation { key, index, first, last, traffic, opener, state, programs, recent, current };
        let place = if self.slots.len() < self.most {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let place = self.make_room()?;
            let left = std::mem::replace(self.slots.get_mut(place)?, slot);
            self.forgotten += 1;
            if let Some(departed) = &mut self.departed {
                departed.push(left);
            }
            place
        };
        let entry = Entry { place: place as u32, ..Entry::of(sought) };
        self.current.insert_unique(entry.spread(), entry, Entry::spread);
        self.slots.get_mut(place)
    }

    /// The place of a conversation that was not used lately, taken out of the index.
    #[cold]
    fn make_room(&mut self) -> Option<usize> {
        loop {
            let place = self.hand;
            self.hand = (self.hand + 1) % self.slots.len().max(1);
            let slot = self.slots.get_mut(place)?;
            if !std::mem::take(&mut slot.recent) {
                self.unlink(place as u32);
                return Some(place);
            }
        }
    }

    /// Takes a place out of the index, if it is there.
    fn unlink(&mut self, place: u32) {
        let Some(slot) = self.slots.get_mut(place as usize) else { return };
        if !std::mem::take(&mut slot.current) {
            return;
        }
        let sought = Sought::new(slot.key, &self.hasher);
        if let Ok(entry) = self.current.find_entry(Entry::of(&sought).spread(), |found| found.place == place) {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> Key {
        Key::of_ports(port)
    }

    fn index(table: &mut Table<u8>, port: u16) -> u32 {
        table.at(key(port), Timestamp(0), |_| false).map(|(slot, _)| slot.index).unwrap()
    }

    #[test]
    fn numbers_conversations_in_the_order_of_their_first_packet() {
        let mut table = Table::new(10);
        assert_eq!([index(&mut table, 5), index(&mut table, 3), index(&mut table, 5)], [0, 1, 0]);
    }

    #[test]
    fn what_was_looked_for_may_have_changed_hands_since() {
        let mut table = Table::<u8>::new(2);
        let mut one = Sought::new(key(1), table.hasher());
        table.look(&mut one);
        assert_eq!(one.place, Sought::NOWHERE);
        let mut begin = |sought: &Sought, over: bool| {
            table.at_sought(sought, Timestamp(0), |_| over).map(|(slot, _)| slot.index).unwrap()
        };
        assert_eq!([begin(&one, false), begin(&one, false)], [0, 0], "not found before it began");
        one.place = 0;
        assert_eq!([begin(&one, true), begin(&one, false)], [1, 1], "the one at that place is over");
        let two = Sought { place: 1, ..Sought::new(key(2), table.hasher()) };
        assert_eq!(table.at_sought(&two, Timestamp(0), |_| false).map(|(slot, _)| slot.index), Some(2));
        assert_eq!(index(&mut table, 1), 1, "another one lies there");
    }

    #[test]
    fn packets_out_of_the_order_of_time_make_no_negative_duration() {
        let mut table: Table<u8> = Table::new(1);
        let (slot, _) = table.at(key(1), Timestamp(0), |_| false).unwrap();
        for (direction, time) in [(Direction::Down, 50), (Direction::Up, 20), (Direction::Down, 40)] {
            slot.count(direction, Timestamp(time), Traffic::packet(60, 0));
        }
        assert_eq!((slot.first, slot.last, slot.opener), (Timestamp(20), Timestamp(50), Direction::Down));
    }

    #[test]
    fn those_that_were_idle_leave_first_and_are_counted() {
        let mut table = Table::new(2);
        table.keep_departed();
        index(&mut table, 1);
        index(&mut table, 2);
        index(&mut table, 3);
        index(&mut table, 3);
        assert_eq!(table.forgotten(), 1);
        index(&mut table, 4);
        let left: Vec<u32> = table.take_departed().iter().map(|slot| slot.index).collect();
        assert_eq!(left, [0, 1], "the busy one stays");
        assert_eq!(table.present().len(), 2);
    }

    #[test]
    fn one_that_is_over_is_listed_beside_its_successor() {
        let mut table: Table<u8> = Table::new(4);
        index(&mut table, 1);
        let renewed = table.at(key(1), Timestamp(0), |_| true).map(|(slot, renewed)| (slot.index, renewed));
        assert_eq!(renewed, Some((1, true)));
        assert_eq!(table.present().len(), 2);
        assert_eq!(index(&mut table, 1), 1);
    }

    proptest::proptest! {
        #[test]
        fn never_holds_more_than_its_bound(ports in proptest::collection::vec(0u16..40, 0..300), most in 1usize..8) {
            let mut table: Table<u8> = Table::new(most);
            for port in ports {
                index(&mut table, port);
                proptest::prop_assert!(table.slots.len() <= most && table.current.len() <= most);
            }
        }
    }
}
