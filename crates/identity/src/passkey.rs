//! Passkeys (WebAuthn): what people sign in with instead of a password, or beside it.
//!
//! An authenticator makes sure by itself that it is the person, or proves nothing here: so a passkey counts as two factors.
//!
//! | file | what is in it |
//! |---|---|
//! | `relying_party.rs` | what authenticators are asked, and what of their answers is believed |
//! | `ceremony.rs` | registrations and sign-ins that have begun |
//! | `registered.rs` | the passkeys of accounts |

pub(crate) mod ceremony;
pub(crate) mod registered;
mod relying_party;

use std::num::NonZeroU16;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use usher_runtime::{Failure, LinkBase};
use webauthn_rs::prelude::Url;

use crate::Identity;

pub(crate) use relying_party::{Problem, RelyingParty, read_new, read_shown};

/// `[identity.passkeys]`: what passkeys are bound to.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasskeysConfig {
    /// The domain that passkeys are bound to: that of the pages where they are used, or one above it. Another one makes all passkeys
    /// useless that there are. By default the domain in `identity.link_base_url`; without one, there are no passkeys.
    pub relying_party_id: Option<String>,
    /// Where the pages are: `https://…`, or `http://` and this machine. Apps have origins of their own, such as
    /// `android:apk-key-hash:…`. By default the one in `identity.link_base_url`.
    pub origins: Vec<Url>,
    /// How many sign-ins are begun at most within a minute from one source, an IPv4 address or a /64 of IPv6: each writes a row.
    pub starts_per_minute: NonZeroU16,
}

impl Default for PasskeysConfig {
    fn default() -> Self {
        let starts_per_minute = const { NonZeroU16::new(60).unwrap() };
        Self { relying_party_id: None, origins: Vec::new(), starts_per_minute }
    }
}

impl PasskeysConfig {
    /// Fills in what the operator left to be taken from `base`. Nothing can be, if browsers offer no passkeys there: where there is
    /// no domain, or no encryption.
    pub(crate) fn complete(&mut self, base: &LinkBase) {
        if self.origins.is_empty() {
            let page = Url::parse(&base.link("/")).ok();
            let origin = page.and_then(|page| Url::parse(&page.origin().ascii_serialization()).ok());
            self.origins.extend(origin.filter(|origin| origin.domain().is_some() && is_safe(origin)));
        }
        if self.relying_party_id.is_none() {
            let domain = self.origins.iter().find_map(Url::domain);
            self.relying_party_id = domain.map(str::to_owned);
        }
    }

    /// What is wrong with the settings, each beginning with its name.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let Some(id) = &self.relying_party_id else {
            let without = |origin| format!("identity.passkeys.origins: `{origin}` has no domain");
            return self.origins.iter().map(without).collect();
        };
        let wrong =
            |origin: &Url| Some(format!("identity.passkeys.origins: `{origin}` {}", fault(origin, id)?));
        let mut problems: Vec<_> = self.origins.iter().filter_map(wrong).collect();
        if !self.origins.iter().any(is_web) {
            problems
                .push("identity.passkeys.origins names no page, though relying_party_id is set".to_owned());
        }
        problems
    }
}

/// Seals `value`, which can be opened for `purpose` only.
pub(crate) fn seal(service: &Identity, purpose: &str, value: &impl Serialize) -> Result<String, Failure> {
    let plain = serde_json::to_vec(value).map_err(Failure::internal)?;
    Ok(service.sealing.seal(&service.random, purpose, &plain))
}

/// Opens what was sealed for `purpose`.
pub(crate) fn open<V: DeserializeOwned>(
    service: &Identity,
    purpose: &str,
    sealed: &str,
) -> Result<V, Failure> {
    let plain = service.sealing.open(purpose, sealed);
    let plain = plain.ok_or_else(|| {
        Failure::internal("a passkey, or what is asked of one, was sealed with another key")
    })?;
    serde_json::from_slice(&plain).map_err(Failure::internal)
}

/// Whether it is the origin of pages, not of an app.
fn is_web(origin: &Url) -> bool {
    matches!(origin.scheme(), "http" | "https")
}

/// Whether browsers offer passkeys to pages of this origin.
fn is_safe(origin: &Url) -> bool {
    let local = |domain: &str| domain == "localhost" || domain.ends_with(".localhost");
    origin.scheme() == "https" || origin.domain().is_some_and(local)
}

/// What completes "The origin …" if passkeys that are bound to `id` cannot be used there.
fn fault(origin: &Url, id: &str) -> Option<String> {
    if !is_web(origin) {
        return None;
    }
    if !is_safe(origin) {
        return Some("must begin with https://, or be on localhost".to_owned());
    }
    let below =
        |domain: &str| domain == id || domain.strip_suffix(id).is_some_and(|rest| rest.ends_with('.'));
    if !origin.domain().is_some_and(below) {
        return Some(format!("must be in the domain `{id}` of identity.passkeys.relying_party_id"));
    }
    let bare = origin.path() == "/" && origin.query().is_none() && origin.fragment().is_none();
    (!bare).then(|| "must end with the host or the port".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(id: Option<&str>, origins: &[&str], base: &str) -> PasskeysConfig {
        let origins = origins.iter().map(|origin| Url::parse(origin).unwrap()).collect();
        let relying_party_id = id.map(str::to_owned);
        let mut config = PasskeysConfig { relying_party_id, origins, ..PasskeysConfig::default() };
        config.complete(&LinkBase::try_from(base.to_owned()).unwrap());
        config
    }

    #[test]
    fn what_is_not_set_comes_from_the_links_in_mails() {
        let derived = config(None, &[], "https://usher.example:8443/center");
        assert_eq!(derived.relying_party_id.as_deref(), Some("usher.example"));
        assert_eq!(derived.origins, [Url::parse("https://usher.example:8443").unwrap()]);
        assert!(derived.problems().is_empty());
        let local = config(None, &[], "http://localhost:7380");
        assert_eq!(local.relying_party_id.as_deref(), Some("localhost"));
        let above = config(Some("example"), &[], "https://usher.example");
        assert!(above.problems().is_empty());
    }

    #[test]
    fn where_browsers_offer_none_there_are_none() {
        for base in ["http://127.0.0.1:7380", "https://[::1]", "http://usher.example"] {
            let off = config(None, &[], base);
            assert!(off.relying_party_id.is_none() && off.problems().is_empty(), "{base}");
            assert!(RelyingParty::new(&off, "Usher").is_none(), "{base}");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        for (id, origins) in [
            (Some("usher.example"), vec!["https://badusher.example"]),
            (Some("usher.example"), vec!["https://usher.example", "https://example"]),
            (Some("usher.example"), vec!["http://usher.example"]),
            (Some("usher.example"), vec!["https://usher.example/center"]),
            (Some("usher.example"), vec!["android:apk-key-hash:abc"]),
            (Some("usher.example"), vec!["https://192.0.2.7"]),
            (None, vec!["https://192.0.2.7"]),
        ] {
            let wrong = config(id, &origins, "http://192.0.2.7");
            assert!(wrong.problems().iter().all(|it| it.starts_with("identity.passkeys.origins")));
            assert!(!wrong.problems().is_empty(), "{origins:?}");
        }
        let right =
            config(Some("example"), &["https://usher.example", "android:apk-key-hash:abc"], "http://x");
        assert!(right.problems().is_empty() && RelyingParty::new(&right, "Usher").is_some());
    }
}
