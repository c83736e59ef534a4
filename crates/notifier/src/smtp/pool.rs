//! Connections that wait for another mail.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use tokio::time::Instant;

/// How long a connection waits. Servers may end it after 5 minutes (RFC 5321 §4.5.3.2.7), and many do so sooner.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many mails a connection carries. Some servers count, and refuse the next.
const MOST_MAILS: u32 = 100;
const FAREWELL: Duration = Duration::from_secs(5);

/// A connection, and how many mails it carried.
pub(super) struct Connection {
    pub(super) inner: AsyncSmtpConnection,
    carried: u32,
}

impl Connection {
    /// One that carried nothing yet.
    pub(super) fn new(inner: AsyncSmtpConnection) -> Self {
        Self { inner, carried: 0 }
    }

    /// Whether the server may have ended it meanwhile.
    pub(super) fn is_used(&self) -> bool {
        self.carried > 0
    }

    /// Ends it. The farewell changes nothing, so nobody waits for it.
    pub(super) fn end(mut self) {
        tokio::spawn(async move { tokio::time::timeout(FAREWELL, self.inner.abort()).await });
    }
}

/// Connections between two mails. None of them is in the middle of a conversation.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<(Connection, Instant)>>);

impl Pool {
    /// One that waits, the last that came first, so that the others can end.
    pub(super) fn take(&self) -> Option<Connection> {
        self.tidy();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().map(|(connection, _)| connection)
    }

    /// Lets a connection wait that carried another mail.
    pub(super) fn give(&self, mut connection: Connection) {
        connection.carried += 1;
        if connection.carried >= MOST_MAILS {
            return connection.end();
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((connection, Instant::now()));
    }

    /// Ends those that waited long enough.
    pub(super) fn tidy(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = waiting.iter().take_while(|(_, since)| since.elapsed() > PATIENCE).count();
        waiting.drain(..stale).for_each(|(connection, _)| connection.end());
    }
}
