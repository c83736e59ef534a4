//! What signs for a webhook, and the signatures (Standard Webhooks, `v1`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sea_orm::EntityTrait as _;
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;
use usher_api::name::WebhookName;
use usher_api::notifier as pb;
use usher_runtime::{Change, Failure, Random, SealingKey, Timestamp};
use uuid::Uuid;

use crate::Notifier;
use crate::entity::webhook::{Entity, Model};

const PREFIX: &str = "whsec_";
const LENGTH: usize = 32;

/// Random bytes. They are stored sealed, and shown to whoever made them.
pub(crate) struct Secret(SecretSlice<u8>);

impl Secret {
    /// A new one.
    pub(crate) fn generate(random: &Random) -> Self {
        Self(random.bytes::<LENGTH>().to_vec().into())
    }

    /// For the row of the webhook: nothing else opens it.
    pub(crate) fn seal(&self, key: &SealingKey, random: &Random, webhook: Uuid) -> String {
        key.seal(random, &purpose(webhook), self.0.expose_secret())
    }

    /// What [`Self::seal`] made. `None` if it was for another webhook, or with another key.
    pub(crate) fn open(key: &SealingKey, webhook: Uuid, sealed: &str) -> Option<Self> {
        Some(Self(key.open(&purpose(webhook), sealed)?.into()))
    }

    /// The text, for whoever it is made for. It must not be logged or stored.
    pub(crate) fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0.expose_secret()))
    }

    /// `v1,` and the HMAC-SHA256 of what is posted.
    fn sign(&self, id: &str, seconds: i64, body: &str) -> Option<String> {
        // It takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).ok()?;
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

fn purpose(webhook: Uuid) -> String {
    format!("webhook secret {webhook}")
}

/// The signatures of what is posted at `now`: by the present secret and, as long as it counts, by the one before. `None` if the secret
/// cannot be opened.
pub(crate) fn signatures(
    key: &SealingKey,
    webhook: &Model,
    now: Timestamp,
    (id, body): (&str, &str),
) -> Option<String> {
    let seconds = now.unix_seconds();
    let present = Secret::open(key, webhook.id, &webhook.sealed_secret)?.sign(id, seconds, body)?;
    let counts = webhook.earlier_secret_end.is_some_and(|end| now < end);
    let earlier = webhook.earlier_sealed_secret.as_ref().filter(|_| counts);
    let earlier = earlier.and_then(|sealed| Secret::open(key, webhook.id, sealed)?.sign(id, seconds, body));
    Some(earlier.map_or(present.clone(), |earlier| format!("{present} {earlier}")))
}

/// The secret that was made with an answer, for whoever repeats the request. Empty if it is not the present one any more.
pub(crate) async fn show_again(
    service: &Notifier,
    change: &Change,
    answered: Option<&pb::Webhook>,
) -> Result<String, Failure> {
    let answered = answered.ok_or_else(|| Failure::internal("an answer without its webhook"))?;
    let name: WebhookName = answered.name.parse().map_err(Failure::internal)?;
    let Some(row) = Entity::find_by_id(name.id).one(&**change).await? else { return Ok(String::new()) };
    if answered.secret_create_time != Some(row.secret_time.into()) {
        return Ok(String::new());
    }
    let secret = Secret::open(&service.sealing, row.id, &row.sealed_secret);
    Ok(secret.map(|secret| secret.expose()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the reference implementations of Standard Webhooks.
    #[test]
    fn signs_as_others_do() {
        let secret = Secret(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().into());
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_opens_for_its_webhook_alone() {
        let (key, random) = (SealingKey::generate(&Random::system()), Random::system());
        let (secret, id) = (Secret::generate(&random), Uuid::from_u128(1));
        let sealed = secret.seal(&key, &random, id);
        assert_eq!(Secret::open(&key, id, &sealed).unwrap().expose(), secret.expose());
        assert!(Secret::open(&key, Uuid::from_u128(2), &sealed).is_none());
        assert!(secret.expose().starts_with("whsec_"));
    }
}
