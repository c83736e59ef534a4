//! The way to identity providers. Their addresses were typed by administrators of communities, so that nothing may be reached by it
//! that is not public: every name is looked up here, and the connection goes to one of the addresses that were judged. Redirects
//! are not followed, answers are short, and there is little time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use openidconnect::{HttpRequest, HttpResponse};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

/// How long a provider may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer.
const LONGEST_ANSWER: usize = 256 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// Not `https`, or without a host.
    #[error("the URL is not one that is called")]
    Url,
    /// The host is, by one of its addresses, not public.
    #[error("{0} is no public address")]
    Address(IpAddr),
    /// Too slow.
    #[error("no answer within 5 seconds")]
    Timeout,
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

/// Calls providers. Clones share the trust anchors.
#[derive(Clone)]
pub(crate) struct Http {
    tls: Option<TlsConnector>,
    allow_loopback: bool,
}

impl Http {
    pub(crate) fn new(allow_loopback: bool) -> Self {
        Self { tls: connector(), allow_loopback }
    }

    /// What the provider answers, a redirect included.
    pub(crate) async fn send(self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        tokio::time::timeout(PATIENCE, self.exchange(request)).await.map_err(|_| HttpError::Timeout)?
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri().clone();
        let host = uri.host().ok_or(HttpError::Url)?.trim_matches(['[', ']']).to_owned();
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if self.allow_loopback => false,
            _ => return Err(HttpError::Url),
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
        let tls = self.tls.as_ref().ok_or(HttpError::Url)?;
        let name = ServerName::try_from(host).map_err(|_| HttpError::Url)?;
        ask(tls.connect(name, stream).await?, request).await
    }

    fn require_allowed(&self, address: IpAddr, secure: bool) -> Result<(), HttpError> {
        let loopback = self.allow_loopback && address.is_loopback();
        if loopback || (secure && is_public(address)) { Ok(()) } else { Err(HttpError::Address(address)) }
    }
}

/// `None` if the versions of TLS do not fit the cryptography, which they do.
fn connector() -> Option<TlsConnector> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let config = versions.with_root_certificates(roots).with_no_client_auth();
    Some(TlsConnector::from(Arc::new(config)))
}

/// The request in the form in which a server of HTTP/1.1 takes it.
fn to_origin(request: HttpRequest, uri: &Uri) -> Result<Request<Full<Bytes>>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let host = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    parts.headers.insert(HOST, host.ok_or(HttpError::Url)?);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse().map_err(|_| HttpError::Url)?;
    Ok(Request::from_parts(parts, Full::from(body)))
}

async fn ask<S>(stream: S, request: Request<Full<Bytes>>) -> Result<HttpResponse, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the answer, since `sender` is dropped then.
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(HttpError::Body)?;
    connection.abort();
    Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
}

/// Whether anybody on the internet reaches this address: nothing of this machine, of private networks, or of special use.
fn is_public(address: IpAddr) -> bool {
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
        let ask = async |url: &str, allow_loopback| {
            let request = Request::builder().uri(url).body(Vec::new()).unwrap();
            Http::new(allow_loopback).send(request).await.unwrap_err()
        };
        assert!(matches!(ask("https://127.0.0.1:1/", false).await, HttpError::Address(_)));
        assert!(matches!(ask("https://localhost:1/", false).await, HttpError::Address(_)));
        assert!(matches!(ask("https://[::1]:1/", false).await, HttpError::Address(_)));
        assert!(matches!(ask("http://1.1.1.1/", false).await, HttpError::Url));
        assert!(matches!(ask("http://1.1.1.1/", true).await, HttpError::Address(_)));
        assert!(matches!(ask("ftp://127.0.0.1:1/", true).await, HttpError::Url));
        assert!(matches!(ask("http://127.0.0.1:1/", true).await, HttpError::Connection(_)));
    }
}
