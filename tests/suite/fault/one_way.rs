//! A way to NATS on which answers get lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sandbox::{Service, Suite, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Carries everything on until certain words come past. What NATS says from then on reaches nobody.
pub struct OneWay {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    passed: AtomicBool,
    open: AtomicBool,
}

impl State {
    fn lets_answers_through(&self) -> bool {
        self.open.load(Ordering::SeqCst) || !self.passed.load(Ordering::SeqCst)
    }
}

impl OneWay {
    /// A way to `nats`, an address, that lets answers through until `words`.
    pub async fn to(nats: String, words: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it has one");
        let state = Arc::<State>::default();
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&nats).await else { continue };
                let ((asked, answers), (said, asks)) = (client.into_split(), server.into_split());
                tokio::spawn(carry_questions(asked, asks, words, shared.clone()));
                tokio::spawn(carry_answers(said, answers, shared.clone()));
            }
        });
        Self { address, state }
    }

    /// Has a process of `service` go this way when it is started anew.
    pub fn lead(&self, suite: &Suite, service: Service) {
        let nats = address(suite);
        let file = suite.description.settings_file(service, 0);
        let settings = std::fs::read_to_string(&file).expect("it was written");
        std::fs::write(&file, settings.replace(&nats, &self.address.to_string())).expect("it can be written");
    }

    /// Waits until the words came past, so that NATS has them.
    pub async fn is_passed(&self) {
        until("the words come past", || async { self.state.passed.load(Ordering::SeqCst).then_some(()) })
            .await;
    }

    /// Lets all answers through from now on.
    pub fn open(&self) {
        self.state.open.store(true, Ordering::SeqCst);
    }
}

/// Where NATS is.
pub fn address(suite: &Suite) -> String {
    let url = suite.description.nats_url.as_deref().expect("they are apart");
    url.rsplit('@').next().expect("an account comes before it").to_owned()
}

async fn carry_questions(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, words: &str, state: Arc<State>) {
    let (mut piece, mut last) = (vec![0; 64 * 1_024], Vec::new());
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        last.extend_from_slice(&piece[..length]);
        if last.windows(words.len()).any(|window| window == words.as_bytes()) {
            // Before they go on, so that no answer to them gets through.
            state.passed.store(true, Ordering::SeqCst);
        }
        // They may come in two pieces.
        last.drain(..last.len().saturating_sub(words.len() - 1));
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

async fn carry_answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Arc<State>) {
    let mut piece = vec![0; 64 * 1_024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if state.lets_answers_through() && to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
