//! Maps that remember so much and no more: where one is full, something leaves for what comes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

use foldhash::fast::RandomState;

/// At most `MOST` conversations by number; the lowest number, which began first, leaves.
#[derive(Debug)]
pub struct ByStream<T, const MOST: usize>(BTreeMap<u32, T>);

impl<T, const MOST: usize> Default for ByStream<T, MOST> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T, const MOST: usize> ByStream<T, MOST> {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub fn of_mut(&mut self, stream: u32) -> Option<&mut T> {
        self.0.get_mut(&stream)
    }

    /// What is known of a conversation; what is made of it where nothing is.
    pub fn of_or_insert_with(&mut self, stream: u32, make: impl FnOnce() -> T) -> &mut T {
        self.make_room(stream);
        self.0.entry(stream).or_insert_with(make)
    }

    /// Remembers a conversation, in the place of what was known of it; whether another had to leave.
    pub fn insert(&mut self, stream: u32, value: T) -> bool {
        let left = self.make_room(stream);
        self.0.insert(stream, value);
        left
    }

    pub fn remove(&mut self, stream: u32) -> Option<T> {
        self.0.remove(&stream)
    }

    fn make_room(&mut self, stream: u32) -> bool {
        self.0.len() >= MOST && !self.0.contains_key(&stream) && self.0.pop_first().is_some()
    }
}

/// At most `MOST` keys; the one that came first leaves. A value that changes does not make its key younger.
#[derive(Debug)]
pub struct ByAge<K, V, const MOST: usize> {
    map: HashMap<K, V, RandomState>,
    /// The keys of the map in the order in which they came.
    order: VecDeque<K>,
}

impl<K, V, const MOST: usize> Default for ByAge<K, V, MOST> {
    fn default() -> Self {
        Self { map: HashMap::default(), order: VecDeque::new() }
    }
}

impl<K: Copy + Eq + Hash, V, const MOST: usize> ByAge<K, V, MOST> {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    #[inline]
    pub fn of(&self, key: K) -> Option<&V> {
        self.map.get(&key)
    }

    #[inline]
    pub fn of_mut(&mut self, key: K) -> Option<&mut V> {
        self.map.get_mut(&key)
    }

    /// Remembers a value, in the place of an earlier one of its key.
    pub fn insert(&mut self, key: K, value: V) {
        if self.map.insert(key, value).is_none() {
            self.order.push_back(key);
            if self.order.len() > MOST
                && let Some(oldest) = self.order.pop_front()
            {
                self.map.remove(&oldest);
            }
        }
    }

    /// Forgets a key. Takes time linear in `MOST`, where it was known.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let value = self.map.remove(&key)?;
        self.order.retain(|other| *other != key);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conversation_that_began_first_leaves() {
        let mut known = ByStream::<_, 3>::default();
        assert!(known.is_empty());
        assert!([7, 5, 6].into_iter().all(|stream| !known.insert(stream, "first")), "there is room");
        assert!(!known.insert(6, "second"), "it is known");
        assert!(known.insert(4, "first"));
        assert!(known.of_mut(5).is_none() && known.of_mut(4).is_some(), "whoever comes late has its place");
        assert!(known.insert(8, "first"));
        assert!(known.of_mut(4).is_none());
        assert_eq!((known.len(), known.of_mut(6)), (3, Some(&mut "second")));
    }

    #[test]
    fn what_is_known_of_a_conversation_is_not_made_anew() {
        let mut known = ByStream::<_, 2>::default();
        known.insert(1, "one");
        known.insert(2, "two");
        assert_eq!(*known.of_or_insert_with(1, || "made"), "one");
        assert_eq!(*known.of_or_insert_with(3, || "made"), "made");
        assert!(known.of_mut(1).is_none() && known.len() == 2);
        assert_eq!((known.remove(2), known.remove(2)), (Some("two"), None));
        assert!(!known.insert(4, "four"), "there is room again");
    }

    #[test]
    fn the_key_that_came_first_leaves_though_its_value_is_new() {
        let mut known = ByAge::<_, _, 3>::default();
        assert!(known.is_empty());
        for key in ['c', 'a', 'b'] {
            known.insert(key, 1);
        }
        known.insert('c', 2);
        assert_eq!((known.len(), known.of('c')), (3, Some(&2)));
        known.insert('d', 1);
        assert_eq!((known.len(), known.of('c'), known.of('a')), (3, None, Some(&1)));
        assert!(known.of_mut('d').is_some());
    }

    #[test]
    fn a_key_that_left_takes_no_room_and_comes_back_as_the_youngest() {
        let mut known = ByAge::<_, _, 2>::default();
        known.insert('a', 1);
        known.insert('b', 1);
        assert_eq!((known.remove('a'), known.remove('a')), (Some(1), None));
        known.insert('a', 2);
        known.insert('c', 1);
        assert_eq!((known.of('a'), known.of('b'), known.len()), (Some(&2), None, 2));
        assert_eq!(known.order, ['a', 'c']);
    }
}
