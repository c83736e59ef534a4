//! TLS at a server's side, with a certificate for whichever name a test likes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Who the server says it is.
#[derive(Clone, Debug)]
pub struct Identity(Arc<ServerConfig>);

impl Identity {
    /// A server that is called `name`, vouched for by a new authority whose certificate is written to `authority`.
    pub fn new(name: &str, authority: &Path) -> io::Result<Self> {
        let mut of_issuer = CertificateParams::default();
        of_issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(of_issuer, new_key()).map_err(io::Error::other)?;
        std::fs::write(authority, issuer.pem())?;
        let key = new_key();
        let parameters = CertificateParams::new([name.to_owned()]).map_err(io::Error::other)?;
        let certificate = parameters.signed_by(&key, &issuer).map_err(io::Error::other)?;
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|it| it.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], secret))
            .map_err(io::Error::other)?;
        Ok(Self(Arc::new(config)))
    }

    /// For servers other than of mail.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.0.clone()
    }

    /// The encrypted end of `stream`.
    pub(super) fn encrypt(&self, stream: TcpStream) -> io::Result<Wire> {
        let connection = ServerConnection::new(self.0.clone()).map_err(io::Error::other)?;
        Ok(Wire::Encrypted(Box::new(StreamOwned::new(connection, stream))))
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("the system has randomness")
}

/// A connection as the server reads and writes it.
pub(super) enum Wire {
    Plain(TcpStream),
    Encrypted(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Encrypted(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Encrypted(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Encrypted(stream) => stream.flush(),
        }
    }
}
