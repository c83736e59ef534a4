//! Calls to web servers whose addresses were typed by administrators of communities, so that nothing may be reached by it that is
//! not public: every name is looked up here, and the connection goes to one of the addresses that were judged. Redirects are not
//! followed, answers are short, and there is little time.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

/// The longest answer.
const LONGEST_ANSWER: usize = 256 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Not `https`, or without a host.
    #[error("the URL is not one that is called")]
    Url,
    /// The host is, by one of its addresses, not public.
    #[error("{0} is no public address")]
    Address(IpAddr),
    /// Too slow.
    #[error("no answer within {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// No connection.
    #[error(transparent)]
    Connection(#[from] io::Error),
    /// No HTTP.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// Too long, or cut off.
    #[error("the answer is too long or broke off: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
}

/// Whom a client calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses, by TLS.
    Public,
    /// Public addresses by TLS, and this machine, also without encryption. For development and tests.
    Loopback,
    /// Everybody, also without encryption. For development, and where all who may say what is called are trusted with the network.
    Everywhere,
}

/// Calls web servers. Clones share the trust anchors.
#[derive(Clone)]
pub struct WebClient {
    tls: Option<TlsConnector>,
    reach: Reach,
    patience: Duration,
}

impl WebClient {
    /// A client that gives every server `patience` for an answer.
    #[must_use]
    pub fn new(reach: Reach, patience: Duration) -> Self {
        Self { tls: connector(public_authorities()), reach, patience }
    }

    /// The same, which also believes servers that an authority in `file` vouches for, a file of PEM certificates. Whether those are of
    /// authorities is not looked at: a server's own lets nobody in but fails later.
    ///
    /// # Errors
    /// If the file cannot be read, or holds no certificate.
    pub fn trusting(self, file: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut authorities = public_authorities();
        let known = authorities.len();
        for certificate in CertificateDer::pem_file_iter(file)? {
            authorities.add(certificate?)?;
        }
        if authorities.len() == known {
            return Err("there is no certificate in it".into());
        }
        Ok(Self { tls: connector(authorities), ..self })
    }

    /// What the server answers, a redirect included.
    ///
    /// # Errors
    /// Also if the answer is longer than 256 KiB.
    pub async fn send(self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, WebError> {
        let exchange = async {
            let (parts, body) = self.exchange(request).await?.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(WebError::Body)?;
            Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
        };
        self.in_time(exchange).await
    }

    /// How the server answers. What else it says is not read.
    pub async fn status(&self, request: Request<Vec<u8>>) -> Result<StatusCode, WebError> {
        self.in_time(async { Ok(self.exchange(request).await?.status()) }).await
    }

    async fn in_time<T>(&self, exchange: impl Future<Output = Result<T, WebError>>) -> Result<T, WebError> {
        let answer = tokio::time::timeout(self.patience, exchange).await;
        answer.map_err(|_| WebError::Timeout(self.patience))?
    }

    async fn exchange(&self, request: Request<Vec<u8>>) -> Result<Response<Incoming>, WebError> {
        let uri = request.uri().clone();
        let host = uri.host().ok_or(WebError::Url)?.trim_matches(['[', ']']).to_owned();
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if self.reach != Reach::Public => false,
            _ => return Err(WebError::Url),
        };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let addresses: Vec<SocketAddr> = lookup_host((host.as_str(), port)).await?.collect();
        for address in &addresses {
            self.require_allowed(address.ip(), secure)?;
        }
        let stream = TcpStream::connect(addresses.as_slice()).await?;
        let request = to_origin(request, &uri)?;
        if !secure {
            return ask(stream, request).await;
        }
        let tls = self.tls.as_ref().ok_or(WebError::Url)?;
        let name = ServerName::try_from(host).map_err(|_| WebError::Url)?;
        ask(tls.connect(name, stream).await?, request).await
    }

    fn require_allowed(&self, address: IpAddr, secure: bool) -> Result<(), WebError> {
        let allowed = match self.reach {
            Reach::Public => secure && is_public(address),
            Reach::Loopback => address.is_loopback() || (secure && is_public(address)),
            Reach::Everywhere => true,
        };
        if allowed { Ok(()) } else { Err(WebError::Address(address)) }
    }
}

fn public_authorities() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// `None` if the versions of TLS do not fit the cryptography, which they do.
fn connector(authorities: RootCertStore) -> Option<TlsConnector> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let config = versions.with_root_certificates(authorities).with_no_client_auth();
    Some(TlsConnector::from(Arc::new(config)))
}

/// The request in the form in which a server of HTTP/1.1 takes it.
fn to_origin(request: Request<Vec<u8>>, uri: &Uri) -> Result<Request<Full<Bytes>>, WebError> {
    let (mut parts, body) = request.into_parts();
    let host = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    parts.headers.insert(HOST, host.ok_or(WebError::Url)?);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse().map_err(|_| WebError::Url)?;
    Ok(Request::from_parts(parts, Full::from(body)))
}

async fn ask<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, WebError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the answer: when that was read or dropped, since `sender` is dropped before.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

/// Whether anybody on the internet reaches this address: nothing of this machine, of private networks, or of special use.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public_v4(mapped),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let protocols = (first, second, third) == (192, 0, 0);
    let measured = first == 198 && (18..20).contains(&second);
    let special = first == 0 || first >= 224 || shared || protocols || measured;
    !(special
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation())
}

/// Global unicast, but what leads to other addresses or is for documents.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global = first & 0xe000 == 0x2000;
    let special = match first {
        0x2001 => second < 0x200 || second == 0xdb8,
        0x2002 | 0x3fff => true,
        _ => false,
    };
    global && !special
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn only_public_addresses_are_called() {
        for public in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        let inner = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.7",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "2001:db8::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "2001::1",
        ];
        for inner in inner {
            assert!(!is_public(inner.parse().unwrap()), "{inner}");
        }
    }

    #[tokio::test]
    async fn does_not_call_itself_or_without_encryption() {
        let ask = async |url: &str, reach| {
            let request = Request::builder().uri(url).body(Vec::new()).unwrap();
            WebClient::new(reach, Duration::from_secs(5)).send(request).await.unwrap_err()
        };
        assert!(matches!(ask("https://127.0.0.1:1/", Reach::Public).await, WebError::Address(_)));
        assert!(matches!(ask("https://localhost:1/", Reach::Public).await, WebError::Address(_)));
        assert!(matches!(ask("https://[::1]:1/", Reach::Public).await, WebError::Address(_)));
        assert!(matches!(ask("http://1.1.1.1/", Reach::Public).await, WebError::Url));
        assert!(matches!(ask("http://1.1.1.1/", Reach::Loopback).await, WebError::Address(_)));
        assert!(matches!(ask("https://10.0.0.1/", Reach::Loopback).await, WebError::Address(_)));
        assert!(matches!(ask("ftp://127.0.0.1:1/", Reach::Everywhere).await, WebError::Url));
        for reach in [Reach::Loopback, Reach::Everywhere] {
            assert!(matches!(ask("http://127.0.0.1:1/", reach).await, WebError::Connection(_)));
        }
    }

    /// A server that answers the first request with `answer` and then says nothing more.
    async fn server(answer: &'static [u8]) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1_024];
            let _ = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer).await.unwrap();
            std::future::pending::<()>().await;
        });
        url
    }

    #[tokio::test]
    async fn who_says_how_it_went_need_not_say_more() {
        let endless = "HTTP/1.1 202 Accepted\r\ncontent-length: 1000000000\r\n\r\n";
        let request = |url| Request::post(url).body(b"{}".to_vec()).unwrap();
        let client = |patience| WebClient::new(Reach::Loopback, patience);
        let url = server(endless.as_bytes()).await;
        let status = client(Duration::from_secs(30)).status(request(url)).await.unwrap();
        assert_eq!(status, StatusCode::ACCEPTED);
        let url = server(endless.as_bytes()).await;
        let silent = client(Duration::from_millis(200)).send(request(url)).await.unwrap_err();
        assert!(matches!(silent, WebError::Timeout(_)), "{silent:?}");
    }
}
