//! The embedded default: everything in one directory, so that nothing has to be set up.

use std::fs::{DirBuilder, File, TryLockError};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use figment::Figment;
use secrecy::{ExposeSecret as _, SecretString};
use usher_runtime::service_token::{ServiceTokens, generate_signing_key, read_signing_key};
use usher_runtime::{Clock, Random, SealingKey};

use crate::config::Config;
use crate::service::Service;
use crate::trouble::Trouble;
use crate::{keys, private_file};

/// A directory with databases, keys and mails.
pub struct DataDirectory(PathBuf);

/// Keeps other processes away from a data directory as long as it lives.
pub struct Lock(#[expect(dead_code, reason = "open means locked")] File);

impl DataDirectory {
    /// The directory at `path`, which need not exist yet.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Creates what is missing, and claims the directory for this process: the event bus within a process does not tell
    /// another what happens in shared databases.
    pub fn open(&self) -> Result<Lock, Trouble> {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        created.map_err(Trouble::file(&self.0))?;
        let path = self.0.join("lock");
        let file = File::create(&path).map_err(Trouble::file(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => {
                let directory = self.0.display();
                Err(Trouble::Other(format!(
                    "{directory} is in use by another usher: stop it, or choose another --data"
                )))
            }
            Err(TryLockError::Error(error)) => Err(Trouble::file(path)(error)),
        }
    }

    /// Where mails go.
    pub fn mailbox(&self) -> PathBuf {
        self.0.join("mailbox")
    }

    /// The configuration over this directory. The environment stands above it, as always.
    pub fn config(&self, address: SocketAddr, random: &Random) -> Result<Config, Trouble> {
        let seal_key = self.0.join("seal-key");
        private_file::read_or_create(&seal_key, || SealingKey::generate(random).to_base64())?;
        let mut figment = Figment::new()
            .merge(("server.address", address))
            .merge(("secrets.seal_key_file", seal_key))
            .merge(("telemetry.log_filter", "warn"))
            .merge(("notifier.mailbox_directory", self.mailbox()))
            // Whoever tries webhooks has an endpoint on his own machine.
            .merge(("notifier.webhooks.allow_private", true))
            // The story shows an expired invitation, and nobody wants to watch it for an hour.
            .merge(("invitation.min_ttl", humantime_serde::Serde::from(Duration::from_secs(1))))
            .merge(("invitation.sweep_interval", humantime_serde::Serde::from(Duration::from_secs(1))));
        if address.port() != 0 {
            figment = figment.merge(("trust.user_issuer", format!("http://{address}")));
        }
        for service in Service::ALL {
            figment = figment.merge((format!("{}.database.url", service.name()), self.database_url(service)));
        }
        Config::read(figment)
    }

    fn database_url(&self, service: Service) -> String {
        let path = self.0.join(service.name()).with_extension("db");
        // A path is percent-encoded in a URL, which ends at the first question mark.
        let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3F");
        format!("sqlite://{path}?mode=rwc")
    }

    /// The key that the tokens of all services are signed by.
    pub fn signing_key(&self, random: &Random) -> Result<SigningKey, Trouble> {
        let path = self.0.join("service-key.pem");
        private_file::read_or_create(&path, || keys::to_pem(&generate_signing_key(random)))?;
        read_signing_key(&path).map_err(Trouble::Other)
    }

    /// The password of the platform administrator.
    pub fn admin_password(&self, random: &Random) -> Result<SecretString, Trouble> {
        let make = || SecretString::from(URL_SAFE_NO_PAD.encode(random.bytes::<18>()));
        private_file::read_or_create(&self.0.join("admin-password"), make)
    }
}

/// Prints a token that says `service` to the embedded default in `data`.
pub fn print_service_token(data: PathBuf, service: &str) -> Result<(), Trouble> {
    let directory = DataDirectory::at(data);
    let path = directory.0.join("service-key.pem");
    let key = read_signing_key(&path).map_err(|error| {
        Trouble::Other(format!("{error}; the key is made when `usher dev` first runs on this directory"))
    })?;
    let audience = Config::load(None)?.trust.audience;
    let (tokens, _) = ServiceTokens::embedded(&key, &audience, Clock::system()).map_err(Trouble::Other)?;
    let token = tokens.token(service).map_err(|error| Trouble::Other(error.to_string()))?;
    println!("{}", token.expose_secret());
    Ok(())
}
