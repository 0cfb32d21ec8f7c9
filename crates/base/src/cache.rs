//! A bounded cache that many threads share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

/// Values by number, the least recently inserted half forgotten when a shard is full.
///
/// Two generations per shard: a hit in the old one moves the entry to the young one, so what is in use survives.
pub struct Cache<V: ?Sized> {
    shards: Vec<Mutex<Shard<V>>>,
    per_generation: usize,
}

struct Shard<V: ?Sized> {
    young: HashMap<u64, Arc<V>>,
    old: HashMap<u64, Arc<V>>,
}

impl<V: ?Sized> Cache<V> {
    /// A cache that holds about `entries` values.
    pub fn new(entries: usize) -> Self {
        let shard = || Mutex::new(Shard { young: HashMap::new(), old: HashMap::new() });
        Cache {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            per_generation: (entries / SHARDS / 2).max(1),
        }
    }

    /// The value of `key`, if it is still held.
    pub fn get(&self, key: u64) -> Option<Arc<V>> {
        let mut shard = self.shard(key);
        if let Some(found) = shard.young.get(&key) {
            return Some(found.clone());
        }
        let found = shard.old.remove(&key)?;
        self.put(&mut shard, key, found.clone());
        Some(found)
    }

    /// Keeps `value`.
    pub fn insert(&self, key: u64, value: Arc<V>) {
        let mut shard = self.shard(key);
        self.put(&mut shard, key, value);
    }

    fn put(&self, shard: &mut Shard<V>, key: u64, value: Arc<V>) {
        if shard.young.len() >= self.per_generation {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(key, value);
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Shard<V>> {
        // A panic while the lock was held cannot leave a half-made entry, so a poisoned lock is fine.
        self.shards[key as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_bounded_and_keeps_what_is_used() {
        let cache: Cache<u64> = Cache::new(64);
        for key in 0..10_000 {
            cache.insert(key, Arc::new(key));
            assert_eq!(cache.get(0).as_deref(), Some(&0));
        }
        let held = (0..10_000).filter(|k| cache.get(*k).is_some()).count();
        assert!(held <= 64 + SHARDS, "{held}");
    }
}
