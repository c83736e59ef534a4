//! What the settings of a mail server amount to.

use std::path::Path;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{SmtpConfig, Tls};

/// How the connection is encrypted.
pub(super) enum Encryption {
    None,
    StartTls(TlsParameters),
    Implicit(TlsParameters),
}

/// The encryption that `config` asks for, and the port at which servers usually offer it.
///
/// # Errors
/// The setting that is wrong.
pub(super) fn encryption(config: &SmtpConfig) -> Result<(Encryption, u16), String> {
    let tls = || tls(config);
    match config.tls {
        Tls::StartTls => Ok((Encryption::StartTls(tls()?), 587)),
        Tls::Implicit => Ok((Encryption::Implicit(tls()?), 465)),
        Tls::None if is_loopback(&config.host) => Ok((Encryption::None, 25)),
        Tls::None => {
            let host = &config.host;
            Err(format!("notifier.smtp.tls: `none` is for a server on this machine, not for {host}"))
        }
    }
}

/// TLS with a server that proves to be the host of `config`.
fn tls(config: &SmtpConfig) -> Result<TlsParameters, String> {
    let mut tls = TlsParameters::builder(config.host.clone());
    if let Some(file) = &config.authority_file {
        let wrong = |error: &dyn std::fmt::Display| {
            format!("notifier.smtp.authority_file: {}: {error}", file.display())
        };
        let authority = std::fs::read(file).map_err(|error| wrong(&error))?;
        tls = tls.add_root_certificate(Certificate::from_pem(&authority).map_err(|error| wrong(&error))?);
    }
    tls.build().map_err(|error| format!("notifier.smtp.host: {error}"))
}

/// Who signs in, if anybody does.
///
/// # Errors
/// The setting that is wrong.
pub(super) fn credentials(config: &SmtpConfig) -> Result<Option<Credentials>, String> {
    let password = match (&config.password, &config.password_file) {
        (Some(password), None) => Some(password.clone()),
        (None, Some(file)) => Some(read_password(file)?),
        (None, None) => None,
        (Some(_), Some(_)) => {
            return Err(
                "notifier.smtp.password and notifier.smtp.password_file exclude each other".to_owned()
            );
        }
    };
    match (&config.username, password) {
        (Some(username), Some(password)) => {
            Ok(Some(Credentials::new(username.clone(), password.expose_secret().to_owned())))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err("notifier.smtp.password is not set, but notifier.smtp.username is".to_owned()),
        (None, Some(_)) => Err("notifier.smtp.username is not set, but notifier.smtp.password is".to_owned()),
    }
}

fn read_password(file: &Path) -> Result<SecretString, String> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| format!("notifier.smtp.password_file: {}: {error}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}
