//! One row for each key that signs access tokens, signed, or will.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;

/// An Ed25519 key. Its times are by the database's clock.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_key")]
pub struct Model {
    /// Named in the header of tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    /// The public half in base64url.
    pub public_key: String,
    /// The private half, sealed. Empty once nothing will be signed by it.
    pub sealed_private_key: String,
    /// Whether it is the newest that was not revoked: it signs, or will. One key is at a time.
    pub signs: bool,
    /// When it was made.
    pub create_time: Timestamp,
    /// From when it signs, until the next one does.
    pub sign_time: Timestamp,
    /// When nothing that it signed is good any more. Not known before the next key is made.
    pub retire_time: Option<Timestamp>,
    /// When it was revoked: since then nothing that it signed is good.
    pub revoke_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

/// What a signing key is good for at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is published, so that everybody knows it before it signs.
    Announced,
    /// It signs.
    Signs,
    /// It is published until the last token that it signed has expired.
    Retiring,
    /// Nothing that it signed is good.
    Retired,
    /// It was taken back.
    Revoked,
}

impl Model {
    /// What the key is good for at `now`, beside the key that signs then.
    pub(crate) fn state(&self, signing: Option<&Self>, now: Timestamp) -> KeyState {
        if self.revoke_time.is_some() {
            return KeyState::Revoked;
        }
        if self.sign_time > now {
            return KeyState::Announced;
        }
        if signing.is_some_and(|signing| signing.kid == self.kid) {
            return KeyState::Signs;
        }
        if self.retire_time.is_some_and(|retire| retire <= now) {
            KeyState::Retired
        } else {
            KeyState::Retiring
        }
    }
}

/// The key of `keys` that signs at `now`: of those not revoked, the one that began last.
pub(crate) fn signing(keys: &[Model], now: Timestamp) -> Option<&Model> {
    let begun = keys.iter().filter(|key| key.revoke_time.is_none() && key.sign_time <= now);
    begun.max_by_key(|key| key.sign_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kid: &str, sign: i64, retire: Option<i64>, revoke: Option<i64>) -> Model {
        Model {
            kid: kid.to_owned(),
            public_key: String::new(),
            sealed_private_key: String::new(),
            signs: retire.is_none(),
            create_time: Timestamp(0),
            sign_time: Timestamp(sign),
            retire_time: retire.map(Timestamp),
            revoke_time: revoke.map(Timestamp),
        }
    }

    fn states(keys: &[Model], now: i64) -> Vec<KeyState> {
        let now = Timestamp(now);
        keys.iter().map(|key| key.state(signing(keys, now), now)).collect()
    }

    #[test]
    fn a_key_signs_from_its_time_and_the_one_before_it_retires() {
        let keys = [key("old", 0, Some(150), None), key("new", 100, None, None)];
        assert_eq!(states(&keys, 99), [KeyState::Signs, KeyState::Announced]);
        assert_eq!(states(&keys, 100), [KeyState::Retiring, KeyState::Signs]);
        assert_eq!(states(&keys, 150), [KeyState::Retired, KeyState::Signs]);
    }

    #[test]
    fn a_revoked_key_never_signs() {
        let keys = [key("old", 0, None, None), key("new", 100, None, Some(120))];
        assert_eq!(states(&keys, 130), [KeyState::Signs, KeyState::Revoked]);
        assert_eq!(states(&[key("only", 0, None, Some(1))], 2), [KeyState::Revoked]);
    }
}
