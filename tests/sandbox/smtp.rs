//! A mail server that speaks SMTP on a socket and keeps what it accepts as files. [`script`] says how a recipient makes it
//! difficult, [`faults`] how a test does.

mod conversation;
mod encryption;
pub mod faults;
mod record;
pub mod script;

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use conversation::{Conversation, Ended, Mailbox};
use encryption::Wire;

pub use encryption::Identity;
pub use faults::{Act, Faults, Gate, Step};
pub use record::{Record, Taken};

use crate::ports::Port;

/// A running server, in threads of its own. Dropping it ends it.
pub struct Smtp {
    /// Its port on the loopback address.
    pub port: u16,
    /// Holds `<recipient in lower case>/<number>.eml`; a higher number arrived later.
    pub mailbox: PathBuf,
    /// What it does wrong.
    pub faults: Faults,
    /// What it took.
    pub record: Record,
    house: Arc<House>,
    serving: Option<Serving>,
}

/// What a server offers, besides taking mail from anybody in the clear.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// Who it is, if it encrypts.
    pub identity: Option<Identity>,
    /// Whether it does so from the first byte.
    pub implicit: bool,
    /// The name and the password without which it takes nothing.
    pub login: Option<(String, String)>,
}

/// What all conversations share.
struct House {
    mailbox: Mailbox,
    offer: Offer,
}

struct Serving {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    /// Open connections, by number.
    connections: Connections,
    thread: JoinHandle<()>,
}

type Connections = Arc<Mutex<HashMap<usize, TcpStream>>>;

impl Smtp {
    /// Starts a server on a free port that keeps mails in `mailbox`.
    pub fn start(mailbox: &Path, offer: Offer) -> io::Result<Self> {
        std::fs::create_dir_all(mailbox)?;
        let (faults, record) = (Faults::default(), Record::default());
        let kept = Mailbox::new(mailbox.to_owned(), faults.clone(), record.clone());
        let house = Arc::new(House { mailbox: kept, offer });
        let serving = Serving::start(Port::reserve().into_listener(), &house)?;
        let port = serving.address.port();
        Ok(Self { port, mailbox: mailbox.to_owned(), faults, record, house, serving: Some(serving) })
    }

    /// Breaks off all connections and accepts no more, as if the server had gone away.
    pub fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.stop();
        }
    }

    /// Breaks off all connections and accepts new ones.
    pub fn break_off(&self) {
        self.serving.iter().for_each(|serving| break_off(&serving.connections));
    }

    /// Serves again on the same port, after [`Smtp::stop`].
    pub fn restart(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", self.port))?;
        self.serving = Some(Serving::start(listener, &self.house)?);
        Ok(())
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Serving {
    fn start(listener: TcpListener, house: &Arc<House>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (ends, connections) = (Arc::new(AtomicBool::new(false)), Connections::default());
        let accepting = (house.clone(), ends.clone(), connections.clone());
        let thread = std::thread::spawn(move || {
            let (house, ends, connections) = accepting;
            for (number, stream) in listener.incoming().flatten().enumerate() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(listed) = stream.try_clone() else { continue };
                connections.lock().unwrap_or_else(PoisonError::into_inner).insert(number, listed);
                let (house, connections) = (house.clone(), connections.clone());
                std::thread::spawn(move || serve(&house, &connections, number, &stream));
            }
        });
        Ok(Self { address, ends, connections, thread })
    }

    fn stop(self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes the thread, which waits for somebody to connect.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.join();
        break_off(&self.connections);
    }
}

fn break_off(connections: &Connections) {
    for stream in connections.lock().unwrap_or_else(PoisonError::into_inner).values() {
        // Fails only if the client has gone.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn serve(house: &House, connections: &Connections, number: usize, stream: &TcpStream) {
    // A client that breaks off is its own business.
    let _ = converse(house, stream);
    let _ = stream.shutdown(Shutdown::Both);
    connections.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
}

fn converse(house: &House, stream: &TcpStream) -> io::Result<()> {
    let House { mailbox, offer } = house;
    let wire = match &offer.identity {
        Some(identity) if offer.implicit => identity.encrypt(stream.try_clone()?)?,
        _ => Wire::Plain(stream.try_clone()?),
    };
    let mut conversation = Conversation::new(mailbox, offer, wire);
    let ended = conversation.hold()?;
    if let (Some(identity), Ended::ToEncrypt) = (&offer.identity, ended) {
        Conversation::encrypted(mailbox, offer, identity.encrypt(stream.try_clone()?)?).hold()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn goes_away_and_comes_back_on_the_same_port() {
        let folder = std::env::temp_dir().join(format!("usher-smtp-{}", uuid::Uuid::new_v4().simple()));
        let mut server = Smtp::start(&folder, Offer::default()).unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        let mut greeting = [0; 3];
        client.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"220");

        server.stop();
        assert!(client.read_to_end(&mut Vec::new()).is_ok(), "the connection ends");
        assert!(TcpStream::connect(("127.0.0.1", server.port)).is_err());

        server.restart().unwrap();
        TcpStream::connect(("127.0.0.1", server.port)).unwrap().read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"220");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
