//! The newest so many of something, by key.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// The newest so many of something, by key; those that came first make room.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    most: usize,
    by_key: HashMap<K, V>,
    ages: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    /// Room for `most` of them.
    pub(super) fn of(most: usize) -> Self {
        Self { most, by_key: HashMap::new(), ages: VecDeque::new() }
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.by_key.insert(key.clone(), value).is_none() {
            self.ages.push_back(key);
        }
        while self.ages.len() > self.most
            && let Some(oldest) = self.ages.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.by_key.get_mut(key)
    }

    /// The one with this key, new when there is none.
    pub(super) fn get_or_insert(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if !self.by_key.contains_key(&key) {
            self.insert(key.clone(), V::default());
        }
        self.by_key.entry(key).or_default()
    }

    pub(super) fn contains<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: std::borrow::Borrow<Q>,
    {
        self.by_key.contains_key(key)
    }

    pub(super) fn take<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.by_key.remove(key)
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}
