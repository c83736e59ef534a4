//! An authenticator made of software, and the browser around it: it makes passkeys and shows them as WebAuthn has it, or wrongly in a
//! way that a test wants.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use usher_runtime::Random;

/// How authenticator and browser behave.
#[derive(Clone)]
pub struct Manner {
    /// Where the page is, as the browser sees it.
    pub origin: String,
    /// The domain that the page names.
    pub relying_party: String,
    /// Whether the authenticator makes sure that it is the person.
    pub verified: bool,
    /// Whether somebody touches it.
    pub present: bool,
    /// What is answered, instead of what was asked.
    pub challenge: Option<String>,
    /// Whom the passkey is said to open the account of, instead of the one that it does.
    pub user_handle: Option<Value>,
    /// What the browser says it did.
    pub kind: Option<&'static str>,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            origin: "https://usher.test".to_owned(),
            relying_party: "usher.test".to_owned(),
            verified: true,
            present: true,
            challenge: None,
            user_handle: None,
            kind: None,
        }
    }
}

/// A passkey in an authenticator.
#[derive(Clone)]
pub struct Key {
    secret: SigningKey,
    /// What the authenticator calls it.
    pub id: Vec<u8>,
    /// Whose account it opens, as told when it was made.
    pub user_handle: Vec<u8>,
    /// How often it was shown. An authenticator that does not count stays at 0.
    pub count: u32,
    /// Whether it is counted.
    pub counts: bool,
}

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const HAS_KEY: u8 = 0x40;

impl Key {
    /// One that nobody knows.
    pub fn new(user_handle: Vec<u8>) -> Self {
        let secret =
            SigningKey::from_slice(&Random::system().bytes::<32>()).expect("almost any number is a key");
        Self { secret, id: Random::system().bytes::<32>().to_vec(), user_handle, count: 0, counts: true }
    }

    /// Makes a passkey as `options` ask, and what the page sends of it.
    pub fn make(options: &str, manner: &Manner) -> (Self, String) {
        let options: Value = serde_json::from_str(options).expect("the options are JSON");
        let user = options["user"]["id"].as_str().expect("they name the user");
        let key = Self::new(URL_SAFE_NO_PAD.decode(user).expect("it is base64url"));
        let answer = key.introduce(&options, manner);
        (key, answer)
    }

    /// What the page sends of a passkey that was made.
    pub fn introduce(&self, options: &Value, manner: &Manner) -> String {
        let mut data = self.authenticator_data(HAS_KEY, manner);
        data.extend([0; 16]); // A kind of authenticator that nobody knows.
        data.extend(u16::try_from(self.id.len()).expect("it is short").to_be_bytes());
        data.extend(&self.id);
        data.extend(self.public_key());
        let client = client_data("webauthn.create", options, manner);
        let answer = json!({
            "id": encode(&self.id),
            "rawId": encode(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "clientDataJSON": encode(&client),
                "attestationObject": encode(&attestation(&data)),
                "transports": ["internal", "hybrid"],
            },
        });
        answer.to_string()
    }

    /// Shows the passkey as `options` ask, and returns what the page sends.
    pub fn show(&mut self, options: &str, manner: &Manner) -> String {
        let options: Value = serde_json::from_str(options).expect("the options are JSON");
        self.count += u32::from(self.counts);
        let data = self.authenticator_data(0, manner);
        let client = client_data("webauthn.get", &options, manner);
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature: Signature = self.secret.sign(&signed);
        let user_handle = manner.user_handle.clone().unwrap_or_else(|| encode(&self.user_handle).into());
        let mut answer = json!({
            "id": encode(&self.id),
            "rawId": encode(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(&client),
                "authenticatorData": encode(&data),
                "signature": encode(signature.to_der().as_bytes()),
                "userHandle": user_handle,
            },
        });
        if answer["response"]["userHandle"].is_null() {
            answer["response"].as_object_mut().expect("it is one").remove("userHandle");
        }
        answer.to_string()
    }

    fn authenticator_data(&self, flags: u8, manner: &Manner) -> Vec<u8> {
        let mut data = Sha256::digest(&manner.relying_party).to_vec();
        let flag = |there: bool, flag: u8| if there { flag } else { 0 };
        data.push(flags | flag(manner.present, PRESENT) | flag(manner.verified, VERIFIED));
        data.extend(self.count.to_be_bytes());
        data
    }

    /// A COSE key: a map of kind 2 (EC2), algorithm -7 (ES256), curve 1 (P-256), and the coordinates, in CBOR.
    fn public_key(&self) -> Vec<u8> {
        let point = self.secret.verifying_key().to_sec1_point(false);
        let (x, y) = (point.x().expect("it has one"), point.y().expect("it is not compressed"));
        let head = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32];
        [head.as_slice(), x, &[0x22, 0x58, 32], y].concat()
    }
}

/// An attestation object that attests nothing, in CBOR: `{fmt: "none", attStmt: {}, authData: …}`.
fn attestation(data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).expect("it is short");
    let head = [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".as_slice(), &[length]].concat();
    [&head, data].concat()
}

fn client_data(kind: &str, options: &Value, manner: &Manner) -> Vec<u8> {
    let challenge = manner.challenge.clone().map_or_else(|| options["challenge"].clone(), Value::from);
    let data = json!({
        "type": manner.kind.unwrap_or(kind),
        "challenge": challenge,
        "origin": manner.origin,
        "crossOrigin": false,
    });
    data.to_string().into_bytes()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
