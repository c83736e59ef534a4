//! The section `[secrets]`.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use usher_runtime::{SealingKey, masked};

use crate::trouble::Trouble;

/// `[secrets]`: the key that seals page tokens and secrets at rest: 32 random bytes in base64, the same for all replicas of a
/// service. `openssl rand -base64 32` makes one.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsConfig {
    /// The key.
    #[serde(serialize_with = "masked::secret")]
    pub seal_key: Option<SecretString>,
    /// A file with the key, instead of `seal_key`.
    pub seal_key_file: Option<PathBuf>,
}

impl SecretsConfig {
    /// The key.
    pub fn sealing_key(&self) -> Result<SealingKey, Trouble> {
        let (name, text) = match (&self.seal_key, &self.seal_key_file) {
            (Some(_), Some(_)) => {
                return Err(Trouble::setting("secrets: set seal_key or seal_key_file, not both"));
            }
            (Some(key), None) => ("secrets.seal_key".to_owned(), key.clone()),
            (None, Some(file)) => {
                let name = format!("secrets.seal_key_file: {}", file.display());
                let text = std::fs::read_to_string(file);
                let text = text.map_err(|error| Trouble::setting(format!("{name}: {error}")))?;
                (name, text.into())
            }
            (None, None) => {
                return Err(Trouble::setting("secrets.seal_key_file (or secrets.seal_key) is not set"));
            }
        };
        SealingKey::from_base64(&text).map_err(|error| Trouble::setting(format!("{name}: {error}")))
    }
}
