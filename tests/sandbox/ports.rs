//! Ports that nobody uses.

use std::net::TcpListener;

/// A port that is free on the loopback address at this moment, below the range that the system gives to outgoing connections,
/// so that no connection takes it before its server does.
pub fn free() -> u16 {
    loop {
        let candidate = 10_000 + (uuid::Uuid::new_v4().as_u128() % 20_000) as u16;
        if TcpListener::bind(("127.0.0.1", candidate)).is_ok() {
            return candidate;
        }
    }
}
