//! Ports that nobody uses.

use std::net::TcpListener;

/// A free port of the loopback address, kept from others until this is dropped: just before the process starts that is to listen
/// there. Suites that start at the same moment never get the same one.
pub struct Port(TcpListener);

/// Below the range that the system gives to outgoing connections, so that no connection takes a port before its server does.
const FIRST: u16 = 10_000;
const COUNT: u128 = 20_000;
/// Processes look in different places, of which two seldom share one: what one has let go, for a server that is about to listen there,
/// others do not find.
const PLACES: u128 = 40;

impl Port {
    /// Any free port.
    pub fn reserve() -> Self {
        let (size, place) = (COUNT / PLACES, u128::from(std::process::id()) % PLACES);
        loop {
            let candidate = FIRST + (place * size + uuid::Uuid::new_v4().as_u128() % size) as u16;
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", candidate)) {
                return Self(listener);
            }
        }
    }

    /// The socket that keeps it, to serve on.
    pub fn into_listener(self) -> TcpListener {
        self.0
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.0.local_addr().expect("a bound socket has an address").port()
    }
}

/// A port that is free at this moment, for a process that starts at once.
pub fn free() -> u16 {
    Port::reserve().number()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_port_until_it_is_dropped() {
        let port = Port::reserve();
        let address = ("127.0.0.1", port.number());
        assert!(TcpListener::bind(address).is_err());
        drop(port);
        assert!(TcpListener::bind(address).is_ok());
    }
}
