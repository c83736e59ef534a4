//! The way to a mail server: connecting, encrypting and signing in.

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use tokio::net::TcpStream;

use super::settings::{Encryption, credentials, encryption};
use super::trouble::{Trouble, within};
use crate::config::{Patience, SmtpConfig};

/// A mail server, and how to get in.
pub(super) struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
    /// How we introduce ourselves.
    hello: ClientId,
}

impl Server {
    /// The server that `config` names, to which we are a host of `domain`.
    ///
    /// # Errors
    /// The setting that is missing or contradicts another.
    pub(super) fn new(config: &SmtpConfig, domain: &str) -> Result<Self, String> {
        let (encryption, usual_port) = encryption(config)?;
        Ok(Self {
            host: config.host.clone(),
            port: config.port.unwrap_or(usual_port),
            encryption,
            credentials: credentials(config)?,
            hello: ClientId::Domain(domain.to_owned()),
        })
    }

    /// A connection that can carry a mail.
    pub(super) async fn connect(&self, patience: &Patience) -> Result<AsyncSmtpConnection, Trouble> {
        within(patience.greeting, self.get_in(patience)).await
    }

    async fn get_in(&self, patience: &Patience) -> Result<AsyncSmtpConnection, Trouble> {
        let mut connection = self.greet(patience).await?;
        if let Encryption::StartTls(tls) = &self.encryption {
            connection.starttls(tls.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    async fn greet(&self, patience: &Patience) -> Result<AsyncSmtpConnection, Trouble> {
        let server = (self.host.as_str(), self.port);
        if let Encryption::Implicit(tls) = &self.encryption {
            let (patience, tls) = (Some(patience.connection), Some(tls.clone()));
            let connect = AsyncSmtpConnection::connect_tokio1(server, patience, &self.hello, tls, None);
            return Ok(connect.await?);
        }
        let stream = within(patience.connection, TcpStream::connect(server)).await?;
        // The final dot is a packet of its own, which would wait for the server to have acknowledged the mail: often for 40 ms.
        stream.set_nodelay(true)?;
        Ok(AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello).await?)
    }
}
