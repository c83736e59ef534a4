//! A web server that webhooks are posted to. It keeps what came, and answers as it is told.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sandbox::smtp::Identity;
use sandbox::until;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How a post is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With this status.
    Status(u16),
    /// With a redirect to this URL.
    Redirect(String),
    /// Not at all, but the connection stays.
    Silence,
    /// Not at all, and the connection ends.
    BreakOff,
}

/// What was posted.
#[derive(Clone, Debug)]
pub struct Post {
    /// Method and path.
    pub line: String,
    /// By name in lower case.
    pub headers: HashMap<String, String>,
    /// As it came.
    pub body: String,
}

impl Post {
    /// The `webhook-id`.
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// The body, read.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// The type of the event.
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().expect("it has a type").to_owned()
    }

    /// How many signatures there are, and whether one is by `secret`.
    pub fn signed_by(&self, secret: &str) -> (usize, bool) {
        let key = secret.strip_prefix("whsec_").expect("secrets begin so");
        let signed = format!("{}.{}.{}", self.id(), self.headers["webhook-timestamp"], self.body);
        let expected = hmac(&STANDARD.decode(key).expect("base64 follows"), signed.as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(expected));
        let given: Vec<&str> = self.headers["webhook-signature"].split(' ').collect();
        (given.len(), given.contains(&expected.as_str()))
    }
}

/// HMAC-SHA256 as RFC 2104 writes it.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let pad = |byte: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ byte).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36).as_slice(), message].concat());
    Sha256::digest([pad(0x5c).as_slice(), inner.as_slice()].concat()).to_vec()
}

/// A running server. It ends with the test.
#[derive(Clone)]
pub struct Endpoint {
    /// Where webhooks are to be posted.
    pub url: String,
    posts: Arc<Mutex<Vec<Post>>>,
    connections: Arc<AtomicUsize>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Endpoint {
    /// A server that gives these answers, one after another, and the last again and again. Without any, it takes everything.
    pub async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start(None, answers).await
    }

    /// A server that takes everything, by TLS.
    pub async fn secure(identity: &Identity) -> Self {
        Self::start(Some(TlsAcceptor::from(identity.config())), []).await
    }

    async fn start(tls: Option<TlsAcceptor>, answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = Self {
            url: format!("{scheme}://127.0.0.1:{port}/hook?place=1"),
            posts: Arc::default(),
            connections: Arc::default(),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
        };
        let serving = endpoint.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (serving, tls) = (serving.clone(), tls.clone());
                serving.connections.fetch_add(1, Ordering::SeqCst);
                // Whoever breaks off is not the server's business.
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => serving.serve(tls.accept(stream).await?).await,
                        None => serving.serve(stream).await,
                    }
                });
            }
        });
        endpoint
    }

    /// A server that takes everything.
    pub async fn new() -> Self {
        Self::answering([]).await
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let mut headers = HashMap::new();
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await?;
            let Some((name, value)) = header.trim().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let body = String::from_utf8(body).expect("bodies are text");
        let line = line.trim().to_owned();
        self.posts.lock().expect("nobody panics").push(Post { line, headers, body });
        let (status, location) = match self.next_answer() {
            Answer::Status(status) => (status, String::new()),
            Answer::Redirect(url) => (302, format!("location: {url}\r\n")),
            Answer::Silence => return std::future::pending().await,
            Answer::BreakOff => return Ok(()),
        };
        let head =
            format!("HTTP/1.1 {status} So\r\n{location}content-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await
    }

    fn next_answer(&self) -> Answer {
        let mut answers = self.answers.lock().expect("nobody panics");
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
            .unwrap_or(Answer::Status(204))
    }

    /// How often somebody connected until now.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What came until now.
    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().expect("nobody panics").clone()
    }

    /// What came until now of events of a type.
    pub fn of(&self, kind: &str) -> Vec<Post> {
        self.posts().into_iter().filter(|post| post.kind() == kind).collect()
    }

    /// Waits until `count` events of a type have come, and returns them.
    pub async fn when(&self, kind: &str, count: usize) -> Vec<Post> {
        until(&format!("{count} posts of {kind} come"), || async {
            Some(self.of(kind)).filter(|posts| posts.len() >= count)
        })
        .await
    }
}
