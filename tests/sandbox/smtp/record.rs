//! What the server took, in the order in which it did.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// A mail that the server took.
#[derive(Clone, Debug)]
pub struct Taken {
    /// For whom, in lower case.
    pub recipient: String,
    /// The header `Message-ID`, with its brackets.
    pub message_id: String,
    /// When its first line came.
    pub begun: Instant,
    /// When the final dot came.
    pub taken: Instant,
    /// Whether the server could say that it took it. Somebody who is dead has not heard it.
    pub told: bool,
}

/// All that was taken. Clones share it.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Vec<Taken>>>);

impl Record {
    /// Everything.
    pub fn all(&self) -> Vec<Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was taken for `email`.
    pub fn of(&self, email: &str) -> Vec<Taken> {
        let email = email.to_lowercase();
        self.all().into_iter().filter(|taken| taken.recipient == email).collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Adds a mail and returns its place.
    pub(super) fn add(&self, recipient: &str, mail: &[u8], begun: Instant) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Taken {
            recipient: recipient.to_owned(),
            message_id: message_id(mail),
            begun,
            taken: Instant::now(),
            told: false,
        });
        all.len() - 1
    }

    /// Notes that the server said so.
    pub(super) fn tell(&self, place: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[place].told = true;
    }
}

fn message_id(mail: &[u8]) -> String {
    let text = String::from_utf8_lossy(mail);
    let mut headers = text.lines().take_while(|line| !line.is_empty());
    let found = headers.find_map(|line| line.strip_prefix("Message-ID:"));
    found.unwrap_or_default().trim().to_owned()
}
