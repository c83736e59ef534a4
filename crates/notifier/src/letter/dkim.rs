//! Signs letters (RFC 6376), so that those who get them can tell them from forged ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use lettre::Message;
use lettre::message::dkim::{
    DkimCanonicalization, DkimCanonicalizationType, DkimConfig as Settings, DkimSigningAlgorithm,
    DkimSigningKey, dkim_sign,
};
use lettre::message::header::HeaderName;

use crate::config::DkimConfig;

/// A key, and the place in the DNS where others find its public part.
pub(super) struct Signature(Settings);

/// What is signed. A header that is not there is signed as absent, so that nobody can add it.
const SIGNED: [&str; 10] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Auto-Submitted",
    "List-Unsubscribe",
    "Reply-To",
];

impl Signature {
    /// As `config` says, for letters from addresses in `domain`.
    ///
    /// # Errors
    /// The setting that is wrong.
    pub(super) fn new(config: &DkimConfig, domain: &str) -> Result<Self, String> {
        let file = config.private_key_file.display();
        let text = std::fs::read_to_string(&config.private_key_file);
        let text = text.map_err(|error| format!("notifier.dkim.private_key_file: {file}: {error}"))?;
        let key = read_key(&text).ok_or_else(|| {
            format!(
                "notifier.dkim.private_key_file: {file}: must hold an RSA key in PKCS#1 (`openssl genrsa -traditional 2048`) \
                 or an Ed25519 key in PKCS#8 (`openssl genpkey -algorithm ed25519`)"
            )
        })?;
        if config.selector.is_empty() || !config.selector.bytes().all(is_of_a_name) {
            return Err("notifier.dkim.selector must be a name in the DNS".to_owned());
        }
        let relaxed = DkimCanonicalizationType::Relaxed;
        Ok(Self(Settings::new(
            config.selector.clone(),
            config.domain.clone().unwrap_or_else(|| domain.to_owned()),
            key,
            SIGNED.into_iter().map(HeaderName::new_from_ascii_str).collect(),
            DkimCanonicalization { header: relaxed, body: relaxed },
        )))
    }

    /// Adds the signature. Nothing may be changed afterwards.
    pub(super) fn sign(&self, message: &mut Message) {
        dkim_sign(message, &self.0);
    }
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn read_key(text: &str) -> Option<DkimSigningKey> {
    if let Ok(key) = SigningKey::from_pkcs8_pem(text) {
        let encoded = STANDARD.encode(key.to_bytes());
        return DkimSigningKey::new(&encoded, DkimSigningAlgorithm::Ed25519).ok();
    }
    DkimSigningKey::new(text, DkimSigningAlgorithm::Rsa).ok()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ed25519_dalek::pkcs8::EncodePrivateKey as _;
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
    use lettre::message::header::ContentType;

    use super::*;

    fn file(text: &str) -> PathBuf {
        let file = std::env::temp_dir().join(format!("usher-dkim-{}", uuid::Uuid::new_v4().simple()));
        std::fs::write(&file, text).unwrap();
        file
    }

    fn config(text: &str) -> DkimConfig {
        DkimConfig { selector: "mail".to_owned(), domain: None, private_key_file: file(text) }
    }

    #[test]
    fn signs_by_a_key_of_a_file() {
        let pem = SigningKey::from_bytes(&[7; 32]).to_pkcs8_pem(LineEnding::LF).unwrap();
        let signature = Signature::new(&config(&pem), "usher.test").unwrap();
        let mut message = Message::builder()
            .from("no-reply@usher.test".parse().unwrap())
            .to("mira@example.com".parse().unwrap())
            .header(ContentType::TEXT_PLAIN)
            .body("Hello".to_owned())
            .unwrap();
        signature.sign(&mut message);
        let text = String::from_utf8(message.formatted()).unwrap();
        let header = text.split("DKIM-Signature:").nth(1).unwrap().replace("\r\n ", "");
        for part in [
            "a=ed25519-sha256",
            "c=relaxed/relaxed",
            "d=usher.test",
            "s=mail",
            "h=from:to:subject:date:",
            "bh=",
        ] {
            assert!(header.contains(part), "{part} is not in {header}");
        }
    }

    #[test]
    fn a_wrong_key_is_named() {
        let refused = Signature::new(&config("nothing"), "usher.test").err().unwrap();
        assert!(refused.starts_with("notifier.dkim.private_key_file"), "{refused}");
        let missing = DkimConfig { private_key_file: PathBuf::from("/nowhere"), ..config("") };
        assert!(Signature::new(&missing, "usher.test").err().unwrap().contains("/nowhere"));
    }
}
