//! Not too many mails to one place at a time: a slow domain must not hold up all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many mails go to each domain at this moment, in this process. Domains are told apart by keyed hashes.
#[derive(Clone)]
pub(crate) struct Domains {
    most: u32,
    going: Arc<Mutex<HashMap<Vec<u8>, u32>>>,
}

/// Permission to send one mail to a domain. Dropping it gives it back.
pub(crate) struct Permit {
    domains: Domains,
    key: Vec<u8>,
}

impl Domains {
    /// At most so many mails to each.
    pub(crate) fn new(most: u32) -> Self {
        Self { most, going: Arc::default() }
    }

    /// Permission for another mail to the domain of `key`, unless there are as many as may be.
    pub(crate) fn enter(&self, key: &[u8]) -> Option<Permit> {
        let mut going = self.going();
        let count = going.entry(key.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Permit { domains: self.clone(), key: key.to_owned() })
    }

    /// Those to which no other mail may go.
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
        let mut going = self.domains.going();
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
    fn a_domain_takes_so_many_and_others_are_free() {
        let domains = Domains::new(2);
        let first = domains.enter(b"a").unwrap();
        let _second = domains.enter(b"a").unwrap();
        assert!(domains.enter(b"a").is_none() && domains.enter(b"b").is_some());
        assert_eq!(domains.crowded(), [b"a"]);
        drop(first);
        assert!(domains.crowded().is_empty() && domains.enter(b"a").is_some());
    }
}
