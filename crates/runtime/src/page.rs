//! Pages of lists: keyset cursors in tokens that only the service can make, good for one caller and one request.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Caller, Failure, Random, SealingKey, Violations};

/// Seals and opens the page tokens of one list request.
#[derive(Debug)]
pub struct Pages<'a> {
    key: &'a SealingKey,
    random: &'a Random,
    purpose: String,
}

impl<'a> Pages<'a> {
    /// `filter` must tell apart every two requests whose pages are not pages of the same list; the page size is free to
    /// change.
    pub fn new(
        key: &'a SealingKey,
        random: &'a Random,
        caller: &Caller,
        method: &str,
        filter: &impl std::fmt::Debug,
    ) -> Self {
        Self { key, random, purpose: format!("page {method} {caller} {filter:?}") }
    }

    /// The cursor in `token`: where the page begins. `None` for the first page.
    pub fn open<C: DeserializeOwned>(&self, token: &str) -> Result<Option<C>, Failure> {
        if token.is_empty() {
            return Ok(None);
        }
        let plain = self.key.open(&self.purpose, token).ok_or(Failure::PageTokenInvalid)?;
        serde_json::from_slice(&plain).map(Some).map_err(|_| Failure::PageTokenInvalid)
    }

    /// A token that leads to what follows `cursor`.
    pub fn seal(&self, cursor: &impl Serialize) -> Result<String, Failure> {
        let plain = serde_json::to_vec(cursor).map_err(Failure::internal)?;
        Ok(self.key.seal(self.random, &self.purpose, &plain))
    }

    /// Cuts `rows`, fetched with one more than `size`, to the page, and makes the token of the next one.
    pub fn cut<R, C: Serialize>(
        &self,
        rows: &mut Vec<R>,
        size: u64,
        cursor: impl Fn(&R) -> C,
    ) -> Result<String, Failure> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if rows.len() <= size {
            return Ok(String::new());
        }
        rows.truncate(size);
        rows.last().map_or_else(|| Ok(String::new()), |last| self.seal(&cursor(last)))
    }
}

/// Reads the field `page_size`: 0 stands for `default`, more than `most` for `most` (AIP-158).
pub fn parse_page_size(size: i32, default: u64, most: u64, violations: &mut Violations) -> u64 {
    violations.require(size >= 0, "page_size", "must not be negative");
    match u64::try_from(size) {
        Ok(0) | Err(_) => default,
        Ok(size) => size.min(most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_serves_only_its_own_list_and_caller() {
        let (random, caller) = (Random::system(), Caller::default());
        let key = SealingKey::generate(&random);
        let pages = Pages::new(&key, &random, &caller, "ListInvitations", &"alpine");
        let token = pages.seal(&42).unwrap();
        assert_eq!(pages.open::<i32>(&token).unwrap(), Some(42));
        let other = Pages::new(&key, &random, &caller, "ListInvitations", &"harbour");
        assert!(matches!(other.open::<i32>(&token), Err(Failure::PageTokenInvalid)));
        assert!(matches!(pages.open::<i32>("forged"), Err(Failure::PageTokenInvalid)));
    }

    #[test]
    fn a_full_page_leads_on_and_the_last_does_not() {
        let (random, caller) = (Random::system(), Caller::default());
        let key = SealingKey::generate(&random);
        let pages = Pages::new(&key, &random, &caller, "ListRoles", &"");
        let mut rows = vec![1, 2, 3];
        let token = pages.cut(&mut rows, 2, |row| *row).unwrap();
        assert_eq!((rows, pages.open::<i32>(&token).unwrap()), (vec![1, 2], Some(2)));
        assert_eq!(pages.cut(&mut vec![3], 2, |row: &i32| *row).unwrap(), "");
    }
}
