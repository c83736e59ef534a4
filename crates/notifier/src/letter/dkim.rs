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

/// What is signed. A header that is not there is signed as absent, so that nobody can add it. `Content-Type` is not among them:
/// lettre keeps that of a mail with several parts where its signing does not find it, and the signature would be wrong.
const SIGNED: [&str; 9] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
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
pub(super) mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use ed25519_dalek::pkcs8::EncodePrivateKey as _;
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
    use ed25519_dalek::{Signature as Ed25519Signature, Verifier as _};
    use lettre::message::header::ContentType;
    use lettre::message::{MultiPart, SinglePart};
    use sha2::{Digest as _, Sha256};

    use super::super::headers::AutoSubmitted;
    use super::*;

    pub(in crate::letter) fn config(text: &str) -> DkimConfig {
        let file = std::env::temp_dir().join(format!("usher-dkim-{}", uuid::Uuid::new_v4().simple()));
        std::fs::write(&file, text).unwrap();
        DkimConfig { selector: "mail".to_owned(), domain: None, private_key_file: file }
    }

    fn signed(key: &SigningKey) -> String {
        let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap();
        let signature = Signature::new(&config(&pem), "usher.test").unwrap();
        let part = |kind, text: &str| SinglePart::builder().header(kind).body(text.to_owned());
        let mut message = Message::builder()
            .from("\"Zoë via Usher\" <no-reply@usher.test>".parse().unwrap())
            .to("mira@example.com".parse().unwrap())
            .subject(
                "A long subject about Zürich that goes on and on until its header takes more than one line",
            )
            .header(AutoSubmitted)
            .multipart(
                MultiPart::alternative()
                    .singlepart(part(ContentType::TEXT_PLAIN, "Hällo  there \n\n.dot\n\n"))
                    .singlepart(part(ContentType::TEXT_HTML, "<p>Hällo</p>")),
            )
            .unwrap();
        signature.sign(&mut message);
        String::from_utf8(message.formatted()).unwrap()
    }

    /// Spaces as the relaxed form has them (RFC 6376 §3.4).
    fn relaxed(line: &str) -> String {
        line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Verifies as a receiver would, by the text alone.
    pub(in crate::letter) fn verifies(mail: &str, key: &SigningKey) -> bool {
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        let unfolded = head.replace("\r\n ", " ");
        let headers: HashMap<String, String> = unfolded
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), relaxed(value)))
            .collect();
        let own = &headers["dkim-signature"];
        let tags: HashMap<&str, String> = own
            .split(';')
            .filter_map(|tag| tag.trim().split_once('='))
            .map(|(name, value)| (name, value.replace(' ', "")))
            .collect();

        let lines: Vec<String> = body
            .split("\r\n")
            .map(|line| {
                let spaced = relaxed(&format!("x{line}"));
                spaced.strip_prefix('x').unwrap_or_default().to_owned()
            })
            .collect();
        let canonical_body = format!("{}\r\n", lines.join("\r\n").trim_end_matches("\r\n"));
        let body_hash = STANDARD.encode(Sha256::digest(canonical_body));

        let header = |name: &str| headers.get(name).map(|value| format!("{name}:{value}\r\n"));
        let listed: String = tags["h"].split(':').filter_map(header).collect();
        let without_signature = own.rsplit_once("b=").unwrap().0;
        let text = format!("{listed}dkim-signature:{without_signature}b=");
        let signature = STANDARD.decode(&tags["b"]).unwrap();
        let signature = Ed25519Signature::from_slice(&signature).unwrap();
        let signed = key.verifying_key().verify(&Sha256::digest(text), &signature).is_ok();
        signed && tags["bh"] == body_hash
    }

    #[test]
    fn a_receiver_can_verify_the_signature_and_notices_changes() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let mail = signed(&key);
        for part in ["a=ed25519-sha256", "c=relaxed/relaxed", "d=usher.test", "s=mail"] {
            assert!(mail.contains(part), "{part} is not in {mail}");
        }
        assert!(verifies(&mail, &key), "{mail}");
        for changed in [
            mail.replace("Subject: A long", "Subject: Another long"),
            mail.replace(".dot", ".dto"),
            format!("Reply-To: evil@example.com\r\n{mail}"),
        ] {
            assert!(!verifies(&changed, &key), "{changed}");
        }
        assert!(!verifies(&mail, &SigningKey::from_bytes(&[8; 32])));
    }

    #[test]
    fn a_wrong_key_is_named() {
        let refused = Signature::new(&config("nothing"), "usher.test").err().unwrap();
        assert!(refused.starts_with("notifier.dkim.private_key_file"), "{refused}");
        let missing = DkimConfig { private_key_file: PathBuf::from("/nowhere"), ..config("") };
        assert!(Signature::new(&missing, "usher.test").err().unwrap().contains("/nowhere"));
    }
}
