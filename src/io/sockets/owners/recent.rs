//! A bounded memory of what was met lately: the older half is forgotten at once, and it is told up to when.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Two halves of at most `most` entries each.
pub struct Recent<K, V> {
    now: HashMap<K, V, RandomState>,
    before: HashMap<K, V, RandomState>,
    most: usize,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    pub fn new(most: usize) -> Self {
        Self { now: HashMap::default(), before: HashMap::default(), most }
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.now.get(key).or_else(|| self.before.get(key))
    }

    /// An entry that was met so lately that it need not be put back.
    #[inline]
    pub fn at_hand(&self, key: &K) -> Option<&V> {
        self.now.get(key)
    }

    /// Takes an entry out, to be put back changed: so it counts as met now.
    pub fn take(&mut self, key: &K) -> Option<V> {
        self.now.remove(key).or_else(|| self.before.remove(key))
    }

    /// Puts an entry in; those that are forgotten for it are handed back.
    pub fn put(&mut self, key: K, value: V) -> HashMap<K, V, RandomState> {
        let mut gone = HashMap::default();
        if self.now.len() >= self.most {
            gone = std::mem::replace(&mut self.before, std::mem::take(&mut self.now));
        }
        self.now.insert(key, value);
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_met_and_hands_back_what_it_forgets() {
        let mut recent = Recent::new(2);
        for key in 0..4 {
            assert!(recent.put(key, key).is_empty());
        }
        let value = recent.take(&0).unwrap();
        let gone = recent.put(0, value);
        assert_eq!(gone.into_keys().collect::<Vec<_>>(), [1], "of the older half, the one that nobody met");
        assert!(recent.get(&0).is_some() && recent.get(&1).is_none() && recent.get(&3).is_some());
    }
}
