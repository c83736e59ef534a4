//! Not too much to one place at a time: a slow domain or endpoint must not hold up all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much goes to each place at this moment, in this process. Domains of mails are told apart by keyed hashes, endpoints by ids.
#[derive(Clone)]
pub(crate) struct Places {
    most: u32,
    going: Arc<Mutex<HashMap<Vec<u8>, u32>>>,
}

/// Permission to send one thing to a place. Dropping it gives it back.
pub(crate) struct Permit {
    places: Places,
    key: Vec<u8>,
}

impl Places {
    /// At most so many mails to each.
    pub(crate) fn new(most: u32) -> Self {
        Self { most, going: Arc::default() }
    }

    /// Permission for another to the place of `key`, unless there are as many as may be.
    pub(crate) fn enter(&self, key: &[u8]) -> Option<Permit> {
        let mut going = self.going();
        let count = going.entry(key.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Permit { places: self.clone(), key: key.to_owned() })
    }

    /// How many more may go to the place of `key`.
    pub(crate) fn free(&self, key: &[u8]) -> u32 {
        self.most - self.going().get(key).copied().unwrap_or_default()
    }

    /// Those to which no other may go.
    pub(crate) fn crowded(&self) -> Vec<Vec<u8>> {
        let going = self.going();
        going.iter().filter(|(_, count)| **count >= self.most).map(|(key, _)| key.clone()).collect()
    }

    fn going(&self) -> MutexGuard<'_, HashMap<Vec<u8>, u32>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut going = self.places.going();
        if let Some(count) = going.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                going.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_takes_so_many_and_others_are_free() {
        let places = Places::new(2);
        let first = places.enter(b"a").unwrap();
        assert_eq!((places.free(b"a"), places.free(b"b")), (1, 2));
        let _second = places.enter(b"a").unwrap();
        assert!(places.enter(b"a").is_none() && places.enter(b"b").is_some());
        assert_eq!(places.crowded(), [b"a"]);
        drop(first);
        assert!(places.crowded().is_empty() && places.enter(b"a").is_some());
    }
}
